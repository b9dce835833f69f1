/* test_accel_aead.c - AES-GCM and ChaCha20-Poly1305, by AWS-LC and by mbedTLS */
#include "tests/unit/tls/vectors.h"
#include "tls/tls.h"

#include <mbedtls/chachapoly.h>
#include <mbedtls/gcm.h>
#include <mbedtls/sha256.h>

enum { AES128, AES256, CHACHA20, ALGORITHMS };
enum { TAG = 16, NONCE = 12, MAX = 20000 };

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    return tls_init(&e);
}

/* ---- one interface for both ---- */

union cipher {
    mbedtls_gcm_context gcm;
    mbedtls_chachapoly_context chacha;
};

struct message {
    const uint8_t *nonce, *data;
    size_t data_size;
    const uint8_t *in;
    uint8_t *out;
    size_t size;
};

static void cipher_start(union cipher *c, int algorithm, const uint8_t key[32])
{
    if (algorithm == CHACHA20) {
        mbedtls_chachapoly_init(&c->chacha);
        assert_int_equal(mbedtls_chachapoly_setkey(&c->chacha, key), 0);
        return;
    }
    mbedtls_gcm_init(&c->gcm);
    assert_int_equal(
        mbedtls_gcm_setkey(&c->gcm, MBEDTLS_CIPHER_ID_AES, key, algorithm == AES128 ? 128 : 256),
        0);
}

static void cipher_end(union cipher *c, int algorithm)
{
    if (algorithm == CHACHA20)
        mbedtls_chachapoly_free(&c->chacha);
    else
        mbedtls_gcm_free(&c->gcm);
}

static void seal(union cipher *c, int algorithm, const struct message *m, uint8_t tag[TAG])
{
    if (algorithm == CHACHA20)
        assert_int_equal(mbedtls_chachapoly_encrypt_and_tag(&c->chacha, m->size, m->nonce, m->data,
                                                            m->data_size, m->in, m->out, tag),
                         0);
    else
        assert_int_equal(mbedtls_gcm_crypt_and_tag(&c->gcm, MBEDTLS_GCM_ENCRYPT, m->size, m->nonce,
                                                   NONCE, m->data, m->data_size, m->in, m->out, TAG,
                                                   tag),
                         0);
}

static int unseal(union cipher *c, int algorithm, const struct message *m, const uint8_t tag[TAG])
{
    return algorithm == CHACHA20
               ? mbedtls_chachapoly_auth_decrypt(&c->chacha, m->size, m->nonce, m->data,
                                                 m->data_size, tag, m->in, m->out)
               : mbedtls_gcm_auth_decrypt(&c->gcm, m->size, m->nonce, NONCE, m->data, m->data_size,
                                          tag, TAG, m->in, m->out);
}

static int forged(int algorithm)
{
    return algorithm == CHACHA20 ? MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED : MBEDTLS_ERR_GCM_AUTH_FAILED;
}

/* ---- published answers ---- */

static const struct vector {
    int algorithm;
    const char *key, *nonce, *data, *clear, *sealed, *tag;
} vectors[] = {
    /* The GCM specification's test cases 1, 2, 4, 13, 14 and 16. */
    {AES128, "00000000000000000000000000000000", "000000000000000000000000", "", "", "",
     "58e2fccefa7e3061367f1d57a4e7455a"},
    {AES128, "00000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78",
     "ab6e47d42cec13bdf53a67b21257bddf"},
    {AES128, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {AES256, "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {AES256, "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
    {AES256, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    /* RFC 8439 2.8.2. */
    {CHACHA20, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
     "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
     "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
     "637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
     "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
     "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b6116",
     "1ae10b594f09e26a7e902ecbd0600691"},
};

static void check_vector(const struct vector *v)
{
    uint8_t key[32], nonce[NONCE], data[32], clear[128], sealed[128], expected[128];
    uint8_t tag[TAG], expected_tag[TAG];
    from_hex(v->key, key);
    from_hex(v->nonce, nonce);
    size_t data_size = from_hex(v->data, data), size = from_hex(v->clear, clear);
    from_hex(v->sealed, expected);
    from_hex(v->tag, expected_tag);
    const uint8_t *in = size > 0 ? clear : NULL; /* which is no bytes, too */
    uint8_t *out = size > 0 ? sealed : NULL;
    union cipher c;
    cipher_start(&c, v->algorithm, key);
    seal(&c, v->algorithm, &(struct message){nonce, data, data_size, in, out, size}, tag);
    assert_memory_equal(sealed, expected, size);
    assert_memory_equal(tag, expected_tag, TAG);
    memset(expected, 0, sizeof expected);
    struct message m = {nonce, data, data_size, out, size > 0 ? expected : NULL, size};
    assert_int_equal(unseal(&c, v->algorithm, &m, tag), 0);
    assert_memory_equal(expected, clear, size);
    cipher_end(&c, v->algorithm);
}

static void published_answers_are_met(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        check_vector(&vectors[i]);
}

/* ---- mbedTLS's answers ---- */

static const size_t data_sizes[] = {5, 13, 0, 1, 16, 40}; /* TLS 1.3's, 1.2's, others */

/* The hash of what comes out for every size up to 600 and some larger ones. */
static void hash_of_all(int algorithm, uint8_t hash[32])
{
    static uint8_t in[MAX], out[MAX];
    uint8_t key[32], nonce[NONCE], data[40], tag[TAG];
    union cipher c;
    mbedtls_sha256_context h;
    mbedtls_sha256_init(&h);
    mbedtls_sha256_starts(&h, 0);
    bytes_of(1, key, sizeof key);
    bytes_of(2, in, sizeof in);
    bytes_of(3, data, sizeof data);
    cipher_start(&c, algorithm, key);
    for (size_t size = 0; size <= MAX; size = size < 600 ? size + 1 : size + 1 + size / 3) {
        bytes_of((uint32_t)size, nonce, sizeof nonce);
        size_t data_size = data_sizes[size % 6];
        seal(&c, algorithm, &(struct message){nonce, data, data_size, in, out, size}, tag);
        mbedtls_sha256_update(&h, out, size);
        mbedtls_sha256_update(&h, tag, TAG);
    }
    cipher_end(&c, algorithm);
    mbedtls_sha256_finish(&h, hash);
    mbedtls_sha256_free(&h);
}

static void every_size_gives_what_mbedtls_gives(void **state)
{
    (void)state;
    /* Made by mbedTLS's own code, which the build without tls/accel/ confirms. */
    static const char *const expected[ALGORITHMS] = {
        "92f66cbf298fdd2968531f4882f3f703e9c898deb80922bc509e3d0ddaaf9c67",
        "1d0c822c9f4ec5edbeaadc0c207f4f0198236f3b64166025d684c0852ad8bda2",
        "ccd1b2a6926e6b49a2cfb3cca46d090c50a0dcff72cf15bd1e419ed2e2952a95",
    };
    for (int a = 0; a < ALGORITHMS; a++) {
        uint8_t hash[32];
        hash_of_all(a, hash);
        assert_hex(hash, sizeof hash, expected[a]);
    }
}

/* ---- places ---- */

static void check_place(int algorithm, size_t size, size_t offset)
{
    static uint8_t clear[MAX], apart[MAX + 64], place[MAX + 64];
    uint8_t key[32], nonce[NONCE], data[13], tag[TAG], tag_in_place[TAG];
    union cipher c;
    bytes_of(7, key, sizeof key);
    bytes_of(8, nonce, sizeof nonce);
    bytes_of(9, data, sizeof data);
    bytes_of(10, clear, size);
    memset(apart, 0xee, sizeof apart);
    memcpy(place + offset, clear, size);
    cipher_start(&c, algorithm, key);
    seal(&c, algorithm, &(struct message){nonce, data, 13, clear, apart + offset, size}, tag);
    seal(&c, algorithm, &(struct message){nonce, data, 13, place + offset, place + offset, size},
         tag_in_place);
    assert_memory_equal(tag, tag_in_place, TAG);
    assert_memory_equal(apart + offset, place + offset, size);
    assert_int_equal(apart[offset + size], 0xee);
    struct message m = {nonce, data, 13, place + offset, place + offset, size};
    assert_int_equal(unseal(&c, algorithm, &m, tag), 0);
    assert_memory_equal(place + offset, clear, size);
    memset(place, 0xee, sizeof place);
    m = (struct message){nonce, data, 13, apart + offset, place + offset, size};
    assert_int_equal(unseal(&c, algorithm, &m, tag), 0);
    assert_memory_equal(place + offset, clear, size);
    assert_int_equal(place[offset + size], 0xee);
    cipher_end(&c, algorithm);
}

static void in_place_and_apart_give_the_same(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 15, 16, 17, 255, 1024, 16384};
    for (int a = 0; a < ALGORITHMS; a++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (size_t offset = 0; offset < 17; offset += 5)
                check_place(a, sizes[i], offset);
}

/* ---- forgeries ---- */

static void assert_refused(union cipher *c, int algorithm, struct message m, const uint8_t *tag)
{
    uint8_t out[256], zeros[256] = {0};
    memset(out, 0xaa, sizeof out);
    m.out = out;
    assert_int_equal(unseal(c, algorithm, &m, tag), forged(algorithm));
    assert_memory_equal(out, zeros, m.size);
    assert_int_equal(out[m.size], 0xaa);
}

static void check_forgeries_of(int algorithm, size_t size)
{
    uint8_t key[32], nonce[NONCE], data[13], clear[256], sealed[256], tag[TAG];
    union cipher c;
    bytes_of(11, key, sizeof key);
    bytes_of(12, nonce, sizeof nonce);
    bytes_of(13, data, sizeof data);
    bytes_of(14, clear, size);
    cipher_start(&c, algorithm, key);
    seal(&c, algorithm, &(struct message){nonce, data, 13, clear, sealed, size}, tag);
    struct message m = {nonce, data, 13, sealed, NULL, size};
    for (size_t i = 0; i < (size_t)TAG * 8; i++) {
        tag[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_refused(&c, algorithm, m, tag);
        tag[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    for (size_t i = 0; i < size; i++) {
        sealed[i] ^= 0x10;
        assert_refused(&c, algorithm, m, tag);
        sealed[i] ^= 0x10;
    }
    for (size_t shorter = 0; shorter < size; shorter++) {
        m.size = shorter;
        assert_refused(&c, algorithm, m, tag);
    }
    m.size = size;
    m.data_size = 12;
    assert_refused(&c, algorithm, m, tag);
    m.data_size = 13;
    data[0] ^= 1;
    assert_refused(&c, algorithm, m, tag);
    data[0] ^= 1;
    nonce[11] ^= 1;
    assert_refused(&c, algorithm, m, tag);
    nonce[11] ^= 1;
    uint8_t back[256];
    m.out = back;
    assert_int_equal(unseal(&c, algorithm, &m, tag), 0); /* after all that */
    assert_memory_equal(back, clear, size);
    cipher_end(&c, algorithm);
}

static void forgeries_are_refused_and_leave_nothing(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 16, 33, 200};
    for (int a = 0; a < ALGORITHMS; a++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            check_forgeries_of(a, sizes[i]);
}

/* ---- keys ---- */

/* Contexts come and go, at addresses that others had, and take turns. */
static void many_keys_take_turns(void **state)
{
    (void)state;
    enum { CONTEXTS = 7 };
    union cipher c[CONTEXTS];
    uint8_t key[32], nonce[NONCE] = {0}, data[5] = {0}, clear[100], sealed[100], first[100];
    uint8_t tag[TAG], first_tag[TAG];
    bytes_of(20, clear, sizeof clear);
    struct message m = {nonce, data, 5, clear, sealed, sizeof clear};
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < CONTEXTS; i++) {
            bytes_of((uint32_t)(100 + i), key, sizeof key);
            cipher_start(&c[i], (i + round) % ALGORITHMS, key);
        }
        for (int turn = 0; turn < 4 * CONTEXTS; turn++) {
            int i = turn * 3 % CONTEXTS;
            struct message back = {nonce, data, 5, sealed, sealed, sizeof clear};
            seal(&c[i], (i + round) % ALGORITHMS, &m, tag);
            if (i == 0 && turn == 0) {
                memcpy(first, sealed, sizeof first);
                memcpy(first_tag, tag, TAG);
            } else if (i == 0) {
                assert_memory_equal(sealed, first, sizeof first);
                assert_memory_equal(tag, first_tag, TAG);
            }
            assert_int_equal(unseal(&c[i], (i + round) % ALGORITHMS, &back, tag), 0);
            assert_memory_equal(sealed, clear, sizeof clear);
        }
        for (int i = 0; i < CONTEXTS; i++)
            cipher_end(&c[i], (i + round) % ALGORITHMS);
    }
}

/* A context that gets another key uses that one from then on. */
static void a_new_key_takes_effect_at_once(void **state)
{
    (void)state;
    mbedtls_gcm_context c;
    uint8_t key[32], nonce[NONCE] = {0}, in[16] = {0}, old_tag[TAG], tag[TAG], out[16];
    bytes_of(30, key, sizeof key);
    mbedtls_gcm_init(&c);
    mbedtls_gcm_setkey(&c, MBEDTLS_CIPHER_ID_AES, key, 128);
    mbedtls_gcm_crypt_and_tag(&c, MBEDTLS_GCM_ENCRYPT, 16, nonce, NONCE, NULL, 0, in, out, TAG,
                              old_tag);
    key[0] ^= 1;
    mbedtls_gcm_setkey(&c, MBEDTLS_CIPHER_ID_AES, key, 128);
    mbedtls_gcm_crypt_and_tag(&c, MBEDTLS_GCM_ENCRYPT, 16, nonce, NONCE, NULL, 0, in, out, TAG,
                              tag);
    assert_memory_not_equal(tag, old_tag, TAG);
    assert_int_equal(mbedtls_gcm_auth_decrypt(&c, 16, nonce, NONCE, NULL, 0, tag, TAG, out, out),
                     0);
    mbedtls_gcm_free(&c);
}

/* A session keeps two of these while it idles. */
static void a_context_is_wiped_when_freed(void **state)
{
    (void)state;
    union cipher c;
    uint8_t key[32], zeros[sizeof c] = {0};
    bytes_of(40, key, sizeof key);
    for (int a = 0; a < ALGORITHMS; a++) {
        memset(&c, 0, sizeof c);
        cipher_start(&c, a, key);
        assert_memory_not_equal(&c, zeros, sizeof c);
        cipher_end(&c, a);
        assert_memory_equal(&c, zeros, a == CHACHA20 ? sizeof c.chacha : sizeof c.gcm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_answers_are_met),
        cmocka_unit_test(every_size_gives_what_mbedtls_gives),
        cmocka_unit_test(in_place_and_apart_give_the_same),
        cmocka_unit_test(forgeries_are_refused_and_leave_nothing),
        cmocka_unit_test(many_keys_take_turns),
        cmocka_unit_test(a_new_key_takes_effect_at_once),
        cmocka_unit_test(a_context_is_wiped_when_freed),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
