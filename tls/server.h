/* server.h - the inside of a tls_server, for the other files of tls/. */
#ifndef TLSFRONT_TLS_SERVER_H
#define TLSFRONT_TLS_SERVER_H

#include "tls/allow.h"
#include "tls/identity.h"
#include "tls/mbed.h"
#include "tls/name_table.h"
#include "tls/suites.h"
#include "tls/tls.h"

struct identity_set {
    struct tls_identity **items; /* the first is the default */
    size_t count;
    uint8_t default_names[TLS_SHA256_SIZE]; /* digest of the context and of the default's names */
};

struct tls_server {
    unsigned refs;
    mbedtls_ssl_config conf;
    struct suites suites;
    struct identity_set identities;
    struct name_table names;
    struct identity_set *of_names; /* one per name, by its index; empty: `identities` */
    char **alpn;                   /* ends with NULL */
    mbedtls_x509_crt client_ca;
    mbedtls_x509_crl client_crl;
    const mbedtls_x509_crt **signers; /* of client_ca, of each list in client_crl; NULL: none */
    const mbedtls_x509_crt **revoked; /* of client_ca; ends with NULL */
    enum client_auth client_auth;
    struct allow allow;
    bool strict_sni, challenges;
    uint8_t context[TLS_SHA256_SIZE]; /* its digest */

    /* The connection whose handshake mbedTLS is working on. Its callbacks for tickets are given
     * nothing else by which to find it. */
    struct tls_conn *driving;
};

/* True when one of the identities covers the name. */
bool identity_set_covers(const struct identity_set *set, const char *name);

/* Notes who has signed the lists in client_crl, and which of client_ca they revoke. -1: out of
 * memory. */
int server_note_revoked(struct tls_server *s);
bool server_has_revoked(const struct tls_server *s, const mbedtls_x509_crt *ca);

/* What is shown to who asks for that one of the table's names. */
static inline const struct identity_set *server_identities(const struct tls_server *s, size_t index)
{
    const bool own = index != TLS_NO_NAME && s->of_names[index].count > 0;
    return own ? &s->of_names[index] : &s->identities;
}

#endif
