#include "proxy/starttls/smtp_inner.h"

/* ---- replies of our own ---- */

void smtp_goodbye(struct talk *t, struct talk_out *out)
{
    buf_printf(out->to_client, "421 4.7.0 %s Too many errors, closing connection\r\n",
               t->facts.hostname);
}

enum step smtp_refuse(struct talk *t, struct talk_out *out, const char *reply)
{
    if (t->asked.count > 0)
        return STEP_LEFT;
    buf_printf(out->to_client, "%s\r\n", reply);
    if (!talk_error(t))
        return STEP_TAKEN;
    smtp_goodbye(t, out);
    return STEP_CLOSING;
}

/* RFC 5321, 4.2.3 and 3.8: 421 may come at any time. */
static void refuse(enum starttls_refusal why, const char *hostname, struct buf *to_client)
{
    buf_printf(to_client, "421 %s %s\r\n", hostname, talk_refusal_words(why));
}

enum step smtp_broken(struct talk *t, struct talk_out *out)
{
    t->upstream_broke = true;
    refuse(REFUSE_UPSTREAM_DOWN, t->facts.hostname, out->to_client);
    return STEP_CLOSING;
}

/* ---- commands in both tables ---- */

enum step smtp_starttls(struct talk *t, const struct smtp_command *c, struct talk_out *out)
{
    if (t->facts.mode == TALK_INSIDE)
        return smtp_refuse(t, out, "503 5.5.1 TLS is already active");
    if (c->rest.size > 0) /* RFC 3207, 4: no parameters */
        return smtp_refuse(t, out, "501 5.5.4 Syntax error (no parameters allowed)");
    if (t->asked.count > 0)
        return STEP_LEFT;
    if (t->as.smtp.transaction)
        return smtp_refuse(t, out, "503 5.5.1 Not during a mail transaction");
    buf_puts(out->to_client, "220 2.0.0 Ready to start TLS\r\n");
    return STEP_UPGRADING;
}

/* A browser that was tricked into speaking here (ALPACA) gets no second command. */
enum step smtp_foreign(struct talk *t, const struct smtp_command *c, struct talk_out *out)
{
    (void)c;
    return step_last_word(t, out, "500 5.5.1 This is not a web server");
}

/* ---- commands before required TLS ---- */

static enum step own_hello(struct talk *t, const struct smtp_command *c, struct talk_out *out)
{
    if (c->rest.size == 0)
        return smtp_refuse(t, out, "501 5.5.4 Hostname required");
    const bool list = !slice_is(c->verb, "HELO");
    buf_printf(out->to_client, "250%c%s\r\n", list ? '-' : ' ', t->facts.hostname);
    if (list)
        buf_puts(out->to_client, "250-ENHANCEDSTATUSCODES\r\n250 STARTTLS\r\n");
    return STEP_TAKEN;
}

static enum step own_ok(struct talk *t, const struct smtp_command *c, struct talk_out *out)
{
    (void)t, (void)c;
    buf_puts(out->to_client, "250 2.0.0 OK\r\n");
    return STEP_TAKEN;
}

static enum step own_quit(struct talk *t, const struct smtp_command *c, struct talk_out *out)
{
    (void)c;
    return step_last_word(t, out, "221 2.0.0 Bye");
}

static enum step own_refusal(struct talk *t, const struct smtp_command *c, struct talk_out *out)
{
    (void)c;
    return smtp_refuse(t, out, "530 5.7.0 Must issue a STARTTLS command first");
}

/* RFC 3207, 4: 530 to everything else. */
static const struct smtp_verb own_verbs[] = {
    {.name = "EHLO", .take = own_hello},       {.name = "LHLO", .take = own_hello},
    {.name = "HELO", .take = own_hello},       {.name = "STARTTLS", .take = smtp_starttls},
    {.name = "NOOP", .take = own_ok},          {.name = "RSET", .take = own_ok},
    {.name = "QUIT", .take = own_quit},        {.name = "GET", .take = smtp_foreign},
    {.name = "POST", .take = smtp_foreign},    {.name = "PUT", .take = smtp_foreign},
    {.name = "CONNECT", .take = smtp_foreign}, {.name = NULL, .take = own_refusal},
};

static void greet(struct talk *t, struct talk_out *out)
{
    buf_printf(out->to_client, "220 %s ESMTP\r\n", t->facts.hostname);
}

/* ---- lines ---- */

bool smtp_has_controls(struct slice line)
{
    for (size_t i = 0; i < line.size; i++)
        if ((line.data[i] < ' ' && line.data[i] != '\t') || line.data[i] == 0x7f)
            return true;
    return false;
}

static enum step dispatch(struct talk *t, struct smtp_command *c, struct talk_out *out)
{
    if (smtp_has_controls(c->line))
        return smtp_refuse(t, out, "500 5.5.2 Syntax error, control character in command");
    if (!verb_is_sound(c->verb))
        return smtp_refuse(t, out, "500 5.5.2 Syntax error, command unrecognized");
    c->row = t->facts.mode == TALK_REQUIRED ? own_verbs : smtp_pass_verbs;
    while (c->row->name != NULL && !slice_is(c->verb, c->row->name))
        c->row++;
    return c->row->take(t, c, out);
}

/* A bare LF ends a command as CRLF does. The upstream gets CRLF, so it cannot read it
 * differently. */
static enum step take_command(struct talk *t, struct slice *in, struct talk_out *out)
{
    struct slice rest = *in;
    struct smtp_command c = {0};
    switch (line_next(&rest, SMTP_LINE_MAX, &c.line, NULL)) {
    case LINE_MORE:
        return STEP_LEFT;
    case LINE_TOO_LONG:
        return step_last_word(t, out, "500 5.5.2 Line too long");
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

static enum step take_nothing(struct talk *t, struct slice *in, struct talk_out *out)
{
    (void)t, (void)in, (void)out;
    return STEP_LEFT;
}

static enum talk_verdict client(struct talk *t, struct slice *in, struct talk_out *out)
{
    static enum step (*const takers[])(struct talk *, struct slice *, struct talk_out *) = {
        [SMTP_OPENING] = take_nothing, [SMTP_COMMANDS] = take_command,
        [SMTP_WAITING] = take_nothing, [SMTP_RESPONSE] = smtp_take_response,
        [SMTP_TEXT] = smtp_take_text,  [SMTP_BYTES] = smtp_take_bytes,
    };
    if (t->facts.mode == TALK_REQUIRED)
        t->as.smtp.state = SMTP_COMMANDS;
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0)
        step = takers[t->as.smtp.state](t, in, out);
    return step_verdict(step);
}

static enum talk_verdict upstream(struct talk *t, struct slice *in, struct talk_out *out)
{
    enum step step = STEP_TAKEN;
    if (t->as.smtp.state == SMTP_OPENING)
        step = smtp_open(t, in, out);
    while (step == STEP_TAKEN && in->size > 0)
        step = smtp_take_reply(t, in, out);
    return step_verdict(step);
}

const struct starttls starttls_smtp = {
    .greet = greet,
    .client = client,
    .upstream = upstream,
    .cut_short = line_is_cut_short,
    .refuse = refuse,
};
