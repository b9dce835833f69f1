/* test_html.c - nothing that is shown becomes markup. */
#include "proxy/observer/html.h"
#include "tests/support/unit.h"

static void assert_becomes(const char *text, const char *expected)
{
    struct buf b;
    buf_init(&b, 4096);
    html_text(&b, text);
    assert_text(&b, expected);
    buf_free(&b);
}

static void markup_becomes_text(void **state)
{
    (void)state;
    assert_becomes("", "");
    assert_becomes("plain", "plain");
    assert_becomes("<script>&\"'</script>", "&lt;script&gt;&amp;&quot;&#39;&lt;/script&gt;");
    assert_becomes("m\xc3\xa4il \xe2\x82\xac \xf0\x9f\x93\xa7",
                   "m\xc3\xa4il \xe2\x82\xac \xf0\x9f\x93\xa7");
}

#define BAD "\xef\xbf\xbd"

static void what_is_no_text_is_replaced(void **state)
{
    (void)state;
    assert_becomes("a\x01\x1f\x7f\n", "a" BAD BAD BAD BAD);
    assert_becomes("a\x80z", "a" BAD "z");
    assert_becomes("\xc3", BAD);
    assert_becomes("\xc3<", BAD "&lt;"); /* must not swallow it */
    assert_becomes("\xe2\x82\"", BAD BAD "&quot;");
    assert_becomes("\xc0\xbc", BAD BAD);         /* overlong < */
    assert_becomes("\xe0\x80\xbc", BAD BAD BAD); /* likewise */
    assert_becomes("\xf0\x80\x80\xbc", BAD BAD BAD BAD);
    assert_becomes("\xed\xa0\x80", BAD BAD BAD); /* a surrogate */
    assert_becomes("\xf4\x90\x80\x80", BAD BAD BAD BAD);
    assert_becomes("\xc2\x85", BAD BAD); /* a control character */
}

/* Whatever the bytes: no raw special character, and nothing cut in the middle. */
static void every_pair_of_bytes_is_harmless(void **state)
{
    (void)state;
    for (unsigned i = 1; i < 256; i++)
        for (unsigned k = 1; k < 256; k++) {
            const char pair[] = {(char)i, (char)k, '\0'};
            struct buf b;
            buf_init(&b, 64);
            html_text(&b, pair);
            assert_false(b.failed);
            for (size_t n = 0; n < b.size; n++)
                assert_null(strchr("<>\"'\n", b.data[n] != '\0' ? (char)b.data[n] : '<'));
            buf_free(&b);
        }
}

static void assert_written(void (*write)(struct buf *out), const char *expected)
{
    struct buf b;
    buf_init(&b, 4096);
    write(&b);
    assert_text(&b, expected);
    buf_free(&b);
}

#define THIN "\xe2\x80\xaf"
#define HARD "\xc2\xa0"

static void numbers(struct buf *b)
{
    html_number(b, 0);
    buf_puts(b, ";");
    html_number(b, 999);
    buf_puts(b, ";");
    html_number(b, 1000);
    buf_puts(b, ";");
    html_number(b, 1234567);
    buf_puts(b, ";");
    html_size(b, 9999);
    buf_puts(b, ";");
    html_size(b, 12345678);
}

static void durations(struct buf *b)
{
    html_duration(b, -5);
    buf_puts(b, ";");
    html_duration(b, 1);
    buf_puts(b, ";");
    html_duration(b, 119);
    buf_puts(b, ";");
    html_duration(b, 7200);
    buf_puts(b, ";");
    html_duration(b, 86400);
    buf_puts(b, ";");
    html_time(b, 1800000000);
}

static void numbers_and_times_are_for_people(void **state)
{
    (void)state;
    assert_written(numbers,
                   "0;999;1" THIN "000;1" THIN "234" THIN "567;9" THIN "999" HARD "B;12" HARD "MB");
    assert_written(durations,
                   "0" HARD "seconds;1" HARD "second;1" HARD "minute;2" HARD "hours;1" HARD
                   "day;<time datetime=\"2027-01-15T08:00:00Z\">2027-01-15 "
                   "08:00 UTC</time>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(markup_becomes_text),
        cmocka_unit_test(what_is_no_text_is_replaced),
        cmocka_unit_test(every_pair_of_bytes_is_harmless),
        cmocka_unit_test(numbers_and_times_are_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
