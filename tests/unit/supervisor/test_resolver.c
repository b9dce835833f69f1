/* test_resolver.c - looking after names, with a system resolver and a clock of the test's own. */
#include "proxy/supervisor/resolver.h"
#include "tests/support/loop.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

/* ---- what resolver.c gets instead of libuv's ---- */

enum { ASKED_MAX = 16 };

static struct asked {
    uv_getaddrinfo_t *request;
    uv_getaddrinfo_cb done;
    char host[64], port[8];
    bool cancelled;
} asked[ASKED_MAX];
static unsigned asked_count;
static uint64_t clock_now, timer_wait;
static uv_timer_cb timer_done;
static int refuse_to_ask;

static int fake_getaddrinfo(uv_loop_t *loop, uv_getaddrinfo_t *request, uv_getaddrinfo_cb done,
                            const char *host, const char *port, const struct addrinfo *hints)
{
    (void)loop;
    assert_int_equal(hints->ai_socktype, SOCK_STREAM);
    if (refuse_to_ask != 0)
        return refuse_to_ask;
    assert_true(asked_count < ASKED_MAX);
    struct asked *a = &asked[asked_count++];
    *a = (struct asked){.request = request, .done = done};
    snprintf(a->host, sizeof a->host, "%s", host);
    snprintf(a->port, sizeof a->port, "%s", port);
    return 0;
}

static void fake_freeaddrinfo(struct addrinfo *list)
{
    (void)list; /* lies on the test's stack */
}

static int fake_cancel(uv_req_t *request)
{
    for (unsigned i = 0; i < asked_count; i++)
        if ((uv_req_t *)asked[i].request == request)
            asked[i].cancelled = true;
    return 0;
}

static uint64_t fake_now(const uv_loop_t *loop)
{
    (void)loop;
    return clock_now;
}

static int fake_timer_start(uv_timer_t *timer, uv_timer_cb done, uint64_t wait, uint64_t repeat)
{
    (void)timer;
    assert_int_equal(repeat, 0);
    timer_done = done;
    timer_wait = wait;
    return 0;
}

#define uv_getaddrinfo  fake_getaddrinfo
#define uv_freeaddrinfo fake_freeaddrinfo
#define uv_cancel       fake_cancel
#define uv_now          fake_now
#define uv_timer_start  fake_timer_start
#include "proxy/supervisor/resolver.c"

/* ---- a resolver for some names ---- */

struct fixture {
    uv_loop_t loop;
    struct resolver *resolver;
    struct config config;
    struct route_config route;
    struct endpoint names[8];
    unsigned changed, settled, failed;
    char failure[100];
};

static void on_changed(void *arg)
{
    ((struct fixture *)arg)->changed++;
}

static void on_settled(void *arg)
{
    ((struct fixture *)arg)->settled++;
}

static void on_failed(void *arg, const char *name, const char *why)
{
    struct fixture *f = arg;
    f->failed++;
    snprintf(f->failure, sizeof f->failure, "%s: %s", name, why);
}

static int setup(void **state)
{
    static const struct resolver_events events = {on_changed, on_settled, on_failed};
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    asked_count = 0;
    refuse_to_ask = 0;
    clock_now = 1000;
    uv_loop_init(&f->loop);
    f->resolver = resolver_new(&f->loop, &events, f);
    f->route.upstream = f->names;
    f->config.routes = &f->route;
    f->config.route_count = 1;
    return f->resolver == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    resolver_close(f->resolver);
    loop_end(&f->loop);
    free(f);
    return 0;
}

/* The configuration's names are now these, NULL at the end, all with port 110. */
static const struct config *wanting(struct fixture *f, const char *const *hosts)
{
    size_t n = 0;
    for (; hosts[n] != NULL; n++)
        f->names[n] = (struct endpoint){.kind = ENDPOINT_NAME, .host = hosts[n], .port = 110};
    f->route.upstream_count = n;
    return &f->config;
}
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Answer question i with 10.0.0.FIRST and on, or with an error. */
static void answer(unsigned i, int status, unsigned first, unsigned count)
{
    static struct sockaddr_in in[UPSTREAM_TRIES_MAX + 10];
    static struct addrinfo list[UPSTREAM_TRIES_MAX + 10];
    for (unsigned k = 0; k < count; k++) {
        in[k] = (struct sockaddr_in){.sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)atoi(asked[i].port)),
                                     .sin_addr.s_addr = htonl(0x0a000000 + first + k)};
        list[k] = (struct addrinfo){.ai_family = AF_INET,
                                    .ai_addr = (struct sockaddr *)&in[k],
                                    .ai_addrlen = sizeof in[k],
                                    .ai_next = k + 1 < count ? &list[k + 1] : NULL};
    }
    asked[i].done(asked[i].request, status, count > 0 ? list : NULL);
}

static void assert_known(struct fixture *f, const char *host, unsigned first, size_t count)
{
    const struct endpoint e = {.kind = ENDPOINT_NAME, .host = host, .port = 110};
    size_t n = 99;
    const struct upstream_address *a = resolver_find(f->resolver, &e, &n);
    assert_int_equal(n, count);
    for (size_t i = 0; i < n; i++) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&a[i].addr;
        assert_int_equal(a[i].size, sizeof *in);
        assert_int_equal(ntohs(in->sin_port), 110);
        assert_int_equal(ntohl(in->sin_addr.s_addr), 0x0a000000 + first + i);
    }
}

static void later(struct fixture *f, uint64_t milliseconds)
{
    clock_now += milliseconds;
    timer_done(&f->resolver->timer);
}

static void names_are_asked_about_once_and_settle_with_the_last(void **state)
{
    struct fixture *f = *state;
    wanting(f, NAMES("a.example", "b.example", "a.example", "192.0.2.1"));
    f->names[3].kind = ENDPOINT_INET;
    assert_true(resolver_settled(f->resolver));
    assert_int_equal(resolver_add(f->resolver, &f->config), 0);
    assert_int_equal(resolver_add(f->resolver, &f->config), 0);
    assert_int_equal(asked_count, 2);
    assert_string_equal(asked[0].port, "110");
    assert_false(resolver_settled(f->resolver));
    assert_known(f, "a.example", 0, 0);

    const unsigned a = strcmp(asked[0].host, "a.example") == 0 ? 0 : 1;
    answer(a, 0, 1, 2);
    assert_int_equal(f->changed, 1);
    assert_int_equal(f->settled, 0);
    answer(1 - a, 0, 7, 1);
    assert_int_equal(f->settled, 1);
    assert_true(resolver_settled(f->resolver));
    assert_known(f, "a.example", 1, 2);
    assert_known(f, "b.example", 7, 1);
    assert_known(f, "c.example", 0, 0);
}

static void one_host_with_two_ports_is_two_names(void **state)
{
    struct fixture *f = *state;
    wanting(f, NAMES("a.example", "a.example"));
    f->names[1].port = 143;
    resolver_add(f->resolver, &f->config);
    assert_int_equal(asked_count, 2);
    assert_string_not_equal(asked[0].port, asked[1].port);
    answer(0, 0, 1, 1);
    answer(1, 0, 1, 1);
    assert_known(f, "a.example", 1, 1);
}

static void a_failure_settles_and_is_told_once_per_outage(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    answer(0, UV_EAI_NONAME, 0, 0);
    assert_int_equal(f->failed, 1);
    assert_string_equal(f->failure, "a.example: unknown node or service");
    assert_int_equal(f->settled, 1);
    assert_int_equal(f->changed, 0);
    later(f, 5000);
    answer(1, UV_EAI_NONAME, 0, 0);
    assert_int_equal(f->failed, 1);

    later(f, 5000);
    answer(2, 0, 1, 1);
    later(f, 60000);
    answer(3, UV_EAI_AGAIN, 0, 0); /* another outage */
    assert_int_equal(f->failed, 2);
    assert_known(f, "a.example", 1, 1); /* what was known stays */
    assert_int_equal(f->changed, 1);
}

static const char *failure(struct fixture *f, const char *host)
{
    const struct endpoint e = {.kind = ENDPOINT_NAME, .host = host, .port = 110};
    return resolver_failure(f->resolver, &e);
}

static void a_name_without_addresses_has_a_reason(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    assert_non_null(strstr(failure(f, "a.example"), "not answered"));
    answer(0, UV_EAI_NONAME, 0, 0);
    assert_string_equal(failure(f, "a.example"), "unknown node or service");
    later(f, 5000);
    answer(1, 0, 0, 0);
    assert_string_equal(failure(f, "a.example"), "the name has none");
    later(f, 60000);
    answer(2, 0, 1, 1);
    assert_null(failure(f, "a.example"));
    later(f, 60000);
    answer(3, UV_EAI_AGAIN, 0, 0); /* what was known stays */
    assert_null(failure(f, "a.example"));
    assert_null(failure(f, "nobody-asked.example"));
}

static void names_are_asked_again_when_their_time_has_run_out(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    answer(0, 0, 1, 1);
    assert_int_equal(timer_wait, 60000);
    later(f, 59999);
    assert_int_equal(asked_count, 1);
    assert_int_equal(timer_wait, 1);
    later(f, 1);
    assert_int_equal(asked_count, 2);
    answer(1, UV_EAI_FAIL, 0, 0);
    assert_int_equal(timer_wait, 5000);
    later(f, 5000);
    assert_int_equal(asked_count, 3);
    answer(2, 0, 1, 1);
}

static void only_a_different_answer_is_a_change(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    answer(0, 0, 1, 2);
    assert_int_equal(f->changed, 1);
    later(f, 60000);
    answer(1, 0, 1, 2);
    assert_int_equal(f->changed, 1);
    later(f, 60000);
    answer(2, 0, 1, 1);
    assert_int_equal(f->changed, 2);
    later(f, 60000);
    answer(3, 0, 2, 1);
    assert_int_equal(f->changed, 3);
    assert_known(f, "a.example", 2, 1);
}

static void more_addresses_than_are_ever_tried_are_cut(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    answer(0, 0, 1, UPSTREAM_TRIES_MAX + 10);
    assert_known(f, "a.example", 1, UPSTREAM_TRIES_MAX);
}

static void what_is_not_kept_is_forgotten(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example", "b.example")));
    answer(0, 0, 1, 1);
    answer(1, 0, 1, 1);
    resolver_keep(f->resolver, wanting(f, NAMES("b.example")));
    assert_known(f, "a.example", 0, 0);
    assert_known(f, "b.example", 1, 1);
    later(f, 60000);
    assert_int_equal(asked_count, 3);
    assert_string_equal(asked[2].host, "b.example");
    answer(2, 0, 1, 1);
}

static void an_answer_for_a_forgotten_name_means_nothing(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    resolver_keep(f->resolver, wanting(f, NAMES("b.example")));
    assert_true(resolver_settled(f->resolver));
    resolver_add(f->resolver, wanting(f, NAMES("a.example"))); /* wanted again: a fresh question */
    assert_int_equal(asked_count, 2);
    answer(0, 0, 5, 1);
    assert_int_equal(f->changed, 0);
    assert_int_equal(f->settled, 0);
    assert_known(f, "a.example", 0, 0);
    answer(1, 0, 6, 1);
    assert_int_equal(f->changed, 1);
    assert_int_equal(f->settled, 1);
    assert_known(f, "a.example", 6, 1);
}

static void a_question_that_cannot_be_asked_keeps_nobody_waiting(void **state)
{
    struct fixture *f = *state;
    refuse_to_ask = UV_ENOMEM;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    assert_true(resolver_settled(f->resolver));
    assert_int_equal(timer_wait, 5000);
    refuse_to_ask = 0;
    later(f, 5000);
    assert_int_equal(asked_count, 1);
    answer(0, 0, 1, 1);
    assert_known(f, "a.example", 1, 1);
}

static void closing_while_asking_cancels_and_tells_nobody(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example", "b.example", "c.example")));
    answer(0, 0, 1, 1);
    const unsigned changed = f->changed;
    resolver_close(f->resolver);
    f->resolver = NULL;
    assert_false(asked[0].cancelled);
    assert_true(asked[1].cancelled && asked[2].cancelled);
    answer(1, UV_ECANCELED, 0, 0);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    answer(2, 0, 1, 1); /* was too far on to be cancelled */
    assert_int_equal(f->changed, changed);
    assert_int_equal(f->settled, 0);
    assert_int_equal(f->failed, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(names_are_asked_about_once_and_settle_with_the_last),
        CASE(one_host_with_two_ports_is_two_names),
        CASE(a_failure_settles_and_is_told_once_per_outage),
        CASE(a_name_without_addresses_has_a_reason),
        CASE(names_are_asked_again_when_their_time_has_run_out),
        CASE(only_a_different_answer_is_a_change),
        CASE(more_addresses_than_are_ever_tried_are_cut),
        CASE(what_is_not_kept_is_forgotten),
        CASE(an_answer_for_a_forgotten_name_means_nothing),
        CASE(a_question_that_cannot_be_asked_keeps_nobody_waiting),
        CASE(closing_while_asking_cancels_and_tells_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
