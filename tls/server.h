/* server.h - the inside of a tls_server, for the other files of tls/. */
#ifndef TLSFRONT_TLS_SERVER_H
#define TLSFRONT_TLS_SERVER_H

#include "tls/allow.h"
#include "tls/identity.h"
#include "tls/mbed.h"
#include "tls/suites.h"
#include "tls/tls.h"

struct tls_server {
    unsigned refs;
    mbedtls_ssl_config conf;
    struct suites suites;
    struct tls_identity **identities;
    size_t identity_count;
    char **alpn; /* ends with NULL */
    mbedtls_x509_crt client_ca;
    mbedtls_x509_crl client_crl;
    enum client_auth client_auth;
    struct allow allow;
    bool strict_sni, challenges;
    /* Digests of the context, and of the context with the names of the first identity. */
    uint8_t context[TLS_SHA256_SIZE], default_names[TLS_SHA256_SIZE];

    /* The connection whose handshake mbedTLS is working on. Its callbacks for tickets are given
     * nothing else by which to find it. */
    struct tls_conn *driving;
};

/* True when one of the identities covers the name. */
bool server_knows(const struct tls_server *s, const char *name);

#endif
