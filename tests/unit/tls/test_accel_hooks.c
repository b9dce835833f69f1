/* test_accel_hooks.c - that handshakes and data of every kind really run on the back end of
 * tls/accel/, both ends of a connection counted; without them nothing is counted */
#include "tests/unit/tls/peer.c"
#include "tls/accel/accel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#ifdef TLSFRONT_ACCEL
static const bool accelerated = true;
#else
static const bool accelerated = false;
#endif

#define V12    MBEDTLS_SSL_VERSION_TLS1_2
#define V13    MBEDTLS_SSL_VERSION_TLS1_3
#define X25519 MBEDTLS_SSL_IANA_TLS_GROUP_X25519
#define P256   MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1
#define P384   MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1
#define HYBRID MBEDTLS_SSL_IANA_TLS_GROUP_X25519MLKEM768

enum { EC256, EC384, RSA2048, KEYS };
enum { AES128, AES256, CHACHA20, CIPHERS };

static const enum pki_key key_types[KEYS] = {PKI_EC256, PKI_EC384, PKI_RSA2048};
static const uint16_t groups[] = {X25519, P256, P384, HYBRID};
static const int ciphers13[CIPHERS] = {0x1301, 0x1302, 0x1303};
static const int ciphers12_ecdsa[CIPHERS] = {0xc02b, 0xc02c, 0xcca9};
static const int ciphers12_rsa[CIPHERS] = {0xc02f, 0xc030, 0xcca8};

static const char *const names[] = {"mail.example", NULL};
static struct tls_identity *identities[KEYS];

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    if (tls_init(&e) != 0)
        return -1;
    for (int i = 0; i < KEYS; i++)
        identities[i] = pki_identity(key_types[i], names);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (int i = 0; i < KEYS; i++)
        tls_identity_free(identities[i]);
    pki_free();
    return 0;
}

/* ---- what was counted since ---- */

static unsigned long before[ACCEL_HOOKS];

static void count_from_here(void)
{
    for (int i = 0; i < ACCEL_HOOKS; i++)
        before[i] = accel_count((enum accel_hook)i);
}

static unsigned long counted(enum accel_hook hook)
{
    return accel_count(hook) - before[hook];
}

static void assert_counted(enum accel_hook hook, unsigned long n)
{
    assert_int_equal(counted(hook), accelerated ? n : 0);
}

static void assert_some(enum accel_hook hook, unsigned long least)
{
    if (accelerated)
        assert_in_range(counted(hook), least, 1000000);
    else
        assert_int_equal(counted(hook), 0);
}

/* ---- one connection ---- */

struct kind {
    mbedtls_ssl_protocol_version version;
    int key, cipher;
    uint16_t group;
};

static int cipher_of(const struct kind *k)
{
    return k->version == V13   ? ciphers13[k->cipher]
           : k->key == RSA2048 ? ciphers12_rsa[k->cipher]
                               : ciphers12_ecdsa[k->cipher];
}

static void assert_key_exchange(const struct kind *k, bool exchanged)
{
    unsigned long n = exchanged ? 2 : 0;
    bool montgomery = k->group == X25519 || k->group == HYBRID;
    assert_counted(ACCEL_X25519_PUBLIC, montgomery ? n : 0);
    assert_counted(ACCEL_X25519_SHARED, montgomery ? n : 0);
    assert_counted(ACCEL_CURVE_PUBLIC, montgomery ? 0 : n);
    assert_counted(ACCEL_CURVE_SHARED, montgomery ? 0 : n);
    assert_counted(ACCEL_MLKEM_ENCAPSULATE, k->group == HYBRID); /* the server's part alone */
}

static bool there_is(const struct kind *k)
{
    return k->group != HYBRID || (accelerated && k->version == V13);
}

/* The client checks an RSA signature; under TLS 1.2 the server looks at what it signed, too. */
static void assert_signature(const struct kind *k, bool full)
{
    bool rsa = k->key == RSA2048;
    assert_counted(ACCEL_ECDSA_SIGN, full && !rsa);
    assert_counted(ACCEL_ECDSA_VERIFY, full && !rsa);
    assert_counted(ACCEL_RSA_PRIVATE, full && rsa);
    assert_counted(ACCEL_RSA_PUBLIC, full && rsa ? (k->version == V12 ? 2 : 1) : 0);
}

/* A server under ChaCha20 still seals its ticket, and opens the one that was shown. */
static void assert_records(const struct kind *k)
{
    if (k->cipher == CHACHA20) {
        assert_some(ACCEL_CHACHA20_POLY1305, 8);
        assert_in_range(counted(ACCEL_AES_GCM), 0, 2);
    } else {
        assert_some(ACCEL_AES_GCM, 8);
        assert_counted(ACCEL_CHACHA20_POLY1305, 0);
    }
    assert_some(k->cipher == AES256 ? ACCEL_SHA512 : ACCEL_SHA256, 8);
    if (k->version == V13)
        assert_some(ACCEL_HMAC, 40);
}

static void carry(struct join *j)
{
    static const uint8_t data[20000];
    j->plain.size = 0;
    j->peer.plain.size = 0;
    peer_write(&j->peer, data, sizeof data);
    join_send(j, data, sizeof data);
    join_pump(j);
    assert_int_equal(j->plain.size, sizeof data);
    assert_int_equal(j->peer.plain.size, sizeof data);
}

static void join_kind(struct join *j, const struct kind *k, struct tls_engine *engine,
                      struct tls_server *server, mbedtls_ssl_session *session)
{
    int ciphers[] = {cipher_of(k), 0};
    /* TLS 1.2 wants the certificate's curve in the list, too. */
    uint16_t list[] = {k->group, k->key == EC256 ? P256 : P384, 0};
    if (k->version == V13 || k->key == RSA2048 || list[0] == list[1])
        list[1] = 0;
    count_from_here();
    join_start(j, engine, server, NULL,
               &(struct peer_options){.min = k->version,
                                      .max = k->version,
                                      .ciphers = ciphers,
                                      .groups = list,
                                      .sni = "mail.example",
                                      .session = session});
    join_pump(j);
    struct tls_info info;
    assert_int_equal(tls_conn_status(j->conn), TLS_OPEN);
    tls_conn_info(j->conn, &info);
    assert_int_equal(info.resumed, session != NULL);
    carry(j);
}

static void full_and_resumed(const struct kind *k)
{
    struct tls_server_options so = join_options(&identities[k->key], 1);
    struct tls_server *server = server_or_die(&so);
    struct tls_engine *engine = engine_or_die();
    struct join full, resumed;
    join_kind(&full, k, engine, server, NULL);
    assert_key_exchange(k, true);
    assert_signature(k, true);
    assert_records(k);
    assert_true(full.peer.has_session);
    join_kind(&resumed, k, engine, server, &full.peer.session);
    assert_key_exchange(k, k->version == V13);
    assert_signature(k, false);
    assert_records(k);
    join_free(&resumed);
    join_free(&full);
    tls_server_free(server);
    tls_engine_free(engine);
}

static void every_kind(mbedtls_ssl_protocol_version version)
{
    for (int key = 0; key < KEYS; key++)
        for (int cipher = 0; cipher < CIPHERS; cipher++)
            for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
                if (there_is(&(struct kind){version, key, cipher, groups[g]}))
                    full_and_resumed(&(struct kind){version, key, cipher, groups[g]});
}

/* ---- the tests ---- */

static void every_tls13_connection_runs_on_them(void **state)
{
    (void)state;
    every_kind(V13);
}

static void every_tls12_connection_runs_on_them(void **state)
{
    (void)state;
    every_kind(V12);
}

/* Certificates of clients are checked by them as well: the chain's signature, and the client's. */
static void client_certificates_are_checked_by_them(void **state)
{
    (void)state;
    char *authority =
        pki_certificate(&(struct pki_spec){.subject = "CN=CA", .key = PKI_EC256_OTHER, .ca = true});
    char *cert = pki_certificate(&(struct pki_spec){
        .subject = "CN=alice", .key = PKI_EC256, .issuer = "CN=CA", .issuer_key = PKI_EC256_OTHER});
    char *key = pki_key_pem(PKI_EC256);
    struct tls_server_options so = join_options(&identities[EC256], 1);
    so.client_auth = CLIENT_AUTH_REQUIRED;
    so.client_ca = pki_slice(authority);
    for (int v = 0; v < 2; v++) {
        mbedtls_ssl_protocol_version version = v == 0 ? V12 : V13;
        struct join j;
        count_from_here();
        join_start(
            &j, NULL, NULL, &so,
            &(struct peer_options){
                .min = version, .max = version, .cert = cert, .key = key, .sni = "mail.example"});
        join_pump(&j);
        assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
        assert_counted(ACCEL_ECDSA_SIGN, 2);
        assert_counted(ACCEL_ECDSA_VERIFY, 3);
        join_free(&j);
    }
    free(authority);
    free(cert);
    free(key);
}

static void the_version_names_it(void **state)
{
    (void)state;
    const char *text = tls_version_text();
    assert_int_equal(strstr(text, " with AWS-LC ") != NULL, accelerated);
    assert_int_equal(strstr(text, "built-in primitives") != NULL, !accelerated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tls13_connection_runs_on_them),
        cmocka_unit_test(every_tls12_connection_runs_on_them),
        cmocka_unit_test(client_certificates_are_checked_by_them),
        cmocka_unit_test(the_version_names_it),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
