/* test_upgrade.c - from the request to the exec, with a rehearsal that does what the test says: it
 * is this program, and the name of the configuration tells it how to behave. The linker puts an
 * exec below that only takes notes. */
#include "proxy/base/exits.h"
#include "proxy/supervisor/takeover.h"
#include "proxy/supervisor/upgrade.h"
#include "tests/support/files.h"
#include "tests/support/loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>

/* ---- the rehearsal ---- */

static void report(int to, enum ipc_type type, bool bundle, size_t size)
{
    static struct ipc_message m;
    static const struct ipc_rehearsed is = {.version = "9.9.9", .text = "of test"};
    ipc_begin(&m, type, 0);
    ipc_append(&m, &is, size);
    m.fds[0] = memfd_create("bundle", MFD_CLOEXEC);
    m.fd_count = bundle;
    ipc_send(to, &m);
    close(m.fds[0]);
}

static int stay(int audience)
{
    poll(&(struct pollfd){.fd = audience, .events = POLLIN}, 1, -1);
    return 0;
}

static int act(const char *how, int audience)
{
    if (strcmp(how, "mistake") == 0) {
        fputs("a.conf:3: error: no such key\n", stderr);
        return EXIT_CONFIGURATION;
    }
    if (strcmp(how, "bare") == 0) {
        fputs("a.conf:3: error: no such key", stderr);
        return EXIT_CONFIGURATION;
    }
    if (strcmp(how, "usage") == 0)
        return EXIT_USAGE;
    if (strcmp(how, "crash") == 0)
        return raise(SIGKILL);
    if (strcmp(how, "chatter") == 0)
        for (int i = 0; i < 100000; i++)
            fputs("and on and on\n", stderr);
    if (strcmp(how, "type") == 0)
        report(audience, IPC_PREPARED, true, sizeof(struct ipc_rehearsed));
    else if (strcmp(how, "size") == 0)
        report(audience, IPC_REHEARSED, true, sizeof(struct ipc_rehearsed) - 1);
    else if (strcmp(how, "bundle") == 0)
        report(audience, IPC_REHEARSED, false, sizeof(struct ipc_rehearsed));
    else if (strcmp(how, "hang") != 0)
        report(audience, IPC_REHEARSED, true, sizeof(struct ipc_rehearsed));
    return stay(audience);
}

/* As `tlsfront run --state=N -c HOW`. */
static int rehearse(char **argv)
{
    struct handover h;
    struct err e;
    const int state = atoi(argv[2] + strlen("--state="));
    if (handover_from_fd(state, &h, &e) != 0 || h.rehearsal < 0 || fcntl(h.bundle, F_GETFD) != 0)
        return 98;
    const int status = act(argv[4], h.rehearsal);
    handover_free(&h);
    return status;
}

/* ---- the exec ---- */

static struct {
    unsigned count;
    char file[64], argv[5][64];
    struct handover state;
    bool inheritable, blocked;
} execution;

int __wrap_execve(const char *file, char *const argv[], char *const envp[]);

static void look(void *arg, int *fd)
{
    (void)arg;
    execution.inheritable &= fcntl(*fd, F_GETFD) == 0;
}

int __wrap_execve(const char *file, char *const argv[], char *const envp[])
{
    struct err e;
    sigset_t set;
    (void)envp;
    execution.count++;
    snprintf(execution.file, sizeof execution.file, "%s", file);
    for (int i = 0; i < 5; i++)
        snprintf(execution.argv[i], sizeof execution.argv[i], "%s", argv[i]);
    assert_null(argv[5]);
    const int state = atoi(argv[2] + strlen("--state="));
    assert_int_equal(handover_from_fd(state, &execution.state, &e), 0);
    execution.inheritable = true;
    look(NULL, &(int){state});
    handover_descriptors(&execution.state, look, NULL);
    sigprocmask(SIG_SETMASK, NULL, &set);
    execution.blocked = sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGSEGV) == 0;
    errno = ENOEXEC;
    return -1;
}

/* ---- who asks ---- */

struct control_request {
    int status; /* -1: not answered yet */
    char text[20000];
};

static int caller;

void control_answer(struct control_request *request, int status, const struct buf *text)
{
    assert_int_equal(request->status, -1); /* each once */
    request->status = status;
    snprintf(request->text, sizeof request->text, "%.*s", (int)text->size,
             (const char *)text->data);
}

int control_caller_fd(const struct control_request *r)
{
    (void)r;
    return caller;
}

/* ---- the owner ---- */

static struct {
    uint32_t settled;
    unsigned begun, refused, reloads;
    bool held, reload_waits, reload_lasts, fails;
    int bundle, control;
} owner;

static uv_loop_t loop;
static struct log logger;
static struct upgrade upgrade;
static char program[PATH_MAX];
static unsigned descriptors;

static int give(void *arg, struct handover *h, struct err *e)
{
    (void)arg;
    if (owner.fails)
        return err_set(e, "nothing to give");
    h->bundle = owner.bundle;
    h->control = owner.control;
    h->control_path = strdup("/run/c.sock");
    return 0;
}

static uint32_t settled(void *arg)
{
    (void)arg;
    return owner.reload_lasts && !owner.held ? 0 : owner.settled;
}

/* A reload that waits takes place at once. */
static void hold(void *arg, bool held)
{
    (void)arg;
    owner.held = held;
    if (held || !owner.reload_waits)
        return;
    owner.reload_waits = owner.reloads > 1;
    owner.reloads -= owner.reloads > 0;
    owner.settled++;
}

static void begun(void *arg)
{
    (void)arg;
    owner.begun++;
}

static void refused(void *arg, const char *why)
{
    (void)arg;
    assert_true(*why != '\0');
    owner.refused++;
}

static const struct upgrade_events events = {give, settled, hold, begun, refused};

/* ---- the stage ---- */

static int begin(void **state)
{
    (void)state;
    memset(&owner, 0, sizeof owner);
    memset(&execution, 0, sizeof execution);
    owner.settled = 7;
    owner.bundle = memfd_create("in-service", MFD_CLOEXEC);
    owner.control = memfd_create("control", MFD_CLOEXEC);
    caller = memfd_create("caller", MFD_CLOEXEC);
    files_begin(&logger);
    uv_loop_init(&loop);
    const ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n > 0 ? n : 0] = '\0';
    upgrade =
        (struct upgrade){.loop = &loop, .log = &logger, .events = &events, .program = program};
    upgrade_init(&upgrade);
    return 0;
}

static int end(void **state)
{
    (void)state;
    upgrade_close(&upgrade);
    loop_end(&loop);
    upgrade_free(&upgrade);
    handover_free(&execution.state);
    close(owner.bundle);
    close(owner.control);
    close(caller);
    files_end(&logger);
    return 0;
}

static struct control_request asks(const char *how)
{
    upgrade.configuration = how;
    descriptors = open_descriptors();
    return (struct control_request){.status = -1};
}

/* Refused, and all is as it was. */
static void assert_over(const struct control_request *r, int status, const char *why)
{
    loop_until(&loop, upgrade.stage == UPGRADE_IDLE);
    assert_int_equal(r->status, status);
    assert_non_null(strstr(r->text, why));
    assert_non_null(strstr(r->text, "upgrade refused: "));
    assert_int_equal(owner.refused, 1);
    assert_false(owner.held);
    assert_non_null(strstr(files_logged(), "event=upgrade-refused"));
    assert_in_range(open_descriptors(), 0, descriptors + 2); /* libuv's own, with its first child */
}

static void refuse(const char *how, int status, const char *why)
{
    struct control_request r = asks(how);
    upgrade_request(&upgrade, &r, 20);
    assert_over(&r, status, why);
    assert_int_equal(execution.count, 0);
}

/* ---- all is well ---- */

static void what_was_rehearsed_is_executed(void **state)
{
    (void)state;
    struct control_request r = asks("good");
    upgrade_request(&upgrade, &r, 20);
    assert_int_equal(owner.begun, 1);
    assert_true(owner.held);
    loop_until(&loop, execution.count == 1);
    assert_int_equal(strncmp(execution.file, "/proc/self/fd/", 14), 0);
    assert_string_equal(execution.argv[0], "tlsfront");
    assert_string_equal(execution.argv[1], "run");
    assert_string_equal(execution.argv[3], "-c");
    assert_string_equal(execution.argv[4], "good");
    assert_true(execution.blocked);
    assert_true(execution.inheritable);
    assert_string_equal(execution.state.program, program);
    assert_int_equal(execution.state.bundle, owner.bundle);
    assert_int_equal(execution.state.rehearsal, -1);
    assert_true(execution.state.next >= 0); /* which the rehearsal has read */
    assert_int_equal(execution.state.patience_s, 20);
    assert_int_equal(execution.state.leaver_count, 1);
    assert_int_equal(execution.state.callers[0].fd, caller);
    assert_true(execution.state.callers[0].waits);
    assert_over(&r, EXIT_RUNTIME, "cannot be executed: Exec format error");
    assert_int_equal(fcntl(owner.control, F_GETFD), FD_CLOEXEC);
}

static void nobody_needs_to_wait_for_it(void **state)
{
    (void)state;
    (void)asks("good");
    upgrade_request(&upgrade, NULL, 20);
    loop_until(&loop, execution.count == 1);
    assert_int_equal(execution.state.caller_count, 0);
}

/* ---- the rehearsal is not well ---- */

static void a_mistake_in_the_configuration_is_told(void **state)
{
    (void)state;
    refuse("mistake", EXIT_CONFIGURATION, "a.conf:3: error: no such key\n");
}

static void a_last_line_without_its_end_is_logged_whole(void **state)
{
    (void)state;
    struct control_request r = asks("bare");
    upgrade_request(&upgrade, &r, 20);
    loop_until(&loop, upgrade.stage == UPGRADE_IDLE);
    assert_non_null(strstr(files_logged(), "msg=\"a.conf:3: error: no such key\""));
}

static void one_that_knows_no_upgrade_is_told(void **state)
{
    (void)state;
    refuse("usage", EXIT_RUNTIME, "cannot take over from a running daemon");
}

static void one_that_is_killed_is_told(void **state)
{
    (void)state;
    refuse("crash", EXIT_RUNTIME, "was killed by signal 9");
}

static void one_that_hangs_is_told_in_time(void **state)
{
    (void)state;
    struct control_request r = asks("hang");
    upgrade_request(&upgrade, &r, 1);
    assert_over(&r, EXIT_RUNTIME, "did not get ready within 1 seconds");
}

/* The reload has limits of its own. */
static void one_that_was_ready_may_have_to_wait_for_a_reload(void **state)
{
    (void)state;
    (void)asks("good");
    upgrade_request(&upgrade, NULL, 1);
    owner.reload_lasts = true;
    loop_until(&loop, upgrade.stage == UPGRADE_REHEARSED);
    assert_false(uv_is_active((uv_handle_t *)&upgrade.limit));
    owner.reload_lasts = false;
    upgrade_poke(&upgrade);
    loop_until(&loop, execution.count == 1);
}

static void one_that_talks_without_end_is_still_heard(void **state)
{
    (void)state;
    (void)asks("chatter");
    upgrade_request(&upgrade, NULL, 20);
    loop_until(&loop, execution.count == 1);
}

static void what_no_rehearsal_says_is_refused(void **state)
{
    (void)state;
    refuse("type", EXIT_RUNTIME, "says what no rehearsal says");
    owner.refused = 0;
    refuse("size", EXIT_RUNTIME, "says what no rehearsal says");
    owner.refused = 0;
    refuse("bundle", EXIT_RUNTIME, "says what no rehearsal says");
}

static void what_is_no_program_is_not_started(void **state)
{
    (void)state;
    char path[80];
    files_save("text", "echo this is for a shell\n");
    files_path("text", path);
    upgrade.program = path;
    refuse("good", EXIT_RUNTIME, "is no program");
    owner.refused = 0;
    upgrade.program = "/dev/null";
    refuse("good", EXIT_RUNTIME, "is no program");
    owner.refused = 0;
    upgrade.program = "/nowhere/tlsfront";
    refuse("good", EXIT_RUNTIME, "No such file or directory");
}

static void what_cannot_be_given_is_not_rehearsed(void **state)
{
    (void)state;
    owner.fails = true;
    refuse("good", EXIT_RUNTIME, "nothing to give");
}

/* ---- reloads ---- */

static void it_waits_for_a_reload_that_is_under_way(void **state)
{
    (void)state;
    struct control_request r = asks("good");
    owner.settled = 0;
    upgrade_request(&upgrade, &r, 20);
    upgrade_poke(&upgrade);
    assert_int_equal(upgrade.stage, UPGRADE_WAITING);
    assert_false(owner.held);
    owner.settled = 8;
    upgrade_poke(&upgrade);
    loop_until(&loop, execution.count == 1);
    assert_int_equal(upgrade.generation, 8);
}

static void what_was_reloaded_meanwhile_is_rehearsed_again(void **state)
{
    (void)state;
    struct control_request r = asks("good");
    upgrade_request(&upgrade, &r, 20);
    owner.reload_waits = true;
    loop_until(&loop, execution.count == 1);
    assert_int_equal(owner.settled, 8);
    assert_int_equal(upgrade.rounds, 1);
    assert_int_equal(upgrade.generation, 8);
}

static void it_does_not_run_after_reloads_for_ever(void **state)
{
    (void)state;
    struct control_request r = asks("good");
    upgrade_request(&upgrade, &r, 20);
    owner.reload_waits = true;
    owner.reloads = 100;
    assert_over(&r, EXIT_RUNTIME, "one reload follows the other");
    assert_int_equal(execution.count, 0);
}

/* ---- others ---- */

static void a_second_is_refused_and_the_first_goes_on(void **state)
{
    (void)state;
    struct control_request first = asks("good"), second = {.status = -1};
    upgrade_request(&upgrade, &first, 20);
    upgrade_request(&upgrade, &second, 20);
    assert_int_equal(second.status, EXIT_RUNTIME);
    assert_non_null(strstr(second.text, "another one is under way"));
    assert_int_equal(first.status, -1);
    loop_until(&loop, execution.count == 1);
}

static void a_daemon_that_goes_down_answers(void **state)
{
    (void)state;
    struct control_request r = asks("hang");
    upgrade_request(&upgrade, &r, 20);
    upgrade_cancel(&upgrade);
    assert_int_equal(r.status, EXIT_RUNTIME);
    assert_non_null(strstr(r.text, "the daemon is going down"));
    loop_until(&loop, upgrade.stage == UPGRADE_IDLE);
    assert_false(owner.held);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "run") == 0)
        return rehearse(argv);
    if (argc > 1)
        return 99; /* whoever this is to be, it must not run these tests, and so start more of them
                    */
    const struct CMUnitTest tests[] = {
        TEST(what_was_rehearsed_is_executed),
        TEST(nobody_needs_to_wait_for_it),
        TEST(a_mistake_in_the_configuration_is_told),
        TEST(a_last_line_without_its_end_is_logged_whole),
        TEST(one_that_knows_no_upgrade_is_told),
        TEST(one_that_is_killed_is_told),
        TEST(one_that_hangs_is_told_in_time),
        TEST(one_that_was_ready_may_have_to_wait_for_a_reload),
        TEST(one_that_talks_without_end_is_still_heard),
        TEST(what_no_rehearsal_says_is_refused),
        TEST(what_is_no_program_is_not_started),
        TEST(what_cannot_be_given_is_not_rehearsed),
        TEST(it_waits_for_a_reload_that_is_under_way),
        TEST(what_was_reloaded_meanwhile_is_rehearsed_again),
        TEST(it_does_not_run_after_reloads_for_ever),
        TEST(a_second_is_refused_and_the_first_goes_on),
        TEST(a_daemon_that_goes_down_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
