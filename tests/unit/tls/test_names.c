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

#define ZEROS_7 ".0.0.0.0.0.0.0"
#define ZEROS_8 ".0" ZEROS_7

static const struct {
    const char *name, *address; /* NULL: it is none */
} reverse[] = {
    {"7.2.0.192.in-addr.arpa", "192.0.2.7"},
    {"7.2.0.192.IN-ADDR.Arpa", "192.0.2.7"},
    {"255.255.255.255.in-addr.arpa", "255.255.255.255"},
    {"0.0.0.0.in-addr.arpa", "0.0.0.0"},
    {"2.0.192.in-addr.arpa", NULL},
    {"1.7.2.0.192.in-addr.arpa", NULL},
    {"256.2.0.192.in-addr.arpa", NULL},
    {"07.2.0.192.in-addr.arpa", NULL},
    {"7.2.00.192.in-addr.arpa", NULL},
    {"7..0.192.in-addr.arpa", NULL},
    {".7.2.0.192.in-addr.arpa", NULL},
    {"7.2.0.192..in-addr.arpa", NULL},
    {"+7.2.0.192.in-addr.arpa", NULL},
    {"a.2.0.192.in-addr.arpa", NULL},
    {"0x7.2.0.192.in-addr.arpa", NULL},
    {"7.2.0.192in-addr.arpa", NULL},
    {"7.2.0.192.in-addr.arpa.", NULL},
    {"7.2.0.192.in-addr.arpa.example", NULL},
    {"7.2.0.192.ip6.arpa", NULL},
    {".in-addr.arpa", NULL},
    {"in-addr.arpa", NULL},
    {"192.0.2.7", NULL},
    {"mail.example", NULL},
    {"", NULL},
    {"7" ZEROS_8 ZEROS_8 ZEROS_7 ".8.b.d.0.1.0.0.2.ip6.arpa", "2001:db8::7"},
    {"F" ZEROS_8 ZEROS_8 ZEROS_7 ".8.B.D.0.1.0.0.2.IP6.ARPA", "2001:db8::f"},
    {"0" ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_7 ".ip6.arpa", "::"},
    {"7.0.2.0.0.0.0.c.f.f.f.f" ZEROS_8 ZEROS_8 ".0.0.0.0.ip6.arpa", "::ffff:192.0.2.7"},
    {"0" ZEROS_8 ZEROS_8 ZEROS_7 ".8.b.d.0.1.0.0.ip6.arpa", NULL},
    {"0.7" ZEROS_8 ZEROS_8 ZEROS_7 ".8.b.d.0.1.0.0.2.ip6.arpa", NULL},
    {"g" ZEROS_8 ZEROS_8 ZEROS_7 ".8.b.d.0.1.0.0.2.ip6.arpa", NULL},
    {"." ZEROS_8 ZEROS_8 ZEROS_7 ".8.b.d.0.1.0.0.2.ip6.arpa", NULL},
    {"07" ZEROS_8 ZEROS_8 ZEROS_7 "8.b.d.0.1.0.0.2.ip6.arpa", NULL},
    {"7" ZEROS_8 ZEROS_8 ZEROS_7 ".8.b.d.0.1.0.0.2.in-addr.arpa", NULL},
    {".ip6.arpa", NULL},
};

static void addresses_are_read_from_their_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reverse / sizeof *reverse; i++) {
        char address[INET6_ADDRSTRLEN] = "";
        const bool found = names_reverse(reverse[i].name, address);
        if (found != (reverse[i].address != NULL) ||
            (found && strcmp(address, reverse[i].address) != 0))
            fail_msg("%s is %s", reverse[i].name, found ? address : "no address");
    }
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
        cmocka_unit_test(addresses_are_read_from_their_names),
        cmocka_unit_test(only_plain_names_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
