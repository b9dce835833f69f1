/* test_workers.c - processes that are started, asked, replaced and ended. The workers are this
 * program: workers.c starts /proc/self/exe, and here that behaves as the seed in its HELLO says.
 * The linker puts a clock below that goes ten times as fast. */
#include "proxy/load/load.h"
#include "proxy/supervisor/workers.h"
#include "tests/support/files.h"
#include "tests/support/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    enum { FASTER = 10 };
    return __real_uv_timer_start(timer, cb, timeout / FASTER, repeat / FASTER);
}

/* ---- what a worker does: its place in the seed says which ---- */

enum behaviour {
    GOOD,
    REFUSES,    /* what comes after the first generation */
    LATE,       /* says nothing about what comes after the first */
    LINGERS,    /* has sessions when it is to retire */
    SULKS,      /* has, too, and says nothing about what comes after the first */
    HANGS,      /* is silent from the second generation on, also when it is asked */
    KNOWS_MORE, /* has prepared what nobody told it of */
    BABBLES,    /* a payload where none belongs */
    GIVES,      /* a descriptor */
    GARBAGE,    /* no message at all */
    COMMANDS,   /* says what only the supervisor says */
    BRAGS,      /* of a sandbox that there is not */
    REPEATS,    /* what is said once */
    LACKS,      /* a part of its sandbox */
    ASKS,       /* for a socket to its signer, and ends with a second one */
    COUNTS,     /* refuses what comes after the first, with how many addresses it was told */
    DIES,       /* at once */
};

static const enum behaviour all_good[] = {GOOD, GOOD, GOOD};

static struct ipc_message message;

static void reply(enum ipc_type type, uint32_t generation)
{
    ipc_begin(&message, type, generation);
    ipc_send(3, &message);
}

static void refuse(uint32_t generation, const char *why)
{
    ipc_begin(&message, IPC_REFUSED, generation);
    ipc_append(&message, why, strlen(why) + 1);
    ipc_send(3, &message);
}

static void misbehave(enum behaviour how, uint32_t generation)
{
    ipc_begin(&message, how == COMMANDS ? IPC_STOP : IPC_PREPARED,
              how == KNOWS_MORE ? generation + 1 : generation);
    if (how == BABBLES)
        ipc_append(&message, "?", 2);
    message.fd_count = how == GIVES;
    message.fds[0] = 3;
    if (how == GARBAGE)
        (void)!write(3, "!", 1);
    else
        ipc_send(3, &message);
}

static void refuse_with_count(uint32_t generation, size_t addresses)
{
    char why[40];
    snprintf(why, sizeof why, "%zu addresses", addresses);
    refuse(generation, why);
}

static size_t addresses_in_message(void)
{
    size_t count = 0;
    if (message.type != IPC_ADDRESSES || !ipc_count(&message, sizeof(struct ipc_address), &count))
        return 0;
    return count;
}

static bool has_sandbox(enum behaviour how)
{
    return how == BRAGS || how == REPEATS || how == LACKS;
}

static bool lingers(enum behaviour how)
{
    return how == LINGERS || how == SULKS;
}

static void get_ready(enum behaviour how, uint32_t generation)
{
    if (how == SULKS && generation > 1)
        return;
    if (how == REFUSES && generation > 1)
        refuse(generation, "no room");
    else if ((how == LATE || how == HANGS) && generation > 1)
        return;
    else if (how == GOOD || how == REFUSES || how == LATE || how == HANGS || lingers(how) ||
             how == ASKS || how == COUNTS || has_sandbox(how))
        reply(IPC_PREPARED, generation);
    else
        misbehave(how, generation);
}

static void tell_sandbox(enum behaviour how)
{
    const struct sandbox_state state = {.seccomp = 1,
                                        .landlock = how == BRAGS ? 99 : how == REPEATS,
                                        .landlock_error = how == LACKS ? ENOSYS : 0};
    ipc_begin(&message, IPC_SANDBOX, 0);
    ipc_append(&message, &state, sizeof state);
    ipc_send(3, &message);
    if (how == REPEATS)
        ipc_send(3, &message);
}

static enum behaviour behaviour_of(unsigned index)
{
    struct ipc_hello hello;
    return ipc_take(&message, &hello, sizeof hello) ? (enum behaviour)hello.seed[index] : DIES;
}

/* Exit status of a worker that was told to go. */
static int work(unsigned index)
{
    enum behaviour how = GOOD;
    uint32_t newest = 0;
    unsigned signers = 0;
    size_t addresses = 0;
    for (;;) {
        poll(&(struct pollfd){.fd = 3, .events = POLLIN}, 1, -1);
        if (ipc_receive(3, &message) != 1)
            return 1;
        ipc_close_fds(&message);
        const uint32_t generation = message.generation;
        newest = generation > newest ? generation : newest;
        signers += message.type == IPC_SIGNER;
        addresses = message.type == IPC_PREPARE ? 0 : addresses + addresses_in_message();
        if (message.type == IPC_HELLO)
            how = behaviour_of(index);
        else if (message.type == IPC_READY && how == COUNTS && generation > 1)
            refuse_with_count(generation, addresses);
        else if (message.type == IPC_READY)
            get_ready(how, generation);
        else if (message.type == IPC_COMMIT)
            reply(IPC_COMMITTED, generation);
        else if (message.type == IPC_PING && (how != HANGS || newest < 2))
            reply(how == ASKS ? IPC_SIGNER : IPC_PONG, 0);
        else if (message.type == IPC_DRAIN)
            refuse(generation, "draining"); /* so that the owner hears of it */
        else if (message.type == IPC_STOP || (message.type == IPC_RETIRE && !lingers(how)))
            return 0;
        if (how == DIES || (how == ASKS && signers == 2))
            return 9;
        if (message.type == IPC_HELLO && has_sandbox(how))
            tell_sandbox(how);
    }
}

/* A signer hears what it is told, and hands on what of it the tests are about. */
static int sign(void)
{
    for (;;) {
        poll(&(struct pollfd){.fd = 3, .events = POLLIN}, 1, -1);
        if (ipc_receive(3, &message) != 1 || message.type == IPC_STOP)
            return 0;
        ipc_close_fds(&message);
        if (message.type == IPC_PING)
            reply(IPC_PONG, 0);
    }
}

/* ---- the owner ---- */

static struct {
    uint32_t prepared, committed, refused;
    unsigned gone;
    char why[100];
} owner;

static void prepared(void *arg, uint32_t number)
{
    (void)arg;
    assert_true(number > owner.prepared); /* each once */
    owner.prepared = number;
}

static void refused(void *arg, uint32_t number, const char *why)
{
    (void)arg;
    owner.refused = number;
    snprintf(owner.why, sizeof owner.why, "%s", why);
}

static void committed(void *arg, uint32_t number)
{
    (void)arg;
    owner.committed = number;
}

static void gone(void *arg)
{
    (void)arg;
    owner.gone++;
}

static const struct workers_events events = {prepared, refused, committed, gone};

/* ---- the stage ---- */

static uv_loop_t loop;
static struct log logger;
static struct listeners listeners;
static struct resolver *resolver; /* which nobody has asked for a name */
static struct workers workers;

/* On a busy machine a process needs longer to begin than the fast clock gives it. */
enum { ENDLESS = 1 << 30 };

static int begin(void **state)
{
    static const struct resolver_events nobody;
    struct err e;
    (void)state;
    memset(&owner, 0, sizeof owner);
    files_begin(&logger);
    files_save_certificate("one.pem", 1, 90);
    files_configure("t.conf", "user = nobody\ncertificate one { chain = one.pem }\n"
                              "route a { listen = \"127.0.0.1:995\" protocol = pop3\n"
                              "  certificate = one upstream = \"127.0.0.1:1\" }\n");
    uv_loop_init(&loop);
    resolver = resolver_new(&loop, &logger, &workers.identity, &nobody, NULL);
    workers = (struct workers){.loop = &loop,
                               .log = &logger,
                               .events = &events,
                               .listeners = &listeners,
                               .resolver = resolver,
                               .load_ms = ENDLESS};
    workers_init(&workers);
    return tls_init(&e);
}

static int end(void **state)
{
    (void)state;
    workers_end(&workers, IPC_STOP);
    loop_until(&loop, owner.gone > 0);
    assert_int_equal(owner.gone, 1);
    assert_int_equal(workers_alive(&workers), 0);
    workers_close(&workers);
    resolver_close(resolver);
    loop_end(&loop);
    workers_free(&workers);
    resolver_free(resolver);
    files_end(&logger);
    return 0;
}

static void prepare(uint32_t number, unsigned count)
{
    struct err e;
    char path[80];
    struct candidate l;
    struct diags d = {0};
    files_path("t.conf", path);
    assert_true(load_configuration(path, &l, &d));
    struct release next = {.number = number, .generation = l.generation, .workers = count};
    assert_int_equal(release_pack(&next, l.bundle, &workers.current, 0, &e), 0);
    assert_int_equal(release_open_challenges(&next), 0);
    l.generation = NULL;
    candidate_free(&l);
    diags_free(&d);
    assert_int_equal(workers_reserve(&workers, count, &e), 0);
    workers_prepare(&workers, &next);
    assert_int_equal(next.number, 0); /* taken over */
}

/* The first generation, run by so many who behave so. */
static void start(const enum behaviour *behaviours, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        workers.seed[i] = (uint8_t)behaviours[i];
    prepare(1, count);
    workers_commit(&workers);
    assert_int_equal(workers_alive(&workers), count);
}

static void started(const enum behaviour *behaviours, unsigned count)
{
    start(behaviours, count);
    loop_until(&loop, owner.committed == 1);
    files_logged();
}

static void each_has_a_signer_that_goes_with_it(void **state)
{
    (void)state;
    const struct signers *ss = &workers.signers;
    started(all_good, 2);
    assert_int_equal(ss->count, 2);
    const pid_t first = ss->items[0]->child.process.pid;
    uv_process_kill(&ss->items[0]->child.process, SIGKILL);
    loop_until(&loop, ss->items[0]->child.life == CHILD_RUNNING &&
                          ss->items[0]->child.process.pid != first);
    assert_int_equal(ss->items[0]->child.restarts, 1);
    assert_int_equal(workers_alive(&workers), 2); /* which is nothing to a worker */
    prepare(2, 1);
    loop_until(&loop, owner.prepared == 2);
    workers_commit(&workers);
    loop_until(&loop, workers_alive(&workers) == 1);
    loop_until(&loop, ss->items[1]->child.life == CHILD_NONE);
    assert_int_equal(ss->items[0]->child.life, CHILD_RUNNING);
}

static enum child_life signer_life(unsigned index)
{
    return workers.signers.items[index]->child.life;
}

static void signers_of_a_generation_that_will_not_be_are_dismissed(void **state)
{
    (void)state;
    started((const enum behaviour[]){REFUSES, REFUSES}, 2);
    prepare(2, 4);
    assert_int_equal(workers.signers.count, 4);
    loop_until(&loop, owner.refused == 2);
    workers_abort(&workers);
    workers_give_back(&workers);
    loop_until(&loop, signer_life(2) == CHILD_NONE && signer_life(3) == CHILD_NONE);
    assert_int_equal(signer_life(0), CHILD_RUNNING);
    assert_int_equal(signer_life(1), CHILD_RUNNING);
}

/* Successors are good. */
static void their_like_is_gone(void)
{
    memset(workers.seed, GOOD, sizeof workers.seed);
}

static void who_asks_for_its_signer_gets_a_socket_to_it(void **state)
{
    (void)state;
    started((const enum behaviour[]){ASKS}, 1);
    their_like_is_gone();
    loop_until(&loop, workers.items[0]->child.restarts == 1 && workers_all_committed(&workers, 1));
    assert_non_null(strstr(files_logged(), "ended with status 9"));
    assert_int_equal(workers.signers.items[0]->child.restarts, 0);
}

static pid_t pid_of(unsigned index)
{
    return workers.items[index]->child.process.pid;
}

/* ---- what all do ---- */

static void a_generation_is_prepared_and_committed_when_all_have_said_so(void **state)
{
    (void)state;
    started(all_good, 3);
    prepare(2, 3);
    loop_until(&loop, owner.prepared == 2);
    assert_true(workers_all_prepared(&workers, 2));
    assert_int_equal(owner.committed, 1);
    workers_commit(&workers);
    loop_until(&loop, owner.committed == 2);
    assert_int_equal(workers.current.number, 2);
    assert_int_equal(workers.next.number, 0);
}

static void a_refusal_comes_with_its_reason_and_the_old_stays(void **state)
{
    (void)state;
    started((const enum behaviour[]){GOOD, REFUSES}, 2);
    prepare(2, 2);
    loop_until(&loop, owner.refused == 2);
    assert_string_equal(owner.why, "no room");
    workers_abort(&workers);
    assert_int_equal(workers.current.number, 1);
    assert_int_equal(workers_alive(&workers), 2);
}

static void more_are_started_and_fewer_retired(void **state)
{
    (void)state;
    started(all_good, 1);
    prepare(2, 3);
    loop_until(&loop, owner.prepared == 2);
    workers_commit(&workers);
    loop_until(&loop, owner.committed == 2);
    assert_int_equal(workers_alive(&workers), 3);
    prepare(3, 1);
    loop_until(&loop, owner.prepared == 3); /* who retires has no say */
    workers_commit(&workers);
    loop_until(&loop, owner.committed == 3 && workers_alive(&workers) == 1);
    assert_int_equal(workers.items[2]->child.restarts, 0);
}

/* Routes whose upstreams are so many names. */
static void configure_names(unsigned count)
{
    enum { PER_ROUTE = 54 };
    char text[16384] = "user = nobody\ncertificate one { chain = one.pem }\n";
    size_t n = strlen(text);
    for (unsigned i = 0; i < count; i++) {
        const bool first = i % PER_ROUTE == 0, last = i % PER_ROUTE == PER_ROUTE - 1;
        if (first)
            n += (size_t)snprintf(text + n, sizeof text - n,
                                  "route r%u { listen = \"127.0.0.1:%u\" protocol = pop3\n"
                                  "certificate = one upstream = {",
                                  i, 7000 + i);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\"n%u.invalid:1\"%s", first ? "" : ", ",
                              i, last || i + 1 == count ? "} }\n" : "");
    }
    files_save("t.conf", text);
}

/* None of them has an address, and that takes an entry, too. */
static void all_names_are_told_of_also_where_they_fill_a_message(void **state)
{
    enum { FULL = IPC_PER_MESSAGE(struct ipc_address) };
    char expected[40];
    (void)state;
    started((const enum behaviour[]){COUNTS}, 1);
    for (uint32_t number = 2; number < 5; number++) {
        const unsigned count = FULL - 3 + number;
        configure_names(count);
        prepare(number, 1);
        loop_until(&loop, owner.refused == number);
        snprintf(expected, sizeof expected, "%u addresses", count);
        assert_string_equal(owner.why, expected);
        workers_abort(&workers);
    }
}

/* From two workers to one, and to two again as far as that is prepared. */
static void retire_and_call_back(void)
{
    prepare(2, 1);
    loop_until(&loop, owner.prepared == 2);
    workers_commit(&workers);
    loop_until(&loop, owner.committed == 2);
    assert_int_equal(workers.items[1]->child.life, CHILD_RETIRING);
    prepare(3, 2);
}

static void one_that_retires_is_called_back(void **state)
{
    (void)state;
    started((const enum behaviour[]){GOOD, LINGERS}, 2);
    const pid_t before = pid_of(1);
    retire_and_call_back();
    loop_until(&loop, owner.prepared == 3);
    workers_commit(&workers);
    loop_until(&loop, owner.committed == 3);
    assert_int_equal(workers.items[1]->child.life, CHILD_RUNNING);
    assert_int_equal(workers.items[1]->committed, 3);
    assert_int_equal(pid_of(1), before);
}

static void one_that_is_not_called_back_after_all_goes_on_retiring(void **state)
{
    (void)state;
    started((const enum behaviour[]){GOOD, LINGERS}, 2);
    retire_and_call_back();
    loop_until(&loop, owner.prepared == 3);
    workers_abort(&workers);
    assert_int_equal(workers.items[1]->child.life, CHILD_RETIRING);
}

static void one_that_ends_instead_has_a_successor(void **state)
{
    (void)state;
    started((const enum behaviour[]){GOOD, SULKS}, 2);
    const pid_t before = pid_of(1);
    retire_and_call_back();
    child_kill(&workers.items[1]->child);
    loop_until(&loop, owner.prepared == 3);
    assert_int_equal(signer_life(1), CHILD_RUNNING);
    workers_commit(&workers);
    loop_until(&loop, workers.items[1]->child.life == CHILD_RUNNING);
    assert_int_not_equal(pid_of(1), before);
    assert_int_equal(signer_life(1), CHILD_RUNNING);
}

/* The present generation has the keys in its workers. */
static void one_that_dies_while_signers_begin_leaves_them_alone(void **state)
{
    (void)state;
    started((const enum behaviour[]){SULKS}, 1);
    close(workers.current.keys);
    workers.current.keys = -1;
    prepare(2, 1);
    assert_int_equal(signer_life(0), CHILD_RUNNING);
    child_kill(&workers.items[0]->child);
    loop_until(&loop, workers.items[0]->child.restarts == 1);
    loop_until(&loop, workers.items[0]->child.life == CHILD_RUNNING);
    assert_int_equal(signer_life(0), CHILD_RUNNING);
    workers_abort(&workers);
    loop_until(&loop, signer_life(0) == CHILD_NONE);
}

/* ---- places ---- */

static int reserve(unsigned count, unsigned descriptors, struct err *e)
{
    struct rlimit before, few;
    const int next = dup(0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &before);
    few = (struct rlimit){(rlim_t)next + descriptors, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    const int result = workers_reserve(&workers, count, e);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    return result;
}

static void more_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    struct err e;
    started(all_good, 1);
    const unsigned before = open_descriptors();
    static const unsigned short_of[] = {3, 3 * 2 + 5}; /* counters; sockets of processes */
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(reserve(4, short_of[i], &e), -1);
        assert_non_null(strstr(e.text, "Too many open files"));
        assert_non_null(strstr(e.cure, "LimitNOFILE="));
        assert_int_equal(workers.count, 1);
        assert_int_equal(open_descriptors(), before);
    }
    assert_int_equal(reserve(1, 0, &e), 0); /* what is there needs no more */
}

static void what_was_reserved_in_vain_is_given_back(void **state)
{
    (void)state;
    struct err e;
    started(all_good, 1);
    const unsigned before = open_descriptors();
    assert_int_equal(workers_reserve(&workers, 3, &e), 0);
    assert_int_equal(open_descriptors(), before + 2 * 2);
    workers_give_back(&workers);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(workers_alive(&workers), 1);
}

/* ---- death ---- */

static void one_that_dies_has_a_successor_that_runs_what_the_others_run(void **state)
{
    (void)state;
    started(all_good, 2);
    const pid_t before = pid_of(1);
    uv_process_kill(&workers.items[1]->child.process, SIGKILL);
    loop_until(&loop, workers.items[1]->child.restarts == 1 && workers_all_committed(&workers, 1));
    assert_int_not_equal(pid_of(1), before);
    assert_int_equal(workers.items[0]->child.restarts, 0);
    assert_non_null(strstr(files_logged(), "event=worker-died"));
}

static void a_successor_is_asked_for_what_is_being_prepared(void **state)
{
    (void)state;
    started((const enum behaviour[]){GOOD, LATE}, 2);
    their_like_is_gone();
    prepare(2, 2);
    loop_until(&loop, workers.items[0]->prepared == 2);
    assert_int_equal(owner.prepared, 0);
    workers_replace_late(&workers, 2, false);
    loop_until(&loop, owner.prepared == 2);
    assert_int_equal(workers.items[0]->child.restarts, 0);
    assert_int_equal(workers.items[1]->child.restarts, 1);
}

static void those_that_die_at_once_are_not_started_without_pause(void **state)
{
    (void)state;
    start((const enum behaviour[]){DIES}, 1);
    loop_until(&loop, workers.items[0]->child.quick_deaths > 3);
    assert_true(uv_is_active((uv_handle_t *)&workers.items[0]->child.timer) ||
                workers.items[0]->child.life == CHILD_RUNNING);
    their_like_is_gone();
    loop_until(&loop, owner.committed == 1);
}

/* ---- those that are not to be believed ---- */

static void is_replaced(enum behaviour how)
{
    start((const enum behaviour[]){GOOD, how}, 2);
    loop_until(&loop, workers.items[1]->child.restarts > 0);
    assert_non_null(strstr(files_logged(), "event=worker-nonsense msg=\"worker 1 "));
    their_like_is_gone();
    loop_until(&loop, owner.committed == 1);
    assert_int_equal(owner.prepared, 0);
    assert_int_equal(workers.items[0]->child.restarts, 0);
}

#define REPLACED(name, how)                                                                        \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        is_replaced(how);                                                                          \
    }

REPLACED(one_that_knows_what_nobody_told_it_is_replaced, KNOWS_MORE)
REPLACED(one_that_says_more_than_belongs_there_is_replaced, BABBLES)
REPLACED(one_that_hands_out_descriptors_is_replaced, GIVES)
REPLACED(one_that_sends_no_message_is_replaced, GARBAGE)
REPLACED(one_that_gives_orders_is_replaced, COMMANDS)

REPLACED(one_whose_sandbox_cannot_be_is_replaced, BRAGS)
REPLACED(one_that_tells_of_its_sandbox_twice_is_replaced, REPEATS)

static void what_a_sandbox_lacks_is_logged_once_for_all(void **state)
{
    (void)state;
    start((const enum behaviour[]){LACKS, LACKS}, 2);
    loop_until(&loop, owner.committed == 1 && workers.items[0]->child.sandbox_told &&
                          workers.items[1]->child.sandbox_told);
    uv_process_kill(&workers.items[1]->child.process, SIGKILL);
    loop_until(&loop,
               workers.items[1]->child.restarts == 1 && workers.items[1]->child.sandbox_told);
    const char *line = strstr(files_logged(), "event=sandbox");
    assert_non_null(line);
    assert_non_null(strstr(line, "without Landlock"));
    assert_null(strstr(line + 1, "event=sandbox"));
    assert_int_equal(workers.items[1]->child.sandbox.seccomp, 1);
    assert_int_equal(workers.items[1]->child.sandbox.landlock, 0);
}

static void one_that_is_killed_by_its_sandbox_is_explained(void **state)
{
    (void)state;
    started(all_good, 1);
    uv_process_kill(&workers.items[0]->child.process, SIGSYS);
    loop_until(&loop, workers.items[0]->child.restarts == 1 && workers_all_committed(&workers, 1));
    assert_non_null(strstr(files_logged(), "its sandbox forbids"));
}

static void one_that_hangs_is_replaced(void **state)
{
    (void)state;
    started((const enum behaviour[]){HANGS, GOOD}, 2);
    their_like_is_gone();
    prepare(2, 2);
    loop_until(&loop, workers.items[1]->prepared == 2);
    workers.load_ms = 0;
    loop_until(&loop, workers.items[0]->child.restarts == 1);
    workers.load_ms = ENDLESS;
    loop_until(&loop, owner.prepared == 2);
    assert_int_equal(workers.items[0]->child.restarts, 1);
    assert_int_equal(workers.items[1]->child.restarts, 0);
    assert_non_null(strstr(files_logged(), "event=worker-hung"));
}

/* ---- the end ---- */

static void nobody_is_replaced_at_the_end(void **state)
{
    (void)state;
    started(all_good, 2);
    workers_end(&workers, IPC_CLOSE); /* which these do not obey */
    uv_process_kill(&workers.items[0]->child.process, SIGKILL);
    loop_until(&loop, workers_alive(&workers) == 1);
    assert_int_equal(workers.items[0]->child.restarts, 0);
    assert_int_equal(owner.gone, 0);
}

/* Its part of the sockets is nobody else's. */
static void one_that_dies_in_a_drain_has_a_successor_that_refuses(void **state)
{
    (void)state;
    started(all_good, 1);
    workers_end(&workers, IPC_DRAIN);
    loop_until(&loop, strcmp(owner.why, "draining") == 0);
    owner.why[0] = '\0';
    uv_process_kill(&workers.items[0]->child.process, SIGKILL);
    loop_until(&loop, workers.items[0]->child.restarts == 1 && workers_all_committed(&workers, 1));
    assert_string_equal(owner.why, "draining");
    assert_int_equal(owner.gone, 0);
    assert_non_null(strstr(files_logged(), "event=worker-died"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "worker") == 0)
        return work((unsigned)atoi(argv[2]));
    if (argc == 3 && strcmp(argv[1], "signer") == 0)
        return sign();
    if (argc > 1)
        return 99; /* whoever this is to be, it must not run these tests, and so start more of them
                    */
    const struct CMUnitTest tests[] = {
        TEST(a_generation_is_prepared_and_committed_when_all_have_said_so),
        TEST(a_refusal_comes_with_its_reason_and_the_old_stays),
        TEST(more_are_started_and_fewer_retired),
        TEST(all_names_are_told_of_also_where_they_fill_a_message),
        TEST(each_has_a_signer_that_goes_with_it),
        TEST(signers_of_a_generation_that_will_not_be_are_dismissed),
        TEST(who_asks_for_its_signer_gets_a_socket_to_it),
        TEST(one_that_retires_is_called_back),
        TEST(one_that_is_not_called_back_after_all_goes_on_retiring),
        TEST(one_that_ends_instead_has_a_successor),
        TEST(one_that_dies_while_signers_begin_leaves_them_alone),
        TEST(more_than_there_is_room_for_are_refused),
        TEST(what_was_reserved_in_vain_is_given_back),
        TEST(one_that_dies_has_a_successor_that_runs_what_the_others_run),
        TEST(a_successor_is_asked_for_what_is_being_prepared),
        TEST(those_that_die_at_once_are_not_started_without_pause),
        TEST(one_that_knows_what_nobody_told_it_is_replaced),
        TEST(one_that_says_more_than_belongs_there_is_replaced),
        TEST(one_that_hands_out_descriptors_is_replaced),
        TEST(one_that_sends_no_message_is_replaced),
        TEST(one_that_gives_orders_is_replaced),
        TEST(one_whose_sandbox_cannot_be_is_replaced),
        TEST(one_that_tells_of_its_sandbox_twice_is_replaced),
        TEST(what_a_sandbox_lacks_is_logged_once_for_all),
        TEST(one_that_is_killed_by_its_sandbox_is_explained),
        TEST(one_that_hangs_is_replaced),
        TEST(nobody_is_replaced_at_the_end),
        TEST(one_that_dies_in_a_drain_has_a_successor_that_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
