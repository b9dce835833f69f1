/* test_signing.c - a worker's requests for signatures: in order, few at a time, asked again of
 * another signer, and none answered to the wrong one. The linker puts a clock below that goes
 * ten times as fast, and a system that has no memory when it is told so. */
#include "tests/support/loop.h"

#include "proxy/session/signing.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIGNINGS = 200, AT_ONCE = 64 };

ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);

static unsigned timers;

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    enum { FASTER = 10 };
    timers++;
    return __real_uv_timer_start(timer, cb, timeout / FASTER, repeat / FASTER);
}

static int want; /* errno; 0: all is well */
static unsigned attempts;

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    attempts++;
    if (want == 0)
        return __real_sendmsg(fd, msg, flags);
    errno = want;
    return -1;
}

struct fixture {
    uv_loop_t loop;
    struct signings all;
    int ipc[2]; /* the second is the supervisor's end */
    int signer;
    struct tls_sign_request requests[SIGNINGS];
    struct signing signings[SIGNINGS];
    unsigned answered[SIGNINGS];
    unsigned count, unsigned_count;
    uint8_t first; /* byte of the last signature */
    /* what the signer has received last, and how much of it was looked at */
    struct ipc_message asked;
    size_t seen;
    unsigned messages;
};

static struct fixture f;

static void note(struct signing *s, const struct tls_signature *signature)
{
    f.answered[s - f.signings]++;
    f.count++;
    f.unsigned_count += signature == NULL;
    f.first = signature != NULL ? signature->bytes[0] : 0;
}

/* What one turn of the loop gives to ask, is asked at the end of the next. */
static void turn(void)
{
    for (int i = 0; i < 2; i++)
        uv_run(&f.loop, UV_RUN_NOWAIT);
}

static void signer_comes(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    if (f.signer >= 0)
        close(f.signer);
    f.signer = ends[1];
    f.seen = f.asked.size = 0;
    signings_use(&f.all, ends[0]);
    turn();
}

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    f.signer = -1;
    want = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, f.ipc) != 0)
        return -1;
    uv_loop_init(&f.loop);
    signings_init(&f.all, &f.loop, f.ipc[0]);
    for (size_t i = 0; i < SIGNINGS; i++) {
        f.requests[i].content[0] = (uint8_t)i;
        f.signings[i].request = &f.requests[i];
        f.signings[i].answered = note;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIGNINGS; i++)
        signing_forget(&f.signings[i]);
    signings_close(&f.all);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    if (f.signer >= 0)
        close(f.signer);
    close(f.ipc[0]);
    close(f.ipc[1]);
    return uv_loop_close(&f.loop);
}

static void begin(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        signing_begin(&f.all, &f.signings[i]);
    turn();
}

/* The number of the request; -1: none is there. */
static int next_request(uint64_t *serial)
{
    struct ipc_sign asked;
    if (f.seen == f.asked.size) {
        size_t count;
        if (ipc_receive(f.signer, &f.asked) != 1)
            return -1;
        assert_int_equal(f.asked.type, IPC_SIGN);
        assert_true(ipc_count(&f.asked, sizeof asked, &count));
        assert_in_range(count, 1, SIGN_AT_ONCE);
        f.seen = 0;
        f.messages++;
    }
    memcpy(&asked, f.asked.payload + f.seen, sizeof asked);
    f.seen += sizeof asked;
    *serial = asked.serial;
    return asked.request.content[0];
}

static unsigned requests(void)
{
    uint64_t serial;
    unsigned n = 0;
    while (next_request(&serial) >= 0)
        n++;
    return n;
}

static void answer(uint64_t serial, enum tls_signed outcome, uint8_t byte)
{
    static struct ipc_message m;
    struct ipc_signed reply = {.serial = serial, .outcome = outcome};
    reply.signature.size = 1;
    reply.signature.bytes[0] = byte;
    ipc_begin(&m, IPC_SIGNED, 0);
    ipc_append(&m, &reply, sizeof reply);
    assert_int_equal(ipc_send(f.signer, &m), 0);
}

/* ---- tests ---- */

static void each_gets_its_own_signature(void **state)
{
    (void)state;
    uint64_t serial;
    signer_comes();
    begin(0, SIGNINGS);
    for (int i = 0; i < SIGNINGS; i++) {
        assert_int_equal(next_request(&serial), i);
        answer(serial, TLS_SIGNED, (uint8_t)(i + 1));
        turn();
        assert_int_equal(f.answered[i], 1);
        assert_int_equal(f.first, (uint8_t)(i + 1));
    }
    assert_int_equal(f.count, SIGNINGS);
    assert_int_equal(f.unsigned_count, 0);
}

static void a_refusal_is_told(void **state)
{
    (void)state;
    uint64_t serial;
    signer_comes();
    begin(0, 2);
    for (int i = 0; i < 2; i++) {
        next_request(&serial);
        answer(serial, i == 0 ? TLS_SIGNED_BY_NOBODY : TLS_SIGNED_NEVER, 1);
    }
    turn();
    assert_int_equal(f.count, 2);
    assert_int_equal(f.unsigned_count, 2);
}

static void what_begins_in_one_turn_is_asked_together(void **state)
{
    (void)state;
    signer_comes();
    begin(0, SIGN_AT_ONCE + 1);
    assert_int_equal(requests(), SIGN_AT_ONCE + 1);
    assert_int_equal(f.messages, 2);
}

static void answers_may_come_together(void **state)
{
    (void)state;
    static struct ipc_message m;
    uint64_t serial;
    signer_comes();
    begin(0, 3);
    ipc_begin(&m, IPC_SIGNED, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(next_request(&serial), i);
        struct ipc_signed reply = {.serial = serial, .outcome = TLS_SIGNED};
        reply.signature.size = 1;
        ipc_append(&m, &reply, sizeof reply);
    }
    assert_int_equal(ipc_send(f.signer, &m), 0);
    turn();
    assert_int_equal(f.count, 3);
    assert_int_equal(f.answered[2], 1);
}

static void only_so_many_are_out(void **state)
{
    (void)state;
    uint64_t serial;
    signer_comes();
    begin(0, SIGNINGS);
    assert_int_equal(next_request(&serial), 0);
    assert_int_equal(requests(), AT_ONCE - 1);
    answer(serial, TLS_SIGNED, 1);
    turn();
    assert_int_equal(requests(), 1);
}

static void without_a_signer_they_wait(void **state)
{
    (void)state;
    begin(0, 3);
    turn();
    assert_int_equal(f.count, 0);
    signer_comes();
    assert_int_equal(requests(), 3);
}

static void another_signer_is_asked_again_and_in_the_same_order(void **state)
{
    (void)state;
    uint64_t serial;
    signer_comes();
    begin(0, SIGNINGS);
    next_request(&serial);
    answer(serial, TLS_SIGNED, 1);
    turn();
    assert_int_equal(f.count, 1);
    signer_comes();
    for (int i = 1; i <= AT_ONCE; i++)
        assert_int_equal(next_request(&serial), i);
    assert_int_equal(next_request(&serial), -1);
    answer(serial, TLS_SIGNED, 1);
    turn();
    assert_int_equal(f.answered[AT_ONCE], 1);
}

static void a_signer_that_dies_is_waited_for(void **state)
{
    (void)state;
    signer_comes();
    begin(0, 2);
    close(f.signer);
    f.signer = -1;
    turn();
    assert_null(f.all.channel);
    begin(2, 4);
    assert_int_equal(f.count, 0);
    signer_comes();
    assert_int_equal(requests(), 4);
}

/* What the supervisor is told. */
static bool asks_for_a_signer(void)
{
    static struct ipc_message m;
    if (ipc_receive(f.ipc[1], &m) != 1)
        return false;
    assert_int_equal(m.type, IPC_SIGNER);
    assert_int_equal(m.size + m.fd_count, 0);
    return true;
}

static void while_there_is_none_and_somebody_waits_the_supervisor_is_asked(void **state)
{
    (void)state;
    signer_comes();
    close(f.signer);
    f.signer = -1;
    turn();
    assert_false(uv_is_active((uv_handle_t *)&f.all.again)); /* nobody waits */
    begin(0, 1);
    loop_until(&f.loop, asks_for_a_signer());
    loop_until(&f.loop, asks_for_a_signer());
    signer_comes();
    assert_int_equal(requests(), 1);
    loop_until(&f.loop, !uv_is_active((uv_handle_t *)&f.all.again));
    assert_false(asks_for_a_signer());
}

static void a_signer_that_cannot_be_asked_any_more_is_asked_for(void **state)
{
    (void)state;
    signer_comes();
    want = EIO;
    begin(0, 1);
    want = 0;
    assert_null(f.all.channel);
    loop_until(&f.loop, asks_for_a_signer());
    signer_comes();
    assert_int_equal(requests(), 1);
}

static void one_for_whom_the_system_has_no_memory_is_asked_later_and_stays(void **state)
{
    (void)state;
    unsigned asked = 0;
    signer_comes();
    want = ENOMEM;
    attempts = timers = 0;
    begin(0, 1);
    for (int i = 0; i < 10; i++)
        turn();
    assert_in_range(attempts, 1, timers); /* and not in each turn */
    assert_non_null(f.all.channel);
    want = 0;
    loop_until(&f.loop, (asked += requests()) == 1);
    assert_false(asks_for_a_signer());
}

static void who_has_gone_gets_nothing_and_frees_the_place_when_it_is_answered(void **state)
{
    (void)state;
    uint64_t serials[AT_ONCE], serial;
    signer_comes();
    begin(0, AT_ONCE + 2);
    for (int i = 0; i < AT_ONCE; i++)
        next_request(&serials[i]);
    signing_forget(&f.signings[0]);
    signing_forget(&f.signings[AT_ONCE]); /* which was not asked yet */
    assert_int_equal(next_request(&serial), -1);
    answer(serials[0], TLS_SIGNED, 1);
    turn();
    assert_int_equal(f.count, 0);
    assert_int_equal(next_request(&serial), AT_ONCE + 1);
}

static void send_raw(enum ipc_type type, const void *data, size_t size)
{
    static struct ipc_message m;
    ipc_begin(&m, type, 0);
    ipc_append(&m, data, size);
    assert_int_equal(ipc_send(f.signer, &m), 0);
}

/* It is not asked any more; its successor will be. */
static void nonsense_ends_the_connection(void **state)
{
    (void)state;
    struct ipc_signed large = {.serial = 1, .outcome = TLS_SIGNED};
    large.signature.size = TLS_SIGNATURE_MAX + 1;
    const struct {
        enum ipc_type type;
        size_t size;
    } rows[] = {{IPC_SIGNED, sizeof large},
                {IPC_SIGNED, sizeof large - 1},
                {IPC_SIGNED, 0},
                {IPC_SIGN, sizeof large},
                {IPC_STOP, 0}};
    begin(0, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        signer_comes();
        assert_int_equal(requests(), 1);
        send_raw(rows[i].type, &large, rows[i].size);
        turn();
        assert_null(f.all.channel);
        assert_int_equal(f.count, 0);
    }
    signer_comes();
    large.signature.size = TLS_SIGNATURE_MAX;
    large.serial = f.signings[0].serial;
    assert_int_equal(requests(), 1);
    send_raw(IPC_SIGNED, &large, sizeof large);
    send_raw(IPC_SIGNED, &large, sizeof large); /* nothing is out any more */
    turn();
    assert_int_equal(f.count, 1);
    turn();
    assert_int_equal(f.count, 1);
    assert_null(f.all.channel);
}

/* The one who is answered may begin another, or forget all others. */
static void begin_next(struct signing *s, const struct tls_signature *signature)
{
    note(s, signature);
    signing_begin(&f.all, &f.signings[1]);
    signing_forget(&f.signings[2]);
}

static void an_answer_may_change_all(void **state)
{
    (void)state;
    uint64_t serial;
    signer_comes();
    f.signings[0].answered = begin_next;
    begin(0, 1);
    begin(2, 3);
    for (int i = 0; i < 2; i++) {
        next_request(&serial);
        answer(serial, TLS_SIGNED, 1);
    }
    turn();
    assert_int_equal(f.count, 1);
    assert_int_equal(next_request(&serial), 1);
}

static void a_full_socket_is_waited_for(void **state)
{
    (void)state;
    static const int small = 1;
    uint64_t serial;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    f.signer = ends[1];
    signings_use(&f.all, ends[0]);
    begin(0, AT_ONCE);
    int seen = 0;
    for (int turns = 0; turns < 1000 && seen < AT_ONCE; turns++) {
        while (next_request(&serial) == seen)
            seen++;
        turn();
    }
    assert_int_equal(seen, AT_ONCE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_gets_its_own_signature),
        T(a_refusal_is_told),
        T(what_begins_in_one_turn_is_asked_together),
        T(answers_may_come_together),
        T(only_so_many_are_out),
        T(without_a_signer_they_wait),
        T(another_signer_is_asked_again_and_in_the_same_order),
        T(a_signer_that_dies_is_waited_for),
        T(while_there_is_none_and_somebody_waits_the_supervisor_is_asked),
        T(a_signer_that_cannot_be_asked_any_more_is_asked_for),
        T(one_for_whom_the_system_has_no_memory_is_asked_later_and_stays),
        T(who_has_gone_gets_nothing_and_frees_the_place_when_it_is_answered),
        T(nonsense_ends_the_connection),
        T(an_answer_may_change_all),
        T(a_full_socket_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
