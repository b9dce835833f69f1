/* test_accel_rsa.c - RSA with our own keys: mbedTLS's answers, bad input, no memory */
#include "tests/unit/tls/pki.c"
#include "tests/unit/tls/vectors.h"
#include "tls/accel/accel.h"
#include "tls/memory.h"

#include <mbedtls/psa_util.h>
#include <mbedtls/rsa.h>

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    return tls_init(&e);
}

static int teardown(void **state)
{
    (void)state;
    pki_free();
    return 0;
}

static int rng(void *arg, unsigned char *out, size_t size)
{
    (void)arg;
    return mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, out, size);
}

/* The same key twice: as it is loaded, and as identities have it. */
struct twins {
    mbedtls_pk_context plain, adopted;
};

static void parse(mbedtls_pk_context *pk, const char *pem)
{
    mbedtls_pk_init(pk);
    assert_int_equal(
        mbedtls_pk_parse_key(pk, (const uint8_t *)pem, strlen(pem) + 1, NULL, 0, rng, NULL), 0);
}

static void twins_init(struct twins *t, enum pki_key key)
{
    char *pem = pki_key_pem(key);
    parse(&t->plain, pem);
    parse(&t->adopted, pem);
    accel_adopt(&t->adopted);
    free(pem);
}

static void twins_free(struct twins *t)
{
    mbedtls_pk_free(&t->plain);
    mbedtls_pk_free(&t->adopted);
}

static void raw_rsa_is_mbedtls_s(void **state)
{
    (void)state;
    static const enum pki_key keys[] = {PKI_RSA2048, PKI_RSA1024};
    for (size_t i = 0; i < 2; i++) {
        struct twins t;
        twins_init(&t, keys[i]);
        mbedtls_rsa_context *plain = mbedtls_pk_rsa(t.plain), *adopted = mbedtls_pk_rsa(t.adopted);
        size_t size = mbedtls_rsa_get_len(plain);
        for (uint32_t n = 0; n < 40; n++) {
            uint8_t in[256], a[256], b[256];
            unsigned long before = accel_count(ACCEL_RSA_PRIVATE);
            bytes_of(n, in, size);
            in[0] = 0;
            if (n == 0)
                memset(in, 0, size);
            assert_int_equal(mbedtls_rsa_private(plain, rng, NULL, in, a), 0);
            assert_int_equal(accel_count(ACCEL_RSA_PRIVATE), before);
            assert_int_equal(mbedtls_rsa_private(adopted, rng, NULL, in, b), 0);
            assert_memory_equal(a, b, size);
            assert_int_equal(mbedtls_rsa_public(adopted, a, b), 0);
            assert_memory_equal(in, b, size);
        }
        twins_free(&t);
    }
}

static void rsa_of_too_large_a_number_is_refused(void **state)
{
    (void)state;
    struct twins t;
    uint8_t in[256], out[256];
    twins_init(&t, PKI_RSA2048);
    memset(in, 0xff, sizeof in);
    assert_int_not_equal(mbedtls_rsa_private(mbedtls_pk_rsa(t.adopted), rng, NULL, in, out), 0);
    assert_int_not_equal(mbedtls_rsa_public(mbedtls_pk_rsa(t.adopted), in, out), 0);
    assert_int_equal(
        mbedtls_mpi_write_binary(&mbedtls_pk_rsa(t.adopted)->MBEDTLS_PRIVATE(N), in, 256), 0);
    assert_int_not_equal(mbedtls_rsa_private(mbedtls_pk_rsa(t.adopted), rng, NULL, in, out), 0);
    in[255] ^= 1; /* one less, the modulus being odd */
    assert_int_equal(mbedtls_rsa_private(mbedtls_pk_rsa(t.adopted), rng, NULL, in, out), 0);
    twins_free(&t);
}

static void rsa_signatures_are_good_by_other_code_too(void **state)
{
    (void)state;
    static const mbedtls_pk_type_t types[] = {MBEDTLS_PK_RSA, MBEDTLS_PK_RSASSA_PSS};
    struct twins t;
    uint8_t hash[32], signature[256];
    size_t size;
    twins_init(&t, PKI_RSA2048);
    bytes_of(5, hash, sizeof hash);
    for (size_t i = 0; i < 2; i++) {
        mbedtls_pk_rsassa_pss_options any = {MBEDTLS_MD_SHA256, MBEDTLS_RSA_SALT_LEN_ANY};
        assert_int_equal(mbedtls_pk_sign_ext(types[i], &t.adopted, MBEDTLS_MD_SHA256, hash, 32,
                                             signature, sizeof signature, &size, rng, NULL),
                         0);
        const void *options = i == 1 ? &any : NULL;
        assert_int_equal(mbedtls_pk_verify_ext(types[i], options, &t.plain, MBEDTLS_MD_SHA256, hash,
                                               32, signature, size),
                         0);
        signature[9] ^= 1;
        assert_int_not_equal(mbedtls_pk_verify_ext(types[i], options, &t.adopted, MBEDTLS_MD_SHA256,
                                                   hash, 32, signature, size),
                             0);
    }
    twins_free(&t);
}

static void a_damaged_key_is_not_adopted(void **state)
{
    (void)state;
    struct twins t;
    char *pem = pki_key_pem(PKI_RSA2048);
    parse(&t.plain, pem);
    parse(&t.adopted, pem);
    free(pem);
    mbedtls_mpi *q = &mbedtls_pk_rsa(t.adopted)->MBEDTLS_PRIVATE(D);
    mbedtls_mpi_add_int(q, q, 2);
    q = &mbedtls_pk_rsa(t.adopted)->MBEDTLS_PRIVATE(DP);
    mbedtls_mpi_add_int(q, q, 2);
    accel_adopt(&t.adopted);
    uint8_t in[256] = {0, 1}, out[256];
    unsigned long before = accel_count(ACCEL_RSA_PRIVATE);
    mbedtls_rsa_private(mbedtls_pk_rsa(t.adopted), rng, NULL, in, out);
    assert_int_equal(accel_count(ACCEL_RSA_PRIVATE), before);
    twins_free(&t);
}

static void other_keys_are_left_alone(void **state)
{
    (void)state;
    struct twins t;
    twins_init(&t, PKI_EC256);
    assert_int_equal(mbedtls_pk_check_pair(&t.plain, &t.adopted, rng, NULL), 0);
    twins_free(&t);
}

/* ---- without memory ---- */

static unsigned long allocations, fail_at;

static bool gate(size_t count, size_t size)
{
    (void)count, (void)size;
    return ++allocations != fail_at;
}

/* Wherever memory ends while a key is adopted, it signs afterwards. */
static void an_rsa_key_works_without_its_copy(void **state)
{
    (void)state;
    char *pem = pki_key_pem(PKI_RSA2048);
    uint8_t in[256] = {0, 1, 2, 3}, expected[256], out[256];
    mbedtls_pk_context pk;
    parse(&pk, pem);
    assert_int_equal(mbedtls_rsa_private(mbedtls_pk_rsa(pk), rng, NULL, in, expected), 0);
    mbedtls_pk_free(&pk);
    bool done = false;
    for (unsigned long n = 1; !done; n++) {
        parse(&pk, pem);
        allocations = 0;
        fail_at = n;
        memory_gate = gate;
        accel_adopt(&pk);
        memory_gate = NULL;
        done = allocations < n;
        assert_int_equal(mbedtls_rsa_private(mbedtls_pk_rsa(pk), rng, NULL, in, out), 0);
        assert_memory_equal(out, expected, sizeof out);
        mbedtls_pk_free(&pk);
    }
    free(pem);
}

/* Wherever memory ends while it is used, mbedTLS tries as well, and there is an answer or none. */
static void an_rsa_operation_survives(void **state)
{
    (void)state;
    struct twins t;
    uint8_t in[256] = {0, 1, 2, 3}, expected[256], out[256];
    twins_init(&t, PKI_RSA2048);
    assert_int_equal(mbedtls_rsa_private(mbedtls_pk_rsa(t.plain), rng, NULL, in, expected), 0);
    bool done = false;
    for (unsigned long n = 1; !done; n++) {
        allocations = 0;
        fail_at = n;
        memory_gate = gate;
        int r = mbedtls_rsa_private(mbedtls_pk_rsa(t.adopted), rng, NULL, in, out);
        memory_gate = NULL;
        done = allocations < n || n > 300;
        if (r == 0)
            assert_memory_equal(out, expected, sizeof out);
        else
            assert_true(memory_failed());
    }
    twins_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_rsa_is_mbedtls_s),
        cmocka_unit_test(rsa_of_too_large_a_number_is_refused),
        cmocka_unit_test(rsa_signatures_are_good_by_other_code_too),
        cmocka_unit_test(a_damaged_key_is_not_adopted),
        cmocka_unit_test(other_keys_are_left_alone),
        cmocka_unit_test(an_rsa_key_works_without_its_copy),
        cmocka_unit_test(an_rsa_operation_survives),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
