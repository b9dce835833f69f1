/* test_fingerprint.c - two configurations have the same fingerprint if, and only if, they say the
 * same. */
#include "proxy/load/fingerprint.h"
#include "tests/support/pem.h"

#include <string.h>

static int setup(void **state)
{
    struct err e;
    (void)state;
    return tls_init(&e);
}

static void of(const char *text, const char *path, const char *file, char out[FINGERPRINT_SIZE])
{
    struct bundle *b = bundle_new();
    assert_int_equal(bundle_add(b, BUNDLE_TEXT, "/conf", text, strlen(text), NULL), 0);
    assert_int_equal(bundle_add(b, BUNDLE_FILE, path, file, strlen(file), NULL), 0);
    fingerprint(b, out);
    bundle_free(b);
}

static void what_says_the_same_has_the_same(void **state)
{
    char a[FINGERPRINT_SIZE], b[FINGERPRINT_SIZE];
    (void)state;
    of("x = 1\n", "/a", "certificate", a);
    of("x = 1\n", "/a", "certificate", b);
    assert_string_equal(a, b);
    assert_int_equal(strlen(a), FINGERPRINT_SIZE - 1);
}

static void what_says_something_else_has_another(void **state)
{
    char a[FINGERPRINT_SIZE], b[4][FINGERPRINT_SIZE];
    (void)state;
    of("x = 1\n", "/a", "certificate", a);
    of("x = 2\n", "/a", "certificate", b[0]);
    of("x = 1\n", "/b", "certificate", b[1]);
    of("x = 1\n", "/a", "certificatE", b[2]);
    of("x = 1\n", "/ac", "ertificate", b[3]);
    for (size_t i = 0; i < COUNT(b); i++)
        assert_string_not_equal(a, b[i]);
}

/* So that it can be shown to everybody. */
static void a_private_key_has_no_part_in_it(void **state)
{
    char a[FINGERPRINT_SIZE], b[FINGERPRINT_SIZE];
    (void)state;
    char *whole = pem_make("mail.example", 1, 90);
    of("x = 1\n", "/a", whole, a);
    char *key = strstr(whole, "-----BEGIN PRIVATE KEY");
    if (key == NULL)
        key = strstr(whole, "-----BEGIN EC PRIVATE KEY");
    assert_non_null(key);
    key[40] = key[40] == 'A' ? 'B' : 'A';
    of("x = 1\n", "/a", whole, b);
    assert_string_equal(a, b);
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_says_the_same_has_the_same),
        cmocka_unit_test(what_says_something_else_has_another),
        cmocka_unit_test(a_private_key_has_no_part_in_it),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
