/* test_table.c - every row of the session's table with every event, every row of the table of ends,
 * and memory that runs out anywhere. Each cell also asserts that nothing is left of its session. */
#include "tests/unit/session/scene.h"

#define GREETING "+OK hello\r\n"
#define REFUSED  "-ERR [SYS/TEMP] Service not available, try again later\r\n"
#define PROXY    "PROXY UNKNOWN\r\n"

/* ---- how to get there ---- */

static void to_announce(void)
{
    arrive_as(TCP, true, (struct admission){.admitted = true});
}

static void to_preamble(void)
{
    arrive(REQUIRED);
}

static void to_upgrade(void)
{
    arrive(REQUIRED);
    client->stuck = true;
    client_says("STLS\r\n");
}

static void to_request(void)
{
    arrive(HTTP);
}

static void to_handshake(void)
{
    arrive(TCP);
    f.tls = tls_client_new(NAME, NULL);
}

static void to_handshake_in_line(void)
{
    arrive(TCP);
    while (turns_take(&f.all.turns))
        continue;
    begin_tls_as(NULL);
    assert_int_equal(client->sent_size, 0);
}

static void to_query(void)
{
    arrive(HTTP);
    client_says("GET /.well-known/acme-challenge/" TOKEN " HTTP/1.1\r\nHost: x\r\n\r\n");
}

static void to_query_in_tls(void)
{
    arrive(ALPN);
    begin_tls_as("acme-tls/1");
}

static void to_dial(void)
{
    arrive(TCP);
    begin_tls();
}

static void to_dial_with_bytes(void)
{
    to_dial();
    client_says("early ");
}

static void to_dial_last(void)
{
    to_dial();
    upstream_connects(UV_ECONNREFUSED);
    closes(upstream);
}

static void to_dial_closing(void)
{
    to_dial();
    upstream_connects(UV_ECONNREFUSED);
}

static void to_dial_in_clear(void)
{
    arrive(OPTIONAL);
}

static void to_greeting(void)
{
    arrive(POP3S);
    begin_tls();
    upstream_connects(0);
}

static void to_greeting_last(void)
{
    to_greeting();
    upstream_ends();
    closes(upstream);
    upstream_connects(0);
}

static void to_relay(void)
{
    to_dial();
    upstream_connects(0);
}

static void to_relay_in_dialogue(void)
{
    to_greeting();
    upstream_says(GREETING);
}

static void to_relay_in_clear(void)
{
    arrive(OPTIONAL);
    upstream_connects(0);
    upstream_says(GREETING);
}

static void to_upgrade_with_upstream(void)
{
    to_relay_in_clear();
    client->stuck = true;
    client_says("STLS\r\n");
}

static void to_relay_client_done(void)
{
    to_relay();
    tls_client_close_notify(f.tls);
    tls_sends();
}

static void to_relay_upstream_done(void)
{
    to_relay();
    upstream_ends();
}

static void to_relay_queued(void)
{
    to_relay();
    upstream->stuck = true;
    client_says("queued");
}

static void to_linger(void)
{
    to_dial_last();
    upstream_connects(UV_ECONNREFUSED);
    closes(upstream);
}

static void to_linger_with_queue(void)
{
    to_relay_queued();
    client_ends();
}

static void to_linger_for_reset(void)
{
    to_relay();
    client->stuck = true;
    upstream_says("half");
    upstream_breaks();
}

static void to_closing(void)
{
    to_preamble();
    client_ends();
}

struct place {
    const char *name;
    void (*reach)(void);
    enum session_state state;
};

enum place_name {
    P_ANNOUNCE,
    P_PREAMBLE,
    P_UPGRADE,
    P_UPGRADE_UPSTREAM,
    P_REQUEST,
    P_HANDSHAKE,
    P_HANDSHAKE_IN_LINE,
    P_QUERY,
    P_QUERY_TLS,
    P_DIAL,
    P_DIAL_BYTES,
    P_DIAL_LAST,
    P_DIAL_CLOSING,
    P_DIAL_CLEAR,
    P_GREETING,
    P_GREETING_LAST,
    P_RELAY,
    P_RELAY_TALK,
    P_RELAY_CLEAR,
    P_RELAY_CLIENT_DONE,
    P_RELAY_UPSTREAM_DONE,
    P_RELAY_QUEUED,
    P_LINGER,
    P_LINGER_QUEUE,
    P_LINGER_RESET,
    P_CLOSING,
    PLACES
};

static const struct place places[PLACES] = {
    [P_ANNOUNCE] = {"announce", to_announce, SESSION_ANNOUNCE},
    [P_PREAMBLE] = {"preamble", to_preamble, SESSION_PREAMBLE},
    [P_UPGRADE] = {"upgrade", to_upgrade, SESSION_UPGRADE},
    [P_UPGRADE_UPSTREAM] = {"upgrade, optional", to_upgrade_with_upstream, SESSION_UPGRADE},
    [P_REQUEST] = {"request", to_request, SESSION_REQUEST},
    [P_HANDSHAKE] = {"handshake", to_handshake, SESSION_HANDSHAKE},
    [P_HANDSHAKE_IN_LINE] = {"handshake, in line", to_handshake_in_line, SESSION_HANDSHAKE},
    [P_QUERY] = {"query", to_query, SESSION_QUERY},
    [P_QUERY_TLS] = {"query in TLS", to_query_in_tls, SESSION_QUERY},
    [P_DIAL] = {"dial", to_dial, SESSION_DIAL},
    [P_DIAL_BYTES] = {"dial, with bytes held", to_dial_with_bytes, SESSION_DIAL},
    [P_DIAL_LAST] = {"dial, the last address", to_dial_last, SESSION_DIAL},
    [P_DIAL_CLOSING] = {"dial, the one before closes", to_dial_closing, SESSION_DIAL},
    [P_DIAL_CLEAR] = {"dial in clear", to_dial_in_clear, SESSION_DIAL},
    [P_GREETING] = {"greeting", to_greeting, SESSION_GREETING},
    [P_GREETING_LAST] = {"greeting, the last address", to_greeting_last, SESSION_GREETING},
    [P_RELAY] = {"relay", to_relay, SESSION_RELAY},
    [P_RELAY_TALK] = {"relay, in dialogue", to_relay_in_dialogue, SESSION_RELAY},
    [P_RELAY_CLEAR] = {"relay in clear", to_relay_in_clear, SESSION_RELAY},
    [P_RELAY_CLIENT_DONE] = {"relay, client done", to_relay_client_done, SESSION_RELAY},
    [P_RELAY_UPSTREAM_DONE] = {"relay, upstream done", to_relay_upstream_done, SESSION_RELAY},
    [P_RELAY_QUEUED] = {"relay, bytes queued", to_relay_queued, SESSION_RELAY},
    [P_LINGER] = {"linger", to_linger, SESSION_LINGER},
    [P_LINGER_QUEUE] = {"linger, bytes queued", to_linger_with_queue, SESSION_LINGER},
    [P_LINGER_RESET] = {"linger, reset to come", to_linger_for_reset, SESSION_LINGER},
    [P_CLOSING] = {"closing", to_closing, SESSION_CLOSING},
};

/* ---- what may happen ---- */

/* Whoever is read from says something that fits. */
static void client_speaks(void)
{
    if (!client->peer->reading)
        return;
    if (f.tls != NULL && !tls_client_open(f.tls))
        tls_sends();
    else if (f.tls != NULL && f.s->client_ended)
        client_sends("chatter", 7);
    else if (f.s->state == SESSION_ANNOUNCE)
        client_says("PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n");
    else if (f.s->state == SESSION_REQUEST)
        client_says("GET / HTTP/1.0\r\n\r\n");
    else
        client_says("NOOP\r\n");
}

static void upstream_speaks(void)
{
    if (upstream->peer != NULL && upstream->peer->reading)
        upstream_says(f.s->state == SESSION_GREETING ? GREETING : "+OK\r\n");
}

static void client_finishes(void)
{
    if (client->peer->reading)
        client_ends();
}

static void client_goes(void)
{
    if (client->peer->life == PEER_OPEN)
        client_breaks();
}

static bool is_open(const struct fake_peer *p)
{
    return p->peer != NULL && p->peer->life == PEER_OPEN;
}

static void upstream_finishes(void)
{
    if (is_open(upstream) && upstream->peer->reading)
        upstream_ends();
}

static void upstream_goes(void)
{
    if (is_open(upstream))
        upstream_breaks();
}

static void connection_stands(void)
{
    if (upstream->peer != NULL && upstream->peer->life == PEER_CONNECTING)
        upstream_connects(0);
}

static void connection_fails(void)
{
    if (upstream->peer != NULL && upstream->peer->life == PEER_CONNECTING)
        upstream_connects(UV_ECONNREFUSED);
}

static void upstream_is_closed(void)
{
    closes(upstream);
}

static void client_drains(void)
{
    if (is_open(client))
        drains(client);
}

static void upstream_drains(void)
{
    if (is_open(upstream))
        drains(upstream);
}

static void time_is_up(void)
{
    if (f.s->state != SESSION_CLOSING)
        times_out();
}

static const struct {
    const char *name;
    void (*happens)(void);
} events[] = {
    {"client speaks", client_speaks},
    {"client ends", client_finishes},
    {"client breaks", client_goes},
    {"client drained", client_drains},
    {"connected", connection_stands},
    {"connection fails", connection_fails},
    {"upstream speaks", upstream_speaks},
    {"upstream ends", upstream_finishes},
    {"upstream breaks", upstream_goes},
    {"upstream drained", upstream_drains},
    {"upstream closed", upstream_is_closed},
    {"turn", turn_of_the_loop},
    {"time is up", time_is_up},
};

struct cell {
    enum place_name place;
    void (*event)(void);
    enum session_state next;
    enum end end;
    const char *client, *upstream; /* what they get */
};

/* What is not here changes nothing. */
static const struct cell cells[] = {
#include "tests/unit/session/cells.h"
};

static const struct cell *cell_of(enum place_name place, void (*event)(void))
{
    for (size_t i = 0; i < COUNT(cells); i++)
        if (cells[i].place == place && cells[i].event == event)
            return &cells[i];
    return NULL;
}

/* In the form of cells.h, so that a difference can be read, judged and taken over. */
static void describe(char out[2000], size_t event, enum session_state next, enum end end,
                     const char *to_client, const char *to_upstream)
{
    snprintf(out, 2000, "on \"%s\": state %d, end %d, client \"%s\", upstream \"%s\"",
             events[event].name, (int)next, (int)end, to_client, to_upstream);
}

static enum end end_of(const struct session *s)
{
    return s->end != NULL ? (enum end)(s->end - session_ends) : END_NONE;
}

static void drive(enum place_name place, size_t event)
{
    char to_client[1000], to_upstream[1000], before[1000], is[2000], shall[2000];
    places[place].reach();
    assert_int_equal(f.s->state, places[place].state);
    const enum end ended = end_of(f.s);
    snprintf(before, sizeof before, "%s", client_got());
    snprintf(before, sizeof before, "%s", client_got()); /* what stays said: how it was left */
    upstream_got();
    char left[1000];
    snprintf(left, sizeof left, "%s", upstream_got());

    const struct cell *c = cell_of(place, events[event].happens);
    events[event].happens();
    snprintf(to_client, sizeof to_client, "%s", client_got());
    snprintf(to_upstream, sizeof to_upstream, "%s", upstream_got());
    describe(is, event, f.s->state, end_of(f.s), to_client, to_upstream);
    describe(shall, event, c != NULL ? c->next : places[place].state, c != NULL ? c->end : ended,
             c != NULL ? c->client : before, c != NULL ? c->upstream : left);
    if (getenv("TLSFRONT_SHOW_CELLS") != NULL && strcmp(is, shall) != 0)
        print_message("%s %s\n", places[place].name, is);
    else if (strcmp(is, shall) != 0)
        fail_msg("in \"%s\" %s, not %s", places[place].name, is, shall);
    finish();
}

static void every_row_does_with_every_event_what_it_shall(void **state)
{
    (void)state;
    for (enum place_name place = 0; place < PLACES; place++)
        for (size_t event = 0; event < COUNT(events); event++)
            drive(place, event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_does_with_every_event_what_it_shall),
    };
    return cmocka_run_group_tests(tests, scene_group_setup, scene_group_teardown);
}
