#include "proxy/starttls/sieve_inner.h"

/* ---- replies of our own ---- */

/* A refusal that counts. */
static enum step refuse_command(struct talk *t, struct talk_out *out, const char *reply)
{
    return step_refuse(t, out, reply, SIEVE_GOODBYE);
}

/* RFC 5804, 1.3. */
static void refuse(enum starttls_refusal why, const char *hostname, struct buf *to_client)
{
    (void)hostname;
    buf_printf(to_client, "BYE (TRYLATER) \"%s\"\r\n", talk_refusal_words(why));
}

enum step sieve_broken(struct talk *t, struct talk_out *out)
{
    t->upstream_broke = true;
    refuse(REFUSE_UPSTREAM_DOWN, t->facts.hostname, out->to_client);
    return STEP_CLOSING;
}

/* ---- commands in both tables ---- */

static bool has_arguments(const struct command *c)
{
    struct slice rest = c->rest;
    struct sieve_token argument;
    sieve_token_next(&rest, &argument);
    return argument.kind != SIEVE_END;
}

static enum step starttls(struct talk *t, const struct command *c, struct talk_out *out)
{
    if (t->facts.mode == TALK_INSIDE)
        return refuse_command(t, out, "NO \"Already on TLS\"");
    if (has_arguments(c))
        return refuse_command(t, out, "NO \"STARTTLS takes no arguments\"");
    if (t->asked.count > 0)
        return STEP_LEFT;
    buf_puts(out->to_client, "OK \"Begin TLS negotiation\"\r\n");
    return STEP_UPGRADING;
}

static enum step refuse_encryption(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)c;
    return refuse_command(t, out, "NO (ENCRYPT-NEEDED) \"Must issue a STARTTLS command first\"");
}

/* A browser that was tricked into speaking here (ALPACA) gets no second command. */
static enum step foreign(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)c;
    return step_last_word(t, out, "BYE \"This is not a web server\"");
}

/* ---- commands before required TLS ---- */

/* RFC 5804, 1.7: these four must be there, and SASL is empty as long as none may be used. */
static void put_own_list(struct talk_out *out)
{
    buf_puts(out->to_client, "\"IMPLEMENTATION\" \"ManageSieve\"\r\n\"SASL\" \"\"\r\n"
                             "\"SIEVE\" \"\"\r\n\"STARTTLS\"\r\n\"VERSION\" \"1.0\"\r\n");
}

static enum step own_capability(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)t, (void)c;
    put_own_list(out);
    buf_puts(out->to_client, "OK \"Capability completed\"\r\n");
    return STEP_TAKEN;
}

static enum step own_logout(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)c;
    return step_last_word(t, out, "OK \"Bye\"");
}

/* RFC 5804, 4: quoted strings have up to 1024 octets; no honest tag is longer. */
enum { TAG_MAX = 1024 };

/* RFC 5804, 2.13: the client gets back the string that it gave. */
static enum step own_noop(struct talk *t, const struct command *c, struct talk_out *out)
{
    struct slice rest = c->rest;
    struct sieve_token tag;
    sieve_token_next(&rest, &tag);
    if (tag.kind == SIEVE_END) {
        buf_puts(out->to_client, "OK \"Done\"\r\n");
        return STEP_TAKEN;
    }
    if (!sieve_is_string(&tag) || tag.text.size > TAG_MAX || slice_has_controls(tag.text))
        return refuse_command(t, out, "NO \"Syntax error\"");
    const bool is_quoted = tag.kind == SIEVE_QUOTED;
    if (is_quoted)
        buf_puts(out->to_client, "OK (TAG \"");
    else
        buf_printf(out->to_client, "OK (TAG {%zu}\r\n", tag.text.size);
    buf_put(out->to_client, tag.text.data, tag.text.size);
    buf_puts(out->to_client, is_quoted ? "\") \"Done\"\r\n" : ") \"Done\"\r\n");
    return STEP_TAKEN;
}

static const struct verb own_verbs[] = {
    {"CAPABILITY", own_capability, 0},
    {"STARTTLS", starttls, 0},
    {"NOOP", own_noop, 0},
    {"LOGOUT", own_logout, 0},
    {"GET", foreign, 0},
    {"POST", foreign, 0},
    {"PUT", foreign, 0},
    {"CONNECT", foreign, 0},
    {NULL, refuse_encryption, 0},
};

static void greet(struct talk *t, struct talk_out *out)
{
    put_own_list(out);
    buf_printf(out->to_client, "OK \"%s ready\"\r\n", t->facts.hostname);
}

/* ---- commands that the upstream hears ---- */

static enum step pass(struct talk *t, const struct command *c, struct talk_out *out)
{
    if (!asked_add(&t->asked, c->row->kind))
        return STEP_LEFT;
    sieve_put_unit(out->to_upstream, c->line);
    return STEP_TAKEN;
}

/* Its reply decides what follows, so it must be beyond doubt which that is. */
static enum step authenticate(struct talk *t, const struct command *c, struct talk_out *out)
{
    if (talk_holds_back(t)) {
        t->as.sieve.login_refused = true;
        return refuse_encryption(t, c, out);
    }
    if (t->asked.count > 0)
        return STEP_LEFT;
    t->as.sieve.state = SIEVE_WAITING;
    return pass(t, c, out);
}

/* Who the client is is ours to tell. */
static enum step identity(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)c;
    return refuse_command(t, out, "NO \"Insufficient authorization\"");
}

/* A client that did not wait for the refusal of AUTHENTICATE may have sent its password behind
 * it. */
static enum step unknown(struct talk *t, const struct command *c, struct talk_out *out)
{
    return t->as.sieve.login_refused ? refuse_encryption(t, c, out) : pass(t, c, out);
}

static const struct verb pass_verbs[] = {
    {"AUTHENTICATE", authenticate, SIEVE_ASKED_AUTHENTICATE},
    {"CAPABILITY", pass, SIEVE_ASKED_CAPABILITY},
    {"STARTTLS", starttls, SIEVE_ASKED_OTHER},
    {"NOOP", pass, SIEVE_ASKED_OTHER},
    {"LOGOUT", pass, SIEVE_ASKED_OTHER},
    {"XCLIENT", identity, SIEVE_ASKED_OTHER},
    {"GET", foreign, SIEVE_ASKED_OTHER},
    {"POST", foreign, SIEVE_ASKED_OTHER},
    {"PUT", foreign, SIEVE_ASKED_OTHER},
    {"CONNECT", foreign, SIEVE_ASKED_OTHER},
    {NULL, unknown, SIEVE_ASKED_UNKNOWN},
};

/* ---- units ---- */

static enum step dispatch(struct talk *t, const struct sieve_unit *u, struct talk_out *out)
{
    if (u->first.kind != SIEVE_ATOM)
        return refuse_command(t, out, "NO \"Syntax error\"");
    struct command c = {.line = u->raw, .verb = u->first.text, .rest = u->rest};
    c.row = verb_find(t->facts.mode == TALK_REQUIRED ? own_verbs : pass_verbs, c.verb);
    return c.row->take(t, &c, out);
}

static enum step take_command(struct talk *t, struct slice *in, struct talk_out *out)
{
    struct slice rest = *in;
    struct sieve_unit u;
    enum step step = STEP_LEFT;
    switch (sieve_unit_next(&rest, &u)) {
    case SIEVE_UNIT_MORE:
        return STEP_LEFT;
    case SIEVE_UNIT_TOO_LONG:
        return step_last_word(t, out, "BYE \"Line too long\"");
    case SIEVE_UNIT_BAD:
        step = refuse_command(t, out, "NO \"Syntax error\"");
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
static enum step take_response(struct talk *t, struct slice *in, struct talk_out *out)
{
    struct sieve_unit u;
    const enum sieve_result result = sieve_unit_next(in, &u);
    if (result == SIEVE_UNIT_MORE)
        return STEP_LEFT;
    if (result != SIEVE_UNIT_OK || !sieve_is_string(&u.first) || !sieve_is_alone(&u)) {
        buf_puts(out->to_client, "BYE \"Cannot decode response\"\r\n");
        return STEP_CLOSING;
    }
    sieve_put_unit(out->to_upstream, u.raw);
    t->as.sieve.state = SIEVE_WAITING;
    return STEP_TAKEN;
}

static enum step take_nothing(struct talk *t, struct slice *in, struct talk_out *out)
{
    (void)t, (void)in, (void)out;
    return STEP_LEFT;
}

static enum talk_verdict client(struct talk *t, struct slice *in, struct talk_out *out)
{
    static enum step (*const takers[])(struct talk *, struct slice *, struct talk_out *) = {
        [SIEVE_OPENING] = take_nothing,   [SIEVE_IDENTIFYING] = take_nothing,
        [SIEVE_COMMANDS] = take_command,  [SIEVE_WAITING] = take_nothing,
        [SIEVE_RESPONSE] = take_response,
    };
    if (t->facts.mode == TALK_REQUIRED)
        t->as.sieve.state = SIEVE_COMMANDS;
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0)
        step = takers[t->as.sieve.state](t, in, out);
    return step_verdict(step);
}

static enum talk_verdict upstream(struct talk *t, struct slice *in, struct talk_out *out)
{
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0)
        step = sieve_take_reply(t, in, out);
    return step_verdict(step);
}

static bool cut_short(struct slice left)
{
    struct sieve_unit u;
    return sieve_unit_next(&left, &u) == SIEVE_UNIT_MORE;
}

const struct starttls starttls_sieve = {
    .greet = greet,
    .client = client,
    .upstream = upstream,
    .cut_short = cut_short,
    .refuse = refuse,
};
