/* test_orders.c - a worker, in a process of its own, that this test is the supervisor of: what it
 * does and answers to every order, and to orders that no supervisor gives. */
#include "config/bundle.h"
#include "proxy/base/exits.h"
#include "proxy/ipc/ipc.h"
#include "proxy/sandbox/sandbox.h"
#include "proxy/worker/worker.h"
#include "tests/support/unit.h"
#include "tls/tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* Far more than any of these tests needs; it only ends those that would hang. */
enum { TIMEOUT_MS = 20000, IPC = 3 };

struct fixture {
    pid_t worker;
    int ipc, log, shared;
    struct worker_counters *counters;
    struct sockaddr_in at;
    struct ipc_message m;
    char lines[20000];
};

/* ---- the worker's life ---- */

static void run_worker(int ipc, int log)
{
    dup2(log, STDERR_FILENO);
    if (ipc != IPC)
        dup2(ipc, IPC);
    _exit(worker_run(0));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err e;
    int pair[2], lines[2];
    *state = f;
    f->shared = counters_create(&e);
    f->counters = counters_map_other(f->shared);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 ||
        pipe2(lines, O_CLOEXEC | O_NONBLOCK) != 0 || (f->worker = fork()) < 0)
        return -1;
    if (f->worker == 0)
        run_worker(pair[1], lines[1]);
    close(pair[1]);
    close(lines[1]);
    f->ipc = pair[0];
    f->log = lines[0];
    return 0;
}

static int wait_for_end(struct fixture *f)
{
    int status = 0;
    for (int spent = 0; waitpid(f->worker, &status, WNOHANG) == 0; spent++) {
        if (spent > TIMEOUT_MS)
            fail_msg("the worker does not end");
        usleep(1000);
    }
    f->worker = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close(f->ipc);
    if (f->worker > 0)
        assert_int_equal(wait_for_end(f), 0); /* without a supervisor it goes */
    close(f->log);
    counters_unmap(f->counters);
    close(f->shared);
    free(f);
    return 0;
}

/* ---- talking ---- */

static void order(struct fixture *f, enum ipc_type type, uint32_t generation, const void *data,
                  size_t size, int fd)
{
    ipc_begin(&f->m, type, generation);
    ipc_append(&f->m, data, size);
    f->m.fd_count = fd >= 0;
    f->m.fds[0] = fd;
    assert_int_equal(ipc_send(f->ipc, &f->m), 0);
}

static void plain_order(struct fixture *f, enum ipc_type type, uint32_t generation)
{
    order(f, type, generation, "", 0, -1);
}

/* Its next message is of that kind; the generation in it. */
static uint32_t hear(struct fixture *f, enum ipc_type type)
{
    struct pollfd wait = {.fd = f->ipc, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, TIMEOUT_MS), 1);
    assert_int_equal(ipc_receive(f->ipc, &f->m), 1);
    assert_int_equal(f->m.type, type);
    return f->m.generation;
}

static void answers(struct fixture *f, enum ipc_type type, uint32_t generation)
{
    assert_int_equal(hear(f, type), generation);
}

/* It has done all that was ordered so far, and has said nothing; the oldest generation that it
 * holds. */
static uint32_t is_silent(struct fixture *f)
{
    plain_order(f, IPC_PING, 0);
    return hear(f, IPC_PONG);
}

static bool logs(struct fixture *f, const char *word)
{
    const size_t size = strlen(f->lines);
    const ssize_t n = read(f->log, f->lines + size, sizeof f->lines - 1 - size);
    f->lines[size + (n > 0 ? (size_t)n : 0)] = '\0';
    return strstr(f->lines, word) != NULL;
}

static void hello(struct fixture *f)
{
    const struct ipc_hello h = {.drop_privileges = 0};
    struct sandbox_state sandbox = {.seccomp = 1, .landlock = 1};
    order(f, IPC_HELLO, 0, &h, sizeof h, f->shared);
    answers(f, IPC_SANDBOX, 0);
    assert_true(ipc_take(&f->m, &sandbox, sizeof sandbox));
    assert_int_equal(sandbox.seccomp + sandbox.landlock, 0); /* it was not told to enter one */
}

static void prepare_text(struct fixture *f, uint32_t generation, const char *text)
{
    static struct ipc_prepare p = {.worker_count = 1};
    struct err e;
    struct bundle *b = bundle_new();
    bundle_add(b, BUNDLE_TEXT, "/t.conf", text, strlen(text), NULL);
    const int fd = bundle_to_fd(b, &e);
    order(f, IPC_PREPARE, generation, &p, sizeof p, fd);
    close(fd);
    bundle_free(b);
}

static void prepare(struct fixture *f, uint32_t generation)
{
    prepare_text(f, generation,
                 "route http { listen = \"127.0.0.1:80\" protocol = acme tls = off\n"
                 "  challenges = \"/usr\" }\n");
}

static void listeners(struct fixture *f, uint32_t generation)
{
    const struct ipc_listener l = {0};
    socklen_t size = sizeof f->at;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    f->at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&f->at, sizeof f->at), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&f->at, &size), 0);
    order(f, IPC_LISTENERS, generation, &l, sizeof l, fd);
    close(fd);
}

static void serve(struct fixture *f, uint32_t generation)
{
    prepare(f, generation);
    listeners(f, generation);
    plain_order(f, IPC_READY, generation);
    answers(f, IPC_PREPARED, generation);
    plain_order(f, IPC_COMMIT, generation);
    answers(f, IPC_COMMITTED, generation);
}

/* A client that says nothing yet; -1: nobody listens. */
static int client(const struct fixture *f)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&f->at, sizeof f->at) == 0)
        return fd;
    close(fd);
    return -1;
}

static void wait_for_active(const struct fixture *f, uint64_t count)
{
    for (int spent = 0; counter_get(&f->counters->route[0].active) != count; spent++) {
        assert_in_range(spent, 0, TIMEOUT_MS);
        usleep(1000);
    }
}

static void is_served(const struct fixture *f)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    char answer[12];
    const int fd = client(f);
    assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
    assert_int_equal(recv(fd, answer, sizeof answer, MSG_WAITALL), sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 404", sizeof answer);
    close(fd);
}

/* ---- what a supervisor does ---- */

static void it_serves_a_generation_once_that_is_committed(void **state)
{
    struct fixture *f = *state;
    hello(f);
    serve(f, 1);
    is_served(f);
    wait_for_active(f, 0);
}

static void a_second_generation_takes_over(void **state)
{
    struct fixture *f = *state;
    hello(f);
    serve(f, 1);
    const struct sockaddr_in old = f->at;
    serve(f, 2);
    is_served(f);
    f->at = old;
    assert_int_equal(client(f), -1);
}

/* In a turn of the loop that follows on the end of what held the others. */
static void holds(struct fixture *f, uint32_t oldest)
{
    for (int spent = 0; is_silent(f) != oldest; spent++) {
        assert_in_range(spent, 0, TIMEOUT_MS);
        usleep(1000);
    }
}

static void it_says_which_generation_is_the_oldest_that_a_session_has(void **state)
{
    struct fixture *f = *state;
    hello(f);
    assert_int_equal(is_silent(f), 0);
    serve(f, 1);
    const int fd = client(f);
    wait_for_active(f, 1);
    for (uint32_t i = 2; i < 5; i++)
        serve(f, i);
    assert_int_equal(is_silent(f), 1);
    close(fd);
    holds(f, 4);
    prepare(f, 5);
    plain_order(f, IPC_ABORT, 5);
    assert_int_equal(is_silent(f), 4);
}

static void a_generation_that_is_given_up_is_forgotten(void **state)
{
    struct fixture *f = *state;
    hello(f);
    serve(f, 1);
    const struct sockaddr_in first = f->at;
    prepare(f, 2);
    listeners(f, 2);
    plain_order(f, IPC_ABORT, 2);
    plain_order(f, IPC_READY, 2);
    plain_order(f, IPC_COMMIT, 2);
    is_silent(f);
    assert_int_equal(client(f), -1);
    f->at = first;
    is_served(f);
}

static void what_does_not_load_is_refused_with_the_reason(void **state)
{
    struct fixture *f = *state;
    char why[1000];
    hello(f);
    prepare_text(f, 1, "route x { nonsense = 1 }\n");
    answers(f, IPC_REFUSED, 1);
    assert_true(ipc_take_text(&f->m, why, sizeof why));
    assert_non_null(strstr(why, "nonsense"));
    plain_order(f, IPC_READY, 1); /* it was refused before */
    is_silent(f);
    serve(f, 2);
}

static void orders_about_other_generations_are_passed_over(void **state)
{
    struct fixture *f = *state;
    const struct ipc_address address = {.target = 77, .upstream = 78};
    hello(f);
    plain_order(f, IPC_READY, 7);
    plain_order(f, IPC_COMMIT, 7);
    listeners(f, 7);
    order(f, IPC_ADDRESSES, 7, &address, sizeof address, -1);
    is_silent(f);
    serve(f, 1);
    order(f, IPC_ADDRESSES, 1, &address, sizeof address, -1); /* of a route that there is not */
    is_silent(f);
    is_served(f);
}

static void a_worker_that_drains_refuses_newcomers(void **state)
{
    struct fixture *f = *state;
    static const char refusal[] = "HTTP/1.1 503";
    char answer[sizeof refusal - 1];
    hello(f);
    serve(f, 1);
    plain_order(f, IPC_DRAIN, 0);
    is_silent(f);
    const int fd = client(f);
    assert_int_equal(recv(fd, answer, sizeof answer, MSG_WAITALL), sizeof answer);
    assert_memory_equal(answer, refusal, sizeof answer);
    close(fd);
}

static void a_retired_worker_ends_with_its_last_session(void **state)
{
    struct fixture *f = *state;
    hello(f);
    serve(f, 1);
    const int inside = client(f);
    wait_for_active(f, 1);
    plain_order(f, IPC_RETIRE, 0);
    is_silent(f);
    assert_int_equal(client(f), -1);
    close(inside);
    assert_int_equal(wait_for_end(f), 0);
}

static void a_retired_worker_without_sessions_ends_at_once(void **state)
{
    struct fixture *f = *state;
    hello(f);
    serve(f, 1);
    plain_order(f, IPC_RETIRE, 0);
    assert_int_equal(wait_for_end(f), 0);
}

/* Whoever waits in the queue when the doors close had been let in by the kernel. */
static void a_worker_that_closes_serves_those_who_wait_and_ends(void **state)
{
    struct fixture *f = *state;
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    char answer[12];
    hello(f);
    serve(f, 1);
    kill(f->worker, SIGSTOP);
    plain_order(f, IPC_CLOSE, 0);
    const int first = client(f), second = client(f);
    kill(f->worker, SIGCONT);
    wait_for_active(f, 2);
    is_silent(f);
    assert_int_equal(client(f), -1);
    assert_int_equal(write(first, request, sizeof request - 1), sizeof request - 1);
    assert_int_equal(recv(first, answer, sizeof answer, MSG_WAITALL), sizeof answer);
    assert_memory_equal(answer, "HTTP/1.1 404", sizeof answer);
    close(first);
    close(second);
    assert_int_equal(wait_for_end(f), 0);
}

static void a_stop_ends_sessions_and_worker(void **state)
{
    struct fixture *f = *state;
    char byte;
    hello(f);
    serve(f, 1);
    const int inside = client(f);
    wait_for_active(f, 1);
    plain_order(f, IPC_STOP, 0);
    assert_int_equal(wait_for_end(f), 0);
    assert_int_equal(recv(inside, &byte, 1, 0), 0);
    assert_int_equal(counter_get(&f->counters->route[0].active), 0);
    close(inside);
}

static void a_worker_does_not_outlive_its_supervisor(void **state)
{
    struct fixture *f = *state;
    hello(f);
    serve(f, 1);
    shutdown(f->ipc, SHUT_RDWR);
    assert_int_equal(wait_for_end(f), 0);
}

static void keys_and_counters_of_others_are_taken(void **state)
{
    struct fixture *f = *state;
    static struct tls_ticket_keys keys = {.count = 1};
    const struct ipc_counters of = {.part = 1}, wild = {.part = 70000};
    struct err e;
    const int other = counters_create(&e), reader = counters_reader(other);
    hello(f);
    order(f, IPC_TICKETS, 0, &keys, sizeof keys, -1);
    order(f, IPC_COUNTERS, 0, &of, sizeof of, reader);
    order(f, IPC_COUNTERS, 0, &of, sizeof of, reader); /* known */
    order(f, IPC_COUNTERS, 0, &wild, sizeof wild, reader);
    is_silent(f);
    serve(f, 1);
    is_served(f);
    close(other);
    close(reader);
}

static void lines_go_where_the_supervisor_says(void **state)
{
    struct fixture *f = *state;
    const enum config_log_target target = LOG_TARGET_FILE;
    int lines[2];
    assert_int_equal(pipe2(lines, O_CLOEXEC | O_NONBLOCK), 0);
    hello(f);
    order(f, IPC_LOG, 0, &target, sizeof target, lines[1]);
    close(lines[1]);
    serve(f, 1);
    is_served(f);
    wait_for_active(f, 0);
    assert_false(logs(f, "event=end"));
    close(f->log);
    f->log = lines[0];
    assert_true(logs(f, "event=end"));
}

/* ---- without descriptors ---- */

/* None of the numbers above those of the standard streams and its socket, or again as many as it
 * had. Both limits are the worker's. */
static void descriptors_run_out(const struct fixture *f, bool out)
{
    struct rlimit limit;
    assert_int_equal(prlimit(f->worker, RLIMIT_NOFILE, NULL, &limit), 0);
    limit.rlim_cur = out ? IPC + 1 : limit.rlim_max;
    assert_int_equal(prlimit(f->worker, RLIMIT_NOFILE, &limit, NULL), 0);
}

static void is_refused_for_files(struct fixture *f, uint32_t generation)
{
    char why[300];
    answers(f, IPC_REFUSED, generation);
    assert_true(ipc_take_text(&f->m, why, sizeof why));
    assert_non_null(strstr(why, "no descriptors left"));
    assert_non_null(strstr(why, "LimitNOFILE"));
}

static void a_generation_for_which_descriptors_are_missing_is_refused(void **state)
{
    struct fixture *f = *state;
    hello(f);
    serve(f, 1);
    const struct sockaddr_in first = f->at;
    descriptors_run_out(f, true);
    prepare(f, 2);
    is_refused_for_files(f, 2);
    listeners(f, 2);
    plain_order(f, IPC_READY, 2);
    is_silent(f);
    descriptors_run_out(f, false);
    prepare(f, 3);
    is_silent(f);
    descriptors_run_out(f, true);
    listeners(f, 3);
    is_refused_for_files(f, 3);
    descriptors_run_out(f, false);
    f->at = first;
    is_served(f);
    serve(f, 4);
    is_served(f);
}

static void without_descriptors_it_goes_on_with_what_it_has(void **state)
{
    static const enum config_log_target target = LOG_TARGET_FILE;
    static const struct ipc_counters of = {.part = 1};
    struct fixture *f = *state;
    hello(f);
    serve(f, 1);
    descriptors_run_out(f, true);
    order(f, IPC_LOG, 0, &target, sizeof target, f->ipc);
    order(f, IPC_COUNTERS, 0, &of, sizeof of, f->shared);
    order(f, IPC_SIGNER, 0, "", 0, f->ipc);
    is_silent(f);
    descriptors_run_out(f, false);
    assert_true(logs(f, "event=out-of-descriptors msg=\"the log stays where it was; raise the"));
    assert_true(logs(f, "the counters of other workers cannot be read"));
    assert_true(logs(f, "the signer cannot be reached"));
    is_served(f);
}

/* ---- what none does ---- */

static void an_order_that_is_not_understood_is_told_and_ends_it(void **state)
{
    static const enum ipc_type kinds[] = {IPC_HELLO,   IPC_COUNTERS,  IPC_LOG,      IPC_TICKETS,
                                          IPC_PREPARE, IPC_LISTENERS, IPC_ADDRESSES};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct fixture *f = *state;
        order(f, kinds[i], 1, "x", 1, -1);
        assert_int_equal(wait_for_end(f), 0);
        if (!logs(f, "event=worker-failed") || !logs(f, "is not understood"))
            fail_msg("an order of kind %d is not told: %s", (int)kinds[i], f->lines);
        teardown(state);
        assert_int_equal(setup(state), 0);
    }
}

static void a_hello_without_counters_is_not_understood(void **state)
{
    struct fixture *f = *state;
    const struct ipc_hello h = {0};
    order(f, IPC_HELLO, 0, &h, sizeof h, -1);
    assert_int_equal(wait_for_end(f), 0);
    assert_true(logs(f, "is not understood"));
}

static void what_only_workers_say_is_passed_over(void **state)
{
    static const enum ipc_type kinds[] = {IPC_PREPARED, IPC_REFUSED, IPC_COMMITTED,
                                          IPC_CHALLENGE_QUERY, IPC_PONG};
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(kinds); i++)
        plain_order(f, kinds[i], 1);
    is_silent(f);
}

static void an_answer_that_nobody_waits_for_is_passed_over(void **state)
{
    static struct ipc_challenge_answer answer = {.serial = 4711};
    struct fixture *f = *state;
    hello(f);
    order(f, IPC_CHALLENGE_ANSWER, 0, &answer, sizeof answer, -1);
    order(f, IPC_CHALLENGE_ANSWER, 0, "x", 1, -1);
    is_silent(f);
}

static void called_by_hand_it_refuses(void **state)
{
    (void)state;
    const pid_t child = fork();
    int status;
    if (child == 0) {
        close(IPC);
        _exit(worker_run(0));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_USAGE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_serves_a_generation_once_that_is_committed),
        CASE(a_second_generation_takes_over),
        CASE(it_says_which_generation_is_the_oldest_that_a_session_has),
        CASE(a_generation_that_is_given_up_is_forgotten),
        CASE(what_does_not_load_is_refused_with_the_reason),
        CASE(orders_about_other_generations_are_passed_over),
        CASE(a_worker_that_drains_refuses_newcomers),
        CASE(a_retired_worker_ends_with_its_last_session),
        CASE(a_worker_that_closes_serves_those_who_wait_and_ends),
        CASE(a_retired_worker_without_sessions_ends_at_once),
        CASE(a_stop_ends_sessions_and_worker),
        CASE(a_worker_does_not_outlive_its_supervisor),
        CASE(keys_and_counters_of_others_are_taken),
        CASE(lines_go_where_the_supervisor_says),
        CASE(a_generation_for_which_descriptors_are_missing_is_refused),
        CASE(without_descriptors_it_goes_on_with_what_it_has),
        CASE(an_order_that_is_not_understood_is_told_and_ends_it),
        CASE(a_hello_without_counters_is_not_understood),
        CASE(what_only_workers_say_is_passed_over),
        CASE(an_answer_that_nobody_waits_for_is_passed_over),
        cmocka_unit_test(called_by_hand_it_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
