/* conn_open.c - a connection behind its handshake: data, alerts, and new keys
 *
 * No message but these is legal here: in TLS 1.3 either end may send KeyUpdate (RFC 8446 4.6.3),
 * and a server NewSessionTicket (conn_server.c); in TLS 1.2 it may ask for another handshake and
 * hear that there will be none (RFC 5246 7.2.2). */
#include "tls/conn.h"

/* Nobody needs so many handshakes. Each costs an answer, which a client need not read. */
enum { RENEGOTIATIONS_MAX = 4 };

enum { LEVEL_FATAL = 2 };
enum { ALERT_SIZE = 2, ALERT_NO_RENEGOTIATION = 100 };
enum { KEY_UPDATE = 24, UPDATE_NOT_REQUESTED = 0, UPDATE_REQUESTED = 1 };

/* ---- what we send ---- */

/* Tell the client that our next record is under new keys, and change to them. */
static bool update_sending(struct tls_conn *c, uint8_t request)
{
    uint8_t message[POST_MESSAGE_MAX + 1] = {KEY_UPDATE, 0, 0, 1, request};
    c->update_owed = false;
    return conn_seal(c, RECORD_HANDSHAKE, message, POST_MESSAGE_MAX) && protection_update(&c->out);
}

/* RFC 8446 4.6.3: an answer is due before the next data, however often the client asked. And 5.5:
 * AES-GCM must not protect more records under one key than that. */
static bool keys_are_fresh(struct tls_conn *c)
{
    if (!c->update_owed && (!c->tls13 || c->out.sequence < c->engine->rekey_after))
        return true;
    return update_sending(c, UPDATE_NOT_REQUESTED);
}

void conn_open_send(struct tls_conn *c, uint8_t *data, size_t size)
{
    while (size > 0) {
        size_t n = size < c->fragment_max ? size : c->fragment_max;
        if (!keys_are_fresh(c) || !conn_seal(c, RECORD_DATA, data, n)) {
            conn_fail(c, conn_out_of_memory);
            return;
        }
        data += n;
        size -= n;
    }
}

/* ---- what the client sends ---- */

static void on_alert(struct tls_conn *c, struct tls_slice alert)
{
    if (alert.size != ALERT_SIZE) {
        conn_fail_client(c, ALERT_DECODE_ERROR, "client sent a malformed message");
        return;
    }
    const uint8_t level = alert.data[0], description = alert.data[1];
    if (description == ALERT_CLOSE_NOTIFY)
        c->status = TLS_EOF;
    else if (level == LEVEL_FATAL || (c->tls13 && description != ALERT_USER_CANCELED))
        conn_fail_received(c, description); /* in TLS 1.3 the level means nothing (RFC 8446 6) */
    else
        conn_idle_record(c);
}

static void on_key_update(struct tls_conn *c, uint8_t request)
{
    if (request > UPDATE_REQUESTED) {
        conn_fail_client(c, ALERT_ILLEGAL_PARAMETER,
                         "client sent a message with contradictory or illegal values");
        return;
    }
    if (!conn_idle_record(c))
        return;
    c->update_owed = c->update_owed || request == UPDATE_REQUESTED;
    c->update_asked = false;
    if (!protection_update(&c->in))
        conn_fail(c, conn_out_of_memory);
}

/* The message may come in pieces (RFC 8446 5.1), and nothing may follow it in its record, because
 * the next one is under other keys. */
static void on_post_handshake(struct tls_conn *c, struct tls_slice part)
{
    static const uint8_t key_update[POST_MESSAGE_MAX - 1] = {KEY_UPDATE, 0, 0, 1};
    for (; part.size > 0; part.data++, part.size--) {
        const uint8_t b = *part.data;
        if (c->post_size < sizeof key_update ? b != key_update[c->post_size] : part.size > 1) {
            conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, "client sent a message out of turn");
            return;
        }
        if (++c->post_size == POST_MESSAGE_MAX) {
            c->post_size = 0;
            on_key_update(c, b);
            return;
        }
    }
}

static void on_server_messages(struct tls_conn *c, struct tls_slice part)
{
    const int update = conn_server_said(c, part);
    if (update != CONN_NO_UPDATE)
        on_key_update(c, (uint8_t)update);
}

static void on_renegotiation(struct tls_conn *c, struct tls_slice message)
{
    const uint8_t asks = c->upstream != NULL ? HELLO_REQUEST : HELLO_CLIENT_HELLO;
    if (message.size < 4 || message.data[0] != asks) {
        conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, "client sent a message out of turn");
    } else if (++c->renegotiations > RENEGOTIATIONS_MAX) {
        conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, "client asked for renegotiation too often");
    } else if (!conn_seal_alert(c, false, ALERT_NO_RENEGOTIATION)) {
        conn_fail(c, conn_out_of_memory);
    }
}

/* Is a message behind the handshake still incomplete? */
static bool message_is_pending(const struct tls_conn *c)
{
    return c->post_size > 0 ||
           (c->upstream != NULL && hello_pending_type(&c->upstream->messages) >= 0);
}

/* `content` lies in the engine's plaintext, and unless it is data it goes from there. */
static void on_content(struct tls_conn *c, uint8_t type, struct tls_slice content)
{
    const bool pending = message_is_pending(c);
    if (type == RECORD_DATA && !pending) {
        if (content.size > 0)
            c->idle_records = 0;
        else
            conn_idle_record(c);
        return;
    }
    c->engine->plain.size -= content.size;
    if (c->close_sent && type == RECORD_HANDSHAKE && !c->tls13)
        return; /* nothing can be answered any more */
    if (type == RECORD_ALERT && !pending)
        on_alert(c, content);
    else if (type == RECORD_HANDSHAKE && content.size > 0 && c->tls13 && c->upstream != NULL)
        on_server_messages(c, content);
    else if (type == RECORD_HANDSHAKE && content.size > 0 && c->tls13)
        on_post_handshake(c, content);
    else if (type == RECORD_HANDSHAKE && content.size > 0)
        on_renegotiation(c, content);
    else
        conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, "client sent a record out of turn");
}

/* Have the client change its keys in time as well. */
static void watch_receiving(struct tls_conn *c)
{
    if (!c->tls13 || c->update_asked || c->close_sent || c->status != TLS_OPEN ||
        c->in.sequence < c->engine->rekey_after)
        return;
    c->update_asked = true;
    if (!update_sending(c, UPDATE_REQUESTED))
        conn_fail(c, conn_out_of_memory);
}

void conn_open_record(struct tls_conn *c, const struct record *r)
{
    struct engine_buffer *plain = &c->engine->plain;
    uint8_t type;
    size_t size;
    if (c->tls13 && r->header[0] != RECORD_DATA) {
        conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, "client sent a plaintext record out of turn");
        return;
    }
    switch (protection_open(&c->in, r, plain, &type, &size)) {
    case PROTECTION_OK:
        on_content(c, type, (struct tls_slice){plain->data + plain->size - size, size});
        if (c->status == TLS_OPEN)
            watch_receiving(c);
        return;
    case PROTECTION_BAD:
        conn_fail_client(c, ALERT_BAD_RECORD_MAC, "client sent a record that does not decrypt");
        return;
    case PROTECTION_TOO_LONG:
        conn_fail_client(c, ALERT_RECORD_OVERFLOW, "client sent a record that is too long");
        return;
    case PROTECTION_NO_TYPE:
        conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, "client sent a record of padding only");
        return;
    case PROTECTION_NO_MEMORY:
        conn_fail(c, conn_out_of_memory);
        return;
    }
}
