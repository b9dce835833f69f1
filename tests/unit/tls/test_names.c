/* test_names.c - host names against certificates' names */
#include "tls/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *pattern, *name;
    enum names_match expected;
} rows[] = {
    {"mail.example", "mail.example", NAMES_EXACT},
    {"Mail.Example", "mAIL.eXAMPLE", NAMES_EXACT},
    {"mail.example", "mail.example.", NAMES_EXACT},
    {"mail.example", "mail.example..", NAMES_DIFFER},
    {"mail.example", "xmail.example", NAMES_DIFFER},
    {"mail.example", "mail.exampl", NAMES_DIFFER},
    {"mail.example", "", NAMES_DIFFER},
    {"mail.example", ".", NAMES_DIFFER},
    {"*.example.org", "a.example.org", NAMES_WILDCARD},
    {"*.example.org", "A.EXAMPLE.ORG.", NAMES_WILDCARD},
    {"*.example.org", "a.b.example.org", NAMES_DIFFER},
    {"*.example.org", "example.org", NAMES_DIFFER},
    {"*.example.org", ".example.org", NAMES_DIFFER},
    {"*.example.org", "aexample.org", NAMES_DIFFER},
    {"*.org", "example.org", NAMES_DIFFER},
    {"*", "org", NAMES_DIFFER},
    {"*.", "a.", NAMES_DIFFER},
    {"a*.example.org", "ab.example.org", NAMES_DIFFER},
    {"a.*.example.org", "a.b.example.org", NAMES_DIFFER},
    {"", "", NAMES_DIFFER},
    {"192.0.2.1", "192.0.2.1", NAMES_EXACT},
};

static void names_match_as_rfc_6125_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (names_match(rows[i].pattern, rows[i].name) != rows[i].expected)
            fail_msg("%s against %s", rows[i].name, rows[i].pattern);
}

static void only_plain_names_are_shown(void **state)
{
    (void)state;
    char long_name[256];
    memset(long_name, 'a', sizeof long_name);
    assert_true(names_plain("a-b_c.D9", 8));
    assert_true(names_plain(long_name, 255));
    assert_false(names_plain(long_name, 256));
    assert_false(names_plain("", 0));
    assert_false(names_plain("a b", 3));
    assert_false(names_plain("a\nb", 3));
    assert_false(names_plain("a\0b", 3));
    assert_false(names_plain("m\xc3\xbcller", 7));
    assert_false(names_plain("*.a", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_match_as_rfc_6125_says),
        cmocka_unit_test(only_plain_names_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
