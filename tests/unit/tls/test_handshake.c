/* test_handshake.c - handshakes and data between an mbedTLS client and a tls_conn */
#include "tests/unit/tls/peer.c"
#include "tls/engine.h"

#include <mbedtls/ssl_ciphersuites.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const names[] = {"mail.example", NULL};
static struct tls_identity *ecdsa, *rsa, *ecdsa384;

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    if (tls_init(&e) != 0)
        return -1;
    ecdsa = pki_identity(PKI_EC256, names);
    ecdsa384 = pki_identity(PKI_EC384, names);
    rsa = pki_identity(PKI_RSA2048, names);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tls_identity_free(ecdsa);
    tls_identity_free(ecdsa384);
    tls_identity_free(rsa);
    pki_free();
    return 0;
}

/* The same once more, with every key in a process of its own. */
static int setup_elsewhere(void **state)
{
    pki_signer = tls_keyring_new();
    return pki_signer == NULL ? -1 : setup(state);
}

static int teardown_elsewhere(void **state)
{
    tls_keyring_free(pki_signer);
    pki_signer = NULL;
    return teardown(state);
}

static void assert_open(struct join *j)
{
    const struct tls_failure *f = tls_conn_failure(j->conn);
    if (f != NULL)
        fail_msg("server: %s", f->reason);
    if (j->peer.error != 0)
        fail_msg("client: -0x%04x", (unsigned)-j->peer.error);
    assert_int_equal(tls_conn_status(j->conn), TLS_OPEN);
    assert_true(j->peer.open);
}

static void fill(uint8_t *data, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)((i * 31 + i / 251 + seed) & 0xff);
}

/* Both ways at once, byte for byte. */
static void assert_carries(struct join *j, size_t size)
{
    uint8_t *up = malloc(size), *down = malloc(size);
    fill(up, size, 1);
    fill(down, size, 2);
    j->plain.size = 0;
    j->peer.plain.size = 0;
    peer_write(&j->peer, up, size);
    join_send(j, down, size);
    join_pump(j);
    assert_open(j);
    assert_int_equal(j->plain.size, size);
    assert_memory_equal(j->plain.data, up, size);
    assert_int_equal(j->peer.plain.size, size);
    assert_memory_equal(j->peer.plain.data, down, size);
    free(up);
    free(down);
}

struct combination {
    mbedtls_ssl_protocol_version version;
    int cipher;
    uint16_t group;
    struct tls_identity **identity;
    const char *cipher_name, *group_name;
};

#define V12    MBEDTLS_SSL_VERSION_TLS1_2
#define V13    MBEDTLS_SSL_VERSION_TLS1_3
#define X25519 MBEDTLS_SSL_IANA_TLS_GROUP_X25519
#define P256   MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1
#define P384   MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1
#define HYBRID MBEDTLS_SSL_IANA_TLS_GROUP_X25519MLKEM768

static const struct combination combinations[] = {
    {V13, 0x1301, X25519, &ecdsa, "TLS_AES_128_GCM_SHA256", "x25519"},
    {V13, 0x1301, P256, &rsa, "TLS_AES_128_GCM_SHA256", "secp256r1"},
    {V13, 0x1302, P384, &ecdsa384, "TLS_AES_256_GCM_SHA384", "secp384r1"},
    {V13, 0x1302, X25519, &rsa, "TLS_AES_256_GCM_SHA384", "x25519"},
    {V13, 0x1303, P256, &ecdsa, "TLS_CHACHA20_POLY1305_SHA256", "secp256r1"},
    {V12, 0xc02b, P256, &ecdsa, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "secp256r1"},
    {V12, 0xc02c, P384, &ecdsa384, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "secp384r1"},
    {V12, 0xc02f, X25519, &rsa, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "x25519"},
    {V12, 0xc030, P256, &rsa, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "secp256r1"},
    {V12, 0xcca8, P384, &rsa, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "secp384r1"},
    {V12, 0xcca9, P256, &ecdsa, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "secp256r1"},
#ifdef TLSFRONT_ACCEL
    {V13, 0x1301, HYBRID, &ecdsa, "TLS_AES_128_GCM_SHA256", "X25519MLKEM768"},
    {V13, 0x1302, HYBRID, &rsa, "TLS_AES_256_GCM_SHA384", "X25519MLKEM768"},
    {V13, 0x1303, HYBRID, &ecdsa384, "TLS_CHACHA20_POLY1305_SHA256", "X25519MLKEM768"},
#endif
};

/* NULL: the build has none. */
static const struct combination *hybrid(void)
{
    for (size_t i = 0; i < sizeof combinations / sizeof *combinations; i++)
        if (combinations[i].group == HYBRID)
            return &combinations[i];
    return NULL;
}

static void start(struct join *j, const struct combination *c, mbedtls_ssl_session *session)
{
    static int ciphers[2];
    static uint16_t groups[2];
    ciphers[0] = c->cipher;
    groups[0] = c->group;
    struct tls_server_options so = join_options(c->identity, 1);
    join_start(j, NULL, NULL, &so,
               &(struct peer_options){.min = c->version,
                                      .max = c->version,
                                      .ciphers = ciphers,
                                      .groups = groups,
                                      .sni = "mail.example",
                                      .session = session});
}

static void every_combination_opens_and_carries_data(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof combinations / sizeof *combinations; i++) {
        const struct combination *c = &combinations[i];
        struct join j;
        struct tls_info info;
        start(&j, c, NULL);
        join_pump(&j);
        assert_open(&j);
        tls_conn_info(j.conn, &info);
        assert_string_equal(info.version, c->version == V13 ? "TLSv1.3" : "TLSv1.2");
        assert_string_equal(info.cipher, c->cipher_name);
        assert_string_equal(info.group, c->group_name);
        assert_string_equal(info.sni, "mail.example");
        assert_null(info.alpn);
        assert_null(info.client_subject);
        assert_false(info.resumed);
        assert_carries(&j, 1000);
        join_free(&j);
    }
}

static void data_of_every_size_arrives_unchanged(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 100, 16383, 16384, 16385, 40000, 65536, 65537, 200 * 1024};
    for (size_t i = 0; i < 2; i++) {
        struct join j;
        start(&j, &combinations[i == 0 ? 0 : 7], NULL);
        join_pump(&j);
        assert_open(&j);
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
            assert_carries(&j, sizes[k]);
        join_free(&j);
    }
}

static void a_large_send_makes_few_records(void **state)
{
    (void)state;
    uint8_t data[65536];
    struct join j;
    fill(data, sizeof data, 3);
    for (size_t i = 0; i < 2; i++) {
        start(&j, &combinations[i == 0 ? 0 : 7], NULL);
        join_pump(&j);
        join_send(&j, "x", 1); /* takes the ticket along */
        j.peer.in.size = 0;
        join_send(&j, data, sizeof data);
        size_t records = 0, at = 0;
        for (; at < j.peer.in.size; records++)
            at += 5 + (size_t)(j.peer.in.data[at + 3] << 8 | j.peer.in.data[at + 4]);
        assert_int_equal(at, j.peer.in.size);
        assert_int_equal(records, 4);
        join_free(&j);
    }
}

static void what_was_received_outlasts_an_answer(void **state)
{
    (void)state;
    static uint8_t answer[TLS_CHUNK_MAX + 1];
    uint8_t data[9000];
    struct join j;
    struct tls_io received = {0}, sent = {0};
    fill(data, sizeof data, 4);
    start(&j, &combinations[0], NULL);
    join_pump(&j);
    peer_write(&j.peer, data, sizeof data);
    assert_int_equal(tls_conn_receive(j.conn, j.peer.out.data, j.peer.out.size, &received),
                     TLS_OPEN);
    tls_conn_send(j.conn, answer, TLS_CHUNK_MAX, &sent);
    assert_true(sent.wire.size > TLS_CHUNK_MAX);
    assert_int_equal(received.plain.size, sizeof data);
    assert_memory_equal(received.plain.data, data, sizeof data);
    join_free(&j);
}

/* The whole exchange in pieces of `cut`. */
static void assert_works_cut(const struct combination *c, size_t to_server, size_t to_client)
{
    struct join j;
    start(&j, c, NULL);
    j.cut = to_server;
    j.cut_to_client = to_client;
    join_pump(&j);
    assert_open(&j);
    assert_carries(&j, 300);
    peer_close(&j.peer);
    join_pump(&j);
    assert_int_equal(tls_conn_status(j.conn), TLS_EOF);
    join_free(&j);
}

static void one_byte_at_a_time_gives_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof combinations / sizeof *combinations; i += 5) {
        assert_works_cut(&combinations[i], 1, 0);
        assert_works_cut(&combinations[i], 0, 1);
        assert_works_cut(&combinations[i], 1, 1);
    }
    if (hybrid() == NULL)
        return;
    assert_works_cut(hybrid(), 1, 0);
    assert_works_cut(hybrid(), 0, 1);
    assert_works_cut(hybrid(), 1, 1);
}

/* Deliver what the client sends cut in two at every place, each on a connection of its own: the
 * flight number `flight`. Returns how many places there were. */
static size_t cut_flight_everywhere(const struct combination *c, unsigned flight)
{
    size_t places = 1;
    for (size_t at = 0; at < places; at++) {
        struct join j;
        start(&j, c, NULL);
        for (unsigned f = 0; f <= flight; f++) {
            peer_step(&j.peer);
            struct bytes out = j.peer.out;
            j.peer.out = (struct bytes){0};
            if (f == flight) {
                places = out.size;
                assert_true(places > 0);
                join_deliver(&j, out.data, at);
                join_deliver(&j, out.data + at, out.size - at);
            } else {
                join_deliver(&j, out.data, out.size);
            }
            bytes_free(&out);
        }
        join_pump(&j);
        assert_open(&j);
        join_free(&j);
    }
    return places;
}

static void a_cut_anywhere_in_any_flight_gives_the_same(void **state)
{
    (void)state;
    assert_true(cut_flight_everywhere(&combinations[0], 0) > 100); /* TLS 1.3 ClientHello */
    assert_true(cut_flight_everywhere(&combinations[0], 1) > 50);  /* Finished */
    assert_true(cut_flight_everywhere(&combinations[5], 0) > 100); /* TLS 1.2 ClientHello */
    assert_true(cut_flight_everywhere(&combinations[5], 1) > 100); /* key exchange to Finished */
}

/* As it comes in two segments, wherever TCP cuts it. */
static void a_hybrid_hello_cut_anywhere_gives_the_same(void **state)
{
    (void)state;
    if (hybrid() == NULL)
        skip();
    assert_true(cut_flight_everywhere(hybrid(), 0) > 1216);
    assert_true(cut_flight_everywhere(hybrid(), 1) > 50);
}

static void a_cut_anywhere_in_data_gives_the_same(void **state)
{
    (void)state;
    struct join j;
    start(&j, &combinations[0], NULL);
    join_pump(&j);
    for (size_t at = 0; at < 200; at++) {
        uint8_t data[100];
        fill(data, sizeof data, (unsigned)at);
        j.plain.size = 0;
        peer_write(&j.peer, data, 60);
        peer_write(&j.peer, data + 60, 40);
        struct bytes out = j.peer.out;
        j.peer.out = (struct bytes){0};
        size_t first = at < out.size ? at : out.size;
        join_deliver(&j, out.data, first);
        join_deliver(&j, out.data + first, out.size - first);
        bytes_free(&out);
        assert_int_equal(j.plain.size, sizeof data);
        assert_memory_equal(j.plain.data, data, sizeof data);
    }
    join_free(&j);
}

static void a_retry_request_leads_to_an_open_connection(void **state)
{
    (void)state;
    static const uint16_t groups[] = {X25519, P384, 0}; /* the key share is for the first */
    const char *only[] = {"secp384r1"};
    struct string_list list = {only, 1};
    struct tls_server_options so = join_options(&ecdsa, 1);
    so.groups = &list;
    for (size_t cut = 0; cut < 2; cut++) {
        struct join j;
        struct tls_info info;
        join_start(&j, NULL, NULL, &so,
                   &(struct peer_options){.min = V13, .groups = groups, .sni = "mail.example"});
        j.cut = cut;
        join_pump(&j);
        assert_open(&j);
        tls_conn_info(j.conn, &info);
        assert_string_equal(info.group, "secp384r1");
        assert_carries(&j, 5000);
        join_free(&j);
    }
}

/* Of those that the client lists, where none of its key shares will do. */
static void our_order_of_groups_decides(void **state)
{
    (void)state;
    static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1, P384, P256, X25519, 0};
    static const char *p384_first[] = {"secp384r1", "x25519"};
    static const struct string_list list = {p384_first, 2};
    for (int ours = 0; ours < 2; ours++) {
        struct join j;
        struct tls_info info;
        struct tls_server_options so = join_options(&ecdsa, 1);
        so.groups = ours == 0 ? NULL : &list;
        join_start(&j, NULL, NULL, &so,
                   &(struct peer_options){.min = V13, .groups = groups, .sni = "mail.example"});
        join_pump(&j);
        assert_open(&j);
        tls_conn_info(j.conn, &info);
        assert_string_equal(info.group, ours == 0 ? "x25519" : "secp384r1");
        join_free(&j);
    }
}

static void close_notify_is_told_from_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct join j;
        start(&j, &combinations[i == 0 ? 0 : 5], NULL);
        join_pump(&j);
        assert_int_equal(tls_conn_transport_eof(j.conn), TLS_FAILED);
        const struct tls_failure *f = tls_conn_failure(j.conn);
        assert_true(f->truncated);
        assert_int_equal(f->alert_sent, -1);
        assert_int_equal(f->fault, TLS_FAULT_CLIENT);
        join_free(&j);

        start(&j, &combinations[i == 0 ? 0 : 5], NULL);
        join_pump(&j);
        peer_close(&j.peer);
        join_pump(&j);
        assert_int_equal(tls_conn_status(j.conn), TLS_EOF);
        assert_int_equal(tls_conn_transport_eof(j.conn), TLS_EOF);
        assert_null(tls_conn_failure(j.conn));
        join_free(&j);
    }
}

static void after_the_clients_end_sending_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct join j;
        start(&j, &combinations[i == 0 ? 0 : 5], NULL);
        join_pump(&j);
        peer_close(&j.peer);
        join_pump(&j);
        join_send(&j, "goodbye", 7);
        join_close(&j);
        join_pump(&j);
        assert_int_equal(j.peer.plain.size, 7);
        assert_memory_equal(j.peer.plain.data, "goodbye", 7);
        assert_true(j.peer.closed);
        join_free(&j);
    }
}

static void after_our_end_receiving_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct join j;
        struct tls_io io;
        uint8_t x[] = "x";
        start(&j, &combinations[i == 0 ? 0 : 5], NULL);
        join_pump(&j);
        join_close(&j);
        join_pump(&j);
        assert_true(j.peer.closed);
        tls_conn_close(j.conn, &io);
        assert_int_equal(io.wire.size, 0); /* the second time does nothing */
        tls_conn_send(j.conn, x, 1, &io);
        assert_int_equal(io.wire.size, 0);
        peer_write(&j.peer, "late", 4);
        join_pump(&j);
        join_deliver(&j, j.peer.out.data, j.peer.out.size);
        assert_int_equal(j.plain.size, 4);
        assert_int_equal(tls_conn_status(j.conn), TLS_OPEN);
        join_free(&j);
    }
}

static void bytes_behind_close_notify_are_ignored(void **state)
{
    (void)state;
    struct join j;
    start(&j, &combinations[0], NULL);
    join_pump(&j);
    peer_close(&j.peer);
    bytes_add(&j.peer.out, "rubbish that is not TLS at all", 30);
    join_pump(&j);
    assert_int_equal(tls_conn_status(j.conn), TLS_EOF);
    join_free(&j);
}

static void a_small_fragment_length_is_kept_to(void **state)
{
    (void)state;
    struct join j;
    uint8_t data[3000];
    fill(data, sizeof data, 9);
    start(&j, &combinations[5], NULL);
    PKI_CHECK(mbedtls_ssl_conf_max_frag_len(&j.peer.conf, MBEDTLS_SSL_MAX_FRAG_LEN_512));
    join_pump(&j);
    assert_open(&j);
    join_send(&j, data, sizeof data);
    for (size_t at = 0; at < j.peer.in.size;) {
        size_t size = (size_t)(j.peer.in.data[at + 3] << 8 | j.peer.in.data[at + 4]);
        assert_true(size <= 512 + 24);
        at += 5 + size;
    }
    join_pump(&j);
    assert_int_equal(j.peer.plain.size, sizeof data);
    join_free(&j);
}

static void the_handshake_keeps_to_it_too(void **state)
{
    (void)state;
    char *chain = pki_certificate(&(struct pki_spec){
        .subject = "CN=mail.example", .names = names, .key = PKI_RSA2048, .padding = 3000});
    char *key = pki_key_pem(PKI_RSA2048);
    struct tls_identity *id = pki_load(chain, key);
    struct tls_server_options so = join_options(&id, 1);
    struct peer_options po = {.max = V12, .sni = "mail.example"};
    struct join j;
    join_start(&j, NULL, NULL, &so, &po);
    PKI_CHECK(mbedtls_ssl_conf_max_frag_len(&j.peer.conf, MBEDTLS_SSL_MAX_FRAG_LEN_512));
    peer_step(&j.peer);
    join_deliver(&j, j.peer.out.data, j.peer.out.size);
    j.peer.out.size = 0;
    size_t full = 0;
    for (size_t size, at = 0; at < j.peer.in.size; at += 5 + size) {
        size = (size_t)(j.peer.in.data[at + 3] << 8 | j.peer.in.data[at + 4]);
        assert_int_equal(j.peer.in.data[at], 22);
        assert_in_range(size, 1, 512);
        full += size == 512;
    }
    assert_true(full >= 6);
    join_pump(&j);
    assert_open(&j);
    assert_carries(&j, 3000);
    join_free(&j);
    tls_identity_free(id);
    free(chain);
    free(key);
}

static void alpn_is_agreed_or_ignored(void **state)
{
    (void)state;
    const char *ours[] = {"imap", "pop3"};
    struct string_list list = {ours, 2};
    const char *offers[] = {"http/1.1", "pop3", NULL};
    struct tls_server_options so = join_options(&ecdsa, 1);
    so.alpn = &list;
    for (int v = 0; v < 2; v++) {
        struct join j;
        struct tls_info info;
        mbedtls_ssl_protocol_version version = v == 0 ? V12 : V13;
        join_start(&j, NULL, NULL, &so,
                   &(struct peer_options){.min = version, .max = version, .alpn = offers});
        join_pump(&j);
        assert_open(&j);
        tls_conn_info(j.conn, &info);
        assert_string_equal(info.alpn, "pop3");
        join_free(&j);

        join_start(&j, NULL, NULL, &so, &(struct peer_options){.min = version, .max = version});
        join_pump(&j);
        assert_open(&j);
        tls_conn_info(j.conn, &info);
        assert_null(info.alpn);
        assert_null(info.sni);
        join_free(&j);
    }
}

static void configured_suites_and_groups_are_what_is_used(void **state)
{
    (void)state;
    const char *suites[] = {"ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_CHACHA20_POLY1305_SHA256"};
    const char *groups[] = {"P-384"};
    struct string_list suite_list = {suites, 2}, group_list = {groups, 1};
    struct tls_server_options so = join_options(&ecdsa, 1);
    so.ciphers = &suite_list;
    so.groups = &group_list;
    for (int v = 0; v < 2; v++) {
        struct join j;
        struct tls_info info;
        mbedtls_ssl_protocol_version version = v == 0 ? V12 : V13;
        join_start(&j, NULL, NULL, &so, &(struct peer_options){.min = version, .max = version});
        join_pump(&j);
        assert_open(&j);
        tls_conn_info(j.conn, &info);
        assert_non_null(strstr(info.cipher, "CHACHA20"));
        assert_string_equal(info.group, "secp384r1");
        join_free(&j);
    }
}

static void assert_chosen(const struct tls_server_options *so, mbedtls_ssl_protocol_version version,
                          const int *offered, const char *expected)
{
    struct join j;
    struct tls_info info;
    join_start(&j, NULL, NULL, so,
               &(struct peer_options){.min = version, .max = version, .ciphers = offered});
    join_pump(&j);
    assert_open(&j);
    tls_conn_info(j.conn, &info);
    assert_string_equal(info.cipher, expected);
    join_free(&j);
}

static void our_order_of_suites_decides(void **state)
{
    (void)state;
    static const int aes256_first[] = {MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
                                       MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
                                       MBEDTLS_TLS1_3_AES_128_GCM_SHA256, 0};
    const char *suites[] = {"TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_256_GCM_SHA384",
                            "TLS_AES_128_GCM_SHA256"};
    struct string_list suite_list = {suites, 3};
    struct tls_server_options so = join_options(&ecdsa, 1);
    assert_chosen(&so, V12, NULL, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    assert_chosen(&so, V13, aes256_first, "TLS_AES_128_GCM_SHA256");
    so.ciphers = &suite_list;
    assert_chosen(&so, V13, aes256_first, "TLS_CHACHA20_POLY1305_SHA256");
    assert_chosen(&so, V13, aes256_first + 2, "TLS_AES_128_GCM_SHA256");
}

static void a_client_that_prefers_chacha20_gets_it(void **state)
{
    (void)state;
    static const int chacha_first[] = {MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
                                       MBEDTLS_TLS1_3_AES_128_GCM_SHA256, 0};
    struct tls_server_options so = join_options(&ecdsa, 1);
    assert_chosen(&so, V13, chacha_first, "TLS_CHACHA20_POLY1305_SHA256");
}

static void connections_share_an_engine(void **state)
{
    (void)state;
    struct tls_engine *engine = engine_or_die();
    struct tls_server_options so = join_options(&ecdsa, 1);
    struct join a, b;
    join_start(&a, engine, NULL, &so, &(struct peer_options){.sni = "mail.example"});
    join_start(&b, engine, NULL, &so, &(struct peer_options){.max = V12});
    a.cut = b.cut = 7;
    join_pump(&a);
    join_pump(&b);
    assert_carries(&a, 20000);
    assert_carries(&b, 20000);
    assert_carries(&a, 33);
    join_free(&a);
    join_free(&b);
    tls_engine_free(engine);
}

/* What the client has to say now, to the server end. */
static void deliver_flight(struct join *j)
{
    peer_step(&j->peer);
    struct bytes out = j->peer.out;
    j->peer.out = (struct bytes){0};
    join_deliver(j, out.data, out.size);
    bytes_free(&out);
}

static void handshakes_that_wait_for_the_client_share_two_buffers(void **state)
{
    (void)state;
    enum { COUNT = sizeof combinations / sizeof *combinations };
    struct tls_engine *engine = engine_or_die();
    struct tls_server_options so = join_options((struct tls_identity *[]){ecdsa, rsa}, 2);
    struct join joins[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        join_start(&joins[i], engine, NULL, &so,
                   &(struct peer_options){.max = i % 2 ? V12 : V13, .min = i % 2 ? V12 : V13});
        deliver_flight(&joins[i]);
        assert_int_equal(tls_conn_status(joins[i].conn), TLS_HANDSHAKE);
        assert_int_equal(engine->spares, 2);
    }
    for (size_t i = 0; i < COUNT; i++) {
        join_pump(&joins[i]);
        assert_carries(&joins[i], 1000);
        assert_int_equal(engine->spares, 2);
        join_free(&joins[i]);
    }
    tls_engine_free(engine);
}

static void the_handshake_state_is_told(void **state)
{
    (void)state;
    struct join j;
    start(&j, &combinations[0], NULL);
    assert_int_equal(tls_conn_status(j.conn), TLS_HANDSHAKE);
    struct tls_io io;
    uint8_t x[] = "x";
    tls_conn_send(j.conn, x, 1, &io);
    assert_int_equal(io.wire.size, 0); /* not before the end of the handshake */
    tls_conn_close(j.conn, &io);
    assert_int_equal(io.wire.size, 0);
    join_pump(&j);
    assert_open(&j);
    assert_int_not_equal(tls_conn_status(j.conn), TLS_HANDSHAKE);
    join_free(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_opens_and_carries_data),
        cmocka_unit_test(data_of_every_size_arrives_unchanged),
        cmocka_unit_test(a_large_send_makes_few_records),
        cmocka_unit_test(what_was_received_outlasts_an_answer),
        cmocka_unit_test(one_byte_at_a_time_gives_the_same),
        cmocka_unit_test(a_cut_anywhere_in_any_flight_gives_the_same),
        cmocka_unit_test(a_hybrid_hello_cut_anywhere_gives_the_same),
        cmocka_unit_test(a_cut_anywhere_in_data_gives_the_same),
        cmocka_unit_test(a_retry_request_leads_to_an_open_connection),
        cmocka_unit_test(close_notify_is_told_from_truncation),
        cmocka_unit_test(after_the_clients_end_sending_goes_on),
        cmocka_unit_test(after_our_end_receiving_goes_on),
        cmocka_unit_test(bytes_behind_close_notify_are_ignored),
        cmocka_unit_test(a_small_fragment_length_is_kept_to),
        cmocka_unit_test(the_handshake_keeps_to_it_too),
        cmocka_unit_test(alpn_is_agreed_or_ignored),
        cmocka_unit_test(configured_suites_and_groups_are_what_is_used),
        cmocka_unit_test(our_order_of_suites_decides),
        cmocka_unit_test(our_order_of_groups_decides),
        cmocka_unit_test(a_client_that_prefers_chacha20_gets_it),
        cmocka_unit_test(connections_share_an_engine),
        cmocka_unit_test(handshakes_that_wait_for_the_client_share_two_buffers),
        cmocka_unit_test(the_handshake_state_is_told),
    };
    const struct CMUnitTest elsewhere[] = {
        cmocka_unit_test(every_combination_opens_and_carries_data),
        cmocka_unit_test(one_byte_at_a_time_gives_the_same),
        cmocka_unit_test(a_cut_anywhere_in_any_flight_gives_the_same),
        cmocka_unit_test(a_hybrid_hello_cut_anywhere_gives_the_same),
        cmocka_unit_test(a_retry_request_leads_to_an_open_connection),
        cmocka_unit_test(connections_share_an_engine),
        cmocka_unit_test(handshakes_that_wait_for_the_client_share_two_buffers),
        cmocka_unit_test(the_handshake_state_is_told),
    };
    const int here = cmocka_run_group_tests_name("own keys", tests, setup, teardown);
    return here + cmocka_run_group_tests_name("keys elsewhere", elsewhere, setup_elsewhere,
                                              teardown_elsewhere);
}
