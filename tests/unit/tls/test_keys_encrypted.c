/* test_keys_encrypted.c - private keys under a passphrase */
#include "tests/unit/tls/pki.c"
#include "tls/keys/inner.h"
#include "tls/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct keys_private *key;
static char *encrypted; /* under "secret" */

static int setup(void **state)
{
    (void)state;
    struct err e;
    if (tls_init(&e) != 0)
        return -1;
    key = keys_private_make(KEYS_EC_P256, &e);
    encrypted = keys_encrypt_with(key, "secret", 2, &e);
    return encrypted != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    keys_private_free(key);
    keys_free_text(encrypted);
    return 0;
}

static void every_kind_comes_back_whole(void **state)
{
    (void)state;
    for (int i = 0; i <= KEYS_RSA_2048; i++) {
        struct err e = {.text = ""};
        struct keys_private *k = keys_private_make((enum keys_kind)i, &e);
        char *closed = keys_encrypt(k, "pass phrase", &e);
        assert_non_null(closed);
        assert_true(keys_inspect(pki_slice(closed)).encrypted);
        char *open = keys_decrypt(pki_slice(closed), "key.pem", "pass phrase", &e);
        if (open == NULL)
            fail_msg("%s", e.text);
        char *plain = keys_private_pem(k, &e);
        assert_string_equal(open, plain);
        keys_free_text(plain);
        keys_free_text(open);
        keys_free_text(closed);
        keys_private_free(k);
    }
}

static void the_same_key_never_looks_the_same(void **state)
{
    (void)state;
    char *again = keys_encrypt_with(key, "secret", 2, NULL);
    assert_string_not_equal(again, encrypted);
    keys_free_text(again);
}

static void another_passphrase_does_not_open_it(void **state)
{
    static const char *const wrong[] = {"", "Secret", "secret ", "secre"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct err e = {.text = ""};
        assert_null(keys_decrypt(pki_slice(encrypted), "the/path", wrong[i], &e));
        assert_string_equal(e.text, "the/path: that is not the passphrase of the private key");
    }
}

/* Editors write it; openssl(1) takes it for a part of the passphrase. */
static void a_byte_order_mark_is_no_part_of_a_passphrase(void **state)
{
    static const char *const lines[] = {"secret", "\xef\xbb\xbfsecret"};
    struct err e = {.text = ""};
    (void)state;
    char *marked = keys_encrypt_with(key, lines[1], 2, &e);
    for (size_t i = 0; i < 2; i++) {
        char *open = keys_decrypt(pki_slice(marked), "key.pem", lines[i], &e);
        assert_non_null(open);
        keys_free_text(open);
    }
    keys_free_text(marked);
    char *open = keys_decrypt(pki_slice(encrypted), "key.pem", lines[1], &e);
    assert_non_null(open);
    keys_free_text(open);
    assert_string_equal(e.text, "");
    assert_string_equal(keys_passphrase("\xef\xbb\xbf"), "");
    assert_string_equal(keys_passphrase("\xef\xbb"), "\xef\xbb");
}

static void a_passphrase_is_a_line_without_its_end(void **state)
{
    static const struct {
        const char *file;
        size_t size;
        const char *line; /* NULL: it is none */
    } rows[] = {
        {"", 0, ""},
        {"\n", 1, ""},
        {"\r\n", 2, ""},
        {"secret", 6, "secret"},
        {" secret \nsecond", 15, " secret "},
        {"secret\r\nsecond", 14, "secret"},
        {"\xe4\n", 2, "\xe4"},
        {"secret\nse\0cond", 14, "secret"},
        {"se\0cret\n", 8, NULL},
        {"\0", 1, NULL},
        {"\xff\xfes\0e\0c\0\n\0", 10, NULL},
        {"\xfe\xff\0s\0e\0c\0\n", 10, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = {.text = ""};
        char line[KEYS_PASSPHRASE_SIZE];
        const struct tls_slice file = {(const uint8_t *)rows[i].file, rows[i].size};
        const int result = keys_passphrase_line(file, "the/path", line, &e);
        assert_int_equal(result, rows[i].line != NULL ? 0 : -1);
        if (rows[i].line != NULL)
            assert_string_equal(line, rows[i].line);
        else
            assert_non_null(strstr(e.text, "the/path holds a NUL"));
    }
}

static void it_may_stand_among_other_things(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    char *text = pki_join("certificates come first\n", encrypted);
    char *open = keys_decrypt(pki_slice(text), "key.pem", "secret", &e);
    assert_non_null(open);
    keys_free_text(open);
    free(text);
}

#define LEGACY_PEM                                                                                 \
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC,00\n\n"            \
    "MAA=\n-----END RSA PRIVATE KEY-----\n"

static void what_is_not_encrypted_so_is_refused_with_a_cure(void **state)
{
    static const char *const texts[] = {
        "", "prose",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
        LEGACY_PEM};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct err e = {.text = ""};
        assert_null(keys_decrypt(pki_slice(texts[i]), "the/path", "secret", &e));
        assert_non_null(strstr(e.text, "the/path"));
        assert_non_null(strstr(e.cure, "openssl pkcs8"));
    }
    struct err e = {.text = ""};
    assert_null(keys_decrypt(pki_slice("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n"), "the/path",
                             "secret", &e));
    assert_non_null(strstr(e.text, "cut short"));
}

/* ---- the scheme ---- */

static size_t der_of(uint8_t der[1024])
{
    mbedtls_pem_context c;
    size_t used, size;
    mbedtls_pem_init(&c);
    PKI_CHECK(mbedtls_pem_read_buffer(&c, "-----BEGIN ENCRYPTED PRIVATE KEY-----",
                                      "-----END ENCRYPTED PRIVATE KEY-----",
                                      (const unsigned char *)encrypted, NULL, 0, &used));
    const unsigned char *data = mbedtls_pem_get_buffer(&c, &size);
    assert_true(size <= 1024);
    memcpy(der, data, size);
    mbedtls_pem_free(&c);
    return size;
}

static void a_key_in_der_is_opened(void **state)
{
    uint8_t der[1024];
    struct err e = {.text = ""};
    (void)state;
    const struct tls_slice file = {der, der_of(der)};
    const struct keys_found look = keys_inspect(file);
    assert_true(look.private_key && look.encrypted && look.der);
    char *open = keys_decrypt(file, "key.der", "secret", &e);
    assert_non_null(open);
    keys_free_text(open);
    assert_null(keys_decrypt(file, "key.der", "guesswork", &e));
}

/* In memory of its exact size, so that a sanitizer sees a byte too many. */
static int parse_copy(const uint8_t *der, size_t size)
{
    struct keys_scheme s;
    uint8_t *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, der, size);
    int result = keys_scheme_parse((struct tls_slice){copy, size}, &s);
    if (result == 0) {
        assert_true(s.salt.data >= copy && s.salt.data + s.salt.size <= copy + size);
        assert_true(s.data.data >= copy && s.data.data + s.data.size <= copy + size);
        assert_true(s.iv >= copy && s.iv + KEYS_BLOCK <= copy + size);
        assert_true(s.iterations >= 1 && s.iterations <= KEYS_ITERATIONS_MAX);
        assert_true(s.key_size == 16 || s.key_size == 24 || s.key_size == 32);
        assert_true(s.data.size > 0 && s.data.size % KEYS_BLOCK == 0);
    }
    free(copy);
    return result;
}

static void the_scheme_is_read(void **state)
{
    uint8_t der[1024];
    struct keys_scheme s;
    (void)state;
    size_t size = der_of(der);
    assert_int_equal(keys_scheme_parse((struct tls_slice){der, size}, &s), 0);
    assert_int_equal(s.md, MBEDTLS_MD_SHA256);
    assert_int_equal(s.iterations, 2);
    assert_int_equal(s.salt.size, KEYS_SALT_SIZE);
    assert_int_equal(s.key_size, 32);
}

static void cut_at_every_byte_it_is_refused(void **state)
{
    uint8_t der[1024];
    (void)state;
    const size_t size = der_of(der);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(parse_copy(der, cut), -1);
    assert_int_equal(parse_copy(der, size), 0);
}

static void with_every_byte_changed_it_stays_within_bounds(void **state)
{
    uint8_t der[1024];
    (void)state;
    const size_t size = der_of(der);
    for (size_t at = 0; at < size; at++)
        for (int value = 0; value < 256; value++) {
            const uint8_t was = der[at];
            der[at] = (uint8_t)value;
            parse_copy(der, size);
            der[at] = was;
        }
}

/* That it is what others mean by AES-CBC is checked against OpenSSL by the integration tests. */
static void the_cipher_goes_there_and_back(void **state)
{
    static const uint8_t iv[KEYS_BLOCK] = {1, 2, 3}, salt[8] = {4};
    static const size_t sizes[] = {16, 24, 32};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct keys_scheme s = {.md = MBEDTLS_MD_SHA256,
                                      .salt = {salt, sizeof salt},
                                      .iterations = 2,
                                      .key_size = sizes[i],
                                      .iv = iv};
        uint8_t data[64], first[64];
        memset(data, 7, sizeof data);
        assert_int_equal(keys_cbc(&s, "p", true, data, sizeof data), 0);
        memcpy(first, data, sizeof first);
        assert_memory_not_equal(data, data + KEYS_BLOCK, KEYS_BLOCK); /* chained */
        assert_int_equal(keys_cbc(&s, "p", false, data, sizeof data), 0);
        for (size_t at = 0; at < sizeof data; at++)
            assert_int_equal(data[at], 7);
        assert_int_equal(keys_cbc(&s, "q", true, data, sizeof data), 0);
        assert_memory_not_equal(data, first, sizeof first);
    }
}

/* ---- memory ---- */

static unsigned long allocations, fail_at;

static bool gate(size_t count, size_t size)
{
    (void)count;
    return size == sizeof(mbedtls_mpi_uint) || ++allocations != fail_at;
}

static void without_memory_it_says_so_wherever_it_happens(void **state)
{
    unsigned long n = 0;
    (void)state;
    do {
        struct err e = {.text = ""};
        allocations = 0;
        fail_at = ++n;
        memory_gate = gate;
        char *open = keys_decrypt(pki_slice(encrypted), "key.pem", "secret", &e);
        memory_gate = NULL;
        assert_true(open != NULL || e.text[0] != '\0');
        keys_free_text(open);
    } while (allocations >= n);
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back_whole),
        cmocka_unit_test(the_same_key_never_looks_the_same),
        cmocka_unit_test(another_passphrase_does_not_open_it),
        cmocka_unit_test(a_byte_order_mark_is_no_part_of_a_passphrase),
        cmocka_unit_test(a_passphrase_is_a_line_without_its_end),
        cmocka_unit_test(it_may_stand_among_other_things),
        cmocka_unit_test(what_is_not_encrypted_so_is_refused_with_a_cure),
        cmocka_unit_test(a_key_in_der_is_opened),
        cmocka_unit_test(the_scheme_is_read),
        cmocka_unit_test(cut_at_every_byte_it_is_refused),
        cmocka_unit_test(with_every_byte_changed_it_stays_within_bounds),
        cmocka_unit_test(the_cipher_goes_there_and_back),
        cmocka_unit_test(without_memory_it_says_so_wherever_it_happens),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
