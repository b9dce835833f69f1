/* test_upstream.c - which address a session tries next. */
#include "proxy/routes/upstream.h"
#include "tests/support/unit.h"

#include <netinet/in.h>

/* 10.0.0.n:110 */
static struct upstream_address address(unsigned n)
{
    struct upstream_address a = {.size = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (struct sockaddr_in *)&a.addr;
    in->sin_family = AF_INET;
    in->sin_port = htons(110);
    in->sin_addr.s_addr = htonl(0x0a000000 + n);
    return a;
}

static unsigned number(const struct upstream_address *a)
{
    assert_non_null(a);
    return ntohl(((const struct sockaddr_in *)&a->addr)->sin_addr.s_addr) - 0x0a000000;
}

/* Numeric endpoints 10.0.0.1 and on. */
static void init(struct upstream_set *set, struct endpoint *endpoints, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct upstream_address a = address(i + 1);
        endpoints[i] = (struct endpoint){.kind = ENDPOINT_INET, .addr = a.addr, .addr_len = a.size};
    }
    assert_int_equal(upstream_set_init(set, endpoints, count), 0);
}

static const struct upstream_address *next_at(struct upstream_set *set, struct upstream_cursor *at,
                                              uint64_t now)
{
    return upstream_next(set, at, &(struct upstream_ask){.now = now});
}

static void fail_at(struct upstream_set *set, unsigned n, uint64_t now)
{
    struct upstream_cursor at = {0};
    for (const struct upstream_address *a; (a = next_at(set, &at, now)) != NULL;)
        if (number(a) == n) {
            upstream_report(set, &at, false, now);
            return;
        }
    fail_msg("10.0.0.%u was not offered", n);
}

static void assert_order(struct upstream_set *set, uint64_t now, const unsigned *order,
                         size_t count)
{
    struct upstream_cursor at = {0};
    for (size_t i = 0; i < count; i++)
        assert_int_equal(number(next_at(set, &at, now)), order[i]);
    assert_null(next_at(set, &at, now));
    assert_null(next_at(set, &at, now));
}
#define ORDER(set, now, ...)                                                                       \
    assert_order(set, now, (const unsigned[]){__VA_ARGS__},                                        \
                 COUNT(((const unsigned[]){__VA_ARGS__})))

static void addresses_come_in_the_configured_order_each_once(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[3];
    init(&set, e, 3);
    ORDER(&set, 0, 1, 2, 3);
    ORDER(&set, 5000, 1, 2, 3);
    upstream_set_free(&set);
}

static void a_cursor_knows_its_endpoint(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[2] = {{.kind = ENDPOINT_UNIX, .path = "/run/x"}, {.kind = ENDPOINT_NAME}};
    struct upstream_cursor at = {0};
    const struct upstream_address named[2] = {address(8), address(9)};
    assert_int_equal(upstream_set_init(&set, e, 2), 0);
    assert_int_equal(upstream_set_addresses(&set, 1, named, 2), 0);

    const struct upstream_address *a = next_at(&set, &at, 0);
    assert_non_null(a); /* a unix socket has one address, an empty one */
    assert_int_equal(a->size, 0);
    assert_ptr_equal(set.items[at.upstream].endpoint, &e[0]);
    assert_int_equal(number(next_at(&set, &at, 0)), 8);
    assert_ptr_equal(set.items[at.upstream].endpoint, &e[1]);
    assert_int_equal(number(next_at(&set, &at, 0)), 9);
    assert_int_equal(at.address, 1);
    assert_null(next_at(&set, &at, 0));
    upstream_set_free(&set);
}

static void what_failed_is_tried_last_for_a_while(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[3];
    init(&set, e, 3);
    fail_at(&set, 1, 500);
    ORDER(&set, 500, 2, 3, 1);
    ORDER(&set, 500 + UPSTREAM_DOWN_MS - 1, 2, 3, 1);
    ORDER(&set, 500 + UPSTREAM_DOWN_MS, 1, 2, 3);
    upstream_set_free(&set);
}

static void when_all_failed_all_are_tried_all_the_same(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[2];
    init(&set, e, 2);
    fail_at(&set, 2, 0);
    fail_at(&set, 1, 0);
    ORDER(&set, 1, 1, 2);
    upstream_set_free(&set);
}

static void a_success_makes_it_well_at_once(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[2];
    struct upstream_cursor at = {0};
    init(&set, e, 2);
    fail_at(&set, 1, 0);
    assert_int_equal(number(next_at(&set, &at, 10)), 2);
    assert_int_equal(number(next_at(&set, &at, 10)), 1);
    upstream_report(&set, &at, true, 10);
    ORDER(&set, 11, 1, 2);
    upstream_set_free(&set);
}

static void a_failure_during_the_walk_does_not_bring_it_back(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[3];
    struct upstream_cursor at = {0};
    init(&set, e, 3);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(number(next_at(&set, &at, 0)), i);
        upstream_report(&set, &at, false, 0);
    }
    assert_null(next_at(&set, &at, 0));
    assert_null(next_at(&set, &at, UPSTREAM_DOWN_MS)); /* not in this session */
    upstream_set_free(&set);
}

/* To the first of two, which has failed; all others go to the second. */
static void send_scout(struct upstream_set *set, struct endpoint *e, struct upstream_cursor *scout,
                       uint64_t now, uint64_t timeout)
{
    init(set, e, 2);
    fail_at(set, 1, 0);
    assert_int_equal(number(next_at(set, scout, now)), 1);
    upstream_trying(set, scout, now, timeout);
    ORDER(set, now, 2, 1);
}

static void one_session_probes_what_was_down_while_others_go_elsewhere(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[2];
    struct upstream_cursor scout = {0};
    const uint64_t now = UPSTREAM_DOWN_MS;
    send_scout(&set, e, &scout, now, 3000);
    ORDER(&set, now + 2999, 2, 1);
    upstream_report(&set, &scout, true, now + 2999);
    ORDER(&set, now + 2999, 1, 2);
    upstream_set_free(&set);
}

static void without_a_time_for_it_one_scout_goes_for_each_pause(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[2];
    struct upstream_cursor scout = {0};
    const uint64_t now = UPSTREAM_DOWN_MS;
    send_scout(&set, e, &scout, now, 0);
    ORDER(&set, now + UPSTREAM_DOWN_MS - 1, 2, 1);
    ORDER(&set, now + UPSTREAM_DOWN_MS, 1, 2);
    upstream_set_free(&set);
}

static void trying_what_is_well_sends_nobody_elsewhere(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[2];
    struct upstream_cursor at = {0};
    init(&set, e, 2);
    assert_int_equal(number(next_at(&set, &at, 0)), 1);
    upstream_trying(&set, &at, 0, 3000);
    ORDER(&set, 1, 1, 2);
    upstream_set_free(&set);
}

static void a_name_without_address_is_passed_over(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[2];
    struct upstream_cursor at = {0};
    init(&set, e, 1);
    upstream_set_free(&set);
    e[1] = e[0];
    e[0] = (struct endpoint){.kind = ENDPOINT_NAME, .host = "mail.example"};
    assert_int_equal(upstream_set_init(&set, e, 2), 0);
    assert_int_equal(number(next_at(&set, &at, 0)), 1);
    assert_int_equal(at.upstream, 1);
    assert_null(next_at(&set, &at, 0));
    upstream_set_free(&set);

    assert_int_equal(upstream_set_init(&set, e, 1), 0); /* nothing but that */
    at = (struct upstream_cursor){0};
    assert_null(next_at(&set, &at, 0));
    upstream_report(&set, &at, false, 0);
    upstream_trying(&set, &at, 0, 1);
    upstream_set_free(&set);
}

static void new_addresses_keep_the_state_of_those_that_stay(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e = {.kind = ENDPOINT_NAME};
    const struct upstream_address before[2] = {address(1), address(2)},
                                  after[3] = {address(3), address(1), address(4)};
    assert_int_equal(upstream_set_init(&set, &e, 1), 0);
    assert_int_equal(upstream_set_addresses(&set, 0, before, 2), 0);
    fail_at(&set, 1, 0);
    fail_at(&set, 2, 0);
    assert_int_equal(upstream_set_addresses(&set, 0, after, 3), 0);
    ORDER(&set, 1, 3, 4, 1);
    assert_int_equal(upstream_set_addresses(&set, 0, before, 2), 0);
    ORDER(&set, 1, 2, 1); /* 2 was away: a fresh start */
    assert_int_equal(upstream_set_addresses(&set, 0, NULL, 0), 0);
    struct upstream_cursor at = {0};
    assert_null(next_at(&set, &at, 1));
    upstream_set_free(&set);
}

static void a_report_on_addresses_that_changed_meanwhile_hits_nobody(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e = {.kind = ENDPOINT_NAME};
    const struct upstream_address many[3] = {address(1), address(2), address(3)}, one = address(7);
    struct upstream_cursor at = {0};
    assert_int_equal(upstream_set_init(&set, &e, 1), 0);
    assert_int_equal(upstream_set_addresses(&set, 0, many, 3), 0);
    for (unsigned i = 1; i <= 3; i++)
        assert_int_equal(number(next_at(&set, &at, 0)), i);

    assert_int_equal(upstream_set_addresses(&set, 0, &one, 1), 0);
    upstream_trying(&set, &at, 0, 1000); /* stands on the third of one */
    upstream_report(&set, &at, false, 0);
    assert_int_equal(set.items[0].addresses[0].down_until, 0);
    assert_int_equal(number(next_at(&set, &at, 0)), 7); /* and the session gets the new one */
    assert_null(next_at(&set, &at, 0));
    upstream_set_free(&set);
}

static void no_more_than_the_bound_are_tried(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[UPSTREAM_TRIES_MAX + 6];
    struct upstream_cursor at = {0};
    init(&set, e, UPSTREAM_TRIES_MAX + 6);
    for (unsigned i = 1; i <= UPSTREAM_TRIES_MAX; i++) {
        assert_int_equal(number(next_at(&set, &at, 0)), i);
        upstream_report(&set, &at, false, 0);
    }
    assert_null(next_at(&set, &at, 0));
    upstream_set_free(&set);
}

/* ---- balance ---- */

/* The order of three that a session is given. */
static void assert_asked(struct upstream_set *set, const struct upstream_ask *ask, unsigned first,
                         unsigned second, unsigned third)
{
    struct upstream_cursor at = {0};
    assert_int_equal(number(upstream_next(set, &at, ask)), first);
    assert_int_equal(number(upstream_next(set, &at, ask)), second);
    assert_int_equal(number(upstream_next(set, &at, ask)), third);
    assert_null(upstream_next(set, &at, ask));
}

static void rotation_begins_with_another_each_time(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[3];
    init(&set, e, 3);
    set.balance = BALANCE_ROTATE;
    assert_asked(&set, &(struct upstream_ask){.turn = 0}, 1, 2, 3);
    assert_asked(&set, &(struct upstream_ask){.turn = 1}, 2, 3, 1);
    assert_asked(&set, &(struct upstream_ask){.turn = 2}, 3, 1, 2);
    assert_asked(&set, &(struct upstream_ask){.turn = UINT64_MAX}, 1, 2, 3); /* a multiple of 3 */
    fail_at(&set, 2, 0);
    assert_asked(&set, &(struct upstream_ask){.turn = 1}, 3, 1, 2);
    upstream_set_free(&set);
}

static void the_fewest_sessions_come_first_and_equals_take_turns(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[3];
    init(&set, e, 3);
    set.balance = BALANCE_LEAST;
    struct upstream_facts facts[3] = {{.sessions = 7}, {.sessions = 2}, {.sessions = 5}};
    assert_asked(&set, &(struct upstream_ask){.facts = facts}, 2, 3, 1);
    facts[0].sessions = facts[2].sessions = 2;
    assert_asked(&set, &(struct upstream_ask){.facts = facts, .turn = 2}, 3, 1, 2);
    facts[1].down = true;
    facts[1].sessions = 0;
    assert_asked(&set, &(struct upstream_ask){.facts = facts}, 1, 3, 2);
    upstream_set_free(&set);
}

static uint64_t client(unsigned n)
{
    const struct upstream_address a = address(n);
    return upstream_client((const struct sockaddr *)&a.addr);
}

static unsigned first_for(struct upstream_set *set, unsigned n)
{
    struct upstream_cursor at = {0};
    return number(upstream_next(set, &at, &(struct upstream_ask){.client = client(n)}));
}

static void a_client_stays_with_its_server_and_a_loss_moves_nobody_elses(void **state)
{
    enum { CLIENTS = 3000, SERVERS = 3 };
    (void)state;
    struct upstream_set set;
    struct endpoint e[SERVERS];
    unsigned before[CLIENTS], of[SERVERS + 1] = {0}, moved[SERVERS + 1] = {0};
    init(&set, e, SERVERS);
    set.balance = BALANCE_SOURCE;
    for (unsigned n = 0; n < CLIENTS; n++) {
        before[n] = first_for(&set, n);
        assert_int_equal(first_for(&set, n), before[n]);
        of[before[n]]++;
    }
    for (unsigned i = 1; i <= SERVERS; i++)
        assert_in_range(of[i], CLIENTS / SERVERS - 150, CLIENTS / SERVERS + 150);
    fail_at(&set, 2, 0);
    for (unsigned n = 0; n < CLIENTS; n++) {
        const unsigned now = first_for(&set, n);
        assert_true(now != 2 && (before[n] == 2 || now == before[n]));
        moved[now] += before[n] == 2;
    }
    assert_in_range(moved[1], of[2] / 2 - 100, of[2] / 2 + 100); /* to all the others */
    assert_int_equal(moved[1] + moved[3], of[2]);
    upstream_set_free(&set);
}

static void the_order_of_the_list_is_nothing_to_a_client(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e = {.kind = ENDPOINT_NAME};
    struct upstream_address list[3] = {address(1), address(2), address(3)};
    unsigned before[100];
    assert_int_equal(upstream_set_init(&set, &e, 1), 0);
    set.balance = BALANCE_SOURCE;
    assert_int_equal(upstream_set_addresses(&set, 0, list, 3), 0);
    for (unsigned n = 0; n < 100; n++)
        before[n] = first_for(&set, n);
    list[0] = address(3);
    list[2] = address(1);
    assert_int_equal(upstream_set_addresses(&set, 0, list, 3), 0);
    for (unsigned n = 0; n < 100; n++)
        assert_int_equal(first_for(&set, n), before[n]);
    upstream_set_free(&set);
}

static void a_client_is_an_ipv4_address_or_a_network_of_ipv6(void **state)
{
    (void)state;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201)};
    struct sockaddr_in6 a = {.sin6_family = AF_INET6}, b = a;
    const struct sockaddr nobody = {.sa_family = AF_UNIX};
    const uint64_t v4 = upstream_client((struct sockaddr *)&in);
    assert_int_not_equal(v4, 0);
    in.sin_port = 7;
    assert_int_equal(upstream_client((struct sockaddr *)&in), v4);
    memcpy(&a.sin6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16); /* mapped */
    assert_int_equal(upstream_client((struct sockaddr *)&a), v4);
    memcpy(&a.sin6_addr, "\x20\1\xd\xb8\0\0\0\1\0\0\0\0\0\0\0\1", 16);
    b.sin6_addr = a.sin6_addr;
    b.sin6_addr.s6_addr[15] = 9;
    assert_int_equal(upstream_client((struct sockaddr *)&a),
                     upstream_client((struct sockaddr *)&b));
    b.sin6_addr.s6_addr[7] = 9;
    assert_int_not_equal(upstream_client((struct sockaddr *)&a),
                         upstream_client((struct sockaddr *)&b));
    assert_int_equal(upstream_client(&nobody), 0);
}

static void clients_without_an_address_take_turns(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[3];
    init(&set, e, 3);
    set.balance = BALANCE_SOURCE;
    assert_asked(&set, &(struct upstream_ask){.turn = 1}, 2, 3, 1);
    upstream_set_free(&set);
}

/* ---- health ---- */

static void what_visits_find_down_comes_last(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[3];
    init(&set, e, 3);
    struct upstream_facts facts[3] = {{.down = true}};
    assert_asked(&set, &(struct upstream_ask){.facts = facts}, 2, 3, 1);
    facts[1].down = facts[2].down = true; /* all are: as if none were */
    assert_asked(&set, &(struct upstream_ask){.facts = facts}, 1, 2, 3);
    upstream_set_free(&set);
}

static void a_visit_that_went_well_forgives_a_failure_of_before(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[3];
    struct upstream_cursor at = {0};
    init(&set, e, 3);
    set.down_ms = 10000;
    struct upstream_facts facts[3] = {{.passed = 5}};
    const struct upstream_ask ask = {.now = 100, .facts = facts};
    assert_int_equal(number(upstream_next(&set, &at, &ask)), 1);
    upstream_report(&set, &at, false, 100);
    assert_asked(&set, &ask, 2, 3, 1);
    facts[0].passed = 6;
    assert_asked(&set, &ask, 1, 2, 3);
    upstream_set_free(&set);
}

/* ---- services ---- */

/* Of three: 1 and 2 before 3, and 2 with that part of what 1 has. */
static void init_service(struct upstream_set *set, const struct endpoint *e, unsigned part)
{
    struct upstream_address list[3] = {address(1), address(2), address(3)};
    list[0].share = (struct upstream_share){0, 1000};
    list[1].share = (struct upstream_share){0, 1000 / part};
    list[2].share = (struct upstream_share){1, 1000};
    assert_int_equal(upstream_set_init(set, e, 1), 0);
    assert_int_equal(upstream_set_addresses(set, 0, list, 3), 0);
}

static void weights_share_the_sessions_of_a_priority(void **state)
{
    enum { TURNS = 10000 };
    (void)state;
    static const enum balance by_weight[] = {BALANCE_FIRST, BALANCE_ROTATE};
    const struct endpoint e = {.kind = ENDPOINT_NAME};
    for (size_t i = 0; i < COUNT(by_weight); i++) {
        struct upstream_set set;
        unsigned first[4] = {0};
        init_service(&set, &e, 4);
        set.balance = by_weight[i];
        assert_true(set.by_chance);
        for (unsigned turn = 0; turn < TURNS; turn++) {
            const struct upstream_ask ask = {.turn = turn};
            struct upstream_cursor at = {0};
            const unsigned one = number(upstream_next(&set, &at, &ask));
            first[one]++;
            assert_int_equal(number(upstream_next(&set, &at, &ask)), 3 - one); /* the other */
            assert_int_equal(number(upstream_next(&set, &at, &ask)), 3);
            assert_null(upstream_next(&set, &at, &ask));
        }
        assert_int_equal(first[3], 0);
        assert_in_range(first[1], TURNS * 78 / 100, TURNS * 82 / 100);
        upstream_set_free(&set);
    }
}

static void priorities_come_before_what_balances(void **state)
{
    (void)state;
    const struct endpoint e = {.kind = ENDPOINT_NAME};
    struct upstream_set set;
    struct upstream_facts facts[3] = {{.sessions = 9}, {.sessions = 4}, {.sessions = 0}};
    init_service(&set, &e, 4);
    set.balance = BALANCE_LEAST;
    assert_asked(&set, &(struct upstream_ask){.facts = facts}, 2, 1, 3);
    facts[0].down = facts[1].down = true;
    assert_asked(&set, &(struct upstream_ask){.facts = facts}, 3, 2, 1);
    set.balance = BALANCE_SOURCE;
    for (unsigned n = 0; n < 100; n++)
        assert_int_not_equal(first_for(&set, n), 3);
    upstream_set_free(&set);
}

static void the_list_comes_before_a_services_priorities(void **state)
{
    (void)state;
    const struct upstream_address a = address(9);
    const struct endpoint e[2] = {{.kind = ENDPOINT_NAME},
                                  {.kind = ENDPOINT_INET, .addr = a.addr, .addr_len = a.size}};
    struct upstream_set set;
    struct upstream_address service = address(1);
    service.share = (struct upstream_share){7, 1};
    assert_int_equal(upstream_set_init(&set, e, 2), 0);
    assert_int_equal(upstream_set_addresses(&set, 0, &service, 1), 0);
    ORDER(&set, 0, 1, 9);
    upstream_set_free(&set);
}

static void an_address_is_the_same_place_in_every_list(void **state)
{
    (void)state;
    struct upstream_set one, other;
    struct endpoint e[3], path[2] = {{.kind = ENDPOINT_UNIX, .path = "/run/x"},
                                     {.kind = ENDPOINT_UNIX, .path = "/run/y"}};
    init(&one, e, 2);
    size_t upstream = 9;
    const uint64_t first = upstream_at(&one, 0, NULL)->key;
    assert_int_not_equal(first, upstream_at(&one, 1, &upstream)->key);
    assert_int_equal(upstream, 1);
    assert_null(upstream_at(&one, 2, NULL));
    init(&other, e, 1);
    assert_int_equal(upstream_at(&other, 0, NULL)->key, first);
    upstream_set_free(&other);
    assert_int_equal(upstream_set_init(&other, path, 2), 0);
    assert_int_not_equal(upstream_at(&other, 0, NULL)->key, upstream_at(&other, 1, NULL)->key);
    upstream_set_free(&other);
    upstream_set_free(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_come_in_the_configured_order_each_once),
        cmocka_unit_test(a_cursor_knows_its_endpoint),
        cmocka_unit_test(what_failed_is_tried_last_for_a_while),
        cmocka_unit_test(when_all_failed_all_are_tried_all_the_same),
        cmocka_unit_test(a_success_makes_it_well_at_once),
        cmocka_unit_test(a_failure_during_the_walk_does_not_bring_it_back),
        cmocka_unit_test(one_session_probes_what_was_down_while_others_go_elsewhere),
        cmocka_unit_test(without_a_time_for_it_one_scout_goes_for_each_pause),
        cmocka_unit_test(trying_what_is_well_sends_nobody_elsewhere),
        cmocka_unit_test(a_name_without_address_is_passed_over),
        cmocka_unit_test(new_addresses_keep_the_state_of_those_that_stay),
        cmocka_unit_test(a_report_on_addresses_that_changed_meanwhile_hits_nobody),
        cmocka_unit_test(no_more_than_the_bound_are_tried),
        cmocka_unit_test(rotation_begins_with_another_each_time),
        cmocka_unit_test(the_fewest_sessions_come_first_and_equals_take_turns),
        cmocka_unit_test(a_client_stays_with_its_server_and_a_loss_moves_nobody_elses),
        cmocka_unit_test(the_order_of_the_list_is_nothing_to_a_client),
        cmocka_unit_test(a_client_is_an_ipv4_address_or_a_network_of_ipv6),
        cmocka_unit_test(clients_without_an_address_take_turns),
        cmocka_unit_test(what_visits_find_down_comes_last),
        cmocka_unit_test(a_visit_that_went_well_forgives_a_failure_of_before),
        cmocka_unit_test(weights_share_the_sessions_of_a_priority),
        cmocka_unit_test(priorities_come_before_what_balances),
        cmocka_unit_test(the_list_comes_before_a_services_priorities),
        cmocka_unit_test(an_address_is_the_same_place_in_every_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
