/* test_accel_keys.c - key exchange: published answers, mbedTLS's, and bad input */
#include "tests/unit/tls/vectors.h"
#include "tls/tls.h"

#include <mbedtls/ecdh.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/sha256.h>
#include <psa/crypto.h>

enum { SCALAR_MAX = 66, POINT_MAX = 133 };

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

/* ---- key exchange ---- */

static const struct exchange {
    mbedtls_ecp_group_id id;
    psa_ecc_family_t family;
    size_t bits, scalar_size, point_size;
    const char *scalar, *point, *peer, *shared;
    const char *chained; /* after twenty exchanges by mbedTLS's own code */
} exchanges[] = {
    /* RFC 7748 6.1, then RFC 5903 8.1 to 8.3. */
    {MBEDTLS_ECP_DP_CURVE25519, PSA_ECC_FAMILY_MONTGOMERY, 255, 32, 32,
     "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
     "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
     "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
     "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
     "881277f37013cd18f7e9236247bdce851e78f95e24902d8dbe2a01054b35fd7b"},
    {MBEDTLS_ECP_DP_SECP256R1, PSA_ECC_FAMILY_SECP_R1, 256, 32, 65,
     "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
     "04dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
     "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3",
     "04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
     "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab",
     "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de",
     "0e5d926a8124f91e7b66e23a63fdee5f71f3d1e008d5d2d639f1e80f00024bde"},
    {MBEDTLS_ECP_DP_SECP384R1, PSA_ECC_FAMILY_SECP_R1, 384, 48, 97,
     "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655"
     "e35b538041e649ee3faef896783ab194",
     "04667842d7d180ac2cde6f74f37551f55755c7645c20ef73e31634fe72b4c55ee6"
     "de3ac808acb4bdb4c88732aee95f41aa9482ed1fc0eeb9cafc4984625ccfc23f"
     "65032149e0e144ada024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c",
     "04e558dbef53eecde3d3fccfc1aea08a89a987475d12fd950d83cfa41732bc509d"
     "0d1ac43a0336def96fda41d0774a3571dcfbec7aacf3196472169e838430367f"
     "66eebe3c6e70c416dd5f0c68759dd1fff83fa40142209dff5eaad96db9e6386c",
     "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4"
     "d603135569b9e9d09cf5d4a270f59746",
     "5e769b4f19518d45825cedf9e339611ef758d0f72b29fe66cd71532f24f9ef5e2934be0023f00204eff1d26dfdbf0"
     "a27"},
    {MBEDTLS_ECP_DP_SECP521R1, PSA_ECC_FAMILY_SECP_R1, 521, 66, 133,
     "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a0"
     "95aa85a30fe1c2952c6771d937ba9777f5957b2639bab072462f68c27a57382d4a52",
     "040015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbe"
     "e1e3bf42e00b8e380aeae57c2d107564941885942af5a7f4601723c4195d176ced3e"
     "017cae20b6641d2eeb695786d8c946146239d099e18e1d5a514c739d7cb4a10ad8a7"
     "88015ac405d7799dc75e7b7d5b6cf2261a6a7f1507438bf01beb6ca3926f9582",
     "0400d0b3975ac4b799f5bea16d5e13e9af971d5e9b984c9f39728b5e5739735a21"
     "9b97c356436adc6e95bb0352f6be64a6c2912d4ef2d0433ced2b6171640012d9460f"
     "015c68226383956e3bd066e797b623c27ce0eac2f551a10c2c724d9852077b87220b"
     "6536c5c408a1d2aebb8e86d678ae49cb57091f4732296579ab44fcd17f0fc56a",
     "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04"
     "d1427e73ca4baa240a34786859810c06b3c715a3a8cc3151f2bee417996d19f3ddea",
     "00f7762f1196c4b4c8984ceaec8cd6108f67284a1539a6a11ad0d285b61be7e5043f0d7edd4f29007e07bac62a4d0"
     "39e1316255182c75e5f96f416131072251fe503"},
};
enum { EXCHANGES = sizeof exchanges / sizeof *exchanges };

static psa_key_id_t import(const struct exchange *x, const uint8_t *scalar)
{
    psa_key_attributes_t a = PSA_KEY_ATTRIBUTES_INIT;
    psa_key_id_t key = 0;
    psa_set_key_type(&a, PSA_KEY_TYPE_ECC_KEY_PAIR(x->family));
    psa_set_key_bits(&a, x->bits);
    psa_set_key_usage_flags(&a, PSA_KEY_USAGE_DERIVE | PSA_KEY_USAGE_EXPORT);
    psa_set_key_algorithm(&a, PSA_ALG_ECDH);
    assert_int_equal(scalar == NULL ? psa_generate_key(&a, &key)
                                    : psa_import_key(&a, scalar, x->scalar_size, &key),
                     PSA_SUCCESS);
    return key;
}

static psa_status_t agree(psa_key_id_t key, const uint8_t *peer, size_t peer_size,
                          uint8_t shared[SCALAR_MAX])
{
    size_t size;
    return psa_raw_key_agreement(PSA_ALG_ECDH, key, peer, peer_size, shared, SCALAR_MAX, &size);
}

static void public_of(const struct exchange *x, psa_key_id_t key, uint8_t point[POINT_MAX])
{
    size_t size;
    assert_int_equal(psa_export_public_key(key, point, POINT_MAX, &size), PSA_SUCCESS);
    assert_int_equal(size, x->point_size);
}

static void exchanges_meet_published_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXCHANGES; i++) {
        const struct exchange *x = &exchanges[i];
        uint8_t scalar[SCALAR_MAX], point[POINT_MAX], peer[POINT_MAX], shared[SCALAR_MAX];
        from_hex(x->scalar, scalar);
        from_hex(x->peer, peer);
        psa_key_id_t key = import(x, scalar);
        public_of(x, key, point);
        assert_hex(point, x->point_size, x->point);
        assert_int_equal(agree(key, peer, x->point_size, shared), PSA_SUCCESS);
        assert_hex(shared, x->scalar_size, x->shared);
        psa_destroy_key(key);
    }
}

/* Each secret is the next scalar (a top bit taken off, so that it is in range). */
static void chained_exchanges_are_mbedtls_s(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXCHANGES; i++) {
        const struct exchange *x = &exchanges[i];
        uint8_t scalar[SCALAR_MAX], point[POINT_MAX];
        from_hex(x->scalar, scalar);
        from_hex(x->peer, point);
        for (int n = 0; n < 20; n++) {
            if (x->family != PSA_ECC_FAMILY_MONTGOMERY)
                scalar[0] &= x->bits == 521 ? 0 : 0x7f;
            psa_key_id_t key = import(x, scalar);
            assert_int_equal(agree(key, point, x->point_size, scalar), PSA_SUCCESS);
            public_of(x, key, point);
            psa_destroy_key(key);
        }
        assert_hex(scalar, x->scalar_size, x->chained);
    }
}

/* ---- X25519 ---- */

/* RFC 7748 5.2: the secret becomes the scalar, the scalar the point. */
static void iterated_x25519_meets_rfc_7748(void **state)
{
    (void)state;
    uint8_t scalar[SCALAR_MAX] = {9}, point[32] = {9}, shared[SCALAR_MAX];
    for (int n = 1; n <= 1000; n++) {
        psa_key_id_t key = import(&exchanges[0], scalar);
        assert_int_equal(agree(key, point, 32, shared), PSA_SUCCESS);
        psa_destroy_key(key);
        memcpy(point, scalar, 32);
        memcpy(scalar, shared, 32);
        if (n == 1)
            assert_hex(shared, 32,
                       "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
    assert_hex(shared, 32, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

/* Points about 0, p and 2^255, of which few lie on the curve, and ones with long runs of bits. */
static void edge_point(int n, uint8_t point[32])
{
    memset(point, n % 2 == 0 ? 0x00 : 0xff, 32);
    if (n < 128) {
        point[0] = (uint8_t)(n * 2 + 2);
    } else {
        bytes_of((uint32_t)n, point + n % 25, 7);
        point[31] ^= n % 3 == 0 ? 0x80 : 0;
    }
}

static void x25519_of_odd_points_is_mbedtls_s(void **state)
{
    (void)state;
    uint8_t hash[32];
    mbedtls_sha256_context h;
    mbedtls_sha256_init(&h);
    mbedtls_sha256_starts(&h, 0);
    for (int n = 0; n < 600; n++) {
        uint8_t scalar[32], point[32], shared[SCALAR_MAX] = {0};
        bytes_of((uint32_t)n, scalar, 32);
        if (n % 5 == 0)
            memset(scalar, n % 2 == 0 ? 0x00 : 0xff, 32);
        edge_point(n, point);
        psa_key_id_t key = import(&exchanges[0], scalar);
        bool good = agree(key, point, 32, shared) == PSA_SUCCESS;
        psa_destroy_key(key);
        mbedtls_sha256_update(&h, (const uint8_t *)(good ? "+" : "-"), 1);
        if (good)
            mbedtls_sha256_update(&h, shared, 32);
    }
    mbedtls_sha256_finish(&h, hash);
    mbedtls_sha256_free(&h);
    assert_hex(hash, 32, "13beb0583bcccf15a596fbb26b6f0f824a01edc17cbd33ed9dcc68b7c1f22e2e");
}

/* ---- the same by TLS 1.2's way ---- */

struct numbers {
    mbedtls_ecp_group group;
    mbedtls_mpi d, z;
    mbedtls_ecp_point point;
};

static void numbers_init(struct numbers *n, mbedtls_ecp_group_id id)
{
    mbedtls_ecp_group_init(&n->group);
    mbedtls_mpi_init(&n->d);
    mbedtls_mpi_init(&n->z);
    mbedtls_ecp_point_init(&n->point);
    assert_int_equal(mbedtls_ecp_group_load(&n->group, id), 0);
}

static void numbers_free(struct numbers *n)
{
    mbedtls_ecp_group_free(&n->group);
    mbedtls_mpi_free(&n->d);
    mbedtls_mpi_free(&n->z);
    mbedtls_ecp_point_free(&n->point);
}

static void both_ways_agree_with_each_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXCHANGES; i++) {
        const struct exchange *x = &exchanges[i];
        uint8_t theirs[POINT_MAX], ours[POINT_MAX], shared[SCALAR_MAX], secret[SCALAR_MAX];
        size_t size;
        struct numbers n;
        numbers_init(&n, x->id);
        assert_int_equal(mbedtls_ecdh_gen_public(&n.group, &n.d, &n.point, rng, NULL), 0);
        assert_int_equal(mbedtls_ecp_check_privkey(&n.group, &n.d), 0);
        assert_int_equal(mbedtls_ecp_check_pubkey(&n.group, &n.point), 0);
        assert_int_equal(mbedtls_ecp_point_write_binary(&n.group, &n.point,
                                                        MBEDTLS_ECP_PF_UNCOMPRESSED, &size, ours,
                                                        sizeof ours),
                         0);
        psa_key_id_t key = import(x, NULL);
        public_of(x, key, theirs);
        assert_int_equal(agree(key, ours, size, secret), PSA_SUCCESS);
        psa_destroy_key(key);
        assert_int_equal(mbedtls_ecp_point_read_binary(&n.group, &n.point, theirs, x->point_size),
                         0);
        assert_int_equal(mbedtls_ecdh_compute_shared(&n.group, &n.z, &n.point, &n.d, rng, NULL), 0);
        assert_int_equal(x->family == PSA_ECC_FAMILY_MONTGOMERY
                             ? mbedtls_mpi_write_binary_le(&n.z, shared, x->scalar_size)
                             : mbedtls_mpi_write_binary(&n.z, shared, x->scalar_size),
                         0);
        assert_memory_equal(shared, secret, x->scalar_size);
        numbers_free(&n);
    }
}

static void keys_are_fresh(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXCHANGES; i++) {
        uint8_t a[SCALAR_MAX], b[SCALAR_MAX];
        size_t size;
        psa_key_id_t first = import(&exchanges[i], NULL), second = import(&exchanges[i], NULL);
        assert_int_equal(psa_export_key(first, a, sizeof a, &size), PSA_SUCCESS);
        assert_int_equal(size, exchanges[i].scalar_size);
        assert_int_equal(psa_export_key(second, b, sizeof b, &size), PSA_SUCCESS);
        assert_memory_not_equal(a, b, size);
        psa_destroy_key(first);
        psa_destroy_key(second);
    }
}

/* ---- bad points and scalars ---- */

static void points_of_low_order_are_refused(void **state)
{
    (void)state;
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
    };
    psa_key_id_t key = import(&exchanges[0], NULL);
    struct numbers n;
    numbers_init(&n, MBEDTLS_ECP_DP_CURVE25519);
    assert_int_equal(mbedtls_ecdh_gen_public(&n.group, &n.d, &n.point, rng, NULL), 0);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        uint8_t point[32], shared[SCALAR_MAX];
        from_hex(points[i], point);
        assert_int_equal(agree(key, point, 32, shared), PSA_ERROR_INVALID_ARGUMENT);
        assert_int_equal(mbedtls_ecp_point_read_binary(&n.group, &n.point, point, 32), 0);
        assert_int_not_equal(mbedtls_ecdh_compute_shared(&n.group, &n.z, &n.point, &n.d, rng, NULL),
                             0);
    }
    numbers_free(&n);
    psa_destroy_key(key);
}

static void assert_no_agreement(psa_key_id_t key, const uint8_t *point, size_t size)
{
    uint8_t shared[SCALAR_MAX];
    assert_int_not_equal(agree(key, point, size, shared), PSA_SUCCESS);
}

static void bad_points_are_refused(void **state)
{
    (void)state;
    for (size_t i = 1; i < EXCHANGES; i++) {
        const struct exchange *x = &exchanges[i];
        const size_t size = x->point_size;
        uint8_t good[POINT_MAX], bad[POINT_MAX];
        psa_key_id_t key = import(x, NULL);
        from_hex(x->peer, good);
        memcpy(bad, good, size);
        bad[size - 1] ^= 1; /* not on the curve */
        assert_no_agreement(key, bad, size);
        memset(bad + 1, 0xff, size - 1); /* coordinates that are no field elements */
        assert_no_agreement(key, bad, size);
        memset(bad + 1, 0, size - 1); /* nearly infinity */
        assert_no_agreement(key, bad, size);
        bad[0] = 0; /* infinity */
        assert_no_agreement(key, bad, size);
        assert_no_agreement(key, bad, 1);
        memcpy(bad, good, size); /* another form, or none */
        bad[0] = 2 + (good[size - 1] & 1);
        assert_no_agreement(key, bad, 1 + x->scalar_size);
        assert_no_agreement(key, bad, size);
        bad[0] = 6 + (good[size - 1] & 1);
        assert_no_agreement(key, bad, size);
        assert_no_agreement(key, good, size - 1);
        assert_no_agreement(key, good, 0);
        psa_destroy_key(key);
    }
}

static void infinity_and_bad_scalars_are_refused_by_tls12_s_way(void **state)
{
    (void)state;
    for (size_t i = 1; i < EXCHANGES; i++) {
        struct numbers n;
        numbers_init(&n, exchanges[i].id);
        assert_int_equal(mbedtls_ecdh_gen_public(&n.group, &n.d, &n.point, rng, NULL), 0);
        mbedtls_mpi_add_int(&n.point.MBEDTLS_PRIVATE(Y), &n.point.MBEDTLS_PRIVATE(Y), 1);
        assert_int_not_equal(mbedtls_ecdh_compute_shared(&n.group, &n.z, &n.point, &n.d, rng, NULL),
                             0);
        mbedtls_ecp_set_zero(&n.point);
        assert_int_not_equal(mbedtls_ecdh_compute_shared(&n.group, &n.z, &n.point, &n.d, rng, NULL),
                             0);
        mbedtls_ecp_copy(&n.point, &n.group.G);
        mbedtls_mpi_lset(&n.d, 0);
        assert_int_not_equal(mbedtls_ecdh_compute_shared(&n.group, &n.z, &n.point, &n.d, rng, NULL),
                             0);
        mbedtls_mpi_copy(&n.d, &n.group.N);
        assert_int_not_equal(mbedtls_ecdh_compute_shared(&n.group, &n.z, &n.point, &n.d, rng, NULL),
                             0);
        numbers_free(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchanges_meet_published_answers),
        cmocka_unit_test(chained_exchanges_are_mbedtls_s),
        cmocka_unit_test(iterated_x25519_meets_rfc_7748),
        cmocka_unit_test(x25519_of_odd_points_is_mbedtls_s),
        cmocka_unit_test(both_ways_agree_with_each_other),
        cmocka_unit_test(keys_are_fresh),
        cmocka_unit_test(points_of_low_order_are_refused),
        cmocka_unit_test(bad_points_are_refused),
        cmocka_unit_test(infinity_and_bad_scalars_are_refused_by_tls12_s_way),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
