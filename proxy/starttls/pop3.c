#include "proxy/starttls/pop3_inner.h"

/* ---- replies of our own ---- */

/* A refusal that counts. */
static enum step refuse_command(struct talk *t, struct talk_out *out, const char *reply)
{
    return step_refuse(t, out, reply, POP3_GOODBYE);
}

/* RFC 3206, 4: the trouble is not with the password. */
static void refuse(enum starttls_refusal why, const char *hostname, struct buf *to_client)
{
    (void)hostname;
    buf_printf(to_client, "-ERR [SYS/TEMP] %s\r\n", talk_refusal_words(why));
}

enum step pop3_broken(struct talk *t, struct talk_out *out)
{
    t->upstream_broke = true;
    refuse(REFUSE_UPSTREAM_DOWN, t->facts.hostname, out->to_client);
    return STEP_CLOSING;
}

void pop3_put_own_list(const struct talk *t, struct talk_out *out)
{
    buf_puts(out->to_client, "+OK Capability list follows\r\n");
    if (t->facts.mode == TALK_REQUIRED)
        buf_puts(out->to_client, "RESP-CODES\r\n");
    if (t->facts.plaintext_login && t->facts.mode == TALK_OPTIONAL)
        buf_puts(out->to_client, "USER\r\n");
    buf_puts(out->to_client, "STLS\r\n.\r\n");
}

/* ---- commands in both tables ---- */

static enum step stls(struct talk *t, const struct command *c, struct talk_out *out)
{
    if (t->facts.mode == TALK_INSIDE) /* RFC 2595, 4 */
        return refuse_command(t, out, "-ERR Already on TLS");
    if (c->rest.size > 0)
        return refuse_command(t, out, "-ERR STLS takes no arguments");
    if (t->asked.count > 0)
        return STEP_LEFT;
    buf_puts(out->to_client, "+OK Begin TLS negotiation\r\n");
    return STEP_UPGRADING;
}

/* SYS/PERM (RFC 3206, 4): somebody has to turn TLS on. AUTH would blame the password. */
static enum step refuse_login(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)c;
    t->as.pop3.login_refused = true;
    return refuse_command(t, out, "-ERR [SYS/PERM] Must issue a STLS command first");
}

/* A browser that was tricked into speaking here (ALPACA) gets no second command. */
static enum step foreign(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)c;
    return step_last_word(t, out, "-ERR This is not a web server");
}

/* ---- commands before required TLS ---- */

static enum step own_capa(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)c;
    pop3_put_own_list(t, out);
    return STEP_TAKEN;
}

static enum step own_quit(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)c;
    return step_last_word(t, out, "+OK Bye");
}

static enum step own_refusal(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)c;
    return refuse_command(t, out, "-ERR Must issue a STLS command first");
}

static const struct verb own_verbs[] = {
    {"CAPA", own_capa, 0},     {"STLS", stls, 0},         {"QUIT", own_quit, 0},
    {"USER", refuse_login, 0}, {"PASS", refuse_login, 0}, {"APOP", refuse_login, 0},
    {"AUTH", refuse_login, 0}, {"RPOP", refuse_login, 0}, {"GET", foreign, 0},
    {"POST", foreign, 0},      {"PUT", foreign, 0},       {"CONNECT", foreign, 0},
    {NULL, own_refusal, 0},
};

static void greet(struct talk *t, struct talk_out *out)
{
    buf_printf(out->to_client, "+OK %s ready\r\n", t->facts.hostname);
}

/* ---- commands that the upstream hears ---- */

static enum step pass_as(struct talk *t, const struct command *c, enum pop3_asked kind,
                         struct talk_out *out)
{
    if (!asked_add(&t->asked, kind))
        return STEP_LEFT;
    step_put_line(out->to_upstream, c->line);
    return STEP_TAKEN;
}

static enum step pass(struct talk *t, const struct command *c, struct talk_out *out)
{
    return pass_as(t, c, (enum pop3_asked)c->row->kind, out);
}

static enum step login(struct talk *t, const struct command *c, struct talk_out *out)
{
    return talk_holds_back(t) ? refuse_login(t, c, out) : pass(t, c, out);
}

/* Without a mechanism it lists them, in servers older than RFC 5034. */
static enum step auth(struct talk *t, const struct command *c, struct talk_out *out)
{
    if (talk_holds_back(t))
        return refuse_login(t, c, out);
    if (c->rest.size == 0)
        return pass_as(t, c, POP3_ASKED_LIST, out);
    if (t->asked.count > 0) /* whose reply decides what follows must be beyond doubt */
        return STEP_LEFT;
    struct slice rest = c->rest;
    const bool ntlm = slice_is(line_word(&rest), "NTLM") && rest.size == 0;
    t->as.pop3.state = POP3_WAITING;
    return pass_as(t, c, ntlm ? POP3_ASKED_NTLM : POP3_ASKED_AUTH, out);
}

/* RFC 6856, 3.2: without a language it lists them. */
static enum step lang(struct talk *t, const struct command *c, struct talk_out *out)
{
    return pass_as(t, c, c->rest.size > 0 ? POP3_ASKED_OTHER : POP3_ASKED_LIST, out);
}

/* Who the client is is ours to tell. */
static enum step identity(struct talk *t, const struct command *c, struct talk_out *out)
{
    (void)c;
    return refuse_command(t, out, "-ERR Insufficient authorization");
}

/* A client that did not wait for the refusal of AUTH may have sent its password behind it. */
static enum step unknown(struct talk *t, const struct command *c, struct talk_out *out)
{
    if (t->as.pop3.login_refused)
        return refuse_command(t, out, "-ERR Unknown command");
    return pass(t, c, out);
}

static const struct verb pass_verbs[] = {
    {"USER", login, POP3_ASKED_OTHER},
    {"PASS", login, POP3_ASKED_LOGIN},
    {"APOP", login, POP3_ASKED_LOGIN},
    {"RPOP", login, POP3_ASKED_LOGIN}, /* RFC 1081: PASS for those who trust the network */
    {"AUTH", auth, POP3_ASKED_AUTH},
    {"CAPA", pass, POP3_ASKED_CAPA},
    {"STLS", stls, POP3_ASKED_OTHER},
    {"QUIT", pass, POP3_ASKED_OTHER},
    {"NOOP", pass, POP3_ASKED_OTHER},
    {"UTF8", pass, POP3_ASKED_OTHER},
    {"LANG", lang, POP3_ASKED_LIST},
    {"XCLIENT", identity, POP3_ASKED_OTHER},
    {"GET", foreign, POP3_ASKED_OTHER},
    {"POST", foreign, POP3_ASKED_OTHER},
    {"PUT", foreign, POP3_ASKED_OTHER},
    {"CONNECT", foreign, POP3_ASKED_OTHER},
    {NULL, unknown, POP3_ASKED_UNKNOWN},
};

/* ---- lines ---- */

/* A bare LF ends a command as CRLF does. The upstream gets CRLF, so it cannot read it
 * differently. */
static enum step take_command(struct talk *t, struct slice *in, struct talk_out *out)
{
    struct slice rest = *in, line;
    struct command c;
    const enum line_result result = line_next(&rest, POP3_LINE_MAX, &line, NULL);
    if (result == LINE_MORE)
        return STEP_LEFT;
    if (result == LINE_TOO_LONG)
        return step_last_word(t, out, "-ERR Line too long");
    enum step step;
    if (command_parse(line, &c)) {
        c.row = verb_find(t->facts.mode == TALK_REQUIRED ? own_verbs : pass_verbs, c.verb);
        step = c.row->take(t, &c, out);
    } else {
        step = refuse_command(t, out, "-ERR Syntax error");
    }
    if (step != STEP_LEFT)
        *in = rest;
    return step;
}

/* RFC 5034, 4. "*" gives up; the upstream answers that too. A reply of ours is the next in order
 * here, and the exchange cannot go on behind it. */
static enum step take_response(struct talk *t, struct slice *in, struct talk_out *out)
{
    struct slice line;
    const enum line_result result = line_next(in, POP3_LINE_MAX, &line, NULL);
    if (result == LINE_MORE)
        return STEP_LEFT;
    if (result == LINE_TOO_LONG || slice_has_controls(line)) {
        buf_puts(out->to_client, result == LINE_TOO_LONG ? "-ERR Line too long\r\n"
                                                         : "-ERR Cannot decode response\r\n");
        return STEP_CLOSING;
    }
    step_put_line(out->to_upstream, line);
    t->as.pop3.state = POP3_WAITING;
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
        [POP3_OPENING] = take_nothing,   [POP3_IDENTIFYING] = take_nothing,
        [POP3_COMMANDS] = take_command,  [POP3_WAITING] = take_nothing,
        [POP3_RESPONSE] = take_response,
    };
    if (t->facts.mode == TALK_REQUIRED)
        t->as.pop3.state = POP3_COMMANDS;
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0)
        step = takers[t->as.pop3.state](t, in, out);
    return step_verdict(step);
}

static enum talk_verdict upstream(struct talk *t, struct slice *in, struct talk_out *out)
{
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0)
        step = pop3_take_reply(t, in, out);
    return step_verdict(step);
}

const struct starttls starttls_pop3 = {
    .greet = greet,
    .client = client,
    .upstream = upstream,
    .cut_short = line_is_cut_short,
    .refuse = refuse,
};
