/* test_address.c - the peers' forms of addresses. */
#include "tests/support/unit.h"

#include "proxy/import/address.h"

static void addresses_are_read_in_all_their_forms(void **state)
{
    static const struct {
        const char *text, *ours;
    } rows[] = {
        {"995", "0.0.0.0:995"},
        {"*:995", "0.0.0.0:995"},
        {":995", "0.0.0.0:995"},
        {"127.0.0.1:995", "127.0.0.1:995"},
        {"[::1]:995", "[::1]:995"},
        {"::1:995", "[::1]:995"},
        {":::995", "[::]:995"},
        {"mail.example:25", "mail.example:25"},
        {"/run/s", "unix:/run/s"},
        {"pop3s", "0.0.0.0:995"},
        {"localhost:imap", "localhost:143"},
        {"[127.0.0.1]:80", "127.0.0.1:80"},
        {"", NULL},
        {"x:", NULL},
        {"65536", NULL},
        {"1-2", NULL},
        {"[::1]", NULL},
        {"nosuchservice", NULL},
    };
    struct arena a = {0};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *address = address_simple(&a, rows[i].text, "0.0.0.0");
        if (rows[i].ours == NULL && address != NULL)
            fail_msg("%s: %s", rows[i].text, address);
        if (rows[i].ours != NULL)
            assert_string_equal(address, rows[i].ours);
    }
    arena_free(&a);
}

static void services_are_known_by_name(void **state)
{
    (void)state;
    assert_int_equal(address_port("imaps"), 993);
    assert_int_equal(address_port("ldap"), 389);
    assert_int_equal(address_port("0"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_in_all_their_forms),
        cmocka_unit_test(services_are_known_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
