/* dial.c - the upstream's side: dialling, failover, events. */
#include "config/loops.h"
#include "config/values.h"
#include "proxy/session/core.h"
#include "proxy/wire/proxy_header_write.h"

#include <stdio.h>
#include <string.h>

/* This address did not serve. */
static void blame(struct session *s, enum upstream_fault why, const char *how)
{
    session_count_upstream(s, false, why);
    upstream_report(&s->target->upstreams, &s->cursor, false, session_now(s));
    session_log_upstream(s, "upstream-failed", how);
    session_dialogue_free(s); /* with the beginning of a greeting */
    session_upstream_tls_free(s);
}

/* Once its handle is closed, go to the next. */
static enum session_state failed(struct session *s, enum upstream_fault why, const char *how)
{
    blame(s, why, how);
    peer_close(&s->upstream, true);
    return SESSION_DIAL; /* upstream_closed dials on, dial_entered() where nothing was opened */
}

/* Our trouble: no blame on the address. */
static enum session_state give_up(struct session *s, const char *how)
{
    session_log_upstream(s, "upstream-failed", how);
    return session_refuse(s, REFUSE_TOO_MANY);
}

/* Nor is it to be blamed here; but towards the next one there may be a source. */
static enum session_state without_source(struct session *s, int error)
{
    char words[PEER_WORDS_MAX];
    s->sourceless = true;
    session_log_upstream(s, "upstream-failed",
                         peer_words(&s->upstream, error, s->target->config, words));
    peer_close(&s->upstream, true);
    return SESSION_DIAL;
}

/* A negative uv error. */
static enum session_state cannot_connect(struct session *s, int error)
{
    switch (s->upstream.lacks) {
    case PEER_LACKS_NOTHING:
        break;
    case PEER_LACKS_MEANS:
        return give_up(s, uv_strerror(error));
    case PEER_LACKS_SOURCE:
    case PEER_LACKS_PORT:
        return without_source(s, error);
    }
    return failed(s, peer_fault(&s->upstream, error), uv_strerror(error));
}

/* Where the upstream shall see the session come from. */
static void choose_source(const struct session *s, union session_address *client,
                          struct peer_target *target)
{
    const struct target_config *t = s->target->config;
    peer_target_source(target, t);
    if (t->source_kind == SOURCE_TRANSPARENT && s->from.sa.sa_family != AF_UNIX) {
        const bool inet = s->from.sa.sa_family == AF_INET;
        *client = s->from;
        *(inet ? &client->in.sin_port : &client->in6.sin6_port) = 0;
        target->from = &client->sa;
        target->from_size = inet ? sizeof client->in : sizeof client->in6;
        target->transparent = true;
    }
}

static const struct endpoint *endpoint_of(const struct session *s)
{
    return s->target->upstreams.items[s->cursor.upstream].endpoint;
}

/* As peer_connect(). */
static int connect_unix(struct session *s)
{
    const struct endpoint *e = endpoint_of(s);
    const struct peer_target target = {.path = e->path};
    s->upstream_to.sa.sa_family = AF_UNSPEC;
    s->upstream_path = e->text;
    return peer_connect(&s->upstream, s->all->loop, &target, &session_upstream_events);
}

static int connect_inet(struct session *s, const struct upstream_address *a)
{
    struct peer_target target = {.to = (const struct sockaddr *)&a->addr,
                                 .here = sockaddr_is_loopback(&a->addr)};
    union session_address client;
    if (!target.here) /* this machine does not vanish without us */
        target.user_timeout = s->route->config->tcp_user_timeout;
    choose_source(s, &client, &target);
    return peer_connect(&s->upstream, s->all->loop, &target, &session_upstream_events);
}

/* A client cannot be impersonated towards an address of the other IP family. */
static bool reachable(const struct session *s, const struct upstream_address *a)
{
    return s->target->config->source_kind != SOURCE_TRANSPARENT ||
           s->from.sa.sa_family == AF_UNIX || a->size == 0 ||
           s->from.sa.sa_family == a->addr.ss_family;
}

/* What the other workers, and visits, know of the addresses. NULL: it makes no difference. */
static const struct upstream_facts *gather_facts(const struct session *s,
                                                 struct upstream_facts facts[UPSTREAM_TRIES_MAX])
{
    const struct sessions *all = s->all;
    const bool counts = s->target->upstreams.balance == BALANCE_LEAST;
    const unsigned slot = s->target->slot;
    const struct upstream_address *a;
    if (!counts && s->target->config->health_check == 0)
        return NULL;
    for (size_t n = 0; (a = upstream_at(&s->target->upstreams, n, NULL)) != NULL; n++) {
        const struct health_counters *h = health_find(all->parts, slot, health_key(s->target, a));
        facts[n] = (struct upstream_facts){
            .sessions = counts ? place_sessions(all->parts, all->worker_count, slot, a->key) : 0,
            .passed = h != NULL ? counter_get(&h->passed) : 0,
            .down = h != NULL && counter_get(&h->state) == HEALTH_DOWN,
        };
    }
    return facts;
}

static const struct upstream_address *next_address(struct session *s)
{
    struct upstream_facts facts[UPSTREAM_TRIES_MAX];
    const struct upstream_ask ask = {.now = session_now(s),
                                     .client = upstream_client(&s->from.sa),
                                     .turn = s->turn,
                                     .facts = gather_facts(s, facts)};
    return upstream_next(&s->target->upstreams, &s->cursor, &ask);
}

/* NULL: there is none left; if one was passed over for its family, the log says so. */
static const struct upstream_address *next_reachable(struct session *s)
{
    const struct upstream_address *passed = NULL, *a;
    while ((a = next_address(s)) != NULL && !reachable(s, a))
        passed = a;
    if (a == NULL && passed != NULL) {
        s->sourceless = s->dialled == 0;
        s->upstream_to = session_address(&passed->addr);
        session_log_upstream(s, "upstream-failed",
                             "source = transparent, and the client's address is of another family");
    }
    return a;
}

/* All of connect-timeout from the beginning. One whose queue of connections is full may soon have
 * room; TCP waits for that by itself. The longer it takes, the more seldom it is asked. */
uint64_t dial_remains(const struct session *s)
{
    enum { SOON_MS = 10, SELDOM_MS = 250 };
    const uint64_t now = session_now(s), waited = now - s->dialled;
    if (!s->knocking)
        return session_remains(s->route->config->connect_timeout, now, now);
    const uint64_t left = session_connect_remains(s);
    uint64_t pause = waited < SOON_MS ? SOON_MS : waited;
    if (pause > SELDOM_MS)
        pause = SELDOM_MS;
    return left > pause ? pause : left;
}

/* How connecting has begun, as peer_connect() tells. */
static enum session_state begun(struct session *s, int rc)
{
    s->knocking = peer_queue_is_full(&s->upstream, rc);
    if (s->knocking) {
        session_arm(s);
        return SESSION_STAY;
    }
    s->handles++;
    if (rc == 0)
        return SESSION_STAY;
    if (rc == PEER_CONNECTED)
        return dial_connected(s, 0);
    return cannot_connect(s, rc);
}

/* An address may have come to this machine, or a name to an address of it, since the start. */
static enum session_state dial_inet(struct session *s, const struct upstream_address *a)
{
    char why[LOOP_TEXT_MAX];
    s->upstream_to = session_address(&a->addr);
    if (loops_verdict(s->generation->config, &a->addr, why) != NULL)
        return failed(s, UPSTREAM_OTHER, why);
    return begun(s, connect_inet(s, a));
}

enum session_state dial_entered(struct session *s)
{
    if (s->upstream.life == PEER_CLOSING) /* of before; dial_upstream_closed() goes on */
        return SESSION_STAY;
    struct upstream_set *set = &s->target->upstreams;
    if (s->turn == 0 && (set->balance != BALANCE_FIRST || set->by_chance))
        s->turn = session_take_turn(s);
    const struct upstream_address *a = next_reachable(s);
    if (a == NULL)
        return session_refuse(s, REFUSE_UPSTREAM_DOWN);
    upstream_trying(set, &s->cursor, session_now(s), s->route->config->connect_timeout);
    s->dialled = session_now(s);
    s->sourceless = false;
    session_enter_place(s, a->key);
    return endpoint_of(s)->kind == ENDPOINT_UNIX ? begun(s, connect_unix(s)) : dial_inet(s, a);
}

/* The PROXY header, first bytes to the upstream. 0, or a negative uv error. */
static int send_proxy_header(struct session *s)
{
    const enum send_proxy version = s->target->config->send_proxy;
    if (version == SEND_PROXY_OFF)
        return 0;

    union session_address local = s->local;
    struct sockaddr_storage here = {.ss_family = AF_UNSPEC};
    struct tls_info tls;
    char id[SESSION_ID_MAX];
    struct buf header;
    if (local.sa.sa_family == AF_UNSPEC) {
        address_local(&s->client.uv.handle, &here);
        local = session_address(&here);
    }
    session_tls_info(s, &tls);
    session_id(s, id);
    const struct proxy_header facts = {&s->from.sa, &local.sa, s->tls != NULL ? &tls : NULL, id};
    buf_init(&header, 16384);
    if (version == SEND_PROXY_V1)
        proxy_header_v1(&facts, &header);
    else
        proxy_header_v2(&facts, &header);
    const bool more = s->target->tls != NULL; /* a ClientHello comes behind it */
    int rc = header.failed ? UV_ENOMEM : peer_send(&s->upstream, header.data, header.size, more);
    buf_free(&header);
    return rc;
}

enum session_state dial_connected(struct session *s, int status)
{
    if (status != 0)
        return cannot_connect(s, status);
    int rc = send_proxy_header(s);
    if (rc == UV_ENOMEM)
        return session_end(s, END_OUT_OF_MEMORY);
    if (rc != 0)
        return cannot_connect(s, rc);
    return s->target->tls != NULL ? SESSION_UPSTREAM_TLS : session_connected(s);
}

enum session_state session_connected(struct session *s)
{
    enum session_state next =
        session_dialogue_begin(s, s->tls != NULL ? DIALOGUE_INSIDE : DIALOGUE_OPTIONAL);
    if (next != SESSION_STAY)
        return next;
    if (protocol_facts(s->route->config->protocol)->server_speaks_first)
        return SESSION_GREETING;
    session_served(s);
    return SESSION_RELAY;
}

enum session_state dial_upstream_closed(struct session *s)
{
    (void)s;
    return SESSION_DIAL; /* the next one */
}

enum session_state dial_timed_out(struct session *s)
{
    const bool knocking = s->knocking;
    if (knocking && session_connect_remains(s) > 0)
        return begun(s, connect_unix(s));
    s->knocking = false;
    return failed(s, UPSTREAM_TIMEOUT,
                  knocking ? "connect timeout: its queue of connections is full"
                           : "connect timeout");
}

/* ---- UPSTREAM_TLS ---- */

/* No reset, which would eat the alert that says why. */
enum session_state session_upstream_tls_failed(struct session *s)
{
    const struct tls_failure *f = tls_conn_failure(s->upstream_tls);
    if (f->fault == TLS_FAULT_LOCAL)
        return give_up(s, f->reason);
    blame(s, session_upstream_tls_fault(f), f->reason);
    peer_close(&s->upstream, false);
    return SESSION_DIAL; /* once its handle is closed */
}

enum session_state upstream_tls_broke(struct session *s, int error)
{
    char how[128];
    snprintf(how, sizeof how, "%s, in its TLS handshake", uv_strerror(error));
    return failed(s, UPSTREAM_TLS, how);
}

enum session_state upstream_tls_timed_out(struct session *s)
{
    if (s->signing != NULL)
        return give_up(s, "the signer did not sign in time");
    return failed(s, UPSTREAM_TIMEOUT, "connect timeout, in its TLS handshake");
}

/* ---- the client, meanwhile ---- */

/* One that speaks TLS waits for an answer that the upstream's greeting would not be. */
static enum session_state hold_in_clear(struct session *s, const uint8_t *data, size_t size)
{
    uint8_t seen = 0;
    enum session_state next = session_hold(s, data, size);
    if (next != SESSION_STAY)
        return next;
    return session_dialogue_begins_tls(&seen, s->unread.data, s->unread.size)
               ? session_end(s, END_SPOKE_TLS)
               : SESSION_STAY;
}

enum session_state dial_client_data(struct session *s, uint8_t *data, size_t size)
{
    if (s->tls == NULL)
        return hold_in_clear(s, data, size);
    struct tls_io io = {0};
    enum tls_status status = tls_conn_receive(s->tls, data, size, &io);
    enum session_state next = session_send(s, &io, false);
    if (next == SESSION_STAY)
        next = session_hold(s, io.plain.data, io.plain.size);
    if (next != SESSION_STAY)
        return next;
    if (status == TLS_FAILED) {
        const struct tls_io sent = {0};
        return session_tls_failed(s, &sent);
    }
    if (status == TLS_EOF)
        s->client_ended = true, s->first_end = CLIENT;
    return SESSION_STAY;
}

/* What it said before is handed on first, when the upstream is there. */
static enum session_state cut(struct session *s, enum end end)
{
    s->cut = end;
    return SESSION_STAY;
}

enum session_state dial_client_ended(struct session *s)
{
    if (s->tls == NULL)
        s->client_ended = true, s->first_end = CLIENT;
    if (s->client_ended)
        return SESSION_STAY;
    tls_conn_transport_eof(s->tls);
    if (s->unread.size > 0)
        return cut(s, END_TLS_FAILED);
    const struct tls_io nothing = {0};
    return session_tls_failed(s, &nothing);
}

enum session_state dial_client_failed(struct session *s)
{
    return s->unread.size > 0 ? cut(s, END_CLIENT_BROKE) : session_end(s, END_CLIENT_BROKE);
}

/* ---- GREETING ---- */

/* Behind the greeting comes what else its module awaits. */
static enum session_state behind_greeting(const struct session *s)
{
    if (session_dialogue_awaits(s) != NULL)
        return s->state == SESSION_OPENING ? SESSION_STAY : SESSION_OPENING;
    return s->served ? SESSION_RELAY : SESSION_STAY;
}

enum session_state greeting_upstream_data(struct session *s, uint8_t *data, size_t size)
{
    enum session_state next = session_from_upstream(s, data, size);
    if (next == SESSION_STAY && s->dialogue == NULL)
        session_served(s);
    return next == SESSION_STAY ? behind_greeting(s) : next;
}

enum session_state greeting_entered(struct session *s)
{
    return session_take_early(s, greeting_upstream_data);
}

enum session_state greeting_upstream_ended(struct session *s)
{
    return failed(s, UPSTREAM_GONE, "closed without a greeting");
}

enum session_state greeting_upstream_failed(struct session *s, int error)
{
    if (session_upstream_tls_why(s) != NULL)
        return session_upstream_tls_failed(s);
    return failed(s, UPSTREAM_GONE, uv_strerror(error));
}

enum session_state greeting_timed_out(struct session *s)
{
    return failed(s, UPSTREAM_SILENT, "no greeting in time");
}

/* ---- OPENING ---- */

/* A client that has read nothing of this upstream can have another. */
static enum session_state unanswered(struct session *s, enum upstream_fault fault, const char *how)
{
    char why[64];
    snprintf(why, sizeof why, "%s %s", how, session_dialogue_awaits(s));
    if (!s->served)
        return failed(s, fault, why);
    blame(s, fault, why);
    return session_refuse(s, REFUSE_UPSTREAM_DOWN);
}

enum session_state opening_upstream_ended(struct session *s)
{
    return unanswered(s, UPSTREAM_GONE, "closed before");
}

enum session_state opening_upstream_failed(struct session *s, int error)
{
    (void)error;
    if (session_upstream_tls_why(s) != NULL && !s->served)
        return session_upstream_tls_failed(s);
    return unanswered(s, UPSTREAM_GONE, "broke off before");
}

/* The upstream was not read from while its client took nothing. */
enum session_state opening_timed_out(struct session *s)
{
    if (s->client.queued > 0)
        return session_end(s, END_IDLE);
    if (!session_dialogue_goes_on(s))
        return unanswered(s, UPSTREAM_SILENT, "time was up before");
    session_served(s);
    return SESSION_RELAY;
}
