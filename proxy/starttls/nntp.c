#include "proxy/starttls/nntp_inner.h"

bool nntp_may_upgrade(const struct talk *t)
{
    return t->facts.mode != TALK_INSIDE && !t->as.nntp.logged_in;
}

/* ---- replies of our own ---- */

enum step nntp_refuse(struct talk *t, struct talk_out *out, const char *reply)
{
    return step_refuse(t, out, reply, NNTP_GOODBYE);
}

/* RFC 3977, 3.2.1: 400 may come at any time, and as a greeting. */
static void refuse(enum starttls_refusal why, const char *hostname, struct buf *to_client)
{
    (void)hostname;
    buf_printf(to_client, "400 %s\r\n", talk_refusal_words(why));
}

enum step nntp_broken(struct talk *t, struct talk_out *out)
{
    t->upstream_broke = true;
    refuse(REFUSE_UPSTREAM_DOWN, t->facts.hostname, out->to_client);
    return STEP_CLOSING;
}

/* ---- commands in both tables ---- */

/* RFC 4642, 2.2. */
enum step nntp_starttls(struct talk *t, const struct command *c, struct talk_out *out)
{
    if (t->asked.count > 0) /* one of them could be a login */
        return STEP_LEFT;
    if (t->facts.mode == TALK_INSIDE)
        return nntp_refuse(t, out, "502 STARTTLS not allowed with active TLS layer");
    if (t->as.nntp.logged_in)
        return nntp_refuse(t, out, "502 STARTTLS not allowed once authenticated");
    if (c->rest.size > 0)
        return nntp_refuse(t, out, "501 STARTTLS takes no arguments");
    buf_puts(out->to_client, "382 Continue with TLS negotiation\r\n");
    return STEP_UPGRADING;
}

/* A browser that was tricked into speaking here (ALPACA) gets no second command. */
enum step nntp_foreign(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)c;
    return step_last_word(t, out, "500 This is not a web server");
}

/* ---- commands before required TLS ---- */

/* AUTHINFO without arguments says that there will be some, but that none may be tried yet (RFC
 * 4643, 2.1). What the upstream can do, the client learns on TLS. */
static enum step own_capabilities(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)t, (void)c;
    buf_puts(out->to_client, "101 Capability list:\r\nVERSION 2\r\nAUTHINFO\r\nSTARTTLS\r\n.\r\n");
    return STEP_TAKEN;
}

static enum step own_help(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)t, (void)c;
    buf_puts(out->to_client,
             "100 Help text follows\r\nCAPABILITIES\r\nHELP\r\nQUIT\r\nSTARTTLS\r\n.\r\n");
    return STEP_TAKEN;
}

static enum step own_quit(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)c;
    return step_last_word(t, out, "205 Connection closing");
}

/* RFC 3977, 3.2.1. MODE READER too: whoever read 200 would not ask again on TLS, where the upstream
 * has never heard of it. */
static enum step own_refusal(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)c;
    return nntp_refuse(t, out, "483 Must issue a STARTTLS command first");
}

static enum step own_post(struct talk *t, const struct command *c, struct talk_out *out)
{
    return c->rest.size > 0 ? nntp_foreign(t, c, out) : own_refusal(t, c, out);
}

static const struct verb own_verbs[] = {
    {"CAPABILITIES", own_capabilities, 0},
    {"STARTTLS", nntp_starttls, 0},
    {"HELP", own_help, 0},
    {"QUIT", own_quit, 0},
    {"GET", nntp_foreign, 0},
    {"POST", own_post, 0},
    {"PUT", nntp_foreign, 0},
    {"CONNECT", nntp_foreign, 0},
    {NULL, own_refusal, 0},
};

/* 200 promises nothing (RFC 3977, 5.1); 201 would make clients believe that they cannot post later
 * either, because there is no greeting behind the upgrade. */
static void greet(struct talk *t, struct talk_out *out)
{
    buf_printf(out->to_client, "200 %s ready\r\n", t->facts.hostname);
}

/* ---- lines ---- */

static enum step dispatch(struct talk *t, struct slice line, struct talk_out *out)
{
    struct command c;
    if (!command_parse(line, &c))
        return nntp_refuse(t, out, "501 Syntax error");
    c.row = verb_find(t->facts.mode == TALK_REQUIRED ? own_verbs : nntp_pass_verbs, c.verb);
    return c.row->take(t, &c, out);
}

/* A bare LF ends a command as CRLF does. The upstream gets CRLF, so it cannot read it differently.
 * The command that ends the watch is the upstream's to hear, as it is. */
static enum step take_command(struct talk *t, struct slice *in, struct talk_out *out)
{
    struct slice rest = *in, line;
    const enum line_result result = line_next(&rest, NNTP_LINE_MAX, &line, NULL);
    if (result == LINE_MORE)
        return STEP_LEFT;
    if (result == LINE_TOO_LONG)
        return step_last_word(t, out, "501 Line too long");
    const enum step step = dispatch(t, line, out);
    if (step != STEP_LEFT && step != STEP_RELAYING)
        *in = rest;
    return step;
}

static enum step take_nothing(struct talk *t, struct slice *in, struct talk_out *out)
{
    (void)t, (void)in, (void)out;
    return STEP_LEFT;
}

static enum talk_verdict client(struct talk *t, struct slice *in, struct talk_out *out)
{
    static enum step (*const takers[])(struct talk *, struct slice *, struct talk_out *) = {
        [NNTP_OPENING] = take_nothing,   [NNTP_COMMANDS] = take_command,
        [NNTP_WAITING] = take_nothing,   [NNTP_RESPONSE] = nntp_take_response,
        [NNTP_TEXT] = nntp_take_article,
    };
    if (t->facts.mode == TALK_REQUIRED)
        t->as.nntp.state = NNTP_COMMANDS;
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0)
        step = takers[t->as.nntp.state](t, in, out);
    return step_verdict(step);
}

static enum talk_verdict upstream(struct talk *t, struct slice *in, struct talk_out *out)
{
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0)
        step = nntp_take_reply(t, in, out);
    return step_verdict(step);
}

const struct starttls starttls_nntp = {
    .greet = greet,
    .client = client,
    .upstream = upstream,
    .cut_short = line_is_cut_short,
    .refuse = refuse,
};
