/* test_rates.c - how often a client came lately, as several workers write it down. */
#include "proxy/ipc/rates.h"
#include "tests/support/unit.h"

enum { PERIOD = 8000, SLICE = PERIOD / RATE_SLICES, START = 1000000 };

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct rate_table));
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

/* Clients of one set. */
static uint64_t key_of(unsigned client)
{
    return 0x4200 + client + 1;
}

static void many(struct rate_table *t, unsigned client, unsigned count, uint64_t now)
{
    for (unsigned i = 0; i < count; i++)
        rate_add(t, key_of(client), PERIOD, now);
}

static unsigned sum(const struct rate_table *t, unsigned client, uint64_t now)
{
    return rate_sum(t, key_of(client), PERIOD, now);
}

static void a_stranger_has_not_come(void **state)
{
    assert_int_equal(sum(*state, 0, START), 0);
    rate_take_back(*state, key_of(0), PERIOD, START);
    assert_int_equal(sum(*state, 0, START), 0);
}

static void a_burst_counts_for_a_period_and_no_longer(void **state)
{
    many(*state, 0, 30, START);
    assert_int_equal(sum(*state, 0, START), 30);
    assert_int_equal(sum(*state, 0, START + PERIOD - 1), 30);
    assert_int_equal(sum(*state, 0, START + PERIOD), 0);
}

static void connections_leave_one_after_the_other(void **state)
{
    for (unsigned i = 0; i < RATE_SLICES; i++)
        many(*state, 0, 1, START + i * SLICE);
    for (unsigned i = 0; i < RATE_SLICES; i++)
        assert_int_equal(sum(*state, 0, START + PERIOD + i * SLICE), RATE_SLICES - 1 - i);
}

static void who_comes_on_and_on_has_only_the_last_period_counted(void **state)
{
    for (unsigned i = 0; i < 70000; i++) {
        many(*state, 0, 1, START + (uint64_t)i * SLICE);
        if (i >= RATE_SLICES)
            assert_int_equal(sum(*state, 0, START + (uint64_t)i * SLICE), RATE_SLICES);
    }
}

static void who_was_away_begins_anew(void **state)
{
    many(*state, 0, 5, START);
    many(*state, 0, 2, START + PERIOD + SLICE / 2);
    assert_int_equal(sum(*state, 0, START + PERIOD + SLICE / 2), 2);
    assert_int_equal(sum(*state, 0, START + 2 * PERIOD + SLICE / 2 - 1), 2);
    assert_int_equal(sum(*state, 0, START + 2 * PERIOD + SLICE / 2), 0);
}

static void what_is_taken_back_does_not_count(void **state)
{
    many(*state, 0, 2, START);
    rate_take_back(*state, key_of(0), PERIOD, START);
    assert_int_equal(sum(*state, 0, START), 1);
    for (int i = 0; i < 3; i++)
        rate_take_back(*state, key_of(0), PERIOD, START);
    assert_int_equal(sum(*state, 0, START), 0);
}

static void a_clock_that_is_a_little_behind_sees_them_too(void **state)
{
    many(*state, 0, 1, START);
    many(*state, 0, 4, START + 2 * SLICE);
    assert_int_equal(sum(*state, 0, START + SLICE), 5);
    assert_int_equal(sum(*state, 0, START - 5), 5);
}

static void counts_do_not_run_over(void **state)
{
    many(*state, 0, 70000, START);
    assert_int_equal(sum(*state, 0, START), 0xffff);
}

static void clients_of_one_set_are_counted_apart(void **state)
{
    for (unsigned i = 0; i < RATE_WAYS; i++)
        many(*state, i, i + 1, START + i);
    for (unsigned i = 0; i < RATE_WAYS; i++)
        assert_int_equal(sum(*state, i, START + RATE_WAYS), i + 1);
}

/* The limit becomes milder for him; nobody else's changes. */
static void when_a_set_is_full_who_came_least_recently_is_forgotten(void **state)
{
    for (unsigned i = 0; i < RATE_WAYS; i++)
        many(*state, i, 3, START + i);
    many(*state, 0, 1, START + 10);
    many(*state, RATE_WAYS, 1, START + 11);
    assert_int_equal(sum(*state, 0, START + 12), 4);
    assert_int_equal(sum(*state, 1, START + 12), 0);
    for (unsigned i = 2; i < RATE_WAYS; i++)
        assert_int_equal(sum(*state, i, START + 12), 3);
    assert_int_equal(sum(*state, RATE_WAYS, START + 12), 1);
}

static void a_crowd_larger_than_the_table_takes_no_more_memory_than_there_is(void **state)
{
    uint64_t key = 1;
    for (unsigned i = 0; i < 20 * RATE_SETS * RATE_WAYS; i++) {
        key = key * 6364136223846793005U + 1442695040888963407U;
        rate_add(*state, key | 1, PERIOD, START + i / 100);
    }
    assert_int_equal(rate_sum(*state, key | 1, PERIOD, START + 2000), 1);
}

/* What another process wrote, or half of it, or nonsense: a number comes out. */
static void any_bytes_can_be_read(void **state)
{
    memset(*state, 0xff, sizeof(struct rate_table));
    assert_true(rate_sum(*state, UINT64_MAX, PERIOD, START) <= RATE_SLICES * 0xffff);
    rate_add(*state, UINT64_MAX, PERIOD, START);
    assert_true(rate_sum(*state, UINT64_MAX, PERIOD, START) <= RATE_SLICES * 0xffff);
}

static void a_route_and_a_period_make_another_salt(void **state)
{
    (void)state;
    assert_true(rate_salt("mail", 1000) == rate_salt("mail", 1000));
    assert_true(rate_salt("mail", 1000) != rate_salt("mail", 2000));
    assert_true(rate_salt("mail", 1000) != rate_salt("mali", 1000));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_stranger_has_not_come),
        CASE(a_burst_counts_for_a_period_and_no_longer),
        CASE(connections_leave_one_after_the_other),
        CASE(who_comes_on_and_on_has_only_the_last_period_counted),
        CASE(who_was_away_begins_anew),
        CASE(what_is_taken_back_does_not_count),
        CASE(a_clock_that_is_a_little_behind_sees_them_too),
        CASE(counts_do_not_run_over),
        CASE(clients_of_one_set_are_counted_apart),
        CASE(when_a_set_is_full_who_came_least_recently_is_forgotten),
        CASE(a_crowd_larger_than_the_table_takes_no_more_memory_than_there_is),
        CASE(any_bytes_can_be_read),
        CASE(a_route_and_a_period_make_another_salt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
