/* smtp_pass.c - the client's commands and mail text on their way to an upstream. See smtp.h. */
#include "proxy/starttls/smtp_inner.h"

#include <string.h>

/* ---- commands that the upstream hears ---- */

static enum step pass(struct dialogue *t, const struct smtp_command *c, struct dialogue_out *out)
{
    struct smtp_dialogue *s = smtp_of(t);
    if (!asked_add(&t->asked, c->row->asked))
        return STEP_LEFT;
    step_put_line(out->to_upstream, c->line);
    if (c->row->waits)
        s->state = SMTP_WAITING;
    return STEP_TAKEN;
}

/* A client that did not wait for the refusal of AUTH may have sent its password behind it. */
static enum step unknown(struct dialogue *t, const struct smtp_command *c, struct dialogue_out *out)
{
    if (smtp_of(t)->auth_refused)
        return smtp_refuse(t, out, "500 5.5.2 Syntax error, command unrecognized");
    return pass(t, c, out);
}

static enum step auth(struct dialogue *t, const struct smtp_command *c, struct dialogue_out *out)
{
    if (!dialogue_withholds(t))
        return pass(t, c, out);
    return smtp_refuse_login(
        t, c, out, "538 5.7.11 Encryption required for requested authentication mechanism");
}

/* EHLO, LHLO. The line stays where it is until it is answered: see enum smtp_hello. */
static enum step hello(struct dialogue *t, const struct smtp_command *c, struct dialogue_out *out)
{
    struct smtp_dialogue *s = smtp_of(t);
    if (s->hello == SMTP_HELLO_ANSWERED) {
        s->hello = SMTP_HELLO_NONE;
        return STEP_TAKEN;
    }
    if (!asked_add(&t->asked, c->row->asked))
        return STEP_LEFT;
    if (s->hello == SMTP_HELLO_UNKNOWN) {
        buf_puts(out->to_upstream, "HELO ");
        step_put_line(out->to_upstream, c->rest);
        s->hello = SMTP_HELLO_AS_HELO;
    } else {
        step_put_line(out->to_upstream, c->line);
        s->hello = SMTP_HELLO_ASKED;
    }
    s->state = SMTP_WAITING;
    return STEP_LEFT;
}

/* ---- commands with bytes behind them ---- */

/* RFC 3030, 2. The chunk follows at once, whatever the upstream will say. Where it does not know
 * BDAT it would read the chunk as commands, so it must have offered it. Neither there nor where the
 * size makes no sense is there a way to know what follows. */
static enum step bdat(struct dialogue *t, const struct smtp_command *c, struct dialogue_out *out)
{
    struct smtp_dialogue *s = smtp_of(t);
    if (!s->chunking)
        return step_last_word(t, out, DIALOGUE_UNREADABLE, "503 5.5.1 CHUNKING was not offered");
    struct smtp_bdat b;
    if (!smtp_read_bdat(c->line, &b))
        return step_last_word(t, out, DIALOGUE_UNREADABLE, SMTP_NO_BDAT);
    if (!asked_add(&t->asked, b.last ? SMTP_ASKED_LAST : SMTP_ASKED_BDAT))
        return STEP_LEFT;
    step_put_line(out->to_upstream, c->line);
    s->bytes = b.size;
    if (b.size > 0)
        smtp_begin_bytes(t);
    return STEP_TAKEN;
}

/* RFC 4468, 3: "BURL url [LAST]" takes the place of a chunk, and no bytes follow. */
static enum step burl(struct dialogue *t, const struct smtp_command *c, struct dialogue_out *out)
{
    struct slice rest = c->rest;
    line_word(&rest);
    if (!asked_add(&t->asked, slice_is(line_word(&rest), "LAST") ? SMTP_ASKED_LAST : c->row->asked))
        return STEP_LEFT;
    step_put_line(out->to_upstream, c->line);
    return STEP_TAKEN;
}

/* Exchange's: "XEXCH50 size number"; the bytes follow a 354. */
static enum step xexch50(struct dialogue *t, const struct smtp_command *c, struct dialogue_out *out)
{
    struct slice rest = c->rest;
    uint64_t size;
    if (!smtp_take_number(line_word(&rest), &size))
        return smtp_refuse(t, out, "501 5.5.4 Syntax error in parameters");
    const enum step step = pass(t, c, out);
    if (step == STEP_TAKEN)
        smtp_of(t)->bytes = size;
    return step;
}

/* The roles change behind it, and nothing is watched any more. Where passwords wait for TLS, nobody
 * has logged in, as who wants that has to (RFC 5321, F.1; RFC 2645, 5.2.2); and behind a doubtful
 * text, the reply may be another's. */
static enum step roles(struct dialogue *t, const struct smtp_command *c, struct dialogue_out *out)
{
    if (dialogue_withholds(t) || smtp_of(t)->text.doubtful)
        return smtp_refuse(t, out, SMTP_NO_COMMAND);
    return pass(t, c, out);
}

/* ---- commands that it does not hear ---- */

/* Who the client is is ours to tell. */
static enum step identity(struct dialogue *t, const struct smtp_command *c,
                          struct dialogue_out *out)
{
    (void)c;
    return smtp_refuse(t, out, "550 5.7.0 Insufficient authorization");
}

/* Exchange's own way into TLS. */
static enum step other_upgrade(struct dialogue *t, const struct smtp_command *c,
                               struct dialogue_out *out)
{
    (void)c;
    return smtp_refuse(t, out, SMTP_NO_COMMAND);
}

const struct smtp_verb smtp_pass_verbs[] = {
    {"RCPT", pass, SMTP_ASKED_RCPT, false},
    {"MAIL", pass, SMTP_ASKED_MAIL, false},
    {"DATA", pass, SMTP_ASKED_DATA, true},
    {"BDAT", bdat, SMTP_ASKED_BDAT, false},
    {"RSET", pass, SMTP_ASKED_RSET, false},
    {"EHLO", hello, SMTP_ASKED_EHLO, true},
    {"LHLO", hello, SMTP_ASKED_LHLO, true},
    {"HELO", pass, SMTP_ASKED_HELO, true},
    {"AUTH", auth, SMTP_ASKED_AUTH, true},
    {"X-EXPS", auth, SMTP_ASKED_AUTH, true}, /* AUTH among Exchange servers */
    {"STARTTLS", smtp_starttls, SMTP_ASKED_OTHER, false},
    {"X-ANONYMOUSTLS", other_upgrade, SMTP_ASKED_OTHER, false},
    {"XCLIENT", identity, SMTP_ASKED_OTHER, false},
    {"XFORWARD", identity, SMTP_ASKED_OTHER, false},
    {"XEXCH50", xexch50, SMTP_ASKED_XEXCH50, true},
    {"SEND", pass, SMTP_ASKED_MAIL, false}, /* RFC 821, 3.4 */
    {"SOML", pass, SMTP_ASKED_MAIL, false},
    {"SAML", pass, SMTP_ASKED_MAIL, false},
    {"TURN", roles, SMTP_ASKED_TURN, true}, /* RFC 821, 3.8 */
    {"ATRN", roles, SMTP_ASKED_TURN, true}, /* RFC 2645 */
    {"NOOP", pass, SMTP_ASKED_OTHER, false},
    {"QUIT", pass, SMTP_ASKED_OTHER, false},
    {"VRFY", pass, SMTP_ASKED_OTHER, false},
    {"EXPN", pass, SMTP_ASKED_OTHER, false},
    {"HELP", pass, SMTP_ASKED_OTHER, false},
    {"ETRN", pass, SMTP_ASKED_OTHER, false},
    {"BURL", burl, SMTP_ASKED_OTHER, false},
    {"GET", smtp_foreign, SMTP_ASKED_OTHER, false},
    {"POST", smtp_foreign, SMTP_ASKED_OTHER, false},
    {"PUT", smtp_foreign, SMTP_ASKED_OTHER, false},
    {"CONNECT", smtp_foreign, SMTP_ASKED_OTHER, false},
    {NULL, unknown, SMTP_ASKED_UNKNOWN, false},
};

/* ---- what is not a command ---- */

static void forward_bytes(struct slice *in, size_t n, struct dialogue_out *out)
{
    buf_put(out->to_upstream, in->data, n);
    in->data += n;
    in->size -= n;
}

static const struct hidden_rules *hidden(const struct dialogue *t)
{
    return dialogue_withholds(t) ? &smtp_hidden_login : &smtp_hidden;
}

/* How much of what is neither command nor text may pass: behind a doubtful text the upstream may
 * have been asked for none of it, and takes it for commands. */
static size_t may_pass(struct dialogue *t, struct slice in)
{
    struct hidden_text *x = &smtp_of(t)->text;
    return x->doubtful ? hidden_look(&x->line, hidden(t), in) : in.size;
}

static enum step caught(struct dialogue *t, struct dialogue_out *out)
{
    return step_end(t, out, DIALOGUE_HIDDEN, SMTP_CAUGHT);
}

/* RFC 4954, 4. "*" gives up; the upstream answers that too. A reply of ours is the next in order
 * here, and the exchange cannot go on behind it. */
enum step smtp_take_response(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct slice line;
    const enum line_result result = line_next(in, SMTP_LINE_MAX, &line, NULL);
    if (result == LINE_MORE)
        return STEP_LEFT;
    if (result == LINE_TOO_LONG || smtp_has_controls(line)) {
        return result == LINE_TOO_LONG
                   ? step_end(t, out, DIALOGUE_TOO_LONG, "500 5.5.6 Line too long")
                   : step_end(t, out, DIALOGUE_UNREADABLE, "501 5.5.2 Cannot decode response");
    }
    hidden_text_begin(&smtp_of(t)->text);
    if (may_pass(t, line) < line.size)
        return caught(t, out);
    step_put_line(out->to_upstream, line);
    smtp_of(t)->state = SMTP_WAITING;
    return STEP_TAKEN;
}

/* RFC 5321, 4.1.1.4 and 2.3.8: the text ends with CRLF.CRLF and nothing else. */
enum step smtp_take_text(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct smtp_dialogue *s = smtp_of(t);
    enum hidden_text_state state;
    forward_bytes(in, hidden_text_take(&s->text, hidden(t), *in, &state), out);
    if (state == HIDDEN_TEXT_FOUND)
        return caught(t, out);
    if (state == HIDDEN_TEXT_OVER) {
        t->asked.kinds[0] = SMTP_ASKED_TEXT;
        s->state = SMTP_COMMANDS;
    }
    return STEP_TAKEN;
}

void smtp_begin_bytes(struct dialogue *t)
{
    smtp_of(t)->state = SMTP_BYTES;
    hidden_text_begin(&smtp_of(t)->text);
}

/* Their last line may go on in the command behind them, to who takes them for commands. */
static bool is_cut_in_two(const struct dialogue *t)
{
    const struct smtp_dialogue *s = smtp_of(t);
    return s->bytes == 0 && s->text.doubtful && hidden_is_begun(&s->text.line, hidden(t));
}

enum step smtp_take_bytes(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct smtp_dialogue *s = smtp_of(t);
    const size_t n = in->size < s->bytes ? in->size : (size_t)s->bytes;
    const size_t passing = may_pass(t, (struct slice){in->data, n});
    forward_bytes(in, passing, out);
    s->bytes -= passing;
    if (passing < n || is_cut_in_two(t))
        return caught(t, out);
    if (s->bytes == 0)
        s->state = SMTP_COMMANDS;
    return STEP_TAKEN;
}
