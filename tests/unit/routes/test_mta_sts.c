/* test_mta_sts.c - policies that senders take, and what is said of the others. */
#include "proxy/routes/mta_sts.h"
#include "tests/support/unit.h"

#define GOOD "version: STSv1\nmode: enforce\nmx: mail.example.org\nmax_age: 604800\n"

struct found {
    unsigned errors, warnings, line;
    char cause[200], cure[200];
};

static void note(void *arg, enum diag_severity severity, unsigned line, const char *cause,
                 const char *cure)
{
    struct found *f = arg;
    f->errors += severity == DIAG_ERROR;
    f->warnings += severity == DIAG_WARNING;
    f->line = line;
    snprintf(f->cause, sizeof f->cause, "%s", cause);
    snprintf(f->cure, sizeof f->cure, "%s", cure);
}

/* In memory of its own, so that a sanitizer sees a byte read behind it. */
static struct found judge(const void *data, size_t size)
{
    struct found f = {0};
    uint8_t *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, data, size);
    mta_sts_judge((struct slice){copy, size}, note, &f);
    free(copy);
    return f;
}

static void policies_that_senders_take_pass(void **state)
{
    static const char *const good[] = {
        GOOD,
        "version: STSv1\r\nmode: testing\r\nmx: *.example.org\r\nmax_age: 86400\r\n",
        "version:STSv1\nmode:none\nmax_age:31557600",
        "mode: enforce \nmax_age:\t1000000\nmx: a.example\nmx: b-1.Example\nversion: STSv1\n",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        const struct found f = judge(good[i], strlen(good[i]));
        if (f.errors + f.warnings > 0)
            fail_msg("%s: line %u: %s", good[i], f.line, f.cause);
    }
}

/* One finding each, which names the line. */
static void mistakes_are_told_with_their_line(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        bool warning;
        const char *cause, *cure;
    } rows[] = {
        {"version: STSv2\nmode: none\nmax_age: 604800\n", 1, false, "no version", "STSv1"},
        {"version: stsv1\nmode: none\nmax_age: 604800\n", 1, false, "no version", "STSv1"},
        {"mode: none\nmax_age: 604800\n", 0, false, "there is no version", "STSv1"},
        {"version: STSv1\nmode: on\nmax_age: 604800\nmx: a.example\n", 2, false, "no mode",
         "enforce, testing"},
        {"version: STSv1\nmax_age: 604800\nmx: a.example\n", 0, false, "no mode", "testing"},
        {"version: STSv1\nmode: none\n", 0, false, "no max_age", "604800"},
        {"version: STSv1\nmode: none\nmax_age:\n", 3, false, "seconds", "604800"},
        {"version: STSv1\nmode: none\nmax_age: -1\n", 3, false, "seconds", "604800"},
        {"version: STSv1\nmode: none\nmax_age: 1w\n", 3, false, "seconds", "604800"},
        {"version: STSv1\nmode: none\nmax_age: 31557601\n", 3, false, "31557600", "604800"},
        {"version: STSv1\nmode: none\nmax_age: 99999999999999999999999\n", 3, false, "31557600",
         "604800"},
        {"version: STSv1\nmode: none\nmax_age: 3600\n", 3, true, "within a day", "604800"},
        {"version: STSv1\nmode: enforce\nmax_age: 604800\n", 0, false, "no mx", "mx: mail"},
        {GOOD "mx: 192.0.2.1\n", 5, false, "no name", "mx: mail"},
        {GOOD "mx: mail.example.org.\n", 5, false, "no name", "without a dot"},
        {GOOD "mx: .example.org\n", 5, false, "no name", "*.example.org"},
        {GOOD "mx: *\n", 5, false, "no name", "mx: mail"},
        {GOOD "mx: *.*.example.org\n", 5, false, "no name", "mx: mail"},
        {GOOD "mx: a.example b.example\n", 5, false, "no name", "mx: mail"},
        {GOOD "mx: a.example, b.example\n", 5, false, "no name", "mx: mail"},
        {GOOD "mx:\n", 5, false, "no name", "mx: mail"},
        {GOOD "mx: b\xc3\xbc"
              "cher.example\n",
         5, false, "no name", "mx: mail"},
        {GOOD "mode: none\n", 5, true, "there already", "remove"},
        {GOOD "max_age: 1\n", 5, true, "there already", "remove"},
        {GOOD "Mode: none\n", 5, true, "not known", "small letters"},
        {GOOD " mode: none\n", 5, true, "not known", "small letters"},
        {GOOD "report: x\n", 5, true, "not known", "version, mode"},
        {GOOD "\n", 5, true, "empty", "remove"},
        {GOOD "\r\n", 5, true, "empty", "remove"},
        {GOOD "# enforce from May on\n", 5, false, "no colon", "KEY: VALUE"},
        {GOOD "mx: a.example\rmx: b.example\n", 5, false, "control", "anew"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct found f = judge(rows[i].text, strlen(rows[i].text));
        if (f.errors != !rows[i].warning || f.warnings != rows[i].warning ||
            f.line != rows[i].line || strstr(f.cause, rows[i].cause) == NULL ||
            strstr(f.cure, rows[i].cure) == NULL)
            fail_msg("%s: %u errors, %u warnings, line %u: %s / %s", rows[i].text, f.errors,
                     f.warnings, f.line, f.cause, f.cure);
    }
}

static void nothing_lacks_everything(void **state)
{
    (void)state;
    assert_int_equal(judge("", 0).errors, 4);
}

static void binary_files_are_no_policies(void **state)
{
    static const char text[] = GOOD "mx: a\0.example\n";
    (void)state;
    assert_int_equal(judge(text, sizeof text - 1).errors, 1);
    assert_true(judge("\xef\xbb\xbf" GOOD, strlen(GOOD) + 3).errors > 0);
}

static void more_than_senders_read_is_too_large(void **state)
{
    static char text[MTA_STS_SIZE_MAX + 1];
    const size_t size = strlen(GOOD);
    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, GOOD, size);
    memcpy(text + size, "x:", 2);
    assert_int_equal(judge(text, MTA_STS_SIZE_MAX).errors, 0);
    assert_int_equal(judge(text, MTA_STS_SIZE_MAX + 1).errors, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_that_senders_take_pass),
        cmocka_unit_test(mistakes_are_told_with_their_line),
        cmocka_unit_test(nothing_lacks_everything),
        cmocka_unit_test(binary_files_are_no_policies),
        cmocka_unit_test(more_than_senders_read_is_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
