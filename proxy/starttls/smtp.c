#include "proxy/starttls/smtp_inner.h"
#include "proxy/starttls/starttls.h"

/* ---- lines ---- */

static enum step dispatch(struct dialogue *t, struct smtp_command *c, struct dialogue_out *out)
{
    if (smtp_has_controls(c->line))
        return smtp_refuse(t, out, "500 5.5.2 Syntax error, control character in command");
    if (!verb_is_sound(c->verb))
        return smtp_refuse(t, out, "500 5.5.2 Syntax error, command unrecognized");
    c->row = t->facts.mode == DIALOGUE_REQUIRED ? smtp_own_verbs : smtp_pass_verbs;
    while (c->row->name != NULL && !slice_is(c->verb, c->row->name))
        c->row++;
    return c->row->take(t, c, out);
}

/* A bare LF ends a command as CRLF does. The upstream gets CRLF, so it cannot read it
 * differently. */
static enum step take_command(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct slice rest = *in;
    struct smtp_command c = {0};
    switch (line_next(&rest, SMTP_LINE_MAX, &c.line, NULL)) {
    case LINE_MORE:
        return STEP_LEFT;
    case LINE_TOO_LONG:
        return step_last_word(t, out, DIALOGUE_TOO_LONG, "500 5.5.2 Line too long");
    case LINE_OK:
        break;
    }
    while (c.line.size > 0 && (c.line.data[0] == ' ' || c.line.data[0] == '\t')) {
        c.line.data++;
        c.line.size--;
    }
    c.rest = c.line;
    c.verb = line_word(&c.rest);
    const enum step step = dispatch(t, &c, out);
    if (step != STEP_LEFT)
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
           (!dialogue_reads_greeting(t) || smtp_of(t)->state != SMTP_OPENING);
}

static enum dialogue_verdict client(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    static enum step (*const takers[])(struct dialogue *, struct slice *, struct dialogue_out *) = {
        [SMTP_OPENING] = take_nothing, [SMTP_COMMANDS] = take_command,
        [SMTP_WAITING] = take_nothing, [SMTP_RESPONSE] = smtp_take_response,
        [SMTP_TEXT] = smtp_take_text,  [SMTP_BYTES] = smtp_take_bytes,
    };
    if (t->facts.mode == DIALOGUE_REQUIRED)
        smtp_of(t)->state = SMTP_COMMANDS;
    if (is_inside(t))
        return smtp_client_inside(t, in, out);
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0 && !dialogue_is_full(out))
        step = takers[smtp_of(t)->state](t, in, out);
    return step_verdict(step);
}

static enum dialogue_verdict upstream(struct dialogue *t, struct slice *in,
                                      struct dialogue_out *out)
{
    enum step step = STEP_TAKEN;
    if (smtp_of(t)->state == SMTP_OPENING && !is_inside(t))
        step = smtp_open(t, in, out);
    if (step == STEP_TAKEN && is_inside(t))
        return smtp_upstream_inside(t, in, out);
    while (step == STEP_TAKEN && in->size > 0)
        step = smtp_take_reply(t, in, out);
    return step_verdict(step);
}

const struct starttls starttls_smtp = {
    .greet = smtp_greet,
    .client = client,
    .upstream = upstream,
    .cut_short = line_is_cut_short,
    .refuse = smtp_unavailable,
    .probe = &smtp_probe,
    .boundary = &smtp_boundary,
};
