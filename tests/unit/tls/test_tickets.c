/* test_tickets.c - sessions that come back, and tickets that must not open */
#include "tests/unit/tls/peer.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define V12 MBEDTLS_SSL_VERSION_TLS1_2
#define V13 MBEDTLS_SSL_VERSION_TLS1_3

static const char *const names[] = {"mail.example", "pop.example", NULL};
static struct tls_identity *ecdsa;

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    if (tls_init(&e) != 0)
        return -1;
    ecdsa = pki_identity(PKI_EC256, names);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tls_identity_free(ecdsa);
    pki_free();
    return 0;
}

static struct tls_ticket_keys fresh_keys(void)
{
    struct tls_ticket_keys k = {0};
    struct err e;
    assert_int_equal(tls_ticket_keys_rotate(&k, &e), 0);
    return k;
}

static struct tls_engine *engine_with(const struct tls_ticket_keys *k)
{
    struct tls_engine *engine = engine_or_die();
    tls_engine_set_ticket_keys(engine, k);
    return engine;
}

/* One connection; whether it resumed. The client's session goes to `out` where it is given. */
static bool visit(struct tls_engine *engine, const struct tls_server_options *so,
                  const struct peer_options *po, mbedtls_ssl_session *out)
{
    struct join j;
    struct tls_info info;
    join_start(&j, engine, NULL, so, po);
    join_pump(&j);
    const struct tls_failure *f = tls_conn_failure(j.conn);
    if (f != NULL)
        fail_msg("%s", f->reason);
    assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
    assert_true(j.peer.open);
    peer_write(&j.peer, "ping", 4);
    join_send(&j, "pong", 4);
    join_pump(&j);
    assert_int_equal(j.plain.size, 4);
    assert_int_equal(j.peer.plain.size, 4);
    tls_conn_info(j.conn, &info);
    assert_true(info.resumed || info.group != NULL);
    if (out != NULL) {
        assert_true(j.peer.has_session);
        assert_non_null(j.peer.session.MBEDTLS_PRIVATE(ticket));
        *out = j.peer.session;
        mbedtls_ssl_session_init(&j.peer.session);
    }
    join_free(&j);
    return info.resumed;
}

static struct peer_options client(mbedtls_ssl_protocol_version version)
{
    return (struct peer_options){.min = version, .max = version, .sni = "mail.example"};
}

static void a_session_comes_back(void **state)
{
    (void)state;
    struct tls_engine *engine = engine_or_die(); /* with a key of its own making */
    struct tls_server_options so = join_options(&ecdsa, 1);
    for (int v = 0; v < 2; v++) {
        mbedtls_ssl_session session, again;
        struct peer_options po = client(v == 0 ? V12 : V13);
        assert_false(visit(engine, &so, &po, &session));
        po.session = &session;
        assert_true(visit(engine, &so, &po, v == 0 ? NULL : &again));
        assert_true(visit(engine, &so, &po, NULL)); /* a ticket is good more than once */
        if (v == 1) {
            po.session = &again;
            assert_true(visit(engine, &so, &po, NULL));
            mbedtls_ssl_session_free(&again);
        }
        mbedtls_ssl_session_free(&session);
    }
    tls_engine_free(engine);
}

static void the_ticket_comes_with_the_first_record(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct join j;
        struct tls_server_options so = join_options(&ecdsa, 1);
        struct peer_options po = client(V13);
        join_start(&j, NULL, NULL, &so, &po);
        join_pump(&j);
        assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
        assert_false(j.peer.has_session);
        if (how == 0)
            join_send(&j, "x", 1);
        else if (how == 1)
            join_close(&j);
        else
            join_deliver(&j, "\x17\3\3\0\x11-not-of-this-key-", 5 + 17);
        peer_step(&j.peer);
        assert_true(j.peer.has_session);
        assert_int_equal(j.peer.plain.size, how == 0);
        assert_int_equal(j.peer.closed, how == 1);
        assert_int_equal(j.peer.alert, how == 2 ? 20 : -1);
        join_free(&j);
    }
}

static void every_suite_resumes(void **state)
{
    (void)state;
    static const int suites[][2] = {{0x1301, 0}, {0x1302, 0}, {0x1303, 0},
                                    {0xc02b, 0}, {0xc02c, 0}, {0xcca9, 0}};
    struct tls_engine *engine = engine_or_die();
    struct tls_server_options so = join_options(&ecdsa, 1);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        mbedtls_ssl_session session;
        struct peer_options po = client(i < 3 ? V13 : V12);
        po.ciphers = suites[i];
        assert_false(visit(engine, &so, &po, &session));
        po.session = &session;
        assert_true(visit(engine, &so, &po, NULL));
        mbedtls_ssl_session_free(&session);
    }
    tls_engine_free(engine);
}

static void resumption_works_with_a_retry_request_and_in_pieces(void **state)
{
    (void)state;
    static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                      MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, 0};
    const char *only[] = {"secp384r1"};
    struct string_list list = {only, 1};
    struct tls_engine *engine = engine_or_die();
    struct tls_server_options so = join_options(&ecdsa, 1);
    so.groups = &list;
    mbedtls_ssl_session session;
    struct peer_options po = client(V13);
    po.groups = groups;
    assert_false(visit(engine, &so, &po, &session));
    po.session = &session;
    struct join j;
    struct tls_info info;
    join_start(&j, engine, NULL, &so, &po);
    j.cut = 1;
    join_pump(&j);
    assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
    tls_conn_info(j.conn, &info);
    assert_true(info.resumed);
    join_free(&j);
    mbedtls_ssl_session_free(&session);
    tls_engine_free(engine);
}

static void workers_with_the_same_keys_share_sessions(void **state)
{
    (void)state;
    struct tls_ticket_keys keys = fresh_keys(), other = fresh_keys();
    struct tls_engine *a = engine_with(&keys), *b = engine_with(&keys), *c = engine_with(&other);
    struct tls_server_options so = join_options(&ecdsa, 1);
    for (int v = 0; v < 2; v++) {
        mbedtls_ssl_session session;
        struct peer_options po = client(v == 0 ? V12 : V13);
        assert_false(visit(a, &so, &po, &session));
        po.session = &session;
        assert_true(visit(b, &so, &po, NULL));
        assert_false(visit(c, &so, &po, NULL)); /* a foreign ticket: a full handshake */
        mbedtls_ssl_session_free(&session);
    }
    tls_engine_free(a);
    tls_engine_free(b);
    tls_engine_free(c);
}

static void tickets_live_as_long_as_their_key(void **state)
{
    (void)state;
    struct tls_ticket_keys keys = fresh_keys();
    struct tls_server_options so = join_options(&ecdsa, 1);
    struct tls_engine *engine = engine_with(&keys);
    for (int v = 0; v < 2; v++) {
        mbedtls_ssl_session session;
        struct err e;
        struct peer_options po = client(v == 0 ? V12 : V13);
        assert_false(visit(engine, &so, &po, &session));
        po.session = &session;
        for (int rotation = 1; rotation < TLS_TICKET_KEYS_KEPT; rotation++) {
            assert_int_equal(tls_ticket_keys_rotate(&keys, &e), 0);
            tls_engine_set_ticket_keys(engine, &keys);
            assert_true(visit(engine, &so, &po, NULL));
        }
        assert_int_equal(tls_ticket_keys_rotate(&keys, &e), 0);
        tls_engine_set_ticket_keys(engine, &keys);
        assert_false(visit(engine, &so, &po, NULL));
        mbedtls_ssl_session_free(&session);
    }
    tls_engine_free(engine);
}

static void rotation_keeps_the_newest_keys(void **state)
{
    (void)state;
    struct tls_ticket_keys k = {0};
    struct tls_ticket_key first = {0};
    struct err e;
    for (unsigned i = 1; i <= 5; i++) {
        struct tls_ticket_key before = k.key[0];
        assert_int_equal(tls_ticket_keys_rotate(&k, &e), 0);
        assert_int_equal(k.count, i < TLS_TICKET_KEYS_KEPT ? i : TLS_TICKET_KEYS_KEPT);
        if (i > 1)
            assert_memory_equal(&k.key[1], &before, sizeof before);
        assert_memory_not_equal(&k.key[0], &before, sizeof before);
        if (i == 1)
            first = k.key[0];
    }
    for (unsigned i = 0; i < k.count; i++)
        assert_memory_not_equal(&k.key[i], &first, sizeof first);
}

/* Does a session of one policy resume under another? If not, a full handshake, never a failure. */
static bool carried_over(const struct tls_server_options *from, const struct tls_server_options *to,
                         const struct peer_options *po)
{
    struct tls_engine *engine = engine_or_die();
    mbedtls_ssl_session session;
    struct peer_options again = *po;
    assert_false(visit(engine, from, po, &session));
    again.session = &session;
    assert_true(visit(engine, from, &again, NULL));
    const bool resumed = visit(engine, to, &again, NULL);
    mbedtls_ssl_session_free(&session);
    tls_engine_free(engine);
    return resumed;
}

static void assert_carried_over(const struct tls_server_options *from,
                                const struct tls_server_options *to, bool expected)
{
    for (int v = 0; v < 2; v++) {
        static const int ciphers[][3] = {{0xc02b, 0xcca9, 0}, {0x1301, 0x1303, 0}};
        struct peer_options po = client(v == 0 ? V12 : V13);
        po.ciphers = ciphers[v];
        assert_int_equal(carried_over(from, to, &po), expected);
    }
}

static void sessions_stay_in_their_context(void **state)
{
    (void)state;
    struct tls_server_options from = join_options(&ecdsa, 1), to = from;
    to.context = "another protocol";
    assert_carried_over(&from, &to, false);
}

/* What was agreed with is allowed there, too. */
static void sessions_outlive_a_policy_that_still_allows_them(void **state)
{
    (void)state;
    const char *suites[] = {"TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256",
                            "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"};
    const char *groups[] = {"secp384r1", "secp256r1", "x25519"};
    struct string_list suite_list = {suites, 4}, group_list = {groups, 3};
    struct tls_server_options from = join_options(&ecdsa, 1), to = from;
    to.ciphers = &suite_list; /* shorter, in another order */
    assert_carried_over(&from, &to, true);
    to = from;
    to.groups = &group_list;
    assert_carried_over(&from, &to, true);
    to = from;
    to.strict_sni = true;
    assert_carried_over(&from, &to, true);
}

static void sessions_end_with_what_they_were_agreed_with(void **state)
{
    (void)state;
    const char *suites[] = {"TLS_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"};
    const char *groups[] = {"secp384r1"};
    struct string_list suite_list = {suites, 2}, group_list = {groups, 1};
    struct tls_server_options from = join_options(&ecdsa, 1), to = from;
    to.ciphers = &suite_list;
    assert_carried_over(&from, &to, false);
    to = from;
    to.groups = &group_list;
    assert_carried_over(&from, &to, false);
}

/* In neither direction: tickets show no certificate. */
static void sessions_do_not_come_to_where_certificates_are_asked_for(void **state)
{
    (void)state;
    char *ca =
        pki_certificate(&(struct pki_spec){.subject = "CN=CA", .key = PKI_EC384, .ca = true});
    struct tls_server_options from = join_options(&ecdsa, 1), to = from;
    to.client_auth = CLIENT_AUTH_OPTIONAL;
    to.client_ca = pki_slice(ca);
    assert_carried_over(&from, &to, false);
    free(ca);
}

/* The client has seen a certificate for the name that it asks for, and would see one again. */
static void a_certificate_for_the_same_name_takes_sessions_of_another(void **state)
{
    (void)state;
    static const char *const others[] = {"fe2.example", "mail.example", NULL};
    static const char *const foreign[] = {"mail.other", NULL};
    struct tls_identity *other = pki_identity(PKI_EC384, others);
    struct tls_identity *stranger = pki_identity(PKI_EC256, foreign);
    struct tls_identity *both[] = {stranger, other};
    struct tls_server_options from = join_options(&ecdsa, 1), to = join_options(&other, 1);
    assert_carried_over(&from, &to, true);
    assert_carried_over(&to, &from, true);
    to = join_options(both, 2);
    assert_carried_over(&from, &to, true);
    to = join_options(&stranger, 1);
    assert_carried_over(&from, &to, false);
    assert_carried_over(&to, &from, false);
    tls_identity_free(other);
    tls_identity_free(stranger);
}

/* Who asks for none, or for one that is not known, sees the default. */
static void without_a_known_name_the_names_of_the_default_count(void **state)
{
    (void)state;
    static const char *const turned[] = {"POP.example", "mail.example", NULL};
    static const char *const more[] = {"mail.example", "pop.example", "imap.example", NULL};
    struct tls_identity *same = pki_identity(PKI_EC384, turned);
    struct tls_identity *other = pki_identity(PKI_EC256, more);
    struct tls_server_options from = join_options(&ecdsa, 1);
    struct tls_server_options renewed = join_options(&same, 1), to = join_options(&other, 1);
    static const char *const asked[] = {NULL, "unknown.example"};
    for (int v = 0; v < 2; v++)
        for (int i = 0; i < 2; i++) {
            struct peer_options po = client(v == 0 ? V12 : V13);
            po.sni = asked[i];
            assert_true(carried_over(&from, &renewed, &po));
            assert_false(carried_over(&from, &to, &po));
        }
    tls_identity_free(same);
    tls_identity_free(other);
}

/* With the name known here and not there, or the other way: it may not be what it was. */
static void a_name_that_is_not_known_is_not_the_same_as_known(void **state)
{
    (void)state;
    static const char *const two[] = {"mail.example", "extra.example", NULL};
    struct tls_identity *extra = pki_identity(PKI_EC256, two);
    struct tls_identity *list[] = {ecdsa, extra};
    struct tls_server_options from = join_options(list, 2), to = join_options(&ecdsa, 1);
    for (int v = 0; v < 2; v++) {
        struct peer_options po = client(v == 0 ? V12 : V13);
        po.sni = "extra.example";
        assert_false(carried_over(&from, &to, &po));
        assert_false(carried_over(&to, &from, &po));
    }
    tls_identity_free(extra);
}

/* TLS 1.2 resumes with the session's suite or not at all (RFC 5246 7.3); 1.3 needs no certificate
 * for it. */
static void a_suite_without_a_certificate_means_a_new_session(void **state)
{
    (void)state;
    struct tls_identity *rsa = pki_identity(PKI_RSA2048, names);
    struct tls_server_options from = join_options(&ecdsa, 1), to = join_options(&rsa, 1);
    struct peer_options po12 = client(V12), po13 = client(V13);
    assert_false(carried_over(&from, &to, &po12));
    assert_true(carried_over(&from, &to, &po13));
    tls_identity_free(rsa);
}

/* It would be told that its ticket is a forgery, or of another suite than it has. */
static void a_client_that_changed_its_suites_is_served_anew(void **state)
{
    (void)state;
    static const int first[][2] = {{0xc02b, 0}, {0x1301, 0}},
                     then[][2] = {{0xc02c, 0}, {0x1303, 0}};
    static const int turned[][3] = {{0xc02c, 0xc02b, 0}, {0x1303, 0x1301, 0}};
    struct tls_engine *engine = engine_or_die();
    struct tls_server_options so = join_options(&ecdsa, 1);
    for (int v = 0; v < 2; v++) {
        mbedtls_ssl_session session;
        struct peer_options po = client(v == 0 ? V12 : V13);
        po.ciphers = first[v];
        assert_false(visit(engine, &so, &po, &session));
        po.session = &session;
        po.ciphers = turned[v];
        assert_true(visit(engine, &so, &po, NULL));
        po.ciphers = then[v];
        assert_false(visit(engine, &so, &po, NULL));
        mbedtls_ssl_session_free(&session);
    }
    tls_engine_free(engine);
}

static void another_name_means_another_session(void **state)
{
    (void)state;
    struct tls_server_options so = join_options(&ecdsa, 1);
    /* mbedTLS's client keeps a TLS 1.3 session to its name by itself, so only 1.2 is shown here. */
    struct tls_engine *engine = engine_or_die();
    mbedtls_ssl_session session;
    struct peer_options po = client(V12);
    assert_false(visit(engine, &so, &po, &session));
    po.session = &session;
    po.sni = "pop.example";
    assert_false(visit(engine, &so, &po, NULL));
    po.sni = "MAIL.example"; /* the same name */
    assert_true(visit(engine, &so, &po, NULL));
    mbedtls_ssl_session_free(&session);
    tls_engine_free(engine);
}

static void damaged_and_truncated_tickets_lead_to_a_full_handshake(void **state)
{
    (void)state;
    struct tls_engine *engine = engine_or_die();
    struct tls_server_options so = join_options(&ecdsa, 1);
    for (int v = 0; v < 2; v++) {
        mbedtls_ssl_session session;
        struct peer_options po = client(v == 0 ? V12 : V13);
        assert_false(visit(engine, &so, &po, &session));
        po.session = &session;
        size_t size = session.MBEDTLS_PRIVATE(ticket_len);
        for (size_t at = 0; at < size; at += at < 48 ? 1 : 5) {
            session.MBEDTLS_PRIVATE(ticket)[at] ^= 0x40;
            assert_false(visit(engine, &so, &po, NULL));
            session.MBEDTLS_PRIVATE(ticket)[at] ^= 0x40;
        }
        for (size_t cut = 1; cut < size; cut += cut < 50 ? 1 : 9) {
            session.MBEDTLS_PRIVATE(ticket_len) = cut;
            assert_false(visit(engine, &so, &po, NULL));
        }
        session.MBEDTLS_PRIVATE(ticket_len) = size;
        assert_true(visit(engine, &so, &po, NULL));
        mbedtls_ssl_session_free(&session);
    }
    tls_engine_free(engine);
}

/* A TLS 1.2 client session whose ticket is one of TLS 1.3, and the other way. */
static void tickets_do_not_open_in_another_version(void **state)
{
    (void)state;
    struct tls_engine *engine = engine_or_die();
    struct tls_server_options so = join_options(&ecdsa, 1);
    mbedtls_ssl_session old, new;
    struct peer_options po12 = client(V12), po13 = client(V13);
    assert_false(visit(engine, &so, &po12, &old));
    assert_false(visit(engine, &so, &po13, &new));
    unsigned char *ticket = old.MBEDTLS_PRIVATE(ticket);
    size_t size = old.MBEDTLS_PRIVATE(ticket_len);
    old.MBEDTLS_PRIVATE(ticket) = new.MBEDTLS_PRIVATE(ticket);
    old.MBEDTLS_PRIVATE(ticket_len) = new.MBEDTLS_PRIVATE(ticket_len);
    new.MBEDTLS_PRIVATE(ticket) = ticket;
    new.MBEDTLS_PRIVATE(ticket_len) = size;
    po12.session = &old;
    po13.session = &new;
    assert_false(visit(engine, &so, &po12, NULL));
    assert_false(visit(engine, &so, &po13, NULL));
    mbedtls_ssl_session_free(&old);
    mbedtls_ssl_session_free(&new);
    tls_engine_free(engine);
}

/* ---- early data ---- */

/* A client that holds a ticket which, it believes, allows early data. Returns whether the session
 * resumed; the early data must never arrive, and what follows must. */
static bool visit_early(struct tls_engine *engine, const struct tls_server_options *so,
                        struct peer_options *po, size_t size, size_t cut)
{
    uint8_t *early = malloc(size);
    memset(early, 'e', size);
    struct join j;
    struct tls_info info;
    po->early_data = true;
    join_start(&j, engine, NULL, so, po);
    j.cut = cut;
    for (size_t at = 0; at < size;) {
        int n = mbedtls_ssl_write_early_data(&j.peer.ssl, early + at, size - at);
        PKI_CHECK(n);
        at += (size_t)n;
    }
    join_pump(&j);
    const struct tls_failure *f = tls_conn_failure(j.conn);
    if (f != NULL)
        fail_msg("%s", f->reason);
    assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
    assert_int_equal(mbedtls_ssl_get_early_data_status(&j.peer.ssl),
                     MBEDTLS_SSL_EARLY_DATA_STATUS_REJECTED);
    peer_write(&j.peer, "late", 4);
    join_pump(&j);
    assert_int_equal(j.plain.size, 4);
    assert_memory_equal(j.plain.data, "late", 4);
    tls_conn_info(j.conn, &info);
    join_free(&j);
    free(early);
    return info.resumed;
}

static void believe_in_early_data(mbedtls_ssl_session *s)
{
    s->MBEDTLS_PRIVATE(ticket_flags) |= MBEDTLS_SSL_TLS1_3_TICKET_ALLOW_EARLY_DATA;
    s->MBEDTLS_PRIVATE(max_early_data_size) = 1 << 20;
}

static void early_data_is_skipped_with_and_without_a_usable_ticket(void **state)
{
    (void)state;
    struct tls_engine *engine = engine_or_die(), *other = engine_or_die();
    struct tls_server_options so = join_options(&ecdsa, 1);
    static const size_t sizes[] = {1, 1000, 16384, 30000};
    mbedtls_ssl_session session;
    struct peer_options po = client(V13);
    assert_false(visit(engine, &so, &po, &session));
    believe_in_early_data(&session);
    po.session = &session;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_true(visit_early(engine, &so, &po, sizes[i], 0));
        assert_false(visit_early(other, &so, &po, sizes[i], 0));
    }
    assert_false(visit_early(other, &so, &po, 3000, 1));
    mbedtls_ssl_session_free(&session);
    tls_engine_free(engine);
    tls_engine_free(other);
}

static void early_data_is_skipped_before_a_retried_hello(void **state)
{
    (void)state;
    static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
                                      MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, 0};
    const char *only[] = {"secp384r1"};
    struct string_list list = {only, 1};
    struct tls_engine *engine = engine_or_die(), *other = engine_or_die();
    struct tls_server_options so = join_options(&ecdsa, 1);
    so.groups = &list;
    mbedtls_ssl_session session;
    struct peer_options po = client(V13);
    po.groups = groups;
    assert_false(visit(engine, &so, &po, &session));
    believe_in_early_data(&session);
    po.session = &session;
    visit_early(engine, &so, &po, 5000, 0);
    visit_early(other, &so, &po, 5000, 0);
    visit_early(other, &so, &po, 5000, 1);
    mbedtls_ssl_session_free(&session);
    tls_engine_free(engine);
    tls_engine_free(other);
}

static void endless_early_data_is_cut_off(void **state)
{
    (void)state;
    struct tls_engine *engine = engine_or_die();
    struct tls_server_options so = join_options(&ecdsa, 1);
    mbedtls_ssl_session session;
    struct peer_options po = client(V13);
    assert_false(visit(engine, &so, &po, &session));
    believe_in_early_data(&session);
    po.session = &session;
    po.early_data = true;
    uint8_t early[10000] = {0};
    struct join j;
    join_start(&j, engine, NULL, &so, &po);
    for (int i = 0; i < 20; i++)
        PKI_CHECK(mbedtls_ssl_write_early_data(&j.peer.ssl, early, sizeof early));
    join_deliver(&j, j.peer.out.data, j.peer.out.size);
    assert_int_equal(tls_conn_status(j.conn), TLS_FAILED);
    assert_int_equal(tls_conn_failure(j.conn)->alert_sent, 10);
    assert_int_equal(tls_conn_failure(j.conn)->fault, TLS_FAULT_CLIENT);
    join_free(&j);
    mbedtls_ssl_session_free(&session);
    tls_engine_free(engine);
}

/* ---- shared keys ---- */

static void load_secret(struct tls_ticket_secrets *secrets, const char *file)
{
    struct err e;
    const struct tls_slice slice = {(const uint8_t *)file, strlen(file)};
    assert_int_equal(tls_ticket_secret_load(slice, &secrets->item[secrets->count++], &e), 0);
}

static void derived(struct tls_ticket_keys *k, const char *file, time_t now)
{
    struct tls_ticket_secrets secrets = {0};
    struct err e;
    load_secret(&secrets, file);
    assert_int_equal(tls_ticket_keys_derive(k, &secrets, now, &e), 0);
}

/* The first seals. */
static void derived_from_two(struct tls_ticket_keys *k, const char *first, const char *second,
                             time_t now)
{
    struct tls_ticket_secrets secrets = {0};
    struct err e;
    load_secret(&secrets, first);
    load_secret(&secrets, second);
    assert_int_equal(tls_ticket_keys_derive(k, &secrets, now, &e), 0);
}

#define FILE_A "0123456789abcdef0123456789abcdef"
#define FILE_B "0123456789abcdef0123456789abcdeF"

static bool opens(const struct tls_ticket_keys *k, const struct tls_ticket_key *sealed_by)
{
    for (size_t i = 0; i < k->count; i++)
        if (memcmp(&k->key[i], sealed_by, sizeof *sealed_by) == 0)
            return true;
    return false;
}

static void who_has_the_same_file_has_the_same_keys(void **state)
{
    (void)state;
    const time_t begin = (time_t)TLS_TICKET_PERIOD * 80000;
    struct tls_ticket_keys a, b;
    derived(&a, FILE_A, begin);
    derived(&b, FILE_A, begin + TLS_TICKET_PERIOD - 1);
    assert_int_equal(a.count, 4);
    assert_memory_equal(&a, &b, sizeof a);
    derived(&b, FILE_B, begin);
    for (size_t i = 0; i < b.count; i++)
        assert_false(opens(&a, &b.key[i]));
}

static void a_shared_key_opens_for_as_long_as_its_tickets_live(void **state)
{
    (void)state;
    const time_t begin = (time_t)TLS_TICKET_PERIOD * 80000;
    struct tls_ticket_keys sealing, k;
    derived(&sealing, FILE_A, begin);
    for (int at = -TLS_TICKET_PERIOD; at < TLS_TICKET_PERIOD + TLS_TICKET_LIFETIME; at += 600) {
        derived(&k, FILE_A, begin + at);
        assert_true(opens(&k, &sealing.key[0])); /* also where the clock is behind */
    }
    derived(&k, FILE_A, begin + TLS_TICKET_PERIOD + TLS_TICKET_LIFETIME);
    assert_false(opens(&k, &sealing.key[0]));
    derived(&k, FILE_A, begin - TLS_TICKET_PERIOD - 1);
    assert_false(opens(&k, &sealing.key[0]));
}

static void shared_keys_differ_from_one_period_to_the_next(void **state)
{
    (void)state;
    struct tls_ticket_keys k;
    derived(&k, FILE_A, 1800000000);
    for (size_t i = 0; i < k.count; i++)
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(k.key[i].name, k.key[j].name, sizeof k.key[i].name);
            assert_memory_not_equal(k.key[i].secret, k.key[j].secret, sizeof k.key[i].secret);
        }
}

static void a_secret_of_another_size_than_a_secret_has_is_refused(void **state)
{
    (void)state;
    enum { TOO_MUCH = (1 << 20) + 1 };
    struct tls_ticket_secret secret;
    struct err e;
    assert_int_equal(
        tls_ticket_secret_load((struct tls_slice){(const uint8_t *)FILE_A, 31}, &secret, &e), -1);
    assert_non_null(strstr(e.text, "31 bytes"));
    assert_int_equal(tls_ticket_secret_load((struct tls_slice){NULL, 0}, &secret, &e), -1);
    uint8_t *large = calloc(1, TOO_MUCH);
    assert_int_equal(tls_ticket_secret_load((struct tls_slice){large, TOO_MUCH}, &secret, &e), -1);
    assert_non_null(strstr(e.text, "1 MiB"));
    assert_int_equal(tls_ticket_secret_load((struct tls_slice){large, TOO_MUCH - 1}, &secret, &e),
                     0);
    free(large);
}

static void of_several_secrets_the_first_seals_and_all_open(void **state)
{
    (void)state;
    struct tls_ticket_keys a, b, both;
    derived(&a, FILE_A, 1800000000);
    derived(&b, FILE_B, 1800000000);
    derived_from_two(&both, FILE_B, FILE_A, 1800000000);
    assert_int_equal(both.count, a.count + b.count);
    assert_memory_equal(&both.key[0], &b.key[0], sizeof b.key[0]);
    for (size_t i = 0; i < a.count; i++)
        assert_true(opens(&both, &a.key[i]));
    for (size_t i = 0; i < b.count; i++)
        assert_true(opens(&both, &b.key[i]));
}

/* A new secret is the second everywhere before it is the first anywhere. */
static void machines_in_the_middle_of_a_roll_take_each_others_tickets(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        struct tls_ticket_keys keys[3];
        struct tls_server_options so = join_options(&ecdsa, 1);
        derived(&keys[0], FILE_A, 1800000000);
        derived_from_two(&keys[1], FILE_A, FILE_B, 1800000000);
        derived_from_two(&keys[2], FILE_B, FILE_A, 1800000000);
        for (int from = 0; from < 3; from++)
            for (int to = 0; to < 3; to++) {
                struct tls_engine *one = engine_with(&keys[from]), *other = engine_with(&keys[to]);
                mbedtls_ssl_session session;
                struct peer_options po = client(v == 0 ? V12 : V13);
                assert_false(visit(one, &so, &po, &session));
                po.session = &session;
                assert_int_equal(visit(other, &so, &po, NULL), !(from == 2 && to == 0));
                mbedtls_ssl_session_free(&session);
                tls_engine_free(one);
                tls_engine_free(other);
            }
    }
}

static void a_fingerprint_tells_secrets_apart_and_is_no_part_of_them(void **state)
{
    (void)state;
    struct tls_ticket_secrets s = {0};
    char a[TLS_TICKET_FINGERPRINT_SIZE], b[TLS_TICKET_FINGERPRINT_SIZE], part[3];
    load_secret(&s, FILE_A);
    load_secret(&s, FILE_B);
    tls_ticket_fingerprint(&s.item[0], a);
    tls_ticket_fingerprint(&s.item[1], b);
    assert_int_equal(strlen(a), TLS_TICKET_FINGERPRINT_SIZE - 1);
    assert_string_not_equal(a, b);
    tls_ticket_fingerprint(&s.item[0], b);
    assert_string_equal(a, b);
    snprintf(part, sizeof part, "%02x", s.item[0].bytes[0]);
    assert_memory_not_equal(a, part, 2);
}

static void a_new_file_is_of_random_bytes(void **state)
{
    (void)state;
    uint8_t a[TLS_TICKET_FILE_SIZE], b[TLS_TICKET_FILE_SIZE];
    struct err e;
    assert_int_equal(tls_ticket_file_make(a, &e), 0);
    assert_int_equal(tls_ticket_file_make(b, &e), 0);
    assert_memory_not_equal(a, b, sizeof a);
}

/* Whoever stops sharing keeps what a ticket's life needs, not all that there was. */
static void rotation_after_sharing_keeps_no_more_than_ever(void **state)
{
    (void)state;
    struct tls_ticket_keys k;
    static const struct tls_ticket_key none;
    struct err e;
    derived_from_two(&k, FILE_A, FILE_B, 1800000000);
    assert_int_equal(tls_ticket_keys_rotate(&k, &e), 0);
    assert_int_equal(k.count, TLS_TICKET_KEYS_KEPT);
    for (size_t i = k.count; i < TLS_TICKET_KEYS; i++)
        assert_memory_equal(&k.key[i], &none, sizeof none);
}

static void a_session_comes_back_to_another_machine_with_the_same_file(void **state)
{
    (void)state;
    for (int v = 0; v < 2; v++) {
        struct tls_ticket_keys a, b;
        derived(&a, FILE_A, 1800000000);
        derived(&b, FILE_A, 1800000000 + TLS_TICKET_PERIOD); /* its clock is ahead */
        struct tls_engine *one = engine_with(&a), *other = engine_with(&b);
        struct tls_server_options so = join_options(&ecdsa, 1);
        mbedtls_ssl_session session, back;
        struct peer_options po = client(v == 0 ? V12 : V13);
        assert_false(visit(one, &so, &po, &session));
        po.session = &session;
        assert_true(visit(other, &so, &po, NULL));
        po.session = NULL;
        assert_false(visit(other, &so, &po, &back));
        po.session = &back;
        assert_true(visit(one, &so, &po, NULL));
        mbedtls_ssl_session_free(&session);
        mbedtls_ssl_session_free(&back);
        tls_engine_free(one);
        tls_engine_free(other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_comes_back),
        cmocka_unit_test(the_ticket_comes_with_the_first_record),
        cmocka_unit_test(every_suite_resumes),
        cmocka_unit_test(resumption_works_with_a_retry_request_and_in_pieces),
        cmocka_unit_test(workers_with_the_same_keys_share_sessions),
        cmocka_unit_test(tickets_live_as_long_as_their_key),
        cmocka_unit_test(rotation_keeps_the_newest_keys),
        cmocka_unit_test(sessions_stay_in_their_context),
        cmocka_unit_test(sessions_outlive_a_policy_that_still_allows_them),
        cmocka_unit_test(sessions_end_with_what_they_were_agreed_with),
        cmocka_unit_test(sessions_do_not_come_to_where_certificates_are_asked_for),
        cmocka_unit_test(a_certificate_for_the_same_name_takes_sessions_of_another),
        cmocka_unit_test(without_a_known_name_the_names_of_the_default_count),
        cmocka_unit_test(a_name_that_is_not_known_is_not_the_same_as_known),
        cmocka_unit_test(a_suite_without_a_certificate_means_a_new_session),
        cmocka_unit_test(a_client_that_changed_its_suites_is_served_anew),
        cmocka_unit_test(another_name_means_another_session),
        cmocka_unit_test(damaged_and_truncated_tickets_lead_to_a_full_handshake),
        cmocka_unit_test(tickets_do_not_open_in_another_version),
        cmocka_unit_test(early_data_is_skipped_with_and_without_a_usable_ticket),
        cmocka_unit_test(early_data_is_skipped_before_a_retried_hello),
        cmocka_unit_test(endless_early_data_is_cut_off),
        cmocka_unit_test(who_has_the_same_file_has_the_same_keys),
        cmocka_unit_test(a_shared_key_opens_for_as_long_as_its_tickets_live),
        cmocka_unit_test(shared_keys_differ_from_one_period_to_the_next),
        cmocka_unit_test(a_secret_of_another_size_than_a_secret_has_is_refused),
        cmocka_unit_test(of_several_secrets_the_first_seals_and_all_open),
        cmocka_unit_test(machines_in_the_middle_of_a_roll_take_each_others_tickets),
        cmocka_unit_test(a_fingerprint_tells_secrets_apart_and_is_no_part_of_them),
        cmocka_unit_test(a_new_file_is_of_random_bytes),
        cmocka_unit_test(rotation_after_sharing_keeps_no_more_than_ever),
        cmocka_unit_test(a_session_comes_back_to_another_machine_with_the_same_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
