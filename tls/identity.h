/* identity.h - the inside of a tls_identity, for the other files of tls/. */
#ifndef TLSFRONT_TLS_IDENTITY_H
#define TLSFRONT_TLS_IDENTITY_H

#include "tls/mbed.h"
#include "tls/names.h"
#include "tls/tls.h"

struct tls_identity {
    unsigned refs;
    mbedtls_x509_crt chain; /* mbedTLS's API takes them without const; nothing changes them */
    mbedtls_pk_context key; /* empty: others sign for it */
    uint8_t key_id[TLS_KEY_ID_SIZE];
    bool challenge; /* of tls-alpn-01 */
    struct tls_identity_facts facts;
    char **names; /* what facts.names shows */
};

/* Has it a private key of its own? */
bool identity_signs(const struct tls_identity *id);

/* How well the certificate covers the DNS name. */
enum names_match identity_match(const struct tls_identity *id, const char *name);

/* Same names, in any order. */
bool identity_same_names(const struct tls_identity *a, const struct tls_identity *b);

/* What certificates are for. In ours, which clients verify, critical extensions that mbedTLS does
 * not know (policyConstraints, say) are the clients' business (see lint.c); in those
 * that we verify with, they are a refusal. */
enum identity_use { IDENTITY_SHOWN, IDENTITY_TRUSTED };

/* Parse PEM or DER into `crt`. -1: no certificate there, or one that cannot be used. */
int identity_parse_certificates(mbedtls_x509_crt *crt, struct tls_slice file, const char *path,
                                enum identity_use use, struct err *e);

/* One certificate; 0 or an error of mbedTLS. */
int identity_parse_der(mbedtls_x509_crt *crt, struct tls_slice der, enum identity_use use);

/* Put an error of mbedTLS about a certificate into words; it begins in that line, 0: it is not
 * known. Returns -1. */
int identity_explain_certificate(int error, const char *path, unsigned line, struct err *e);

/* Seconds since 1970 of a time in a certificate. */
time_t identity_time(const mbedtls_x509_time *t);

#endif
