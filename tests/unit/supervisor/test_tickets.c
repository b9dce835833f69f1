/* test_tickets.c - when the keys of tickets are made anew, by clocks that the test sets. */
#include "proxy/supervisor/tickets.h"
#include "tests/support/unit.h"

#include <time.h>

/* ---- clocks ---- */

int __real_clock_gettime(clockid_t id, struct timespec *out);
int __wrap_clock_gettime(clockid_t id, struct timespec *out);
time_t __wrap_time(time_t *out);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);
void __wrap_workers_send_tickets(struct workers *ws);

static time_t wall, boot; /* the second goes on while the machine sleeps */
static uv_timer_cb look;
static uint64_t wait_ms;
static unsigned sent;

time_t __wrap_time(time_t *out)
{
    (void)out;
    return wall;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *out)
{
    if (id != CLOCK_BOOTTIME)
        return __real_clock_gettime(id, out);
    *out = (struct timespec){.tv_sec = boot};
    return 0;
}

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    (void)timer;
    (void)repeat;
    look = cb;
    wait_ms = timeout;
    return 0;
}

void __wrap_workers_send_tickets(struct workers *ws)
{
    (void)ws;
    sent++;
}

/* The time passes until the next look, or the machine sleeps meanwhile. */
static void pass(struct tickets *t, time_t slept)
{
    const time_t seconds = (time_t)(wait_ms / 1000) + slept;
    assert_true(wait_ms >= 1000);
    wall += seconds;
    boot += seconds;
    look(&t->timer);
}

/* ---- scene ---- */

static struct log logger;
static struct workers workers;
static struct tickets tickets;
static uv_loop_t loop;

/* The clocks stand in the middle of a period. */
static int begin(void **state)
{
    struct err e;
    (void)state;
    wall = (time_t)80000 * TLS_TICKET_PERIOD + TLS_TICKET_PERIOD / 2;
    boot = 1000;
    sent = 0;
    log_init(&logger, "supervisor");
    uv_loop_init(&loop);
    workers = (struct workers){0};
    tickets_init(&tickets, &loop, &workers, &logger);
    return tls_init(&e) == 0 && tickets_make(&tickets, &e) == 0 ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    tickets_close(&tickets);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static void share(unsigned char secret)
{
    struct ticket_files files = {.secrets.count = 1};
    memset(files.secrets.item[0].bytes, secret, sizeof files.secrets.item[0].bytes);
    tickets_share(&tickets, &files);
}

static void assert_keys_of(time_t when)
{
    struct tls_ticket_keys keys = {0};
    struct err e;
    assert_int_equal(tls_ticket_keys_derive(&keys, &tickets.files.secrets, when, &e), 0);
    assert_int_equal(workers.tickets.count, keys.count);
    assert_memory_equal(workers.tickets.key, keys.key, keys.count * sizeof *keys.key);
}

/* ---- shared keys ---- */

static void shared_keys_change_with_the_period_and_are_sent_then_alone(void **state)
{
    (void)state;
    share(1);
    assert_int_equal(sent, 1);
    const time_t next = wall + TLS_TICKET_PERIOD / 2;
    while (wall < next) {
        assert_int_equal(sent, 1);
        assert_keys_of(wall);
        pass(&tickets, 0);
    }
    assert_int_equal(wall, next);
    assert_int_equal(sent, 2);
    assert_keys_of(next);
}

static void shared_keys_follow_a_clock_that_is_set(void **state)
{
    (void)state;
    const time_t right = wall;
    wall = 0; /* a machine that does not know the time before it has a network */
    share(1);
    wall = right;
    pass(&tickets, 0);
    assert_true(wall - right <= 600);
    assert_keys_of(wall);
    wall -= (time_t)3 * TLS_TICKET_PERIOD;
    pass(&tickets, 0);
    assert_keys_of(wall);
    assert_int_equal(sent, 3);
}

static void shared_keys_are_right_after_a_sleep(void **state)
{
    (void)state;
    share(1);
    pass(&tickets, (time_t)5 * TLS_TICKET_PERIOD);
    assert_keys_of(wall);
    assert_int_equal(sent, 2);
}

/* ---- our own ---- */

static void own_keys_are_made_anew_once_a_period_whatever_the_clock_says(void **state)
{
    (void)state;
    const struct tls_ticket_keys first = workers.tickets;
    const time_t next = boot + TLS_TICKET_PERIOD;
    while (boot < next) {
        assert_int_equal(sent, 0);
        assert_memory_equal(&workers.tickets.key[0], &first.key[0], sizeof first.key[0]);
        wall += (time_t)10 * TLS_TICKET_PERIOD;
        pass(&tickets, 0);
    }
    assert_int_equal(boot, next);
    assert_int_equal(sent, 1);
    assert_memory_equal(&workers.tickets.key[1], &first.key[0], sizeof first.key[0]);
}

static void own_keys_do_not_outlive_a_sleep(void **state)
{
    (void)state;
    pass(&tickets, TLS_TICKET_PERIOD);
    assert_int_equal(sent, 1);
    assert_int_equal(workers.tickets.count, 2);
}

static void keys_that_are_ours_alone_again_are_new(void **state)
{
    (void)state;
    const struct ticket_files none = {0};
    share(1);
    const struct tls_ticket_keys before = workers.tickets;
    tickets_share(&tickets, &none);
    assert_int_equal(sent, 2);
    assert_memory_not_equal(&workers.tickets.key[0], &before.key[0], sizeof before.key[0]);
}

static void own_keys_go_over_an_upgrade_with_the_time_that_they_have_left(void **state)
{
    (void)state;
    struct handover h;
    handover_init(&h);
    boot += 1000;
    wall += 1000;
    tickets_give(&tickets, &h);
    assert_int_equal(h.rotate_ms, (TLS_TICKET_PERIOD - 1000) * 1000);
    workers.tickets.count = 0;
    tickets.until = 0;
    tickets_take(&tickets, &h);
    assert_int_equal(workers.tickets.count, 1);
    const time_t next = boot + TLS_TICKET_PERIOD - 1000;
    while (boot < next) {
        assert_int_equal(sent, 0);
        pass(&tickets, 0);
    }
    assert_int_equal(sent, 1);
    handover_free(&h);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(shared_keys_change_with_the_period_and_are_sent_then_alone),
        CASE(shared_keys_follow_a_clock_that_is_set),
        CASE(shared_keys_are_right_after_a_sleep),
        CASE(own_keys_are_made_anew_once_a_period_whatever_the_clock_says),
        CASE(own_keys_do_not_outlive_a_sleep),
        CASE(keys_that_are_ours_alone_again_are_new),
        CASE(own_keys_go_over_an_upgrade_with_the_time_that_they_have_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
