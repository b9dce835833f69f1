/* rsa.c - operations with RSA keys by AWS-LC, with its blinding
 *
 * AWS-LC's copy of an own key hangs on mbedTLS's context of it (patches/accel/rsa.patch), so it
 * is found at once and cannot outlive it. Of others' keys, which verify once, the copy is made for
 * that. */
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
        copy = BN_bin2bn(bytes, size, NULL);
    mbedtls_platform_zeroize(bytes, size <= sizeof bytes ? size : sizeof bytes);
    return copy;
}

/* All of a private key, as RSA_new_private_key() takes it. */
enum { N, E, D, P, Q, DP, DQ, QP, NUMBERS };

static RSA *private_copy(const mbedtls_rsa_context *ctx)
{
    const mbedtls_mpi *from[NUMBERS] = {&ctx->N, &ctx->E,  &ctx->D,  &ctx->P,
                                        &ctx->Q, &ctx->DP, &ctx->DQ, &ctx->QP};
    BIGNUM *n[NUMBERS];
    bool good = true;
    for (int i = 0; i < NUMBERS; i++)
        good = (n[i] = number(from[i])) != NULL && good;
    RSA *rsa = good ? RSA_new_private_key(n[N], n[E], n[D], n[P], n[Q], n[DP], n[DQ], n[QP]) : NULL;
    for (int i = 0; i < NUMBERS; i++)
        BN_free(n[i]);
    return rsa;
}

static RSA *public_copy(const mbedtls_rsa_context *ctx)
{
    BIGNUM *n = number(&ctx->N), *e = number(&ctx->E);
    RSA *rsa = n != NULL && e != NULL ? RSA_new_public_key(n, e) : NULL;
    BN_free(n);
    BN_free(e);
    return rsa;
}

static bool apply(const mbedtls_rsa_context *ctx, RSA *rsa, bool private, const uint8_t *in,
                  uint8_t *out)
{
    size_t size;
    if (rsa == NULL)
        return false;
    bool good =
        (private ? RSA_sign_raw(rsa, &size, out, ctx->len, in, ctx->len, RSA_NO_PADDING)
                 : RSA_encrypt(rsa, &size, out, ctx->len, in, ctx->len, RSA_NO_PADDING)) == 1 &&
        size == ctx->len;
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
    ctx->accel = private_copy(ctx);
    if (ctx->accel == NULL)
        ERR_clear_error();
    else if (!works(ctx))
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
    RSA *theirs = public_copy(ctx);
    bool good = apply(ctx, theirs, false, in, out);
    RSA_free(theirs);
    if (!good)
        ERR_clear_error();
    return good ? 0 : -1;
}
