/* test_acceptor.c - newcomers become sessions, or do not, on a real loop with real sockets. The
 * route is an acme one, which needs neither certificates nor a server. */
#include "proxy/session/peer.h"
#include "proxy/worker/acceptor.h"
#include "tests/support/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { CLIENTS = 64 };

struct fixture {
    uv_loop_t loop;
    struct log log_lines;
    struct peer_scratch peers;
    char scratch[4096];
    struct all_counters parts;
    uint8_t seed[16];
    struct sessions all;
    struct generation *generation;
    struct acceptor *acceptor;
    struct sockaddr_in at;
    int shared, log;
    int clients[CLIENTS];
    size_t count;
    char lines[20000];
};

static const char text[] =
    "route http { listen = \"127.0.0.1:80\" protocol = acme tls = off challenges = \"/usr\"\n"
    "  max-connections = 8 max-connections-per-ip = 6 }\n";

static struct generation *load(void)
{
    struct diags d = {0};
    struct bundle *b = bundle_new();
    bundle_add(b, BUNDLE_TEXT, "/t.conf", text, strlen(text), NULL);
    struct config *c = config_load(b, &d);
    assert_non_null(c);
    struct generation *g = generation_load(c, b, GENERATION_JUDGED, &d);
    assert_non_null(g);
    diags_free(&d);
    bundle_free(b);
    return g;
}

static int bind_to_loopback(struct sockaddr_in *at)
{
    socklen_t size = sizeof *at;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof *at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)at, &size), 0);
    return fd;
}

static int listen_on_loopback(struct sockaddr_in *at)
{
    const int fd = bind_to_loopback(at);
    assert_int_equal(listen(fd, CLIENTS), 0);
    return fd;
}

static void on_ended(void *arg)
{
    struct fixture *f = arg;
    if (f->acceptor != NULL)
        acceptor_room(f->acceptor);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err e;
    int ends[2];
    *state = f;
    uv_loop_init(&f->loop);
    f->peers = (struct peer_scratch){f->scratch, sizeof f->scratch};
    f->loop.data = &f->peers;
    f->shared = counters_create(&e);
    f->parts.parts[0] = counters_map_own(f->shared);
    f->all = (struct sessions){.loop = &f->loop,
                               .log = &f->log_lines,
                               .counters = f->parts.parts[0],
                               .parts = &f->parts,
                               .worker_count = 1,
                               .seed = f->seed,
                               .ended = on_ended,
                               .arg = f,
                               .limit = 100};
    sessions_init(&f->all, -1);
    if (f->all.counters == NULL || pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
        return -1;
    f->log = ends[0];
    log_init(&f->log_lines, "worker-0");
    log_redirect(&f->log_lines, LOG_TARGET_FILE, ends[1]);
    f->generation = load();
    f->acceptor = acceptor_new(&f->all, f->generation);
    return acceptor_add(f->acceptor, 0, listen_on_loopback(&f->at));
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    acceptor_close(f->acceptor);
    f->acceptor = NULL;
    sessions_stop(&f->all);
    sessions_close(&f->all);
    loop_end(&f->loop);
    assert_int_equal(f->generation->references, 1);
    assert_int_equal(f->all.count + f->all.courtesies, 0);
    generation_free(f->generation);
    for (size_t i = 0; i < f->count; i++)
        close(f->clients[i]);
    counters_unmap_all(&f->parts);
    close(f->shared);
    log_close(&f->log_lines);
    close(f->log);
    free(f);
    return 0;
}

/* How many clients come, from 127.0.0.`host`. */
static void come(struct fixture *f, unsigned host, unsigned number)
{
    const struct sockaddr_in from = {.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(0x7f000000 + host)};
    for (unsigned i = 0; i < number; i++) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof from), 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&f->at, sizeof f->at), 0);
        f->clients[f->count++] = fd;
    }
}

static void leave(struct fixture *f, size_t client)
{
    close(f->clients[client]);
    f->clients[client] = -1;
}

static unsigned resets(const struct fixture *f)
{
    unsigned count = 0;
    char byte;
    for (size_t i = 0; i < f->count; i++)
        count += recv(f->clients[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == ECONNRESET;
    return count;
}

static unsigned lines_with(struct fixture *f, const char *word)
{
    unsigned count = 0;
    const size_t size = strlen(f->lines);
    const ssize_t n = read(f->log, f->lines + size, sizeof f->lines - 1 - size);
    f->lines[size + (n > 0 ? (size_t)n : 0)] = '\0';
    for (const char *at = f->lines; (at = strstr(at, word)) != NULL; at++)
        count++;
    return count;
}

static void newcomers_wait_until_it_starts(void **state)
{
    struct fixture *f = *state;
    come(f, 1, 3);
    loop_settle(&f->loop);
    assert_int_equal(f->all.count, 0);
    acceptor_start(f->acceptor);
    loop_until(&f->loop, f->all.count == 3);
}

static void those_beyond_a_limit_are_told_and_the_crowd_is_reset(void **state)
{
    struct fixture *f = *state;
    const struct route_counters *c = &f->all.counters->route[0];
    acceptor_start(f->acceptor);
    come(f, 1, 6 + 4 + 20);
    loop_until(&f->loop, counter_get(&c->accepted) == 30);
    assert_int_equal(counter_get(&c->active), 6);
    assert_int_equal(f->all.count, 6 + 4);
    assert_int_equal(resets(f), 20);
    assert_int_equal(counter_get(&c->refused), 4 + 20);
    assert_int_equal(lines_with(f, "event=newcomers-reset"), 1);
    come(f, 2, 2);
    loop_until(&f->loop, counter_get(&c->active) == 8);
}

static void beyond_all_places_newcomers_wait_for_one(void **state)
{
    struct fixture *f = *state;
    f->all.limit = 2;
    acceptor_start(f->acceptor);
    come(f, 1, 3);
    loop_settle(&f->loop);
    assert_int_equal(f->all.count, 2);
    assert_int_equal(counter_get(&f->all.counters->accept_pauses), 1);
    assert_int_equal(lines_with(f, "event=accept-paused"), 1);
    leave(f, 0);
    loop_until(&f->loop, counter_get(&f->all.counters->route[0].accepted) == 3);
    assert_int_equal(f->all.count, 2);
    assert_int_equal(resets(f), 0);
}

static void without_descriptors_it_tries_again_by_itself(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, few;
    const int next = dup(0);
    acceptor_start(f->acceptor);
    come(f, 1, 1);
    getrlimit(RLIMIT_NOFILE, &before);
    few = (struct rlimit){(rlim_t)next, before.rlim_max};
    close(next);
    setrlimit(RLIMIT_NOFILE, &few);
    loop_settle(&f->loop);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(f->all.count, 0);
    assert_int_equal(lines_with(f, "event=accept-paused"), 1);
    loop_until(&f->loop, f->all.count == 1);
}

static void a_socket_that_does_not_listen_is_told_of_once_and_tried_again(void **state)
{
    struct fixture *f = *state;
    const int fd = bind_to_loopback(&f->at);
    assert_int_equal(acceptor_add(f->acceptor, 0, dup(fd)), 0);
    acceptor_start(f->acceptor);
    loop_until(&f->loop, lines_with(f, "event=accept-failed") > 0);
    loop_settle(&f->loop);
    assert_int_equal(lines_with(f, "event=accept-failed"), 1);
    assert_int_equal(lines_with(f, "Invalid argument"), 1);
    listen(fd, CLIENTS);
    close(fd);
    come(f, 1, 1);
    loop_until(&f->loop, f->all.count == 1);
}

static void a_closed_acceptor_takes_nobody_and_its_sessions_go_on(void **state)
{
    struct fixture *f = *state;
    acceptor_start(f->acceptor);
    come(f, 1, 1);
    loop_until(&f->loop, f->all.count == 1);
    acceptor_close(f->acceptor);
    acceptor_close(f->acceptor); /* once is enough */
    loop_settle(&f->loop);
    const int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(late, (struct sockaddr *)&f->at, sizeof f->at), -1);
    close(late);
    f->acceptor = NULL;
    assert_int_equal(f->all.count, 1);
    assert_int_equal(write(f->clients[0], "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27), 27);
    loop_settle(&f->loop);
    char answer[16];
    assert_int_equal(recv(f->clients[0], answer, 12, MSG_DONTWAIT), 12);
    assert_memory_equal(answer, "HTTP/1.1 404", 12);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(newcomers_wait_until_it_starts),
        CASE(those_beyond_a_limit_are_told_and_the_crowd_is_reset),
        CASE(beyond_all_places_newcomers_wait_for_one),
        CASE(without_descriptors_it_tries_again_by_itself),
        CASE(a_socket_that_does_not_listen_is_told_of_once_and_tried_again),
        CASE(a_closed_acceptor_takes_nobody_and_its_sessions_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
