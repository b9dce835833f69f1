/* peer.c - see peer.h; included by the tests that need it */
#include "tests/unit/tls/peer.h"
#include "tests/unit/tls/pki.c"

#include <assert.h>

/* ---- bytes ---- */

void bytes_add(struct bytes *b, const void *data, size_t size)
{
    if (size == 0)
        return;
    if (b->capacity - b->size < size) {
        b->capacity = 2 * b->capacity + size;
        b->data = realloc(b->data, b->capacity);
        assert(b->data != NULL);
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

void bytes_drop(struct bytes *b, size_t size)
{
    assert(size <= b->size);
    b->size -= size;
    if (b->size > 0)
        memmove(b->data, b->data + size, b->size);
}

void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

/* ---- the client ---- */

static int peer_put(void *arg, const unsigned char *data, size_t size)
{
    bytes_add(&((struct peer *)arg)->out, data, size);
    return (int)size;
}

static int peer_get(void *arg, unsigned char *to, size_t size)
{
    struct peer *p = arg;
    size_t n = size < p->in.size ? size : p->in.size;
    if (n == 0)
        return MBEDTLS_ERR_SSL_WANT_READ;
    memcpy(to, p->in.data, n);
    bytes_drop(&p->in, n);
    return (int)n;
}

static void peer_configure(struct peer *p, const struct peer_options *o)
{
    mbedtls_ssl_config *conf = &p->conf;
    PKI_CHECK(mbedtls_ssl_config_defaults(conf, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                          MBEDTLS_SSL_PRESET_DEFAULT));
    mbedtls_ssl_conf_rng(conf, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    mbedtls_ssl_conf_authmode(conf, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_min_tls_version(conf, o->min != 0 ? o->min : MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_max_tls_version(conf, o->max != 0 ? o->max : MBEDTLS_SSL_VERSION_TLS1_3);
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        conf, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
    if (o->early_data)
        mbedtls_ssl_conf_early_data(conf, MBEDTLS_SSL_EARLY_DATA_ENABLED);
    if (o->ciphers != NULL)
        mbedtls_ssl_conf_ciphersuites(conf, o->ciphers);
    if (o->groups != NULL)
        mbedtls_ssl_conf_groups(conf, o->groups);
    if (o->sig_algs != NULL)
        mbedtls_ssl_conf_sig_algs(conf, o->sig_algs);
    if (o->alpn != NULL)
        PKI_CHECK(mbedtls_ssl_conf_alpn_protocols(conf, o->alpn));
    if (o->cert == NULL)
        return;
    PKI_CHECK(
        mbedtls_x509_crt_parse(&p->cert, (const unsigned char *)o->cert, strlen(o->cert) + 1));
    PKI_CHECK(mbedtls_pk_parse_key(&p->key, (const unsigned char *)o->key, strlen(o->key) + 1, NULL,
                                   0, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE));
    PKI_CHECK(mbedtls_ssl_conf_own_cert(conf, &p->cert, &p->key));
}

void peer_start(struct peer *p, const struct peer_options *o)
{
    memset(p, 0, sizeof *p);
    p->alert = -1;
    mbedtls_ssl_init(&p->ssl);
    mbedtls_ssl_config_init(&p->conf);
    mbedtls_x509_crt_init(&p->cert);
    mbedtls_pk_init(&p->key);
    mbedtls_ssl_session_init(&p->session);
    peer_configure(p, o);
    PKI_CHECK(mbedtls_ssl_setup(&p->ssl, &p->conf));
    PKI_CHECK(mbedtls_ssl_set_hostname(&p->ssl, o->sni));
    if (o->session != NULL)
        PKI_CHECK(mbedtls_ssl_set_session(&p->ssl, o->session));
    mbedtls_ssl_set_bio(&p->ssl, p, peer_put, peer_get, NULL);
}

static void peer_keep_session(struct peer *p)
{
    mbedtls_ssl_session_free(&p->session);
    mbedtls_ssl_session_init(&p->session);
    PKI_CHECK(mbedtls_ssl_get_session(&p->ssl, &p->session));
    p->has_session = true;
}

static void peer_failed(struct peer *p, int error)
{
    if (error == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
        p->alert = p->ssl.MBEDTLS_PRIVATE(in_msg)[1];
        p->alerts++;
    }
    if (error == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
        p->closed = true;
    else
        p->error = error;
}

static int peer_read(struct peer *p)
{
    uint8_t buf[20000];
    int n = mbedtls_ssl_read(&p->ssl, buf, sizeof buf);
    if (n > 0)
        bytes_add(&p->plain, buf, (size_t)n);
    if (n == MBEDTLS_ERR_SSL_WANT_READ && mbedtls_ssl_check_pending(&p->ssl))
        return 1; /* a ticket has come; the next call reads it */
    if (n != MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET)
        return n;
    peer_keep_session(p);
    return 1;
}

static int peer_shake(struct peer *p)
{
    int r = mbedtls_ssl_handshake(&p->ssl);
    if (r != 0)
        return r;
    p->open = true;
    if (p->ssl.MBEDTLS_PRIVATE(tls_version) == MBEDTLS_SSL_VERSION_TLS1_2)
        peer_keep_session(p);
    return 1;
}

void peer_step(struct peer *p)
{
    int r = 1;
    while (r > 0 && p->error == 0 && !p->closed)
        r = p->open ? peer_read(p) : peer_shake(p);
    if (r < 0 && r != MBEDTLS_ERR_SSL_WANT_READ && p->error == 0)
        peer_failed(p, r);
}

void peer_write(struct peer *p, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        int n = mbedtls_ssl_write(&p->ssl, at, size);
        PKI_CHECK(n);
        at += n;
        size -= (size_t)n;
    }
}

void peer_close(struct peer *p)
{
    PKI_CHECK(mbedtls_ssl_close_notify(&p->ssl));
}

void peer_free(struct peer *p)
{
    mbedtls_ssl_free(&p->ssl);
    mbedtls_ssl_config_free(&p->conf);
    mbedtls_x509_crt_free(&p->cert);
    mbedtls_pk_free(&p->key);
    mbedtls_ssl_session_free(&p->session);
    bytes_free(&p->in);
    bytes_free(&p->out);
    bytes_free(&p->plain);
}

/* ---- both ends ---- */

struct tls_server *server_or_die(const struct tls_server_options *o)
{
    struct err e = {.text = ""};
    struct tls_server *s = tls_server_new(o, &e);
    if (s == NULL) {
        fprintf(stderr, "server: %s\n", e.text);
        abort();
    }
    return s;
}

struct tls_engine *engine_or_die(void)
{
    struct err e = {.text = ""};
    struct tls_engine *engine = tls_engine_new(&e);
    if (engine == NULL) {
        fprintf(stderr, "engine: %s\n", e.text);
        abort();
    }
    return engine;
}

struct tls_server_options join_options(struct tls_identity *const *identities, size_t count)
{
    return (struct tls_server_options){
        .context = "route", .identities = identities, .identity_count = count};
}

void join_start(struct join *j, struct tls_engine *engine, struct tls_server *server,
                const struct tls_server_options *so, const struct peer_options *po)
{
    memset(j, 0, sizeof *j);
    j->own_engine = engine == NULL;
    j->own_server = server == NULL;
    j->engine = engine != NULL ? engine : engine_or_die();
    j->server = server != NULL ? server : server_or_die(so);
    j->conn = tls_conn_new(j->engine, j->server);
    assert(j->conn != NULL);
    peer_start(&j->peer, po);
}

static void join_collect(struct join *j, const struct tls_io *io)
{
    bytes_add(&j->plain, io->plain.data, io->plain.size);
    bytes_add(&j->peer.in, io->wire.data, io->wire.size);
}

void join_sign(struct join *j)
{
    struct tls_io io;
    struct tls_signature signature;
    const struct tls_sign_request *request = tls_conn_unsigned(j->conn);
    if (request == NULL || j->by_hand)
        return;
    assert(tls_keyring_sign(pki_signer, request, &signature) == TLS_SIGNED);
    j->signatures++;
    tls_conn_sign(j->conn, &signature, &io);
    join_collect(j, &io);
}

void join_deliver(struct join *j, const void *data, size_t size)
{
    const uint8_t *at = size > 0 ? data : (const uint8_t *)"";
    do {
        size_t n = size < TLS_CHUNK_MAX ? size : TLS_CHUNK_MAX;
        n = j->cut > 0 && n > j->cut ? j->cut : n;
        /* Exactly as large as what is given, so that a sanitizer sees a read behind its end. */
        uint8_t *copy = malloc(n > 0 ? n : 1);
        if (n > 0)
            memcpy(copy, at, n);
        struct tls_io io;
        tls_conn_receive(j->conn, copy, n, &io);
        free(copy);
        join_collect(j, &io);
        join_sign(j);
        at += n;
        size -= n;
    } while (size > 0);
}

static void join_step_client(struct join *j)
{
    if (j->cut_to_client == 0) {
        peer_step(&j->peer);
        return;
    }
    struct bytes all = j->peer.in;
    j->peer.in = (struct bytes){0};
    for (size_t at = 0; at < all.size; at += j->cut_to_client) {
        size_t left = all.size - at;
        bytes_add(&j->peer.in, all.data + at, left < j->cut_to_client ? left : j->cut_to_client);
        peer_step(&j->peer);
    }
    peer_step(&j->peer);
    bytes_free(&all);
}

void join_pump(struct join *j)
{
    bool moved;
    do {
        join_step_client(j);
        struct bytes out = j->peer.out;
        j->peer.out = (struct bytes){0};
        moved = out.size > 0;
        if (moved)
            join_deliver(j, out.data, out.size);
        bytes_free(&out);
        moved = moved || (j->peer.in.size > 0 && j->peer.error == 0 && !j->peer.closed);
    } while (moved);
}

void join_send(struct join *j, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        size_t n = size < TLS_CHUNK_MAX ? size : TLS_CHUNK_MAX;
        /* With the one byte behind it that a send may use, and has to give back as it was. */
        uint8_t *copy = malloc(n + 1);
        memcpy(copy, at, n);
        copy[n] = 0xa5;
        struct tls_io io;
        tls_conn_send(j->conn, copy, n, &io);
        if (memcmp(copy, at, n) != 0 || copy[n] != 0xa5)
            abort();
        free(copy);
        join_collect(j, &io);
        at += n;
        size -= n;
    }
}

void join_close(struct join *j)
{
    struct tls_io io;
    tls_conn_close(j->conn, &io);
    join_collect(j, &io);
}

void join_free(struct join *j)
{
    tls_conn_free(j->conn);
    peer_free(&j->peer);
    bytes_free(&j->plain);
    if (j->own_server)
        tls_server_free(j->server);
    if (j->own_engine)
        tls_engine_free(j->engine);
}

int last_plain_alert(const struct bytes *wire)
{
    if (wire->size < 7)
        return -1;
    const uint8_t *p = wire->data + wire->size - 7;
    return p[0] == 21 && p[3] == 0 && p[4] == 2 && p[5] == 2 ? p[6] : -1;
}
