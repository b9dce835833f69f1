/* nntp_pass.c - the client's commands and articles on their way to an upstream. See nntp.h. */
#include "proxy/starttls/nntp_inner.h"

/* ---- commands that the upstream hears ---- */

static enum step pass_as(struct dialogue *t, const struct command *c, enum nntp_asked kind,
                         struct dialogue_out *out)
{
    if (!asked_add(&t->asked, kind))
        return STEP_LEFT;
    nntp_of(t)->may_be_text = false;
    step_put_line(out->to_upstream, c->line);
    return STEP_TAKEN;
}

static enum step pass(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    return pass_as(t, c, (enum nntp_asked)c->row->kind, out);
}

/* The replies before it are still ours to watch. */
static enum step end_watch(const struct dialogue *t)
{
    return t->asked.count > 0 ? STEP_LEFT : STEP_RELAYING;
}

/* Real work. */
static enum step work(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    return nntp_may_upgrade(t) ? pass(t, c, out) : end_watch(t);
}

static enum step capabilities(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    return c->rest.size > 0 ? pass_as(t, c, NNTP_ASKED_KEYWORD, out) : pass(t, c, out);
}

/* If it was passed, nothing behind it is read before the reply. */
static enum step waiting(struct dialogue *t, enum step step)
{
    if (step == STEP_TAKEN)
        nntp_of(t)->state = NNTP_WAITING;
    return step;
}

/* RFC 3977, 5.3; RFC 4644, 2.3. */
static enum step mode(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    return waiting(t, pass(t, c, out));
}

/* POST, IHAVE, XREPLIC: the article follows a reply that asks for it. */
static enum step article(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    if (slice_is(c->verb, "POST") && c->rest.size > 0)
        return nntp_foreign(t, c, out);
    return waiting(t, work(t, c, out));
}

void nntp_begin_article(struct dialogue *t)
{
    nntp_of(t)->state = NNTP_TEXT;
    hidden_text_begin(&nntp_of(t)->text);
}

/* The upstream may read what follows otherwise than we do: as commands, with a login among them.
 * Where that may pass, the two of them will know. */
static enum step unreadable(struct dialogue *t, const char *reply, struct dialogue_out *out)
{
    return dialogue_withholds(t) ? step_last_word(t, out, DIALOGUE_UNREADABLE, reply)
                                 : end_watch(t);
}

/* RFC 4644, 2.5: the article follows at once, whatever the upstream will say. Where it does not
 * know TAKETHIS, or the line is too long for it, it reads the article as commands. */
static enum step takethis(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    if (!nntp_of(t)->streaming)
        return unreadable(t, "503 STREAMING was not offered", out);
    if (c->line.size > NNTP_COMMAND_MAX)
        return unreadable(t, "501 Line too long", out);
    const enum step step = work(t, c, out);
    if (step == STEP_TAKEN)
        nntp_begin_article(t);
    return step;
}

/* INN's "XBATCH size": so many bytes follow a 339, and an upstream that counts in another way reads
 * them as commands. */
static enum step xbatch(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    (void)c;
    return dialogue_withholds(t) ? nntp_refuse(t, out, "502 Batches are not available here")
                                 : end_watch(t);
}

/* RFC 8054 and its forerunner hide from us all that follows, and TLS may not begin behind them. */
static enum step compress(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    (void)c;
    return nntp_may_upgrade(t) ? nntp_refuse(t, out, "502 Compression is not available here")
                               : end_watch(t);
}

/* A client that did not wait for the refusal of AUTHINFO may have sent its password behind it. */
static enum step unknown(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    if (nntp_may_upgrade(t) && nntp_of(t)->login_refused)
        return nntp_refuse(t, out, "500 Unknown command");
    return work(t, c, out);
}

/* ---- AUTHINFO (RFC 4643; RFC 2980, 3.1) ---- */

/* Its reply decides what follows, so it must be beyond doubt which that is. */
static enum step exchange(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    if (t->asked.count > 0)
        return STEP_LEFT;
    return waiting(t, pass_as(t, c, NNTP_ASKED_EXCHANGE, out));
}

static enum step authinfo(struct dialogue *t, const struct command *c, struct dialogue_out *out)
{
    struct slice rest = c->rest;
    const struct slice how = line_word(&rest);
    if (dialogue_withholds(t))
        return nntp_refuse_login(t, c, out);
    if (slice_is(how, "SASL") || slice_is(how, "SIMPLE"))
        return exchange(t, c, out);
    if (slice_is(how, "GENERIC")) /* what follows is between the two of them */
        return end_watch(t);
    return pass(t, c, out);
}

const struct verb nntp_pass_verbs[] = {
    {"CAPABILITIES", capabilities, NNTP_ASKED_CAPABILITIES},
    {"STARTTLS", nntp_starttls, NNTP_ASKED_OTHER},
    {"AUTHINFO", authinfo, NNTP_ASKED_LOGIN},
    {"MODE", mode, NNTP_ASKED_MODE},
    {"DATE", pass, NNTP_ASKED_OTHER},
    {"HELP", pass, NNTP_ASKED_OTHER},
    {"QUIT", pass, NNTP_ASKED_OTHER},
    {"GROUP", work, NNTP_ASKED_OTHER},
    {"LISTGROUP", work, NNTP_ASKED_LISTGROUP},
    {"ARTICLE", work, NNTP_ASKED_OTHER},
    {"HEAD", work, NNTP_ASKED_OTHER},
    {"BODY", work, NNTP_ASKED_OTHER},
    {"STAT", work, NNTP_ASKED_OTHER},
    {"NEXT", work, NNTP_ASKED_OTHER},
    {"LAST", work, NNTP_ASKED_OTHER},
    {"LIST", work, NNTP_ASKED_OTHER},
    {"OVER", work, NNTP_ASKED_OTHER},
    {"XOVER", work, NNTP_ASKED_OTHER},
    {"HDR", work, NNTP_ASKED_OTHER},
    {"XHDR", work, NNTP_ASKED_OTHER},
    {"XPAT", work, NNTP_ASKED_OTHER},
    {"NEWNEWS", work, NNTP_ASKED_OTHER},
    {"NEWGROUPS", work, NNTP_ASKED_OTHER},
    {"POST", article, NNTP_ASKED_ARTICLE},
    {"IHAVE", article, NNTP_ASKED_ARTICLE},
    {"XREPLIC", article, NNTP_ASKED_ARTICLE}, /* IHAVE from INN to its slaves */
    {"CHECK", work, NNTP_ASKED_OTHER},
    {"TAKETHIS", takethis, NNTP_ASKED_OTHER},
    {"XBATCH", xbatch, NNTP_ASKED_OTHER},
    {"COMPRESS", compress, NNTP_ASKED_OTHER},
    {"XFEATURE", compress, NNTP_ASKED_OTHER},
    {"GET", nntp_foreign, NNTP_ASKED_OTHER},
    {"PUT", nntp_foreign, NNTP_ASKED_OTHER},
    {"CONNECT", nntp_foreign, NNTP_ASKED_OTHER},
    {NULL, unknown, NNTP_ASKED_UNKNOWN},
};

/* ---- what is not a command ---- */

/* RFC 4643, 2.4.1. "*" gives up; the upstream answers that too. A reply of ours is the next in
 * order here, and the exchange cannot go on behind it. */
enum step nntp_take_response(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct slice line;
    const enum line_result result = line_next(in, NNTP_LINE_MAX, &line, NULL);
    if (result == LINE_MORE)
        return STEP_LEFT;
    if (result == LINE_TOO_LONG || slice_has_controls(line)) {
        return result == LINE_TOO_LONG
                   ? step_end(t, out, DIALOGUE_TOO_LONG, "501 Line too long")
                   : step_end(t, out, DIALOGUE_UNREADABLE, "482 Cannot decode response");
    }
    step_put_line(out->to_upstream, line);
    nntp_of(t)->state = NNTP_WAITING;
    return STEP_TAKEN;
}

/* What an upstream must not hear where passwords wait for TLS: a login, and compression, behind
 * which nobody would see one. */
static const char *const names[] = {"AUTHINFO", "COMPRESS", "XFEATURE", NULL};
static const struct hidden_rules logins = {.alone = names}, nothing = {0};

enum step nntp_take_article(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct nntp_dialogue *n = nntp_of(t);
    enum hidden_text_state state;
    const size_t size =
        hidden_text_take(&n->text, dialogue_withholds(t) ? &logins : &nothing, *in, &state);
    buf_put(out->to_upstream, in->data, size);
    in->data += size;
    in->size -= size;
    if (state == HIDDEN_TEXT_FOUND)
        return step_end(t, out, DIALOGUE_HIDDEN, "400 Command in an article, closing connection");
    if (state == HIDDEN_TEXT_GOES_ON)
        return STEP_TAKEN;
    if (t->asked.count > 0 && t->asked.kinds[0] == NNTP_ASKED_ARTICLE)
        t->asked.kinds[0] = NNTP_ASKED_OTHER; /* the second reply is to come */
    n->state = NNTP_COMMANDS;
    return STEP_TAKEN;
}
