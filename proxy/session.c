/* session.c - see session.h.
 *
 *   accept -> HANDSHAKE -> DIAL -> GREETING -> RELAY -> LINGER -> CLOSING -> freed
 *
 * Callbacks of the two peers come in here; only this file decides what happens next.
 * session_enter() alone changes the state and sets the timer, session_interest() alone decides who
 * is read from, and a session dies in session_handle_closed() and nowhere else, so that a callback
 * may always return into code that still holds it.
 *
 * Back-pressure: a side is read only while nothing waits to be sent to the other, so a session
 * holds at most one read's worth of bytes each way. */
#include "proxy/session.h"
#include "proxy/address.h"
#include "proxy/proxy_header.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum session_state {
    SESSION_HANDSHAKE, /* client <-> tls */
    SESSION_DIAL,      /* connecting upstream; nobody is read from */
    SESSION_GREETING,  /* connected; the server has to speak first and has not */
    SESSION_RELAY,     /* both ways, or one way after the first end */
    SESSION_LINGER,    /* all is said to the client; wait for its FIN so that no reset eats it */
    SESSION_CLOSING,   /* waiting for the handles */
    SESSION_STATES
};

static const char *const state_names[] = {"handshake", "dial",   "greeting",
                                          "relay",     "linger", "closing"};
_Static_assert(sizeof state_names / sizeof *state_names == SESSION_STATES, "a name for each state");

/* After one side has ended, the other may be silent for this long. */
#define HALF_CLOSED_MS 60000
/* How long to wait for the client's FIN after our last word, and how much to read meanwhile. */
#define LINGER_MS    2000
#define LINGER_BYTES ((size_t)256 << 10)

enum fault { FAULT_NONE, FAULT_CLIENT, FAULT_UPSTREAM, FAULT_LOCAL };
static const char *const fault_names[] = {"none", "client", "upstream", "tlsfront"};

/* Bytes that must wait: a client's, still encrypted, for their turn in the handshake; then
 * decrypted, for the upstream to be there. */
struct held {
    uint8_t *data;
    size_t size;
};

struct session {
    struct peer client, upstream;
    uv_timer_t timer;
    unsigned handles; /* not yet closed */
    enum session_state state;
    enum session_state stage; /* the furthest one, for the log */

    struct worker *worker;
    struct generation *generation;
    struct route *route;
    struct tls_conn *tls;
    struct link member;  /* of worker->sessions */
    struct link waiting; /* of worker->waiting */
    struct held held;
    struct upstream_cursor cursor;
    size_t lingered;

    uint64_t serial;
    uint64_t started, last_active; /* milliseconds of the loop's clock */
    uint64_t bytes_in, bytes_out;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } from;
    char upstream_text[ADDRESS_TEXT_MAX];
    struct client_slot slot;
    enum starttls_refusal refusal;

    bool counted;
    bool refused; /* has to hear `refusal` */
    bool heard;   /* the client sent at least one byte */
    bool handshaken;
    bool opened;       /* the log's open line was written */
    bool client_ended; /* close_notify arrived */
    bool upstream_ended;
    bool logged; /* the end line was written, or there is none to write */
    bool ended_by_client;
};

#define container_of(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static void session_enter(struct session *s, enum session_state state);
static void session_interest(struct session *s);
static void session_dial(struct session *s);
static void session_refuse(struct session *s, enum starttls_refusal why);
static const struct peer_events client_events, upstream_events;

/* ---- small things -----------------------------------------------------------------------------
 */

static struct route_counters *counters(struct session *s)
{
    return &s->worker->shared->route[s->route->slot];
}

static uint64_t session_now(const struct session *s)
{
    return uv_now(&s->worker->loop);
}

static bool hold(struct session *s, const uint8_t *data, size_t size)
{
    if (size == 0)
        return true;
    uint8_t *grown = realloc(s->held.data, s->held.size + size);
    if (grown == NULL)
        return false;
    memcpy(grown + s->held.size, data, size);
    s->held = (struct held){grown, s->held.size + size};
    return true;
}

/* Hand the held bytes to the caller, who frees them. */
static struct held release(struct session *s)
{
    struct held held = s->held;
    s->held = (struct held){0};
    return held;
}

static void wipe_free(struct held *held)
{
    if (held->data != NULL)
        explicit_bzero(held->data, held->size);
    free(held->data);
    *held = (struct held){0};
}

/* ---- the log ----------------------------------------------------------------------------------
 */

static void session_id(const struct session *s, char out[32])
{
    snprintf(out, 32, "%08x-%llx", s->worker->tag, (unsigned long long)s->serial);
}

/* What both lines have in common, so that each can be read alone. */
static void log_facts(struct session *s, struct log_line *line)
{
    char id[32], client[ADDRESS_TEXT_MAX];
    struct tls_info tls;
    session_id(s, id);
    address_text(&s->from.sa, client);
    tls_conn_info(s->tls, &tls);
    log_text(line, "id", id);
    log_text(line, "route", s->route->config->name);
    log_text(line, "protocol", protocol_facts(s->route->config->protocol)->name);
    log_text(line, "client", client);
    log_text(line, "upstream", s->upstream_text);
    log_text(line, "tls", tls.version);
    log_text(line, "cipher", tls.cipher);
    log_text(line, "group", tls.group);
    log_text(line, "sni", tls.sni);
    log_text(line, "alpn", tls.alpn);
    log_text(line, "client-certificate", tls.client_subject);
    if (s->handshaken)
        log_bool(line, "resumed", tls.resumed);
}

static void log_open(struct session *s)
{
    struct log_line line;
    s->opened = true;
    log_begin(&line, &s->worker->log, LOG_LEVEL_INFO, "open");
    log_facts(s, &line);
    log_end(&line);
}

/* A connection that closes without a byte is a port probe or a health check: not worth a line. */
static void log_ending(struct session *s, enum fault fault, const char *how)
{
    struct log_line line;
    if (s->logged)
        return;
    s->logged = true;
    log_begin(&line, &s->worker->log, s->heard ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "end");
    log_facts(s, &line);
    log_text(&line, "stage", state_names[s->stage]);
    log_number(&line, "bytes-in", s->bytes_in);
    log_number(&line, "bytes-out", s->bytes_out);
    log_seconds(&line, "duration", session_now(s) - s->started);
    log_text(&line, "fault", fault_names[fault]);
    log_text(&line, "end", how);
    log_end(&line);
}

/* ---- birth and death --------------------------------------------------------------------------
 */

static void count_leave(struct worker *w, const struct newcomer *n)
{
    struct route_counters *c = &w->shared->route[n->route->slot];
    counter_sub(&c->active, 1);
    if (n->counted)
        client_leave(w->shared, n->slot);
}

static void session_free(struct session *s)
{
    struct worker *w = s->worker;
    const struct newcomer counted = {.route = s->route, .slot = s->slot, .counted = s->counted};
    count_leave(w, &counted);
    if (!s->handshaken)
        counter_sub(&counters(s)->handshaking, 1);
    link_remove(&s->member);
    link_remove(&s->waiting);
    wipe_free(&s->held);
    tls_conn_free(s->tls);
    generation_free(s->generation);
    free(s);
    worker_session_ended(w);
}

static void session_handle_closed(struct session *s)
{
    if (--s->handles == 0)
        session_free(s);
}

static void timer_closed(uv_handle_t *handle)
{
    session_handle_closed(container_of(handle, struct session, timer));
}

/* Give back all handles; the last close callback frees. */
static void session_close(struct session *s, bool reset_client, bool reset_upstream)
{
    if (s->state == SESSION_CLOSING)
        return;
    session_enter(s, SESSION_CLOSING);
    link_remove(&s->waiting);
    peer_close(&s->client, reset_client);
    peer_close(&s->upstream, reset_upstream);
    uv_close((uv_handle_t *)&s->timer, timer_closed);
}

/* End without a further word to the client, who is gone or cannot be talked to. What the upstream
 * got was cut short, so it is told so by a reset. */
static void session_break(struct session *s, enum fault fault, const char *how)
{
    if (s->state == SESSION_CLOSING)
        return;
    log_ending(s, fault, how);
    session_close(s, false, true);
}

static void out_of_memory(struct session *s)
{
    session_break(s, FAULT_LOCAL, "out of memory");
}

/* All that will be said to the client is on its way: follow with FIN and wait for the client's. */
static void session_linger(struct session *s, bool reset_upstream)
{
    peer_close(&s->upstream, reset_upstream);
    if (s->client.life != PEER_OPEN || s->client.eof) {
        session_close(s, false, false);
        return;
    }
    peer_shutdown(&s->client);
    session_enter(s, SESSION_LINGER);
}

/* Send what the TLS engine produced. False: the client is gone and the session has been ended. */
static bool send_wire(struct session *s, const struct tls_io *io)
{
    /* After close_notify and FIN an alert has nowhere to go. */
    int rc = s->client.fin_wanted ? 0 : peer_send(&s->client, io->wire.data, io->wire.size);
    if (rc == 0)
        return true;
    if (rc == UV_ENOMEM)
        out_of_memory(s);
    else
        session_break(s, FAULT_CLIENT, "the client's connection broke");
    return false;
}

/* Say goodbye in TLS and end. For whatever the client should see as an orderly end. */
static void session_end(struct session *s, enum fault fault, const char *how)
{
    struct tls_io io = {0};
    log_ending(s, fault, how);
    tls_conn_close(s->tls, &io);
    if (send_wire(s, &io))
        session_linger(s, false);
}

static void session_tls_failed(struct session *s, const struct tls_io *io)
{
    const struct tls_failure *f = tls_conn_failure(s->tls);
    if (!s->handshaken && s->heard)
        counter_add(&counters(s)->handshake_failures, 1);
    log_ending(s, f->fault == TLS_FAULT_CLIENT ? FAULT_CLIENT : FAULT_LOCAL, f->reason);
    if (send_wire(s, io))
        session_linger(s, true);
}

/* ---- timers -----------------------------------------------------------------------------------
 */

/* Milliseconds that a state may last, or may go without a byte (RELAY); 0: no limit. */
static uint64_t state_timeout(const struct session *s)
{
    const struct route_config *r = s->route->config;
    switch (s->state) {
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

static void session_arm(struct session *s);
static void upstream_failed(struct session *s, const char *how);

static void handshake_timed_out(struct session *s)
{
    struct tls_io io = {0};
    if (s->heard)
        counter_add(&counters(s)->handshake_failures, 1);
    log_ending(s, FAULT_CLIENT, "the client did not finish the handshake in time");
    tls_conn_abort(s->tls, TLS_ABORT_HANDSHAKE_TIMEOUT, &io);
    if (send_wire(s, &io))
        session_linger(s, false);
}

static void relay_timed_out(struct session *s)
{
    /* The timer is not touched for every byte: it looks, when it fires, whether any came. */
    if (session_now(s) - s->last_active < state_timeout(s)) {
        session_arm(s);
        return;
    }
    if (s->upstream_ended)
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
    case SESSION_HANDSHAKE:
        handshake_timed_out(s);
        break;
    case SESSION_DIAL:
        upstream_failed(s, "connect timeout");
        break;
    case SESSION_GREETING:
        upstream_failed(s, "no greeting in time");
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

static void session_arm(struct session *s)
{
    uint64_t wait = state_timeout(s);
    if (wait == 0) {
        uv_timer_stop(&s->timer);
        return;
    }
    uint64_t spent = s->state == SESSION_RELAY ? session_now(s) - s->last_active : 0;
    uv_timer_start(&s->timer, timer_fired, wait > spent ? wait - spent : 0, 0);
}

static void session_enter(struct session *s, enum session_state state)
{
    s->state = state;
    if (state < SESSION_LINGER && state > s->stage)
        s->stage = state;
    session_arm(s);
    session_interest(s);
}

/* Who may be read from now: see "Back-pressure" above. */
static void session_interest(struct session *s)
{
    bool client = false, upstream = false;
    switch (s->state) {
    case SESSION_HANDSHAKE:
        client = link_empty(&s->waiting) && s->client.queued == 0;
        break;
    case SESSION_DIAL:
        break;
    case SESSION_GREETING:
        upstream = true;
        break;
    case SESSION_RELAY:
        client = !s->client_ended && s->upstream.queued == 0 && s->client.queued < TLS_CHUNK_MAX;
        upstream = s->client.queued == 0;
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

/* ---- relay ------------------------------------------------------------------------------------
 */

/* Both directions have ended and everything is sent? Then the session has. */
static void session_check_end(struct session *s)
{
    if (s->state != SESSION_RELAY || !s->client_ended || !s->upstream_ended)
        return;
    if (s->client.queued > 0 || s->upstream.queued > 0)
        return;
    log_ending(s, FAULT_NONE, s->ended_by_client ? "the client closed" : "the upstream closed");
    session_linger(s, false);
}

/* A queue has run empty: read on, or see whether that was the last of it. */
static void session_drained(struct session *s)
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

static void upstream_broke(struct session *s)
{
    /* After its FIN an upstream may reset what still comes: that session was over. */
    if (s->upstream_ended) {
        log_ending(s, FAULT_NONE, "the upstream closed");
        session_linger(s, false);
        return;
    }
    /* No close_notify: the client must be able to tell that this is not the end of the data. */
    log_ending(s, FAULT_UPSTREAM, "the upstream's connection broke");
    session_close(s, true, false);
}

/* Plaintext for the upstream. False: the session has been ended. */
static bool forward(struct session *s, const uint8_t *data, size_t size)
{
    s->bytes_in += size;
    counter_add(&counters(s)->bytes_in, size);
    int rc = peer_send(&s->upstream, data, size);
    if (rc == 0)
        return true;
    if (rc == UV_ENOMEM)
        out_of_memory(s);
    else
        upstream_broke(s);
    return false;
}

static void relay_from_client(struct session *s, enum tls_status status, const struct tls_io *io)
{
    if (!s->upstream.fin_wanted && io->plain.size > 0 &&
        !forward(s, io->plain.data, io->plain.size))
        return;
    if (status == TLS_FAILED) {
        session_tls_failed(s, io);
        return;
    }
    if (!send_wire(s, io))
        return;
    if (status == TLS_EOF && !s->client_ended)
        client_finished(s);
    session_interest(s);
}

/* The upstream is there and, where it has to, has spoken: let bytes flow. */
static void relay_begin(struct session *s)
{
    struct held held = release(s);
    s->last_active = session_now(s);
    session_enter(s, SESSION_RELAY);
    log_open(s);
    bool alive = held.size == 0 || forward(s, held.data, held.size);
    wipe_free(&held);
    if (alive && tls_conn_status(s->tls) == TLS_EOF)
        client_finished(s);
    session_interest(s);
}

/* ---- handshake --------------------------------------------------------------------------------
 */

static void count_handshake(struct session *s)
{
    struct route_counters *c = counters(s);
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
    if (!hold(s, io->plain.data, io->plain.size)) {
        out_of_memory(s);
        return;
    }
    if (!send_wire(s, io))
        return;
    if (status == TLS_HANDSHAKE) {
        session_interest(s);
        return;
    }
    count_handshake(s);
    if (s->worker->draining && !s->refused) {
        s->refused = true;
        s->refusal = REFUSE_DRAINING;
    }
    if (s->refused)
        session_refuse(s, s->refusal);
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
        relay_from_client(s, status, &io);
}

/* ---- refusals ---------------------------------------------------------------------------------
 */

/* Tell the client in its protocol, inside TLS, why there is no service now. */
static void session_refuse(struct session *s, enum starttls_refusal why)
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
    counter_add(&counters(s)->refused, 1);
    bool sent = true;
    if (text.size > 0) {
        tls_conn_send(s->tls, text.data, text.size, &io);
        sent = send_wire(s, &io);
    }
    buf_free(&text);
    if (sent)
        session_end(s, why == REFUSE_UPSTREAM_DOWN ? FAULT_UPSTREAM : FAULT_LOCAL, how[why]);
}

/* ---- upstream ---------------------------------------------------------------------------------
 */

static void log_upstream_failure(struct session *s, const char *how)
{
    struct log_line line;
    char id[32];
    session_id(s, id);
    log_begin(&line, &s->worker->log, LOG_LEVEL_WARN, "upstream-failed");
    log_text(&line, "id", id);
    log_text(&line, "route", s->route->config->name);
    log_text(&line, "upstream", s->upstream_text);
    log_text(&line, "why", how);
    log_end(&line);
}

/* This address did not serve: note it and, once its handle is closed, go to the next. */
static void upstream_failed(struct session *s, const char *how)
{
    counter_add(&counters(s)->upstream_failures, 1);
    upstream_report(&s->route->upstreams, &s->cursor, false, session_now(s));
    log_upstream_failure(s, how);
    session_enter(s, SESSION_DIAL);
    peer_close(&s->upstream, true); /* upstream_closed() dials on */
}

/* 0, or a negative uv error. */
static int connect_upstream(struct session *s, const struct upstream_address *a)
{
    const struct route_config *r = s->route->config;
    const struct endpoint *e = s->route->upstreams.items[s->cursor.upstream].endpoint;
    struct peer_target target = {.to = (const struct sockaddr *)&a->addr};
    if (e->kind == ENDPOINT_UNIX) {
        target.path = e->path;
        snprintf(s->upstream_text, sizeof s->upstream_text, "%s", e->text);
    } else {
        address_text(target.to, s->upstream_text);
    }
    if (r->source_kind == SOURCE_ADDRESS && r->source.addr.ss_family == a->addr.ss_family) {
        target.from = (const struct sockaddr *)&r->source.addr;
        target.from_size = r->source.addr_len;
    }
    return peer_connect(&s->upstream, &s->worker->loop, &target, &upstream_events);
}

static void session_dial(struct session *s)
{
    struct upstream_set *set = &s->route->upstreams;
    const struct upstream_address *a = upstream_next(set, &s->cursor, session_now(s));
    if (a == NULL) {
        session_refuse(s, REFUSE_UPSTREAM_DOWN);
        return;
    }
    upstream_trying(set, &s->cursor, session_now(s), s->route->config->connect_timeout);
    session_enter(s, SESSION_DIAL);
    s->handles++;
    int rc = connect_upstream(s, a);
    if (rc == UV_EMFILE || rc == UV_ENFILE || rc == UV_ENOMEM || rc == UV_ENOBUFS) {
        log_upstream_failure(s, uv_strerror(rc)); /* our trouble: no blame on the address */
        session_refuse(s, REFUSE_TOO_MANY);
    } else if (rc != 0) {
        upstream_failed(s, uv_strerror(rc));
    }
}

/* The PROXY header, first bytes to the upstream. False: no memory, or the connection broke. */
static bool send_proxy_header(struct session *s)
{
    const enum send_proxy version = s->route->config->send_proxy;
    if (version == SEND_PROXY_OFF)
        return true;

    struct sockaddr_storage local = {.ss_family = AF_UNSPEC};
    struct tls_info tls;
    char id[32];
    struct buf header;
    address_local(&s->client.uv.handle, &local);
    tls_conn_info(s->tls, &tls);
    session_id(s, id);
    const struct proxy_header facts = {&s->from.sa, (const struct sockaddr *)&local, &tls, id};
    buf_init(&header, 16384);
    if (version == SEND_PROXY_V1)
        proxy_header_v1(&facts, &header);
    else
        proxy_header_v2(&facts, &header);
    bool sent = !header.failed && peer_send(&s->upstream, header.data, header.size) == 0;
    buf_free(&header);
    return sent;
}

static void upstream_connected(struct peer *p, int status)
{
    struct session *s = container_of(p, struct session, upstream);
    if (s->state != SESSION_DIAL)
        return;
    if (status != 0) {
        upstream_failed(s, uv_strerror(status));
        return;
    }
    if (!send_proxy_header(s)) {
        upstream_failed(s, "the PROXY header could not be sent");
        return;
    }
    if (protocol_facts(s->route->config->protocol)->server_speaks_first) {
        session_enter(s, SESSION_GREETING);
        return;
    }
    upstream_report(&s->route->upstreams, &s->cursor, true, session_now(s));
    relay_begin(s);
}

static void upstream_data(struct peer *p, const uint8_t *data, size_t size)
{
    struct session *s = container_of(p, struct session, upstream);
    struct tls_io io = {0};
    if (s->state == SESSION_GREETING) {
        upstream_report(&s->route->upstreams, &s->cursor, true, session_now(s));
        relay_begin(s);
    }
    if (s->state != SESSION_RELAY)
        return;
    s->last_active = session_now(s);
    s->bytes_out += size;
    counter_add(&counters(s)->bytes_out, size);
    if (tls_conn_send(s->tls, data, size, &io) == TLS_FAILED) {
        session_tls_failed(s, &io);
        return;
    }
    if (send_wire(s, &io))
        session_interest(s);
}

static void upstream_eof(struct peer *p)
{
    struct session *s = container_of(p, struct session, upstream);
    struct tls_io io = {0};
    if (s->state == SESSION_GREETING) {
        upstream_failed(s, "closed without a greeting");
        return;
    }
    if (s->state != SESSION_RELAY)
        return;
    s->upstream_ended = true;
    s->last_active = session_now(s);
    tls_conn_close(s->tls, &io);
    if (!send_wire(s, &io))
        return;
    peer_shutdown(&s->client);
    session_arm(s);
    session_check_end(s);
}

static void upstream_error(struct peer *p, int error)
{
    struct session *s = container_of(p, struct session, upstream);
    if (s->state == SESSION_GREETING) {
        upstream_failed(s, uv_strerror(error));
        return;
    }
    if (s->state != SESSION_RELAY)
        return;
    upstream_broke(s);
}

static void upstream_drained(struct peer *p)
{
    session_drained(container_of(p, struct session, upstream));
}

static void upstream_closed(struct peer *p)
{
    struct session *s = container_of(p, struct session, upstream);
    s->handles--;
    if (s->state == SESSION_DIAL)
        session_dial(s);
    else if (s->handles == 0)
        session_free(s);
}

static const struct peer_events upstream_events = {
    .connected = upstream_connected,
    .data = upstream_data,
    .eof = upstream_eof,
    .error = upstream_error,
    .drained = upstream_drained,
    .closed = upstream_closed,
};

/* ---- client -----------------------------------------------------------------------------------
 */

/* Is this handshake to wait for a later turn? Its bytes are kept, and it is not read from. */
static bool postpone(struct session *s, const uint8_t *data, size_t size)
{
    if (s->state != SESSION_HANDSHAKE || worker_handshake_turn(s->worker))
        return false;
    if (!hold(s, data, size)) {
        out_of_memory(s);
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
    struct held held = release(s);
    session_feed(s, held.data, held.size);
    wipe_free(&held);
}

static void client_eof(struct peer *p)
{
    struct session *s = container_of(p, struct session, client);
    if (s->state == SESSION_LINGER) {
        session_close(s, false, false);
        return;
    }
    if (s->client_ended) /* its close_notify came before */
        return;
    tls_conn_transport_eof(s->tls);
    struct tls_io nothing = {0};
    session_tls_failed(s, &nothing);
}

static void client_error(struct peer *p, int error)
{
    struct session *s = container_of(p, struct session, client);
    (void)error;
    if (s->state == SESSION_LINGER)
        session_close(s, false, false);
    else if (s->client_ended && s->upstream_ended) /* it reset what it did not want to read */
        session_break(s, FAULT_NONE,
                      s->ended_by_client ? "the client closed" : "the upstream closed");
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

static const struct peer_events client_events = {
    .data = client_data,
    .eof = client_eof,
    .error = client_error,
    .drained = client_drained,
    .closed = client_closed,
};

/* ---- from the outside -------------------------------------------------------------------------
 */

static void remember_client(struct session *s, const struct sockaddr_storage *from)
{
    size_t size = from->ss_family == AF_INET    ? sizeof s->from.in
                  : from->ss_family == AF_INET6 ? sizeof s->from.in6
                                                : sizeof s->from.sa.sa_family;
    memcpy(&s->from, from, size);
}

void session_start(struct worker *w, const struct newcomer *n)
{
    struct session *s = calloc(1, sizeof *s);
    struct tls_conn *tls = s != NULL ? tls_conn_new(w->engine, n->route->tls) : NULL;
    if (tls == NULL) {
        free(s);
        close(n->fd);
        count_leave(w, n);
        return;
    }
    s->worker = w;
    s->tls = tls;
    s->generation = generation_ref(n->generation);
    s->route = n->route;
    s->slot = n->slot;
    s->counted = n->counted;
    s->refused = n->refused;
    s->refusal = n->refusal;
    s->serial = ++w->session_serial;
    s->started = s->last_active = uv_now(&w->loop);
    remember_client(s, &n->client);
    link_add(&w->sessions, &s->member);
    link_init(&s->waiting);
    w->session_count++;
    counter_add(&counters(s)->handshaking, 1);

    uv_timer_init(&w->loop, &s->timer);
    s->handles = 2;
    if (peer_open(&s->client, &w->loop, n->fd, n->is_unix, &client_events) != 0) {
        close(n->fd);
        session_break(s, FAULT_LOCAL, "the socket could not be watched");
        return;
    }
    session_enter(s, SESSION_HANDSHAKE);
}

void session_stop(struct link *member)
{
    struct session *s = container_of(member, struct session, member);
    struct tls_io io = {0};
    if (s->state == SESSION_CLOSING)
        return;
    log_ending(s, FAULT_LOCAL, "stopped");
    tls_conn_close(s->tls, &io);
    peer_send(&s->client, io.wire.data, io.wire.size);
    session_close(s, false, false);
}
