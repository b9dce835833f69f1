/* x25519_ifma.c - shared X25519 secrets with AVX-512's 52-bit multiply-add, in half of libsodium's
 * time
 *
 * The Montgomery ladder of RFC 7748 5, its four coordinates in the four lanes of a 256-bit vector,
 * so that the ten multiplications of a step take three rounds. Everything runs straight through:
 * the bits of the scalar choose the lanes of a permutation, and no branch and no address.
 *
 * A field element is five limbs in radix 2^51. What is multiplied has limbs below 2^52. Products
 * and sums are carried once, which leaves limbs below 2^51 + 2^14: a product's are below 2^60
 * before that, a sum's below 2^54. */
#include "tls/accel/inner.h"

#include <immintrin.h>
#include <mbedtls/platform_util.h>
#include <string.h>

enum { LIMBS = 5, BITS = 51 };

#define LIMB_MASK ((1ull << BITS) - 1)

typedef __m256i lanes; /* one limb each of four elements */
typedef struct {
    lanes limb[LIMBS];
} fours; /* four elements */

/* ---- four at once ---- */

static inline lanes all(uint64_t n)
{
    return _mm256_set1_epi64x((long long)n);
}

static inline fours carry(fours a)
{
    const lanes mask = all(LIMB_MASK);
    lanes over = _mm256_srli_epi64(a.limb[LIMBS - 1], BITS);
    over = _mm256_mullo_epi64(over, all(19));
    for (int i = 0; i < LIMBS; i++) {
        lanes next = _mm256_srli_epi64(a.limb[i], BITS);
        a.limb[i] = _mm256_add_epi64(_mm256_and_si256(a.limb[i], mask), over);
        over = next;
    }
    return a;
}

static inline fours mul(fours a, fours b)
{
    lanes low[2 * LIMBS], high[2 * LIMBS];
    for (int i = 0; i < 2 * LIMBS; i++)
        low[i] = high[i] = _mm256_setzero_si256();
    for (int i = 0; i < LIMBS; i++)
        for (int k = 0; k < LIMBS; k++) {
            low[i + k] = _mm256_madd52lo_epu64(low[i + k], a.limb[i], b.limb[k]);
            high[i + k + 1] = _mm256_madd52hi_epu64(high[i + k + 1], a.limb[i], b.limb[k]);
        }
    /* The high part counts from 2^52, twice the radix; 2^255 is 19. */
    fours r;
    for (int i = 0; i < LIMBS; i++) {
        lanes lower = _mm256_add_epi64(low[i], _mm256_slli_epi64(high[i], 1));
        lanes upper = _mm256_add_epi64(low[i + LIMBS], _mm256_slli_epi64(high[i + LIMBS], 1));
        r.limb[i] = _mm256_add_epi64(lower, _mm256_mullo_epi64(upper, all(19)));
    }
    return carry(r);
}

#define PERMUTE(a, l0, l1, l2, l3) permute(a, _mm256_setr_epi64x(l0, l1, l2, l3))

static inline fours permute(fours a, lanes from)
{
    for (int i = 0; i < LIMBS; i++)
        a.limb[i] = _mm256_permutexvar_epi64(from, a.limb[i]);
    return a;
}

/* b in the lanes of the mask, else a. */
static inline fours blend(__mmask8 mask, fours a, fours b)
{
    for (int i = 0; i < LIMBS; i++)
        a.limb[i] = _mm256_mask_blend_epi64(mask, a.limb[i], b.limb[i]);
    return a;
}

/* a + b, but a - b in the lanes of `minus`, and a alone in those of neither. */
static inline fours add_sub(fours a, fours b, __mmask8 plus, __mmask8 minus)
{
    for (int i = 0; i < LIMBS; i++) {
        const lanes twice_p = all(i == 0 ? 2 * (LIMB_MASK - 18) : 2 * LIMB_MASK);
        lanes sum = _mm256_mask_add_epi64(a.limb[i], plus, a.limb[i], b.limb[i]);
        lanes less = _mm256_sub_epi64(twice_p, b.limb[i]);
        a.limb[i] = _mm256_mask_add_epi64(sum, minus, a.limb[i], less);
    }
    return carry(a);
}

/* ---- the ladder ---- */

enum { LANE0 = 1, LANE1 = 2, LANE2 = 4, LANE3 = 8 };

/* The lanes are x2, z2, x3, z3 of RFC 7748; `fixed` is 121665 in lane 1 and x1 in lane 3. */
static inline fours step(fours s, fours fixed)
{
    /* A, B, C, D, times A, B, B, A. */
    fours abcd =
        add_sub(PERMUTE(s, 0, 0, 2, 2), PERMUTE(s, 1, 1, 3, 3), LANE0 | LANE2, LANE1 | LANE3);
    fours m = mul(abcd, PERMUTE(abcd, 0, 1, 1, 0)); /* AA, BB, CB, DA */

    /* AA, E, DA + CB, DA - CB, times BB, 121665, and the last two themselves. */
    fours right = PERMUTE(m, 1, 1, 2, 2);
    fours left = add_sub(PERMUTE(m, 0, 0, 3, 3), right, LANE2, LANE1 | LANE3);
    fours n = mul(left, blend(LANE1, blend(LANE0, left, right), fixed));

    /* In lanes 1 and 3: AA + 121665 E, times E, and (DA - CB)^2, times x1. */
    fours sum = add_sub(n, PERMUTE(m, 0, 0, 0, 0), LANE1, 0);
    fours z = mul(sum, blend(LANE3, left, fixed));
    return blend(LANE1 | LANE3, n, z);
}

static inline fours square_times(fours a, int times)
{
    for (int i = 0; i < times; i++)
        a = mul(a, a);
    return a;
}

/* a^(p - 2), by the usual chain. */
static fours invert(fours a)
{
    fours t2 = mul(a, a);
    fours t9 = mul(square_times(t2, 2), a);
    fours t11 = mul(t9, t2);
    fours t5_0 = mul(mul(t11, t11), t9); /* 2^5 - 1 */
    fours t10_0 = mul(square_times(t5_0, 5), t5_0);
    fours t20_0 = mul(square_times(t10_0, 10), t10_0);
    fours t40_0 = mul(square_times(t20_0, 20), t20_0);
    fours t50_0 = mul(square_times(t40_0, 10), t10_0);
    fours t100_0 = mul(square_times(t50_0, 50), t50_0);
    fours t200_0 = mul(square_times(t100_0, 100), t100_0);
    fours t250_0 = mul(square_times(t200_0, 50), t50_0);
    return mul(square_times(t250_0, 5), t11);
}

/* ---- bytes ---- */

static void limbs_read(uint64_t limb[LIMBS], const uint8_t bytes[32])
{
    uint64_t w[4];
    memcpy(w, bytes, sizeof w);
    limb[0] = w[0] & LIMB_MASK;
    limb[1] = (w[0] >> 51 | w[1] << 13) & LIMB_MASK;
    limb[2] = (w[1] >> 38 | w[2] << 26) & LIMB_MASK;
    limb[3] = (w[2] >> 25 | w[3] << 39) & LIMB_MASK;
    limb[4] = (w[3] >> 12) & LIMB_MASK; /* without the top bit, as RFC 7748 5 says */
}

static uint64_t limbs_carry(uint64_t limb[LIMBS], uint64_t over)
{
    for (int i = 0; i < LIMBS; i++) {
        limb[i] += over;
        over = limb[i] >> BITS;
        limb[i] &= LIMB_MASK;
    }
    return over;
}

/* Reduced all the way. */
static void limbs_write(uint64_t limb[LIMBS], uint8_t bytes[32])
{
    uint64_t over = limbs_carry(limb, 0);
    over = limbs_carry(limb, 19 * over);
    limbs_carry(limb, 19 * over);
    uint64_t trial[LIMBS]; /* + 19 leaves 2^255 exactly when it was p or more */
    memcpy(trial, limb, sizeof trial);
    uint64_t reduced = 0 - limbs_carry(trial, 19);
    for (int i = 0; i < LIMBS; i++)
        limb[i] = (trial[i] & reduced) | (limb[i] & ~reduced);
    const uint64_t w[4] = {limb[0] | limb[1] << 51, limb[1] >> 13 | limb[2] << 38,
                           limb[2] >> 26 | limb[3] << 25, limb[3] >> 39 | limb[4] << 12};
    memcpy(bytes, w, sizeof w);
    mbedtls_platform_zeroize(trial, sizeof trial);
}

static fours fours_of(const uint64_t l0[LIMBS], const uint64_t l1[LIMBS], const uint64_t l2[LIMBS],
                      const uint64_t l3[LIMBS])
{
    fours r;
    for (int i = 0; i < LIMBS; i++)
        r.limb[i] = _mm256_setr_epi64x((long long)l0[i], (long long)l1[i], (long long)l2[i],
                                       (long long)l3[i]);
    return r;
}

static void shared_by_ifma(const uint8_t scalar[32], const uint8_t point[32], uint8_t shared[32])
{
    static const uint64_t zero[LIMBS] = {0}, one[LIMBS] = {1}, a24[LIMBS] = {121665};
    uint8_t k[32];
    uint64_t x1[LIMBS];
    memcpy(k, scalar, sizeof k);
    k[0] &= 0xf8;
    k[31] = (uint8_t)((k[31] & 0x7f) | 0x40);
    limbs_read(x1, point);
    fours s = fours_of(one, zero, x1, one);
    const fours fixed = fours_of(zero, a24, zero, x1);
    const lanes in_order = _mm256_setr_epi64x(0, 1, 2, 3);
    uint64_t swapped = 0;
    for (int t = 254; t >= 0; t--) {
        uint64_t bit = (uint64_t)(k[t / 8] >> t % 8) & 1;
        s = permute(s, _mm256_xor_si256(in_order, all((bit ^ swapped) << 1)));
        s = step(s, fixed);
        swapped = bit;
    }
    s = permute(s, _mm256_xor_si256(in_order, all(swapped << 1)));
    s = mul(s, invert(PERMUTE(s, 1, 1, 1, 1)));
    uint64_t x2[LIMBS];
    for (int i = 0; i < LIMBS; i++)
        x2[i] = (uint64_t)_mm256_extract_epi64(s.limb[i], 0);
    limbs_write(x2, shared);
    mbedtls_platform_zeroize(k, sizeof k);
    mbedtls_platform_zeroize(x2, sizeof x2);
    mbedtls_platform_zeroize(&s, sizeof s);
}

const struct x25519_backend x25519_ifma = {
    .name = "AVX-512 IFMA", .usable = cpu_has_ifma, .shared = shared_by_ifma};
