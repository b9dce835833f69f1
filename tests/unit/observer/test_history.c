/* test_history.c - an hour in minutes, by calling time on. */
#include "proxy/observer/history.h"
#include "tests/unit/observer/shown.h"

static struct history h;

static int end_history(void **state)
{
    memset(&h, 0, sizeof h);
    return end_shown(state);
}

static void minute(void)
{
    assert_true(view_begin(&shown.view, &shown.snapshot, &shown.counters, NOW));
    history_minute(&h, &shown.view);
    view_end(&shown.view);
}

/* Another snapshot, with these routes. */
static void snapshot_of(const char *first, const char *second, uint64_t restarts)
{
    begin_snapshot();
    put_route(first, 0, 0);
    if (second != NULL)
        put_route(second, 1, 0);
    shown.w.facts.worker_restarts = restarts;
    snapshot_close(&shown.snapshot);
    end_snapshot();
}

static int begin_history(void **state)
{
    begin_shown(state);
    end_snapshot(); /* what begin_shown() began */
    snapshot_of("a", "b", 0);
    return 0;
}

static uint32_t latest(const struct history_series *s)
{
    return s->minutes[HISTORY_MINUTES - 1];
}

static void what_was_before_belongs_to_no_minute(void **state)
{
    (void)state;
    counter_add(&shown.parts[0]->route[0].accepted, 100);
    snapshot_of("a", "b", 7);
    minute();
    assert_int_equal(history_sum(&history_find(&h, "a")->connections), 0);
    assert_int_equal(history_sum(&h.deaths), 0);
}

static void a_minute_has_what_came_in_it(void **state)
{
    (void)state;
    minute();
    counter_add(&shown.parts[0]->route[0].accepted, 3);
    counter_add(&shown.parts[1]->route[0].accepted, 2);
    counter_add(&shown.parts[1]->route[0].handshake_failures, 1);
    counter_add(&shown.parts[1]->route[0].upstream_failures, 1);
    counter_add(&shown.parts[1]->route[0].refused, 1);
    snapshot_of("a", "b", 1);
    minute();
    const struct history_route *r = history_find(&h, "a");
    assert_int_equal(latest(&r->connections), 5);
    assert_int_equal(latest(&r->failures), 3);
    assert_int_equal(latest(&h.deaths), 1);
    assert_int_equal(latest(&history_find(&h, "b")->connections), 0);
    minute();
    assert_int_equal(latest(&r->connections), 0);
    assert_int_equal(history_sum(&r->connections), 5);
    assert_int_equal(history_most(&r->connections), 5);
}

static void after_an_hour_it_is_forgotten(void **state)
{
    (void)state;
    minute();
    counter_add(&shown.parts[0]->route[0].accepted, 3);
    for (unsigned i = 0; i < HISTORY_MINUTES; i++)
        minute();
    assert_int_equal(history_sum(&history_find(&h, "a")->connections), 3);
    minute();
    assert_int_equal(history_sum(&history_find(&h, "a")->connections), 0);
}

static void routes_come_and_go(void **state)
{
    (void)state;
    minute();
    snapshot_of("a", NULL, 0);
    minute();
    assert_null(history_find(&h, "b"));
    snapshot_of("c", "a", 0);
    minute();
    assert_non_null(history_find(&h, "a"));
    assert_non_null(history_find(&h, "c"));
}

/* A slot that was given away begins at nought. */
static void a_counter_that_falls_does_not_make_a_peak(void **state)
{
    (void)state;
    counter_add(&shown.parts[0]->route[0].accepted, 1000);
    minute();
    counter_set(&shown.parts[0]->route[0].accepted, 2);
    minute();
    assert_int_equal(latest(&history_find(&h, "a")->connections), 2);
}

/* ---- from observer to observer ---- */

static uint64_t at; /* milliseconds */

static bool due(uint64_t milliseconds)
{
    at += milliseconds;
    assert_true(view_begin(&shown.view, &shown.snapshot, &shown.counters, NOW));
    const bool was = history_due(&h, &shown.view, at);
    view_end(&shown.view);
    return was;
}

static void a_successor_goes_on_in_the_same_minute(void **state)
{
    (void)state;
    at = 1000000;
    history_adopt(&h);
    assert_true(due(0));
    counter_add(&shown.parts[0]->route[0].accepted, 3);
    assert_false(due(HISTORY_MINUTE_MS - 1));
    history_adopt(&h);
    assert_false(due(0));
    assert_true(due(1));
    assert_int_equal(latest(&history_find(&h, "a")->connections), 3);
    assert_int_equal(h.minute, at + HISTORY_MINUTE_MS);
}

static void minutes_without_an_observer_have_gone_by(void **state)
{
    (void)state;
    at = 1000000;
    history_adopt(&h);
    due(0);
    counter_add(&shown.parts[0]->route[0].accepted, 3);
    assert_true(due(3 * HISTORY_MINUTE_MS + 5));
    assert_int_equal(history_find(&h, "a")->connections.minutes[HISTORY_MINUTES - 3], 3);
    assert_int_equal(history_sum(&history_find(&h, "a")->connections), 3);
    assert_int_equal(h.minute, at - 5 + HISTORY_MINUTE_MS);
    assert_true(due(1000000000)); /* and that is no reason to count to there */
    assert_int_equal(h.minute, at + HISTORY_MINUTE_MS);
}

static void what_a_predecessor_has_spoilt_can_be_worked_with(void **state)
{
    (void)state;
    at = 1000000;
    history_adopt(&h);
    const uint64_t layout = h.layout;
    memset(&h, 0xff, sizeof h);
    h.layout = layout;
    history_adopt(&h);
    assert_true(due(0));
    h.route_count = ROUTE_SLOTS;
    memset(h.routes, 0xff, sizeof h.routes);
    history_adopt(&h);
    assert_true(due(HISTORY_MINUTE_MS)); /* in which there is no room for others */
    assert_true(due(HISTORY_MINUTE_MS));
    assert_non_null(history_find(&h, "a"));
    assert_int_equal(h.route_count, 2);
}

static void another_layout_begins_anew(void **state)
{
    (void)state;
    memset(&h, 0xff, sizeof h);
    history_adopt(&h);
    assert_int_equal(h.route_count, 0);
    assert_int_equal(h.begun, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin_history, end_history)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_was_before_belongs_to_no_minute),
        CASE(a_minute_has_what_came_in_it),
        CASE(after_an_hour_it_is_forgotten),
        CASE(routes_come_and_go),
        CASE(a_counter_that_falls_does_not_make_a_peak),
        CASE(a_successor_goes_on_in_the_same_minute),
        CASE(minutes_without_an_observer_have_gone_by),
        CASE(what_a_predecessor_has_spoilt_can_be_worked_with),
        CASE(another_layout_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
