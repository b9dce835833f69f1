/* test_idn.c - names beyond ASCII, as DNS has them. */
#include "config/idn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void names_become_what_dns_knows(void **state)
{
    static const struct {
        const char *name, *expected;
    } rows[] = {
        {"example.org", "example.org"},
        {"Example.ORG", "example.org"},
        {"b\xc3\xbc"
         "cher.example",
         "xn--bcher-kva.example"},
        {"m\xc3\xbcnchen.example", "xn--mnchen-3ya.example"},
        {"mail.stra\xc3\x9f"
         "e.example",
         "mail.xn--strae-oqa.example"},
        {"\xc3\xbc.\xc3\xa4.example", "xn--tda.xn--4ca.example"},
        {"\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", "xn--r8jz45g.xn--zckzah"},
        {"\xd0\xbf\xd0\xbe\xd1\x87\xd1\x82\xd0\xb0.\xd1\x80\xd1\x84", "xn--80a1acny.xn--p1ai"},
        {"\xce\xb5\xce\xbb.example", "xn--qxam.example"},
        {"a\xf0\x9f\x98\x80.example", "xn--a-jv3s.example"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[IDN_NAME_MAX + 1] = "";
        assert_true(idn_to_ascii(rows[i].name, out));
        assert_string_equal(out, rows[i].expected);
    }
}

static void what_would_need_tables_is_left_to_others(void **state)
{
    static const char *const names[] = {
        "B\xc3\x9c"
        "CHER.example", /* a capital */
        "bu\xcc\x88"
        "cher.example",         /* an accent by itself */
        "\xef\xbd\x81.example", /* a wide form */
        "\xc2\xb2.example",     /* a sign */
        "\xc3\xbc\xff.example", /* no UTF-8 */
        "\xc3\xbc space.example",
        "\xc3\xbc..example",
        ".\xc3\xbc",
        "\xc3\xbc.",
        "",
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char out[IDN_NAME_MAX + 1];
        if (idn_to_ascii(names[i], out))
            fail_msg("row %zu: %s", i, out);
    }
}

static void what_becomes_too_long_is_none(void **state)
{
    char name[600] = "", out[IDN_NAME_MAX + 1];
    (void)state;
    for (int i = 0; i < 50; i++)
        strcat(name, "\xd0\xb1\xd1\x87");
    assert_false(idn_to_ascii(name, out)); /* one label */
    name[0] = '\0';
    for (int i = 0; i < 31; i++)
        strcat(name, "\xc3\xbc.");
    strcat(name, "example");
    assert_false(idn_to_ascii(name, out));
    name[0] = '\0';
    for (int i = 0; i < 30; i++)
        strcat(name, "\xc3\xbc.");
    strcat(name, "example");
    assert_true(idn_to_ascii(name, out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_what_dns_knows),
        cmocka_unit_test(what_would_need_tables_is_left_to_others),
        cmocka_unit_test(what_becomes_too_long_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
