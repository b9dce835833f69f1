/* test_values_client.c - subjects and names of clients' certificates. */
#include "config/values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(a) (sizeof(a) / sizeof(a)[0])

static void the_kind_of_a_name_shows_in_its_signs(void **state)
{
    static const struct {
        const char *text;
        enum client_name_kind kind;
    } rows[] = {
        {"alice.example.org", CLIENT_NAME_DNS},
        {"host", CLIENT_NAME_DNS},
        {"*.example.org", CLIENT_NAME_DNS},
        {"alice@example.org", CLIENT_NAME_EMAIL},
        {"O'Neil+x@a.example", CLIENT_NAME_EMAIL},
        {"root@localhost", CLIENT_NAME_EMAIL},
        {"spiffe://example.org/mail", CLIENT_NAME_URI},
        {"urn:uuid:1", CLIENT_NAME_URI},
        {"https://user@host/", CLIENT_NAME_URI},
        {"mailto:a@b.example", CLIENT_NAME_URI},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct flaw flaw;
        enum client_name_kind kind;
        assert_int_equal(value_client_name(rows[i].text, &kind, &flaw), 0);
        assert_int_equal(kind, rows[i].kind);
    }
}

static void what_no_certificate_can_say_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "*",
        "*.org",
        "*.*.example.org",
        "a.*.example.org",
        "x*.example",
        "192.0.2.1",
        "::1",
        "2001:db8::1",
        "fe80::1",
        "a b",
        "a..b",
        "a.example.",
        "@a.example",
        "a@",
        "a@b@c.example",
        "a@b c",
        "a@b.example.",
        "1://x",
        ":x",
        "x:",
        "spiffe://a b",
        "\xc3\xbc.example",
        "a\nb",
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(bad); i++) {
        struct flaw flaw = {"", NULL};
        enum client_name_kind kind;
        if (value_client_name(bad[i], &kind, &flaw) != -1)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_true(flaw.cause[0] != '\0' && flaw.cure != NULL);
    }
}

static void subjects_are_attributes_with_values(void **state)
{
    static const char *const good[] = {"CN=alice", "C=DE, O=A B, CN=x", "1.2.3=#0C0161",
                                       "CN=a\\, b", "CN=J\\C3\\BCrg"};
    static const char *const bad[] = {
        "",      "alice",  "=alice",      " CN=a",
        "/CN=a", "CN=a\n", "CN=\xc3\xbc", "(a name too long to show)"};
    (void)state;
    for (size_t i = 0; i < LENGTH(good); i++) {
        struct flaw flaw;
        assert_int_equal(value_client_subject(good[i], &flaw), 0);
    }
    for (size_t i = 0; i < LENGTH(bad); i++) {
        struct flaw flaw = {"", NULL};
        if (value_client_subject(bad[i], &flaw) != -1)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_true(flaw.cause[0] != '\0' && flaw.cure != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kind_of_a_name_shows_in_its_signs),
        cmocka_unit_test(what_no_certificate_can_say_is_refused),
        cmocka_unit_test(subjects_are_attributes_with_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
