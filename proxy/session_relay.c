/* session_relay.c - bytes both ways, and the end of each way. */
#include "proxy/session_inner.h"

/* Both directions have ended and everything is sent? Then the session has. */
void session_check_end(struct session *s)
{
    if (s->state != SESSION_RELAY || !s->client_ended || !s->upstream_ended)
        return;
    if (s->client.queued > 0 || s->upstream.queued > 0)
        return;
    session_log_end(s, FAULT_NONE,
                    s->ended_by_client ? "the client closed" : "the upstream closed");
    session_linger(s, false);
}

/* A queue has run empty: read on, or see whether that was the last of it. */
void session_drained(struct session *s)
{
    s->last_active = session_now(s);
    if (s->client_ended || s->upstream_ended)
        session_arm(s);
    session_check_end(s);
    session_interest(s);
}

static void client_finished(struct session *s)
{
    s->client_ended = true;
    s->ended_by_client = !s->upstream_ended;
    peer_shutdown(&s->upstream);
    session_arm(s);
    session_check_end(s);
}

void session_upstream_broke(struct session *s)
{
    /* After its FIN an upstream may reset what still comes: that session was over. */
    if (s->upstream_ended) {
        session_log_end(s, FAULT_NONE, "the upstream closed");
        session_linger(s, false);
        return;
    }
    /* No close_notify: the client must be able to tell that this is not the end of the data. */
    session_log_end(s, FAULT_UPSTREAM, "the upstream's connection broke");
    session_close(s, true, false);
}

/* Plaintext for the upstream. False: the session has been ended. */
static bool forward(struct session *s, const uint8_t *data, size_t size)
{
    s->bytes_in += size;
    counter_add(&session_counters(s)->bytes_in, size);
    int rc = peer_send(&s->upstream, data, size);
    if (rc == 0)
        return true;
    if (rc == UV_ENOMEM)
        session_out_of_memory(s);
    else
        session_upstream_broke(s);
    return false;
}

void session_from_client(struct session *s, enum tls_status status, const struct tls_io *io)
{
    if (!s->upstream.fin_wanted && io->plain.size > 0 &&
        !forward(s, io->plain.data, io->plain.size))
        return;
    if (status == TLS_FAILED) {
        session_tls_failed(s, io);
        return;
    }
    if (!session_send(s, io))
        return;
    if (status == TLS_EOF && !s->client_ended)
        client_finished(s);
    session_interest(s);
}

/* The upstream is there and, where it has to, has spoken: let bytes flow. */
void session_relay(struct session *s)
{
    struct held held = session_release(s);
    s->last_active = session_now(s);
    session_enter(s, SESSION_RELAY);
    session_log_open(s);
    bool alive = held.size == 0 || forward(s, held.data, held.size);
    session_wipe(&held);
    if (alive && tls_conn_status(s->tls) == TLS_EOF)
        client_finished(s);
    session_interest(s);
}
