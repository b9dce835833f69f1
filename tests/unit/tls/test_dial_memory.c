/* test_dial_memory.c - what happens when memory runs out at every point of a handshake with a
 * server
 */
#include "tls/engine.h"
#include "tls/server.h"

#include "tests/unit/tls/dial.c"

#include "tls/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const names[] = {"mail.example", NULL};
static struct tls_engine *engine, *server_engine;
static struct tls_dialer *verifies, *shows;
static struct tls_server *old, *new, *asks;
static struct tls_identity *me;

static unsigned long allocations, fail_at; /* 0: never */

/* Without the back ends of tls/accel/, most allocations are the limbs of numbers. */
static bool gate(size_t count, size_t size)
{
    (void)count;
    return size == sizeof(mbedtls_mpi_uint) || ++allocations != fail_at;
}

static struct tls_server *server_for(struct tls_identity *id, mbedtls_ssl_protocol_version max)
{
    struct tls_server_options so = join_options(&id, 1);
    struct tls_server *s = server_or_die(&so);
    mbedtls_ssl_conf_max_tls_version(&s->conf, max);
    return s;
}

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    if (tls_init(&e) != 0)
        return -1;
    struct tls_identity *id = pki_identity(PKI_EC256, names);
    char *crt =
        pki_certificate(&(struct pki_spec){.subject = "CN=me", .names = names, .key = PKI_EC256});
    uint8_t pins[1][TLS_PIN_SIZE], key[TLS_KEY_ID_SIZE], der[TLS_KEY_DER_MAX];
    const size_t size = tls_identity_export_key(id, key, der);
    memcpy(pins[0], key, sizeof key);
    engine = engine_or_die();
    server_engine = engine_or_die();
    old = server_for(id, MBEDTLS_SSL_VERSION_TLS1_2);
    new = server_for(id, MBEDTLS_SSL_VERSION_TLS1_3);
    struct tls_server_options so = join_options(&id, 1);
    so.client_auth = CLIENT_AUTH_REQUIRED;
    so.client_ca = pki_slice(crt);
    asks = server_or_die(&so);
    pki_signer = tls_keyring_new();
    me = tls_identity_inspect(pki_slice(crt), "me", &e);
    if (tls_keyring_add(pki_signer, key, TLS_KEY_CALLS, (struct tls_slice){der, size}, &e) != 0)
        return -1;
    struct tls_dialer_options o = {
        .context = "route", .pins = (const uint8_t(*)[TLS_PIN_SIZE])pins, .pin_count = 1};
    verifies = client_or_die(&o);
    o.identity = me;
    shows = client_or_die(&o);
    tls_identity_free(id);
    free(crt);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tls_dialer_free(verifies);
    tls_dialer_free(shows);
    tls_server_free(old);
    tls_server_free(new);
    tls_server_free(asks);
    tls_identity_free(me);
    tls_keyring_free(pki_signer);
    tls_engine_free(engine);
    tls_engine_free(server_engine);
    pki_free();
    return 0;
}

static void forget_sessions(void)
{
    resumption_free(engine->resumption);
    engine->resumption = NULL;
}

/* The signer has memory. */
static void sign(struct dial *d)
{
    struct tls_io io = {0};
    struct tls_signature signature;
    const struct tls_sign_request *request = tls_conn_unsigned(d->client);
    if (request == NULL)
        return;
    assert_int_equal(tls_keyring_sign(pki_signer, request, &signature), TLS_SIGNED);
    memory_gate = gate;
    tls_conn_sign(d->client, &signature, &io);
    memory_gate = NULL;
    dial_collect(&d->to_server, &d->heard, &io);
}

/* Only the client end works with the gate. */
static void pump(struct dial *d)
{
    while (d->to_server.size > 0 || d->to_client.size > 0) {
        dial_to_server(d);
        memory_gate = gate;
        dial_to_client(d);
        memory_gate = NULL;
        sign(d);
    }
}

static void assert_sane(const struct dial *d)
{
    const struct tls_failure *f = tls_conn_failure(d->client);
    if (f == NULL) { /* it did without, as with a ticket that could not be kept */
        assert_int_equal(tls_conn_status(d->client), TLS_OPEN);
        return;
    }
    if (f->fault != TLS_FAULT_LOCAL)
        fail_msg("allocation %lu: the server was blamed: %s", fail_at, f->reason);
    assert_string_equal(f->reason, "out of memory");
    assert_int_equal(d->heard.size, 0);
}

/* One connection with the nth allocation failing; false when there was no nth. */
static bool attempt(struct tls_dialer *k, struct tls_server *s, unsigned long n)
{
    struct dial d = {.engine = engine, .server_engine = server_engine, .by_hand = true};
    struct tls_io io = {0};
    allocations = 0;
    fail_at = n;
    memory_gate = gate;
    d.client = tls_conn_dial(engine, k, "mail.example", "192.0.2.1:993", &io);
    memory_gate = NULL;
    if (d.client == NULL)
        return true;
    dial_collect(&d.to_server, &d.heard, &io);
    d.server = tls_conn_new(server_engine, s);
    pump(&d);
    if (tls_conn_status(d.client) == TLS_OPEN && tls_conn_status(d.server) == TLS_OPEN) {
        dial_send(d.server, &d.to_client, "hello"); /* the ticket comes with it */
        pump(&d);
    }
    if (tls_conn_failure(d.client) == NULL)
        assert_int_equal(d.heard.size, 5);
    assert_sane(&d);
    dial_free(&d);
    return allocations >= n;
}

/* A connection before it leaves a session behind. */
static void every_point(struct tls_dialer *k, struct tls_server *s, bool resumed)
{
    unsigned long n = 1;
    for (bool reached = true; reached; n++) {
        forget_sessions();
        if (resumed)
            attempt(k, s, ULONG_MAX);
        reached = attempt(k, s, n);
    }
    assert_true(n > 10);
    forget_sessions();
}

static void a_handshake_survives_in_both_versions(void **state)
{
    (void)state;
    every_point(verifies, old, false);
    every_point(verifies, new, false);
}

static void a_resumed_handshake_survives(void **state)
{
    (void)state;
    every_point(verifies, old, true);
    every_point(verifies, new, true);
}

static void one_that_is_signed_elsewhere_survives(void **state)
{
    (void)state;
    every_point(shows, asks, false);
}

static void a_policy_that_cannot_be_made_says_so(void **state)
{
    (void)state;
    char *crt =
        pki_certificate(&(struct pki_spec){.subject = "CN=CA", .key = PKI_EC256_OTHER, .ca = true});
    bool done = false;
    for (unsigned long n = 1; !done; n++) {
        struct err e = {.text = ""};
        allocations = 0;
        fail_at = n;
        memory_gate = gate;
        struct tls_dialer *k = tls_dialer_new(
            &(struct tls_dialer_options){.context = "r", .ca = pki_slice(crt), .identity = me}, &e);
        memory_gate = NULL;
        done = allocations < n;
        assert_true(k != NULL ? e.text[0] == 0 : e.text[0] != 0 && !done);
        tls_dialer_free(k);
    }
    free(crt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_survives_in_both_versions),
        cmocka_unit_test(a_resumed_handshake_survives),
        cmocka_unit_test(one_that_is_signed_elsewhere_survives),
        cmocka_unit_test(a_policy_that_cannot_be_made_says_so),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
