/* sieve_inside.c - ManageSieve on TLS; see filter.h. The greeting is the answer to a CAPABILITY
 * that nobody had to say. */
#include "proxy/starttls/filter.h"
#include "proxy/starttls/sieve_inner.h"

#include <string.h>

enum own { OWN_WEB = EXPECTED_OWN, OWN_ACTIVE, OWN_IDENTITY };

static const char *const replies[] = {
    "BYE \"This is not a web server\"",
    "NO \"Already on TLS\"",
    "NO \"Insufficient authorization\"",
};

static const char *const ours[] = {"STARTTLS", "XCLIENT", "GET", "POST", "PUT", "CONNECT", NULL};

/* ---- the client's commands ---- */

static const struct verb_row {
    const char *name;
    int kind;
} verbs[] = {
    {"AUTHENTICATE", SIEVE_ASKED_AUTHENTICATE},
    {"CAPABILITY", SIEVE_ASKED_CAPABILITY},
    {"STARTTLS", OWN_ACTIVE},
    {"XCLIENT", OWN_IDENTITY},
    {"GET", OWN_WEB},
    {"POST", OWN_WEB},
    {"PUT", OWN_WEB},
    {"CONNECT", OWN_WEB},
    {NULL, SIEVE_ASKED_OTHER},
};

static bool is_string_begun(struct slice line)
{
    return line.size > 0 && (line.data[0] == '"' || line.data[0] == '{');
}

/* A line that begins with a string is one of an authentication exchange (RFC 5804, 2.1). */
static int kind_of(struct slice line)
{
    const struct verb_row *row = verbs;
    const struct slice verb = line_verb(&line, LINE_STOPS);
    if (verb.size == 0 && (line.size == 0 || is_string_begun(line)))
        return FILTER_NOTHING;
    while (row->name != NULL && !slice_is(verb, row->name))
        row++;
    return row->kind;
}

/* Is it clear which reply answers it? What is said in an exchange has none of its own, and what is
 * said outside of one has. */
static bool is_in_turn(const struct dialogue *t, int kind)
{
    if (kind == FILTER_NOTHING)
        return expected_is(&t->expected, SIEVE_ASKED_AUTHENTICATE) && t->expected.count == 1;
    return !expected_has(&t->expected, SIEVE_ASKED_AUTHENTICATE);
}

static int command(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    (void)out;
    int kind = t->filter.dropped ? FILTER_DROP : FILTER_NOTHING;
    if (!t->filter.goes_on) {
        kind = kind_of(line);
        t->filter.unsure |= !is_in_turn(t, kind);
    }
    t->filter.goes_on = sieve_literal_at(line, &t->filter.bytes);
    if (kind == OWN_WEB)
        t->filter.state = FILTER_OVER;
    else if (t->filter.bytes > 0)
        t->filter.state = FILTER_BYTES;
    return kind;
}

/* ---- the upstream's replies ---- */

/* "S\TARTTLS" is the same name (RFC 5804, 4); in a literal a backslash is one. */
static bool is_hidden(const struct sieve_token *name)
{
    uint8_t plain[16];
    struct slice shown = {plain, 0};
    for (size_t i = 0; i < name->text.size && shown.size < sizeof plain; i++) {
        if (name->kind == SIEVE_QUOTED && name->text.data[i] == '\\' && i + 1 < name->text.size)
            i++;
        plain[shown.size++] = name->text.data[i];
    }
    return slice_is(shown, "STARTTLS") || slice_is(shown, "XCLIENT");
}

/* The name of a capability may be a literal, and then has to be waited for if it is as long as one
 * that is hidden. No string goes on in the next line. */
static bool may_be_hidden(const struct sieve_token *begun, struct slice line)
{
    uint64_t size;
    return begun->text.size > 0 && begun->text.data[0] == '{' && sieve_literal_at(line, &size) &&
           (size == strlen("STARTTLS") || size == strlen("XCLIENT"));
}

static enum filter_show list_line(struct dialogue *t, struct slice raw, struct slice line,
                                  struct slice behind)
{
    struct slice all = {raw.data, raw.size + behind.size};
    struct sieve_token name;
    sieve_token_next(&all, &name);
    if (name.kind == SIEVE_MORE && may_be_hidden(&name, line))
        return FILTER_HOLD;
    t->filter.upstream_dropped = sieve_is_string(&name) && is_hidden(&name);
    return t->filter.upstream_dropped ? FILTER_HIDE : FILTER_SHOW;
}

static enum filter_show unit_begins(struct dialogue *t, struct slice raw, struct slice line,
                                    struct slice behind)
{
    struct slice rest = raw;
    struct sieve_token first;
    sieve_token_next(&rest, &first);
    t->filter.upstream_dropped = false;
    if (first.kind == SIEVE_MORE || sieve_response_of(&first) == SIEVE_STRING)
        return expected_is(&t->expected, SIEVE_ASKED_CAPABILITY) ? list_line(t, raw, line, behind)
                                                                 : FILTER_SHOW;
    if (sieve_response_of(&first) == SIEVE_NO_RESPONSE)
        return FILTER_SHOW;
    const bool in = sieve_response_of(&first) == SIEVE_OK && filter_may_leave(t) &&
                    expected_is(&t->expected, SIEVE_ASKED_AUTHENTICATE);
    if (expected_any(&t->expected) && t->expected.runs[0].kind < EXPECTED_OWN)
        expected_drop(&t->expected);
    return in ? FILTER_RELAY : FILTER_SHOW;
}

static enum filter_show reply(struct dialogue *t, struct slice raw, struct slice line,
                              struct slice behind, struct dialogue_out *out)
{
    (void)out;
    struct sieve_dialogue *s = sieve_of(t);
    enum filter_show show = t->filter.upstream_dropped ? FILTER_HIDE : FILTER_SHOW;
    if (!s->in_upstream_unit)
        show = unit_begins(t, raw, line, behind);
    if (show == FILTER_HOLD)
        return show;
    s->in_upstream_unit = sieve_literal_at(line, &t->filter.upstream_bytes);
    t->filter.upstream_inside = s->in_upstream_unit;
    return show;
}

static bool hides(const struct dialogue *t)
{
    return expected_is(&t->expected, SIEVE_ASKED_CAPABILITY) || sieve_of(t)->in_upstream_unit;
}

static const char *const identity[] = {"XCLIENT", NULL};
static const struct hidden_rules hidden = {.names = identity};

static const struct filter_rules rules = {
    .line_max = SIEVE_UNIT_MAX,
    .identifies = true,
    .ours = ours,
    .in_literals = &hidden,
    .caught = "BYE \"Insufficient authorization\"",
    .stops = LINE_STOPS,
    .replies = replies,
    .command = command,
    .reply = reply,
    .hides = hides,
};

static void expect_greeting(struct dialogue *t)
{
    if (!sieve_of(t)->greeted && !dialogue_reads_greeting(t))
        expected_add(&t->expected, SIEVE_ASKED_CAPABILITY);
    sieve_of(t)->greeted = true;
}

enum dialogue_verdict sieve_client_inside(struct dialogue *t, struct slice *in,
                                          struct dialogue_out *out)
{
    expect_greeting(t);
    return filter_client(t, &rules, in, out);
}

enum dialogue_verdict sieve_upstream_inside(struct dialogue *t, struct slice *in,
                                            struct dialogue_out *out)
{
    expect_greeting(t);
    return filter_upstream(t, &rules, in, out);
}
