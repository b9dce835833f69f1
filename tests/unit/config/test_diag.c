/* test_diag.c - findings: what is refused, how one reads, in which order they stand. */
#include "config/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void severity_decides_what_is_refused(void **state)
{
    struct diags d = {0};
    (void)state;
    assert_true(diag_ok(&d, DIAG_WARNING));
    diag_add(&d, DIAG_WARNING, NULL, NULL, "w");
    assert_true(diag_ok(&d, DIAG_WARNING));
    assert_true(diag_ok(&d, DIAG_EXPIRED));
    diag_add(&d, DIAG_EXPIRED, NULL, NULL, "x");
    assert_false(diag_ok(&d, DIAG_EXPIRED));
    assert_true(diag_ok(&d, DIAG_ERROR));
    diag_add(&d, DIAG_ERROR, NULL, NULL, "e");
    assert_false(diag_ok(&d, DIAG_ERROR));
    diags_free(&d);
    assert_int_equal(d.count, 0);
}

static void lost_findings_count_as_an_error(void **state)
{
    struct diags d = {.out_of_memory = true};
    (void)state;
    assert_false(diag_ok(&d, DIAG_ERROR));
}

static void check_format(enum diag_severity severity, const struct origin *where, const char *cure,
                         const char *expected)
{
    struct diags d = {0};
    char buf[256];
    diag_add(&d, severity, where, cure, "it is %s", "bad");
    assert_int_equal(diag_format(&d.items[0], buf, sizeof buf), (int)strlen(expected));
    assert_string_equal(buf, expected);
    diags_free(&d);
}

static void a_finding_reads_place_severity_cause_cure(void **state)
{
    const struct origin at = {.file = "/etc/x.conf", .line = 7};
    const struct origin file = {.file = "/etc/x.conf"}, standard = {.file = "-", .line = 2};
    (void)state;
    check_format(DIAG_ERROR, &at, "mend it",
                 "/etc/x.conf:7: error: it is bad\n    cure: mend it\n");
    check_format(DIAG_WARNING, &at, NULL, "/etc/x.conf:7: warning: it is bad\n");
    check_format(DIAG_EXPIRED, &file, NULL, "/etc/x.conf: error: it is bad\n");
    check_format(DIAG_ERROR, NULL, NULL, "error: it is bad\n");
    check_format(DIAG_ERROR, &standard, NULL, "standard input:2: error: it is bad\n");
}

static void whatever_is_quoted_is_shown_as_text(void **state)
{
    const struct origin at = {.file = "/etc/\xff.conf", .line = 1};
    struct diags d = {0};
    char buf[256];
    (void)state;
    diag_add(&d, DIAG_ERROR, &at, "write a\tb", "\"a\033[31m\xc3\xa4\x7f\n\xc3\" is wrong");
    diag_format(&d.items[0], buf, sizeof buf);
    assert_string_equal(buf,
                        "/etc/\\xff.conf:1: error: \"a\\x1b[31m\xc3\xa4\\x7f\\x0a\\xc3\" is wrong\n"
                        "    cure: write a\\x09b\n");
    diags_free(&d);
}

static void a_long_text_is_cut_between_characters(void **state)
{
    static char text[3 * DIAG_TEXT_MAX];
    (void)state;
    for (size_t offset = 0; offset < 8; offset++) {
        struct diags d = {0};
        memset(text, 'a', offset);
        for (size_t i = offset; i + 2 < sizeof text; i += 2)
            memcpy(text + i, "\xc3\xa4", 3);
        diag_add(&d, DIAG_ERROR, NULL, NULL, "%s", text);
        const size_t size = strlen(d.items[0].cause);
        assert_in_range(size, DIAG_TEXT_MAX - 8, DIAG_TEXT_MAX - 1);
        assert_memory_equal(d.items[0].cause, text, size - 3);
        assert_string_equal(d.items[0].cause + size - 3, "...");
        assert_int_equal((size - 3 - offset) % 2, 0);
        diags_free(&d);
    }
}

static void a_small_buffer_is_not_overrun(void **state)
{
    struct diags d = {0};
    char buf[8] = "zzzzzzz";
    (void)state;
    diag_add(&d, DIAG_ERROR, NULL, "cure", "cause");
    assert_int_equal(diag_format(&d.items[0], buf, 4),
                     (int)strlen("error: cause\n    cure: cure\n"));
    assert_string_equal(buf, "err");
    diags_free(&d);
}

static void findings_sort_by_place_and_keep_their_order(void **state)
{
    const struct origin a1 = {.file = "a", .line = 1}, a9 = {.file = "a", .line = 9};
    const struct origin b1 = {.file = "b", .line = 1};
    static const char *const expected[] = {"first", "one", "two", "nine", "b", "nowhere"};
    struct diags d = {0};
    (void)state;
    diag_add(&d, DIAG_ERROR, &b1, NULL, "first"); /* before `from`: stays */
    diag_add(&d, DIAG_ERROR, NULL, NULL, "nowhere");
    diag_add(&d, DIAG_ERROR, &b1, NULL, "b");
    diag_add(&d, DIAG_ERROR, &a9, NULL, "nine");
    diag_add(&d, DIAG_ERROR, &a1, NULL, "one");
    diag_add(&d, DIAG_ERROR, &a1, NULL, "two");
    diag_sort(&d, 1);
    for (size_t i = 0; i < d.count; i++)
        assert_string_equal(d.items[i].cause, expected[i]);
    diags_free(&d);
}

static void there_is_room_for_many(void **state)
{
    struct diags d = {0};
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct origin at = {.file = "f", .line = i};
        diag_add(&d, DIAG_WARNING, &at, "cure", "cause %d", i);
    }
    assert_int_equal(d.count, 1000);
    assert_int_equal(d.items[999].line, 999);
    assert_string_equal(d.items[500].cause, "cause 500");
    diags_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(severity_decides_what_is_refused),
        cmocka_unit_test(lost_findings_count_as_an_error),
        cmocka_unit_test(a_finding_reads_place_severity_cause_cure),
        cmocka_unit_test(whatever_is_quoted_is_shown_as_text),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(a_small_buffer_is_not_overrun),
        cmocka_unit_test(findings_sort_by_place_and_keep_their_order),
        cmocka_unit_test(there_is_room_for_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
