/* dialogue.c - the dialogue around STARTTLS: feeds a session's module and does what it
 * decides. */
#include "proxy/session/core.h"

#include <stdlib.h>
#include <string.h>

/* What a module may leave unconsumed of one side: more than the longest unit there is. */
#define CARRY_MAX ((size_t)256 << 10)

/* Between two lines of the log that a route's upstream does not hear who its clients are. */
#define IDENTITY_NOTE_MS 60000

/* What a module may write in one go; its input is bounded, so this is never near. */
#define OUTPUT_MAX ((size_t)4 << 20)

static void fill_facts(const struct session *s, struct session_talk *t, enum talk_mode mode)
{
    const struct route_config *r = s->route->config;
    t->talk.facts = (struct talk_facts){
        .mode = mode,
        .upgraded = s->upgraded,
        .plaintext_login = r->plaintext_login_allowed,
        .hostname = r->hostname,
        .session_id = t->id,
    };
    session_id(s, t->id);
    if (r->xclient && s->from.sa.sa_family != AF_UNIX) {
        address_host(&s->from.sa, t->address, &t->talk.facts.client_port);
        t->talk.facts.client_address = t->address;
    }
}

enum session_state session_talk_begin(struct session *s, enum talk_mode mode)
{
    const struct starttls *module = starttls_of(s->route->config->protocol);
    if (module == NULL)
        return SESSION_STAY;
    struct session_talk *t = calloc(1, sizeof *t);
    if (t == NULL)
        return session_end(s, END_OUT_OF_MEMORY);
    t->module = module;
    buf_init(&t->carry[CLIENT], CARRY_MAX + TLS_CHUNK_MAX);
    buf_init(&t->carry[UPSTREAM], CARRY_MAX + TLS_CHUNK_MAX);
    fill_facts(s, t, mode);
    s->talk = t;
    return SESSION_STAY;
}

void session_talk_free(struct session *s)
{
    if (s->talk == NULL)
        return;
    for (int side = CLIENT; side <= UPSTREAM; side++) {
        struct buf *carry = &s->talk->carry[side];
        if (carry->data != NULL) /* may hold a password */
            explicit_bzero(carry->data, carry->room);
        buf_free(carry);
    }
    free(s->talk);
    s->talk = NULL;
}

bool session_talk_holds(const struct session *s, enum side side)
{
    return s->talk != NULL && s->talk->carry[side].size > 0;
}

bool session_talk_cut_short(const struct session *s)
{
    if (!session_talk_holds(s, CLIENT))
        return false;
    const struct buf *left = &s->talk->carry[CLIENT];
    return s->talk->module->cut_short((struct slice){left->data, left->size});
}

bool session_talk_full(const struct session *s, enum side side)
{
    return s->talk != NULL && s->talk->carry[side].size >= CARRY_MAX;
}

/* ---- running ---- */

/* Give a side's bytes to the module. True: it consumed some or decided something. */
static bool call(struct session_talk *t, enum side side, struct talk_out *out,
                 enum talk_verdict *verdict)
{
    struct buf *carry = &t->carry[side];
    if (carry->size == 0 || (side == UPSTREAM && t->talk.facts.mode == TALK_REQUIRED))
        return false;
    struct slice in = {carry->data, carry->size};
    *verdict = (side == CLIENT ? t->module->client : t->module->upstream)(&t->talk, &in, out);
    const size_t consumed = carry->size - in.size;
    buf_drop(carry, consumed);
    return consumed > 0 || *verdict != TALK_MORE;
}

/* Until neither side's bytes can be dealt with any further. */
static enum talk_verdict run(struct session_talk *t, struct talk_out *out)
{
    enum talk_verdict verdict = TALK_MORE;
    for (bool moved = true; moved && verdict == TALK_MORE;) {
        moved = call(t, CLIENT, out, &verdict);
        if (verdict == TALK_MORE)
            moved |= call(t, UPSTREAM, out, &verdict);
    }
    return verdict;
}

static enum session_state deliver(struct session *s, struct talk_out *out)
{
    if (out->to_client->failed || out->to_upstream->failed)
        return session_end(s, END_OUT_OF_MEMORY);
    enum session_state next = session_to_client(s, out->to_client->data, out->to_client->size);
    if (next != SESSION_STAY || out->to_upstream->size == 0)
        return next;
    return session_to_upstream(s, out->to_upstream->data, out->to_upstream->size);
}

/* ---- verdicts ---- */

enum session_state session_talk_flush(struct session *s, enum side side)
{
    const struct buf *left = &s->talk->carry[side];
    enum session_state next = side == CLIENT ? session_to_upstream(s, left->data, left->size)
                                             : session_to_client(s, left->data, left->size);
    buf_drop(&s->talk->carry[side], left->size);
    return next;
}

/* From here on everything passes as it is, beginning with what the module left. */
static enum session_state relay_on(struct session *s)
{
    enum session_state next = session_talk_flush(s, CLIENT);
    if (next == SESSION_STAY)
        next = session_talk_flush(s, UPSTREAM);
    session_talk_free(s);
    return next;
}

/* Plaintext behind the upgrade command escaped the handshake that follows (CVE-2011-0411). No
 * honest client sends it (RFC 3207, 6; RFC 9051, 6.2.1), so there is nothing to guess. */
static enum session_state upgrade(struct session *s)
{
    if (session_talk_holds(s, CLIENT))
        return session_end(s, END_INJECTED);
    session_talk_free(s);
    return SESSION_UPGRADE;
}

static enum session_state close_down(struct session *s)
{
    const struct talk t = s->talk->talk;
    session_talk_free(s);
    if (t.upstream_broke)
        session_log_upstream(s, "upstream-failed", "what it says is not of the protocol");
    if (t.upstream_broke)
        return session_end(s, END_DIALOGUE_UPSTREAM);
    return session_end(s, t.errors > TALK_ERRORS_MAX ? END_DIALOGUE_ERRORS : END_DIALOGUE);
}

/* The operator believes that the upstream knows its clients; it does not. Said once in a while: it
 * is so for every session of the route. */
static void note_identity_refused(struct session *s)
{
    const uint64_t now = session_now(s);
    struct route *r = s->route;
    if (!s->talk->talk.identity_refused ||
        (r->identity_noted != 0 && now - r->identity_noted < IDENTITY_NOTE_MS))
        return;
    r->identity_noted = now;
    session_log_upstream(
        s, "identity-refused",
        "it does not take the client's address from us, and sees ours; see xclient "
        "in tlsfront.conf(5)");
}

/* Did the module do anything with the greeting? A beginning without an end it leaves as it is. */
static bool is_greeted(struct session_talk *t, size_t come, enum talk_verdict verdict,
                       const struct talk_out *out)
{
    return verdict != TALK_MORE || t->carry[UPSTREAM].size < come || out->to_client->size > 0 ||
           out->to_upstream->size > 0;
}

static enum session_state obey(struct session *s, enum talk_verdict verdict)
{
    switch (verdict) {
    case TALK_MORE:
        return SESSION_STAY;
    case TALK_RELAY:
        return relay_on(s);
    case TALK_UPGRADE:
        return upgrade(s);
    case TALK_CLOSE:
        break;
    }
    return close_down(s);
}

enum session_state session_talk_said(struct session *s, enum side side, const uint8_t *data,
                                     size_t size)
{
    struct session_talk *t = s->talk;
    struct buf to_client, to_upstream;
    buf_put(&t->carry[side], data, size);
    if (t->carry[side].failed)
        return session_end(s, END_OUT_OF_MEMORY);
    buf_init(&to_client, OUTPUT_MAX);
    buf_init(&to_upstream, OUTPUT_MAX);
    struct talk_out out = {&to_client, &to_upstream};
    const size_t come = t->carry[UPSTREAM].size;
    const enum talk_verdict verdict = run(t, &out);
    if (s->state == SESSION_GREETING && is_greeted(t, come, verdict, &out))
        session_served(s);
    note_identity_refused(s);

    /* The reply to an upgrade with bytes behind it would be an invitation to go on. */
    const bool injected = verdict == TALK_UPGRADE && session_talk_holds(s, CLIENT);
    enum session_state next = injected ? SESSION_STAY : deliver(s, &out);
    buf_free(&to_client);
    buf_free(&to_upstream);
    return next != SESSION_STAY ? next : obey(s, verdict);
}
