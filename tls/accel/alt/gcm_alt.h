/* gcm_alt.h - the AES-GCM context of tls/accel/aead.c; mbedTLS's gcm.h includes it
 * (MBEDTLS_GCM_ALT).
 *
 * Just the key: its expanded form, half a KiB, is made when it is needed. */
#ifndef TLSFRONT_TLS_ACCEL_GCM_ALT_H
#define TLSFRONT_TLS_ACCEL_GCM_ALT_H

#include "aead_key.h"

typedef struct mbedtls_gcm_context {
    struct accel_aead_key key;
} mbedtls_gcm_context;

#endif
