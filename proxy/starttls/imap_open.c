/* imap_open.c - the upstream's greeting, and ID behind it. See imap.h.
 *
 * The client reads the greeting at once, and its commands wait until the upstream knows who it
 * is. */
#include "proxy/starttls/imap_inner.h"

/* The client has no command under way yet, so its tags cannot be these. */
#define LIST_TAG     "front1"
#define IDENTITY_TAG "front2"

/* What Dovecot gives a first hop: the proxies that may follow until it calls them a loop. */
#define HOPS 4

static enum step open_dialogue(struct dialogue *t)
{
    t->awaited = NULL;
    imap_of(t)->state = IMAP_COMMANDS;
    return STEP_TURN;
}

/* ---- ID (RFC 2971; the fields are Dovecot's, for a peer in its login_trusted_networks) ---- */

static void put_quoted(struct buf *out, const char *text)
{
    buf_puts(out, "\"");
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buf_puts(out, "\\");
        if (*text >= ' ' && *text <= '~')
            buf_put(out, text, 1);
    }
    buf_puts(out, "\"");
}

static enum step tell_identity(struct dialogue *t, struct dialogue_out *out)
{
    const struct dialogue_facts *f = &t->facts;
    buf_puts(out->to_upstream, IDENTITY_TAG " ID (\"x-originating-ip\" ");
    put_quoted(out->to_upstream, f->client_address);
    if (f->client_port != 0)
        buf_printf(out->to_upstream, " \"x-originating-port\" \"%u\"", (unsigned)f->client_port);
    if (f->session_id != NULL) {
        buf_puts(out->to_upstream, " \"x-session-id\" ");
        put_quoted(out->to_upstream, f->session_id);
    }
    buf_printf(out->to_upstream, " \"x-proxy-ttl\" \"%d\")\r\n", HOPS);
    t->awaited = "its answer to ID";
    imap_of(t)->opening = IMAP_OWN_IDENTITY;
    return STEP_TAKEN;
}

static enum step ask_list(struct dialogue *t, struct dialogue_out *out)
{
    buf_puts(out->to_upstream, LIST_TAG " CAPABILITY\r\n");
    t->awaited = "its answer to CAPABILITY";
    imap_of(t)->opening = IMAP_OWN_LIST;
    return STEP_TAKEN;
}

static enum step go_on_unknown(struct dialogue *t)
{
    t->identity_refused = true;
    return open_dialogue(t);
}

/* A greeting without the list says nothing about ID. */
static enum step introduce(struct dialogue *t, const struct imap_response *greeting,
                           struct dialogue_out *out)
{
    if (t->facts.client_address == NULL)
        return open_dialogue(t);
    if (!greeting->has_list)
        return ask_list(t, out);
    return imap_list_has(&greeting->list, "ID") ? tell_identity(t, out) : go_on_unknown(t);
}

/* ---- the greeting (RFC 9051, 7.1) ---- */

/* A mailbox that is open from the start may be shown inside TLS, and a client that was told to log
 * in after the upgrade would not know what to do with it. */
static enum step on_preauth(struct dialogue *t, const struct imap_response *r,
                            struct dialogue_out *out)
{
    if (t->facts.mode != DIALOGUE_INSIDE || t->facts.upgraded)
        return imap_protocol_error(t, DIALOGUE_REFUSED, r->raw, out);
    const enum step step = imap_put_response(t, r, true, out);
    return step == STEP_TAKEN ? STEP_RELAYING : step;
}

static enum step on_bye(struct dialogue *t, const struct imap_response *r, struct dialogue_out *out)
{
    if (t->facts.upgraded)
        return imap_protocol_error(t, DIALOGUE_REFUSED, r->raw, out);
    t->reason = DIALOGUE_SENT_AWAY;
    const enum step step = imap_put_response(t, r, false, out);
    return step == STEP_TAKEN ? STEP_CLOSING : step;
}

/* There is none after the upgrade (RFC 9051, 6.2.1). */
enum step imap_on_greeting(struct dialogue *t, const struct imap_response *r,
                           struct dialogue_out *out)
{
    if (r->line.size == 0) /* some servers put empty lines between what they say */
        return STEP_TAKEN;
    if (!slice_is(r->first, "*"))
        return imap_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, r->raw, out);
    if (slice_is(r->second, "PREAUTH"))
        return on_preauth(t, r, out);
    if (slice_is(r->second, "BYE"))
        return on_bye(t, r, out);
    if (!slice_is(r->second, "OK"))
        return imap_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, r->raw, out);
    enum step step = STEP_TAKEN;
    if (!t->facts.upgraded)
        step = imap_put_response(t, r, false, out);
    return step == STEP_TAKEN ? introduce(t, r, out) : step;
}

/* ---- answers to us ---- */

/* Nobody but us has asked anything, so what looks like an answer is one to us, whatever its tag.
 * But the right one may follow. */
static bool is_answer(struct dialogue *t, const struct imap_response *r, const char *tag)
{
    if (slice_is(r->first, tag)) {
        imap_of(t)->owed = false;
        return true;
    }
    if (slice_is(r->first, "*") || imap_is_own_tag(r->first) || !imap_is_condition(r->second))
        return false;
    imap_of(t)->owed = true;
    return true;
}

static enum step on_own_list(struct dialogue *t, const struct imap_response *r,
                             struct dialogue_out *out)
{
    struct imap_dialogue *i = imap_of(t);
    if (r->has_list)
        i->offers_id = imap_list_has(&r->list, "ID");
    if (is_answer(t, r, LIST_TAG))
        return i->offers_id ? tell_identity(t, out) : go_on_unknown(t);
    return slice_is(r->first, "*") && slice_is(r->second, "CAPABILITY") ? STEP_TAKEN : STEP_LEFT;
}

/* An upstream that refuses sees our own address; there is nothing else to be done. */
static enum step on_own_identity(struct dialogue *t, const struct imap_response *r,
                                 struct dialogue_out *out)
{
    if (is_answer(t, r, IDENTITY_TAG))
        return slice_is(r->second, "OK") ? open_dialogue(t) : go_on_unknown(t);
    return slice_is(r->first, "*") && slice_is(r->second, "ID") ? imap_on_data(t, r, true, out)
                                                                : STEP_LEFT;
}

enum step imap_opening_refused(struct dialogue *t)
{
    imap_of(t)->owed = true;
    return go_on_unknown(t);
}

/* Tags tell late answers from others; but what is in the middle of one cannot be read. */
bool imap_unanswered(struct dialogue *t)
{
    const struct imap_dialogue *i = imap_of(t);
    if (i->data > 0 || i->data_rest)
        return false;
    imap_opening_refused(t);
    return true;
}

bool imap_is_own_tag(struct slice tag)
{
    return slice_is(tag, LIST_TAG) || slice_is(tag, IDENTITY_TAG);
}

bool imap_is_owed(struct dialogue *t, struct slice tag)
{
    struct imap_dialogue *i = imap_of(t);
    if (!i->owed || !imap_is_own_tag(tag))
        return false;
    i->owed = false;
    return true;
}

enum step imap_on_opening(struct dialogue *t, const struct imap_response *r,
                          struct dialogue_out *out)
{
    if (slice_is(r->first, "+"))
        return imap_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, r->raw, out);
    const enum step step =
        imap_of(t)->opening == IMAP_OWN_LIST ? on_own_list(t, r, out) : on_own_identity(t, r, out);
    return step == STEP_LEFT && !slice_is(r->first, "*") ? STEP_TAKEN : step; /* no response */
}
