/* linger.c - the end: all that was said is delivered, and no reset may eat it.
 *
 * What was received and is authentic reaches the other side, also where its sender has gone; only
 * then is that side told how it ended. A reset throws away what the kernel still holds, so it waits
 * until the other side's kernel has acknowledged everything (tcp(7), SIOCOUTQ). */
#include "proxy/session/ends.h"

/* How long to deliver, to one who reads slowly. */
#define DELIVERY_MS 60000
/* How long to wait for the client's FIN after our last word. */
#define FIN_MS 2000
/* The kernel does not tell when its queue is empty: poll so often. */
#define POLL_MS 50

/* last_active is when the state was entered; then when a queue ran empty. */
static bool fin_is_late(const struct session *s)
{
    return session_now(s) - s->last_active >= FIN_MS;
}

static bool delivery_is_late(const struct session *s)
{
    return session_now(s) - s->ending_since >= DELIVERY_MS;
}

static bool upstream_is_done(struct session *s)
{
    if (s->upstream.life != PEER_OPEN) /* one that is being dialled has got nothing */
        return true;
    if (s->upstream.eof && s->end->upstream == UPSTREAM_FIN && s->upstream.queued == 0)
        return true; /* nothing can come that would cause a reset: the kernel does the rest */
    return peer_undelivered(&s->upstream) == 0 || delivery_is_late(s);
}

static bool client_is_done(struct session *s)
{
    if (s->client.life != PEER_OPEN || s->end->client == CLIENT_CLOSES || delivery_is_late(s))
        return true;
    if (s->end->client == CLIENT_RESET)
        return peer_undelivered(&s->client) == 0;
    peer_shutdown(&s->client);
    return s->client.queued == 0 &&
           (s->client.eof || s->dropped > SESSION_DROPPED_MAX || fin_is_late(s));
}

static enum session_state settle(struct session *s)
{
    const bool upstream = upstream_is_done(s), client = client_is_done(s);
    if (upstream)
        peer_close(&s->upstream, s->end->upstream == UPSTREAM_RESET);
    if (client && upstream)
        return SESSION_CLOSING;
    if (client)
        peer_close(&s->client, s->end->client == CLIENT_RESET);
    session_arm(s);
    return SESSION_STAY;
}

/* What waits for the kernel is polled for; else the client's FIN has its time. */
uint64_t linger_remains(const struct session *s)
{
    const bool polls = s->upstream.life == PEER_OPEN || s->end->client == CLIENT_RESET;
    const uint64_t late = session_remains(DELIVERY_MS, s->ending_since, session_now(s));
    const uint64_t wait = polls ? POLL_MS : session_remains(FIN_MS, s->last_active, session_now(s));
    return s->client.queued > 0 && !polls ? late : wait;
}

enum session_state linger_entered(struct session *s)
{
    s->ending_since = s->last_active = session_now(s);
    s->dropped = 0;
    if (s->end->upstream == UPSTREAM_FIN)
        session_upstream_goodbye(s);
    return settle(s);
}

enum session_state linger_client_data(struct session *s, uint8_t *data, size_t size)
{
    (void)data;
    s->dropped += size;
    return settle(s);
}

enum session_state linger_client_ended(struct session *s)
{
    return settle(s);
}

enum session_state linger_client_failed(struct session *s)
{
    peer_close(&s->client, false);
    return settle(s);
}

/* Dropped: a server that is not read from might stop reading. */
enum session_state linger_upstream_data(struct session *s, uint8_t *data, size_t size)
{
    (void)s, (void)data, (void)size;
    return SESSION_STAY;
}

enum session_state linger_upstream_failed(struct session *s, int error)
{
    (void)error;
    peer_close(&s->upstream, true);
    return settle(s);
}

enum session_state linger_drained(struct session *s)
{
    s->last_active = session_now(s);
    return settle(s);
}

enum session_state linger_timed_out(struct session *s)
{
    return settle(s);
}
