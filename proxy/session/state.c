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

static uint64_t wait_of(const struct session *s)
{
    const struct session_row *row = row_of(s);
    if (row->remains != NULL)
        return row->remains(s);
    if (row->timeout == 0)
        return SESSION_NEVER;
    const char *config = (const char *)s->route->config;
    return session_remains(*(const unsigned *)(const void *)(config + row->timeout), 0, 0);
}

static void timer_fired(uv_timer_t *timer)
{
    struct session *s = container_of(timer, struct session, timer);
    const struct session_row *row = row_of(s);
    if (row->timed_out != NULL)
        session_step(s, row->timed_out(s));
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

/* ---- the client ---- */

/* How much to read and drop of a client that has said its last. */
#define DROPPED_MAX ((size_t)256 << 10)

static enum session_state client_goes_on(struct session *s, size_t size)
{
    s->dropped += size;
    return s->dropped > DROPPED_MAX ? session_end(s, END_CLIENT_CHATTED) : SESSION_STAY;
}

static void client_data(struct peer *p, uint8_t *data, size_t size)
{
    struct session *s = container_of(p, struct session, client);
    const struct session_row *row = row_of(s);
    s->spoke = true;
    if (s->client_ended && s->state != SESSION_LINGER) {
        session_step(s, client_goes_on(s, size));
    } else if (row->client_data != NULL) {
        if (s->state != SESSION_LINGER)
            s->last_active = session_now(s);
        session_step(s, row->client_data(s, data, size));
    }
}

static void client_eof(struct peer *p)
{
    struct session *s = container_of(p, struct session, client);
    const struct session_row *row = row_of(s);
    session_step(s, row->client_ended != NULL ? row->client_ended(s) : SESSION_STAY);
}

static void client_error(struct peer *p, int error)
{
    struct session *s = container_of(p, struct session, client);
    const struct session_row *row = row_of(s);
    (void)error;
    session_step(s, row->client_broke != NULL ? row->client_broke(s) : SESSION_STAY);
}

/* ---- the upstream ---- */

static void upstream_connected(struct peer *p, int status)
{
    struct session *s = container_of(p, struct session, upstream);
    const struct session_row *row = row_of(s);
    if (row->upstream_connected != NULL)
        session_step(s, row->upstream_connected(s, status));
}

static void upstream_data(struct peer *p, uint8_t *data, size_t size)
{
    struct session *s = container_of(p, struct session, upstream);
    const struct session_row *row = row_of(s);
    if (row->upstream_data != NULL)
        session_step(s, row->upstream_data(s, data, size));
}

static void upstream_eof(struct peer *p)
{
    struct session *s = container_of(p, struct session, upstream);
    const struct session_row *row = row_of(s);
    if (row->upstream_ended != NULL)
        session_step(s, row->upstream_ended(s));
}

static void upstream_error(struct peer *p, int error)
{
    struct session *s = container_of(p, struct session, upstream);
    const struct session_row *row = row_of(s);
    if (row->upstream_broke != NULL)
        session_step(s, row->upstream_broke(s, error));
}

/* ---- both ---- */

static void drained(struct session *s)
{
    const struct session_row *row = row_of(s);
    session_step(s, row->drained != NULL ? row->drained(s) : SESSION_STAY);
}

static void client_drained(struct peer *p)
{
    drained(container_of(p, struct session, client));
}

static void upstream_drained(struct peer *p)
{
    drained(container_of(p, struct session, upstream));
}

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
    handle_closed(container_of(p, struct session, client));
}

static void upstream_closed(struct peer *p)
{
    struct session *s = container_of(p, struct session, upstream);
    if (!handle_closed(s) && row_of(s)->upstream_closed != NULL)
        session_step(s, row_of(s)->upstream_closed(s));
}

static void timer_closed(uv_handle_t *handle)
{
    handle_closed(container_of(handle, struct session, timer));
}

void session_close(struct session *s)
{
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
