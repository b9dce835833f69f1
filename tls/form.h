/* form.h - what a file is that is no PEM, by how it begins, and the command that makes PEM of it.
 * Pure. */
#ifndef TLSFRONT_TLS_FORM_H
#define TLSFRONT_TLS_FORM_H

#include "tls/tls.h"

enum form {
    FORM_OTHER,         /* or text */
    FORM_CERTIFICATE,   /* in DER, or another sequence in a sequence */
    FORM_PRIVATE_KEY,   /* in DER: PKCS#8, PKCS#1 or SEC1 */
    FORM_ENCRYPTED_KEY, /* in DER: PKCS#8 under a passphrase */
    FORM_SIGNED_DATA,   /* PKCS#7: .p7b */
    FORM_PKCS12,        /* .pfx, .p12 */
    FORM_KEY_STORE,     /* Java's own */
    FORM_PUTTY,         /* a private key: .ppk */
    FORM_PVK,           /* a private key of Windows: .pvk */
    FORM_BLOB,          /* what is inside of that */
    FORM_JWK,           /* a private key in JSON (RFC 7517) */
    FORM_PUBLIC_KEY,    /* in DER (SubjectPublicKeyInfo, PKCS#1), JSON, or as SSH writes it */
    FORM_INDEFINITE,    /* BER, whose lengths are left open */
    FORM_CUT_SHORT,     /* its length is more than there is */
};

enum form form_of(struct tls_slice file);

/* Say what the file is and how to convert it, to one who wants PEM. Returns -1. */
int form_refuse(enum form what, const char *path, struct err *e);

#endif
