/* test_accel_hash.c - SHA-2 and TLS 1.3's key schedule: published answers, and mbedTLS's */
#include "tests/unit/tls/vectors.h"
#include "tls/mbed.h"
#include "tls/tls.h"

#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>

#include <ssl_misc.h> /* of mbedTLS's library/ */
#include <ssl_tls13_keys.h>

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    return tls_init(&e);
}

/* ---- SHA-2 ---- */

static void sha2_meets_published_answers(void **state)
{
    (void)state;
    static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    const uint8_t *abc = (const uint8_t *)"abc", *two = (const uint8_t *)two_blocks;
    uint8_t hash[64];
    mbedtls_sha256(abc, 3, hash, 0);
    assert_hex(hash, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    mbedtls_sha256(two, 56, hash, 0);
    assert_hex(hash, 32, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    mbedtls_sha512(abc, 3, hash, 1);
    assert_hex(hash, 48,
               "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
               "8086072ba1e7cc2358baeca134c825a7");
    mbedtls_sha512(abc, 3, hash, 0);
    assert_hex(hash, 64,
               "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
               "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

/* Every length over several blocks, each hash hashed into the next. */
static void sha2_of_every_length_is_mbedtls_s(void **state)
{
    (void)state;
    uint8_t data[700], hash256[32] = {0}, hash512[64] = {0};
    bytes_of(1, data, sizeof data);
    for (size_t size = 0; size <= sizeof data; size++) {
        mbedtls_sha256(data, size, hash256, 0);
        mbedtls_sha512(data, size, hash512, 0);
        for (size_t i = 0; i < 32; i++)
            data[(size + i) % sizeof data] ^= hash256[i] ^ hash512[i];
    }
    assert_hex(hash256, 32, "88d3e77948c28b96bb5d0866ae95ad09753a95e4440f7d1614ab56141422f1f5");
    assert_hex(hash512, 64,
               "188395ec7dcdcd6a3c63d9827ba0918d6f372a3a5624bf05ffe1cad57303f70940198a2135291854870"
               "de04738b96da6ed334d8980e7ee70827333eaa87ef3f1");
}

/* ---- TLS 1.3's key schedule ---- */

static void expand(psa_algorithm_t hash, const uint8_t *secret, const char *label,
                   const uint8_t *context, size_t context_size, uint8_t *out, size_t size)
{
    assert_int_equal(mbedtls_ssl_tls13_hkdf_expand_label(hash, secret, PSA_HASH_LENGTH(hash),
                                                         (const uint8_t *)label, strlen(label),
                                                         context, context_size, out, size),
                     0);
}

static void the_key_schedule_meets_rfc_8448(void **state)
{
    (void)state;
    uint8_t early[32], handshake[32], traffic[32], shared[32], transcript[32], out[32];
    from_hex("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d", shared);
    from_hex("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8", transcript);
    assert_int_equal(mbedtls_ssl_tls13_evolve_secret(PSA_ALG_SHA_256, NULL, NULL, 0, early), 0);
    assert_hex(early, 32, "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a");
    assert_int_equal(mbedtls_ssl_tls13_evolve_secret(PSA_ALG_SHA_256, early, shared, 32, handshake),
                     0);
    assert_hex(handshake, 32, "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac");
    expand(PSA_ALG_SHA_256, handshake, "s hs traffic", transcript, 32, traffic, 32);
    assert_hex(traffic, 32, "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
    expand(PSA_ALG_SHA_256, traffic, "key", NULL, 0, out, 16);
    assert_hex(out, 16, "3fce516009c21727d0f2e4e86ee403bc");
    expand(PSA_ALG_SHA_256, traffic, "iv", NULL, 0, out, 12);
    assert_hex(out, 12, "5d313eb2671276ee13000b30");
}

static void chained_secrets_are_mbedtls_s(void **state)
{
    (void)state;
    static const psa_algorithm_t hashes[] = {PSA_ALG_SHA_256, PSA_ALG_SHA_384};
    static const char *const expected[] = {
        "c35164770c604868cdbef0891dba68c99322c12040bfd34a5b51370f970ce7df",
        "340233f0707d98539aafeb49ddd260659cd86074ea5446310f1a3d16281319229c5b2954559f6da92b20e46b8a"
        "04d8e7"};
    for (size_t i = 0; i < 2; i++) {
        const size_t size = PSA_HASH_LENGTH(hashes[i]);
        uint8_t secret[48], input[48];
        bytes_of(3, secret, sizeof secret);
        bytes_of(4, input, sizeof input);
        for (size_t n = 0; n < 60; n++) {
            uint8_t next[48];
            expand(hashes[i], secret, "traffic upd", input, n % (size + 1), input, 1 + n % size);
            assert_int_equal(
                mbedtls_ssl_tls13_evolve_secret(hashes[i], secret, input, n % (size + 1), next), 0);
            memcpy(secret, next, size);
        }
        assert_hex(secret, size, expected[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha2_meets_published_answers),
        cmocka_unit_test(sha2_of_every_length_is_mbedtls_s),
        cmocka_unit_test(the_key_schedule_meets_rfc_8448),
        cmocka_unit_test(chained_secrets_are_mbedtls_s),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
