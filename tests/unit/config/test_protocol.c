/* test_protocol.c - the facts table. */
#include "config/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void ports_and_alpn_are_the_registered_ones(void **state)
{
    static const struct {
        const char *name, *alpn;
        uint16_t plain, implicit;
    } rows[] = {
        {"pop3", "pop3", 110, 995}, {"imap", "imap", 143, 993},   {"smtp", NULL, 25, 465},
        {"nntp", "nntp", 119, 563}, {"ldap", NULL, 389, 636},     {"sieve", "managesieve", 4190, 0},
        {"tcp", NULL, 0, 0},        {"acme", "acme-tls/1", 0, 0}, {"mta-sts", "http/1.1", 0, 0},
    };
    (void)state;
    assert_int_equal(sizeof rows / sizeof rows[0], PROTOCOLS);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum protocol p;
        assert_true(protocol_by_name(rows[i].name, &p));
        const struct protocol_facts *facts = protocol_facts(p);
        assert_string_equal(facts->name, rows[i].name);
        assert_int_equal(facts->plain_port, rows[i].plain);
        assert_int_equal(facts->implicit_port, rows[i].implicit);
        assert_int_equal(facts->alpn == NULL, rows[i].alpn == NULL);
        if (facts->alpn != NULL)
            assert_string_equal(facts->alpn, rows[i].alpn);
    }
}

static void mail_sessions_may_idle_for_more_than_half_an_hour(void **state)
{
    (void)state;
    for (int i = 0; i < PROTOCOLS; i++)
        if (i != PROTOCOL_ACME && i != PROTOCOL_MTA_STS) /* whose connections never idle */
            assert_true(protocol_facts((enum protocol)i)->idle_ms > 30 * 60 * 1000);
}

static void only_exact_names_are_known(void **state)
{
    static const char *const wrong[] = {"", "pop", "pop33", "POP3", "pop3 ", "imaps"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        enum protocol p;
        assert_false(protocol_by_name(wrong[i], &p));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_and_alpn_are_the_registered_ones),
        cmocka_unit_test(mail_sessions_may_idle_for_more_than_half_an_hour),
        cmocka_unit_test(only_exact_names_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
