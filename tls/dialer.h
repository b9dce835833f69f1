/* dialer.h - the inside of a tls_dialer, for the other files of tls/. */
#ifndef TLSFRONT_TLS_DIALER_H
#define TLSFRONT_TLS_DIALER_H

#include "tls/identity.h"
#include "tls/mbed.h"
#include "tls/resumption.h"
#include "tls/suites.h"
#include "tls/tls.h"

struct tls_dialer {
    unsigned refs;
    mbedtls_ssl_config conf;
    struct suites suites;
    mbedtls_x509_crt ca; /* empty: the pins tell */
    uint8_t (*pins)[TLS_PIN_SIZE];
    size_t pin_count;
    struct tls_identity *identity; /* NULL: none is shown */
    uint8_t policy[32];            /* digest of all that a session may depend on */

    struct tls_conn *driving; /* as in struct tls_server */
};

/* Under what sessions with that server are kept. 0, or an error of mbedTLS. */
int dialer_place(const struct tls_dialer *k, const char *name, const char *place,
                 uint8_t key[RESUMPTION_KEY_SIZE]);

/* What makes a client of the hooks; see hooks.c. */
void hooks_install_dialer(struct tls_dialer *k);

#endif
