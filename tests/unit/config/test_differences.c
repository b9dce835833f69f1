/* test_differences.c - which settings of two configurations are not the same, in words. */
#include "config/differences.h"
#include "config/schema.h"
#include "mistake.h"

#include <stdlib.h>

static void assert_differences(const char *before, const char *after, const char *expected)
{
    struct bundle *b = bundle_of(before), *a = bundle_of(after);
    char *text = config_differences(b, a);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
    bundle_free(b);
    bundle_free(a);
}

/* ---- every key ---- */

/* Where a key of each scope stands, and how its line begins. */
static const struct {
    const char *head, *tail, *label;
} places[SCOPES] = {
    [SCOPE_GLOBAL] = {"", "", ""},
    [SCOPE_CERTIFICATE] = {"certificate c {\n", "}\n", "certificate c: "},
    [SCOPE_ROUTE] = {"route r {\n", "}\n", "route r: "},
    [SCOPE_SERVER_NAME] = {"route r {\nserver-name n.example {\n", "}\n}\n",
                           "route r: server-name n.example: "},
};

/* What becomes of them is told by test_changes.c and, that they wait, by the reload itself. */
static bool is_told_elsewhere(enum scope scope, const char *key)
{
    static const char *const of_globals[] = {"control", "user", "sandbox", "ticket-key"};
    for (size_t i = 0; i < sizeof of_globals / sizeof of_globals[0]; i++)
        if (scope == SCOPE_GLOBAL && strcmp(of_globals[i], key) == 0)
            return true;
    return strcmp(key, "upstream") == 0 || strcmp(key, "listen") == 0;
}

static void put_key(char text[200], enum scope scope, const char *key, const char *value)
{
    snprintf(text, 200, "%s%s = %s\n%s", places[scope].head, key, value, places[scope].tail);
}

static void assert_told(enum scope scope, const char *key)
{
    char before[200], after[200], expected[200] = "";
    put_key(before, scope, key, "one");
    put_key(after, scope, key, "two");
    if (!is_told_elsewhere(scope, key))
        snprintf(expected, sizeof expected, "%s%s one -> two\n", places[scope].label, key);
    assert_differences(before, after, expected);
    assert_differences(after, after, "");
}

static void every_key_that_has_another_value_is_told(void **state)
{
    (void)state;
    for (int scope = 0; scope < SCOPES; scope++)
        for (const struct key *k = schema_keys((enum scope)scope); k->name != NULL; k++)
            assert_told((enum scope)scope, k->name);
}

/* ---- values ---- */

static void what_is_left_out_has_its_default(void **state)
{
    (void)state;
    assert_differences("", "watch = off\n", "");
    assert_differences("", "watch = on\n", "watch off -> on\n");
    assert_differences("workers = 2\n", "", "workers 2 -> auto\n");
    assert_differences(ROUTE("connect-timeout = 5s"), ROUTE(""), "");
    assert_differences(ROUTE("idle-timeout = 30m"), ROUTE(""),
                       "route r: idle-timeout 30m -> not set\n");
}

static void the_order_of_values_counts(void **state)
{
    (void)state;
    assert_differences("route r { certificate = {a, b} }", "route r { certificate = {b, a} }",
                       "route r: certificate a, b -> b, a\n");
    assert_differences("route r { alpn = {\"a, b\"} }", "route r { alpn = {a, b} }",
                       "route r: alpn a, b -> a, b\n");
}

static void how_it_is_written_does_not_count(void **state)
{
    (void)state;
    assert_differences("watch = on\nroute r { balance = first }\ncertificate c { chain = '/c' }\n",
                       "# a comment\ncertificate c { chain = /c }\n"
                       "route r {\n\n    balance = \"first\"\n}\nwatch = on\n",
                       "");
}

static void long_values_are_left_out(void **state)
{
    (void)state;
    char after[1000], list[800] = "";
    for (int i = 0; i < 30; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s\"192.0.2.%d\"",
                 i > 0 ? ", " : "", i);
    snprintf(after, sizeof after, "route r { allow = {%s} }", list);
    assert_differences("route r { allow = \"192.0.2.1\" }", after, "route r: allow changed\n");
    assert_differences(after, "route r { allow = \"192.0.2.1\" }", "route r: allow changed\n");
}

static void bytes_that_are_no_text_are_shown_in_hexadecimal(void **state)
{
    (void)state;
    assert_differences("route r { alpn = \"\xe4\" }", "route r { alpn = \"\xc3\xa4\" }",
                       "route r: alpn \\xe4 -> \xc3\xa4\n");
}

/* ---- blocks ---- */

static void blocks_that_one_side_alone_has_are_not_compared(void **state)
{
    (void)state;
    assert_differences("route a { watch = on }\n", "route b { balance = least }\n", "");
    assert_differences("route a { }", "route a { server-name n.example { balance = least } }\n",
                       "");
    assert_differences("certificate a { chain = /c }\n", "route a { balance = least }\n", "");
}

/* `count` routes with that timeout. */
static char *routes(int count, const char *timeout)
{
    char *text = calloc((size_t)count + 1, 100);
    size_t size = 0;
    assert_non_null(text);
    for (int i = 0; i < count; i++)
        size += (size_t)snprintf(text + size, 100, "route r%d { idle-timeout = %s }\n", i, timeout);
    return text;
}

static void many_that_are_alike_share_a_line(void **state)
{
    (void)state;
    char *before = routes(1000, "1m"), *after = routes(1000, "2m");
    assert_differences(before, after, "in 1000 blocks, as in route r0: idle-timeout 1m -> 2m\n");
    free(before);
    free(after);
    before = routes(2, "1m");
    after = routes(2, "2m");
    assert_differences(before, after,
                       "route r0: idle-timeout 1m -> 2m\nroute r1: idle-timeout 1m -> 2m\n");
    free(before);
    free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_that_has_another_value_is_told),
        cmocka_unit_test(what_is_left_out_has_its_default),
        cmocka_unit_test(the_order_of_values_counts),
        cmocka_unit_test(how_it_is_written_does_not_count),
        cmocka_unit_test(long_values_are_left_out),
        cmocka_unit_test(bytes_that_are_no_text_are_shown_in_hexadecimal),
        cmocka_unit_test(blocks_that_one_side_alone_has_are_not_compared),
        cmocka_unit_test(many_that_are_alike_share_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
