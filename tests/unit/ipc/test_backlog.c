/* test_backlog.c - messages that find no room: none is lost or overtaken, and what is kept of them
 * is let go. The linker puts a system below that has no memory when it is told so. */
#include "proxy/ipc/backlog.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

static int want; /* errno; 0: all is well */

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    if (want == 0)
        return __real_sendmsg(fd, msg, flags);
    errno = want;
    return -1;
}

static struct {
    int ends[2];
    unsigned descriptors;
    struct backlog backlog;
    struct ipc_message out, in;
} f;

/* Its socket takes no more than a few full messages, however much the machine would allow. */
static int setup(void **state)
{
    static const int small = 65536;
    (void)state;
    want = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, f.ends) != 0 ||
        setsockopt(f.ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small) != 0)
        return -1;
    f.descriptors = open_descriptors();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    backlog_clear(&f.backlog);
    assert_int_equal(f.backlog.size, 0);
    close(f.ends[0]);
    if (f.ends[1] >= 0)
        close(f.ends[1]);
    return 0;
}

static int send_full(uint32_t number)
{
    ipc_begin(&f.out, IPC_ADDRESSES, number);
    memset(f.out.payload, (int)number, sizeof f.out.payload);
    f.out.size = sizeof f.out.payload;
    return backlog_send(&f.backlog, f.ends[0], &f.out);
}

/* With the socket itself as descriptor. */
static int send_small(uint32_t number)
{
    ipc_begin(&f.out, IPC_LISTENERS, number);
    ipc_append(&f.out, &number, sizeof number);
    f.out.fds[f.out.fd_count++] = f.ends[0];
    return backlog_send(&f.backlog, f.ends[0], &f.out);
}

static void comes(enum ipc_type type, uint32_t number)
{
    struct stat sent, got;
    assert_int_equal(ipc_receive(f.ends[1], &f.in), 1);
    assert_int_equal(f.in.type, type);
    assert_int_equal(f.in.generation, number);
    assert_int_equal(f.in.payload[0], number);
    if (type == IPC_ADDRESSES) {
        assert_int_equal(f.in.size, IPC_PAYLOAD_MAX);
        assert_int_equal(f.in.payload[IPC_PAYLOAD_MAX - 1], number);
        return;
    }
    assert_int_equal(f.in.size, sizeof number);
    assert_int_equal(f.in.fd_count, 1);
    assert_int_equal(fstat(f.ends[0], &sent) + fstat(f.in.fds[0], &got), 0);
    assert_int_equal(sent.st_ino, got.st_ino);
    ipc_close_fds(&f.in);
}

static void what_finds_no_room_goes_later_and_in_its_order(void **state)
{
    (void)state;
    enum { MANY = 30 };
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(send_full(i), 0);
        assert_int_equal(send_small(i), 0);
    }
    assert_true(f.backlog.waiting);
    assert_true(f.backlog.size > MANY / 2 * IPC_PAYLOAD_MAX);
    for (uint32_t i = 0; i < MANY; i++) {
        comes(IPC_ADDRESSES, i);
        assert_int_equal(backlog_flush(&f.backlog, f.ends[0]), 0);
        comes(IPC_LISTENERS, i);
        assert_int_equal(backlog_flush(&f.backlog, f.ends[0]), 0);
    }
    assert_int_equal(f.backlog.size, 0);
    assert_false(f.backlog.waiting);
    assert_int_equal(ipc_receive(f.ends[1], &f.in), 0);
    assert_int_equal(open_descriptors(), f.descriptors);
}

static void what_is_there_goes_before_what_comes(void **state)
{
    (void)state;
    want = ENOMEM;
    assert_int_equal(send_small(0), 0);
    want = 0;
    assert_int_equal(send_small(1), 0);
    assert_int_equal(f.backlog.size, 0);
    comes(IPC_LISTENERS, 0);
    comes(IPC_LISTENERS, 1);
}

/* Its socket could be written to all the while, and whoever waited for that would not sleep. */
static void nobody_waits_for_the_socket_where_the_system_has_no_room(void **state)
{
    static const int wants[] = {ENOBUFS, ENOMEM, ETOOMANYREFS};
    (void)state;
    for (size_t i = 0; i < COUNT(wants); i++) {
        want = wants[i];
        assert_int_equal(send_small(0), 0);
        assert_int_equal(backlog_flush(&f.backlog, f.ends[0]), 0);
        assert_false(f.backlog.waiting);
        assert_true(f.backlog.size > 0);
        want = 0;
        assert_int_equal(backlog_flush(&f.backlog, f.ends[0]), 0);
        comes(IPC_LISTENERS, 0);
    }
}

static void who_lets_too_much_lie_is_told_of(void **state)
{
    (void)state;
    uint32_t sent = 0;
    while (send_full(sent) == 0)
        assert_in_range(++sent, 1, 10 + BACKLOG_MAX / IPC_PAYLOAD_MAX);
    assert_int_equal(errno, EAGAIN);
    assert_true(f.backlog.size <= BACKLOG_MAX);
    assert_true(f.backlog.size > BACKLOG_MAX - 2 * IPC_PAYLOAD_MAX);
}

static void a_descriptor_that_cannot_be_copied_is_told_of(void **state)
{
    (void)state;
    struct rlimit before, tight;
    want = ENOBUFS;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    const int result = send_small(0), error = errno;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(result, -1);
    assert_int_not_equal(error, EAGAIN);
    assert_int_equal(f.backlog.size, 0);
}

static void what_is_forgotten_takes_its_descriptors_along(void **state)
{
    (void)state;
    want = ENOBUFS;
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(send_small(i), 0);
    assert_int_equal(open_descriptors(), f.descriptors + 5);
    backlog_clear(&f.backlog);
    assert_int_equal(open_descriptors(), f.descriptors);
    want = 0;
    assert_int_equal(backlog_flush(&f.backlog, f.ends[0]), 0);
    assert_int_equal(ipc_receive(f.ends[1], &f.in), 0);
}

static void a_side_that_is_gone_is_told_of(void **state)
{
    (void)state;
    want = ENOBUFS;
    assert_int_equal(send_small(0), 0);
    want = 0;
    close(f.ends[1]);
    f.ends[1] = -1;
    assert_int_equal(backlog_flush(&f.backlog, f.ends[0]), -1);
    assert_int_equal(send_small(1), -1);
    assert_int_equal(errno, EPIPE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_finds_no_room_goes_later_and_in_its_order),
        T(what_is_there_goes_before_what_comes),
        T(nobody_waits_for_the_socket_where_the_system_has_no_room),
        T(who_lets_too_much_lie_is_told_of),
        T(a_descriptor_that_cannot_be_copied_is_told_of),
        T(what_is_forgotten_takes_its_descriptors_along),
        T(a_side_that_is_gone_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
