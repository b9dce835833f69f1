/* conn_drive.c - mbedTLS at work on one record
 *
 * It gets one whole record at a time, so it never waits inside one, and after each call this file
 * knows exactly what that record did. What it sends goes to the engine's buffer; nothing it asks of
 * us ever blocks. */
#include "tls/conn.h"

#include "tls/memory.h"

#include <string.h>

/* Warnings, empty records and the like are legal, but nobody needs so many in a row. */
enum { IDLE_RECORDS_MAX = 32 };

/* TLS 1.3 with its 16-byte tags: an alert and the byte that tells its type. */
enum { TLS13_ALERT_RECORD_SIZE = RECORD_HEADER_SIZE + 2 + 1 + 16 };

bool conn_is_tls13(const struct tls_conn *c)
{
    return c->ssl.tls_version == MBEDTLS_SSL_VERSION_TLS1_3;
}

/* ---- mbedTLS's transport ---- */

static void note_alert(struct tls_conn *c, const uint8_t *data, size_t size)
{
    bool hidden = c->ssl.transform_out != NULL;
    bool alert = hidden && conn_is_tls13(c) ? size == TLS13_ALERT_RECORD_SIZE
                                            : c->ssl.out_msgtype == MBEDTLS_SSL_MSG_ALERT;
    if (!alert)
        return;
    if (!hidden)
        c->alert_put = data[size - 1];
    else
        c->alert_put = c->ssl.send_alert ? c->ssl.alert_type : CONN_ALERT_UNKNOWN;
}

int conn_put_wire(void *arg, const unsigned char *data, size_t size)
{
    struct tls_conn *c = arg;
    struct engine_buffer *wire = &c->engine->wire;
    if (!engine_reserve(wire, size))
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    memcpy(wire->data + wire->size, data, size);
    wire->size += size;
    note_alert(c, data, size);
    return (int)size;
}

static size_t take(struct tls_slice *from, uint8_t *to, size_t size)
{
    size_t n = size < from->size ? size : from->size;
    if (n > 0)
        memcpy(to, from->data, n);
    from->data += n;
    from->size -= n;
    return n;
}

int conn_get_feed(void *arg, unsigned char *to, size_t size)
{
    struct tls_conn *c = arg;
    const uint8_t *header = c->feed.header + RECORD_HEADER_SIZE - c->feed_header_left;
    struct tls_slice rest = {header, c->feed_header_left};
    size_t n = take(&rest, to, size);
    c->feed_header_left = rest.size;
    n += take(&c->feed.body, to + n, size - n);
    return n > 0 ? (int)n : MBEDTLS_ERR_SSL_WANT_READ;
}

/* ---- the handshake ---- */

/* mbedTLS forgets these with the handshake; sampled after every step. */
static void note_facts(struct tls_conn *c)
{
    const mbedtls_ssl_handshake_params *hs = c->ssl.handshake;
    if (hs == NULL)
        return;
    c->resumed = hs->resume;
    c->group = conn_is_tls13(c) ? hs->offered_group_id
                                : mbedtls_ssl_get_tls_id_from_ecp_group_id(hs->ecdh_ctx.grp_id);
}

const mbedtls_ssl_session *conn_session(const struct tls_conn *c)
{
    return c->ssl.session_negotiate != NULL ? c->ssl.session_negotiate : c->ssl.session;
}

/* mbedTLS lets a bad certificate pass where none is required. We do not: a client that shows one
 * means it, and whoever reads client_subject later must be able to trust it. */
static bool certificate_refused(struct tls_conn *c)
{
    const mbedtls_ssl_session *s = conn_session(c);
    if (c->server->client_auth == CLIENT_AUTH_NONE || s == NULL)
        return false;
    if (s->peer_cert != NULL && s->verify_result != 0)
        conn_fail(c, alert_for_certificate(s->verify_result));
    else if (s->peer_cert == NULL && c->server->client_auth == CLIENT_AUTH_REQUIRED &&
             mbedtls_ssl_is_handshake_over(&c->ssl))
        conn_fail_error(c, MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE);
    return c->status == TLS_FAILED;
}

/* A TLS 1.3 server has no use for it any more, but mbedTLS 3.6 keeps it for the connection's life;
 * mbedtls_ssl_free() copes without. */
static void drop_handshake(mbedtls_ssl_context *ssl)
{
    if (ssl->handshake == NULL)
        return;
    mbedtls_ssl_handshake_free(ssl);
    mbedtls_free(ssl->handshake);
    ssl->handshake = NULL;
    mbedtls_ssl_transform_free(ssl->transform_negotiate);
    mbedtls_free(ssl->transform_negotiate);
    ssl->transform_negotiate = NULL;
}

static void opened(struct tls_conn *c)
{
    const mbedtls_x509_crt *cert = mbedtls_ssl_get_peer_cert(&c->ssl);
    if (cert != NULL) {
        c->client_subject = identity_dn(&cert->subject);
        if (c->client_subject == NULL) {
            conn_fail(c, conn_out_of_memory);
            return;
        }
    }
    c->status = TLS_OPEN;
    drop_handshake(&c->ssl);
    hello_free(&c->hello);
}

/* ---- driving mbedTLS ---- */

static int read_plain(struct tls_conn *c)
{
    struct engine_buffer *plain = &c->engine->plain;
    if (!engine_reserve(plain, RECORD_PLAIN_MAX))
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    int n = mbedtls_ssl_read(&c->ssl, plain->data + plain->size, plain->capacity - plain->size);
    if (n > 0)
        plain->size += (size_t)n;
    return n != 0 ? n : MBEDTLS_ERR_SSL_CONN_EOF;
}

/* Behind our Finished all that we send is under the application's keys (RFC 8446 A.2). mbedTLS 3.6
 * changes only when the client's Finished has come, so its alerts in between could not be read. */
static void change_write_keys(mbedtls_ssl_context *ssl)
{
    if (ssl->transform_application != NULL && ssl->transform_out != ssl->transform_application)
        mbedtls_ssl_set_outbound_transform(ssl, ssl->transform_application);
}

static int shake(struct tls_conn *c)
{
    int r = mbedtls_ssl_handshake(&c->ssl);
    note_facts(c);
    change_write_keys(&c->ssl);
    bool going_on = r == 0 || r == MBEDTLS_ERR_SSL_WANT_READ;
    if (going_on && certificate_refused(c))
        return MBEDTLS_ERR_SSL_WANT_READ;
    if (r == 0)
        opened(c);
    return r;
}

static void ended(struct tls_conn *c, int r)
{
    if (r == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
        conn_fail_received(c, c->ssl.in_msg[1]);
    else if (r != MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
        conn_fail_error(c, r);
    else if (c->status == TLS_HANDSHAKE)
        conn_fail_received(c, ALERT_CLOSE_NOTIFY);
    else
        c->status = TLS_EOF;
}

/* Let mbedTLS work until it has used up the record. */
static void drive(struct tls_conn *c)
{
    int r;
    c->server->driving = c;
    do
        r = c->status == TLS_HANDSHAKE ? shake(c) : read_plain(c);
    while (r >= 0 && c->status != TLS_FAILED);
    c->server->driving = NULL;
    if (c->status == TLS_FAILED)
        return;
    if (r != MBEDTLS_ERR_SSL_WANT_READ)
        ended(c, r);
    else if (c->feed_header_left + c->feed.body.size > 0)
        conn_fail_error(c, MBEDTLS_ERR_SSL_INTERNAL_ERROR);
}

/* In TLS 1.3 the level means nothing: all but these two end the connection (RFC 8446 6). */
static bool is_fatal_warning(const struct tls_conn *c)
{
    return conn_is_tls13(c) && c->ssl.transform_in != NULL &&
           c->ssl.in_msgtype == MBEDTLS_SSL_MSG_ALERT && c->ssl.in_msg[1] != ALERT_CLOSE_NOTIFY &&
           c->ssl.in_msg[1] != ALERT_USER_CANCELED;
}

static void count_idle(struct tls_conn *c, int state_before, size_t plain_before)
{
    enum { NOTHING_READ = 0 }; /* skipped early data, which mbedTLS bounds by its size */
    if (c->ssl.state != state_before || c->engine->plain.size != plain_before) {
        c->idle_records = 0;
        return;
    }
    if (c->ssl.in_msgtype != NOTHING_READ && ++c->idle_records > IDLE_RECORDS_MAX)
        conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE,
                         "client sent too many records without content");
}

void conn_feed(struct tls_conn *c, const uint8_t *header, struct tls_slice body)
{
    int state = c->ssl.state;
    size_t plain = c->engine->plain.size;
    memcpy(c->feed.header, header, RECORD_HEADER_SIZE);
    c->feed.body = body;
    c->feed_header_left = RECORD_HEADER_SIZE;
    c->record_size = body.size;
    c->ssl.in_msgtype = 0;
    c->alert_put = CONN_ALERT_NONE;
    drive(c);
    if (c->status == TLS_FAILED || c->status == TLS_EOF)
        return;
    if (is_fatal_warning(c))
        conn_fail_received(c, c->ssl.in_msg[1]);
    else
        count_idle(c, state, plain);
}
