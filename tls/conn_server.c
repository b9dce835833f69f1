/* conn_server.c - what is different where the other end is the server, and we its client */
#include "tls/conn.h"

#include "tls/memory.h"
#include "tls/new_ticket.h"

#include <ssl_tls13_keys.h> /* of mbedTLS's library/: what a session is derived by */

#include <stdlib.h>
#include <string.h>

enum { NEW_SESSION_TICKET = 4, KEY_UPDATE = 24, KEY_UPDATE_SIZE = HELLO_HEADER_SIZE + 1 };

/* ---- sessions ---- */

bool conn_server_is_known(const struct tls_conn *c)
{
    return c->upstream->known || (c->resumed && c->upstream->offered);
}

/* It may do without. */
static void store(struct tls_conn *c, mbedtls_ssl_session *session, uint32_t lifetime)
{
    struct tls_engine *e = c->engine;
    if (e->resumption == NULL)
        e->resumption = memory_calloc(1, sizeof *e->resumption);
    resumption_put(e->resumption, c->upstream->place, session, lifetime, c->upstream->proven);
}

/* TLS 1.2: it has said all by now. The certificate was judged, and is not needed again. */
static void keep_session(struct tls_conn *c, mbedtls_ssl_context *ssl)
{
    mbedtls_ssl_session *session = ssl->session;
    if (session->ticket_len == 0 && session->id_len == 0)
        return;
    ssl->session = NULL;
    if (session->peer_cert != NULL) {
        mbedtls_x509_crt_free(session->peer_cert);
        mbedtls_free(session->peer_cert);
        session->peer_cert = NULL;
    }
    store(c, session, session->ticket_lifetime);
}

void conn_server_keep(struct tls_conn *c, mbedtls_ssl_context *ssl)
{
    struct conn_upstream *u = c->upstream;
    if (!c->tls13) {
        keep_session(c, ssl);
        return;
    }
    u->secret_size = c->in.secret_size;
    memcpy(u->secret, ssl->session->app_secrets.resumption_master_secret, u->secret_size);
}

/* RFC 8446 4.6.1. */
static bool derive(const struct conn_upstream *u, struct tls_slice nonce, uint8_t *key)
{
    static const char label[] = "resumption";
    return mbedtls_ssl_tls13_hkdf_expand_label(
               u->secret_size == 48 ? PSA_ALG_SHA_384 : PSA_ALG_SHA_256, u->secret, u->secret_size,
               (const uint8_t *)label, strlen(label), nonce.data, nonce.size, key,
               u->secret_size) == 0;
}

/* As mbedTLS would have made it, had it lived to read the ticket. */
static bool fill(struct tls_conn *c, mbedtls_ssl_session *s, const struct new_ticket *t)
{
    const struct conn_upstream *u = c->upstream;
    s->endpoint = MBEDTLS_SSL_IS_CLIENT;
    s->tls_version = MBEDTLS_SSL_VERSION_TLS1_3;
    s->ciphersuite = c->cipher_suite;
    s->ticket_lifetime = t->lifetime;
    s->ticket_age_add = t->age_add;
    s->ticket_reception_time = mbedtls_ms_time();
    s->resumption_key_len = u->secret_size;
    mbedtls_ssl_tls13_session_set_ticket_flags(s, (unsigned)u->policy->conf.tls13_kex_modes);
    s->ticket = mbedtls_calloc(1, t->ticket.size);
    if (s->ticket == NULL)
        return false;
    s->ticket_len = t->ticket.size;
    memcpy(s->ticket, t->ticket.data, t->ticket.size);
    return derive(u, t->nonce, s->resumption_key) &&
           (conn_told_name(u) == NULL || mbedtls_ssl_session_set_hostname(s, u->name) == 0);
}

static void keep_ticket(struct tls_conn *c, const struct new_ticket *t)
{
    mbedtls_ssl_session *s = memory_calloc(1, sizeof *s);
    if (s == NULL)
        return;
    mbedtls_ssl_session_init(s);
    if (fill(c, s, t))
        store(c, s, t->lifetime);
    else
        resumption_free_session(s);
}

/* ---- what it says during the handshake ---- */

/* RFC 8446 4.1.4: what it chose in its HelloRetryRequest it has to keep to. mbedTLS would go on in
 * TLS 1.2. */
static void on_hello(struct tls_conn *c, struct tls_slice message)
{
    struct server_hello h;
    if (hello_read_server(message, &h) != HELLO_OK)
        conn_fail_client(c, ALERT_DECODE_ERROR, "client sent a malformed ServerHello");
    else if (!h.tls13 && h.renegotiates)
        conn_fail_client(c, ALERT_HANDSHAKE_FAILURE, CONN_RENEGOTIATES);
    else if (c->hs->hellos++ > 0 && !h.tls13)
        conn_fail_client(c, ALERT_ILLEGAL_PARAMETER,
                         "client changed the version of TLS behind its HelloRetryRequest");
}

void conn_server_message(struct tls_conn *c, struct tls_slice message)
{
    if (message.data[0] == HELLO_SERVER_HELLO)
        on_hello(c, message);
    else if (c->hs->hellos == 0)
        conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, CONN_NO_SERVER_HELLO);
}

/* ---- what it says behind it ---- */

static void on_ticket(struct tls_conn *c, struct tls_slice message)
{
    const struct tls_slice body = {message.data + HELLO_HEADER_SIZE,
                                   message.size - HELLO_HEADER_SIZE};
    struct new_ticket t;
    if (!new_ticket_read(body, &t))
        conn_fail_client(c, ALERT_DECODE_ERROR, "client sent a malformed message");
    else if (conn_idle_record(c) && t.lifetime > 0)
        keep_ticket(c, &t);
}

/* `is_last`: nothing follows in the record, because the next one is under other keys. */
static int on_message(struct tls_conn *c, struct tls_slice message, bool is_last)
{
    if (message.data[0] == NEW_SESSION_TICKET)
        on_ticket(c, message);
    else if (message.data[0] == KEY_UPDATE && message.size == KEY_UPDATE_SIZE && is_last)
        return message.data[HELLO_HEADER_SIZE];
    else
        conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, "client sent a message out of turn");
    return CONN_NO_UPDATE;
}

int conn_server_said(struct tls_conn *c, struct tls_slice part)
{
    struct hello_stream *stream = &c->upstream->messages;
    struct tls_slice message;
    enum hello_result r;
    int update = CONN_NO_UPDATE;
    while ((r = hello_next(stream, &part, &message)) == HELLO_MESSAGE && c->status != TLS_FAILED)
        update = on_message(c, message, part.size == 0);
    if (r == HELLO_TOO_LONG)
        conn_fail_client(c, ALERT_ILLEGAL_PARAMETER, CONN_MESSAGE_TOO_LONG);
    else if (r == HELLO_NO_MEMORY)
        conn_fail(c, conn_out_of_memory);
    else if (r == HELLO_MORE && hello_pending_type(stream) < 0)
        hello_free(stream); /* an idle connection keeps none */
    return update;
}
