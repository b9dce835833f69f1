#include "proxy/starttls/imap_inner.h"

/* Of a refused command, which nobody wants: a literal larger than this ends the session (RFC 7888,
 * 4, allows that). More than one is an error each. */
enum { SKIP_MAX = 8192 };

/* ---- answers of our own ---- */

enum imap_step imap_goodbye(struct talk_out *out, const char *why)
{
    buf_printf(out->to_client, "* BYE %s\r\n", why);
    return IMAP_CLOSING;
}

enum imap_step imap_count_error(struct talk *t, struct talk_out *out, enum imap_step otherwise)
{
    return talk_error(t) ? imap_goodbye(out, "Too many invalid commands") : otherwise;
}

void imap_answer(const struct imap_command *c, struct talk_out *out, const char *reply)
{
    buf_put(out->to_client, c->tag.data, c->tag.size);
    buf_printf(out->to_client, " %s\r\n", reply);
}

/* RFC 9051, 4.3: a client that waits for "+" reads the refusal instead, and does not send the
 * literal. */
enum imap_step imap_skip(struct talk *t, enum imap_literal literal, uint64_t size,
                         struct talk_out *out)
{
    struct imap_talk *i = &t->as.imap;
    if (literal == IMAP_DOUBTFUL || (literal == IMAP_NONSYNC && size > SKIP_MAX))
        return imap_goodbye(out, "Cannot tell where that command ends");
    i->skipped = literal == IMAP_NONSYNC;
    i->literal = size;
    i->state = i->skipped ? IMAP_LITERAL : IMAP_COMMANDS;
    return IMAP_TAKEN;
}

enum imap_step imap_refuse(struct talk *t, const struct imap_command *c, struct talk_out *out,
                           const char *reply)
{
    imap_answer(c, out, reply);
    const enum imap_step step = imap_count_error(t, out, IMAP_TAKEN);
    return step == IMAP_TAKEN ? imap_skip(t, c->literal, c->size, out) : step;
}

/* RFC 5530, 3: UNAVAILABLE. */
static void refuse(enum starttls_refusal why, const char *hostname, struct buf *to_client)
{
    (void)hostname;
    buf_printf(to_client, "* BYE [UNAVAILABLE] %s\r\n", talk_refusal_words(why));
}

enum imap_step imap_broken(struct talk *t, struct talk_out *out)
{
    t->upstream_broke = true;
    refuse(REFUSE_UPSTREAM_DOWN, "", out->to_client);
    return IMAP_CLOSING;
}

/* ---- commands in both tables ---- */

/* RFC 9051, 6.2.1. */
enum imap_step imap_starttls(struct talk *t, const struct imap_command *c, struct talk_out *out)
{
    if (t->facts.mode == TALK_INSIDE)
        return imap_refuse(t, c, out, "BAD TLS is already active");
    imap_answer(c, out, "OK Begin TLS negotiation now");
    return IMAP_UPGRADING;
}

/* RFC 9051, 6.2.3; RFC 5530, 3: PRIVACYREQUIRED. */
enum imap_step imap_login_refusal(struct talk *t, const struct imap_command *c,
                                  struct talk_out *out)
{
    return imap_refuse(t, c, out, "NO [PRIVACYREQUIRED] Not before STARTTLS");
}

/* RFC 2971, 3.1. */
enum imap_step imap_own_id(struct talk *t, const struct imap_command *c, struct talk_out *out)
{
    if (c->literal != IMAP_NO_LITERAL)
        return imap_refuse(t, c, out, "BAD No literals here");
    buf_puts(out->to_client, "* ID NIL\r\n");
    imap_answer(c, out, "OK ID completed");
    return IMAP_TAKEN;
}

/* ---- commands before required TLS ---- */

#define OWN_LIST "CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED"

static enum imap_step own_capability(struct talk *t, const struct imap_command *c,
                                     struct talk_out *out)
{
    (void)t;
    buf_puts(out->to_client, "* " OWN_LIST "\r\n");
    imap_answer(c, out, "OK CAPABILITY completed");
    return IMAP_TAKEN;
}

static enum imap_step own_noop(struct talk *t, const struct imap_command *c, struct talk_out *out)
{
    (void)t;
    imap_answer(c, out, "OK NOOP completed");
    return IMAP_TAKEN;
}

static enum imap_step own_logout(struct talk *t, const struct imap_command *c, struct talk_out *out)
{
    (void)t;
    const enum imap_step step = imap_goodbye(out, "Logging out");
    imap_answer(c, out, "OK LOGOUT completed");
    return step;
}

static enum imap_step own_refusal(struct talk *t, const struct imap_command *c,
                                  struct talk_out *out)
{
    return imap_refuse(t, c, out, "BAD Not before STARTTLS, or not known");
}

static const struct imap_verb own_verbs[] = {
    {.name = "CAPABILITY", .take = own_capability, .bare = true},
    {.name = "NOOP", .take = own_noop, .bare = true},
    {.name = "LOGOUT", .take = own_logout, .bare = true},
    {.name = "ID", .take = imap_own_id},
    {.name = "STARTTLS", .take = imap_starttls, .bare = true},
    {.name = "LOGIN", .take = imap_login_refusal},
    {.name = "AUTHENTICATE", .take = imap_login_refusal},
    {.name = NULL, .take = own_refusal},
};

static void greet(struct talk *t, struct talk_out *out)
{
    buf_printf(out->to_client, "* OK [" OWN_LIST "] %s ready\r\n", t->facts.hostname);
}

/* ---- lines ---- */

/* A browser that was tricked into speaking here (ALPACA): "GET / HTTP/1.1". */
static bool is_foreign(const struct imap_command *c)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "CONNECT", "HEAD", "OPTIONS"};
    for (size_t n = 0; n < sizeof methods / sizeof *methods; n++)
        if (slice_is(c->tag, methods[n]))
            return !imap_is_verb(c->verb);
    return false;
}

static enum imap_step dispatch(struct talk *t, struct imap_command *c, struct talk_out *out)
{
    if (!imap_is_tag(c->tag) || c->verb.size == 0) {
        c->tag = (struct slice){(const uint8_t *)"*", 1}; /* RFC 9051, 7.1.3 */
        return imap_refuse(t, c, out, "BAD That is no tag and command");
    }
    if (is_foreign(c))
        return imap_goodbye(out, "This is not a web server");
    if (slice_has_controls(c->line) || !imap_is_verb(c->verb))
        return imap_refuse(t, c, out, "BAD That is no command");
    if (c->literal == IMAP_DOUBTFUL)
        return imap_refuse(t, c, out, "BAD That literal is none");
    c->row = t->facts.mode == TALK_REQUIRED ? own_verbs : imap_pass_verbs;
    while (c->row->name != NULL && !slice_is(c->verb, c->row->name))
        c->row++;
    if (c->row->bare && c->rest.size > 0)
        return imap_refuse(t, c, out, "BAD No arguments allowed");
    return c->row->take(t, c, out);
}

/* A bare LF ends a line as CRLF does. The upstream gets CRLF, so it cannot read it differently. */
static enum imap_step next_line(struct slice *in, struct slice *line, struct talk_out *out)
{
    switch (line_next(in, LINE_MAX_IMAP, line, NULL)) {
    case LINE_MORE:
        return IMAP_LEFT;
    case LINE_TOO_LONG:
        return imap_goodbye(out, "Line too long");
    case LINE_OK:
        break;
    }
    return IMAP_TAKEN;
}

static enum imap_step take_command(struct talk *t, struct slice *in, struct talk_out *out)
{
    struct imap_command c = {0};
    if (t->as.imap.data_rest)
        return IMAP_LEFT; /* nothing may be put into a response that is not over */
    const enum imap_step step = next_line(in, &c.line, out);
    if (step != IMAP_TAKEN)
        return step;
    c.rest = c.line;
    c.tag = imap_word(&c.rest);
    c.verb = imap_word(&c.rest);
    c.literal = imap_literal_at(c.line, &c.size);
    return dispatch(t, &c, out);
}

static enum imap_step take_literal(struct talk *t, struct slice *in, struct talk_out *out)
{
    struct imap_talk *i = &t->as.imap;
    const size_t n = i->literal < in->size ? (size_t)i->literal : in->size;
    if (!i->skipped)
        buf_put(out->to_upstream, in->data, n);
    in->data += n;
    in->size -= n;
    i->literal -= n;
    if (i->literal == 0)
        i->state = IMAP_REST;
    return IMAP_TAKEN;
}

static enum imap_step skip_rest(struct talk *t, enum imap_literal literal, uint64_t size,
                                struct talk_out *out)
{
    enum imap_step step = IMAP_TAKEN;
    if (literal != IMAP_NO_LITERAL)
        step = imap_count_error(t, out, IMAP_TAKEN);
    return step == IMAP_TAKEN ? imap_skip(t, literal, size, out) : step;
}

static enum imap_step take_rest(struct talk *t, struct slice *in, struct talk_out *out)
{
    struct slice line;
    uint64_t size;
    const enum imap_step step = next_line(in, &line, out);
    if (step != IMAP_TAKEN)
        return step;
    const enum imap_literal literal = imap_literal_at(line, &size);
    if (t->as.imap.skipped)
        return skip_rest(t, literal, size, out);
    if (literal == IMAP_DOUBTFUL || slice_has_controls(line))
        return imap_goodbye(out, "That is no command");
    return imap_forward(t, line, literal, size, out);
}

/* RFC 9051, 6.2.2. The lines of an authentication exchange; nothing in them is looked at. */
static enum imap_step take_response(struct talk *t, struct slice *in, struct talk_out *out)
{
    struct slice line;
    const enum imap_step step = next_line(in, &line, out);
    if (step != IMAP_TAKEN)
        return step;
    if (slice_has_controls(line))
        return imap_goodbye(out, "That is no response");
    return imap_forward(t, line, IMAP_NO_LITERAL, 0, out);
}

static enum imap_step take_nothing(struct talk *t, struct slice *in, struct talk_out *out)
{
    (void)t, (void)in, (void)out;
    return IMAP_LEFT;
}

/* ---- the row ---- */

static enum talk_verdict verdict_of(enum imap_step step)
{
    static const enum talk_verdict verdicts[] = {
        [IMAP_TAKEN] = TALK_MORE,        [IMAP_LEFT] = TALK_MORE,      [IMAP_TURN] = TALK_MORE,
        [IMAP_UPGRADING] = TALK_UPGRADE, [IMAP_RELAYING] = TALK_RELAY, [IMAP_CLOSING] = TALK_CLOSE,
    };
    return verdicts[step];
}

static enum talk_verdict client(struct talk *t, struct slice *in, struct talk_out *out)
{
    static enum imap_step (*const takers[])(struct talk *, struct slice *, struct talk_out *) = {
        [IMAP_OPENING] = take_nothing,   [IMAP_COMMANDS] = take_command,
        [IMAP_LITERAL] = take_literal,   [IMAP_REST] = take_rest,
        [IMAP_RESPONSE] = take_response, [IMAP_WAITING] = take_nothing,
    };
    if (t->facts.mode == TALK_REQUIRED && t->as.imap.state == IMAP_OPENING)
        t->as.imap.state = IMAP_COMMANDS;
    enum imap_step step = IMAP_TAKEN;
    while (step == IMAP_TAKEN && in->size > 0)
        step = takers[t->as.imap.state](t, in, out);
    return verdict_of(step);
}

/* What makes the client's next bytes readable ends the call: they come before what the upstream
 * says next, however its bytes were cut. */
static enum talk_verdict upstream(struct talk *t, struct slice *in, struct talk_out *out)
{
    enum imap_step step = IMAP_TAKEN;
    while (step == IMAP_TAKEN && in->size > 0)
        step = imap_take_response(t, in, out);
    return verdict_of(step);
}

const struct starttls starttls_imap = {
    .greet = greet,
    .client = client,
    .upstream = upstream,
    .cut_short = line_is_cut_short,
    .refuse = refuse,
};
