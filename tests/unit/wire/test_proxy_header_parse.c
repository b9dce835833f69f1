/* test_proxy_header_parse.c - PROXY headers from a balancer: what they say, cut anywhere, and what
 * is no header. */
#include "tests/support/unit.h"

#include "proxy/base/address.h"
#include "proxy/wire/proxy_header_parse.h"

struct good {
    const char *name, *bytes;
    size_t size, header;
    const char *client, *local; /* NULL: not told */
    bool own;
};

#define BYTES(literal) (literal), sizeof(literal) - 1
#define SIGNATURE      "\r\n\r\n\0\r\nQUIT\n"

static const struct good good[] = {
    {"v1 IPv4", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 995\r\nHELLO"), 45,
     "192.0.2.1:56324", "198.51.100.2:995", false},
    {"v1 IPv6", BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"), 44, "[2001:db8::1]:1",
     "[2001:db8::2]:65535", false},
    {"v1 port 0", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 0 0\r\n"), 39, "192.0.2.1:0",
     "198.51.100.2:0", false},
    {"v1 unknown", BYTES("PROXY UNKNOWN\r\n"), 15, NULL, NULL, true},
    {"v1 unknown with anything", BYTES("PROXY UNKNOWN ffff::1 x y z\r\nrest"), 29, NULL, NULL,
     true},
    {"v2 IPv4", BYTES(SIGNATURE "\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x03\xe3"), 28,
     "192.0.2.1:56324", "198.51.100.2:995", false},
    {"v2 IPv4 with a TLV and data",
     BYTES(SIGNATURE
           "\x21\x11\0\x11\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x03\xe3\x01\0\x02h2EHLO"),
     33, "192.0.2.1:56324", "198.51.100.2:995", false},
    {"v2 IPv6",
     BYTES(SIGNATURE "\x21\x21\0\x24 \x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                     " \x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\0\x01\xff\xff"),
     52, "[2001:db8::1]:1", "[2001:db8::2]:65535", false},
    {"v2 local", BYTES(SIGNATURE "\x20\0\0\0"), 16, NULL, NULL, true},
    {"v2 local with addresses", BYTES(SIGNATURE "\x20\x11\0\x0c............"), 28, NULL, NULL,
     true},
    {"v2 unspecified",
     BYTES(SIGNATURE "\x21\0\0\x03"
                     "abc"),
     19, NULL, NULL, false},
    {"v2 unix",
     BYTES(SIGNATURE "\x21\x31\0\x04"
                     "abcd"),
     20, NULL, NULL, false},
};

static void assert_address(const struct sockaddr_storage *got, const char *expected)
{
    char text[ADDRESS_TEXT_MAX];
    address_text((const struct sockaddr *)got, text);
    assert_string_equal(text, expected);
}

static void headers_are_understood_and_the_clients_bytes_left_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct proxy_header_received a;
        print_message("%s\n", good[i].name);
        assert_int_equal(proxy_header_parse((const uint8_t *)good[i].bytes, good[i].size, &a),
                         PROXY_HEADER_OK);
        assert_int_equal(a.size, good[i].header);
        assert_int_equal(a.known, good[i].client != NULL);
        assert_int_equal(a.own, good[i].own);
        if (good[i].client != NULL) {
            assert_address(&a.client, good[i].client);
            assert_address(&a.local, good[i].local);
        }
    }
}

static void every_beginning_of_a_header_asks_for_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        for (size_t cut = 0; cut < good[i].header; cut++) {
            struct proxy_header_received a;
            uint8_t *copy =
                malloc(cut > 0 ? cut : 1); /* so that a sanitizer sees a read behind it */
            memcpy(copy, good[i].bytes, cut);
            assert_int_equal(proxy_header_parse(copy, cut, &a), PROXY_HEADER_MORE);
            free(copy);
        }
}

static const struct {
    const char *bytes;
    size_t size;
} bad[] = {
    {BYTES("EHLO client.example\r\n")},
    {BYTES("\x16\x03\x01\x02\0\x01")},
    {BYTES("proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n")},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n")},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n")},
    {BYTES("PROXY TCP4 192.0.2.1  198.51.100.2 1 2\r\n")},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n")},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n")},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 1 65536\r\n")},
    {BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 -1 2\r\n")},
    {BYTES("PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n")},
    {BYTES("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n")},
    {BYTES("PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n")},
    {BYTES("PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n")},
    {BYTES("PROXY TCP4 192.0.2.1\0 198.51.100.2 1 2\r\n")},
    {BYTES("PROXY \r\n")},
    {BYTES("PROXY\r\n")},
    {BYTES(
        "PROXY UNKNOWN 00000000000000000000000000000000000000000000000000000000000000000000000000"
        "0000000000000000000000000000000000000000")},
    {BYTES(SIGNATURE "\x11\x11\0\x0c............")}, /* version 1 in version 2's clothes */
    {BYTES(SIGNATURE "\x22\x11\0\x0c............")}, /* an unknown command */
    {BYTES(SIGNATURE "\x21\x11\0\x0b...........")},  /* too short for IPv4 */
    {BYTES(SIGNATURE "\x21\x21\0\x23...................................")},
    {BYTES(SIGNATURE "\x21\x11\xff\xff")}, /* longer than any balancer's */
    {BYTES("\r\n\r\n\0\r\nQUIX\n\x21\x11\0\x0c............")},
};

static void what_is_no_header_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct proxy_header_received a;
        print_message("%.20s\n", bad[i].bytes);
        assert_int_equal(proxy_header_parse((const uint8_t *)bad[i].bytes, bad[i].size, &a),
                         PROXY_HEADER_BAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_understood_and_the_clients_bytes_left_alone),
        cmocka_unit_test(every_beginning_of_a_header_asks_for_more),
        cmocka_unit_test(what_is_no_header_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
