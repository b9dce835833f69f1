/* nntp_reply.c - the upstream's greeting, replies and texts on their way back. See nntp.h. */
#include "proxy/starttls/nntp_inner.h"

/* ---- lines ---- */

unsigned nntp_code_of(struct slice line)
{
    const struct slice word = line_word(&line);
    if (word.size != 3 || !byte_is_digit(word.data[0]) || !byte_is_digit(word.data[1]) ||
        !byte_is_digit(word.data[2]))
        return 0;
    return (unsigned)(word.data[0] - '0') * 100 + (unsigned)(word.data[1] - '0') * 10 +
           (unsigned)(word.data[2] - '0');
}

static bool is_error(unsigned code)
{
    return reply_is_class(code, 4) || reply_is_class(code, 5);
}

/* RFC 3977, 3.2: the code tells whether a text follows, but for 211. RFC 2980 has 282 of XGTITLE
 * (2.9), 218 of XINDEX (2.10) and 288 of XTHREAD (2.13). */
bool nntp_has_text(unsigned code)
{
    static const unsigned codes[] = {100, 101, 215, 218, 220, 221, 222,
                                     224, 225, 230, 231, 282, 288};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (code == codes[i])
            return true;
    return false;
}

static bool text_follows(enum nntp_asked asked, unsigned code)
{
    return nntp_has_text(code) || (code == 211 && asked == NNTP_ASKED_LISTGROUP);
}

static void put(struct slice line, struct dialogue_out *out)
{
    step_put_line(out->to_client, line);
}

/* RFC 4642, 2.2.2: there is no greeting after the upgrade. */
static enum step greeted(struct dialogue *t, unsigned code, struct slice line,
                         struct dialogue_out *out)
{
    if (line.size == 0) /* some servers put empty lines between what they say */
        return STEP_TAKEN;
    if (!reply_is_class(code, 2) && !is_error(code))
        return nntp_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, line, out);
    if (t->facts.upgraded && is_error(code))
        return nntp_protocol_error(t, DIALOGUE_REFUSED, line, out);
    if (!t->facts.upgraded)
        put(line, out);
    nntp_of(t)->state = NNTP_COMMANDS;
    if (!is_error(code))
        return STEP_TURN;
    t->reason = DIALOGUE_SENT_AWAY;
    return STEP_CLOSING;
}

/* ---- capabilities ---- */

/* The way into TLS is ours alone; compression would hide from us when to open it. What is no
 * capability goes too: who knows how the client reads it. */
static bool is_hidden(const struct dialogue *t, struct slice word, struct slice line)
{
    if (word.size == 0 || slice_has_controls(line) || slice_is(word, "STARTTLS"))
        return true;
    return (nntp_may_upgrade(t) && slice_is(word, "COMPRESS")) ||
           (dialogue_withholds(t) && slice_is(word, "SASL"));
}

static void put_capability(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    struct slice rest = line;
    const struct slice word = line_word(&rest);
    if (is_hidden(t, word, line))
        return;
    if (slice_is(word, "STREAMING"))
        nntp_of(t)->streaming = true;
    /* RFC 4643, 2.1: without arguments, none may be tried yet. */
    put(dialogue_withholds(t) && slice_is(word, "AUTHINFO") ? word : line, out);
}

static enum step take_capability(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct nntp_dialogue *n = nntp_of(t);
    struct slice line;
    const enum line_result result = line_next(in, NNTP_LINE_MAX, &line, NULL);
    if (result == LINE_MORE)
        return STEP_LEFT;
    if (result == LINE_TOO_LONG)
        return nntp_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, *in, out);
    if (!slice_is(line, ".")) {
        put_capability(t, line, out);
        return STEP_TAKEN;
    }
    buf_puts(out->to_client, nntp_may_upgrade(t) ? "STARTTLS\r\n.\r\n" : ".\r\n");
    n->coming = NNTP_REPLY;
    asked_drop(&t->asked);
    return STEP_TURN;
}

/* A server too old for CAPABILITIES, which is what READER and POST stand for. Without them a client
 * that goes by the list would find no use for us, with or without TLS. */
static void put_list_of_old(const struct dialogue *t, struct dialogue_out *out)
{
    buf_printf(out->to_client,
               "101 Capability list:\r\nVERSION 2\r\nREADER\r\nPOST\r\n"
               "AUTHINFO%s\r\nSTARTTLS\r\n.\r\n",
               dialogue_withholds(t) ? "" : " USER");
}

/* ---- what a reply changes ---- */

/* The reply to the oldest is complete but for its text. */
static enum step other_replied(struct dialogue *t, unsigned code, struct slice line,
                               struct dialogue_out *out)
{
    struct nntp_dialogue *n = nntp_of(t);
    put(line, out);
    if (text_follows((enum nntp_asked)t->asked.kinds[0], code)) {
        n->coming = NNTP_BLOCK;
        n->block_begun = false;
        n->block_crlf = n->block_lf_only = true;
        return STEP_TAKEN;
    }
    asked_drop(&t->asked);
    return STEP_TURN;
}

static enum step unknown_replied(struct dialogue *t, unsigned code, struct slice line,
                                 struct dialogue_out *out)
{
    struct nntp_dialogue *n = nntp_of(t);
    const enum step step = other_replied(t, code, line, out);
    n->may_be_text =
        n->coming == NNTP_REPLY && (reply_is_class(code, 1) || reply_is_class(code, 2));
    return code == 500 && dialogue_error(t) ? step_goodbye(out, NNTP_GOODBYE) : step;
}

/* 501 is about the argument, if there is one. */
static bool is_too_old(const struct dialogue *t, unsigned code)
{
    const bool refuses_keyword = code == 501 && t->asked.kinds[0] == NNTP_ASKED_KEYWORD;
    return code == 480 || (reply_is_class(code, 5) && !refuses_keyword);
}

static enum step capabilities_replied(struct dialogue *t, unsigned code, struct slice line,
                                      struct dialogue_out *out)
{
    struct nntp_dialogue *n = nntp_of(t);
    if (code == 101) {
        put(line, out);
        n->coming = NNTP_CAPABILITIES;
        return STEP_TAKEN;
    }
    if (!nntp_may_upgrade(t) || !is_too_old(t, code))
        return other_replied(t, code, line, out);
    put_list_of_old(t, out);
    asked_drop(&t->asked);
    return STEP_TURN;
}

/* Without 203 it is no streaming server any more: innd hands over to nnrpd. */
static enum step mode_replied(struct dialogue *t, unsigned code, struct slice line,
                              struct dialogue_out *out)
{
    struct nntp_dialogue *n = nntp_of(t);
    n->state = NNTP_COMMANDS;
    if (reply_is_class(code, 2))
        n->streaming = code == 203;
    return other_replied(t, code, line, out);
}

static enum step article_replied(struct dialogue *t, unsigned code, struct slice line,
                                 struct dialogue_out *out)
{
    if (!reply_is_class(code, 3)) {
        nntp_of(t)->state = NNTP_COMMANDS;
        return other_replied(t, code, line, out);
    }
    put(line, out);
    nntp_begin_article(t);
    return STEP_TURN;
}

/* The upstream sees an end of the article where there is none, or has given up on it. What follows
 * would be commands to one of us and text to the other. */
static enum step amid_article(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    put(line, out);
    if (nntp_of(t)->text.doubtful)
        t->reason = DIALOGUE_UNREADABLE; /* for its ends of lines */
    else
        dialogue_blame(t, DIALOGUE_PROTOCOL_ERROR, line);
    return STEP_CLOSING;
}

/* Nothing was asked since the article began, so the last is about it. */
static bool is_about_article(const struct dialogue *t)
{
    return nntp_of(t)->state == NNTP_TEXT && t->asked.count == 1;
}

static enum step login_replied(struct dialogue *t, unsigned code, struct slice line,
                               struct dialogue_out *out)
{
    if (reply_is_class(code, 2))
        nntp_of(t)->logged_in = true;
    return other_replied(t, code, line, out);
}

/* A security layer may begin behind the exchange (RFC 4643, 2.4.2). */
static enum step exchange_replied(struct dialogue *t, unsigned code, struct slice line,
                                  struct dialogue_out *out)
{
    struct nntp_dialogue *n = nntp_of(t);
    put(line, out);
    if (reply_is_class(code, 3)) {
        n->state = NNTP_RESPONSE;
        return STEP_TURN;
    }
    n->state = NNTP_COMMANDS;
    asked_drop(&t->asked);
    return reply_is_class(code, 2) ? STEP_RELAYING : STEP_TURN;
}

/* ---- the next of the upstream's ---- */

/* Nobody asked. A complaint is the upstream's last word to a client that was quiet too long;
 * anything else shows that it is out of step with us, but where it may be a text. */
static enum step unasked(struct dialogue *t, unsigned code, struct slice line,
                         struct dialogue_out *out)
{
    if (nntp_of(t)->may_be_text) {
        put(line, out);
        return STEP_TAKEN;
    }
    if (!is_error(code))
        return nntp_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, line, out);
    put(line, out);
    t->reason = DIALOGUE_SENT_AWAY;
    return STEP_CLOSING;
}

static enum step no_reply(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    nntp_of(t)->may_be_text &= !slice_is(line, ".");
    put(line, out);
    return STEP_TAKEN;
}

static enum step replied(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    static enum step (*const row[NNTP_ASKED_KINDS])(struct dialogue *, unsigned, struct slice,
                                                    struct dialogue_out *) = {
        [NNTP_ASKED_OTHER] = other_replied,
        [NNTP_ASKED_UNKNOWN] = unknown_replied,
        [NNTP_ASKED_CAPABILITIES] = capabilities_replied,
        [NNTP_ASKED_KEYWORD] = capabilities_replied,
        [NNTP_ASKED_LISTGROUP] = other_replied,
        [NNTP_ASKED_MODE] = mode_replied,
        [NNTP_ASKED_ARTICLE] = article_replied,
        [NNTP_ASKED_LOGIN] = login_replied,
        [NNTP_ASKED_EXCHANGE] = exchange_replied,
    };
    const unsigned code = nntp_code_of(line);
    if (nntp_of(t)->state == NNTP_OPENING)
        return greeted(t, code, line, out);
    if (code == 0)
        return no_reply(t, line, out);
    if (t->asked.count == 0)
        return unasked(t, code, line, out);
    if (is_about_article(t))
        return amid_article(t, line, out);
    return row[t->asked.kinds[0]](t, code, line, out);
}

static enum step take_line(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct slice line;
    switch (line_next(in, NNTP_LINE_MAX, &line, NULL)) {
    case LINE_MORE:
        return STEP_LEFT;
    case LINE_TOO_LONG:
        return nntp_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, *in, out);
    case LINE_OK:
        break;
    }
    return replied(t, line, out);
}

/* The end of a text is CRLF.CRLF, or LF.LF in one that has no CRLF at all; anything else in between
 * could be an article that pretends to end, with false replies behind. */
static bool ends_text(struct nntp_dialogue *n, struct slice line, bool bare_lf)
{
    const bool dot = slice_is(line, ".");
    const bool over = dot && (n->block_lf_only || (!bare_lf && n->block_crlf));
    n->block_crlf = !bare_lf;
    n->block_lf_only = n->block_lf_only && bare_lf;
    return over;
}

/* Of a text every line passes as it came, as much as is there of it. */
static enum step take_block(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct nntp_dialogue *n = nntp_of(t);
    struct slice rest = *in, line = {in->data, 0};
    bool bare_lf = false;
    const bool whole = line_next(&rest, SIZE_MAX - 1, &line, &bare_lf) == LINE_OK;
    size_t size = in->size - (whole ? rest.size : 0);
    if (!whole && in->data[size - 1] == '\r') /* half of its end */
        size--;
    if (!whole && (size == 0 || (!n->block_begun && size == 1)))
        return STEP_LEFT; /* it may be the last */
    if (n->block_begun)
        line.size = 0;
    const bool over = whole && ends_text(n, line, bare_lf);
    buf_put(out->to_client, in->data, size);
    in->data += size;
    in->size -= size;
    n->block_begun = !whole;
    if (!over)
        return STEP_TAKEN;
    n->coming = NNTP_REPLY;
    asked_drop(&t->asked);
    return STEP_TURN;
}

enum step nntp_take_reply(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    static enum step (*const takers[])(struct dialogue *, struct slice *, struct dialogue_out *) = {
        [NNTP_REPLY] = take_line,
        [NNTP_CAPABILITIES] = take_capability,
        [NNTP_BLOCK] = take_block,
    };
    return takers[nntp_of(t)->coming](t, in, out);
}
