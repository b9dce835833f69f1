/* inner.h - what the files of tls/accel/ know of each other. */
#ifndef TLSFRONT_TLS_ACCEL_INNER_H
#define TLSFRONT_TLS_ACCEL_INNER_H

#include "tls/accel/accel.h"

extern unsigned long accel_counts[ACCEL_HOOKS];

/* ---- AEAD ---- */

enum { AEAD_KEY_MAX = 32, AEAD_NONCE = 12, AEAD_TAG = 16 };

enum aead_algorithm { AEAD_AES128_GCM, AEAD_AES256_GCM, AEAD_CHACHA20_POLY1305, AEAD_ALGORITHMS };
enum aead_direction { AEAD_OPEN, AEAD_SEAL, AEAD_DIRECTIONS };

/* in and out may be the same; else they do not overlap. */
struct aead_message {
    const uint8_t *nonce, *data; /* data: authenticated only */
    size_t data_size;
    const uint8_t *in;
    uint8_t *out;
    size_t size;
};

/* A back end holds one key per direction, in the form that it works with. */
struct aead_backend {
    const char *name;
    bool (*usable)(void); /* on this CPU */
    bool (*init)(void);   /* repeatable */
    bool (*load)(enum aead_direction d, enum aead_algorithm a, const uint8_t *key);
    void (*forget)(enum aead_direction d);
    bool (*seal)(const struct aead_message *m, uint8_t tag[AEAD_TAG]);
    bool (*open)(const struct aead_message *m, const uint8_t tag[AEAD_TAG]); /* false: forged */
};

extern const struct aead_backend aead_ipsec; /* x86-64 only */
extern const struct aead_backend aead_evp;

/* Change to another one, which is usable; false: it does not start. */
bool aead_use(const struct aead_backend *b);

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

/* x25519.c, as curve.c uses it. */
enum curve_result x25519_generate(uint8_t scalar[32]);
enum curve_result x25519_public(const uint8_t scalar[32], uint8_t point[32]);
enum curve_result x25519_shared(const uint8_t scalar[32], const uint8_t point[32],
                                uint8_t shared[32]);

/* How shared secrets are made; all zeros for a point of low order. */
struct x25519_backend {
    const char *name;
    bool (*usable)(void);
    void (*shared)(const uint8_t scalar[32], const uint8_t point[32], uint8_t shared[32]);
};

extern const struct x25519_backend x25519_ifma; /* x86-64 only */
extern const struct x25519_backend x25519_sodium;

void x25519_use(const struct x25519_backend *b);

/* ---- start ---- */

/* Known answers, from every primitive; NULL, or the name of the one that is wrong. */
const char *check_aead(void);
const char *check_x25519(void);
const char *check_rest(void);

/* AVX-512 (F, DQ, BW, VL), switched on by the system too; with VAES and VPCLMULQDQ, or IFMA. */
bool cpu_has_wide_aes(void);
bool cpu_has_ifma(void);

#endif
