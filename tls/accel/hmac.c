/* hmac.c - HMAC and HKDF-Expand for TLS 1.3's key schedule, by libcrypto's hashes on the stack */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tls/accel/inner.h"

#include "accel_hooks.h"

#include <mbedtls/platform_util.h>
#include <openssl/sha.h>
#include <string.h>

enum { BLOCK_MAX = SHA512_CBLOCK, HASH_MAX = SHA384_DIGEST_LENGTH };

struct part {
    const uint8_t *data;
    size_t size;
};

static void sha256(const struct part *parts, size_t count, uint8_t *out)
{
    SHA256_CTX c;
    SHA256_Init(&c);
    for (size_t i = 0; i < count; i++)
        SHA256_Update(&c, parts[i].data, parts[i].size);
    SHA256_Final(out, &c);
    mbedtls_platform_zeroize(&c, sizeof c);
}

static void sha384(const struct part *parts, size_t count, uint8_t *out)
{
    SHA512_CTX c;
    SHA384_Init(&c);
    for (size_t i = 0; i < count; i++)
        SHA384_Update(&c, parts[i].data, parts[i].size);
    SHA384_Final(out, &c);
    mbedtls_platform_zeroize(&c, sizeof c);
}

struct digest {
    size_t block_size, size;
    void (*run)(const struct part *parts, size_t count, uint8_t *out);
};

static const struct digest *digest_of(psa_algorithm_t hash)
{
    static const struct digest with_sha256 = {SHA256_CBLOCK, SHA256_DIGEST_LENGTH, sha256};
    static const struct digest with_sha384 = {SHA512_CBLOCK, SHA384_DIGEST_LENGTH, sha384};
    return hash == PSA_ALG_SHA_256 ? &with_sha256 : hash == PSA_ALG_SHA_384 ? &with_sha384 : NULL;
}

/* The key is no longer than a block. */
static void hmac(const struct digest *d, struct part key, struct part a, struct part b,
                 uint8_t *out)
{
    uint8_t inner[BLOCK_MAX], outer[BLOCK_MAX], hash[HASH_MAX];
    memset(inner, 0x36, d->block_size);
    memset(outer, 0x5c, d->block_size);
    for (size_t i = 0; i < key.size; i++) {
        inner[i] ^= key.data[i];
        outer[i] ^= key.data[i];
    }
    d->run((const struct part[]){{inner, d->block_size}, a, b}, 3, hash);
    d->run((const struct part[]){{outer, d->block_size}, {hash, d->size}}, 2, out);
    mbedtls_platform_zeroize(inner, sizeof inner);
    mbedtls_platform_zeroize(outer, sizeof outer);
    mbedtls_platform_zeroize(hash, sizeof hash);
    accel_counts[ACCEL_HMAC]++;
}

psa_status_t accel_hmac(psa_algorithm_t hash, const uint8_t *key, size_t key_size,
                        const uint8_t *data, size_t data_size, uint8_t *out)
{
    const struct digest *d = digest_of(hash);
    if (d == NULL || key_size > d->block_size)
        return PSA_ERROR_NOT_SUPPORTED;
    hmac(d, (struct part){key, key_size}, (struct part){data, data_size}, (struct part){NULL, 0},
         out);
    return PSA_SUCCESS;
}

psa_status_t accel_hkdf_expand(psa_algorithm_t hash, const uint8_t *secret, size_t secret_size,
                               const uint8_t *info, size_t info_size, uint8_t *out, size_t size)
{
    static const uint8_t first = 1;
    const struct digest *d = digest_of(hash);
    uint8_t block[HASH_MAX];
    if (d == NULL || secret_size > d->block_size || size > d->size)
        return PSA_ERROR_NOT_SUPPORTED;
    hmac(d, (struct part){secret, secret_size}, (struct part){info, info_size},
         (struct part){&first, 1}, block);
    memcpy(out, block, size);
    mbedtls_platform_zeroize(block, sizeof block);
    return PSA_SUCCESS;
}
