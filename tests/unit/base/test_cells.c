/* test_cells.c - cells that carry nothing but text, and numbers that fit theirs. */
#include "proxy/base/cells.h"
#include "tests/support/unit.h"

#include <inttypes.h>

static const char *text_of(struct buf *b)
{
    buf_put(b, "", 1);
    return (const char *)b->data;
}

static void a_line_has_a_mark_and_cells(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 1000);
    cells_begin(&b, CELLS_HEADING);
    cells_add(&b, "%s", "<A");
    cells_add(&b, ">%d", 5);
    cells_end(&b);
    cells_begin(&b, CELLS_ROW);
    cells_add(&b, "%s", "");
    cells_end(&b);
    assert_string_equal(text_of(&b), "#<A\t>5\t\n \t\n");
    buf_free(&b);
}

static void no_control_character_gets_into_a_cell(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 1000);
    cells_add(&b, "%s", "a\tb\nc\033[2Jd\x7f\x01");
    assert_string_equal(text_of(&b), "a?b?c?[2Jd??\t");
    buf_free(&b);
}

static void a_long_cell_is_cut(void **state)
{
    static char text[5000];
    struct buf b;
    (void)state;
    memset(text, 'x', sizeof text - 1);
    buf_init(&b, 10000);
    cells_add(&b, "%s", text);
    assert_in_range(b.size, 100, 1100);
    assert_int_equal(b.data[b.size - 1], '\t');
    buf_free(&b);
}

static void numbers_fit_five_characters(void **state)
{
    static const struct {
        uint64_t number;
        const char *text;
    } rows[] = {
        {0, "0"},
        {99999, "99999"},
        {100000, "100k"},
        {999999, "999k"},
        {1000000, "1.00M"},
        {1239999, "1.23M"},
        {12399999, "12.3M"},
        {123999999, "123M"},
        {1000000000, "1.00G"},
        {UINT64_C(5000000000000), "5.00T"},
        {UINT64_C(7000000000000000), "7.00P"},
        {UINT64_MAX, "18.4E"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b;
        buf_init(&b, 100);
        cells_number(&b, rows[i].number);
        b.size--; /* the tab */
        assert_in_range(b.size, 1, 5);
        assert_string_equal(text_of(&b), rows[i].text);
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_a_mark_and_cells),
        cmocka_unit_test(no_control_character_gets_into_a_cell),
        cmocka_unit_test(a_long_cell_is_cut),
        cmocka_unit_test(numbers_fit_five_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
