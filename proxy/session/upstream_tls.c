/* upstream_tls.c - the handshake with an upstream that speaks TLS. */
#include "proxy/session/core.h"

#include <stdlib.h>
#include <string.h>

/* ---- the certificate's name, and where sessions are kept ---- */

/* Whom it has to be. NULL: a socket, or one of a service's servers, which nobody vouches for. */
static const char *name_of(const struct session *s, char address[ADDRESS_TEXT_MAX])
{
    const struct target *t = s->target;
    const struct endpoint *e = t->upstreams.items[s->cursor.upstream].endpoint;
    uint16_t port;
    if (t->config->tls.name != NULL || e->kind == ENDPOINT_UNIX)
        return t->config->tls.name;
    if (e->kind == ENDPOINT_NAME)
        return e->port != 0 ? e->host : NULL;
    address_host(&s->upstream_to.sa, address, &port);
    return address;
}

/* ---- the handshake ---- */

static enum session_state shake(struct session *s, enum tls_status status, const struct tls_io *io);

static enum session_state signed_upstream(struct session *s, const struct tls_signature *signature)
{
    struct tls_io io = {0};
    sign_left(s);
    const enum tls_status status = tls_conn_sign(s->upstream_tls, signature, &io);
    return shake(s, status, &io);
}

static enum session_state tls_failed(struct session *s, const struct tls_io *io)
{
    session_upstream_wire(s, io, false); /* the alert, which tells it what is wrong */
    return session_upstream_tls_failed(s);
}

/* A greeting that came along is heard in its own state. */
static enum session_state keep_early(struct session *s, struct tls_slice plain)
{
    if (plain.size == 0)
        return SESSION_STAY;
    s->early.data = malloc(plain.size + 1); /* and the byte behind, for who seals it */
    if (s->early.data == NULL)
        return session_end(s, END_OUT_OF_MEMORY);
    memcpy(s->early.data, plain.data, plain.size);
    s->early.size = plain.size;
    return SESSION_STAY;
}

static enum session_state shake(struct session *s, enum tls_status status, const struct tls_io *io)
{
    if (status == TLS_FAILED)
        return tls_failed(s, io);
    const struct tls_sign_request *unsigned_yet = tls_conn_unsigned(s->upstream_tls);
    if (session_upstream_wire(s, io, false) == UV_ENOMEM)
        return session_end(s, END_OUT_OF_MEMORY);
    if (unsigned_yet != NULL)
        return session_sign(s, unsigned_yet, signed_upstream);
    if (status == TLS_HANDSHAKE)
        return SESSION_STAY;
    enum session_state next = keep_early(s, io->plain);
    return next != SESSION_STAY ? next : session_connected(s);
}

enum session_state upstream_tls_entered(struct session *s)
{
    char address[ADDRESS_TEXT_MAX], place[ADDRESS_TEXT_MAX];
    struct tls_io io = {0};
    s->upstream_tls = tls_conn_dial(s->all->engine, s->target->tls, name_of(s, address),
                                    session_upstream_name(s, place), &io);
    if (s->upstream_tls == NULL)
        return session_end(s, END_OUT_OF_MEMORY);
    return shake(s, tls_conn_status(s->upstream_tls), &io);
}

bool upstream_tls_reads(const struct session *s)
{
    return s->signing == NULL;
}

enum session_state upstream_tls_data(struct session *s, uint8_t *data, size_t size)
{
    struct tls_io io = {0};
    const enum tls_status status = tls_conn_receive(s->upstream_tls, data, size, &io);
    return shake(s, status, &io);
}

enum session_state upstream_tls_ended(struct session *s)
{
    tls_conn_transport_eof(s->upstream_tls);
    return session_upstream_tls_failed(s);
}
