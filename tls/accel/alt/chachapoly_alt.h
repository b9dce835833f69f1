/* chachapoly_alt.h - the ChaCha20-Poly1305 context of tls/accel/aead.c; mbedTLS's chachapoly.h
 * includes it (MBEDTLS_CHACHAPOLY_ALT). */
#ifndef TLSFRONT_TLS_ACCEL_CHACHAPOLY_ALT_H
#define TLSFRONT_TLS_ACCEL_CHACHAPOLY_ALT_H

#include "aead_key.h"

typedef struct mbedtls_chachapoly_context {
    struct accel_aead_key key;
} mbedtls_chachapoly_context;

#endif
