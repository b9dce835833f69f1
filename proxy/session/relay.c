/* relay.c - bytes both ways, and the end of each way. */
#include "proxy/session/core.h"

/* After one side has ended, the other may be silent for this long. */
#define HALF_CLOSED_MS 60000

/* ---- time ---- */

static uint64_t silence_allowed(const struct session *s)
{
    const uint64_t idle = s->route->config->idle_timeout;
    if ((!s->client_ended && !s->upstream_ended) || s->client.queued + s->upstream.queued > 0)
        return idle;
    return idle > 0 && idle < HALF_CLOSED_MS ? idle : HALF_CLOSED_MS;
}

/* In clear: until the client has to be on TLS. */
static uint64_t upgrade_remains(const struct session *s)
{
    const struct route_config *r = s->route->config;
    if (s->tls != NULL || !config_must_upgrade(r))
        return SESSION_NEVER;
    return session_remains(r->upgrade_timeout, s->started, session_now(s));
}

uint64_t relay_remains(const struct session *s)
{
    const uint64_t quiet = session_remains(silence_allowed(s), s->last_active, session_now(s));
    const uint64_t upgrade = upgrade_remains(s);
    return quiet < upgrade ? quiet : upgrade;
}

/* The kernel holds megabytes for a slow reader, while nothing comes here: as long as it becomes
 * less from one look to the next, that is no silence. The first look has none before it. */
static bool is_delivering(struct session *s)
{
    const size_t left = peer_outstanding(&s->client) + peer_outstanding(&s->upstream);
    const uint64_t passed = 1 + s->bytes_in + s->bytes_out; /* with more it is another first one */
    const bool less = s->passed_then != passed || left < s->undelivered;
    s->passed_then = passed;
    s->undelivered = left;
    return left > 0 && less;
}

enum session_state relay_timed_out(struct session *s)
{
    /* The timer is not touched for every byte: it looks, when it fires, whether any came. */
    if (relay_remains(s) > 0) {
        session_arm(s);
        return SESSION_STAY;
    }
    if (upgrade_remains(s) == 0)
        return session_refuse(s, REFUSE_TIMEOUT);
    if (is_delivering(s)) {
        s->last_active = session_now(s);
        session_arm(s);
        return SESSION_STAY;
    }
    if (s->upstream_ended)
        return session_end(s, END_CLIENT_STAYED);
    if (s->client_ended && s->client.queued == 0) /* else it is not read from */
        return session_end(s, END_UPSTREAM_STAYED);
    return session_end(s, session_end_amid(s, END_IDLE));
}

/* ---- ends ---- */

/* What both sides' ends and the dialogue allow: FIN to the upstream, or the end of the session. */
static enum session_state check_ends(struct session *s)
{
    /* The client's last commands may still wait for their turn in the dialogue. */
    if (s->client_ended && (!session_dialogue_waits(s) || session_dialogue_cut_short(s))) {
        enum session_state next = session_dialogue_rest_to_upstream(s);
        if (next != SESSION_STAY)
            return next;
        session_finish_upstream(s);
    }
    if (!s->client_ended || !s->upstream_ended)
        return SESSION_STAY;
    if (s->client.queued > 0 || s->upstream.queued > 0)
        return SESSION_STAY;
    return session_end(s, s->first_end == CLIENT ? END_CLIENT_CLOSED : END_UPSTREAM_CLOSED);
}

/* The client will say no more: close_notify, or FIN in clear. */
static void client_finished(struct session *s)
{
    s->client_ended = true;
    if (!s->upstream_ended)
        s->first_end = CLIENT;
    session_arm(s);
}

/* It left without a goodbye: what it said before is handed on, then the upstream is told. */
static enum session_state cut(struct session *s, enum end end)
{
    const struct tls_io nothing = {0};
    enum session_state next = session_dialogue_rest_to_upstream(s);
    if (next != SESSION_STAY)
        return next;
    return end == END_TLS_FAILED ? session_tls_failed(s, &nothing) : session_end(s, end);
}

/* After the upstream's end the client need not say goodbye as well: all it can still do is
 * leave. */
static bool only_leaving(const struct session *s)
{
    return s->upstream_ended && s->client.queued == 0 && s->client.send_error == 0;
}

enum session_state relay_client_ended(struct session *s)
{
    if (only_leaving(s))
        return session_end(s, END_UPSTREAM_CLOSED);
    if (s->tls == NULL) {
        client_finished(s);
        return check_ends(s);
    }
    if (s->client_ended) /* by a close_notify before */
        return SESSION_STAY;
    tls_conn_transport_eof(s->tls);
    return cut(s, END_TLS_FAILED);
}

enum session_state relay_client_failed(struct session *s)
{
    return only_leaving(s) ? session_end(s, END_UPSTREAM_CLOSED) : cut(s, END_CLIENT_BROKE);
}

enum session_state relay_upstream_ended(struct session *s)
{
    s->upstream_ended = true;
    if (!s->client_ended)
        s->first_end = UPSTREAM;
    s->last_active = session_now(s);
    /* An incomplete line that its module still waits for the end of: the client may have it. */
    enum session_state next = session_dialogue_rest_to_client(s);
    if (next != SESSION_STAY)
        return next;
    /* In clear, what the client says next must not pass unwatched: that is the end of both ways. */
    if (s->tls == NULL)
        return session_end(s, s->client_ended ? END_CLIENT_CLOSED_IN_CLEAR
                                              : END_UPSTREAM_CLOSED_IN_CLEAR);
    /* Behind what waits there for replies nothing may pass, or bytes would be missing in between;
     * and what the client still says stays watched. So the dialogue goes on. */
    next = session_close_notify(s);
    if (next == SESSION_STAY)
        next = check_ends(s); /* closed at once, a connection needs no FIN of its own; a client that
                               * sent more behind its own close_notify may miss ours */
    if (next != SESSION_STAY)
        return next;
    peer_shutdown(&s->client);
    session_arm(s);
    return SESSION_STAY;
}

/* After its FIN an upstream may reset what still comes: that session was over. */
enum session_state relay_upstream_failed(struct session *s, int error)
{
    (void)error;
    if (s->upstream_ended)
        return session_end(s, END_UPSTREAM_LEFT);
    const bool last_words = s->tls == NULL && session_dialogue_holds(s, UPSTREAM);
    enum session_state next = session_dialogue_rest_to_client(s);
    if (next != SESSION_STAY)
        return next;
    if (session_upstream_tls_why(s) != NULL)
        return session_upstream_tls_end(s);
    return session_end(s, last_words ? END_UPSTREAM_BROKE_IN_CLEAR : END_UPSTREAM_BROKE);
}

/* Read on, or see whether that was the last of it. */
enum session_state relay_drained(struct session *s)
{
    s->last_active = session_now(s);
    if (s->client_ended || s->upstream_ended)
        session_arm(s);
    enum session_state next = session_dialogue_resume(s);
    return next != SESSION_STAY ? next : check_ends(s);
}

/* ---- bytes ---- */

/* The client's plaintext, from TLS or in clear. */
static enum session_state from_client(struct session *s, uint8_t *data, size_t size)
{
    if (size == 0)
        return SESSION_STAY;
    return s->dialogue != NULL ? session_dialogue_said(s, CLIENT, data, size)
                               : session_to_upstream(s, data, size);
}

/* First what had to wait. */
enum session_state relay_entered(struct session *s)
{
    enum session_state next = session_take_early(s, session_from_upstream);
    if (next == SESSION_STAY)
        next = session_replay(s, from_client);
    if (next == SESSION_STAY && s->cut != END_NONE)
        next = cut(s, s->cut);
    return next != SESSION_STAY ? next : check_ends(s);
}

enum session_state relay_client_data(struct session *s, uint8_t *data, size_t size)
{
    struct tls_io io = {.plain = {data, size}};
    enum tls_status status = TLS_OPEN;
    s->last_active = session_now(s);
    if (s->tls != NULL)
        status = tls_conn_receive(s->tls, data, size, &io);
    /* What the module says goes through the same engine and would overwrite the alert or ticket in
     * `io`; application data and such do not come in one call, but a ticket key may change. */
    enum session_state next = s->tls != NULL ? session_send(s, &io, false) : SESSION_STAY;
    if (next == SESSION_STAY)
        next = from_client(s, (uint8_t *)(uintptr_t)io.plain.data, io.plain.size);
    if (next != SESSION_STAY)
        return next;
    if (status == TLS_FAILED)
        return cut(s, END_TLS_FAILED);
    if (status == TLS_EOF && !s->client_ended)
        client_finished(s);
    return check_ends(s);
}

enum session_state session_from_upstream(struct session *s, uint8_t *data, size_t size)
{
    s->last_active = session_now(s);
    session_count_bytes_out(s, size);
    return s->dialogue != NULL ? session_dialogue_said(s, UPSTREAM, data, size)
                               : session_to_client(s, data, size);
}

enum session_state relay_upstream_data(struct session *s, uint8_t *data, size_t size)
{
    enum session_state next = session_from_upstream(s, data, size);
    return next != SESSION_STAY ? next : check_ends(s);
}
