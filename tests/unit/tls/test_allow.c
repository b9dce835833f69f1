/* test_allow.c - which names of a client's certificate fit which entry of a list */
#include "tls/allow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DNS   CLIENT_NAME_DNS
#define EMAIL CLIENT_NAME_EMAIL
#define URI   CLIENT_NAME_URI
#define SAID(text)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

static void names_fit_by_the_rules_of_their_kind(void **state)
{
    static const struct {
        struct client_name listed;
        enum client_name_kind kind;
        struct tls_slice said;
        bool fits;
    } rows[] = {
        {{DNS, "a.example.org"}, DNS, SAID("a.example.org"), true},
        {{DNS, "a.example.org"}, DNS, SAID("A.Example.ORG"), true},
        {{DNS, "a.example.org"}, DNS, SAID("b.example.org"), false},
        {{DNS, "a.example.org"}, DNS, SAID("a.example.orga"), false},
        {{DNS, "a.example.org"}, DNS, SAID("x.a.example.org"), false},
        {{DNS, "a.example.org"}, DNS, SAID("a.example.org\0"), false},
        {{DNS, "a.example.org"}, DNS, SAID("a.example.org\0.evil.example"), false},
        {{DNS, "a.example.org"}, DNS, SAID("*.example.org"), false},
        {{DNS, "a.example.org"}, DNS, SAID(""), false},
        {{DNS, "*.example.org"}, DNS, SAID("b.example.org"), true},
        {{DNS, "*.example.org"}, DNS, SAID("b.Example.org"), true},
        {{DNS, "*.example.org"}, DNS, SAID("c.b.example.org"), false},
        {{DNS, "*.example.org"}, DNS, SAID("example.org"), false},
        {{DNS, "*.example.org"}, DNS, SAID(".example.org"), false},
        {{DNS, "*.example.org"}, DNS, SAID("*.example.org"), true},
        {{DNS, "*.b.example.org"}, DNS, SAID("*.example.org"), false},
        {{DNS, "*.example.org"}, DNS, SAID("*.b.example.org"), false},
        {{DNS, "a.example.org"}, EMAIL, SAID("a.example.org"), false},
        {{DNS, "a.example.org"}, URI, SAID("a.example.org"), false},

        {{EMAIL, "Al@example.org"}, EMAIL, SAID("Al@example.org"), true},
        {{EMAIL, "Al@example.org"}, EMAIL, SAID("Al@EXAMPLE.org"), true},
        {{EMAIL, "Al@example.org"}, EMAIL, SAID("al@example.org"), false},
        {{EMAIL, "Al@example.org"}, EMAIL, SAID("Al@example.org\0"), false},
        {{EMAIL, "Al@example.org"}, EMAIL, SAID("xAl@example.org"), false},
        {{EMAIL, "Al@example.org"}, EMAIL, SAID("Al@example.or"), false},
        {{EMAIL, "Al@example.org"}, EMAIL, SAID("example.org"), false},
        {{EMAIL, "Al@example.org"}, EMAIL, SAID(""), false},
        {{EMAIL, "Al@example.org"}, DNS, SAID("Al@example.org"), false},

        {{URI, "spiffe://e/a"}, URI, SAID("spiffe://e/a"), true},
        {{URI, "spiffe://e/a"}, URI, SAID("spiffe://e/A"), false},
        {{URI, "spiffe://e/a"}, URI, SAID("SPIFFE://e/a"), false},
        {{URI, "spiffe://e/a"}, URI, SAID("spiffe://e/a/"), false},
        {{URI, "spiffe://e/a"}, URI, SAID("spiffe://e/a\0"), false},
        {{URI, "spiffe://e/a"}, URI, SAID(""), false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (allow_name(&rows[i].listed, rows[i].kind, rows[i].said) != rows[i].fits)
            fail_msg("row %zu, \"%s\"", i, rows[i].listed.text);
}

static void a_name_longer_than_any_host_fits_nothing(void **state)
{
    (void)state;
    char name[400];
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    const struct client_name listed = {DNS, name};
    for (size_t size = 250; size < 300; size++) {
        const struct tls_slice said = {(const uint8_t *)name, size};
        assert_false(allow_name(&listed, DNS, said));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_fit_by_the_rules_of_their_kind),
        cmocka_unit_test(a_name_longer_than_any_host_fits_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
