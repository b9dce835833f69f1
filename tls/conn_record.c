/* conn_record.c - what a record of the client means during the handshake, before encryption
 * starts and after */
#include "tls/conn.h"

#include "tls/challenge.h"
#include "tls/key_shares.h"
#include "tls/memory.h"
#include "tls/not_tls.h"

#include <stdlib.h>
#include <string.h>

/* ---- before encryption ---- */

static bool keep_name(struct tls_conn *c, struct tls_slice name)
{
    c->name = memory_calloc(1, name.size + 1);
    if (c->name == NULL)
        return false;
    memcpy(c->name, name.data, name.size);
    c->name_size = name.size;
    if (names_plain(c->name, c->name_size)) {
        c->sni = c->name;
        c->server_name = name_table_find(&c->server->names, c->sni);
    }
    return true;
}

/* RFC 8737 3: whoever asks by another name, or for something else, is no authority. */
static void judge_challenge(struct tls_conn *c, const struct hello *h)
{
    if (!challenge_asked(h))
        conn_fail_client(c, ALERT_NO_APPLICATION_PROTOCOL,
                         "client does not ask for the answer to a challenge (tls-alpn-01)");
    else if (c->sni == NULL)
        conn_fail_client(c, ALERT_UNRECOGNIZED_NAME, "client names no server to be challenged");
}

static uint32_t offered(struct tls_slice ciphers)
{
    uint32_t bits = 0;
    for (size_t i = 0; i + 1 < ciphers.size; i += 2)
        bits |= 1U << suites_cipher_number(ciphers.data[i] << 8 | ciphers.data[i + 1]);
    return bits;
}

static void first_hello(struct tls_conn *c, const struct hello *h)
{
    c->hs->offered = offered(h->ciphers);
    c->hs->early_data = h->early_data;
    if (h->name.data != NULL && !keep_name(c, h->name)) {
        conn_fail(c, conn_out_of_memory);
        return;
    }
    c->hs->name_known =
        c->sni != NULL && identity_set_covers(server_identities(c->server, c->server_name), c->sni);
    if (c->server->challenges)
        judge_challenge(c, h);
    else if (c->name != NULL && c->server->strict_sni && !c->hs->name_known &&
             c->server_name == TLS_NO_NAME)
        conn_fail_client(c, ALERT_UNRECOGNIZED_NAME,
                         "client asked for a server name that is not served here");
}

/* All that hangs on the name was settled by the first (RFC 8446 4.1.2). */
static void second_hello(struct tls_conn *c, const struct hello *h)
{
    bool same = (h->name.data == NULL) == (c->name == NULL) && h->name.size == c->name_size &&
                (c->name == NULL || memcmp(h->name.data, c->name, c->name_size) == 0);
    if (!same)
        conn_fail_client(c, ALERT_ILLEGAL_PARAMETER,
                         "client changed the server name in its second ClientHello");
}

/* The group that our HelloRetryRequest asked for; 0: there was none. */
static uint16_t asked_for(const struct tls_conn *c)
{
    const mbedtls_ssl_context *ssl = c->hs->ssl;
    if (ssl == NULL || ssl->handshake == NULL || !ssl->handshake->hello_retry_request_flag)
        return 0;
    return ssl->handshake->hrr_selected_group;
}

static bool judge_shares(struct tls_conn *c, const struct hello *h)
{
    switch (key_shares_judge(h, asked_for(c))) {
    case KEY_SHARES_OK:
        return true;
    case KEY_SHARES_MALFORMED:
        conn_fail_client(c, ALERT_DECODE_ERROR, "client sent malformed key shares");
        return false;
    case KEY_SHARES_UNLISTED:
        conn_fail_client(
            c, ALERT_ILLEGAL_PARAMETER,
            "client sent a key share for a group that it does not list, or two for one");
        return false;
    case KEY_SHARES_UNASKED:
        conn_fail_client(c, ALERT_ILLEGAL_PARAMETER,
                         "client did not send the one key share that it was asked for");
        return false;
    }
    return false;
}

/* TLS 1.3 is the highest that we have, and nothing can be renegotiated in it. */
static bool judge_version(struct tls_conn *c, const struct hello *h)
{
    if (!h->tls13 && h->fallback)
        conn_fail_client(
            c, ALERT_INAPPROPRIATE_FALLBACK,
            "client fell back to an older version of TLS than is served here (TLS_FALLBACK_SCSV)");
    else if (!h->tls13 && h->renegotiates)
        conn_fail_client(c, ALERT_HANDSHAKE_FAILURE, CONN_RENEGOTIATES);
    return c->status != TLS_FAILED;
}

static void on_hello(struct tls_conn *c, struct tls_slice message)
{
    struct hello h;
    switch (hello_read(message, &h)) {
    case HELLO_MALFORMED:
        conn_fail_client(c, ALERT_DECODE_ERROR, "client sent a malformed ClientHello");
        return;
    case HELLO_ILLEGAL:
        conn_fail_client(c, ALERT_ILLEGAL_PARAMETER,
                         "client sent a ClientHello with an extension or a name twice");
        return;
    case HELLO_LONG_NAME:
        conn_fail_client(c, ALERT_ILLEGAL_PARAMETER,
                         "client asked for a server name of more than 255 bytes");
        return;
    case HELLO_OK:
        break;
    }
    if (!judge_version(c, &h) || !judge_shares(c, &h))
        return;
    if (c->hs->hellos++ == 0)
        first_hello(c, &h);
    else
        second_hello(c, &h);
}

static void feed_message(struct tls_conn *c, struct tls_slice message)
{
    const uint8_t header[RECORD_HEADER_SIZE] = {
        RECORD_HANDSHAKE, 3, 3, (uint8_t)(message.size >> 8), (uint8_t)message.size};
    conn_feed(c, header, message);
}

static bool hold(struct conn_handshake *hs, struct tls_slice message)
{
    hs->held = (struct tls_slice){memory_copy(message.data, message.size), message.size};
    return hs->held.data != NULL;
}

void conn_release_hello(struct tls_conn *c)
{
    const struct tls_slice held = c->hs->held;
    c->hs->held = (struct tls_slice){0};
    feed_message(c, held);
    free((void *)(uintptr_t)held.data);
}

static void on_client_message(struct tls_conn *c, struct tls_slice message)
{
    if (message.data[0] == HELLO_CLIENT_HELLO)
        on_hello(c, message);
    else if (c->hs->hellos == 0)
        conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, "client did not begin with a ClientHello");
    if (c->status == TLS_FAILED)
        return;
    if (!c->server->challenges || c->hs->hellos > 1 || c->challenge != NULL)
        feed_message(c, message);
    else if (!hold(c->hs, message))
        conn_fail(c, conn_out_of_memory);
}

static void on_message(struct tls_conn *c, struct tls_slice message)
{
    if (c->upstream == NULL) {
        on_client_message(c, message);
        return;
    }
    conn_server_message(c, message);
    if (c->status != TLS_FAILED)
        feed_message(c, message);
}

static void on_pending(struct tls_conn *c)
{
    const int type = hello_pending_type(&c->hs->hello);
    const bool is_server = c->upstream != NULL;
    if (c->hs->hellos == 0 && type >= 0 &&
        type != (is_server ? HELLO_SERVER_HELLO : HELLO_CLIENT_HELLO))
        conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE,
                         is_server ? CONN_NO_SERVER_HELLO
                                   : "client did not begin with a ClientHello");
}

static void on_plain_handshake(struct tls_conn *c, struct tls_slice payload)
{
    struct tls_slice message;
    for (;;) {
        switch (hello_next(&c->hs->hello, &payload, &message)) {
        case HELLO_MORE:
            on_pending(c);
            return;
        case HELLO_TOO_LONG:
            conn_fail_client(c, ALERT_ILLEGAL_PARAMETER, CONN_MESSAGE_TOO_LONG);
            return;
        case HELLO_NO_MEMORY:
            conn_fail(c, conn_out_of_memory);
            return;
        case HELLO_MESSAGE:
            on_message(c, message);
            break;
        }
        if (c->status == TLS_FAILED)
            return;
        if ((conn_is_protected(c->hs) || c->hs->held.data != NULL || conn_is_signing(c)) &&
            payload.size > 0) {
            /* RFC 8446 5.1: no message may lie on both sides of a change of keys. And none can
             * follow the first ClientHello unasked. */
            conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE,
                             "client sent a plaintext message out of turn");
            return;
        }
    }
}

/* Before a ClientHello: there is nothing that it could be about. */
static void on_early_alert(struct tls_conn *c, struct tls_slice alert)
{
    enum { LEVEL_FATAL = 2 };
    if (alert.size != 2)
        conn_fail_error(c, MBEDTLS_ERR_SSL_INVALID_RECORD);
    else if (alert.data[0] == LEVEL_FATAL || alert.data[1] == ALERT_CLOSE_NOTIFY)
        conn_fail_received(c, alert.data[1]);
    else
        conn_idle_record(c);
}

static void on_plain(struct tls_conn *c, const struct record *r)
{
    bool torn = hello_pending_type(&c->hs->hello) >= 0;
    switch (r->header[0]) {
    case RECORD_HANDSHAKE:
        on_plain_handshake(c, r->body);
        return;
    case RECORD_ALERT:
        if (c->hs->ssl == NULL)
            on_early_alert(c, r->body);
        else
            conn_feed(c, r->header, r->body);
        return;
    case RECORD_CHANGE_CIPHER_SPEC:
        if (c->hs->hellos > 0 && !torn) {
            conn_feed(c, r->header, r->body);
            return;
        }
        break;
    default: /* early data behind a HelloRetryRequest, which mbedTLS skips */
        if (c->hs->hellos == 1 && c->hs->early_data && !torn && c->tls13) {
            conn_feed(c, r->header, r->body);
            return;
        }
        break;
    }
    conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, "client sent a record out of turn");
}

/* ---- after it ---- */

static void on_protected(struct tls_conn *c, const struct record *r)
{
    uint8_t type = r->header[0];
    if (!c->tls13 || type == RECORD_DATA || type == RECORD_CHANGE_CIPHER_SPEC)
        conn_feed(c, r->header, r->body);
    else if (type == RECORD_ALERT && r->body.size == 2)
        conn_fail_received(c, r->body.data[1]); /* it has no keys: our ServerHello was refused */
    else
        conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, "client sent a plaintext record out of turn");
}

static void in_handshake(struct tls_conn *c, struct record *r)
{
    if (c->hs->held.data != NULL && r->header[0] != RECORD_ALERT) {
        conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, "client sent a record out of turn");
        return;
    }
    if (conn_is_protected(c->hs)) {
        on_protected(c, r);
        return;
    }
    /* RFC 8446 5.1: the version of a plaintext record means nothing. mbedTLS thinks otherwise. */
    r->header[1] = r->header[2] = 3;
    on_plain(c, r);
}

void conn_record(struct tls_conn *c, struct record *r)
{
    if (c->hs != NULL)
        c->hs->alert_put = CONN_ALERT_NONE;
    if (r->body.size == 0)
        conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, "client sent an empty record");
    else if (c->hs == NULL)
        conn_open_record(c, r);
    else
        in_handshake(c, r);
}

static const char *not_a_record(const struct tls_conn *c, struct tls_slice first)
{
    const char *words = NULL;
    if (c->upstream != NULL && c->hs != NULL && c->hs->hellos == 0)
        return "client does not speak TLS on this port, or only after STARTTLS";
    if (c->hs != NULL && c->hs->hellos == 0)
        words = not_tls(first.size > 0 ? first : (struct tls_slice){c->reader.header, 1});
    return words != NULL ? words : "client sent a record that is not TLS";
}

void conn_no_record(struct tls_conn *c, enum record_result result, struct tls_slice first)
{
    if (c->hs != NULL)
        c->hs->alert_put = CONN_ALERT_NONE;
    if (result == RECORD_NO_MEMORY)
        conn_fail(c, conn_out_of_memory);
    else if (result == RECORD_TOO_LONG)
        conn_fail_client(c, ALERT_RECORD_OVERFLOW, "client sent a record that is too long");
    else
        conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, not_a_record(c, first));
}
