/* dial.c - the upstream's side: dialling, failover, events. */
#include "proxy/session/core.h"
#include "proxy/wire/proxy_header_write.h"

#include <stdio.h>
#include <string.h>

/* This address did not serve: note it and, once its handle is closed, go to the next. */
void session_upstream_failed(struct session *s, const char *how)
{
    counter_add(&session_counters(s)->upstream_failures, 1);
    upstream_report(&s->route->upstreams, &s->cursor, false, session_now(s));
    session_log_upstream(s, "upstream-failed", how);
    session_talk_free(s); /* with the beginning of a greeting */
    session_enter(s, SESSION_DIAL);
    peer_close(&s->upstream, true); /* upstream_closed() dials on */
}

/* Where the upstream shall see the session come from. */
static void choose_source(const struct session *s, union session_address *client,
                          struct peer_target *target)
{
    const struct route_config *r = s->route->config;
    if (r->source_kind == SOURCE_ADDRESS && r->source.addr.ss_family == target->to->sa_family) {
        target->from = (const struct sockaddr *)&r->source.addr;
        target->from_size = r->source.addr_len;
    } else if (r->source_kind == SOURCE_TRANSPARENT && s->from.sa.sa_family != AF_UNIX) {
        const bool inet = s->from.sa.sa_family == AF_INET;
        *client = s->from;
        *(inet ? &client->in.sin_port : &client->in6.sin6_port) = 0;
        target->from = &client->sa;
        target->from_size = inet ? sizeof client->in : sizeof client->in6;
        target->transparent = true;
    }
}

/* 0, or a negative uv error. */
static int connect_upstream(struct session *s, const struct upstream_address *a)
{
    const struct endpoint *e = s->route->upstreams.items[s->cursor.upstream].endpoint;
    struct peer_target target = {.to = (const struct sockaddr *)&a->addr};
    union session_address client;
    if (e->kind == ENDPOINT_UNIX) {
        target.path = e->path;
        s->upstream_to.sa.sa_family = AF_UNSPEC;
        s->upstream_path = e->text;
    } else {
        s->upstream_to = session_address(&a->addr);
        choose_source(s, &client, &target);
    }
    return peer_connect(&s->upstream, s->all->loop, &target, &session_upstream_events);
}

/* A client cannot be impersonated towards an address of the other IP family. */
static bool reachable(const struct session *s, const struct upstream_address *a)
{
    return s->route->config->source_kind != SOURCE_TRANSPARENT || s->from.sa.sa_family == AF_UNIX ||
           a->size == 0 || s->from.sa.sa_family == a->addr.ss_family;
}

/* NULL: there is none left; if one was passed over for its family, the log says so. */
static const struct upstream_address *next_reachable(struct session *s)
{
    struct upstream_set *set = &s->route->upstreams;
    const struct upstream_address *passed = NULL, *a;
    while ((a = upstream_next(set, &s->cursor, session_now(s))) != NULL && !reachable(s, a))
        passed = a;
    if (a == NULL && passed != NULL) {
        s->upstream_to = session_address(&passed->addr);
        session_log_upstream(s, "upstream-failed",
                             "source = transparent, and the client's address is of another family");
    }
    return a;
}

void session_dial(struct session *s)
{
    if (s->upstream.life == PEER_CLOSING) { /* of before the upgrade; upstream_closed() dials on */
        session_enter(s, SESSION_DIAL);
        return;
    }
    struct upstream_set *set = &s->route->upstreams;
    const struct upstream_address *a = next_reachable(s);
    if (a == NULL) {
        session_refuse(s, REFUSE_UPSTREAM_DOWN);
        return;
    }
    upstream_trying(set, &s->cursor, session_now(s), s->route->config->connect_timeout);
    session_enter(s, SESSION_DIAL);
    s->handles++;
    int rc = connect_upstream(s, a);
    if (rc == UV_EMFILE || rc == UV_ENFILE || rc == UV_ENOMEM || rc == UV_ENOBUFS) {
        session_log_upstream(s, "upstream-failed",
                             uv_strerror(rc)); /* our trouble: no blame on the address */
        session_refuse(s, REFUSE_TOO_MANY);
    } else if (rc != 0) {
        session_upstream_failed(s, uv_strerror(rc));
    }
}

/* The PROXY header, first bytes to the upstream. False: no memory, or the connection broke. */
static bool send_proxy_header(struct session *s)
{
    const enum send_proxy version = s->route->config->send_proxy;
    if (version == SEND_PROXY_OFF)
        return true;

    struct sockaddr_storage local = {.ss_family = AF_UNSPEC};
    struct tls_info tls;
    char id[SESSION_ID_MAX];
    struct buf header;
    if (s->local.sa.sa_family == AF_UNSPEC)
        address_local(&s->client.uv.handle, &local);
    else
        memcpy(&local, &s->local, sizeof s->local);
    session_tls_info(s, &tls);
    session_id(s, id);
    const struct proxy_header facts = {&s->from.sa, (const struct sockaddr *)&local,
                                       s->tls != NULL ? &tls : NULL, id};
    buf_init(&header, 16384);
    if (version == SEND_PROXY_V1)
        proxy_header_v1(&facts, &header);
    else
        proxy_header_v2(&facts, &header);
    bool sent = !header.failed && peer_send(&s->upstream, header.data, header.size, false) == 0;
    buf_free(&header);
    return sent;
}

void session_upstream_ready(struct session *s)
{
    upstream_report(&s->route->upstreams, &s->cursor, true, session_now(s));
    session_relay(s);
}

static void upstream_connected(struct peer *p, int status)
{
    struct session *s = container_of(p, struct session, upstream);
    if (s->state != SESSION_DIAL)
        return;
    if (status != 0) {
        session_upstream_failed(s, uv_strerror(status));
        return;
    }
    if (!send_proxy_header(s)) {
        session_upstream_failed(s, "the PROXY header could not be sent");
        return;
    }
    if (!session_talk_begin(s, s->tls != NULL ? TALK_INSIDE : TALK_OPTIONAL))
        return;
    if (protocol_facts(s->route->config->protocol)->server_speaks_first) {
        session_enter(s, SESSION_GREETING);
        return;
    }
    session_upstream_ready(s);
    session_relay_held(s);
}

static void upstream_data(struct peer *p, uint8_t *data, size_t size)
{
    struct session *s = container_of(p, struct session, upstream);
    const bool greeting = s->state == SESSION_GREETING;
    if (!greeting && s->state != SESSION_RELAY)
        return;
    s->last_active = session_now(s);
    s->bytes_out += size;
    counter_add(&session_counters(s)->bytes_out, size);
    if (s->talk != NULL ? session_talk_said(s, UPSTREAM, data, size)
                        : session_to_client(s, data, size)) {
        if (greeting && s->state == SESSION_RELAY)
            session_relay_held(s);
        session_check_ends(s);
        session_interest(s);
    }
}

static void upstream_eof(struct peer *p)
{
    struct session *s = container_of(p, struct session, upstream);
    if (s->state == SESSION_GREETING) {
        session_upstream_failed(s, "closed without a greeting");
        return;
    }
    if (s->state != SESSION_RELAY)
        return;
    s->upstream_ended = true;
    s->last_active = session_now(s);
    /* An incomplete line that its module still waits for the end of: the client may have it. */
    if (session_talk_holds(s, UPSTREAM)) {
        const struct buf *rest = &s->talk->carry[UPSTREAM];
        if (!session_to_client(s, rest->data, rest->size))
            return;
    }
    /* In clear, what the client says next must not pass unwatched: that is the end of both ways. */
    if (s->tls == NULL) {
        session_end(s, FAULT_NONE, "the upstream closed");
        return;
    }
    session_talk_free(s);
    if (!session_finish_client(s))
        return;
    session_arm(s);
    session_check_ends(s);
}

static void upstream_error(struct peer *p, int error)
{
    struct session *s = container_of(p, struct session, upstream);
    if (s->state == SESSION_GREETING) {
        session_upstream_failed(s, uv_strerror(error));
        return;
    }
    if (s->state != SESSION_RELAY)
        return;
    session_upstream_broke(s);
}

static void upstream_drained(struct peer *p)
{
    session_drained(container_of(p, struct session, upstream));
}

static void upstream_closed(struct peer *p)
{
    struct session *s = container_of(p, struct session, upstream);
    if (s->state != SESSION_DIAL) {
        session_handle_closed(s);
        return;
    }
    s->handles--;
    session_dial(s);
}

const struct peer_events session_upstream_events = {
    .connected = upstream_connected,
    .data = upstream_data,
    .eof = upstream_eof,
    .error = upstream_error,
    .drained = upstream_drained,
    .closed = upstream_closed,
};
