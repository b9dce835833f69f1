/* test_view.c - whether newcomers should come here. */
#include "tests/unit/observer/shown.h"

static const char *why_not(void)
{
    end_snapshot();
    return view_not_ready(&shown.snapshot);
}

static void who_runs_is_ready(void **state)
{
    (void)state;
    assert_null(why_not());
}

static void before_the_first_configuration_nobody_is(void **state)
{
    (void)state;
    shown.w.facts.generation = 0;
    shown.w.facts.state = put("starting");
    assert_string_equal(why_not(), "nothing is configured yet");
}

static void who_goes_down_is_not(void **state)
{
    (void)state;
    shown.w.facts.state = put("draining");
    assert_string_equal(why_not(), "draining");
}

static void who_was_told_so_is_not(void **state)
{
    (void)state;
    shown.w.facts.not_ready = 1;
    assert_string_equal(why_not(), "drained");
}

static void without_a_worker_nobody_is(void **state)
{
    (void)state;
    shown.w.facts.workers = 0;
    assert_string_equal(why_not(), "no worker runs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_runs_is_ready),          TEST(before_the_first_configuration_nobody_is),
        TEST(who_goes_down_is_not),       TEST(who_was_told_so_is_not),
        TEST(without_a_worker_nobody_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
