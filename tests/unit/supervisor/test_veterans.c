/* test_veterans.c - workers that another image has started: kept, told to retire, collected. They
 * are this program, as children that libuv knows nothing of. */
#include "proxy/supervisor/veterans.h"
#include "tests/support/files.h"
#include "tests/support/loop.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

static uv_loop_t loop;
static struct log logger;
static struct all_counters counters;
static struct veterans veterans;
static struct handover h;
static struct worker_counters *own[2];

/* ---- the owner ---- */

static struct {
    unsigned gone, queries;
    char name[32];
} owner;

static void query(void *arg, struct child *worker, const struct ipc_challenge_query *q)
{
    (void)arg;
    assert_int_equal(worker->life, CHILD_RETIRING);
    owner.queries++;
    snprintf(owner.name, sizeof owner.name, "%.31s", q->name);
}

static void gone(void *arg)
{
    (void)arg;
    owner.gone++;
}

static const struct veterans_events events = {query, gone};

/* ---- the workers ---- */

static struct ipc_message message;

static void say(int to, enum ipc_type type, const void *data, size_t size)
{
    ipc_begin(&message, type, 0);
    ipc_append(&message, data, size);
    ipc_send(to, &message);
}

/* Ends with status 5 when it is to retire, if it ever hears that. */
static void work(int ipc, bool asks)
{
    static const struct ipc_challenge_query q = {.serial = 1, .name = "token"};
    if (asks) {
        say(ipc, IPC_CHALLENGE_QUERY, &q, sizeof q);
        say(ipc, IPC_SIGNED, "what a later release says", 4);
    }
    for (;;) {
        poll(&(struct pollfd){.fd = ipc, .events = POLLIN}, 1, -1);
        if (ipc_receive(ipc, &message) != 1)
            _exit(1);
        ipc_close_fds(&message);
        if (message.type == IPC_STOP || (message.type == IPC_RETIRE && !asks))
            _exit(5);
    }
}

/* Its socket. */
static int start(bool asks, pid_t *pid)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    *pid = fork();
    if (*pid == 0) {
        close(pair[0]);
        work(pair[1], asks);
    }
    close(pair[1]);
    return pair[0];
}

static void add(unsigned index, bool asks, bool has_signer)
{
    struct err e;
    struct handover_veteran *v = handover_add(&h.veterans, &h.veteran_count, sizeof *v);
    *v = (struct handover_veteran){.version = "0.0.9", .index = index, .signer_ipc = -1};
    v->ipc = start(asks, &v->pid);
    if (has_signer)
        v->signer_ipc = start(true, &v->signer);
    v->counters = counters_create(&e);
    v->reader = counters_reader(v->counters);
    v->layout = counters_layout();
    own[index] = counters_map_own(v->counters);
    counter_add(&own[index]->route[3].accepted, 10);
    counter_add(&own[index]->route[3].active, 2);
}

/* Of the route in slot 3, over all that is left of those workers. */
static uint64_t accepted(void)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < PARTS_MAX; i++)
        if (counters_of(&counters, i) != NULL)
            n += counter_get(&counters_of(&counters, i)->route[3].accepted);
    return n;
}

/* ---- the stage ---- */

static int begin(void **state)
{
    (void)state;
    memset(&owner, 0, sizeof owner);
    memset(&veterans, 0, sizeof veterans);
    memset(&counters, 0, sizeof counters);
    handover_init(&h);
    files_begin(&logger);
    uv_loop_init(&loop);
    veterans.loop = &loop;
    veterans.log = &logger;
    veterans.events = &events;
    veterans.counters = &counters;
    veterans_init(&veterans);
    return 0;
}

static int end(void **state)
{
    (void)state;
    veterans_close(&veterans);
    loop_end(&loop);
    veterans_free(&veterans);
    counters_unmap_all(&counters);
    counters_unmap(own[0]);
    counters_unmap(own[1]);
    own[0] = own[1] = NULL;
    handover_free(&h);
    files_end(&logger);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    return 0;
}

static void take_known(bool known)
{
    struct err e = {.text = ""};
    assert_int_equal(veterans_take(&veterans, &h, known, &e), 0);
}

static void take(void)
{
    take_known(true);
}

static void wait_for_end(unsigned alive)
{
    for (int spent = 0; veterans_alive(&veterans) > alive && spent < LOOP_PATIENCE_MS; spent++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        veterans_reap(&veterans);
        usleep(1000);
    }
    assert_int_equal(veterans_alive(&veterans), alive);
}

/* ---- what they do ---- */

static void they_are_not_told_anything_before_others_serve(void **state)
{
    (void)state;
    add(0, false, false);
    take();
    loop_settle(&loop);
    veterans_reap(&veterans);
    assert_int_equal(waitpid(h.veterans[0].pid, NULL, WNOHANG), 0);
    assert_int_equal(veterans_active(&veterans), 2); /* limits have to know of those */
    veterans_retire(&veterans);
    wait_for_end(0);
    assert_int_equal(owner.gone, 1);
}

static void a_signer_goes_with_its_worker(void **state)
{
    (void)state;
    add(0, false, true);
    take();
    const pid_t signer = h.veterans[0].signer;
    veterans_retire(&veterans);
    wait_for_end(0);
    for (int spent = 0; veterans.items[0]->signer.life != CHILD_NONE && spent < LOOP_PATIENCE_MS;
         spent++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        veterans_reap(&veterans);
        usleep(1000);
    }
    assert_int_equal(waitpid(signer, NULL, WNOHANG), -1); /* collected */
}

static void what_they_ask_is_answered_and_what_is_new_ignored(void **state)
{
    (void)state;
    add(0, true, false);
    take();
    veterans_retire(&veterans);
    loop_until(&loop, owner.queries == 1);
    assert_string_equal(owner.name, "token");
    loop_settle(&loop);
    assert_int_equal(veterans_alive(&veterans), 1);
    veterans_end(&veterans, IPC_STOP);
    wait_for_end(0);
}

static void one_that_is_killed_is_told_of_and_not_replaced(void **state)
{
    (void)state;
    add(0, true, false);
    add(1, true, false);
    take();
    veterans_retire(&veterans);
    kill(h.veterans[0].pid, SIGKILL);
    wait_for_end(1);
    assert_non_null(strstr(files_logged(), "was killed by signal 9"));
    assert_int_equal(owner.gone, 0);
    assert_int_equal(veterans_active(&veterans), 2); /* of the other */
}

static void other_processes_are_collected(void **state)
{
    (void)state;
    pid_t *pid = handover_add(&h.leavers, &h.leaver_count, sizeof *pid);
    *pid = fork();
    if (*pid == 0)
        _exit(0);
    take();
    for (int spent = 0; veterans.leaver_count > 0 && spent < LOOP_PATIENCE_MS; spent++) {
        veterans_reap(&veterans);
        usleep(1000);
    }
    assert_int_equal(waitpid(*pid, NULL, WNOHANG), -1);
}

/* ---- what they count ---- */

static void what_they_have_counted_stays_where_it_is_when_they_are_gone(void **state)
{
    (void)state;
    add(0, false, false);
    take();
    assert_int_equal(accepted(), 10);
    counter_add(&own[0]->route[3].accepted, 1);
    assert_int_equal(accepted(), 11);
    veterans_retire(&veterans);
    wait_for_end(0);
    assert_int_equal(accepted(), 11);
    assert_true(veterans_reader(&veterans, WORKERS_MAX) >= 0); /* for an observer that comes now */
    assert_int_equal(veterans_active(&veterans), 0);
    assert_int_equal(counter_get(&own[0]->route[3].active), 0); /* for the workers, too */
}

static void what_is_laid_out_in_another_way_is_not_read(void **state)
{
    (void)state;
    add(0, true, false);
    take_known(false);
    assert_int_equal(accepted(), 0);
    assert_int_equal(veterans_reader(&veterans, WORKERS_MAX), -1);
    veterans_retire(&veterans);
    struct handover next;
    handover_init(&next);
    assert_int_equal(veterans_give(&veterans, &next), 0);
    assert_int_equal(next.veterans[0].layout, 0); /* nobody adds it again */
    handover_free(&next);
}

static void one_that_cannot_be_read_counts_as_a_session_to_its_end(void **state)
{
    (void)state;
    add(0, true, false);
    add(1, true, false);
    take_known(false);
    veterans_retire(&veterans);
    assert_int_equal(veterans_active(&veterans), 2);
    kill(h.veterans[1].pid, SIGKILL);
    wait_for_end(1);
    assert_int_equal(veterans_active(&veterans), 1); /* a drain goes on */
    veterans_end(&veterans, IPC_STOP);
    wait_for_end(0);
    assert_int_equal(veterans_active(&veterans), 0);
}

static void they_are_handed_on(void **state)
{
    (void)state;
    struct handover next;
    add(0, true, true);
    add(1, false, false);
    take();
    veterans_retire(&veterans);
    wait_for_end(1);
    handover_init(&next);
    assert_int_equal(veterans_give(&veterans, &next), 0);
    assert_int_equal(next.veteran_count, 1);
    assert_int_equal(next.veterans[0].pid, h.veterans[0].pid);
    assert_int_equal(next.veterans[0].signer, h.veterans[0].signer);
    assert_string_equal(next.veterans[0].version, "0.0.9");
    handover_free(&next);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(they_are_not_told_anything_before_others_serve),
        TEST(a_signer_goes_with_its_worker),
        TEST(what_they_ask_is_answered_and_what_is_new_ignored),
        TEST(one_that_is_killed_is_told_of_and_not_replaced),
        TEST(other_processes_are_collected),
        TEST(what_they_have_counted_stays_where_it_is_when_they_are_gone),
        TEST(what_is_laid_out_in_another_way_is_not_read),
        TEST(one_that_cannot_be_read_counts_as_a_session_to_its_end),
        TEST(they_are_handed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
