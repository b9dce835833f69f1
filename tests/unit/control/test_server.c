/* test_server.c - the daemon's side of the control socket, with raw callers. */
#include "proxy/control/control.h"
#include "tests/support/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define UMASK 027

/* A minute is long for a test. */
int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    enum { FASTER = 20 };
    return __real_uv_timer_start(timer, cb, timeout / FASTER, repeat / FASTER);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

static unsigned no_memory; /* for so many */

void *__wrap_calloc(size_t count, size_t size)
{
    if (no_memory == 0)
        return __real_calloc(count, size);
    no_memory--;
    return NULL;
}

struct fixture {
    uv_loop_t loop;
    struct control *control;
    char directory[32], path[100];
    struct control_request *request; /* the last one */
    char line[100];
    unsigned requests;
};

static void on_request(void *arg, struct control_request *request, const char *line)
{
    struct fixture *f = arg;
    f->request = request;
    f->requests++;
    snprintf(f->line, sizeof f->line, "%s", line);
}

static struct control *start(struct fixture *f, struct err *e)
{
    return control_new(&f->loop, f->path, on_request, f, e);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err e;
    *state = f;
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    umask(UMASK);
    make_directory(f->directory);
    snprintf(f->path, sizeof f->path, "%s/control.sock", f->directory);
    uv_loop_init(&f->loop);
    f->control = start(f, &e);
    return f->control == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    control_close(f->control);
    loop_end(&f->loop);
    remove_directory(f->directory);
    free(f);
    return 0;
}

/* A connected, non-blocking caller; -1: nobody listens. */
static int call(const struct fixture *f)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", f->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    close(fd);
    return -1;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Read until the end of the connection. */
static void assert_hears(struct fixture *f, int fd, const char *expected)
{
    char text[1000];
    size_t size = 0;
    ssize_t n = -1;
    loop_until(&f->loop, (n = read(fd, text + size, sizeof text - 1 - size)) == 0 ||
                             (n < 0 && errno != EAGAIN) || (n > 0 && (size += (size_t)n) == 0));
    assert_int_equal(n, 0);
    text[size] = '\0';
    assert_string_equal(text, expected);
    close(fd);
}

static void answer(struct fixture *f, int status, const char *words)
{
    struct buf text;
    buf_init(&text, 1000);
    buf_puts(&text, words);
    control_answer(f->request, status, &text);
    buf_free(&text);
}

static void a_request_is_answered_with_status_and_text(void **state)
{
    struct fixture *f = *state;
    int fd = call(f);
    say(fd, "status json\n");
    loop_until(&f->loop, f->requests == 1);
    assert_string_equal(f->line, "status json");
    answer(f, 0, "all is well\nreally\n");
    assert_hears(f, fd, "0\nall is well\nreally\n");
}

/* Those of older releases do not ask, and would not understand. */
static void the_size_is_told_to_whom_it_helps(void **state)
{
    static const char *const odd[] = {"a\nsize", "a\nsizes\n", "a\nsize\nb\n", "a\n\nsize\n"};
    struct fixture *f = *state;
    int fd = call(f);
    say(fd, "status\n" CONTROL_SIZE);
    loop_until(&f->loop, f->requests == 1);
    assert_string_equal(f->line, "status");
    answer(f, 0, "all is well\n");
    assert_hears(f, fd, "0 12\nall is well\n");
    for (unsigned i = 0; i < sizeof odd / sizeof *odd; i++) {
        int other = call(f);
        say(other, odd[i]);
        loop_until(&f->loop, f->requests == 2 + i);
        answer(f, 1, "x");
        assert_hears(f, other, "1\nx");
    }
}

static void a_line_may_come_in_pieces_and_the_answer_late(void **state)
{
    struct fixture *f = *state;
    int fd = call(f), other = call(f);
    for (const char *c = "reload\n"; *c != '\0'; c++) {
        assert_int_equal(f->requests, 0);
        assert_int_equal(send(fd, c, 1, MSG_NOSIGNAL), 1);
        loop_settle(&f->loop);
    }
    loop_until(&f->loop, f->requests == 1);
    struct control_request *late = f->request;
    say(other, "status\n");
    loop_until(&f->loop, f->requests == 2);
    answer(f, 0, "s");
    assert_hears(f, other, "0\ns");
    f->request = late;
    answer(f, 78, "");
    assert_hears(f, fd, "78\n");
}

static void only_the_first_line_is_a_request(void **state)
{
    struct fixture *f = *state;
    int fd = call(f);
    say(fd, "a\nb\n");
    loop_settle(&f->loop);
    assert_int_equal(f->requests, 1);
    assert_string_equal(f->line, "a");
    answer(f, 1, "x");
    assert_hears(f, fd, "1\nx");
    assert_int_equal(f->requests, 1);
}

static void a_line_that_is_too_long_ends_the_call(void **state)
{
    struct fixture *f = *state;
    char line[200];
    memset(line, 'x', sizeof line);
    int fd = call(f);
    assert_int_equal(send(fd, line, sizeof line, MSG_NOSIGNAL), sizeof line);
    char byte;
    loop_until(&f->loop, read(fd, &byte, 1) == 0 || errno == ECONNRESET);
    close(fd);
    assert_int_equal(f->requests, 0);
}

static void a_caller_that_hangs_up_in_midline_asks_nothing(void **state)
{
    struct fixture *f = *state;
    int fd = call(f);
    say(fd, "relo");
    shutdown(fd, SHUT_WR);
    assert_hears(f, fd, "");
    assert_int_equal(f->requests, 0);
}

static void a_caller_gone_before_the_answer_costs_nothing(void **state)
{
    struct fixture *f = *state;
    int fd = call(f);
    say(fd, "reload\n");
    loop_until(&f->loop, f->requests == 1);
    close(fd);
    loop_settle(&f->loop);
    answer(f, 0, "nobody hears this");
    loop_settle(&f->loop); /* the request is freed: the leak checker looks */
}

static void only_the_owner_may_call(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(umask(UMASK), UMASK); /* nothing of that stays behind */
}

static void a_second_daemon_is_refused_and_the_first_goes_on(void **state)
{
    struct fixture *f = *state;
    struct err e;
    char expected[200];
    assert_null(start(f, &e));
    snprintf(expected, sizeof expected,
             "another tlsfront runs: process %d listens on the control socket %s", (int)getpid(),
             f->path);
    assert_int_equal(errno, EADDRINUSE);
    assert_string_equal(e.text, expected);
    loop_settle(&f->loop);
    int fd = call(f);
    assert_true(fd >= 0);
    say(fd, "x\n");
    loop_until(&f->loop, f->requests == 1);
    answer(f, 0, "");
    assert_hears(f, fd, "0\n");
}

static void closing_removes_the_file(void **state)
{
    struct fixture *f = *state;
    control_close(f->control);
    f->control = NULL;
    loop_settle(&f->loop);
    assert_int_equal(access(f->path, F_OK), -1);
}

/* Somebody removed ours by hand, and a second daemon has made its own. */
static void closing_leaves_the_file_of_another(void **state)
{
    struct fixture *f = *state;
    struct err e;
    struct control *first = f->control;
    assert_int_equal(unlink(f->path), 0);
    f->control = start(f, &e);
    assert_non_null(f->control);
    control_close(first);
    loop_settle(&f->loop);
    int fd = call(f);
    assert_true(fd >= 0);
    close(fd);
    loop_settle(&f->loop);
}

static void a_stale_file_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct err e;
    control_close(f->control);
    loop_settle(&f->loop);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", f->path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    close(fd);
    f->control = start(f, &e);
    assert_non_null(f->control);
    fd = call(f);
    assert_true(fd >= 0);
    close(fd);
    loop_settle(&f->loop);
}

static void a_file_that_is_no_socket_is_never_removed(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    struct err e;
    control_close(f->control);
    loop_settle(&f->loop);
    close(open(f->path, O_WRONLY | O_CREAT, 0600));
    f->control = start(f, &e);
    const bool listens = f->control != NULL;
    assert_int_equal(lstat(f->path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_false(listens);
    assert_non_null(strstr(e.text, f->path));
    assert_non_null(strstr(e.text, "something else"));
}

static void a_missing_directory_is_made_but_not_two(void **state)
{
    struct fixture *f = *state;
    struct err e;
    char directory[64];
    control_close(f->control);
    loop_settle(&f->loop);
    snprintf(directory, sizeof directory, "%s/run", f->directory);
    snprintf(f->path, sizeof f->path, "%s/x/control.sock", directory);
    f->control = start(f, &e);
    assert_null(f->control);
    assert_non_null(strstr(e.text, "No such file or directory"));

    snprintf(f->path, sizeof f->path, "%s/control.sock", directory);
    f->control = start(f, &e);
    assert_non_null(f->control);
    control_close(f->control);
    f->control = NULL;
    loop_settle(&f->loop);
    assert_int_equal(rmdir(directory), 0);
}

static void a_request_under_way_is_answered_after_the_close(void **state)
{
    struct fixture *f = *state;
    int fd = call(f);
    say(fd, "reload\n");
    loop_until(&f->loop, f->requests == 1);
    control_close(f->control);
    f->control = NULL;
    loop_settle(&f->loop);
    answer(f, 0, "done");
    assert_hears(f, fd, "0\ndone");
}

/* Else it would keep the loop, and the daemon with it, alive for as long as it likes. */
static void a_caller_that_never_spoke_ends_with_the_close(void **state)
{
    struct fixture *f = *state;
    int fd = call(f);
    loop_settle(&f->loop);
    control_close(f->control);
    f->control = NULL;
    loop_settle(&f->loop);
    const int alive = uv_loop_alive(&f->loop);
    close(fd);
    loop_settle(&f->loop);
    assert_false(alive);
}

/* An answer that no socket's buffer holds. */
static int ask_for_much(struct fixture *f)
{
    struct buf text;
    int fd = call(f);
    const unsigned before = f->requests;
    say(fd, "status json\n");
    loop_until(&f->loop, f->requests == before + 1);
    buf_init(&text, (size_t)4 << 20);
    for (unsigned i = 0; i < 4 << 16; i++)
        buf_puts(&text, "0123456789abcdef");
    assert_false(text.failed);
    control_answer(f->request, 0, &text);
    buf_free(&text);
    loop_settle(&f->loop);
    return fd;
}

static bool has_hung_up(int fd)
{
    struct pollfd p = {.fd = fd};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
}

static void a_caller_that_takes_no_answer_is_left(void **state)
{
    struct fixture *f = *state;
    int fd = ask_for_much(f), silent = call(f), other;
    loop_until(&f->loop, has_hung_up(fd));
    loop_until(&f->loop, has_hung_up(silent)); /* nor does that one take a minute to speak */
    close(fd);
    close(silent);
    other = call(f);
    say(other, "status\n");
    loop_until(&f->loop, f->requests == 2);
    answer(f, 0, "s");
    assert_hears(f, other, "0\ns");
}

static void a_caller_that_takes_no_answer_does_not_keep_the_daemon(void **state)
{
    struct fixture *f = *state;
    int before = ask_for_much(f), late = call(f);
    say(late, "reload\n");
    loop_until(&f->loop, f->requests == 2);
    control_close(f->control);
    f->control = NULL;
    answer(f, 1, "the daemon is going down");
    loop_until(&f->loop, uv_loop_alive(&f->loop) == 0);
    assert_true(has_hung_up(before));
    close(before);
    assert_hears(f, late, "1\nthe daemon is going down");
}

static void a_caller_who_comes_without_memory_for_it_waits_for_that(void **state)
{
    struct fixture *f = *state;
    no_memory = 3;
    int fd = call(f), other = call(f);
    say(fd, "status\n");
    loop_until(&f->loop, f->requests == 1);
    assert_int_equal(no_memory, 0);
    answer(f, 0, "s");
    assert_hears(f, fd, "0\ns");
    say(other, "status\n");
    loop_until(&f->loop, f->requests == 2);
    answer(f, 0, "t");
    assert_hears(f, other, "0\nt");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_request_is_answered_with_status_and_text),
        CASE(a_line_may_come_in_pieces_and_the_answer_late),
        CASE(the_size_is_told_to_whom_it_helps),
        CASE(only_the_first_line_is_a_request),
        CASE(a_line_that_is_too_long_ends_the_call),
        CASE(a_caller_that_hangs_up_in_midline_asks_nothing),
        CASE(a_caller_gone_before_the_answer_costs_nothing),
        CASE(only_the_owner_may_call),
        CASE(a_second_daemon_is_refused_and_the_first_goes_on),
        CASE(closing_removes_the_file),
        CASE(closing_leaves_the_file_of_another),
        CASE(a_stale_file_is_replaced),
        CASE(a_file_that_is_no_socket_is_never_removed),
        CASE(a_missing_directory_is_made_but_not_two),
        CASE(a_request_under_way_is_answered_after_the_close),
        CASE(a_caller_that_never_spoke_ends_with_the_close),
        CASE(a_caller_that_takes_no_answer_is_left),
        CASE(a_caller_that_takes_no_answer_does_not_keep_the_daemon),
        CASE(a_caller_who_comes_without_memory_for_it_waits_for_that),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
