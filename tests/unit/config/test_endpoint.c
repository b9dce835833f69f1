/* test_endpoint.c - addresses and networks. */
#include "config/values.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#define LENGTH(a) (sizeof(a) / sizeof(a)[0])

typedef int endpoint_fn(struct arena *a, const char *text, struct endpoint *out, struct flaw *f);

static void check_good(endpoint_fn *parse, const char *text, enum endpoint_kind kind,
                       const char *canonical)
{
    struct arena a = {0};
    struct endpoint ep = {.at = {.file = "f", .line = 3}};
    struct flaw flaw;
    if (parse(&a, text, &ep, &flaw) != 0)
        fail_msg("%s: %s", text, flaw.cause);
    assert_int_equal(ep.kind, kind);
    assert_string_equal(ep.text, canonical);
    assert_int_equal(ep.at.line, 3);
    arena_free(&a);
}

static void check_bad(endpoint_fn *parse, const char *text)
{
    struct arena a = {0};
    struct endpoint ep = {0};
    struct flaw flaw = {"", NULL};
    if (parse(&a, text, &ep, &flaw) != -1)
        fail_msg("%s is taken", text);
    assert_true(flaw.cause[0] != '\0' && flaw.cure != NULL);
    arena_free(&a);
}

static const char *const never[] = {
    "",
    ":",
    "::",
    "x",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:0",
    "127.0.0.1:65536",
    "127.0.0.1:1x",
    "127.0.0.1:+1",
    "127.0.0.1:000001",
    "127.0.0.1: 1",
    "[::1]",
    "[::1]:",
    "[::1:1",
    "::1:1",
    "]:1",
    "[:1",
    "[]:1",
    "[127.0.0.1]:1",
    "[::1]x:1",
    "[::1%lo]:1",
    "[fe80::1]:1",
    "[febf::1]:1",
    "[ff02::1]:1",
    "224.0.0.1:1",
    "239.255.255.255:1",
    "255.255.255.255:1",
    "[::ffff:127.0.0.1]:1",
    "unix:",
    "unix:x",
    "unix:./x",
    "a b:1",
    "a..b:1",
    "a\n:1",
};

static void listen_takes_addresses(void **state)
{
    static const char *const bad[] = {"mail.example:995", "1.2.3:995", "*:995", ":995",
                                      "Localhost:1"};
    (void)state;
    check_good(value_listen, "127.0.0.1:995", ENDPOINT_INET, "127.0.0.1:995");
    check_good(value_listen, "localhost:995", ENDPOINT_INET, "127.0.0.1:995");
    check_good(value_listen, "0.0.0.0:1", ENDPOINT_INET, "0.0.0.0:1");
    check_good(value_listen, "[::]:65535", ENDPOINT_INET, "[::]:65535");
    check_good(value_listen, "[2001:DB8::0:1]:995", ENDPOINT_INET, "[2001:db8::1]:995");
    check_good(value_listen, "[fec0::1]:995", ENDPOINT_INET, "[fec0::1]:995");
    check_good(value_listen, "223.255.255.255:995", ENDPOINT_INET, "223.255.255.255:995");
    check_good(value_listen, "unix:/run/a b", ENDPOINT_UNIX, "unix:/run/a b");
    check_good(value_listen, "unix:/run//./x", ENDPOINT_UNIX, "unix:/run/x");
    for (size_t i = 0; i < LENGTH(bad); i++)
        check_bad(value_listen, bad[i]);
    for (size_t i = 0; i < LENGTH(never); i++)
        check_bad(value_listen, never[i]);
}

static void upstream_takes_names_too(void **state)
{
    static const char *const bad[] = {":110",     "*:110",         "0.0.0.0:110",
                                      "[::]:110", "1.2.3.400:110", "1:110"};
    (void)state;
    check_good(value_upstream, "127.0.0.1:110", ENDPOINT_INET, "127.0.0.1:110");
    check_good(value_upstream, "[::1]:110", ENDPOINT_INET, "[::1]:110");
    check_good(value_upstream, "localhost:110", ENDPOINT_NAME, "localhost:110");
    check_good(value_upstream, "mail_1.example:25", ENDPOINT_NAME, "mail_1.example:25");
    check_good(value_upstream, "unix:/run/s", ENDPOINT_UNIX, "unix:/run/s");
    for (size_t i = 0; i < LENGTH(bad); i++)
        check_bad(value_upstream, bad[i]);
    for (size_t i = 0; i < LENGTH(never); i++)
        check_bad(value_upstream, never[i]);
}

static void address_has_no_port(void **state)
{
    static const char *const bad[] = {
        "",        "127.0.0.1:1", "[::1]",          "x",
        "0.0.0.0", "::",          "::ffff:1.2.3.4", "fe80::1%lo",
        "fe80::1", "ff02::1",     "224.0.0.1",      "255.255.255.255"};
    (void)state;
    check_good(value_address, "192.0.2.1", ENDPOINT_INET, "192.0.2.1");
    check_good(value_address, "2001:db8::1", ENDPOINT_INET, "2001:db8::1");
    for (size_t i = 0; i < LENGTH(bad); i++)
        check_bad(value_address, bad[i]);
}

static void sockaddr_is_ready_for_bind(void **state)
{
    struct arena a = {0};
    struct endpoint ep = {0};
    struct flaw flaw;
    (void)state;
    assert_int_equal(value_listen(&a, "192.0.2.7:995", &ep, &flaw), 0);
    const struct sockaddr_in *in = (const struct sockaddr_in *)&ep.addr;
    assert_int_equal(ep.addr_len, sizeof *in);
    assert_int_equal(in->sin_family, AF_INET);
    assert_int_equal(in->sin_port, htons(995));
    assert_int_equal(in->sin_addr.s_addr, htonl(0xc0000207));

    assert_int_equal(value_listen(&a, "[::1]:993", &ep, &flaw), 0);
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&ep.addr;
    assert_int_equal(ep.addr_len, sizeof *in6);
    assert_int_equal(in6->sin6_family, AF_INET6);
    assert_int_equal(in6->sin6_port, htons(993));
    assert_true(IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr));
    assert_int_equal(in6->sin6_scope_id, 0);

    assert_int_equal(value_listen(&a, "unix:/run/x", &ep, &flaw), 0);
    const struct sockaddr_un *un = (const struct sockaddr_un *)&ep.addr;
    assert_int_equal(un->sun_family, AF_UNIX);
    assert_string_equal(un->sun_path, "/run/x");
    assert_string_equal(ep.path, "/run/x");
    arena_free(&a);
}

static void unix_path_fills_its_room_and_no_more(void **state)
{
    char text[200] = "unix:/";
    struct arena a = {0};
    struct endpoint ep = {0};
    struct flaw flaw;
    (void)state;
    memset(text + 6, 'x', 106); /* with the slash 107 bytes, and the NUL */
    assert_int_equal(value_listen(&a, text, &ep, &flaw), 0);
    text[6 + 106] = 'x';
    assert_int_equal(value_listen(&a, text, &ep, &flaw), -1);
    arena_free(&a);
}

static void all_addresses_have_two_spellings(void **state)
{
    (void)state;
    assert_string_equal(value_all_addresses(":995"), "995");
    assert_string_equal(value_all_addresses("*:995"), "995");
    assert_string_equal(value_all_addresses(":"), "");
    assert_null(value_all_addresses(""));
    assert_null(value_all_addresses("::1"));
    assert_null(value_all_addresses("*"));
    assert_null(value_all_addresses("0.0.0.0:995"));
}

static void questions_about_endpoints(void **state)
{
    static const struct {
        const char *text;
        bool wildcard, loopback;
    } rows[] = {
        {"0.0.0.0:1", true, false},        {"[::]:1", true, false},   {"127.0.0.1:1", false, true},
        {"127.9.9.9:1", false, true},      {"[::1]:1", false, true},  {"192.0.2.1:1", false, false},
        {"[2001:db8::1]:1", false, false}, {"unix:/x", false, false},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct arena a = {0};
        struct endpoint ep = {0}, first = {0};
        struct flaw flaw;
        assert_int_equal(value_listen(&a, rows[i].text, &ep, &flaw), 0);
        assert_int_equal(value_listen(&a, rows[0].text, &first, &flaw), 0);
        assert_int_equal(endpoint_is_wildcard(&ep), rows[i].wildcard);
        assert_int_equal(endpoint_is_loopback(&ep), rows[i].loopback);
        assert_int_equal(endpoint_same(&ep, &first), i == 0);
        arena_free(&a);
    }
}

static void networks(void **state)
{
    static const struct {
        const char *text;
        int family;
        unsigned bits;
        uint8_t first, second;
    } good[] = {
        {"192.0.2.0/24", AF_INET, 24, 192, 0},
        {"10.1.2.3", AF_INET, 32, 10, 1},
        {"0.0.0.0/0", AF_INET, 0, 0, 0},
        {"128.0.0.0/1", AF_INET, 1, 128, 0},
        {"2001:db8::/32", AF_INET6, 32, 0x20, 1},
        {"::1", AF_INET6, 128, 0, 0},
        {"::/0", AF_INET6, 0, 0, 0},
        {"::ffff:192.0.2.0/120", AF_INET, 24, 192, 0},
        {"::ffff:10.1.2.3", AF_INET, 32, 10, 1},
        {"::ffff:0:0/96", AF_INET, 0, 0, 0},
        {"::fffe:0:0/95", AF_INET6, 95, 0, 0},
    };
    static const char *const bad[] = {
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "10.0.0.0/8 ",
        "10.0.0.1/8",
        "10.0.0/8",
        "::/129",
        "::1/127",
        "::ffff:192.0.2.1/120",
        "2001:db8::1/32",
        "x",
        "[::1]/128",
        "192.0.2.0/0x8",
        "01234567890123456789012345678901234567890123456789/8",
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(good); i++) {
        struct cidr c;
        struct flaw flaw;
        assert_int_equal(value_cidr(good[i].text, &c, &flaw), 0);
        assert_int_equal(c.family, good[i].family);
        assert_int_equal(c.bits, good[i].bits);
        assert_int_equal(c.bytes[0], good[i].first);
        assert_int_equal(c.bytes[1], good[i].second);
    }
    for (size_t i = 0; i < LENGTH(bad); i++) {
        struct cidr c;
        struct flaw flaw = {"", NULL};
        if (value_cidr(bad[i], &c, &flaw) != -1)
            fail_msg("%s is taken", bad[i]);
        assert_non_null(flaw.cure);
    }
}

static void the_network_that_was_meant_is_told(void **state)
{
    static const char *const rows[][2] = {
        {"192.0.2.77/24", "the network is 192.0.2.0/24"},
        {"10.1.2.3/8", "the network is 10.0.0.0/8"},
        {"10.1.2.3/0", "the network is 0.0.0.0/0"},
        {"2001:db8:1:2::3/48", "the network is 2001:db8:1::/48"},
        {"::ffff:192.0.2.1/120", "the network is 192.0.2.0/24"},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct cidr c;
        struct flaw flaw;
        assert_int_equal(value_cidr(rows[i][0], &c, &flaw), -1);
        assert_non_null(strstr(flaw.cause, rows[i][1]));
    }
}

static void a_network_covers_its_parts(void **state)
{
    static const struct {
        const char *network, *part;
        bool covered;
    } rows[] = {
        {"192.0.2.0/24", "192.0.2.0/24", true},
        {"192.0.2.0/24", "192.0.2.128/25", true},
        {"192.0.2.0/24", "192.0.2.9", true},
        {"192.0.2.0/24", "192.0.3.0/25", false},
        {"192.0.2.0/25", "192.0.2.0/24", false},
        {"0.0.0.0/0", "10.0.0.0/8", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "10.0.0.0/8", false},
        {"::/0", "2001:db8::/32", true},
        {"2001:db8::/33", "2001:db8::/32", false},
        {"2001:db8::/31", "2001:db9::/32", true},
        {"::/64", "10.0.0.0/8", false},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct cidr network, part;
        struct flaw flaw;
        assert_int_equal(value_cidr(rows[i].network, &network, &flaw), 0);
        assert_int_equal(value_cidr(rows[i].part, &part, &flaw), 0);
        if (cidr_covers(&network, &part) != rows[i].covered)
            fail_msg("%s and %s", rows[i].network, rows[i].part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listen_takes_addresses),
        cmocka_unit_test(upstream_takes_names_too),
        cmocka_unit_test(address_has_no_port),
        cmocka_unit_test(sockaddr_is_ready_for_bind),
        cmocka_unit_test(unix_path_fills_its_room_and_no_more),
        cmocka_unit_test(all_addresses_have_two_spellings),
        cmocka_unit_test(questions_about_endpoints),
        cmocka_unit_test(networks),
        cmocka_unit_test(the_network_that_was_meant_is_told),
        cmocka_unit_test(a_network_covers_its_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
