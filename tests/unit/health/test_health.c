/* test_health.c - visits to a server that the test plays, and what they find. */
#include "proxy/health/health.h"
#include "proxy/session/peer.h"
#include "tests/support/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

struct fixture {
    uv_loop_t loop;
    struct log log;
    struct peer_scratch peers;
    char scratch[4096], lines[20000];
    struct all_counters parts;
    struct worker_counters *own;
    struct generation *generation;
    struct health *health;
    int shared, log_end;
    int listener, served; /* of the server; -1: none */
    struct sockaddr_in at;
};

static void open_server(struct fixture *f)
{
    static const int on = 1;
    socklen_t size = sizeof f->at;
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&f->at, sizeof f->at), 0);
    assert_int_equal(listen(f->listener, 4), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&f->at, &size), 0);
}

static void close_server(struct fixture *f)
{
    close(f->listener);
    f->listener = -1;
}

static struct generation *load(const char *protocol, uint16_t port, const char *more)
{
    char text[1000];
    struct diags d = {0};
    struct bundle *b = bundle_new();
    snprintf(text, sizeof text,
             "certificate mail { chain = /mail.pem }\n"
             "route r { listen = \"127.0.0.1:1\" protocol = %s certificate = {mail}\n"
             "upstream = \"127.0.0.1:%u\" relay-risk = accepted %s }\n",
             protocol, port, more);
    assert_int_equal(bundle_add(b, BUNDLE_TEXT, "/t.conf", text, strlen(text), NULL), 0);
    assert_int_equal(bundle_add(b, BUNDLE_FILE, "/mail.pem", "", 0, NULL), 0);
    struct config *c = config_load(b, &d);
    assert_non_null(c);
    struct generation *g = generation_load(c, b, GENERATION_JUDGED, &d); /* its findings: no PEM */
    diags_free(&d);
    bundle_free(b);
    assert_non_null(g);
    g->routes[0].slot = 5;
    generation_place_targets(g, DETAILS_OF_NAME(0));
    return g;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err e;
    int ends[2];
    *state = f;
    signal(SIGPIPE, SIG_IGN); /* as the worker does */
    uv_loop_init(&f->loop);
    f->peers = (struct peer_scratch){f->scratch, sizeof f->scratch};
    f->loop.data = &f->peers;
    f->shared = counters_create(&e);
    f->own = f->parts.parts[HEALTH_WORKER] = counters_map_own(f->shared);
    if (f->own == NULL || pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
        return -1;
    f->log_end = ends[0];
    log_init(&f->log, "worker-0");
    log_redirect(&f->log, LOG_TARGET_FILE, ends[1]);
    f->at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    f->served = -1;
    open_server(f);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    health_close(f->health);
    loop_end(&f->loop);
    generation_free(f->generation);
    counters_unmap(f->own);
    log_close(&f->log);
    close(f->log_end);
    close(f->shared);
    if (f->listener >= 0)
        close(f->listener);
    if (f->served >= 0)
        close(f->served);
    free(f);
    return 0;
}

static void begin(struct fixture *f, const char *protocol, const char *more)
{
    generation_free(f->generation);
    f->generation = load(protocol, ntohs(f->at.sin_port), more);
    health_close(f->health);
    f->health = health_new(&f->loop, &f->log, f->own, f->generation);
    assert_non_null(f->health);
}

static const struct health_counters *found(const struct fixture *f)
{
    const struct target *t = f->generation->routes[0].target;
    return health_find(&f->parts, 5, health_key(t, upstream_at(&t->upstreams, 0, NULL)));
}

static uint64_t state_of(const struct fixture *f)
{
    return counter_get(&found(f)->state);
}

static bool comes(struct fixture *f)
{
    f->served = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return f->served >= 0;
}

static void say(struct fixture *f, const char *text)
{
    assert_int_equal(write(f->served, text, strlen(text)), (ssize_t)strlen(text));
}

/* True at the end. */
static bool hears(struct fixture *f, char *text, size_t room, size_t *got)
{
    const ssize_t n = read(f->served, text + *got, room - *got);
    *got += n > 0 ? (size_t)n : 0;
    return n == 0;
}

/* Exactly that is heard; nothing at all: that it closes. Then the server does, too. */
static void hear(struct fixture *f, const void *expected, size_t size)
{
    char text[200];
    size_t got = 0;
    loop_until(&f->loop, hears(f, text, sizeof text, &got) || (size > 0 && got >= size));
    assert_int_equal(got, size);
    assert_memory_equal(text, expected, size);
    close(f->served);
    f->served = -1;
}

static const char *log_lines(struct fixture *f)
{
    const ssize_t n = read(f->log_end, f->lines, sizeof f->lines - 1);
    f->lines[n > 0 ? n : 0] = '\0';
    return f->lines;
}

#define OFTEN "health-check = 100ms"
#define RARE  "health-check = 1h"

static void one_that_greets_is_up_and_is_left_politely(void **state)
{
    struct fixture *f = *state;
    begin(f, "pop3", RARE);
    assert_int_equal(state_of(f), HEALTH_UNKNOWN);
    loop_until(&f->loop, comes(f));
    say(f, "+O");
    loop_settle(&f->loop);
    assert_int_equal(state_of(f), HEALTH_UNKNOWN);
    say(f, "K ready\r\n");
    hear(f, "QUIT\r\n", 6);
    assert_int_equal(state_of(f), HEALTH_UP);
    assert_int_equal(counter_get(&found(f)->passed), 1);
    assert_string_equal(log_lines(f), "");
}

static void one_that_is_not_known_yet_is_down_at_once(void **state)
{
    struct fixture *f = *state;
    close_server(f);
    begin(f, "imap", RARE);
    loop_until(&f->loop, state_of(f) == HEALTH_DOWN);
    assert_int_equal(counter_get(&found(f)->why), UPSTREAM_REFUSED);
    const char *line = log_lines(f);
    assert_non_null(strstr(line, "event=upstream-down"));
    assert_non_null(strstr(line, "route=r"));
    assert_non_null(strstr(line, "connection refused"));
}

static void one_that_is_up_is_down_with_the_second_failure_and_up_with_one_success(void **state)
{
    struct fixture *f = *state;
    begin(f, "smtp", OFTEN);
    loop_until(&f->loop, comes(f));
    say(f, "220 mx\r\n");
    hear(f, "QUIT\r\n", 6);
    for (int i = 0; i < HEALTH_FALL; i++) {
        assert_int_equal(state_of(f), HEALTH_UP);
        loop_until(&f->loop, comes(f));
        say(f, "421 mx is full\r\n");
        hear(f, "", 0);
    }
    loop_until(&f->loop, state_of(f) == HEALTH_DOWN);
    assert_non_null(strstr(log_lines(f), "it greets badly: 421 mx is full"));
    loop_until(&f->loop, comes(f));
    say(f, "220 mx\r\n");
    hear(f, "QUIT\r\n", 6);
    assert_int_equal(state_of(f), HEALTH_UP);
    assert_non_null(strstr(log_lines(f), "event=upstream-up"));
}

static void one_that_says_nothing_is_left_when_the_time_is_up(void **state)
{
    struct fixture *f = *state;
    begin(f, "nntp", OFTEN);
    loop_until(&f->loop, comes(f));
    hear(f, "", 0);
    assert_int_equal(state_of(f), HEALTH_DOWN);
    assert_int_equal(counter_get(&found(f)->why), UPSTREAM_SILENT);
}

static void one_may_take_its_time_where_none_is_set(void **state)
{
    struct fixture *f = *state;
    begin(f, "pop3", RARE " connect-timeout = off greeting-timeout = off");
    loop_until(&f->loop, comes(f));
    const uint64_t came = uv_now(&f->loop);
    loop_until(&f->loop, uv_now(&f->loop) - came > 20);
    assert_int_equal(state_of(f), HEALTH_UNKNOWN);
    say(f, "+OK\r\n");
    hear(f, "QUIT\r\n", 6);
    assert_int_equal(state_of(f), HEALTH_UP);
    begin(f, "pop3", OFTEN " connect-timeout = off greeting-timeout = off");
    loop_until(&f->loop, comes(f));
    hear(f, "", 0); /* until the next visit */
}

static void one_that_closes_without_a_word_is_down(void **state)
{
    struct fixture *f = *state;
    begin(f, "sieve", RARE);
    loop_until(&f->loop, comes(f));
    close(f->served);
    f->served = -1;
    loop_until(&f->loop, state_of(f) == HEALTH_DOWN);
    assert_int_equal(counter_get(&found(f)->why), UPSTREAM_GONE);
}

static void a_port_is_enough_where_the_protocol_is_not_known(void **state)
{
    struct fixture *f = *state;
    begin(f, "tcp", RARE);
    loop_until(&f->loop, comes(f));
    hear(f, "", 0);
    assert_int_equal(state_of(f), HEALTH_UP);
}

static uint16_t visitor_port(const struct fixture *f)
{
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    assert_int_equal(getpeername(f->served, (struct sockaddr *)&from, &size), 0);
    return ntohs(from.sin_port);
}

/* Of version 1, Postfix refuses UNKNOWN. */
static void a_header_comes_first_that_names_no_client(void **state)
{
    struct fixture *f = *state;
    char own[100];
    begin(f, "pop3", RARE " send-proxy = v1");
    loop_until(&f->loop, comes(f));
    say(f, "+OK\r\n");
    const int size = snprintf(own, sizeof own, "PROXY TCP4 127.0.0.1 127.0.0.1 %u %u\r\nQUIT\r\n",
                              visitor_port(f), ntohs(f->at.sin_port));
    hear(f, own, (size_t)size);
    begin(f, "pop3", RARE " send-proxy = v2");
    loop_until(&f->loop, comes(f));
    say(f, "+OK\r\n");
    hear(f, "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0QUIT\r\n", 22);
}

static void what_was_found_stands_until_there_is_better_knowledge(void **state)
{
    struct fixture *f = *state;
    close_server(f);
    begin(f, "pop3", RARE);
    loop_until(&f->loop, state_of(f) == HEALTH_DOWN);
    open_server(f);
    begin(f, "pop3", RARE);
    assert_int_equal(state_of(f), HEALTH_DOWN);
    loop_until(&f->loop, comes(f));
    begin(f, "pop3", ""); /* nobody is visited: in the middle of a visit, and what was known goes */
    assert_null(found(f));
    hear(f, "", 0);
}

static void visits_follow_a_name_to_other_addresses(void **state)
{
    struct fixture *f = *state;
    struct upstream_address there = {.size = sizeof f->at}, elsewhere = {.size = sizeof f->at};
    memcpy(&there.addr, &f->at, sizeof f->at);
    memcpy(&elsewhere.addr, &f->at, sizeof f->at);
    ((struct sockaddr_in *)&elsewhere.addr)->sin_addr.s_addr = htonl(0x7f000002);
    begin(f, "pop3", RARE);
    struct upstream_set *set = &f->generation->routes[0].target->upstreams;
    assert_int_equal(upstream_set_addresses(set, 0, &elsewhere, 1), 0);
    health_refresh(f->health);
    loop_until(&f->loop, found(f) != NULL && state_of(f) == HEALTH_DOWN);
    assert_int_equal(upstream_set_addresses(set, 0, &there, 1), 0);
    health_refresh(f->health);
    loop_until(&f->loop, comes(f));
    say(f, "+OK\r\n");
    hear(f, "QUIT\r\n", 6);
    assert_int_equal(state_of(f), HEALTH_UP);
    assert_int_equal(upstream_set_addresses(set, 0, NULL, 0), 0);
    health_refresh(f->health);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(one_that_greets_is_up_and_is_left_politely),
        CASE(one_that_is_not_known_yet_is_down_at_once),
        CASE(one_that_is_up_is_down_with_the_second_failure_and_up_with_one_success),
        CASE(one_that_says_nothing_is_left_when_the_time_is_up),
        CASE(one_may_take_its_time_where_none_is_set),
        CASE(one_that_closes_without_a_word_is_down),
        CASE(a_port_is_enough_where_the_protocol_is_not_known),
        CASE(a_header_comes_first_that_names_no_client),
        CASE(what_was_found_stands_until_there_is_better_knowledge),
        CASE(visits_follow_a_name_to_other_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
