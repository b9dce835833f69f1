/* imap_pass.c - the client's commands on their way to an upstream. See imap.h. */
#include "proxy/starttls/imap_inner.h"

#include <string.h>

/* The upstream has to take every literal before it gets one, also where the client does not wait
 * for that: {n+} becomes {n}. So it cannot refuse a command and then read its literal as commands,
 * as a server without RFC 7888 would. */
enum step imap_forward(struct dialogue *t, struct slice line, enum imap_literal literal,
                       uint64_t size, struct dialogue_out *out)
{
    struct imap_dialogue *i = imap_of(t);
    if (literal == IMAP_NONSYNC) {
        buf_put(out->to_upstream, line.data, line.size - strlen("+}"));
        buf_puts(out->to_upstream, "}\r\n");
    } else {
        buf_put(out->to_upstream, line.data, line.size);
        buf_puts(out->to_upstream, "\r\n");
    }
    i->literal = size;
    i->literal_waits = literal != IMAP_NO_LITERAL;
    i->literal_comes = literal == IMAP_NONSYNC;
    i->state = IMAP_WAITING;
    return STEP_TURN;
}

/* Is it a literal, or could it be one to another parser, by blanks behind it or what is in the
 * braces? That may read as its bytes what we take for the next command, and as a command the rest
 * of that. */
static bool may_have_literal(struct slice line)
{
    while (line.size > 0 && (line.data[line.size - 1] == ' ' || line.data[line.size - 1] == '\t'))
        line.size--;
    return line.size > 0 && line.data[line.size - 1] == '}';
}

/* With single spaces, or the upstream might find another verb than we did. */
static enum step pass(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out)
{
    struct imap_dialogue *i = imap_of(t);
    if (dialogue_withholds(t) && may_have_literal(c->line))
        return imap_refuse(t, c, out, "BAD No literals here");
    memcpy(i->tag, c->tag.data, c->tag.size);
    i->tag_size = c->tag.size;
    i->asked = c->row->asked;
    i->listed = i->answered = false;
    buf_put(out->to_upstream, c->tag.data, c->tag.size);
    buf_puts(out->to_upstream, " ");
    struct slice line = c->verb;
    if (c->rest.size > 0) {
        buf_put(out->to_upstream, c->verb.data, c->verb.size);
        buf_puts(out->to_upstream, " ");
        line = c->rest;
    }
    return imap_forward(t, line, c->literal, c->size, out);
}

static enum step login(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out)
{
    return dialogue_withholds(t) ? imap_login_refusal(t, c, out) : pass(t, c, out);
}

bool imap_has_proxy_fields(const struct imap_command *c)
{
    if (c->literal != IMAP_NO_LITERAL || memchr(c->line.data, '\\', c->line.size) != NULL)
        return true;
    for (struct slice s = c->rest; s.size > 2; s.data++, s.size--)
        if (memchr(" (\"", s.data[0], 3) != NULL &&
            slice_begins((struct slice){s.data + 1, s.size - 1}, "x-"))
            return true;
    return false;
}

static enum step id(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out)
{
    return imap_has_proxy_fields(c) ? imap_own_id(t, c, out) : pass(t, c, out);
}

/* RFC 4978. Nothing behind it could be read, passwords and STARTTLS among it. */
static enum step compress(struct dialogue *t, const struct imap_command *c,
                          struct dialogue_out *out)
{
    return imap_refuse(t, c, out, "NO Not before login");
}

/* Nobody knows what an unknown command does with a password. What is known and not in the table
 * belongs behind the login (RFC 9051, 3). */
static enum step unknown(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out)
{
    if (dialogue_withholds(t))
        return imap_refuse(t, c, out, "BAD Not before login, or not known");
    return pass(t, c, out);
}

const struct imap_verb imap_pass_verbs[] = {
    {.name = "LOGIN", .take = login, .asked = IMAP_ASKED_LOGIN},
    {.name = "AUTHENTICATE", .take = login, .asked = IMAP_ASKED_LOGIN},
    {.name = "CAPABILITY", .take = pass, .asked = IMAP_ASKED_CAPABILITY},
    {.name = "STARTTLS", .take = imap_starttls, .bare = true},
    {.name = "ID", .take = id},
    {.name = "NOOP", .take = pass},
    {.name = "LOGOUT", .take = pass, .asked = IMAP_ASKED_LOGOUT},
    {.name = "LANGUAGE", .take = pass}, /* RFC 5255, 3.2 */
    {.name = "COMPRESS", .take = compress},
    {.name = NULL, .take = unknown},
};
