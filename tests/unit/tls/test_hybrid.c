/* test_hybrid.c - who gets X25519MLKEM768, and at what price in round trips */
#ifdef TLSFRONT_ACCEL
#include "tests/unit/tls/one_server.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define X25519 MBEDTLS_SSL_IANA_TLS_GROUP_X25519
#define P256   MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1
#define HYBRID MBEDTLS_SSL_IANA_TLS_GROUP_X25519MLKEM768

static const uint16_t first[] = {HYBRID, X25519, P256,
                                 0}; /* a client sends a share for the first */
static const uint16_t second[] = {X25519, HYBRID, 0};
static const uint16_t classical[] = {X25519, P256, 0};

static const char *hybrid_name[] = {"X25519MLKEM768"}, *x25519_name[] = {"x25519"};
static const struct string_list hybrid_only = {hybrid_name, 1}, x25519_only = {x25519_name, 1};

/* RFC 8446 4.1.3: the random of a HelloRetryRequest begins so. */
static bool asks_again(const struct bytes *wire)
{
    static const uint8_t random[] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11};
    return wire->size > 11 + sizeof random && memcmp(wire->data + 11, random, sizeof random) == 0;
}

static struct bytes flight_of(struct join *j)
{
    peer_step(&j->peer);
    struct bytes out = j->peer.out;
    j->peer.out = (struct bytes){0};
    return out;
}

static void join_route(struct join *j, const struct string_list *route, const uint16_t *client)
{
    struct tls_server_options so = join_options(&ecdsa, 1);
    so.groups = route;
    join_start(j, engine, NULL, &so,
               &(struct peer_options){.min = V13, .groups = client, .sni = "mail.example"});
}

/* What the client offers and the route allows lead to that group, with or without being asked. */
static void assert_agreed(const struct string_list *route, const uint16_t *client,
                          const char *group, bool asked)
{
    struct join j;
    struct tls_info info;
    join_route(&j, route, client);
    struct bytes hello = flight_of(&j);
    join_deliver(&j, hello.data, hello.size);
    assert_int_equal(asks_again(&j.peer.in), asked);
    join_pump(&j);
    assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
    assert_true(j.peer.open);
    tls_conn_info(j.conn, &info);
    assert_string_equal(info.group, group);
    join_send(&j, "under the same keys", 19);
    join_pump(&j);
    assert_int_equal(j.peer.plain.size, 19);
    bytes_free(&hello);
    join_free(&j);
}

static void a_client_that_sends_its_share_gets_it(void **state)
{
    (void)state;
    assert_agreed(NULL, first, TLS_GROUP_HYBRID, false);
    assert_agreed(&hybrid_only, first, TLS_GROUP_HYBRID, false);
}

static void a_client_that_only_lists_it_is_served_with_the_share_that_it_sent(void **state)
{
    (void)state;
    assert_agreed(NULL, second, "x25519", false);
    assert_agreed(NULL, classical, "x25519", false);
}

static void a_route_with_nothing_else_asks_for_it(void **state)
{
    (void)state;
    assert_agreed(&hybrid_only, second, TLS_GROUP_HYBRID, true);
}

static void a_route_without_it_asks_for_another(void **state)
{
    (void)state;
    assert_agreed(&x25519_only, first, "x25519", true);
}

static void the_second_hello_may_be_cut_anywhere(void **state)
{
    (void)state;
    size_t places = 1;
    for (size_t at = 0; at < places; at++) {
        struct join j;
        join_route(&j, &hybrid_only, second);
        struct bytes hello = flight_of(&j);
        join_deliver(&j, hello.data, hello.size);
        struct bytes again = flight_of(&j);
        places = again.size;
        join_deliver(&j, again.data, at);
        join_deliver(&j, again.data + at, again.size - at);
        join_pump(&j);
        assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
        assert_true(j.peer.open);
        bytes_free(&again);
        bytes_free(&hello);
        join_free(&j);
    }
    assert_true(places > 1216);
}

static void a_client_without_it_is_refused_where_it_is_the_only_one(void **state)
{
    (void)state;
    const mbedtls_ssl_protocol_version versions[] = {V12, V13};
    for (size_t i = 0; i < 2; i++) {
        struct join j;
        struct tls_server_options so = join_options(&ecdsa, 1);
        so.groups = &hybrid_only;
        join_start(&j, engine, NULL, &so,
                   &(struct peer_options){.min = versions[i],
                                          .max = versions[i],
                                          .groups = classical,
                                          .sni = "mail.example"});
        join_pump(&j);
        assert_int_equal(tls_conn_status(j.conn), TLS_FAILED);
        assert_int_equal(j.peer.alert, 40);
        assert_non_null(strstr(tls_conn_failure(j.conn)->reason, "in common"));
        join_free(&j);
    }
}

/* RFC 8446 2.2: what a session is resumed from does not spare a key exchange. */
static void a_resumed_session_exchanges_keys_again(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < 2; cut++) {
        struct peer_options po = {.min = V13, .groups = first, .sni = "mail.example"};
        struct join full, resumed;
        struct tls_info info;
        join_start(&full, engine, server, NULL, &po);
        join_pump(&full);
        join_send(&full, "x", 1);
        join_pump(&full);
        assert_true(full.peer.has_session);
        po.session = &full.peer.session;
        join_start(&resumed, engine, server, NULL, &po);
        resumed.cut = cut;
        join_pump(&resumed);
        assert_int_equal(tls_conn_status(resumed.conn), TLS_OPEN);
        tls_conn_info(resumed.conn, &info);
        assert_true(info.resumed);
        assert_string_equal(info.group, TLS_GROUP_HYBRID);
        join_free(&resumed);
        join_free(&full);
    }
}

/* Whichever way a session changes groups from one time to the next. */
static void a_session_comes_back_by_another_group(void **state)
{
    (void)state;
    const uint16_t *const ways[][2] = {{first, classical}, {classical, first}, {first, second}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct peer_options po = {.min = V13, .groups = ways[i][0], .sni = "mail.example"};
        struct join full, resumed;
        struct tls_info info;
        join_start(&full, engine, server, NULL, &po);
        join_pump(&full);
        join_send(&full, "x", 1);
        join_pump(&full);
        po.session = &full.peer.session;
        po.groups = ways[i][1];
        join_start(&resumed, engine, server, NULL, &po);
        join_pump(&resumed);
        tls_conn_info(resumed.conn, &info);
        assert_true(info.resumed);
        assert_string_equal(info.group, ways[i][1] == first ? TLS_GROUP_HYBRID : "x25519");
        join_free(&resumed);
        join_free(&full);
    }
}

static void every_damaged_byte_of_its_hello_is_survived(void **state)
{
    (void)state;
    size_t size = 1;
    for (size_t at = 0; at < size; at++) {
        struct join j;
        join_start(&j, engine, server, NULL,
                   &(struct peer_options){.min = V13, .groups = first, .sni = "mail.example"});
        struct bytes hello = flight_of(&j);
        size = hello.size;
        hello.data[at] ^= 0xff;
        join_deliver(&j, hello.data, hello.size);
        const struct tls_failure *f = tls_conn_failure(j.conn);
        if (f != NULL) {
            assert_true(f->alert_sent > 0);
            assert_int_equal(f->fault, TLS_FAULT_CLIENT);
        }
        bytes_free(&hello);
        join_free(&j);
    }
}

static void a_route_that_leaves_tls12_without_a_group_is_told_of(void **state)
{
    (void)state;
    struct tls_server_options so = join_options(&ecdsa, 1);
    const struct {
        const struct string_list *groups;
        enum tls_min_version min;
        bool lacks;
    } rows[] = {{NULL, TLS_MIN_1_2, false},
                {&x25519_only, TLS_MIN_1_2, false},
                {&hybrid_only, TLS_MIN_1_3, false},
                {&hybrid_only, TLS_MIN_1_2, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        so.groups = rows[i].groups;
        so.min_version = rows[i].min;
        struct tls_server *s = server_or_die(&so);
        assert_int_equal(tls_server_lacks_group(s), rows[i].lacks);
        tls_server_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_sends_its_share_gets_it),
        cmocka_unit_test(a_client_that_only_lists_it_is_served_with_the_share_that_it_sent),
        cmocka_unit_test(a_route_with_nothing_else_asks_for_it),
        cmocka_unit_test(a_route_without_it_asks_for_another),
        cmocka_unit_test(the_second_hello_may_be_cut_anywhere),
        cmocka_unit_test(a_client_without_it_is_refused_where_it_is_the_only_one),
        cmocka_unit_test(a_resumed_session_exchanges_keys_again),
        cmocka_unit_test(a_session_comes_back_by_another_group),
        cmocka_unit_test(every_damaged_byte_of_its_hello_is_survived),
        cmocka_unit_test(a_route_that_leaves_tls12_without_a_group_is_told_of),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
#else
int main(void)
{
    return 0; /* test_suites.c has what a build without it says */
}
#endif
