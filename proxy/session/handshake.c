/* handshake.c - the client's side: handshake, refusals, events. */
#include "proxy/session/core.h"
#include "proxy/wire/proxy_header_parse.h"

#include <string.h>

/* How much to read and drop while waiting for the client's FIN. */
#define LINGER_BYTES ((size_t)256 << 10)

static void session_greet(struct session *s)
{
    struct buf words;
    struct talk_out out = {.to_client = &words};
    if (s->talk->module->greet == NULL)
        return;
    buf_init(&words, 4096);
    s->talk->module->greet(&s->talk->talk, &out);
    session_to_client(s, words.data, words.size);
    buf_free(&words);
}

void session_secure(struct session *s)
{
    if (s->client.queued > 0) { /* session_drained() comes back */
        session_interest(s);
        return;
    }
    s->tls = tls_conn_new(s->all->engine, s->route->tls);
    if (s->tls == NULL) {
        session_out_of_memory(s);
        return;
    }
    counter_add(&session_counters(s)->handshaking, 1);
    if (s->upgrading) {
        /* Nothing said in clear outlives the upgrade (RFC 3207, 4.2): another upstream
         * connection. */
        peer_close(&s->upstream, false);
        s->upgrading = false;
        s->upgraded = true;
        s->cursor = (struct upstream_cursor){0};
        s->stage = SESSION_HANDSHAKE;
    }
    session_enter(s, SESSION_HANDSHAKE);
}

void session_begin(struct session *s)
{
    if (s->route->config->protocol == PROTOCOL_ACME) {
        session_acme_begin(s);
    } else if (s->route->config->tls == TLS_MODE_IMPLICIT) {
        session_secure(s);
    } else if (!s->admission.admitted) {
        session_refuse(s, s->admission.refusal);
    } else if (s->route->config->tls == TLS_MODE_OPTIONAL) {
        session_dial(s);
    } else if (session_talk_begin(s, TALK_REQUIRED)) {
        session_enter(s, SESSION_PREAMBLE);
        session_greet(s);
    }
}

static void take_client_data(struct session *s, const uint8_t *data, size_t size);

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

void session_handshake_step(struct session *s, enum tls_status status, const struct tls_io *io)
{
    if (status == TLS_FAILED) {
        session_tls_failed(s, io);
        return;
    }
    if (!session_hold(s, io->plain.data, io->plain.size)) {
        session_out_of_memory(s);
        return;
    }
    if (!session_send(s, io, false))
        return;
    if (status == TLS_HANDSHAKE) {
        if (!session_acme_wanted(s))
            session_interest(s);
        return;
    }
    count_handshake(s);
    if (io->wire.size == 0 && !protocol_facts(s->route->config->protocol)->server_speaks_first)
        peer_acknowledge(&s->client);
    s->client_ended = s->ended_by_client = status == TLS_EOF;
    if (s->route->config->protocol == PROTOCOL_ACME)
        session_end(s, FAULT_NONE, "the challenge was answered");
    else if (!s->admission.admitted)
        session_refuse(s, s->admission.refusal);
    else if (s->all->draining)
        session_refuse(s, REFUSE_DRAINING);
    else
        session_dial(s);
}

static void session_feed(struct session *s, const uint8_t *data, size_t size)
{
    struct tls_io io = {0};
    enum tls_status status = tls_conn_receive(s->tls, data, size, &io);
    if (s->state == SESSION_HANDSHAKE)
        session_handshake_step(s, status, &io);
    else
        session_from_client(s, status, &io);
}

/* Tell the client in its protocol, inside TLS where there is TLS, why there is no service now. */
void session_refuse(struct session *s, enum starttls_refusal why)
{
    static const char *const how[] = {
        [REFUSE_UPSTREAM_DOWN] = "refused: no upstream available",
        [REFUSE_TOO_MANY] = "refused: too many connections",
        [REFUSE_DRAINING] = "refused: shutting down",
        [REFUSE_TIMEOUT] = "the client did not begin TLS in time",
    };
    static const enum fault faults[] = {
        [REFUSE_UPSTREAM_DOWN] = FAULT_UPSTREAM,
        [REFUSE_TOO_MANY] = FAULT_LOCAL,
        [REFUSE_DRAINING] = FAULT_LOCAL,
        [REFUSE_TIMEOUT] = FAULT_CLIENT,
    };
    struct buf text;
    buf_init(&text, 1024);
    starttls_refuse(s->route->config->protocol, why, s->route->config->hostname, &text);
    counter_add(&session_counters(s)->refused, 1);
    bool sent = session_to_client(s, text.data, text.size);
    buf_free(&text);
    if (sent)
        session_end(s, faults[why], how[why]);
}

/* Is this handshake to wait for a later turn? Its bytes are kept, and it is not read from. */
static bool postpone(struct session *s, const uint8_t *data, size_t size)
{
    if (s->state != SESSION_HANDSHAKE || turns_take(&s->all->turns))
        return false;
    if (!session_hold(s, data, size)) {
        session_out_of_memory(s);
        return true;
    }
    turns_wait(&s->all->turns, &s->waiting);
    session_interest(s);
    return true;
}

/* The balancer's header is complete: the session is that client's now, and what follows is its. */
static void take_announcement(struct session *s, const struct announce *a)
{
    struct held held = session_release(s);
    if (a->known) {
        s->from = session_address(&a->client);
        s->local = session_address(&a->local);
    }
    s->heard = held.size > a->size;
    admission_client(s->all, s->route, &s->from.sa, &s->admission);
    session_begin(s);
    const uint8_t *rest = held.data + a->size;
    const size_t size = held.size - a->size;
    if (s->state == SESSION_DIAL) {
        if (!session_hold(s, rest, size))
            session_out_of_memory(s);
    } else if (size > 0 && s->state < SESSION_LINGER) {
        take_client_data(s, rest, size);
    }
    session_wipe(&held);
}

static void announced(struct session *s, const uint8_t *data, size_t size)
{
    struct announce a;
    if (!session_hold(s, data, size)) {
        session_out_of_memory(s);
        return;
    }
    switch (announce_parse(s->held.data, s->held.size, &a)) {
    case ANNOUNCE_MORE:
        break;
    case ANNOUNCE_OK:
        take_announcement(s, &a);
        break;
    case ANNOUNCE_BAD:
        session_break(s, FAULT_CLIENT, "no PROXY header from an address of accept-proxy-from");
        break;
    }
}

static void take_client_data(struct session *s, const uint8_t *data, size_t size)
{
    s->heard = true;
    if (s->state == SESSION_LINGER || s->client_ended) {
        s->lingered += size;
        if (s->lingered > LINGER_BYTES && s->state == SESSION_LINGER)
            session_close(s, false, false);
        else if (s->lingered > LINGER_BYTES)
            session_break(s, FAULT_CLIENT, "the client went on sending behind its close_notify");
        return;
    }
    s->last_active = session_now(s);
    if (s->state == SESSION_ANNOUNCE)
        announced(s, data, size);
    else if (s->state == SESSION_REQUEST)
        session_acme_request(s, data, size);
    else if (s->tls == NULL)
        session_from_client_in_clear(s, data, size);
    else if (!postpone(s, data, size))
        session_feed(s, data, size);
}

static void client_data(struct peer *p, uint8_t *data, size_t size)
{
    take_client_data(container_of(p, struct session, client), data, size);
}

void session_handshake_turn(struct link *waiting)
{
    struct session *s = container_of(waiting, struct session, waiting);
    link_remove(&s->waiting);
    struct held held = session_release(s);
    session_feed(s, held.data, held.size);
    session_wipe(&held);
}

/* After the upstream's end the client need not say goodbye as well: all it can still do is
 * leave. */
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
    } else if (s->state == SESSION_REQUEST) {
        session_break(s, FAULT_CLIENT, "the client left in the middle of its request");
    } else if (s->state <= SESSION_PREAMBLE) {
        session_break(s, FAULT_NONE, "the client left before TLS");
    } else if (s->tls == NULL) {
        session_client_finished(s);
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
