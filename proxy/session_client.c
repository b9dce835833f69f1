/* session_client.c - the client's side: handshake, refusals, events. */
#include "proxy/session_inner.h"

#include <string.h>

/* How much to read and drop while waiting for the client's FIN. */
#define LINGER_BYTES ((size_t)256 << 10)

static void count_handshake(struct session *s)
{
    struct route_counters *c = session_counters(s);
    struct tls_info tls;
    tls_conn_info(s->tls, &tls);
    s->handshaken = true;
    counter_sub(&c->handshaking, 1);
    counter_add(&c->handshakes, 1);
    counter_add(&c->resumed, tls.resumed);
    counter_add(tls.version != NULL && strcmp(tls.version, "TLSv1.3") == 0 ? &c->tls13 : &c->tls12,
                1);
}

static void handshake_step(struct session *s, enum tls_status status, const struct tls_io *io)
{
    if (status == TLS_FAILED) {
        session_tls_failed(s, io);
        return;
    }
    if (!session_hold(s, io->plain.data, io->plain.size)) {
        session_out_of_memory(s);
        return;
    }
    if (!session_send(s, io))
        return;
    if (status == TLS_HANDSHAKE) {
        session_interest(s);
        return;
    }
    count_handshake(s);
    if (!s->admitted)
        session_refuse(s, s->refusal);
    else if (s->worker->draining)
        session_refuse(s, REFUSE_DRAINING);
    else
        session_dial(s);
}

static void session_feed(struct session *s, const uint8_t *data, size_t size)
{
    struct tls_io io = {0};
    enum tls_status status = tls_conn_receive(s->tls, data, size, &io);
    if (s->state == SESSION_HANDSHAKE)
        handshake_step(s, status, &io);
    else
        session_from_client(s, status, &io);
}

/* Tell the client in its protocol, inside TLS, why there is no service now. */
void session_refuse(struct session *s, enum starttls_refusal why)
{
    static const char *const how[] = {
        [REFUSE_UPSTREAM_DOWN] = "refused: no upstream available",
        [REFUSE_TOO_MANY] = "refused: too many connections",
        [REFUSE_DRAINING] = "refused: shutting down",
    };
    struct tls_io io = {0};
    struct buf text;
    buf_init(&text, 1024);
    starttls_refuse(s->route->config->protocol, why, s->route->config->hostname, &text);
    counter_add(&session_counters(s)->refused, 1);
    bool sent = true;
    if (text.size > 0) {
        tls_conn_send(s->tls, text.data, text.size, &io);
        sent = session_send(s, &io);
    }
    buf_free(&text);
    if (sent)
        session_end(s, why == REFUSE_UPSTREAM_DOWN ? FAULT_UPSTREAM : FAULT_LOCAL, how[why]);
}

/* Is this handshake to wait for a later turn? Its bytes are kept, and it is not read from. */
static bool postpone(struct session *s, const uint8_t *data, size_t size)
{
    if (s->state != SESSION_HANDSHAKE || worker_handshake_turn(s->worker))
        return false;
    if (!session_hold(s, data, size)) {
        session_out_of_memory(s);
        return true;
    }
    link_add(&s->worker->waiting, &s->waiting);
    session_interest(s);
    return true;
}

static void client_data(struct peer *p, const uint8_t *data, size_t size)
{
    struct session *s = container_of(p, struct session, client);
    s->heard = true;
    s->last_active = session_now(s);
    if (s->state == SESSION_LINGER) {
        s->lingered += size;
        if (s->lingered > LINGER_BYTES)
            session_close(s, false, false);
        return;
    }
    if (!postpone(s, data, size))
        session_feed(s, data, size);
}

void session_handshake_turn(struct link *waiting)
{
    struct session *s = container_of(waiting, struct session, waiting);
    link_remove(&s->waiting);
    struct held held = session_release(s);
    session_feed(s, held.data, held.size);
    session_wipe(&held);
}

/* After the upstream's end the client need not say goodbye as well: all it can still do is leave.
 */
static bool only_leaving(const struct session *s)
{
    return s->state == SESSION_RELAY && s->upstream_ended && s->client.queued == 0;
}

static void client_eof(struct peer *p)
{
    struct session *s = container_of(p, struct session, client);
    if (s->state == SESSION_LINGER) {
        session_close(s, false, false);
    } else if (only_leaving(s)) {
        session_log_end(s, FAULT_NONE, "the upstream closed");
        session_close(s, false, false);
    } else if (!s->client_ended) { /* by a close_notify before */
        struct tls_io nothing = {0};
        tls_conn_transport_eof(s->tls);
        session_tls_failed(s, &nothing);
    }
}

static void client_error(struct peer *p, int error)
{
    struct session *s = container_of(p, struct session, client);
    (void)error;
    if (s->state == SESSION_LINGER)
        session_close(s, false, false);
    else if (only_leaving(s))
        session_break(s, FAULT_NONE, "the upstream closed");
    else
        session_break(s, FAULT_CLIENT, "the client's connection broke");
}

static void client_drained(struct peer *p)
{
    session_drained(container_of(p, struct session, client));
}

static void client_closed(struct peer *p)
{
    session_handle_closed(container_of(p, struct session, client));
}

const struct peer_events session_client_events = {
    .data = client_data,
    .eof = client_eof,
    .error = client_error,
    .drained = client_drained,
    .closed = client_closed,
};
