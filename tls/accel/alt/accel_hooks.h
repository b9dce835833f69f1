/* accel_hooks.h - what mbedTLS, patched by tls/mbedtls/patches/accel/, calls in tls/accel/. */
#ifndef TLSFRONT_TLS_ACCEL_HOOKS_H
#define TLSFRONT_TLS_ACCEL_HOOKS_H

#include <mbedtls/rsa.h>
#include <psa/crypto.h>

/* PSA_ERROR_NOT_SUPPORTED: not a key of a curve of ours; mbedTLS's own code goes on. */
psa_status_t accel_psa_generate_key(const psa_key_attributes_t *attributes, uint8_t *key,
                                    size_t key_room, size_t *key_size);
psa_status_t accel_psa_export_public_key(const psa_key_attributes_t *attributes, const uint8_t *key,
                                         size_t key_size, uint8_t *point, size_t point_room,
                                         size_t *point_size);
psa_status_t accel_psa_key_agreement(const psa_key_attributes_t *attributes, const uint8_t *key,
                                     size_t key_size, psa_algorithm_t algorithm,
                                     const uint8_t *point, size_t point_size, uint8_t *shared,
                                     size_t counters_room, size_t *counters_size);

/* HMAC, and HKDF-Expand of at most one block. PSA_ERROR_NOT_SUPPORTED: another hash, or more. */
psa_status_t accel_hmac(psa_algorithm_t hash, const uint8_t *key, size_t key_size,
                        const uint8_t *data, size_t data_size, uint8_t *out);
psa_status_t accel_hkdf_expand(psa_algorithm_t hash, const uint8_t *secret, size_t secret_size,
                               const uint8_t *info, size_t info_size, uint8_t *out, size_t size);

/* The raw operation on ctx->len bytes. 0: done; else mbedTLS's own code goes on. */
int accel_rsa_private(const mbedtls_rsa_context *ctx, const unsigned char *in, unsigned char *out);
int accel_rsa_public(const mbedtls_rsa_context *ctx, const unsigned char *in, unsigned char *out);

/* Free AWS-LC's copy of the key, if there is one. */
void accel_rsa_free(mbedtls_rsa_context *ctx);

#endif
