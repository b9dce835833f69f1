/* x25519.c - X25519 by libsodium, shared secrets by x25519_ifma.c where the CPU has the
 * instructions; constant time and without allocations
 *
 * libsodium without sodium_init(), on purpose. What it does that would matter here is to replace
 * the portable implementation of X25519 by one in AVX assembly, which takes 2 us less for a shared
 * secret but 14 us more for a public key, because it has no table for the base point. Its random
 * generator is not used. That the functions are sound as they stand is what check.c tests at every
 * start. */
#include "tls/accel/inner.h"

#include <mbedtls/platform_util.h>
#include <mbedtls/psa_util.h>
#include <sodium/crypto_scalarmult_curve25519.h>

enum curve_result x25519_generate(uint8_t scalar[32])
{
    if (mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, scalar, 32) != 0)
        return CURVE_BROKEN;
    scalar[0] &= 0xf8; /* as mbedTLS wants them; libsodium would do it by itself */
    scalar[31] = (uint8_t)((scalar[31] & 0x7f) | 0x40);
    return CURVE_OK;
}

enum curve_result x25519_public(const uint8_t scalar[32], uint8_t point[32])
{
    accel_counts[ACCEL_X25519_PUBLIC]++;
    return crypto_scalarmult_curve25519_base(point, scalar) == 0 ? CURVE_OK : CURVE_BROKEN;
}

/* ---- shared secrets ---- */

static bool always(void)
{
    return true;
}

static void shared_by_sodium(const uint8_t scalar[32], const uint8_t point[32], uint8_t shared[32])
{
    if (crypto_scalarmult_curve25519(shared, scalar, point) != 0)
        mbedtls_platform_zeroize(shared, 32);
}

const struct x25519_backend x25519_sodium = {
    .name = "libsodium", .usable = always, .shared = shared_by_sodium};

static const struct x25519_backend *backend = &x25519_sodium;

void x25519_use(const struct x25519_backend *b)
{
    backend = b;
}

/* All zeros: the peer's point has a low order (RFC 7748 6.1). */
enum curve_result x25519_shared(const uint8_t scalar[32], const uint8_t point[32],
                                uint8_t shared[32])
{
    unsigned any = 0;
    backend->shared(scalar, point, shared);
    for (size_t i = 0; i < 32; i++)
        any |= shared[i];
    accel_counts[ACCEL_X25519_SHARED]++;
    return any != 0 ? CURVE_OK : CURVE_BAD_KEY;
}
