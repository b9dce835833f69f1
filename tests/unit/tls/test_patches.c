/* test_patches.c - what tls/mbedtls/patches mend, shown on mbedTLS's own server: tls_conn has other
 * lines of defence before most of it. */
#include "tests/unit/tls/peer.c"

#include <mbedtls/platform.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define V12 MBEDTLS_SSL_VERSION_TLS1_2
#define V13 MBEDTLS_SSL_VERSION_TLS1_3

static const char *const names[] = {"mail.example", NULL};
static char *chain, *key, *ca;
static long blocks; /* that mbedTLS holds */

static void *count_calloc(size_t n, size_t size)
{
    void *p = calloc(n, size);
    blocks += p != NULL;
    return p;
}

static void count_free(void *p)
{
    blocks -= p != NULL;
    free(p);
}

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    if (tls_init(&e) != 0 || mbedtls_platform_set_calloc_free(count_calloc, count_free) != 0)
        return -1;
    chain = pki_certificate(
        &(struct pki_spec){.subject = "CN=mail.example", .names = names, .key = PKI_EC256});
    key = pki_key_pem(PKI_EC256);
    ca = pki_certificate(&(struct pki_spec){.subject = "CN=CA", .key = PKI_EC384, .ca = true});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(chain);
    free(key);
    free(ca);
    pki_free();
    return 0;
}

/* ---- mbedTLS's own server ---- */

struct plain_server {
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config conf;
    mbedtls_x509_crt cert, ca;
    mbedtls_pk_context key;
    struct peer client;
    bool open;
    int error;
};

static int put(void *arg, const unsigned char *data, size_t size)
{
    bytes_add(&((struct plain_server *)arg)->client.in, data, size);
    return (int)size;
}

static int get(void *arg, unsigned char *to, size_t size)
{
    struct bytes *out = &((struct plain_server *)arg)->client.out;
    size_t n = size < out->size ? size : out->size;
    if (n == 0)
        return MBEDTLS_ERR_SSL_WANT_READ;
    memcpy(to, out->data, n);
    bytes_drop(out, n);
    return (int)n;
}

/* Tickets in the clear: all that mbedTLS itself has to check is left to it. */
static int write_ticket(void *arg, const mbedtls_ssl_session *session, unsigned char *start,
                        const unsigned char *end, size_t *size, uint32_t *lifetime)
{
    (void)arg;
    *lifetime = 3600;
    return mbedtls_ssl_session_save(session, start, (size_t)(end - start), size);
}

static bool forbid_modes;

static int read_ticket(void *arg, mbedtls_ssl_session *session, unsigned char *data, size_t size)
{
    (void)arg;
    int r = mbedtls_ssl_session_load(session, data, size);
    if (forbid_modes)
        session->MBEDTLS_PRIVATE(ticket_flags) = 0;
    return r;
}

static int choose_by_name(void *arg, mbedtls_ssl_context *ssl, const unsigned char *name,
                          size_t size)
{
    (void)arg;
    if (size == 10 && memcmp(name, "open.entry", 10) == 0)
        mbedtls_ssl_set_hs_authmode(ssl, MBEDTLS_SSL_VERIFY_NONE);
    return 0;
}

static void server_start(struct plain_server *s, const struct peer_options *po,
                         void (*configure)(struct plain_server *))
{
    static const char *alpn[] = {"imap", NULL};
    memset(s, 0, sizeof *s);
    mbedtls_ssl_init(&s->ssl);
    mbedtls_ssl_config_init(&s->conf);
    mbedtls_x509_crt_init(&s->cert);
    mbedtls_x509_crt_init(&s->ca);
    mbedtls_pk_init(&s->key);
    PKI_CHECK(mbedtls_ssl_config_defaults(
        &s->conf, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT));
    mbedtls_ssl_conf_rng(&s->conf, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    PKI_CHECK(mbedtls_x509_crt_parse(&s->cert, (unsigned char *)chain, strlen(chain) + 1));
    PKI_CHECK(mbedtls_x509_crt_parse(&s->ca, (unsigned char *)ca, strlen(ca) + 1));
    PKI_CHECK(mbedtls_pk_parse_key(&s->key, (unsigned char *)key, strlen(key) + 1, NULL, 0,
                                   mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE));
    PKI_CHECK(mbedtls_ssl_conf_own_cert(&s->conf, &s->cert, &s->key));
    PKI_CHECK(mbedtls_ssl_conf_alpn_protocols(&s->conf, alpn));
    mbedtls_ssl_conf_session_tickets_cb(&s->conf, write_ticket, read_ticket, NULL);
    if (configure != NULL)
        configure(s);
    PKI_CHECK(mbedtls_ssl_setup(&s->ssl, &s->conf));
    mbedtls_ssl_set_bio(&s->ssl, s, put, get, NULL);
    peer_start(&s->client, po);
}

static void server_step(struct plain_server *s)
{
    if (s->open || s->error != 0)
        return;
    int r = mbedtls_ssl_handshake(&s->ssl);
    s->open = r == 0;
    s->error = r == MBEDTLS_ERR_SSL_WANT_READ ? 0 : r;
}

static void server_pump(struct plain_server *s)
{
    for (int i = 0; i < 8; i++) {
        peer_step(&s->client);
        server_step(s);
    }
}

static void server_free(struct plain_server *s)
{
    mbedtls_ssl_free(&s->ssl);
    mbedtls_ssl_config_free(&s->conf);
    mbedtls_x509_crt_free(&s->cert);
    mbedtls_x509_crt_free(&s->ca);
    mbedtls_pk_free(&s->key);
    peer_free(&s->client);
}

static mbedtls_ssl_session session_of(const struct peer_options *po)
{
    struct plain_server s;
    server_start(&s, po, NULL);
    server_pump(&s);
    assert_true(s.open && s.client.open && s.client.has_session);
    mbedtls_ssl_session session = s.client.session;
    mbedtls_ssl_session_init(&s.client.session);
    server_free(&s);
    return session;
}

/* ---- CVE-2026-93831 ---- */

static void a_tls13_ticket_in_tls12_leads_to_a_full_handshake(void **state)
{
    (void)state;
    struct peer_options po12 = {.max = V12, .sni = "mail.example"};
    struct peer_options po13 = {.min = V13, .sni = "mail.example"};
    mbedtls_ssl_session old = session_of(&po12), new = session_of(&po13);
    unsigned char *ticket = old.MBEDTLS_PRIVATE(ticket);
    size_t size = old.MBEDTLS_PRIVATE(ticket_len);

    struct plain_server s;
    po12.session = &old;
    old.MBEDTLS_PRIVATE(ticket) = new.MBEDTLS_PRIVATE(ticket);
    old.MBEDTLS_PRIVATE(ticket_len) = new.MBEDTLS_PRIVATE(ticket_len);
    /* What the attacker hopes for: a session whose master secret is all zeros. */
    memset(old.MBEDTLS_PRIVATE(master), 0, sizeof old.MBEDTLS_PRIVATE(master));
    server_start(&s, &po12, NULL);
    server_pump(&s);
    assert_true(s.open && s.client.open);
    static const unsigned char zeros[48];
    assert_memory_not_equal(s.ssl.MBEDTLS_PRIVATE(session)->MBEDTLS_PRIVATE(master), zeros, 48);
    server_free(&s);

    old.MBEDTLS_PRIVATE(ticket) = ticket;
    old.MBEDTLS_PRIVATE(ticket_len) = size;
    mbedtls_ssl_session_free(&old);
    mbedtls_ssl_session_free(&new);
}

/* ---- CVE-2026-116375 ---- */

static void require_certificates_unless_named(struct plain_server *s)
{
    static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, 0};
    mbedtls_ssl_conf_groups(&s->conf, groups);
    mbedtls_ssl_conf_authmode(&s->conf, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(&s->conf, &s->ca, NULL);
    mbedtls_ssl_conf_sni(&s->conf, choose_by_name, NULL);
}

static void the_mode_set_for_a_name_ends_with_that_name(void **state)
{
    (void)state;
    static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                      MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, 0};
    static const char *const second[] = {"open.entry", "mail.example", NULL};
    for (size_t i = 0; i < 3; i++) {
        struct plain_server s;
        server_start(&s, &(struct peer_options){.min = V13, .groups = groups, .sni = "open.entry"},
                     require_certificates_unless_named);
        peer_step(&s.client);
        server_step(&s); /* answers with a HelloRetryRequest */
        PKI_CHECK(mbedtls_ssl_set_hostname(&s.client.ssl, second[i]));
        server_pump(&s);
        assert_int_equal(s.open, i == 0);
        assert_int_equal(s.error, i == 0 ? 0 : MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE);
        server_free(&s);
    }
}

/* ---- CVE-2026-115491 ---- */

static void an_unusable_ticket_leaks_nothing(void **state)
{
    (void)state;
    const char *alpn[] = {"imap", NULL};
    struct peer_options po = {.min = V13, .sni = "mail.example", .alpn = alpn};
    mbedtls_ssl_session session = session_of(&po);
    po.session = &session;
    forbid_modes = true;
    long before = blocks;
    for (int i = 0; i < 3; i++) {
        struct plain_server s;
        server_start(&s, &po, NULL);
        server_pump(&s);
        assert_true(s.open && s.client.open);
        server_free(&s);
    }
    assert_int_equal(blocks, before);
    forbid_modes = false;
    mbedtls_ssl_session_free(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tls13_ticket_in_tls12_leads_to_a_full_handshake),
        cmocka_unit_test(the_mode_set_for_a_name_ends_with_that_name),
        cmocka_unit_test(an_unusable_ticket_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
