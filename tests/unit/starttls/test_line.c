/* test_line.c - lines and words off a slice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/starttls/line.h"

static struct slice slice_of(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void assert_slice(struct slice s, const char *expected)
{
    assert_int_equal(s.size, strlen(expected));
    assert_memory_equal(s.data, expected, s.size);
}

static void a_line_without_an_end_is_cut_short(void **state)
{
    (void)state;
    assert_true(line_is_cut_short(slice_of("")));
    assert_true(line_is_cut_short(slice_of("NOOP\r")));
    assert_false(line_is_cut_short(slice_of("NOOP\r\n")));
    assert_false(line_is_cut_short(slice_of("NOOP\nQU")));
}

static void assert_verb(const char *text, const char *stops, const char *verb, const char *rest)
{
    struct slice line = slice_of(text);
    assert_slice(line_verb(&line, stops), verb);
    assert_slice(line, rest);
}

static void a_verb_stands_between_blanks_and_controls(void **state)
{
    (void)state;
    assert_verb("NOOP", NULL, "NOOP", "");
    assert_verb(" \t\v\r\x01\x7fNOOP\v \rx y\r", NULL, "NOOP", "x y\r");
    assert_verb("NOOP(x", NULL, "NOOP(x", "");
    assert_verb(" NOOP(x", "({", "NOOP", "(x");
    assert_verb("{x", "({", "", "{x");
    assert_verb(" \r", NULL, "", "");
    assert_verb("", NULL, "", "");
    struct slice none = {NULL, 0};
    assert_int_equal(line_verb(&none, NULL).size, 0);
}

static void a_line_ends_with_crlf_or_bare_lf(void **state)
{
    (void)state;
    struct slice in = slice_of("first\r\nsecond\n\r\nrest"), line;
    bool bare;
    assert_int_equal(line_next(&in, 100, &line, &bare), LINE_OK);
    assert_slice(line, "first");
    assert_false(bare);
    assert_int_equal(line_next(&in, 100, &line, &bare), LINE_OK);
    assert_slice(line, "second");
    assert_true(bare);
    assert_int_equal(line_next(&in, 100, &line, &bare), LINE_OK);
    assert_slice(line, "");
    assert_int_equal(line_next(&in, 100, &line, NULL), LINE_MORE);
    assert_slice(in, "rest");
}

static void a_line_of_the_longest_length_is_taken_however_it_is_cut(void **state)
{
    (void)state;
    static const char text[] = "12345678\r\n";
    for (size_t size = 0; size <= strlen(text); size++) {
        uint8_t *copy = malloc(size > 0 ? size : 1); /* a sanitizer sees a read behind it */
        memcpy(copy, text, size);
        struct slice in = {copy, size}, line;
        assert_int_equal(line_next(&in, 8, &line, NULL),
                         size == strlen(text) ? LINE_OK : LINE_MORE);
        free(copy);
    }
}

static void a_longer_line_is_refused_complete_or_not(void **state)
{
    (void)state;
    static const char *const longer[] = {"123456789", "123456789\r\n", "123456789\n", "12345678\r9",
                                         "123456789\r"};
    for (size_t i = 0; i < sizeof longer / sizeof *longer; i++) {
        struct slice in = slice_of(longer[i]), line;
        assert_int_equal(line_next(&in, 8, &line, NULL), LINE_TOO_LONG);
        assert_slice(in, longer[i]);
    }
}

static void words_are_parted_by_blanks(void **state)
{
    (void)state;
    struct slice line = slice_of("MAIL \t FROM:<a@b> SIZE=1");
    assert_slice(line_word(&line), "MAIL");
    assert_slice(line_word(&line), "FROM:<a@b>");
    assert_slice(line, "SIZE=1");
    assert_slice(line_word(&line), "SIZE=1");
    assert_slice(line_word(&line), "");
    assert_slice(line_word(&line), "");
}

static void words_match_whole_and_in_any_case(void **state)
{
    (void)state;
    assert_true(slice_is(slice_of("StartTLS"), "STARTTLS"));
    assert_false(slice_is(slice_of("STARTTLSX"), "STARTTLS"));
    assert_false(slice_is(slice_of("STARTTL"), "STARTTLS"));
    assert_true(slice_is(slice_of(""), ""));
    assert_true(slice_begins(slice_of("auth=PLAIN"), "AUTH="));
    assert_false(slice_begins(slice_of("AUTH"), "AUTH="));
}

static void control_bytes_are_found_anywhere(void **state)
{
    (void)state;
    const uint8_t nul[] = {'a', 0, 'b'};
    assert_true(slice_has_controls((struct slice){nul, sizeof nul}));
    assert_true(slice_has_controls(slice_of("a\r")));
    assert_true(slice_has_controls(slice_of("\na")));
    assert_false(slice_has_controls(slice_of("a b\xc3\xa4")));
    assert_false(slice_has_controls((struct slice){NULL, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_without_an_end_is_cut_short),
        cmocka_unit_test(a_verb_stands_between_blanks_and_controls),
        cmocka_unit_test(a_line_ends_with_crlf_or_bare_lf),
        cmocka_unit_test(a_line_of_the_longest_length_is_taken_however_it_is_cut),
        cmocka_unit_test(a_longer_line_is_refused_complete_or_not),
        cmocka_unit_test(words_are_parted_by_blanks),
        cmocka_unit_test(words_match_whole_and_in_any_case),
        cmocka_unit_test(control_bytes_are_found_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
