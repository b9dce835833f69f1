/* dialogue.c - the dialogue around STARTTLS: feeds a session's module and does what it
 * decides. */
#include "proxy/session/ends.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a module may leave unconsumed of one side: more than the longest unit there is. */
#define PENDING_MAX ((size_t)256 << 10)

/* Between two lines of the log that a target's upstream does not hear who its clients are. */
#define IDENTITY_NOTE_MS 60000

/* What a module may write in one go; its input is bounded, so this is never near. */
#define OUTPUT_MAX ((size_t)4 << 20)

static void fill_facts(const struct session *s, struct session_dialogue *t, enum dialogue_mode mode)
{
    const struct route_config *r = s->route->config;
    t->dialogue.facts = (struct dialogue_facts){
        .mode = mode,
        .upgraded = s->upgraded,
        .plaintext_login = r->plaintext_login_allowed,
        .hostname = r->hostname,
        .session_id = t->id,
    };
    session_id(s, t->id);
    if (s->target->config->xclient && s->from.sa.sa_family != AF_UNIX) {
        address_host(&s->from.sa, t->address, &t->dialogue.facts.client_port);
        t->dialogue.facts.client_address = t->address;
    }
}

enum session_state session_dialogue_begin(struct session *s, enum dialogue_mode mode)
{
    const struct starttls *module = starttls_of(s->route->config->protocol);
    if (module == NULL)
        return SESSION_STAY;
    struct session_dialogue *t = calloc(1, sizeof *t);
    if (t == NULL)
        return session_end(s, END_OUT_OF_MEMORY);
    t->module = module;
    buf_init(&t->pending[CLIENT], PENDING_MAX + TLS_CHUNK_MAX);
    buf_init(&t->pending[UPSTREAM], PENDING_MAX + TLS_CHUNK_MAX);
    fill_facts(s, t, mode);
    s->dialogue = t;
    return SESSION_STAY;
}

void session_dialogue_free(struct session *s)
{
    if (s->dialogue == NULL)
        return;
    for (int side = CLIENT; side <= UPSTREAM; side++) {
        struct buf *pending = &s->dialogue->pending[side];
        if (pending->data != NULL) /* may hold a password */
            explicit_bzero(pending->data, pending->room);
        buf_free(pending);
    }
    free(s->dialogue);
    s->dialogue = NULL;
}

bool session_dialogue_holds(const struct session *s, enum side side)
{
    return s->dialogue != NULL && s->dialogue->pending[side].size > 0;
}

/* What of a side's bytes was left, and not handed on before it was understood. */
static struct slice unseen(const struct session_dialogue *t, enum side side)
{
    const struct buf *pending = &t->pending[side];
    const size_t ahead = side == CLIENT ? t->dialogue.client_ahead : t->dialogue.upstream_ahead;
    if (pending->size <= ahead)
        return (struct slice){NULL, 0};
    return (struct slice){pending->data + ahead, pending->size - ahead};
}

/* So that it is not handed on twice. */
static void mark_seen(struct session_dialogue *t, enum side side)
{
    *(side == CLIENT ? &t->dialogue.client_ahead : &t->dialogue.upstream_ahead) =
        t->pending[side].size;
}

bool session_dialogue_waits(const struct session *s)
{
    return s->dialogue != NULL && unseen(s->dialogue, CLIENT).size > 0;
}

bool session_dialogue_cut_short(const struct session *s)
{
    return session_dialogue_waits(s) && s->dialogue->module->cut_short(unseen(s->dialogue, CLIENT));
}

bool session_dialogue_full(const struct session *s, enum side side)
{
    return s->dialogue != NULL && s->dialogue->pending[side].size >= PENDING_MAX;
}

/* ---- running ---- */

static struct slice said_by(const struct session_dialogue *t, enum side side)
{
    const struct buf *pending = &t->pending[side];
    return pending->size > 0 ? (struct slice){pending->data, pending->size} : t->coming[side];
}

/* What passes is borrowed from `coming`, which lasts; what is pending moves. */
static void drop(struct session_dialogue *t, enum side side, size_t size, struct dialogue_out *out)
{
    struct slice *coming = &t->coming[side];
    if (t->pending[side].size > 0) {
        buf_own(side == CLIENT ? out->to_upstream : out->to_client);
        buf_drop(&t->pending[side], size);
    } else {
        coming->data += size;
        coming->size -= size;
    }
}

/* What the module left of what is lent. */
static void keep(struct session_dialogue *t, enum side side)
{
    buf_put(&t->pending[side], t->coming[side].data, t->coming[side].size);
    t->coming[side] = (struct slice){NULL, 0};
}

/* Give a side's bytes to the module. True: it consumed some or decided something. */
static bool call(struct session_dialogue *t, enum side side, struct dialogue_out *out,
                 enum dialogue_verdict *verdict)
{
    struct slice in = said_by(t, side);
    if (in.size == 0 || (side == UPSTREAM && t->dialogue.facts.mode == DIALOGUE_REQUIRED))
        return false;
    *verdict = (side == CLIENT ? t->module->client : t->module->upstream)(&t->dialogue, &in, out);
    const size_t consumed = said_by(t, side).size - in.size;
    drop(t, side, consumed, out);
    const bool turn = t->dialogue.turn;
    t->dialogue.turn = false;
    return consumed > 0 || turn || *verdict != DIALOGUE_MORE;
}

/* Until neither side's bytes can be dealt with any further. */
static enum dialogue_verdict run(struct session_dialogue *t, struct dialogue_out *out)
{
    enum dialogue_verdict verdict = DIALOGUE_MORE;
    for (bool moved = true; moved && verdict == DIALOGUE_MORE;) {
        moved = call(t, CLIENT, out, &verdict);
        if (verdict == DIALOGUE_MORE)
            moved |= call(t, UPSTREAM, out, &verdict);
    }
    keep(t, CLIENT);
    keep(t, UPSTREAM);
    return verdict;
}

static enum session_state deliver(struct session *s, struct dialogue_out *out)
{
    const struct session_dialogue *t = s->dialogue;
    if (out->to_client->failed || out->to_upstream->failed || t->pending[CLIENT].failed ||
        t->pending[UPSTREAM].failed)
        return session_end(s, END_OUT_OF_MEMORY);
    enum session_state next = SESSION_STAY;
    if (!s->upstream_ended) /* with its end the client has read its last */
        next = session_to_client(s, out->to_client->data, out->to_client->size);
    if (next != SESSION_STAY || out->to_upstream->size == 0)
        return next;
    return session_to_upstream(s, out->to_upstream->data, out->to_upstream->size);
}

/* ---- verdicts ---- */

static enum session_state flush(struct session *s, enum side side)
{
    const struct slice left = unseen(s->dialogue, side);
    mark_seen(s->dialogue, side);
    return side == CLIENT ? session_to_upstream(s, (uint8_t *)(uintptr_t)left.data, left.size)
                          : session_to_client(s, (uint8_t *)(uintptr_t)left.data, left.size);
}

/* What is complete waits because the upstream may not hear it yet, or never. */
enum session_state session_dialogue_rest_to_upstream(struct session *s)
{
    return s->tls != NULL && session_dialogue_cut_short(s) ? flush(s, CLIENT) : SESSION_STAY;
}

enum session_state session_dialogue_rest_to_client(struct session *s)
{
    return s->dialogue != NULL ? flush(s, UPSTREAM) : SESSION_STAY;
}

/* From here on everything passes as it is, beginning with what the module left. */
static enum session_state relay_on(struct session *s)
{
    enum session_state next = flush(s, CLIENT);
    if (next == SESSION_STAY)
        next = flush(s, UPSTREAM);
    session_dialogue_free(s);
    return next;
}

/* Plaintext behind the upgrade command escaped the handshake that follows (CVE-2011-0411). No
 * honest client sends it (RFC 3207, 6; RFC 9051, 6.2.1), so there is nothing to guess. */
static enum session_state upgrade(struct session *s)
{
    if (session_dialogue_holds(s, CLIENT))
        return session_end(s, END_INJECTED);
    session_dialogue_free(s);
    return SESSION_UPGRADE;
}

/* Whose words, and what they are worth, for the log. */
static void log_upstream_words(struct session *s, const struct dialogue *t)
{
    char why[64 + DIALOGUE_WORDS_MAX];
    snprintf(why, sizeof why, "%s: %.*s",
             t->reason == DIALOGUE_REFUSED ? "it refused" : "what it says is not of the protocol",
             (int)t->words_size, (const char *)t->words);
    session_log_upstream(s, "upstream-failed", why);
}

_Static_assert(END_DIALOGUE_REFUSED - END_DIALOGUE == DIALOGUE_REASONS - 1,
               "an end for each reason");

static enum session_state close_down(struct session *s)
{
    const struct dialogue t = s->dialogue->dialogue;
    const enum end end = END_DIALOGUE + t.reason;
    session_dialogue_free(s);
    if (session_ends[end].fault == FAULT_UPSTREAM)
        log_upstream_words(s, &t);
    return session_end(s, end);
}

/* ---- notes for the log ---- */

/* Who shows passwords has to be found; the passwords are not for the log. */
static void note_logins_refused(struct session *s)
{
    struct dialogue *t = &s->dialogue->dialogue;
    for (unsigned i = 0; i < t->login_count; i++)
        session_log_login_refused(s, t->logins[i].command, t->logins[i].mechanism);
    counter_add(&session_counters(s)->logins_refused, t->login_count);
    t->login_count = 0;
}

/* The operator believes that the upstream knows its clients; it does not. Said once in a while: it
 * is so for every session there. */
static void note_identity_refused(struct session *s)
{
    const uint64_t now = session_now(s);
    struct target *t = s->target;
    if (!s->dialogue->dialogue.identity_refused ||
        (t->identity_noted != 0 && now - t->identity_noted < IDENTITY_NOTE_MS))
        return;
    t->identity_noted = now;
    session_log_upstream(
        s, "identity-refused",
        "it does not take the client's address from us, and sees ours; see xclient "
        "in tlsfront.conf(5)");
}

const char *session_dialogue_awaits(const struct session *s)
{
    return s->dialogue != NULL ? s->dialogue->dialogue.awaited : NULL;
}

bool session_dialogue_goes_on(struct session *s)
{
    const struct session_dialogue *t = s->dialogue;
    if (t->module->unanswered == NULL || !t->module->unanswered(&s->dialogue->dialogue))
        return false;
    note_identity_refused(s);
    return true;
}

/* Is that upstream the one? Its module has done something with the greeting - a beginning without
 * an end it leaves as it is - and waits for nothing more, or the client has read of it. */
static bool is_served(const struct session *s, size_t come, enum dialogue_verdict verdict,
                      const struct dialogue_out *out)
{
    const struct session_dialogue *t = s->dialogue;
    if (s->state != SESSION_GREETING && s->state != SESSION_OPENING)
        return false;
    if (verdict != DIALOGUE_MORE || out->to_client->size > 0)
        return true;
    return t->dialogue.awaited == NULL &&
           (t->pending[UPSTREAM].size < come || out->to_upstream->size > 0 ||
            s->state == SESSION_OPENING);
}

/* ---- a client that begins TLS at once ---- */

/* The head of a ClientHello's first record: handshake, version 3.x, length, client_hello. */
static bool matches_hello(uint8_t at, uint8_t byte)
{
    switch (at) {
    case 0:
        return byte == 0x16;
    case 1:
        return byte == 0x03;
    case 2:
        return byte <= 0x04;
    case 5:
        return byte == 0x01;
    default:
        return true;
    }
}

enum { HELLO_HEAD = 6, HELLO_NONE = 255 };

bool session_dialogue_begins_tls(uint8_t *seen, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size && *seen < HELLO_HEAD; i++)
        *seen = matches_hello(*seen, data[i]) ? *seen + 1 : HELLO_NONE;
    return *seen == HELLO_HEAD;
}

/* ---- what is said ---- */

static enum session_state obey(struct session *s, enum dialogue_verdict verdict)
{
    switch (verdict) {
    case DIALOGUE_MORE:
        return SESSION_STAY;
    case DIALOGUE_RELAY:
        return relay_on(s);
    case DIALOGUE_UPGRADE:
        return upgrade(s);
    case DIALOGUE_CLOSE:
        break;
    }
    return close_down(s);
}

/* Let the module deal with what there is. */
static enum session_state go_on(struct session *s, bool *full_r)
{
    struct session_dialogue *t = s->dialogue;
    struct buf to_client, to_upstream;
    buf_init(&to_client, OUTPUT_MAX);
    buf_init(&to_upstream, OUTPUT_MAX);
    struct dialogue_out out = {&to_client, &to_upstream};
    const size_t come = said_by(t, UPSTREAM).size;
    const enum dialogue_verdict verdict = run(t, &out);
    if (is_served(s, come, verdict, &out))
        session_served(s);
    note_identity_refused(s);
    note_logins_refused(s);
    *full_r = dialogue_is_full(&out);

    /* The reply to an upgrade with bytes behind it would be an invitation to go on. */
    const bool injected = verdict == DIALOGUE_UPGRADE && session_dialogue_holds(s, CLIENT);
    enum session_state next = injected ? SESSION_STAY : deliver(s, &out);
    buf_free(&to_client);
    buf_free(&to_upstream);
    return next != SESSION_STAY ? next : obey(s, verdict);
}

/* While the client takes what it is told, its commands need not wait. */
static enum session_state go_on_while_read(struct session *s)
{
    enum session_state next;
    bool full;
    do {
        next = go_on(s, &full);
    } while (next == SESSION_STAY && full && s->client.queued == 0 && session_dialogue_waits(s));
    return next;
}

enum session_state session_dialogue_said(struct session *s, enum side side, const uint8_t *data,
                                         size_t size)
{
    struct session_dialogue *t = s->dialogue;
    if (side == CLIENT && s->tls == NULL && session_dialogue_begins_tls(&t->hello_seen, data, size))
        return session_end(s, END_SPOKE_TLS);
    t->coming[side] = (struct slice){data, size};
    if (t->pending[side].size > 0)
        keep(t, side);
    return t->pending[side].failed ? session_end(s, END_OUT_OF_MEMORY) : go_on_while_read(s);
}

enum session_state session_dialogue_resume(struct session *s)
{
    return s->client.queued == 0 && session_dialogue_waits(s) ? go_on_while_read(s) : SESSION_STAY;
}
