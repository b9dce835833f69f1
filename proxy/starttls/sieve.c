#include "proxy/starttls/sieve_inner.h"
#include "proxy/starttls/starttls.h"

/* ---- commands that the upstream hears ---- */

static enum step pass(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    if (!asked_add(&t->asked, c->row->kind))
        return STEP_LEFT;
    sieve_put_unit(out->to_upstream, c->line);
    return STEP_TAKEN;
}

/* Its reply decides what follows, so it must be beyond doubt which that is. */
static enum step authenticate(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    if (dialogue_withholds(t))
        return sieve_refuse_login(t, c, out);
    if (t->asked.count > 0)
        return STEP_LEFT;
    sieve_of(t)->state = SIEVE_WAITING;
    return pass(t, c, out);
}

/* Who the client is is ours to tell. */
static enum step identity(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    (void)c;
    return sieve_refuse(t, out, "NO \"Insufficient authorization\"");
}

/* A client that did not wait for the refusal of AUTHENTICATE may have sent its password behind
 * it. */
static enum step unknown(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    return sieve_of(t)->login_refused ? sieve_refuse_encryption(t, c, out) : pass(t, c, out);
}

static const struct verb pass_verbs[] = {
    {"AUTHENTICATE", authenticate, SIEVE_ASKED_AUTHENTICATE},
    {"CAPABILITY", pass, SIEVE_ASKED_CAPABILITY},
    {"STARTTLS", sieve_starttls, SIEVE_ASKED_OTHER},
    {"NOOP", pass, SIEVE_ASKED_OTHER},
    {"LOGOUT", pass, SIEVE_ASKED_OTHER},
    {"XCLIENT", identity, SIEVE_ASKED_OTHER},
    {"GET", sieve_foreign, SIEVE_ASKED_OTHER},
    {"POST", sieve_foreign, SIEVE_ASKED_OTHER},
    {"PUT", sieve_foreign, SIEVE_ASKED_OTHER},
    {"CONNECT", sieve_foreign, SIEVE_ASKED_OTHER},
    {NULL, unknown, SIEVE_ASKED_UNKNOWN},
};

/* ---- units ---- */

static enum step dispatch(struct dialogue *t, const struct sieve_unit *u, struct dialogue_out *out)
{
    const bool heard = t->facts.mode != DIALOGUE_REQUIRED;
    if (u->first.kind != SIEVE_ATOM || (heard && !sieve_is_plain(u->raw)))
        return sieve_refuse(t, out, "NO \"Syntax error\"");
    struct command c = {.line = u->raw, .verb = u->first.text, .rest = u->rest};
    c.row = verb_find(heard ? pass_verbs : sieve_own_verbs, c.verb);
    return c.row->take(t, &c, out);
}

static enum step take_command(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct slice rest = *in;
    struct sieve_unit u;
    enum step step = STEP_LEFT;
    switch (sieve_unit_next(&rest, &u)) {
    case SIEVE_UNIT_MORE:
        return STEP_LEFT;
    case SIEVE_UNIT_TOO_LONG:
        return step_last_word(t, out, DIALOGUE_TOO_LONG, "BYE \"Line too long\"");
    case SIEVE_UNIT_BAD:
        step = sieve_refuse(t, out, "NO \"Syntax error\"");
        break;
    case SIEVE_UNIT_OK:
        step = dispatch(t, &u, out);
        break;
    }
    if (step != STEP_LEFT)
        *in = rest;
    return step;
}

/* RFC 5804, 2.1. "*" gives up; the upstream answers that too. A reply of ours is the next in order
 * here, and the exchange cannot go on behind it. */
static enum step take_response(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct sieve_unit u;
    const enum sieve_result result = sieve_unit_next(in, &u);
    if (result == SIEVE_UNIT_MORE)
        return STEP_LEFT;
    if (result != SIEVE_UNIT_OK || !sieve_is_string(&u.first) || !sieve_is_alone(&u) ||
        !sieve_is_plain(u.raw))
        return step_end(t, out,
                        result == SIEVE_UNIT_TOO_LONG ? DIALOGUE_TOO_LONG : DIALOGUE_UNREADABLE,
                        "BYE \"Cannot decode response\"");
    sieve_put_unit(out->to_upstream, u.raw);
    sieve_of(t)->state = SIEVE_WAITING;
    return STEP_TAKEN;
}

static enum step take_nothing(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    (void)t, (void)in, (void)out;
    return STEP_LEFT;
}

static bool is_inside(const struct dialogue *t)
{
    const enum sieve_state state = sieve_of(t)->state;
    return t->facts.mode == DIALOGUE_INSIDE &&
           (!dialogue_reads_greeting(t) || (state != SIEVE_OPENING && state != SIEVE_IDENTIFYING));
}

static enum dialogue_verdict client(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    static enum step (*const takers[])(struct dialogue *, struct slice *, struct dialogue_out *) = {
        [SIEVE_OPENING] = take_nothing,   [SIEVE_IDENTIFYING] = take_nothing,
        [SIEVE_COMMANDS] = take_command,  [SIEVE_WAITING] = take_nothing,
        [SIEVE_RESPONSE] = take_response,
    };
    if (t->facts.mode == DIALOGUE_REQUIRED)
        sieve_of(t)->state = SIEVE_COMMANDS;
    if (is_inside(t))
        return sieve_client_inside(t, in, out);
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0 && !dialogue_is_full(out))
        step = takers[sieve_of(t)->state](t, in, out);
    return step_verdict(step);
}

static enum dialogue_verdict upstream(struct dialogue *t, struct slice *in,
                                      struct dialogue_out *out)
{
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0 && !is_inside(t))
        step = sieve_take_reply(t, in, out);
    return step == STEP_TAKEN && is_inside(t) ? sieve_upstream_inside(t, in, out)
                                              : step_verdict(step);
}

static bool cut_short(struct slice left)
{
    struct sieve_unit u;
    return sieve_unit_next(&left, &u) == SIEVE_UNIT_MORE;
}

const struct starttls starttls_sieve = {
    .greet = sieve_greet,
    .client = client,
    .upstream = upstream,
    .cut_short = cut_short,
    .refuse = sieve_unavailable,
    .probe = &sieve_probe,
    .boundary = &sieve_boundary,
};
