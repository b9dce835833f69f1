/* test_accel_ecdsa.c - ECDSA: published answers, other code's judgement, bad input */
#include "tests/unit/tls/vectors.h"
#include "tls/tls.h"

#include <mbedtls/ecdsa.h>
#include <mbedtls/psa_util.h>

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    return tls_init(&e);
}

static int rng(void *arg, unsigned char *out, size_t size)
{
    (void)arg;
    return mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, out, size);
}

/* ---- ECDSA ---- */

struct signer {
    mbedtls_ecp_group group;
    mbedtls_mpi d, r, s;
    mbedtls_ecp_point point;
};

static void signer_init(struct signer *g, mbedtls_ecp_group_id id)
{
    mbedtls_ecp_group_init(&g->group);
    mbedtls_mpi_init(&g->d);
    mbedtls_mpi_init(&g->r);
    mbedtls_mpi_init(&g->s);
    mbedtls_ecp_point_init(&g->point);
    assert_int_equal(mbedtls_ecp_group_load(&g->group, id), 0);
}

static void signer_free(struct signer *g)
{
    mbedtls_ecp_group_free(&g->group);
    mbedtls_mpi_free(&g->d);
    mbedtls_mpi_free(&g->r);
    mbedtls_mpi_free(&g->s);
    mbedtls_ecp_point_free(&g->point);
}

static int verify(struct signer *g, const uint8_t *hash, size_t size)
{
    return mbedtls_ecdsa_verify(&g->group, hash, size, &g->point, &g->r, &g->s);
}

/* RFC 6979 A.2.5 and A.2.6, the message "sample" under SHA-256 and SHA-384. */
static const struct published {
    mbedtls_ecp_group_id id;
    const char *x, *y, *hash, *r, *s;
} published[] = {
    {MBEDTLS_ECP_DP_SECP256R1, "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6",
     "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
     "AF2BDBE1AA9B6EC1E2ADE1D694F41FC71A831D0268E9891562113D8A62ADD1BF",
     "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
     "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"},
    {MBEDTLS_ECP_DP_SECP384R1,
     "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64"
     "DEF8F0EA9055866064A254515480BC13",
     "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1"
     "288B231C3AE0D4FE7344FD2533264720",
     "9A9083505BC92276AEC4BE312696EF7BF3BF603F4BBD381196A029F340585312"
     "313BCA4A9B5B890EFEE42C77B1EE25FE",
     "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C"
     "81A648152E44ACF96E36DD1E80FABE46",
     "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94F"
     "A329C145786E679E7B82C71A38628AC8"},
};

static size_t load(struct signer *g, const struct published *p, uint8_t hash[64])
{
    signer_init(g, p->id);
    assert_int_equal(mbedtls_ecp_point_read_string(&g->point, 16, p->x, p->y), 0);
    assert_int_equal(mbedtls_mpi_read_string(&g->r, 16, p->r), 0);
    assert_int_equal(mbedtls_mpi_read_string(&g->s, 16, p->s), 0);
    return from_hex(p->hash, hash);
}

static void published_signatures_are_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        struct signer g;
        uint8_t hash[64];
        size_t size = load(&g, &published[i], hash);
        assert_int_equal(verify(&g, hash, size), 0);
        /* n - s belongs to the same signature. */
        mbedtls_mpi_sub_mpi(&g.s, &g.group.N, &g.s);
        assert_int_equal(verify(&g, hash, size), 0);
        signer_free(&g);
    }
}

static void assert_bad(struct signer *g, const uint8_t *hash, size_t size)
{
    assert_int_not_equal(verify(g, hash, size), 0);
}

static void assert_bad_r(struct signer *g, const uint8_t *hash, size_t size)
{
    const mbedtls_mpi *n = &g->group.N;
    mbedtls_mpi r;
    mbedtls_mpi_init(&r);
    mbedtls_mpi_copy(&r, &g->r);
    mbedtls_mpi_lset(&g->r, 0);
    assert_bad(g, hash, size);
    mbedtls_mpi_lset(&g->r, -1);
    assert_bad(g, hash, size);
    mbedtls_mpi_copy(&g->r, n);
    assert_bad(g, hash, size);
    mbedtls_mpi_add_mpi(&g->r, &r, n);
    assert_bad(g, hash, size);
    mbedtls_mpi_add_int(&g->r, &r, 1);
    assert_bad(g, hash, size);
    mbedtls_mpi_copy(&g->r, &r);
    mbedtls_mpi_free(&r);
}

static void bad_signatures_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        struct signer g;
        uint8_t hash[64];
        size_t size = load(&g, &published[i], hash);
        for (size_t k = 0; k < size; k += 7) {
            hash[k] ^= 1;
            assert_bad(&g, hash, size);
            hash[k] ^= 1;
        }
        assert_bad(&g, hash, size - 1);
        assert_bad_r(&g, hash, size);
        mbedtls_mpi_swap(&g.r, &g.s);
        assert_bad(&g, hash, size);
        assert_bad_r(&g, hash, size);
        mbedtls_mpi_swap(&g.r, &g.s);
        assert_int_equal(verify(&g, hash, size), 0);
        mbedtls_ecp_copy(&g.point, &g.group.G); /* another's key */
        assert_bad(&g, hash, size);
        mbedtls_ecp_set_zero(&g.point);
        assert_bad(&g, hash, size);
        mbedtls_ecp_point_read_string(&g.point, 16, published[i].x, "1"); /* off the curve */
        assert_bad(&g, hash, size);
        signer_free(&g);
    }
}

/* By mbedTLS's own curves: (e/s)G + (r/s)Q has r for its x. */
static bool plainly_good(struct signer *g, const uint8_t *hash, size_t size)
{
    size_t order_size = (g->group.nbits + 7) / 8;
    mbedtls_mpi e, w, u, v;
    mbedtls_ecp_point sum;
    mbedtls_mpi_init(&e);
    mbedtls_mpi_init(&w);
    mbedtls_mpi_init(&u);
    mbedtls_mpi_init(&v);
    mbedtls_ecp_point_init(&sum);
    mbedtls_mpi_read_binary(&e, hash, size < order_size ? size : order_size);
    if (size * 8 > g->group.nbits && order_size * 8 > g->group.nbits && size >= order_size)
        mbedtls_mpi_shift_r(&e, order_size * 8 - g->group.nbits);
    mbedtls_mpi_inv_mod(&w, &g->s, &g->group.N);
    mbedtls_mpi_mul_mpi(&u, &e, &w);
    mbedtls_mpi_mod_mpi(&u, &u, &g->group.N);
    mbedtls_mpi_mul_mpi(&v, &g->r, &w);
    mbedtls_mpi_mod_mpi(&v, &v, &g->group.N);
    assert_int_equal(mbedtls_ecp_muladd(&g->group, &sum, &u, &g->group.G, &v, &g->point), 0);
    mbedtls_mpi_mod_mpi(&sum.MBEDTLS_PRIVATE(X), &sum.MBEDTLS_PRIVATE(X), &g->group.N);
    bool good = mbedtls_mpi_cmp_mpi(&sum.MBEDTLS_PRIVATE(X), &g->r) == 0;
    mbedtls_mpi_free(&e);
    mbedtls_mpi_free(&w);
    mbedtls_mpi_free(&u);
    mbedtls_mpi_free(&v);
    mbedtls_ecp_point_free(&sum);
    return good;
}

static const mbedtls_ecp_group_id curves[] = {MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_SECP384R1,
                                              MBEDTLS_ECP_DP_SECP521R1};

static void signatures_are_good_by_other_code_too(void **state)
{
    (void)state;
    static const size_t sizes[] = {32, 48, 64, 20, 66, 80};
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        struct signer g;
        uint8_t hash[80];
        signer_init(&g, curves[i]);
        for (uint32_t n = 0; n < 6; n++) {
            mbedtls_mpi old;
            mbedtls_mpi_init(&old);
            bytes_of(n, hash, sizeof hash);
            assert_int_equal(mbedtls_ecp_gen_keypair(&g.group, &g.d, &g.point, rng, NULL), 0);
            assert_int_equal(
                mbedtls_ecdsa_sign(&g.group, &old, &g.s, &g.d, hash, sizes[n], rng, NULL), 0);
            assert_int_equal(
                mbedtls_ecdsa_sign(&g.group, &g.r, &g.s, &g.d, hash, sizes[n], rng, NULL), 0);
            assert_int_not_equal(mbedtls_mpi_cmp_mpi(&old, &g.r), 0); /* never one nonce twice */
            assert_true(plainly_good(&g, hash, sizes[n]));
            assert_int_equal(verify(&g, hash, sizes[n]), 0);
            mbedtls_mpi_free(&old);
        }
        signer_free(&g);
    }
}

static void private_keys_out_of_range_do_not_sign(void **state)
{
    (void)state;
    const uint8_t hash[32] = {1};
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        struct signer g;
        signer_init(&g, curves[i]);
        assert_int_not_equal(
            mbedtls_ecdsa_sign(&g.group, &g.r, &g.s, &g.d, hash, sizeof hash, rng, NULL), 0);
        mbedtls_mpi_copy(&g.d, &g.group.N);
        assert_int_not_equal(
            mbedtls_ecdsa_sign(&g.group, &g.r, &g.s, &g.d, hash, sizeof hash, rng, NULL), 0);
        mbedtls_mpi_shift_l(&g.d, 16);
        assert_int_not_equal(
            mbedtls_ecdsa_sign(&g.group, &g.r, &g.s, &g.d, hash, sizeof hash, rng, NULL), 0);
        mbedtls_mpi_lset(&g.d, 1);
        assert_int_equal(
            mbedtls_ecdsa_sign(&g.group, &g.r, &g.s, &g.d, hash, sizeof hash, rng, NULL), 0);
        signer_free(&g);
    }
}

static void x25519_does_not_sign(void **state)
{
    (void)state;
    const uint8_t hash[32] = {1};
    struct signer g;
    signer_init(&g, MBEDTLS_ECP_DP_CURVE25519);
    mbedtls_mpi_lset(&g.d, 8);
    assert_int_not_equal(
        mbedtls_ecdsa_sign(&g.group, &g.r, &g.s, &g.d, hash, sizeof hash, rng, NULL), 0);
    assert_int_not_equal(verify(&g, hash, sizeof hash), 0);
    signer_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_signatures_are_good),
        cmocka_unit_test(bad_signatures_are_refused),
        cmocka_unit_test(signatures_are_good_by_other_code_too),
        cmocka_unit_test(private_keys_out_of_range_do_not_sign),
        cmocka_unit_test(x25519_does_not_sign),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
