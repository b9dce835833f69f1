/* linger.c - the end: all that was said is delivered, and no reset may eat it.
 *
 * What was received and is authentic reaches the other side, also where its sender has gone; only
 * then is that side told how it ended. A reset throws away what the kernel still holds, so it waits
 * until the other side's kernel has acknowledged everything (tcp(7), SIOCOUTQ). */
#include "proxy/session/ends.h"

/* How long to wait for one who reads nothing more, and for one who reads slowly. Whoever was not
 * served has no more than the first. */
#define DELIVERY_MS 60000
#define LONGEST_MS  (10 * DELIVERY_MS)
/* How long to wait for the client's FIN after our last word. */
#define FIN_MS 2000
/* How often to look whether a kernel has delivered anything. */
#define LOOK_MS (FIN_MS / 2)
/* The kernel does not tell when its queue is empty: poll so often at first, then more seldom. */
#define POLL_MS 50

static size_t left(struct session *s)
{
    return peer_undelivered(&s->client) + peer_undelivered(&s->upstream);
}

/* last_active is when the state was entered; then when a queue ran empty, or a look has found that
 * something was delivered. The first look has none before it to compare with. */
static void look(struct session *s)
{
    const uint64_t now = session_now(s);
    if (!s->served || now - s->looked < LOOK_MS)
        return;
    const size_t before = s->undelivered;
    s->looked = now;
    s->undelivered = left(s);
    if (before != SIZE_MAX && s->undelivered < before)
        s->last_active = now;
}

static bool is_late(const struct session *s)
{
    return session_now(s) - s->last_active >= DELIVERY_MS ||
           session_now(s) - s->ending_since >= LONGEST_MS;
}

/* Whoever says a word to a socket that is closed gets a reset, which would eat what the kernel has
 * not delivered. */
static uint64_t fin_remains(const struct session *s)
{
    return session_remains(FIN_MS, s->last_active, session_now(s));
}

static bool upstream_is_done(struct session *s)
{
    if (s->upstream.life != PEER_OPEN) /* one that is being dialled has got nothing */
        return true;
    if (s->upstream.eof && s->end->upstream == UPSTREAM_FIN && s->upstream.queued == 0)
        return true; /* nothing can come that would cause a reset: the kernel does the rest */
    return peer_undelivered(&s->upstream) == 0 || is_late(s);
}

static bool client_is_done(struct session *s)
{
    if (s->client.life != PEER_OPEN || s->end->client == CLIENT_CLOSES || is_late(s))
        return true;
    if (s->end->client == CLIENT_RESET)
        return peer_undelivered(&s->client) == 0;
    peer_shutdown(&s->client);
    return s->client.queued == 0 &&
           (s->client.eof || s->dropped > SESSION_DROPPED_MAX || fin_remains(s) == 0);
}

static enum session_state settle(struct session *s)
{
    look(s);
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

static uint64_t until_poll(const struct session *s)
{
    enum { SHARE = 16 };
    const uint64_t now = session_now(s), left = session_remains(DELIVERY_MS, s->last_active, now);
    const uint64_t more = (now - s->ending_since) / SHARE;
    const uint64_t wait = more < POLL_MS ? POLL_MS : more < LOOK_MS ? more : LOOK_MS;
    return wait < left ? wait : left;
}

/* What waits for the kernel is polled for; else the client's FIN has its time. */
uint64_t linger_remains(const struct session *s)
{
    const uint64_t now = session_now(s), look = session_remains(LOOK_MS, s->looked, now);
    if (s->upstream.life == PEER_OPEN || s->end->client == CLIENT_RESET)
        return until_poll(s);
    const uint64_t wait =
        s->client.queued > 0 ? session_remains(DELIVERY_MS, s->last_active, now) : fin_remains(s);
    return s->served && look < wait ? look : wait;
}

enum session_state linger_entered(struct session *s)
{
    s->ending_since = s->last_active = s->looked = session_now(s);
    s->undelivered = SIZE_MAX;
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
