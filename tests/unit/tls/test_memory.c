/* test_memory.c - what happens when memory runs out at every point of a handshake */
#include "tests/unit/tls/peer.c"
#include "tls/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const names[] = {"mail.example", NULL};
static struct tls_identity *ecdsa;
static struct tls_engine *engine;
static struct tls_server *server, *mutual, *challenges, *elsewhere;
static struct tls_identity *challenge;
static char *ca, *client_cert, *client_key;

static unsigned long allocations, fail_at; /* 0: never */
static bool numbers_too;

/* Without the back ends of tls/accel/, most allocations are the limbs of the numbers in one
 * multiplication on a curve. */
static bool gate(size_t count, size_t size)
{
    (void)count;
    if (size == sizeof(mbedtls_mpi_uint) && !numbers_too)
        return true;
    return ++allocations != fail_at;
}

static const char *acme[] = {"acme-tls/1", NULL};

static void start_challenges(void)
{
    static const struct string_list alpn = {acme, 1};
    struct err e = {.text = ""};
    char *crt = pki_certificate(&(struct pki_spec){
        .subject = "CN=challenge", .names = names, .key = PKI_EC256, .challenge = true});
    char *key = pki_key_pem(PKI_EC256);
    challenge =
        tls_identity_load_challenge(names[0], pki_slice(crt), "crt", pki_slice(key), "key", &e);
    const struct tls_server_options so = {
        .context = "challenges", .challenges = true, .alpn = &alpn};
    challenges = server_or_die(&so);
    free(crt);
    free(key);
}

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    if (tls_init(&e) != 0)
        return -1;
    ecdsa = pki_identity(PKI_EC256, names);
    ca =
        pki_certificate(&(struct pki_spec){.subject = "CN=CA", .key = PKI_EC256_OTHER, .ca = true});
    client_cert = pki_certificate(&(struct pki_spec){
        .subject = "CN=alice", .key = PKI_EC256, .issuer = "CN=CA", .issuer_key = PKI_EC256_OTHER});
    client_key = pki_key_pem(PKI_EC256);
    engine = engine_or_die();
    struct tls_server_options so = join_options(&ecdsa, 1);
    server = server_or_die(&so);
    so.client_auth = CLIENT_AUTH_REQUIRED;
    so.client_ca = pki_slice(ca);
    mutual = server_or_die(&so);
    start_challenges();
    pki_signer = tls_keyring_new();
    struct tls_identity *without_key = pki_identity(PKI_EC256, names);
    so = join_options(&without_key, 1);
    elsewhere = server_or_die(&so);
    tls_identity_free(without_key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tls_server_free(server);
    tls_server_free(mutual);
    tls_server_free(challenges);
    tls_server_free(elsewhere);
    tls_keyring_free(pki_signer);
    tls_identity_free(challenge);
    tls_engine_free(engine);
    tls_identity_free(ecdsa);
    free(ca);
    free(client_cert);
    free(client_key);
    pki_free();
    return 0;
}

/* The server end works with the gate, the client without. */
static void deliver(struct join *j, const void *data, size_t size)
{
    struct tls_io io;
    memory_gate = gate;
    tls_conn_receive(j->conn, data, size, &io);
    memory_gate = NULL;
    bytes_add(&j->plain, io.plain.data, io.plain.size);
    bytes_add(&j->peer.in, io.wire.data, io.wire.size);
    const bool wanted = tls_conn_wanted(j->conn) != NULL;
    const struct tls_sign_request *request = tls_conn_unsigned(j->conn);
    struct tls_signature signature;
    if (request != NULL)
        assert_int_equal(tls_keyring_sign(pki_signer, request, &signature), TLS_SIGNED);
    if (!wanted && request == NULL)
        return;
    memory_gate = gate;
    if (wanted)
        tls_conn_answer(j->conn, challenge, &io);
    else
        tls_conn_sign(j->conn, &signature, &io);
    memory_gate = NULL;
    bytes_add(&j->peer.in, io.wire.data, io.wire.size);
}

static void pump(struct join *j)
{
    for (;;) {
        peer_step(&j->peer);
        if (j->peer.out.size == 0)
            return;
        size_t half = j->peer.out.size / 2; /* so that records have to be kept */
        deliver(j, j->peer.out.data, half);
        deliver(j, j->peer.out.data + half, j->peer.out.size - half);
        j->peer.out.size = 0;
    }
}

static void assert_sane(struct join *j)
{
    const struct tls_failure *f = tls_conn_failure(j->conn);
    if (f == NULL) { /* it did without, as with a ticket that could not be looked at */
        assert_int_equal(tls_conn_status(j->conn), TLS_OPEN);
        assert_true(j->peer.open);
        return;
    }
    if (f->fault != TLS_FAULT_LOCAL)
        fail_msg("allocation %lu: the client was blamed: %s", fail_at, f->reason);
    assert_int_equal(j->plain.size, 0);
    if (f->alert_sent >= 0 && j->peer.alert >= 0)
        assert_int_equal(j->peer.alert, f->alert_sent);
}

/* One connection with the nth allocation failing; false when there was no nth. */
static bool attempt(struct tls_server *s, const struct peer_options *po, unsigned long n)
{
    struct join j;
    memset(&j, 0, sizeof j);
    allocations = 0;
    fail_at = n;
    memory_gate = gate;
    j.conn = tls_conn_new(engine, s);
    memory_gate = NULL;
    if (j.conn == NULL)
        return true;
    peer_start(&j.peer, po);
    pump(&j);
    if (n != 0)
        assert_sane(&j);
    else
        assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
    bool reached = n == 0 || allocations >= n;
    join_free(&j);
    return reached;
}

static void every_point(struct tls_server *s, const struct peer_options *po)
{
    unsigned long n;
    numbers_too = false;
    attempt(s, po, 0);
    for (n = 1; attempt(s, po, n); n++)
        ;
    assert_true(n > 30);
    const unsigned long without_numbers = n;
    numbers_too = true; /* of thousands a sample is enough */
    for (n = 1; attempt(s, po, n); n += n < 250 ? 1 : 61)
        ;
    assert_true(n >= without_numbers);
}

static void a_tls12_handshake_survives(void **state)
{
    (void)state;
    every_point(server,
                &(struct peer_options){.max = MBEDTLS_SSL_VERSION_TLS1_2, .sni = "mail.example"});
}

static void a_tls13_handshake_survives(void **state)
{
    (void)state;
    every_point(server,
                &(struct peer_options){.min = MBEDTLS_SSL_VERSION_TLS1_3, .sni = "mail.example"});
}

static void a_handshake_with_client_certificates_survives(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        mbedtls_ssl_protocol_version version =
            v == 0 ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3;
        every_point(mutual,
                    &(struct peer_options){
                        .min = version, .max = version, .cert = client_cert, .key = client_key});
    }
}

static void a_retried_handshake_survives(void **state)
{
    (void)state;
    static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1,
                                      MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, 0};
    every_point(server, &(struct peer_options){.min = MBEDTLS_SSL_VERSION_TLS1_3,
                                               .groups = groups,
                                               .sni = "mail.example"});
}

#ifdef TLSFRONT_ACCEL
#define HYBRID MBEDTLS_SSL_IANA_TLS_GROUP_X25519MLKEM768

/* At once, and after a request to retry with it; with the key here, and elsewhere. */
static void a_hybrid_handshake_survives(void **state)
{
    (void)state;
    static const uint16_t only[] = {HYBRID, 0};
    static const uint16_t second[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1, HYBRID, 0};
    struct peer_options po = {.min = MBEDTLS_SSL_VERSION_TLS1_3, .sni = "mail.example"};
    po.groups = only;
    every_point(server, &po);
    every_point(elsewhere, &po);
    po.groups = second;
    every_point(server, &po);
}
#endif

static void loading_a_challenge_survives(void **state)
{
    (void)state;
    char *crt = pki_certificate(&(struct pki_spec){
        .subject = "CN=x", .names = names, .key = PKI_EC256, .challenge = true, .critical = true});
    bool done = false;
    numbers_too = false;
    for (unsigned long n = 1; !done; n++) {
        struct err e = {.text = ""};
        allocations = 0;
        fail_at = n;
        memory_gate = gate;
        struct tls_identity *id = tls_identity_load_challenge(names[0], pki_slice(crt), "c",
                                                              pki_slice(client_key), "k", &e);
        memory_gate = NULL;
        done = allocations < n;
        assert_true(id != NULL ? e.text[0] == 0 : e.text[0] != 0 && !done);
        tls_identity_free(id);
    }
    free(crt);
}

static void a_challenged_handshake_survives(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        mbedtls_ssl_protocol_version version =
            v == 0 ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3;
        every_point(challenges,
                    &(struct peer_options){
                        .min = version, .max = version, .sni = "mail.example", .alpn = acme});
    }
}

static void a_handshake_signed_elsewhere_survives(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        mbedtls_ssl_protocol_version version =
            v == 0 ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3;
        every_point(elsewhere, &(struct peer_options){.min = version, .max = version});
    }
}

static void filling_a_keyring_survives(void **state)
{
    (void)state;
    uint8_t id[TLS_KEY_ID_SIZE], der[TLS_KEY_DER_MAX];
    const size_t size = tls_identity_export_key(ecdsa, id, der);
    bool done = false;
    numbers_too = false;
    for (unsigned long n = 1; !done; n++) {
        struct err e = {.text = ""};
        allocations = 0;
        fail_at = n;
        memory_gate = gate;
        struct tls_keyring *ring = tls_keyring_new();
        const bool there = ring != NULL && tls_keyring_add(ring, id, TLS_KEY_SERVES,
                                                           (struct tls_slice){der, size}, &e) == 0;
        memory_gate = NULL;
        done = allocations < n;
        assert_true(there ? e.text[0] == 0 : !done && (ring == NULL || e.text[0] != 0));
        tls_keyring_free(ring);
    }
}

/* A resumption may go on as a full handshake, but must not fail on the client's account. */
static void a_resumed_handshake_survives(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        mbedtls_ssl_protocol_version version =
            v == 0 ? MBEDTLS_SSL_VERSION_TLS1_2 : MBEDTLS_SSL_VERSION_TLS1_3;
        struct peer_options po = {.min = version, .max = version, .sni = "mail.example"};
        struct join j;
        join_start(&j, engine, server, NULL, &po);
        join_pump(&j);
        join_send(&j, "x", 1);
        join_pump(&j);
        assert_true(j.peer.has_session);
        po.session = &j.peer.session;
        unsigned long n;
        numbers_too = false;
        attempt(server, &po, 0);
        for (n = 1; attempt(server, &po, n); n++)
            ;
        assert_true(n > 10);
        join_free(&j);
    }
}

static void loading_survives(void **state)
{
    (void)state;
    char *chain =
        pki_certificate(&(struct pki_spec){.subject = "CN=x", .names = names, .key = PKI_EC256});
    struct tls_server_options so = join_options(&ecdsa, 1);
    const char *alpn[] = {"imap", "pop3"};
    struct string_list list = {alpn, 2};
    so.alpn = &list;
    so.client_auth = CLIENT_AUTH_OPTIONAL;
    so.client_ca = pki_slice(ca);
    bool done = false;
    numbers_too = true;
    for (unsigned long n = 1; !done; n += n < 200 ? 1 : 61) {
        struct err e = {.text = ""};
        allocations = 0;
        fail_at = n;
        memory_gate = gate;
        struct tls_identity *id =
            tls_identity_load(pki_slice(chain), "c", pki_slice(client_key), "k", &e);
        struct tls_server *s = tls_server_new(&so, &e);
        struct tls_engine *own = tls_engine_new(&e);
        memory_gate = NULL;
        done = allocations < n;
        assert_true(done ? id != NULL && s != NULL && own != NULL
                         : id == NULL || s == NULL || own == NULL || e.text[0] == 0);
        tls_identity_free(id);
        tls_server_free(s);
        tls_engine_free(own);
    }
    free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tls12_handshake_survives),
        cmocka_unit_test(a_tls13_handshake_survives),
        cmocka_unit_test(a_handshake_with_client_certificates_survives),
        cmocka_unit_test(a_retried_handshake_survives),
#ifdef TLSFRONT_ACCEL
        cmocka_unit_test(a_hybrid_handshake_survives),
#endif
        cmocka_unit_test(a_challenged_handshake_survives),
        cmocka_unit_test(a_handshake_signed_elsewhere_survives),
        cmocka_unit_test(filling_a_keyring_survives),
        cmocka_unit_test(loading_a_challenge_survives),
        cmocka_unit_test(a_resumed_handshake_survives),
        cmocka_unit_test(loading_survives),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
