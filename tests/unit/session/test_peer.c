/* test_peer.c - one end of a session, on a real loop with real sockets. */
#include "proxy/session/peer.h"
#include "tests/support/loop.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

/* More than any socket's buffer takes. */
#define MUCH ((size_t)8 << 20)

struct fixture {
    struct peer peer; /* first: the events cast */
    uv_loop_t loop;
    struct peer_scratch scratch;
    char memory[65536];
    int other; /* the other end; -1: closed */
    uint8_t got[1000];
    size_t got_size;
    unsigned connected, eof, errors, drained, closed;
    int status, error;
};

static void on_connected(struct peer *p, int status)
{
    struct fixture *f = (struct fixture *)p;
    f->connected++;
    f->status = status;
}

static void on_data(struct peer *p, uint8_t *data, size_t size)
{
    struct fixture *f = (struct fixture *)p;
    assert_true(size <= sizeof f->got - f->got_size);
    memcpy(f->got + f->got_size, data, size);
    f->got_size += size;
}

static void on_eof(struct peer *p)
{
    ((struct fixture *)p)->eof++;
}

static void on_error(struct peer *p, int error)
{
    struct fixture *f = (struct fixture *)p;
    f->errors++;
    f->error = error;
}

static void on_drained(struct peer *p)
{
    ((struct fixture *)p)->drained++;
}

static void on_closed(struct peer *p)
{
    ((struct fixture *)p)->closed++;
}

static const struct peer_events events = {on_connected, on_data,    on_eof,
                                          on_error,     on_drained, on_closed};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    signal(SIGPIPE, SIG_IGN); /* as the worker does */
    uv_loop_init(&f->loop);
    f->scratch = (struct peer_scratch){f->memory, sizeof f->memory};
    f->loop.data = &f->scratch;
    f->other = -1;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->other >= 0)
        close(f->other);
    peer_close(&f->peer, false);
    loop_end(&f->loop);
    free(f);
    return 0;
}

static void open_unix(struct fixture *f)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    f->other = ends[1];
    assert_int_equal(peer_open(&f->peer, &f->loop, ends[0], true, &events), 0);
}

/* A listening loopback socket and its address. */
static int listen_tcp(struct sockaddr_in *at)
{
    socklen_t size = sizeof *at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof *at), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)at, &size), 0);
    return fd;
}

static void open_tcp(struct fixture *f)
{
    struct sockaddr_in at;
    const int listener = listen_tcp(&at), fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    f->other = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(f->other >= 0);
    close(listener);
    assert_int_equal(peer_open(&f->peer, &f->loop, fd, false, &events), 0);
}

static void reset_other(struct fixture *f)
{
    static const struct linger at_once = {1, 0};
    setsockopt(f->other, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(f->other);
    f->other = -1;
}

static uint8_t *much(void)
{
    uint8_t *data = malloc(MUCH);
    assert_non_null(data);
    for (size_t i = 0; i < MUCH; i++)
        data[i] = (uint8_t)(i * 31 + i / 251);
    return data;
}

/* The other end reads all there is; false at its end. */
static bool other_reads(struct fixture *f, uint8_t *to, size_t *size)
{
    for (ssize_t n;;) {
        n = read(f->other, to + *size, MUCH + 1 - *size);
        if (n == 0)
            return false;
        if (n < 0) {
            assert_int_equal(errno, EAGAIN);
            return true;
        }
        *size += (size_t)n;
    }
}

static void what_the_kernel_takes_is_sent_at_once(void **state)
{
    struct fixture *f = *state;
    char text[10];
    open_unix(f);
    assert_int_equal(peer_send(&f->peer, (const uint8_t *)"abc", 3, false), 0);
    assert_int_equal(peer_send(&f->peer, NULL, 0, false), 0);
    assert_int_equal(f->peer.queued, 0);
    assert_int_equal(read(f->other, text, sizeof text), 3); /* no turn of the loop was needed */
    loop_settle(&f->loop);
    assert_int_equal(f->drained, 0); /* nothing was queued */
}

static void a_queue_drains_in_order_with_fin_behind_it(void **state)
{
    struct fixture *f = *state;
    uint8_t *sent = much(), *got = malloc(MUCH + 1);
    size_t size = 0;
    open_unix(f);
    assert_int_equal(peer_send(&f->peer, sent, MUCH / 2, false), 0);
    assert_true(f->peer.queued > 0);
    assert_int_equal(peer_send(&f->peer, sent + MUCH / 2, MUCH / 2, false),
                     0); /* behind the queue */
    assert_in_range(f->peer.queued, MUCH / 2, MUCH);
    peer_shutdown(&f->peer);
    peer_shutdown(&f->peer);
    assert_false(f->peer.fin_sent);

    loop_until(&f->loop, !other_reads(f, got, &size));
    assert_int_equal(size, MUCH);
    assert_memory_equal(got, sent, MUCH);
    assert_int_equal(f->drained, 1);
    assert_int_equal(f->peer.queued, 0);
    assert_int_equal(f->errors, 0);
    free(sent);
    free(got);
}

static void fin_goes_at_once_when_nothing_is_queued(void **state)
{
    struct fixture *f = *state;
    char byte;
    open_tcp(f);
    peer_shutdown(&f->peer);
    loop_until(&f->loop, read(f->other, &byte, 1) == 0);
    assert_int_equal(send(f->other, "x", 1, 0), 1); /* the other way is open */
    peer_read(&f->peer, true);
    loop_until(&f->loop, f->got_size == 1);
}

static void reading_stops_and_goes_on(void **state)
{
    struct fixture *f = *state;
    open_unix(f);
    peer_read(&f->peer, false);
    assert_int_equal(send(f->other, "ab", 2, 0), 2);
    loop_settle(&f->loop);
    assert_int_equal(f->got_size, 0);
    peer_read(&f->peer, true);
    peer_read(&f->peer, true);
    loop_until(&f->loop, f->got_size == 2);
    peer_read(&f->peer, false);
    assert_int_equal(send(f->other, "c", 1, 0), 1);
    loop_settle(&f->loop);
    assert_int_equal(f->got_size, 2);
    peer_read(&f->peer, true);
    loop_until(&f->loop, f->got_size == 3);
    assert_memory_equal(f->got, "abc", 3);
}

static void an_end_that_comes_while_nobody_reads_is_told_later(void **state)
{
    struct fixture *f = *state;
    open_tcp(f);
    peer_read(&f->peer, true);
    peer_read(&f->peer, false);
    assert_int_equal(send(f->other, "last", 4, 0), 4);
    shutdown(f->other, SHUT_WR);
    loop_settle(&f->loop);
    assert_int_equal(f->got_size, 0);
    assert_int_equal(f->eof, 0);
    peer_read(&f->peer, true);
    loop_until(&f->loop, f->eof == 1);
    assert_int_equal(f->got_size, 4);
}

static void eof_comes_once_and_sending_goes_on(void **state)
{
    struct fixture *f = *state;
    char text[10];
    open_tcp(f);
    peer_read(&f->peer, true);
    assert_int_equal(send(f->other, "last", 4, 0), 4);
    shutdown(f->other, SHUT_WR);
    loop_until(&f->loop, f->eof == 1);
    assert_int_equal(f->got_size, 4);
    assert_true(f->peer.eof);
    peer_read(&f->peer, true); /* there is nothing more to read */
    assert_false(f->peer.reading);
    assert_int_equal(peer_send(&f->peer, (const uint8_t *)"re", 2, false), 0);
    loop_until(&f->loop, read(f->other, text, sizeof text) == 2);
    assert_int_equal(f->eof, 1);
    assert_int_equal(f->errors, 0);
}

static void a_reset_from_the_other_side_is_an_error(void **state)
{
    struct fixture *f = *state;
    open_tcp(f);
    peer_read(&f->peer, true);
    reset_other(f);
    loop_until(&f->loop, f->errors > 0);
    assert_int_equal(f->errors, 1);
    assert_int_equal(f->error, UV_ECONNRESET);
    assert_int_equal(f->eof, 0);
}

/* libuv sees both at once, and takes it for an orderly end. */
static void a_reset_that_comes_together_with_data_is_an_error_too(void **state)
{
    struct fixture *f = *state;
    open_tcp(f);
    peer_read(&f->peer, true);
    assert_int_equal(write(f->other, "half", 4), 4);
    reset_other(f);
    loop_until(&f->loop, f->errors + f->eof > 0);
    assert_memory_equal(f->got, "half", 4);
    assert_int_equal(f->errors, 1);
    assert_int_equal(f->error, UV_ECONNRESET);
    assert_int_equal(f->eof, 0);
}

/* All that it said is told, and then how it ended. */
static void assert_last_words(struct fixture *f, const char *words)
{
    peer_read(&f->peer, true);
    loop_until(&f->loop, f->errors + f->eof > 0);
    assert_int_equal(f->got_size, strlen(words));
    assert_memory_equal(f->got, words, f->got_size);
}

static void the_last_words_of_one_who_resets_are_read_and_then_the_reset(void **state)
{
    struct fixture *f = *state;
    open_tcp(f);
    assert_int_equal(write(f->other, "552 full", 8), 8);
    reset_other(f);
    for (int i = 0; i < 3; i++)
        assert_int_equal(peer_send(&f->peer, (const uint8_t *)"x", 1, false), 0);
    assert_int_equal(f->errors, 0);
    assert_last_words(f, "552 full");
    assert_int_equal(f->errors, 1);
    assert_int_equal(f->error, UV_ECONNRESET);
    assert_int_equal(f->eof, 0);
    assert_int_equal(peer_send(&f->peer, (const uint8_t *)"x", 1, false), UV_ENOTCONN);
}

/* Its reset is the answer to what came behind its FIN. */
static void the_last_words_of_one_who_had_ended_before_are_followed_by_an_orderly_end(void **state)
{
    struct fixture *f = *state;
    open_tcp(f);
    assert_int_equal(write(f->other, "421 bye", 7), 7);
    close(f->other);
    f->other = -1;
    assert_int_equal(peer_send(&f->peer, (const uint8_t *)"x", 1, false), 0);
    loop_settle(&f->loop);
    assert_int_equal(peer_send(&f->peer, (const uint8_t *)"x", 1, false), 0);
    assert_last_words(f, "421 bye");
    assert_int_equal(f->eof, 1);
    assert_int_equal(f->errors, 0);
    assert_int_equal(peer_send(&f->peer, (const uint8_t *)"x", 1, false), UV_EPIPE);
}

/* It ended and was reset before either was seen. */
static void what_one_who_ended_and_was_reset_did_not_take_is_not_waited_for(void **state)
{
    struct fixture *f = *state;
    static uint8_t much[200000];
    open_tcp(f);
    peer_read(&f->peer, true);
    assert_int_equal(peer_send(&f->peer, much, sizeof much, false), 0);
    shutdown(f->other, SHUT_WR);
    close(f->other); /* with bytes that were not read */
    f->other = -1;
    loop_until(&f->loop, f->eof + f->errors > 0);
    assert_int_equal(peer_undelivered(&f->peer), 0);
}

static void what_is_queued_for_one_who_resets_is_dropped_and_its_last_words_are_read(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = much();
    open_tcp(f);
    assert_int_equal(write(f->other, "552 full", 8), 8);
    for (int i = 0; i < 3; i++)
        assert_int_equal(peer_send(&f->peer, data, MUCH, false), 0);
    free(data);
    reset_other(f);
    loop_until(&f->loop, f->drained > 0);
    assert_int_equal(f->peer.queued + peer_undelivered(&f->peer), 0);
    assert_last_words(f, "552 full");
    assert_int_equal(f->errors, 1);
}

static void what_is_queued_and_lost_by_closing_ends_in_a_reset(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = much();
    size_t size = 0;
    open_tcp(f);
    assert_int_equal(peer_send(&f->peer, data, MUCH, false), 0);
    peer_close(&f->peer, false);
    loop_until(&f->loop, f->closed == 1);
    while (size < MUCH) {
        const ssize_t n = read(f->other, data, MUCH);
        assert_int_not_equal(n, 0);
        if (n < 0)
            break;
        size += (size_t)n;
    }
    assert_int_equal(errno, ECONNRESET);
    free(data);
}

static void closing_with_a_queue_frees_it_and_tells_only_closed(void **state)
{
    struct fixture *f = *state;
    uint8_t *data = much();
    open_unix(f);
    assert_int_equal(peer_send(&f->peer, data, MUCH, false), 0);
    free(data);
    peer_close(&f->peer, false);
    peer_close(&f->peer, true); /* once is enough */
    assert_int_equal(f->closed, 0);
    loop_until(&f->loop, f->closed == 1);
    assert_int_equal(f->errors + f->drained + f->eof, 0);
    assert_int_equal(f->peer.life, PEER_NONE);
    peer_close(&f->peer, false);
    loop_settle(&f->loop);
    assert_int_equal(f->closed, 1);
}

static void an_orderly_close_is_seen_as_an_end_and_a_reset_as_an_error(void **state)
{
    struct fixture *f = *state;
    char byte;
    for (int reset = 0; reset <= 1; reset++) {
        open_tcp(f);
        peer_close(&f->peer, reset);
        loop_until(&f->loop, f->closed == (unsigned)reset + 1);
        assert_int_equal(read(f->other, &byte, 1), reset ? -1 : 0);
        if (reset)
            assert_int_equal(errno, ECONNRESET);
        close(f->other);
        f->other = -1;
    }
}

static void a_closed_peer_does_nothing(void **state)
{
    struct fixture *f = *state;
    open_unix(f);
    peer_close(&f->peer, false);
    peer_read(&f->peer, true);
    peer_shutdown(&f->peer);
    assert_int_equal(peer_send(&f->peer, (const uint8_t *)"x", 1, false), UV_ENOTCONN);
    loop_until(&f->loop, f->closed == 1);
    peer_read(&f->peer, true);
    assert_int_equal(peer_send(&f->peer, (const uint8_t *)"x", 1, false), UV_ENOTCONN);
}

static void a_descriptor_that_is_no_socket_is_refused_and_stays_ours(void **state)
{
    struct fixture *f = *state;
    assert_true(peer_open(&f->peer, &f->loop, -1, false, &events) < 0);
    peer_close(&f->peer, false);
    loop_until(&f->loop, f->closed == 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_the_kernel_takes_is_sent_at_once),
        CASE(a_queue_drains_in_order_with_fin_behind_it),
        CASE(fin_goes_at_once_when_nothing_is_queued),
        CASE(reading_stops_and_goes_on),
        CASE(an_end_that_comes_while_nobody_reads_is_told_later),
        CASE(eof_comes_once_and_sending_goes_on),
        CASE(a_reset_from_the_other_side_is_an_error),
        CASE(a_reset_that_comes_together_with_data_is_an_error_too),
        CASE(the_last_words_of_one_who_resets_are_read_and_then_the_reset),
        CASE(the_last_words_of_one_who_had_ended_before_are_followed_by_an_orderly_end),
        CASE(what_one_who_ended_and_was_reset_did_not_take_is_not_waited_for),
        CASE(what_is_queued_for_one_who_resets_is_dropped_and_its_last_words_are_read),
        CASE(what_is_queued_and_lost_by_closing_ends_in_a_reset),
        CASE(closing_with_a_queue_frees_it_and_tells_only_closed),
        CASE(an_orderly_close_is_seen_as_an_end_and_a_reset_as_an_error),
        CASE(a_closed_peer_does_nothing),
        CASE(a_descriptor_that_is_no_socket_is_refused_and_stays_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
