/* test_log_target.c - where lines go, and what happens when they cannot. */
#include "proxy/base/log.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t drain(int fd, char *text, size_t room)
{
    size_t size = 0;
    for (ssize_t n; size < room - 1 && (n = read(fd, text + size, room - 1 - size)) > 0;)
        size += (size_t)n;
    text[size] = '\0';
    return size;
}

/* A pipe that takes nothing more. */
static void fill(int fd)
{
    static const char block[4096];
    while (write(fd, block, sizeof block) > 0)
        continue;
}

static void lines_that_a_full_pipe_does_not_take_are_counted_and_reported(void **state)
{
    (void)state;
    static char text[1 << 20];
    int ends[2];
    struct log log;
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    log_init(&log, "worker-3");
    log_redirect(&log, LOG_TARGET_FILE, ends[1]);

    fill(ends[1]);
    for (int i = 0; i < 3; i++)
        log_event(&log, LOG_LEVEL_INFO, "lost", "%d", i);
    assert_int_equal(log.lost, 3);

    drain(ends[0], text, sizeof text);
    log_event(&log, LOG_LEVEL_INFO, "after", "x");
    assert_int_equal(log.lost, 0);
    drain(ends[0], text, sizeof text);
    char *second = strchr(text, '\n');
    assert_non_null(second);
    *second++ = '\0';
    assert_non_null(strstr(text, " event=after msg=x"));
    assert_non_null(strstr(second,
                           " level=warn from=worker-3 event=log-lost msg=\"3 log lines were "
                           "lost"));
    assert_null(strstr(strchr(second, '\n'), "event="));

    log_event(&log, LOG_LEVEL_INFO, "again", "x"); /* reported once */
    drain(ends[0], text, sizeof text);
    assert_null(strstr(text, "log-lost"));
    log_close(&log);
    close(ends[0]);
}

static void a_loss_is_not_forgotten_where_warnings_are_not_wanted(void **state)
{
    (void)state;
    static char text[1 << 20];
    int ends[2];
    struct log log;
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    log_init(&log, "worker-3");
    log.level = LOG_LEVEL_ERROR;
    log_redirect(&log, LOG_TARGET_FILE, ends[1]);

    fill(ends[1]);
    log_event(&log, LOG_LEVEL_ERROR, "lost", "x");
    assert_int_equal(log.lost, 1);
    drain(ends[0], text, sizeof text);
    log_event(&log, LOG_LEVEL_ERROR, "after", "x");
    drain(ends[0], text, sizeof text);
    assert_true(log.lost == 1 || strstr(text, "log-lost") != NULL);
    log_close(&log);
    close(ends[0]);
}

static volatile sig_atomic_t waited;

static void rang(int number)
{
    (void)number;
    waited = 1;
}

/* One free page: poll() says writable, a blocking write of more would wait for the reader. */
static void a_long_line_never_waits_for_the_reader(void **state)
{
    (void)state;
    static char block[4096], value[8001];
    int ends[2];
    struct log log;
    const struct sigaction act = {.sa_handler = rang}; /* interrupts a write that waits */
    assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
    assert_int_equal(pipe(ends), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 2 * 4096) >= 2 * 4096);
    assert_int_equal(write(ends[1], block, sizeof block), sizeof block);
    log_init(&log, "worker-3");
    log_redirect(&log, LOG_TARGET_FILE, ends[1]);
    memset(value, 'x', 8000);

    struct log_line line;
    log_begin(&line, &log, LOG_LEVEL_INFO, "long");
    log_text(&line, "v", value);
    alarm(10);
    log_end(&line);
    alarm(0);
    log_close(&log);
    close(ends[0]);
    assert_false(waited);
}

/* One free page, and this time the pipe does not block: it takes the beginning. */
static void a_long_line_that_a_pipe_tore_is_not_continued_by_the_next(void **state)
{
    (void)state;
    static char block[4096], value[8001], text[1 << 16];
    int ends[2];
    struct log log;
    struct log_line line;
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 2 * 4096) >= 2 * 4096);
    memset(block, '-', sizeof block);
    block[sizeof block - 1] = '\n';
    assert_int_equal(write(ends[1], block, sizeof block), sizeof block);
    log_init(&log, "worker-3");
    log_redirect(&log, LOG_TARGET_FILE, ends[1]);
    memset(value, 'x', 8000);
    log_begin(&line, &log, LOG_LEVEL_INFO, "long");
    log_text(&line, "v", value);
    log_end(&line);
    log_event(&log, LOG_LEVEL_INFO, "e", "second"); /* nor does it take the end of that one */
    assert_int_equal(log.lost, 2);
    drain(ends[0], text, sizeof text);
    assert_non_null(strstr(text, "event=long v=xxx"));

    log_event(&log, LOG_LEVEL_INFO, "e", "third");
    drain(ends[0], text, sizeof text);
    log_close(&log);
    close(ends[0]);
    assert_memory_equal(text, "\ntime=", 6);
    assert_non_null(strstr(text, "event=e msg=third\n"));
    assert_non_null(strstr(text, "2 log lines were lost: whoever reads the log is too slow\"\n"));
}

static int open_file(const char *path, struct err *e)
{
    struct config c = {.log_target = LOG_TARGET_FILE, .log_file = {.path = path}};
    return log_open_target(&c, e);
}

static void a_full_disk_costs_lines_and_nothing_else(void **state)
{
    (void)state;
    struct log log;
    log_init(&log, "worker-3");
    log_redirect(&log, LOG_TARGET_FILE, open("/dev/full", O_WRONLY | O_CLOEXEC));
    log_event(&log, LOG_LEVEL_INFO, "e", "x");
    log_event(&log, LOG_LEVEL_INFO, "e", "y");
    assert_int_equal(log.lost, 2);
    assert_int_equal(log.lost_why, ENOSPC);
    log_close(&log);
}

/* As a file system that fills up, and is emptied again, makes it. */
static void a_line_that_a_full_disk_tore_is_not_continued_by_the_next(void **state)
{
    (void)state;
    char directory[32], path[64], text[4096];
    struct rlimit whole, half;
    struct err e;
    struct log log;
    make_directory(directory);
    snprintf(path, sizeof path, "%s/log", directory);
    log_init(&log, "worker-3");
    log_redirect(&log, LOG_TARGET_FILE, open_file(path, &e));
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &whole);
    half = (struct rlimit){.rlim_cur = 100, .rlim_max = whole.rlim_max};
    setrlimit(RLIMIT_FSIZE, &half);
    log_event(&log, LOG_LEVEL_INFO, "e", "first");
    log_event(&log, LOG_LEVEL_INFO, "e", "second");
    log_event(&log, LOG_LEVEL_INFO, "e", "third");
    setrlimit(RLIMIT_FSIZE, &whole);
    log_event(&log, LOG_LEVEL_INFO, "e", "fourth");
    log_close(&log);

    int fd = open(path, O_RDONLY);
    drain(fd, text, sizeof text);
    close(fd);
    remove_directory(directory);
    assert_non_null(strstr(text, "msg=first\n"));
    assert_null(strstr(text, "third"));
    const char *fourth = strstr(text, "msg=fourth\n");
    assert_non_null(fourth);
    while (fourth > text && fourth[-1] != '\n')
        fourth--;
    assert_memory_equal(fourth, "time=", 5);
    assert_non_null(strstr(text, "event=log-lost msg=\"2 log lines were lost: File too large\"\n"));
}

static void a_file_is_made_for_few_eyes_and_appended_to(void **state)
{
    (void)state;
    char directory[32], path[64], text[1000];
    struct err e;
    struct stat st;
    struct log log;
    mode_t before = umask(0);
    make_directory(directory);
    snprintf(path, sizeof path, "%s/log", directory);
    log_init(&log, "supervisor");
    for (int i = 0; i < 2; i++) {
        log_redirect(&log, LOG_TARGET_FILE, open_file(path, &e));
        log_event(&log, LOG_LEVEL_INFO, "e", "%d", i);
        log_close(&log);
    }
    umask(before);

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    int fd = open(path, O_RDONLY);
    drain(fd, text, sizeof text);
    close(fd);
    assert_non_null(strstr(text, "event=e msg=0\n"));
    assert_non_null(strstr(text, "event=e msg=1\n"));
    remove_directory(directory);
}

static void a_file_that_cannot_be_opened_is_named_with_the_reason(void **state)
{
    (void)state;
    char directory[32], path[64], expected[200];
    struct err e;
    make_directory(directory);
    snprintf(path, sizeof path, "%s/no/log", directory);
    assert_int_equal(open_file(path, &e), -1);
    snprintf(expected, sizeof expected, "cannot open log file %s: No such file or directory", path);
    assert_string_equal(e.text, expected);

    snprintf(path, sizeof path, "%s/fifo", directory); /* opening must not wait for a reader */
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(20);
    assert_int_equal(open_file(path, &e), -1);
    alarm(0);
    remove_directory(directory);
}

static void standard_error_is_nobodys_to_close(void **state)
{
    (void)state;
    struct err e;
    struct config c = {.log_target = LOG_TARGET_STDERR};
    struct log log;
    assert_int_equal(log_open_target(&c, &e), STDERR_FILENO);
    log_init(&log, "supervisor");
    log_close(&log);
    log_redirect(&log, LOG_TARGET_STDERR, STDERR_FILENO);
    log_close(&log);
    assert_true(fcntl(STDERR_FILENO, F_GETFD) >= 0);
}

static void redirecting_closes_the_old_file(void **state)
{
    (void)state;
    struct log log;
    unsigned before = open_descriptors();
    log_init(&log, "supervisor");
    int first = open("/dev/null", O_WRONLY), second = open("/dev/null", O_WRONLY);
    log_redirect(&log, LOG_TARGET_FILE, first);
    log_redirect(&log, LOG_TARGET_FILE, first); /* the same one stays open */
    assert_true(fcntl(first, F_GETFD) >= 0);
    log_redirect(&log, LOG_TARGET_FILE, second);
    assert_int_equal(fcntl(first, F_GETFD), -1);
    log_redirect(&log, LOG_TARGET_STDERR, STDERR_FILENO);
    assert_int_equal(fcntl(second, F_GETFD), -1);
    assert_int_equal(open_descriptors(), before);
}

static void what_was_opened_in_vain_is_given_back_but_not_standard_error(void **state)
{
    (void)state;
    unsigned before = open_descriptors();
    log_close_target(open("/dev/null", O_WRONLY));
    log_close_target(-1);
    log_close_target(STDERR_FILENO);
    assert_int_equal(open_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_that_a_full_pipe_does_not_take_are_counted_and_reported),
        cmocka_unit_test(a_loss_is_not_forgotten_where_warnings_are_not_wanted),
        cmocka_unit_test(a_long_line_that_a_pipe_tore_is_not_continued_by_the_next),
        cmocka_unit_test(a_full_disk_costs_lines_and_nothing_else),
        cmocka_unit_test(a_line_that_a_full_disk_tore_is_not_continued_by_the_next),
        cmocka_unit_test(a_file_is_made_for_few_eyes_and_appended_to),
        cmocka_unit_test(a_file_that_cannot_be_opened_is_named_with_the_reason),
        cmocka_unit_test(standard_error_is_nobodys_to_close),
        cmocka_unit_test(redirecting_closes_the_old_file),
        cmocka_unit_test(what_was_opened_in_vain_is_given_back_but_not_standard_error),
        cmocka_unit_test(a_long_line_never_waits_for_the_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
