/* test_counters.c - counters in memory that several processes see. */
#include "proxy/ipc/counters.h"
#include "proxy/routes/upstream.h"
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>

static const uint8_t seed[16] = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 7, 77, 0, 42};

enum { WORKERS = 4 };

/* `all` as another process has it. */
struct fixture {
    int fd[WORKERS], reader[WORKERS];
    struct all_counters all;
    struct worker_counters *own[WORKERS];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err e;
    *state = f;
    for (unsigned i = 0; i < WORKERS; i++) {
        f->fd[i] = counters_create(&e);
        f->reader[i] = counters_reader(f->fd[i]);
        f->own[i] = counters_map_own(f->fd[i]);
        f->all.parts[i] = counters_map_other(f->reader[i]);
        if (f->own[i] == NULL || f->all.parts[i] == NULL)
            return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < WORKERS; i++) {
        counters_unmap(f->own[i]);
        close(f->fd[i]);
        close(f->reader[i]);
    }
    counters_unmap_all(&f->all);
    free(f);
    return 0;
}

static struct client_key slot_of(const char *ip, unsigned route)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_in in = {.sin_family = AF_INET};
    if (inet_pton(AF_INET, ip, &in.sin_addr) == 1)
        return client_key_of((const struct sockaddr *)&in, route, seed);
    assert_int_equal(inet_pton(AF_INET6, ip, &in6.sin6_addr), 1);
    return client_key_of((const struct sockaddr *)&in6, route, seed);
}

static bool same(struct client_key a, struct client_key b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void all_see_what_a_worker_writes(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < WORKERS; i++)
        counter_add(&f->own[i]->route[ROUTE_SLOTS - 1].accepted, i + 1);
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(counter_get(&counters_of(&f->all, i)->route[ROUTE_SLOTS - 1].accepted),
                         i + 1);
}

static void parts_do_not_overlap(void **state)
{
    struct fixture *f = *state;
    memset(f->own[1], 0xff, sizeof *f->own[1]);
    static const struct worker_counters zero;
    assert_memory_equal(f->own[0], &zero, sizeof zero);
    assert_memory_equal(f->own[2], &zero, sizeof zero);
    assert_memory_equal(counters_of(&f->all, 1), f->own[1], sizeof zero);
}

static void what_is_for_reading_never_becomes_writable(void **state)
{
    struct fixture *f = *state;
    struct worker_counters *part = counters_of(&f->all, 0);
    assert_int_equal(mprotect(part, sizeof *part, PROT_READ | PROT_WRITE), -1);
    assert_null(counters_map_own(f->reader[0]));
    assert_int_equal(write(f->reader[0], "x", 1), -1);
    assert_int_equal(fcntl(f->reader[0], F_GETFL) & O_ACCMODE, O_RDONLY);
}

static void a_worker_that_lies_cannot_lower_what_others_have_counted(void **state)
{
    struct fixture *f = *state;
    counter_set(&f->own[0]->route[3].active, 7);
    counter_set(&f->own[1]->route[3].active, UINT64_MAX - 5); /* minus 6 */
    counter_set(&f->own[0]->name[3].active, 7);
    counter_set(&f->own[1]->name[3].active, UINT64_MAX);
    assert_true(route_active(&f->all, WORKERS, 3) >= 7);
    assert_true(name_active(&f->all, WORKERS, 3) >= 7);

    place_enter(&f->own[0]->details[3], 5);
    place_enter(&f->own[1]->details[3], 5);
    for (unsigned i = 0; i < ADDRESS_PLACES; i++)
        if (counter_get(&f->own[1]->details[3].places[i].key) == 5)
            counter_set(&f->own[1]->details[3].places[i].sessions, UINT64_MAX);
    assert_true(place_sessions(&f->all, WORKERS, 3, 5) >= 1);
}

/* Else whoever shortens it ends all who look at it. */
static void the_size_is_sealed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ftruncate(f->fd[0], 0), -1);
    assert_int_equal(ftruncate(f->fd[0], 1 << 20), -1);
    assert_int_equal(fcntl(f->fd[0], F_ADD_SEALS, F_SEAL_WRITE), -1);
}

static void a_part_that_is_not_known_counts_nothing(void **state)
{
    struct fixture *f = *state;
    const struct client_key slot = slot_of("192.0.2.1", 3);
    for (unsigned i = 0; i < 2; i++) {
        counter_add(&f->own[i]->route[3].active, 5);
        client_enter(&f->own[i]->clients, slot);
    }
    counters_unmap(f->all.parts[0]);
    f->all.parts[0] = NULL;
    assert_int_equal(route_active(&f->all, WORKERS + 1, 3), 5);
    assert_int_equal(client_count(&f->all, ~0U, slot), 1);
}

static void a_bad_descriptor_is_refused(void **state)
{
    (void)state;
    struct all_counters all = {0};
    assert_null(counters_map_own(-1));
    assert_null(counters_map_other(-1));
    assert_int_equal(counters_reader(-1), -1);
    counters_unmap(NULL);
    counters_unmap_all(&all);
}

static void counters_go_up_and_down(void **state)
{
    struct fixture *f = *state;
    counter *c = &f->own[0]->route[0].active;
    counter_add(c, 5);
    counter_sub(c, 2);
    counter_sub(c, 3);
    assert_int_equal(counter_get(c), 0);
}

static void the_dead_are_present_no_more_but_their_totals_stay(void **state)
{
    struct fixture *f = *state;
    const struct client_key slot = slot_of("192.0.2.1", 3);
    for (unsigned w = 0; w < 2; w++) {
        struct route_counters *r = &f->own[w]->route[3];
        counter_add(&r->active, 10);
        counter_add(&r->handshaking, 4);
        counter_add(&r->accepted, 100);
        counter_add(&r->bytes_in, 1000);
        client_enter(&f->own[w]->clients, slot);
    }
    counters_clear_presence(f->own[0]);
    assert_int_equal(counter_get(&f->own[0]->route[3].active), 0);
    assert_int_equal(counter_get(&f->own[0]->route[3].handshaking), 0);
    assert_int_equal(counter_get(&f->own[0]->route[3].accepted), 100);
    assert_int_equal(counter_get(&f->own[0]->route[3].bytes_in), 1000);
    assert_int_equal(client_count(&f->all, 1, slot), 0);
    assert_int_equal(client_count(&f->all, 2, slot), 1); /* the other one lives */
    assert_int_equal(route_active(&f->all, 2, 3), 10);
}

static void one_client_may_have_more_than_a_short_number_holds(void **state)
{
    struct fixture *f = *state;
    enum { MANY = 70000 };
    const struct client_key one = slot_of("192.0.2.1", 0);
    for (unsigned i = 0; i < MANY; i++)
        client_enter(&f->own[0]->clients, one);
    assert_int_equal(client_count(&f->all, 1, one), MANY);
    for (unsigned i = 0; i < MANY; i++)
        client_leave(&f->own[0]->clients, one);
    assert_int_equal(client_count(&f->all, 1, one), 0);
}

static void clients_are_told_apart(void **state)
{
    struct fixture *f = *state;
    const struct client_key a = slot_of("192.0.2.1", 0), b = slot_of("192.0.2.2", 0);
    assert_false(same(a, b));
    client_enter(&f->own[0]->clients, a);
    client_enter(&f->own[0]->clients, a);
    client_enter(&f->own[0]->clients, b);
    assert_int_equal(client_count(&f->all, 1, a), 2);
    assert_int_equal(client_count(&f->all, 1, b), 1);
    client_leave(&f->own[0]->clients, a);
    assert_int_equal(client_count(&f->all, 1, a), 1);
    client_leave(&f->own[0]->clients, a);
    client_leave(&f->own[0]->clients, b);
    assert_int_equal(client_count(&f->all, 1, a), 0);
    assert_int_equal(client_count(&f->all, 1, b), 0);
}

static void the_port_and_the_lower_half_of_ipv6_make_no_other_client(void **state)
{
    (void)state;
    struct sockaddr_in one = {.sin_family = AF_INET, .sin_port = htons(1)}, two = one;
    two.sin_port = htons(2);
    one.sin_addr.s_addr = two.sin_addr.s_addr = htonl(0xc0000201);
    assert_true(same(client_key_of((const struct sockaddr *)&one, 0, seed),
                     client_key_of((const struct sockaddr *)&two, 0, seed)));
    assert_true(same(slot_of("2001:db8:1:2::1", 0), slot_of("2001:db8:1:2:ffff:eeee:1:2", 0)));
    assert_false(same(slot_of("2001:db8:1:2::1", 0), slot_of("2001:db8:1:3::1", 0)));
}

static void a_mapped_address_is_the_ipv4_client(void **state)
{
    (void)state;
    assert_false(same(slot_of("::ffff:192.0.2.1", 0), slot_of("::ffff:192.0.2.2", 0)));
    assert_true(same(slot_of("::ffff:192.0.2.1", 0), slot_of("192.0.2.1", 0)));
}

static void one_client_counts_apart_on_two_routes(void **state)
{
    struct fixture *f = *state;
    const struct client_key a = slot_of("192.0.2.1", 0), b = slot_of("192.0.2.1", 1);
    assert_false(same(a, b));
    client_enter(&f->own[0]->clients, a);
    assert_int_equal(client_count(&f->all, 1, a), 1);
    assert_int_equal(client_count(&f->all, 1, b), 0);
}

static void another_seed_gives_other_slots(void **state)
{
    (void)state;
    const struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201)};
    uint8_t other[16];
    for (unsigned byte = 0; byte < 16; byte++) {
        memcpy(other, seed, sizeof other);
        other[byte] ^= 0x10;
        assert_false(same(client_key_of((const struct sockaddr *)&in, 0, seed),
                          client_key_of((const struct sockaddr *)&in, 0, other)));
    }
}

static void sums_go_over_the_workers_in_use(void **state)
{
    struct fixture *f = *state;
    const struct client_key slot = slot_of("2001:db8::1", 9);
    for (unsigned w = 0; w < WORKERS; w++) {
        client_enter(&f->own[w]->clients, slot);
        counter_add(&f->own[w]->route[9].active, 1U << w);
    }
    for (unsigned n = 1; n <= WORKERS; n++) {
        assert_int_equal(client_count(&f->all, n, slot), n);
        assert_int_equal(route_active(&f->all, n, 9), (1U << n) - 1);
    }
    assert_int_equal(route_active(&f->all, WORKERS, 8), 0);
}

static struct client_key one_of_many(unsigned i)
{
    const struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000000 + i)};
    return client_key_of((const struct sockaddr *)&in, 0, seed);
}

static void a_crowd_is_counted_right(void **state)
{
    struct fixture *f = *state;
    enum { CROWD = 20000 };
    for (unsigned i = 0; i < CROWD; i++)
        assert_true(client_enter(&f->own[i % WORKERS]->clients, one_of_many(i)));
    for (unsigned i = 0; i < CROWD; i++)
        assert_int_equal(client_count(&f->all, WORKERS, one_of_many(i)), 1);
}

static void a_crowd_that_is_too_large_makes_no_limit_harder(void **state)
{
    struct fixture *f = *state;
    struct client_table *own = &f->own[0]->clients;
    enum { ROOM = CLIENT_SETS * CLIENT_WAYS, CROWD = 2 * ROOM };
    bool *counted = calloc(CROWD, sizeof *counted);
    unsigned n = 0;
    for (unsigned i = 0; i < CROWD; i++)
        n += counted[i] = client_enter(own, one_of_many(i));
    assert_in_range(n, ROOM * 9 / 10, ROOM);
    for (unsigned i = 0; i < CROWD; i++)
        assert_int_equal(client_present(own, one_of_many(i)), counted[i]);
    for (unsigned i = 0; i < CROWD; i++)
        if (counted[i])
            client_leave(own, one_of_many(i));
    for (unsigned i = 0; i < CROWD; i++)
        assert_int_equal(client_present(own, one_of_many(i)), 0);
    assert_true(client_enter(own, one_of_many(CROWD)));
    free(counted);
}

static void a_slot_that_is_given_away_begins_at_nought(void **state)
{
    struct fixture *f = *state;
    struct worker_counters *part = f->own[0];
    counter_add(&part->route[7].accepted, 3);
    counter_add(&part->route[8].accepted, 3);
    counter_add(&part->route[7].active, 1); /* it leaves in a moment, and takes that back */
    counter_add(&part->route[7].stage[0], 1);
    place_enter(&part->details[7], 5);
    counter_set(&health_place(&part->details[7], 5)->state, HEALTH_UP);
    counter_add(&part->details[7].tls[1][1][0], 3);
    counter_add(&part->details[8].refused[REFUSAL_LIMIT], 3);
    counters_forget(part, 7);
    assert_int_equal(counter_get(&part->route[7].accepted), 0);
    assert_int_equal(counter_get(&part->details[7].tls[1][1][0]), 0);
    assert_int_equal(counter_get(&part->route[7].active), 1);
    assert_int_equal(counter_get(&part->route[7].stage[0]), 1);
    assert_int_equal(place_sessions(&f->all, 1, 7, 5), 1);
    assert_null(health_find(&f->all, 7, 5));
    assert_int_equal(counter_get(&part->route[8].accepted), 3);
    assert_int_equal(counter_get(&part->details[8].refused[REFUSAL_LIMIT]), 3);
    counters_clear_presence(part); /* its worker has died instead */
    assert_int_equal(counter_get(&part->route[7].active), 0);
    assert_int_equal(place_sessions(&f->all, 1, 7, 5), 0);
}

static void an_upstream_is_counted_under_its_text(void **state)
{
    struct fixture *f = *state;
    struct route_details *d = &f->own[0]->details[0];
    const uint64_t a = upstream_key("127.0.0.1:110"), b = upstream_key("127.0.0.1:111");
    assert_int_not_equal(a, b);
    assert_null(upstream_counters_find(d, a));
    counter_set(&upstream_counters_of(d, a)->when, 1000);
    counter_add(&upstream_counters_of(d, a)->failures[UPSTREAM_REFUSED], 1);
    counter_add(&upstream_counters_of(d, b)->failures[UPSTREAM_REFUSED], 2);
    counter_add(&upstream_counters_of(d, a)->failures[UPSTREAM_REFUSED], 4);
    const struct route_details *seen = &counters_of(&f->all, 0)->details[0];
    assert_int_equal(counter_get(&upstream_counters_find(seen, a)->failures[UPSTREAM_REFUSED]), 5);
    assert_int_equal(counter_get(&upstream_counters_find(seen, b)->failures[UPSTREAM_REFUSED]), 2);
}

/* Those that sessions are sent to all have a place, whether they have been tried again or not. */
static void as_many_upstreams_are_counted_as_are_tried(void **state)
{
    struct fixture *f = *state;
    struct route_details *d = &f->own[0]->details[0];
    for (unsigned i = 0; i < UPSTREAM_TRIES_MAX; i++)
        counter_add(&upstream_counters_of(d, 2 * i + 1)->failures[UPSTREAM_OTHER], 1 + i);
    for (unsigned i = 0; i < UPSTREAM_TRIES_MAX; i++)
        assert_int_equal(
            counter_get(&upstream_counters_find(d, 2 * i + 1)->failures[UPSTREAM_OTHER]), 1 + i);
}

static void a_full_table_of_upstreams_gives_up_the_one_tried_least_recently(void **state)
{
    struct fixture *f = *state;
    struct route_details *d = &f->own[0]->details[0];
    for (unsigned i = 0; i < ADDRESS_PLACES; i++) {
        struct upstream_counters *u = upstream_counters_of(d, 2 * i + 1);
        counter_set(&u->when, i == 3 ? 1 : 100 + i);
        counter_add(&u->failures[UPSTREAM_OTHER], 1);
    }
    const struct upstream_counters *u = upstream_counters_of(d, 1001);
    assert_int_equal(counter_get(&u->failures[UPSTREAM_OTHER]), 0);
    assert_null(upstream_counters_find(d, 2 * 3 + 1));
    assert_non_null(upstream_counters_find(d, 1));
}

static void a_server_name_counts_beside_its_route(void **state)
{
    struct fixture *f = *state;
    struct worker_counters *own = f->own[0];
    counter_add(&own->name[NAME_SLOTS - 1].active, 2);
    counter_add(&own->name[NAME_SLOTS - 1].accepted, 5);
    counter_add(&f->own[1]->name[NAME_SLOTS - 1].active, 1);
    assert_int_equal(name_active(&f->all, 1, NAME_SLOTS - 1), 2);
    assert_int_equal(name_active(&f->all, WORKERS_MAX, NAME_SLOTS - 1), 3);
    assert_int_equal(name_active(&f->all, WORKERS_MAX, 0), 0);
    struct name_counters sum;
    counters_add_up_name(&f->all, NAME_SLOTS - 1, &sum);
    assert_int_equal(counter_get(&sum.accepted), 5);
    counters_clear_presence(own);
    assert_int_equal(name_active(&f->all, WORKERS_MAX, NAME_SLOTS - 1), 1);
    assert_int_equal(counter_get(&own->name[NAME_SLOTS - 1].accepted), 5);
    upstream_counters_of(&own->details[DETAILS_OF_NAME(NAME_SLOTS - 1)], 3);
    counters_forget_name(own, NAME_SLOTS - 1);
    assert_int_equal(counter_get(&own->name[NAME_SLOTS - 1].accepted), 0);
    assert_null(upstream_counters_find(&own->details[DETAILS_OF_NAME(NAME_SLOTS - 1)], 3));
    counter_sub(&f->own[1]->name[NAME_SLOTS - 1].active, 1);
}

static void sessions_of_an_address_are_counted_over_the_workers(void **state)
{
    struct fixture *f = *state;
    struct route_details *d[2] = {&f->own[0]->details[3], &f->own[1]->details[3]};
    place_enter(d[0], 7);
    place_enter(d[0], 7);
    place_enter(d[1], 7);
    place_enter(d[1], 9);
    assert_int_equal(place_sessions(&f->all, 2, 3, 7), 3);
    assert_int_equal(place_sessions(&f->all, 1, 3, 7), 2);
    assert_int_equal(place_sessions(&f->all, 2, 3, 9), 1);
    assert_int_equal(place_sessions(&f->all, 2, 4, 7), 0); /* another route's */
    place_leave(d[0], 7);
    place_leave(d[0], 8); /* is not there */
    assert_int_equal(place_sessions(&f->all, 2, 3, 7), 2);
    counter_add(&f->own[1]->route[3].accepted, 1);
    counters_clear_presence(f->own[1]);
    assert_int_equal(place_sessions(&f->all, 2, 3, 7), 1);
}

static void a_place_without_sessions_is_anothers(void **state)
{
    struct fixture *f = *state;
    struct route_details *d = &f->own[0]->details[0];
    for (unsigned i = 0; i < ADDRESS_PLACES; i++)
        place_enter(d, 100 + i);
    assert_false(place_enter(d, 1)); /* there is none left: not counted */
    assert_int_equal(place_sessions(&f->all, 1, 0, 1), 0);
    place_leave(d, 1);
    place_leave(d, 105);
    assert_true(place_enter(d, 1));
    assert_int_equal(place_sessions(&f->all, 1, 0, 1), 1);
    assert_int_equal(place_sessions(&f->all, 1, 0, 105), 0);
}

static void turns_are_taken_over_the_workers(void **state)
{
    struct fixture *f = *state;
    counter_add(&f->own[0]->details[5].turns, 2);
    counter_add(&f->own[1]->details[5].turns, 3);
    assert_int_equal(route_turns(&f->all, 2, 5), 5);
    assert_int_equal(route_turns(&f->all, 2, 6), 0);
}

static void put_health(struct route_details *d, uint64_t key, const char *upstream,
                       enum health_state state, enum upstream_fault why)
{
    struct health_counters *h = health_place(d, key);
    assert_non_null(h);
    counter_set(&h->upstream, upstream_key(upstream));
    counter_set(&h->state, state);
    counter_set(&h->why, why);
}

static void an_upstream_is_as_visits_find_it_else_as_the_last_attempt_went(void **state)
{
    struct fixture *f = *state;
    struct route_details *d = &f->own[HEALTH_WORKER]->details[0];
    struct upstream_counters *u = upstream_counters_of(&f->own[1]->details[0], upstream_key("u"));
    assert_null(health_find(&f->all, 0, 3));
    assert_false(upstream_view_of(&f->all, 0, "v").tried);
    counter_set(&u->when, 5);
    counter_set(&u->why, UPSTREAM_REFUSED);
    struct upstream_view view = upstream_view_of(&f->all, 0, "u");
    assert_true(view.tried && !view.up && !view.visited && view.last_why == UPSTREAM_REFUSED);
    put_health(d, 3, "u", HEALTH_UNKNOWN, UPSTREAM_OTHER);
    assert_false(upstream_view_of(&f->all, 0, "u").visited);
    put_health(d, 3, "u", HEALTH_UP, UPSTREAM_OTHER);
    put_health(d, 5, "u", HEALTH_DOWN, UPSTREAM_SILENT);
    put_health(d, 7, "other", HEALTH_DOWN, UPSTREAM_OTHER);
    view = upstream_view_of(&f->all, 0, "u");
    assert_true(view.visited && view.up); /* at one of its addresses */
    put_health(d, 3, "u", HEALTH_DOWN, UPSTREAM_SILENT);
    view = upstream_view_of(&f->all, 0, "u");
    assert_true(!view.up && view.last_why == UPSTREAM_SILENT);
    assert_int_equal(counter_get(&health_find(&f->all, 0, 5)->state), HEALTH_DOWN);
}

static void a_bucket_holds_what_is_up_to_its_bound(void **state)
{
    (void)state;
    assert_int_equal(handshake_bucket(0), 0);
    for (unsigned i = 0; i < HANDSHAKE_BOUNDS; i++) {
        assert_int_equal(handshake_bucket(handshake_bounds_ms[i]), i);
        assert_int_equal(handshake_bucket(handshake_bounds_ms[i] + (uint64_t)1), i + 1);
    }
    assert_int_equal(handshake_bucket(UINT64_MAX), HANDSHAKE_BOUNDS);
}

static void each_kind_has_a_name_of_its_own(void **state)
{
    static const struct {
        const char *const *names;
        unsigned count;
    } kinds[] = {{stage_names, STAGES},
                 {fault_names, FAULTS},
                 {refusal_names, REFUSALS},
                 {handshake_fault_names, HANDSHAKE_FAULTS},
                 {starttls_outcome_names, STARTTLS_OUTCOMES},
                 {upstream_fault_names, UPSTREAM_FAULTS}};
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (unsigned i = 0; i < kinds[k].count; i++) {
            assert_non_null(kinds[k].names[i]);
            for (unsigned other = 0; other < i; other++)
                assert_string_not_equal(kinds[k].names[i], kinds[k].names[other]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_see_what_a_worker_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(parts_do_not_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(a_worker_that_lies_cannot_lower_what_others_have_counted,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_for_reading_never_becomes_writable, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_size_is_sealed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_part_that_is_not_known_counts_nothing, setup, teardown),
        cmocka_unit_test(a_bad_descriptor_is_refused),
        cmocka_unit_test_setup_teardown(counters_go_up_and_down, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slot_that_is_given_away_begins_at_nought, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_upstream_is_counted_under_its_text, setup, teardown),
        cmocka_unit_test_setup_teardown(as_many_upstreams_are_counted_as_are_tried, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_full_table_of_upstreams_gives_up_the_one_tried_least_recently, setup, teardown),
        cmocka_unit_test_setup_teardown(sessions_of_an_address_are_counted_over_the_workers, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_place_without_sessions_is_anothers, setup, teardown),
        cmocka_unit_test_setup_teardown(turns_are_taken_over_the_workers, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_upstream_is_as_visits_find_it_else_as_the_last_attempt_went, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_name_counts_beside_its_route, setup, teardown),
        cmocka_unit_test(a_bucket_holds_what_is_up_to_its_bound),
        cmocka_unit_test(each_kind_has_a_name_of_its_own),
        cmocka_unit_test_setup_teardown(the_dead_are_present_no_more_but_their_totals_stay, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_client_may_have_more_than_a_short_number_holds, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(clients_are_told_apart, setup, teardown),
        cmocka_unit_test(the_port_and_the_lower_half_of_ipv6_make_no_other_client),
        cmocka_unit_test(a_mapped_address_is_the_ipv4_client),
        cmocka_unit_test_setup_teardown(one_client_counts_apart_on_two_routes, setup, teardown),
        cmocka_unit_test(another_seed_gives_other_slots),
        cmocka_unit_test_setup_teardown(sums_go_over_the_workers_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(a_crowd_is_counted_right, setup, teardown),
        cmocka_unit_test_setup_teardown(a_crowd_that_is_too_large_makes_no_limit_harder, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
