/* smtp_reply.c - the upstream's replies on their way back. See smtp.h. */
#include "proxy/starttls/smtp_inner.h"

/* ---- lines ---- */

static void put_raw(const struct smtp_reply_line *r, struct dialogue_out *out)
{
    buf_put(out->to_client, r->raw.data, r->raw.size);
}

/* ---- capabilities ---- */

/* A line behind the first of a list. What is no capability goes too: who knows how the client reads
 * it. */
static bool is_hidden(const struct dialogue *t, const struct smtp_reply_line *r)
{
    const struct slice word = smtp_keyword(r->text, NULL);
    if (!reply_is_class(r->code, 2) || smtp_has_controls(r->text) || smtp_is_ours(word))
        return true;
    return dialogue_withholds(t) && (slice_is(word, "AUTH") || slice_is(word, "X-EXPS"));
}

static void put_list_line(const struct smtp_reply_line *r, char separator, struct dialogue_out *out)
{
    buf_printf(out->to_client, "%u%c", r->code, separator);
    buf_put(out->to_client, r->text.data, r->text.size);
    buf_puts(out->to_client, "\r\n");
}

/* STARTTLS is always the last line, so a line that passes is never the last. What is no reply goes
 * as well. */
static void list_line(struct dialogue *t, const struct smtp_reply_line *r, struct dialogue_out *out)
{
    struct smtp_dialogue *s = smtp_of(t);
    if (!s->inside_list || !is_hidden(t, r))
        put_list_line(r, '-', out);
    if (r->final)
        buf_puts(out->to_client, "250 STARTTLS\r\n");
    const bool chunking = slice_is(smtp_keyword(r->text, NULL), "CHUNKING");
    s->chunking = s->inside_list && (s->chunking || chunking);
    s->inside_list = true;
}

/* ---- what a final line changes ---- */

static void no_transaction(struct smtp_dialogue *s)
{
    s->transaction = false;
    s->recipients = 0;
}

static enum step hello_replied(struct dialogue *t, unsigned code)
{
    struct smtp_dialogue *s = smtp_of(t);
    const enum smtp_asked asked = (enum smtp_asked)t->asked.kinds[0];
    if (asked != SMTP_ASKED_HELO)
        s->hello = SMTP_HELLO_ANSWERED;
    s->state = SMTP_COMMANDS;
    asked_drop(&t->asked);
    if (!reply_is_class(code, 2))
        return STEP_TAKEN;
    no_transaction(s); /* RFC 5321, 4.1.4 */
    s->lmtp = asked == SMTP_ASKED_LHLO;
    return STEP_TAKEN;
}

static enum step other_replied(struct dialogue *t, unsigned code)
{
    (void)code;
    asked_drop(&t->asked);
    return STEP_TAKEN;
}

/* Closing is told to the client by our caller. */
static enum step unknown_replied(struct dialogue *t, unsigned code)
{
    asked_drop(&t->asked);
    return smtp_is_syntax(code) && dialogue_error(t) ? STEP_CLOSING : STEP_TAKEN;
}

static enum step mail_replied(struct dialogue *t, unsigned code)
{
    struct smtp_dialogue *s = smtp_of(t);
    asked_drop(&t->asked);
    if (reply_is_class(code, 2)) {
        s->transaction = true;
        s->recipients = 0;
    }
    return STEP_TAKEN;
}

static enum step rcpt_replied(struct dialogue *t, unsigned code)
{
    asked_drop(&t->asked);
    if (reply_is_class(code, 2))
        smtp_of(t)->recipients++;
    return STEP_TAKEN;
}

static enum step rset_replied(struct dialogue *t, unsigned code)
{
    asked_drop(&t->asked);
    if (reply_is_class(code, 2))
        no_transaction(smtp_of(t));
    return STEP_TAKEN;
}

static enum step data_replied(struct dialogue *t, unsigned code)
{
    struct smtp_dialogue *s = smtp_of(t);
    if (reply_is_class(code, 3)) {
        s->state = SMTP_TEXT;
        hidden_text_begin(&s->text);
        return STEP_TAKEN;
    }
    s->state = SMTP_COMMANDS;
    asked_drop(&t->asked);
    return STEP_TAKEN;
}

/* LMTP has one reply for each accepted recipient, whatever its code (RFC 2033, 4.2). */
static enum step text_replied(struct dialogue *t, unsigned code)
{
    struct smtp_dialogue *s = smtp_of(t);
    if (s->finals == 0)
        s->finals = s->lmtp && s->recipients > 0 ? s->recipients : 1;
    (void)code;
    if (--s->finals > 0)
        return STEP_TAKEN;
    asked_drop(&t->asked);
    no_transaction(s);
    return STEP_TAKEN;
}

static enum step auth_replied(struct dialogue *t, unsigned code)
{
    struct smtp_dialogue *s = smtp_of(t);
    if (reply_is_class(code, 3)) {
        s->state = SMTP_RESPONSE;
        return STEP_TAKEN;
    }
    s->state = SMTP_COMMANDS;
    asked_drop(&t->asked);
    return STEP_TAKEN;
}

static enum step xexch50_replied(struct dialogue *t, unsigned code)
{
    struct smtp_dialogue *s = smtp_of(t);
    if (reply_is_class(code, 3)) {
        s->state = SMTP_COMMANDS;
        if (s->bytes > 0)
            smtp_begin_bytes(t);
        return STEP_TAKEN;
    }
    if (s->state == SMTP_WAITING)
        s->state = SMTP_COMMANDS;
    asked_drop(&t->asked);
    return STEP_TAKEN;
}

static enum step turn_replied(struct dialogue *t, unsigned code)
{
    smtp_of(t)->state = SMTP_COMMANDS;
    asked_drop(&t->asked);
    return reply_is_class(code, 2) ? STEP_RELAYING : STEP_TAKEN;
}

static enum step replied(struct dialogue *t, unsigned code, struct dialogue_out *out)
{
    static enum step (*const row[SMTP_ASKED_KINDS])(struct dialogue *, unsigned) = {
        [SMTP_ASKED_OTHER] = other_replied, [SMTP_ASKED_UNKNOWN] = unknown_replied,
        [SMTP_ASKED_EHLO] = hello_replied,  [SMTP_ASKED_LHLO] = hello_replied,
        [SMTP_ASKED_HELO] = hello_replied,  [SMTP_ASKED_MAIL] = mail_replied,
        [SMTP_ASKED_RCPT] = rcpt_replied,   [SMTP_ASKED_RSET] = rset_replied,
        [SMTP_ASKED_DATA] = data_replied,   [SMTP_ASKED_TEXT] = text_replied,
        [SMTP_ASKED_BDAT] = other_replied,  [SMTP_ASKED_LAST] = text_replied,
        [SMTP_ASKED_AUTH] = auth_replied,   [SMTP_ASKED_XEXCH50] = xexch50_replied,
        [SMTP_ASKED_TURN] = turn_replied,
    };
    const enum smtp_asked asked = (enum smtp_asked)t->asked.kinds[0];
    const enum step step = row[asked](t, code);
    if (step == STEP_CLOSING && asked == SMTP_ASKED_UNKNOWN)
        smtp_goodbye(t, out);
    return step;
}

/* ---- an upstream too old for EHLO ---- */

/* Nobody refuses at greater length. */
enum { REFUSAL_MAX = 4 * SMTP_LINE_MAX };

/* The reply at the front of *in, of whatever lines. */
static enum line_result whole_reply(struct slice *in, struct smtp_reply_line *last)
{
    *last = (struct smtp_reply_line){0};
    enum line_result result = LINE_OK;
    while (result == LINE_OK && !last->final)
        result = smtp_reply_next(in, last);
    return result;
}

/* Nobody but us sees that. Without it the client would fall back to HELO by itself, but not learn
 * that it can have TLS. The refusal stays where it is until there is an answer to HELO: an upstream
 * that hangs up instead leaves it to the client. */
static bool is_too_old(struct dialogue *t, struct slice in)
{
    struct smtp_dialogue *s = smtp_of(t);
    struct smtp_reply_line last;
    if (t->asked.count == 0 || t->asked.kinds[0] != SMTP_ASKED_EHLO ||
        s->hello != SMTP_HELLO_ASKED || s->inside_list)
        return false;
    struct slice first = in;
    if (smtp_reply_next(&first, &last) != LINE_OK || !smtp_is_hello_unknown(last.code))
        return false;
    if (whole_reply(&in, &last) != LINE_OK || !smtp_is_hello_unknown(last.code))
        return false;
    s->hello = SMTP_HELLO_UNKNOWN;
    s->state = SMTP_COMMANDS;
    asked_drop(&t->asked);
    t->turn = true;
    return true;
}

/* Could it be the beginning of such a refusal? */
static bool may_be_too_old(const struct dialogue *t, const struct smtp_reply_line *r)
{
    return t->asked.count > 0 && t->asked.kinds[0] == SMTP_ASKED_EHLO &&
           smtp_of(t)->hello == SMTP_HELLO_ASKED && !smtp_of(t)->inside_list && !r->final &&
           smtp_is_hello_unknown(r->code);
}

/* ---- one line ---- */

/* Nobody asked. A complaint is the upstream's last word (421, or 451 in Exchange's way, for a
 * client that was quiet too long); anything else shows that it is out of step with us. */
static enum step unasked(struct dialogue *t, const struct smtp_reply_line *r,
                         struct dialogue_out *out)
{
    if (!reply_is_class(r->code, 4) && !reply_is_class(r->code, 5))
        return smtp_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, r->raw, out);
    put_raw(r, out);
    t->reason = DIALOGUE_SENT_AWAY;
    return r->final ? STEP_CLOSING : STEP_TAKEN;
}

/* The upstream sees an end of the text where there is none, or has given up on it. What follows
 * would be commands to one of us and text to the other. */
static enum step amid_text(struct dialogue *t, const struct smtp_reply_line *r,
                           struct dialogue_out *out)
{
    put_raw(r, out);
    if (smtp_of(t)->text.doubtful)
        t->reason = DIALOGUE_UNREADABLE; /* for its ends of lines */
    else
        dialogue_blame(t, DIALOGUE_PROTOCOL_ERROR, r->raw);
    return r->final ? STEP_CLOSING : STEP_TAKEN;
}

static enum step show(struct dialogue *t, const struct smtp_reply_line *r, struct dialogue_out *out)
{
    const struct smtp_dialogue *s = smtp_of(t);
    if (r->code == 0) { /* no reply */
        if (!s->inside_list)
            put_raw(r, out);
        return STEP_TAKEN;
    }
    if (t->asked.count == 0)
        return unasked(t, r, out);
    if (s->state == SMTP_TEXT)
        return amid_text(t, r, out);
    const bool hello = t->asked.kinds[0] == SMTP_ASKED_EHLO || t->asked.kinds[0] == SMTP_ASKED_LHLO;
    if (hello && (s->inside_list || reply_is_class(r->code, 2)))
        list_line(t, r, out);
    else
        put_raw(r, out);
    return STEP_TAKEN;
}

static enum step turn(enum step step)
{
    return step == STEP_TAKEN ? STEP_TURN : step;
}

enum step smtp_take_reply(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct smtp_dialogue *s = smtp_of(t);
    struct slice rest = *in;
    struct smtp_reply_line r = {0};
    if (s->hello == SMTP_HELLO_UNKNOWN || is_too_old(t, rest))
        return STEP_LEFT;
    if (s->hello == SMTP_HELLO_AS_HELO)
        whole_reply(&rest, &r);
    const enum line_result result = smtp_reply_next(&rest, &r);
    if (result == LINE_MORE || (in->size < REFUSAL_MAX && may_be_too_old(t, &r)))
        return STEP_LEFT;
    if (result == LINE_TOO_LONG)
        return smtp_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, rest, out);
    const enum step step = show(t, &r, out);
    *in = rest;
    if (s->hello == SMTP_HELLO_AS_HELO)
        s->hello = SMTP_HELLO_REPLYING;
    if (step != STEP_TAKEN || !r.final)
        return step;
    const unsigned code = s->inside_list ? 250 : r.code; /* what the client has read */
    s->inside_list = false;
    return turn(replied(t, code, out));
}
