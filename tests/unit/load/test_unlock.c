/* test_unlock.c - encrypted keys are opened in the bundle, and the passphrase does not stay */
#include "proxy/load/unlock.h"
#include "tls/keys/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT                                                                                       \
    "certificate mail { chain = /c key = /k passphrase-file = /p }\n"                              \
    "certificate same { chain = /both passphrase-file = /p }\n"

static char *closed, *open_key;

static int setup(void **state)
{
    (void)state;
    struct err e;
    if (tls_init(&e) != 0)
        return -1;
    struct keys_private *k = keys_private_make(KEYS_EC_P256, &e);
    closed = keys_encrypt(k, "secret", &e);
    open_key = keys_private_pem(k, &e);
    keys_private_free(k);
    return closed != NULL && open_key != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    keys_free_text(closed);
    keys_free_text(open_key);
    return 0;
}

struct scene {
    struct bundle *b;
    struct config *c;
    struct diags d;
};

static void put(struct scene *s, const char *path, const char *text)
{
    bundle_add(s->b, BUNDLE_FILE, path, text, strlen(text), NULL);
}

/* A NULL file is left out. */
static void unlock_with(struct scene *s, const char *key, const char *passphrase)
{
    char both[8192];
    struct diags ignored = {0};
    *s = (struct scene){.b = bundle_new()};
    snprintf(both, sizeof both, "a chain\n%s", closed);
    bundle_add(s->b, BUNDLE_TEXT, "/conf", TEXT, strlen(TEXT), NULL);
    put(s, "/c", "a chain\n");
    put(s, "/both", both);
    if (key != NULL)
        put(s, "/k", key);
    if (passphrase != NULL)
        put(s, "/p", passphrase);
    s->c = config_load(s->b, &ignored);
    assert_non_null(s->c);
    diags_free(&ignored);
    unlock_keys(s->c, s->b, &s->d);
}

static void end(struct scene *s)
{
    config_free(s->c);
    bundle_free(s->b);
    diags_free(&s->d);
}

static const char *text_of(const struct scene *s, const char *path)
{
    return (const char *)bundle_find(s->b, BUNDLE_FILE, path)->data;
}

static void the_open_key_is_there_and_the_passphrase_is_not(void **state)
{
    static const char *const files[] = {"secret", "secret\n", "secret\r\nsecond line\n"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct scene s;
        unlock_with(&s, closed, files[i]);
        assert_int_equal(s.d.count, 0);
        assert_non_null(strstr(text_of(&s, "/k"), open_key));
        assert_non_null(strstr(text_of(&s, "/both"), open_key));
        assert_non_null(strstr(text_of(&s, "/both"), "a chain"));
        assert_string_equal(text_of(&s, "/p"), "");
        end(&s);
    }
}

static void a_wrong_passphrase_is_an_error_that_does_not_quote_it(void **state)
{
    struct scene s;
    (void)state;
    unlock_with(&s, closed, "guesswork");
    assert_int_equal(s.d.count, 2);
    assert_false(diag_ok(&s.d, DIAG_ERROR));
    assert_non_null(strstr(s.d.items[0].cause, "certificate mail: /k: that is not the passphrase"));
    assert_null(strstr(s.d.items[0].cause, "guesswork"));
    assert_string_equal(s.d.items[0].file, "/conf");
    assert_non_null(strstr(s.d.items[0].cure, "first line"));
    assert_string_equal(text_of(&s, "/p"), "");
    assert_string_equal(text_of(&s, "/k"), "");
    end(&s);
}

static void a_way_to_encrypt_that_is_not_known_is_an_error_with_the_command(void **state)
{
    struct scene s;
    (void)state;
    unlock_with(
        &s, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "secret");
    assert_non_null(strstr(s.d.items[0].cause, "/k: the private key is encrypted in a way"));
    assert_non_null(strstr(s.d.items[0].cure, "openssl pkcs8 -topk8"));
    end(&s);
}

static void a_key_that_is_open_anyway_is_a_warning(void **state)
{
    struct scene s;
    (void)state;
    unlock_with(&s, open_key, "secret");
    assert_int_equal(s.d.count, 1);
    assert_true(diag_ok(&s.d, DIAG_ERROR));
    assert_non_null(strstr(s.d.items[0].cause, "passphrase-file has no effect"));
    assert_string_equal(text_of(&s, "/k"), open_key);
    end(&s);
}

static void files_that_are_missing_are_somebody_elses_to_report(void **state)
{
    struct scene s;
    (void)state;
    unlock_with(&s, NULL, "secret");
    assert_int_equal(s.d.count, 0);
    end(&s);
    unlock_with(&s, closed, NULL);
    assert_int_equal(s.d.count, 0);
    assert_string_equal(text_of(&s, "/k"), "");
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_open_key_is_there_and_the_passphrase_is_not),
        cmocka_unit_test(a_wrong_passphrase_is_an_error_that_does_not_quote_it),
        cmocka_unit_test(a_way_to_encrypt_that_is_not_known_is_an_error_with_the_command),
        cmocka_unit_test(a_key_that_is_open_anyway_is_a_warning),
        cmocka_unit_test(files_that_are_missing_are_somebody_elses_to_report),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
