/* pop3_inside.c - POP3 on TLS; see filter.h. */
#include "proxy/starttls/filter.h"
#include "proxy/starttls/pop3_inner.h"

enum own { OWN_WEB = EXPECTED_OWN, OWN_ACTIVE, OWN_IDENTITY };

static const char *const replies[] = {
    "-ERR This is not a web server",
    "-ERR Already on TLS",
    "-ERR Insufficient authorization",
};

static const char *const ours[] = {"STLS", "XCLIENT", "GET", "POST", "PUT", "CONNECT", NULL};

/* ---- the client's commands ---- */

static const struct verb_row {
    const char *name;
    unsigned kind;
    enum filter_state behind;
} verbs[] = {
    {"PASS", POP3_ASKED_LOGIN, FILTER_LINES},
    {"APOP", POP3_ASKED_LOGIN, FILTER_LINES},
    {"RPOP", POP3_ASKED_LOGIN, FILTER_LINES}, /* RFC 1081: PASS for those who trust the network */
    {"AUTH", POP3_ASKED_AUTH, FILTER_WAIT},
    {"CAPA", POP3_ASKED_CAPA, FILTER_LINES},
    {"STLS", OWN_ACTIVE, FILTER_LINES},
    {"XCLIENT", OWN_IDENTITY, FILTER_LINES},
    {"GET", OWN_WEB, FILTER_OVER},
    {"POST", OWN_WEB, FILTER_OVER},
    {"PUT", OWN_WEB, FILTER_OVER},
    {"CONNECT", OWN_WEB, FILTER_OVER},
    {NULL, POP3_ASKED_OTHER, FILTER_LINES},
};

/* Without a mechanism AUTH lists them, in servers older than RFC 5034; the lines of the list are no
 * replies. */
static int auth(struct dialogue *t, struct slice rest)
{
    if (rest.size == 0)
        return POP3_ASKED_OTHER;
    t->filter.state = FILTER_WAIT;
    return slice_is(line_word(&rest), "NTLM") && rest.size == 0 ? POP3_ASKED_NTLM : POP3_ASKED_AUTH;
}

static int command(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    (void)out;
    const struct slice verb = line_verb(&line, NULL);
    const struct verb_row *row = verbs;
    while (row->name != NULL && !slice_is(verb, row->name))
        row++;
    if (row->kind == POP3_ASKED_AUTH)
        return auth(t, line);
    t->filter.state = row->behind;
    return (int)row->kind;
}

/* ---- the upstream's replies ---- */

static bool is_hidden(struct slice line)
{
    const struct slice word = line_first_word(&line);
    return slice_is(word, "STLS") || slice_is(word, "XCLIENT");
}

static enum filter_show over(struct dialogue *t)
{
    filter_turn(&t->filter, FILTER_LINES);
    expected_drop(&t->expected);
    return FILTER_SHOW;
}

static enum filter_show list_line(struct dialogue *t, struct slice line)
{
    if (!slice_is(line, "."))
        return is_hidden(line) ? FILTER_HIDE : FILTER_SHOW;
    pop3_of(t)->inside_list = t->filter.upstream_inside = false;
    expected_drop(&t->expected);
    return FILTER_SHOW;
}

static enum filter_show list_begins(struct dialogue *t)
{
    pop3_of(t)->inside_list = t->filter.upstream_inside = true;
    return FILTER_SHOW;
}

/* The client is to say more. */
static enum filter_show goes_on(struct dialogue *t)
{
    expected_turn(&t->expected, POP3_ASKED_AUTH);
    filter_expect_response(&t->filter, FILTER_WAIT);
    return FILTER_SHOW;
}

static enum filter_show on_ok(struct dialogue *t)
{
    if (expected_is(&t->expected, POP3_ASKED_CAPA))
        return list_begins(t);
    if (expected_is(&t->expected, POP3_ASKED_NTLM)) /* [MS-POP3], 2.2.2 */
        return goes_on(t);
    const bool in = !t->filter.unsure && (expected_is(&t->expected, POP3_ASKED_LOGIN) ||
                                          expected_is(&t->expected, POP3_ASKED_AUTH));
    expected_drop(&t->expected);
    return in ? FILTER_RELAY : FILTER_SHOW;
}

static bool is_exchange(const struct dialogue *t)
{
    return expected_is(&t->expected, POP3_ASKED_AUTH) || expected_is(&t->expected, POP3_ASKED_NTLM);
}

static bool is_greeting(const struct dialogue *t)
{
    return !pop3_of(t)->greeted && !dialogue_reads_greeting(t);
}

/* It may announce that it would hear from others who the client is. */
static enum filter_show greeting(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    pop3_of(t)->greeted = true;
    if (!pop3_announces_xclient(line))
        return FILTER_SHOW;
    pop3_put_greeting(t, line, out);
    return FILTER_HIDE;
}

static enum filter_show reply(struct dialogue *t, struct slice raw, struct slice line,
                              struct slice behind, struct dialogue_out *out)
{
    (void)raw, (void)behind;
    if (is_greeting(t))
        return greeting(t, line, out);
    if (pop3_of(t)->inside_list)
        return list_line(t, line);
    if (!expected_any(&t->expected))
        return FILTER_SHOW;
    switch (pop3_status_of(line)) {
    case POP3_OK:
        return on_ok(t);
    case POP3_ERR:
        if (is_exchange(t))
            return over(t);
        expected_drop(&t->expected);
        break;
    case POP3_CONTINUE:
        if (is_exchange(t))
            return goes_on(t);
        break;
    case POP3_NO_STATUS:
        break;
    }
    return FILTER_SHOW;
}

static bool succeeds(struct slice line)
{
    return pop3_status_of(line) == POP3_OK;
}

static bool hides(const struct dialogue *t)
{
    return pop3_of(t)->inside_list || is_greeting(t);
}

static const struct filter_rules rules = {
    .line_max = POP3_LINE_MAX,
    .identifies = true,
    .ours = ours,
    .empty = POP3_ASKED_EMPTY,
    .succeeds = succeeds,
    .replies = replies,
    .command = command,
    .reply = reply,
    .hides = hides,
};

enum dialogue_verdict pop3_client_inside(struct dialogue *t, struct slice *in,
                                         struct dialogue_out *out)
{
    return filter_client(t, &rules, in, out);
}

enum dialogue_verdict pop3_upstream_inside(struct dialogue *t, struct slice *in,
                                           struct dialogue_out *out)
{
    return filter_upstream(t, &rules, in, out);
}
