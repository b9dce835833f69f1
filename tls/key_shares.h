/* key_shares.h - do the key shares of a ClientHello go with the groups that it lists (RFC
 * 8446 4.2.8)? mbedTLS takes the best that it knows and looks at no other. Pure. */
#ifndef TLSFRONT_TLS_KEY_SHARES_H
#define TLSFRONT_TLS_KEY_SHARES_H

#include "tls/hello.h"

#include <stdint.h>

enum key_shares {
    KEY_SHARES_OK,
    KEY_SHARES_MALFORMED, /* decode_error */
    KEY_SHARES_UNLISTED,  /* illegal_parameter: for a group that is not listed, or two for one */
    KEY_SHARES_UNASKED,   /* illegal_parameter: not the one that was asked for, and nothing else */
};

/* `asked`: the group of the HelloRetryRequest that this hello answers; 0: it is the first. A hello
 * without one of the two extensions is left to mbedTLS. */
enum key_shares key_shares_judge(const struct hello *h, uint16_t asked);

#endif
