#include "proxy/starttls/imap_inner.h"
#include "proxy/starttls/starttls.h"

/* ---- lines ---- */

static enum step dispatch(struct dialogue *t, struct imap_command *c, struct dialogue_out *out)
{
    if (!imap_is_tag(c->tag) || c->verb.size == 0) {
        c->tag = (struct slice){(const uint8_t *)"*", 1}; /* RFC 9051, 7.1.3 */
        return imap_refuse(t, c, out, "BAD That is no tag and command");
    }
    if (imap_is_foreign(c->tag, c->verb))
        return imap_goodbye(t, out, DIALOGUE_WEB, "This is not a web server");
    if (slice_has_controls(c->line) || !verb_is_sound(c->verb))
        return imap_refuse(t, c, out, "BAD That is no command");
    if (c->literal == IMAP_DOUBTFUL)
        return imap_refuse(t, c, out, "BAD That literal is none");
    c->row = t->facts.mode == DIALOGUE_REQUIRED ? imap_own_verbs : imap_pass_verbs;
    while (c->row->name != NULL && !slice_is(c->verb, c->row->name))
        c->row++;
    if (c->row->bare && c->rest.size > 0)
        return imap_refuse(t, c, out, "BAD No arguments allowed");
    return c->row->take(t, c, out);
}

/* A bare LF ends a line as CRLF does. The upstream gets CRLF, so it cannot read it differently. */
static enum step next_line(struct dialogue *t, struct slice *in, struct slice *line,
                           struct dialogue_out *out)
{
    switch (line_next(in, LINE_MAX_IMAP, line, NULL)) {
    case LINE_MORE:
        return STEP_LEFT;
    case LINE_TOO_LONG:
        return imap_goodbye(t, out, DIALOGUE_TOO_LONG, "Line too long");
    case LINE_OK:
        break;
    }
    return STEP_TAKEN;
}

static enum step take_command(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct imap_command c = {0};
    if (imap_of(t)->data_rest)
        return STEP_LEFT; /* nothing may be put into a response that is not over */
    const enum step step = next_line(t, in, &c.line, out);
    if (step != STEP_TAKEN)
        return step;
    c.rest = c.line;
    c.tag = imap_word(&c.rest);
    c.verb = imap_word(&c.rest);
    c.literal = imap_literal_at(c.line, &c.size);
    return dispatch(t, &c, out);
}

static enum step take_literal(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct imap_dialogue *i = imap_of(t);
    const size_t n = i->literal < in->size ? (size_t)i->literal : in->size;
    if (!i->skipped)
        buf_put(out->to_upstream, in->data, n);
    in->data += n;
    in->size -= n;
    i->literal -= n;
    if (i->literal == 0)
        i->state = IMAP_REST;
    return STEP_TAKEN;
}

static enum step skip_rest(struct dialogue *t, enum imap_literal literal, uint64_t size,
                           struct dialogue_out *out)
{
    enum step step = STEP_TAKEN;
    if (literal != IMAP_NO_LITERAL)
        step = imap_count_error(t, out, STEP_TAKEN);
    return step == STEP_TAKEN ? imap_skip(t, literal, size, out) : step;
}

static enum step take_rest(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct slice line;
    uint64_t size;
    const enum step step = next_line(t, in, &line, out);
    if (step != STEP_TAKEN)
        return step;
    const enum imap_literal literal = imap_literal_at(line, &size);
    if (imap_of(t)->skipped)
        return skip_rest(t, literal, size, out);
    if (literal == IMAP_DOUBTFUL || slice_has_controls(line))
        return imap_goodbye(t, out, DIALOGUE_UNREADABLE, "That is no command");
    return imap_forward(t, line, literal, size, out);
}

/* RFC 9051, 6.2.2. The lines of an authentication exchange; nothing in them is looked at. */
static enum step take_response(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct slice line;
    const enum step step = next_line(t, in, &line, out);
    if (step != STEP_TAKEN)
        return step;
    if (slice_has_controls(line))
        return imap_goodbye(t, out, DIALOGUE_UNREADABLE, "That is no response");
    return imap_forward(t, line, IMAP_NO_LITERAL, 0, out);
}

static enum step take_nothing(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    (void)t, (void)in, (void)out;
    return STEP_LEFT;
}

/* ---- the row ---- */

static bool is_inside(const struct dialogue *t)
{
    return t->facts.mode == DIALOGUE_INSIDE &&
           (!dialogue_reads_greeting(t) || imap_of(t)->state != IMAP_OPENING);
}

static enum dialogue_verdict client(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    static enum step (*const takers[])(struct dialogue *, struct slice *, struct dialogue_out *) = {
        [IMAP_OPENING] = take_nothing,   [IMAP_COMMANDS] = take_command,
        [IMAP_LITERAL] = take_literal,   [IMAP_REST] = take_rest,
        [IMAP_RESPONSE] = take_response, [IMAP_WAITING] = take_nothing,
    };
    if (t->facts.mode == DIALOGUE_REQUIRED && imap_of(t)->state == IMAP_OPENING)
        imap_of(t)->state = IMAP_COMMANDS;
    if (is_inside(t))
        return imap_client_inside(t, in, out);
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0 && !dialogue_is_full(out))
        step = takers[imap_of(t)->state](t, in, out);
    return step_verdict(step);
}

/* What makes the client's next bytes readable ends the call: they come before what the upstream
 * says next, however its bytes were cut. */
static enum dialogue_verdict upstream(struct dialogue *t, struct slice *in,
                                      struct dialogue_out *out)
{
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0 && !is_inside(t))
        step = imap_take_response(t, in, out);
    return step == STEP_TAKEN && is_inside(t) ? imap_upstream_inside(t, in, out)
                                              : step_verdict(step);
}

const struct starttls starttls_imap = {
    .greet = imap_greet,
    .client = client,
    .upstream = upstream,
    .unanswered = imap_unanswered,
    .cut_short = line_is_cut_short,
    .refuse = imap_unavailable,
    .probe = &imap_probe,
    .boundary = &imap_boundary,
};
