/* curve_hooks.c - mbedTLS's ways to the curves: ECDH and ECDSA on its big numbers (TLS 1.2, and all
 * signatures), and a PSA driver on bytes (key shares of TLS 1.3) */
#include "tls/accel/inner.h"

#include "accel_hooks.h"

#include <mbedtls/ecdh.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/error.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/psa_util.h>
#include <string.h>

static int error_of(enum curve_result result)
{
    switch (result) {
    case CURVE_OK:
        return 0;
    case CURVE_BAD_KEY:
        return MBEDTLS_ERR_ECP_INVALID_KEY;
    case CURVE_FORGED:
        return MBEDTLS_ERR_ECP_VERIFY_FAILED;
    case CURVE_NO_MEMORY:
        return MBEDTLS_ERR_ECP_ALLOC_FAILED;
    case CURVE_BROKEN:
        break;
    }
    return MBEDTLS_ERR_PLATFORM_HW_ACCEL_FAILED;
}

/* ---- on big numbers ---- */

/* X25519 is little endian. */
static int read_number(const struct curve *c, mbedtls_mpi *n, const uint8_t *bytes)
{
    return c->inner == NULL ? mbedtls_mpi_read_binary_le(n, bytes, c->scalar_size)
                            : mbedtls_mpi_read_binary(n, bytes, c->scalar_size);
}

static int write_number(const struct curve *c, const mbedtls_mpi *n, uint8_t *bytes)
{
    return c->inner == NULL ? mbedtls_mpi_write_binary_le(n, bytes, c->scalar_size)
                            : mbedtls_mpi_write_binary(n, bytes, c->scalar_size);
}

static int write_point(const mbedtls_ecp_group *grp, const mbedtls_ecp_point *p, size_t *size,
                       uint8_t bytes[CURVE_POINT_MAX])
{
    return mbedtls_ecp_point_write_binary(grp, p, MBEDTLS_ECP_PF_UNCOMPRESSED, size, bytes,
                                          CURVE_POINT_MAX);
}

int mbedtls_ecdh_gen_public(mbedtls_ecp_group *grp, mbedtls_mpi *d, mbedtls_ecp_point *Q,
                            int (*f_rng)(void *, unsigned char *, size_t), void *p_rng)
{
    (void)f_rng, (void)p_rng;
    const struct curve *c = curve_of(grp->id);
    uint8_t scalar[CURVE_SCALAR_MAX], point[CURVE_POINT_MAX];
    if (c == NULL)
        return MBEDTLS_ERR_ECP_FEATURE_UNAVAILABLE;
    int r = error_of(curve_generate(c, scalar));
    if (r == 0)
        r = error_of(curve_public(c, scalar, point));
    if (r == 0)
        r = read_number(c, d, scalar);
    if (r == 0)
        r = mbedtls_ecp_point_read_binary(grp, Q, point, c->point_size);
    mbedtls_platform_zeroize(scalar, sizeof scalar);
    return r;
}

int mbedtls_ecdh_compute_shared(mbedtls_ecp_group *grp, mbedtls_mpi *z, const mbedtls_ecp_point *Q,
                                const mbedtls_mpi *d, int (*f_rng)(void *, unsigned char *, size_t),
                                void *p_rng)
{
    (void)f_rng, (void)p_rng;
    const struct curve *c = curve_of(grp->id);
    uint8_t scalar[CURVE_SCALAR_MAX], shared[CURVE_SCALAR_MAX], point[CURVE_POINT_MAX];
    size_t point_size;
    if (c == NULL)
        return MBEDTLS_ERR_ECP_FEATURE_UNAVAILABLE;
    int r = write_point(grp, Q, &point_size, point);
    if (r == 0)
        r = write_number(c, d, scalar);
    if (r == 0)
        r = error_of(curve_shared(c, scalar, point, point_size, shared));
    if (r == 0)
        r = read_number(c, z, shared);
    mbedtls_platform_zeroize(scalar, sizeof scalar);
    mbedtls_platform_zeroize(shared, sizeof shared);
    return r;
}

int mbedtls_ecdsa_sign(mbedtls_ecp_group *grp, mbedtls_mpi *r, mbedtls_mpi *s, const mbedtls_mpi *d,
                       const unsigned char *buf, size_t blen,
                       int (*f_rng)(void *, unsigned char *, size_t), void *p_rng)
{
    (void)f_rng, (void)p_rng;
    const struct curve *c = curve_of(grp->id);
    uint8_t scalar[CURVE_SCALAR_MAX], signature[2 * CURVE_SCALAR_MAX];
    if (c == NULL || c->inner == NULL)
        return MBEDTLS_ERR_ECP_BAD_INPUT_DATA;
    int error = write_number(c, d, scalar);
    if (error != 0)
        error = MBEDTLS_ERR_ECP_INVALID_KEY;
    if (error == 0)
        error = error_of(curve_sign(c, scalar, buf, blen, signature));
    if (error == 0)
        error = read_number(c, r, signature);
    if (error == 0)
        error = read_number(c, s, signature + c->scalar_size);
    mbedtls_platform_zeroize(scalar, sizeof scalar);
    return error;
}

int mbedtls_ecdsa_verify(mbedtls_ecp_group *grp, const unsigned char *buf, size_t blen,
                         const mbedtls_ecp_point *Q, const mbedtls_mpi *r, const mbedtls_mpi *s)
{
    const struct curve *c = curve_of(grp->id);
    uint8_t signature[2 * CURVE_SCALAR_MAX], point[CURVE_POINT_MAX];
    size_t point_size;
    if (c == NULL || c->inner == NULL)
        return MBEDTLS_ERR_ECP_BAD_INPUT_DATA;
    if (write_number(c, r, signature) != 0 || write_number(c, s, signature + c->scalar_size) != 0)
        return MBEDTLS_ERR_ECP_VERIFY_FAILED; /* too long, so out of range */
    int error = write_point(grp, Q, &point_size, point);
    if (error == 0)
        error = error_of(curve_verify(c, point, point_size, buf, blen, signature));
    return error;
}

/* ---- on bytes ---- */

static psa_status_t status_of(enum curve_result result)
{
    switch (result) {
    case CURVE_OK:
        return PSA_SUCCESS;
    case CURVE_BAD_KEY:
        return PSA_ERROR_INVALID_ARGUMENT;
    case CURVE_FORGED:
        return PSA_ERROR_INVALID_SIGNATURE;
    case CURVE_NO_MEMORY:
        return PSA_ERROR_INSUFFICIENT_MEMORY;
    case CURVE_BROKEN:
        break;
    }
    return PSA_ERROR_HARDWARE_FAILURE;
}

/* The curve of a key pair. */
static const struct curve *curve_of_key(const psa_key_attributes_t *attributes)
{
    psa_key_type_t type = psa_get_key_type(attributes);
    if (!PSA_KEY_TYPE_IS_ECC_KEY_PAIR(type))
        return NULL;
    return curve_of(mbedtls_ecc_group_from_psa(PSA_KEY_TYPE_ECC_GET_FAMILY(type),
                                               psa_get_key_bits(attributes)));
}

psa_status_t accel_psa_generate_key(const psa_key_attributes_t *attributes, uint8_t *key,
                                    size_t key_room, size_t *key_size)
{
    const struct curve *c = curve_of_key(attributes);
    if (c == NULL || key_room < c->scalar_size)
        return PSA_ERROR_NOT_SUPPORTED;
    *key_size = c->scalar_size;
    return status_of(curve_generate(c, key));
}

psa_status_t accel_psa_export_public_key(const psa_key_attributes_t *attributes, const uint8_t *key,
                                         size_t key_size, uint8_t *point, size_t point_room,
                                         size_t *point_size)
{
    const struct curve *c = curve_of_key(attributes);
    if (c == NULL || key_size != c->scalar_size || point_room < c->point_size)
        return PSA_ERROR_NOT_SUPPORTED;
    *point_size = c->point_size;
    return status_of(curve_public(c, key, point));
}

psa_status_t accel_psa_key_agreement(const psa_key_attributes_t *attributes, const uint8_t *key,
                                     size_t key_size, psa_algorithm_t algorithm,
                                     const uint8_t *point, size_t point_size, uint8_t *shared,
                                     size_t counters_room, size_t *counters_size)
{
    const struct curve *c = curve_of_key(attributes);
    if (c == NULL || !PSA_ALG_IS_ECDH(algorithm) || key_size != c->scalar_size ||
        counters_room < c->scalar_size)
        return PSA_ERROR_NOT_SUPPORTED;
    enum curve_result result = curve_shared(c, key, point, point_size, shared);
    if (result == CURVE_OK)
        *counters_size = c->scalar_size;
    else
        mbedtls_platform_zeroize(shared, counters_room);
    return status_of(result);
}
