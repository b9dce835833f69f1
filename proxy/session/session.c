/* session.c - the table of states, and a session's birth and death. */
#include "proxy/session/core.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- who is read from ---- */

/* What a client may say before its upstream is there, give or take one read: the first commands of
 * one that does not wait for a greeting. */
#define UNREAD_ENOUGH ((size_t)16 << 10)

static bool always(const struct session *s)
{
    (void)s;
    return true;
}

static bool preamble_reads(const struct session *s)
{
    return s->client.queued == 0 && !session_dialogue_full(s, CLIENT);
}

static bool handshake_reads(const struct session *s)
{
    return link_empty(&s->waiting) && s->client.queued == 0;
}

static bool unread_has_room(const struct session *s)
{
    return s->cut == END_NONE && s->unread.size < UNREAD_ENOUGH;
}

static bool relay_reads_client(const struct session *s)
{
    return s->client_ended || (s->upstream.queued == 0 && s->client.queued < TLS_CHUNK_MAX &&
                               !session_dialogue_full(s, CLIENT));
}

static bool relay_reads_upstream(const struct session *s)
{
    return s->client.queued == 0 && !session_dialogue_full(s, UPSTREAM);
}

/* ---- the table ---- */

static enum session_state left_before_tls(struct session *s)
{
    return session_end(s, END_LEFT_BEFORE_TLS);
}

static enum session_state client_lost(struct session *s)
{
    return session_end(s, END_CLIENT_BROKE);
}

static enum session_state closing_entered(struct session *s)
{
    session_close(s);
    return SESSION_STAY;
}

static void session_free(struct session *s);

/* A field of the route, by its offset. */
#define OF_ROUTE(field) offsetof(struct route_config, field)

static const struct session_machine machine =
    {
        .rows =
            {
                [SESSION_PROXY_HEADER] = {.stage = STAGE_ANNOUNCE,
                                          .timeout = OF_ROUTE(handshake_timeout),
                                          .reads_client = always,
                                          .client_data = proxy_header_client_data,
                                          .client_ended = left_before_tls,
                                          .client_failed = client_lost,
                                          .timed_out = proxy_header_timed_out},
                [SESSION_PREAMBLE] = {.stage = STAGE_PREAMBLE,
                                      .timeout = OF_ROUTE(upgrade_timeout),
                                      .reads_client = preamble_reads,
                                      .entered = preamble_entered,
                                      .client_data = preamble_client_data,
                                      .client_ended = left_before_tls,
                                      .client_failed = client_lost,
                                      .drained = preamble_drained,
                                      .timed_out = preamble_timed_out},
                [SESSION_UPGRADE] = {.stage = STAGE_PREAMBLE,
                                     .timeout = OF_ROUTE(upgrade_timeout),
                                     .entered = upgrade_entered,
                                     .client_failed = client_lost,
                                     .drained = upgrade_entered,
                                     .timed_out = preamble_timed_out},
                [SESSION_REQUEST] = {.stage = STAGE_REQUEST,
                                     .timeout = OF_ROUTE(handshake_timeout),
                                     .reads_client = always,
                                     .entered = request_entered,
                                     .client_data = request_client_data,
                                     .client_ended = request_client_ended,
                                     .client_failed = client_lost,
                                     .timed_out = request_timed_out},
                [SESSION_HANDSHAKE] = {.stage = STAGE_HANDSHAKE,
                                       .timeout = OF_ROUTE(handshake_timeout),
                                       .since_tls = true,
                                       .reads_client = handshake_reads,
                                       .entered = handshake_entered,
                                       .left = handshake_left,
                                       .client_data = handshake_client_data,
                                       .client_ended = handshake_client_ended,
                                       .client_failed = client_lost,
                                       .turn = handshake_turn,
                                       .timed_out = handshake_timed_out},
                [SESSION_SIGN] = {.stage = STAGE_HANDSHAKE,
                                  .timeout = OF_ROUTE(handshake_timeout),
                                  .since_tls = true,
                                  .entered = sign_entered,
                                  .left = sign_left,
                                  .client_failed = client_lost,
                                  .timed_out = sign_timed_out},
                [SESSION_QUERY] = {.stage = STAGE_ASK,
                                   .timeout = OF_ROUTE(handshake_timeout),
                                   .since_tls = true,
                                   .entered = query_entered,
                                   .left = query_left,
                                   .client_failed = client_lost,
                                   .timed_out = query_timed_out},
                [SESSION_CHECK] = {.stage = STAGE_DIAL,
                                   .remains = check_remains,
                                   .reads_client = always,
                                   .entered = check_entered,
                                   .client_data = check_client_data,
                                   .client_ended = check_client_ended,
                                   .client_failed = client_lost,
                                   .timed_out = check_timed_out},
                [SESSION_DIAL] = {.stage = STAGE_DIAL,
                                  .remains = dial_remains,
                                  .reads_client = unread_has_room,
                                  .entered = dial_entered,
                                  .client_data = dial_client_data,
                                  .client_ended = dial_client_ended,
                                  .client_failed = dial_client_failed,
                                  .upstream_connected = dial_connected,
                                  .upstream_closed = dial_upstream_closed,
                                  .timed_out = dial_timed_out},
                [SESSION_UPSTREAM_TLS] = {.stage = STAGE_DIAL,
                                          .remains = session_connect_remains,
                                          .reads_client = unread_has_room,
                                          .reads_upstream = upstream_tls_reads,
                                          .entered = upstream_tls_entered,
                                          .left = sign_left,
                                          .client_data = dial_client_data,
                                          .client_ended = dial_client_ended,
                                          .client_failed = dial_client_failed,
                                          .upstream_data = upstream_tls_data,
                                          .upstream_ended = upstream_tls_ended,
                                          .upstream_failed = upstream_tls_broke,
                                          .timed_out = upstream_tls_timed_out},
                [SESSION_GREETING] = {.stage = STAGE_GREETING,
                                      .timeout = OF_ROUTE(greeting_timeout),
                                      .reads_client = unread_has_room,
                                      .reads_upstream = always,
                                      .entered = greeting_entered,
                                      .client_data = dial_client_data,
                                      .client_ended = dial_client_ended,
                                      .client_failed = dial_client_failed,
                                      .upstream_data = greeting_upstream_data,
                                      .upstream_ended = greeting_upstream_ended,
                                      .upstream_failed = greeting_upstream_failed,
                                      .timed_out = greeting_timed_out},
                [SESSION_OPENING] = {.stage = STAGE_OPENING,
                                     .timeout = OF_ROUTE(greeting_timeout),
                                     .reads_client = unread_has_room,
                                     .reads_upstream = relay_reads_upstream,
                                     .client_data = dial_client_data,
                                     .client_ended = dial_client_ended,
                                     .client_failed = dial_client_failed,
                                     .upstream_data = greeting_upstream_data,
                                     .upstream_ended = opening_upstream_ended,
                                     .upstream_failed = opening_upstream_failed,
                                     .timed_out = opening_timed_out},
                [SESSION_RELAY] = {.stage = STAGE_RELAY,
                                   .remains = relay_remains,
                                   .reads_client = relay_reads_client,
                                   .reads_upstream = relay_reads_upstream,
                                   .entered = relay_entered,
                                   .client_data = relay_client_data,
                                   .client_ended = relay_client_ended,
                                   .client_failed = relay_client_failed,
                                   .upstream_data = relay_upstream_data,
                                   .upstream_ended = relay_upstream_ended,
                                   .upstream_failed = relay_upstream_failed,
                                   .drained = relay_drained,
                                   .timed_out = relay_timed_out},
                [SESSION_LINGER] = {.stage = STAGE_LINGER,
                                    .remains = linger_remains,
                                    .reads_client = always,
                                    .reads_upstream = always,
                                    .entered = linger_entered,
                                    .client_data = linger_client_data,
                                    .client_ended = linger_client_ended,
                                    .client_failed = linger_client_failed,
                                    .upstream_data = linger_upstream_data,
                                    .upstream_failed = linger_upstream_failed,
                                    .drained = linger_drained,
                                    .timed_out = linger_timed_out},
                [SESSION_CLOSING] = {.stage = STAGE_LINGER, .entered = closing_entered},
            },
        .free = session_free,
};

/* ---- birth and death ---- */

static void session_free(struct session *s)
{
    struct sessions *all = s->all;
    admission_leave(all, s->route, &s->admission);
    session_leave_place(s);
    session_count_state(s, SESSION_STAY);
    if (s->tls != NULL && !s->handshaken)
        counter_sub(&session_counters(s)->handshaking, 1);
    link_remove(&s->member);
    session_wipe(&s->unread);
    session_dialogue_free(s);
    session_challenge_free(s);
    session_upstream_tls_free(s);
    tls_conn_free(s->tls);
    generation_free(s->generation);
    free(s);
    all->count--;
    if (all->ended != NULL)
        all->ended(all->arg);
}

static struct session *session_new(struct sessions *all, const struct newcomer *n)
{
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->machine = &machine;
    s->all = all;
    s->generation = generation_ref(n->generation);
    s->route = n->route;
    s->target = n->route->target;
    s->admission = n->admission;
    s->serial = ++all->serial;
    s->started = s->last_active = uv_now(all->loop);
    s->from = session_address(&n->client);
    link_add(&all->members, &s->member);
    link_init(&s->waiting);
    all->count++;
    uv_timer_init(all->loop, &s->timer);
    s->handles = 2; /* the timer and the client */
    return s;
}

void session_start(struct sessions *all, const struct newcomer *n)
{
    struct session *s = session_new(all, n);
    if (s == NULL) {
        struct admission place = n->admission;
        close(n->fd);
        admission_leave(all, n->route, &place);
        return;
    }
    if (peer_open(&s->client, all->loop, n->fd, n->is_unix, &session_client_events) != 0) {
        close(n->fd);
        session_step(s, session_end(s, END_NO_SOCKET));
        return;
    }
    session_step(s, n->announced ? SESSION_PROXY_HEADER : session_begin(s));
}

/* ---- all of them ---- */

static void go_on(struct link *waiting)
{
    struct session *s = container_of(waiting, struct session, waiting);
    session_step(s, s->machine->rows[s->state].turn(s));
}

void sessions_init(struct sessions *all, int ipc)
{
    link_init(&all->members);
    turns_init(&all->turns, all->loop, go_on);
    queries_init(&all->queries, all->loop, ipc);
    signings_init(&all->signings, all->loop, ipc);
    leave_init(&all->leave, all);
}

void sessions_stop(struct sessions *all)
{
    for (struct link *l = all->members.next, *next; l != &all->members; l = next) {
        struct session *s = container_of(l, struct session, member);
        next = l->next;
        session_leave(s, END_STOPPED);
        session_step(s, SESSION_CLOSING);
    }
}

void sessions_close(struct sessions *all)
{
    turns_close(&all->turns);
    queries_close(&all->queries);
    signings_close(&all->signings);
    leave_close(&all->leave);
}
