/* test_columns.c - where in its line a finding's key, block or first word begins. */
#include "config/columns.h"
#include "mistake.h"

static int column_of_finding(const char *text, int line, const char *key, const char *kind,
                             const char *name)
{
    struct diags d = {0};
    struct bundle *b = bundle_of(text);
    const struct origin at = {
        .file = TEXT_PATH, .line = line, .key = key, .kind = kind, .name = name};
    diag_add(&d, DIAG_ERROR, &at, NULL, "x");
    columns_find(b, &d);
    const int column = d.items[0].column;
    diags_free(&d);
    bundle_free(b);
    return column;
}

static void a_key_is_found_before_its_equals_sign(void **state)
{
    (void)state;
    assert_int_equal(column_of_finding("a = b\n  log = x\n", 2, "log", NULL, NULL), 3);
    assert_int_equal(column_of_finding("r = log log= x", 1, "log", NULL, NULL), 9);
    assert_int_equal(column_of_finding("blog = log log += x", 1, "log", NULL, NULL), 12);
    assert_int_equal(column_of_finding("route r {log = x", 1, "log", "route", "r"), 10);
}

static void a_block_is_found_before_its_name(void **state)
{
    (void)state;
    assert_int_equal(column_of_finding("} route a { } route b {", 1, NULL, "route", "b"), 15);
    assert_int_equal(column_of_finding("} route a { } route 'b' {", 1, NULL, "route", "b"), 15);
    assert_int_equal(column_of_finding("} route a {", 1, "upstream", "route", "a"), 3);
}

static void else_it_is_the_first_word_of_the_line(void **state)
{
    (void)state;
    assert_int_equal(column_of_finding("certificate = {a,\n\t b}\n", 2, "certificate", NULL, NULL),
                     3);
    assert_int_equal(column_of_finding("x\n  \n", 2, "log", NULL, NULL), 3);
    assert_int_equal(column_of_finding("x\n", 2, NULL, NULL, NULL), 1);
    assert_int_equal(column_of_finding("x", 1, "", "", ""), 1);
}

static void characters_are_counted_and_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(column_of_finding("x = \xc3\xbc log = y", 1, "log", NULL, NULL), 7);
    assert_int_equal(column_of_finding("x = \xff\xfe log = y", 1, "log", NULL, NULL), 8);
}

static void what_is_not_there_has_no_column(void **state)
{
    struct diags d = {0};
    struct bundle *b = bundle_of("x\n");
    const struct origin elsewhere = {.file = "/other", .line = 1}, whole = {.file = TEXT_PATH},
                        below = {.file = TEXT_PATH, .line = 3};
    (void)state;
    diag_add(&d, DIAG_ERROR, &elsewhere, NULL, "x");
    diag_add(&d, DIAG_ERROR, &whole, NULL, "x");
    diag_add(&d, DIAG_ERROR, &below, NULL, "x");
    diag_add(&d, DIAG_ERROR, NULL, NULL, "x");
    columns_find(b, &d);
    for (size_t i = 0; i < d.count; i++)
        assert_int_equal(d.items[i].column, 0);
    diags_free(&d);
    bundle_free(b);
}

static void findings_in_any_order_find_their_lines(void **state)
{
    static const int lines[] = {3, 1, 2, 2, 3};
    struct diags d = {0};
    struct bundle *b = bundle_of("a\n b\n  c\n");
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const struct origin at = {.file = TEXT_PATH, .line = lines[i]};
        diag_add(&d, DIAG_ERROR, &at, NULL, "x");
    }
    columns_find(b, &d);
    for (size_t i = 0; i < d.count; i++)
        assert_int_equal(d.items[i].column, lines[i]);
    diags_free(&d);
    bundle_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_found_before_its_equals_sign),
        cmocka_unit_test(a_block_is_found_before_its_name),
        cmocka_unit_test(else_it_is_the_first_word_of_the_line),
        cmocka_unit_test(characters_are_counted_and_not_bytes),
        cmocka_unit_test(what_is_not_there_has_no_column),
        cmocka_unit_test(findings_in_any_order_find_their_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
