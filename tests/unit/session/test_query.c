/* test_query.c - a worker's questions: few at a time, in their order, and none lost or answered to
 * the wrong one. */
#include "tests/support/unit.h"

#include "proxy/session/query.h"

#include <sys/socket.h>

/* Of what nobody knows of; and so many wait for long. */
enum { QUERIES = 400, AT_ONCE = 4, PER_TICK = 32, WAITING = 256 };

struct fixture {
    uv_loop_t loop;
    struct queries all;
    int ipc;
    int supervisor;
    struct query queries[QUERIES];
    unsigned answered[QUERIES];
    unsigned crowded; /* of these */
    enum challenge_outcome outcome;
    char text[16];
};

static struct fixture f;

static void note(struct query *q, enum challenge_outcome outcome, const struct challenge *answer)
{
    f.answered[q - f.queries]++;
    f.outcome = outcome;
    f.text[0] = '\0';
    f.crowded += outcome == CHALLENGE_CROWDED;
    if (answer != NULL)
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

/* A round that waits would run timers before and behind its wait: two ticks, on a busy machine. */
static void next_tick(void)
{
    const uint64_t now = f.all.ticks;
    while (f.all.ticks == now) {
        usleep(1000);
        uv_run(&f.loop, UV_RUN_NOWAIT);
    }
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
    assert_string_equal(q.name, "name-4");
    assert_false(next_question(&q));
}

static void who_leaves_makes_room_and_hears_nothing(void **state)
{
    struct ipc_challenge_query q = {0};
    (void)state;
    put(0, 10);
    assert_true(next_question(&q));
    assert_int_equal(questions(), AT_ONCE - 1);
    query_forget(&f.all, &f.queries[4]); /* in line */
    assert_int_equal(questions(), 0);
    query_forget(&f.all, &f.queries[0]); /* out */
    query_forget(&f.all, &f.queries[0]);
    answer(q.serial, CHALLENGE_FOUND, "late");
    assert_int_equal(f.answered[0], 0);
    assert_true(next_question(&q));
    assert_string_equal(q.name, "name-5");
    assert_false(next_question(&q));
}

/* However quickly the supervisor answers. */
static void only_so_many_are_asked_before_the_next_tick(void **state)
{
    struct ipc_challenge_query q = {0};
    unsigned asked = 0;
    (void)state;
    put(0, 3 * PER_TICK);
    for (unsigned ticks = 1; ticks <= 3; ticks++) {
        for (; next_question(&q); asked++)
            answer(q.serial, CHALLENGE_NONE, "");
        assert_int_equal(asked, ticks * PER_TICK);
        next_tick();
    }
    for (size_t i = 0; i < 3 * PER_TICK; i++)
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
        answer(q.serial, CHALLENGE_NONE, "");
    }
}

static bool know(const uint64_t *hashes, size_t count)
{
    static struct ipc_message m;
    ipc_begin(&m, IPC_CHALLENGES, 0);
    ipc_append(&m, hashes, count * sizeof *hashes);
    return queries_know(&f.all, &m);
}

static uint64_t hash_of(size_t i)
{
    return challenge_hash(f.queries[i].slot, f.queries[i].name);
}

static void expect_next(size_t i)
{
    struct ipc_challenge_query q = {0};
    assert_true(next_question(&q));
    assert_string_equal(q.name, f.queries[i].name);
}

static void what_there_is_has_places_that_nobody_can_take_by_inventing(void **state)
{
    const uint64_t there[] = {hash_of(50), hash_of(60)};
    (void)state;
    assert_true(know(there, COUNT(there)));
    put(0, 74);
    assert_int_equal(f.all.sent_count, AT_ONCE + COUNT(there));
    for (size_t i = 0; i < AT_ONCE; i++)
        expect_next(i);
    expect_next(50);
    expect_next(60);
}

/* However many have been asked for. */
static void what_there_is_needs_no_tick(void **state)
{
    const uint64_t there[] = {hash_of(PER_TICK + 10)};
    struct ipc_challenge_query q = {0};
    (void)state;
    assert_true(know(there, COUNT(there)));
    put(0, PER_TICK + 10);
    while (next_question(&q))
        answer(q.serial, CHALLENGE_NONE, "");
    put(PER_TICK + 10, PER_TICK + 11);
    expect_next(PER_TICK + 10);
}

/* Each is of another client, so that all would stand in the order in which they come. */
static void what_there_is_comes_before_what_somebody_has_invented(void **state)
{
    uint64_t there[12];
    (void)state;
    for (size_t i = 0; i < COUNT(there); i++)
        there[i] = hash_of(50 + i);
    assert_true(know(there, COUNT(there)));
    f.queries[54].client = f.queries[0].client; /* has one out already */
    put(0, 74);
    assert_int_equal(questions(), 2 * AT_ONCE);
    for (uint64_t serial = 1; serial <= 2; serial++)
        answer(serial, CHALLENGE_NONE, "");
    expect_next(55);
    expect_next(56);
}

static void what_comes_while_its_question_waits_is_asked_for_at_once(void **state)
{
    const uint64_t there[] = {hash_of(50)};
    (void)state;
    put(0, 74);
    assert_int_equal(questions(), AT_ONCE);
    assert_true(know(there, COUNT(there)));
    expect_next(50);
    assert_int_equal(questions(), 0);
}

static void what_there_was_is_forgotten(void **state)
{
    const uint64_t there[] = {hash_of(50)};
    (void)state;
    assert_true(know(there, COUNT(there)));
    assert_true(know(NULL, 0));
    put(0, 74);
    assert_int_equal(questions(), AT_ONCE);
    answer(1, CHALLENGE_NONE, "");
    expect_next(AT_ONCE);
}

/* Nobody answers. What has just come may be what has just been put there. */
static void of_a_crowd_the_last_are_told_but_those_that_have_just_come(void **state)
{
    (void)state;
    put(0, QUERIES - 10);
    next_tick();
    assert_int_equal(f.crowded, 0);
    put(QUERIES - 10, QUERIES);
    next_tick();
    assert_int_equal(f.all.waiting_count, WAITING);
    assert_int_equal(f.crowded, QUERIES - AT_ONCE - WAITING);
    for (size_t i = QUERIES - 10; i < QUERIES; i++)
        assert_int_equal(f.answered[i], 0);
    for (size_t i = 0; i < WAITING - 10; i++)
        assert_int_equal(f.answered[i], 0);
}

/* The same name elsewhere is another challenge. */
static void a_name_is_known_on_its_route(void **state)
{
    const uint64_t there[] = {challenge_hash(f.queries[50].slot + 1, f.queries[50].name)};
    (void)state;
    assert_true(know(there, COUNT(there)));
    put(50, 51);
    assert_false(f.queries[50].known);
}

static void a_message_of_another_size_is_none(void **state)
{
    static struct ipc_message m;
    (void)state;
    ipc_begin(&m, IPC_CHALLENGES, 0);
    ipc_append(&m, "abc", 3);
    assert_false(queries_know(&f.all, &m));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_question_is_asked_and_its_answer_heard_once),
        TEST(few_are_out_at_a_time_and_the_rest_follows_in_order),
        TEST(who_leaves_makes_room_and_hears_nothing),
        TEST(only_so_many_are_asked_before_the_next_tick),
        TEST(one_of_each_client_comes_first_and_then_the_newest),
        TEST(what_there_is_comes_before_what_somebody_has_invented),
        TEST(what_there_is_has_places_that_nobody_can_take_by_inventing),
        TEST(what_there_is_needs_no_tick),
        TEST(what_comes_while_its_question_waits_is_asked_for_at_once),
        TEST(what_there_was_is_forgotten),
        TEST(of_a_crowd_the_last_are_told_but_those_that_have_just_come),
        TEST(a_name_is_known_on_its_route),
        TEST(a_message_of_another_size_is_none),
        TEST(a_supervisor_that_does_not_read_is_asked_again_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
