/* serving.h - what the running daemon serves under a name. */
#ifndef TLSFRONT_KEY_SERVING_H
#define TLSFRONT_KEY_SERVING_H

#include "proxy/key/job.h"

struct key_serving {
    bool answered;
    struct err why;                                                 /* not, where it is not */
    char fingerprint[TLS_DIGEST_TEXT], key_digest[TLS_DIGEST_TEXT]; /* empty: nothing, or an older
                                                                     * daemon does not say */
};

struct key_serving key_ask_serving(const struct key_job *j, const char *name);

#endif
