/* test_layout.c - tables that fit, and text that is safe to show. */
#include "proxy/console/glyphs.h"
#include "proxy/console/layout.h"
#include "tests/support/unit.h"

#include <locale.h>

static char shown[65536];

static const char *lay_out(const char *text, size_t columns, bool utf8)
{
    struct buf out;
    buf_init(&out, sizeof shown);
    layout(text, columns, utf8, &out);
    buf_put(&out, "", 1);
    assert_false(out.failed);
    memcpy(shown, out.data, out.size);
    buf_free(&out);
    return shown;
}

/* No line is wider, and no byte is one that a terminal obeys. */
static void assert_fits(const char *text, size_t columns, bool utf8)
{
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        const size_t size = strcspn(line, "\n");
        assert_in_range(glyphs_width(line, size, utf8), 0, columns);
        for (size_t i = 0; i < size; i++)
            assert_true((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
    }
}

#define TABLE                                                                                      \
    "#<NAME\t=KIND\t>COUNT\t\n"                                                                    \
    " a\tx\t1\t\n"                                                                                 \
    " a-rather-long-name\txyz\t12345\t\n"

static void columns_stand_below_their_headings(void **state)
{
    (void)state;
    assert_string_equal(lay_out("-summary\t\n-\t\n" TABLE, 80, true),
                        "summary\n"
                        "\n"
                        "NAME                KIND  COUNT\n"
                        "a                   x         1\n"
                        "a-rather-long-name  xyz   12345\n");
}

static void long_names_are_cut_with_an_ellipsis(void **state)
{
    (void)state;
    assert_string_equal(lay_out(TABLE, 25, true), "NAME          KIND  COUNT\n"
                                                  "a             x         1\n"
                                                  "a-rather-lo\xe2\x80\xa6  xyz   12345\n");
    assert_string_equal(lay_out(TABLE, 25, false), "NAME          KIND  COUNT\n"
                                                   "a             x         1\n"
                                                   "a-rather-...  xyz   12345\n");
}

static void every_width_is_kept(void **state)
{
    (void)state;
    for (size_t columns = 0; columns < 60; columns++) {
        assert_fits(lay_out("-a summary of some length\t\n" TABLE, columns, true), columns, true);
        assert_fits(lay_out("-a summary of some length\t\n" TABLE, columns, false), columns, false);
    }
}

static void wide_characters_take_two_columns(void **state)
{
    static const char text[] = "#<NAME\t>N\t\n \xe6\xbc\xa2\xe5\xad\x97\t1\t\n abcd\t2\t\n";
    (void)state;
    assert_string_equal(lay_out(text, 80, true), "NAME  N\n"
                                                 "\xe6\xbc\xa2\xe5\xad\x97  1\n"
                                                 "abcd  2\n");
    assert_string_equal(lay_out("-\xe6\xbc\xa2\xe5\xad\x97\t\n", 3, true),
                        "\xe6\xbc\xa2\xe2\x80\xa6\n");
    assert_string_equal(lay_out("-\xe6\xbc\xa2\xe5\xad\x97\t\n", 2, true), "\xe2\x80\xa6\n");
}

static void combining_characters_take_none(void **state)
{
    (void)state;
    assert_string_equal(lay_out("#<A\t>N\t\n e\xcc\x81\t1\t\n", 80, true), "A  N\n"
                                                                           "e\xcc\x81  1\n");
}

static void what_is_no_text_is_shown_as_question_marks(void **state)
{
    (void)state;
    assert_string_equal(lay_out("-a\xff\xc3z\x1b[2J\x7f\xc2\x9b\t\n", 80, true), "a??z?[2J??\n");
    assert_string_equal(lay_out("-\xe2\x80\xaeolleh\xef\xbb\xbf\t\n", 80, true), "?olleh?\n");
    assert_string_equal(lay_out("-\xc3\xbc\t\n", 80, false), "?\n");
}

static void what_is_no_text_of_cells_is_shown_as_far_as_it_can_be(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "#\n",
        "#",
        " \n",
        "-",
        "\t\t\n",
        "#<\t\n a\tb\tc\n",
        "x\ty\n",
        " row\t\n#\t\n \t\t\t\n",
        "#a\tb\tc\td\te\tf\tg\th\ti\tj\tk\tl\tm\tn\to\tp\tq\tr\n a\tb\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t columns = 0; columns < 12; columns++)
            assert_fits(lay_out(texts[i], columns, true), columns, true);
}

/* Whatever the bytes are. */
static void random_text_fits(void **state)
{
    static const char alphabet[] =
        "#- <=>\t\nab\xc3\xbc\xe6\xbc\xa2\xf0\x9f\x98\x80\xcc\x81\x1b\x9b\xff";
    uint32_t seed = 12345;
    (void)state;
    for (int round = 0; round < 5000; round++) {
        char text[64];
        size_t size = 0;
        for (; size < sizeof text - 1; size++) {
            seed = seed * 1664525 + 1013904223;
            text[size] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        text[size] = '\0';
        assert_fits(lay_out(text, 7, true), 7, true);
        assert_fits(lay_out(text, 20, false), 20, false);
    }
}

static int setup(void **state)
{
    (void)state;
    (void)glyphs_begin();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_stand_below_their_headings),
        cmocka_unit_test(long_names_are_cut_with_an_ellipsis),
        cmocka_unit_test(every_width_is_kept),
        cmocka_unit_test(wide_characters_take_two_columns),
        cmocka_unit_test(combining_characters_take_none),
        cmocka_unit_test(what_is_no_text_is_shown_as_question_marks),
        cmocka_unit_test(what_is_no_text_of_cells_is_shown_as_far_as_it_can_be),
        cmocka_unit_test(random_text_fits),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
