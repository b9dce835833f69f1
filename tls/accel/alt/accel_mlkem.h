/* accel_mlkem.h - ML-KEM-768 (FIPS 203) for X25519MLKEM768, as mbedTLS, patched by
 * tls/mbedtls/patches/ours/, and the tests call it in tls/accel/. */
#ifndef TLSFRONT_TLS_ACCEL_MLKEM_H
#define TLSFRONT_TLS_ACCEL_MLKEM_H

#include <psa/crypto.h>
#include <stdint.h>

enum {
    ACCEL_MLKEM768_KEY = 1184, /* a public one */
    ACCEL_MLKEM768_CIPHERTEXT = 1088,
    ACCEL_MLKEM768_SECRET = 32,
    ACCEL_MLKEM768_SEED = 64, /* d and z: what a key pair is made from */
    ACCEL_MLKEM768_MESSAGE = 32,
};

/* Make a secret and hide it from everyone but the owner of the key, which comes from outside.
 * PSA_ERROR_INVALID_ARGUMENT: that is no key (the modulus check of FIPS 203 7.2).
 * Nothing secret is left behind but *secret, and that only on success. */
psa_status_t accel_mlkem768_encapsulate(const uint8_t key[ACCEL_MLKEM768_KEY],
                                        uint8_t ciphertext[ACCEL_MLKEM768_CIPHERTEXT],
                                        uint8_t secret[ACCEL_MLKEM768_SECRET]);

/* ---- for tests, and for the self-check at every start ---- */

/* With these random numbers in place of the system's. */
psa_status_t accel_mlkem768_encapsulate_message(const uint8_t key[ACCEL_MLKEM768_KEY],
                                                const uint8_t message[ACCEL_MLKEM768_MESSAGE],
                                                uint8_t ciphertext[ACCEL_MLKEM768_CIPHERTEXT],
                                                uint8_t secret[ACCEL_MLKEM768_SECRET]);

/* The public key of the pair that is made from the seed, and the secret that was encapsulated to
 * it; a ciphertext that was not gives a secret all the same, another one (FIPS 203 6.3). */
psa_status_t accel_mlkem768_public(const uint8_t seed[ACCEL_MLKEM768_SEED],
                                   uint8_t key[ACCEL_MLKEM768_KEY]);
psa_status_t accel_mlkem768_decapsulate(const uint8_t seed[ACCEL_MLKEM768_SEED],
                                        const uint8_t ciphertext[ACCEL_MLKEM768_CIPHERTEXT],
                                        uint8_t secret[ACCEL_MLKEM768_SECRET]);

#endif
