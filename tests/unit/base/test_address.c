/* test_address.c - socket addresses as text. */
#include "proxy/base/address.h"
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static void assert_v4(const char *ip, uint16_t port, const char *expected)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    char text[ADDRESS_TEXT_MAX];
    assert_int_equal(inet_pton(AF_INET, ip, &in.sin_addr), 1);
    address_text((const struct sockaddr *)&in, text);
    assert_string_equal(text, expected);
}

static void assert_v6(const char *ip, uint16_t port, const char *expected)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    char text[ADDRESS_TEXT_MAX];
    assert_int_equal(inet_pton(AF_INET6, ip, &in6.sin6_addr), 1);
    address_text((const struct sockaddr *)&in6, text);
    assert_string_equal(text, expected);
}

static void ipv4_reads_host_and_port(void **state)
{
    (void)state;
    assert_v4("192.0.2.1", 110, "192.0.2.1:110");
    assert_v4("255.255.255.255", 65535, "255.255.255.255:65535");
    assert_v4("0.0.0.0", 0, "0.0.0.0:0");
}

static void ipv6_stands_in_brackets(void **state)
{
    (void)state;
    assert_v6("2001:db8::1", 995, "[2001:db8::1]:995");
    assert_v6("::", 1, "[::]:1");
    assert_v6("::1", 25, "[::1]:25");
    assert_v6("2001:db80:1111:2222:3333:4444:5555:6666", 65535,
              "[2001:db80:1111:2222:3333:4444:5555:6666]:65535");
}

static void mapped_addresses_read_as_ipv4(void **state)
{
    (void)state;
    assert_v6("::ffff:192.0.2.1", 110, "192.0.2.1:110");
    assert_v6("::fffe:192.0.2.1", 110, "[::fffe:c000:201]:110"); /* is none */
}

static void everything_else_reads_unix(void **state)
{
    (void)state;
    const struct sockaddr unix_end = {.sa_family = AF_UNIX}, none = {.sa_family = AF_UNSPEC};
    char text[ADDRESS_TEXT_MAX];
    address_text(&unix_end, text);
    assert_string_equal(text, "unix");
    address_text(&none, text);
    assert_string_equal(text, "unix");
}

static void the_local_address_of_a_bound_handle(void **state)
{
    (void)state;
    uv_loop_t loop;
    uv_tcp_t tcp;
    struct sockaddr_in any;
    struct sockaddr_storage local;
    char text[ADDRESS_TEXT_MAX];
    uv_loop_init(&loop);
    uv_tcp_init(&loop, &tcp);

    address_local((uv_handle_t *)&tcp, &local); /* has no socket yet */
    assert_int_equal(local.ss_family, AF_UNSPEC);

    uv_ip4_addr("127.0.0.1", 0, &any);
    assert_int_equal(uv_tcp_bind(&tcp, (const struct sockaddr *)&any, 0), 0);
    address_local((uv_handle_t *)&tcp, &local);
    assert_int_equal(local.ss_family, AF_INET);
    address_text((const struct sockaddr *)&local, text);
    assert_memory_equal(text, "127.0.0.1:", 10);
    assert_string_not_equal(text, "127.0.0.1:0");

    uv_close((uv_handle_t *)&tcp, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static size_t client_of(const char *ip, uint8_t bytes[ADDRESS_CLIENT_MAX])
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(7)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(7)};
    if (inet_pton(AF_INET, ip, &in.sin_addr) == 1)
        return address_client((const struct sockaddr *)&in, bytes);
    assert_int_equal(inet_pton(AF_INET6, ip, &in6.sin6_addr), 1);
    return address_client((const struct sockaddr *)&in6, bytes);
}

static void a_client_is_an_ipv4_address_or_a_network_of_ipv6(void **state)
{
    (void)state;
    const struct sockaddr unix_end = {.sa_family = AF_UNIX};
    uint8_t bytes[ADDRESS_CLIENT_MAX];
    assert_int_equal(client_of("192.0.2.1", bytes), ADDRESS_CLIENT_V4);
    assert_memory_equal(bytes, "\xc0\0\2\1", 4);
    assert_int_equal(client_of("::ffff:192.0.2.2", bytes), ADDRESS_CLIENT_V4);
    assert_memory_equal(bytes, "\xc0\0\2\2", 4);
    assert_int_equal(client_of("2001:db8:1:2:3:4:5:6", bytes), ADDRESS_CLIENT_MAX);
    assert_memory_equal(bytes, "\x20\1\xd\xb8\0\1\0\2", 8);
    assert_int_equal(address_client(&unix_end, bytes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_reads_host_and_port),
        cmocka_unit_test(ipv6_stands_in_brackets),
        cmocka_unit_test(mapped_addresses_read_as_ipv4),
        cmocka_unit_test(everything_else_reads_unix),
        cmocka_unit_test(a_client_is_an_ipv4_address_or_a_network_of_ipv6),
        cmocka_unit_test(the_local_address_of_a_bound_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
