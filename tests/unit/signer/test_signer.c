/* test_signer.c - the process with the keys: what it signs for its worker, and what it makes of
 * orders, of generations and of a worker that was taken over. */
#include "tests/support/unit.h"

#include "proxy/ipc/ipc.h"
#include "proxy/sandbox/sandbox.h"
#include "proxy/signer/signer.h"
#include "tests/unit/tls/pki.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WAIT_MS = 20000 };

struct fixture {
    pid_t pid;
    int supervisor, worker;
    struct ipc_message m;
};

static struct fixture f;
static uint8_t ids[2][TLS_KEY_ID_SIZE]; /* of an EC and of an RSA key */
static uint8_t ders[2][TLS_KEY_DER_MAX];
static size_t sizes[2];

static int group_setup(void **state)
{
    static const char *const names[] = {"mail.example", NULL};
    static const enum pki_key keys[] = {PKI_EC256, PKI_RSA2048};
    struct err e;
    (void)state;
    if (tls_init(&e) != 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        struct tls_identity *id = pki_identity(keys[i], names);
        sizes[i] = tls_identity_export_key(id, ids[i], ders[i]);
        tls_identity_free(id);
    }
    return sizes[0] > 0 && sizes[1] > 0 ? 0 : -1;
}

static int group_teardown(void **state)
{
    (void)state;
    pki_free();
    return 0;
}

/* ---- the process ---- */

static int setup(void **state)
{
    int pair[2];
    (void)state;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    fflush(NULL);
    f.pid = fork();
    if (f.pid == 0) {
        dup2(pair[1], 3); /* descriptor 3 as the supervisor gives it */
        _exit(signer_run(0));
    }
    close(pair[1]);
    f.supervisor = pair[0];
    f.worker = -1;
    return 0;
}

static void ends_with(int status)
{
    int how;
    assert_int_equal(waitpid(f.pid, &how, 0), f.pid);
    f.pid = 0;
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), status);
}

static int teardown(void **state)
{
    (void)state;
    if (f.worker >= 0)
        close(f.worker);
    close(f.supervisor);
    if (f.pid > 0)
        ends_with(0); /* without a supervisor it goes */
    return 0;
}

static void send_with_fd(enum ipc_type type, uint32_t generation, int fd)
{
    ipc_begin(&f.m, type, generation);
    if (fd >= 0) {
        f.m.fds[0] = fd;
        f.m.fd_count = 1;
    }
    assert_int_equal(ipc_send(f.supervisor, &f.m), 0);
}

static void order(enum ipc_type type, uint32_t generation)
{
    send_with_fd(type, generation, -1);
}

/* The message that comes next; the type, or -1: the other end is gone. */
static int hear(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    const int got = ipc_receive(fd, &f.m);
    return got == 1 ? (int)f.m.type : -1;
}

static void connect_worker(void)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    send_with_fd(IPC_CHANNEL, 0, pair[0]);
    close(pair[0]);
    if (f.worker >= 0)
        close(f.worker);
    f.worker = pair[1];
}

static void give_bundle(uint32_t generation, const char *path, const void *data, size_t size)
{
    struct err e = {.text = ""};
    struct bundle *b = bundle_new();
    assert_int_equal(bundle_add(b, BUNDLE_FILE, path, data, size, &e), 0);
    const int fd = bundle_to_fd(b, &e);
    assert_true(fd >= 0);
    bundle_free(b);
    send_with_fd(IPC_KEYS, generation, fd);
    close(fd);
}

static void give_key_as(uint32_t generation, int which, const char *behind)
{
    char name[2 * TLS_KEY_ID_SIZE + 16];
    for (size_t i = 0; i < TLS_KEY_ID_SIZE; i++)
        snprintf(name + 2 * i, 3, "%02x", ids[which][i]);
    strcat(name, behind);
    give_bundle(generation, name, ders[which], sizes[which]);
}

static void give_key(uint32_t generation, int which)
{
    give_key_as(generation, which, "");
}

/* Nothing that was ordered before is still to be done. */
static void settle(void)
{
    order(IPC_PING, 0);
    assert_int_equal(hear(f.supervisor), IPC_PONG);
}

static struct ipc_sign question_for(int which)
{
    struct ipc_sign question = {.serial = 77};
    memcpy(question.request.key, ids[which], TLS_KEY_ID_SIZE);
    question.request.scheme = which == 0 ? 0x0403 : 0x0804;
    question.request.form = TLS_SIGN_SERVER_13;
    question.request.size = 32;
    return question;
}

static void ask_size(int which, size_t size)
{
    const struct ipc_sign question = question_for(which);
    ipc_begin(&f.m, IPC_SIGN, 0);
    ipc_append(&f.m, &question, size);
    assert_int_equal(ipc_send(f.worker, &f.m), 0);
}

static void ask_too_many(void)
{
    const struct ipc_sign question = question_for(0);
    ipc_begin(&f.m, IPC_SIGN, 0);
    for (int i = 0; i <= SIGN_AT_ONCE; i++)
        ipc_append(&f.m, &question, sizeof question);
    assert_int_equal(ipc_send(f.worker, &f.m), 0);
}

static enum tls_signed ask(int which)
{
    struct ipc_signed answer;
    ask_size(which, sizeof(struct ipc_sign));
    assert_int_equal(hear(f.worker), IPC_SIGNED);
    assert_true(ipc_take(&f.m, &answer, sizeof answer));
    assert_int_equal(answer.serial, 77);
    assert_int_equal(answer.outcome == TLS_SIGNED, answer.signature.size > 0);
    return (enum tls_signed)answer.outcome;
}

static void hangs_up(int fd)
{
    struct pollfd p = {.fd = fd};
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    assert_true((p.revents & POLLHUP) != 0);
}

/* ---- tests ---- */

static void a_worker_that_an_answer_cannot_be_sent_to_has_to_come_anew(void **state)
{
    (void)state;
    give_key(1, 0);
    connect_worker();
    shutdown(f.worker, SHUT_RD);
    ask_size(0, sizeof(struct ipc_sign));
    hangs_up(f.worker);
    connect_worker();
    assert_int_equal(ask(0), TLS_SIGNED);
}

static void it_signs_with_the_keys_that_it_has(void **state)
{
    (void)state;
    connect_worker();
    assert_int_equal(ask(0), TLS_SIGNED_BY_NOBODY);
    give_key(1, 0);
    assert_int_equal(ask(0), TLS_SIGNED);
    assert_int_equal(ask(1), TLS_SIGNED_BY_NOBODY);
}

static void questions_that_come_together_are_all_answered_in_their_order(void **state)
{
    (void)state;
    struct ipc_signed answer;
    size_t heard = 0;
    connect_worker();
    give_key(1, 1);
    settle();
    ipc_begin(&f.m, IPC_SIGN, 0);
    for (uint64_t i = 0; i < SIGN_AT_ONCE; i++) {
        struct ipc_sign question = question_for(1);
        question.serial = i;
        ipc_append(&f.m, &question, sizeof question);
    }
    assert_int_equal(ipc_send(f.worker, &f.m), 0);
    while (heard < SIGN_AT_ONCE) {
        size_t count;
        assert_int_equal(hear(f.worker), IPC_SIGNED);
        assert_true(ipc_count(&f.m, sizeof answer, &count) && count > 0);
        for (size_t i = 0; i < count; i++) {
            memcpy(&answer, f.m.payload + i * sizeof answer, sizeof answer);
            assert_int_equal(answer.serial, heard++);
            assert_int_equal(answer.outcome, TLS_SIGNED);
        }
    }
}

static void a_generation_takes_the_place_of_the_one_before(void **state)
{
    (void)state;
    connect_worker();
    give_key(1, 0);
    order(IPC_COMMIT, 1);
    give_key(2, 1);
    assert_int_equal(ask(1), TLS_SIGNED); /* before it is in service */
    assert_int_equal(ask(0), TLS_SIGNED);
    order(IPC_COMMIT, 2);
    settle();
    assert_int_equal(ask(0), TLS_SIGNED_BY_NOBODY);
    assert_int_equal(ask(1), TLS_SIGNED);
}

static void what_a_generation_keeps_of_before_signs_like_its_own(void **state)
{
    (void)state;
    connect_worker();
    give_key_as(7, 0, " 4");
    order(IPC_COMMIT, 7);
    settle();
    assert_int_equal(ask(0), TLS_SIGNED);
}

static void an_aborted_generation_is_forgotten_and_the_present_one_is_not(void **state)
{
    (void)state;
    connect_worker();
    give_key(1, 0);
    order(IPC_COMMIT, 1);
    give_key(2, 1);
    order(IPC_ABORT, 2);
    order(IPC_ABORT, 1); /* nobody says that */
    settle();
    assert_int_equal(ask(1), TLS_SIGNED_BY_NOBODY);
    assert_int_equal(ask(0), TLS_SIGNED);
    for (uint32_t i = 3; i < 50; i++) { /* and leaves nothing behind */
        give_key(i, 1);
        order(IPC_ABORT, i);
    }
    settle();
    assert_int_equal(ask(0), TLS_SIGNED);
}

static void a_generation_may_come_twice(void **state)
{
    (void)state;
    connect_worker();
    for (int i = 0; i < 10; i++)
        give_key(1, 0);
    settle();
    assert_int_equal(ask(0), TLS_SIGNED);
}

static void refuses_with(const char *words)
{
    char why[200];
    assert_int_equal(hear(f.supervisor), IPC_REFUSED);
    assert_int_equal(f.m.generation, 1);
    assert_true(ipc_take_text(&f.m, why, sizeof why));
    if (strstr(why, words) == NULL)
        fail_msg("%s", why);
}

static void keys_that_are_none_are_refused_with_the_reason(void **state)
{
    (void)state;
    give_bundle(1, "/etc/key.pem", ders[0], sizes[0]);
    refuses_with("a key has no id");
    give_bundle(1, "0000000000000000000000000000000000000000000000000000000000000000", ders[0], 9);
    refuses_with("private key");
    order(IPC_KEYS, 1);
    refuses_with("no keys came along");
    settle();
}

/* Its log is no reason to end. */
static void without_descriptors_it_says_so_and_goes_on(void **state)
{
    static const uint32_t target = 2; /* a file */
    struct rlimit before, tight;
    (void)state;
    connect_worker();
    give_key(1, 0);
    settle();
    assert_int_equal(prlimit(f.pid, RLIMIT_NOFILE, NULL, &before), 0);
    tight = before;
    tight.rlim_cur = 3;
    assert_int_equal(prlimit(f.pid, RLIMIT_NOFILE, &tight, NULL), 0);
    ipc_begin(&f.m, IPC_LOG, 0);
    ipc_append(&f.m, &target, sizeof target);
    f.m.fds[f.m.fd_count++] = f.supervisor;
    assert_int_equal(ipc_send(f.supervisor, &f.m), 0);
    settle();
    give_key(1, 1);
    refuses_with("no keys came along");
    assert_int_equal(ask(0), TLS_SIGNED);
}

static void a_worker_has_a_successor(void **state)
{
    (void)state;
    give_key(1, 0);
    for (int i = 0; i < 3; i++) {
        connect_worker();
        assert_int_equal(ask(0), TLS_SIGNED);
    }
    close(f.worker);
    f.worker = -1;
    settle();
}

static void a_worker_that_talks_nonsense_is_told_of_and_not_listened_to(void **state)
{
    (void)state;
    give_key(1, 0);
    for (int i = 0; i < 5; i++) {
        connect_worker();
        if (i == 0)
            ask_size(0, 5);
        else if (i == 4)
            ask_too_many();
        else if (i == 1)
            assert_int_equal(send(f.worker, "x", 1, 0), 1);
        else if (i == 2)
            assert_int_equal(send(f.worker, "", 0, 0), 0);
        else {
            ipc_begin(&f.m, IPC_STOP, 0);
            assert_int_equal(ipc_send(f.worker, &f.m), 0);
        }
        if (i != 2) { /* an empty packet looks like an end */
            assert_int_equal(hear(f.supervisor), IPC_BETRAYED);
            assert_int_equal(f.m.size, 0);
        }
        assert_int_equal(hear(f.worker), -1);
    }
    connect_worker();
    assert_int_equal(ask(0), TLS_SIGNED);
}

static void a_worker_that_does_not_read_is_waited_for(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    struct ipc_signed answer;
    unsigned asked = 0;
    give_key(1, 0);
    connect_worker();
    settle();
    struct ipc_sign question = {.serial = 0};
    for (; asked < MANY; asked++) { /* until its socket is full as well */
        question.serial = asked;
        ipc_begin(&f.m, IPC_SIGN, 0);
        ipc_append(&f.m, &question, sizeof question);
        if (ipc_send(f.worker, &f.m) != 0)
            break;
    }
    settle(); /* the supervisor is answered all the while */
    for (unsigned i = 0; i < asked; i++) {
        assert_int_equal(hear(f.worker), IPC_SIGNED);
        assert_true(ipc_take(&f.m, &answer, sizeof answer));
        assert_int_equal(answer.serial, i);
    }
}

static void it_enters_its_sandbox_and_goes_on(void **state)
{
    (void)state;
    struct ipc_hello hello = {.sandbox = 1};
    struct sandbox_state s;
    ipc_begin(&f.m, IPC_HELLO, 0);
    ipc_append(&f.m, &hello, sizeof hello);
    assert_int_equal(ipc_send(f.supervisor, &f.m), 0);
    assert_int_equal(hear(f.supervisor), IPC_SANDBOX);
    assert_true(ipc_take(&f.m, &s, sizeof s) && sandbox_plausible(&s));
    connect_worker();
    give_key(1, 0);
    give_key(2, 1);
    assert_int_equal(ask(0), TLS_SIGNED);
    assert_int_equal(ask(1), TLS_SIGNED);
    order(IPC_STOP, 0);
    ends_with(0);
}

static void an_order_that_is_not_understood_ends_it(void **state)
{
    (void)state;
    ipc_begin(&f.m, IPC_HELLO, 0);
    assert_int_equal(ipc_send(f.supervisor, &f.m), 0);
    assert_int_equal(hear(f.supervisor), -1);
    ends_with(0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(it_signs_with_the_keys_that_it_has),
        T(a_worker_that_an_answer_cannot_be_sent_to_has_to_come_anew),
        T(questions_that_come_together_are_all_answered_in_their_order),
        T(a_generation_takes_the_place_of_the_one_before),
        T(what_a_generation_keeps_of_before_signs_like_its_own),
        T(an_aborted_generation_is_forgotten_and_the_present_one_is_not),
        T(a_generation_may_come_twice),
        T(keys_that_are_none_are_refused_with_the_reason),
        T(without_descriptors_it_says_so_and_goes_on),
        T(a_worker_has_a_successor),
        T(a_worker_that_talks_nonsense_is_told_of_and_not_listened_to),
        T(a_worker_that_does_not_read_is_waited_for),
        T(it_enters_its_sandbox_and_goes_on),
        T(an_order_that_is_not_understood_ends_it),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
