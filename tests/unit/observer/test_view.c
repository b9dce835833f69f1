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

static const char *agent_line(void)
{
    static char line[VIEW_AGENT_LINE_MAX];
    end_snapshot();
    view_agent_line(&shown.snapshot, line);
    return line;
}

static void an_agent_says_that_newcomers_may_come(void **state)
{
    (void)state;
    assert_string_equal(agent_line(), "up ready\n");
}

static void an_agent_sends_newcomers_elsewhere_as_long_as_sessions_go_on(void **state)
{
    (void)state;
    shown.w.facts.not_ready = 1;
    assert_string_equal(agent_line(), "drain\n");
}

static void an_agent_says_the_same_on_the_way_down(void **state)
{
    (void)state;
    shown.w.facts.state = put("draining");
    assert_string_equal(agent_line(), "drain\n");
}

static void an_agent_says_why_nobody_is_served(void **state)
{
    (void)state;
    shown.w.facts.workers = 0;
    assert_string_equal(agent_line(), "down#no worker runs\n");
}

static void an_agent_that_knows_nothing_says_so(void **state)
{
    char line[VIEW_AGENT_LINE_MAX];
    const struct snapshot none = {0};
    (void)state;
    view_agent_line(&none, line);
    assert_string_equal(line, "down#nothing is known yet\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_runs_is_ready),
        TEST(before_the_first_configuration_nobody_is),
        TEST(who_goes_down_is_not),
        TEST(who_was_told_so_is_not),
        TEST(without_a_worker_nobody_is),
        TEST(an_agent_says_that_newcomers_may_come),
        TEST(an_agent_sends_newcomers_elsewhere_as_long_as_sessions_go_on),
        TEST(an_agent_says_the_same_on_the_way_down),
        TEST(an_agent_says_why_nobody_is_served),
        TEST(an_agent_that_knows_nothing_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
