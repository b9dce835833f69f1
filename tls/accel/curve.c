/* curve.c - ECDH and ECDSA on NIST's curves by libcrypto
 *
 * Its low-level functions, deprecated but there, take 7 us for a key on P-256; the way over
 * EVP_PKEY takes as long again for objects. What is made once is public: groups with their tables,
 * and an EC_KEY per curve that holds a private key only while it signs. Secrets live in BIGNUMs
 * that are wiped when freed, in a BN_CTX per operation for the same reason. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tls/accel/inner.h"

#include <limits.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/psa_util.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <string.h>

struct curve_inner {
    int nid;
    uint8_t top_mask; /* of a scalar's first byte */
    EC_GROUP *group;
    EC_KEY *key;
};

static struct curve_inner p256 = {.nid = NID_X9_62_prime256v1, .top_mask = 0xff};
static struct curve_inner p384 = {.nid = NID_secp384r1, .top_mask = 0xff};
static struct curve_inner p521 = {.nid = NID_secp521r1, .top_mask = 0x01};

static const struct curve curves[] = {
    {MBEDTLS_ECP_DP_CURVE25519, 32, 32, NULL},
    {MBEDTLS_ECP_DP_SECP256R1, 32, 1 + 2 * 32, &p256},
    {MBEDTLS_ECP_DP_SECP384R1, 48, 1 + 2 * 48, &p384},
    {MBEDTLS_ECP_DP_SECP521R1, 66, 1 + 2 * 66, &p521},
};

const struct curve *curve_of(mbedtls_ecp_group_id id)
{
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
        if (curves[i].id == id)
            return &curves[i];
    return NULL;
}

static bool inner_init(struct curve_inner *in)
{
    if (in->group == NULL)
        in->group = EC_GROUP_new_by_curve_name(in->nid);
    if (in->group != NULL && in->key == NULL) {
        EC_KEY *key = EC_KEY_new();
        if (key != NULL && EC_KEY_set_group(key, in->group) == 1)
            in->key = key;
        else
            EC_KEY_free(key);
    }
    return in->key != NULL;
}

bool curve_init(void)
{
    return inner_init(&p256) && inner_init(&p384) && inner_init(&p521);
}

/* ---- what an operation works with ---- */

struct work {
    BN_CTX *ctx;
    BIGNUM *scalar, *x;
    EC_POINT *point, *product;
};

static bool work_begin(struct work *w, const struct curve *c)
{
    const EC_GROUP *g = c->inner->group;
    *w = (struct work){0};
    if (g == NULL)
        return false;
    w->ctx = BN_CTX_secure_new();
    w->scalar = BN_secure_new();
    w->x = BN_secure_new();
    w->point = EC_POINT_new(g);
    w->product = EC_POINT_new(g);
    if (w->ctx == NULL || w->scalar == NULL || w->x == NULL || w->point == NULL ||
        w->product == NULL)
        return false;
    BN_set_flags(w->scalar, BN_FLG_CONSTTIME);
    return true;
}

/* The result, or why it is not CURVE_OK. */
static enum curve_result work_end(struct work *w, enum curve_result result)
{
    EC_POINT_clear_free(w->product);
    EC_POINT_clear_free(w->point);
    BN_clear_free(w->x);
    BN_clear_free(w->scalar);
    BN_CTX_free(w->ctx);
    if (result == CURVE_OK)
        return CURVE_OK;
    for (unsigned long e = ERR_get_error(); e != 0; e = ERR_get_error())
        if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)
            result = CURVE_NO_MEMORY;
    return result;
}

/* 1 to n-1; that a scalar is out of range is no secret, and nearly all of them are in it by far. */
static bool read_scalar(struct work *w, const struct curve *c, const uint8_t *bytes)
{
    return BN_bin2bn(bytes, (int)c->scalar_size, w->scalar) != NULL && !BN_is_zero(w->scalar) &&
           BN_cmp(w->scalar, EC_GROUP_get0_order(c->inner->group)) < 0;
}

/* On the curve, and not at infinity; the curves have no other bad points. */
static bool read_point(struct work *w, const struct curve *c, const uint8_t *bytes, size_t size)
{
    return size == c->point_size && bytes[0] == POINT_CONVERSION_UNCOMPRESSED &&
           EC_POINT_oct2point(c->inner->group, w->point, bytes, size, w->ctx) == 1;
}

/* ---- ECDH ---- */

static enum curve_result random_scalar(const struct curve *c, struct work *w, uint8_t *scalar)
{
    for (int tries = 0; tries < 64; tries++) {
        if (mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, scalar, c->scalar_size) != 0)
            return CURVE_BROKEN;
        scalar[0] &= c->inner->top_mask;
        if (read_scalar(w, c, scalar))
            return CURVE_OK;
    }
    return CURVE_BROKEN;
}

enum curve_result curve_generate(const struct curve *c, uint8_t *scalar)
{
    if (c->inner == NULL)
        return x25519_generate(scalar);
    struct work w;
    enum curve_result result = CURVE_BROKEN;
    if (work_begin(&w, c))
        result = random_scalar(c, &w, scalar);
    return work_end(&w, result);
}

static enum curve_result public_point(const struct curve *c, struct work *w, const uint8_t *scalar,
                                      uint8_t *point)
{
    const EC_GROUP *g = c->inner->group;
    if (!read_scalar(w, c, scalar))
        return CURVE_BAD_KEY;
    if (EC_POINT_mul(g, w->product, w->scalar, NULL, NULL, w->ctx) != 1 ||
        EC_POINT_point2oct(g, w->product, POINT_CONVERSION_UNCOMPRESSED, point, c->point_size,
                           w->ctx) != c->point_size)
        return CURVE_BROKEN;
    return CURVE_OK;
}

enum curve_result curve_public(const struct curve *c, const uint8_t *scalar, uint8_t *point)
{
    if (c->inner == NULL)
        return x25519_public(scalar, point);
    struct work w;
    enum curve_result result = CURVE_BROKEN;
    accel_counts[ACCEL_CURVE_PUBLIC]++;
    if (work_begin(&w, c))
        result = public_point(c, &w, scalar, point);
    return work_end(&w, result);
}

static enum curve_result shared_x(const struct curve *c, struct work *w, const uint8_t *scalar,
                                  const uint8_t *point, size_t point_size, uint8_t *shared)
{
    const EC_GROUP *g = c->inner->group;
    if (!read_scalar(w, c, scalar) || !read_point(w, c, point, point_size))
        return CURVE_BAD_KEY;
    if (EC_POINT_mul(g, w->product, NULL, w->point, w->scalar, w->ctx) != 1 ||
        EC_POINT_get_affine_coordinates(g, w->product, w->x, NULL, w->ctx) != 1 ||
        BN_bn2binpad(w->x, shared, (int)c->scalar_size) != (int)c->scalar_size)
        return CURVE_BROKEN;
    return CURVE_OK;
}

enum curve_result curve_shared(const struct curve *c, const uint8_t *scalar, const uint8_t *point,
                               size_t point_size, uint8_t *shared)
{
    if (c->inner == NULL)
        return point_size == 32 ? x25519_shared(scalar, point, shared) : CURVE_BAD_KEY;
    struct work w;
    enum curve_result result = CURVE_BROKEN;
    accel_counts[ACCEL_CURVE_SHARED]++;
    if (work_begin(&w, c))
        result = shared_x(c, &w, scalar, point, point_size, shared);
    return work_end(&w, result);
}

/* ---- ECDSA ---- */

static enum curve_result sign(const struct curve *c, struct work *w, const uint8_t *scalar,
                              const uint8_t *hash, size_t hash_size, uint8_t *signature)
{
    EC_KEY *key = c->inner->key;
    const int n = (int)c->scalar_size;
    if (hash_size > INT_MAX || !read_scalar(w, c, scalar))
        return CURVE_BAD_KEY;
    ECDSA_SIG *sig = NULL;
    if (EC_KEY_set_private_key(key, w->scalar) == 1)
        sig = ECDSA_do_sign(hash, (int)hash_size, key);
    EC_KEY_set_private_key(key, NULL); /* wipes, though it says that it failed */
    bool good = sig != NULL && EC_KEY_get0_private_key(key) == NULL &&
                BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, n) == n &&
                BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + n, n) == n;
    ECDSA_SIG_free(sig);
    return good ? CURVE_OK : CURVE_BROKEN;
}

enum curve_result curve_sign(const struct curve *c, const uint8_t *scalar, const uint8_t *hash,
                             size_t hash_size, uint8_t *signature)
{
    struct work w;
    enum curve_result result = CURVE_BROKEN;
    accel_counts[ACCEL_ECDSA_SIGN]++;
    if (work_begin(&w, c))
        result = sign(c, &w, scalar, hash, hash_size, signature);
    return work_end(&w, result);
}

static ECDSA_SIG *read_signature(const struct curve *c, const uint8_t *signature)
{
    const int n = (int)c->scalar_size;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, n, NULL), *s = BN_bin2bn(signature + n, n, NULL);
    if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1)
        return sig;
    ECDSA_SIG_free(sig);
    BN_free(r);
    BN_free(s);
    return NULL;
}

static enum curve_result verify(const struct curve *c, struct work *w, const uint8_t *point,
                                size_t point_size, const uint8_t *hash, size_t hash_size,
                                const uint8_t *signature)
{
    if (hash_size > INT_MAX || !read_point(w, c, point, point_size))
        return CURVE_BAD_KEY;
    ECDSA_SIG *sig = read_signature(c, signature);
    int r = -1;
    if (sig != NULL && EC_KEY_set_public_key(c->inner->key, w->point) == 1)
        r = ECDSA_do_verify(hash, (int)hash_size, sig, c->inner->key);
    ECDSA_SIG_free(sig);
    return r == 1 ? CURVE_OK : r == 0 ? CURVE_FORGED : CURVE_BROKEN;
}

enum curve_result curve_verify(const struct curve *c, const uint8_t *point, size_t point_size,
                               const uint8_t *hash, size_t hash_size, const uint8_t *signature)
{
    struct work w;
    enum curve_result result = CURVE_BROKEN;
    accel_counts[ACCEL_ECDSA_VERIFY]++;
    if (work_begin(&w, c))
        result = verify(c, &w, point, point_size, hash, hash_size, signature);
    return work_end(&w, result);
}
