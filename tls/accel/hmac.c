/* hmac.c - HMAC and HKDF-Expand for TLS 1.3's key schedule by AWS-LC, which takes no memory for
 * them. HKDF_expand() makes ready for blocks that TLS never asks for, which takes half as long
 * again. */
#include "tls/accel/inner.h"

#include "accel_hooks.h"

#include <mbedtls/platform_util.h>
#include <openssl/digest.h>
#include <openssl/hmac.h>
#include <string.h>

struct part {
    const uint8_t *data;
    size_t size;
};

static const EVP_MD *digest_of(psa_algorithm_t hash)
{
    return hash == PSA_ALG_SHA_256 ? EVP_sha256() : hash == PSA_ALG_SHA_384 ? EVP_sha384() : NULL;
}

static psa_status_t hmac(const EVP_MD *digest, struct part key, struct part a, struct part b,
                         uint8_t *out)
{
    HMAC_CTX c;
    unsigned size;
    HMAC_CTX_init(&c);
    bool good = HMAC_Init_ex(&c, key.data, key.size, digest, NULL) == 1 &&
                HMAC_Update(&c, a.data, a.size) == 1 && HMAC_Update(&c, b.data, b.size) == 1 &&
                HMAC_Final(&c, out, &size) == 1;
    HMAC_CTX_cleanup(&c); /* wipes */
    accel_counts[ACCEL_HMAC]++;
    return good ? PSA_SUCCESS : PSA_ERROR_HARDWARE_FAILURE;
}

psa_status_t accel_hmac(psa_algorithm_t hash, const uint8_t *key, size_t key_size,
                        const uint8_t *data, size_t data_size, uint8_t *out)
{
    const EVP_MD *digest = digest_of(hash);
    if (digest == NULL)
        return PSA_ERROR_NOT_SUPPORTED;
    return hmac(digest, (struct part){key, key_size}, (struct part){data, data_size},
                (struct part){data, 0}, out);
}

psa_status_t accel_hkdf_expand(psa_algorithm_t hash, const uint8_t *secret, size_t secret_size,
                               const uint8_t *info, size_t info_size, uint8_t *out, size_t size)
{
    static const uint8_t first = 1;
    const EVP_MD *digest = digest_of(hash);
    uint8_t block[EVP_MAX_MD_SIZE];
    if (digest == NULL || size > EVP_MD_size(digest))
        return PSA_ERROR_NOT_SUPPORTED;
    psa_status_t status = hmac(digest, (struct part){secret, secret_size},
                               (struct part){info, info_size}, (struct part){&first, 1}, block);
    if (status == PSA_SUCCESS)
        memcpy(out, block, size);
    mbedtls_platform_zeroize(block, sizeof block);
    return status;
}
