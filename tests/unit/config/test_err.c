/* test_err.c - one sentence, never longer than its room. */
#include "config/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void set_formats_and_fails(void **state)
{
    struct err e;
    (void)state;
    assert_int_equal(err_set(&e, "cannot open \"%s\": %d", "/x", 2), -1);
    assert_string_equal(e.text, "cannot open \"/x\": 2");
}

static void prefix_stands_before_what_was_there(void **state)
{
    struct err e;
    (void)state;
    err_set(&e, "no such file");
    assert_int_equal(err_prefix(&e, "route %s", "a"), -1);
    assert_string_equal(e.text, "route a: no such file");
}

static void no_place_to_write_is_fine(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, "x"), -1);
    assert_int_equal(err_prefix(NULL, "x"), -1);
}

static void long_texts_are_cut(void **state)
{
    struct err e;
    char text[2000];
    (void)state;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_set(&e, "%s", text);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    err_prefix(&e, "p");
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    assert_memory_equal(e.text, "p: aaa", 6);
    err_prefix(&e, "%s", text);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_formats_and_fails),
        cmocka_unit_test(prefix_stands_before_what_was_there),
        cmocka_unit_test(no_place_to_write_is_fine),
        cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
