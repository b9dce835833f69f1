/* sieve_own.c - what we say ourselves. See sieve.h. */
#include "proxy/starttls/sieve_inner.h"

enum step sieve_refuse(struct dialogue *t, struct dialogue_out *out, const char *reply)
{
    return step_refuse(t, out, reply, SIEVE_GOODBYE);
}

/* RFC 5804, 1.3. */
void sieve_unavailable(enum starttls_refusal why, const char *hostname, struct buf *to_client)
{
    (void)hostname;
    buf_printf(to_client, "BYE (TRYLATER) \"%s\"\r\n", dialogue_refusal_words(why));
}

enum step sieve_protocol_error(struct dialogue *t, enum dialogue_reason why, struct slice line,
                               struct dialogue_out *out)
{
    dialogue_blame(t, why, line);
    sieve_unavailable(REFUSE_UPSTREAM_DOWN, t->facts.hostname, out->to_client);
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

enum step sieve_starttls(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    if (has_arguments(c))
        return sieve_refuse(t, out, "NO \"STARTTLS takes no arguments\"");
    if (t->asked.count > 0)
        return STEP_LEFT;
    buf_puts(out->to_client, "OK \"Begin TLS negotiation\"\r\n");
    return STEP_UPGRADING;
}

enum step sieve_refuse_encryption(struct dialogue *t, const struct command *c,
                                  struct dialogue_out *out)
{
    (void)c;
    return sieve_refuse(t, out, "NO (ENCRYPT-NEEDED) \"Must issue a STARTTLS command first\"");
}

enum step sieve_refuse_login(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    struct slice rest = c->rest;
    struct sieve_token mechanism;
    if (t->asked.count > 0)
        return STEP_LEFT;
    sieve_token_next(&rest, &mechanism);
    if (mechanism.kind != SIEVE_END) { /* AUTHENTICATE alone is no login */
        sieve_of(t)->login_refused = true;
        dialogue_login_refused(t, "AUTHENTICATE", mechanism.text);
    }
    return sieve_refuse_encryption(t, c, out);
}

/* A browser that was tricked into speaking here (ALPACA) gets no second command. */
enum step sieve_foreign(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    (void)c;
    return step_last_word(t, out, DIALOGUE_WEB, "BYE \"This is not a web server\"");
}

/* ---- commands before required TLS ---- */

/* RFC 5804, 1.7: these four must be there, and SASL is empty as long as none may be used. */
static void put_own_list(struct dialogue_out *out)
{
    buf_puts(out->to_client, "\"IMPLEMENTATION\" \"ManageSieve\"\r\n\"SASL\" \"\"\r\n"
                             "\"SIEVE\" \"\"\r\n\"STARTTLS\"\r\n\"VERSION\" \"1.0\"\r\n");
}

static enum step own_capability(struct dialogue *t, const struct command *c,
                                struct dialogue_out *out)
{
    (void)c;
    put_own_list(out);
    buf_puts(out->to_client, "OK \"Capability completed\"\r\n");
    return step_courtesy(t, out, SIEVE_GOODBYE);
}

static enum step own_logout(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    (void)c;
    return step_last_word(t, out, DIALOGUE_OVER, "OK \"Bye\"");
}

/* RFC 5804, 4: quoted strings have up to 1024 octets; no honest tag is longer. */
enum { TAG_MAX = 1024 };

/* RFC 5804, 2.13: the client gets back the string that it gave. */
static enum step own_noop(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    struct slice rest = c->rest;
    struct sieve_token tag;
    sieve_token_next(&rest, &tag);
    if (tag.kind == SIEVE_END) {
        buf_puts(out->to_client, "OK \"Done\"\r\n");
        return step_courtesy(t, out, SIEVE_GOODBYE);
    }
    if (!sieve_is_string(&tag) || tag.text.size > TAG_MAX || slice_has_controls(tag.text))
        return sieve_refuse(t, out, "NO \"Syntax error\"");
    const bool is_quoted = tag.kind == SIEVE_QUOTED;
    if (is_quoted)
        buf_puts(out->to_client, "OK (TAG \"");
    else
        buf_printf(out->to_client, "OK (TAG {%zu}\r\n", tag.text.size);
    buf_put(out->to_client, tag.text.data, tag.text.size);
    buf_puts(out->to_client, is_quoted ? "\") \"Done\"\r\n" : ") \"Done\"\r\n");
    return step_courtesy(t, out, SIEVE_GOODBYE);
}

const struct verb sieve_own_verbs[] = {
    {"CAPABILITY", own_capability, 0},
    {"STARTTLS", sieve_starttls, 0},
    {"AUTHENTICATE", sieve_refuse_login, 0},
    {"NOOP", own_noop, 0},
    {"LOGOUT", own_logout, 0},
    {"GET", sieve_foreign, 0},
    {"POST", sieve_foreign, 0},
    {"PUT", sieve_foreign, 0},
    {"CONNECT", sieve_foreign, 0},
    {NULL, sieve_refuse_encryption, 0},
};

void sieve_greet(struct dialogue *t, struct dialogue_out *out)
{
    put_own_list(out);
    buf_printf(out->to_client, "OK \"%s ready\"\r\n", t->facts.hostname);
}
