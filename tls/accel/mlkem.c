/* mlkem.c - ML-KEM-768 by AWS-LC
 *
 * Random numbers come from the system, as all of ours do: 32 bytes for each encapsulation. No
 * allocations. AWS-LC's functions check keys as FIPS 203 7.2 and 7.3 want it, and wipe what they
 * have computed with. */
#include "tls/accel/inner.h"

#include "accel_mlkem.h"

#include <mbedtls/platform_util.h>
#include <mbedtls/psa_util.h>
#include <openssl/ml_kem.h>

enum { SECRET_KEY = MLKEM768_SECRET_KEY_BYTES };

psa_status_t accel_mlkem768_encapsulate_message(const uint8_t key[ACCEL_MLKEM768_KEY],
                                                const uint8_t message[ACCEL_MLKEM768_MESSAGE],
                                                uint8_t ciphertext[ACCEL_MLKEM768_CIPHERTEXT],
                                                uint8_t secret[ACCEL_MLKEM768_SECRET])
{
    size_t ciphertext_size = ACCEL_MLKEM768_CIPHERTEXT, secret_size = ACCEL_MLKEM768_SECRET;
    accel_counts[ACCEL_MLKEM_ENCAPSULATE]++;
    if (ml_kem_768_encapsulate_deterministic(ciphertext, &ciphertext_size, secret, &secret_size,
                                             key, message) == 0)
        return PSA_SUCCESS;
    mbedtls_platform_zeroize(secret, ACCEL_MLKEM768_SECRET);
    return PSA_ERROR_INVALID_ARGUMENT;
}

psa_status_t accel_mlkem768_encapsulate(const uint8_t key[ACCEL_MLKEM768_KEY],
                                        uint8_t ciphertext[ACCEL_MLKEM768_CIPHERTEXT],
                                        uint8_t secret[ACCEL_MLKEM768_SECRET])
{
    uint8_t message[ACCEL_MLKEM768_MESSAGE];
    if (mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, message, sizeof message) != 0)
        return PSA_ERROR_INSUFFICIENT_ENTROPY;
    const psa_status_t status =
        accel_mlkem768_encapsulate_message(key, message, ciphertext, secret);
    mbedtls_platform_zeroize(message, sizeof message);
    return status;
}

/* ---- the other end ---- */

static bool pair_from(const uint8_t seed[ACCEL_MLKEM768_SEED], uint8_t key[ACCEL_MLKEM768_KEY],
                      uint8_t secret_key[SECRET_KEY])
{
    size_t key_size = ACCEL_MLKEM768_KEY, secret_key_size = SECRET_KEY;
    return ml_kem_768_keypair_deterministic(key, &key_size, secret_key, &secret_key_size, seed) ==
           0;
}

psa_status_t accel_mlkem768_public(const uint8_t seed[ACCEL_MLKEM768_SEED],
                                   uint8_t key[ACCEL_MLKEM768_KEY])
{
    uint8_t secret_key[SECRET_KEY];
    const bool done = pair_from(seed, key, secret_key);
    mbedtls_platform_zeroize(secret_key, sizeof secret_key);
    return done ? PSA_SUCCESS : PSA_ERROR_GENERIC_ERROR;
}

psa_status_t accel_mlkem768_decapsulate(const uint8_t seed[ACCEL_MLKEM768_SEED],
                                        const uint8_t ciphertext[ACCEL_MLKEM768_CIPHERTEXT],
                                        uint8_t secret[ACCEL_MLKEM768_SECRET])
{
    uint8_t key[ACCEL_MLKEM768_KEY], secret_key[SECRET_KEY];
    size_t secret_size = ACCEL_MLKEM768_SECRET;
    const bool done = pair_from(seed, key, secret_key) &&
                      ml_kem_768_decapsulate(secret, &secret_size, ciphertext, secret_key) == 0;
    mbedtls_platform_zeroize(secret_key, sizeof secret_key);
    return done ? PSA_SUCCESS : PSA_ERROR_GENERIC_ERROR;
}
