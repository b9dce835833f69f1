/* imap_own.c - what we say ourselves. See imap.h. */
#include "proxy/starttls/imap_inner.h"

/* Of a refused command, which nobody wants: a literal larger than this ends the session (RFC 7888,
 * 4, allows that). More than one is an error each. */
enum { SKIP_MAX = 8192 };

enum step imap_goodbye(struct dialogue *t, struct dialogue_out *out, enum dialogue_reason reason,
                       const char *why)
{
    t->reason = reason;
    buf_printf(out->to_client, "* BYE %s\r\n", why);
    return STEP_CLOSING;
}

enum step imap_count_error(struct dialogue *t, struct dialogue_out *out, enum step otherwise)
{
    return dialogue_error(t) ? imap_goodbye(t, out, DIALOGUE_ERRORS, "Too many invalid commands")
                             : otherwise;
}

/* An answer to a command that leads nowhere was given. */
static enum step courtesy(struct dialogue *t, struct dialogue_out *out)
{
    return dialogue_courtesy(t) ? imap_goodbye(t, out, DIALOGUE_ERRORS, "Too many commands")
                                : STEP_TAKEN;
}

void imap_answer(const struct imap_command *c, struct dialogue_out *out, const char *reply)
{
    buf_put(out->to_client, c->tag.data, c->tag.size);
    buf_printf(out->to_client, " %s\r\n", reply);
}

/* RFC 9051, 4.3: a client that waits for "+" reads the refusal instead, and does not send the
 * literal. */
enum step imap_skip(struct dialogue *t, enum imap_literal literal, uint64_t size,
                    struct dialogue_out *out)
{
    struct imap_dialogue *i = imap_of(t);
    if (literal == IMAP_DOUBTFUL || (literal == IMAP_NONSYNC && size > SKIP_MAX))
        return imap_goodbye(t, out, DIALOGUE_UNREADABLE, "Cannot tell where that command ends");
    i->skipped = literal == IMAP_NONSYNC;
    i->literal = size;
    i->state = i->skipped ? IMAP_LITERAL : IMAP_COMMANDS;
    return STEP_TAKEN;
}

enum step imap_refuse(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out,
                      const char *reply)
{
    imap_answer(c, out, reply);
    const enum step step = imap_count_error(t, out, STEP_TAKEN);
    return step == STEP_TAKEN ? imap_skip(t, c->literal, c->size, out) : step;
}

/* RFC 5530, 3: UNAVAILABLE. */
void imap_unavailable(enum starttls_refusal why, const char *hostname, struct buf *to_client)
{
    (void)hostname;
    buf_printf(to_client, "* BYE [UNAVAILABLE] %s\r\n", dialogue_refusal_words(why));
}

enum step imap_protocol_error(struct dialogue *t, enum dialogue_reason why, struct slice line,
                              struct dialogue_out *out)
{
    dialogue_blame(t, why, line);
    imap_unavailable(REFUSE_UPSTREAM_DOWN, "", out->to_client);
    return STEP_CLOSING;
}

/* ---- commands in both tables ---- */

/* RFC 9051, 6.2.1. */
enum step imap_starttls(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out)
{
    (void)t;
    imap_answer(c, out, "OK Begin TLS negotiation now");
    return STEP_UPGRADING;
}

/* RFC 9051, 6.2.3; RFC 5530, 3: PRIVACYREQUIRED. A command alone is no login. */
enum step imap_login_refusal(struct dialogue *t, const struct imap_command *c,
                             struct dialogue_out *out)
{
    const struct slice none = {c->rest.data, 0};
    if (c->rest.size > 0)
        dialogue_login_refused(t, c->row->name, slice_is(c->verb, "AUTHENTICATE") ? c->rest : none);
    return imap_refuse(t, c, out, "NO [PRIVACYREQUIRED] Not before STARTTLS");
}

/* RFC 2971, 3.1. */
enum step imap_own_id(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out)
{
    if (c->literal != IMAP_NO_LITERAL)
        return imap_refuse(t, c, out, "BAD No literals here");
    buf_puts(out->to_client, "* ID NIL\r\n");
    imap_answer(c, out, "OK ID completed");
    return courtesy(t, out);
}

/* ---- commands before required TLS ---- */

#define OWN_LIST "CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED"

static enum step own_capability(struct dialogue *t, const struct imap_command *c,
                                struct dialogue_out *out)
{
    buf_puts(out->to_client, "* " OWN_LIST "\r\n");
    imap_answer(c, out, "OK CAPABILITY completed");
    return courtesy(t, out);
}

static enum step own_noop(struct dialogue *t, const struct imap_command *c,
                          struct dialogue_out *out)
{
    imap_answer(c, out, "OK NOOP completed");
    return courtesy(t, out);
}

static enum step own_logout(struct dialogue *t, const struct imap_command *c,
                            struct dialogue_out *out)
{
    const enum step step = imap_goodbye(t, out, DIALOGUE_OVER, "Logging out");
    imap_answer(c, out, "OK LOGOUT completed");
    return step;
}

static enum step own_refusal(struct dialogue *t, const struct imap_command *c,
                             struct dialogue_out *out)
{
    return imap_refuse(t, c, out, "BAD Not before STARTTLS, or not known");
}

const struct imap_verb imap_own_verbs[] = {
    {.name = "CAPABILITY", .take = own_capability, .bare = true},
    {.name = "NOOP", .take = own_noop, .bare = true},
    {.name = "LOGOUT", .take = own_logout, .bare = true},
    {.name = "ID", .take = imap_own_id},
    {.name = "STARTTLS", .take = imap_starttls, .bare = true},
    {.name = "LOGIN", .take = imap_login_refusal},
    {.name = "AUTHENTICATE", .take = imap_login_refusal},
    {.name = NULL, .take = own_refusal},
};

void imap_greet(struct dialogue *t, struct dialogue_out *out)
{
    buf_printf(out->to_client, "* OK [" OWN_LIST "] %s ready\r\n", t->facts.hostname);
}

/* ---- browsers ---- */

const char *const imap_foreign_tags[] = {"GET", "POST", "PUT", "CONNECT", "HEAD", "OPTIONS", NULL};

bool imap_is_foreign(struct slice tag, struct slice verb)
{
    for (size_t n = 0; imap_foreign_tags[n] != NULL; n++)
        if (slice_is(tag, imap_foreign_tags[n]))
            return !verb_is_sound(verb);
    return false;
}
