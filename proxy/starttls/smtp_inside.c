/* smtp_inside.c - SMTP and LMTP on TLS; see filter.h. */
#include "proxy/starttls/filter.h"
#include "proxy/starttls/smtp_inner.h"

/* How far we look ahead over capabilities that are taken out; more than any server has. */
enum { LOOK_MAX = 4 * SMTP_LINE_MAX };

enum own { OWN_WEB = EXPECTED_OWN, OWN_ACTIVE, OWN_IDENTITY, OWN_EXCHANGE };

static const char *const replies[] = {
    "500 5.5.1 This is not a web server",
    "503 5.5.1 TLS is already active",
    "550 5.7.0 Insufficient authorization",
    SMTP_NO_COMMAND,
};

static const char *const ours[] = {
    "STARTTLS", "X-ANONYMOUSTLS", "XCLIENT", "XFORWARD", "GET", "POST", "PUT", "CONNECT", NULL};

static const char *const identity[] = {"XCLIENT", "XFORWARD", NULL};

/* Behind BDAT and XEXCH50 the upstream may count bytes that we do not, and what it reads as a
 * command may begin anywhere then. Who knows XEXCH50 knows nothing of `identity`. */
static const char *const identity_or_counted[] = {"XCLIENT", "XFORWARD", "BDAT", NULL};
static const char *const counted[] = {"BDAT", NULL};
static const char *const secret[] = {"BDAT", "XEXCH50", "AUTH", "X-EXPS", NULL};

const struct hidden_rules smtp_hidden = {.names = identity, .alone = counted};
const struct hidden_rules smtp_hidden_login = {.names = identity, .alone = secret};

/* An upstream that offers no chunks, nor will in an answer that is to come, reads them as bdat()
 * has it. */
static const char *const *never(const struct dialogue *t)
{
    const bool may_count = smtp_of(t)->chunking || expected_has(&t->expected, SMTP_ASKED_EHLO) ||
                           expected_has(&t->expected, SMTP_ASKED_LHLO);
    return may_count ? identity_or_counted : identity;
}

/* ---- the client's commands ---- */

static int plain(struct dialogue *t, struct slice rest, unsigned kind)
{
    (void)t, (void)rest;
    return (int)kind;
}

static int web(struct dialogue *t, struct slice rest, unsigned kind)
{
    t->filter.state = FILTER_OVER;
    return plain(t, rest, kind);
}

static int waiting(struct dialogue *t, struct slice rest, unsigned kind)
{
    t->filter.state = FILTER_WAIT;
    return plain(t, rest, kind);
}

/* A client that does not wait means text. */
static int data(struct dialogue *t, struct slice rest, unsigned kind)
{
    t->filter.state = FILTER_EARLY;
    return plain(t, rest, kind);
}

static int auth(struct dialogue *t, struct slice rest, unsigned kind)
{
    smtp_of(t)->layer_asked = sasl_may_wrap(line_word(&rest));
    return waiting(t, rest, kind);
}

static void expect_bytes(struct filter *f, uint64_t n)
{
    f->bytes = n;
    if (n > 0)
        f->state = FILTER_BYTES;
}

/* RFC 3030, 2. An upstream that did not offer it reads the chunk as commands, as it does behind a
 * line that it takes for none, and so do we. It may have taken it all the same. */
static int bdat(struct dialogue *t, struct slice line)
{
    struct smtp_bdat b = {0};
    if (smtp_read_bdat(line, &b) && smtp_of(t)->chunking)
        expect_bytes(&t->filter, b.size);
    else
        t->filter.unsure = true;
    return b.last ? SMTP_ASKED_LAST : SMTP_ASKED_BDAT;
}

static int burl(struct dialogue *t, struct slice rest, unsigned kind)
{
    (void)t;
    line_word(&rest);
    return slice_is(line_word(&rest), "LAST") ? SMTP_ASKED_LAST : (int)kind;
}

static int xexch50(struct dialogue *t, struct slice rest, unsigned kind)
{
    if (!smtp_take_number(line_word(&rest), &t->filter.bytes))
        t->filter.bytes = 0;
    return waiting(t, rest, kind);
}

static const struct filter_row verbs[] = {
    {"MAIL", plain, SMTP_ASKED_MAIL},
    {"RCPT", plain, SMTP_ASKED_RCPT},
    {"DATA", data, SMTP_ASKED_DATA},
    {"BURL", burl, SMTP_ASKED_OTHER},
    {"RSET", plain, SMTP_ASKED_RSET},
    {"EHLO", plain, SMTP_ASKED_EHLO},
    {"LHLO", plain, SMTP_ASKED_LHLO},
    {"HELO", plain, SMTP_ASKED_HELO},
    {"AUTH", auth, SMTP_ASKED_AUTH},
    {"X-EXPS", auth, SMTP_ASKED_AUTH}, /* AUTH among Exchange servers */
    {"SEND", plain, SMTP_ASKED_MAIL},  /* RFC 821, 3.4 */
    {"SOML", plain, SMTP_ASKED_MAIL},
    {"SAML", plain, SMTP_ASKED_MAIL},
    {"XEXCH50", xexch50, SMTP_ASKED_XEXCH50},
    {"TURN", waiting, SMTP_ASKED_TURN}, /* RFC 821, 3.8 */
    {"ATRN", waiting, SMTP_ASKED_TURN}, /* RFC 2645 */
    {"STARTTLS", plain, OWN_ACTIVE},
    {"X-ANONYMOUSTLS", plain, OWN_EXCHANGE},
    {"XCLIENT", plain, OWN_IDENTITY},
    {"XFORWARD", plain, OWN_IDENTITY},
    {"GET", web, OWN_WEB},
    {"POST", web, OWN_WEB},
    {"PUT", web, OWN_WEB},
    {"CONNECT", web, OWN_WEB},
    {NULL, plain, SMTP_ASKED_OTHER},
};

static int command(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    (void)out;
    const struct slice all = line, verb = line_verb(&line, NULL);
    if (slice_is(verb, "BDAT"))
        return bdat(t, all);
    return filter_dispatch(t, verbs, verb, line);
}

/* ---- the upstream's lists ---- */

static bool is_hidden(const struct smtp_reply_line *r)
{
    return reply_is_class(r->code, 2) && smtp_is_ours(smtp_keyword(r->text, NULL));
}

enum behind { BEHIND_UNKNOWN, BEHIND_MORE, BEHIND_NONE };

/* Is there another that the client sees? */
static enum behind look_ahead(struct smtp_dialogue *s, struct slice in)
{
    struct smtp_reply_line next = {0};
    const size_t all = in.size;
    do {
        const enum line_result result = smtp_reply_next(&in, &next);
        s->list_lost = result == LINE_TOO_LONG || all - in.size > LOOK_MAX;
        if (s->list_lost)
            return BEHIND_MORE;
        if (result == LINE_MORE)
            return BEHIND_UNKNOWN;
    } while (next.code == 0 || (!next.final && is_hidden(&next)));
    return is_hidden(&next) ? BEHIND_NONE : BEHIND_MORE;
}

/* It becomes the last of its list. */
static enum filter_show show_as_last(const struct smtp_reply_line *r, struct slice raw,
                                     struct dialogue_out *out)
{
    buf_printf(out->to_client, "%u ", r->code);
    buf_put(out->to_client, raw.data + 4, raw.size - 4);
    return FILTER_HIDE;
}

static enum filter_show list_line(struct dialogue *t, const struct smtp_reply_line *r,
                                  struct slice raw, struct slice behind, struct dialogue_out *out)
{
    struct smtp_dialogue *s = smtp_of(t);
    const bool first = !s->inside_list, hidden = !first && !s->list_lost && is_hidden(r);
    enum behind more = BEHIND_MORE;
    if (!hidden && !r->final && !s->list_lost)
        more = look_ahead(s, behind);
    if (more == BEHIND_UNKNOWN)
        return FILTER_HOLD;
    s->chunking = !first && (s->chunking || slice_is(smtp_keyword(r->text, NULL), "CHUNKING"));
    s->inside_list = !r->final;
    s->list_lost = s->list_lost && !r->final;
    if (more == BEHIND_NONE)
        return show_as_last(r, raw, out);
    return hidden ? FILTER_HIDE : FILTER_SHOW;
}

/* ---- what a final line changes ---- */

static void no_transaction(struct smtp_dialogue *s)
{
    s->recipients = s->finals = 0;
}

static enum filter_show on_hello(struct dialogue *t, unsigned code)
{
    const bool lmtp = expected_is(&t->expected, SMTP_ASKED_LHLO);
    expected_drop(&t->expected);
    if (!reply_is_class(code, 2))
        return FILTER_SHOW;
    no_transaction(smtp_of(t));
    smtp_of(t)->lmtp = lmtp;
    return FILTER_SHOW;
}

static enum filter_show on_other(struct dialogue *t, unsigned code)
{
    (void)code;
    expected_drop(&t->expected);
    return FILTER_SHOW;
}

static enum filter_show on_rcpt(struct dialogue *t, unsigned code)
{
    smtp_of(t)->recipients += reply_is_class(code, 2);
    return on_other(t, code);
}

static enum filter_show on_reset(struct dialogue *t, unsigned code)
{
    if (reply_is_class(code, 2))
        no_transaction(smtp_of(t));
    return on_other(t, code);
}

static enum filter_show on_refused(struct dialogue *t, unsigned code)
{
    filter_turn(&t->filter, FILTER_LINES);
    t->filter.bytes = 0;
    return on_other(t, code);
}

static enum filter_show on_data(struct dialogue *t, unsigned code)
{
    if (!reply_is_class(code, 3))
        return on_refused(t, code);
    expected_turn(&t->expected, SMTP_ASKED_TEXT);
    hidden_text_begin(&t->filter.text);
    filter_turn(&t->filter, FILTER_TEXT);
    return FILTER_SHOW;
}

/* A chunk that is refused for itself: no such command, or not now. */
static bool is_no_text(const struct dialogue *t, unsigned code)
{
    return expected_is(&t->expected, SMTP_ASKED_LAST) && smtp_is_syntax(code);
}

/* LMTP has one reply for each accepted recipient, whatever its code (RFC 2033, 4.2). */
static enum filter_show on_text(struct dialogue *t, unsigned code)
{
    struct smtp_dialogue *s = smtp_of(t);
    if (s->finals == 0)
        s->finals = s->lmtp && s->recipients > 0 && !is_no_text(t, code) ? s->recipients : 1;
    if (--s->finals > 0)
        return FILTER_SHOW;
    no_transaction(s);
    return on_other(t, code);
}

static enum filter_show on_auth(struct dialogue *t, unsigned code)
{
    if (reply_is_class(code, 3)) {
        filter_expect_response(&t->filter, FILTER_WAIT);
        return FILTER_SHOW;
    }
    smtp_of(t)->layer |= smtp_of(t)->layer_asked && reply_is_class(code, 2) && filter_may_leave(t);
    return on_refused(t, code);
}

/* Bytes that were asked for come, whatever is said meanwhile. */
static enum filter_show on_xexch50(struct dialogue *t, unsigned code)
{
    if (!reply_is_class(code, 3))
        return filter_waits(&t->filter) ? on_refused(t, code) : on_other(t, code);
    filter_turn(&t->filter, t->filter.bytes > 0 ? FILTER_BYTES : FILTER_LINES);
    return FILTER_SHOW;
}

static enum filter_show on_turn(struct dialogue *t, unsigned code)
{
    const bool turns = reply_is_class(code, 2) && !smtp_of(t)->lmtp && filter_may_leave(t);
    on_refused(t, code);
    return turns ? FILTER_RELAY : FILTER_SHOW;
}

/* Only three commands are answered so. Whatever was not answered before them never will be. */
static void catch_up(struct expected *e)
{
    const unsigned asking[] = {SMTP_ASKED_DATA, SMTP_ASKED_AUTH, SMTP_ASKED_XEXCH50};
    bool any = false;
    for (size_t i = 0; i < sizeof asking / sizeof *asking; i++)
        any |= expected_has(e, asking[i]);
    while (any && e->runs[0].kind < EXPECTED_OWN && !expected_is(e, asking[0]) &&
           !expected_is(e, asking[1]) && !expected_is(e, asking[2]))
        expected_drop(e);
}

static enum filter_show on_final(struct dialogue *t, unsigned code)
{
    static enum filter_show (*const rows[SMTP_ASKED_KINDS])(struct dialogue *, unsigned) = {
        [SMTP_ASKED_OTHER] = on_other, [SMTP_ASKED_UNKNOWN] = on_other,
        [SMTP_ASKED_EHLO] = on_hello,  [SMTP_ASKED_LHLO] = on_hello,
        [SMTP_ASKED_HELO] = on_hello,  [SMTP_ASKED_MAIL] = on_reset,
        [SMTP_ASKED_RCPT] = on_rcpt,   [SMTP_ASKED_RSET] = on_reset,
        [SMTP_ASKED_DATA] = on_data,   [SMTP_ASKED_TEXT] = on_text,
        [SMTP_ASKED_BDAT] = on_other,  [SMTP_ASKED_LAST] = on_text,
        [SMTP_ASKED_AUTH] = on_auth,   [SMTP_ASKED_XEXCH50] = on_xexch50,
        [SMTP_ASKED_TURN] = on_turn,   [SMTP_ASKED_EMPTY] = on_other,
    };
    if (reply_is_class(code, 3))
        catch_up(&t->expected);
    if (t->expected.count == 0 || t->expected.runs[0].kind >= SMTP_ASKED_KINDS)
        return FILTER_SHOW; /* nobody asked */
    return rows[t->expected.runs[0].kind](t, code);
}

/* ---- the greeting ---- */

static bool is_greeting(const struct dialogue *t)
{
    return !smtp_of(t)->greeted && !dialogue_reads_greeting(t);
}

/* As long as nothing of it was shown, another upstream can take this one's place. Empty lines are
 * between what some servers say; others that are no reply are no greeting either. */
static bool is_all_there(struct slice raw, struct slice behind)
{
    struct slice in = {raw.data, raw.size + behind.size};
    struct smtp_reply_line r = {0};
    enum line_result result = LINE_OK;
    while (result == LINE_OK && !r.final && (r.code != 0 || r.raw.size <= 2))
        result = smtp_reply_next(&in, &r);
    return result != LINE_MORE || raw.size + behind.size > LOOK_MAX;
}

/* ---- one line ---- */

static bool is_hello_asked(const struct dialogue *t)
{
    return expected_is(&t->expected, SMTP_ASKED_EHLO) || expected_is(&t->expected, SMTP_ASKED_LHLO);
}

static enum filter_show reply(struct dialogue *t, struct slice raw, struct slice line,
                              struct slice behind, struct dialogue_out *out)
{
    struct smtp_dialogue *s = smtp_of(t);
    struct smtp_reply_line r;
    smtp_reply_read(line, &r);
    if (is_greeting(t) && !is_all_there(raw, behind))
        return FILTER_HOLD;
    s->greeted = true;
    if (r.code == 0)
        return FILTER_SHOW;
    enum filter_show show = FILTER_SHOW;
    if (is_hello_asked(t) && (s->inside_list || (reply_is_class(r.code, 2) && !r.final)))
        show = list_line(t, &r, raw, behind, out);
    if (show == FILTER_HOLD)
        return show;
    t->filter.upstream_inside = !r.final;
    if (!r.final)
        return show;
    const enum filter_show then = on_final(t, r.code);
    return then == FILTER_RELAY ? then : show;
}

static bool succeeds(struct slice line)
{
    struct smtp_reply_line r;
    smtp_reply_read(line, &r);
    return reply_is_class(r.code, 2) || reply_is_class(r.code, 3);
}

static bool hides(const struct dialogue *t)
{
    return is_hello_asked(t) || is_greeting(t);
}

/* A security layer (RFC 4954, 4) frames what it wraps with four octets of size, and no mechanism's
 * buffer is so large that the first could be another (RFC 4422, 3.7). No line begins so. */
static bool wrapped(const struct dialogue *t, struct slice in)
{
    return smtp_of(t)->layer && in.size > 0 && in.data[0] == '\0';
}

static const struct filter_rules rules = {
    .line_max = SMTP_LINE_MAX,
    .identifies = true,
    .ours = ours,
    .never = never,
    .in_text = &smtp_hidden,
    .caught = SMTP_CAUGHT,
    .empty = SMTP_ASKED_EMPTY,
    .succeeds = succeeds,
    .replies = replies,
    .command = command,
    .reply = reply,
    .hides = hides,
    .wrapped = wrapped,
};

enum dialogue_verdict smtp_client_inside(struct dialogue *t, struct slice *in,
                                         struct dialogue_out *out)
{
    return filter_client(t, &rules, in, out);
}

enum dialogue_verdict smtp_upstream_inside(struct dialogue *t, struct slice *in,
                                           struct dialogue_out *out)
{
    return filter_upstream(t, &rules, in, out);
}
