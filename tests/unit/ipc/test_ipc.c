/* test_ipc.c - messages between supervisor and worker, and no descriptor lost on bad ones. */
#include "proxy/ipc/ipc.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The header as it stands on the wire. */
struct header {
    uint32_t type, generation, size, fd_count;
};

struct fixture {
    int ends[2];
    unsigned descriptors;
    struct ipc_message out, in;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (f == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, f->ends) != 0)
        return -1;
    f->descriptors = open_descriptors();
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close(f->ends[0]);
    close(f->ends[1]);
    free(f);
    return 0;
}

static void add_fds(struct ipc_message *m, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        m->fds[m->fd_count++] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* A raw packet, its header perhaps cut short, with `fds` descriptors of /dev/null. */
static void send_raw(int to, const struct header *h, size_t header_size, const void *payload,
                     size_t size, unsigned fds)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(253 * sizeof(int))];
    } control = {0};
    int list[253];
    struct iovec parts[2] = {{(void *)(uintptr_t)h, header_size},
                             {(void *)(uintptr_t)payload, size}};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
    for (unsigned i = 0; i < fds; i++)
        list[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fds > 0) {
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(fds * sizeof(int));
        control.align = (struct cmsghdr){.cmsg_len = CMSG_LEN(fds * sizeof(int)),
                                         .cmsg_level = SOL_SOCKET,
                                         .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.align), list, fds * sizeof(int));
    }
    assert_int_equal(sendmsg(to, &msg, 0), (ssize_t)(header_size + size));
    for (unsigned i = 0; i < fds; i++)
        close(list[i]);
}

static void assert_nonsense(struct fixture *f)
{
    assert_int_equal(ipc_receive(f->ends[1], &f->in), -1);
    assert_int_equal(f->in.fd_count, 0);
    assert_int_equal(open_descriptors(), f->descriptors);
}

static void a_message_comes_as_it_was_sent(void **state)
{
    struct fixture *f = *state;
    const struct ipc_listener listeners[2] = {{7}, {9}};
    ipc_begin(&f->out, IPC_LISTENERS, 42);
    ipc_append(&f->out, listeners, sizeof listeners);
    ipc_append(&f->out, "x", 1);
    assert_int_equal(ipc_send(f->ends[0], &f->out), 0);
    assert_int_equal(ipc_receive(f->ends[1], &f->in), 1);
    assert_int_equal(f->in.type, IPC_LISTENERS);
    assert_int_equal(f->in.generation, 42);
    assert_int_equal(f->in.size, sizeof listeners + 1);
    assert_memory_equal(f->in.payload, listeners, sizeof listeners);
    assert_int_equal(f->in.fd_count, 0);
    assert_int_equal(ipc_receive(f->ends[1], &f->in), 0); /* no other */
}

static void empty_and_full_messages_come_through_in_order(void **state)
{
    struct fixture *f = *state;
    ipc_begin(&f->out, IPC_READY, 1);
    assert_int_equal(ipc_send(f->ends[0], &f->out), 0);
    ipc_begin(&f->out, IPC_PREPARE, 2);
    static uint8_t payload[IPC_PAYLOAD_MAX];
    memset(payload, 0xa5, sizeof payload);
    ipc_append(&f->out, payload, sizeof payload);
    assert_int_equal(ipc_send(f->ends[0], &f->out), 0);

    assert_int_equal(ipc_receive(f->ends[1], &f->in), 1);
    assert_int_equal(f->in.type, IPC_READY);
    assert_int_equal(f->in.size, 0);
    assert_int_equal(ipc_receive(f->ends[1], &f->in), 1);
    assert_int_equal(f->in.type, IPC_PREPARE);
    assert_int_equal(f->in.size, sizeof payload);
    assert_memory_equal(f->in.payload, payload, sizeof payload);
}

static void descriptors_come_along_and_close_on_exec(void **state)
{
    struct fixture *f = *state;
    int ends[2];
    struct stat sent, got;
    assert_int_equal(pipe(ends), 0);
    ipc_begin(&f->out, IPC_LOG, 1);
    f->out.fds[0] = ends[0];
    f->out.fds[1] = ends[1];
    f->out.fd_count = 2;
    assert_int_equal(ipc_send(f->ends[0], &f->out), 0);
    assert_int_equal(f->out.fds[0], ends[0]); /* stay ours */
    assert_int_equal(ipc_receive(f->ends[1], &f->in), 1);
    assert_int_equal(f->in.fd_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(fstat(ends[i], &sent), 0);
        assert_int_equal(fstat(f->in.fds[i], &got), 0);
        assert_int_equal(sent.st_ino, got.st_ino);
        assert_int_equal(fcntl(f->in.fds[i], F_GETFD), FD_CLOEXEC);
    }
    assert_int_equal(fcntl(f->in.fds[1], F_GETFL) & O_ACCMODE, O_WRONLY);
    ipc_close_fds(&f->in);
    ipc_close_fds(&f->out);
    assert_int_equal(open_descriptors(), f->descriptors);
}

static void as_many_descriptors_as_a_message_holds(void **state)
{
    struct fixture *f = *state;
    ipc_begin(&f->out, IPC_LISTENERS, 1);
    add_fds(&f->out, IPC_FDS_MAX);
    assert_int_equal(ipc_send(f->ends[0], &f->out), 0);
    ipc_close_fds(&f->out);
    assert_int_equal(ipc_receive(f->ends[1], &f->in), 1);
    assert_int_equal(f->in.fd_count, IPC_FDS_MAX);
    assert_false(ipc_lacks_fds(&f->in));
    ipc_close_fds(&f->in);
    assert_int_equal(open_descriptors(), f->descriptors);
}

static void nothing_to_read_is_no_end(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ipc_receive(f->ends[1], &f->in), 0);
}

static void the_end_of_the_other_side_is_seen_behind_its_last_message(void **state)
{
    struct fixture *f = *state;
    ipc_begin(&f->out, IPC_STOP, 0);
    assert_int_equal(ipc_send(f->ends[0], &f->out), 0);
    shutdown(f->ends[0], SHUT_WR);
    assert_int_equal(ipc_receive(f->ends[1], &f->in), 1);
    assert_int_equal(f->in.type, IPC_STOP);
    assert_nonsense(f);
    assert_int_equal(ipc_receive(f->ends[1], &f->in), -1);
    assert_int_equal(errno, EPIPE);
}

static void sending_to_nobody_fails_without_a_signal(void **state)
{
    struct fixture *f = *state;
    close(f->ends[1]);
    ipc_begin(&f->out, IPC_STOP, 0);
    assert_int_equal(ipc_send(f->ends[0], &f->out), -1);
    assert_int_equal(errno, EPIPE);
    f->ends[1] = -1;
}

static void a_reader_that_sleeps_makes_no_writer_wait(void **state)
{
    struct fixture *f = *state;
    unsigned sent = 0;
    ipc_begin(&f->out, IPC_PREPARE, 0);
    f->out.size = IPC_PAYLOAD_MAX;
    add_fds(&f->out, 1);
    while (sent < 10000 && ipc_send(f->ends[0], &f->out) == 0)
        sent++;
    assert_int_equal(errno, EAGAIN);
    assert_in_range(sent, 1, 9999);
    assert_true(fcntl(f->out.fds[0], F_GETFD) >= 0);
    ipc_close_fds(&f->out);
    for (; sent > 0; sent--) { /* and nothing of it is lost */
        assert_int_equal(ipc_receive(f->ends[1], &f->in), 1);
        assert_int_equal(f->in.fd_count, 1);
        ipc_close_fds(&f->in);
    }
    assert_int_equal(ipc_receive(f->ends[1], &f->in), 0);
    assert_int_equal(open_descriptors(), f->descriptors);
}

static void a_packet_shorter_than_a_header_is_nonsense(void **state)
{
    struct fixture *f = *state;
    static const uint8_t zeroes[sizeof(struct header)];
    for (size_t size = 0; size < sizeof zeroes; size++) {
        assert_int_equal(send(f->ends[0], zeroes, size, 0), (ssize_t)size);
        assert_nonsense(f);
    }
    assert_int_equal(send(f->ends[0], zeroes, 1, 0), 1);
    assert_int_equal(ipc_receive(f->ends[1], &f->in), -1);
    assert_int_equal(errno, EPROTO);
}

static void descriptors_of_a_short_packet_are_not_lost(void **state)
{
    struct fixture *f = *state;
    for (size_t size = 0; size < sizeof(struct header); size += 5) {
        send_raw(f->ends[0], &(struct header){0}, size, NULL, 0, 2);
        assert_nonsense(f);
    }
}

static void a_size_that_does_not_match_is_nonsense(void **state)
{
    struct fixture *f = *state;
    static const uint8_t payload[8];
    static const uint32_t wrong[] = {0, 7, 9, IPC_PAYLOAD_MAX, UINT32_MAX};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        send_raw(f->ends[0], &(struct header){IPC_LOG, 0, wrong[i], 2}, sizeof(struct header),
                 payload, 8, 2);
        assert_nonsense(f);
    }
}

static void a_count_of_descriptors_that_does_not_match_is_nonsense(void **state)
{
    struct fixture *f = *state;
    static const uint32_t wrong[] = {0, 1, 2, 4, UINT32_MAX};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        send_raw(f->ends[0], &(struct header){IPC_LOG, 0, 0, wrong[i]}, sizeof(struct header), NULL,
                 0, 3);
        assert_nonsense(f);
    }
    send_raw(f->ends[0], &(struct header){IPC_LOG, 0, 0, 1}, sizeof(struct header), NULL, 0, 0);
    assert_nonsense(f);
}

static void more_than_a_message_holds_is_nonsense(void **state)
{
    struct fixture *f = *state;
    static const uint8_t payload[IPC_PAYLOAD_MAX + 64];
    send_raw(f->ends[0], &(struct header){IPC_LOG, 0, sizeof payload, 2}, sizeof(struct header),
             payload, sizeof payload, 2);
    assert_nonsense(f);
    send_raw(f->ends[0], &(struct header){IPC_LOG, 0, 0, IPC_FDS_MAX + 1}, sizeof(struct header),
             NULL, 0, IPC_FDS_MAX + 1);
    assert_nonsense(f);
}

/* The header promises what fits, so only the kernel's flags tell that something was cut off. */
static void what_the_kernel_cut_is_nonsense_even_where_the_rest_matches(void **state)
{
    struct fixture *f = *state;
    static const uint8_t payload[IPC_PAYLOAD_MAX + 64];
    send_raw(f->ends[0], &(struct header){IPC_LOG, 0, IPC_PAYLOAD_MAX, 1}, sizeof(struct header),
             payload, sizeof payload, 1);
    assert_nonsense(f);
    send_raw(f->ends[0], &(struct header){IPC_LOG, 0, 0, IPC_FDS_MAX}, sizeof(struct header), NULL,
             0, 253);
    assert_nonsense(f);
}

static void descriptors_that_find_no_room_are_missing_and_the_message_comes(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, tight;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    ipc_begin(&f->out, IPC_LISTENERS, 1);
    add_fds(&f->out, 5);
    assert_int_equal(ipc_send(f->ends[0], &f->out), 0);
    const int lowest = f->out.fds[0];
    ipc_close_fds(&f->out);

    tight = before;
    tight.rlim_cur = (rlim_t)lowest + 2;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    const int result = ipc_receive(f->ends[1], &f->in);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(result, 1);
    assert_int_equal(f->in.type, IPC_LISTENERS);
    assert_int_equal(f->in.fd_count, 5);
    assert_true(ipc_lacks_fds(&f->in));
    for (unsigned i = 0; i < 5; i++)
        assert_true(i < 2 ? f->in.fds[i] >= 0 : f->in.fds[i] == -1);
    ipc_close_fds(&f->in);
    assert_int_equal(open_descriptors(), f->descriptors);
}

static void a_payload_is_taken_when_it_has_the_size(void **state)
{
    struct fixture *f = *state;
    struct ipc_listener one = {7}, got = {0};
    size_t count;
    ipc_begin(&f->out, IPC_LISTENERS, 1);
    assert_true(ipc_count(&f->out, sizeof one, &count));
    assert_int_equal(count, 0);
    assert_false(ipc_take(&f->out, &got, sizeof got));
    ipc_append(&f->out, &one, sizeof one);
    assert_true(ipc_take(&f->out, &got, sizeof got));
    assert_int_equal(got.route, 7);
    ipc_append(&f->out, &one, sizeof one);
    assert_true(ipc_count(&f->out, sizeof one, &count));
    assert_int_equal(count, 2);
    ipc_append(&f->out, "x", 1);
    assert_false(ipc_take(&f->out, &got, sizeof got));
    assert_false(ipc_count(&f->out, sizeof one, &count));
}

static void a_text_is_bounded_and_fit_to_be_shown(void **state)
{
    struct fixture *f = *state;
    char got[20];
    ipc_begin(&f->out, IPC_REFUSED, 1);
    assert_false(ipc_take_text(&f->out, got, sizeof got));
    ipc_append(&f->out, "a\033[m\n\xff", 6);
    assert_false(ipc_take_text(&f->out, got, sizeof got)); /* no end */
    ipc_append(&f->out, "", 1);
    assert_true(ipc_take_text(&f->out, got, sizeof got));
    assert_string_equal(got, "a\\x1b[m\\x0a\\xff");

    static char large[IPC_PAYLOAD_MAX];
    memset(large, '\n', sizeof large - 1);
    ipc_begin(&f->out, IPC_REFUSED, 1);
    ipc_append(&f->out, large, sizeof large);
    assert_true(ipc_take_text(&f->out, got, sizeof got));
    assert_string_equal(got, "\\x0a\\x0a\\x0a\\x0a");
}

/* ---- names ---- */

static bool believed(struct fixture *f, const struct ipc_resolved *r)
{
    static struct ipc_resolved got;
    ipc_put_resolved(&f->out, r);
    return ipc_take_resolved(&f->out, &got) && got.serial == r->serial && got.count == r->count &&
           memcmp(got.addresses, r->addresses, r->count * sizeof *r->addresses) == 0;
}

static struct ipc_resolved an_answer(uint32_t count)
{
    struct ipc_resolved r = {.serial = 7, .count = count};
    for (uint32_t i = 0; i < count && i < RESOLVED_MAX; i++)
        r.addresses[i] = (struct ipc_resolved_address){.family = i % 2 == 0 ? AF_INET : AF_INET6,
                                                       .bytes = {(uint8_t)i}};
    return r;
}

static void an_answer_comes_with_as_many_addresses_as_it_has(void **state)
{
    struct fixture *f = *state;
    for (uint32_t count = 0; count <= RESOLVED_MAX; count++) {
        const struct ipc_resolved r = an_answer(count);
        assert_true(believed(f, &r));
    }
    struct ipc_resolved failure = an_answer(0);
    failure.error = -2;
    assert_true(believed(f, &failure));
}

static void an_answer_of_another_size_is_nonsense(void **state)
{
    struct fixture *f = *state;
    static struct ipc_resolved got;
    const struct ipc_resolved r = an_answer(2);
    ipc_put_resolved(&f->out, &r);
    const uint32_t whole = f->out.size;
    for (uint32_t size = 0; size <= IPC_PAYLOAD_MAX; size++) {
        f->out.size = size;
        assert_true(ipc_take_resolved(&f->out, &got) == (size == whole));
    }
}

static void an_answer_that_claims_more_than_it_may_is_nonsense(void **state)
{
    struct fixture *f = *state;
    static struct ipc_resolved got;
    static const uint32_t claims[] = {1, 3, RESOLVED_MAX + 1, 0x10000002, UINT32_MAX};
    struct ipc_resolved r = an_answer(2);
    ipc_put_resolved(&f->out, &r);
    for (size_t i = 0; i < COUNT(claims); i++) {
        memcpy(f->out.payload + offsetof(struct ipc_resolved, count), &claims[i], sizeof claims[i]);
        assert_false(ipc_take_resolved(&f->out, &got));
    }
    r.error = -2; /* a failure has no addresses */
    assert_false(believed(f, &r));
}

static void addresses_of_other_families_are_nonsense(void **state)
{
    static const uint32_t families[] = {AF_UNSPEC, AF_UNIX, AF_NETLINK, UINT32_MAX};
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(families); i++) {
        struct ipc_resolved r = an_answer(3);
        r.addresses[2].family = families[i];
        assert_false(believed(f, &r));
    }
}

static void another_message_is_no_answer(void **state)
{
    struct fixture *f = *state;
    static struct ipc_resolved got;
    const struct ipc_resolved r = an_answer(1);
    ipc_put_resolved(&f->out, &r);
    f->out.type = IPC_RESOLVE;
    assert_false(ipc_take_resolved(&f->out, &got));
}

/* A supervisor after an upgrade has workers and signers of the release before. */
static void what_outlives_an_upgrade_keeps_its_number_and_form(void **state)
{
    (void)state;
    assert_int_equal(IPC_LOG, 2);
    assert_int_equal(IPC_DRAIN, 10);
    assert_int_equal(IPC_RETIRE, 11);
    assert_int_equal(IPC_STOP, 12);
    assert_int_equal(IPC_CHALLENGE_ANSWER, 13);
    assert_int_equal(IPC_PING, 14);
    assert_int_equal(IPC_CHALLENGE_QUERY, 20);
    assert_int_equal(IPC_PONG, 21);
    assert_int_equal(IPC_BETRAYED, 25);
    assert_int_equal(IPC_CLOSE, 29);
    assert_int_equal(IPC_LEAVE, 33);
    assert_int_equal(IPC_REHEARSED, 100);
    assert_int_equal(sizeof(struct header), 16);
    assert_int_equal(sizeof(struct ipc_challenge_query), 272);
    assert_int_equal(offsetof(struct ipc_challenge_answer, challenge), 16);
    assert_int_equal(sizeof(struct ipc_leave), 4);
    assert_int_equal(sizeof(struct ipc_rehearsed), 232);
    assert_int_equal(LOG_TARGET_STDERR, 0);
    assert_int_equal(LOG_TARGET_SYSLOG, 1);
    assert_int_equal(LOG_TARGET_FILE, 2);
    assert_int_equal(LOG_TARGET_JOURNAL, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_comes_as_it_was_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_and_full_messages_come_through_in_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(descriptors_come_along_and_close_on_exec, setup, teardown),
        cmocka_unit_test_setup_teardown(as_many_descriptors_as_a_message_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_to_read_is_no_end, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_of_the_other_side_is_seen_behind_its_last_message,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(sending_to_nobody_fails_without_a_signal, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_that_sleeps_makes_no_writer_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(a_packet_shorter_than_a_header_is_nonsense, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(descriptors_of_a_short_packet_are_not_lost, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_size_that_does_not_match_is_nonsense, setup, teardown),
        cmocka_unit_test_setup_teardown(a_count_of_descriptors_that_does_not_match_is_nonsense,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_payload_is_taken_when_it_has_the_size, setup, teardown),
        cmocka_unit_test_setup_teardown(a_text_is_bounded_and_fit_to_be_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_comes_with_as_many_addresses_as_it_has, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_answer_of_another_size_is_nonsense, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_that_claims_more_than_it_may_is_nonsense, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(addresses_of_other_families_are_nonsense, setup, teardown),
        cmocka_unit_test_setup_teardown(another_message_is_no_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(more_than_a_message_holds_is_nonsense, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_kernel_cut_is_nonsense_even_where_the_rest_matches,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            descriptors_that_find_no_room_are_missing_and_the_message_comes, setup, teardown),
        cmocka_unit_test(what_outlives_an_upgrade_keeps_its_number_and_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
