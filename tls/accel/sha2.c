/* sha2.c - the block functions of SHA-2 by AWS-LC, which uses SHA extensions, AVX2 or plain C as
 * the CPU has them. Only the chaining value passes to and fro; the rest stays mbedTLS's. */
#include "tls/accel/inner.h"

#include <mbedtls/platform_util.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>
#include <openssl/sha.h>
#include <string.h>

_Static_assert(sizeof(((SHA256_CTX *)0)->h) == sizeof(((mbedtls_sha256_context *)0)->state),
               "the chaining values of SHA-256 are alike");
_Static_assert(sizeof(((SHA512_CTX *)0)->h) == sizeof(((mbedtls_sha512_context *)0)->state),
               "the chaining values of SHA-512 are alike");

int mbedtls_internal_sha256_process(mbedtls_sha256_context *ctx, const unsigned char data[64])
{
    SHA256_TransformBlocks(ctx->state, data, 1);
    accel_counts[ACCEL_SHA256]++;
    return 0;
}

int mbedtls_internal_sha512_process(mbedtls_sha512_context *ctx, const unsigned char data[128])
{
    SHA512_CTX c;
    memcpy(c.h, ctx->state, sizeof c.h);
    SHA512_Transform(&c, data);
    memcpy(ctx->state, c.h, sizeof c.h);
    mbedtls_platform_zeroize(c.h, sizeof c.h); /* may come of a key */
    accel_counts[ACCEL_SHA512]++;
    return 0;
}
