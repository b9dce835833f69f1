/* test_observer.c - what the observer is told, when, and what becomes of one that talks nonsense;
 * with a process and a clock of the test's own. */
#include "proxy/supervisor/observer.h"
#include "tests/support/loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* ---- what observer.c gets instead of a process and of libuv's clock ---- */

static struct {
    unsigned hellos, listeners, counters, snapshots, sockets, agents, histories;
    int history;
    unsigned starts, kills, replaced;
    char why[400];
    bool awaited, timer_runs;
    uint64_t now, timer_wait;
} seen;

static void fake_child_start(struct child *c)
{
    seen.starts++;
    c->life = CHILD_RUNNING;
    c->of->kind->started(c);
}

static void fake_child_send(struct child *c, const struct ipc_message *m)
{
    assert_int_equal(c->life, CHILD_RUNNING);
    seen.hellos += m->type == IPC_HELLO;
    seen.snapshots += m->type == IPC_SNAPSHOT;
    if (m->type == IPC_HISTORY) {
        seen.histories++;
        seen.history = m->fds[0];
    }
    if (m->type == IPC_COUNTERS)
        seen.counters += m->fd_count;
    if (m->type != IPC_LISTENERS)
        return;
    assert_int_equal(m->size, m->fd_count * sizeof(struct ipc_observed));
    seen.listeners++;
    seen.sockets = m->fd_count;
    seen.agents = 0;
    for (unsigned i = 0; i < m->fd_count; i++)
        seen.agents += ((const struct ipc_observed *)(const void *)m->payload)[i].is_agent;
}

static bool fake_child_awaited(const struct child *c)
{
    (void)c;
    return seen.awaited;
}

static void fake_child_kill(struct child *c)
{
    seen.kills += c->life != CHILD_NONE;
}

static void fake_child_replace(struct child *c, const char *event, const char *why)
{
    (void)c;
    assert_string_equal(event, "failed");
    seen.replaced++;
    snprintf(seen.why, sizeof seen.why, "%s", why);
}

static void fake_child_close(struct child *c)
{
    uv_close((uv_handle_t *)&c->timer, NULL);
}

static uint64_t fake_now(const uv_loop_t *loop)
{
    (void)loop;
    return seen.now;
}

static int fake_timer_start(uv_timer_t *timer, uv_timer_cb done, uint64_t wait, uint64_t repeat)
{
    (void)timer;
    (void)done;
    assert_int_equal(repeat, 0);
    seen.timer_runs = true;
    seen.timer_wait = wait;
    return 0;
}

static int fake_timer_stop(uv_timer_t *timer)
{
    (void)timer;
    seen.timer_runs = false;
    return 0;
}

static int fake_is_active(const uv_handle_t *handle)
{
    (void)handle;
    return seen.timer_runs;
}

#define child_start    fake_child_start
#define child_send     fake_child_send
#define child_awaited  fake_child_awaited
#define child_kill     fake_child_kill
#define child_replace  fake_child_replace
#define child_close    fake_child_close
#define uv_now         fake_now
#define uv_timer_start fake_timer_start
#define uv_timer_stop  fake_timer_stop
#define uv_is_active   fake_is_active
#include "proxy/supervisor/observer.c"

/* ---- a daemon with some workers ---- */

struct fixture {
    uv_loop_t loop;
    struct log log;
    struct workers workers;
    struct worker items[3];
    struct veterans veterans;
    struct veteran left[2];
    struct worker_counters part; /* of the first of these */
    struct archive archive;
    struct observer observer;
    struct config config;
    struct endpoint places[2];
    unsigned filled;
};

static void fill(void *arg, struct snapshot_writer *w)
{
    struct fixture *f = arg;
    f->filled++;
    w->facts.generation = f->filled;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    memset(&seen, 0, sizeof seen);
    seen.now = 100000;
    *state = f;
    uv_loop_init(&f->loop);
    log_init(&f->log, "test");
    for (unsigned i = 0; i < 2; i++) {
        f->items[i].counters_reader = 0; /* any descriptor will do */
        f->workers.items[i] = &f->items[i];
    }
    f->workers.count = 2;
    f->workers.veterans = &f->veterans;
    f->veterans.counters = &f->workers.all;
    archive_init(&f->archive, &f->workers.all);
    observer_init(&f->observer, &f->loop, &f->log, &f->workers, &f->archive, fill, f);
    for (unsigned i = 0; i < 2; i++) {
        static const char *const texts[] = {"127.0.0.1:0", "[::1]:0"};
        struct sockaddr_in *in = (void *)&f->places[i].addr;
        *in =
            (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        f->places[i] = (struct endpoint){.kind = ENDPOINT_INET,
                                         .text = texts[i],
                                         .addr = f->places[i].addr,
                                         .addr_len = sizeof *in};
    }
    f->config.observe = f->places;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    observer_close(&f->observer);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    uv_loop_close(&f->loop);
    observer_free(&f->observer);
    free(f);
    return 0;
}

/* A reload to so many addresses. */
static void observe(struct fixture *f, size_t count)
{
    struct diags d = {0};
    f->config.observe_count = count;
    assert_int_equal(observer_prepare(&f->observer, &f->config, &d), 0);
    observer_commit(&f->observer, &f->config, &d);
    assert_int_equal(d.count, 0);
    diags_free(&d);
}

static bool says(struct fixture *f, enum ipc_type type, const char *text, size_t size)
{
    ipc_begin(&message, type, 0);
    ipc_append(&message, text, size);
    return kind.message(&f->observer.child, &message);
}

/* ---- tests ---- */

static void without_an_address_there_is_none(void **state)
{
    observe(*state, 0);
    assert_int_equal(seen.starts, 0);
}

static void with_one_it_is_started_and_told_all(void **state)
{
    struct fixture *f = *state;
    observe(f, 1);
    assert_int_equal(seen.starts, 1);
    assert_int_equal(seen.hellos, 1);
    assert_int_equal(seen.counters, 2);
    assert_int_equal(seen.snapshots, 1);
    assert_int_equal(seen.listeners, 1);
    assert_int_equal(seen.sockets, 1);
}

/* Where another process was quicker, which goes later. */
static void it_is_told_of_an_address_when_that_is_listened_on(void **state)
{
    struct fixture *f = *state;
    struct listeners *l = &f->observer.listeners;
    static const int on = 1;
    struct diags d = {0};
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    f->config.observe_count = 1;
    assert_int_equal(observer_prepare(&f->observer, &f->config, &d), 0);
    assert_int_equal(getsockname(l->items[0].sockets[0], (struct sockaddr *)&at, &size), 0);
    const int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(other, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(other, 1), 0);

    observer_commit(&f->observer, &f->config, &d);
    assert_int_equal(d.count, 1);
    assert_string_equal(d.items[0].cause,
                        "observe: cannot listen on 127.0.0.1:0: Address already in use");
    diags_free(&d);
    assert_int_equal(seen.starts, 1);
    assert_int_equal(seen.sockets, 0);
    close(other);
    loop_until(&f->loop, seen.sockets == 1);
}

static void after_an_upgrade_it_is_told_what_was_counted_before(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 2; i++)
        f->veterans.items[i] = &f->left[i];
    f->veterans.count = 2;
    f->workers.all.parts[WORKERS_MAX] = &f->part; /* the other's cannot be read */
    f->archive.reader = 0;
    observe(f, 1);
    assert_int_equal(seen.counters, 4);
    observer_changed(&f->observer);
    assert_int_equal(seen.counters, 4);
    f->archive.reader = -1;
}

static void after_an_upgrade_it_waits_for_what_there_is_to_show(void **state)
{
    struct fixture *f = *state;
    f->observer.waits = true;
    observe(f, 1);
    assert_int_equal(seen.starts, 0);
    observer_begin(&f->observer);
    assert_int_equal(seen.starts, 1);
    assert_int_equal(seen.sockets, 1);
}

static void the_last_hour_is_kept_for_a_successor(void **state)
{
    struct fixture *f = *state;
    observe(f, 1);
    const int first = seen.history;
    assert_true(first > 0);
    f->observer.child.life = CHILD_NONE;
    child_start(&f->observer.child);
    assert_int_equal(seen.histories, 2);
    assert_int_equal(seen.history, first);
}

static void memory_that_is_none_for_the_last_hour_is_not_taken_over(void **state)
{
    struct fixture *f = *state;
    observer_take(&f->observer, open("/dev/null", O_RDONLY | O_CLOEXEC));
    assert_int_equal(f->observer.history, -1);
    const int own = new_history();
    observer_take(&f->observer, own);
    observe(f, 1);
    assert_int_equal(seen.history, own);
}

static void a_reload_gives_it_other_sockets_and_no_successor(void **state)
{
    struct fixture *f = *state;
    observe(f, 1);
    observe(f, 2);
    assert_int_equal(seen.starts, 1);
    assert_int_equal(seen.sockets, 2);
}

static void without_an_address_any_more_it_goes(void **state)
{
    struct fixture *f = *state;
    observe(f, 1);
    observe(f, 0);
    assert_int_equal(seen.kills, 1);
    assert_int_equal(f->observer.child.life, CHILD_RETIRING);
}

/* It is wanted again before it has ended. */
static void one_that_was_sent_away_has_a_successor_when_it_is_wanted_again(void **state)
{
    struct fixture *f = *state;
    observe(f, 1);
    observe(f, 0);
    observe(f, 1);
    assert_int_equal(seen.starts, 1);
    f->observer.child.life = CHILD_NONE;
    kind.ended(&f->observer.child);
    assert_int_equal(seen.starts, 2);
    assert_int_equal(seen.hellos, 2);
}

static void one_that_is_not_wanted_has_none(void **state)
{
    struct fixture *f = *state;
    observe(f, 1);
    observe(f, 0);
    f->observer.child.life = CHILD_NONE;
    kind.ended(&f->observer.child);
    assert_int_equal(seen.starts, 1);
}

static void a_look_is_answered_once_a_second(void **state)
{
    struct fixture *f = *state;
    observe(f, 1);
    seen.now += LOOK_MS;
    assert_true(says(f, IPC_LOOK, "", 0));
    assert_int_equal(seen.snapshots, 2);
    seen.now += 300;
    for (int i = 0; i < 1000; i++)
        assert_true(says(f, IPC_LOOK, "", 0));
    assert_int_equal(seen.snapshots, 2);
    assert_true(seen.timer_runs);
    assert_int_equal(seen.timer_wait, LOOK_MS - 300);
    look_again(&f->observer.later);
    assert_int_equal(seen.snapshots, 3);
    assert_false(seen.timer_runs);
}

static void what_changes_is_told_at_once(void **state)
{
    struct fixture *f = *state;
    observer_changed(&f->observer); /* there is nobody yet */
    assert_int_equal(f->filled, 0);
    observe(f, 1);
    observer_changed(&f->observer);
    assert_int_equal(seen.snapshots, 2);
}

static void a_new_workers_counters_come_before_what_names_it(void **state)
{
    struct fixture *f = *state;
    observe(f, 1);
    f->workers.items[2] = &f->items[2];
    f->workers.count = 3;
    observer_changed(&f->observer);
    assert_int_equal(seen.counters, 3);
    observer_changed(&f->observer);
    assert_int_equal(seen.counters, 3);
}

static void one_that_cannot_work_is_replaced_with_its_reason(void **state)
{
    struct fixture *f = *state;
    observe(f, 1);
    assert_true(says(f, IPC_REFUSED, "no library", sizeof "no library"));
    assert_int_equal(seen.replaced, 1);
    assert_string_equal(seen.why, "cannot work (no library)");
}

static void what_no_observer_says_is_nonsense(void **state)
{
    struct fixture *f = *state;
    observe(f, 1);
    assert_false(says(f, IPC_LOOK, "x", 1));
    assert_false(says(f, IPC_REFUSED, "no end", 6));
    assert_false(says(f, IPC_SNAPSHOT, "", 0));
    assert_false(says(f, IPC_COMMITTED, "", 0));
    assert_false(says(f, (enum ipc_type)4711, "", 0));
    assert_int_equal(seen.snapshots, 1);
}

static void what_a_refused_reload_has_bound_is_given_back(void **state)
{
    struct fixture *f = *state;
    struct diags d = {0};
    observe(f, 1);
    f->config.observe_count = 2;
    assert_int_equal(observer_prepare(&f->observer, &f->config, &d), 0);
    observer_abort(&f->observer);
    assert_int_equal(f->observer.listeners.count, 1);
    diags_free(&d);
}

static void an_address_that_balancers_ask_is_told_apart(void **state)
{
    struct fixture *f = *state;
    f->config.observe_agent = &f->places[1];
    f->config.observe_agent_count = 1;
    observe(f, 1);
    assert_int_equal(seen.sockets, 2);
    assert_int_equal(seen.agents, 1);
}

static void one_that_balancers_ask_is_enough(void **state)
{
    struct fixture *f = *state;
    f->config.observe_agent = &f->places[1];
    f->config.observe_agent_count = 1;
    observe(f, 0);
    assert_int_equal(seen.starts, 1);
    assert_int_equal(seen.agents, 1);
}

/* Until it is committed, what is in service counts. */
static void an_address_changes_what_it_is_for_with_the_reload(void **state)
{
    struct fixture *f = *state;
    struct diags d = {0};
    observe(f, 1);
    f->config.observe_agent = &f->places[0];
    f->config.observe_agent_count = 1;
    f->config.observe_count = 0;
    assert_int_equal(observer_prepare(&f->observer, &f->config, &d), 0);
    observer_abort(&f->observer);
    send_listeners(&f->observer);
    assert_int_equal(seen.agents, 0);
    observe(f, 0);
    assert_int_equal(seen.sockets, 1);
    assert_int_equal(seen.agents, 1);
    diags_free(&d);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(without_an_address_there_is_none),
        CASE(with_one_it_is_started_and_told_all),
        CASE(it_is_told_of_an_address_when_that_is_listened_on),
        CASE(after_an_upgrade_it_is_told_what_was_counted_before),
        CASE(after_an_upgrade_it_waits_for_what_there_is_to_show),
        CASE(the_last_hour_is_kept_for_a_successor),
        CASE(memory_that_is_none_for_the_last_hour_is_not_taken_over),
        CASE(a_reload_gives_it_other_sockets_and_no_successor),
        CASE(without_an_address_any_more_it_goes),
        CASE(one_that_was_sent_away_has_a_successor_when_it_is_wanted_again),
        CASE(one_that_is_not_wanted_has_none),
        CASE(a_look_is_answered_once_a_second),
        CASE(what_changes_is_told_at_once),
        CASE(a_new_workers_counters_come_before_what_names_it),
        CASE(one_that_cannot_work_is_replaced_with_its_reason),
        CASE(an_address_that_balancers_ask_is_told_apart),
        CASE(one_that_balancers_ask_is_enough),
        CASE(an_address_changes_what_it_is_for_with_the_reload),
        CASE(what_no_observer_says_is_nonsense),
        CASE(what_a_refused_reload_has_bound_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
