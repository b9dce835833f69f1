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

static void fail_at(struct upstream_set *set, unsigned n, uint64_t now)
{
    struct upstream_cursor at = {0};
    for (const struct upstream_address *a; (a = upstream_next(set, &at, now)) != NULL;)
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
        assert_int_equal(number(upstream_next(set, &at, now)), order[i]);
    assert_null(upstream_next(set, &at, now));
    assert_null(upstream_next(set, &at, now));
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

    const struct upstream_address *a = upstream_next(&set, &at, 0);
    assert_non_null(a); /* a unix socket has one address, an empty one */
    assert_int_equal(a->size, 0);
    assert_ptr_equal(set.items[at.upstream].endpoint, &e[0]);
    assert_int_equal(number(upstream_next(&set, &at, 0)), 8);
    assert_ptr_equal(set.items[at.upstream].endpoint, &e[1]);
    assert_int_equal(number(upstream_next(&set, &at, 0)), 9);
    assert_int_equal(at.address, 1);
    assert_null(upstream_next(&set, &at, 0));
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
    assert_int_equal(number(upstream_next(&set, &at, 10)), 2);
    assert_int_equal(number(upstream_next(&set, &at, 10)), 1);
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
        assert_int_equal(number(upstream_next(&set, &at, 0)), i);
        upstream_report(&set, &at, false, 0);
    }
    assert_null(upstream_next(&set, &at, 0));
    assert_null(upstream_next(&set, &at, UPSTREAM_DOWN_MS)); /* not in this session */
    upstream_set_free(&set);
}

static void one_session_probes_what_was_down_while_others_go_elsewhere(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[2];
    struct upstream_cursor scout = {0};
    init(&set, e, 2);
    fail_at(&set, 1, 0);
    const uint64_t now = UPSTREAM_DOWN_MS;
    assert_int_equal(number(upstream_next(&set, &scout, now)), 1);
    upstream_trying(&set, &scout, now, 3000);
    ORDER(&set, now, 2, 1);
    ORDER(&set, now + 2999, 2, 1);
    upstream_report(&set, &scout, true, now + 2999);
    ORDER(&set, now + 2999, 1, 2);
    upstream_set_free(&set);
}

static void trying_what_is_well_sends_nobody_elsewhere(void **state)
{
    (void)state;
    struct upstream_set set;
    struct endpoint e[2];
    struct upstream_cursor at = {0};
    init(&set, e, 2);
    assert_int_equal(number(upstream_next(&set, &at, 0)), 1);
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
    assert_int_equal(number(upstream_next(&set, &at, 0)), 1);
    assert_int_equal(at.upstream, 1);
    assert_null(upstream_next(&set, &at, 0));
    upstream_set_free(&set);

    assert_int_equal(upstream_set_init(&set, e, 1), 0); /* nothing but that */
    at = (struct upstream_cursor){0};
    assert_null(upstream_next(&set, &at, 0));
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
    assert_null(upstream_next(&set, &at, 1));
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
        assert_int_equal(number(upstream_next(&set, &at, 0)), i);

    assert_int_equal(upstream_set_addresses(&set, 0, &one, 1), 0);
    upstream_trying(&set, &at, 0, 1000); /* stands on the third of one */
    upstream_report(&set, &at, false, 0);
    assert_int_equal(set.items[0].addresses[0].down_until, 0);
    assert_int_equal(number(upstream_next(&set, &at, 0)), 7); /* and the session gets the new one */
    assert_null(upstream_next(&set, &at, 0));
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
        assert_int_equal(number(upstream_next(&set, &at, 0)), i);
        upstream_report(&set, &at, false, 0);
    }
    assert_null(upstream_next(&set, &at, 0));
    upstream_set_free(&set);
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
        cmocka_unit_test(trying_what_is_well_sends_nobody_elsewhere),
        cmocka_unit_test(a_name_without_address_is_passed_over),
        cmocka_unit_test(new_addresses_keep_the_state_of_those_that_stay),
        cmocka_unit_test(a_report_on_addresses_that_changed_meanwhile_hits_nobody),
        cmocka_unit_test(no_more_than_the_bound_are_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
