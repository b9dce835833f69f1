#include "proxy/starttls/nntp_inner.h"
#include "proxy/starttls/starttls.h"

/* ---- lines ---- */

static enum step dispatch(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    struct command c;
    if (!command_parse(line, &c))
        return nntp_refuse(t, out, "501 Syntax error");
    c.row =
        verb_find(t->facts.mode == DIALOGUE_REQUIRED ? nntp_own_verbs : nntp_pass_verbs, c.verb);
    return c.row->take(t, &c, out);
}

/* As INN reads it: without blanks in front, and nothing if it is empty. */
static enum step take_line(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    struct slice rest = line;
    if (line_word(&rest).size == 0)
        line = rest;
    return line.size > 0 ? dispatch(t, line, out) : STEP_TAKEN;
}

/* A bare LF ends a command as CRLF does. The upstream gets CRLF, so it cannot read it differently.
 * The command that ends the watch is the upstream's to hear, as it is. */
static enum step take_command(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct slice rest = *in, line;
    const enum line_result result = line_next(&rest, NNTP_LINE_MAX, &line, NULL);
    if (result == LINE_MORE)
        return STEP_LEFT;
    if (result == LINE_TOO_LONG)
        return step_last_word(t, out, DIALOGUE_TOO_LONG, "501 Line too long");
    const enum step step = take_line(t, line, out);
    if (step != STEP_LEFT && step != STEP_RELAYING)
        *in = rest;
    return step;
}

static enum step take_nothing(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    (void)t, (void)in, (void)out;
    return STEP_LEFT;
}

static bool is_inside(const struct dialogue *t)
{
    return t->facts.mode == DIALOGUE_INSIDE &&
           (!t->facts.upgraded || nntp_of(t)->state != NNTP_OPENING);
}

static enum dialogue_verdict client(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    static enum step (*const takers[])(struct dialogue *, struct slice *, struct dialogue_out *) = {
        [NNTP_OPENING] = take_nothing,   [NNTP_COMMANDS] = take_command,
        [NNTP_WAITING] = take_nothing,   [NNTP_RESPONSE] = nntp_take_response,
        [NNTP_TEXT] = nntp_take_article,
    };
    if (t->facts.mode == DIALOGUE_REQUIRED)
        nntp_of(t)->state = NNTP_COMMANDS;
    if (is_inside(t))
        return nntp_client_inside(t, in, out);
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0 && !dialogue_is_full(out))
        step = takers[nntp_of(t)->state](t, in, out);
    return step_verdict(step);
}

static enum dialogue_verdict upstream(struct dialogue *t, struct slice *in,
                                      struct dialogue_out *out)
{
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0 && !is_inside(t))
        step = nntp_take_reply(t, in, out);
    return step == STEP_TAKEN && is_inside(t) ? nntp_upstream_inside(t, in, out)
                                              : step_verdict(step);
}

const struct starttls starttls_nntp = {
    .greet = nntp_greet,
    .client = client,
    .upstream = upstream,
    .cut_short = line_is_cut_short,
    .refuse = nntp_unavailable,
    .probe = &nntp_probe,
    .boundary = &nntp_boundary,
};
