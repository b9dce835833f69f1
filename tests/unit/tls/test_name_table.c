/* test_name_table.c - which of many names is asked for, and how few of them are looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Comparisons of the table are counted. */
static unsigned compared;
static int counting_strcmp(const char *a, const char *b)
{
    compared++;
    return strcmp(a, b);
}
#define strcmp counting_strcmp
#include "tls/name_table.c"
#undef strcmp

static struct name_table made_of(const char *const *names, size_t count)
{
    struct name_table t;
    assert_int_equal(name_table_init(&t, count), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(name_table_add(&t, names[i]), 0);
    name_table_sort(&t);
    return t;
}

static void names_are_found_as_they_are_asked_for(void **state)
{
    static const char *const names[] = {"mail.example.org",  "*.example.org", "b.example.org",
                                        "*.sub.example.org", "localhost",     "*.com.example"};
    enum { EXACT, STAR, B, SUB, HOST, NONE = -1 };
    static const struct {
        const char *asked;
        int expected;
    } rows[] = {
        {"mail.example.org", EXACT},
        {"MAIL.Example.ORG", EXACT},
        {"mail.example.org.", EXACT},
        {"b.example.org", B},
        {"c.example.org", STAR},
        {"C.EXAMPLE.ORG.", STAR},
        {"mail.example.org..", NONE},
        {"example.org", NONE},
        {".example.org", NONE},
        {"x.b.example.org", NONE},
        {"sub.example.org", STAR},
        {"x.sub.example.org", SUB},
        {"y.x.sub.example.org", NONE},
        {"LOCALHOST", HOST},
        {"local", NONE},
        {"*.example.org", NONE}, /* no name that a client can have */
        {"", NONE},
        {".", NONE},
        {"org", NONE},
        {"mail.example.or", NONE},
        {"mail.example.orgx", NONE},
    };
    (void)state;
    struct name_table t = made_of(names, sizeof names / sizeof *names);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const size_t index = name_table_find(&t, rows[i].asked);
        const size_t expected =
            rows[i].expected == NONE ? NAME_TABLE_NONE : (size_t)rows[i].expected;
        if (index != expected)
            fail_msg("%s: %zu", rows[i].asked, index);
    }
    name_table_free(&t);
}

static void a_name_that_is_too_long_is_none(void **state)
{
    static const char *const names[] = {"*.example.org"};
    char name[400];
    (void)state;
    struct name_table t = made_of(names, 1);
    memset(name, 'a', sizeof name);
    strcpy(name + 255 - strlen(".example.org"), ".example.org");
    assert_int_equal(name_table_find(&t, name), 0); /* names.h lets 255 pass */
    strcpy(name + 256 - strlen(".example.org"), ".example.org");
    name[255 - strlen(".example.org")] = 'a';
    assert_int_equal(name_table_find(&t, name), NAME_TABLE_NONE);
    name_table_free(&t);
}

static void where_there_are_no_names_none_is_found(void **state)
{
    struct name_table none = {0};
    (void)state;
    assert_int_equal(name_table_find(&none, "mail.example.org"), NAME_TABLE_NONE);
    name_table_free(&none);
    none = made_of(NULL, 0);
    assert_int_equal(name_table_find(&none, "mail.example.org"), NAME_TABLE_NONE);
    name_table_free(&none);
}

static unsigned log2_of(size_t n)
{
    unsigned bits = 0;
    for (; n > 0; n >>= 1)
        bits++;
    return bits;
}

/* Ten times the names cost three or four comparisons more, and twice that where it may be a
 * wildcard's. */
static void many_names_cost_no_more_than_few(void **state)
{
    (void)state;
    for (size_t count = 10; count <= 100000; count *= 10) {
        struct name_table t;
        char name[64];
        unsigned most = 0;
        assert_int_equal(name_table_init(&t, count), 0);
        for (size_t i = 0; i < count; i++) {
            snprintf(name, sizeof name, "%s%zu.example.org", i % 2 == 0 ? "host" : "*.domain", i);
            assert_int_equal(name_table_add(&t, name), 0);
        }
        name_table_sort(&t);
        for (size_t i = 0; i < count + 10; i++) {
            snprintf(name, sizeof name, "%s%zu.example.org", i % 2 == 0 ? "host" : "any.domain", i);
            compared = 0;
            assert_int_equal(name_table_find(&t, name), i < count ? i : NAME_TABLE_NONE);
            most = compared > most ? compared : most;
        }
        print_message("%zu names: %u comparisons at most\n", count, most);
        assert_in_range(most, 1, 2 * log2_of(count));
        name_table_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_as_they_are_asked_for),
        cmocka_unit_test(a_name_that_is_too_long_is_none),
        cmocka_unit_test(where_there_are_no_names_none_is_found),
        cmocka_unit_test(many_names_cost_no_more_than_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
