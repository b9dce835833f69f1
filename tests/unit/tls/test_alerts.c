/* test_alerts.c - every failure ends with one alert, the right one, and a reason in words */
#include "tests/unit/tls/one_server.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void start(struct join *j, mbedtls_ssl_protocol_version version)
{
    join_start(j, engine, server, NULL,
               &(struct peer_options){.min = version, .max = version, .sni = "mail.example"});
}

static void opened(struct join *j, mbedtls_ssl_protocol_version version)
{
    start(j, version);
    join_pump(j);
    assert_int_equal(tls_conn_status(j->conn), TLS_OPEN);
    assert_true(j->peer.open);
}

static const struct tls_failure *failure(const struct join *j)
{
    const struct tls_failure *f = tls_conn_failure(j->conn);
    if (f == NULL)
        fail_msg("the connection did not fail");
    return f;
}

static size_t fatal_plain_alerts(const struct bytes *wire)
{
    size_t alerts = 0;
    for (size_t at = 0; at + 5 <= wire->size;) {
        size_t size = (size_t)(wire->data[at + 3] << 8 | wire->data[at + 4]);
        if (wire->data[at] == 21 && size == 2 && wire->data[at + 5] == 2)
            alerts++;
        at += 5 + size;
    }
    return alerts;
}

/* Failed with that alert in plaintext, once, and the reason says `words`. */
static void assert_failed_plain(struct join *j, int alert, const char *words)
{
    const struct tls_failure *f = failure(j);
    if (strstr(f->reason, words) == NULL || f->alert_sent != alert)
        fail_msg("\"%s\", alert %d; expected \"%s\", %d", f->reason, f->alert_sent, words, alert);
    assert_int_equal(f->fault, TLS_FAULT_CLIENT);
    assert_int_equal(f->alert_received, -1);
    assert_false(f->truncated);
    assert_int_equal(last_plain_alert(&j->peer.in), alert);
    assert_int_equal(fatal_plain_alerts(&j->peer.in), 1);
    struct tls_io io;
    assert_int_equal(tls_conn_receive(j->conn, (const uint8_t *)"x", 1, &io), TLS_FAILED);
    assert_int_equal(io.wire.size, 0);
    assert_int_equal(io.plain.size, 0);
}

/* Failed with that alert, which the client could read. */
static void assert_failed(struct join *j, int alert, const char *words)
{
    const struct tls_failure *f = failure(j);
    if (strstr(f->reason, words) == NULL || f->alert_sent != alert)
        fail_msg("\"%s\", alert %d; expected \"%s\", %d", f->reason, f->alert_sent, words, alert);
    peer_step(&j->peer);
    assert_int_equal(j->peer.alert, alert);
    assert_int_equal(j->peer.in.size, 0); /* nothing behind it */
}

/* Raw bytes to a fresh connection: all at once, and one at a time. */
static void assert_raw(const void *data, size_t size, int alert, const char *words)
{
    for (size_t cut = 0; cut < 2; cut++) {
        struct join j;
        start(&j, V13);
        j.cut = cut;
        join_deliver(&j, data, size);
        assert_failed_plain(&j, alert, words);
        join_free(&j);
    }
}

static void what_is_not_tls_is_refused_at_once(void **state)
{
    (void)state;
    assert_raw("E", 1, 10, "plaintext");
    assert_raw("EHLO client.example\r\n", 21, 10, "plaintext on a TLS port");
    assert_raw("GET / HTTP/1.1\r\n", 16, 10, "plaintext on a TLS port");
    assert_raw("\x80\x2e\x01\x00\x02", 5, 10, "SSL");
    assert_raw("\0\0\0\0", 4, 10, "not TLS");
    assert_raw("\x16\x02\x00\x00\x05", 5, 10, "not TLS");
}

/* As far as one packet has it; see test_not_tls.c. */
static void who_speaks_without_tls_is_named(void **state)
{
    (void)state;
    struct join j;
    start(&j, V13);
    join_deliver(&j, "EHLO client.example\r\n", 21);
    assert_failed_plain(&j, 10, "plaintext on a TLS port: SMTP");
    join_free(&j);
    start(&j, V13);
    join_deliver(&j,
                 "\x15\3\1\0\2\1\x29"
                 "EHLO",
                 11); /* behind a record: no stranger */
    assert_failed_plain(&j, 10, "a record that is not TLS");
    join_free(&j);
}

static void bad_records_are_refused(void **state)
{
    (void)state;
    assert_raw("\x16\3\1\x40\1", 5, 22, "too long");
    assert_raw("\x16\3\1\0\0", 5, 10, "empty record");
    assert_raw("\x17\3\3\0\1x", 6, 10, "out of turn");  /* data before a hello */
    assert_raw("\x14\3\3\0\1\1", 6, 10, "out of turn"); /* change_cipher_spec too */
    assert_raw("\x16\3\1\0\1\2", 6, 10, "ClientHello"); /* a ServerHello, by its first byte */
    assert_raw("\x16\3\1\0\4\x0b\0\0\0", 9, 10, "ClientHello");
    assert_raw("\x16\3\1\0\4\1\0\x40\0", 9, 47, "16 KiB"); /* by its header alone */
    assert_raw("\x16\3\1\0\5\1\0\0\1\3", 10, 50, "malformed");
}

static void a_record_between_parts_of_a_message_is_refused(void **state)
{
    (void)state;
    assert_raw("\x16\3\1\0\5\1\0\1\0\3\x14\3\3\0\1\1", 16, 10, "out of turn");
}

/* The client's first flight. */
static struct bytes hello_of(struct join *j)
{
    peer_step(&j->peer);
    struct bytes out = j->peer.out;
    j->peer.out = (struct bytes){0};
    return out;
}

static void a_hello_with_a_wrong_record_version_is_served(void **state)
{
    (void)state;
    struct join j;
    start(&j, V13);
    struct bytes hello = hello_of(&j);
    hello.data[2] = 9; /* RFC 8446 5.1: MUST be ignored */
    join_deliver(&j, hello.data, hello.size);
    join_pump(&j);
    assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
    bytes_free(&hello);
    join_free(&j);
}

/* The handshake message of a record, in records of `step` bytes. */
static void deliver_fragmented(struct join *j, const struct bytes *record, size_t step)
{
    for (size_t at = 5; at < record->size; at += step) {
        size_t n = record->size - at < step ? record->size - at : step;
        uint8_t header[] = {22, 3, 1, (uint8_t)(n >> 8), (uint8_t)n};
        join_deliver(j, header, sizeof header);
        join_deliver(j, record->data + at, n);
    }
}

static void a_hello_in_records_of_any_size_is_served(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (size_t step = 1; step < 300; step = step < 12 ? step + 1 : step * 2) {
            struct join j;
            start(&j, v == 0 ? V12 : V13);
            struct bytes hello = hello_of(&j);
            deliver_fragmented(&j, &hello, step);
            join_pump(&j);
            assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
            assert_true(j.peer.open);
            bytes_free(&hello);
            join_free(&j);
        }
}

static void a_hello_cut_into_two_records_anywhere_is_served(void **state)
{
    (void)state;
    size_t size = 2;
    for (size_t at = 1; at < size; at++) {
        struct join j;
        start(&j, V13);
        struct bytes hello = hello_of(&j);
        size = hello.size - 5;
        uint8_t first[] = {22, 3, 1, (uint8_t)(at >> 8), (uint8_t)at};
        uint8_t second[] = {22, 3, 1, (uint8_t)((size - at) >> 8), (uint8_t)(size - at)};
        join_deliver(&j, first, 5);
        join_deliver(&j, hello.data + 5, at);
        join_deliver(&j, second, 5);
        join_deliver(&j, hello.data + 5 + at, size - at);
        assert_null(tls_conn_failure(j.conn));
        assert_true(j.peer.in.size > 0);
        bytes_free(&hello);
        join_free(&j);
    }
}

/* TLS 1.2: key exchange, change_cipher_spec and Finished; the first in 1-byte records. */
static void a_key_exchange_in_pieces_is_served(void **state)
{
    (void)state;
    struct join j;
    start(&j, V12);
    struct bytes hello = hello_of(&j);
    join_deliver(&j, hello.data, hello.size);
    bytes_free(&hello);
    struct bytes flight = hello_of(&j);
    size_t first = 5 + (size_t)(flight.data[3] << 8 | flight.data[4]);
    struct bytes record = {flight.data, first, 0};
    deliver_fragmented(&j, &record, 1);
    join_deliver(&j, flight.data + first, flight.size - first);
    join_pump(&j);
    assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
    assert_true(j.peer.open);
    bytes_free(&flight);
    join_free(&j);
}

static void a_second_hello_in_pieces_is_served(void **state)
{
    (void)state;
    static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                      MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, 0};
    const char *only[] = {"secp384r1"};
    struct string_list list = {only, 1};
    struct tls_server_options so = join_options(&ecdsa, 1);
    so.groups = &list;
    struct join j;
    join_start(&j, engine, NULL, &so, &(struct peer_options){.min = V13, .groups = groups});
    struct bytes hello = hello_of(&j);
    join_deliver(&j, hello.data, hello.size);
    bytes_free(&hello);
    hello = hello_of(&j);
    size_t ccs = hello.data[0] == 20 ? 6 : 0; /* for middleboxes */
    join_deliver(&j, hello.data, ccs);
    struct bytes record = {hello.data + ccs, hello.size - ccs, 0};
    deliver_fragmented(&j, &record, 1);
    join_pump(&j);
    assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
    bytes_free(&hello);
    join_free(&j);
}

static void bytes_behind_a_hello_in_its_record_are_refused(void **state)
{
    (void)state;
    struct join j;
    start(&j, V13);
    struct bytes hello = hello_of(&j);
    bytes_add(&hello, "\1", 1); /* the beginning of another message */
    hello.data[4]++;
    join_deliver(&j, hello.data, hello.size);
    const struct tls_failure *f = failure(&j);
    assert_int_equal(f->alert_sent, 10);
    bytes_free(&hello);
    join_free(&j);
}

/* ---- nothing in common ---- */

static void assert_no_deal(const struct tls_server_options *so, const struct peer_options *po,
                           int alert, const char *words)
{
    struct join j;
    join_start(&j, engine, NULL, so, po);
    struct bytes hello = hello_of(&j);
    join_deliver(&j, hello.data, hello.size);
    bytes_free(&hello);
    assert_failed_plain(&j, alert, words);
    join_free(&j);
}

static void an_old_version_gets_protocol_version(void **state)
{
    (void)state;
    struct tls_server_options so = join_options(&ecdsa, 1);
    so.min_version = TLS_MIN_1_3;
    assert_no_deal(&so, &(struct peer_options){.max = V12}, 70, "no TLS version");
    /* TLS 1.1 in a ClientHello of our own making */
    uint8_t hello[5 + 4 + 34 + 1 + 4 + 2] = {22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2};
    hello[5 + 4 + 34 + 2] = 2;
    hello[5 + 4 + 34 + 3] = 0xc0;
    hello[5 + 4 + 34 + 4] = 0x13;
    hello[5 + 4 + 34 + 5] = 1;
    assert_raw(hello, sizeof hello, 70, "no TLS version");
}

static void no_common_suite_gets_handshake_failure(void **state)
{
    (void)state;
    static const int tls13_only[] = {0x1302, 0}, tls12_rsa[] = {0xc02f, 0};
    const char *aes128[] = {"TLS_AES_128_GCM_SHA256"};
    struct string_list list = {aes128, 1};
    struct tls_server_options so = join_options(&ecdsa, 1);
    so.ciphers = &list;
    assert_no_deal(&so, &(struct peer_options){.min = V13, .ciphers = tls13_only}, 40, "in common");
    so.ciphers = NULL; /* an RSA suite, and only an ECDSA certificate */
    assert_no_deal(&so, &(struct peer_options){.max = V12, .ciphers = tls12_rsa}, 40, "in common");
}

static void no_common_group_gets_handshake_failure(void **state)
{
    (void)state;
    static const uint16_t p521[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1, 0};
    struct tls_server_options so = join_options(&ecdsa, 1);
    assert_no_deal(&so, &(struct peer_options){.min = V13, .groups = p521}, 40, "in common");
    assert_no_deal(&so, &(struct peer_options){.max = V12, .groups = p521}, 40, "in common");
}

static void no_common_signature_gets_handshake_failure(void **state)
{
    (void)state;
    static const uint16_t rsa_only[] = {MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256, 0};
    struct tls_server_options so = join_options(&ecdsa, 1);
    struct join j;
    join_start(&j, engine, NULL, &so, &(struct peer_options){.min = V13, .sig_algs = rsa_only});
    join_pump(&j);
    assert_int_equal(failure(&j)->alert_sent, 40);
    assert_int_equal(failure(&j)->fault, TLS_FAULT_CLIENT);
    assert_int_equal(j.peer.alert, 40);
    join_free(&j);
}

static void foreign_alpn_gets_no_application_protocol(void **state)
{
    (void)state;
    const char *ours[] = {"imap"}, *theirs[] = {"http/1.1", "h2", NULL};
    struct string_list list = {ours, 1};
    struct tls_server_options so = join_options(&ecdsa, 1);
    so.alpn = &list;
    assert_no_deal(&so, &(struct peer_options){.min = V13, .alpn = theirs}, 120, "ALPN");
    assert_no_deal(&so, &(struct peer_options){.max = V12, .alpn = theirs}, 120, "ALPN");
}

/* ---- after the handshake ---- */

static void a_flipped_bit_gets_bad_record_mac(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (size_t at = 5; at < 30; at += 4) {
            struct join j;
            opened(&j, v == 0 ? V12 : V13);
            peer_write(&j.peer, "hello", 5);
            j.peer.out.data[at < j.peer.out.size ? at : j.peer.out.size - 1] ^= 1;
            join_deliver(&j, j.peer.out.data, j.peer.out.size);
            assert_int_equal(j.plain.size, 0);
            assert_failed(&j, 20, "does not decrypt");
            join_free(&j);
        }
}

static void a_flipped_bit_in_finished_gets_bad_record_mac(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        struct join j;
        start(&j, v == 0 ? V12 : V13);
        struct bytes out = hello_of(&j);
        join_deliver(&j, out.data, out.size);
        bytes_free(&out);
        out = hello_of(&j);
        out.data[out.size - 1] ^= 1;
        join_deliver(&j, out.data, out.size);
        bytes_free(&out);
        const struct tls_failure *f = failure(&j);
        assert_int_equal(f->alert_sent, 20);
        peer_step(&j.peer);
        assert_int_equal(j.peer.alert, 20);
        join_free(&j);
    }
}

static void plaintext_after_the_handshake_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t size;
    } records[] = {{"\x14\3\3\0\1\1", 6}, {"\x15\3\3\0\2\2\x28", 7}, {"\x16\3\3\0\4\x18\0\0\0", 9}};
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        struct join j;
        opened(&j, V13);
        join_deliver(&j, records[i].data, records[i].size);
        assert_failed(&j, 10, "out of turn");
        join_free(&j);
    }
}

static void a_record_too_long_gets_record_overflow(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        struct join j;
        opened(&j, v == 0 ? V12 : V13);
        join_deliver(&j, "\x17\3\3\x48\1", 5);
        assert_failed(&j, 22, "too long");
        join_free(&j);
    }
}

/* Of mbedTLS's library, not its interface. */
int mbedtls_ssl_write_record(mbedtls_ssl_context *ssl, int force_flush);

/* Have the client send a handshake message or an alert of our choice under its keys. */
static void client_sends(struct join *j, uint8_t type, const void *data, size_t size)
{
    mbedtls_ssl_context *ssl = &j->peer.ssl;
    ssl->MBEDTLS_PRIVATE(out_msgtype) = type;
    ssl->MBEDTLS_PRIVATE(out_msglen) = size;
    memcpy(ssl->MBEDTLS_PRIVATE(out_msg), data, size);
    PKI_CHECK(mbedtls_ssl_write_record(ssl, 1));
    join_deliver(j, j->peer.out.data, j->peer.out.size);
    j->peer.out.size = 0;
}

static void other_handshake_messages_are_refused(void **state)
{
    (void)state;
    struct join j;
    opened(&j, V13);
    client_sends(&j, 22, "\x04\0\0\1\0", 5);
    assert_failed(&j, 10, "out of turn");
    join_free(&j);
    opened(&j, V12);
    client_sends(&j, 22, "\x10\0\0\1\0", 5);
    assert_failed(&j, 10, "out of turn");
    join_free(&j);
}

static void renegotiation_is_declined_and_the_connection_lives(void **state)
{
    (void)state;
    struct join j;
    opened(&j, V12);
    client_sends(&j, 22, "\1\0\0\0", 4);
    assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
    peer_write(&j.peer, "x", 1);
    join_pump(&j);
    assert_int_equal(j.plain.size, 1);
    join_free(&j);
}

static void alerts_from_the_client_are_reported_and_not_answered(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        struct join j;
        opened(&j, v == 0 ? V12 : V13);
        size_t before = j.peer.in.size;
        client_sends(&j, 21, "\2\x2e", 2);
        const struct tls_failure *f = failure(&j);
        assert_string_equal(f->reason, "client sent alert certificate_unknown (46): it does not "
                                       "trust the certificate");
        assert_int_equal(f->alert_received, 46);
        assert_int_equal(f->alert_sent, -1);
        assert_int_equal(f->fault, TLS_FAULT_CLIENT);
        assert_int_equal(j.peer.in.size, before);
        join_free(&j);
    }
    struct join j;
    start(&j, V13);
    join_deliver(&j, "\x15\3\1\0\2\2\x28", 7); /* the very first record */
    assert_int_equal(failure(&j)->alert_received, 40);
    assert_int_equal(j.peer.in.size, 0);
    join_free(&j);
}

static void a_plaintext_alert_against_our_hello_is_reported(void **state)
{
    (void)state;
    struct join j;
    start(&j, V13);
    struct bytes hello = hello_of(&j);
    join_deliver(&j, hello.data, hello.size);
    bytes_free(&hello);
    size_t before = j.peer.in.size;
    join_deliver(&j, "\x15\3\3\0\2\2\x2f", 7);
    assert_int_equal(failure(&j)->alert_received, 47);
    assert_int_equal(failure(&j)->alert_sent, -1);
    assert_int_equal(j.peer.in.size, before);
    join_free(&j);
}

static void in_tls13_a_warning_is_as_fatal_as_its_name(void **state)
{
    (void)state;
    struct join j;
    opened(&j, V13);
    client_sends(&j, 21, "\1\x5a", 2); /* user_canceled: close_notify follows */
    assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
    client_sends(&j, 21, "\1\x50", 2);
    assert_int_equal(failure(&j)->alert_received, 80);
    join_free(&j);
}

static void close_notify_in_the_handshake_is_a_failure(void **state)
{
    (void)state;
    struct join j;
    start(&j, V13);
    join_deliver(&j, "\x15\3\1\0\2\1\0", 7);
    assert_int_equal(failure(&j)->alert_received, 0);
    assert_non_null(strstr(failure(&j)->reason, "close_notify"));
    join_free(&j);
}

static void endless_warnings_are_cut_off(void **state)
{
    (void)state;
    struct join j;
    opened(&j, V12);
    for (int i = 0; i < 32; i++)
        client_sends(&j, 21, "\1\x64", 2);
    assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
    peer_write(&j.peer, "x", 1); /* data counts as content */
    join_pump(&j);
    for (int i = 0; i < 32; i++)
        client_sends(&j, 21, "\1\x64", 2);
    assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
    client_sends(&j, 21, "\1\x64", 2);
    assert_failed(&j, 10, "too many records");
    join_free(&j);

    start(&j, V13);              /* in the handshake as well: "SSL death alert" */
    for (int i = 0; i < 34; i++) /* the first moves the state on */
        join_deliver(&j, "\x15\3\1\0\2\1\x29", 7);
    assert_failed_plain(&j, 10, "too many records");
    join_free(&j);
}

static void empty_records_are_cut_off(void **state)
{
    (void)state;
    struct join j;
    opened(&j, V13);
    for (int i = 0; i < 40 && tls_conn_status(j.conn) == TLS_OPEN; i++)
        client_sends(&j, 23, "", 0);
    const struct tls_failure *f = failure(&j);
    peer_step(&j.peer);
    assert_int_equal(j.peer.alert, f->alert_sent);
    assert_int_equal(j.peer.in.size, 0);
    join_free(&j);
}

static void endless_renegotiation_is_cut_off(void **state)
{
    (void)state;
    struct join j;
    opened(&j, V12);
    int i = 0;
    for (; i < 100 && tls_conn_status(j.conn) == TLS_OPEN; i++)
        client_sends(&j, 22, "\1\0\0\0", 4);
    assert_int_equal(i, 5);
    assert_int_equal(failure(&j)->alert_sent, 10);
    join_free(&j);
}

/* ---- our own end ---- */

static void giving_up_sends_an_alert(void **state)
{
    (void)state;
    struct join j;
    struct tls_io io;
    start(&j, V13);
    tls_conn_abort(j.conn, TLS_ABORT_HANDSHAKE_TIMEOUT, &io);
    bytes_add(&j.peer.in, io.wire.data, io.wire.size);
    assert_failed_plain(&j, 90, "too long");
    join_free(&j);
    opened(&j, V13);
    tls_conn_abort(j.conn, TLS_ABORT_INTERNAL, &io);
    bytes_add(&j.peer.in, io.wire.data, io.wire.size);
    assert_int_equal(failure(&j)->fault, TLS_FAULT_LOCAL);
    assert_failed(&j, 80, "internal error");
    tls_conn_abort(j.conn, TLS_ABORT_HANDSHAKE_TIMEOUT, &io); /* the first reason stays */
    assert_int_equal(io.wire.size, 0);
    assert_int_equal(failure(&j)->alert_sent, 80);
    join_free(&j);
}

static void the_clients_going_away_is_told_by_stage(void **state)
{
    (void)state;
    struct join j;
    start(&j, V13);
    assert_int_equal(tls_conn_transport_eof(j.conn), TLS_FAILED);
    assert_non_null(strstr(failure(&j)->reason, "without sending a byte"));
    join_free(&j);
    start(&j, V13);
    join_deliver(&j, "\x16", 1);
    assert_int_equal(tls_conn_transport_eof(j.conn), TLS_FAILED);
    assert_non_null(strstr(failure(&j)->reason, "during the handshake"));
    assert_true(failure(&j)->truncated);
    join_free(&j);
}

/* Every byte of a good ClientHello changed in turn: no crash, no endless wait, one alert at most.
 */
static void no_damage_to_a_hello_upsets_the_engine(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        size_t size = 1;
        for (size_t at = 0; at < size; at++) {
            struct join j;
            start(&j, v == 0 ? V12 : V13);
            struct bytes hello = hello_of(&j);
            size = hello.size;
            hello.data[at] ^= 0xff;
            join_deliver(&j, hello.data, hello.size);
            const struct tls_failure *f = tls_conn_failure(j.conn);
            bool answered = j.peer.in.size > 0 && j.peer.in.data[0] == 22; /* then it is hidden */
            if (f != NULL && !answered) {
                assert_int_equal(fatal_plain_alerts(&j.peer.in), 1);
                assert_int_equal(last_plain_alert(&j.peer.in), f->alert_sent);
            }
            if (f != NULL) {
                assert_true(f->alert_sent > 0);
                assert_int_equal(f->fault, TLS_FAULT_CLIENT);
            }
            bytes_free(&hello);
            join_free(&j);
        }
    }
}

/* ---- impossible key shares ---- */

static const uint16_t x25519[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519, 0};
static const uint16_t p256[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, 0};
static const uint16_t hybrid[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519MLKEM768, 0};
enum { HYBRID_SHARE = 1216 };
#ifdef TLSFRONT_ACCEL
static const bool has_hybrid = true;
#else
static const bool has_hybrid = false;
#endif
/* TLS 1.2: the certificate's curve has to be among them. */
static const uint16_t both[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, 0};

static void start_with(struct join *j, mbedtls_ssl_protocol_version version, const uint16_t *groups)
{
    join_start(j, engine, server, NULL,
               &(struct peer_options){
                   .min = version, .max = version, .sni = "mail.example", .groups = groups});
}

/* Where the only key share of the hello begins. */
static uint8_t *share_of(const struct bytes *hello, const uint16_t *groups, size_t size)
{
    const uint8_t head[] = {(uint8_t)(groups[0] >> 8), (uint8_t)groups[0], (uint8_t)(size >> 8),
                            (uint8_t)size};
    uint8_t *p = memmem(hello->data, hello->size, head, sizeof head);
    assert_non_null(p);
    return p + sizeof head;
}

/* As it stands on the wire: no ServerHello before it, under keys that the client cannot have. */
static void assert_share_refused(struct join *j)
{
    assert_failed_plain(j, 47, "illegal values");
    assert_int_equal(j->peer.in.size, 7);
}

static void a_share_that_is_no_point_gets_illegal_parameter(void **state)
{
    static const struct {
        const uint16_t *groups;
        size_t size;
        uint8_t first, byte; /* what its first byte becomes, and all others */
    } rows[] = {
        {x25519, 32, 0, 0},  /* all zero */
        {x25519, 32, 1, 0},  /* of low order */
        {p256, 65, 4, 0},    /* not on the curve */
        {p256, 65, 4, 0xff}, /* beyond the field */
        {p256, 65, 5, 0x11}, /* no form that there is */
        {p256, 65, 0, 0},    /* infinity */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct join j;
        start_with(&j, V13, rows[i].groups);
        struct bytes hello = hello_of(&j);
        uint8_t *share = share_of(&hello, rows[i].groups, rows[i].size);
        memset(share, rows[i].byte, rows[i].size);
        share[0] = rows[i].first;
        join_deliver(&j, hello.data, hello.size);
        assert_share_refused(&j);
        bytes_free(&hello);
        join_free(&j);
    }
}

static void a_hybrid_share_with_a_bad_half_gets_illegal_parameter(void **state)
{
    enum { KEY = 1184, COEFFICIENTS = 1152, X25519_SIZE = 32 };
    static const struct {
        size_t at, size;
        uint8_t first, byte;
    } rows[] = {
        {0, 3, 0xff, 0xff},                /* coefficients of 12 bits beyond the modulus: */
        {COEFFICIENTS - 3, 3, 0xff, 0xff}, /* the first two, and the last two */
        {0, 3, 0x01, 0x0d},                /* 3329, one more than there is */
        {0, KEY, 0xff, 0xff},
        {KEY, X25519_SIZE, 0, 0}, /* all zero */
        {KEY, X25519_SIZE, 1, 0}, /* of low order */
        {0, KEY + X25519_SIZE, 0, 0},
    };
    (void)state;
    if (!has_hybrid)
        skip();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct join j;
        start_with(&j, V13, hybrid);
        struct bytes hello = hello_of(&j);
        uint8_t *share = share_of(&hello, hybrid, HYBRID_SHARE);
        memset(share + rows[i].at, rows[i].byte, rows[i].size);
        share[rows[i].at] = rows[i].first;
        join_deliver(&j, hello.data, hello.size);
        assert_share_refused(&j);
        bytes_free(&hello);
        join_free(&j);
    }
}

static void less(uint8_t *number)
{
    const unsigned n = (unsigned)(number[0] << 8 | number[1]) - 1;
    number[0] = (uint8_t)(n >> 8);
    number[1] = (uint8_t)n;
}

/* One byte less, in the share, the list, the extension, the extensions, the message, the record. */
static void shorten(struct bytes *hello, uint8_t *share, size_t size)
{
    const size_t session_at = 5 + 4 + 2 + 32, suites_at = session_at + 1 + hello->data[session_at];
    const size_t suites = (size_t)(hello->data[suites_at] << 8 | hello->data[suites_at + 1]);
    less(share - 2);
    less(share - 6);
    less(share - 8);
    less(hello->data + suites_at + 2 + suites + 2);
    less(hello->data + 7);
    less(hello->data + 3);
    memmove(share + size - 1, share + size, hello->size - (size_t)(share + size - hello->data));
    hello->size--;
}

static void a_share_of_the_wrong_length_gets_illegal_parameter(void **state)
{
    static const struct {
        const uint16_t *groups;
        size_t size;
    } rows[] = {{x25519, 32}, {p256, 65}, {hybrid, HYBRID_SHARE}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows - !has_hybrid; i++) {
        struct join j;
        start_with(&j, V13, rows[i].groups);
        struct bytes hello = hello_of(&j);
        shorten(&hello, share_of(&hello, rows[i].groups, rows[i].size), rows[i].size);
        join_deliver(&j, hello.data, hello.size);
        assert_share_refused(&j);
        bytes_free(&hello);
        join_free(&j);
    }
}

static void in_tls12_a_share_that_is_no_point_gets_illegal_parameter(void **state)
{
    static const struct {
        const uint16_t *groups;
        size_t size;
        uint8_t first, byte;
    } rows[] = {{both, 32, 0, 0}, {p256, 65, 4, 0}, {p256, 65, 4, 0xff}, {p256, 65, 5, 0x11}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct join j;
        start_with(&j, V12, rows[i].groups);
        struct bytes hello = hello_of(&j);
        join_deliver(&j, hello.data, hello.size);
        struct bytes flight = hello_of(&j);
        assert_int_equal(flight.data[5], 16); /* ClientKeyExchange */
        assert_int_equal(flight.data[9], rows[i].size);
        memset(flight.data + 10, rows[i].byte, rows[i].size);
        flight.data[10] = rows[i].first;
        join_deliver(&j, flight.data, flight.size);
        assert_failed_plain(&j, 47, "illegal values");
        bytes_free(&flight);
        bytes_free(&hello);
        join_free(&j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_tls_is_refused_at_once),
        cmocka_unit_test(who_speaks_without_tls_is_named),
        cmocka_unit_test(bad_records_are_refused),
        cmocka_unit_test(a_record_between_parts_of_a_message_is_refused),
        cmocka_unit_test(a_hello_with_a_wrong_record_version_is_served),
        cmocka_unit_test(a_hello_in_records_of_any_size_is_served),
        cmocka_unit_test(a_hello_cut_into_two_records_anywhere_is_served),
        cmocka_unit_test(a_key_exchange_in_pieces_is_served),
        cmocka_unit_test(a_second_hello_in_pieces_is_served),
        cmocka_unit_test(bytes_behind_a_hello_in_its_record_are_refused),
        cmocka_unit_test(an_old_version_gets_protocol_version),
        cmocka_unit_test(no_common_suite_gets_handshake_failure),
        cmocka_unit_test(no_common_group_gets_handshake_failure),
        cmocka_unit_test(no_common_signature_gets_handshake_failure),
        cmocka_unit_test(foreign_alpn_gets_no_application_protocol),
        cmocka_unit_test(a_flipped_bit_gets_bad_record_mac),
        cmocka_unit_test(a_flipped_bit_in_finished_gets_bad_record_mac),
        cmocka_unit_test(plaintext_after_the_handshake_is_refused),
        cmocka_unit_test(a_record_too_long_gets_record_overflow),
        cmocka_unit_test(other_handshake_messages_are_refused),
        cmocka_unit_test(renegotiation_is_declined_and_the_connection_lives),
        cmocka_unit_test(alerts_from_the_client_are_reported_and_not_answered),
        cmocka_unit_test(a_plaintext_alert_against_our_hello_is_reported),
        cmocka_unit_test(in_tls13_a_warning_is_as_fatal_as_its_name),
        cmocka_unit_test(close_notify_in_the_handshake_is_a_failure),
        cmocka_unit_test(endless_warnings_are_cut_off),
        cmocka_unit_test(empty_records_are_cut_off),
        cmocka_unit_test(endless_renegotiation_is_cut_off),
        cmocka_unit_test(giving_up_sends_an_alert),
        cmocka_unit_test(the_clients_going_away_is_told_by_stage),
        cmocka_unit_test(no_damage_to_a_hello_upsets_the_engine),
        cmocka_unit_test(a_share_that_is_no_point_gets_illegal_parameter),
        cmocka_unit_test(a_hybrid_share_with_a_bad_half_gets_illegal_parameter),
        cmocka_unit_test(a_share_of_the_wrong_length_gets_illegal_parameter),
        cmocka_unit_test(in_tls12_a_share_that_is_no_point_gets_illegal_parameter),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
