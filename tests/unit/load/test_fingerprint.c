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

static struct fingerprints all_of(const char *text, const char *path, const char *file)
{
    struct fingerprints f;
    struct bundle *b = bundle_new();
    assert_int_equal(bundle_add(b, BUNDLE_TEXT, "/conf", text, strlen(text), NULL), 0);
    assert_int_equal(bundle_add(b, BUNDLE_FILE, path, file, strlen(file), NULL), 0);
    fingerprints(b, &f);
    bundle_free(b);
    return f;
}

static void of(const char *text, const char *path, const char *file, char out[FINGERPRINT_SIZE])
{
    const struct fingerprints f = all_of(text, path, file);
    memcpy(out, f.whole, sizeof f.whole);
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

static void however_it_is_written_the_configuration_is_the_same(void **state)
{
    (void)state;
    static const char *const ways[] = {
        "user = nobody\ncertificate m { chain = /a key = /b }\ncertificate n { chain = /c }\n",
        ("# a comment\nuser=\"nobody\" certificate n {\n\n  chain = '/c'\n}\n"
         "certificate m { key = /b\nchain = /a }"),
        "certificate n { chain = /c } /* or */ certificate m { key = /b chain = /a } user = nobody",
    };
    const struct fingerprints first = all_of(ways[0], "/a", "x");
    assert_int_equal(strlen(first.config), FINGERPRINT_SIZE - 1);
    for (size_t i = 1; i < COUNT(ways); i++) {
        const struct fingerprints f = all_of(ways[i], "/a", "x");
        assert_string_equal(f.config, first.config);
        assert_string_equal(f.files, first.files);
        assert_string_not_equal(f.whole, first.whole);
    }
}

static void whatever_it_says_counts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "ticket-key = {a, b}\ncertificate m { chain = /a }\n",
        "ticket-key = {b, a}\ncertificate m { chain = /a }\n",
        "ticket-key = {a}\ncertificate m { chain = /a }\n",
        "ticket-key = {\"a, b\"}\ncertificate m { chain = /a }\n",
        "ticket-key = {a, b}\ncertificate n { chain = /a }\n",
        "ticket-key = {a, b}\ncertificate m { key = /a }\n",
        "ticket-key = {a, b}\nuser = nobody\ncertificate m { chain = /a }\n",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        for (size_t k = 0; k < i; k++) {
            const struct fingerprints x = all_of(texts[i], "/a", "x");
            const struct fingerprints y = all_of(texts[k], "/a", "x");
            assert_string_not_equal(x.config, y.config);
            assert_string_equal(x.files, y.files);
        }
}

#define IN_ROUTE(blocks) "route r { " blocks " protocol = pop3 }\n"

static void blocks_in_blocks_count_in_any_order(void **state)
{
    (void)state;
    static const char *const same[] = {
        IN_ROUTE("server-name a.x { upstream = b } server-name \"*.x\" { certificate = c }"),
        IN_ROUTE("server-name '*.x' { certificate = {c} }\nserver-name a.x { upstream = b }"),
        ("route r { protocol = pop3 server-name a.x { upstream = b }\n"
         "server-name \"*.x\" { certificate = c } }\n")};
    static const char *const others[] = {
        IN_ROUTE("server-name a.x { upstream = c } server-name \"*.x\" { certificate = c }"),
        IN_ROUTE("server-name a.x { certificate = c } server-name \"*.x\" { upstream = b }"),
        IN_ROUTE("server-name a.x { upstream = b certificate = c }"),
        IN_ROUTE("server-name a.x { upstream = b }"),
        "route r { protocol = pop3 upstream = b }\n",
    };
    const struct fingerprints first = all_of(same[0], "/a", "x");
    assert_int_equal(strlen(first.config), FINGERPRINT_SIZE - 1);
    for (size_t i = 1; i < COUNT(same); i++)
        assert_string_equal(all_of(same[i], "/a", "x").config, first.config);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_string_not_equal(all_of(others[i], "/a", "x").config, first.config);
}

static void files_count_apart(void **state)
{
    (void)state;
    static const char text[] = "user = nobody\n";
    const struct fingerprints f = all_of(text, "/a", "x");
    const struct fingerprints others[] = {all_of(text, "/a", "y"), all_of(text, "/b", "x")};
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_string_equal(f.config, others[i].config);
        assert_string_not_equal(f.files, others[i].files);
    }
}

/* As another order of includes, or of blocks, has it. */
static void the_order_of_files_does_not_count(void **state)
{
    (void)state;
    static const char *const paths[] = {"/a", "/b"};
    struct fingerprints f[2];
    for (int i = 0; i < 2; i++) {
        struct bundle *b = bundle_new();
        for (int k = 0; k < 2; k++)
            assert_int_equal(bundle_add(b, BUNDLE_FILE, paths[i ^ k], paths[i ^ k], 2, NULL), 0);
        fingerprints(b, &f[i]);
        bundle_free(b);
    }
    assert_string_equal(f[0].files, f[1].files);
    assert_string_not_equal(f[0].whole, f[1].whole);
}

static void a_secret_has_no_part_in_it_either(void **state)
{
    (void)state;
    struct fingerprints f[2];
    for (int i = 0; i < 2; i++) {
        struct bundle *b = bundle_new();
        assert_int_equal(bundle_add(b, BUNDLE_SECRET, "/t", i == 0 ? "x" : "y", 1, NULL), 0);
        fingerprints(b, &f[i]);
        bundle_free(b);
    }
    assert_memory_equal(&f[0], &f[1], sizeof f[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_says_the_same_has_the_same),
        cmocka_unit_test(what_says_something_else_has_another),
        cmocka_unit_test(a_private_key_has_no_part_in_it),
        cmocka_unit_test(however_it_is_written_the_configuration_is_the_same),
        cmocka_unit_test(whatever_it_says_counts),
        cmocka_unit_test(blocks_in_blocks_count_in_any_order),
        cmocka_unit_test(files_count_apart),
        cmocka_unit_test(the_order_of_files_does_not_count),
        cmocka_unit_test(a_secret_has_no_part_in_it_either),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
