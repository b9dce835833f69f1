/* conn_drive.c - mbedTLS at work on one record of the handshake
 *
 * It gets one whole record at a time, so it never waits inside one, and after each call this file
 * knows exactly what that record did. What it sends goes to the engine's buffer; nothing it asks of
 * us ever blocks. */
#include "tls/conn.h"

#include "tls/memory.h"
#include "tls/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- the handshake ---- */

static const mbedtls_ssl_session *session_of(const mbedtls_ssl_context *ssl)
{
    return ssl->session_negotiate != NULL ? ssl->session_negotiate : ssl->session;
}

/* Sampled after every step, so that they are known however the handshake ends. */
static void note_facts(struct tls_conn *c)
{
    const mbedtls_ssl_context *ssl = c->hs->ssl;
    const mbedtls_ssl_handshake_params *hs = ssl->handshake;
    const mbedtls_ssl_session *session = session_of(ssl);
    c->tls13 = conn_is_tls13(ssl);
    c->cipher_suite = session != NULL ? session->ciphersuite : 0;
    c->alpn = mbedtls_ssl_get_alpn_protocol(ssl);
    if (hs == NULL)
        return;
    c->resumed = c->upstream != NULL && c->tls13
                     ? mbedtls_ssl_tls13_key_exchange_mode_with_psk(c->hs->ssl)
                     : hs->resume;
    c->group = conn_group(ssl);
}

/* mbedTLS lets a bad certificate pass where none is required. We do not: a client that shows one
 * means it, and whoever reads client_subject later must be able to trust it. */
static bool certificate_refused(struct tls_conn *c)
{
    const mbedtls_ssl_session *s = session_of(c->hs->ssl);
    if (c->upstream != NULL || c->server->client_auth == CLIENT_AUTH_NONE || s == NULL)
        return false; /* what is not required of a server is nothing that it could show */
    if (s->peer_cert != NULL && s->verify_result != 0)
        conn_fail(c, verdict_cause(&c->hs->verdict, s->verify_result));
    else if (s->peer_cert == NULL && c->server->client_auth == CLIENT_AUTH_REQUIRED &&
             mbedtls_ssl_is_handshake_over(c->hs->ssl))
        conn_fail_error(c, MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE);
    return c->status == TLS_FAILED;
}

/* The client has shown that the key of its certificate is its own. */
static bool possession_shown(mbedtls_ssl_context *ssl)
{
    return ssl->state == MBEDTLS_SSL_CLIENT_CHANGE_CIPHER_SPEC ||
           ssl->state == MBEDTLS_SSL_CLIENT_FINISHED || mbedtls_ssl_is_handshake_over(ssl) == 1;
}

/* Note whose certificate it is, for the log also where it is not wanted here. False: the
 * connection has failed. */
static bool client_welcome(struct tls_conn *c)
{
    const mbedtls_ssl_session *s = session_of(c->hs->ssl);
    const mbedtls_x509_crt *cert = s != NULL ? s->peer_cert : NULL;
    if (c->upstream != NULL || cert == NULL || c->client_subject != NULL ||
        !possession_shown(c->hs->ssl))
        return true;
    c->client_subject = text_name_copy(&cert->subject);
    c->client_cn = text_common_name(&cert->subject);
    if (memory_failed())
        conn_fail(c, conn_out_of_memory);
    else if (!allow_certificate(&c->server->allow, cert, c->client_subject))
        conn_fail_client(c, ALERT_ACCESS_DENIED,
                         "client certificate verifies, but is in neither client-subjects nor "
                         "client-names");
    return c->status != TLS_FAILED;
}

/* Nobody waits for a ticket. Sent at once it would cost a packet, and wake the client up for it. */
static bool put_ticket_off(struct tls_conn *c)
{
    struct engine_buffer *wire = &c->engine->wire;
    if (!c->tls13 || wire->size == 0 || c->upstream != NULL)
        return true;
    c->ticket = memory_copy(wire->data, wire->size);
    c->ticket_size = wire->size;
    wire->size = 0;
    return c->ticket != NULL;
}

/* The handshake is over: keep what the connection lives on. */
static void opened(struct tls_conn *c)
{
    mbedtls_ssl_context *ssl = c->hs->ssl;
    if (mbedtls_ssl_check_pending(ssl)) {
        /* RFC 8446 5.1: the last record under the handshake's keys ends with the Finished. */
        conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, "client sent more behind its Finished");
        return;
    }
    if (!put_ticket_off(c)) {
        conn_fail(c, conn_out_of_memory);
        return;
    }
    if (c->upstream != NULL && !conn_server_is_known(c)) {
        conn_fail_error(c, MBEDTLS_ERR_ERROR_CORRUPTION_DETECTED); /* mbedTLS cannot have let it */
        return;
    }
    c->fragment_max = (uint16_t)mbedtls_ssl_get_output_max_frag_len(ssl);
    protection_take(&c->in, &c->out, ssl);
    if (c->upstream != NULL && c->upstream->known)
        c->upstream->proven = mbedtls_ms_time();
    if (c->upstream != NULL)
        conn_server_keep(c, ssl);
    conn_handshake_free(c);
    c->idle_records = 0;
    c->status = TLS_OPEN;
}

/* ---- driving mbedTLS ---- */

/* Behind our Finished all that we send is under the application's keys (RFC 8446 A.2). mbedTLS 3.6
 * changes only when the client's Finished has come, so its alerts in between could not be read. */
static void change_write_keys(mbedtls_ssl_context *ssl)
{
    if (ssl->transform_application != NULL && ssl->transform_out != ssl->transform_application)
        mbedtls_ssl_set_outbound_transform(ssl, ssl->transform_application);
}

/* One go of the handshake: until it is over, or wants more than this record holds. */
static int shake(struct tls_conn *c)
{
    mbedtls_ssl_context *ssl = c->hs->ssl;
    struct tls_conn **driving =
        c->upstream != NULL ? &c->upstream->policy->driving : &c->server->driving;
    *driving = c;
    int r = mbedtls_ssl_handshake(ssl);
    *driving = NULL;
    note_facts(c);
    if (c->upstream == NULL)
        change_write_keys(ssl);
    return r;
}

static void ended(struct tls_conn *c, int r)
{
    if (r == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
        conn_fail_received(c, c->hs->ssl->in_msg[1]);
    else if (r == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
        conn_fail_received(c, ALERT_CLOSE_NOTIFY);
    else
        conn_fail_error(c, r);
}

/* In TLS 1.3 the level means nothing: all but these two end the connection (RFC 8446 6). */
static bool is_fatal_warning(const struct tls_conn *c)
{
    const mbedtls_ssl_context *ssl = c->hs->ssl;
    return c->tls13 && ssl->transform_in != NULL && ssl->in_msgtype == MBEDTLS_SSL_MSG_ALERT &&
           ssl->in_msg[1] != ALERT_CLOSE_NOTIFY && ssl->in_msg[1] != ALERT_USER_CANCELED;
}

/* The record is used up and the handshake goes on. */
static void used_up(struct tls_conn *c, int state_before)
{
    enum { NOTHING_READ = 0 }; /* skipped early data, which mbedTLS bounds by its size */
    const mbedtls_ssl_context *ssl = c->hs->ssl;
    if (c->hs->feed_header_left + c->hs->feed.body.size > 0)
        conn_fail_error(c, MBEDTLS_ERR_SSL_INTERNAL_ERROR);
    else if (is_fatal_warning(c))
        conn_fail_received(c, ssl->in_msg[1]);
    else if (ssl->state != state_before)
        c->idle_records = 0;
    else if (ssl->in_msgtype != NOTHING_READ)
        conn_idle_record(c);
}

/* Our flight goes out as one piece, once its signature is there: sent in two it would cost a packet
 * more, and wake the client up for half of it. */
static void wait_for_signature(struct tls_conn *c)
{
    struct engine_buffer *wire = &c->engine->wire;
    struct conn_signing *s = c->hs->signing;
    if (wire->size == 0)
        return;
    s->wire = (struct tls_slice){memory_copy(wire->data, wire->size), wire->size};
    wire->size = 0;
    if (s->wire.data == NULL)
        conn_fail(c, conn_out_of_memory);
}

static void drive(struct tls_conn *c)
{
    const int state_before = c->hs->ssl->state;
    const int r = shake(c);
    if (r == MBEDTLS_ERR_SSL_ASYNC_IN_PROGRESS)
        wait_for_signature(c);
    else if (r != 0 && r != MBEDTLS_ERR_SSL_WANT_READ)
        ended(c, r);
    else if (!certificate_refused(c) && client_welcome(c) && r == 0)
        opened(c);
    else if (c->status != TLS_FAILED)
        used_up(c, state_before);
}

void conn_begin(struct tls_conn *c)
{
    if (conn_wake(c))
        drive(c);
    else
        conn_fail(c, conn_out_of_memory);
}

void conn_feed(struct tls_conn *c, const uint8_t *header, struct tls_slice body)
{
    struct conn_handshake *hs = c->hs;
    if (!conn_wake(c)) {
        conn_fail(c, conn_out_of_memory);
        return;
    }
    memcpy(hs->feed.header, header, RECORD_HEADER_SIZE);
    hs->feed.body = body;
    hs->feed_header_left = RECORD_HEADER_SIZE;
    hs->record_size = body.size;
    hs->ssl->in_msgtype = 0;
    hs->alert_put = CONN_ALERT_NONE;
    drive(c);
}

void conn_put_held(struct tls_conn *c)
{
    struct conn_signing *s = c->hs->signing;
    if (s->wire.size > 0 && !conn_put_wire(c, s->wire.data, s->wire.size))
        conn_fail(c, conn_out_of_memory);
    s->wire.size = 0;
}

void conn_signed(struct tls_conn *c, const struct tls_signature *signature)
{
    conn_put_held(c);
    if (c->status == TLS_FAILED)
        return;
    c->hs->alert_put = CONN_ALERT_NONE;
    c->hs->signing->signature = signature;
    drive(c);
    if (c->hs != NULL)
        c->hs->signing->signature = NULL; /* it was the caller's */
}
