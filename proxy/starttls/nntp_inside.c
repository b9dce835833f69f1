/* nntp_inside.c - NNTP on TLS; see filter.h. The set-up alone is watched: behind the first command
 * that is real work the client's bytes pass as they are, and the upstream's when the lists that
 * were asked for before are through. */
#include "proxy/starttls/filter.h"
#include "proxy/starttls/nntp_inner.h"

enum own { OWN_WEB = EXPECTED_OWN, OWN_ACTIVE };

static const char *const replies[] = {
    "500 This is not a web server",
    "502 STARTTLS not allowed with active TLS layer",
};

static const char *const ours[] = {"STARTTLS", "GET", "POST", "PUT", "CONNECT", NULL};

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

/* Is something expected that is ours to edit, or to say? */
static bool is_watched(const struct dialogue *t)
{
    return expected_has(&t->expected, NNTP_ASKED_CAPABILITIES) ||
           expected_has(&t->expected, OWN_ACTIVE);
}

static int work(struct dialogue *t, struct slice rest, unsigned kind)
{
    (void)rest, (void)kind;
    if (!is_watched(t))
        return FILTER_STOP;
    t->filter.state = FILTER_RAW;
    return FILTER_NOTHING;
}

static int post(struct dialogue *t, struct slice rest, unsigned kind)
{
    return rest.size > 0 ? web(t, rest, OWN_WEB) : work(t, rest, kind);
}

/* RFC 4643, 2.4; RFC 2980, 3.1. */
static int authinfo(struct dialogue *t, struct slice rest, unsigned kind)
{
    const struct slice how = line_word(&rest);
    if (slice_is(how, "GENERIC")) /* what follows is between the two of them */
        return work(t, rest, kind);
    if (!slice_is(how, "SASL") && !slice_is(how, "SIMPLE"))
        return NNTP_ASKED_OTHER;
    t->filter.state = FILTER_WAIT;
    return NNTP_ASKED_EXCHANGE;
}

static const struct filter_row verbs[] = {
    {"CAPABILITIES", plain, NNTP_ASKED_CAPABILITIES},
    {"STARTTLS", plain, OWN_ACTIVE},
    {"AUTHINFO", authinfo, NNTP_ASKED_LOGIN},
    {"MODE", plain, NNTP_ASKED_OTHER},
    {"DATE", plain, NNTP_ASKED_OTHER},
    {"HELP", plain, NNTP_ASKED_OTHER},
    {"QUIT", plain, NNTP_ASKED_OTHER},
    {"POST", post, NNTP_ASKED_OTHER},
    {"GET", web, OWN_WEB},
    {"PUT", web, OWN_WEB},
    {"CONNECT", web, OWN_WEB},
    {NULL, work, NNTP_ASKED_OTHER},
};

static int command(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    (void)out;
    const struct slice verb = line_verb(&line, NULL);
    return filter_dispatch(t, verbs, verb, line);
}

/* ---- the upstream's replies ---- */

static enum filter_show over(struct dialogue *t)
{
    expected_drop(&t->expected);
    return t->filter.state == FILTER_RAW && !is_watched(t) ? FILTER_RELAY : FILTER_SHOW;
}

/* A list of capabilities, or another text, up to a dot alone in its line: however lines end. */
static enum filter_show text_line(struct dialogue *t, struct slice line)
{
    struct nntp_dialogue *n = nntp_of(t);
    const bool list = n->coming == NNTP_CAPABILITIES;
    struct slice rest = line;
    if (!slice_is(line, "."))
        return list && slice_is(line_word(&rest), "STARTTLS") ? FILTER_HIDE : FILTER_SHOW;
    n->coming = NNTP_REPLY;
    t->filter.upstream_inside = false;
    return over(t);
}

static enum filter_show text_begins(struct dialogue *t, enum nntp_coming coming)
{
    nntp_of(t)->coming = coming;
    t->filter.upstream_inside = true;
    return FILTER_SHOW;
}

/* A security layer may begin behind the exchange (RFC 4643, 2.4.2). */
static enum filter_show on_exchange(struct dialogue *t, unsigned code)
{
    if (code / 100 == 3) {
        filter_expect_response(&t->filter, FILTER_WAIT);
        return FILTER_SHOW;
    }
    filter_turn(&t->filter, FILTER_LINES);
    expected_drop(&t->expected);
    return code / 100 == 2 ? FILTER_RELAY : FILTER_SHOW;
}

static enum filter_show reply(struct dialogue *t, struct slice raw, struct slice line,
                              struct slice behind, struct dialogue_out *out)
{
    (void)raw, (void)behind, (void)out;
    nntp_of(t)->greeted = true;
    if (nntp_of(t)->coming != NNTP_REPLY)
        return text_line(t, line);
    const unsigned code = nntp_code_of(line);
    if (code == 0 || !expected_any(&t->expected))
        return FILTER_SHOW;
    if (expected_is(&t->expected, NNTP_ASKED_EXCHANGE))
        return on_exchange(t, code);
    if (code == 101) /* nothing else is answered so, whatever was not answered before it */
        return text_begins(t, NNTP_CAPABILITIES);
    return nntp_has_text(code) ? text_begins(t, NNTP_BLOCK) : over(t);
}

static bool succeeds(struct slice line)
{
    const unsigned code = nntp_code_of(line);
    return code >= 100 && code < 400;
}

/* As long as nothing of a greeting was shown, another upstream can take this one's place. */
static bool hides(const struct dialogue *t)
{
    const struct nntp_dialogue *n = nntp_of(t);
    return n->coming == NNTP_CAPABILITIES || (!n->greeted && !t->facts.upgraded);
}

static const struct filter_rules rules = {
    .line_max = NNTP_LINE_MAX,
    .ours = ours,
    .empty = NNTP_ASKED_EMPTY,
    .succeeds = succeeds,
    .replies = replies,
    .command = command,
    .reply = reply,
    .hides = hides,
};

enum dialogue_verdict nntp_client_inside(struct dialogue *t, struct slice *in,
                                         struct dialogue_out *out)
{
    return filter_client(t, &rules, in, out);
}

enum dialogue_verdict nntp_upstream_inside(struct dialogue *t, struct slice *in,
                                           struct dialogue_out *out)
{
    return filter_upstream(t, &rules, in, out);
}
