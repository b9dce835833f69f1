/* hmac.c - HMAC and HKDF-Expand for TLS 1.3's key schedule by AWS-LC, which takes no memory for
 * them */
#include "tls/accel/inner.h"

#include "accel_hooks.h"

#include <openssl/hkdf.h>
#include <openssl/hmac.h>

static const EVP_MD *digest_of(psa_algorithm_t hash)
{
    return hash == PSA_ALG_SHA_256 ? EVP_sha256() : hash == PSA_ALG_SHA_384 ? EVP_sha384() : NULL;
}

static psa_status_t counted(bool good)
{
    accel_counts[ACCEL_HMAC]++;
    return good ? PSA_SUCCESS : PSA_ERROR_HARDWARE_FAILURE;
}

psa_status_t accel_hmac(psa_algorithm_t hash, const uint8_t *key, size_t key_size,
                        const uint8_t *data, size_t data_size, uint8_t *out)
{
    const EVP_MD *digest = digest_of(hash);
    unsigned size;
    if (digest == NULL)
        return PSA_ERROR_NOT_SUPPORTED;
    return counted(HMAC(digest, key, key_size, data, data_size, out, &size) != NULL);
}

psa_status_t accel_hkdf_expand(psa_algorithm_t hash, const uint8_t *secret, size_t secret_size,
                               const uint8_t *info, size_t info_size, uint8_t *out, size_t size)
{
    const EVP_MD *digest = digest_of(hash);
    if (digest == NULL)
        return PSA_ERROR_NOT_SUPPORTED;
    return counted(HKDF_expand(out, size, digest, secret, secret_size, info, info_size) == 1);
}
