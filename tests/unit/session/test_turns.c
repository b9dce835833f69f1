/* test_turns.c - only so many expensive steps in one turn of the loop, and nobody waits in vain. */
#include "proxy/session/turns.h"
#include "tests/support/loop.h"

enum { WAITING = 11 };

struct fixture {
    uv_loop_t loop;
    struct turns turns;
    struct link waiting[WAITING];
    unsigned order[WAITING], done;
};

static struct fixture *f; /* go_on() knows no more than the link */

static void go_on(struct link *l)
{
    link_remove(l);
    f->order[f->done++] = (unsigned)(l - f->waiting);
}

static int setup(void **state)
{
    *state = f = calloc(1, sizeof *f);
    uv_loop_init(&f->loop);
    turns_init(&f->turns, &f->loop, go_on);
    for (size_t i = 0; i < WAITING; i++)
        link_init(&f->waiting[i]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    turns_close(&f->turns);
    loop_end(&f->loop);
    free(f);
    return 0;
}

static unsigned take_all(void)
{
    unsigned taken = 0;
    while (turns_take(&f->turns))
        taken++;
    return taken;
}

static void a_turn_has_a_few_steps_and_the_next_has_as_many(void **state)
{
    (void)state;
    const unsigned some = take_all();
    assert_in_range(some, 1, 16);
    assert_int_equal(take_all(), 0);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(take_all(), some);
}

static void those_who_wait_go_on_in_their_order_a_few_in_each_turn(void **state)
{
    (void)state;
    const unsigned some = take_all();
    for (size_t i = 0; i < WAITING; i++)
        turns_wait(&f->turns, &f->waiting[i]);
    unsigned before = 0;
    for (int turn = 0; f->done < WAITING; turn++) {
        assert_in_range(turn, 0, WAITING + 1);
        uv_run(&f->loop, UV_RUN_NOWAIT);
        assert_in_range(f->done - before, 0, some);
        before = f->done;
    }
    for (unsigned i = 0; i < WAITING; i++)
        assert_int_equal(f->order[i], i);
}

static void nobody_passes_those_who_wait(void **state)
{
    (void)state;
    take_all();
    turns_wait(&f->turns, &f->waiting[0]);
    f->turns.taken = 0; /* a new turn */
    assert_false(turns_take(&f->turns));
    loop_until(&f->loop, f->done == 1);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_true(turns_take(&f->turns));
}

static void one_who_leaves_the_line_is_not_called(void **state)
{
    (void)state;
    take_all();
    for (size_t i = 0; i < 3; i++)
        turns_wait(&f->turns, &f->waiting[i]);
    link_remove(&f->waiting[1]);
    loop_until(&f->loop, f->done == 2);
    assert_int_equal(f->order[0], 0);
    assert_int_equal(f->order[1], 2);
}

/* An idle handle that is left running would burn a processor. */
static void a_loop_without_anybody_waiting_sleeps(void **state)
{
    (void)state;
    take_all();
    turns_wait(&f->turns, &f->waiting[0]);
    loop_until(&f->loop, f->done == 1);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_false(uv_is_active((uv_handle_t *)&f->turns.more));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_turn_has_a_few_steps_and_the_next_has_as_many),
        CASE(those_who_wait_go_on_in_their_order_a_few_in_each_turn),
        CASE(nobody_passes_those_who_wait),
        CASE(one_who_leaves_the_line_is_not_called),
        CASE(a_loop_without_anybody_waiting_sleeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
