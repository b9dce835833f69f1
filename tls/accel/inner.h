/* inner.h - what the files of tls/accel/ know of each other. */
#ifndef TLSFRONT_TLS_ACCEL_INNER_H
#define TLSFRONT_TLS_ACCEL_INNER_H

#include "tls/accel/accel.h"

extern unsigned long accel_counts[ACCEL_HOOKS];

/* ---- curves: bytes in, bytes out ---- */

enum curve_result { CURVE_OK, CURVE_BAD_KEY, CURVE_FORGED, CURVE_NO_MEMORY, CURVE_BROKEN };

enum { CURVE_SCALAR_MAX = 66, CURVE_POINT_MAX = 1 + 2 * CURVE_SCALAR_MAX };

/* Scalars and points as TLS has them: big endian and uncompressed, but X25519 as in RFC 7748. */
struct curve {
    mbedtls_ecp_group_id id;
    size_t scalar_size, point_size;
    struct curve_inner *inner; /* NULL: X25519 */
};

/* NULL: not one of ours. */
const struct curve *curve_of(mbedtls_ecp_group_id id);

bool curve_init(void);

enum curve_result curve_generate(const struct curve *c, uint8_t *scalar);
enum curve_result curve_public(const struct curve *c, const uint8_t *scalar, uint8_t *point);

/* The shared x, as long as a scalar. The point comes from outside. */
enum curve_result curve_shared(const struct curve *c, const uint8_t *scalar, const uint8_t *point,
                               size_t point_size, uint8_t *shared);

/* ECDSA; the signature is r and s, each as long as a scalar. Not for X25519. */
enum curve_result curve_sign(const struct curve *c, const uint8_t *scalar, const uint8_t *hash,
                             size_t hash_size, uint8_t *signature);
enum curve_result curve_verify(const struct curve *c, const uint8_t *point, size_t point_size,
                               const uint8_t *hash, size_t hash_size, const uint8_t *signature);

/* ---- start ---- */

/* Known answers, from every primitive; NULL, or the name of the one that is wrong. */
const char *check_all(void);

#endif
