/* nntp_own.c - what we say ourselves. See nntp.h. */
#include "proxy/starttls/nntp_inner.h"

enum step nntp_refuse(struct dialogue *t, struct dialogue_out *out, const char *reply)
{
    return step_refuse(t, out, reply, NNTP_GOODBYE);
}

/* RFC 3977, 3.2.1: 400 may come at any time, and as a greeting. */
void nntp_unavailable(enum starttls_refusal why, const char *hostname, struct buf *to_client)
{
    (void)hostname;
    buf_printf(to_client, "400 %s\r\n", dialogue_refusal_words(why));
}

enum step nntp_protocol_error(struct dialogue *t, enum dialogue_reason why, struct slice line,
                              struct dialogue_out *out)
{
    dialogue_blame(t, why, line);
    nntp_unavailable(REFUSE_UPSTREAM_DOWN, t->facts.hostname, out->to_client);
    return STEP_CLOSING;
}

/* ---- commands in both tables ---- */

/* RFC 4642, 2.2. */
enum step nntp_starttls(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    if (t->asked.count > 0) /* one of them could be a login */
        return STEP_LEFT;
    if (nntp_of(t)->logged_in)
        return nntp_refuse(t, out, "502 STARTTLS not allowed once authenticated");
    if (c->rest.size > 0)
        return nntp_refuse(t, out, "501 STARTTLS takes no arguments");
    buf_puts(out->to_client, "382 Continue with TLS negotiation\r\n");
    return STEP_UPGRADING;
}

/* PASS behind a USER that was refused is the same login. */
static void note_login(struct dialogue *t, struct slice how)
{
    struct slice rest = how;
    const struct slice kind = line_word(&rest);
    /* A command alone is no login, but for SIMPLE, whose words are on the next line. */
    if (rest.size == 0 && !slice_is(kind, "SIMPLE"))
        return;
    if (slice_is(kind, "PASS") && nntp_of(t)->user_refused)
        return;
    nntp_of(t)->login_refused = true;
    nntp_of(t)->user_refused = slice_is(kind, "USER");
    dialogue_login_refused(t, "AUTHINFO", slice_is(kind, "SASL") ? rest : how);
}

enum step nntp_refuse_login(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    if (t->asked.count > 0)
        return STEP_LEFT;
    note_login(t, c->rest);
    return nntp_refuse(t, out, "483 Must issue a STARTTLS command first");
}

/* A browser that was tricked into speaking here (ALPACA) gets no second command. */
enum step nntp_foreign(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    (void)c;
    return step_last_word(t, out, DIALOGUE_WEB, "500 This is not a web server");
}

/* ---- commands before required TLS ---- */

/* AUTHINFO without arguments says that there will be some, but that none may be tried yet (RFC
 * 4643, 2.1). What the upstream can do, the client learns on TLS. */
static enum step own_capabilities(struct dialogue *t, const struct command *c,
                                  struct dialogue_out *out)
{
    (void)c;
    buf_puts(out->to_client, "101 Capability list:\r\nVERSION 2\r\nAUTHINFO\r\nSTARTTLS\r\n.\r\n");
    return step_courtesy(t, out, NNTP_GOODBYE);
}

static enum step own_help(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    (void)c;
    buf_puts(out->to_client,
             "100 Help text follows\r\nCAPABILITIES\r\nHELP\r\nQUIT\r\nSTARTTLS\r\n.\r\n");
    return step_courtesy(t, out, NNTP_GOODBYE);
}

static enum step own_quit(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    (void)c;
    return step_last_word(t, out, DIALOGUE_OVER, "205 Connection closing");
}

/* RFC 3977, 3.2.1. MODE READER too: whoever read 200 would not ask again on TLS, where the upstream
 * has never heard of it. */
static enum step own_refusal(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    (void)c;
    return nntp_refuse(t, out, "483 Must issue a STARTTLS command first");
}

static enum step own_post(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    return c->rest.size > 0 ? nntp_foreign(t, c, out) : own_refusal(t, c, out);
}

const struct verb nntp_own_verbs[] = {
    {"CAPABILITIES", own_capabilities, 0},
    {"AUTHINFO", nntp_refuse_login, 0},
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
void nntp_greet(struct dialogue *t, struct dialogue_out *out)
{
    buf_printf(out->to_client, "200 %s ready\r\n", t->facts.hostname);
}

bool nntp_may_upgrade(const struct dialogue *t)
{
    return !nntp_of(t)->logged_in;
}
