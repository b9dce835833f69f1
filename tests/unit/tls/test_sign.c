/* test_sign.c - signatures that are made elsewhere: what is signed, and what never is, and a
 * handshake that waits for one. */
#include "tests/unit/tls/peer.c"

#include <mbedtls/sha256.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define V12 MBEDTLS_SSL_VERSION_TLS1_2
#define V13 MBEDTLS_SSL_VERSION_TLS1_3

static const char *const names[] = {"mail.example", NULL};
static struct tls_identity *ecdsa, *rsa;
static uint8_t ecdsa_id[TLS_KEY_ID_SIZE], rsa_id[TLS_KEY_ID_SIZE];

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    uint8_t der[TLS_KEY_DER_MAX];
    if (tls_init(&e) != 0 || (pki_signer = tls_keyring_new()) == NULL)
        return -1;
    ecdsa = pki_identity(PKI_EC256, names);
    rsa = pki_identity(PKI_RSA2048, names);
    /* Without a key there is only its number to be had. */
    assert_int_equal(tls_identity_export_key(ecdsa, ecdsa_id, der), 0);
    assert_int_equal(tls_identity_export_key(rsa, rsa_id, der), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tls_identity_free(ecdsa);
    tls_identity_free(rsa);
    tls_keyring_free(pki_signer);
    pki_free();
    return 0;
}

/* ---- what is signed ---- */

static struct tls_sign_request tls13_request(const uint8_t id[TLS_KEY_ID_SIZE], uint16_t scheme)
{
    struct tls_sign_request r = {.scheme = scheme, .form = TLS_SIGN_SERVER_13, .size = 32};
    memcpy(r.key, id, sizeof r.key);
    memset(r.content, 0x17, 32);
    return r;
}

enum { POINT = 32, TLS12_SIZE = 64 + 4 + POINT };

static struct tls_sign_request tls12_request(const uint8_t id[TLS_KEY_ID_SIZE], uint16_t scheme)
{
    static const uint8_t head[] = {3, 0, 29, POINT};
    struct tls_sign_request r = {.scheme = scheme, .size = TLS12_SIZE};
    memcpy(r.key, id, sizeof r.key);
    memcpy(r.content + 64, head, sizeof head);
    return r;
}

static enum tls_signed sign(const struct tls_sign_request *r)
{
    struct tls_signature signature = {0};
    const enum tls_signed outcome = tls_keyring_sign(pki_signer, r, &signature);
    assert_int_equal(outcome == TLS_SIGNED, signature.size > 0);
    return outcome;
}

static void the_schemes_of_the_key_are_taken(void **state)
{
    (void)state;
    static const struct {
        const uint8_t *id;
        uint16_t scheme;
        bool tls12, tls13;
    } rows[] = {
        {rsa_id, 0x0401, true, false},    {rsa_id, 0x0501, true, false},
        {rsa_id, 0x0601, true, false},    {rsa_id, 0x0804, false, true},
        {rsa_id, 0x0805, false, true},    {rsa_id, 0x0806, false, true},
        {rsa_id, 0x0403, false, false},   {rsa_id, 0x0201, false, false},
        {rsa_id, 0x0000, false, false},   {ecdsa_id, 0x0403, true, true},
        {ecdsa_id, 0x0503, true, false},  {ecdsa_id, 0x0603, true, false},
        {ecdsa_id, 0x0401, false, false}, {ecdsa_id, 0x0804, false, false},
        {ecdsa_id, 0x0203, false, false}, {ecdsa_id, 0x0807, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tls_sign_request r12 = tls12_request(rows[i].id, rows[i].scheme),
                                      r13 = tls13_request(rows[i].id, rows[i].scheme);
        assert_int_equal(sign(&r12), rows[i].tls12 ? TLS_SIGNED : TLS_SIGNED_NEVER);
        assert_int_equal(sign(&r13), rows[i].tls13 ? TLS_SIGNED : TLS_SIGNED_NEVER);
    }
}

static void the_text_is_that_of_tls13(void **state)
{
    (void)state;
    uint8_t text[64 + 34 + 32], hash[32];
    struct tls_signature signature;
    const struct tls_sign_request r = tls13_request(ecdsa_id, 0x0403);
    memset(text, ' ', 64);
    memcpy(text + 64, "TLS 1.3, server CertificateVerify", 34);
    memcpy(text + 98, r.content, 32);
    assert_int_equal(mbedtls_sha256(text, sizeof text, hash, 0), 0);
    assert_int_equal(tls_keyring_sign(pki_signer, &r, &signature), TLS_SIGNED);
    assert_int_equal(mbedtls_pk_verify((mbedtls_pk_context *)(uintptr_t)pki_key(PKI_EC256),
                                       MBEDTLS_MD_SHA256, hash, sizeof hash, signature.bytes,
                                       signature.size),
                     0);
}

static void a_transcript_has_the_size_of_a_hash(void **state)
{
    (void)state;
    struct tls_sign_request r = tls13_request(ecdsa_id, 0x0403);
    for (unsigned size = 0; size <= UINT8_MAX; size++) {
        r.size = (uint8_t)size;
        assert_int_equal(sign(&r), size == 32 || size == 48 ? TLS_SIGNED : TLS_SIGNED_NEVER);
    }
}

/* Every other byte in the head, and every other size, makes it something that no server signs. */
static void parameters_have_their_form(void **state)
{
    (void)state;
    static const uint8_t curves[][2] = {{23, 65}, {24, 97}, {25, 133}, {29, 32}};
    struct tls_sign_request r = tls12_request(ecdsa_id, 0x0403);
    for (unsigned size = 0; size <= UINT8_MAX; size++) {
        r.size = (uint8_t)size;
        assert_int_equal(sign(&r), size == TLS12_SIZE ? TLS_SIGNED : TLS_SIGNED_NEVER);
    }
    for (unsigned at = 64; at < 68; at++)
        for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
            r = tls12_request(ecdsa_id, 0x0403);
            const bool same = r.content[at] == byte;
            r.content[at] = (uint8_t)byte;
            assert_int_equal(sign(&r), same ? TLS_SIGNED : TLS_SIGNED_NEVER);
        }
    for (size_t i = 0; i < sizeof curves / sizeof *curves; i++) {
        r = tls12_request(ecdsa_id, 0x0403);
        r.content[66] = curves[i][0];
        r.content[67] = curves[i][1];
        r.size = (uint8_t)(68 + curves[i][1]);
        assert_int_equal(sign(&r), TLS_SIGNED);
    }
}

static void a_key_that_is_not_there_signs_nothing(void **state)
{
    (void)state;
    struct tls_sign_request r = tls13_request(ecdsa_id, 0x0403);
    for (size_t i = 0; i < sizeof r.key; i++) {
        r.key[i] ^= 1;
        assert_int_equal(sign(&r), TLS_SIGNED_BY_NOBODY);
        r.key[i] ^= 1;
    }
    assert_int_equal(sign(&r), TLS_SIGNED);
}

static void a_ring_finds_each_of_many(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    uint8_t der[TLS_KEY_DER_MAX], id[TLS_KEY_ID_SIZE] = {0};
    mbedtls_pk_context *key = (mbedtls_pk_context *)(uintptr_t)pki_key(PKI_EC256);
    const int size = mbedtls_pk_write_key_der(key, der, sizeof der);
    const struct tls_slice slice = {der + sizeof der - size, (size_t)size};
    struct tls_keyring *ring = tls_keyring_new();
    assert_non_null(ring);
    for (unsigned i = 0; i < 200; i++) { /* in an order that is neither up nor down, each twice */
        id[0] = (uint8_t)(i * 77 % 100);
        assert_int_equal(tls_keyring_add(ring, id, TLS_KEY_SERVES, slice, &e), 0);
    }
    for (unsigned i = 0; i < 200; i++) {
        struct tls_signature signature;
        id[0] = (uint8_t)i;
        const struct tls_sign_request r = tls13_request(id, 0x0403);
        assert_int_equal(tls_keyring_sign(ring, &r, &signature),
                         i < 100 ? TLS_SIGNED : TLS_SIGNED_BY_NOBODY);
    }
    assert_int_equal(
        tls_keyring_add(ring, rsa_id, TLS_KEY_SERVES, (struct tls_slice){slice.data, 5}, &e), -1);
    assert_true(e.text[0] != '\0');
    tls_keyring_free(ring);
}

static enum tls_signed sign_as(unsigned uses, enum tls_sign_form form)
{
    struct err e = {.text = ""};
    struct tls_signature signature;
    uint8_t der[TLS_KEY_DER_MAX];
    const mbedtls_pk_context *key = pki_key(PKI_EC256);
    const int size =
        mbedtls_pk_write_key_der((mbedtls_pk_context *)(uintptr_t)key, der, sizeof der);
    struct tls_keyring *ring = tls_keyring_new();
    const struct tls_slice slice = {der + sizeof der - size, (size_t)size};
    assert_int_equal(tls_keyring_add(ring, ecdsa_id, uses & TLS_KEY_SERVES, slice, &e), 0);
    assert_int_equal(tls_keyring_add(ring, ecdsa_id, uses & TLS_KEY_CALLS, slice, &e), 0);
    struct tls_sign_request r = form == TLS_SIGN_SERVER_12 ? tls12_request(ecdsa_id, 0x0403)
                                                           : tls13_request(ecdsa_id, 0x0403);
    r.form = (uint8_t)form;
    const enum tls_signed outcome = tls_keyring_sign(ring, &r, &signature);
    tls_keyring_free(ring);
    return outcome;
}

static void a_key_signs_for_its_use_only(void **state)
{
    (void)state;
    static const enum tls_sign_form forms[] = {TLS_SIGN_SERVER_12, TLS_SIGN_SERVER_13,
                                               TLS_SIGN_CLIENT_13};
    for (size_t i = 0; i < 3; i++) {
        const bool calls = forms[i] == TLS_SIGN_CLIENT_13;
        assert_int_equal(sign_as(TLS_KEY_SERVES, forms[i]), calls ? TLS_SIGNED_NEVER : TLS_SIGNED);
        assert_int_equal(sign_as(TLS_KEY_CALLS, forms[i]), calls ? TLS_SIGNED : TLS_SIGNED_NEVER);
        assert_int_equal(sign_as(TLS_KEY_SERVES | TLS_KEY_CALLS, forms[i]), TLS_SIGNED);
    }
    assert_int_equal(sign_as(TLS_KEY_SERVES | TLS_KEY_CALLS, TLS_SIGN_CLIENT_13 + 1),
                     TLS_SIGNED_NEVER);
}

/* ---- a handshake that waits ---- */

static void start_waiting(struct join *j, struct tls_identity *id,
                          mbedtls_ssl_protocol_version version)
{
    struct tls_server_options so = join_options(&id, 1);
    join_start(j, NULL, NULL, &so, &(struct peer_options){.min = version, .max = version});
    j->by_hand = true;
    join_pump(j);
    assert_non_null(tls_conn_unsigned(j->conn));
}

static void each_version(void (*test)(struct join *j))
{
    for (int v = 0; v < 2; v++)
        for (int kind = 0; kind < 2; kind++) {
            struct join j;
            start_waiting(&j, kind == 0 ? ecdsa : rsa, v == 0 ? V12 : V13);
            test(&j);
            join_free(&j);
        }
}

static void sign_by_hand(struct join *j)
{
    j->by_hand = false;
    join_sign(j);
}

static void nothing_goes_out_before(struct join *j)
{
    assert_int_equal(tls_conn_status(j->conn), TLS_HANDSHAKE);
    assert_int_equal(j->peer.in.size, 0);
    sign_by_hand(j);
    assert_null(tls_conn_unsigned(j->conn));
    assert_true(j->peer.in.size > 0);
    join_pump(j);
    assert_int_equal(tls_conn_status(j->conn), TLS_OPEN);
    assert_int_equal(j->signatures, 1);
}

static void the_flight_waits_for_its_signature(void **state)
{
    (void)state;
    each_version(nothing_goes_out_before);
}

static void no_signature_comes(struct join *j)
{
    struct tls_io io;
    assert_int_equal(tls_conn_sign(j->conn, NULL, &io), TLS_FAILED);
    bytes_add(&j->peer.in, io.wire.data, io.wire.size);
    const struct tls_failure *f = tls_conn_failure(j->conn);
    assert_int_equal(f->fault, TLS_FAULT_LOCAL);
    assert_string_equal(f->reason, "the signer does not sign");
    peer_step(&j->peer);
    assert_int_equal(j->peer.alert, 80); /* internal_error, which it can read */
    assert_int_equal(f->alert_sent, 80);
    assert_null(tls_conn_unsigned(j->conn));
}

static void without_a_signature_the_client_hears_why(void **state)
{
    (void)state;
    each_version(no_signature_comes);
}

static void it_takes_too_long(struct join *j)
{
    struct tls_io io;
    tls_conn_abort(j->conn, TLS_ABORT_INTERNAL, &io);
    bytes_add(&j->peer.in, io.wire.data, io.wire.size);
    peer_step(&j->peer);
    assert_int_equal(j->peer.alert, 80);
    assert_null(tls_conn_unsigned(j->conn));
}

static void giving_up_tells_the_client(void **state)
{
    (void)state;
    each_version(it_takes_too_long);
}

static void the_transport_breaks(struct join *j)
{
    assert_int_equal(tls_conn_transport_eof(j->conn), TLS_FAILED);
    assert_true(tls_conn_failure(j->conn)->truncated);
    assert_null(tls_conn_unsigned(j->conn));
}

static void the_client_may_leave_meanwhile(void **state)
{
    (void)state;
    each_version(the_transport_breaks);
}

static void a_wrong_signature_is_given(struct join *j)
{
    struct tls_io io;
    struct tls_signature signature = {.size = 70};
    tls_conn_sign(j->conn, &signature, &io);
    bytes_add(&j->peer.in, io.wire.data, io.wire.size);
    join_pump(j);
    assert_true(j->peer.error != 0);
    assert_int_equal(tls_conn_status(j->conn), TLS_FAILED);
}

static void a_wrong_signature_is_seen_by_the_client(void **state)
{
    (void)state;
    each_version(a_wrong_signature_is_given);
}

/* Early data, and the record that goes before it, come in one piece with the ClientHello. */
static void what_comes_meanwhile_waits_for_its_turn(void **state)
{
    (void)state;
    static const uint8_t change_cipher_spec[] = {20, 3, 3, 0, 1, 1};
    for (unsigned cut = 0; cut <= sizeof change_cipher_spec; cut++) {
        struct join j;
        start_waiting(&j, ecdsa, V13);
        join_deliver(&j, change_cipher_spec, cut);
        join_deliver(&j, change_cipher_spec + cut, sizeof change_cipher_spec - cut);
        assert_int_equal(tls_conn_status(j.conn), TLS_HANDSHAKE);
        sign_by_hand(&j);
        join_pump(&j);
        assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
        join_free(&j);
    }
}

static void nonsense_comes_meanwhile(struct join *j)
{
    join_deliver(j, "GET / HTTP/1.0\r\n\r\n", 18);
    assert_int_equal(tls_conn_status(j->conn), TLS_HANDSHAKE);
    sign_by_hand(j);
    assert_int_equal(tls_conn_status(j->conn), TLS_FAILED);
    assert_int_equal(tls_conn_failure(j->conn)->fault, TLS_FAULT_CLIENT);
}

static void nonsense_meanwhile_is_the_clients_fault(void **state)
{
    (void)state;
    each_version(nonsense_comes_meanwhile);
}

/* The server offers both, and one of them signs here. */
static void both_kinds_stand_side_by_side(void **state)
{
    (void)state;
    struct tls_keyring *ring = pki_signer;
    pki_signer = NULL;
    struct tls_identity *own = pki_identity(PKI_RSA2048, names);
    pki_signer = ring;
    struct tls_identity *both[] = {ecdsa, own};
    struct tls_server_options so = join_options(both, 2);
    static const uint16_t rsa_only[] = {MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256, 0};
    for (int i = 0; i < 2; i++) {
        struct join j;
        join_start(&j, NULL, NULL, &so,
                   &(struct peer_options){.min = V13, .sig_algs = i == 0 ? NULL : rsa_only});
        join_pump(&j);
        assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
        assert_int_equal(j.signatures, i == 0);
        join_free(&j);
    }
    tls_identity_free(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schemes_of_the_key_are_taken),
        cmocka_unit_test(the_text_is_that_of_tls13),
        cmocka_unit_test(a_key_signs_for_its_use_only),
        cmocka_unit_test(a_transcript_has_the_size_of_a_hash),
        cmocka_unit_test(parameters_have_their_form),
        cmocka_unit_test(a_key_that_is_not_there_signs_nothing),
        cmocka_unit_test(a_ring_finds_each_of_many),
        cmocka_unit_test(the_flight_waits_for_its_signature),
        cmocka_unit_test(without_a_signature_the_client_hears_why),
        cmocka_unit_test(giving_up_tells_the_client),
        cmocka_unit_test(the_client_may_leave_meanwhile),
        cmocka_unit_test(a_wrong_signature_is_seen_by_the_client),
        cmocka_unit_test(what_comes_meanwhile_waits_for_its_turn),
        cmocka_unit_test(nonsense_meanwhile_is_the_clients_fault),
        cmocka_unit_test(both_kinds_stand_side_by_side),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
