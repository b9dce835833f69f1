/* test_child.c - a process that is started, greeted, listened to, replaced and ended. It is this
 * program: child.c starts /proc/self/exe, and here that behaves as its greeting says. The linker
 * puts a clock below that goes ten times as fast, a door that does not always open, and a kernel
 * that is mean with room. */
#include "proxy/supervisor/child.h"
#include "tests/support/files.h"
#include "tests/support/loop.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);
int __real_uv_spawn(uv_loop_t *loop, uv_process_t *process, const uv_process_options_t *options);
int __wrap_uv_spawn(uv_loop_t *loop, uv_process_t *process, const uv_process_options_t *options);

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    enum { FASTER = 10 };
    return __real_uv_timer_start(timer, cb, timeout / FASTER, repeat / FASTER);
}

static unsigned spawns_that_fail;

int __wrap_uv_spawn(uv_loop_t *loop, uv_process_t *process, const uv_process_options_t *options)
{
    uv_process_options_t changed = *options;
    if (spawns_that_fail > 0) {
        spawns_that_fail--;
        changed.file = "/nowhere/tlsfront";
    }
    return __real_uv_spawn(loop, process, &changed);
}

int __real_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size);

/* Two full messages, say. */
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    static const int little = 65536;
    assert_true(level == SOL_SOCKET && option == SO_SNDBUF && size == sizeof little);
    (void)value;
    return __real_setsockopt(fd, level, option, &little, size);
}

/* ---- what the process does ---- */

enum behaviour {
    GOOD,
    SILENT,   /* reads nothing any more */
    DIES,     /* at once */
    BABBLES,  /* what no process of its kind says */
    GIVES,    /* a descriptor */
    GARBAGE,  /* no message at all */
    LIVELY,   /* an answer with more than belongs there */
    CLOSES,   /* its end, and lives on */
    COMPLAINS /* which its owner has it replaced for */
};

static struct ipc_message message;

static void say(enum ipc_type type, const char *text)
{
    ipc_begin(&message, type, 0);
    ipc_append(&message, text, strlen(text));
    ipc_send(3, &message);
}

static void give(void)
{
    ipc_begin(&message, IPC_PREPARED, 0);
    message.fds[message.fd_count++] = 3;
    ipc_send(3, &message);
}

static void greeted(enum behaviour how)
{
    if (how == GOOD)
        say(IPC_PREPARED, "");
    else if (how == DIES)
        _exit(9);
    else if (how == BABBLES)
        say(IPC_STOP, "");
    else if (how == GIVES)
        give();
    else if (how == GARBAGE)
        (void)!write(3, "!", 1);
    else if (how == LIVELY)
        say(IPC_PONG, "!");
    else if (how == CLOSES)
        close(3);
    else if (how == COMPLAINS)
        say(IPC_REFUSED, "");
    while (how == SILENT || how == CLOSES)
        pause();
}

/* A descriptor that comes along hears which one it was of the orders. */
static void note_order(void)
{
    static uint8_t orders;
    static const uint8_t wrong = 255;
    const bool whole = message.size == IPC_PAYLOAD_MAX && message.payload[0] == orders &&
                       message.payload[IPC_PAYLOAD_MAX - 1] == orders;
    (void)!write(message.fds[0], whole ? &orders : &wrong, 1);
    orders++;
}

/* Exit status. */
static int live(void)
{
    for (;;) {
        uint32_t how;
        poll(&(struct pollfd){.fd = 3, .events = POLLIN}, 1, -1);
        if (ipc_receive(3, &message) != 1)
            return 1;
        if (message.type == IPC_HELLO)
            greeted(ipc_take(&message, &how, sizeof how) ? (enum behaviour)how : DIES);
        else if (message.type == IPC_PING)
            say(IPC_PONG, "");
        else if (message.type == IPC_ADDRESSES)
            note_order();
        else if (message.type == IPC_STOP)
            return 0;
        ipc_close_fds(&message);
    }
}

/* ---- the owner ---- */

static struct {
    enum behaviour next;
    unsigned started, heard, ended;
} owner;

static void started(struct child *c)
{
    const uint32_t how = owner.next;
    assert_ptr_equal(c->owner, &owner);
    owner.started++;
    ipc_begin(&message, IPC_HELLO, 0);
    ipc_append(&message, &how, sizeof how);
    child_send(c, &message);
}

static bool heard(struct child *c, const struct ipc_message *m)
{
    owner.heard += m->type == IPC_PREPARED;
    if (m->type == IPC_REFUSED)
        child_replace(c, "failed", "is unhappy");
    return m->type == IPC_PREPARED || m->type == IPC_REFUSED;
}

static void ended(struct child *c)
{
    assert_int_equal(c->life, CHILD_NONE);
    owner.ended++;
}

/* On a busy machine a process needs longer to begin than the fast clock gives it. */
static uint64_t endless(const struct child *c)
{
    (void)c;
    return UINT64_MAX;
}

static const struct child_kind kind = {.name = "child",
                                       .loss = "nothing is lost, ",
                                       .started = started,
                                       .message = heard,
                                       .patience = endless,
                                       .ended = ended};
static const struct child_kind impatient = {
    .name = "child", .started = started, .message = heard, .ended = ended};

/* ---- the stage ---- */

static uv_loop_t loop;
static struct log logger;
static struct children children;
static struct child child;

static int begin(void **state)
{
    (void)state;
    memset(&owner, 0, sizeof owner);
    files_begin(&logger);
    logger.level = LOG_LEVEL_DEBUG;
    uv_loop_init(&loop);
    children = (struct children){.kind = &kind, .loop = &loop, .log = &logger};
    child_init(&child, &children, 7, &owner);
    return 0;
}

static int end(void **state)
{
    (void)state;
    child_close(&child);
    loop_end(&loop);
    assert_int_equal(child.life, CHILD_NONE);
    files_end(&logger);
    return 0;
}

static void start(enum behaviour how)
{
    owner.next = how;
    child_start(&child);
    owner.next = GOOD; /* successors are */
}

static void started_well(void)
{
    start(GOOD);
    loop_until(&loop, owner.heard == 1);
}

static void has_a_good_successor(void)
{
    loop_until(&loop, owner.heard > 0);
    assert_int_equal(owner.ended, 1);
    assert_int_equal(child.restarts, 1);
    assert_int_equal(child.life, CHILD_RUNNING);
}

static unsigned lines_of(const char *text, const char *event)
{
    unsigned n = 0;
    for (const char *at = strstr(text, event); at != NULL; at = strstr(at + 1, event))
        n++;
    return n;
}

/* ---- life ---- */

static void it_is_greeted_and_heard(void **state)
{
    (void)state;
    started_well();
    assert_int_equal(child.life, CHILD_RUNNING);
    assert_int_equal(owner.started, 1);
    assert_int_equal(owner.ended, 0);
    assert_int_equal(child.restarts, 0);
}

static void one_that_answers_stays(void **state)
{
    (void)state;
    started_well();
    for (unsigned asked = 0; asked < 3; asked++) {
        loop_until(&loop, child.pings > 0);
        loop_until(&loop, child.pings == 0);
    }
    assert_int_equal(owner.ended, 0);
}

static void one_that_hangs_is_replaced(void **state)
{
    (void)state;
    children.kind = &impatient;
    start(SILENT);
    loop_until(&loop, owner.ended == 1);
    children.kind = &kind;
    has_a_good_successor();
    assert_non_null(strstr(files_logged(), "event=child-hung msg=\"child 7 has not moved"));
}

static size_t hear(int fd, uint8_t *out, size_t size)
{
    const ssize_t n = read(fd, out, size);
    return n > 0 ? (size_t)n : 0;
}

/* Loading a generation, say. */
static void one_that_is_busy_hears_all_in_its_order(void **state)
{
    (void)state;
    enum { MANY = 30 };
    int pipe_ends[2];
    uint8_t heard_of[MANY];
    size_t count = 0;
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK), 0);
    started_well();
    const unsigned descriptors = open_descriptors();
    uv_process_kill(&child.process, SIGSTOP);
    for (unsigned i = 0; i < MANY; i++) {
        ipc_begin(&message, IPC_ADDRESSES, 0);
        message.size = sizeof message.payload;
        memset(message.payload, (int)i, message.size);
        message.fds[message.fd_count++] = pipe_ends[1];
        child_send(&child, &message);
    }
    assert_true(child.backlog.waiting);
    uv_process_kill(&child.process, SIGCONT);
    loop_until(&loop, (count += hear(pipe_ends[0], heard_of + count, MANY - count)) == MANY);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(heard_of[i], i);
    assert_int_equal(child.backlog.size, 0);
    assert_int_equal(open_descriptors(), descriptors);
    assert_int_equal(owner.ended, 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

static void one_that_takes_no_orders_is_replaced(void **state)
{
    (void)state;
    start(SILENT);
    for (unsigned i = 0; !child.condemned; i++) {
        assert_true(i < 100000);
        ipc_begin(&message, IPC_ABORT, 0);
        message.size = sizeof message.payload;
        child_send(&child, &message);
    }
    child_send(&child, &message);
    child_replace(&child, "hung", "does it again");
    has_a_good_successor();
    const char *log = files_logged();
    assert_int_equal(lines_of(log, "event=child-deaf"), 1);
    assert_int_equal(lines_of(log, "event=child-hung"), 0); /* one reason is enough */
}

/* ---- death ---- */

static void one_that_dies_has_a_successor(void **state)
{
    (void)state;
    started_well();
    const pid_t before = child.process.pid;
    owner.heard = 0;
    uv_process_kill(&child.process, SIGTERM);
    has_a_good_successor();
    assert_int_not_equal(child.process.pid, before);
    assert_non_null(strstr(files_logged(), "(Terminated); nothing is lost, a new one starts"));
}

static void one_that_ends_by_itself_has_a_successor(void **state)
{
    (void)state;
    start(DIES);
    has_a_good_successor();
    assert_non_null(strstr(files_logged(), "ended with status 9; a new one starts"));
}

static void one_that_closes_its_end_is_killed(void **state)
{
    (void)state;
    start(CLOSES);
    has_a_good_successor();
    assert_non_null(strstr(files_logged(), "was killed by signal 9"));
}

static void those_that_die_at_once_are_not_started_without_pause(void **state)
{
    (void)state;
    start(DIES);
    owner.next = DIES;
    loop_until(&loop, child.quick_deaths > 3);
    assert_true(child_awaited(&child));
    assert_true(uv_is_active((uv_handle_t *)&child.timer));
    owner.next = GOOD;
    loop_until(&loop, owner.heard == 1);
}

static void one_that_cannot_be_started_is_tried_again(void **state)
{
    (void)state;
    spawns_that_fail = 2;
    start(GOOD);
    assert_true(child_awaited(&child));
    child_send(&child, &message); /* to nobody */
    child_kill(&child);
    loop_until(&loop, owner.heard == 1);
    assert_int_equal(owner.started, 1);
    assert_int_equal(owner.ended, 0);
    assert_int_equal(lines_of(files_logged(), "event=child-failed msg=\"child 7 could not be "
                                              "started: no such file"),
                     2);
}

/* ---- those that are not to be believed ---- */

static void is_replaced(enum behaviour how)
{
    start(how);
    has_a_good_successor();
    assert_non_null(strstr(files_logged(),
                           "event=child-nonsense msg=\"child 7 has sent what no child sends; "));
}

static void one_that_talks_nonsense_is_replaced(void **state)
{
    (void)state;
    is_replaced(BABBLES);
}

static void one_that_hands_out_descriptors_is_replaced(void **state)
{
    (void)state;
    is_replaced(GIVES);
}

static void one_that_sends_no_message_is_replaced(void **state)
{
    (void)state;
    is_replaced(GARBAGE);
}

static void one_that_answers_more_than_it_was_asked_is_replaced(void **state)
{
    (void)state;
    is_replaced(LIVELY);
}

static void its_owner_may_have_it_replaced(void **state)
{
    (void)state;
    start(COMPLAINS);
    has_a_good_successor();
    assert_non_null(strstr(files_logged(),
                           "event=child-failed msg=\"child 7 is unhappy; nothing is lost, a new "));
}

/* ---- the end ---- */

static void nobody_follows_at_the_end(void **state)
{
    (void)state;
    started_well();
    children.ending = true;
    ipc_begin(&message, IPC_STOP, 0);
    child_send(&child, &message);
    loop_until(&loop, owner.ended == 1);
    assert_false(child_awaited(&child));
    child_start(&child);
    loop_settle(&loop);
    assert_int_equal(owner.started, 1);
    assert_non_null(strstr(files_logged(), "event=child-end msg=\"child 7 has ended\""));
}

static void nobody_follows_one_that_retires(void **state)
{
    (void)state;
    started_well();
    child_retire(&child);
    assert_int_equal(child.life, CHILD_RETIRING);
    ipc_begin(&message, IPC_STOP, 0);
    child_send(&child, &message);
    loop_until(&loop, owner.ended == 1);
    assert_false(child_awaited(&child));
    assert_int_equal(lines_of(files_logged(), "event=child-died"), 0);
}

static void dies_without_successor(void)
{
    uv_process_kill(&child.process, SIGKILL);
    loop_until(&loop, owner.ended == 1);
    assert_false(child_awaited(&child));
    assert_non_null(
        strstr(files_logged(), "killed by signal 9 (Killed); nothing is lost, nobody replaces it"));
}

static void one_that_is_killed_while_it_retires_is_told_of(void **state)
{
    (void)state;
    started_well();
    child_retire(&child);
    dies_without_successor();
}

static void one_that_is_killed_at_the_end_is_told_of(void **state)
{
    (void)state;
    started_well();
    children.ending = true;
    dies_without_successor();
}

static void one_that_we_kill_at_the_end_is_not_told_of(void **state)
{
    (void)state;
    started_well();
    children.ending = true;
    child_kill(&child);
    loop_until(&loop, owner.ended == 1);
    assert_int_equal(lines_of(files_logged(), "event=child-died"), 0);
}

static void one_that_has_retired_may_be_called_back(void **state)
{
    (void)state;
    started_well();
    child_retire(&child);
    ipc_begin(&message, IPC_STOP, 0);
    child_send(&child, &message);
    loop_until(&loop, owner.ended == 1);
    child_start(&child);
    loop_until(&loop, owner.heard == 2);
    assert_int_equal(child.restarts, 0);
}

static void nobody_follows_who_was_never_started(void **state)
{
    (void)state;
    spawns_that_fail = 1;
    start(GOOD);
    child_retire(&child);
    assert_false(child_awaited(&child));
    assert_false(uv_is_active((uv_handle_t *)&child.timer));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "child") == 0)
        return strcmp(argv[2], "7") == 0 ? live() : 99;
    if (argc > 1)
        return 99; /* not these tests, which would start more of them */
    const struct CMUnitTest tests[] = {
        TEST(it_is_greeted_and_heard),
        TEST(one_that_answers_stays),
        TEST(one_that_hangs_is_replaced),
        TEST(one_that_is_busy_hears_all_in_its_order),
        TEST(one_that_takes_no_orders_is_replaced),
        TEST(one_that_dies_has_a_successor),
        TEST(one_that_ends_by_itself_has_a_successor),
        TEST(one_that_closes_its_end_is_killed),
        TEST(those_that_die_at_once_are_not_started_without_pause),
        TEST(one_that_cannot_be_started_is_tried_again),
        TEST(one_that_talks_nonsense_is_replaced),
        TEST(one_that_hands_out_descriptors_is_replaced),
        TEST(one_that_sends_no_message_is_replaced),
        TEST(one_that_answers_more_than_it_was_asked_is_replaced),
        TEST(its_owner_may_have_it_replaced),
        TEST(nobody_follows_at_the_end),
        TEST(nobody_follows_one_that_retires),
        TEST(one_that_is_killed_while_it_retires_is_told_of),
        TEST(one_that_is_killed_at_the_end_is_told_of),
        TEST(one_that_we_kill_at_the_end_is_not_told_of),
        TEST(one_that_has_retired_may_be_called_back),
        TEST(nobody_follows_who_was_never_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
