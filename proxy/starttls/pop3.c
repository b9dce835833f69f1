#include "proxy/starttls/pop3_inner.h"
#include "proxy/starttls/starttls.h"

/* ---- commands that the upstream hears ---- */

static enum step pass_as(struct dialogue *t, const struct command *c, enum pop3_asked kind,
                         struct dialogue_out *out)
{
    if (!asked_add(&t->asked, kind))
        return STEP_LEFT;
    step_put_line(out->to_upstream, c->line);
    return STEP_TAKEN;
}

static enum step pass(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    return pass_as(t, c, (enum pop3_asked)c->row->kind, out);
}

static enum step login(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    return dialogue_withholds(t) ? pop3_refuse_login(t, c, out) : pass(t, c, out);
}

/* Without a mechanism it lists them, in servers older than RFC 5034. */
static enum step auth(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    if (dialogue_withholds(t))
        return pop3_refuse_login(t, c, out);
    if (c->rest.size == 0)
        return pass_as(t, c, POP3_ASKED_LIST, out);
    if (t->asked.count > 0) /* whose reply decides what follows must be beyond doubt */
        return STEP_LEFT;
    struct slice rest = c->rest;
    const bool ntlm = slice_is(line_word(&rest), "NTLM") && rest.size == 0;
    pop3_of(t)->state = POP3_WAITING;
    return pass_as(t, c, ntlm ? POP3_ASKED_NTLM : POP3_ASKED_AUTH, out);
}

/* RFC 6856, 3.2: without a language it lists them. */
static enum step lang(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    return pass_as(t, c, c->rest.size > 0 ? POP3_ASKED_OTHER : POP3_ASKED_LIST, out);
}

/* Who the client is is ours to tell. */
static enum step identity(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    (void)c;
    return pop3_refuse(t, out, "-ERR Insufficient authorization");
}

/* A client that did not wait for the refusal of AUTH may have sent its password behind it. */
static enum step unknown(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    if (pop3_of(t)->login_refused)
        return pop3_refuse(t, out, "-ERR Unknown command");
    return pass(t, c, out);
}

static const struct verb pass_verbs[] = {
    {"USER", login, POP3_ASKED_OTHER},
    {"PASS", login, POP3_ASKED_LOGIN},
    {"APOP", login, POP3_ASKED_LOGIN},
    {"RPOP", login, POP3_ASKED_LOGIN}, /* RFC 1081: PASS for those who trust the network */
    {"AUTH", auth, POP3_ASKED_AUTH},
    {"CAPA", pass, POP3_ASKED_CAPA},
    {"STLS", pop3_stls, POP3_ASKED_OTHER},
    {"QUIT", pass, POP3_ASKED_OTHER},
    {"NOOP", pass, POP3_ASKED_OTHER},
    {"UTF8", pass, POP3_ASKED_OTHER},
    {"LANG", lang, POP3_ASKED_LIST},
    {"XCLIENT", identity, POP3_ASKED_OTHER},
    {"GET", pop3_foreign, POP3_ASKED_OTHER},
    {"POST", pop3_foreign, POP3_ASKED_OTHER},
    {"PUT", pop3_foreign, POP3_ASKED_OTHER},
    {"CONNECT", pop3_foreign, POP3_ASKED_OTHER},
    {NULL, unknown, POP3_ASKED_UNKNOWN},
};

/* ---- lines ---- */

/* A bare LF ends a command as CRLF does. The upstream gets CRLF, so it cannot read it
 * differently. */
static enum step take_command(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct slice rest = *in, line;
    struct command c;
    const enum line_result result = line_next(&rest, POP3_LINE_MAX, &line, NULL);
    if (result == LINE_MORE)
        return STEP_LEFT;
    if (result == LINE_TOO_LONG)
        return step_last_word(t, out, DIALOGUE_TOO_LONG, "-ERR Line too long");
    enum step step;
    if (command_parse(line, &c)) {
        c.row = verb_find(t->facts.mode == DIALOGUE_REQUIRED ? pop3_own_verbs : pass_verbs, c.verb);
        step = c.row->take(t, &c, out);
    } else {
        step = pop3_refuse(t, out, "-ERR Syntax error");
    }
    if (step != STEP_LEFT)
        *in = rest;
    return step;
}

/* RFC 5034, 4. "*" gives up; the upstream answers that too. A reply of ours is the next in order
 * here, and the exchange cannot go on behind it. */
static enum step take_response(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct slice line;
    const enum line_result result = line_next(in, POP3_LINE_MAX, &line, NULL);
    if (result == LINE_MORE)
        return STEP_LEFT;
    if (result == LINE_TOO_LONG || slice_has_controls(line)) {
        return result == LINE_TOO_LONG
                   ? step_end(t, out, DIALOGUE_TOO_LONG, "-ERR Line too long")
                   : step_end(t, out, DIALOGUE_UNREADABLE, "-ERR Cannot decode response");
    }
    step_put_line(out->to_upstream, line);
    pop3_of(t)->state = POP3_WAITING;
    return STEP_TAKEN;
}

static enum step take_nothing(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    (void)t, (void)in, (void)out;
    return STEP_LEFT;
}

static bool is_inside(const struct dialogue *t)
{
    const enum pop3_state state = pop3_of(t)->state;
    return t->facts.mode == DIALOGUE_INSIDE &&
           (!dialogue_reads_greeting(t) || (state != POP3_OPENING && state != POP3_IDENTIFYING));
}

static enum dialogue_verdict client(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    static enum step (*const takers[])(struct dialogue *, struct slice *, struct dialogue_out *) = {
        [POP3_OPENING] = take_nothing,   [POP3_IDENTIFYING] = take_nothing,
        [POP3_COMMANDS] = take_command,  [POP3_WAITING] = take_nothing,
        [POP3_RESPONSE] = take_response,
    };
    if (t->facts.mode == DIALOGUE_REQUIRED)
        pop3_of(t)->state = POP3_COMMANDS;
    if (is_inside(t))
        return pop3_client_inside(t, in, out);
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0 && !dialogue_is_full(out))
        step = takers[pop3_of(t)->state](t, in, out);
    return step_verdict(step);
}

/* What the upstream says on TLS passes from its greeting on, or from behind it. */
static enum dialogue_verdict upstream(struct dialogue *t, struct slice *in,
                                      struct dialogue_out *out)
{
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0 && !is_inside(t))
        step = pop3_take_reply(t, in, out);
    return step == STEP_TAKEN && is_inside(t) ? pop3_upstream_inside(t, in, out)
                                              : step_verdict(step);
}

const struct starttls starttls_pop3 = {
    .greet = pop3_greet,
    .client = client,
    .upstream = upstream,
    .cut_short = line_is_cut_short,
    .refuse = pop3_unavailable,
    .probe = &pop3_probe,
};
