/* smtp_reply.c - the upstream's replies on their way back. See smtp.h. */
#include "proxy/starttls/smtp_inner.h"

/* How far we look ahead over capabilities that are taken out; more than any server has. */
enum { AHEAD_MAX = 4 * SMTP_LINE_MAX };

/* ---- lines ---- */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

enum line_result smtp_reply_next(struct slice *in, struct smtp_reply_line *r)
{
    struct slice line;
    const uint8_t *start = in->data;
    const enum line_result result = line_next(in, SMTP_LINE_MAX, &line, NULL);
    if (result != LINE_OK)
        return result;
    *r = (struct smtp_reply_line){.raw = {start, (size_t)(in->data - start)}, .text = {start, 0}};
    if (line.size < 3 || !is_digit(line.data[0]) || !is_digit(line.data[1]) ||
        !is_digit(line.data[2]))
        return LINE_OK;
    for (int i = 0; i < 3; i++)
        r->code = r->code * 10 + (unsigned)(line.data[i] - '0');
    r->final = line.size == 3 || line.data[3] != '-';
    if (line.size > 4)
        r->text = (struct slice){line.data + 4, line.size - 4};
    return LINE_OK;
}

struct slice smtp_keyword(struct slice text, struct slice *parameters_r)
{
    struct slice word = line_word(&text);
    if (word.size == 0) /* white space in front */
        word = line_word(&text);
    if (parameters_r != NULL)
        *parameters_r = text;
    /* "AUTH=LOGIN" is AUTH as servers before RFC 2554 wrote it. */
    size_t size = 0;
    while (size < word.size && word.data[size] != '=')
        size++;
    return (struct slice){word.data, size};
}

bool smtp_is_syntax(unsigned code)
{
    return code >= 500 && code <= 504;
}

static bool is_class(unsigned code, unsigned class)
{
    return code / 100 == class;
}

static void put_raw(const struct smtp_reply_line *r, struct talk_out *out)
{
    buf_put(out->to_client, r->raw.data, r->raw.size);
}

/* ---- capabilities ---- */

/* A line behind the first of a list. Ways into TLS are ours alone, and so is the word about who the
 * client is. What is no capability goes too: who knows how the client reads it. */
static bool is_hidden(const struct talk *t, const struct smtp_reply_line *r)
{
    static const char *const ours[] = {"STARTTLS", "X-ANONYMOUSTLS", "XCLIENT", "XFORWARD"};
    const struct slice word = smtp_keyword(r->text, NULL);
    if (!is_class(r->code, 2) || smtp_has_controls(r->text))
        return true;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (slice_is(word, ours[i]))
            return true;
    return talk_holds_back(t) && (slice_is(word, "AUTH") || slice_is(word, "X-EXPS"));
}

static void put_list_line(const struct smtp_reply_line *r, char separator, struct talk_out *out)
{
    buf_printf(out->to_client, "%u%c", r->code, separator);
    buf_put(out->to_client, r->text.data, r->text.size);
    buf_puts(out->to_client, "\r\n");
}

/* Is there a line behind `r` that the client will see? LINE_OK: *more_r tells. */
static enum line_result look_ahead(const struct talk *t, struct slice behind, bool *more_r)
{
    struct smtp_reply_line next = {0};
    enum line_result result;
    *more_r = false;
    const size_t all = behind.size;
    do {
        result = smtp_reply_next(&behind, &next);
        if (result != LINE_OK)
            return result;
        if (all - behind.size > AHEAD_MAX)
            return LINE_TOO_LONG;
        *more_r = !is_hidden(t, &next);
    } while (!*more_r && !next.final);
    return LINE_OK;
}

/* OPTIONAL: STARTTLS is always the last line, so a line that passes is never the last. */
static void list_line_optional(const struct talk *t, const struct smtp_reply_line *r,
                               struct talk_out *out)
{
    if (!t->as.smtp.inside_list || !is_hidden(t, r))
        put_list_line(r, '-', out);
    if (r->final)
        buf_puts(out->to_client, "250 STARTTLS\r\n");
}

/* INSIDE: the last of those that pass must look like the last. */
static enum step list_line_inside(struct talk *t, const struct smtp_reply_line *r,
                                  struct slice behind, struct talk_out *out)
{
    bool more = false;
    if (t->as.smtp.inside_list && is_hidden(t, r))
        return STEP_TAKEN;
    const enum line_result result = r->final ? LINE_OK : look_ahead(t, behind, &more);
    if (result == LINE_TOO_LONG)
        return smtp_broken(t, out);
    if (result == LINE_MORE)
        return STEP_LEFT;
    put_list_line(r, more ? '-' : ' ', out);
    return STEP_TAKEN;
}

static enum step list_line(struct talk *t, const struct smtp_reply_line *r, struct slice behind,
                           struct talk_out *out)
{
    struct smtp_talk *s = &t->as.smtp;
    enum step step = STEP_TAKEN;
    if (t->facts.mode == TALK_OPTIONAL)
        list_line_optional(t, r, out);
    else
        step = list_line_inside(t, r, behind, out);
    if (step == STEP_LEFT)
        return step;
    const bool chunking = slice_is(smtp_keyword(r->text, NULL), "CHUNKING");
    s->chunking = s->inside_list && (s->chunking || chunking);
    s->inside_list = true;
    return step;
}

/* ---- what a final line changes ---- */

static void no_transaction(struct smtp_talk *s)
{
    s->transaction = false;
    s->recipients = 0;
}

/* Nobody but us sees that an upstream is too old for EHLO. Without that the client would fall back
 * to HELO by itself, but not learn that it can have TLS. */
static bool is_too_old(const struct talk *t, unsigned code)
{
    return t->facts.mode == TALK_OPTIONAL && t->asked.kinds[0] == SMTP_ASKED_EHLO &&
           t->as.smtp.hello == SMTP_HELLO_ASKED && (code == 500 || code == 502);
}

static enum step hello_replied(struct talk *t, unsigned code)
{
    struct smtp_talk *s = &t->as.smtp;
    const enum smtp_asked asked = (enum smtp_asked)t->asked.kinds[0];
    if (asked != SMTP_ASKED_HELO)
        s->hello = is_too_old(t, code) ? SMTP_HELLO_UNKNOWN : SMTP_HELLO_ANSWERED;
    s->state = SMTP_COMMANDS;
    asked_drop(&t->asked);
    if (!is_class(code, 2))
        return STEP_TAKEN;
    no_transaction(s); /* RFC 5321, 4.1.4 */
    s->lmtp = asked == SMTP_ASKED_LHLO;
    return STEP_TAKEN;
}

static enum step other_replied(struct talk *t, unsigned code)
{
    (void)code;
    asked_drop(&t->asked);
    return STEP_TAKEN;
}

/* Closing is told to the client by our caller. */
static enum step unknown_replied(struct talk *t, unsigned code)
{
    asked_drop(&t->asked);
    return smtp_is_syntax(code) && talk_error(t) ? STEP_CLOSING : STEP_TAKEN;
}

static enum step mail_replied(struct talk *t, unsigned code)
{
    struct smtp_talk *s = &t->as.smtp;
    asked_drop(&t->asked);
    if (is_class(code, 2)) {
        s->transaction = true;
        s->recipients = 0;
    }
    return STEP_TAKEN;
}

static enum step rcpt_replied(struct talk *t, unsigned code)
{
    asked_drop(&t->asked);
    if (is_class(code, 2))
        t->as.smtp.recipients++;
    return STEP_TAKEN;
}

static enum step rset_replied(struct talk *t, unsigned code)
{
    asked_drop(&t->asked);
    if (is_class(code, 2))
        no_transaction(&t->as.smtp);
    return STEP_TAKEN;
}

static enum step data_replied(struct talk *t, unsigned code)
{
    struct smtp_talk *s = &t->as.smtp;
    /* The upstream sees an end of the text where there is none, or has given up on it. What follows
     * would be commands to one of us and text to the other. */
    if (s->state == SMTP_TEXT)
        return STEP_CLOSING;
    if (is_class(code, 3)) {
        s->state = SMTP_TEXT;
        s->end = STEP_TEXT_BEGIN;
        return STEP_TAKEN;
    }
    s->state = SMTP_COMMANDS;
    asked_drop(&t->asked);
    return STEP_TAKEN;
}

/* LMTP has one reply for each accepted recipient (RFC 2033, 4.2), unless the command itself was
 * wrong. */
static enum step text_replied(struct talk *t, unsigned code)
{
    struct smtp_talk *s = &t->as.smtp;
    if (s->finals == 0)
        s->finals = s->lmtp && s->recipients > 0 ? s->recipients : 1;
    if (--s->finals > 0 && !smtp_is_syntax(code))
        return STEP_TAKEN;
    s->finals = 0;
    asked_drop(&t->asked);
    no_transaction(s);
    return STEP_TAKEN;
}

static enum step auth_replied(struct talk *t, unsigned code)
{
    struct smtp_talk *s = &t->as.smtp;
    if (is_class(code, 3)) {
        s->state = SMTP_RESPONSE;
        return STEP_TAKEN;
    }
    s->state = SMTP_COMMANDS;
    asked_drop(&t->asked);
    return STEP_TAKEN;
}

static enum step xexch50_replied(struct talk *t, unsigned code)
{
    struct smtp_talk *s = &t->as.smtp;
    if (is_class(code, 3)) {
        s->state = s->bytes > 0 ? SMTP_BYTES : SMTP_COMMANDS;
        return STEP_TAKEN;
    }
    if (s->state == SMTP_WAITING)
        s->state = SMTP_COMMANDS;
    asked_drop(&t->asked);
    return STEP_TAKEN;
}

static enum step turn_replied(struct talk *t, unsigned code)
{
    t->as.smtp.state = SMTP_COMMANDS;
    asked_drop(&t->asked);
    return is_class(code, 2) ? STEP_RELAYING : STEP_TAKEN;
}

static enum step replied(struct talk *t, unsigned code, struct talk_out *out)
{
    static enum step (*const row[SMTP_ASKED_KINDS])(struct talk *, unsigned) = {
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

/* ---- one line ---- */

/* Nobody asked. A complaint is the upstream's last word (421, or 451 in Exchange's way, for a
 * client that was quiet too long); anything else shows that it is out of step with us. */
static enum step unasked(struct talk *t, const struct smtp_reply_line *r, struct talk_out *out)
{
    if (!is_class(r->code, 4) && !is_class(r->code, 5))
        return smtp_broken(t, out);
    put_raw(r, out);
    return r->final ? STEP_CLOSING : STEP_TAKEN;
}

static enum step show(struct talk *t, const struct smtp_reply_line *r, struct slice behind,
                      struct talk_out *out)
{
    const struct smtp_talk *s = &t->as.smtp;
    if (t->asked.count == 0)
        return unasked(t, r, out);
    const bool hello = t->asked.kinds[0] == SMTP_ASKED_EHLO || t->asked.kinds[0] == SMTP_ASKED_LHLO;
    if (hello && (s->inside_list || is_class(r->code, 2)))
        return list_line(t, r, behind, out);
    if (!is_too_old(t, r->code))
        put_raw(r, out);
    return STEP_TAKEN;
}

enum step smtp_take_reply(struct talk *t, struct slice *in, struct talk_out *out)
{
    struct smtp_talk *s = &t->as.smtp;
    struct slice rest = *in;
    struct smtp_reply_line r = {0};
    const enum line_result result = smtp_reply_next(&rest, &r);
    if (result == LINE_MORE)
        return STEP_LEFT;
    if (result == LINE_TOO_LONG || r.code == 0)
        return smtp_broken(t, out);
    const enum step step = show(t, &r, rest, out);
    if (step == STEP_LEFT)
        return step;
    *in = rest;
    if (step != STEP_TAKEN || !r.final)
        return step;
    const unsigned code = s->inside_list ? 250 : r.code; /* what the client has read */
    s->inside_list = false;
    return replied(t, code, out);
}
