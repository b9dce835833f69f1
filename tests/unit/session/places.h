/* places.h - the rows of the session's table, each by the ways that a session can be in it, and the
 * events, each with what makes it happen in a scene. */
#ifndef TLSFRONT_TESTS_SESSION_PLACES_H
#define TLSFRONT_TESTS_SESSION_PLACES_H

#include "tests/unit/session/scene.h"

/* ---- what is said ---- */

#define GREETING "+OK hello\r\n"
#define REQUEST  "GET /.well-known/acme-challenge/" TOKEN " HTTP/1.1\r\nHost: x\r\n\r\n"

/* What clients and upstreams get. */
#define LATE                                   "-ERR [SYS/TEMP] Timeout, closing connection\r\n"
#define HALF                                   "\"SIEVE\" \"x\"\r\n"
#define DOWN                                   "Service not available, try again later"
#define PROXY                                  "PROXY UNKNOWN\r\n"
#define TEXT                                   "text/plain"
#define HTTP(status, type, size, header, body) HTTP_ANSWER(status, type, size, header, body) "<fin>"
#define HTTPS(status, type, size, header, body)                                                    \
    HTTP_ANSWER(status, type, size, header, body) "<bye><fin>"
#define HTTP_ANSWER(status, type, size, header, body)                                              \
    "HTTP/1.1 " status "\r\nDate: Fri, 15 Jan 2027 08:00:00 GMT\r\nConnection: close\r\n"          \
    "Content-Type: " type "\r\nContent-Length: " size "\r\n" header "\r\n" body

/* ---- how to get there ---- */

/* What the supervisor has for NAME and TOKEN. */
static inline void answer_with_challenge(void)
{
    if (f.s->tls == NULL) {
        supervisor_answers("key-authorization", NULL);
        return;
    }
    char *crt = tls_client_certificate(NAME, true), *key = tls_client_key();
    supervisor_answers(crt, key);
    free(crt);
    free(key);
}

static inline void to_announce(void)
{
    arrive_as(TCP, true, (struct admission){.admitted = true});
}

static inline void to_preamble(void)
{
    arrive(REQUIRED);
}

static inline void to_upgrade(void)
{
    arrive(REQUIRED);
    client->stuck = true;
    client_says("STLS\r\n");
}

static inline void to_request(void)
{
    arrive(HTTP);
}

static inline void to_handshake(void)
{
    arrive(TCP);
    f.tls = tls_client_new(NAME, NULL);
}

static inline void to_handshake_in_line(void)
{
    arrive(TCP);
    while (turns_take(&f.all.turns))
        continue;
    begin_tls_as(NULL);
    assert_int_equal(client->sent_size, 0);
}

static inline void to_handshake_last(void)
{
    arrive(TCP);
    begin_tls_as(NULL);
}

/* The front has answered nothing yet. */
static inline void to_sign(void)
{
    signer_comes();
    f.serving = f.keyless;
    arrive(TCP);
    begin_tls_as(NULL);
    uv_run(&f.loop, UV_RUN_NOWAIT); /* the question goes out */
    assert_int_equal(client->sent_size, 0);
}

static inline void to_query(void)
{
    arrive(HTTP);
    client_says(REQUEST);
}

static inline void to_query_in_tls(void)
{
    arrive(ALPN);
    begin_tls_as("acme-tls/1");
}

static inline void to_handshake_with_challenge(void)
{
    to_query_in_tls();
    answer_with_challenge();
}

static inline void to_check_of(enum scene_route route)
{
    arrive_as(route, true, (struct admission){.admitted = true});
    client_says(PROXY);
}

static inline void to_check(void)
{
    to_check_of(TCP);
    begin_tls();
}

static inline void to_check_in_clear(void)
{
    to_check_of(OPTIONAL);
}

static inline void to_check_of_ldap(void)
{
    to_check_of(LDAPS);
    begin_tls();
}

static inline void to_dial(void)
{
    arrive(TCP);
    begin_tls();
}

static inline void to_dial_with_bytes(void)
{
    to_dial();
    client_says("early ");
}

static inline void to_dial_cut(void)
{
    to_dial_with_bytes();
    client_ends();
}

static inline void to_dial_broken(void)
{
    to_dial_with_bytes();
    client_breaks();
}

static inline void to_dial_finished(void)
{
    to_dial_with_bytes();
    tls_client_close_notify(f.tls);
    tls_sends();
}

static inline void to_dial_last(void)
{
    to_dial();
    upstream_connects(UV_ECONNREFUSED);
    closes(upstream);
}

static inline void to_dial_closing(void)
{
    to_dial();
    upstream_connects(UV_ECONNREFUSED);
}

static inline void to_dial_closing_last(void)
{
    to_dial_last();
    upstream_connects(UV_ECONNREFUSED);
}

static inline void to_dial_in_clear(void)
{
    arrive(OPTIONAL);
}

/* The ClientHello is out. */
static inline void to_upstream_tls(void)
{
    arrive(SECURED);
    begin_tls();
    upstream_connects(0);
    f.far = tls_conn_new(f.far_engine, f.generation->routes[TCP].tls);
    f.far_passed = f.far_size = 0;
    f.marks[FAKE_UPSTREAM] = (struct scene_mark){.connects = upstream->connects};
}

static inline void to_upstream_tls_with_bytes(void)
{
    to_upstream_tls();
    client_says("early ");
}

static inline void to_relay_secured(void)
{
    to_upstream_tls();
    upstream_shakes();
}

static inline void to_relay_secured_upstream_done(void)
{
    to_relay_secured();
    upstream_says_bye();
}

static inline void to_greeting(void)
{
    arrive(POP3S);
    begin_tls();
    upstream_connects(0);
}

static inline void to_greeting_cut(void)
{
    to_greeting();
    client_says("NOOP\r\n");
    client_ends();
}

static inline void to_greeting_broken(void)
{
    to_greeting();
    client_says("NOOP\r\n");
    client_breaks();
}

static inline void to_greeting_last(void)
{
    to_greeting();
    upstream_ends();
    closes(upstream);
    upstream_connects(0);
}

/* The client has read the greeting. */
static inline void to_opening(void)
{
    arrive(POP3S_TELLING);
    begin_tls();
    upstream_connects(0);
    upstream_says("+OK [XCLIENT] hello\r\n");
}

static inline void to_opening_with_bytes(void)
{
    to_opening();
    client_says("NOOP\r\n");
}

static inline void to_opening_cut(void)
{
    to_opening_with_bytes();
    client_ends();
}

/* It has read nothing: another upstream will do. */
static inline void to_opening_unheard(void)
{
    arrive(MX_TELLING);
    upstream_connects(0);
    upstream_says("220 hello\r\n");
}

/* And would be served without. */
static inline void to_opening_by_tags(void)
{
    arrive(IMAPS_TELLING);
    begin_tls();
    upstream_connects(0);
    upstream_says("* OK [CAPABILITY ID] hello\r\n");
    client_says("a NOOP\r\n");
}

static inline void to_opening_half_greeted(void)
{
    arrive(SIEVE_TELLING);
    upstream_connects(0);
    upstream_says(HALF);
}

static inline void to_relay(void)
{
    to_dial();
    upstream_connects(0);
}

static inline void to_relay_in_dialogue(void)
{
    to_greeting();
    upstream_says(GREETING);
    client_says("NOOP\r\n");
}

static inline void to_relay_in_clear(void)
{
    arrive(OPTIONAL);
    upstream_connects(0);
    upstream_says(GREETING);
    client_says("NOOP\r\n");
}

static inline void to_upgrade_with_upstream(void)
{
    to_relay_in_clear();
    upstream_says("+OK\r\n");
    client->stuck = true;
    client_says("STLS\r\n");
}

static inline void to_relay_client_done(void)
{
    to_relay();
    tls_client_close_notify(f.tls);
    tls_sends();
}

static inline void to_relay_upstream_done(void)
{
    to_relay();
    upstream_ends();
}

static inline void to_relay_queued(void)
{
    to_relay();
    upstream->stuck = true;
    client_says("queued");
}

static inline void to_relay_client_slow(void)
{
    to_relay();
    client->stuck = true;
    upstream_says("much");
}

static inline void to_relay_client_slow_and_done(void)
{
    to_relay_client_slow();
    tls_client_close_notify(f.tls);
    tls_sends();
}

static inline void to_linger(void)
{
    to_dial_closing_last();
    closes(upstream);
}

static inline void to_linger_for_kernel(void)
{
    to_relay();
    client_says("all");
    upstream->undelivered = 3;
    client_ends();
}

static inline void to_linger_with_queue(void)
{
    to_relay_queued();
    client_breaks();
}

static inline void to_linger_for_reset(void)
{
    to_relay_client_slow();
    upstream_breaks();
}

static inline void to_closing(void)
{
    to_preamble();
    client_ends();
}

enum place_name {
    P_ANNOUNCE,
    P_PREAMBLE,
    P_UPGRADE,
    P_UPGRADE_UPSTREAM,
    P_REQUEST,
    P_HANDSHAKE,
    P_HANDSHAKE_IN_LINE,
    P_HANDSHAKE_LAST,
    P_HANDSHAKE_CHALLENGE,
    P_SIGN,
    P_QUERY,
    P_QUERY_TLS,
    P_CHECK,
    P_CHECK_CLEAR,
    P_CHECK_LDAP,
    P_DIAL,
    P_DIAL_BYTES,
    P_DIAL_FINISHED,
    P_DIAL_CUT,
    P_DIAL_BROKEN,
    P_DIAL_LAST,
    P_DIAL_CLOSING,
    P_DIAL_CLOSING_LAST,
    P_DIAL_CLEAR,
    P_UPSTREAM_TLS,
    P_UPSTREAM_TLS_BYTES,
    P_GREETING,
    P_GREETING_CUT,
    P_GREETING_BROKEN,
    P_GREETING_LAST,
    P_OPENING,
    P_OPENING_BYTES,
    P_OPENING_CUT,
    P_OPENING_UNHEARD,
    P_OPENING_TAGS,
    P_OPENING_HALF,
    P_RELAY,
    P_RELAY_TALK,
    P_RELAY_CLEAR,
    P_RELAY_CLIENT_DONE,
    P_RELAY_UPSTREAM_DONE,
    P_RELAY_QUEUED,
    P_RELAY_SLOW,
    P_RELAY_SLOW_DONE,
    P_RELAY_SECURED,
    P_RELAY_SECURED_DONE,
    P_LINGER,
    P_LINGER_KERNEL,
    P_LINGER_QUEUE,
    P_LINGER_RESET,
    P_CLOSING,
    PLACES
};

/* ---- what may happen; false: not here ---- */

static inline bool is_open(const struct fake_peer *p)
{
    return p->peer != NULL && p->peer->life == PEER_OPEN;
}

static inline bool is_read(const struct fake_peer *p)
{
    return is_open(p) && p->peer->reading;
}

static inline bool is_dialled(void)
{
    return upstream->peer != NULL && upstream->peer->life == PEER_CONNECTING;
}

/* Something that fits. */
static inline bool client_speaks(void)
{
    if (!is_read(client))
        return false;
    if (f.tls != NULL && !tls_client_open(f.tls))
        tls_sends();
    else if (f.s->client_ended)
        client_sends("chatter", 7);
    else if (f.s->state == SESSION_PROXY_HEADER)
        client_says("PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n");
    else if (f.s->state == SESSION_REQUEST)
        client_says(REQUEST);
    else
        client_says("NOOP\r\n");
    return true;
}

/* Its half of TLS ends, and its connection does not. */
static inline bool client_says_goodbye(void)
{
    if (!is_read(client) || f.tls == NULL || !tls_client_open(f.tls) || f.s->client_ended)
        return false;
    tls_client_close_notify(f.tls);
    tls_sends();
    return true;
}

static inline bool client_finishes(void)
{
    if (!is_read(client))
        return false;
    client_ends();
    return true;
}

static inline bool client_goes(void)
{
    if (!is_open(client))
        return false;
    client_breaks();
    return true;
}

static inline bool client_is_served(void)
{
    if (!is_open(client) || client->peer->queued == 0)
        return false;
    drains(client);
    return true;
}

static inline bool connection_stands(void)
{
    if (!is_dialled())
        return false;
    upstream_connects(0);
    return true;
}

static inline bool connection_fails(void)
{
    if (!is_dialled())
        return false;
    upstream_connects(UV_ECONNREFUSED);
    return true;
}

static inline bool upstream_speaks(void)
{
    if (!is_read(upstream))
        return false;
    upstream_says(f.s->state == SESSION_GREETING ? GREETING : "+OK\r\n");
    return true;
}

static inline bool upstream_goes_on_with_tls(void)
{
    if (!is_read(upstream) || f.far == NULL || tls_conn_status(f.far) != TLS_HANDSHAKE)
        return false;
    upstream_shakes();
    return true;
}

static inline bool upstream_says_goodbye(void)
{
    if (!is_read(upstream) || f.far == NULL || tls_conn_status(f.far) == TLS_HANDSHAKE ||
        f.s->upstream_ended)
        return false;
    upstream_says_bye();
    return true;
}

static inline bool upstream_finishes(void)
{
    if (!is_read(upstream))
        return false;
    upstream_ends();
    return true;
}

static inline bool upstream_goes(void)
{
    if (!is_open(upstream))
        return false;
    upstream_breaks();
    return true;
}

static inline bool upstream_is_served(void)
{
    if (!is_open(upstream) || upstream->peer->queued == 0)
        return false;
    drains(upstream);
    return true;
}

static inline bool upstream_is_closed(void)
{
    if (upstream->peer == NULL || upstream->peer->life != PEER_CLOSING)
        return false;
    closes(upstream);
    return true;
}

static inline bool its_turn_comes(void)
{
    if (link_empty(&f.s->waiting))
        return false;
    turn_of_the_loop();
    return true;
}

static inline bool is_asked(void)
{
    return !link_empty(&f.all.queries.sent);
}

static inline bool challenge_is_found(void)
{
    if (!is_asked())
        return false;
    answer_with_challenge();
    return true;
}

static inline bool challenge_is_unknown(void)
{
    if (!is_asked())
        return false;
    supervisor_answers(NULL, NULL);
    return true;
}

/* HTTP gives whatever is there; TLS takes no text for a certificate. */
static inline bool challenge_is_unfit(void)
{
    if (!is_asked())
        return false;
    if (f.s->tls != NULL)
        supervisor_answers("no certificate", "no key");
    else
        supervisor_says(CHALLENGE_PRIVATE, NULL, NULL);
    return true;
}

/* As query.c does with those at the end of the line. */
static inline bool challenge_is_not_looked_for(void)
{
    if (!is_asked())
        return false;
    struct query *q = container_of(f.all.queries.sent.next, struct query, link);
    query_forget(&f.all.queries, q);
    in_session = true;
    q->answered(q, CHALLENGE_CROWDED, NULL);
    over();
    return true;
}

static inline bool is_signing(void)
{
    return !link_empty(&f.all.signings.sent);
}

static inline bool signature_comes(void)
{
    if (!is_signing())
        return false;
    signer_answers(true);
    return true;
}

static inline bool no_signature_comes(void)
{
    if (!is_signing())
        return false;
    signer_answers(false);
    return true;
}

/* Its successor is asked again. */
static inline bool signer_is_replaced(void)
{
    if (!is_signing())
        return false;
    signer_comes();
    assert_true(is_signing());
    return true;
}

static inline bool time_is_up(void)
{
    if (f.s->state == SESSION_CLOSING)
        return false;
    times_out();
    return true;
}

static inline bool worker_stops(void)
{
    is_stopped();
    return true;
}

static inline bool worker_drains(void)
{
    drain_ends(1000, 1000);
    return true;
}

enum event_name {
    CLIENT_SPEAKS,
    CLIENT_GOODBYE,
    CLIENT_FIN,
    CLIENT_RST,
    CLIENT_DRAINED,
    CONNECTED,
    REFUSED,
    UPSTREAM_SPEAKS,
    UPSTREAM_SHAKES,
    UPSTREAM_GOODBYE,
    UPSTREAM_FIN_CAME,
    UPSTREAM_RST,
    UPSTREAM_DRAINED,
    UPSTREAM_CLOSED,
    TURN,
    FOUND,
    UNKNOWN,
    SIGNED,
    UNSIGNED,
    SIGNER_REPLACED,
    TIME,
    STOP,
    EVENTS
};

static const struct event {
    const char *name;
    bool (*happens)(void);
} events[EVENTS] = {
    [CLIENT_SPEAKS] = {"the client speaks", client_speaks},
    [CLIENT_GOODBYE] = {"the client sends close_notify", client_says_goodbye},
    [CLIENT_FIN] = {"the client sends FIN", client_finishes},
    [CLIENT_RST] = {"the client resets", client_goes},
    [CLIENT_DRAINED] = {"the client has taken what was queued", client_is_served},
    [CONNECTED] = {"the upstream is connected", connection_stands},
    [REFUSED] = {"the upstream cannot be connected", connection_fails},
    [UPSTREAM_SPEAKS] = {"the upstream speaks", upstream_speaks},
    [UPSTREAM_SHAKES] = {"the upstream goes on with its handshake", upstream_goes_on_with_tls},
    [UPSTREAM_GOODBYE] = {"the upstream sends close_notify", upstream_says_goodbye},
    [UPSTREAM_FIN_CAME] = {"the upstream sends FIN", upstream_finishes},
    [UPSTREAM_RST] = {"the upstream resets", upstream_goes},
    [UPSTREAM_DRAINED] = {"the upstream has taken what was queued", upstream_is_served},
    [UPSTREAM_CLOSED] = {"the upstream's handle is closed", upstream_is_closed},
    [TURN] = {"it is its turn", its_turn_comes},
    [FOUND] = {"the challenge is known", challenge_is_found},
    [UNKNOWN] = {"the challenge is not known", challenge_is_unknown},
    [SIGNED] = {"the signature comes", signature_comes},
    [UNSIGNED] = {"the signer does not sign", no_signature_comes},
    [SIGNER_REPLACED] = {"there is another signer", signer_is_replaced},
    [TIME] = {"its time is up", time_is_up},
    [STOP] = {"the worker stops", worker_stops},
};

#endif
