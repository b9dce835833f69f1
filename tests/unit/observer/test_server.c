/* test_server.c - the end of the server: who has come is answered, and nobody is waited for. */
#include "proxy/base/clock.h"
#include "proxy/observer/server.h"
#include "tests/support/unit.h"

#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000 };

static struct server *server; /* for the rest of the process, with other sockets in each test */
static struct sockaddr_un at;
static socklen_t at_size;
static bool known;
static unsigned asked;

static bool wanted(void *arg)
{
    (void)arg;
    asked++;
    return known;
}

static bool answer(void *arg, const struct server_request *request, struct server_answer *out)
{
    (void)arg;
    buf_printf(out->body, "of %s\n", request->path);
    return true;
}

static const char *agent_line(void *arg)
{
    (void)arg;
    return "up ready\n";
}

static const struct snapshot *snapshot(void *arg)
{
    static const struct snapshot none;
    (void)arg;
    return &none;
}

static int make_server(void **state)
{
    static const struct server_events events = {wanted, answer, agent_line, snapshot};
    struct err e = {.text = ""};
    (void)state;
    server = server_new(&events, NULL, &e);
    return server != NULL ? 0 : -1;
}

/* On a name that the system chooses (unix(7)). */
static void begin_as(bool is_agent)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    at = (struct sockaddr_un){.sun_family = AF_UNIX};
    at_size = sizeof at;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at.sun_family), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &at_size), 0);
    assert_int_equal(listen(fd, 8), 0);
    known = false;
    asked = 0;
    const struct server_socket sockets[] = {{fd, true, is_agent}};
    server_listen(server, sockets, COUNT(sockets));
}

static int connects(void)
{
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, at_size), 0);
    return fd;
}

static int asks(const char *path)
{
    char request[100];
    const int fd = connects();
    const int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    assert_int_equal(write(fd, request, (size_t)size), size);
    return fd;
}

static void serve_until_asked(unsigned times)
{
    for (unsigned turn = 0; asked < times; turn++) {
        assert_true(turn < 1000);
        server_wait(server, -1, 10);
    }
}

/* All that comes until the end. */
static const char *reads(int fd)
{
    static char text[4096];
    size_t size = 0;
    for (ssize_t n; (n = read(fd, text + size, sizeof text - 1 - size)) > 0;)
        size += (size_t)n;
    text[size] = '\0';
    close(fd);
    return text;
}

/* Of before the news: it takes less than the patience of those who wait. */
static void finish(void)
{
    const uint64_t began = clock_ms();
    known = true;
    server_finish(server, PATIENCE_MS);
    assert_true(clock_ms() - began < PATIENCE_MS);
}

static void who_waits_is_answered(void **state)
{
    (void)state;
    begin_as(false);
    const int first = asks("/one"), second = asks("/two");
    serve_until_asked(2);
    finish();
    assert_non_null(strstr(reads(first), "\r\n\r\nof /one\n"));
    assert_non_null(strstr(reads(second), "\r\n\r\nof /two\n"));
}

/* Readable a little before the library would be looked at by itself. */
static int clock_of(unsigned milliseconds)
{
    const struct itimerspec when = {.it_value.tv_nsec = milliseconds * 1000000L};
    const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    assert_int_equal(timerfd_settime(fd, 0, &when, NULL), 0);
    return fd;
}

static void who_waited_is_answered_before_anything_else_happens(void **state)
{
    (void)state;
    begin_as(false);
    const int asker = asks("/one");
    serve_until_asked(1);
    known = true;
    server_wake(server);
    const int clock = clock_of(900);
    assert_false(server_wait(server, clock, -1));
    close(clock);
    finish();
    assert_non_null(strstr(reads(asker), "\r\n\r\nof /one\n"));
}

static void an_agent_check_is_answered(void **state)
{
    (void)state;
    begin_as(true);
    const int fd = connects();
    serve_until_asked(1);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    finish();
    assert_string_equal(reads(fd), "up ready\n");
}

static void who_comes_later_is_not_for_us(void **state)
{
    (void)state;
    begin_as(false);
    finish();
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, at_size), -1);
    close(fd);
}

static void one_that_says_nothing_is_not_waited_for(void **state)
{
    (void)state;
    begin_as(false);
    const int silent = connects(), other = asks("/other");
    serve_until_asked(1); /* and so the one before has been let in, too */
    known = true;
    server_finish(server, 2000);
    assert_non_null(strstr(reads(other), "of /other\n"));
    close(silent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_is_answered),
        cmocka_unit_test(who_waited_is_answered_before_anything_else_happens),
        cmocka_unit_test(an_agent_check_is_answered),
        cmocka_unit_test(who_comes_later_is_not_for_us),
        cmocka_unit_test(one_that_says_nothing_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, make_server, NULL);
}
