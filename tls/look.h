/* look.h - what a file is that is no PEM, by its first bytes, and the command that makes PEM of it.
 * Pure. */
#ifndef TLSFRONT_TLS_LOOK_H
#define TLSFRONT_TLS_LOOK_H

#include "tls/tls.h"

enum look {
    LOOK_OTHER,         /* or text */
    LOOK_CERTIFICATE,   /* in DER, or another sequence in a sequence */
    LOOK_PRIVATE_KEY,   /* in DER: PKCS#8, PKCS#1 or SEC1 */
    LOOK_ENCRYPTED_KEY, /* in DER: PKCS#8 under a passphrase */
    LOOK_SIGNED_DATA,   /* PKCS#7: .p7b */
    LOOK_PKCS12,        /* .pfx, .p12 */
    LOOK_KEY_STORE,     /* Java's own */
    LOOK_INDEFINITE,    /* BER, whose lengths are left open */
    LOOK_CUT_SHORT,     /* its length is more than there is */
};

enum look look_at(struct tls_slice file);

/* Say what the file is and how to convert it, to one who wants PEM. Returns -1. */
int look_refuse(enum look what, const char *path, struct err *e);

#endif
