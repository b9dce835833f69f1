/* test_tls12_hello.c - ClientHellos that no library sends any more, and that are legal all the same
 * or have an answer of their own */
#include "tests/unit/tls/one_server.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Once more with the key in a process of its own. */
static int setup_elsewhere(void **state)
{
    pki_signer = tls_keyring_new();
    return pki_signer == NULL ? -1 : setup(state);
}

static int teardown_elsewhere(void **state)
{
    tls_keyring_free(pki_signer);
    pki_signer = NULL;
    return teardown(state);
}

/* ---- the hello ---- */

struct text {
    const char *data;
    size_t size;
};

#define TEXT(literal) ((struct text){literal, sizeof(literal) - 1})

#define GROUPS      "\0\x0a\0\6\0\4\0\x1d\0\x17"
#define SIGNATURES  "\0\x0d\0\6\0\4\4\3\4\1"
#define TLS13       "\0\x2b\0\3\2\3\4"
#define NO_SHARE    "\0\x33\0\2\0\0"
#define NOTHING     "\xff\1\0\1\0"
#define ANOTHER     "\xff\1\0\x0d\x0cverifydata12"
#define CIPHERS     "\xc0\x2b\x13\1"
#define WITH_SCSV   CIPHERS "\x56\0"
#define LATER_HELLO GROUPS SIGNATURES TLS13 NO_SHARE

static void put16(struct bytes *b, size_t n)
{
    const uint8_t bytes[] = {(uint8_t)(n >> 8), (uint8_t)n};
    bytes_add(b, bytes, sizeof bytes);
}

/* `extensions.data` NULL: there is no block for them. */
static struct bytes hello(unsigned version, struct text ciphers, struct text extensions)
{
    const size_t block = extensions.data != NULL ? 2 + extensions.size : 0;
    const size_t body = 2 + 32 + 1 + 2 + ciphers.size + 2 + block;
    struct bytes b = {0};
    bytes_add(&b, "\x16\3\1", 3);
    put16(&b, 4 + body);
    bytes_add(&b, "\1\0", 2);
    put16(&b, body);
    put16(&b, version);
    const uint8_t random_and_no_session[32 + 1] = {7};
    bytes_add(&b, random_and_no_session, sizeof random_and_no_session);
    put16(&b, ciphers.size);
    bytes_add(&b, ciphers.data, ciphers.size);
    bytes_add(&b, "\1\0", 2);
    if (extensions.data == NULL)
        return b;
    put16(&b, extensions.size);
    bytes_add(&b, extensions.data, extensions.size);
    return b;
}

static void deliver(struct join *j, struct tls_server *s, struct bytes b)
{
    join_start(j, engine, s, NULL, &(struct peer_options){0});
    join_deliver(j, b.data, b.size);
    bytes_free(&b);
}

static void assert_refused(struct bytes b, int alert, const char *reason)
{
    struct join j;
    deliver(&j, server, b);
    const struct tls_failure *f = tls_conn_failure(j.conn);
    assert_non_null(f);
    assert_string_equal(f->reason, reason);
    assert_int_equal(f->fault, TLS_FAULT_CLIENT);
    assert_int_equal(f->alert_sent, alert);
    assert_int_equal(last_plain_alert(&j.peer.in), alert);
    assert_int_equal(j.peer.in.size, 7);
    join_free(&j);
}

/* By a ServerHello or HelloRetryRequest. */
static void assert_answered(struct bytes b)
{
    struct join j;
    deliver(&j, server, b);
    if (tls_conn_failure(j.conn) != NULL)
        fail_msg("%s", tls_conn_failure(j.conn)->reason);
    assert_true(j.peer.in.size > 11);
    assert_int_equal(j.peer.in.data[0], 22);
    assert_memory_equal(j.peer.in.data + 5, "\2\0\0", 3);
    assert_memory_equal(j.peer.in.data + 9, "\3\3", 2);
    join_free(&j);
}

/* ---- the answers ---- */

static const char nothing[] =
    "no cipher suite, group or signature algorithm in common with the client";

static void without_signature_algorithms_nothing_is_in_common(void **state)
{
    (void)state;
    assert_answered(hello(0x0303, TEXT(CIPHERS), TEXT(GROUPS SIGNATURES)));
    assert_refused(hello(0x0303, TEXT(CIPHERS), TEXT(GROUPS)), 40, nothing);
}

static void without_extensions_nothing_is_in_common(void **state)
{
    (void)state;
    assert_refused(hello(0x0303, TEXT(CIPHERS), TEXT("")), 40, nothing);
    assert_refused(hello(0x0303, TEXT(CIPHERS), (struct text){NULL, 0}), 40, nothing);
}

static void a_later_version_means_tls12(void **state)
{
    (void)state;
    static const unsigned versions[] = {0x0304, 0x0305, 0x0400, 0xffff};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        assert_answered(hello(versions[i], TEXT(CIPHERS), TEXT(GROUPS SIGNATURES)));
        assert_answered(hello(versions[i], TEXT(CIPHERS), TEXT(LATER_HELLO)));
    }
    assert_refused(hello(0x0302, TEXT(CIPHERS), TEXT(GROUPS SIGNATURES)), 70,
                   "client offers no TLS version that is allowed here");
}

static void a_later_version_is_not_served_where_tls12_is_not(void **state)
{
    (void)state;
    struct tls_server_options so = join_options(&ecdsa, 1);
    so.min_version = TLS_MIN_1_3;
    struct tls_server *s = server_or_die(&so);
    struct join j;
    deliver(&j, s, hello(0x0304, TEXT(CIPHERS), TEXT(GROUPS SIGNATURES)));
    assert_int_equal(last_plain_alert(&j.peer.in), 70);
    join_free(&j);
    tls_server_free(s);
}

static void who_fell_back_is_told_so(void **state)
{
    (void)state;
    assert_answered(hello(0x0303, TEXT(WITH_SCSV), TEXT(LATER_HELLO)));
    assert_refused(
        hello(0x0303, TEXT(WITH_SCSV), TEXT(GROUPS SIGNATURES)), 86,
        "client fell back to an older version of TLS than is served here (TLS_FALLBACK_SCSV)");
}

static void a_first_handshake_goes_on_from_none(void **state)
{
    (void)state;
    assert_answered(hello(0x0303, TEXT(CIPHERS), TEXT(GROUPS SIGNATURES NOTHING)));
    assert_answered(hello(0x0303, TEXT(CIPHERS), TEXT(LATER_HELLO ANOTHER)));
    assert_refused(hello(0x0303, TEXT(CIPHERS), TEXT(GROUPS SIGNATURES ANOTHER)), 40,
                   "client takes its first handshake for a renegotiation");
}

static void a_name_longer_than_names_are_is_told_so(void **state)
{
    (void)state;
    struct bytes extensions = {0};
    const size_t size = 256;
    bytes_add(&extensions, "\0\0", 2);
    put16(&extensions, size + 5);
    put16(&extensions, size + 3);
    bytes_add(&extensions, "\0", 1);
    put16(&extensions, size);
    for (size_t i = 0; i < size; i++)
        bytes_add(&extensions, "a", 1);
    assert_refused(
        hello(0x0303, TEXT(CIPHERS), (struct text){(const char *)extensions.data, extensions.size}),
        47, "client asked for a server name of more than 255 bytes");
    bytes_free(&extensions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_signature_algorithms_nothing_is_in_common),
        cmocka_unit_test(without_extensions_nothing_is_in_common),
        cmocka_unit_test(a_later_version_means_tls12),
        cmocka_unit_test(a_later_version_is_not_served_where_tls12_is_not),
        cmocka_unit_test(who_fell_back_is_told_so),
        cmocka_unit_test(a_first_handshake_goes_on_from_none),
        cmocka_unit_test(a_name_longer_than_names_are_is_told_so),
    };
    int failed = cmocka_run_group_tests_name("keys here", tests, setup, teardown);
    return failed + cmocka_run_group_tests_name("keys elsewhere", tests, setup_elsewhere,
                                                teardown_elsewhere);
}
