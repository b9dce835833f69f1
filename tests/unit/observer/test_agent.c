/* test_agent.c - who asks as haproxy does, and who only pretends to. */
#include "proxy/observer/agent.h"
#include "tests/support/unit.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE "up ready\n"

static struct agent agent;
static uint64_t now;

static int setup(void **state)
{
    (void)state;
    now = 1000;
    agent_init(&agent);
    return 0;
}

/* Nobody is left who has not been closed. */
static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < AGENT_ASKERS; i++)
        if (agent.askers[i].fd >= 0)
            close(agent.askers[i].fd);
    return 0;
}

/* Somebody's end of a connection. */
static int asks(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    agent_add(&agent, ends[0], now);
    return ends[1];
}

static void turn(void)
{
    struct pollfd at[AGENT_ASKERS];
    agent_watch(&agent, at);
    poll(at, AGENT_ASKERS, 0);
    agent_watched(&agent, at, now);
}

/* All that has come, and whether that was the end. */
static const char *heard(int fd, bool *ended)
{
    static char text[200];
    size_t size = 0;
    ssize_t n;
    while ((n = read(fd, text + size, sizeof text - 1 - size)) > 0)
        size += (size_t)n;
    text[size] = '\0';
    *ended = n == 0;
    return text;
}

static void assert_told(int fd)
{
    bool ended;
    assert_string_equal(heard(fd, &ended), LINE);
    assert_true(ended);
}

static void one_who_says_nothing_is_told(void **state)
{
    (void)state;
    const int fd = asks();
    agent_tell(&agent, LINE);
    assert_told(fd);
    close(fd);
    turn();
    assert_false(agent_busy(&agent));
}

/* A reset would take the line from it. */
static void one_who_says_something_reads_the_line_all_the_same(void **state)
{
    (void)state;
    const int fd = asks();
    assert_int_equal(write(fd, "hello\n", 6), 6);
    agent_tell(&agent, LINE);
    turn();
    assert_told(fd);
    assert_true(agent_busy(&agent));
    close(fd);
    turn();
    assert_false(agent_busy(&agent));
}

static void one_who_has_closed_its_half_is_told(void **state)
{
    (void)state;
    const int fd = asks();
    shutdown(fd, SHUT_WR);
    turn();
    agent_tell(&agent, LINE);
    assert_told(fd);
    turn();
    assert_false(agent_busy(&agent));
    close(fd);
}

static void one_who_has_gone_is_forgotten(void **state)
{
    (void)state;
    close(asks());
    agent_tell(&agent, LINE);
    turn();
    assert_false(agent_busy(&agent));
}

static void nobody_is_told_twice(void **state)
{
    (void)state;
    const int fd = asks();
    agent_tell(&agent, LINE);
    agent_tell(&agent, LINE);
    assert_told(fd);
    close(fd);
}

static void one_who_stays_is_left_after_three_seconds(void **state)
{
    (void)state;
    const int told = asks();
    agent_tell(&agent, LINE);
    const int waiting = asks();
    now += 2999;
    turn();
    assert_true(agent_busy(&agent));
    now += 1;
    turn();
    assert_false(agent_busy(&agent));
    close(told);
    close(waiting);
}

static void when_there_are_too_many_the_oldest_goes(void **state)
{
    int fds[AGENT_ASKERS + 1];
    bool ended;
    (void)state;
    for (unsigned i = 0; i <= AGENT_ASKERS; i++, now++)
        fds[i] = asks();
    assert_string_equal(heard(fds[0], &ended), "");
    assert_true(ended);
    agent_tell(&agent, LINE);
    for (unsigned i = 1; i <= AGENT_ASKERS; i++)
        assert_told(fds[i]);
    for (unsigned i = 0; i <= AGENT_ASKERS; i++)
        close(fds[i]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_who_says_nothing_is_told),
        CASE(one_who_says_something_reads_the_line_all_the_same),
        CASE(one_who_has_closed_its_half_is_told),
        CASE(one_who_has_gone_is_forgotten),
        CASE(nobody_is_told_twice),
        CASE(one_who_stays_is_left_after_three_seconds),
        CASE(when_there_are_too_many_the_oldest_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
