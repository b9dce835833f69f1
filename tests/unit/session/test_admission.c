/* test_admission.c - who may come in, who is told why not, and who is not. */
#include "proxy/session/admission.h"
#include "tests/support/clients.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

enum { LIMIT = 160, MANY = 1000 };

static uint64_t now_ms;

uint64_t __wrap_uv_now(const uv_loop_t *loop);
uint64_t __wrap_uv_now(const uv_loop_t *loop)
{
    (void)loop;
    return now_ms;
}

struct fixture {
    struct sessions all;
    struct all_counters parts;
    struct route route;
    struct route_config config;
    uint8_t seed[16];
    int shared;
    struct admission places[MANY];
    size_t used;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err e;
    *state = f;
    now_ms = 100000;
    f->shared = counters_create(&e);
    f->parts.parts[0] = counters_map_own(f->shared);
    f->route.config = &f->config;
    f->all = (struct sessions){.counters = f->parts.parts[0],
                               .parts = &f->parts,
                               .worker_count = 1,
                               .seed = f->seed,
                               .limit = LIMIT};
    return f->all.counters != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < f->used; i++)
        admission_leave(&f->all, &f->route, &f->places[i]);
    assert_int_equal(f->all.courtesies, 0);
    assert_int_equal(counter_get(&f->all.counters->route[0].active), 0);
    assert_no_clients(&f->all.counters->clients);
    counters_unmap_all(&f->parts);
    close(f->shared);
    free(f);
    return 0;
}

enum outcome { ADMITTED, TOLD, RESET };

static enum outcome comes_from(struct fixture *f, const struct sockaddr *client)
{
    struct admission *a = &f->places[f->used++];
    admission_enter(&f->all, &f->route, a);
    admission_client(&f->all, &f->route, client, a);
    if (!admission_courtesy(&f->all, &f->route, client, a))
        return RESET;
    return a->admitted ? ADMITTED : TOLD;
}

static enum outcome comes(struct fixture *f, unsigned host)
{
    const struct sockaddr_in client = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
    return comes_from(f, (const struct sockaddr *)&client);
}

static void without_limits_everybody_comes_in(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(comes(f, 1), ADMITTED);
    assert_int_equal(counter_get(&f->all.counters->route[0].active), MANY);
}

static void a_limit_that_comes_later_counts_who_is_there(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(comes(f, 1), ADMITTED);
    assert_int_equal(comes(f, 1), ADMITTED);
    f->config.max_connections_per_ip = 2;
    assert_int_equal(comes(f, 1), TOLD);
    assert_int_equal(comes(f, 2), ADMITTED);
}

static void an_address_beyond_its_limit_is_told_a_few_times_at_once(void **state)
{
    struct fixture *f = *state;
    f->config.max_connections_per_ip = 2;
    for (int i = 0; i < 2; i++)
        assert_int_equal(comes(f, 1), ADMITTED);
    for (int i = 0; i < 4; i++)
        assert_int_equal(comes(f, 1), TOLD);
    for (int i = 0; i < 10; i++)
        assert_int_equal(comes(f, 1), RESET);
    assert_int_equal(comes(f, 2), ADMITTED);
    assert_int_equal(counter_get(&f->all.counters->route[0].refused), 10);
    assert_int_equal(counter_get(&f->all.counters->route[0].active), 3);
}

static void a_place_that_is_left_is_free_again(void **state)
{
    struct fixture *f = *state;
    f->config.max_connections_per_ip = 1;
    assert_int_equal(comes(f, 1), ADMITTED);
    for (int i = 0; i < 4; i++)
        assert_int_equal(comes(f, 1), TOLD);
    admission_leave(&f->all, &f->route, &f->places[4]);
    assert_int_equal(comes(f, 1), TOLD);
    assert_int_equal(comes(f, 1), RESET);
    admission_leave(&f->all, &f->route, &f->places[0]);
    assert_int_equal(comes(f, 1), ADMITTED);
}

/* The places are for those who are served. */
static void many_addresses_are_told_only_as_a_small_share_of_all(void **state)
{
    struct fixture *f = *state;
    unsigned told = 0;
    f->config.max_connections = 3;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(comes(f, i), ADMITTED);
    for (unsigned i = 0; i < 500; i++)
        told += comes(f, 100 + i) == TOLD;
    assert_in_range(told, 1, LIMIT / 10);
    assert_int_equal(f->all.courtesies, told);
}

static void with_very_few_places_one_is_told_all_the_same(void **state)
{
    struct fixture *f = *state;
    f->all.limit = 8;
    f->config.max_connections = 1;
    assert_int_equal(comes(f, 1), ADMITTED);
    assert_int_equal(comes(f, 2), TOLD);
    assert_int_equal(comes(f, 3), RESET);
}

static void newcomers_of_a_worker_that_drains_are_told_in_the_same_measure(void **state)
{
    struct fixture *f = *state;
    f->all.draining = true;
    for (int i = 0; i < 4; i++)
        assert_int_equal(comes(f, 1), TOLD);
    assert_int_equal(comes(f, 1), RESET);
    assert_int_equal(f->places[0].refusal, REFUSE_DRAINING);
}

/* A limit of a name is told of within TLS, and takes nothing from the route's others. */
static void a_name_has_a_limit_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct server_name_config config = {.max_connections = 2};
    const struct server_name name = {.config = &config, .slot = 7};
    const struct name_counters *c = &f->all.counters->name[7];
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(comes(f, i), ADMITTED);
        admission_name(&f->all, &f->route, &name, &f->places[i]);
        assert_int_equal(f->places[i].admitted, i < 2);
    }
    assert_int_equal(f->places[2].refusal, REFUSE_TOO_MANY);
    assert_int_equal(counter_get(&c->active), 2);
    assert_int_equal(counter_get(&c->accepted), 3);
    assert_int_equal(counter_get(&f->all.counters->route[0].active), 2);
    assert_int_equal(comes(f, 9), ADMITTED); /* who asks for no name */
    admission_leave(&f->all, &f->route, &f->places[0]);
    assert_int_equal(comes(f, 4), ADMITTED);
    admission_name(&f->all, &f->route, &name, &f->places[4]);
    assert_true(f->places[4].admitted);
    admission_leave(&f->all, &f->route, &f->places[4]);
    admission_leave(&f->all, &f->route, &f->places[1]);
    assert_int_equal(counter_get(&c->active), 0);
}

static void clients_of_unix_sockets_share_what_there_is(void **state)
{
    struct fixture *f = *state;
    const struct sockaddr_un client = {.sun_family = AF_UNIX};
    f->config.max_connections = 1;
    assert_int_equal(comes_from(f, (const struct sockaddr *)&client), ADMITTED);
    for (int i = 0; i < LIMIT / 16; i++)
        assert_int_equal(comes_from(f, (const struct sockaddr *)&client), TOLD);
}

/* So many come and go, one after the other, each from an address of its own; how many are told? */
static unsigned told_of(struct fixture *f, unsigned count)
{
    unsigned told = 0;
    for (unsigned i = 0; i < count; i++) {
        told += comes(f, 100 + i) == TOLD;
        admission_leave(&f->all, &f->route, &f->places[--f->used]);
    }
    return told;
}

static void the_first_takes_the_only_place(struct fixture *f)
{
    f->config.max_connections = 1;
    assert_int_equal(comes(f, 1), ADMITTED);
}

/* Each would cost a handshake. */
static void in_a_second_few_are_told_inside_tls(void **state)
{
    struct fixture *f = *state;
    f->config.tls = TLS_MODE_IMPLICIT;
    the_first_takes_the_only_place(f);
    assert_int_equal(told_of(f, 500), EFFORT_A_SECOND / EFFORT_TLS);
    assert_int_equal(told_of(f, 500), 0);
    now_ms += 500;
    assert_int_equal(told_of(f, 500), EFFORT_A_SECOND / EFFORT_TLS / 2);
    assert_int_equal(counter_get(&f->all.counters->route[0].refused),
                     1500 - EFFORT_A_SECOND / EFFORT_TLS * 3 / 2);
}

static void more_are_told_in_clear(void **state)
{
    static const enum tls_mode modes[] = {TLS_MODE_REQUIRED, TLS_MODE_OPTIONAL};
    struct fixture *f = *state;
    the_first_takes_the_only_place(f);
    for (size_t i = 0; i < COUNT(modes); i++) {
        f->config.tls = modes[i];
        assert_int_equal(told_of(f, 500), EFFORT_A_SECOND / EFFORT_CLEAR);
        now_ms += 1000;
    }
}

/* There is nobody else to serve, and each of them is to hear it. */
static void a_worker_that_drains_tells_all(void **state)
{
    struct fixture *f = *state;
    f->all.draining = true;
    assert_int_equal(told_of(f, 900), 900);
}

static void a_limit_per_address_is_dealt_with_in_the_same_way(void **state)
{
    struct fixture *f = *state;
    unsigned told = 0;
    f->config.tls = TLS_MODE_IMPLICIT;
    f->config.max_connections_per_ip = 1;
    assert_int_equal(comes(f, 1), ADMITTED);
    for (unsigned i = 0; i < 500; i++) {
        told += comes(f, 1) == TOLD;
        admission_leave(&f->all, &f->route, &f->places[--f->used]);
    }
    assert_int_equal(told, EFFORT_A_SECOND / EFFORT_TLS);
    assert_int_equal(comes(f, 2), ADMITTED);
}

/* A balancer's connection is one of the crowd until its header tells whose it is. */
static void a_client_behind_a_balancer_is_judged_by_its_own_address(void **state)
{
    struct fixture *f = *state;
    const struct sockaddr_in client = {.sin_family = AF_INET};
    f->config.max_connections = 1;
    assert_int_equal(comes(f, 1), ADMITTED);
    for (int i = 0; i < 5; i++) {
        struct admission *a = &f->places[f->used++];
        admission_enter(&f->all, &f->route, a);
        assert_true(admission_courtesy(&f->all, &f->route, NULL, a));
        admission_client(&f->all, &f->route, (const struct sockaddr *)&client, a);
        assert_int_equal(
            admission_courtesy(&f->all, &f->route, (const struct sockaddr *)&client, a), i < 4);
    }
    assert_int_equal(f->all.courtesies, 4);
}

/* ---- allow, deny ---- */

static struct cidr network(const char *ip, unsigned bits)
{
    struct cidr c = {.bits = bits};
    c.family = strchr(ip, ':') != NULL ? AF_INET6 : AF_INET;
    assert_int_equal(inet_pton(c.family, ip, c.bytes), 1);
    return c;
}

static enum outcome comes_by(struct fixture *f, const char *ip)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct sockaddr_in in = {.sin_family = AF_INET};
    if (inet_pton(AF_INET, ip, &in.sin_addr) == 1)
        return comes_from(f, (const struct sockaddr *)&in);
    assert_int_equal(inet_pton(AF_INET6, ip, &in6.sin6_addr), 1);
    return comes_from(f, (const struct sockaddr *)&in6);
}

static enum starttls_refusal last_refusal(const struct fixture *f)
{
    return f->places[f->used - 1].refusal;
}

static void the_denied_are_told_so_and_others_come_in(void **state)
{
    struct fixture *f = *state;
    struct cidr denied[] = {network("192.0.2.0", 24), network("2001:db8::", 32)};
    static const char *const out[] = {"192.0.2.7", "::ffff:192.0.2.7", "2001:db8:1::1"};
    static const char *const in[] = {"192.0.3.7", "::ffff:192.0.3.7", "2001:db9::1"};
    f->config.deny = (struct cidr_list){denied, COUNT(denied)};
    for (size_t i = 0; i < COUNT(out); i++) {
        assert_int_equal(comes_by(f, out[i]), TOLD);
        assert_int_equal(last_refusal(f), REFUSE_DENIED);
        assert_int_equal(comes_by(f, in[i]), ADMITTED);
    }
}

static void with_a_list_only_the_listed_come_in_less_the_denied(void **state)
{
    struct fixture *f = *state;
    struct cidr allowed[] = {network("192.0.2.0", 24), network("2001:db8::", 32)};
    struct cidr denied[] = {network("192.0.2.128", 25)};
    f->config.allow = (struct cidr_list){allowed, COUNT(allowed)};
    f->config.deny = (struct cidr_list){denied, COUNT(denied)};
    assert_int_equal(comes_by(f, "192.0.2.7"), ADMITTED);
    assert_int_equal(comes_by(f, "::ffff:192.0.2.7"), ADMITTED);
    assert_int_equal(comes_by(f, "2001:db8::9"), ADMITTED);
    assert_int_equal(comes_by(f, "192.0.2.200"), TOLD);
    assert_int_equal(comes_by(f, "198.51.100.1"), TOLD);
    assert_int_equal(comes_by(f, "2001:db9::9"), TOLD);
    assert_int_equal(last_refusal(f), REFUSE_DENIED);
}

/* Nothing is judged by an address that there is not. */
static void clients_of_unix_sockets_are_not_denied(void **state)
{
    struct fixture *f = *state;
    struct cidr denied[] = {network("0.0.0.0", 0), network("::", 0)},
                allowed[] = {network("::1", 128)};
    const struct sockaddr_un client = {.sun_family = AF_UNIX};
    f->config.deny = (struct cidr_list){denied, COUNT(denied)};
    f->config.allow = (struct cidr_list){allowed, COUNT(allowed)};
    f->config.rate_per_ip = (struct connection_rate){1, 60000};
    for (int i = 0; i < 10; i++)
        assert_int_equal(comes_from(f, (const struct sockaddr *)&client), ADMITTED);
}

static void a_crowd_of_the_denied_is_reset_and_counted(void **state)
{
    struct fixture *f = *state;
    struct cidr denied[] = {network("0.0.0.0", 0)};
    f->config.deny = (struct cidr_list){denied, COUNT(denied)};
    for (int i = 0; i < 4; i++)
        assert_int_equal(comes(f, 1), TOLD);
    for (int i = 0; i < 10; i++)
        assert_int_equal(comes(f, 1), RESET);
    assert_int_equal(counter_get(&f->all.counters->details[0].refused[REFUSAL_DENIED]), 10);
    assert_int_equal(counter_get(&f->all.counters->route[0].active), 0);
}

/* Not that the route is full: that will pass. */
static void the_denied_hear_that_whatever_else_is_in_the_way(void **state)
{
    struct fixture *f = *state;
    struct cidr denied[] = {network("192.0.2.0", 24)};
    the_first_takes_the_only_place(f);
    f->config.deny = (struct cidr_list){denied, COUNT(denied)};
    assert_int_equal(comes_by(f, "192.0.2.1"), TOLD);
    assert_int_equal(last_refusal(f), REFUSE_DENIED);
    assert_int_equal(comes_by(f, "198.51.100.1"), TOLD);
    assert_int_equal(last_refusal(f), REFUSE_TOO_MANY);
}

/* ---- connection-rate-per-ip ---- */

static void rate(struct fixture *f, unsigned count, unsigned per)
{
    f->config.name = "mail";
    f->config.rate_per_ip = (struct connection_rate){count, per};
}

static void leaves(struct fixture *f)
{
    admission_leave(&f->all, &f->route, &f->places[--f->used]);
}

static void so_many_come_in_in_a_period_and_as_many_in_the_next(void **state)
{
    struct fixture *f = *state;
    rate(f, 3, 60000);
    for (int round = 0; round < 3; round++, now_ms += 60000) {
        for (int i = 0; i < 3; i++, leaves(f))
            assert_int_equal(comes(f, 1), ADMITTED);
        for (int i = 0; i < 3; i++, leaves(f)) {
            assert_int_equal(comes(f, 1), TOLD);
            assert_int_equal(last_refusal(f), REFUSE_TOO_FAST);
        }
        assert_int_equal(comes(f, 2 + (unsigned)round), ADMITTED);
    }
}

/* A limit is no ban. */
static void who_keeps_knocking_gets_in_as_soon_as_who_waits(void **state)
{
    struct fixture *f = *state;
    rate(f, 1, 8000);
    assert_int_equal(comes(f, 1), ADMITTED);
    for (int i = 0; i < 7; i++, leaves(f)) {
        now_ms += 1000;
        assert_int_equal(comes(f, 1), TOLD);
    }
    now_ms += 1000;
    assert_int_equal(comes(f, 1), ADMITTED);
}

static void the_clients_of_a_64_are_one(void **state)
{
    struct fixture *f = *state;
    rate(f, 1, 60000);
    assert_int_equal(comes_by(f, "2001:db8:0:1::1"), ADMITTED);
    assert_int_equal(comes_by(f, "2001:db8:0:1:ffff::2"), TOLD);
    assert_int_equal(comes_by(f, "2001:db8:0:2::1"), ADMITTED);
    assert_int_equal(comes_by(f, "192.0.2.1"), ADMITTED);
    assert_int_equal(comes_by(f, "::ffff:192.0.2.1"), TOLD);
}

static void a_rate_holds_over_all_workers(void **state)
{
    struct fixture *f = *state;
    struct err e;
    const int other = counters_create(&e);
    struct worker_counters *first = f->all.counters;
    f->parts.parts[1] = counters_map_own(other);
    f->all.worker_count = 2;
    rate(f, 4, 60000);
    for (int i = 0; i < 4; i++, leaves(f)) {
        f->all.counters = f->parts.parts[i % 2];
        assert_int_equal(comes(f, 1), ADMITTED);
    }
    for (int i = 0; i < 2; i++, leaves(f)) {
        f->all.counters = f->parts.parts[i];
        assert_int_equal(comes(f, 1), TOLD);
    }
    f->all.counters = first;
    close(other);
}

static void routes_and_periods_are_counted_apart(void **state)
{
    struct fixture *f = *state;
    rate(f, 1, 60000);
    assert_int_equal(comes(f, 1), ADMITTED);
    f->config.name = "news";
    assert_int_equal(comes(f, 1), ADMITTED);
    f->config.rate_per_ip.per = 30000;
    assert_int_equal(comes(f, 1), ADMITTED);
    f->config.rate_per_ip.per = 60000;
    assert_int_equal(comes(f, 1), TOLD);
    f->config.rate_per_ip.count = 2; /* a reload with a higher one: what has been counts */
    assert_int_equal(comes(f, 1), ADMITTED);
    assert_int_equal(comes(f, 1), TOLD);
}

static void those_who_are_refused_for_something_else_do_not_count(void **state)
{
    struct fixture *f = *state;
    rate(f, 2, 60000);
    f->config.max_connections_per_ip = 1;
    assert_int_equal(comes(f, 1), ADMITTED);
    assert_int_equal(comes(f, 1), TOLD);
    assert_int_equal(last_refusal(f), REFUSE_TOO_MANY);
    assert_true(f->places[f->used - 1].own_limit);
    leaves(f);
    leaves(f);
    assert_int_equal(comes(f, 1), ADMITTED);
    leaves(f);
    assert_int_equal(comes(f, 1), TOLD);
    assert_int_equal(last_refusal(f), REFUSE_TOO_FAST);
}

static void a_balancer_that_speaks_for_itself_has_no_rate(void **state)
{
    struct fixture *f = *state;
    const struct sockaddr_in balancer = {.sin_family = AF_INET};
    rate(f, 1, 60000);
    for (int i = 0; i < 5; i++) {
        struct admission *a = &f->places[f->used++];
        a->balancer = true;
        admission_enter(&f->all, &f->route, a);
        admission_client(&f->all, &f->route, (const struct sockaddr *)&balancer, a);
        assert_true(a->admitted);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(without_limits_everybody_comes_in),
        CASE(a_limit_that_comes_later_counts_who_is_there),
        CASE(an_address_beyond_its_limit_is_told_a_few_times_at_once),
        CASE(a_place_that_is_left_is_free_again),
        CASE(many_addresses_are_told_only_as_a_small_share_of_all),
        CASE(with_very_few_places_one_is_told_all_the_same),
        CASE(newcomers_of_a_worker_that_drains_are_told_in_the_same_measure),
        CASE(a_name_has_a_limit_of_its_own),
        CASE(clients_of_unix_sockets_share_what_there_is),
        CASE(in_a_second_few_are_told_inside_tls),
        CASE(more_are_told_in_clear),
        CASE(a_worker_that_drains_tells_all),
        CASE(a_limit_per_address_is_dealt_with_in_the_same_way),
        CASE(a_client_behind_a_balancer_is_judged_by_its_own_address),
        CASE(the_denied_are_told_so_and_others_come_in),
        CASE(with_a_list_only_the_listed_come_in_less_the_denied),
        CASE(clients_of_unix_sockets_are_not_denied),
        CASE(a_crowd_of_the_denied_is_reset_and_counted),
        CASE(the_denied_hear_that_whatever_else_is_in_the_way),
        CASE(so_many_come_in_in_a_period_and_as_many_in_the_next),
        CASE(who_keeps_knocking_gets_in_as_soon_as_who_waits),
        CASE(the_clients_of_a_64_are_one),
        CASE(a_rate_holds_over_all_workers),
        CASE(routes_and_periods_are_counted_apart),
        CASE(those_who_are_refused_for_something_else_do_not_count),
        CASE(a_balancer_that_speaks_for_itself_has_no_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
