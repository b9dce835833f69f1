/* test_utf8.c - which bytes are a character. */
#include "config/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ROW(text, length)                                                                          \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1, length                                          \
    }

static void sequences_are_judged_by_rfc_3629(void **state)
{
    static const struct {
        const uint8_t *bytes;
        size_t size, length;
    } rows[] = {
        ROW("", 0),
        ROW("\0", 1),
        ROW("a", 1),
        ROW("\x7f", 1),
        ROW("\x80", 0),
        ROW("\xbf", 0),
        ROW("\xc1\xbf", 0),
        ROW("\xc2\x80", 2),
        ROW("\xc2", 0),
        ROW("\xc2x", 0),
        ROW("\xdf\xbf", 2),
        ROW("\xe0\xa0\x80", 3),
        ROW("\xe0\x9f\xbf", 0),
        ROW("\xe2\x82\xac", 3),
        ROW("\xe2\x82", 0),
        ROW("\xed\x9f\xbf", 3),
        ROW("\xed\xa0\x80", 0),
        ROW("\xef\xbf\xbf", 3),
        ROW("\xf0\x90\x80\x80", 4),
        ROW("\xf0\x8f\xbf\xbf", 0),
        ROW("\xf0\x90\x80", 0),
        ROW("\xf4\x8f\xbf\xbf", 4),
        ROW("\xf4\x90\x80\x80", 0),
        ROW("\xf5\x80\x80\x80", 0),
        ROW("\xff", 0),
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(utf8_length(rows[i].bytes, rows[i].size), rows[i].length);
        if (rows[i].size > 0) /* the NUL of the literal ends it */
            assert_int_equal(utf8_length(rows[i].bytes, SIZE_MAX), rows[i].length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sequences_are_judged_by_rfc_3629)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
