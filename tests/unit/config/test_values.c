/* test_values.c - durations, sizes, numbers, names and the distance between words. */
#include "config/values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(a) (sizeof(a) / sizeof(a)[0])

static void durations_read_as_milliseconds(void **state)
{
    static const struct {
        const char *text;
        unsigned ms;
    } good[] = {
        {"0", 0},
        {"off", 0},
        {"0s", 0},
        {"1ms", 1},
        {"500ms", 500},
        {"10s", 10000},
        {"5m", 300000},
        {"1h", 3600000},
        {"007s", 7000},
        {"596h", 2145600000},
        {"2147483647ms", 2147483647},
    };
    static const char *const bad[] = {
        "",
        "s",
        "10",
        "10x",
        "10 s",
        " 10s",
        "10s ",
        "-1s",
        "+1s",
        "1.5s",
        "1d",
        "10S",
        "OFF",
        "00",
        "597h",
        "2147483648ms",
        "99999999999999999999h",
        "18446744073709551616ms",
        "0x1s",
        "1e3s",
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(good); i++) {
        struct flaw flaw;
        unsigned ms = 77;
        assert_int_equal(value_duration(good[i].text, &ms, &flaw), 0);
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < LENGTH(bad); i++) {
        struct flaw flaw = {"", NULL};
        unsigned ms = 77;
        assert_int_equal(value_duration(bad[i], &ms, &flaw), -1);
        assert_int_equal(ms, 77);
        assert_true(flaw.cause[0] != '\0' && flaw.cure != NULL);
    }
}

static void sizes_read_as_bytes(void **state)
{
    static const struct {
        const char *text;
        size_t bytes;
    } good[] = {{"0", 0},        {"4096", 4096},  {"16k", 16384},    {"16K", 16384},
                {"1m", 1048576}, {"2M", 2097152}, {"1g", 1073741824}};
    static const char *const bad[] = {"",   "k",    "1kb",          "1 k",
                                      "-1", "1.5m", "99999999999g", "99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < LENGTH(good); i++) {
        struct flaw flaw;
        size_t bytes;
        assert_int_equal(value_size(good[i].text, &bytes, &flaw), 0);
        assert_int_equal(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < LENGTH(bad); i++) {
        struct flaw flaw = {"", NULL};
        size_t bytes;
        assert_int_equal(value_size(bad[i], &bytes, &flaw), -1);
        assert_true(flaw.cause[0] != '\0' && flaw.cure != NULL);
    }
}

static void numbers_stop_at_their_maximum(void **state)
{
    static const char *const bad[] = {"",   "a",   "1a",         "-1",
                                      " 1", "101", "4294967296", "18446744073709551617"};
    struct flaw flaw;
    unsigned n;
    (void)state;
    assert_int_equal(value_number("0", 100, &n, &flaw), 0);
    assert_int_equal(n, 0);
    assert_int_equal(value_number("100", 100, &n, &flaw), 0);
    assert_int_equal(n, 100);
    for (size_t i = 0; i < LENGTH(bad); i++)
        assert_int_equal(value_number(bad[i], 100, &n, &flaw), -1);
}

static void switches_are_on_or_off(void **state)
{
    static const char *const bad[] = {"", "yes", "true", "1", "On", "offf"};
    struct flaw flaw;
    bool on;
    (void)state;
    assert_int_equal(value_switch("on", &on, &flaw), 0);
    assert_true(on);
    assert_int_equal(value_switch("off", &on, &flaw), 0);
    assert_false(on);
    for (size_t i = 0; i < LENGTH(bad); i++)
        assert_int_equal(value_switch(bad[i], &on, &flaw), -1);
}

static void names_hold_nothing_that_hurts_a_log(void **state)
{
    static const char *const good[] = {"a", "pop3s", "mail.example_org-2"};
    static const char *const bad[] = {
        "",
        "a b",
        "a=b",
        "a\"b",
        "a\nb",
        "\xc3\xa9",
        "01234567890123456789012345678901234567890123456789012345678901234"};
    struct flaw flaw;
    (void)state;
    for (size_t i = 0; i < LENGTH(good); i++)
        assert_int_equal(value_name(good[i], &flaw), 0);
    for (size_t i = 0; i < LENGTH(bad); i++)
        assert_int_equal(value_name(bad[i], &flaw), -1);
}

static void hostnames_are_dns_names(void **state)
{
    static const char *const good[] = {"localhost", "mail.example.org", "a.b.", "_x.example",
                                       "1.2.3.4"};
    static const char *const bad[] = {
        "",
        ".",
        ".a",
        "a..b",
        "a b",
        "a\r\nb",
        "mail.example.org:25",
        "a/b",
        "0123456789012345678901234567890123456789012345678901234567890123.org"};
    struct flaw flaw;
    (void)state;
    for (size_t i = 0; i < LENGTH(good); i++)
        assert_int_equal(value_hostname(good[i], &flaw), 0);
    for (size_t i = 0; i < LENGTH(bad); i++)
        assert_int_equal(value_hostname(bad[i], &flaw), -1);
}

static void distance_counts_edits(void **state)
{
    static const struct {
        const char *x, *y;
        unsigned limit, distance;
    } rows[] = {
        {"", "", 2, 0},
        {"key", "key", 2, 0},
        {"kye", "key", 2, 1},
        {"uzer", "user", 2, 1},
        {"lissten", "listen", 2, 1},
        {"listn", "listen", 2, 1},
        {"pop", "pop3", 2, 1},
        {"abc", "xyz", 2, 3},
        {"abcdef", "uvwxyz", 2, 3},
        {"", "ab", 2, 2},
        {"a", "b", 0, 1},
        {"0123456789012345678901234567890123456789x", "0123456789012345678901234567890123456789x",
         2, 3},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++)
        assert_int_equal(value_distance(rows[i].x, rows[i].y, rows[i].limit), rows[i].distance);
}

static void rates_have_a_count_and_a_period(void **state)
{
    static const struct {
        const char *text;
        unsigned count, per;
    } good[] = {{"30/1m", 30, 60000},
                {"1/1s", 1, 1000},
                {"65535/1h", 65535, 3600000},
                {"007/1500ms", 7, 1500},
                {"off", 0, 0}};
    static const char *const bad[] = {"",
                                      "0",
                                      "30",
                                      "/1m",
                                      "30/",
                                      "30/0",
                                      "30/1",
                                      "0/1m",
                                      "30/off",
                                      "30/1d",
                                      "-1/1m",
                                      "30 /1m",
                                      "30/ 1m",
                                      "30/1m ",
                                      "65536/1m",
                                      "30/1m/1",
                                      "on",
                                      "30/999ms",
                                      "99999999999999999999/1m"};
    (void)state;
    for (size_t i = 0; i < LENGTH(good); i++) {
        struct connection_rate rate;
        struct flaw flaw;
        assert_int_equal(value_rate(good[i].text, &rate, &flaw), 0);
        assert_int_equal(rate.count, good[i].count);
        assert_int_equal(rate.per, good[i].per);
    }
    for (size_t i = 0; i < LENGTH(bad); i++) {
        struct connection_rate rate;
        struct flaw flaw = {"", NULL};
        if (value_rate(bad[i], &rate, &flaw) != -1)
            fail_msg("%s is taken", bad[i]);
        assert_non_null(flaw.cure);
    }
}

static void a_path_is_made_plain_without_the_disk(void **state)
{
    static const char *const rows[][2] = {
        {"/a/b", "/a/b"},       {"/a//b", "/a/b"},
        {"//a///b", "/a/b"},    {"/a/./b", "/a/b"},
        {"/././a", "/a"},       {"/a/.//./b", "/a/b"},
        {"/a/../b", "/a/../b"}, {"/a/.b/c.", "/a/.b/c."},
        {"a/./b", "a/b"},       {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[32];
        snprintf(path, sizeof path, "%s", rows[i][0]);
        assert_string_equal(value_plain_path(path), rows[i][1]);
    }
}

/* Base64 has slashes as well, and may begin with one. */
static void a_pin_is_known_in_every_form(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "/+8DBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
        "sha256//+8DBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
        "sha256///+8DBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
        "ffef030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
    };
    static const char *const others[] = {
        "", "sha256/", "sha256//+8DBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHy==",
        "sha256////+8DBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
        "sha256/ffef030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"};
    static const uint8_t expected[CONFIG_PIN_SIZE] = {
        0xff, 0xef, 3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
        17,   18,   19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        uint8_t pin[CONFIG_PIN_SIZE] = {0};
        struct flaw f;
        if (value_pin(forms[i], pin, &f) != 0)
            fail_msg("%s", forms[i]);
        assert_memory_equal(pin, expected, sizeof expected);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        uint8_t pin[CONFIG_PIN_SIZE];
        struct flaw f;
        if (value_pin(others[i], pin, &f) == 0)
            fail_msg("%s", others[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_read_as_milliseconds),
        cmocka_unit_test(rates_have_a_count_and_a_period),
        cmocka_unit_test(sizes_read_as_bytes),
        cmocka_unit_test(numbers_stop_at_their_maximum),
        cmocka_unit_test(switches_are_on_or_off),
        cmocka_unit_test(names_hold_nothing_that_hurts_a_log),
        cmocka_unit_test(hostnames_are_dns_names),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(a_path_is_made_plain_without_the_disk),
        cmocka_unit_test(a_pin_is_known_in_every_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
