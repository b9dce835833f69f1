/* test_resolver.c - looking after names, with a process and a clock of the test's own. */
#include "proxy/supervisor/resolver.h"
#include "tests/support/loop.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

/* ---- what resolver.c gets instead of a process and of libuv's clock ---- */

enum { ASKED_MAX = 100 };

static struct ipc_resolve asked[ASKED_MAX];
static unsigned asked_count;
static struct ipc_hello told;
static bool awaited, closed;
static uint64_t clock_now, timer_wait;
static uv_timer_cb timer_done;

static void fake_child_start(struct child *c)
{
    c->life = CHILD_RUNNING;
    c->of->kind->started(c);
}

static bool fake_child_awaited(const struct child *c)
{
    (void)c;
    return awaited;
}

static void fake_child_send(struct child *c, const struct ipc_message *m)
{
    assert_int_equal(c->life, CHILD_RUNNING);
    assert_int_equal(m->fd_count, 0);
    if (m->type == IPC_HELLO) {
        assert_true(ipc_take(m, &told, sizeof told));
        return;
    }
    assert_int_equal(m->type, IPC_RESOLVE);
    assert_true(asked_count < ASKED_MAX);
    assert_true(ipc_take(m, &asked[asked_count++], sizeof asked[0]));
}

static void fake_child_close(struct child *c)
{
    c->life = CHILD_NONE;
    closed = true;
    uv_close((uv_handle_t *)&c->timer, NULL);
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

#define child_start    fake_child_start
#define child_awaited  fake_child_awaited
#define child_send     fake_child_send
#define child_close    fake_child_close
#define uv_now         fake_now
#define uv_timer_start fake_timer_start
#include "proxy/supervisor/resolver.c"

/* ---- a resolver for some names ---- */

enum { NAMES_MAX = RESOLVE_AT_ONCE + 10 };

struct fixture {
    uv_loop_t loop;
    struct identity identity;
    struct resolver *resolver;
    struct config config;
    struct target_config target;
    const struct target_config *targets[1];
    struct endpoint names[NAMES_MAX];
    unsigned changed, settled, failed;
    char failure[100], changed_host[100];
};

static void on_changed(void *arg, const struct resolver_name *name)
{
    struct fixture *f = arg;
    f->changed++;
    snprintf(f->changed_host, sizeof f->changed_host, "%s", name->host);
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
    awaited = closed = false;
    clock_now = 1000;
    f->identity =
        (struct identity){.drop = true, .transparent = true, .sandbox = true, .uid = 12, .gid = 34};
    uv_loop_init(&f->loop);
    f->resolver = resolver_new(&f->loop, NULL, &f->identity, &events, f);
    f->target.upstream = f->names;
    f->targets[0] = &f->target;
    f->config.targets = f->targets;
    f->config.target_count = 1;
    return f->resolver == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (!closed)
        resolver_close(f->resolver);
    loop_end(&f->loop);
    resolver_free(f->resolver);
    free(f);
    return 0;
}

/* The configuration's names are now these, NULL at the end, all with port 110. */
static const struct config *wanting(struct fixture *f, const char *const *hosts)
{
    size_t n = 0;
    for (; hosts[n] != NULL; n++)
        f->names[n] = (struct endpoint){.kind = ENDPOINT_NAME, .host = hosts[n], .port = 110};
    f->target.upstream_count = n;
    return &f->config;
}
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The process says that, and is believed or not. */
static bool says(struct fixture *f, const struct ipc_resolved *answer)
{
    static struct ipc_message m;
    ipc_put_resolved(&m, answer);
    return kind.message(&f->resolver->child, &m);
}

/* Answer question i with 10.0.0.FIRST and on, or with an error. */
static void answer(struct fixture *f, unsigned i, int error, unsigned first, unsigned count)
{
    struct ipc_resolved r = {.serial = asked[i].serial, .error = error, .count = count};
    for (unsigned k = 0; k < count; k++) {
        const uint32_t in = htonl(0x0a000000 + first + k);
        r.addresses[k].family = AF_INET;
        memcpy(r.addresses[k].bytes, &in, sizeof in);
    }
    assert_true(says(f, &r));
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
    assert_false(resolver_settled(f->resolver));
    assert_known(f, "a.example", 0, 0);

    const unsigned a = strcmp(asked[0].name, "a.example") == 0 ? 0 : 1;
    answer(f, a, 0, 1, 2);
    assert_int_equal(f->changed, 1);
    assert_string_equal(f->changed_host, "a.example");
    assert_int_equal(f->settled, 0);
    answer(f, 1 - a, 0, 7, 1);
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
    assert_int_not_equal(asked[0].serial, asked[1].serial);
    answer(f, 0, 0, 1, 1);
    answer(f, 1, 0, 1, 1);
    assert_known(f, "a.example", 1, 1); /* with its port, which nobody was asked for */
}

static void a_failure_settles_and_is_told_once_per_outage(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    answer(f, 0, EAI_NONAME, 0, 0);
    assert_int_equal(f->failed, 1);
    assert_string_equal(f->failure, "a.example: Name or service not known");
    assert_int_equal(f->settled, 1);
    assert_int_equal(f->changed, 0);
    later(f, 5000);
    answer(f, 1, EAI_NONAME, 0, 0);
    assert_int_equal(f->failed, 1);

    later(f, 5000);
    answer(f, 2, 0, 1, 1);
    later(f, 60000);
    answer(f, 3, EAI_AGAIN, 0, 0); /* another outage */
    assert_int_equal(f->failed, 2);
    assert_known(f, "a.example", 1, 1); /* what was known stays */
    assert_int_equal(f->changed, 1);
}

/* ---- services ---- */

/* That 10.0.0.FIRST at `port` has the service, for `ttl` seconds. */
static void answer_service(struct fixture *f, unsigned i, unsigned first, uint16_t port,
                           uint32_t weight, uint32_t ttl)
{
    struct ipc_resolved r = {.serial = asked[i].serial, .ttl = ttl, .count = 1};
    const uint32_t in = htonl(0x0a000000 + first);
    r.addresses[0] =
        (struct ipc_resolved_address){.family = AF_INET, .port = port, .tier = 3, .weight = weight};
    memcpy(r.addresses[0].bytes, &in, sizeof in);
    assert_true(says(f, &r));
}

static const struct upstream_address *service(struct fixture *f, size_t *count)
{
    return resolver_find(f->resolver, &f->names[0], count);
}

static void begin_service(struct fixture *f)
{
    wanting(f, NAMES("_a._tcp.example"));
    f->names[0].port = 0;
    resolver_add(f->resolver, &f->config);
    assert_int_equal(asked_count, 1);
    assert_true(asked[0].service);
}

static void a_service_says_its_ports_and_shares(void **state)
{
    struct fixture *f = *state;
    size_t count;
    begin_service(f);
    answer_service(f, 0, 1, 1143, 9, 60);
    const struct upstream_address *a = service(f, &count);
    assert_int_equal(count, 1);
    assert_int_equal(ntohs(((const struct sockaddr_in *)&a->addr)->sin_port), 1143);
    assert_int_equal(a->share.tier, 3);
    assert_int_equal(a->share.weight, 9);
    later(f, 60000);
    answer_service(f, 1, 1, 1143, 8, 60); /* another weight is a change, too */
    assert_int_equal(f->changed, 2);
}

static void a_service_is_asked_for_again_when_its_time_is_out(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint32_t ttl;
        uint64_t wait;
    } rows[] = {{7, 7000}, {1, 1000}, {0, 60000}, {86400, 60000}, {UINT32_MAX, 60000}};
    begin_service(f);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        answer_service(f, i, 1, 143, 1, rows[i].ttl);
        assert_int_equal(timer_wait, rows[i].wait);
        later(f, rows[i].wait - 1);
        assert_int_equal(asked_count, i + 1);
        later(f, 1);
        assert_int_equal(asked_count, i + 2);
    }
}

static void a_domain_without_the_service_takes_back_what_was_known(void **state)
{
    struct fixture *f = *state;
    size_t count;
    begin_service(f);
    answer_service(f, 0, 1, 143, 1, 60);
    later(f, 60000);
    answer(f, 1, EAI_AGAIN, 0, 0);
    service(f, &count);
    assert_int_equal(count, 1); /* a failure says nothing of it */
    later(f, 5000);
    answer(f, 2, 0, 0, 0);
    later(f, 60000);
    answer(f, 3, RESOLVE_NO_SERVICE, 0, 0);
    service(f, &count);
    assert_int_equal(count, 0);
    assert_non_null(strstr(resolver_failure(f->resolver, &f->names[0]), "no such service"));
}

static void count_names(void *arg, const char *host, uint16_t port,
                        const struct upstream_address *addresses, size_t count)
{
    (void)host;
    (void)port;
    (void)addresses;
    (void)count;
    ++*(unsigned *)arg;
}

static void an_upgrade_asks_for_services_anew(void **state)
{
    struct fixture *f = *state;
    unsigned known = 0;
    begin_service(f);
    answer_service(f, 0, 1, 143, 1, 60);
    resolver_each(f->resolver, count_names, &known);
    assert_int_equal(known, 0);
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
    answer(f, 0, EAI_NONAME, 0, 0);
    assert_string_equal(failure(f, "a.example"), "Name or service not known");
    later(f, 5000);
    answer(f, 1, 0, 0, 0);
    assert_string_equal(failure(f, "a.example"), "the name has none");
    later(f, 60000);
    answer(f, 2, 0, 1, 1);
    assert_null(failure(f, "a.example"));
    later(f, 60000);
    answer(f, 3, EAI_AGAIN, 0, 0); /* what was known stays */
    assert_null(failure(f, "a.example"));
    assert_null(failure(f, "nobody-asked.example"));
}

static void names_are_asked_again_when_their_time_has_run_out(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    answer(f, 0, 0, 1, 1);
    assert_int_equal(timer_wait, 60000);
    later(f, 59999);
    assert_int_equal(asked_count, 1);
    assert_int_equal(timer_wait, 1);
    later(f, 1);
    assert_int_equal(asked_count, 2);
    answer(f, 1, EAI_FAIL, 0, 0);
    assert_int_equal(timer_wait, 5000);
    later(f, 5000);
    assert_int_equal(asked_count, 3);
    answer(f, 2, 0, 1, 1);
}

static void only_a_different_answer_is_a_change(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    answer(f, 0, 0, 1, 2);
    assert_int_equal(f->changed, 1);
    later(f, 60000);
    answer(f, 1, 0, 1, 2);
    assert_int_equal(f->changed, 1);
    later(f, 60000);
    answer(f, 2, 0, 1, 1);
    assert_int_equal(f->changed, 2);
    later(f, 60000);
    answer(f, 3, 0, 2, 1);
    assert_int_equal(f->changed, 3);
    assert_known(f, "a.example", 2, 1);
}

static void what_is_not_kept_is_forgotten(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example", "b.example")));
    answer(f, 0, 0, 1, 1);
    answer(f, 1, 0, 1, 1);
    resolver_keep(f->resolver, wanting(f, NAMES("b.example")));
    assert_known(f, "a.example", 0, 0);
    assert_known(f, "b.example", 1, 1);
    later(f, 60000);
    assert_int_equal(asked_count, 3);
    assert_string_equal(asked[2].name, "b.example");
    answer(f, 2, 0, 1, 1);
}

static void an_answer_for_a_forgotten_name_means_nothing(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    resolver_keep(f->resolver, wanting(f, NAMES("b.example")));
    assert_true(resolver_settled(f->resolver));
    resolver_add(f->resolver, wanting(f, NAMES("a.example"))); /* wanted again: a fresh question */
    assert_int_equal(asked_count, 2);
    answer(f, 0, 0, 5, 1);
    assert_int_equal(f->changed, 0);
    assert_int_equal(f->settled, 0);
    assert_known(f, "a.example", 0, 0);
    answer(f, 1, 0, 6, 1);
    assert_int_equal(f->changed, 1);
    assert_int_equal(f->settled, 1);
    assert_known(f, "a.example", 6, 1);
}

static void an_error_of_the_system_has_words(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    answer(f, 0, ENOMEM, 0, 0);
    assert_string_equal(failure(f, "a.example"), strerror(ENOMEM));
}

static void both_families_are_taken_with_their_scope(void **state)
{
    struct fixture *f = *state;
    size_t count;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    struct ipc_resolved r = {.serial = asked[0].serial, .count = 2};
    r.addresses[0] = (struct ipc_resolved_address){.family = AF_INET6, .scope = 7, .bytes = {0xfe}};
    r.addresses[1] = (struct ipc_resolved_address){.family = AF_INET, .scope = 7, .bytes = {10}};
    assert_true(says(f, &r));
    const struct upstream_address *a = resolver_find(f->resolver, &f->names[0], &count);
    assert_int_equal(count, 2);
    const struct sockaddr_in6 *in6 = (const void *)&a[0].addr;
    assert_int_equal(a[0].size, sizeof *in6);
    assert_int_equal(in6->sin6_family, AF_INET6);
    assert_int_equal(in6->sin6_addr.s6_addr[0], 0xfe);
    assert_int_equal(in6->sin6_scope_id, 7);
    assert_int_equal(in6->sin6_port, htons(110));
    assert_int_equal(a[1].size, sizeof(struct sockaddr_in));
    assert_int_equal(a[1].addr.ss_family, AF_INET);
}

/* ---- the process ---- */

static void without_a_name_there_is_no_process(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES(NULL)));
    assert_int_equal(resolver_process(f->resolver)->life, CHILD_NONE);
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    assert_int_equal(resolver_process(f->resolver)->life, CHILD_RUNNING);
}

static void it_becomes_the_workers_user_without_their_capability(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    assert_true(told.drop_privileges && told.sandbox && !told.keep_transparent);
    assert_int_equal(told.uid, 12);
    assert_int_equal(told.gid, 34);
}

static void dies(struct fixture *f)
{
    f->resolver->child.life = CHILD_NONE;
    awaited = true;
    kind.ended(&f->resolver->child);
}

static void is_back(struct fixture *f)
{
    awaited = false;
    fake_child_start(&f->resolver->child);
}

static void what_it_leaves_unanswered_its_successor_is_asked(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example", "b.example")));
    const char *const known = asked[0].name;
    answer(f, 0, 0, 1, 1);
    dies(f);
    assert_known(f, known, 1, 1);
    assert_false(resolver_settled(f->resolver));
    resolver_add(f->resolver, &f->config); /* waits for the successor that is on its way */
    later(f, 1000);
    assert_int_equal(asked_count, 2);
    is_back(f);
    assert_int_equal(asked_count, 3);
    assert_string_equal(asked[2].name, asked[1].name);
    assert_int_not_equal(asked[2].serial, asked[1].serial);
    answer(f, 2, 0, 2, 1);
    assert_int_equal(f->settled, 1);
}

static void what_is_due_without_a_process_is_asked_when_there_is_one(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    answer(f, 0, 0, 1, 1);
    dies(f);
    later(f, 60000);
    assert_int_equal(asked_count, 1);
    assert_true(timer_wait > 0); /* it does not spin */
    is_back(f);
    assert_int_equal(asked_count, 2);
    answer(f, 1, 0, 1, 1);
}

static void no_more_is_asked_at_once_than_it_may_be(void **state)
{
    static char hosts[NAMES_MAX][16];
    const char *list[NAMES_MAX + 1] = {NULL};
    struct fixture *f = *state;
    for (unsigned i = 0; i < NAMES_MAX; i++) {
        snprintf(hosts[i], sizeof hosts[i], "n%u.example", i);
        list[i] = hosts[i];
    }
    resolver_add(f->resolver, wanting(f, list));
    assert_int_equal(asked_count, RESOLVE_AT_ONCE);
    assert_true(timer_wait > 0);
    answer(f, 5, EAI_AGAIN, 0, 0);
    assert_int_equal(asked_count, RESOLVE_AT_ONCE + 1);
    later(f, 5000); /* that one is due again, but others have waited longer */
    for (unsigned i = 0; i < NAMES_MAX; i++)
        if (i != 5)
            answer(f, i, 0, 1, 1);
    assert_int_equal(f->settled, 1);
    assert_int_equal(asked_count, NAMES_MAX + 1);
    assert_string_equal(asked[NAMES_MAX].name, asked[5].name);
    answer(f, NAMES_MAX, 0, 1, 1);
}

static void an_answer_that_nobody_asked_for_is_nonsense(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    struct ipc_resolved r = {.serial = asked[0].serial + 1};
    assert_false(says(f, &r));
    r.serial = 0;
    assert_false(says(f, &r));
    answer(f, 0, 0, 1, 1);
    r.serial = asked[0].serial;
    assert_false(says(f, &r)); /* it has been given already */
    assert_known(f, "a.example", 1, 1);
}

static void what_is_no_answer_is_nonsense(void **state)
{
    static struct ipc_message m;
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example")));
    const struct ipc_resolved r = {.serial = asked[0].serial};
    ipc_put_resolved(&m, &r);
    m.type = IPC_PREPARED;
    assert_false(kind.message(&f->resolver->child, &m));
    ipc_put_resolved(&m, &r);
    m.size--;
    assert_false(kind.message(&f->resolver->child, &m));
    assert_false(resolver_settled(f->resolver));
}

static void closing_while_asking_tells_nobody(void **state)
{
    struct fixture *f = *state;
    resolver_add(f->resolver, wanting(f, NAMES("a.example", "b.example", "c.example")));
    answer(f, 0, 0, 1, 1);
    const unsigned changed = f->changed;
    resolver_close(f->resolver);
    assert_true(closed);
    kind.ended(&f->resolver->child);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(f->changed, changed);
    assert_int_equal(f->settled, 0);
    assert_int_equal(f->failed, 0);
    resolver_close(NULL);
    resolver_free(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(names_are_asked_about_once_and_settle_with_the_last),
        CASE(one_host_with_two_ports_is_two_names),
        CASE(a_failure_settles_and_is_told_once_per_outage),
        CASE(a_service_says_its_ports_and_shares),
        CASE(a_service_is_asked_for_again_when_its_time_is_out),
        CASE(a_domain_without_the_service_takes_back_what_was_known),
        CASE(an_upgrade_asks_for_services_anew),
        CASE(a_name_without_addresses_has_a_reason),
        CASE(names_are_asked_again_when_their_time_has_run_out),
        CASE(only_a_different_answer_is_a_change),
        CASE(what_is_not_kept_is_forgotten),
        CASE(an_answer_for_a_forgotten_name_means_nothing),
        CASE(an_error_of_the_system_has_words),
        CASE(both_families_are_taken_with_their_scope),
        CASE(without_a_name_there_is_no_process),
        CASE(it_becomes_the_workers_user_without_their_capability),
        CASE(what_it_leaves_unanswered_its_successor_is_asked),
        CASE(what_is_due_without_a_process_is_asked_when_there_is_one),
        CASE(no_more_is_asked_at_once_than_it_may_be),
        CASE(an_answer_that_nobody_asked_for_is_nonsense),
        CASE(what_is_no_answer_is_nonsense),
        CASE(closing_while_asking_tells_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
