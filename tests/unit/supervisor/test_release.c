/* test_plan.c - which route counts in which slot, and how many workers there are to be. */
#include "proxy/supervisor/release.h"
#include "tests/support/unit.h"

#include <fcntl.h>
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

struct forgotten {
    unsigned count, slots[ROUTE_SLOTS];
};

static void forget(void *arg, unsigned slot)
{
    struct forgotten *f = arg;
    f->slots[f->count++] = slot;
}

static void slots_stay_with_their_names_over_generations(void **state)
{
    (void)state;
    struct route_slots slots = {0};
    struct forgotten f = {0};
    struct names first, second, third;
    struct generation *a = named(&first, (const char *const[]){"imaps", "pop3s", "smtps"}, 3);
    struct generation *b = named(&second, (const char *const[]){"smtps", "nntps", "imaps"}, 3);
    struct generation *c = named(&third, (const char *const[]){"pop3s"}, 1);
    assert_int_equal(route_slots_assign(&slots, a, forget, &f), 0);
    assert_int_equal(route_slots_assign(&slots, b, forget, &f), 0);
    assert_int_equal(route_slots_assign(&slots, c, forget, &f), 0);

    assert_int_not_equal(a->routes[0].slot, a->routes[1].slot);
    assert_int_not_equal(a->routes[1].slot, a->routes[2].slot);
    assert_int_not_equal(a->routes[0].slot, a->routes[2].slot);
    assert_int_equal(b->routes[0].slot, a->routes[2].slot);
    assert_int_equal(b->routes[2].slot, a->routes[0].slot);
    assert_int_not_equal(b->routes[1].slot, a->routes[1].slot); /* pop3s may come back... */
    assert_int_equal(c->routes[0].slot, a->routes[1].slot);     /* ...and goes on counting */
    assert_int_equal(f.count, 0);
    route_slots_free(&slots);
    names_free(&first);
    names_free(&second);
    names_free(&third);
}

static char numbered[2 * ROUTE_SLOTS][8];

static const char *const *numbers(unsigned from, unsigned count)
{
    static const char *list[ROUTE_SLOTS];
    for (unsigned i = 0; i < count; i++) {
        snprintf(numbered[from + i], sizeof numbered[0], "r%u", from + i);
        list[i] = numbered[from + i];
    }
    return list;
}

static void a_new_name_takes_over_from_one_that_is_gone_when_all_are_taken(void **state)
{
    (void)state;
    struct route_slots slots = {0};
    struct forgotten f = {0};
    struct names first, second;
    struct generation *full = named(&first, numbers(0, ROUTE_SLOTS), ROUTE_SLOTS);
    assert_int_equal(route_slots_assign(&slots, full, forget, &f), 0);
    assert_int_equal(f.count, 0);

    /* r0 and r1 go, two others come. */
    struct generation *next = named(&second, numbers(2, ROUTE_SLOTS), ROUTE_SLOTS);
    assert_int_equal(route_slots_assign(&slots, next, forget, &f), 0);
    assert_int_equal(f.count, 2);
    for (unsigned i = 0; i < ROUTE_SLOTS - 2; i++)
        assert_int_equal(next->routes[i].slot, full->routes[i + 2].slot);
    assert_int_equal(next->routes[ROUTE_SLOTS - 2].slot, f.slots[0]);
    assert_int_equal(next->routes[ROUTE_SLOTS - 1].slot, f.slots[1]);
    assert_int_equal(f.slots[0] + f.slots[1], full->routes[0].slot + full->routes[1].slot);
    assert_int_not_equal(f.slots[0], f.slots[1]);
    route_slots_free(&slots);
    names_free(&first);
    names_free(&second);
}

static void every_slot_can_change_hands(void **state)
{
    (void)state;
    struct route_slots slots = {0};
    struct forgotten f = {0};
    struct names first, second;
    static bool used[ROUTE_SLOTS];
    struct generation *old = named(&first, numbers(0, ROUTE_SLOTS), ROUTE_SLOTS);
    assert_int_equal(route_slots_assign(&slots, old, forget, &f), 0);
    struct generation *new = named(&second, numbers(ROUTE_SLOTS, ROUTE_SLOTS), ROUTE_SLOTS);
    assert_int_equal(route_slots_assign(&slots, new, forget, &f), 0);
    assert_int_equal(f.count, ROUTE_SLOTS);
    for (unsigned i = 0; i < ROUTE_SLOTS; i++) {
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
    struct forgotten f = {0};
    struct names first, second;
    struct generation *a = with_names(&first, (const char *const[]){"a.example", "*.b.example"}, 2);
    struct generation *b =
        with_names(&second, (const char *const[]){"*.b.example", "c.example", "a.example"}, 3);
    assert_int_equal(name_slots_assign(&slots, a, forget, &f), 0);
    assert_int_equal(name_slots_assign(&slots, b, forget, &f), 0);
    for (unsigned i = 0; i < 4; i++)
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(a->names[i].slot, a->names[k].slot);
    assert_int_equal(b->names[0].slot, a->names[1].slot);
    assert_int_equal(b->names[2].slot, a->names[0].slot);
    assert_int_equal(b->names[3].slot, a->names[3].slot);
    assert_int_equal(b->names[5].slot, a->names[2].slot);
    assert_int_equal(f.count, 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_stay_with_their_names_over_generations),
        cmocka_unit_test(a_new_name_takes_over_from_one_that_is_gone_when_all_are_taken),
        cmocka_unit_test(every_slot_can_change_hands),
        cmocka_unit_test(a_server_name_counts_in_each_route_apart_and_stays_there),
        cmocka_unit_test(the_number_of_workers),
        cmocka_unit_test(clearing_closes_the_bundle_and_may_come_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
