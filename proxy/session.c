/* session.c - see session.h and session_inner.h: birth and death. */
#include "proxy/session_inner.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct route_counters *session_counters(struct session *s)
{
    return &s->worker->shared->route[s->route->slot];
}

uint64_t session_now(const struct session *s)
{
    return uv_now(&s->worker->loop);
}

bool session_hold(struct session *s, const uint8_t *data, size_t size)
{
    if (size == 0)
        return true;
    uint8_t *grown = realloc(s->held.data, s->held.size + size);
    if (grown == NULL)
        return false;
    memcpy(grown + s->held.size, data, size);
    s->held = (struct held){grown, s->held.size + size};
    return true;
}

struct held session_release(struct session *s)
{
    struct held held = s->held;
    s->held = (struct held){0};
    return held;
}

void session_wipe(struct held *held)
{
    if (held->data != NULL)
        explicit_bzero(held->data, held->size);
    free(held->data);
    *held = (struct held){0};
}

void newcomer_leave(struct worker *w, const struct newcomer *n)
{
    if (n->admitted)
        counter_sub(&w->shared->route[n->route->slot].active, 1);
    if (n->counted)
        client_leave(w->shared, n->slot);
}

static void session_free(struct session *s)
{
    struct worker *w = s->worker;
    const struct newcomer counted = {
        .route = s->route, .slot = s->slot, .admitted = s->admitted, .counted = s->counted};
    newcomer_leave(w, &counted);
    if (!s->handshaken)
        counter_sub(&session_counters(s)->handshaking, 1);
    link_remove(&s->member);
    link_remove(&s->waiting);
    session_wipe(&s->held);
    tls_conn_free(s->tls);
    generation_free(s->generation);
    free(s);
    worker_session_ended(w);
}

void session_handle_closed(struct session *s)
{
    if (--s->handles == 0)
        session_free(s);
}

static void timer_closed(uv_handle_t *handle)
{
    session_handle_closed(container_of(handle, struct session, timer));
}

/* The last close callback frees. */
void session_close(struct session *s, bool reset_client, bool reset_upstream)
{
    if (s->state == SESSION_CLOSING)
        return;
    session_enter(s, SESSION_CLOSING);
    peer_close(&s->client, reset_client);
    peer_close(&s->upstream, reset_upstream);
    uv_close((uv_handle_t *)&s->timer, timer_closed);
}

/* The client is gone or cannot be talked to. What the upstream got was cut short, so it is told so
 * by a reset. */
void session_break(struct session *s, enum fault fault, const char *how)
{
    if (s->state == SESSION_CLOSING)
        return;
    session_log_end(s, fault, how);
    session_close(s, false, true);
}

void session_out_of_memory(struct session *s)
{
    session_break(s, FAULT_LOCAL, "out of memory");
}

/* Whatever will be said to the client is on its way: follow with FIN and wait for the client's. */
void session_linger(struct session *s, bool reset_upstream)
{
    peer_close(&s->upstream, reset_upstream);
    if (s->client.life != PEER_OPEN || s->client.eof) {
        session_close(s, false, false);
        return;
    }
    peer_shutdown(&s->client);
    session_enter(s, SESSION_LINGER);
}

bool session_send(struct session *s, const struct tls_io *io)
{
    /* After close_notify and FIN an alert has nowhere to go. */
    int rc = s->client.fin_wanted ? 0 : peer_send(&s->client, io->wire.data, io->wire.size);
    if (rc == 0)
        return true;
    if (rc == UV_ENOMEM)
        session_out_of_memory(s);
    else if (s->client_ended && s->upstream_ended) /* it said goodbye and left without ours */
        session_break(s, FAULT_NONE, "the client closed");
    else
        session_break(s, FAULT_CLIENT, "the client's connection broke");
    return false;
}

void session_end(struct session *s, enum fault fault, const char *how)
{
    struct tls_io io = {0};
    session_log_end(s, fault, how);
    tls_conn_close(s->tls, &io);
    if (session_send(s, &io))
        session_linger(s, false);
}

void session_tls_failed(struct session *s, const struct tls_io *io)
{
    const struct tls_failure *f = tls_conn_failure(s->tls);
    if (!s->handshaken && s->heard)
        counter_add(&session_counters(s)->handshake_failures, 1);
    session_log_end(s, f->fault == TLS_FAULT_CLIENT ? FAULT_CLIENT : FAULT_LOCAL, f->reason);
    if (session_send(s, io))
        session_linger(s, true);
}

static void remember_client(struct session *s, const struct sockaddr_storage *from)
{
    size_t size = from->ss_family == AF_INET    ? sizeof s->from.in
                  : from->ss_family == AF_INET6 ? sizeof s->from.in6
                                                : sizeof s->from.sa.sa_family;
    memcpy(&s->from, from, size);
}

void session_start(struct worker *w, const struct newcomer *n)
{
    struct session *s = calloc(1, sizeof *s);
    struct tls_conn *tls = s != NULL ? tls_conn_new(w->engine, n->route->tls) : NULL;
    if (tls == NULL) {
        free(s);
        close(n->fd);
        newcomer_leave(w, n);
        return;
    }
    s->worker = w;
    s->tls = tls;
    s->generation = generation_ref(n->generation);
    s->route = n->route;
    s->slot = n->slot;
    s->admitted = n->admitted;
    s->counted = n->counted;
    s->refusal = n->refusal;
    s->serial = ++w->session_serial;
    s->started = s->last_active = uv_now(&w->loop);
    remember_client(s, &n->client);
    link_add(&w->sessions, &s->member);
    link_init(&s->waiting);
    w->session_count++;
    counter_add(&session_counters(s)->handshaking, 1);

    uv_timer_init(&w->loop, &s->timer);
    s->handles = 2;
    if (peer_open(&s->client, &w->loop, n->fd, n->is_unix, &session_client_events) != 0) {
        close(n->fd);
        session_break(s, FAULT_LOCAL, "the socket could not be watched");
        return;
    }
    session_enter(s, SESSION_HANDSHAKE);
}

void session_stop(struct link *member)
{
    struct session *s = container_of(member, struct session, member);
    struct tls_io io = {0};
    if (s->state == SESSION_CLOSING)
        return;
    session_log_end(s, FAULT_LOCAL, "stopped");
    tls_conn_close(s->tls, &io);
    if (session_send(s, &io))
        session_close(s, false, false);
}
