/* state.c - where events come in and states are entered. */
#include "proxy/session/ends.h"

static const struct session_row *row_of(const struct session *s)
{
    return &s->machine->rows[s->state];
}

/* ---- the timer ---- */

uint64_t session_remains(uint64_t limit, uint64_t since, uint64_t now)
{
    if (limit == 0)
        return SESSION_NEVER;
    return now - since < limit ? limit - (now - since) : 0;
}

uint64_t session_connect_remains(const struct session *s)
{
    return session_remains(s->route->config->connect_timeout, s->dialled, session_now(s));
}

static uint64_t wait_of(const struct session *s)
{
    const struct session_row *row = row_of(s);
    if (row->remains != NULL)
        return row->remains(s);
    if (row->timeout == 0)
        return SESSION_NEVER;
    const char *config = (const char *)s->route->config;
    const unsigned timeout = *(const unsigned *)(const void *)(config + row->timeout);
    const uint64_t now = session_now(s);
    const bool since_tls = row->since_tls && s->tls != NULL;
    const uint64_t wait = session_remains(timeout, since_tls ? s->tls_began : now, now);
    const uint64_t courtesy = session_remains(COURTESY_MS, s->started, now);
    return s->admission.courtesy && courtesy < wait ? courtesy : wait;
}

static void timer_fired(uv_timer_t *timer)
{
    struct session *s = container_of(timer, struct session, timer);
    session_step(s, row_of(s)->timed_out(s)); /* all that can wait have one */
}

void session_arm(struct session *s)
{
    const uint64_t wait = wait_of(s);
    if (wait == SESSION_NEVER)
        uv_timer_stop(&s->timer);
    else
        uv_timer_start(&s->timer, timer_fired, wait, 0);
}

/* ---- steps ---- */

static enum session_state enter(struct session *s, enum session_state next)
{
    if (row_of(s)->left != NULL)
        row_of(s)->left(s);
    session_count_state(s, next);
    s->state = next;
    if (next < SESSION_LINGER && next > s->stage)
        s->stage = next;
    if (next != SESSION_CLOSING)
        session_arm(s);
    return row_of(s)->entered != NULL ? row_of(s)->entered(s) : SESSION_STAY;
}

/* See "Back-pressure" in core.h. */
static void set_interest(struct session *s)
{
    const struct session_row *row = row_of(s);
    peer_read(&s->client, row->reads_client != NULL && row->reads_client(s));
    peer_read(&s->upstream, row->reads_upstream != NULL && row->reads_upstream(s));
}

void session_step(struct session *s, enum session_state next)
{
    while (next != SESSION_STAY && s->state != SESSION_CLOSING)
        next = enter(s, next);
    if (s->state != SESSION_CLOSING)
        set_interest(s);
}

/* A row without a handler stays as it is; who is read from may change all the same. */

static void happened(struct session *s, enum session_state (*handler)(struct session *s))
{
    session_step(s, handler != NULL ? handler(s) : SESSION_STAY);
}

static void data_from(struct session *s,
                      enum session_state (*handler)(struct session *s, uint8_t *data, size_t size),
                      uint8_t *data, size_t size)
{
    session_step(s, handler != NULL ? handler(s, data, size) : SESSION_STAY);
}

static void status_of(struct session *s,
                      enum session_state (*handler)(struct session *s, int error), int error)
{
    session_step(s, handler != NULL ? handler(s, error) : SESSION_STAY);
}

/* ---- the client ---- */

static enum session_state client_goes_on(struct session *s, size_t size)
{
    s->dropped += size;
    return s->dropped > SESSION_DROPPED_MAX ? session_end(s, END_CLIENT_CHATTED) : SESSION_STAY;
}

static struct session *of_client(struct peer *p)
{
    return container_of(p, struct session, client);
}

static void client_data(struct peer *p, uint8_t *data, size_t size)
{
    struct session *s = of_client(p);
    s->spoke = true;
    if (s->state == SESSION_LINGER || !s->client_ended)
        data_from(s, row_of(s)->client_data, data, size);
    else
        session_step(s, client_goes_on(s, size));
}

static void client_eof(struct peer *p)
{
    struct session *s = of_client(p);
    happened(s, row_of(s)->client_ended);
}

static void client_error(struct peer *p, int error)
{
    struct session *s = of_client(p);
    (void)error;
    happened(s, row_of(s)->client_failed);
}

static void client_drained(struct peer *p)
{
    struct session *s = of_client(p);
    happened(s, row_of(s)->drained);
}

/* ---- the upstream ---- */

static struct session *of_upstream(struct peer *p)
{
    return container_of(p, struct session, upstream);
}

static void upstream_connected(struct peer *p, int status)
{
    struct session *s = of_upstream(p);
    status_of(s, row_of(s)->upstream_connected, status);
}

static void upstream_says(struct session *s, uint8_t *data, size_t size)
{
    data_from(s, size > 0 ? row_of(s)->upstream_data : NULL, data, size);
}

static void upstream_ends(struct session *s)
{
    happened(s, row_of(s)->upstream_ended);
}

static void upstream_breaks(struct session *s, int error)
{
    status_of(s, row_of(s)->upstream_failed, error);
}

/* Each in the state that the one before has led to. */
static void upstream_says_in_tls(struct session *s, const uint8_t *data, size_t size)
{
    struct tls_slice plain;
    const enum tls_status status = session_upstream_open(s, data, size, &plain);
    upstream_says(s, (uint8_t *)(uintptr_t)plain.data, plain.size);
    if (s->upstream_tls == NULL || s->end != NULL)
        return;
    if (status == TLS_EOF && !s->upstream_ended)
        upstream_ends(s);
    else if (status == TLS_FAILED)
        upstream_breaks(s, UV_EPROTO);
}

/* Without a close_notify before, what came may not be all there was. */
static void upstream_ends_in_tls(struct session *s)
{
    if (tls_conn_transport_eof(s->upstream_tls) == TLS_FAILED)
        upstream_breaks(s, UV_EPROTO);
    else if (!s->upstream_ended)
        upstream_ends(s);
}

/* Behind its handshake; and once the session has ended nobody reads what it says. */
static bool speaks_tls(const struct session *s)
{
    return s->upstream_tls != NULL && s->state != SESSION_UPSTREAM_TLS && s->end == NULL;
}

static void upstream_data(struct peer *p, uint8_t *data, size_t size)
{
    struct session *s = of_upstream(p);
    if (speaks_tls(s))
        upstream_says_in_tls(s, data, size);
    else
        upstream_says(s, data, size);
}

static void upstream_eof(struct peer *p)
{
    struct session *s = of_upstream(p);
    if (speaks_tls(s))
        upstream_ends_in_tls(s);
    else
        upstream_ends(s);
}

static void upstream_error(struct peer *p, int error)
{
    upstream_breaks(of_upstream(p), error);
}

static void upstream_drained(struct peer *p)
{
    struct session *s = of_upstream(p);
    happened(s, row_of(s)->drained);
}

/* ---- closing ---- */

/* True: that was the last one, and the session is gone. */
static bool handle_closed(struct session *s)
{
    if (--s->handles > 0)
        return false;
    s->machine->free(s);
    return true;
}

static void client_closed(struct peer *p)
{
    handle_closed(of_client(p));
}

static void upstream_closed(struct peer *p)
{
    struct session *s = of_upstream(p);
    session_leave_place(s);
    if (!handle_closed(s))
        happened(s, row_of(s)->upstream_closed);
}

static void timer_closed(uv_handle_t *handle)
{
    handle_closed(container_of(handle, struct session, timer));
}

void session_close(struct session *s)
{
    if (s->end->upstream == UPSTREAM_FIN)
        session_upstream_goodbye(s);
    peer_close(&s->client, s->end->client == CLIENT_RESET);
    peer_close(&s->upstream, s->end->upstream == UPSTREAM_RESET);
    uv_close((uv_handle_t *)&s->timer, timer_closed);
}

const struct peer_events session_client_events = {
    .data = client_data,
    .eof = client_eof,
    .error = client_error,
    .drained = client_drained,
    .closed = client_closed,
};

const struct peer_events session_upstream_events = {
    .connected = upstream_connected,
    .data = upstream_data,
    .eof = upstream_eof,
    .error = upstream_error,
    .drained = upstream_drained,
    .closed = upstream_closed,
};
