/* imap_reply.c - the upstream's responses on their way back. See imap.h. */
#include "proxy/starttls/imap_inner.h"

#include <string.h>

/* Nobody has more than a few lines to say while the client waits for the first time, nor a literal
 * larger than a line to say to us. */
enum { OPENING_LINES_MAX = 64, OWN_DATA_MAX = LINE_MAX_IMAP };

static bool is_under_way(const struct imap_talk *i, enum imap_asked asked)
{
    return i->tag_size > 0 && i->asked == asked;
}

static void put(struct buf *out, struct slice s)
{
    buf_put(out, s.data, s.size);
}

/* ---- lists ---- */

/* A control character could hide a part of the list from us and not from the client. */
enum imap_step imap_put_response(struct talk *t, const struct imap_response *r, bool success,
                                 struct talk_out *out)
{
    if (!r->has_list) {
        put(out->to_client, r->raw);
        return IMAP_TAKEN;
    }
    if (slice_has_controls(r->line))
        return imap_broken(t, out);
    const struct imap_edit edit = {
        .upgrade =
            t->facts.mode == TALK_OPTIONAL && !success, /* RFC 9051, 6.2.1: not after login */
        .hide_passwords = talk_holds_back(t),
    };
    imap_put_list(out->to_client, &r->list, &edit);
    t->as.imap.listed = true;
    return IMAP_TAKEN;
}

/* ---- the answer to the client's command ---- */

/* A server from before IMAP4 does not know CAPABILITY; its clients can upgrade all the same. What
 * the list says is what RFC 9051, 6.1.1 wants in every list. */
static enum imap_step make_up_list(struct talk *t, const struct imap_response *r,
                                   struct talk_out *out)
{
    buf_printf(out->to_client, "* CAPABILITY IMAP4rev1 STARTTLS%s\r\n",
               talk_holds_back(t) ? " LOGINDISABLED" : "");
    put(out->to_client, r->first);
    buf_puts(out->to_client, " OK CAPABILITY completed\r\n");
    return IMAP_TAKEN;
}

static enum imap_step put_answer(struct talk *t, const struct imap_response *r,
                                 enum imap_asked asked, struct talk_out *out)
{
    const bool ok = slice_is(r->second, "OK");
    if (asked == IMAP_ASKED_CAPABILITY && t->facts.mode == TALK_OPTIONAL && !t->as.imap.listed &&
        !r->has_list)
        return make_up_list(t, r, out);
    const enum imap_step step = imap_put_response(t, r, ok && asked == IMAP_ASKED_LOGIN, out);
    if (step != IMAP_TAKEN)
        return step;
    if (ok && (asked == IMAP_ASKED_LOGIN || asked == IMAP_ASKED_COMPRESS))
        return IMAP_RELAYING;
    if (asked == IMAP_ASKED_LOGOUT)
        return IMAP_CLOSING;
    return slice_is(r->second, "BAD") ? imap_count_error(t, out, IMAP_TAKEN) : IMAP_TAKEN;
}

/* A literal that the client sends in any case is skipped with what follows it. */
static enum imap_step on_answer(struct talk *t, const struct imap_response *r, struct talk_out *out)
{
    struct imap_talk *i = &t->as.imap;
    if (i->state == IMAP_LITERAL || i->state == IMAP_REST)
        return imap_broken(t, out); /* it took the literal, and does not wait for it */
    const bool comes = i->state == IMAP_WAITING && i->literal_waits && i->literal_comes;
    i->tag_size = 0;
    i->state = IMAP_COMMANDS;
    enum imap_step step = put_answer(t, r, i->asked, out);
    if (step == IMAP_TAKEN && comes)
        step = imap_skip(t, IMAP_NONSYNC, i->literal, out);
    return step == IMAP_TAKEN ? IMAP_TURN : step;
}

/* With another tag it answers nothing that was asked: a client would take it for the answer to what
 * it says next. */
static enum imap_step on_tagged(struct talk *t, const struct imap_response *r, struct talk_out *out)
{
    const struct imap_talk *i = &t->as.imap;
    if (i->tag_size > 0 && r->first.size == i->tag_size &&
        memcmp(r->first.data, i->tag, i->tag_size) == 0)
        return on_answer(t, r, out);
    return imap_broken(t, out);
}

/* ---- the other responses ---- */

/* RFC 9051, 7.6. A client that did not wait for it does not expect it either. Where passwords are
 * held back, no command that passes can ask for more, and what the client said then could be
 * one. */
static enum imap_step on_continuation(struct talk *t, const struct imap_response *r,
                                      struct talk_out *out)
{
    struct imap_talk *i = &t->as.imap;
    if (i->state != IMAP_WAITING || talk_holds_back(t))
        return imap_broken(t, out);
    if (!i->literal_waits || !i->literal_comes)
        put(out->to_client, r->raw);
    i->state = i->literal_waits ? IMAP_LITERAL : IMAP_RESPONSE;
    return IMAP_TURN;
}

/* Literals are in responses that carry data, and not in words for people (RFC 9051, 7). */
static enum imap_step on_data(struct talk *t, const struct imap_response *r, bool ours,
                              struct talk_out *out)
{
    struct imap_talk *i = &t->as.imap;
    const enum imap_literal literal = imap_literal_at(r->line, &i->data);
    if (literal == IMAP_DOUBTFUL || literal == IMAP_NONSYNC || (ours && i->data > OWN_DATA_MAX))
        return imap_broken(t, out);
    i->data_rest = literal == IMAP_SYNC;
    i->data_ours = ours;
    if (!ours)
        put(out->to_client, r->raw);
    return IMAP_TAKEN;
}

enum imap_step imap_swallow(struct talk *t, const struct imap_response *r, struct talk_out *out)
{
    return on_data(t, r, true, out);
}

/* A PREAUTH behind the greeting would be a mailbox that nobody logged in to. */
static enum imap_step on_untagged(struct talk *t, const struct imap_response *r,
                                  struct talk_out *out)
{
    const struct imap_talk *i = &t->as.imap;
    if (slice_is(r->second, "PREAUTH"))
        return imap_broken(t, out);
    const bool condition = imap_is_condition(r->second);
    if (!condition && !r->has_list)
        return on_data(t, r, false, out);
    const enum imap_step step = imap_put_response(t, r, is_under_way(i, IMAP_ASKED_LOGIN), out);
    if (step != IMAP_TAKEN || !slice_is(r->second, "BYE"))
        return step;
    return is_under_way(i, IMAP_ASKED_LOGOUT) ? IMAP_TAKEN : IMAP_CLOSING;
}

static enum imap_step on_response(struct talk *t, const struct imap_response *r,
                                  struct talk_out *out)
{
    struct imap_talk *i = &t->as.imap;
    if (i->state == IMAP_OPENING && i->opening == IMAP_GREETING)
        return imap_on_greeting(t, r, out);
    if (i->state == IMAP_OPENING) {
        const enum imap_step step = imap_on_opening(t, r, out);
        if (step != IMAP_LEFT)
            return step;
    }
    if (slice_is(r->first, "+"))
        return on_continuation(t, r, out);
    return slice_is(r->first, "*") ? on_untagged(t, r, out) : on_tagged(t, r, out);
}

/* ---- lines and literals ---- */

static enum imap_step take_data(struct imap_talk *i, struct slice *in, struct talk_out *out)
{
    const size_t n = i->data < in->size ? (size_t)i->data : in->size;
    if (!i->data_ours)
        buf_put(out->to_client, in->data, n);
    in->data += n;
    in->size -= n;
    i->data -= n;
    return IMAP_TAKEN;
}

static void read_response(struct imap_response *r)
{
    r->rest = r->line;
    r->first = line_word(&r->rest);
    r->second = line_word(&r->rest);
    r->has_list = imap_find_list(r->line, &r->list);
}

enum imap_step imap_take_response(struct talk *t, struct slice *in, struct talk_out *out)
{
    struct imap_talk *i = &t->as.imap;
    if (i->data > 0)
        return take_data(i, in, out);
    struct imap_response r = {.raw.data = in->data};
    const size_t before = in->size;
    switch (line_next(in, LINE_MAX_IMAP, &r.line, NULL)) {
    case LINE_MORE:
        return IMAP_LEFT;
    case LINE_TOO_LONG:
        return imap_broken(t, out);
    case LINE_OK:
        break;
    }
    r.raw.size = before - in->size;
    if (i->state == IMAP_OPENING && ++i->opening_lines > OPENING_LINES_MAX)
        return imap_broken(t, out);
    if (i->data_rest) {
        const enum imap_step step = on_data(t, &r, i->data_ours, out);
        return step == IMAP_TAKEN && !i->data_rest ? IMAP_TURN : step;
    }
    read_response(&r);
    return on_response(t, &r, out);
}
