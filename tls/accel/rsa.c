/* rsa.c - operations with RSA keys by libcrypto, with its blinding
 *
 * libcrypto's copy of an own key hangs on mbedTLS's context of it (patches/accel/rsa.patch), so it
 * is found at once and cannot outlive it. Of others' keys, which verify once, the copy is made for
 * that. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tls/accel/inner.h"

#include "accel_hooks.h"

#include <mbedtls/platform_util.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

enum { RSA_BYTES_MAX = MBEDTLS_MPI_MAX_SIZE };

/* ---- the copy ---- */

static BIGNUM *number(const mbedtls_mpi *n)
{
    uint8_t bytes[RSA_BYTES_MAX];
    size_t size = mbedtls_mpi_size(n);
    BIGNUM *copy = NULL;
    if (size <= sizeof bytes && mbedtls_mpi_write_binary(n, bytes, size) == 0)
        copy = BN_bin2bn(bytes, (int)size, NULL);
    mbedtls_platform_zeroize(bytes, size <= sizeof bytes ? size : sizeof bytes);
    return copy;
}

static bool set_public_and_private(RSA *rsa, const mbedtls_rsa_context *ctx)
{
    BIGNUM *n = number(&ctx->N), *e = number(&ctx->E), *d = number(&ctx->D);
    if (n != NULL && e != NULL && d != NULL && RSA_set0_key(rsa, n, e, d) == 1)
        return true;
    BN_free(n);
    BN_free(e);
    BN_clear_free(d);
    return false;
}

static bool set_factors(RSA *rsa, const mbedtls_rsa_context *ctx)
{
    BIGNUM *p = number(&ctx->P), *q = number(&ctx->Q);
    if (p != NULL && q != NULL && RSA_set0_factors(rsa, p, q) == 1)
        return true;
    BN_clear_free(p);
    BN_clear_free(q);
    return false;
}

static bool set_crt(RSA *rsa, const mbedtls_rsa_context *ctx)
{
    BIGNUM *dp = number(&ctx->DP), *dq = number(&ctx->DQ), *qp = number(&ctx->QP);
    if (dp != NULL && dq != NULL && qp != NULL && RSA_set0_crt_params(rsa, dp, dq, qp) == 1)
        return true;
    BN_clear_free(dp);
    BN_clear_free(dq);
    BN_clear_free(qp);
    return false;
}

static bool set_public(RSA *rsa, const mbedtls_rsa_context *ctx)
{
    BIGNUM *n = number(&ctx->N), *e = number(&ctx->E);
    if (n != NULL && e != NULL && RSA_set0_key(rsa, n, e, NULL) == 1)
        return true;
    BN_free(n);
    BN_free(e);
    return false;
}

static bool apply(const mbedtls_rsa_context *ctx, RSA *rsa, bool private, const uint8_t *in,
                  uint8_t *out)
{
    int n = (int)ctx->len;
    if (rsa == NULL)
        return false;
    bool good = (private ? RSA_private_encrypt(n, in, out, rsa, RSA_NO_PADDING)
                         : RSA_public_encrypt(n, in, out, rsa, RSA_NO_PADDING)) == n;
    if (good)
        accel_counts[private ? ACCEL_RSA_PRIVATE : ACCEL_RSA_PUBLIC]++;
    else
        ERR_clear_error();
    return good;
}

/* There and back; it sets up the blinding as well. */
static bool works(const mbedtls_rsa_context *ctx)
{
    uint8_t clear[RSA_BYTES_MAX], sealed[RSA_BYTES_MAX], back[RSA_BYTES_MAX];
    memset(clear, 0x5a, ctx->len);
    clear[0] = 0; /* less than the modulus */
    return apply(ctx, ctx->accel, true, clear, sealed) &&
           apply(ctx, ctx->accel, false, sealed, back) && memcmp(clear, back, ctx->len) == 0;
}

void accel_adopt(mbedtls_pk_context *key)
{
    if (mbedtls_pk_get_type(key) != MBEDTLS_PK_RSA)
        return;
    mbedtls_rsa_context *ctx = mbedtls_pk_rsa(*key);
    if (ctx->accel != NULL || ctx->len > RSA_BYTES_MAX)
        return;
    RSA *rsa = RSA_new();
    if (rsa == NULL || !set_public_and_private(rsa, ctx) || !set_factors(rsa, ctx) ||
        !set_crt(rsa, ctx)) {
        RSA_free(rsa);
        ERR_clear_error();
        return;
    }
    ctx->accel = rsa;
    if (!works(ctx))
        accel_rsa_free(ctx);
}

void accel_rsa_free(mbedtls_rsa_context *ctx)
{
    RSA_free(ctx->accel); /* wipes */
    ctx->accel = NULL;
}

/* ---- the hooks ---- */

int accel_rsa_private(const mbedtls_rsa_context *ctx, const unsigned char *in, unsigned char *out)
{
    return apply(ctx, ctx->accel, true, in, out) ? 0 : -1;
}

int accel_rsa_public(const mbedtls_rsa_context *ctx, const unsigned char *in, unsigned char *out)
{
    if (ctx->accel != NULL)
        return apply(ctx, ctx->accel, false, in, out) ? 0 : -1;
    RSA *theirs = RSA_new();
    bool good = theirs != NULL && set_public(theirs, ctx) && apply(ctx, theirs, false, in, out);
    RSA_free(theirs);
    if (!good)
        ERR_clear_error();
    return good ? 0 : -1;
}
