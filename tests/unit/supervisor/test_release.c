/* test_plan.c - which route counts in which slot, and how many workers there are to be. */
#include "proxy/supervisor/release.h"
#include "tests/support/unit.h"

#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

/* A generation with nothing but route names. */
struct names {
    struct config config;
    struct generation generation;
};

static struct generation *named(struct names *n, const char *const *names, size_t count)
{
    *n = (struct names){.config = {.route_count = count}};
    n->config.routes = calloc(count, sizeof *n->config.routes);
    n->generation.routes = calloc(count, sizeof *n->generation.routes);
    n->generation.config = &n->config;
    for (size_t i = 0; i < count; i++)
        n->config.routes[i].name = names[i];
    return &n->generation;
}

static void names_free(struct names *n)
{
    free(n->config.routes);
    free(n->generation.routes);
}

/* What one worker has counted. */
static struct all_counters all;
static struct worker_counters *own;

static int begin(void **state)
{
    struct err e;
    (void)state;
    const int fd = counters_create(&e);
    own = fd >= 0 ? counters_map_own(fd) : NULL;
    all = (struct all_counters){.parts = {own}};
    if (fd >= 0)
        close(fd);
    return own != NULL ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    counters_unmap_all(&all);
    return 0;
}

/* In service from now on, after `now`. */
static void put_in_service(struct route_slots *slots, const struct generation *now,
                           struct generation *g)
{
    struct err e = {.text = ""};
    if (route_slots_assign(slots, now, g, &all, &e) != 0)
        fail_msg("%s", e.text);
    route_slots_commit(slots, &all);
}

static void slots_stay_with_their_names_over_generations(void **state)
{
    (void)state;
    struct route_slots slots = {0};
    struct names first, second, third;
    struct generation *a = named(&first, (const char *const[]){"imaps", "pop3s", "smtps"}, 3);
    struct generation *b = named(&second, (const char *const[]){"smtps", "nntps", "imaps"}, 3);
    struct generation *c = named(&third, (const char *const[]){"pop3s"}, 1);
    put_in_service(&slots, NULL, a);
    counter_add(&own->route[a->routes[1].slot].accepted, 7);
    put_in_service(&slots, a, b);
    put_in_service(&slots, b, c);

    assert_int_not_equal(a->routes[0].slot, a->routes[1].slot);
    assert_int_not_equal(a->routes[1].slot, a->routes[2].slot);
    assert_int_not_equal(a->routes[0].slot, a->routes[2].slot);
    assert_int_equal(b->routes[0].slot, a->routes[2].slot);
    assert_int_equal(b->routes[2].slot, a->routes[0].slot);
    assert_int_not_equal(b->routes[1].slot, a->routes[1].slot); /* pop3s may come back... */
    assert_int_equal(c->routes[0].slot, a->routes[1].slot);     /* ...and goes on counting */
    assert_int_equal(counter_get(&own->route[c->routes[0].slot].accepted), 7);
    route_slots_free(&slots);
    names_free(&first);
    names_free(&second);
    names_free(&third);
}

static char numbered[3 * ROUTE_SLOTS][8];

static const char *const *numbers(unsigned from, unsigned count)
{
    static const char *list[ROUTE_SLOTS];
    for (unsigned i = 0; i < count; i++) {
        snprintf(numbered[from + i], sizeof numbered[0], "r%u", from + i);
        list[i] = numbered[from + i];
    }
    return list;
}

/* All slots have a name, the first 1000 of which go: names [1000, ROUTE_SLOTS) are in service. */
enum { GONE = 1000 };
struct crowd {
    struct route_slots slots;
    struct names first, second, third;
    struct generation *before, *now;
};

static void fill(struct crowd *c)
{
    c->before = named(&c->first, numbers(0, ROUTE_SLOTS), ROUTE_SLOTS);
    c->now = named(&c->second, numbers(GONE, ROUTE_SLOTS - GONE), ROUTE_SLOTS - GONE);
    put_in_service(&c->slots, NULL, c->before);
    put_in_service(&c->slots, c->before, c->now);
    for (unsigned i = 0; i < ROUTE_SLOTS; i++)
        counter_add(&own->route[i].accepted, 1);
}

static void leave(struct crowd *c)
{
    route_slots_free(&c->slots);
    names_free(&c->first);
    names_free(&c->second);
    names_free(&c->third);
}

static void a_new_name_takes_over_from_one_that_is_gone_when_all_are_taken(void **state)
{
    (void)state;
    static struct crowd c;
    fill(&c);
    struct generation *next = named(&c.third, numbers(ROUTE_SLOTS, 2), 2);
    put_in_service(&c.slots, c.now, next);
    assert_int_not_equal(next->routes[0].slot, next->routes[1].slot);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(counter_get(&own->route[next->routes[i].slot].accepted), 0);
        for (unsigned k = 0; k < ROUTE_SLOTS - GONE; k++) /* these may come back */
            assert_int_not_equal(next->routes[i].slot, c.now->routes[k].slot);
    }
    assert_int_equal(counter_get(&own->route[c.now->routes[0].slot].accepted), 1);
    leave(&c);
}

/* They would take back what they have not counted there: -1, which is very many. */
static void sessions_of_a_name_that_is_gone_keep_its_slot(void **state)
{
    (void)state;
    static struct crowd c;
    fill(&c);
    const unsigned busy = c.before->routes[3].slot;
    counter_add(&own->route[busy].active, 2);
    struct generation *next = named(&c.third, numbers(ROUTE_SLOTS, GONE - 1), GONE - 1);
    put_in_service(&c.slots, c.now, next);
    for (unsigned i = 0; i < GONE - 1; i++)
        assert_int_not_equal(next->routes[i].slot, busy);
    assert_int_equal(counter_get(&own->route[busy].accepted), 1);
    leave(&c);
}

static void more_names_than_can_be_counted_are_refused_with_the_cure(void **state)
{
    (void)state;
    static struct crowd c;
    struct err e = {.text = ""};
    fill(&c);
    counter_add(&own->route[c.before->routes[3].slot].active, 1);
    counter_add(&own->route[c.now->routes[3].slot].active, 1);
    struct generation *next = named(&c.third, numbers(ROUTE_SLOTS, ROUTE_SLOTS), ROUTE_SLOTS);
    assert_int_equal(route_slots_assign(&c.slots, c.now, next, &all, &e), -1);
    assert_non_null(strstr(e.text, "too many names since the start"));
    assert_non_null(strstr(e.text, "restart the daemon"));

    counter_sub(&own->route[c.before->routes[3].slot].active, 1);
    counter_sub(&own->route[c.now->routes[3].slot].active, 1);
    put_in_service(&c.slots, c.now, next);
    leave(&c);
}

static void what_is_not_committed_leaves_names_and_counters_as_they_are(void **state)
{
    (void)state;
    static struct crowd c;
    struct err e;
    fill(&c);
    struct generation *next = named(&c.third, numbers(ROUTE_SLOTS, ROUTE_SLOTS), ROUTE_SLOTS);
    assert_int_equal(route_slots_assign(&c.slots, c.now, next, &all, &e), 0);
    route_slots_abort(&c.slots);
    for (unsigned i = 0; i < ROUTE_SLOTS; i++)
        assert_int_equal(counter_get(&own->route[i].accepted), 1);
    for (unsigned i = 0; i < ROUTE_SLOTS; i++)
        next->config->routes[i].name = numbers(0, ROUTE_SLOTS)[i];
    put_in_service(&c.slots, c.now, next);
    for (unsigned i = 0; i < ROUTE_SLOTS; i++)
        assert_int_equal(next->routes[i].slot, c.before->routes[i].slot);
    leave(&c);
}

static void every_slot_can_change_hands(void **state)
{
    (void)state;
    struct route_slots slots = {0};
    struct names first, second;
    static bool used[ROUTE_SLOTS];
    struct generation *old = named(&first, numbers(0, ROUTE_SLOTS), ROUTE_SLOTS);
    put_in_service(&slots, NULL, old);
    for (unsigned i = 0; i < ROUTE_SLOTS; i++)
        counter_add(&own->route[i].accepted, 1);
    struct generation *new = named(&second, numbers(ROUTE_SLOTS, ROUTE_SLOTS), ROUTE_SLOTS);
    put_in_service(&slots, old, new);
    for (unsigned i = 0; i < ROUTE_SLOTS; i++) {
        assert_int_equal(counter_get(&own->route[i].accepted), 0);
        assert_in_range(new->routes[i].slot, 0, ROUTE_SLOTS - 1);
        assert_false(used[new->routes[i].slot]);
        used[new->routes[i].slot] = true;
    }
    route_slots_free(&slots);
    names_free(&first);
    names_free(&second);
}

/* Two routes, each with these server names. */
static struct generation *with_names(struct names *n, const char *const *names, size_t count)
{
    struct generation *g = named(n, (const char *const[]){"imaps", "pop3s"}, 2);
    n->config.server_name_count = 2 * count;
    n->config.server_names = calloc(2 * count + 1, sizeof *n->config.server_names);
    g->names = calloc(2 * count + 1, sizeof *g->names);
    for (size_t i = 0; i < 2 * count; i++)
        n->config.server_names[i].name = names[i % count];
    for (size_t i = 0; i < 2; i++) {
        n->config.routes[i].names = n->config.server_names + i * count;
        n->config.routes[i].name_count = count;
    }
    return g;
}

static void free_with_names(struct names *n)
{
    free(n->config.server_names);
    free(n->generation.names);
    names_free(n);
}

static void a_server_name_counts_in_each_route_apart_and_stays_there(void **state)
{
    (void)state;
    static struct name_slots slots;
    struct err e;
    struct names first, second;
    struct generation *a = with_names(&first, (const char *const[]){"a.example", "*.b.example"}, 2);
    struct generation *b =
        with_names(&second, (const char *const[]){"*.b.example", "c.example", "a.example"}, 3);
    assert_int_equal(name_slots_assign(&slots, NULL, a, &all, &e), 0);
    name_slots_commit(&slots, &all);
    assert_int_equal(name_slots_assign(&slots, a, b, &all, &e), 0);
    name_slots_commit(&slots, &all);
    for (unsigned i = 0; i < 4; i++)
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(a->names[i].slot, a->names[k].slot);
    assert_int_equal(b->names[0].slot, a->names[1].slot);
    assert_int_equal(b->names[2].slot, a->names[0].slot);
    assert_int_equal(b->names[3].slot, a->names[3].slot);
    assert_int_equal(b->names[5].slot, a->names[2].slot);
    name_slots_free(&slots);
    free_with_names(&first);
    free_with_names(&second);
}

static void the_number_of_workers(void **state)
{
    (void)state;
    struct config c = {.workers = 3};
    assert_int_equal(release_worker_count(&c), 3);
    c.workers = 0; /* auto */
    assert_int_equal(release_worker_count(&c), uv_available_parallelism());
    c.workers = WORKERS_MAX;
    assert_int_equal(release_worker_count(&c), WORKERS_MAX);
    c.workers = WORKERS_MAX + 1;
    assert_int_equal(release_worker_count(&c), WORKERS_MAX);
}

static void clearing_closes_the_bundle_and_may_come_twice(void **state)
{
    (void)state;
    const int fd = open("/dev/null", O_RDONLY);
    struct release p = {.number = 1, .bundle = fd, .keys = -1, .whole = dup(fd), .workers = 2};
    release_clear(&p);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(p.number, 0);
    assert_int_equal(p.workers, 0);
    release_clear(&p); /* closes nothing: 0 would be standard input */
    assert_true(fcntl(0, F_GETFD) >= 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(slots_stay_with_their_names_over_generations),
        CASE(a_new_name_takes_over_from_one_that_is_gone_when_all_are_taken),
        CASE(sessions_of_a_name_that_is_gone_keep_its_slot),
        CASE(more_names_than_can_be_counted_are_refused_with_the_cure),
        CASE(what_is_not_committed_leaves_names_and_counters_as_they_are),
        CASE(every_slot_can_change_hands),
        CASE(a_server_name_counts_in_each_route_apart_and_stays_there),
        cmocka_unit_test(the_number_of_workers),
        cmocka_unit_test(clearing_closes_the_bundle_and_may_come_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
