/* test_effort.c - how much is done in a second for those who are not served. */
#include "proxy/session/effort.h"
#include "tests/support/unit.h"

#define COST_MS (1000 / EFFORT_A_SECOND)

static unsigned spend_all(struct effort *e, uint64_t now, unsigned cost)
{
    unsigned n = 0;
    while (effort_spend(e, now, cost))
        n++;
    return n;
}

static void a_second_s_worth_can_be_spent_at_once(void **state)
{
    struct effort clear = {0}, tls = {0};
    (void)state;
    assert_int_equal(spend_all(&clear, 5000, EFFORT_CLEAR), EFFORT_A_SECOND);
    assert_int_equal(spend_all(&tls, 5000, EFFORT_TLS), EFFORT_A_SECOND / EFFORT_TLS);
}

static void a_loop_that_has_just_begun_may_too(void **state)
{
    struct effort e = {0};
    (void)state;
    assert_int_equal(spend_all(&e, 0, EFFORT_CLEAR), EFFORT_A_SECOND);
}

static void then_there_is_as_much_as_time_goes_by(void **state)
{
    struct effort e = {0};
    (void)state;
    spend_all(&e, 5000, EFFORT_CLEAR);
    assert_false(effort_spend(&e, 5000 + COST_MS - 1, EFFORT_CLEAR));
    assert_true(effort_spend(&e, 5000 + COST_MS, EFFORT_CLEAR));
    assert_false(effort_spend(&e, 5000 + COST_MS, EFFORT_CLEAR));
    assert_int_equal(spend_all(&e, 5500, EFFORT_CLEAR), EFFORT_A_SECOND / 2 - 1);
}

static void what_is_not_spent_in_a_second_is_not_saved(void **state)
{
    struct effort e = {0};
    (void)state;
    spend_all(&e, 5000, EFFORT_CLEAR);
    assert_int_equal(spend_all(&e, 500000, EFFORT_CLEAR), EFFORT_A_SECOND);
}

static void what_is_refused_costs_nothing(void **state)
{
    struct effort e = {0};
    (void)state;
    spend_all(&e, 5000, EFFORT_TLS);
    for (int i = 0; i < 100; i++)
        assert_false(effort_spend(&e, 5000, EFFORT_TLS));
    assert_true(effort_spend(&e, 5000 + EFFORT_TLS * COST_MS, EFFORT_TLS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_s_worth_can_be_spent_at_once),
        cmocka_unit_test(a_loop_that_has_just_begun_may_too),
        cmocka_unit_test(then_there_is_as_much_as_time_goes_by),
        cmocka_unit_test(what_is_not_spent_in_a_second_is_not_saved),
        cmocka_unit_test(what_is_refused_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
