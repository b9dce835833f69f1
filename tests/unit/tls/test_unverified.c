/* test_unverified.c - what a client has to prove in the handshake, and does not: each is told
 * apart, also where the alert goes out encrypted */
#include "tls/conn.h" /* the inside of mbedTLS's client */

#include "tests/unit/tls/one_server.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_told(struct join *j, const char *reason)
{
    const struct tls_failure *f = tls_conn_failure(j->conn);
    assert_non_null(f);
    assert_string_equal(f->reason, reason);
    assert_int_equal(f->fault, TLS_FAULT_CLIENT);
    assert_int_equal(f->alert_sent, 51);
    peer_step(&j->peer);
    assert_int_equal(j->peer.alert, 51);
}

static struct peer_options only(mbedtls_ssl_protocol_version version)
{
    return (struct peer_options){.min = version, .max = version, .sni = "mail.example"};
}

static mbedtls_ssl_session session_of(const struct peer_options *po)
{
    struct join j;
    join_start(&j, engine, server, NULL, po);
    join_pump(&j);
    join_send(&j, "x", 1); /* the ticket goes with it */
    join_pump(&j);
    assert_true(j.peer.has_session);
    mbedtls_ssl_session session = j.peer.session;
    mbedtls_ssl_session_init(&j.peer.session);
    join_free(&j);
    return session;
}

/* All that the client says before its Finished. */
static void step_to_finished(struct join *j)
{
    for (int i = 0; i < 40 && j->peer.ssl.state != MBEDTLS_SSL_CLIENT_FINISHED; i++) {
        const int r = mbedtls_ssl_handshake_step(&j->peer.ssl);
        struct bytes out = j->peer.out;
        j->peer.out = (struct bytes){0};
        if (out.size > 0)
            join_deliver(j, out.data, out.size);
        bytes_free(&out);
        if (r != 0 && r != MBEDTLS_ERR_SSL_WANT_READ)
            fail_msg("-0x%04x", (unsigned)-r);
    }
    assert_int_equal(j->peer.ssl.state, MBEDTLS_SSL_CLIENT_FINISHED);
}

/* The keys are made, and what its Finished will be made from is no longer what it was. */
static void spoil_finished(mbedtls_ssl_context *ssl)
{
    uint8_t *secret = conn_is_tls13(ssl)
                          ? ssl->handshake->tls13_hs_secrets.client_handshake_traffic_secret
                          : ssl->session_negotiate->master;
    *secret ^= 1;
}

static void assert_wrong_finished(const struct peer_options *po)
{
    struct join j;
    join_start(&j, engine, server, NULL, po);
    step_to_finished(&j);
    spoil_finished(&j.peer.ssl);
    join_pump(&j);
    assert_told(&j, "client's Finished does not match the handshake");
    join_free(&j);
}

static void a_wrong_finished_is_told_as_such(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        const struct peer_options po = only(v == 0 ? V12 : V13);
        assert_wrong_finished(&po);
    }
}

/* In TLS 1.2 we have sent ours by then, so that the alert is encrypted. */
static void so_it_is_in_a_resumed_session(void **state)
{
    (void)state;
    struct peer_options po = only(V12);
    mbedtls_ssl_session session = session_of(&po);
    po.session = &session;
    assert_wrong_finished(&po);
    mbedtls_ssl_session_free(&session);
}

static void a_ticket_without_its_key_is_told_as_such(void **state)
{
    (void)state;
    struct peer_options po = only(V13);
    mbedtls_ssl_session session = session_of(&po);
    session.MBEDTLS_PRIVATE(resumption_key)[0] ^= 1;
    po.session = &session;
    struct join j;
    join_start(&j, engine, server, NULL, &po);
    join_pump(&j);
    assert_told(&j, "client does not have the key of the ticket that it sent");
    join_free(&j);
    mbedtls_ssl_session_free(&session);
}

static void a_certificate_without_its_key_is_told_as_such(void **state)
{
    (void)state;
    char *ca = pki_certificate(
        &(struct pki_spec){.subject = "CN=people", .key = PKI_EC256_OTHER, .ca = true});
    char *cert = pki_certificate(&(struct pki_spec){.subject = "CN=alice",
                                                    .key = PKI_EC256,
                                                    .issuer = "CN=people",
                                                    .issuer_key = PKI_EC256_OTHER});
    char *other_key = pki_key_pem(PKI_EC256_OTHER);
    struct tls_server_options so = join_options(&ecdsa, 1);
    so.client_auth = CLIENT_AUTH_REQUIRED;
    so.client_ca = pki_slice(ca);
    for (int v = 0; v < 2; v++) {
        struct peer_options po = only(v == 0 ? V12 : V13);
        po.cert = cert;
        po.key = other_key;
        struct join j;
        join_start(&j, engine, NULL, &so, &po);
        join_pump(&j);
        assert_told(&j, "client's signature does not verify");
        join_free(&j);
    }
    free(ca);
    free(cert);
    free(other_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_finished_is_told_as_such),
        cmocka_unit_test(so_it_is_in_a_resumed_session),
        cmocka_unit_test(a_ticket_without_its_key_is_told_as_such),
        cmocka_unit_test(a_certificate_without_its_key_is_told_as_such),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
