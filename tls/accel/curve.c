/* curve.c - ECDH and ECDSA by AWS-LC: X25519, and NIST's curves
 *
 * Its functions on points and numbers, without EVP_PKEY's objects. Blocks that AWS-LC frees are
 * wiped (accel.c), so no secret stays behind in one. */
#include "tls/accel/inner.h"

#include <mbedtls/platform_util.h>
#include <mbedtls/psa_util.h>
#include <openssl/bn.h>
#include <openssl/curve25519.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/nid.h>
#include <string.h>

struct curve_inner {
    int nid;
    uint8_t top_mask;      /* of a scalar's first byte */
    const EC_GROUP *group; /* static, in AWS-LC */
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
    in->group = EC_GROUP_new_by_curve_name(in->nid);
    return in->group != NULL;
}

bool curve_init(void)
{
    return inner_init(&p256) && inner_init(&p384) && inner_init(&p521);
}

/* ---- X25519 ---- */

static enum curve_result x25519_generate(uint8_t scalar[32])
{
    if (mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, scalar, 32) != 0)
        return CURVE_BROKEN;
    scalar[0] &= 0xf8; /* as mbedTLS wants them; AWS-LC would do it by itself */
    scalar[31] = (uint8_t)((scalar[31] & 0x7f) | 0x40);
    return CURVE_OK;
}

static enum curve_result x25519_public(const uint8_t *scalar, uint8_t *point)
{
    accel_counts[ACCEL_X25519_PUBLIC]++;
    X25519_public_from_private(point, scalar);
    return CURVE_OK;
}

/* It refuses points of low order (RFC 7748 6.1). */
static enum curve_result x25519_shared(const uint8_t *scalar, const uint8_t *point,
                                       size_t point_size, uint8_t *shared)
{
    if (point_size != 32)
        return CURVE_BAD_KEY;
    accel_counts[ACCEL_X25519_SHARED]++;
    return X25519(shared, scalar, point) == 1 ? CURVE_OK : CURVE_BAD_KEY;
}

/* ---- what an operation works with ---- */

struct work {
    BIGNUM *scalar;
    EC_POINT *point, *product;
};

static bool work_begin(struct work *w, const struct curve *c)
{
    const EC_GROUP *g = c->inner->group;
    *w = (struct work){0};
    if (g == NULL)
        return false;
    w->scalar = BN_new();
    w->point = EC_POINT_new(g);
    w->product = EC_POINT_new(g);
    return w->scalar != NULL && w->point != NULL && w->product != NULL;
}

/* The result, or why it is not CURVE_OK. */
static enum curve_result work_end(struct work *w, enum curve_result result)
{
    EC_POINT_free(w->product);
    EC_POINT_free(w->point);
    BN_free(w->scalar);
    if (result == CURVE_OK)
        return CURVE_OK;
    for (uint32_t e = ERR_get_error(); e != 0; e = ERR_get_error())
        if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)
            result = CURVE_NO_MEMORY;
    return result;
}

/* 1 to n-1; that a scalar is out of range is no secret, and nearly all of them are in it by far. */
static bool read_scalar(struct work *w, const struct curve *c, const uint8_t *bytes)
{
    return BN_bin2bn(bytes, c->scalar_size, w->scalar) != NULL && !BN_is_zero(w->scalar) &&
           BN_cmp(w->scalar, EC_GROUP_get0_order(c->inner->group)) < 0;
}

/* On the curve, and not at infinity; the curves have no other bad points. */
static bool read_point(struct work *w, const struct curve *c, const uint8_t *bytes, size_t size)
{
    return size == c->point_size && bytes[0] == POINT_CONVERSION_UNCOMPRESSED &&
           EC_POINT_oct2point(c->inner->group, w->point, bytes, size, NULL) == 1;
}

static bool write_product(const struct work *w, const struct curve *c, uint8_t *bytes)
{
    return EC_POINT_point2oct(c->inner->group, w->product, POINT_CONVERSION_UNCOMPRESSED, bytes,
                              c->point_size, NULL) == c->point_size;
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
    if (!read_scalar(w, c, scalar))
        return CURVE_BAD_KEY;
    if (EC_POINT_mul(c->inner->group, w->product, w->scalar, NULL, NULL, NULL) != 1 ||
        !write_product(w, c, point))
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
    uint8_t product[CURVE_POINT_MAX];
    if (!read_scalar(w, c, scalar) || !read_point(w, c, point, point_size))
        return CURVE_BAD_KEY;
    bool good = EC_POINT_mul(c->inner->group, w->product, NULL, w->point, w->scalar, NULL) == 1 &&
                write_product(w, c, product);
    if (good)
        memcpy(shared, product + 1, c->scalar_size);
    mbedtls_platform_zeroize(product, sizeof product);
    return good ? CURVE_OK : CURVE_BROKEN;
}

enum curve_result curve_shared(const struct curve *c, const uint8_t *scalar, const uint8_t *point,
                               size_t point_size, uint8_t *shared)
{
    if (c->inner == NULL)
        return x25519_shared(scalar, point, point_size, shared);
    struct work w;
    enum curve_result result = CURVE_BROKEN;
    accel_counts[ACCEL_CURVE_SHARED]++;
    if (work_begin(&w, c))
        result = shared_x(c, &w, scalar, point, point_size, shared);
    return work_end(&w, result);
}

/* ---- ECDSA ---- */

static EC_KEY *key_new(const struct curve *c)
{
    EC_KEY *key = EC_KEY_new();
    if (key != NULL && EC_KEY_set_group(key, c->inner->group) == 1)
        return key;
    EC_KEY_free(key);
    return NULL;
}

static bool write_signature(const struct curve *c, const ECDSA_SIG *sig, uint8_t *signature)
{
    const BIGNUM *r, *s;
    ECDSA_SIG_get0(sig, &r, &s);
    return BN_bn2bin_padded(signature, c->scalar_size, r) == 1 &&
           BN_bn2bin_padded(signature + c->scalar_size, c->scalar_size, s) == 1;
}

static enum curve_result sign(const struct curve *c, struct work *w, const uint8_t *scalar,
                              const uint8_t *hash, size_t hash_size, uint8_t *signature)
{
    if (!read_scalar(w, c, scalar))
        return CURVE_BAD_KEY;
    EC_KEY *key = key_new(c);
    ECDSA_SIG *sig = NULL;
    if (key != NULL && EC_KEY_set_private_key(key, w->scalar) == 1)
        sig = ECDSA_do_sign(hash, hash_size, key);
    bool good = sig != NULL && write_signature(c, sig, signature);
    ECDSA_SIG_free(sig);
    EC_KEY_free(key);
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
    const size_t n = c->scalar_size;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, n, NULL), *s = BN_bin2bn(signature + n, n, NULL);
    if (sig != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1)
        return sig;
    ECDSA_SIG_free(sig);
    BN_free(r);
    BN_free(s);
    return NULL;
}

/* AWS-LC says no more than that it is not good; work_end() finds out whether memory was the reason.
 */
static enum curve_result verify(const struct curve *c, struct work *w, const uint8_t *point,
                                size_t point_size, const uint8_t *hash, size_t hash_size,
                                const uint8_t *signature)
{
    if (!read_point(w, c, point, point_size))
        return CURVE_BAD_KEY;
    EC_KEY *key = key_new(c);
    ECDSA_SIG *sig = read_signature(c, signature);
    enum curve_result result = CURVE_BROKEN;
    if (key != NULL && sig != NULL && EC_KEY_set_public_key(key, w->point) == 1)
        result = ECDSA_do_verify(hash, hash_size, sig, key) == 1 ? CURVE_OK : CURVE_FORGED;
    ECDSA_SIG_free(sig);
    EC_KEY_free(key);
    return result;
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
