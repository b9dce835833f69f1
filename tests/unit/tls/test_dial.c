/* test_dial.c - connections to servers: by whom they are vouched for, what they are called, what is
 * resumed, how they end */
#include "tls/conn.h"
#include "tls/engine.h"

#include "tests/unit/tls/dial.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const names[] = {"mail.example", "192.0.2.7", NULL};
static struct tls_engine *engine, *server_engine;
static char *ca, *other_ca;
static struct tls_dialer *verifies, *distrusts;
static struct dial d;

/* A certificate that CN=CA has issued to what is in the spec. */
static struct tls_identity *issue_as(struct pki_spec spec)
{
    spec.issuer = spec.issuer != NULL ? spec.issuer : "CN=CA";
    spec.issuer_key = PKI_EC256_OTHER;
    char *chain = pki_certificate(&spec), *key = pki_key_pem(spec.key);
    struct tls_identity *id = pki_load(chain, key);
    free(chain);
    free(key);
    return id;
}

/* To mail.example, unless `spec` says otherwise. */
static struct tls_identity *issue(struct pki_spec spec)
{
    spec.subject = spec.subject != NULL ? spec.subject : "CN=mail.example";
    spec.names = spec.names != NULL ? spec.names : names;
    return issue_as(spec);
}

static struct tls_server *server_of(struct tls_identity *id, const struct tls_server_options *more)
{
    struct tls_server_options o = more != NULL ? *more : (struct tls_server_options){0};
    o.context = "server";
    o.identities = &id;
    o.identity_count = 1;
    struct tls_server *s = server_or_die(&o);
    tls_identity_free(id);
    return s;
}

static struct tls_dialer *trusting(const char *authority)
{
    return client_or_die(
        &(struct tls_dialer_options){.context = "route", .ca = pki_slice(authority)});
}

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    if (tls_init(&e) != 0)
        return -1;
    ca =
        pki_certificate(&(struct pki_spec){.subject = "CN=CA", .key = PKI_EC256_OTHER, .ca = true});
    other_ca =
        pki_certificate(&(struct pki_spec){.subject = "CN=Other", .key = PKI_EC384, .ca = true});
    engine = engine_or_die();
    server_engine = engine_or_die();
    verifies = trusting(ca);
    distrusts = trusting(other_ca);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tls_dialer_free(verifies);
    tls_dialer_free(distrusts);
    tls_engine_free(engine);
    tls_engine_free(server_engine);
    free(ca);
    free(other_ca);
    pki_free();
    return 0;
}

/* Each test begins without sessions. */
static int begin(void **state)
{
    (void)state;
    resumption_free(engine->resumption);
    engine->resumption = NULL;
    d = (struct dial){.engine = engine, .server_engine = server_engine};
    return 0;
}

static int end(void **state)
{
    (void)state;
    dial_free(&d);
    return 0;
}

static void assert_opens(struct tls_dialer *k, struct tls_server *s, const char *name)
{
    dial_start(&d, k, s, name);
    dial_pump(&d);
    if (tls_conn_failure(d.client) != NULL)
        fail_msg("%s", tls_conn_failure(d.client)->reason);
    assert_int_equal(tls_conn_status(d.client), TLS_OPEN);
    assert_int_equal(tls_conn_status(d.server), TLS_OPEN);
}

static void assert_talks(void)
{
    dial_send(d.server, &d.to_client, "* OK\r\n");
    dial_pump(&d);
    dial_send(d.client, &d.to_server, "a LOGOUT\r\n");
    dial_pump(&d);
    assert_int_equal(d.heard.size, 6);
    assert_memory_equal(d.heard.data, "* OK\r\n", 6);
    assert_int_equal(d.said.size, 10);
}

static void assert_fails(struct tls_dialer *k, struct tls_server *s, const char *name,
                         const char *reason, int alert)
{
    dial_start(&d, k, s, name);
    dial_pump(&d);
    const struct tls_failure *f = tls_conn_failure(d.client);
    assert_non_null(f);
    assert_string_equal(f->reason, reason);
    assert_int_equal(f->fault, TLS_FAULT_CLIENT);
    assert_int_equal(f->alert_sent, alert);
    assert_int_equal(d.heard.size, 0);
    if (alert >= 0 && d.server != NULL && tls_conn_failure(d.server) != NULL)
        assert_int_equal(tls_conn_failure(d.server)->alert_received, alert);
    dial_free(&d);
}

/* ---- who it is ---- */

static const enum tls_min_version v13 = TLS_MIN_1_3;

/* TLS 1.2 by a server that has nothing else: mbedTLS's own would do, ours is told by its hooks. */
static struct tls_server *only_tls12(struct tls_identity *id)
{
    struct tls_server *s = server_of(id, NULL);
    mbedtls_ssl_conf_max_tls_version(&s->conf, MBEDTLS_SSL_VERSION_TLS1_2);
    return s;
}

static struct tls_server *version_of(struct tls_identity *id, bool tls13)
{
    return tls13 ? server_of(id, &(struct tls_server_options){.min_version = v13}) : only_tls12(id);
}

static void a_server_that_the_authority_vouches_for_is_served_in_both_versions(void **state)
{
    (void)state;
    for (int tls13 = 0; tls13 <= 1; tls13++) {
        struct tls_server *s = version_of(issue((struct pki_spec){.key = PKI_EC256}), tls13);
        struct tls_info info;
        assert_opens(verifies, s, "mail.example.");
        tls_conn_info(d.client, &info);
        assert_string_equal(info.version, tls13 ? "TLSv1.3" : "TLSv1.2");
        tls_conn_info(d.server, &info);
        assert_string_equal(info.sni, "mail.example");
        assert_talks();
        dial_free(&d);
        tls_server_free(s);
        begin(NULL);
    }
}

static void rsa_serves_too(void **state)
{
    (void)state;
    for (int tls13 = 0; tls13 <= 1; tls13++) {
        struct tls_server *s = version_of(issue((struct pki_spec){.key = PKI_RSA2048}), tls13);
        assert_opens(verifies, s, "mail.example");
        assert_talks();
        dial_free(&d);
        tls_server_free(s);
        begin(NULL);
    }
}

static void an_address_is_looked_for_among_the_addresses_and_not_told(void **state)
{
    (void)state;
    struct tls_server *s = server_of(issue((struct pki_spec){.key = PKI_EC256}), NULL);
    struct tls_info info;
    assert_opens(verifies, s, "192.0.2.7");
    tls_conn_info(d.server, &info);
    assert_null(info.sni);
    dial_free(&d);
    assert_fails(verifies, s, "192.0.2.8",
                 "upstream certificate is for another name than 192.0.2.8", 42);
    tls_server_free(s);
}

static void a_certificate_that_will_not_do_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const char *const others[] = {"other.example", NULL};
    static const struct {
        struct pki_spec spec;
        const char *reason;
        int alert;
    } rows[] = {
        {{.key = PKI_EC256, .from = "20200101000000", .to = "20210101000000"},
         "upstream certificate has expired",
         45},
        {{.key = PKI_EC256, .from = "20900101000000", .to = "20910101000000"},
         "upstream certificate is not yet valid",
         46},
        {{.key = PKI_EC256, .names = others},
         "upstream certificate is for another name than mail.example",
         42},
        {{.key = PKI_EC256, .issuer = "CN=Stranger"},
         "upstream certificate is not signed by the upstream-ca",
         48},
    };
    for (int tls13 = 0; tls13 <= 1; tls13++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct tls_server *s = version_of(issue(rows[i].spec), tls13);
            assert_fails(verifies, s, "mail.example", rows[i].reason, rows[i].alert);
            tls_server_free(s);
        }
}

/* RFC 9525 2: it may be a user's. */
static void a_common_name_is_no_server_s_name(void **state)
{
    (void)state;
    const struct pki_spec spec = {.key = PKI_EC256, .subject = "CN=mail.example"};
    for (int tls13 = 0; tls13 <= 1; tls13++) {
        struct tls_server *s = version_of(issue_as(spec), tls13);
        assert_fails(verifies, s, "mail.example",
                     "upstream certificate is for another name than mail.example", 42);
        tls_server_free(s);
    }
}

/* RFC 9525 6: a DNS name is one only in an entry for DNS names. */
static void what_only_reads_like_the_name_is_not_it(void **state)
{
    (void)state;
    static const char *const all[] = {"*.example", NULL}, *const uri[] = {"urn:mail", NULL};
    static const struct {
        const char *const *names;
        const char *name, *reason;
    } rows[] = {
        {all, "mail.example", "upstream certificate is for another name than mail.example"},
        {uri, "urn:mail", "upstream certificate is for another name than urn:mail"},
    };
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) {
        const struct pki_spec spec = {.key = PKI_EC256, .names = rows[i / 2].names};
        struct tls_server *s = version_of(issue(spec), i % 2 == 1);
        assert_fails(verifies, s, rows[i / 2].name, rows[i / 2].reason, 42);
        tls_server_free(s);
    }
}

static void a_wildcard_covers_one_label(void **state)
{
    (void)state;
    static const char *const wild[] = {"*.mail.example", NULL};
    struct tls_server *s =
        server_of(issue((struct pki_spec){.key = PKI_EC256, .names = wild}), NULL);
    assert_opens(verifies, s, "pop.MAIL.example.");
    dial_free(&d);
    assert_fails(verifies, s, "a.pop.mail.example",
                 "upstream certificate is for another name than a.pop.mail.example", 42);
    tls_server_free(s);
}

static void another_authority_does_not_vouch(void **state)
{
    (void)state;
    struct tls_server *s = server_of(issue((struct pki_spec){.key = PKI_EC256}), NULL);
    assert_fails(distrusts, s, "mail.example",
                 "upstream certificate is not signed by the upstream-ca", 48);
    tls_server_free(s);
}

/* With an intermediate, that is vouched for by CN=CA, for mail.example. */
static struct tls_server *server_below(struct pki_spec middle, bool tls13)
{
    middle.subject = "CN=Middle";
    middle.key = PKI_EC384;
    middle.issuer = "CN=CA";
    middle.issuer_key = PKI_EC256_OTHER;
    middle.ca = true;
    char *above = pki_certificate(&middle), *key = pki_key_pem(PKI_EC256);
    char *own = pki_certificate(&(struct pki_spec){.subject = "CN=mail.example",
                                                   .names = names,
                                                   .key = PKI_EC256,
                                                   .issuer = "CN=Middle",
                                                   .issuer_key = PKI_EC384});
    char *chain = pki_join(own, above);
    struct tls_server *s = version_of(pki_load(chain, key), tls13);
    free(chain);
    free(own);
    free(key);
    free(above);
    return s;
}

#define ONLY(size, name)                                                                           \
    .extension = "\x55\x1d\x1e", .extension_critical = true, .value = size "\x82" name

/* One for mail, say, or for a company's own hosts, whose owner issues one for any server all the
 * same. */
static void an_intermediate_that_is_for_something_else_does_not_vouch(void **state)
{
    (void)state;
    static const struct {
        struct pki_spec middle;
        const char *reason;
        int alert;
    } rows[] = {
        {{.usage = MBEDTLS_OID_SERVER_AUTH}, NULL, 0},
        {{.usage = MBEDTLS_OID_EMAIL_PROTECTION},
         "an intermediate certificate that the upstream sent is not meant for servers "
         "(extendedKeyUsage)",
         43},
        {{ONLY("\x30\x0d\xa0\x0b\x30\x09", "\x07"
                                           "example")},
         NULL,
         0},
        {{ONLY("\x30\x0b\xa0\x09\x30\x07", "\x05"
                                           "other")},
         "upstream certificate has a name that an authority above it may not give "
         "(nameConstraints)",
         49},
    };
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) {
        struct tls_server *s = server_below(rows[i / 2].middle, i % 2 == 1);
        if (rows[i / 2].reason == NULL)
            assert_opens(verifies, s, "mail.example");
        else
            assert_fails(verifies, s, "mail.example", rows[i / 2].reason, rows[i / 2].alert);
        dial_free(&d);
        tls_server_free(s);
        begin(NULL);
    }
}

static struct tls_dialer *pinning(const struct tls_identity *id, bool right)
{
    uint8_t pins[2][TLS_PIN_SIZE] = {{1}, {2}};
    memcpy(pins[1], id->key_id, TLS_PIN_SIZE);
    pins[1][31] ^= right ? 0 : 1;
    return client_or_die(&(struct tls_dialer_options){
        .context = "route", .pins = (const uint8_t(*)[TLS_PIN_SIZE])pins, .pin_count = 2});
}

static void a_pinned_key_is_enough_whatever_else_is_in_the_certificate(void **state)
{
    (void)state;
    for (int tls13 = 0; tls13 <= 1; tls13++) {
        struct tls_identity *id = issue(
            (struct pki_spec){.key = PKI_EC256, .from = "20200101000000", .to = "20210101000000"});
        struct tls_dialer *right = pinning(id, true), *wrong = pinning(id, false);
        struct tls_server *s = version_of(id, tls13);
        assert_opens(right, s, "else.example");
        assert_talks();
        dial_free(&d);
        assert_opens(right, s, NULL);
        dial_free(&d);
        assert_fails(wrong, s, NULL, "upstream certificate's key is none of the upstream-pins", 49);
        tls_dialer_free(right);
        tls_dialer_free(wrong);
        tls_server_free(s);
        begin(NULL);
    }
}

/* ---- who we are ---- */

static void a_certificate_is_shown_where_it_is_asked_for_and_signed_elsewhere(void **state)
{
    (void)state;
    struct tls_identity *id = issue((struct pki_spec){.key = PKI_EC256});
    char *chain = pki_certificate(&(struct pki_spec){
        .subject = "CN=front", .key = PKI_EC256, .issuer = "CN=CA", .issuer_key = PKI_EC256_OTHER});
    struct err e = {.text = ""};
    struct tls_identity *me = tls_identity_inspect(pki_slice(chain), "chain", &e);
    uint8_t key[TLS_KEY_ID_SIZE], der[TLS_KEY_DER_MAX];
    const size_t size = tls_identity_export_key(id, key, der);
    pki_signer = tls_keyring_new();
    assert_int_equal(
        tls_keyring_add(pki_signer, key, TLS_KEY_CALLS, (struct tls_slice){der, size}, &e), 0);
    struct tls_dialer *k = client_or_die(
        &(struct tls_dialer_options){.context = "route", .ca = pki_slice(ca), .identity = me});
    struct tls_server *s =
        server_of(id, &(struct tls_server_options){.client_auth = CLIENT_AUTH_REQUIRED,
                                                   .client_ca = pki_slice(ca)});
    struct tls_info info;
    assert_opens(k, s, "mail.example");
    tls_conn_info(d.server, &info);
    assert_string_equal(info.client_subject, "CN=front");
    assert_int_equal(d.signatures, 1);
    assert_talks();
    dial_free(&d);
    tls_keyring_free(pki_signer);
    pki_signer = NULL;
    tls_identity_free(me);
    tls_dialer_free(k);
    tls_server_free(s);
    free(chain);
}

static void one_that_wants_a_certificate_says_so(void **state)
{
    (void)state;
    struct tls_server *s =
        server_of(issue((struct pki_spec){.key = PKI_EC256}),
                  &(struct tls_server_options){.client_auth = CLIENT_AUTH_REQUIRED,
                                               .client_ca = pki_slice(ca)});
    dial_start(&d, verifies, s, "mail.example");
    dial_pump(&d);
    assert_string_equal(tls_conn_failure(d.client)->reason,
                        "upstream sent alert certificate_required (116)");
    tls_server_free(s);
}

/* ---- sessions ---- */

static bool resumes(struct tls_dialer *k, struct tls_server *s)
{
    struct tls_info mine, its;
    assert_opens(k, s, "mail.example");
    assert_talks(); /* the ticket comes with it */
    tls_conn_info(d.client, &mine);
    tls_conn_info(d.server, &its);
    assert_int_equal(mine.resumed, its.resumed);
    dial_free(&d);
    return mine.resumed;
}

static void a_session_is_resumed_in_both_versions(void **state)
{
    (void)state;
    for (int tls13 = 0; tls13 <= 1; tls13++) {
        struct tls_server *s = version_of(issue((struct pki_spec){.key = PKI_EC256}), tls13);
        assert_false(resumes(verifies, s));
        assert_true(resumes(verifies, s));
        assert_true(resumes(verifies, s));
        tls_server_free(s);
        begin(NULL);
    }
}

/* ... from when the certificate was shown on, however often it is resumed meanwhile. */
static void a_session_has_its_time(void **state)
{
    (void)state;
    struct tls_server *s = server_of(issue((struct pki_spec){.key = PKI_EC256}), NULL);
    assert_false(resumes(verifies, s));
    assert_true(resumes(verifies, s));
    struct resumption *r = d.engine->resumption;
    for (size_t i = 0; i < RESUMPTION_MAX; i++)
        if (r->entries[i].order != 0)
            r->entries[i].proven -= (mbedtls_ms_time_t)RESUMPTION_LIFETIME * 1000 - 60000;
    assert_true(resumes(verifies, s)); /* and what it leaves is a minute younger than it may be */
    for (size_t i = 0; i < RESUMPTION_MAX; i++)
        if (r->entries[i].order != 0)
            assert_true(r->entries[i].until <= mbedtls_ms_time() + 60000);
    tls_server_free(s);
}

static void a_session_of_another_policy_is_not(void **state)
{
    (void)state;
    struct tls_server *s = server_of(issue((struct pki_spec){.key = PKI_EC256}), NULL);
    char *both = pki_join(ca, other_ca);
    struct tls_dialer *k = trusting(both), *same = trusting(ca);
    assert_false(resumes(verifies, s));
    assert_false(resumes(k, s));
    assert_true(resumes(same, s));
    tls_dialer_free(k);
    tls_dialer_free(same);
    tls_server_free(s);
    free(both);
}

static void a_server_that_knows_the_session_no_more_shows_its_certificate(void **state)
{
    (void)state;
    for (int tls13 = 0; tls13 <= 1; tls13++) {
        struct tls_server *s = version_of(issue((struct pki_spec){.key = PKI_EC256}), tls13);
        struct tls_engine *another = engine_or_die();
        assert_false(resumes(verifies, s));
        d.server_engine = another;
        assert_false(resumes(verifies, s));
        d.server_engine = server_engine;
        tls_engine_free(another);
        tls_server_free(s);
        begin(NULL);
    }
}

static void sessions_are_few(void **state)
{
    (void)state;
    struct tls_server *s = server_of(issue((struct pki_spec){.key = PKI_EC256}), NULL);
    struct dial all[2 * RESUMPTION_PER_KEY];
    unsigned kept = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) { /* all begin before a ticket comes */
        begin(NULL);
        assert_opens(verifies, s, "mail.example");
        all[i] = d;
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        d = all[i];
        assert_talks();
        dial_free(&d);
    }
    for (size_t i = 0; i < RESUMPTION_MAX; i++)
        kept += engine->resumption->entries[i].order != 0;
    assert_int_equal(kept, RESUMPTION_PER_KEY);
    tls_server_free(s);
}

/* One that has been there since before is not taken by a server that has another version now. */
static void a_session_that_fails_is_not_offered_again(void **state)
{
    (void)state;
    struct tls_server *old = version_of(issue((struct pki_spec){.key = PKI_EC256}), false);
    struct tls_server *new = version_of(issue((struct pki_spec){.key = PKI_EC256}), true);
    assert_false(resumes(verifies, old));
    assert_fails(verifies, new, "mail.example", "upstream sent alert protocol_version (70)", -1);
    assert_false(resumes(verifies, new));
    tls_server_free(old);
    tls_server_free(new);
}

/* ---- how it comes in ---- */

static void every_piece_of_the_server_s_flight_may_come_alone(void **state)
{
    (void)state;
    for (int tls13 = 0; tls13 <= 1; tls13++) {
        struct tls_server *s = version_of(issue((struct pki_spec){.key = PKI_EC256}), tls13);
        for (size_t cut = 1; cut < 1500; cut += cut < 40 ? 1 : 97) {
            d.cut = cut;
            assert_opens(verifies, s, "mail.example");
            assert_talks();
            dial_free(&d);
        }
        tls_server_free(s);
        begin(NULL);
    }
}

static void keys_change_on_either_side(void **state)
{
    (void)state;
    struct tls_server *s = server_of(issue((struct pki_spec){.key = PKI_EC256}), NULL);
    assert_opens(verifies, s, "mail.example");
    engine->rekey_after = server_engine->rekey_after = 3;
    for (int i = 0; i < 20; i++) {
        dial_send(d.server, &d.to_client, "x");
        dial_send(d.client, &d.to_server, "y");
        dial_pump(&d);
    }
    engine->rekey_after = server_engine->rekey_after = (uint64_t)1 << 24;
    assert_int_equal(tls_conn_status(d.client), TLS_OPEN);
    assert_int_equal(tls_conn_status(d.server), TLS_OPEN);
    assert_int_equal(d.heard.size, 20);
    assert_int_equal(d.said.size, 20);
    tls_server_free(s);
}

/* ---- how it ends ---- */

static void an_end_is_one_only_with_close_notify(void **state)
{
    (void)state;
    struct tls_server *s = server_of(issue((struct pki_spec){.key = PKI_EC256}), NULL);
    struct tls_io io = {0};
    assert_opens(verifies, s, "mail.example");
    tls_conn_close(d.server, &io);
    bytes_add(&d.to_client, io.wire.data, io.wire.size);
    dial_pump(&d);
    assert_int_equal(tls_conn_status(d.client), TLS_EOF);
    assert_int_equal(tls_conn_transport_eof(d.client), TLS_EOF);
    dial_free(&d);

    assert_opens(verifies, s, "mail.example");
    assert_int_equal(tls_conn_transport_eof(d.client), TLS_FAILED);
    assert_string_equal(tls_conn_failure(d.client)->reason,
                        "upstream closed the connection without close_notify");
    assert_true(tls_conn_failure(d.client)->truncated);
    tls_server_free(s);
}

static void say(const char *bytes, size_t size)
{
    dial_start(&d, verifies, NULL, "mail.example");
    dial_give(d.client, (const uint8_t *)bytes, size, &d.to_server, &d.heard);
}

static void what_is_not_tls_is_told_apart(void **state)
{
    (void)state;
    say("220 mail.example ESMTP\r\n", 24);
    assert_string_equal(tls_conn_failure(d.client)->reason,
                        "upstream does not speak TLS on this port, or only after STARTTLS");
    dial_free(&d);
    say("\x15\x03\x03\x00\x02\x02\x46", 7);
    assert_string_equal(tls_conn_failure(d.client)->reason,
                        "upstream sent alert protocol_version (70)");
    dial_free(&d);
    say("\x16\x03\x03\x00\x04\x0e\x00\x00\x00", 9);
    assert_string_equal(tls_conn_failure(d.client)->reason,
                        "upstream did not begin with a ServerHello");
    dial_free(&d);
    dial_start(&d, verifies, NULL, "mail.example");
    tls_conn_transport_eof(d.client);
    assert_string_equal(tls_conn_failure(d.client)->reason,
                        "upstream closed the connection without sending a byte");
}

/* ---- what it has to prove ---- */

static void give_record(void)
{
    const uint8_t *p = d.to_client.data;
    const size_t size = 5 + (size_t)(p[3] << 8 | p[4]);
    dial_give(d.client, p, size, &d.to_server, &d.heard);
    bytes_drop(&d.to_client, size);
}

/* What the client will hold the server's Finished against is no longer what it was. */
static void spoil_finished(bool tls13)
{
    mbedtls_ssl_context *ssl = d.client->hs->ssl;
    uint8_t *secret = tls13 ? ssl->handshake->tls13_hs_secrets.server_handshake_traffic_secret
                            : ssl->session_negotiate->master;
    *secret ^= 1;
}

/* In TLS 1.3 it comes with the ServerHello; in TLS 1.2 behind our own, which means that the alert
 * is encrypted. */
static void a_wrong_finished_is_told_as_such(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        struct tls_server *s = version_of(issue((struct pki_spec){.key = PKI_EC256}), v == 1);
        dial_start(&d, verifies, s, "mail.example");
        dial_to_server(&d);
        if (v == 1) {
            give_record();
        } else {
            dial_to_client(&d);
            dial_to_server(&d);
        }
        spoil_finished(v == 1);
        dial_pump(&d);
        const struct tls_failure *f = tls_conn_failure(d.client);
        assert_non_null(f);
        assert_string_equal(f->reason, "upstream's Finished does not match the handshake");
        assert_int_equal(f->alert_sent, 51);
        assert_int_equal(tls_conn_failure(d.server)->alert_received, 51);
        dial_free(&d);
        tls_server_free(s);
    }
}

/* With renegotiation_info of another handshake. */
static void hello_of_a_renegotiation(struct dial *t)
{
    static const uint8_t hello[] = {0x16, 3, 3, 0, 50, 2, 0, 0, 46, 3, 3};
    t->to_client.size = 0;
    bytes_add(&t->to_client, hello, sizeof hello);
    for (int i = 0; i < 32; i++)
        bytes_add(&t->to_client, "r", 1);
    bytes_add(&t->to_client, "\0\xc0\x2b\0\0\6\xff\1\0\2\1x", 12);
}

static void no_server_goes_on_from_another_handshake(void **state)
{
    (void)state;
    struct tls_server *s = only_tls12(issue((struct pki_spec){.key = PKI_EC256}));
    d.alter = hello_of_a_renegotiation;
    assert_fails(verifies, s, "mail.example",
                 "upstream takes its first handshake for a renegotiation", 40);
    tls_server_free(s);
}

/* ---- behind a HelloRetryRequest ---- */

static void only_secp384r1(struct tls_server *s)
{
    static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, 0};
    mbedtls_ssl_conf_groups(&s->conf, groups);
}

static void a_server_with_another_group_asks_for_it(void **state)
{
    (void)state;
    struct tls_server *s = server_of(issue((struct pki_spec){.key = PKI_EC256}), NULL);
    struct tls_info info;
    only_secp384r1(s);
    assert_opens(verifies, s, "mail.example");
    tls_conn_info(d.client, &info);
    assert_string_equal(info.group, "secp384r1");
    assert_talks();
    tls_server_free(s);
}

/* The second hello of the server in TLS 1.2: no extension says which version it is. */
static void downgrade(struct dial *t)
{
    static int flights;
    static const uint8_t hello[] = {0x16, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3};
    if (t->to_client.size == 0 || ++flights < 2)
        return;
    flights = 0;
    t->to_client.size = 0;
    bytes_add(&t->to_client, hello, sizeof hello);
    for (int i = 0; i < 32; i++)
        bytes_add(&t->to_client, "r", 1);
    bytes_add(&t->to_client, "\0\xc0\x2b\0", 4);
}

static void no_server_goes_back_to_tls12_behind_its_retry(void **state)
{
    (void)state;
    struct tls_server *s = server_of(issue((struct pki_spec){.key = PKI_EC256}), NULL);
    only_secp384r1(s);
    d.alter = downgrade;
    assert_fails(verifies, s, "mail.example",
                 "upstream changed the version of TLS behind its HelloRetryRequest", 47);
    tls_server_free(s);
}

/* ---- what is given ---- */

static void a_policy_has_to_know_its_servers_by_something(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    assert_null(tls_dialer_new(&(struct tls_dialer_options){.context = "route"}, &e));
    assert_non_null(strstr(e.text, "neither an authority nor a pin"));
    assert_null(tls_dialer_new(
        &(struct tls_dialer_options){.context = "route", .ca = pki_slice("nothing")}, &e));
    assert_int_equal(e.blamed, TLS_INPUT_UPSTREAM_CA);
}

/* ---- when its authorities end ---- */

static void note_end(void *arg, const struct tls_expiry *x)
{
    char *told = arg;
    snprintf(told + strlen(told), 100 - strlen(told), "%s;", x->subject);
}

static void the_last_of_many_authorities_is_the_one_that_ends(void **state)
{
    (void)state;
    const time_t now = time(NULL);
    char *gone = pki_certificate(&(struct pki_spec){.subject = "CN=Gone",
                                                    .key = PKI_EC384,
                                                    .ca = true,
                                                    .from = "20200101000000",
                                                    .to = "20210101000000"});
    char *both = pki_join(gone, ca), *all = pki_join(both, gone);
    struct tls_dialer *many = trusting(all);
    char told[100] = "";
    tls_dialer_expiry(many, note_end, told);
    tls_dialer_expiry(NULL, note_end, told);
    assert_string_equal(told, "CN=CA;");
    const struct tls_authorities counted = tls_dialer_authorities(many, now);
    assert_int_equal(counted.count, 3);
    assert_int_equal(counted.expired, 2);
    assert_int_equal(counted.in_force, 1);
    assert_int_equal(tls_dialer_authorities(NULL, now).count, 0);
    tls_dialer_free(many);
    free(all);
    free(both);
    free(gone);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_server_that_the_authority_vouches_for_is_served_in_both_versions),
        TEST(rsa_serves_too),
        TEST(an_address_is_looked_for_among_the_addresses_and_not_told),
        TEST(a_certificate_that_will_not_do_is_refused_with_the_reason),
        TEST(a_common_name_is_no_server_s_name),
        TEST(what_only_reads_like_the_name_is_not_it),
        TEST(a_wildcard_covers_one_label),
        TEST(another_authority_does_not_vouch),
        TEST(an_intermediate_that_is_for_something_else_does_not_vouch),
        TEST(a_pinned_key_is_enough_whatever_else_is_in_the_certificate),
        TEST(a_certificate_is_shown_where_it_is_asked_for_and_signed_elsewhere),
        TEST(one_that_wants_a_certificate_says_so),
        TEST(a_session_is_resumed_in_both_versions),
        TEST(a_session_has_its_time),
        TEST(a_session_of_another_policy_is_not),
        TEST(a_server_that_knows_the_session_no_more_shows_its_certificate),
        TEST(sessions_are_few),
        TEST(a_session_that_fails_is_not_offered_again),
        TEST(every_piece_of_the_server_s_flight_may_come_alone),
        TEST(keys_change_on_either_side),
        TEST(an_end_is_one_only_with_close_notify),
        TEST(what_is_not_tls_is_told_apart),
        TEST(a_server_with_another_group_asks_for_it),
        TEST(a_wrong_finished_is_told_as_such),
        TEST(no_server_goes_on_from_another_handshake),
        TEST(no_server_goes_back_to_tls12_behind_its_retry),
        TEST(a_policy_has_to_know_its_servers_by_something),
        TEST(the_last_of_many_authorities_is_the_one_that_ends),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
