/* test_query.c - a worker's questions: few at a time, in their order, and none lost or answered to
 * the wrong one. */
#include "tests/support/unit.h"

#include "proxy/session/query.h"

#include <sys/socket.h>

enum { QUERIES = 300, AT_ONCE = 8, PER_TICK = 128 };

struct fixture {
    uv_loop_t loop;
    struct queries all;
    int ipc;
    int supervisor;
    struct query queries[QUERIES];
    unsigned answered[QUERIES];
    enum challenge_outcome outcome;
    char text[16];
};

static struct fixture f;

static void note(struct query *q, enum challenge_outcome outcome, const struct challenge *answer)
{
    f.answered[q - f.queries]++;
    f.outcome = outcome;
    snprintf(f.text, sizeof f.text, "%.*s", (int)answer->size[0], (const char *)answer->bytes);
}

static int setup(void **state)
{
    int ends[2];
    (void)state;
    memset(&f, 0, sizeof f);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    f.ipc = ends[0];
    f.supervisor = ends[1];
    uv_loop_init(&f.loop);
    queries_init(&f.all, &f.loop, f.ipc);
    for (size_t i = 0; i < QUERIES; i++) {
        f.queries[i].slot = (unsigned)i + 1000;
        f.queries[i].client = (uint32_t)i;
        f.queries[i].answered = note;
        snprintf(f.queries[i].name, sizeof f.queries[i].name, "name-%zu", i);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    queries_close(&f.all);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    close(f.ipc);
    close(f.supervisor);
    return uv_loop_close(&f.loop);
}

static bool next_question(struct ipc_challenge_query *q)
{
    static struct ipc_message m;
    if (ipc_receive(f.supervisor, &m) != 1)
        return false;
    assert_int_equal(m.type, IPC_CHALLENGE_QUERY);
    assert_int_equal(m.size, sizeof *q);
    memcpy(q, m.payload, sizeof *q);
    return true;
}

static unsigned questions(void)
{
    struct ipc_challenge_query q = {0};
    unsigned n = 0;
    while (next_question(&q))
        n++;
    return n;
}

static void answer(uint64_t serial, enum challenge_outcome outcome, const char *text)
{
    static struct ipc_message m;
    static struct ipc_challenge_answer a;
    a.serial = serial;
    a.outcome = (uint32_t)outcome;
    a.challenge.size[0] = strlen(text);
    memcpy(a.challenge.bytes, text, strlen(text));
    ipc_begin(&m, IPC_CHALLENGE_ANSWER, 0);
    ipc_append(&m, &a, offsetof(struct ipc_challenge_answer, challenge.bytes) + strlen(text));
    queries_answered(&f.all, &m);
    for (size_t i = 0; i < m.size; i++)
        assert_int_equal(m.payload[i], 0); /* it may have been a key */
}

static void put(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        query_send(&f.all, &f.queries[i]);
}

/* One round of the loop may end before the timer is due: where libuv uses io_uring, its wait is
 * interrupted at times. */
static void next_tick(void)
{
    while (f.all.left == 0 && uv_run(&f.loop, UV_RUN_ONCE) != 0)
        continue;
}

static void a_question_is_asked_and_its_answer_heard_once(void **state)
{
    struct ipc_challenge_query q = {0};
    (void)state;
    put(0, 1);
    assert_true(next_question(&q));
    assert_int_equal(q.slot, 1000);
    assert_string_equal(q.name, "name-0");
    answer(q.serial + 1, CHALLENGE_FOUND, "to nobody");
    assert_int_equal(f.answered[0], 0);
    answer(q.serial, CHALLENGE_FOUND, "text");
    assert_int_equal(f.answered[0], 1);
    assert_int_equal(f.outcome, CHALLENGE_FOUND);
    assert_string_equal(f.text, "text");
    answer(q.serial, CHALLENGE_FOUND, "again");
    assert_int_equal(f.answered[0], 1);
}

static void few_are_out_at_a_time_and_the_rest_follows_in_order(void **state)
{
    struct ipc_challenge_query q = {0}, first = {0};
    (void)state;
    put(0, 20);
    assert_true(next_question(&first));
    assert_int_equal(questions(), AT_ONCE - 1);
    answer(first.serial, CHALLENGE_NONE, "");
    assert_int_equal(f.outcome, CHALLENGE_NONE);
    assert_true(next_question(&q));
    assert_string_equal(q.name, "name-8");
    assert_false(next_question(&q));
}

static void who_leaves_makes_room_and_hears_nothing(void **state)
{
    struct ipc_challenge_query q = {0};
    (void)state;
    put(0, 10);
    assert_true(next_question(&q));
    assert_int_equal(questions(), AT_ONCE - 1);
    query_forget(&f.all, &f.queries[8]); /* in line */
    assert_int_equal(questions(), 0);
    query_forget(&f.all, &f.queries[0]); /* out */
    query_forget(&f.all, &f.queries[0]);
    answer(q.serial, CHALLENGE_FOUND, "late");
    assert_int_equal(f.answered[0], 0);
    assert_true(next_question(&q));
    assert_string_equal(q.name, "name-9");
    assert_false(next_question(&q));
}

/* However quickly the supervisor answers. */
static void only_so_many_are_asked_before_the_next_tick(void **state)
{
    struct ipc_challenge_query q = {0};
    unsigned asked = 0;
    (void)state;
    put(0, QUERIES);
    for (; next_question(&q); asked++)
        answer(q.serial, CHALLENGE_NONE, "");
    assert_int_equal(asked, PER_TICK);
    next_tick();
    for (; next_question(&q); asked++)
        answer(q.serial, CHALLENGE_NONE, "");
    assert_int_equal(asked, 2 * PER_TICK);
    uv_run(&f.loop, UV_RUN_DEFAULT);
    for (; next_question(&q); asked++)
        answer(q.serial, CHALLENGE_NONE, "");
    assert_int_equal(asked, QUERIES);
    for (size_t i = 0; i < QUERIES; i++)
        assert_int_equal(f.answered[i], 1);
}

/* The first 70 and the last two are of one client. */
static void one_of_each_client_comes_first_and_then_the_newest(void **state)
{
    static const char *const order[] = {"name-70", "name-71", "name-73", "name-72", "name-69"};
    struct ipc_challenge_query q = {0};
    (void)state;
    for (size_t i = 0; i < 74; i++)
        f.queries[i].client = i == 70 ? 2 : i == 71 ? 3 : 1;
    put(0, 74);
    assert_int_equal(questions(), AT_ONCE);
    for (uint64_t serial = 1; serial <= AT_ONCE; serial++)
        answer(serial, CHALLENGE_NONE, "");
    for (size_t i = 0; i < COUNT(order); i++) {
        assert_true(next_question(&q));
        assert_string_equal(q.name, order[i]);
    }
}

static void a_supervisor_that_does_not_read_is_asked_again_later(void **state)
{
    static struct ipc_message filler;
    struct ipc_challenge_query q = {0};
    (void)state;
    ipc_begin(&filler, IPC_PREPARED, 0);
    while (ipc_send(f.ipc, &filler) == 0)
        continue;
    put(0, 1);
    while (ipc_receive(f.supervisor, &filler) == 1)
        assert_int_equal(filler.type, IPC_PREPARED);
    next_tick();
    assert_true(next_question(&q));
    answer(q.serial, CHALLENGE_FOUND, "text");
    assert_int_equal(f.answered[0], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_question_is_asked_and_its_answer_heard_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(few_are_out_at_a_time_and_the_rest_follows_in_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_leaves_makes_room_and_hears_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(only_so_many_are_asked_before_the_next_tick, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_of_each_client_comes_first_and_then_the_newest, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_supervisor_that_does_not_read_is_asked_again_later, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
