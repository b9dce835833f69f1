/* smtp_own.c - what we say ourselves. See smtp.h. */
#include "proxy/starttls/smtp_inner.h"

void smtp_goodbye(struct dialogue *t, struct dialogue_out *out)
{
    buf_printf(out->to_client, "421 4.7.0 %s Too many errors, closing connection\r\n",
               t->facts.hostname);
}

enum step smtp_refuse(struct dialogue *t, struct dialogue_out *out, const char *reply)
{
    if (t->asked.count > 0)
        return STEP_LEFT;
    buf_printf(out->to_client, "%s\r\n", reply);
    if (!dialogue_error(t))
        return STEP_TAKEN;
    smtp_goodbye(t, out);
    return STEP_CLOSING;
}

/* RFC 5321, 4.2.3 and 3.8: 421 may come at any time. */
void smtp_unavailable(enum starttls_refusal why, const char *hostname, struct buf *to_client)
{
    buf_printf(to_client, "421 %s %s\r\n", hostname, dialogue_refusal_words(why));
}

enum step smtp_protocol_error(struct dialogue *t, enum dialogue_reason why, struct slice line,
                              struct dialogue_out *out)
{
    dialogue_blame(t, why, line);
    smtp_unavailable(REFUSE_UPSTREAM_DOWN, t->facts.hostname, out->to_client);
    return STEP_CLOSING;
}

/* ---- commands in both tables ---- */

enum step smtp_starttls(struct dialogue *t, const struct smtp_command *c, struct dialogue_out *out)
{
    if (c->rest.size > 0) /* RFC 3207, 4: no parameters */
        return smtp_refuse(t, out, "501 5.5.4 Syntax error (no parameters allowed)");
    if (t->asked.count > 0)
        return STEP_LEFT;
    if (smtp_of(t)->transaction)
        return smtp_refuse(t, out, "503 5.5.1 Not during a mail transaction");
    buf_puts(out->to_client, "220 2.0.0 Ready to start TLS\r\n");
    return STEP_UPGRADING;
}

/* A browser that was tricked into speaking here (ALPACA) gets no second command. */
enum step smtp_foreign(struct dialogue *t, const struct smtp_command *c, struct dialogue_out *out)
{
    (void)c;
    return step_last_word(t, out, DIALOGUE_WEB, "500 5.5.1 This is not a web server");
}

enum step smtp_refuse_login(struct dialogue *t, const struct smtp_command *c,
                            struct dialogue_out *out, const char *reply)
{
    if (t->asked.count > 0)
        return STEP_LEFT;
    if (c->rest.size > 0) { /* AUTH alone is no login */
        smtp_of(t)->auth_refused = true;
        dialogue_login_refused(t, c->row->name, c->rest);
    }
    return smtp_refuse(t, out, reply);
}

/* ---- commands before required TLS ---- */

/* An answer to a command that leads nowhere was given. */
static enum step courtesy(struct dialogue *t, struct dialogue_out *out)
{
    if (!dialogue_courtesy(t))
        return STEP_TAKEN;
    smtp_goodbye(t, out);
    return STEP_CLOSING;
}

static enum step own_hello(struct dialogue *t, const struct smtp_command *c,
                           struct dialogue_out *out)
{
    if (c->rest.size == 0)
        return smtp_refuse(t, out, "501 5.5.4 Hostname required");
    const bool list = !slice_is(c->verb, "HELO");
    buf_printf(out->to_client, "250%c%s\r\n", list ? '-' : ' ', t->facts.hostname);
    if (list)
        buf_puts(out->to_client, "250-ENHANCEDSTATUSCODES\r\n250 STARTTLS\r\n");
    return courtesy(t, out);
}

static enum step own_ok(struct dialogue *t, const struct smtp_command *c, struct dialogue_out *out)
{
    (void)c;
    buf_puts(out->to_client, "250 2.0.0 OK\r\n");
    return courtesy(t, out);
}

static enum step own_quit(struct dialogue *t, const struct smtp_command *c,
                          struct dialogue_out *out)
{
    (void)c;
    return step_last_word(t, out, DIALOGUE_OVER, "221 2.0.0 Bye");
}

static enum step own_refusal(struct dialogue *t, const struct smtp_command *c,
                             struct dialogue_out *out)
{
    (void)c;
    return smtp_refuse(t, out, "530 5.7.0 Must issue a STARTTLS command first");
}

static enum step own_auth(struct dialogue *t, const struct smtp_command *c,
                          struct dialogue_out *out)
{
    return smtp_refuse_login(t, c, out, "530 5.7.0 Must issue a STARTTLS command first");
}

/* RFC 3207, 4: 530 to everything else. */
const struct smtp_verb smtp_own_verbs[] = {
    {.name = "EHLO", .take = own_hello},       {.name = "LHLO", .take = own_hello},
    {.name = "HELO", .take = own_hello},       {.name = "STARTTLS", .take = smtp_starttls},
    {.name = "AUTH", .take = own_auth},        {.name = "X-EXPS", .take = own_auth},
    {.name = "NOOP", .take = own_ok},          {.name = "RSET", .take = own_ok},
    {.name = "QUIT", .take = own_quit},        {.name = "GET", .take = smtp_foreign},
    {.name = "POST", .take = smtp_foreign},    {.name = "PUT", .take = smtp_foreign},
    {.name = "CONNECT", .take = smtp_foreign}, {.name = NULL, .take = own_refusal},
};

void smtp_greet(struct dialogue *t, struct dialogue_out *out)
{
    buf_printf(out->to_client, "220 %s ESMTP\r\n", t->facts.hostname);
}
