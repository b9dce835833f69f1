/* test_proxy_header_write.c - the PROXY header, versions 1 and 2, byte for byte. */
#include "proxy/wire/proxy_header_write.h"
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

/* An address of either family; "" is a unix socket's nameless end. */
static struct sockaddr_storage end_of(const char *ip, uint16_t port)
{
    struct sockaddr_storage ss = {.ss_family = AF_UNIX};
    struct sockaddr_in *in = (struct sockaddr_in *)&ss;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
    if (inet_pton(AF_INET, ip, &in->sin_addr) == 1) {
        ss.ss_family = AF_INET;
        in->sin_port = htons(port);
    } else if (inet_pton(AF_INET6, ip, &in6->sin6_addr) == 1) {
        ss.ss_family = AF_INET6;
        in6->sin6_port = htons(port);
    }
    return ss;
}

struct row {
    const char *client, *local;
    uint16_t client_port, local_port;
    const struct tls_info *tls;
    const char *id;
};

static void make(const struct row *r, void (*write)(const struct proxy_header *, struct buf *),
                 struct buf *out)
{
    const struct sockaddr_storage client = end_of(r->client, r->client_port),
                                  local = end_of(r->local, r->local_port);
    const struct proxy_header h = {(const struct sockaddr *)&client,
                                   (const struct sockaddr *)&local, r->tls, r->id};
    buf_init(out, 16384);
    write(&h, out);
}

static void assert_v1(const struct row *r, const char *expected)
{
    struct buf b;
    make(r, proxy_header_v1, &b);
    assert_text(&b, expected);
    assert_in_range(b.size, 1, 107); /* 2.1: the longest line there may be */
    buf_free(&b);
}

static void assert_v2(const struct row *r, const char *expected, size_t size)
{
    struct buf b;
    make(r, proxy_header_v2, &b);
    assert_holds(&b, expected, size);
    assert_int_equal(b.data[14] << 8 | b.data[15], size - 16); /* 2.2: length of what follows */
    buf_free(&b);
}
#define LOOPBACK    "127.0.0.1", "127.0.0.1"
#define LOOPBACK_V2 "\x7f\x00\x00\x01\x7f\x00\x00\x01\x00\x01\x00\x02"
/* A literal with its NULs. */
#define V2(row, literal) assert_v2(row, literal, sizeof(literal) - 1)

static void v1_names_ipv4_ends(void **state)
{
    (void)state;
    assert_v1(&(struct row){"192.0.2.1", "198.51.100.2", 54321, 995, NULL, "id"},
              "PROXY TCP4 192.0.2.1 198.51.100.2 54321 995\r\n");
    assert_v1(&(struct row){"255.255.255.255", "255.255.255.255", 65535, 65535, NULL, "id"},
              "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n");
}

static void v1_names_ipv6_ends(void **state)
{
    (void)state;
    assert_v1(&(struct row){"2001:db8::1", "::1", 1, 993, NULL, "id"},
              "PROXY TCP6 2001:db8::1 ::1 1 993\r\n");
    assert_v1(&(struct row){"::ffff:192.0.2.1", "::ffff:127.0.0.1", 1, 993, NULL, "id"},
              "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:127.0.0.1 1 993\r\n");
    assert_v1(&(struct row){"2001:db80:1111:2222:3333:4444:5555:6666",
                            "2001:db80:1111:2222:3333:4444:5555:7777", 65535, 65535, NULL, "id"},
              "PROXY TCP6 2001:db80:1111:2222:3333:4444:5555:6666 "
              "2001:db80:1111:2222:3333:4444:5555:7777 65535 65535\r\n");
}

static void v1_says_unknown_without_two_addresses_of_one_family(void **state)
{
    (void)state;
    assert_v1(&(struct row){"", "", 0, 0, NULL, "id"}, "PROXY UNKNOWN\r\n");
    assert_v1(&(struct row){"192.0.2.1", "", 1, 0, NULL, "id"}, "PROXY UNKNOWN\r\n");
    assert_v1(&(struct row){"192.0.2.1", "::1", 1, 2, NULL, "id"}, "PROXY UNKNOWN\r\n");
}

static void v2_without_tls_bears_addresses_and_the_id(void **state)
{
    (void)state;
    V2((&(struct row){"192.0.2.1", "198.51.100.2", 0x1234, 995, NULL, "ab-1"}),
       SIGNATURE "\x21\x11\x00\x13"
                 "\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x34\x03\xe3"
                 "\x05\x00\x04"
                 "ab-1");
    V2((&(struct row){"2001:db8::1", "::1", 1, 993, NULL, "x"}),
       SIGNATURE "\x21\x21\x00\x28"
                 "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
                 "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
                 "\x00\x01\x03\xe1"
                 "\x05\x00\x01x");
    V2((&(struct row){"::ffff:192.0.2.1", "::ffff:127.0.0.1", 1, 993, NULL, "x"}),
       SIGNATURE "\x21\x21\x00\x28"
                 "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01"
                 "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x7f\x00\x00\x01"
                 "\x00\x01\x03\xe1"
                 "\x05\x00\x01x");
}

/* PROXY with a family of 0 is refused by Dovecot, Postfix, Exim and slapd; all of them take LOCAL.
 */
static void v2_without_two_addresses_of_one_family_is_local(void **state)
{
    (void)state;
    const struct tls_info tls = {.version = "TLSv1.3", .cipher = "C", .sni = "mail.example"};
    V2((&(struct row){"", "", 0, 0, NULL, "x"}), SIGNATURE "\x20\x00\x00\x00");
    V2((&(struct row){"", "", 0, 0, &tls, "x"}), SIGNATURE "\x20\x00\x00\x00");
    V2((&(struct row){"192.0.2.1", "::1", 1, 2, NULL, "x"}), SIGNATURE "\x20\x00\x00\x00");
    V2((&(struct row){"", "192.0.2.1", 1, 2, NULL, NULL}), SIGNATURE "\x20\x00\x00\x00");
}

static void v2_tells_what_tls_knows(void **state)
{
    (void)state;
    const struct tls_info tls = {.version = "TLSv1.3",
                                 .cipher = "TLS_AES_128_GCM_SHA256",
                                 .sni = "mail.example",
                                 .alpn = "imap"};
    V2((&(struct row){"127.0.0.1", "127.0.0.1", 1, 2, &tls, "x"}),
       SIGNATURE "\x21\x11\x00\x51"
                 "\x7f\x00\x00\x01\x7f\x00\x00\x01\x00\x01\x00\x02"
                 "\x05\x00\x01x"
                 "\x01\x00\x04imap"
                 "\x02\x00\x0cmail.example"
                 "\x20\x00\x28"
                 "\x01\x00\x00\x00\x01" /* on TLS; no certificate was verified */
                 "\x21\x00\x07TLSv1.3"
                 "\x23\x00\x16TLS_AES_128_GCM_SHA256");
}

static void v2_leaves_out_what_tls_does_not_know(void **state)
{
    (void)state;
    const struct tls_info tls = {.version = "TLSv1.2", .cipher = "C", .sni = "", .alpn = NULL};
    V2((&(struct row){LOOPBACK, 1, 2, &tls, ""}),
       SIGNATURE "\x21\x11\x00\x22" LOOPBACK_V2 "\x20\x00\x13"
                 "\x01\x00\x00\x00\x01"
                 "\x21\x00\x07TLSv1.2"
                 "\x23\x00\x01"
                 "C");
}

static void v2_says_that_a_certificate_was_verified(void **state)
{
    (void)state;
    const struct tls_info tls = {.version = "TLSv1.3", .cipher = "C", .client_subject = "CN=u"};
    V2((&(struct row){LOOPBACK, 1, 2, &tls, ""}),
       SIGNATURE "\x21\x11\x00\x22" LOOPBACK_V2 "\x20\x00\x13"
                 "\x07\x00\x00\x00\x00"
                 "\x21\x00\x07TLSv1.3"
                 "\x23\x00\x01"
                 "C");
}

static void v2_names_the_certificate_by_its_common_name(void **state)
{
    (void)state;
    const struct tls_info tls = {.version = "TLSv1.3",
                                 .cipher = "C",
                                 .client_subject = "C=DE, CN=J\\C3\\BCrg",
                                 .client_cn = "J\xc3\xbcrg"};
    V2((&(struct row){LOOPBACK, 1, 2, &tls, ""}),
       SIGNATURE "\x21\x11\x00\x2a" LOOPBACK_V2 "\x20\x00\x1b"
                 "\x07\x00\x00\x00\x00"
                 "\x21\x00\x07TLSv1.3"
                 "\x22\x00\x05J\xc3\xbcrg"
                 "\x23\x00\x01"
                 "C");
}

/* What a body of v2 holds, and how long it is. */
struct held {
    size_t size;
    bool cn, sni, id, alpn, cipher;
};

static bool holds(const struct buf *b, const char *word)
{
    return memmem(b->data, b->size, word, strlen(word)) != NULL;
}

static struct held body_of(const char *ip, size_t cn, size_t sni)
{
    struct buf b;
    char common[301], name[301];
    memset(common, 'c', cn);
    memset(name, 'n', sni);
    common[cn] = name[sni] = '\0';
    const struct tls_info tls = {.version = "TLSv1.3",
                                 .cipher = "TLS_AES_128_GCM_SHA256",
                                 .sni = name,
                                 .alpn = "imap",
                                 .client_subject = "CN=c",
                                 .client_cn = common};
    make(&(struct row){ip, ip, 1, 2, &tls, "0123456789ab"}, proxy_header_v2, &b);
    assert_false(b.failed);
    assert_int_equal(b.data[14] << 8 | b.data[15], b.size - 16);
    assert_true(holds(&b, "\x07\x00\x00\x00\x00\x21\x00\x07TLSv1.3"));
    const struct held held = {b.size - 16,
                              cn > 0 && holds(&b, common),
                              sni > 0 && holds(&b, name),
                              holds(&b, "0123456789ab"),
                              holds(&b, "imap"),
                              holds(&b, tls.cipher)};
    buf_free(&b);
    return held;
}

/* Exim reads 16 bytes and 216, and refuses a client with more. */
static void v2_leaves_out_the_least_useful_where_it_gets_too_long(void **state)
{
    (void)state;
    static const struct {
        const char *ip;
        size_t cn, sni;
        struct held held;
    } rows[] = {
        {"192.0.2.1", 64, 69, {216, true, true, true, true, true}},
        {"192.0.2.1", 64, 70, {192, true, true, true, true, false}},
        {"192.0.2.1", 64, 94, {216, true, true, true, true, false}},
        {"192.0.2.1", 64, 95, {210, true, true, true, false, false}},
        {"192.0.2.1", 64, 102, {209, true, true, false, true, false}},
        {"192.0.2.1", 64, 116, {216, true, true, false, false, false}},
        {"192.0.2.1", 64, 117, {144, true, false, true, true, true}},
        {"192.0.2.1", 183, 0, {216, true, false, false, false, false}},
        {"192.0.2.1", 184, 0, {77, false, false, true, true, true}},
        {"2001:db8::1", 64, 45, {216, true, true, true, true, true}},
        {"2001:db8::1", 64, 46, {192, true, true, true, true, false}},
        {"2001:db8::1", 300, 300, {101, false, false, true, true, true}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct held *wanted = &rows[i].held,
                          got = body_of(rows[i].ip, rows[i].cn, rows[i].sni);
        assert_int_equal(got.size, wanted->size);
        assert_int_equal(got.cn, wanted->cn);
        assert_int_equal(got.sni, wanted->sni);
        assert_int_equal(got.id, wanted->id);
        assert_int_equal(got.alpn, wanted->alpn);
        assert_int_equal(got.cipher, wanted->cipher);
    }
}

static void a_header_without_room_fails_as_a_whole(void **state)
{
    (void)state;
    const struct sockaddr none = {.sa_family = AF_UNIX};
    const struct sockaddr_storage end = end_of("192.0.2.1", 1);
    const struct proxy_header h = {&none, &none, NULL, "x"};
    const struct proxy_header told = {(const struct sockaddr *)&end, (const struct sockaddr *)&end,
                                      NULL, "x"};
    struct buf b;
    buf_init(&b, 20);
    proxy_header_v2(&told, &b);
    assert_true(b.failed);
    buf_free(&b);
    buf_init(&b, 10);
    proxy_header_v1(&h, &b);
    assert_true(b.failed);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v1_names_ipv4_ends),
        cmocka_unit_test(v1_names_ipv6_ends),
        cmocka_unit_test(v1_says_unknown_without_two_addresses_of_one_family),
        cmocka_unit_test(v2_without_tls_bears_addresses_and_the_id),
        cmocka_unit_test(v2_without_two_addresses_of_one_family_is_local),
        cmocka_unit_test(v2_tells_what_tls_knows),
        cmocka_unit_test(v2_leaves_out_what_tls_does_not_know),
        cmocka_unit_test(v2_says_that_a_certificate_was_verified),
        cmocka_unit_test(v2_names_the_certificate_by_its_common_name),
        cmocka_unit_test(v2_leaves_out_the_least_useful_where_it_gets_too_long),
        cmocka_unit_test(a_header_without_room_fails_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
