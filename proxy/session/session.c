/* session.c - see session.h and session_inner.h: birth and death. */
#include "proxy/session/core.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct route_counters *session_counters(struct session *s)
{
    return &s->all->counters->route[s->route->slot];
}

uint64_t session_now(const struct session *s)
{
    return uv_now(s->all->loop);
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

static void session_free(struct session *s)
{
    struct sessions *all = s->all;
    admission_leave(all, s->route, &s->admission);
    if (s->tls != NULL && !s->handshaken)
        counter_sub(&session_counters(s)->handshaking, 1);
    link_remove(&s->member);
    link_remove(&s->waiting);
    session_wipe(&s->held);
    session_talk_free(s);
    session_acme_free(s);
    tls_conn_free(s->tls);
    generation_free(s->generation);
    free(s);
    all->count--;
    if (all->ended != NULL)
        all->ended(all->arg);
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

bool session_send(struct session *s, const struct tls_io *io, bool last)
{
    /* After close_notify and FIN an alert has nowhere to go. */
    int rc = s->client.fin_wanted ? 0 : peer_send(&s->client, io->wire.data, io->wire.size, last);
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

bool session_to_client(struct session *s, uint8_t *data, size_t size)
{
    while (size > 0) {
        size_t n = size < TLS_CHUNK_MAX ? size : TLS_CHUNK_MAX;
        struct tls_io io = {.wire = {data, n}};
        if (s->tls != NULL && tls_conn_send(s->tls, data, n, &io) == TLS_FAILED) {
            session_tls_failed(s, &io);
            return false;
        }
        if (!session_send(s, &io, false))
            return false;
        data += n;
        size -= n;
    }
    return true;
}

/* close_notify, where there is TLS. */
static bool say_goodbye(struct session *s)
{
    struct tls_io io = {0};
    if (s->tls != NULL)
        tls_conn_close(s->tls, &io);
    return session_send(s, &io, true);
}

bool session_finish_client(struct session *s)
{
    if (!say_goodbye(s))
        return false;
    peer_shutdown(&s->client);
    return true;
}

void session_end(struct session *s, enum fault fault, const char *how)
{
    session_log_end(s, fault, how);
    if (say_goodbye(s))
        session_linger(s, false);
}

void session_tls_failed(struct session *s, const struct tls_io *io)
{
    const struct tls_failure *f = tls_conn_failure(s->tls);
    if (!s->handshaken && s->heard)
        counter_add(&session_counters(s)->handshake_failures, 1);
    session_log_end(s, f->fault == TLS_FAULT_CLIENT ? FAULT_CLIENT : FAULT_LOCAL, f->reason);
    if (session_send(s, io, true))
        session_linger(s, true);
}

union session_address session_address(const struct sockaddr_storage *from)
{
    union session_address address = {.sa = {.sa_family = from->ss_family}};
    if (from->ss_family == AF_INET)
        memcpy(&address.in, from, sizeof address.in);
    else if (from->ss_family == AF_INET6)
        memcpy(&address.in6, from, sizeof address.in6);
    return address;
}

static struct session *session_new(struct sessions *all, const struct newcomer *n)
{
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->all = all;
    s->generation = generation_ref(n->generation);
    s->route = n->route;
    s->admission = n->admission;
    s->serial = ++all->serial;
    s->started = s->last_active = uv_now(all->loop);
    s->from = session_address(&n->client);
    link_add(&all->members, &s->member);
    link_init(&s->waiting);
    all->count++;
    uv_timer_init(all->loop, &s->timer);
    s->handles = 2; /* the timer and the client */
    return s;
}

void session_start(struct sessions *all, const struct newcomer *n)
{
    struct session *s = session_new(all, n);
    if (s == NULL) {
        struct admission place = n->admission;
        close(n->fd);
        admission_leave(all, n->route, &place);
        return;
    }
    if (peer_open(&s->client, all->loop, n->fd, n->is_unix, &session_client_events) != 0) {
        close(n->fd);
        session_break(s, FAULT_LOCAL, "the socket could not be watched");
        return;
    }
    if (n->announced)
        session_enter(s, SESSION_ANNOUNCE);
    else
        session_begin(s);
}

/* ---- all of them ---- */

void sessions_init(struct sessions *all, int ipc)
{
    link_init(&all->members);
    turns_init(&all->turns, all->loop, session_handshake_turn);
    queries_init(&all->queries, all->loop, ipc);
}

static void stop(struct session *s)
{
    if (s->state == SESSION_CLOSING)
        return;
    session_log_end(s, FAULT_LOCAL, "stopped");
    if (say_goodbye(s))
        session_close(s, false, false);
}

void sessions_stop(struct sessions *all)
{
    for (struct link *l = all->members.next, *next; l != &all->members; l = next) {
        next = l->next;
        stop(container_of(l, struct session, member));
    }
}

void sessions_close(struct sessions *all)
{
    turns_close(&all->turns);
    queries_close(&all->queries);
}
