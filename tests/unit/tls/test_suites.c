/* test_suites.c - cipher suites and groups by name */
#include "tls/suites.h"
#include "tls/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_defaults_begin_with_aes128_and_the_hybrid(void **state)
{
    (void)state;
    struct suites s;
    struct err e;
    struct string_list none = {NULL, 0};
    assert_int_equal(suites_select(&s, &none, NULL, &e), 0);
    assert_int_equal(s.ciphers[0], 0x1301);
    assert_int_equal(s.ciphers[3], 0xc02b);
    assert_int_equal(s.ciphers[SUITES_CIPHERS], 0);
    const uint16_t *g = s.groups;
#ifdef TLSFRONT_ACCEL
    assert_int_equal(*g++, 0x11ec);
#endif
    assert_int_equal(g[0], 29);
    assert_int_equal(g[1], 23);
    assert_int_equal(g[2], 24);
    assert_int_equal(g[3], 0);
}

static void the_hybrid_group_is_known_or_said_to_be_left_out(void **state)
{
    (void)state;
    struct suites s;
    struct err e = {.text = ""};
    const char *name[] = {"x25519mlkem768"};
    const struct string_list list = {name, 1};
#ifdef TLSFRONT_ACCEL
    assert_int_equal(suites_select(&s, NULL, &list, &e), 0);
    assert_int_equal(s.groups[0], 0x11ec);
    assert_int_equal(s.groups[1], 0);
    assert_false(suites_have_tls12_group(&s));
#else
    assert_int_equal(suites_select(&s, NULL, &list, &e), -1);
    assert_non_null(strstr(e.text, "X25519MLKEM768 is not in this build"));
    assert_int_equal(e.blamed, TLS_INPUT_GROUPS);
#endif
    assert_int_equal(suites_select(&s, NULL, NULL, &e), 0);
    assert_true(suites_have_tls12_group(&s));
}

static void both_ways_of_naming_are_understood(void **state)
{
    (void)state;
    struct suites s;
    struct err e;
    const char *ciphers[] = {"ecdhe-rsa-aes256-gcm-sha384", "TLS_AES_256_GCM_SHA384",
                             "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"};
    const char *groups[] = {"P-384", "secp256r1", "p-256"};
    struct string_list c = {ciphers, 3}, g = {groups, 3};
    assert_int_equal(suites_select(&s, &c, &g, &e), 0);
    assert_int_equal(s.ciphers[0], 0xc030);
    assert_int_equal(s.ciphers[1], 0x1302);
    assert_int_equal(s.ciphers[2], 0); /* named twice, listed once */
    assert_int_equal(s.groups[0], 24);
    assert_int_equal(s.groups[1], 23);
    assert_int_equal(s.groups[2], 0);
}

static void a_version_without_a_named_suite_keeps_its_defaults(void **state)
{
    (void)state;
    struct suites s;
    struct err e;
    const char *ciphers[] = {"TLS_CHACHA20_POLY1305_SHA256"};
    struct string_list c = {ciphers, 1};
    assert_int_equal(suites_select(&s, &c, NULL, &e), 0);
    assert_int_equal(s.ciphers[0], 0x1303);
    assert_int_equal(s.ciphers[1], 0xc02b);
    assert_int_equal(s.ciphers[6], 0xcca8);
    assert_int_equal(s.ciphers[7], 0);
}

static void an_unknown_name_is_refused_with_all_known_ones(void **state)
{
    (void)state;
    struct suites s;
    struct err e;
    const char *bad[] = {"RC4-SHA"};
    struct string_list list = {bad, 1};
    assert_int_equal(suites_select(&s, &list, NULL, &e), -1);
    assert_non_null(strstr(e.text, "\"RC4-SHA\""));
    assert_non_null(strstr(e.text, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"));
    assert_int_equal(suites_select(&s, NULL, &list, &e), -1);
    assert_non_null(strstr(e.text, "x25519, secp256r1, secp384r1, secp521r1"));
}

static void numbers_have_names(void **state)
{
    (void)state;
    assert_string_equal(tls_cipher_name(suites_cipher_number(0x1303)),
                        "TLS_CHACHA20_POLY1305_SHA256");
    assert_int_equal(suites_cipher_number(0x002f), 0);
    assert_string_equal(tls_group_name(suites_group_number(29)), "x25519");
    assert_string_equal(tls_group_name(suites_group_number(0x11ec)), "X25519MLKEM768");
    assert_int_equal(suites_group_number(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_begin_with_aes128_and_the_hybrid),
        cmocka_unit_test(the_hybrid_group_is_known_or_said_to_be_left_out),
        cmocka_unit_test(both_ways_of_naming_are_understood),
        cmocka_unit_test(a_version_without_a_named_suite_keeps_its_defaults),
        cmocka_unit_test(an_unknown_name_is_refused_with_all_known_ones),
        cmocka_unit_test(numbers_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
