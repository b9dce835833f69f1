/* test_challenge.c - tls-alpn-01 (RFC 8737): who is asked for a certificate, and what happens with
 * it */
#include "tests/unit/tls/peer.c"

#include "tls/alert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NAME "mail.example"
#define V12  MBEDTLS_SSL_VERSION_TLS1_2
#define V13  MBEDTLS_SSL_VERSION_TLS1_3

static const char *const names[] = {NAME, NULL};
static const char *acme[] = {"acme-tls/1", NULL};
static const struct string_list acme_list = {acme, 1};
static char *certificate, *key;
static struct tls_identity *challenge, *rsa;

static struct tls_identity *load(const char *name, const char *crt, const char *pem, struct err *e)
{
    return tls_identity_load_challenge(name, pki_slice(crt), "a.crt.pem", pki_slice(pem),
                                       "a.key.pem", e);
}

static char *make(const struct pki_spec *spec)
{
    struct pki_spec s = *spec;
    s.subject = "CN=challenge";
    return pki_certificate(&s);
}

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    if (tls_init(&e) != 0)
        return -1;
    certificate = make(
        &(struct pki_spec){.names = names, .key = PKI_EC256, .challenge = true, .critical = true});
    key = pki_key_pem(PKI_EC256);
    char *lax = make(&(struct pki_spec){.names = names, .key = PKI_EC256, .challenge = true});
    challenge = load(NAME, lax, key, &e);
    free(lax);
    char *rsa_certificate =
        make(&(struct pki_spec){.names = names, .key = PKI_RSA2048, .challenge = true});
    char *rsa_key = pki_key_pem(PKI_RSA2048);
    rsa = load(NAME, rsa_certificate, rsa_key, &e);
    free(rsa_certificate);
    free(rsa_key);
    return challenge == NULL || rsa == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    tls_identity_free(challenge);
    tls_identity_free(rsa);
    free(certificate);
    free(key);
    pki_free();
    return 0;
}

/* ---- certificates ---- */

static void assert_refused(const char *name, const char *crt, const char *pem, const char *words)
{
    struct err e = {.text = ""};
    assert_null(load(name, crt, pem, &e));
    if (strstr(e.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", e.text, words);
}

static void a_challenge_certificate_is_for_one_name_and_says_what_it_is(void **state)
{
    (void)state;
    static const char *const two[] = {NAME, "other.example", NULL};
    static const char *const wild[] = {"*.example", NULL};
    char *plain = make(&(struct pki_spec){.names = names, .key = PKI_EC256});
    char *both = make(&(struct pki_spec){.names = two, .key = PKI_EC256, .challenge = true});
    char *any = make(&(struct pki_spec){.names = wild, .key = PKI_EC256, .challenge = true});
    char *other = pki_key_pem(PKI_EC256_OTHER);
    struct err e = {.text = ""};
    struct tls_identity *good = load(NAME, certificate, key, &e);
    assert_non_null(good);
    tls_identity_free(good);
    assert_refused("other.example", certificate, key, "is not for other.example");
    assert_refused(NAME, both, key, "for nothing else");
    assert_refused(NAME, any, key, "is not for " NAME);
    assert_refused(NAME, plain, key, "acmeIdentifier");
    assert_refused(NAME, certificate, other, "does not belong");
    assert_refused(NAME, key, key, "no certificate");
    assert_refused(NAME, "", key, "no certificate");
    assert_refused(NAME, certificate, "", "no private key");
    free(plain);
    free(both);
    free(any);
    free(other);
}

/* RFC 8738 6 */
static void an_address_is_challenged_by_its_name_in_the_dns(void **state)
{
    (void)state;
    static const char *const address[] = {"192.0.2.7", NULL};
    static const char *const reverse[] = {"7.2.0.192.in-addr.arpa", NULL};
    static const char *const both[] = {"192.0.2.7", "7.2.0.192.in-addr.arpa", NULL};
    const char *const *const lists[] = {address, reverse, both};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct err e = {.text = ""};
        char *crt =
            make(&(struct pki_spec){.names = lists[i], .key = PKI_EC256, .challenge = true});
        struct tls_identity *id = load(reverse[0], crt, key, &e);
        assert_int_equal(id != NULL, lists[i] != both);
        tls_identity_free(id);
        assert_refused("192.0.2.7.in-addr.arpa", crt, key, "is not for 7.2.0.192, and");
        free(crt);
    }
}

/* ---- connections ---- */

static void start(struct join *j, const struct peer_options *po)
{
    const struct tls_server_options so = {
        .context = "acme", .challenges = true, .alpn = &acme_list};
    join_start(j, NULL, NULL, &so, po);
    join_pump(j);
}

static void answer(struct join *j, struct tls_identity *id)
{
    struct tls_io io;
    tls_conn_answer(j->conn, id, &io);
    bytes_add(&j->peer.in, io.wire.data, io.wire.size);
    join_pump(j);
}

static void assert_answered(struct join *j)
{
    struct tls_info info;
    tls_conn_info(j->conn, &info);
    assert_int_equal(tls_conn_status(j->conn), TLS_OPEN);
    assert_true(j->peer.open);
    assert_string_equal(info.alpn, "acme-tls/1");
    assert_string_equal(mbedtls_ssl_get_alpn_protocol(&j->peer.ssl), "acme-tls/1");
    assert_null(tls_conn_wanted(j->conn));
}

static void an_authority_gets_the_certificate_that_was_found(void **state)
{
    (void)state;
    static const mbedtls_ssl_protocol_version versions[] = {V12, V13};
    struct tls_identity *const ids[] = {challenge, rsa};
    for (size_t i = 0; i < 4; i++) {
        struct join j;
        start(&j, &(struct peer_options){.min = versions[i % 2],
                                         .max = versions[i % 2],
                                         .sni = "MAIL.example",
                                         .alpn = acme});
        assert_int_equal(tls_conn_status(j.conn), TLS_HANDSHAKE);
        assert_string_equal(tls_conn_wanted(j.conn), "MAIL.example");
        assert_int_equal(j.peer.in.size, 0);
        answer(&j, ids[i / 2]);
        assert_answered(&j);
        assert_false(j.peer.has_session && versions[i % 2] == V13); /* no ticket */
        join_free(&j);
    }
}

/* Our share of the key exchange is not among those that the client sent. */
static void a_second_client_hello_is_not_asked_about_again(void **state)
{
    (void)state;
    static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1,
                                      MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, 0};
    struct join j;
    start(&j, &(struct peer_options){
                  .min = V13, .max = V13, .sni = NAME, .alpn = acme, .groups = groups});
    assert_non_null(tls_conn_wanted(j.conn));
    answer(&j, challenge);
    assert_answered(&j);
    join_free(&j);
}

static void the_hello_may_come_in_any_pieces(void **state)
{
    (void)state;
    struct peer peer;
    peer_start(&peer, &(struct peer_options){.sni = NAME, .alpn = acme});
    peer_step(&peer);
    const struct tls_server_options so = {
        .context = "acme", .challenges = true, .alpn = &acme_list};
    struct tls_server *server = server_or_die(&so);
    struct tls_engine *engine = engine_or_die();
    for (size_t cut = 0; cut <= peer.out.size; cut++) {
        struct tls_conn *c = tls_conn_new(engine, server);
        struct tls_io io;
        tls_conn_receive(c, peer.out.data, cut, &io);
        assert_int_equal(tls_conn_wanted(c) != NULL, cut == peer.out.size);
        tls_conn_receive(c, peer.out.data + cut, peer.out.size - cut, &io);
        assert_string_equal(tls_conn_wanted(c), NAME);
        assert_int_equal(tls_conn_answer(c, challenge, &io), TLS_HANDSHAKE);
        assert_true(io.wire.size > 0);
        tls_conn_free(c);
    }
    tls_engine_free(engine);
    tls_server_free(server);
    peer_free(&peer);
}

static void assert_failed(struct join *j, int alert, const char *words)
{
    const struct tls_failure *f = tls_conn_failure(j->conn);
    assert_non_null(f);
    assert_null(tls_conn_wanted(j->conn));
    assert_int_equal(f->fault, TLS_FAULT_CLIENT);
    assert_int_equal(f->alert_sent, alert);
    assert_int_equal(j->peer.alert, alert);
    assert_non_null(strstr(f->reason, words));
    join_free(j);
}

static void without_a_challenge_the_name_is_not_known(void **state)
{
    (void)state;
    struct join j;
    start(&j, &(struct peer_options){.sni = NAME, .alpn = acme});
    answer(&j, NULL);
    assert_failed(&j, ALERT_UNRECOGNIZED_NAME, "no challenge");
}

static void who_is_no_authority_is_refused_without_a_question(void **state)
{
    (void)state;
    static const char *more[] = {"acme-tls/1", "http/1.1", NULL};
    static const char *before[] = {"h2", "acme-tls/1", NULL};
    static const char *other[] = {"acme-tls/2", NULL};
    const char **const lists[] = {NULL, more, before, other};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct join j;
        start(&j, &(struct peer_options){.sni = NAME, .alpn = lists[i]});
        assert_failed(&j, ALERT_NO_APPLICATION_PROTOCOL, "tls-alpn-01");
    }
    struct join j;
    start(&j, &(struct peer_options){.alpn = acme});
    assert_failed(&j, ALERT_UNRECOGNIZED_NAME, "names no server");
    start(&j, &(struct peer_options){.sni = "a/../b", .alpn = acme});
    assert_failed(&j, ALERT_UNRECOGNIZED_NAME, "names no server");
}

static void who_goes_on_before_the_answer_is_refused(void **state)
{
    (void)state;
    static const uint8_t records[][6] = {
        {20, 3, 3, 0, 1, 1}, {22, 3, 3, 0, 1, 1}, {23, 3, 3, 0, 1, 1}};
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        struct join j;
        start(&j, &(struct peer_options){.sni = NAME, .alpn = acme});
        assert_non_null(tls_conn_wanted(j.conn));
        join_deliver(&j, records[i], sizeof records[i]);
        join_pump(&j);
        assert_failed(&j, ALERT_UNEXPECTED_MESSAGE, "out of turn");
    }
}

static void a_client_that_leaves_before_the_answer_takes_nothing_with_it(void **state)
{
    (void)state;
    struct join j;
    struct tls_io io;
    start(&j, &(struct peer_options){.sni = NAME, .alpn = acme});
    assert_int_equal(tls_conn_transport_eof(j.conn), TLS_FAILED);
    assert_null(tls_conn_wanted(j.conn));
    assert_int_equal(tls_conn_answer(j.conn, challenge, &io), TLS_FAILED);
    assert_int_equal(io.wire.size, 0);
    join_free(&j);
    start(&j, &(struct peer_options){.sni = NAME, .alpn = acme});
    tls_conn_abort(j.conn, TLS_ABORT_HANDSHAKE_TIMEOUT, &io);
    assert_true(io.wire.size > 0);
    join_free(&j);
}

static void other_routes_are_not_asked(void **state)
{
    (void)state;
    struct tls_identity *id = pki_identity(PKI_EC256, names);
    struct tls_server_options so = join_options(&id, 1);
    struct join j;
    join_start(&j, NULL, NULL, &so, &(struct peer_options){.sni = NAME, .alpn = acme});
    join_pump(&j);
    assert_null(tls_conn_wanted(j.conn));
    assert_true(j.peer.open);
    join_free(&j);
    tls_identity_free(id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_challenge_certificate_is_for_one_name_and_says_what_it_is),
        cmocka_unit_test(an_address_is_challenged_by_its_name_in_the_dns),
        cmocka_unit_test(an_authority_gets_the_certificate_that_was_found),
        cmocka_unit_test(a_second_client_hello_is_not_asked_about_again),
        cmocka_unit_test(the_hello_may_come_in_any_pieces),
        cmocka_unit_test(without_a_challenge_the_name_is_not_known),
        cmocka_unit_test(who_is_no_authority_is_refused_without_a_question),
        cmocka_unit_test(who_goes_on_before_the_answer_is_refused),
        cmocka_unit_test(a_client_that_leaves_before_the_answer_takes_nothing_with_it),
        cmocka_unit_test(other_routes_are_not_asked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
