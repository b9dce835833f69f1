/* pop3_own.c - what we say ourselves. See pop3.h. */
#include "proxy/starttls/pop3_inner.h"

enum step pop3_refuse(struct dialogue *t, struct dialogue_out *out, const char *reply)
{
    return step_refuse(t, out, reply, POP3_GOODBYE);
}

/* RFC 3206, 4: the trouble is not with the password. */
void pop3_unavailable(enum starttls_refusal why, const char *hostname, struct buf *to_client)
{
    (void)hostname;
    buf_printf(to_client, "-ERR [SYS/TEMP] %s\r\n", dialogue_refusal_words(why));
}

enum step pop3_protocol_error(struct dialogue *t, enum dialogue_reason why, struct slice line,
                              struct dialogue_out *out)
{
    dialogue_blame(t, why, line);
    pop3_unavailable(REFUSE_UPSTREAM_DOWN, t->facts.hostname, out->to_client);
    return STEP_CLOSING;
}

void pop3_put_own_list(const struct dialogue *t, struct dialogue_out *out)
{
    buf_puts(out->to_client, "+OK Capability list follows\r\n");
    if (t->facts.mode == DIALOGUE_REQUIRED)
        buf_puts(out->to_client, "RESP-CODES\r\n");
    if (t->facts.plaintext_login && t->facts.mode == DIALOGUE_OPTIONAL)
        buf_puts(out->to_client, "USER\r\n");
    buf_puts(out->to_client, "STLS\r\n.\r\n");
}

/* ---- commands in both tables ---- */

enum step pop3_stls(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    if (c->rest.size > 0)
        return pop3_refuse(t, out, "-ERR STLS takes no arguments");
    if (t->asked.count > 0)
        return STEP_LEFT;
    buf_puts(out->to_client, "+OK Begin TLS negotiation\r\n");
    return STEP_UPGRADING;
}

/* PASS behind a USER that was refused is the same login. */
static void note_login(struct dialogue *t, const struct command *c)
{
    const struct slice none = {c->rest.data, 0};
    if (slice_is(c->verb, "PASS") && pop3_of(t)->user_refused)
        return;
    pop3_of(t)->login_refused = true;
    pop3_of(t)->user_refused = slice_is(c->verb, "USER");
    dialogue_login_refused(t, c->row->name, slice_is(c->verb, "AUTH") ? c->rest : none);
}

/* SYS/PERM (RFC 3206, 4): somebody has to turn TLS on. AUTH would blame the password. A command
 * alone is no login: with AUTH, clients ask for the mechanisms. */
enum step pop3_refuse_login(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    if (t->asked.count > 0)
        return STEP_LEFT;
    if (c->rest.size > 0)
        note_login(t, c);
    return pop3_refuse(t, out, "-ERR [SYS/PERM] Must issue a STLS command first");
}

/* A browser that was tricked into speaking here (ALPACA) gets no second command. */
enum step pop3_foreign(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    (void)c;
    return step_last_word(t, out, DIALOGUE_WEB, "-ERR This is not a web server");
}

/* ---- commands before required TLS ---- */

static enum step own_capa(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    (void)c;
    pop3_put_own_list(t, out);
    return step_courtesy(t, out, POP3_GOODBYE);
}

static enum step own_quit(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    (void)c;
    return step_last_word(t, out, DIALOGUE_OVER, "+OK Bye");
}

static enum step own_refusal(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    (void)c;
    return pop3_refuse(t, out, "-ERR Must issue a STLS command first");
}

const struct verb pop3_own_verbs[] = {
    {"CAPA", own_capa, 0},          {"STLS", pop3_stls, 0},         {"QUIT", own_quit, 0},
    {"USER", pop3_refuse_login, 0}, {"PASS", pop3_refuse_login, 0}, {"APOP", pop3_refuse_login, 0},
    {"AUTH", pop3_refuse_login, 0}, {"RPOP", pop3_refuse_login, 0}, {"GET", pop3_foreign, 0},
    {"POST", pop3_foreign, 0},      {"PUT", pop3_foreign, 0},       {"CONNECT", pop3_foreign, 0},
    {NULL, own_refusal, 0},
};

void pop3_greet(struct dialogue *t, struct dialogue_out *out)
{
    buf_printf(out->to_client, "+OK %s ready\r\n", t->facts.hostname);
}
