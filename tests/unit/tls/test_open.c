/* test_open.c - behind the handshake: data, new keys, and what no client may send there */
#include "tests/unit/tls/one_server.c"
#include "tests/unit/tls/records.c"

#include "tls/engine.h"
#include "tls/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ALERT = 21, HANDSHAKE = 22, DATA = 23 };

static const int suites13[] = {MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
                               MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256};

static void opened(struct join *j, struct records *r, mbedtls_ssl_protocol_version version,
                   int suite)
{
    const int suites[] = {suite, 0};
    join_start(j, engine, server, NULL,
               &(struct peer_options){.min = version,
                                      .max = version,
                                      .sni = "mail.example",
                                      .ciphers = suite != 0 ? suites : NULL});
    join_pump(j);
    assert_int_equal(tls_conn_status(j->conn), TLS_OPEN);
    records_begin(r, j);
}

static void ended(struct join *j, struct records *r)
{
    records_end(r);
    join_free(j);
}

static void assert_failed(struct join *j, struct records *r, int alert, const char *words)
{
    const struct tls_failure *f = tls_conn_failure(j->conn);
    if (f == NULL)
        fail_msg("did not fail; expected \"%s\"", words);
    if (strstr(f->reason, words) == NULL || f->alert_sent != alert)
        fail_msg("\"%s\", alert %d; expected \"%s\", %d", f->reason, f->alert_sent, words, alert);
    assert_int_equal(f->fault, TLS_FAULT_CLIENT);
    assert_int_equal(records_next(r, j), ALERT);
    assert_int_equal(r->plain.data[0], 2);
    assert_int_equal(r->plain.data[1], alert);
    assert_int_equal(records_next(r, j), -1);
}

static void assert_key_update_came(struct join *j, struct records *r, uint8_t request)
{
    const uint8_t message[] = {24, 0, 0, 1, request};
    assert_int_equal(records_next(r, j), HANDSHAKE);
    assert_int_equal(r->plain.size, sizeof message);
    assert_memory_equal(r->plain.data, message, sizeof message);
    assert_true(protection_update(&r->in));
}

static void client_updates(struct join *j, struct records *r, uint8_t request)
{
    const uint8_t message[] = {24, 0, 0, 1, request};
    records_send(r, j, HANDSHAKE, message, sizeof message);
    assert_true(protection_update(&r->out));
}

static void assert_carries_both_ways(struct join *j, struct records *r)
{
    j->plain.size = 0;
    records_send(r, j, DATA, "up", 2);
    assert_int_equal(j->plain.size, 2);
    assert_memory_equal(j->plain.data, "up", 2);
    join_send(j, "down", 4);
    assert_int_equal(records_next(r, j), DATA);
    assert_int_equal(r->plain.size, 4);
    assert_memory_equal(r->plain.data, "down", 4);
}

/* ---- new keys ---- */

static void a_client_may_change_its_keys_any_number_of_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof suites13 / sizeof *suites13; i++) {
        struct join j;
        struct records r;
        opened(&j, &r, V13, suites13[i]);
        for (int k = 0; k < 100; k++) {
            client_updates(&j, &r, 0);
            assert_carries_both_ways(&j, &r);
        }
        assert_int_equal(records_next(&r, &j), -1); /* nobody asked us to do the same */
        ended(&j, &r);
    }
}

static void asked_for_new_keys_we_change_before_the_next_data(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof suites13 / sizeof *suites13; i++) {
        struct join j;
        struct records r;
        opened(&j, &r, V13, suites13[i]);
        client_updates(&j, &r, 1);
        client_updates(&j, &r, 1);
        assert_int_equal(records_next(&r, &j), -1); /* one answer does for both */
        join_send(&j, "x", 1);
        assert_key_update_came(&j, &r, 0);
        assert_int_equal(records_next(&r, &j), DATA);
        assert_carries_both_ways(&j, &r);
        assert_int_equal(records_next(&r, &j), -1);
        ended(&j, &r);
    }
}

static void a_key_update_in_pieces_is_taken(void **state)
{
    (void)state;
    static const uint8_t message[] = {24, 0, 0, 1, 0};
    for (size_t cut = 1; cut < sizeof message; cut++) {
        struct join j;
        struct records r;
        opened(&j, &r, V13, 0);
        records_send(&r, &j, HANDSHAKE, message, cut);
        assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
        records_send(&r, &j, HANDSHAKE, message + cut, sizeof message - cut);
        assert_true(protection_update(&r.out));
        assert_carries_both_ways(&j, &r);
        ended(&j, &r);
    }
}

static void a_record_within_a_key_update_is_refused(void **state)
{
    (void)state;
    static const uint8_t types[] = {DATA, ALERT};
    for (size_t i = 0; i < sizeof types; i++) {
        struct join j;
        struct records r;
        opened(&j, &r, V13, 0);
        records_send(&r, &j, HANDSHAKE, "\x18\0", 2);
        records_send(&r, &j, types[i], "\1\0", 2);
        assert_failed(&j, &r, 10, "out of turn");
        assert_int_equal(j.plain.size, 0);
        ended(&j, &r);
    }
}

static void bytes_behind_a_key_update_in_its_record_are_refused(void **state)
{
    (void)state;
    struct join j;
    struct records r;
    opened(&j, &r, V13, 0);
    records_send(&r, &j, HANDSHAKE, "\x18\0\0\1\0\x18\0\0\1\0", 10);
    assert_failed(&j, &r, 10, "out of turn");
    ended(&j, &r);
}

static void a_key_update_that_asks_for_neither_is_refused(void **state)
{
    (void)state;
    struct join j;
    struct records r;
    opened(&j, &r, V13, 0);
    records_send(&r, &j, HANDSHAKE, "\x18\0\0\1\2", 5);
    assert_failed(&j, &r, 47, "illegal values");
    ended(&j, &r);
}

static void endless_key_updates_without_data_are_cut_off(void **state)
{
    (void)state;
    struct join j;
    struct records r;
    opened(&j, &r, V13, 0);
    int i = 0;
    for (; i < 100 && tls_conn_status(j.conn) == TLS_OPEN; i++)
        client_updates(&j, &r, 1);
    assert_int_equal(i, 33);
    assert_failed(&j, &r, 10, "too many records");
    ended(&j, &r);
}

static void old_keys_are_refused_after_an_update(void **state)
{
    (void)state;
    struct join j;
    struct records r;
    opened(&j, &r, V13, 0);
    records_send(&r, &j, HANDSHAKE, "\x18\0\0\1\0", 5);
    records_send(&r, &j, DATA, "x", 1); /* not updated */
    assert_failed(&j, &r, 20, "does not decrypt");
    assert_int_equal(j.plain.size, 0);
    ended(&j, &r);
}

static void before_a_key_wears_out_we_change_ours_and_ask_for_theirs(void **state)
{
    (void)state;
    struct join j;
    struct records r;
    opened(&j, &r, V13, 0);
    const uint64_t usual = engine->rekey_after;
    engine->rekey_after = 8;
    for (int i = 0; i < 6; i++) /* records_begin() made two */
        join_send(&j, "x", 1);
    for (int i = 0; i < 6; i++)
        assert_int_equal(records_next(&r, &j), DATA);
    join_send(&j, "x", 1);
    assert_key_update_came(&j, &r, 0);
    assert_int_equal(records_next(&r, &j), DATA);

    for (int i = 0; i < 12; i++)
        records_send(&r, &j, DATA, "y", 1);
    assert_key_update_came(&j, &r, 1); /* once, however long the client takes */
    assert_int_equal(records_next(&r, &j), -1);
    client_updates(&j, &r, 0);
    for (int i = 0; i < 7; i++)
        records_send(&r, &j, DATA, "y", 1);
    assert_int_equal(records_next(&r, &j), -1);
    records_send(&r, &j, DATA, "y", 1);
    assert_key_update_came(&j, &r, 1);
    assert_int_equal(j.plain.size, 12 + 8);
    engine->rekey_after = usual;
    assert_carries_both_ways(&j, &r);
    ended(&j, &r);
}

/* Memory that runs out in the middle of it. */
static unsigned allocations, fail_at;

static bool gate(size_t count, size_t size)
{
    (void)count;
    (void)size;
    return ++allocations != fail_at;
}

static bool update_without_memory(struct protection *p, unsigned at)
{
    allocations = 0;
    fail_at = at;
    memory_gate = gate;
    const bool updated = protection_update(p);
    memory_gate = NULL;
    return updated;
}

static void without_memory_for_new_keys_nothing_is_sealed_or_opened_any_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof suites13 / sizeof *suites13; i++) {
        bool updated = false;
        for (unsigned at = 1; !updated; at++) {
            struct join j;
            struct records r;
            opened(&j, &r, V13, suites13[i]);
            uint8_t data[] = "data ";
            struct engine_buffer *wire = &r.wire;
            updated = update_without_memory(&r.out, at);
            const size_t before = wire->size;
            assert_int_equal(protection_seal(&r.out, DATA, data, 4, wire), updated);
            if (!updated)
                assert_int_equal(wire->size, before);
            ended(&j, &r);
        }
    }
}

/* Whatever fails: if it is not whole, it is spent. */
static void a_key_that_could_not_be_set_is_spent(void **state)
{
    struct protection p = {.tls13 = true, .secret_size = 32, .sequence = 7};
    struct engine_buffer wire = {0};
    uint8_t data[] = "data ";
    (void)state;
    mbedtls_cipher_init(&p.cipher); /* no cipher to set a key for */
    assert_false(protection_update(&p));
    assert_int_equal(p.sequence, PROTECTION_SPENT);
    assert_false(protection_seal(&p, DATA, data, 4, &wire));
    assert_null(wire.data);
}

static void tls12_never_changes_keys(void **state)
{
    (void)state;
    struct join j;
    struct records r;
    opened(&j, &r, V12, 0);
    const uint64_t usual = engine->rekey_after;
    engine->rekey_after = 2;
    for (int i = 0; i < 10; i++)
        assert_carries_both_ways(&j, &r);
    engine->rekey_after = usual;
    ended(&j, &r);
}

/* ---- records ---- */

static void padding_is_taken_off(void **state)
{
    (void)state;
    struct join j;
    struct records r;
    opened(&j, &r, V13, 0);
    static uint8_t inner[16384] = {'h', 'i', DATA};
    records_send(&r, &j, 0, "hi\x17", 3); /* "hi", DATA, and the type 0 as one byte of padding */
    assert_int_equal(j.plain.size, 2);
    records_send(&r, &j, 0, inner, sizeof inner);
    assert_int_equal(j.plain.size, 4);
    assert_memory_equal(j.plain.data, "hihi", 4);
    ended(&j, &r);
}

static void nothing_but_padding_is_refused(void **state)
{
    (void)state;
    struct join j;
    struct records r;
    opened(&j, &r, V13, 0);
    records_send(&r, &j, 0, "\0\0\0", 3);
    assert_failed(&j, &r, 10, "padding");
    ended(&j, &r);
}

static void content_of_more_than_16_kib_gets_record_overflow(void **state)
{
    (void)state;
    static uint8_t content[16385];
    for (int v = 0; v < 2; v++) {
        struct join j;
        struct records r;
        opened(&j, &r, v == 0 ? V12 : V13, 0);
        records_send(&r, &j, DATA, content, 16384);
        assert_int_equal(j.plain.size, 16384);
        records_send(&r, &j, DATA, content, 16385);
        assert_failed(&j, &r, 22, "too long");
        assert_int_equal(j.plain.size, 16384);
        ended(&j, &r);
    }
}

static void damage_anywhere_in_a_record_is_noticed(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++)
        for (size_t at = 0;; at++) {
            struct join j;
            struct records r;
            uint8_t data[] = "data!";
            opened(&j, &r, v == 0 ? V12 : V13, 0);
            protection_seal(&r.out, DATA, data, 4, &r.wire);
            const bool over = at == r.wire.size;
            if (!over) {
                r.wire.data[at] ^= 4;
                join_deliver(&j, r.wire.data, r.wire.size);
                if (at == 3 || at == 4) /* the length: more may come, or less was given */
                    join_deliver(&j, r.wire.data, r.wire.size);
                assert_int_equal(j.plain.size, 0);
                if (at != 3)
                    assert_int_equal(tls_conn_status(j.conn), TLS_FAILED);
            }
            ended(&j, &r);
            if (over)
                break;
        }
}

static void types_that_do_not_exist_are_refused(void **state)
{
    (void)state;
    static const uint8_t types[] = {1, 20, 24, 255};
    for (size_t i = 0; i < sizeof types; i++) {
        struct join j;
        struct records r;
        opened(&j, &r, V13, 0);
        records_send(&r, &j, types[i], "x", 1);
        assert_failed(&j, &r, 10, "out of turn");
        ended(&j, &r);
    }
}

static void an_alert_of_a_wrong_size_is_refused(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 3};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct join j;
        struct records r;
        opened(&j, &r, V13, 0);
        records_send(&r, &j, ALERT, "\1\0\0", sizes[i]);
        assert_failed(&j, &r, 50, "malformed");
        ended(&j, &r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_may_change_its_keys_any_number_of_times),
        cmocka_unit_test(asked_for_new_keys_we_change_before_the_next_data),
        cmocka_unit_test(a_key_update_in_pieces_is_taken),
        cmocka_unit_test(a_record_within_a_key_update_is_refused),
        cmocka_unit_test(bytes_behind_a_key_update_in_its_record_are_refused),
        cmocka_unit_test(a_key_update_that_asks_for_neither_is_refused),
        cmocka_unit_test(endless_key_updates_without_data_are_cut_off),
        cmocka_unit_test(old_keys_are_refused_after_an_update),
        cmocka_unit_test(before_a_key_wears_out_we_change_ours_and_ask_for_theirs),
        cmocka_unit_test(without_memory_for_new_keys_nothing_is_sealed_or_opened_any_more),
        cmocka_unit_test(a_key_that_could_not_be_set_is_spent),
        cmocka_unit_test(tls12_never_changes_keys),
        cmocka_unit_test(padding_is_taken_off),
        cmocka_unit_test(nothing_but_padding_is_refused),
        cmocka_unit_test(content_of_more_than_16_kib_gets_record_overflow),
        cmocka_unit_test(damage_anywhere_in_a_record_is_noticed),
        cmocka_unit_test(types_that_do_not_exist_are_refused),
        cmocka_unit_test(an_alert_of_a_wrong_size_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
