/* test_certificates.c - which certificate a client gets, and which of its own we accept */
#include "tests/unit/tls/peer.c"
#include "tls/accel/accel.h"
#include "tls/pem.h"
#include "tls/server.h"
#include "tls/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define V12 MBEDTLS_SSL_VERSION_TLS1_2
#define V13 MBEDTLS_SSL_VERSION_TLS1_3

static const char *const default_names[] = {"mail.example.org", NULL};
static const char *const other_names[] = {"other.example.org", NULL};
static const char *const wildcard_names[] = {"*.example.org", NULL};

enum { MAIL_RSA, MAIL_EC, OTHER_EC, WILDCARD_RSA, IDENTITIES };
static struct tls_identity *ids[IDENTITIES];
static struct tls_engine *engine;
static char *client_ca, *client_cert, *client_key, *foreign_cert;

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    if (tls_init(&e) != 0)
        return -1;
    ids[MAIL_RSA] = pki_identity(PKI_RSA2048, default_names);
    ids[MAIL_EC] = pki_identity(PKI_EC256, default_names);
    ids[OTHER_EC] = pki_identity(PKI_EC256, other_names);
    ids[WILDCARD_RSA] = pki_identity(PKI_RSA2048, wildcard_names);
    engine = engine_or_die();
    client_ca = pki_certificate(
        &(struct pki_spec){.subject = "CN=Client CA", .key = PKI_EC384, .ca = true});
    client_cert = pki_certificate(&(struct pki_spec){.subject = "CN=alice,O=Test",
                                                     .key = PKI_EC256_OTHER,
                                                     .issuer = "CN=Client CA",
                                                     .issuer_key = PKI_EC384,
                                                     .serial = 7});
    foreign_cert =
        pki_certificate(&(struct pki_spec){.subject = "CN=mallory", .key = PKI_EC256_OTHER});
    client_key = pki_key_pem(PKI_EC256_OTHER);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < IDENTITIES; i++)
        tls_identity_free(ids[i]);
    tls_engine_free(engine);
    free(client_ca);
    free(client_cert);
    free(client_key);
    free(foreign_cert);
    pki_free();
    return 0;
}

/* ---- ours ---- */

static const uint16_t rsa_only[] = {MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
                                    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256, 0};

static bool shows(const struct join *j, const struct tls_identity *id)
{
    const mbedtls_x509_crt *crt = mbedtls_ssl_get_peer_cert(&j->peer.ssl);
    unsigned char digest[32];
    char text[65];
    PKI_CHECK(
        mbedtls_md(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), crt->raw.p, crt->raw.len, digest));
    for (size_t i = 0; i < sizeof digest; i++)
        sprintf(text + 2 * i, "%02x", digest[i]);
    return strcmp(text, tls_identity_facts(id)->fingerprint) == 0;
}

static void assert_chosen(struct tls_identity *const *list, size_t count, const char *sni,
                          const uint16_t *sig_algs, const struct tls_identity *expected)
{
    struct tls_server_options so = join_options(list, count);
    for (int v = 0; v < 2; v++) {
        struct join j;
        mbedtls_ssl_protocol_version version = v == 0 ? V12 : V13;
        join_start(&j, engine, NULL, &so,
                   &(struct peer_options){
                       .min = version, .max = version, .sni = sni, .sig_algs = sig_algs});
        join_pump(&j);
        assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
        assert_true(shows(&j, expected));
        join_free(&j);
    }
}

static void the_name_chooses_the_certificate(void **state)
{
    (void)state;
    struct tls_identity *list[] = {ids[MAIL_EC], ids[OTHER_EC]};
    assert_chosen(list, 2, "mail.example.org", NULL, ids[MAIL_EC]);
    assert_chosen(list, 2, "other.example.org", NULL, ids[OTHER_EC]);
    assert_chosen(list, 2, "OTHER.example.ORG", NULL, ids[OTHER_EC]);
}

static void no_name_or_an_unknown_one_gets_the_default(void **state)
{
    (void)state;
    struct tls_identity *list[] = {ids[MAIL_EC], ids[OTHER_EC]};
    assert_chosen(list, 2, NULL, NULL, ids[MAIL_EC]);
    assert_chosen(list, 2, "elsewhere.example.net", NULL, ids[MAIL_EC]);
    struct tls_identity *turned[] = {ids[OTHER_EC], ids[MAIL_EC]};
    assert_chosen(turned, 2, NULL, NULL, ids[OTHER_EC]);
}

static void a_name_with_odd_bytes_gets_the_default_and_is_not_shown(void **state)
{
    (void)state;
    struct tls_identity *list[] = {ids[MAIL_EC], ids[OTHER_EC]};
    struct tls_server_options so = join_options(list, 2);
    struct join j;
    struct tls_info info;
    join_start(&j, engine, NULL, &so, &(struct peer_options){.sni = "a b\nlevel=error"});
    join_pump(&j);
    assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
    assert_true(shows(&j, ids[MAIL_EC]));
    tls_conn_info(j.conn, &info);
    assert_null(info.sni);
    join_free(&j);
}

static void a_wildcard_serves_what_has_no_certificate_of_its_own(void **state)
{
    (void)state;
    struct tls_identity *list[] = {ids[OTHER_EC], ids[WILDCARD_RSA]};
    assert_chosen(list, 2, "third.example.org", NULL, ids[WILDCARD_RSA]);
    assert_chosen(list, 2, "other.example.org", NULL, ids[OTHER_EC]);
    assert_chosen(list, 2, "a.b.example.org", NULL, ids[OTHER_EC]); /* two labels: the default */
}

static void two_kinds_of_key_serve_two_kinds_of_client(void **state)
{
    (void)state;
    struct tls_identity *list[] = {ids[MAIL_RSA], ids[MAIL_EC], ids[OTHER_EC]};
    assert_chosen(list, 3, "mail.example.org", NULL, ids[MAIL_EC]); /* cheaper for us */
    assert_chosen(list, 3, "mail.example.org", rsa_only, ids[MAIL_RSA]);
    assert_chosen(list, 3, NULL, NULL, ids[MAIL_EC]);
    assert_chosen(list, 3, NULL, rsa_only, ids[MAIL_RSA]);
    struct tls_identity *turned[] = {ids[MAIL_EC], ids[MAIL_RSA]};
    assert_chosen(turned, 2, NULL, NULL, ids[MAIL_EC]);
    assert_chosen(turned, 2, NULL, rsa_only, ids[MAIL_RSA]);
}

/* A leaf whose DER is of that size; RSA's signatures are all of one. */
static char *leaf_of_size(size_t size)
{
    struct pki_spec spec = {.subject = "CN=large",
                            .names = default_names,
                            .key = PKI_EC256,
                            .issuer = "CN=CA",
                            .issuer_key = PKI_RSA2048,
                            .padding = 15000};
    mbedtls_x509_crt crt;
    mbedtls_x509_crt_init(&crt);
    char *pem = pki_certificate(&spec);
    PKI_CHECK(mbedtls_x509_crt_parse(&crt, (const uint8_t *)pem, strlen(pem) + 1));
    spec.padding += size - crt.raw.len;
    mbedtls_x509_crt_free(&crt);
    free(pem);
    return pki_certificate(&spec);
}

/* As much as TLS_CHAIN_MAX says, in both versions, and not a byte more. */
static void a_chain_is_served_up_to_the_limit(void **state)
{
    (void)state;
    char *key = pki_key_pem(PKI_EC256), *fits = leaf_of_size(TLS_CHAIN_MAX - 5);
    struct tls_identity *id = pki_load(fits, key);
    assert_chosen(&id, 1, NULL, NULL, id);
    tls_identity_free(id);
    char *large = leaf_of_size(TLS_CHAIN_MAX - 4);
    struct err e = {.text = ""};
    assert_null(tls_identity_load(pki_slice(large), "chain.pem", pki_slice(key), "key.pem", &e));
    assert_non_null(strstr(e.text, "16377 bytes"));
    free(large);
    free(fits);
    free(key);
}

/* ---- names with identities of their own ---- */

static struct tls_server_options with_names(struct tls_identity *const *list)
{
    static struct tls_identity *others[1], *wild[1];
    static struct tls_server_name names[4];
    others[0] = ids[OTHER_EC];
    wild[0] = ids[WILDCARD_RSA];
    names[0] = (struct tls_server_name){"other.example.org", others, 1};
    names[1] = (struct tls_server_name){"*.example.org", wild, 1};
    names[2] = (struct tls_server_name){"elsewhere.example.net", others, 1}; /* not covered */
    names[3] = (struct tls_server_name){"own.example.org", NULL, 0};
    struct tls_server_options so = join_options(list, 1);
    so.names = names;
    so.name_count = 4;
    return so;
}

static void a_name_has_the_identities_of_its_own(void **state)
{
    static const struct {
        const char *sni;
        int shown;
        size_t index;
    } rows[] = {
        {"other.example.org", OTHER_EC, 0},
        {"OTHER.Example.Org", OTHER_EC, 0},
        {"mail.example.org", WILDCARD_RSA, 1}, /* although the default has exactly that name */
        {"elsewhere.example.net", OTHER_EC, 2},
        {"own.example.org", MAIL_EC, 3},
        {"unknown.example.net", MAIL_EC, TLS_NO_NAME},
        {"a.b.example.org", MAIL_EC, TLS_NO_NAME},
        {NULL, MAIL_EC, TLS_NO_NAME},
    };
    (void)state;
    struct tls_server_options so = with_names((struct tls_identity *const[]){ids[MAIL_EC]});
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        struct join j;
        const mbedtls_ssl_protocol_version version = i % 2 == 0 ? V12 : V13;
        join_start(&j, engine, NULL, &so,
                   &(struct peer_options){.min = version, .max = version, .sni = rows[i / 2].sni});
        assert_int_equal(tls_conn_server_name(j.conn), TLS_NO_NAME);
        join_pump(&j);
        assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
        assert_true(shows(&j, ids[rows[i / 2].shown]));
        assert_int_equal(tls_conn_server_name(j.conn), rows[i / 2].index);
        join_free(&j);
    }
}

static void a_name_is_known_to_strict_routes(void **state)
{
    static const struct {
        const char *sni;
        enum tls_status expected;
    } rows[] = {{"elsewhere.example.net", TLS_OPEN},
                {"own.example.org", TLS_OPEN},
                {"mail.example.org", TLS_OPEN},
                {"unknown.example.net", TLS_FAILED},
                {"a.b.example.org", TLS_FAILED}};
    (void)state;
    struct tls_server_options so = with_names((struct tls_identity *const[]){ids[MAIL_EC]});
    so.strict_sni = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct join j;
        join_start(&j, engine, NULL, &so, &(struct peer_options){.sni = rows[i].sni});
        join_pump(&j);
        assert_int_equal(tls_conn_status(j.conn), rows[i].expected);
        join_free(&j);
    }
}

static void ciphers_that_serve_a_name_to_nobody_are_refused_with_it(void **state)
{
    static const char *only_ecdsa[] = {"ECDHE-ECDSA-AES128-GCM-SHA256"};
    const struct string_list ciphers = {only_ecdsa, 1};
    struct err e = {.text = ""};
    (void)state;
    struct tls_server_options so = with_names((struct tls_identity *const[]){ids[MAIL_EC]});
    so.ciphers = &ciphers;
    assert_null(tls_server_new(&so, &e));
    assert_non_null(strstr(e.text, "an RSA certificate, as there is for *.example.org"));
    assert_int_equal(e.blamed, TLS_INPUT_CIPHERS);
    so.min_version = TLS_MIN_1_3;
    struct tls_server *s = tls_server_new(&so, &e);
    assert_non_null(s);
    tls_server_free(s);
}

static void strict_routes_refuse_unknown_names(void **state)
{
    (void)state;
    static const struct {
        const char *sni;
        bool served;
    } rows[] = {{"mail.example.org", true},
                {NULL, true},
                {"other.example.org", false},
                {"odd name", false}};
    struct tls_server_options so = join_options(&ids[MAIL_EC], 1);
    so.strict_sni = true;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        struct join j;
        mbedtls_ssl_protocol_version version = i % 2 == 0 ? V12 : V13;
        join_start(&j, engine, NULL, &so,
                   &(struct peer_options){.min = version, .max = version, .sni = rows[i / 2].sni});
        join_pump(&j);
        assert_int_equal(tls_conn_status(j.conn), rows[i / 2].served ? TLS_OPEN : TLS_FAILED);
        if (!rows[i / 2].served) {
            assert_int_equal(tls_conn_failure(j.conn)->alert_sent, 112);
            assert_int_equal(j.peer.alert, 112);
        }
        join_free(&j);
    }
}

/* A client that changes its mind about the name between its two ClientHellos. */
static void change_name_after_retry(const struct tls_server_options *so, const char *first,
                                    const char *second, const char *cert, const char *key,
                                    struct join *j)
{
    static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                      MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, 0};
    static const char *only[] = {"secp384r1"};
    static struct string_list list = {only, 1};
    struct tls_server_options with_retry = *so;
    with_retry.groups = &list;
    join_start(j, engine, NULL, &with_retry,
               &(struct peer_options){
                   .min = V13, .groups = groups, .sni = first, .cert = cert, .key = key});
    peer_step(&j->peer);
    join_deliver(j, j->peer.out.data, j->peer.out.size);
    j->peer.out.size = 0;
    assert_true(j->peer.in.size > 0);
    assert_int_equal(tls_conn_status(j->conn), TLS_HANDSHAKE);
    PKI_CHECK(mbedtls_ssl_set_hostname(&j->peer.ssl, second));
    join_pump(j);
}

static void the_name_may_not_change_after_a_retry_request(void **state)
{
    (void)state;
    struct tls_identity *list[] = {ids[MAIL_EC], ids[OTHER_EC]};
    struct tls_server_options so = join_options(list, 2);
    static const char *const second[] = {"other.example.org", NULL, "mail.example.orh"};
    for (size_t i = 0; i < 3; i++) {
        struct join j;
        change_name_after_retry(&so, "mail.example.org", second[i], NULL, NULL, &j);
        assert_int_equal(tls_conn_status(j.conn), TLS_FAILED);
        assert_int_equal(tls_conn_failure(j.conn)->alert_sent, 47);
        assert_non_null(strstr(tls_conn_failure(j.conn)->reason, "changed the server name"));
        assert_int_equal(j.peer.alert, 47);
        join_free(&j);
    }
    struct join j;
    change_name_after_retry(&so, "other.example.org", "other.example.org", NULL, NULL, &j);
    assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
    assert_true(shows(&j, ids[OTHER_EC]));
    join_free(&j);
}

/* ---- the client's ---- */

static struct tls_server_options with_client_auth(enum client_auth mode)
{
    struct tls_server_options so = join_options(&ids[MAIL_EC], 1);
    so.client_auth = mode;
    so.client_ca = pki_slice(client_ca);
    return so;
}

static void visit(struct join *j, const struct tls_server_options *so,
                  mbedtls_ssl_protocol_version version, const char *cert)
{
    join_start(
        j, engine, NULL, so,
        &(struct peer_options){
            .min = version, .max = version, .cert = cert, .key = cert != NULL ? client_key : NULL});
    join_pump(j);
}

static void assert_accepted(const struct tls_server_options *so, const char *cert,
                            const char *subject)
{
    for (int v = 0; v < 2; v++) {
        struct join j;
        struct tls_info info;
        visit(&j, so, v == 0 ? V12 : V13, cert);
        const struct tls_failure *f = tls_conn_failure(j.conn);
        if (f != NULL)
            fail_msg("%s", f->reason);
        assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
        tls_conn_info(j.conn, &info);
        if (subject == NULL)
            assert_null(info.client_subject);
        else
            assert_string_equal(info.client_subject, subject);
        peer_write(&j.peer, "x", 1);
        join_pump(&j);
        assert_int_equal(j.plain.size, 1);
        join_free(&j);
    }
}

static void assert_rejected_by(enum tls_fault fault, const struct tls_server_options *so,
                               const char *cert, int alert12, int alert13, const char *words)
{
    for (int v = 0; v < 2; v++) {
        struct join j;
        int alert = v == 0 ? alert12 : alert13;
        visit(&j, so, v == 0 ? V12 : V13, cert);
        const struct tls_failure *f = tls_conn_failure(j.conn);
        if (f == NULL)
            fail_msg("accepted, but \"%s\" was expected", words);
        if (f->alert_sent != alert || strstr(f->reason, words) == NULL)
            fail_msg("\"%s\", alert %d; expected \"%s\", %d", f->reason, f->alert_sent, words,
                     alert);
        assert_int_equal(f->fault, fault);
        assert_int_equal(j.peer.alert, alert);
        assert_int_equal(j.peer.alerts, 1);
        assert_int_equal(j.peer.in.size, 0);
        assert_int_equal(j.plain.size, 0);
        join_free(&j);
    }
}

static void assert_rejected(const struct tls_server_options *so, const char *cert, int alert12,
                            int alert13, const char *words)
{
    assert_rejected_by(TLS_FAULT_CLIENT, so, cert, alert12, alert13, words);
}

static void client_certificates_are_optional_or_required(void **state)
{
    (void)state;
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_NONE);
    assert_accepted(&so, client_cert, NULL); /* not asked for, not sent */
    so = with_client_auth(CLIENT_AUTH_OPTIONAL);
    assert_accepted(&so, NULL, NULL);
    assert_accepted(&so, client_cert, "CN=alice, O=Test");
    so = with_client_auth(CLIENT_AUTH_REQUIRED);
    assert_accepted(&so, client_cert, "CN=alice, O=Test");
    assert_rejected(&so, NULL, 40, 116, "no certificate");
}

static void a_bad_client_certificate_is_refused_even_where_it_is_optional(void **state)
{
    (void)state;
    static const enum client_auth modes[] = {CLIENT_AUTH_OPTIONAL, CLIENT_AUTH_REQUIRED};
    char *expired = pki_certificate(&(struct pki_spec){.subject = "CN=alice",
                                                       .key = PKI_EC256_OTHER,
                                                       .issuer = "CN=Client CA",
                                                       .issuer_key = PKI_EC384,
                                                       .from = "20100101000000",
                                                       .to = "20110101000000"});
    char *forged = pki_certificate(&(struct pki_spec){.subject = "CN=alice",
                                                      .key = PKI_EC256_OTHER,
                                                      .issuer = "CN=Client CA",
                                                      .issuer_key = PKI_EC256});
    char *for_servers = pki_certificate(&(struct pki_spec){.subject = "CN=alice",
                                                           .key = PKI_EC256_OTHER,
                                                           .issuer = "CN=Client CA",
                                                           .issuer_key = PKI_EC384,
                                                           .usage = MBEDTLS_OID_SERVER_AUTH});
    for (size_t i = 0; i < 2; i++) {
        struct tls_server_options so = with_client_auth(modes[i]);
        assert_rejected(&so, foreign_cert, 48, 48, "not signed by the client-ca");
        assert_rejected(&so, forged, 48, 48, "not signed by the client-ca");
        assert_rejected(&so, expired, 45, 45, "expired");
        assert_rejected(&so, for_servers, 43, 43, "not meant for clients");
    }
    free(expired);
    free(forged);
    free(for_servers);
}

/* ---- whose fault it is ---- */

#define PAST   .from = "20100101000000", .to = "20110101000000"
#define FUTURE .from = "20900101000000", .to = "20910101000000"

static const struct pki_spec usual_ca = {.subject = "CN=Client CA", .key = PKI_EC384, .ca = true},
                             usual_client = {.subject = "CN=alice",
                                             .key = PKI_EC256_OTHER,
                                             .issuer = "CN=Client CA",
                                             .issuer_key = PKI_EC384},
                             usual_middle = {.subject = "CN=Middle",
                                             .key = PKI_EC256,
                                             .issuer = "CN=Client CA",
                                             .issuer_key = PKI_EC384,
                                             .ca = true,
                                             .serial = 50},
                             below_middle = {.subject = "CN=alice",
                                             .key = PKI_EC256_OTHER,
                                             .issuer = "CN=Middle",
                                             .issuer_key = PKI_EC256};

/* `middle` NULL: the client has its certificate from the authority itself; `words` NULL: it is let
 * in. */
static void assert_judged(const struct pki_spec *authority, const struct pki_spec *middle,
                          const struct pki_spec *client, int alert, const char *words)
{
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_REQUIRED);
    char *ca = pki_certificate(authority), *own = pki_certificate(client);
    char *between = middle != NULL ? pki_certificate(middle) : strdup("");
    char *sent = pki_join(own, between);
    so.client_ca = pki_slice(ca);
    if (words != NULL)
        assert_rejected(&so, sent, alert, alert, words);
    else
        assert_accepted(&so, sent, client->subject);
    free(ca);
    free(own);
    free(between);
    free(sent);
}

static void of_an_authority_the_refusal_says_so(void **state)
{
    (void)state;
    struct pki_spec late = {.subject = "CN=Client CA", .key = PKI_EC384, .ca = true, PAST};
    struct pki_spec early = {.subject = "CN=Client CA", .key = PKI_EC384, .ca = true, FUTURE};
    struct pki_spec idle = {.subject = "CN=Client CA", .issuer = "CN=Root", .key = PKI_EC384};
    struct pki_spec last = usual_ca, other = usual_ca;
    last.last_ca = true;
    other.key = PKI_RSA2048;
    assert_judged(&usual_ca, NULL, &usual_client, 0, NULL);
    assert_judged(&late, NULL, &usual_client, 45,
                  "the authority in client-ca that the client "
                  "certificate comes from has expired");
    assert_judged(&late, &usual_middle, &below_middle, 45, "authority in client-ca");
    assert_judged(&early, NULL, &usual_client, 46,
                  "the authority in client-ca that the client "
                  "certificate comes from is not yet valid");
    assert_judged(&idle, NULL, &usual_client, 48, "the certificate of its issuer may not sign");
    assert_judged(&other, NULL, &usual_client, 48, "names an authority in it, but is not signed");
    assert_judged(&last, NULL, &usual_client, 0, NULL);
    assert_judged(&last, &usual_middle, &below_middle, 48, "(pathlen)");
}

static void of_what_a_client_sent_along_the_refusal_says_so(void **state)
{
    (void)state;
    struct pki_spec late = usual_middle, early = usual_middle, idle = usual_middle;
    struct pki_spec sha1 = usual_middle, weak = usual_middle, forged = below_middle;
    struct pki_spec stray = usual_middle, weakly_signed = below_middle;
    struct pki_spec mail = usual_middle, any = usual_middle, meant = usual_middle;
    late.from = "20100101000000";
    late.to = "20110101000000";
    early.from = "20900101000000";
    early.to = "20910101000000";
    idle.ca = false;
    sha1.sha1 = true;
    weak.key = weakly_signed.issuer_key = PKI_RSA1024;
    forged.issuer_key = PKI_EC384;
    stray.issuer = "CN=Nobody";
    mail.usage = MBEDTLS_OID_EMAIL_PROTECTION;
    any.usage = MBEDTLS_OID_ANY_EXTENDED_KEY_USAGE;
    meant.usage = MBEDTLS_OID_CLIENT_AUTH;
    assert_judged(&usual_ca, &usual_middle, &below_middle, 0, NULL);
    assert_judged(&usual_ca, &late, &below_middle, 45,
                  "an intermediate certificate that the client sent has expired");
    assert_judged(&usual_ca, &early, &below_middle, 46,
                  "an intermediate certificate that the client sent is not yet valid");
    assert_judged(&usual_ca, &idle, &below_middle, 48, "the certificate of its issuer may not");
    assert_judged(&usual_ca, &sha1, &below_middle, 46,
                  "an intermediate certificate that the "
                  "client sent is signed with SHA-1");
    assert_judged(&usual_ca, &weak, &weakly_signed, 43, "an authority with a weak or unsupported");
    assert_judged(&usual_ca, &usual_middle, &forged, 48,
                  "the key of the certificate that the "
                  "client sent as its issuer's");
    assert_judged(&usual_ca, &stray, &below_middle, 48, "is not signed by the client-ca");
    assert_judged(&usual_ca, &mail, &below_middle, 43,
                  "an intermediate certificate that the client sent is not meant for clients");
    assert_judged(&usual_ca, &any, &below_middle, 0, NULL);
    assert_judged(&usual_ca, &meant, &below_middle, 0, NULL);
    assert_judged(&mail, &mail, &below_middle, 0, NULL); /* it stands in client-ca */
    assert_judged(&usual_ca, NULL, &below_middle, 48, "is not signed by the client-ca");
}

#define NAME_CONSTRAINTS                                                                           \
    .extension = "\x55\x1d\x1e", .value = "\x30\x0f\xa0\x0d\x30\x0b\x82\x09good.test"

/* They bind all that stand below, be they critical or not, and whether the client sent them. */
static void an_authority_may_not_give_every_name(void **state)
{
    (void)state;
    static const char *const good[] = {"pc7.good.test", NULL}, *const bad[] = {"evil.test", NULL};
    static const char words[] = "client certificate has a name that an authority above it may not";
    for (int critical = 0; critical <= 1; critical++) {
        const struct pki_spec ca = {.subject = "CN=Client CA",
                                    .key = PKI_EC384,
                                    .ca = true,
                                    NAME_CONSTRAINTS,
                                    .extension_critical = critical},
                              middle = {.subject = "CN=Middle",
                                        .key = PKI_EC256,
                                        .issuer = "CN=Client CA",
                                        .issuer_key = PKI_EC384,
                                        .ca = true,
                                        .serial = 50,
                                        NAME_CONSTRAINTS,
                                        .extension_critical = critical};
        struct pki_spec within = below_middle, outside = below_middle, direct = usual_client;
        within.names = good;
        outside.names = direct.names = bad;
        assert_judged(&usual_ca, &middle, &within, 0, NULL);
        assert_judged(&usual_ca, &middle, &outside, 49, words);
        assert_judged(&ca, &usual_middle, &within, 0, NULL);
        assert_judged(&ca, &usual_middle, &outside, 49, words);
        assert_judged(&ca, NULL, &direct, 49, words);
        assert_judged(&usual_ca, NULL, &direct, 0, NULL);
    }
}

static void of_a_clients_own_certificate_the_refusal_says_so(void **state)
{
    (void)state;
    struct pki_spec late = usual_client, early = usual_client, sha1 = usual_client;
    struct pki_spec weak = usual_client;
    struct pki_spec late_ca = {.subject = "CN=Client CA", .key = PKI_EC384, .ca = true, PAST};
    late.from = "20100101000000";
    late.to = "20110101000000";
    early.from = "20900101000000";
    early.to = "20910101000000";
    sha1.sha1 = true;
    weak.key = PKI_RSA1024;
    assert_judged(&usual_ca, NULL, &late, 45, "client certificate has expired");
    assert_judged(&late_ca, NULL, &late, 45, "client certificate has expired");
    assert_judged(&usual_ca, NULL, &early, 46, "client certificate is not yet valid");
    assert_judged(&usual_ca, NULL, &sha1, 46, "client certificate is signed with SHA-1");
    assert_judged(&usual_ca, NULL, &weak, 43, "client certificate has a weak");
}

static void a_client_with_too_long_a_chain_is_to_blame_itself(void **state)
{
    (void)state;
    enum { LENGTH = 10 };
    char *sent = strdup(""), name[LENGTH + 2][16];
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_REQUIRED);
    for (int i = 0; i < LENGTH + 2; i++)
        snprintf(name[i], sizeof name[i], i <= LENGTH ? "CN=%d" : "CN=Client CA", i);
    for (int i = 0; i <= LENGTH; i++) {
        char *one = pki_certificate(
            &(struct pki_spec){.subject = name[i],
                               .key = PKI_EC256_OTHER,
                               .issuer = name[i + 1],
                               .issuer_key = i < LENGTH ? PKI_EC256_OTHER : PKI_EC384,
                               .ca = i > 0});
        char *more = pki_join(sent, one);
        free(one);
        free(sent);
        sent = more;
    }
    assert_rejected(&so, sent, 49, 49, "more certificates than are looked at");
    free(sent);
}

static void revoked_client_certificates_are_refused(void **state)
{
    (void)state;
    char *revokes = pki_crl("CN=Client CA", PKI_EC384, 7, NULL);
    char *revokes_other = pki_crl("CN=Client CA", PKI_EC384, 8, NULL);
    char *stale = pki_crl("CN=Client CA", PKI_EC384, 8, "20200101000000");
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_OPTIONAL);
    so.client_crl = pki_slice(revokes);
    assert_rejected(&so, client_cert, 44, 44, "revoked");
    assert_accepted(&so, NULL, NULL);
    so.client_crl = pki_slice(revokes_other);
    assert_accepted(&so, client_cert, "CN=alice, O=Test");
    so.client_crl = pki_slice(stale);
    assert_rejected_by(TLS_FAULT_LOCAL, &so, client_cert, 46, 46, "client-crl has expired");
    char *revokes_middle = pki_crl("CN=Client CA", PKI_EC384, 50, NULL);
    char *middle = pki_certificate(&usual_middle), *own = pki_certificate(&below_middle);
    char *sent = pki_join(own, middle);
    so.client_crl = pki_slice(revokes_middle);
    assert_rejected(&so, sent, 44, 44,
                    "an intermediate certificate that the client sent is revoked");
    free(revokes_middle);
    free(middle);
    free(own);
    free(sent);
    free(revokes);
    free(revokes_other);
    free(stale);
}

/* An authority goes on with a new key under its old name. */
static void namesakes_have_each_its_own_lists(void **state)
{
    (void)state;
    static const struct pki_spec older = {.subject = "CN=Client CA", .key = PKI_EC256, .ca = true},
                                 of_older = {.subject = "CN=alice",
                                             .key = PKI_EC256_OTHER,
                                             .issuer = "CN=Client CA",
                                             .issuer_key = PKI_EC256,
                                             .serial = 8};
    char *old = pki_certificate(&older), *cas = pki_join(client_ca, old);
    char *theirs = pki_certificate(&of_older);
    char *lists[] = {pki_crl("CN=Client CA", PKI_EC384, 7, NULL),
                     pki_crl("CN=Client CA", PKI_EC256, 9, NULL),
                     pki_crl("CN=Client CA", PKI_EC256, 8, NULL)};
    char *both = pki_join(lists[0], lists[1]), *turned = pki_join(lists[2], lists[0]);
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_REQUIRED);
    so.client_ca = pki_slice(cas);
    so.client_crl = pki_slice(both);
    assert_rejected(&so, client_cert, 44, 44, "client certificate is revoked");
    assert_accepted(&so, theirs, "CN=alice");
    so.client_crl = pki_slice(turned);
    assert_rejected(&so, client_cert, 44, 44, "client certificate is revoked");
    assert_rejected(&so, theirs, 44, 44, "client certificate is revoked");
    so.client_crl = pki_slice(lists[1]);
    assert_rejected_by(TLS_FAULT_LOCAL, &so, client_cert, 46, 46,
                       "the client-crl is not signed by the client-ca");
    assert_accepted(&so, theirs, "CN=alice");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        free(lists[i]);
    free(both);
    free(turned);
    free(theirs);
    free(cas);
    free(old);
}

static void an_authority_in_client_ca_can_be_revoked(void **state)
{
    (void)state;
    char *middle = pki_certificate(&usual_middle), *cas = pki_join(client_ca, middle);
    char *own = pki_certificate(&below_middle), *sent = pki_join(own, middle);
    char *list = pki_crl("CN=Client CA", PKI_EC384, 50, NULL);
    char *forged = pki_crl("CN=Client CA", PKI_EC256, 50, NULL);
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_REQUIRED);
    so.client_ca = pki_slice(cas);
    assert_accepted(&so, own, "CN=alice");
    so.client_crl = pki_slice(list);
    assert_rejected(&so, own, 44, 44,
                    "the authority in client-ca that the client certificate comes from is revoked");
    assert_rejected(&so, sent, 44, 44, "revoked");
    assert_accepted(&so, client_cert, "CN=alice, O=Test");
    so.client_crl = pki_slice(forged);
    assert_accepted(&so, own, "CN=alice");
    free(forged);
    free(list);
    free(sent);
    free(own);
    free(cas);
    free(middle);
}

static int keep_der(void *arg, const struct pem_block *b, struct err *e)
{
    struct tls_slice *der = arg;
    der->data = pem_decode(b, "p", &der->size, e);
    return der->data != NULL ? 0 : -1;
}

static struct tls_slice der_of(const char *pem)
{
    struct tls_slice der;
    struct err e;
    assert_int_equal(pem_walk(pki_slice(pem), "p", keep_der, &der, &e), 1);
    return der;
}

static void lists_in_der_may_stand_one_behind_the_other(void **state)
{
    (void)state;
    char *first = pki_crl("CN=Other CA", PKI_EC256, 7, NULL);
    char *second = pki_crl("CN=Client CA", PKI_EC384, 7, NULL);
    const struct tls_slice a = der_of(first), b = der_of(second);
    const struct tls_slice both = {malloc(a.size + b.size), a.size + b.size};
    memcpy((uint8_t *)both.data, a.data, a.size);
    memcpy((uint8_t *)both.data + a.size, b.data, b.size);
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_OPTIONAL);
    so.client_crl = both;
    assert_rejected(&so, client_cert, 44, 44, "revoked");
    struct err e;
    so.client_crl.size--;
    assert_null(tls_server_new(&so, &e));
    assert_non_null(strstr(e.text, "client-crl: a revocation list in it is damaged"));
    free((void *)a.data);
    free((void *)b.data);
    free((void *)both.data);
    free(first);
    free(second);
}

/* ---- lists of clients ---- */

#define LIST(type, ...)                                                                            \
    (&(const type){.items = (__VA_ARGS__), .count = sizeof(__VA_ARGS__) / sizeof *(__VA_ARGS__)})
#define SUBJECTS(...) LIST(struct string_list, (const char *[]){__VA_ARGS__})
#define NAMES(...)    LIST(struct client_name_list, (struct client_name[]){__VA_ARGS__})

static const char in_neither[] = "neither client-subjects nor client-names";

/* `modulus` bits, all of them set, and an odd exponent of `exponent` bits: no key that signs. */
static char *dear_certificate(size_t modulus, size_t exponent)
{
    mbedtls_pk_context pk;
    mbedtls_mpi n, e;
    mbedtls_mpi_init(&n);
    mbedtls_mpi_init(&e);
    for (size_t i = 0; i < modulus; i++)
        PKI_CHECK(mbedtls_mpi_set_bit(&n, i, 1));
    PKI_CHECK(mbedtls_mpi_set_bit(&e, 0, 1));
    PKI_CHECK(mbedtls_mpi_set_bit(&e, exponent - 1, 1));
    mbedtls_pk_init(&pk);
    PKI_CHECK(mbedtls_pk_setup(&pk, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)));
    PKI_CHECK(mbedtls_rsa_import(mbedtls_pk_rsa(pk), &n, NULL, NULL, NULL, &e));
    mbedtls_mpi_free(&n);
    mbedtls_mpi_free(&e);
    char *pem = pki_certificate(&(struct pki_spec){.subject = "CN=alice",
                                                   .subject_key = &pk,
                                                   .issuer = "CN=Client CA",
                                                   .issuer_key = PKI_EC384,
                                                   .serial = 9});
    mbedtls_pk_free(&pk);
    return pem;
}

static void keys_that_are_dear_are_refused_before_they_are_used(void **state)
{
    static const struct {
        size_t modulus, exponent;
    } rows[] = {{4104, 17}, {8192, 17}, {2048, 65}, {8192, 8000}};
    static const enum client_auth modes[] = {CLIENT_AUTH_OPTIONAL, CLIENT_AUTH_REQUIRED};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *dear = dear_certificate(rows[i].modulus, rows[i].exponent);
        char *behind = pki_join(client_cert, dear); /* anywhere in the chain */
        for (size_t m = 0; m < 2; m++) {
            struct tls_server_options so = with_client_auth(modes[m]);
            assert_rejected(&so, behind, 43, 43, "weak or unsupported key");
        }
        free(behind);
        free(dear);
    }
    char *fine = dear_certificate(4096, 64), *behind = pki_join(client_cert, fine);
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_REQUIRED);
    assert_accepted(&so, behind, "CN=alice, O=Test");
    free(behind);
    free(fine);
}

/* Their keys may be dear. A signature with one is good, but nobody trusted has signed its owner. */
static void authorities_that_nobody_vouches_for_cost_nothing(void **state)
{
    (void)state;
    char *own = pki_certificate(&(struct pki_spec){.subject = "CN=alice",
                                                   .key = PKI_EC256_OTHER,
                                                   .issuer = "CN=Client CA",
                                                   .issuer_key = PKI_RSA2048,
                                                   .serial = 21});
    char *impostor = pki_certificate(&(struct pki_spec){
        .subject = "CN=Client CA", .key = PKI_RSA2048, .ca = true, .serial = 22});
    char *chain = pki_join(own, impostor);
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_REQUIRED);
    const unsigned long before = accel_count(ACCEL_RSA_PUBLIC);
    assert_rejected(&so, chain, 48, 48, "not signed by the client-ca");
    assert_int_equal(accel_count(ACCEL_RSA_PUBLIC), before);
    free(own);
    free(impostor);
    free(chain);
}

/* The first has the name, the second the key. */
static void of_two_authorities_of_one_name_the_one_that_signed_counts(void **state)
{
    (void)state;
    char *old = pki_certificate(&(struct pki_spec){.subject = "CN=Department",
                                                   .key = PKI_RSA2048,
                                                   .issuer = "CN=Client CA",
                                                   .issuer_key = PKI_EC384,
                                                   .ca = true,
                                                   .serial = 31});
    char *new = pki_certificate(&(struct pki_spec){.subject = "CN=Department",
                                                   .key = PKI_EC256,
                                                   .issuer = "CN=Client CA",
                                                   .issuer_key = PKI_EC384,
                                                   .ca = true,
                                                   .serial = 32});
    char *own = pki_certificate(&(struct pki_spec){.subject = "CN=alice, O=Test",
                                                   .key = PKI_EC256_OTHER,
                                                   .issuer = "CN=Department",
                                                   .issuer_key = PKI_EC256,
                                                   .serial = 33});
    char *both = pki_join(old, new), *chain = pki_join(own, both);
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_REQUIRED);
    assert_accepted(&so, chain, "CN=alice, O=Test");
    free(chain);
    free(both);
    free(own);
    free(new);
    free(old);
}

/* What the specs say, one behind the other. */
static char *chain_of(const struct pki_spec *const *specs)
{
    char *chain = strdup("");
    for (; *specs != NULL; specs++) {
        char *one = pki_certificate(*specs), *more = pki_join(chain, one);
        free(one);
        free(chain);
        chain = more;
    }
    return chain;
}

/* RFC 8446 4.4.2: only the client's own has its place. */
static void what_a_client_sends_along_may_stand_in_any_order(void **state)
{
    (void)state;
    static const struct pki_spec upper = {.subject = "CN=Upper",
                                          .key = PKI_RSA2048,
                                          .issuer = "CN=Client CA",
                                          .issuer_key = PKI_EC384,
                                          .ca = true,
                                          .serial = 60},
                                 lower = {.subject = "CN=Lower",
                                          .key = PKI_EC256,
                                          .issuer = "CN=Upper",
                                          .issuer_key = PKI_RSA2048,
                                          .ca = true,
                                          .serial = 61},
                                 own = {.subject = "CN=alice, O=Test",
                                        .key = PKI_EC256_OTHER,
                                        .issuer = "CN=Lower",
                                        .issuer_key = PKI_EC256,
                                        .serial = 62},
                                 crossed = {.subject = "CN=Lower",
                                            .key = PKI_EC256,
                                            .issuer = "CN=Nobody",
                                            .issuer_key = PKI_RSA1024,
                                            .ca = true,
                                            .serial = 63},
                                 itself = {.subject = "CN=Lower",
                                           .key = PKI_EC256,
                                           .ca = true,
                                           .serial = 64},
                                 circle = {.subject = "CN=Upper",
                                           .key = PKI_RSA2048,
                                           .issuer = "CN=Lower",
                                           .issuer_key = PKI_EC256,
                                           .ca = true,
                                           .serial = 65};
    static const struct {
        bool good;
        const struct pki_spec *sent[6];
    } rows[] = {
        {true, {&own, &lower, &upper}},           {true, {&own, &upper, &lower}},
        {true, {&own, &crossed, &lower, &upper}}, /* the first leads nowhere */
        {true, {&own, &crossed, &upper, &lower}}, {true, {&own, &itself, &itself, &upper, &lower}},
        {true, {&own, &circle, &lower, &upper}},  {false, {&own, &crossed, &upper}},
        {false, {&own, &circle, &lower}},         {false, {&own, &itself, &upper}},
    };
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_REQUIRED);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *chain = chain_of(rows[i].sent);
        if (rows[i].good)
            assert_accepted(&so, chain, "CN=alice, O=Test");
        else
            assert_rejected(&so, chain, 48, 48, "not signed by the client-ca");
        free(chain);
    }
}

/* Many authorities of one name: each has to be tried, and the sixteenth is the last. */
static void a_chain_costs_few_signatures(void **state)
{
    (void)state;
    for (unsigned impostors = 15; impostors <= 16; impostors++) {
        char *cas = strdup("");
        for (unsigned i = 0; i <= impostors; i++) {
            char *ca = i < impostors ? pki_certificate(&(struct pki_spec){.subject = "CN=Client CA",
                                                                          .key = PKI_EC256,
                                                                          .ca = true,
                                                                          .serial = 100 + i})
                                     : strdup(client_ca);
            char *more = pki_join(cas, ca);
            free(cas);
            free(ca);
            cas = more;
        }
        struct tls_server_options so = with_client_auth(CLIENT_AUTH_REQUIRED);
        so.client_ca = pki_slice(cas);
        if (impostors < 16)
            assert_accepted(&so, client_cert, "CN=alice, O=Test");
        else
            assert_rejected(&so, client_cert, 48, 48, "not signed by the client-ca");
        free(cas);
    }
}

static void a_client_without_a_subject_is_nobody_on_a_list(void **state)
{
    (void)state;
    static const char *const said[] = {"pc7.example.org", NULL};
    char *cert = pki_certificate(&(struct pki_spec){.subject = "",
                                                    .names = said,
                                                    .key = PKI_EC256_OTHER,
                                                    .issuer = "CN=Client CA",
                                                    .issuer_key = PKI_EC384});
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_REQUIRED);
    assert_accepted(&so, cert, "");
    so.client_subjects = SUBJECTS("", "CN=alice, O=Test");
    assert_rejected(&so, cert, 49, 49, in_neither);
    so.client_names = NAMES({CLIENT_NAME_DNS, "pc7.example.org"});
    assert_accepted(&so, cert, "");
    free(cert);
}

static void a_list_of_subjects_lets_in_exactly_those(void **state)
{
    (void)state;
    static const enum client_auth modes[] = {CLIENT_AUTH_OPTIONAL, CLIENT_AUTH_REQUIRED};
    for (size_t i = 0; i < 2; i++) {
        struct tls_server_options so = with_client_auth(modes[i]);
        so.client_subjects = SUBJECTS("CN=bob", "CN=alice, O=Test");
        assert_accepted(&so, client_cert, "CN=alice, O=Test");
        assert_rejected(&so, foreign_cert, 48, 48, "not signed by the client-ca");
        so.client_subjects = SUBJECTS("CN=bob", "CN=alice", "CN=Alice, O=Test", "O=Test, CN=alice",
                                      "CN=alice, O=Test, C=DE", "*");
        assert_rejected(&so, client_cert, 49, 49, in_neither);
        if (modes[i] == CLIENT_AUTH_OPTIONAL)
            assert_accepted(&so, NULL, NULL);
        else
            assert_rejected(&so, NULL, 40, 116, "no certificate");
    }
}

static void a_list_of_names_is_held_against_the_alternative_names(void **state)
{
    (void)state;
    static const char *const said[] = {"pc7.example.org", "al@example.org", "spiffe://e/al", NULL};
    char *cert = pki_certificate(&(struct pki_spec){.subject = "CN=listed.example.org",
                                                    .names = said,
                                                    .key = PKI_EC256_OTHER,
                                                    .issuer = "CN=Client CA",
                                                    .issuer_key = PKI_EC384});
    static const struct {
        struct client_name name;
        bool fits;
    } rows[] = {
        {{CLIENT_NAME_DNS, "pc7.example.org"}, true},
        {{CLIENT_NAME_DNS, "*.example.org"}, true},
        {{CLIENT_NAME_EMAIL, "al@EXAMPLE.org"}, true},
        {{CLIENT_NAME_URI, "spiffe://e/al"}, true},
        {{CLIENT_NAME_DNS, "pc8.example.org"}, false},
        {{CLIENT_NAME_DNS, "listed.example.org"}, false}, /* the common name does not count */
        {{CLIENT_NAME_EMAIL, "Al@example.org"}, false},
        {{CLIENT_NAME_URI, "spiffe://e/a"}, false},
    };
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_OPTIONAL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        so.client_names = NAMES({CLIENT_NAME_DNS, "other.example.org"}, rows[i].name);
        if (rows[i].fits)
            assert_accepted(&so, cert, "CN=listed.example.org");
        else
            assert_rejected(&so, cert, 49, 49, in_neither);
    }
    so.client_names = NAMES({CLIENT_NAME_DNS, "alice"});
    assert_rejected(&so, client_cert, 49, 49, in_neither);  /* it has no alternative names at all */
    so.client_subjects = SUBJECTS("CN=listed.example.org"); /* one of the lists is enough */
    assert_accepted(&so, cert, "CN=listed.example.org");
    free(cert);
}

static void whoever_is_not_listed_is_named_all_the_same(void **state)
{
    (void)state;
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_REQUIRED);
    so.client_subjects = SUBJECTS("CN=bob");
    for (int v = 0; v < 2; v++) {
        struct join j;
        struct tls_info info;
        visit(&j, &so, v == 0 ? V12 : V13, client_cert);
        tls_conn_info(j.conn, &info);
        assert_int_equal(tls_conn_status(j.conn), TLS_FAILED);
        assert_string_equal(info.client_subject, "CN=alice, O=Test");
        join_free(&j);
    }
}

/* Somebody else's certificate, without its key: nothing is said of it, listed or not. */
static void a_stolen_certificate_is_never_named(void **state)
{
    (void)state;
    char *other_key = pki_key_pem(PKI_EC256);
    for (int v = 0; v < 4; v++) {
        struct tls_server_options so = with_client_auth(CLIENT_AUTH_OPTIONAL);
        so.client_subjects = v < 2 ? SUBJECTS("CN=alice, O=Test") : SUBJECTS("CN=bob");
        struct join j;
        struct tls_info info;
        join_start(&j, engine, NULL, &so,
                   &(struct peer_options){.min = v % 2 == 0 ? V12 : V13,
                                          .max = v % 2 == 0 ? V12 : V13,
                                          .cert = client_cert,
                                          .key = other_key});
        join_pump(&j);
        tls_conn_info(j.conn, &info);
        assert_int_not_equal(tls_conn_status(j.conn), TLS_OPEN);
        assert_null(info.client_subject);
        join_free(&j);
    }
    free(other_key);
}

static void the_last_common_name_is_told_if_it_is_text(void **state)
{
    (void)state;
    static const struct {
        const char *subject, *cn;
    } rows[] = {
        {"CN=alice,O=Test", "alice"},
        {"DC=org,CN=Users,CN=al", "al"},
        {"CN=J\\C3\\BCrg", "J\xc3\xbcrg"},
        {"O=Test", NULL},
        {"CN=a\\0Ab", NULL},
        {"CN=a\\FFb", NULL},
        {"CN=a\\C3", NULL},
        {"CN=a\\C2\\85", NULL},
        {"CN=#1305616C696365", "alice"}, /* PrintableString */
        {"CN=#1302C3BC", NULL},
        {"CN=#1405616C696365", "alice"},    /* T61String */
        {"CN=#1404C383C2BC", NULL},         /* two letters, and one of UTF-8 by its bytes */
        {"CN=#1E04726F6F74", NULL},         /* BMPString of two characters, "root" by its bytes */
        {"CN=#1C08726F6F74726F6F74", NULL}, /* UniversalString */
    };
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_REQUIRED);
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) {
        char *cert = pki_certificate(&(struct pki_spec){.subject = rows[i / 2].subject,
                                                        .key = PKI_EC256_OTHER,
                                                        .issuer = "CN=Client CA",
                                                        .issuer_key = PKI_EC384});
        struct join j;
        struct tls_info info;
        visit(&j, &so, i % 2 == 0 ? V12 : V13, cert);
        assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
        tls_conn_info(j.conn, &info);
        if (rows[i / 2].cn == NULL)
            assert_null(info.client_cn);
        else
            assert_string_equal(info.client_cn, rows[i / 2].cn);
        join_free(&j);
        free(cert);
    }
}

/* mbedTLS writes none that is longer than 255 bytes. */
static void a_common_name_beyond_all_measure_is_not_told(void **state)
{
    (void)state;
    static uint8_t text[257];
    memset(text, 'a', sizeof text);
    mbedtls_x509_name name = {.oid = {MBEDTLS_ASN1_OID, MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_CN),
                                      (uint8_t *)MBEDTLS_OID_AT_CN},
                              .val = {MBEDTLS_ASN1_UTF8_STRING, sizeof text, text}};
    assert_null(text_common_name(&name));
    name.val.len--;
    char *told = text_common_name(&name);
    assert_int_equal(strlen(told), 256);
    free(told);
}

static void sessions_with_client_certificates_get_no_ticket(void **state)
{
    (void)state;
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_OPTIONAL);
    for (int v = 0; v < 2; v++) {
        struct join j;
        visit(&j, &so, v == 0 ? V12 : V13, client_cert);
        assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
        join_send(&j, "x", 1); /* would take a ticket along */
        join_pump(&j);
        assert_int_equal(j.peer.plain.size, 1);
        assert_true(v == 1 || j.peer.session.MBEDTLS_PRIVATE(ticket) == NULL);
        assert_true(v == 0 || !j.peer.has_session);
        join_free(&j);
    }
}

static void client_authentication_cannot_be_shed_by_a_new_name_after_a_retry_request(void **state)
{
    (void)state;
    struct tls_identity *list[] = {ids[MAIL_EC], ids[OTHER_EC]};
    struct tls_server_options so = with_client_auth(CLIENT_AUTH_REQUIRED);
    so.identities = list;
    so.identity_count = 2;
    struct join j;
    change_name_after_retry(&so, "mail.example.org", "other.example.org", NULL, NULL, &j);
    assert_int_equal(tls_conn_failure(j.conn)->alert_sent, 47);
    join_free(&j);
    change_name_after_retry(&so, "mail.example.org", "mail.example.org", NULL, NULL, &j);
    assert_int_equal(tls_conn_failure(j.conn)->alert_sent, 116);
    assert_int_equal(j.peer.alert, 116);
    join_free(&j);
    change_name_after_retry(&so, "mail.example.org", "mail.example.org", client_cert, client_key,
                            &j);
    assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
    join_free(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_name_chooses_the_certificate),
        cmocka_unit_test(no_name_or_an_unknown_one_gets_the_default),
        cmocka_unit_test(a_name_with_odd_bytes_gets_the_default_and_is_not_shown),
        cmocka_unit_test(a_wildcard_serves_what_has_no_certificate_of_its_own),
        cmocka_unit_test(two_kinds_of_key_serve_two_kinds_of_client),
        cmocka_unit_test(a_chain_is_served_up_to_the_limit),
        cmocka_unit_test(a_name_has_the_identities_of_its_own),
        cmocka_unit_test(a_name_is_known_to_strict_routes),
        cmocka_unit_test(ciphers_that_serve_a_name_to_nobody_are_refused_with_it),
        cmocka_unit_test(strict_routes_refuse_unknown_names),
        cmocka_unit_test(the_name_may_not_change_after_a_retry_request),
        cmocka_unit_test(client_certificates_are_optional_or_required),
        cmocka_unit_test(a_bad_client_certificate_is_refused_even_where_it_is_optional),
        cmocka_unit_test(of_an_authority_the_refusal_says_so),
        cmocka_unit_test(of_what_a_client_sent_along_the_refusal_says_so),
        cmocka_unit_test(an_authority_may_not_give_every_name),
        cmocka_unit_test(of_a_clients_own_certificate_the_refusal_says_so),
        cmocka_unit_test(a_client_with_too_long_a_chain_is_to_blame_itself),
        cmocka_unit_test(revoked_client_certificates_are_refused),
        cmocka_unit_test(namesakes_have_each_its_own_lists),
        cmocka_unit_test(an_authority_in_client_ca_can_be_revoked),
        cmocka_unit_test(lists_in_der_may_stand_one_behind_the_other),
        cmocka_unit_test(keys_that_are_dear_are_refused_before_they_are_used),
        cmocka_unit_test(authorities_that_nobody_vouches_for_cost_nothing),
        cmocka_unit_test(of_two_authorities_of_one_name_the_one_that_signed_counts),
        cmocka_unit_test(what_a_client_sends_along_may_stand_in_any_order),
        cmocka_unit_test(a_chain_costs_few_signatures),
        cmocka_unit_test(a_client_without_a_subject_is_nobody_on_a_list),
        cmocka_unit_test(a_list_of_subjects_lets_in_exactly_those),
        cmocka_unit_test(a_list_of_names_is_held_against_the_alternative_names),
        cmocka_unit_test(whoever_is_not_listed_is_named_all_the_same),
        cmocka_unit_test(a_stolen_certificate_is_never_named),
        cmocka_unit_test(the_last_common_name_is_told_if_it_is_text),
        cmocka_unit_test(a_common_name_beyond_all_measure_is_not_told),
        cmocka_unit_test(sessions_with_client_certificates_get_no_ticket),
        cmocka_unit_test(client_authentication_cannot_be_shed_by_a_new_name_after_a_retry_request),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
