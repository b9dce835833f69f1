/* conn.c - one connection: ciphertext in, plaintext out, and the other way
 *
 *   conn.c         the calls of tls.h
 *   conn_record.c  what a record of the client means during the handshake
 *   conn_server.c  what is different where the other end is the server
 *   conn_context.c mbedTLS's context for the handshake, and its record buffers
 *   conn_drive.c   mbedTLS at work on one record of the handshake
 *   conn_open.c    what comes behind the handshake: data, alerts, new keys
 *   conn_seal.c    what goes to the client behind it
 *   conn_fail.c    the bad end */
#include "tls/conn.h"

#include "tls/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- birth and death ---- */

static struct tls_conn *conn_new(struct tls_engine *engine)
{
    struct tls_conn *c = memory_calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->engine = engine;
    c->server_name = TLS_NO_NAME;
    c->hs = memory_calloc(1, sizeof *c->hs);
    if (c->hs != NULL) {
        c->hs->alert_put = CONN_ALERT_NONE;
        return c;
    }
    tls_conn_free(c);
    return NULL;
}

struct tls_conn *tls_conn_new(struct tls_engine *engine, struct tls_server *server)
{
    struct tls_conn *c = conn_new(engine);
    if (c != NULL)
        c->server = tls_server_ref(server);
    return c;
}

void tls_conn_free(struct tls_conn *c)
{
    if (c == NULL)
        return;
    conn_handshake_free(c);
    free(c->ticket);
    protection_free(&c->in);
    protection_free(&c->out);
    record_free(&c->reader);
    free(c->name);
    free(c->client_subject);
    free(c->client_cn);
    tls_identity_free(c->challenge);
    tls_server_free(c->server);
    conn_upstream_free(c->upstream);
    memory_wipe_free(c, sizeof *c);
}

/* ---- the calls ---- */

static enum tls_status finish(struct tls_conn *c, struct tls_io *io)
{
    conn_return_buffers(c);
    io->plain = engine_slice(&c->engine->plain);
    io->wire = engine_slice(&c->engine->wire);
    return c->status;
}

struct tls_conn *tls_conn_dial(struct tls_engine *engine, struct tls_dialer *client,
                               const char *name, const char *place, struct tls_io *io)
{
    struct tls_conn *c = conn_new(engine);
    if (c == NULL)
        return NULL;
    c->upstream = conn_upstream_new(client, name, place);
    if (c->upstream == NULL) {
        tls_conn_free(c);
        return NULL;
    }
    engine_begin(engine);
    memory_failed();
    conn_begin(c);
    finish(c, io);
    return c;
}

/* In the handshake, the longest body that mbedTLS's buffer holds; suites need a good deal less. */
static size_t body_max(const struct tls_conn *c)
{
    if (c->hs == NULL)
        return RECORD_PROTECTED_MAX;
    size_t room = MBEDTLS_SSL_IN_BUFFER_LEN - MBEDTLS_SSL_SEQUENCE_NUMBER_LEN - RECORD_HEADER_SIZE;
    size_t limit = conn_is_protected(c->hs) ? RECORD_PROTECTED_MAX : RECORD_PLAIN_MAX;
    return limit < room ? limit : room;
}

/* The client's bytes while a signature is waited for. */
static void keep_unread(struct tls_conn *c, struct tls_slice in)
{
    struct tls_slice *unread = &c->hs->signing->unread;
    if (in.size == 0)
        return;
    uint8_t *more = memory_grow((void *)(uintptr_t)unread->data, unread->size + in.size);
    if (more == NULL) {
        conn_fail(c, conn_out_of_memory);
        return;
    }
    memcpy(more + unread->size, in.data, in.size);
    *unread = (struct tls_slice){more, unread->size + in.size};
}

/* `first`: `in` is all that the client has said so far. */
static void receive(struct tls_conn *c, struct tls_slice in, bool is_first)
{
    const struct tls_slice first = is_first ? in : (struct tls_slice){NULL, 0};
    while (c->status == TLS_HANDSHAKE || c->status == TLS_OPEN) {
        struct record r;
        if (conn_is_signing(c)) {
            keep_unread(c, in);
            return;
        }
        enum record_result result = record_next(&c->reader, body_max(c), &in, &r);
        if (result == RECORD_MORE)
            break;
        if (result == RECORD_WHOLE)
            conn_record(c, &r);
        else
            conn_no_record(c, result, first);
    }
}

enum tls_status tls_conn_receive(struct tls_conn *c, const uint8_t *data, size_t size,
                                 struct tls_io *io)
{
    assert(size <= TLS_CHUNK_MAX);
    const bool is_first = !c->any_bytes;
    engine_begin(c->engine);
    memory_failed(); /* whatever failed before was somebody else's */
    c->any_bytes = c->any_bytes || size > 0;
    receive(c, (struct tls_slice){data, size}, is_first);
    record_rest(&c->reader);
    return finish(c, io);
}

const char *tls_conn_wanted(const struct tls_conn *c)
{
    return c->status == TLS_HANDSHAKE && c->hs->held.data != NULL ? c->sni : NULL;
}

enum tls_status tls_conn_answer(struct tls_conn *c, struct tls_identity *id, struct tls_io *io)
{
    engine_begin(c->engine);
    memory_failed();
    if (tls_conn_wanted(c) != NULL && id == NULL)
        conn_fail_client(c, ALERT_UNRECOGNIZED_NAME, "there is no challenge for the server name");
    else if (tls_conn_wanted(c) != NULL) {
        c->challenge = tls_identity_ref(id);
        conn_release_hello(c);
    }
    return finish(c, io);
}

const struct tls_sign_request *tls_conn_unsigned(const struct tls_conn *c)
{
    return c->status == TLS_HANDSHAKE && conn_is_signing(c) ? &c->hs->signing->request : NULL;
}

/* Then what the client said meanwhile has its turn. */
static void go_on(struct tls_conn *c, const struct tls_signature *signature)
{
    const struct tls_slice unread = c->hs->signing->unread;
    c->hs->signing->unread = (struct tls_slice){0};
    conn_signed(c, signature);
    receive(c, unread, false);
    record_rest(&c->reader);
    free((void *)(uintptr_t)unread.data);
}

enum tls_status tls_conn_sign(struct tls_conn *c, const struct tls_signature *signature,
                              struct tls_io *io)
{
    static const struct alert_cause unsigned_cause = {ALERT_INTERNAL_ERROR, TLS_FAULT_LOCAL,
                                                      "the signer does not sign"};
    engine_begin(c->engine);
    memory_failed();
    if (tls_conn_unsigned(c) != NULL && signature == NULL) {
        conn_put_held(c);
        c->hs->signing->answered = true;
        conn_fail(c, unsigned_cause);
    } else if (tls_conn_unsigned(c) != NULL) {
        c->hs->signing->answered = true;
        go_on(c, signature);
    }
    return finish(c, io);
}

enum tls_status tls_conn_transport_eof(struct tls_conn *c)
{
    if (c->status == TLS_HANDSHAKE || c->status == TLS_OPEN)
        conn_fail_truncated(c);
    return c->status;
}

static bool may_send(const struct tls_conn *c)
{
    return (c->status == TLS_OPEN || c->status == TLS_EOF) && !c->close_sent;
}

enum tls_status tls_conn_send(struct tls_conn *c, uint8_t *data, size_t size, struct tls_io *io)
{
    assert(size <= TLS_CHUNK_MAX);
    engine_begin(c->engine);
    memory_failed();
    if (may_send(c))
        conn_open_send(c, data, size);
    return finish(c, io);
}

enum tls_status tls_conn_close(struct tls_conn *c, struct tls_io *io)
{
    engine_begin(c->engine);
    memory_failed();
    if (may_send(c)) {
        c->close_sent = true;
        if (!conn_seal_alert(c, false, ALERT_CLOSE_NOTIFY))
            conn_fail(c, conn_out_of_memory);
    }
    return finish(c, io);
}

void tls_conn_abort(struct tls_conn *c, enum tls_abort why, struct tls_io *io)
{
    static const struct alert_cause causes[] = {
        [TLS_ABORT_HANDSHAKE_TIMEOUT] = {ALERT_USER_CANCELED, TLS_FAULT_CLIENT,
                                         "the handshake took too long"},
        [TLS_ABORT_INTERNAL] = {ALERT_INTERNAL_ERROR, TLS_FAULT_LOCAL, "internal error"},
        [TLS_ABORT_DENIED] = {ALERT_ACCESS_DENIED, TLS_FAULT_CLIENT, "it may not come in"},
        [TLS_ABORT_CHALLENGE] = {ALERT_UNRECOGNIZED_NAME, TLS_FAULT_LOCAL,
                                 "the challenge cannot be answered"},
    };
    engine_begin(c->engine);
    memory_failed();
    if (conn_is_signing(c))
        conn_put_held(c); /* without it the client could not read the alert */
    if (c->hs != NULL)
        c->hs->alert_put = CONN_ALERT_NONE;
    conn_fail(c, causes[why]);
    finish(c, io);
}

enum tls_status tls_conn_status(const struct tls_conn *c)
{
    return c->status;
}

void tls_conn_info(const struct tls_conn *c, struct tls_info *info)
{
    *info = (struct tls_info){.sni = c->sni,
                              .alpn = c->alpn,
                              .client_subject = c->client_subject,
                              .client_cn = c->client_cn,
                              .resumed = c->resumed};
    if (c->cipher_suite == 0)
        return;
    info->version = c->tls13 ? "TLSv1.3" : "TLSv1.2";
    info->cipher_number = suites_cipher_number(c->cipher_suite);
    info->group_number = suites_group_number(c->group);
    info->cipher = tls_cipher_name(info->cipher_number);
    info->group = tls_group_name(info->group_number);
}

size_t tls_conn_server_name(const struct tls_conn *c)
{
    return c->server_name;
}

const struct tls_failure *tls_conn_failure(const struct tls_conn *c)
{
    return c->status == TLS_FAILED ? &c->failure : NULL;
}
