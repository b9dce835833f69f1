/* state.c - the states: what each may last, and who is read from in it. */
#include "proxy/session/core.h"

/* After one side has ended, the other may be silent for this long. */
#define HALF_CLOSED_MS 60000
/* How long to wait for the client's FIN after our last word. */
#define LINGER_MS 2000

/* What a client may say before its upstream is there, give or take one read. */
#define HELD_ENOUGH ((size_t)16 << 10)

/* Milliseconds that a state may last, or may go without a byte (RELAY); 0: no limit. */
static uint64_t state_timeout(const struct session *s)
{
    const struct route_config *r = s->route->config;
    switch (s->state) {
    case SESSION_ANNOUNCE:
    case SESSION_REQUEST:
    case SESSION_ASK:
        return r->handshake_timeout;
    case SESSION_PREAMBLE:
        return r->upgrade_timeout;
    case SESSION_HANDSHAKE:
        return r->handshake_timeout;
    case SESSION_DIAL:
        return r->connect_timeout;
    case SESSION_GREETING:
        return r->greeting_timeout;
    case SESSION_RELAY:
        if ((!s->client_ended && !s->upstream_ended) || s->client.queued + s->upstream.queued > 0)
            return r->idle_timeout;
        return r->idle_timeout > 0 && r->idle_timeout < HALF_CLOSED_MS ? r->idle_timeout
                                                                       : HALF_CLOSED_MS;
    case SESSION_LINGER:
        return LINGER_MS;
    case SESSION_CLOSING:
    case SESSION_STATES:
        break;
    }
    return 0;
}

/* Milliseconds until `limit` is over; NEVER: there is none. */
#define NEVER UINT64_MAX
static uint64_t remains(uint64_t limit, uint64_t since, uint64_t now)
{
    if (limit == 0)
        return NEVER;
    return now - since < limit ? limit - (now - since) : 0;
}

/* RELAY in clear: until the client has to be on TLS. */
static uint64_t upgrade_remains(const struct session *s)
{
    const struct route_config *r = s->route->config;
    if (s->tls != NULL || !config_must_upgrade(r))
        return NEVER;
    return remains(r->upgrade_timeout, s->started, session_now(s));
}

static uint64_t relay_remains(const struct session *s)
{
    const uint64_t quiet = remains(state_timeout(s), s->last_active, session_now(s));
    const uint64_t upgrade = upgrade_remains(s);
    return quiet < upgrade ? quiet : upgrade;
}

static void handshake_timed_out(struct session *s)
{
    struct tls_io io = {0};
    if (s->heard)
        counter_add(&session_counters(s)->handshake_failures, 1);
    session_log_end(s, FAULT_CLIENT, "the client did not finish the handshake in time");
    tls_conn_abort(s->tls, TLS_ABORT_HANDSHAKE_TIMEOUT, &io);
    if (session_send(s, &io, true))
        session_linger(s, false);
}

static void relay_timed_out(struct session *s)
{
    /* The timer is not touched for every byte: it looks, when it fires, whether any came. */
    if (relay_remains(s) > 0) {
        session_arm(s);
        return;
    }
    if (upgrade_remains(s) == 0)
        session_refuse(s, REFUSE_TIMEOUT);
    else if (s->upstream_ended)
        session_break(s, FAULT_CLIENT, "the client did not close after the upstream had");
    else if (s->client_ended)
        session_end(s, FAULT_UPSTREAM, "the upstream did not close after the client had");
    else
        session_end(s, FAULT_NONE, "idle timeout");
}

static void timer_fired(uv_timer_t *timer)
{
    struct session *s = container_of(timer, struct session, timer);
    switch (s->state) {
    case SESSION_ANNOUNCE:
        session_break(s, FAULT_CLIENT, "no PROXY header in time");
        break;
    case SESSION_PREAMBLE:
        session_refuse(s, REFUSE_TIMEOUT);
        break;
    case SESSION_HANDSHAKE:
        handshake_timed_out(s);
        break;
    case SESSION_REQUEST:
    case SESSION_ASK:
        session_acme_timeout(s);
        break;
    case SESSION_DIAL:
        session_upstream_failed(s, "connect timeout");
        break;
    case SESSION_GREETING:
        session_upstream_failed(s, "no greeting in time");
        break;
    case SESSION_RELAY:
        relay_timed_out(s);
        break;
    case SESSION_LINGER:
        session_close(s, false, false);
        break;
    case SESSION_CLOSING:
    case SESSION_STATES:
        break;
    }
}

void session_arm(struct session *s)
{
    const uint64_t wait =
        s->state == SESSION_RELAY ? relay_remains(s) : remains(state_timeout(s), 0, 0);
    if (wait == NEVER)
        uv_timer_stop(&s->timer);
    else
        uv_timer_start(&s->timer, timer_fired, wait, 0);
}

void session_enter(struct session *s, enum session_state state)
{
    s->state = state;
    if (state != SESSION_HANDSHAKE)
        link_remove(&s->waiting);
    if (state != SESSION_ASK)
        session_acme_forget(s);
    if (state < SESSION_LINGER && state > s->stage)
        s->stage = state;
    session_arm(s);
    session_interest(s);
}

/* See "Back-pressure" in session_inner.h. */
void session_interest(struct session *s)
{
    bool client = false, upstream = false;
    switch (s->state) {
    case SESSION_ANNOUNCE:
    case SESSION_REQUEST:
        client = true;
        break;
    case SESSION_ASK:
        break;
    case SESSION_PREAMBLE:
        client = s->client.queued == 0 && !s->upgrading && !session_talk_full(s, CLIENT);
        break;
    case SESSION_HANDSHAKE:
        client = link_empty(&s->waiting) && s->client.queued == 0;
        break;
    case SESSION_DIAL:
        client = s->held.size < HELD_ENOUGH;
        break;
    case SESSION_GREETING:
        client = s->held.size < HELD_ENOUGH;
        upstream = true;
        break;
    case SESSION_RELAY:
        client = s->client_ended || (s->upstream.queued == 0 && s->client.queued < TLS_CHUNK_MAX &&
                                     !s->upgrading && !session_talk_full(s, CLIENT));
        upstream = s->client.queued == 0 && !session_talk_full(s, UPSTREAM);
        break;
    case SESSION_LINGER:
        client = true;
        break;
    case SESSION_CLOSING:
    case SESSION_STATES:
        return;
    }
    peer_read(&s->client, client);
    peer_read(&s->upstream, upstream);
}
