/* linger.c - the end: all that was said is delivered, and no reset may eat it.
 *
 * What was received and is authentic reaches the other side, also where its sender has gone; only
 * then is that side told how it ended. A reset throws away what the kernel still holds, so it waits
 * until the other side's kernel has acknowledged everything (tcp(7), SIOCOUTQ). */
#include "proxy/session/ends.h"

/* How often to look whether anything is still delivered to one who reads slowly. */
#define DELIVERY_MS 30000
/* How long to wait for the client's FIN after our last word. */
#define FIN_MS 2000
/* The kernel does not tell when its queue is empty: poll so often. */
#define POLL_MS 50
/* Where nobody waits for the outcome. */
#define PATIENT_POLL_MS 1000

bool session_delivers(struct session *s)
{
    const size_t left = peer_undelivered(&s->client) + peer_undelivered(&s->upstream);
    const bool less = left < s->undelivered;
    s->undelivered = left;
    return left > 0 && less;
}

/* last_active is when the state was entered; then when a queue ran empty. */
static bool fin_is_late(const struct session *s)
{
    return session_now(s) - s->last_active >= FIN_MS;
}

static bool delivery_is_late(struct session *s)
{
    if (session_now(s) - s->looked < DELIVERY_MS)
        return false;
    s->looked = session_now(s);
    return !session_delivers(s);
}

static bool upstream_is_done(struct session *s, bool late)
{
    if (s->upstream.life != PEER_OPEN) /* one that is being dialled has got nothing */
        return true;
    if (s->upstream.eof && s->end->upstream == UPSTREAM_FIN && s->upstream.queued == 0)
        return true; /* nothing can come that would cause a reset: the kernel does the rest */
    return peer_undelivered(&s->upstream) == 0 || late;
}

/* What the kernel still holds for one who says a word more would be lost by a reset. */
static bool client_is_done(struct session *s, bool late)
{
    if (s->client.life != PEER_OPEN || s->end->client == CLIENT_CLOSES || late)
        return true;
    if (s->end->client == CLIENT_RESET)
        return peer_undelivered(&s->client) == 0;
    peer_shutdown(&s->client);
    return s->client.queued == 0 && (s->client.eof || s->dropped > SESSION_DROPPED_MAX ||
                                     (fin_is_late(s) && peer_undelivered(&s->client) == 0));
}

static enum session_state settle(struct session *s)
{
    const bool late = delivery_is_late(s);
    const bool upstream = upstream_is_done(s, late), client = client_is_done(s, late);
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
    const uint64_t look = session_remains(DELIVERY_MS, s->looked, session_now(s));
    const uint64_t fin = session_remains(FIN_MS, s->last_active, session_now(s));
    const uint64_t wait = polls ? POLL_MS : fin > 0 ? fin : PATIENT_POLL_MS;
    return s->client.queued > 0 && !polls ? look : wait;
}

enum session_state linger_entered(struct session *s)
{
    s->looked = s->last_active = session_now(s);
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
