/* session_upstream.c - the upstream's side: dialling, failover, events. */
#include "proxy/proxy_header.h"
#include "proxy/session_inner.h"

#include <stdio.h>

/* This address did not serve: note it and, once its handle is closed, go to the next. */
void session_upstream_failed(struct session *s, const char *how)
{
    counter_add(&session_counters(s)->upstream_failures, 1);
    upstream_report(&s->route->upstreams, &s->cursor, false, session_now(s));
    session_log_upstream(s, how);
    session_enter(s, SESSION_DIAL);
    peer_close(&s->upstream, true); /* upstream_closed() dials on */
}

/* 0, or a negative uv error. */
static int connect_upstream(struct session *s, const struct upstream_address *a)
{
    const struct route_config *r = s->route->config;
    const struct endpoint *e = s->route->upstreams.items[s->cursor.upstream].endpoint;
    struct peer_target target = {.to = (const struct sockaddr *)&a->addr};
    if (e->kind == ENDPOINT_UNIX) {
        target.path = e->path;
        snprintf(s->upstream_text, sizeof s->upstream_text, "%s", e->text);
    } else {
        address_text(target.to, s->upstream_text);
    }
    if (r->source_kind == SOURCE_ADDRESS && r->source.addr.ss_family == a->addr.ss_family) {
        target.from = (const struct sockaddr *)&r->source.addr;
        target.from_size = r->source.addr_len;
    }
    return peer_connect(&s->upstream, &s->worker->loop, &target, &session_upstream_events);
}

void session_dial(struct session *s)
{
    struct upstream_set *set = &s->route->upstreams;
    const struct upstream_address *a = upstream_next(set, &s->cursor, session_now(s));
    if (a == NULL) {
        session_refuse(s, REFUSE_UPSTREAM_DOWN);
        return;
    }
    upstream_trying(set, &s->cursor, session_now(s), s->route->config->connect_timeout);
    session_enter(s, SESSION_DIAL);
    s->handles++;
    int rc = connect_upstream(s, a);
    if (rc == UV_EMFILE || rc == UV_ENFILE || rc == UV_ENOMEM || rc == UV_ENOBUFS) {
        session_log_upstream(s, uv_strerror(rc)); /* our trouble: no blame on the address */
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
    char id[32];
    struct buf header;
    address_local(&s->client.uv.handle, &local);
    tls_conn_info(s->tls, &tls);
    session_id(s, id);
    const struct proxy_header facts = {&s->from.sa, (const struct sockaddr *)&local, &tls, id};
    buf_init(&header, 16384);
    if (version == SEND_PROXY_V1)
        proxy_header_v1(&facts, &header);
    else
        proxy_header_v2(&facts, &header);
    bool sent = !header.failed && peer_send(&s->upstream, header.data, header.size) == 0;
    buf_free(&header);
    return sent;
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
    if (protocol_facts(s->route->config->protocol)->server_speaks_first) {
        session_enter(s, SESSION_GREETING);
        return;
    }
    upstream_report(&s->route->upstreams, &s->cursor, true, session_now(s));
    session_relay(s);
}

static void upstream_data(struct peer *p, const uint8_t *data, size_t size)
{
    struct session *s = container_of(p, struct session, upstream);
    struct tls_io io = {0};
    if (s->state == SESSION_GREETING) {
        upstream_report(&s->route->upstreams, &s->cursor, true, session_now(s));
        session_relay(s);
    }
    if (s->state != SESSION_RELAY)
        return;
    s->last_active = session_now(s);
    s->bytes_out += size;
    counter_add(&session_counters(s)->bytes_out, size);
    if (tls_conn_send(s->tls, data, size, &io) == TLS_FAILED) {
        session_tls_failed(s, &io);
        return;
    }
    if (session_send(s, &io))
        session_interest(s);
}

static void upstream_eof(struct peer *p)
{
    struct session *s = container_of(p, struct session, upstream);
    struct tls_io io = {0};
    if (s->state == SESSION_GREETING) {
        session_upstream_failed(s, "closed without a greeting");
        return;
    }
    if (s->state != SESSION_RELAY)
        return;
    s->upstream_ended = true;
    s->last_active = session_now(s);
    tls_conn_close(s->tls, &io);
    if (!session_send(s, &io))
        return;
    peer_shutdown(&s->client);
    session_arm(s);
    session_check_end(s);
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
