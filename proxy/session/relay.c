/* relay.c - bytes both ways, and the end of each way. */
#include "proxy/session/core.h"

void session_check_ends(struct session *s)
{
    if (s->state != SESSION_RELAY)
        return;
    /* The client's last commands may still wait for their turn in the dialogue. */
    if (s->client_ended && (!session_talk_holds(s, CLIENT) || session_talk_cut_short(s)))
        peer_shutdown(&s->upstream);
    if (!s->client_ended || !s->upstream_ended)
        return;
    if (s->client.queued > 0 || s->upstream.queued > 0)
        return;
    session_log_end(s, FAULT_NONE,
                    s->ended_by_client ? "the client closed" : "the upstream closed");
    session_close(s, false, false); /* after its end nothing can come that would cause a reset */
}

void session_drained(struct session *s)
{
    s->last_active = session_now(s);
    if (s->upgrading) {
        session_secure(s);
        return;
    }
    if (s->client_ended || s->upstream_ended)
        session_arm(s);
    session_check_ends(s);
    session_interest(s);
}

void session_client_finished(struct session *s)
{
    s->client_ended = true;
    s->ended_by_client = !s->upstream_ended;
    session_arm(s);
    session_check_ends(s);
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

bool session_to_upstream(struct session *s, const uint8_t *data, size_t size)
{
    if (size == 0 || s->upstream.fin_wanted)
        return true;
    s->bytes_in += size;
    counter_add(&session_counters(s)->bytes_in, size);
    int rc = peer_send(&s->upstream, data, size, false);
    if (rc == 0)
        return true;
    if (rc == UV_ENOMEM)
        session_out_of_memory(s);
    else
        session_upstream_broke(s);
    return false;
}

/* The client's plaintext, from TLS or in clear. False: the session has ended or is turning to
 * TLS. */
static bool pass_to_upstream(struct session *s, const uint8_t *data, size_t size)
{
    if (size == 0)
        return true;
    if (s->state < SESSION_RELAY && s->state >= SESSION_DIAL) {
        if (session_hold(s, data, size))
            return true;
        session_out_of_memory(s);
        return false;
    }
    return s->talk != NULL ? session_talk_said(s, CLIENT, data, size)
                           : session_to_upstream(s, data, size);
}

void session_from_client(struct session *s, enum tls_status status, const struct tls_io *io)
{
    /* What the module says goes through the same engine and would overwrite the alert or ticket in
     * `io`; application data and such do not come in one call, but a ticket key may change. */
    if (!session_send(s, io, false) || !pass_to_upstream(s, io->plain.data, io->plain.size))
        return;
    if (status == TLS_FAILED) {
        const struct tls_io sent = {0};
        session_tls_failed(s, &sent);
        return;
    }
    if (status == TLS_EOF && !s->client_ended)
        session_client_finished(s);
    session_interest(s);
}

void session_from_client_in_clear(struct session *s, const uint8_t *data, size_t size)
{
    if (pass_to_upstream(s, data, size)) {
        session_check_ends(s);
        session_interest(s);
    }
}

void session_relay(struct session *s)
{
    s->last_active = session_now(s);
    session_enter(s, SESSION_RELAY);
    session_log_open(s);
}

void session_relay_held(struct session *s)
{
    struct held held = session_release(s);
    bool alive = pass_to_upstream(s, held.data, held.size);
    session_wipe(&held);
    if (!alive)
        return;
    session_check_ends(s);
    session_interest(s);
}
