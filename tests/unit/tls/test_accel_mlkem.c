/* test_accel_mlkem.c - ML-KEM-768 against what NIST says, and against itself */
#ifdef TLSFRONT_ACCEL
#include "tests/unit/tls/vectors.h"
#include "tls/accel/accel.h"
#include "tls/memory.h"
#include "tls/tls.h"

#include "accel_mlkem.h"

#include <mbedtls/sha256.h>

/* NIST's ACVP vectors for ML-KEM-768, FIPS 203 encapsulation, test case 26; of the ciphertext its
 * SHA-256. */
static const char nist_key[] =
    "bef6a4f25671d65643b8fb83ee702fd62029d0b4bac82c0d3f699058337c2d759de3b257160a723480aa5eb6"
    "bbe1c62cd293b24d86a09d094dabbb3ef4db9c93305e2d8c1ac2b79345ca206106a5964bb380bc5f1d2b59e7"
    "e21521e57d5fc226c610377380ca92cc162adb3f15600f748102b6fb78915aa5e678be349c3a9b2713c0d60c"
    "1d05c4c6dbaa5bb8356ac165f444c1675c97cbf50855e0c710d25cde88c528d50bfe896fd39846a0b9c59954"
    "4d98c69580c18c0211b4684614339b490e367f3a8bbc5536615197ca36f9ac8dc8091ecaa3846900c538c44b"
    "617d476306005671a4e3239ef01f4d913a82754483848e1ac66a3d42c25fbc732a2a594008ac00b561f70103"
    "19b87317311e73e971ba051e5aa0ba4d1b27c729a3c8ccabfaab52726b34a5bc5da337b6d58911395a72da61"
    "17ca9523efa5b985aca94863c4a66676ca3a94b94437ae19a76afcb8c7c980f4e2c2220799925c23e200a768"
    "3556f058c0f5a552d45aac17272cbd398a89f234747149f8c79a0a808697ba2e74a58987620b227c7e001279"
    "6ea76bbc459b2a637ca2d65e43f92b535c0b33578500281a5fdc3d3654821252cee20339d49088ca1422a822"
    "764e3acbe8180e26168de2563052482a4e562237a341ae7caa80533126727e96d555230a5782a7addec4cb5e"
    "9cc874336a4076aeab83997a7b507af25bb1720ce6aaa27fbc1f2adc40f5c97e4f9058eb57a0216c2d0a8339"
    "1a3714c8abc1e1230378770f105c58ff2b54ed2921d0d977bb203beb8b8200ec76f6c548b6c440e5b9b82a0c"
    "1bf168bd61e4a8e3a2831ba78db3a98ec7fc8161291c1fd5a1de1144dddb344af4bd74b7c846a40326c21713"
    "1b5e5260af137795fa03907586a4ba8880c7bbb4f98a32a1518b9aa1132129b5410500cedb26eff968ac52ca"
    "e6e8766afa3c375a63743badb0358ce8a5c02f437f262936b28bb320e366f2102abaa2a85c74658e3a19610b"
    "97f76a2d564a579ba368c74a1cc1c518f87a78a4bc519e4cc516303014d905d7181309d9318f717d3d08ad53"
    "b89664c45b83da31bdda09c24293f0344fdc317b88e099076098191567a1a7bb8fb5331e83a9ba70cf01a573"
    "02370e45f103dc012d3597a2d13cbf3af130b919762027915705d0559957681a1d30949981317dd0c467b698"
    "a0da396b31948c4b8b251a0cb9d225aef22badef967ca7f97a1d3c82c8e99247e9a9579909e57a669234c5f4"
    "263ce3e8ad04f1acc77075a7a2007166bc6ad1cf795329e6b5c6ff9ba16baac94e126b52d0489fd393dc9764"
    "baa58004f157fb159e67eb36a0b46a22cb660a402e2131800302007d394d5f37b7d92a8ef1e88509a55bef55"
    "009640c29cda00a9e26a74c42b2a2601a0041a326c6ae916043c7b95c4b55e14a364199b246c0b85c2490f29"
    "7050a87a19f7a283483522c3696ec15396f9041901b03f068ca4640444c59b782461aeb61c864a0bd0270a50"
    "90b2b477e743b5f4b11ab22cddda9a0448a48fd0739091b54ee953c583458499a0af700c64e14a5562905e74"
    "01ed503000cc2668725505a820b4c400ecdc7922db33672abc19028b4d8039398b37174c671a820510ca1b38"
    "e636c6b3894c72acf699cc4644746ea25f3dc909f7d1e64550a398bf5e986a536efc3a3803681aa4";
static const char nist_message[] =
    "6703e626702e99f0990b4d191dde3374a629e75ab3a45044e681ff553f22ff80";
static const char nist_secret[] =
    "1c3e20c191cb5cc748c4a1162827413ecc0bd4380a2c486e87a7a0246a59c0e8";
static const char nist_ciphertext[] =
    "ef5a3f816e9179fce6fff47658184de8edf701b98b9ef8aaccf5ca06b32698c0";

static int setup(void **state)
{
    (void)state;
    struct err e;
    return tls_init(&e);
}

static void nists_vector_is_met(void **state)
{
    (void)state;
    uint8_t key[ACCEL_MLKEM768_KEY], message[ACCEL_MLKEM768_MESSAGE],
        ciphertext[ACCEL_MLKEM768_CIPHERTEXT], secret[ACCEL_MLKEM768_SECRET], digest[32];
    assert_int_equal(from_hex(nist_key, key), sizeof key);
    assert_int_equal(from_hex(nist_message, message), sizeof message);
    assert_int_equal(accel_mlkem768_encapsulate_message(key, message, ciphertext, secret),
                     PSA_SUCCESS);
    assert_hex(secret, sizeof secret, nist_secret);
    assert_int_equal(mbedtls_sha256(ciphertext, sizeof ciphertext, digest, 0), 0);
    assert_hex(digest, sizeof digest, nist_ciphertext);
}

/* FIPS 203 7.2: the key is 768 coefficients of 12 bits, each below 3329, and 32 bytes that may be
 * anything. */
static void a_key_with_a_coefficient_beyond_the_modulus_is_none(void **state)
{
    (void)state;
    enum { COEFFICIENTS = 768, MODULUS = 3329 };
    uint8_t good[ACCEL_MLKEM768_KEY], key[ACCEL_MLKEM768_KEY],
        ciphertext[ACCEL_MLKEM768_CIPHERTEXT], secret[ACCEL_MLKEM768_SECRET];
    static const uint8_t nothing[ACCEL_MLKEM768_SECRET];
    from_hex(nist_key, good);
    for (unsigned i = 0; i < 2 * COEFFICIENTS; i++) {
        const unsigned n = i / 2, value = i % 2 == 0 ? MODULUS : MODULUS - 1;
        uint8_t *pair = key + n / 2 * 3;
        memcpy(key, good, sizeof key);
        if (n % 2 == 0) {
            pair[0] = (uint8_t)value;
            pair[1] = (uint8_t)((pair[1] & 0xf0) | value >> 8);
        } else {
            pair[1] = (uint8_t)((pair[1] & 0x0f) | (value & 0x0f) << 4);
            pair[2] = (uint8_t)(value >> 4);
        }
        memset(secret, 1, sizeof secret);
        const bool is_key = value < MODULUS;
        assert_int_equal(accel_mlkem768_encapsulate(key, ciphertext, secret),
                         is_key ? PSA_SUCCESS : PSA_ERROR_INVALID_ARGUMENT);
        if (!is_key)
            assert_memory_equal(secret, nothing, sizeof secret);
    }
}

static void both_ends_have_one_secret_and_no_two_times_the_same(void **state)
{
    (void)state;
    uint8_t seed[ACCEL_MLKEM768_SEED], key[ACCEL_MLKEM768_KEY],
        ciphertext[ACCEL_MLKEM768_CIPHERTEXT], secret[ACCEL_MLKEM768_SECRET],
        theirs[ACCEL_MLKEM768_SECRET], before[ACCEL_MLKEM768_SECRET] = {0};
    for (unsigned i = 0; i < 50; i++) {
        bytes_of(i / 2, seed, sizeof seed); /* each pair twice */
        assert_int_equal(accel_mlkem768_public(seed, key), PSA_SUCCESS);
        assert_int_equal(accel_mlkem768_encapsulate(key, ciphertext, secret), PSA_SUCCESS);
        assert_int_equal(accel_mlkem768_decapsulate(seed, ciphertext, theirs), PSA_SUCCESS);
        assert_memory_equal(secret, theirs, sizeof secret);
        assert_memory_not_equal(secret, before, sizeof secret);
        memcpy(before, secret, sizeof secret);
        ciphertext[i] ^= 1;
        assert_int_equal(accel_mlkem768_decapsulate(seed, ciphertext, theirs), PSA_SUCCESS);
        assert_memory_not_equal(secret, theirs, sizeof secret);
    }
}

static bool no_memory(size_t count, size_t size)
{
    (void)count, (void)size;
    return false;
}

static void it_needs_no_memory(void **state)
{
    (void)state;
    uint8_t key[ACCEL_MLKEM768_KEY], ciphertext[ACCEL_MLKEM768_CIPHERTEXT],
        secret[ACCEL_MLKEM768_SECRET];
    from_hex(nist_key, key);
    memory_gate = no_memory;
    const psa_status_t status = accel_mlkem768_encapsulate(key, ciphertext, secret);
    memory_gate = NULL;
    assert_int_equal(status, PSA_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nists_vector_is_met),
        cmocka_unit_test(a_key_with_a_coefficient_beyond_the_modulus_is_none),
        cmocka_unit_test(both_ends_have_one_secret_and_no_two_times_the_same),
        cmocka_unit_test(it_needs_no_memory),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
#else
int main(void)
{
    return 0; /* the build has none */
}
#endif
