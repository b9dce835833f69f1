/* test_step.c - where a text ends, however it comes */
#include "proxy/starttls/step.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char mark[] = "\r\n.\r\n";
enum { MARK = sizeof mark - 1 };

/* How many bytes belong to the text, which comes in pieces of `step`. */
static size_t text_of(struct slice in, size_t step, bool *over)
{
    unsigned end = STEP_TEXT_BEGIN;
    size_t done = 0;
    *over = false;
    while (done < in.size && !*over) {
        const size_t left = in.size - done, piece = left < step ? left : step;
        const size_t n = step_text(&end, (struct slice){in.data + done, piece}, over, NULL);
        assert_true(n == piece || *over);
        done += n;
    }
    return done;
}

static void assert_ends(struct slice in, size_t where, bool over)
{
    for (size_t step = 1; step <= in.size; step = step < 8 ? step + 1 : step * 2) {
        bool ends;
        assert_int_equal(text_of(in, step, &ends), where);
        assert_int_equal(ends, over);
    }
}

static void a_text_ends_with_the_mark_wherever_it_stands(void **state)
{
    (void)state;
    static const char *const fillings[] = {"x", "\r", "\n", ".", "\r\n", "x\r\n", "\r\n..", "\n."};
    uint8_t text[400];
    for (size_t f = 0; f < sizeof fillings / sizeof *fillings; f++)
        for (size_t at = 2; at < 300; at++) {
            for (size_t i = 0; i < sizeof text; i++)
                text[i] = (uint8_t)fillings[f][i % strlen(fillings[f])];
            text[0] = text[1] = text[at - 1] = 'x'; /* no mark but this one */
            memcpy(text + at, mark, MARK);
            assert_ends((struct slice){text, at + MARK + 20}, at + MARK, true);
            assert_ends((struct slice){text, at + MARK - 1}, at + MARK - 1, false);
        }
}

static void an_empty_text_is_a_dot_alone(void **state)
{
    (void)state;
    assert_ends((struct slice){(const uint8_t *)".\r\nQUIT\r\n", 9}, 3, true);
    assert_ends((struct slice){(const uint8_t *)"..\r\n.\r\n", 7}, 7, true);
    assert_ends((struct slice){(const uint8_t *)".\nx\n.\n", 6}, 6, false);
}

/* Whatever is said of it in pieces of one byte, where nothing can be skipped. */
static void every_short_text_ends_at_the_same_place_in_one_piece(void **state)
{
    (void)state;
    enum { LENGTH = 8, TEXTS = 1 << 2 * LENGTH };
    for (unsigned number = 0; number < TEXTS; number++) {
        uint8_t text[LENGTH];
        for (size_t i = 0; i < LENGTH; i++)
            text[i] = (uint8_t) "\r\n.x"[number >> 2 * i & 3];
        const struct slice in = {text, LENGTH};
        bool over, over_bytes;
        assert_int_equal(text_of(in, LENGTH, &over), text_of(in, 1, &over_bytes));
        assert_int_equal(over, over_bytes);
    }
}

/* How much there is before a dot alone that is not the end; all of it: there is none. */
static size_t before_doubt(const char *text, size_t step)
{
    unsigned end = STEP_TEXT_BEGIN;
    bool over = false, doubtful = false;
    const size_t size = strlen(text);
    size_t done = 0;
    while (done < size && !over && !doubtful) {
        const size_t piece = size - done < step ? size - done : step;
        done +=
            step_text(&end, (struct slice){(const uint8_t *)text + done, piece}, &over, &doubtful);
    }
    return doubtful ? done : size;
}

static void a_dot_alone_between_other_ends_of_lines_is_doubtful(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t doubt; /* 0: none */
    } cases[] = {
        {"x\n.\ny\r\n", 4}, {"x\n.\r\ny", 4},    {"x\r\n.\ny", 5},    {"x\r\n.\r\ry", 6},
        {"x\r.\ry", 4},     {"x\r\n.\ry", 6},    {".\ny", 2},         {"x\r\n..\ny", 0},
        {"x\r\n.\r\ny", 0}, {"x\n..\n", 0},      {"x\n.x\n", 0},      {"x\r\n.x\r\n", 0},
        {"x.\n", 0},        {"x\r\n.\r.\ry", 6}, {"x\r\n. \r\ny", 6}, {"x\n.  \ny", 6},
        {". \t\ny", 3},     {"x\n. x\n", 0},     {"x\r\n.. \ny", 0},  {"x. \n", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step < 10; step++)
            assert_int_equal(before_doubt(cases[i].text, step),
                             cases[i].doubt > 0 ? cases[i].doubt : strlen(cases[i].text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_ends_with_the_mark_wherever_it_stands),
        cmocka_unit_test(an_empty_text_is_a_dot_alone),
        cmocka_unit_test(every_short_text_ends_at_the_same_place_in_one_piece),
        cmocka_unit_test(a_dot_alone_between_other_ends_of_lines_is_doubtful),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
