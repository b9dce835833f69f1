/* imap_reply.c - the upstream's responses on their way back. See imap.h. */
#include "proxy/starttls/imap_inner.h"

/* Nobody has more than a few lines to say while the client waits for the first time. */
enum { OPENING_LINES_MAX = 64 };

static bool is_under_way(const struct imap_dialogue *i, enum imap_asked asked)
{
    return i->tag_size > 0 && i->asked == asked;
}

static void put(struct buf *out, struct slice s)
{
    buf_put(out, s.data, s.size);
}

/* ---- the answer to the client's command ---- */

/* A server from before IMAP4 does not know CAPABILITY; its clients can upgrade all the same. What
 * the list says is what RFC 9051, 6.1.1 wants in every list. */
static enum step make_up_list(struct dialogue *t, const struct imap_response *r,
                              struct dialogue_out *out)
{
    buf_printf(out->to_client, "* CAPABILITY IMAP4rev1 STARTTLS%s\r\n",
               dialogue_withholds(t) ? " LOGINDISABLED" : "");
    put(out->to_client, r->first);
    buf_puts(out->to_client, " OK CAPABILITY completed\r\n");
    return STEP_TAKEN;
}

static enum step put_answer(struct dialogue *t, const struct imap_response *r,
                            enum imap_asked asked, struct dialogue_out *out)
{
    const bool ok = slice_is(r->second, "OK");
    if (asked == IMAP_ASKED_CAPABILITY && !imap_of(t)->listed && !r->has_list)
        return make_up_list(t, r, out);
    const enum step step = imap_put_response(t, r, ok && asked == IMAP_ASKED_LOGIN, out);
    if (step != STEP_TAKEN)
        return step;
    if (ok && asked == IMAP_ASKED_LOGIN)
        return STEP_RELAYING;
    if (asked == IMAP_ASKED_LOGOUT) {
        t->reason = DIALOGUE_OVER;
        return STEP_CLOSING;
    }
    return slice_is(r->second, "BAD") ? imap_count_error(t, out, STEP_TAKEN) : STEP_TAKEN;
}

/* A literal that the client sends in any case is skipped with what follows it. */
static enum step on_answer(struct dialogue *t, const struct imap_response *r,
                           struct dialogue_out *out)
{
    struct imap_dialogue *i = imap_of(t);
    if (i->state == IMAP_LITERAL || i->state == IMAP_REST)
        return imap_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, r->raw,
                                   out); /* it took the literal, and does not wait for it */
    const bool comes = i->state == IMAP_WAITING && i->literal_waits && i->literal_comes;
    i->tag_size = 0;
    i->answered = false;
    i->state = IMAP_COMMANDS;
    enum step step = put_answer(t, r, i->asked, out);
    if (step == STEP_TAKEN && comes)
        step = imap_skip(t, IMAP_NONSYNC, i->literal, out);
    return step == STEP_TAKEN ? STEP_TURN : step;
}

/* With another tag it answers nothing that was asked: a client would take it for the answer to what
 * it says next. But it may be late, where something untagged stood for it before; and some servers
 * write tags in another case. */
static enum step on_tagged(struct dialogue *t, const struct imap_response *r,
                           struct dialogue_out *out)
{
    const struct imap_dialogue *i = imap_of(t);
    if (i->tag_size > 0 && slice_equal(r->first, (struct slice){i->tag, i->tag_size}))
        return on_answer(t, r, out);
    if (imap_is_owed(t, r->first))
        return STEP_TAKEN;
    if (!i->untidy && imap_is_condition(r->second))
        return imap_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, r->raw, out);
    put(out->to_client, r->raw); /* or no response at all */
    return STEP_TAKEN;
}

/* ---- the other responses ---- */

/* RFC 9051, 7.6. A client that did not wait for it does not expect it either. Where passwords are
 * held back, no command that passes can ask for more, and what the client said then could be
 * one. */
static enum step on_continuation(struct dialogue *t, const struct imap_response *r,
                                 struct dialogue_out *out)
{
    struct imap_dialogue *i = imap_of(t);
    if ((i->state != IMAP_WAITING && !i->answered) || dialogue_withholds(t))
        return imap_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, r->raw, out);
    if (!i->literal_waits || !i->literal_comes)
        put(out->to_client, r->raw);
    i->state = i->literal_waits ? IMAP_LITERAL : IMAP_RESPONSE;
    return STEP_TURN;
}

/* Some servers refuse a command by an untagged response alone. It may be a mere warning too, so the
 * tagged one is still awaited, but the client's next command does not wait for it. */
static enum step on_untagged_refusal(struct dialogue *t)
{
    struct imap_dialogue *i = imap_of(t);
    if (i->state == IMAP_OPENING)
        return imap_opening_refused(t);
    if (i->tag_size == 0 || i->state != IMAP_WAITING || i->literal_comes)
        return STEP_TAKEN;
    i->answered = i->untidy = true;
    i->state = IMAP_COMMANDS;
    return STEP_TURN;
}

/* A PREAUTH behind the greeting would be a mailbox that nobody logged in to. */
static enum step on_untagged(struct dialogue *t, const struct imap_response *r,
                             struct dialogue_out *out)
{
    struct imap_dialogue *i = imap_of(t);
    if (slice_is(r->second, "PREAUTH"))
        return imap_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, r->raw, out);
    const bool condition = imap_is_condition(r->second);
    if (!condition && !r->has_list)
        return imap_on_data(t, r, false, out);
    const enum step step = imap_put_response(t, r, is_under_way(i, IMAP_ASKED_LOGIN), out);
    if (step == STEP_TAKEN && (slice_is(r->second, "NO") || slice_is(r->second, "BAD")))
        return on_untagged_refusal(t);
    if (step != STEP_TAKEN || !slice_is(r->second, "BYE"))
        return step;
    t->reason = DIALOGUE_SENT_AWAY;
    return is_under_way(i, IMAP_ASKED_LOGOUT) ? STEP_TAKEN : STEP_CLOSING;
}

static enum step on_response(struct dialogue *t, const struct imap_response *r,
                             struct dialogue_out *out)
{
    struct imap_dialogue *i = imap_of(t);
    if (i->state == IMAP_OPENING && i->opening == IMAP_GREETING)
        return imap_on_greeting(t, r, out);
    if (i->state == IMAP_OPENING) { /* STEP_LEFT: untagged, and none of ours */
        const enum step step = imap_on_opening(t, r, out);
        if (step != STEP_LEFT)
            return step;
    }
    if (slice_is(r->first, "+"))
        return on_continuation(t, r, out);
    return slice_is(r->first, "*") ? on_untagged(t, r, out) : on_tagged(t, r, out);
}

/* ---- lines and literals ---- */

static enum step take_data(struct imap_dialogue *i, struct slice *in, struct dialogue_out *out)
{
    const size_t n = i->data < in->size ? (size_t)i->data : in->size;
    if (!i->data_ours)
        buf_put(out->to_client, in->data, n);
    in->data += n;
    in->size -= n;
    i->data -= n;
    return STEP_TAKEN;
}

static void read_response(struct imap_response *r)
{
    r->rest = r->line;
    r->first = line_word(&r->rest);
    r->second = line_word(&r->rest);
    r->has_list = imap_find_list(r->line, &r->list);
}

enum step imap_take_response(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct imap_dialogue *i = imap_of(t);
    if (i->data > 0)
        return take_data(i, in, out);
    struct imap_response r = {.raw.data = in->data};
    const size_t before = in->size;
    switch (line_next(in, LINE_MAX_IMAP, &r.line, NULL)) {
    case LINE_MORE:
        return STEP_LEFT;
    case LINE_TOO_LONG:
        return imap_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, *in, out);
    case LINE_OK:
        break;
    }
    r.raw.size = before - in->size;
    if (i->state == IMAP_OPENING && ++i->opening_lines > OPENING_LINES_MAX)
        return imap_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, r.raw, out);
    if (i->data_rest) {
        const enum step step = imap_on_data(t, &r, i->data_ours, out);
        return step == STEP_TAKEN && !i->data_rest ? STEP_TURN : step;
    }
    read_response(&r);
    return on_response(t, &r, out);
}
