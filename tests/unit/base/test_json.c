/* test_json.c - JSON text, by literal expectations and by a checker of its own. */
#include "proxy/base/json.h"
#include "tests/support/json_check.h"
#include "tests/support/unit.h"

static void assert_string_becomes(const char *value, const char *expected)
{
    struct buf b;
    buf_init(&b, 4096);
    json_string(&b, NULL, value);
    assert_text(&b, expected);
    assert_true(json_well_formed(b.data, b.size));
    buf_free(&b);
}

static void strings_are_escaped(void **state)
{
    (void)state;
    assert_string_becomes("", "\"\"");
    assert_string_becomes("plain / 'text'", "\"plain / 'text'\"");
    assert_string_becomes("a\"b\\c", "\"a\\\"b\\\\c\"");
    assert_string_becomes("\n\r\t\b\x01\x1f\x7f",
                          "\"\\u000a\\u000d\\u0009\\u0008\\u0001\\u001f\\u007f\"");
    assert_string_becomes(NULL, "null");
}

static void utf8_passes(void **state)
{
    (void)state;
    static const char *const whole[] = {
        "\xc2\x80",     "\xdf\xbf",         "\xe0\xa0\x80",     "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "m\xc3\xa4il",  "\xe2\x82\xac"};
    for (size_t i = 0; i < COUNT(whole); i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "\"%s\"", whole[i]);
        assert_string_becomes(whole[i], expected);
    }
}

static void bytes_that_are_not_utf8_are_replaced(void **state)
{
    (void)state;
    assert_string_becomes("a\x80z", "\"a\\ufffdz\"");        /* continuation alone */
    assert_string_becomes("\xc3", "\"\\ufffd\"");            /* cut off at the end */
    assert_string_becomes("\xe2\x82", "\"\\ufffd\\ufffd\""); /* likewise */
    assert_string_becomes("\xc3(", "\"\\ufffd(\"");          /* wrong second byte */
    assert_string_becomes("\xc3\"", "\"\\ufffd\\\"\"");      /* must not swallow the quote */
    assert_string_becomes("\xc0\x80", "\"\\ufffd\\ufffd\""); /* overlong NUL */
    assert_string_becomes("\xc1\xbf", "\"\\ufffd\\ufffd\""); /* overlong */
    assert_string_becomes("\xe0\x9f\xbf", "\"\\ufffd\\ufffd\\ufffd\"");            /* overlong */
    assert_string_becomes("\xf0\x8f\xbf\xbf", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""); /* overlong */
    assert_string_becomes("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");            /* surrogate */
    assert_string_becomes("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
    assert_string_becomes("\xf5\xff\xfe", "\"\\ufffd\\ufffd\\ufffd\"");
}

static void every_pair_of_bytes_gives_well_formed_text(void **state)
{
    (void)state;
    for (unsigned i = 1; i < 256; i++)
        for (unsigned k = 1; k < 256; k++) {
            const char value[] = {(char)i, (char)k, '\x80', '\xbf', '"', '\0'};
            struct buf b;
            buf_init(&b, 256);
            json_string(&b, NULL, value);
            assert_false(b.failed);
            assert_true(json_well_formed(b.data, b.size));
            buf_free(&b);
        }
}

static void keys_are_escaped_as_strings_are(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 256);
    json_object(&b, NULL);
    json_string(&b, "a\"\xff", "b");
    json_object_end(&b);
    assert_text(&b, "{\"a\\\"\\ufffd\":\"b\"}");
    buf_free(&b);
}

static void commas_stand_between_values_and_nowhere_else(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    json_object(&b, NULL);
    json_array(&b, "empty");
    json_array_end(&b);
    json_object(&b, "none");
    json_object_end(&b);
    json_array(&b, "list");
    json_number(&b, NULL, 1);
    json_string(&b, NULL, "[");
    json_string(&b, NULL, "{:");
    json_object(&b, NULL);
    json_bool(&b, "yes", true);
    json_bool(&b, "no", false);
    json_object_end(&b);
    json_object(&b, NULL);
    json_string(&b, "nothing", NULL);
    json_object_end(&b);
    json_array(&b, NULL);
    json_array_end(&b);
    json_array_end(&b);
    json_number(&b, "last", 0);
    json_object_end(&b);
    assert_text(&b,
                "{\"empty\":[],\"none\":{},\"list\":[1,\"[\",\"{:\",{\"yes\":true,\"no\":false},"
                "{\"nothing\":null},[]],\"last\":0}");
    assert_true(json_well_formed(b.data, b.size));
    buf_free(&b);
}

static void deep_nesting_closes_in_order(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    for (int i = 0; i < 40; i++) {
        json_object(&b, NULL);
        json_array(&b, "k");
    }
    for (int i = 0; i < 40; i++) {
        json_array_end(&b);
        json_object_end(&b);
    }
    assert_true(json_well_formed(b.data, b.size));
    assert_int_equal(b.size, 40 * strlen("{\"k\":[]}"));
    buf_free(&b);
}

static void numbers_have_their_whole_range(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 256);
    json_array(&b, NULL);
    json_number(&b, NULL, INT64_MIN);
    json_number(&b, NULL, INT64_MAX);
    json_number(&b, NULL, -1);
    json_array_end(&b);
    assert_text(&b, "[-9223372036854775808,9223372036854775807,-1]");
    buf_free(&b);
}

static void too_much_text_fails_the_buffer(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    json_object(&b, NULL);
    json_string(&b, "key", "value");
    json_object_end(&b);
    assert_true(b.failed);
    buf_free(&b);
}

/* The checker must be able to say no. */
static void the_checker_refuses_what_is_not_json(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "{",
                                        "}",
                                        "[1,]",
                                        "[,1]",
                                        "{\"a\":}",
                                        "{\"a\":1,}",
                                        "{a:1}",
                                        "\"",
                                        "\"\x01\"",
                                        "01",
                                        "-",
                                        "1.",
                                        "[1 2]",
                                        "[1][2]",
                                        "nulll",
                                        "\"\\x\"",
                                        "\"\\u12g4\"",
                                        "\"\x80\"",
                                        "\"\xc0\x80\"",
                                        "\"\xed\xa0\x80\""};
    for (size_t i = 0; i < COUNT(wrong); i++)
        if (json_well_formed(wrong[i], strlen(wrong[i])))
            fail_msg("accepted: %s", wrong[i]);
    static const char right[] = "{\"a\":[1,-2.50,\"x\\n\"],\"b\":null}";
    assert_true(json_well_formed(right, strlen(right)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(utf8_passes),
        cmocka_unit_test(bytes_that_are_not_utf8_are_replaced),
        cmocka_unit_test(every_pair_of_bytes_gives_well_formed_text),
        cmocka_unit_test(keys_are_escaped_as_strings_are),
        cmocka_unit_test(commas_stand_between_values_and_nowhere_else),
        cmocka_unit_test(deep_nesting_closes_in_order),
        cmocka_unit_test(numbers_have_their_whole_range),
        cmocka_unit_test(too_much_text_fails_the_buffer),
        cmocka_unit_test(the_checker_refuses_what_is_not_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
