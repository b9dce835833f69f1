/* pki.h - throwaway keys, certificates and revocation lists for the tests, made on the spot. */
#ifndef TLSFRONT_TESTS_PKI_H
#define TLSFRONT_TESTS_PKI_H

#include "tls/tls.h"

#include <mbedtls/pk.h>
#include <stdbool.h>

enum pki_key { PKI_EC256, PKI_EC384, PKI_RSA2048, PKI_RSA1024, PKI_EC256_OTHER, PKI_KEYS };

struct pki_spec {
    const char *subject;      /* "CN=..."; "": none */
    const char *const *names; /* subjectAltName: DNS names, IPv4 addresses, mailboxes (with an @),
                               * URIs (with a colon), NULL-terminated; NULL: no extension */
    enum pki_key key;
    const mbedtls_pk_context *subject_key; /* instead; only its public half is used */
    const char *issuer;                    /* NULL: self-signed */
    enum pki_key issuer_key;
    bool ca, last_ca;      /* `last_ca`: with no other below it (pathlen 0) */
    const char *from, *to; /* "YYYYMMDDhhmmss"; NULL: around today */
    const char *usage;     /* OID of the only extended key usage; NULL: none */
    bool sha1;
    bool issuer_file;      /* authorityInfoAccess with caIssuers */
    bool must_staple;      /* TLS feature status_request (RFC 7633) */
    bool challenge;        /* acmeIdentifier (RFC 8737 3) */
    bool critical;         /* ... as it has to be, and as no mbedTLS client takes it */
    unsigned serial;       /* 0: 1 */
    size_t padding;        /* bytes of an extension that nobody knows */
    const char *extension; /* OID of one more; NULL: none */
    const char *value;     /* of it; NULL: DER's NULL */
    bool extension_critical;
};

/* PEM, owned by the caller, who frees it. */
char *pki_certificate(const struct pki_spec *spec);
char *pki_key_pem(enum pki_key key);
char *pki_crl(const char *issuer, enum pki_key issuer_key, unsigned revoked_serial,
              const char *next_update);

const mbedtls_pk_context *pki_key(enum pki_key key);
char *pki_join(const char *a, const char *b);
struct tls_slice pki_slice(const char *text);

/* Load, or fail the test with the reason. */
struct tls_identity *pki_load(const char *chain, const char *key);

/* Not NULL: identities that are loaded leave their keys here. */
extern struct tls_keyring *pki_signer;

/* A self-signed identity for the names. */
struct tls_identity *pki_identity(enum pki_key key, const char *const *names);

void pki_free(void); /* the cached keys */

#endif
