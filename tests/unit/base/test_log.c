/* test_log.c - lines as text and as JSON, byte for byte apart from the time. */
#include "proxy/base/log.h"
#include "tests/support/json_check.h"
#include "tests/support/unit.h"

#include <ctype.h>
#include <fcntl.h>
#include <unistd.h>

#define TIME_FORM "dddd-dd-ddTdd:dd:dd.dddZ"

/* A log into a pipe and what comes out of it. */
struct fixture {
    struct log log;
    int out;
    char text[200000];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int ends[2];
    assert_non_null(f);
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    log_init(&f->log, "worker-0");
    log_redirect(&f->log, LOG_TARGET_FILE, ends[1]);
    f->out = ends[0];
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    log_close(&f->log);
    close(f->out);
    free(f);
    return 0;
}

/* All that is in the pipe now. */
static const char *written(struct fixture *f)
{
    size_t size = 0;
    for (ssize_t n; (n = read(f->out, f->text + size, sizeof f->text - 1 - size)) > 0;)
        size += (size_t)n;
    f->text[size] = '\0';
    return f->text;
}

/* `line` is `before`, a time, `after`. */
static void assert_line(const char *line, const char *before, const char *after)
{
    assert_memory_equal(line, before, strlen(before));
    line += strlen(before);
    for (const char *form = TIME_FORM; *form != '\0'; form++, line++)
        if (*form == 'd' ? !isdigit((unsigned char)*line) : *line != *form)
            fail_msg("not a time: %s", line);
    assert_string_equal(line, after);
}

static void all_kinds_of_fields(struct log *l)
{
    struct log_line line;
    log_begin(&line, l, LOG_LEVEL_INFO, "open");
    log_text(&line, "route", "pop3s");
    log_text(&line, "absent", NULL);
    log_text(&line, "empty", "");
    log_number(&line, "bytes", 4294967296);
    log_seconds(&line, "duration", 61007);
    log_seconds(&line, "least", 0);
    log_bool(&line, "resumed", true);
    log_bool(&line, "late", false);
    log_end(&line);
}

static void a_text_line_is_key_value(void **state)
{
    struct fixture *f = *state;
    all_kinds_of_fields(&f->log);
    assert_line(written(f), "time=",
                " level=info from=worker-0 event=open route=pop3s bytes=4294967296 "
                "duration=61.007 least=0.000 resumed=yes late=no\n");
}

static void a_json_line_is_one_object(void **state)
{
    struct fixture *f = *state;
    f->log.format = LOG_FORMAT_JSON;
    all_kinds_of_fields(&f->log);
    const char *text = written(f);
    assert_true(json_well_formed(text, strlen(text) - 1));
    assert_line(
        text, "{\"time\":\"",
        "\",\"level\":\"info\",\"from\":\"worker-0\",\"event\":\"open\",\"route\":\"pop3s\","
        "\"bytes\":4294967296,\"duration\":61.007,\"least\":0.000,\"resumed\":true,"
        "\"late\":false}\n");
}

static void syslog_lines_bear_a_priority_and_no_time(void **state)
{
    struct fixture *f = *state;
    char expected[100];
    f->log.target = LOG_TARGET_SYSLOG; /* over a pipe it is the same bytes */
    log_event(&f->log, LOG_LEVEL_WARN, "x", "why not");
    snprintf(expected, sizeof expected, "<20>tlsfront[%d]: event=x msg=\"why not\"", getpid());
    assert_string_equal(written(f), expected);

    f->log.format = LOG_FORMAT_JSON;
    log_event(&f->log, LOG_LEVEL_ERROR, "x", "y");
    snprintf(expected, sizeof expected, "<19>tlsfront[%d]: {\"event\":\"x\",\"msg\":\"y\"}",
             getpid());
    assert_string_equal(written(f), expected);
}

static void the_journal_has_a_field_for_each_key(void **state)
{
    struct fixture *f = *state;
    struct log_line line;
    f->log.target = LOG_TARGET_JOURNAL;
    log_begin(&line, &f->log, LOG_LEVEL_ERROR, "end");
    log_text(&line, "route", "pop3s");
    log_text(&line, "server-name", "a\nMESSAGE=b \\\xff");
    log_number(&line, "bytes", 12);
    log_seconds(&line, "duration", 1500);
    log_bool(&line, "resumed", true);
    log_end(&line);
    assert_string_equal(
        written(f),
        "PRIORITY=3\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=tlsfront\nTLSFRONT_FROM=worker-0\n"
        "TLSFRONT_EVENT=end\nTLSFRONT_ROUTE=pop3s\n"
        "TLSFRONT_SERVER_NAME=a\\x0aMESSAGE=b \\x5c\\xff\n"
        "TLSFRONT_BYTES=12\nTLSFRONT_DURATION=1.500\nTLSFRONT_RESUMED=yes\n"
        "MESSAGE=event=end route=pop3s server-name=\"a\\x0aMESSAGE=b \\\\\\xff\" bytes=12 "
        "duration=1.500 resumed=yes\n");
}

static void the_journal_has_json_where_that_is_asked_for(void **state)
{
    struct fixture *f = *state;
    f->log.target = LOG_TARGET_JOURNAL;
    f->log.format = LOG_FORMAT_JSON;
    log_event(&f->log, LOG_LEVEL_INFO, "x", "y");
    assert_string_equal(
        written(f),
        "PRIORITY=6\nSYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=tlsfront\nTLSFRONT_FROM=worker-0\n"
        "TLSFRONT_EVENT=x\nTLSFRONT_MSG=y\nMESSAGE={\"event\":\"x\",\"msg\":\"y\"}\n");
}

static void lines_for_a_journal_that_reads_standard_error_begin_with_their_priority(void **state)
{
    struct fixture *f = *state;
    f->log.target = LOG_TARGET_STDERR;
    f->log.stream = true;
    log_event(&f->log, LOG_LEVEL_WARN, "x", "y");
    assert_line(written(f), "<4>time=", " level=warn from=worker-0 event=x msg=y\n");
    f->log.target = LOG_TARGET_FILE; /* so that it is closed */
}

static void another_descriptor_for_standard_error_is_the_journals(void **state)
{
    struct fixture *f = *state;
    log_redirect(&f->log, LOG_TARGET_STDERR, fcntl(f->out, F_DUPFD_CLOEXEC, 3));
    assert_int_equal(f->log.target, LOG_TARGET_JOURNAL);
    log_redirect(&f->log, LOG_TARGET_STDERR, STDERR_FILENO);
    assert_int_equal(f->log.target, LOG_TARGET_STDERR);
}

static void assert_value(struct fixture *f, const char *value, const char *expected)
{
    struct log_line line;
    char end[600];
    log_begin(&line, &f->log, LOG_LEVEL_INFO, "e");
    log_text(&line, "v", value);
    log_end(&line);
    snprintf(end, sizeof end, " level=info from=worker-0 event=e v=%s\n", expected);
    assert_line(written(f), "time=", end);
}

static void values_that_would_not_read_back_are_quoted(void **state)
{
    struct fixture *f = *state;
    assert_value(f, "mail.example:110", "mail.example:110");
    assert_value(f, "[::1]:995", "[::1]:995");
    assert_value(f, "two words", "\"two words\"");
    assert_value(f, "a=b", "\"a=b\"");
    assert_value(f, "say \"x\"", "\"say \\\"x\\\"\"");
    assert_value(f, "C:\\x", "\"C:\\\\x\"");
    assert_value(f, " ", "\" \"");
}

static void a_line_stays_one_line_whatever_is_in_it(void **state)
{
    struct fixture *f = *state;
    assert_value(f, "a\r\nlevel=error\tx", "\"a\\x0d\\x0alevel=error\\x09x\"");
    assert_value(f, "\x1b[31m\x7f", "\"\\x1b[31m\\x7f\"");
    assert_value(f, "m\xc3\xa4il\xff", "\"m\\xc3\\xa4il\\xff\"");
}

static void json_values_are_escaped_too(void **state)
{
    struct fixture *f = *state;
    f->log.format = LOG_FORMAT_JSON;
    log_event(&f->log, LOG_LEVEL_INFO, "e", "a\n\"\xff");
    assert_line(written(f), "{\"time\":\"",
                "\",\"level\":\"info\",\"from\":\"worker-0\",\"event\":\"e\","
                "\"msg\":\"a\\u000a\\\"\\ufffd\"}\n");
}

static void only_wanted_levels_are_written(void **state)
{
    struct fixture *f = *state;
    for (int wanted = LOG_LEVEL_ERROR; wanted <= LOG_LEVEL_DEBUG; wanted++)
        for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
            f->log.level = (enum config_log_level)wanted;
            assert_int_equal(log_wants(&f->log, (enum config_log_level)level), level <= wanted);
            log_event(&f->log, (enum config_log_level)level, "e", "x");
            assert_int_equal(strlen(written(f)) > 0, level <= wanted);
        }
}

static void an_unwanted_line_takes_all_fields_and_does_nothing(void **state)
{
    struct fixture *f = *state;
    f->log.level = LOG_LEVEL_WARN;
    all_kinds_of_fields(&f->log);
    f->log.format = LOG_FORMAT_JSON;
    all_kinds_of_fields(&f->log);
    assert_string_equal(written(f), "");
    assert_int_equal(f->log.lost, 0);
}

static void long_values_come_whole(void **state)
{
    struct fixture *f = *state;
    char value[4001];
    memset(value, '\x01', 4000); /* four bytes each in the line */
    value[4000] = '\0';
    struct log_line line;
    log_begin(&line, &f->log, LOG_LEVEL_INFO, "e");
    log_text(&line, "v", value);
    log_end(&line);
    const char *text = written(f);
    assert_int_equal(f->log.lost, 0);
    assert_int_equal(strlen(text),
                     strlen("time=" TIME_FORM " level=info from=worker-0 event=e v=") + 2 +
                         (size_t)4 * 4000 + 1);
}

static void a_line_that_is_too_long_is_counted_as_lost_not_cut(void **state)
{
    struct fixture *f = *state;
    char *value = malloc(20001);
    memset(value, 'x', 20000);
    value[20000] = '\0';
    struct log_line line;
    log_begin(&line, &f->log, LOG_LEVEL_INFO, "e");
    log_text(&line, "v", value);
    log_end(&line);
    free(value);
    assert_string_equal(written(f), "");
    assert_int_equal(f->log.lost, 1);
}

static void events_are_cut_at_a_sane_length(void **state)
{
    struct fixture *f = *state;
    log_event(&f->log, LOG_LEVEL_INFO, "e", "%5000d", 1);
    assert_int_equal(f->log.lost, 0);
    assert_true(strlen(written(f)) < 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_text_line_is_key_value, setup, teardown),
        cmocka_unit_test_setup_teardown(a_json_line_is_one_object, setup, teardown),
        cmocka_unit_test_setup_teardown(syslog_lines_bear_a_priority_and_no_time, setup, teardown),
        cmocka_unit_test_setup_teardown(the_journal_has_a_field_for_each_key, setup, teardown),
        cmocka_unit_test_setup_teardown(the_journal_has_json_where_that_is_asked_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            lines_for_a_journal_that_reads_standard_error_begin_with_their_priority, setup,
            teardown),
        cmocka_unit_test_setup_teardown(another_descriptor_for_standard_error_is_the_journals,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(values_that_would_not_read_back_are_quoted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_line_stays_one_line_whatever_is_in_it, setup, teardown),
        cmocka_unit_test_setup_teardown(json_values_are_escaped_too, setup, teardown),
        cmocka_unit_test_setup_teardown(only_wanted_levels_are_written, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unwanted_line_takes_all_fields_and_does_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(long_values_come_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_that_is_too_long_is_counted_as_lost_not_cut, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(events_are_cut_at_a_sane_length, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
