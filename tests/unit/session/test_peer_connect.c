/* test_peer_connect.c - connecting: to whom, from where, and every way in which it fails. */
#include "proxy/session/peer.h"
#include "tests/support/loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

struct fixture {
    struct peer peer; /* first: the events cast */
    uv_loop_t loop;
    struct sockaddr_in at; /* where `listener` listens */
    int listener;
    unsigned connected, closed;
    int status;
    unsigned user_timeout; /* that is asked for */
    bool here;             /* likewise */
};

static void on_connected(struct peer *p, int status)
{
    struct fixture *f = (struct fixture *)p;
    f->connected++;
    f->status = status;
}

static void on_closed(struct peer *p)
{
    ((struct fixture *)p)->closed++;
}

static const struct peer_events events = {.connected = on_connected, .closed = on_closed};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    socklen_t size = sizeof f->at;
    *state = f;
    uv_loop_init(&f->loop);
    f->listener = socket(AF_INET, SOCK_STREAM, 0);
    f->at.sin_family = AF_INET;
    f->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return bind(f->listener, (struct sockaddr *)&f->at, size) != 0 || listen(f->listener, 4) != 0 ||
                   getsockname(f->listener, (struct sockaddr *)&f->at, &size) != 0
               ? -1
               : 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    peer_close(&f->peer, false);
    loop_end(&f->loop);
    close(f->listener);
    free(f);
    return 0;
}

static int start(struct fixture *f, const char *path, const struct sockaddr_in *from)
{
    const struct peer_target target = {.path = path,
                                       .to = (const struct sockaddr *)&f->at,
                                       .from = (const struct sockaddr *)from,
                                       .from_size = sizeof *from,
                                       .here = f->here,
                                       .user_timeout = f->user_timeout};
    return peer_connect(&f->peer, &f->loop, &target, &events);
}

static void a_connection_is_made_without_delay_and_ends_with_its_host(void **state)
{
    struct fixture *f = *state;
    int value = 0;
    f->user_timeout = 60000;
    uv_os_fd_t fd;
    assert_int_equal(start(f, NULL, NULL), 0);
    assert_int_equal(f->peer.life, PEER_CONNECTING);
    assert_int_equal(peer_send(&f->peer, (const uint8_t *)"x", 1, false), UV_ENOTCONN);
    loop_until(&f->loop, f->connected == 1);
    assert_int_equal(f->status, 0);
    assert_int_equal(f->peer.life, PEER_OPEN);
    assert_int_equal(peer_send(&f->peer, (const uint8_t *)"x", 1, false), 0);
    assert_int_equal(uv_fileno(&f->peer.uv.handle, &fd), 0);
    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &(socklen_t){sizeof value});
    assert_int_equal(value, 1);
    getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &(socklen_t){sizeof value});
    assert_int_equal(value, 1);
    getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &(socklen_t){sizeof value});
    assert_int_equal(value, 60000);
}

static void a_source_address_is_used(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000009)};
    struct sockaddr_in seen = {0};
    assert_int_equal(start(f, NULL, &from), 0);
    loop_until(&f->loop, f->connected == 1);
    assert_int_equal(f->status, 0);
    const int fd = accept(f->listener, (struct sockaddr *)&seen, &(socklen_t){sizeof seen});
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(seen.sin_addr.s_addr, from.sin_addr.s_addr);
    assert_int_not_equal(seen.sin_port, 0);
}

static void a_source_address_with_no_way_to_the_server_is_ours_to_mend(void **state)
{
    struct fixture *f = *state;
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    f->at.sin_addr.s_addr = htonl(0xcb007101);
    const int rc = start(f, NULL, &from);
    if (rc == UV_ENETUNREACH)
        skip(); /* this machine has no way to anybody */
    assert_int_equal(rc, UV_EINVAL);
    assert_int_equal(f->peer.lacks, PEER_LACKS_SOURCE);
    assert_int_equal(peer_fault(&f->peer, UV_EINVAL), UPSTREAM_OTHER);
    peer_close(&f->peer, false);
    loop_until(&f->loop, f->closed == 1);
}

static void a_source_address_that_is_not_ours_fails_at_once(void **state)
{
    struct fixture *f = *state;
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xcb007101)};
    const struct target_config t = {.source_kind = SOURCE_ADDRESS, .source.text = "203.0.113.1"};
    char words[PEER_WORDS_MAX];
    assert_int_equal(start(f, NULL, &from), UV_EADDRNOTAVAIL);
    assert_int_equal(f->peer.lacks, PEER_LACKS_SOURCE);
    assert_string_equal(peer_words(&f->peer, UV_EADDRNOTAVAIL, &t, words),
                        "source = 203.0.113.1: address not available");
    peer_close(&f->peer, false);
    loop_until(&f->loop, f->closed == 1);

    const unsigned before = open_descriptors(); /* the loop has got its own by now */
    assert_int_equal(start(f, NULL, &from), UV_EADDRNOTAVAIL);
    peer_close(&f->peer, false);
    loop_until(&f->loop, f->closed == 2);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(f->connected, 0);
}

static void without_descriptors_nobody_else_is_at_fault(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, none = {0};
    getrlimit(RLIMIT_NOFILE, &before);
    none.rlim_max = before.rlim_max;
    for (int kind = 0; kind < 3; kind++) {
        f->here = kind == 1;
        setrlimit(RLIMIT_NOFILE, &none);
        const int rc = start(f, kind == 2 ? "/tmp/nobody" : NULL, NULL);
        setrlimit(RLIMIT_NOFILE, &before);
        assert_int_equal(rc, UV_EMFILE);
        assert_int_equal(f->peer.lacks, PEER_LACKS_MEANS);
        peer_close(&f->peer, false);
        loop_until(&f->loop, f->closed == (unsigned)kind + 1);
    }
}

static void a_refused_connection_is_told(void **state)
{
    struct fixture *f = *state;
    close(f->listener);
    f->listener = -1;
    const int rc = start(f, NULL, NULL);
    assert_int_equal(rc, 0);
    loop_until(&f->loop, f->connected == 1);
    assert_int_equal(f->status, UV_ECONNREFUSED);
    assert_int_equal(peer_send(&f->peer, (const uint8_t *)"x", 1, false), UV_ENOTCONN);
    peer_close(&f->peer, true);
    loop_until(&f->loop, f->closed == 1);
}

static void who_is_here_is_connected_when_the_call_returns(void **state)
{
    struct fixture *f = *state;
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000009)};
    struct sockaddr_in seen = {0};
    uint8_t got;
    f->here = true;
    assert_int_equal(start(f, NULL, &from), PEER_CONNECTED);
    assert_int_equal(f->peer.life, PEER_OPEN);
    assert_int_equal(peer_send(&f->peer, (const uint8_t *)"x", 1, false), 0);
    const int fd = accept(f->listener, (struct sockaddr *)&seen, &(socklen_t){sizeof seen});
    assert_int_equal(seen.sin_addr.s_addr, from.sin_addr.s_addr);
    assert_int_equal(read(fd, &got, 1), 1);
    close(fd);
    loop_settle(&f->loop);
    assert_int_equal(f->connected, 0);
}

static void who_is_here_and_refuses_does_so_in_the_call(void **state)
{
    struct fixture *f = *state;
    unsigned before = 0;
    f->here = true;
    close(f->listener);
    f->listener = -1;
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(start(f, NULL, NULL), UV_ECONNREFUSED);
        assert_int_equal(peer_send(&f->peer, (const uint8_t *)"x", 1, false), UV_ENOTCONN);
        peer_close(&f->peer, true);
        loop_until(&f->loop, f->closed == i);
        before = i == 1 ? open_descriptors() : before; /* the loop has got its own by now */
    }
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(f->connected, 0);
}

/* The kernel asks again after a second, and then there is room. */
static void who_is_here_with_a_full_queue_is_waited_for(void **state)
{
    struct fixture *f = *state;
    int others[64];
    size_t n = 0;
    bool full = false;
    while (n < 64 && !full) {
        others[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(others[n], (struct sockaddr *)&f->at, sizeof f->at);
        full = connect(others[n++], (struct sockaddr *)&f->at, sizeof f->at) != 0;
    }
    assert_true(full);
    f->here = true;
    assert_int_equal(start(f, NULL, NULL), 0);
    assert_int_equal(f->peer.life, PEER_CONNECTING);
    for (size_t i = 0; i < n; i++) {
        close(accept4(f->listener, NULL, NULL, SOCK_NONBLOCK));
        close(others[i]);
    }
    loop_until(&f->loop, f->connected == 1);
    assert_int_equal(f->status, 0);
}

static void a_unix_socket_is_reached_or_not(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char directory[32];
    make_directory(directory);
    snprintf(at.sun_path, sizeof at.sun_path, "%s/s", directory);
    assert_int_equal(start(f, at.sun_path, NULL), UV_ENOENT);
    peer_close(&f->peer, false);
    loop_until(&f->loop, f->closed == 1);

    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(start(f, at.sun_path, NULL), UV_ECONNREFUSED);
    peer_close(&f->peer, false);
    loop_until(&f->loop, f->closed == 2);

    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(start(f, at.sun_path, NULL),
                     PEER_CONNECTED); /* the same memory serves again */
    assert_int_equal(f->peer.life, PEER_OPEN);
    loop_settle(&f->loop);
    assert_int_equal(f->connected, 0); /* not from within the call */
    close(fd);
    remove_directory(directory);
}

/* connect(2): EAGAIN. */
static void a_unix_socket_with_a_full_queue_may_be_tried_again(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char directory[32];
    int others[16], n = 0;
    make_directory(directory);
    snprintf(at.sun_path, sizeof at.sun_path, "%s/s", directory);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1), 0);
    do {
        others[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    } while (connect(others[n++], (struct sockaddr *)&at, sizeof at) == 0 && n < 16);
    const unsigned before = open_descriptors();
    for (int i = 0; i < 3; i++) {
        const int rc = start(f, at.sun_path, NULL);
        assert_true(peer_queue_is_full(&f->peer, rc));
        assert_int_equal(f->peer.life, PEER_NONE);
    }
    assert_int_equal(open_descriptors(), before);
    close(accept(fd, NULL, NULL));
    assert_int_equal(start(f, at.sun_path, NULL), PEER_CONNECTED);
    assert_int_equal(peer_send(&f->peer, (const uint8_t *)"x", 1, false), 0);
    assert_int_equal(f->connected, 0);
    while (n > 0)
        close(others[--n]);
    close(fd);
    remove_directory(directory);
}

static void closing_while_connecting_tells_only_closed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(start(f, NULL, NULL), 0);
    peer_close(&f->peer, true);
    loop_until(&f->loop, f->closed == 1);
    loop_settle(&f->loop);
    assert_int_equal(f->connected, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_connection_is_made_without_delay_and_ends_with_its_host),
        CASE(a_source_address_is_used),
        CASE(a_source_address_with_no_way_to_the_server_is_ours_to_mend),
        CASE(a_source_address_that_is_not_ours_fails_at_once),
        CASE(without_descriptors_nobody_else_is_at_fault),
        CASE(a_refused_connection_is_told),
        CASE(who_is_here_is_connected_when_the_call_returns),
        CASE(who_is_here_and_refuses_does_so_in_the_call),
        CASE(who_is_here_with_a_full_queue_is_waited_for),
        CASE(a_unix_socket_is_reached_or_not),
        CASE(a_unix_socket_with_a_full_queue_may_be_tried_again),
        CASE(closing_while_connecting_tells_only_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
