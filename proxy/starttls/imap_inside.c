/* imap_inside.c - IMAP on TLS; see filter.h. Answers carry tags, so ours need not wait for those of
 * the upstream, and every list of capabilities is edited, whoever asked for it. */
#include "proxy/starttls/filter.h"
#include "proxy/starttls/imap_inner.h"

#include <string.h>

static const char *const ours[] = {"STARTTLS", "ID", NULL};

/* ---- tags ---- */

static void keep_tag(struct imap_tag *kept, struct slice tag)
{
    kept->size = tag.size <= IMAP_TAG_MAX ? tag.size : 0;
    if (kept->size > 0)
        memcpy(kept->text, tag.data, tag.size);
}

/* Some servers write tags in another case. */
static bool is_tag(const struct imap_tag *kept, struct slice tag)
{
    return kept->size > 0 && slice_equal((struct slice){kept->text, kept->size}, tag);
}

/* Was it kept? Once: what has the same tag later is another command. */
static bool take_last(struct imap_dialogue *i, struct slice tag)
{
    bool kept = false;
    for (unsigned n = 0; n < IMAP_LAST_COMMANDS; n++)
        if (is_tag(&i->last[n], tag)) {
            i->last[n].size = 0;
            kept = true;
        }
    return kept;
}

/* ---- the client's commands ---- */

static int answer(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out,
                  const char *before, const char *reply)
{
    (void)t;
    buf_puts(out->to_client, before);
    imap_answer(c, out, reply);
    return FILTER_DROP;
}

static int starttls(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out)
{
    return answer(t, c, out, "", "BAD TLS is already active");
}

/* Of one that is too long not all was read. */
static int id(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out)
{
    if (c->line.size < LINE_MAX_IMAP && !imap_has_proxy_fields(c))
        return FILTER_NOTHING;
    return answer(t, c, out, "* ID NIL\r\n", "OK ID completed");
}

/* Its tag ends the watch. Not where a blank does not end the tag, as to other parsers, and not
 * where the command may be a response to another one instead. */
static int last(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out)
{
    (void)out;
    struct imap_dialogue *i = imap_of(t);
    struct slice line = c->line;
    if (i->exchange.size == 0 && imap_word(&line).size == c->tag.size)
        keep_tag(&i->last[i->last_next++ % IMAP_LAST_COMMANDS], c->tag);
    return FILTER_NOTHING;
}

static int authenticate(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out)
{
    const int kind = last(t, c, out);
    keep_tag(&imap_of(t)->exchange, c->tag);
    t->filter.unsure |= imap_of(t)->exchange.size == 0; /* when it ends, too */
    return kind;
}

static int plain(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out)
{
    (void)t, (void)c, (void)out;
    return FILTER_NOTHING;
}

static const struct verb_row {
    const char *name;
    int (*take)(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out);
} verbs[] = {
    {"LOGIN", last}, {"AUTHENTICATE", authenticate}, {"COMPRESS", last}, /* RFC 4978 */
    {"ID", id},      {"STARTTLS", starttls},         {NULL, plain},
};

static const struct verb_row *row_of(struct slice verb)
{
    const struct verb_row *row = verbs;
    while (row->name != NULL && !slice_is(verb, row->name))
        row++;
    return row;
}

/* A client that does not wait for "+" means a literal by what it sends. One that waits learns
 * whether the upstream wants it; where the upstream would hear who the client is in what it takes
 * for a command, so does every client. The literal of a dropped command comes only if nobody
 * waits. */
static void expect_literal(struct dialogue *t, enum imap_literal literal, uint64_t size)
{
    struct imap_dialogue *i = imap_of(t);
    i->offered = literal != IMAP_NO_LITERAL && literal != IMAP_NONSYNC;
    t->filter.goes_on = literal == IMAP_NONSYNC || (i->offered && !t->filter.dropped);
    t->filter.bytes = i->offered_bytes = t->filter.goes_on ? size : 0;
    if (t->filter.goes_on && i->offered && t->facts.client_address != NULL)
        t->filter.state = FILTER_WAIT;
    else if (t->filter.bytes > 0)
        t->filter.state = FILTER_BYTES;
}

static int goes_on(struct dialogue *t, struct slice line)
{
    uint64_t size;
    const enum imap_literal literal = imap_literal_at(line, &size);
    expect_literal(t, literal, size);
    return t->filter.dropped ? FILTER_DROP : FILTER_NOTHING;
}

static int foreign(struct dialogue *t, struct dialogue_out *out)
{
    imap_goodbye(t, out, DIALOGUE_WEB, "This is not a web server");
    return FILTER_CLOSE;
}

/* May we say something at all, if this is ours? */
static bool has_to_wait(const struct dialogue *t, const struct imap_command *c)
{
    return !filter_may_speak(t) &&
           (row_of(c->verb)->take == starttls || row_of(c->verb)->take == id ||
            imap_is_foreign(c->tag, c->verb));
}

static int begins(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    struct imap_command c = {.line = line, .rest = line};
    c.tag = line_word(&c.rest);
    c.verb = line_verb(&c.rest, LINE_STOPS);
    c.literal = imap_literal_at(line, &c.size);
    if (c.tag.size == 0)
        c.verb.size = 0; /* that is no command */
    if (has_to_wait(t, &c))
        return FILTER_LATER;
    if (imap_is_foreign(c.tag, c.verb))
        return foreign(t, out);
    take_last(imap_of(t), c.tag);
    const int kind = row_of(c.verb)->take(t, &c, out);
    t->filter.dropped = kind == FILTER_DROP;
    keep_tag(&imap_of(t)->asking, c.tag);
    imap_is_owed(t, c.tag); /* whatever comes with that tag now answers the client */
    expect_literal(t, c.literal, c.size);
    return kind;
}

static int command(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    return t->filter.goes_on ? goes_on(t, line) : begins(t, line, out);
}

/* ---- the upstream's responses ---- */

/* The list without the upgrade, and without the LOGINDISABLED that belongs to it: alone it stays,
 * for then it means that the upstream takes no LOGIN at all (RFC 9051, 6.2.3). */
static void put_list(struct slice raw, const struct imap_list *list, struct buf *out)
{
    struct slice words = list->words;
    const uint8_t *from = words.data, *end = words.data + words.size;
    buf_put(out, raw.data, (size_t)(from - raw.data));
    while (words.size > 0) {
        const struct slice word = line_word(&words);
        const uint8_t *to = word.data + word.size;
        if (!slice_is(word, "STARTTLS") && !slice_is(word, "LOGINDISABLED"))
            buf_put(out, from, (size_t)(to - from));
        from = to;
    }
    buf_put(out, from, (size_t)(end - from));
    buf_put(out, end, (size_t)(raw.data + raw.size - end));
}

static enum filter_show show_list(struct slice raw, const struct imap_list *list,
                                  struct dialogue_out *out)
{
    if (!imap_list_has(list, "STARTTLS"))
        return FILTER_SHOW;
    put_list(raw, list, out->to_client);
    return FILTER_HIDE;
}

/* What the client says next is a command. One that has begun to send its literal goes on to the
 * end. */
static void literal_refused(struct dialogue *t)
{
    struct imap_dialogue *i = imap_of(t);
    if (!i->offered || !t->filter.goes_on || t->filter.bytes != i->offered_bytes)
        return;
    t->filter.bytes = 0;
    t->filter.state = FILTER_LINES;
    t->filter.goes_on = i->offered = false;
}

/* The upstream wants more: the literal, or a line (RFC 9051, 6.2.2). */
static void on_continuation(struct dialogue *t)
{
    struct imap_dialogue *i = imap_of(t);
    if (t->filter.state == FILTER_WAIT)
        t->filter.state = t->filter.bytes > 0 ? FILTER_BYTES : FILTER_LINES;
    else if (!i->offered && !t->filter.goes_on && t->filter.state == FILTER_LINES)
        filter_expect_response(&t->filter, FILTER_LINES);
    i->offered = false;
}

static enum filter_show and_relay(enum filter_show show)
{
    return show == FILTER_HIDE ? FILTER_HIDE_AND_RELAY : FILTER_RELAY;
}

static enum filter_show on_tagged(struct dialogue *t, struct slice tag, struct slice condition,
                                  enum filter_show show)
{
    struct imap_dialogue *i = imap_of(t);
    if (is_tag(&i->asking, tag))
        literal_refused(t);
    if (is_tag(&i->exchange, tag))
        i->exchange.size = 0;
    const bool in = take_last(i, tag) && slice_is(condition, "OK") && !t->filter.unsure;
    return in ? and_relay(show) : show;
}

static enum filter_show on_line(struct dialogue *t, struct slice raw, struct slice line,
                                struct dialogue_out *out)
{
    struct slice rest = line;
    const struct slice first = line_word(&rest), second = line_word(&rest);
    struct imap_list list;
    enum filter_show show = FILTER_SHOW;
    if (imap_find_list(line, &list))
        show = show_list(raw, &list, out);
    if (slice_is(first, "+"))
        on_continuation(t);
    else if (imap_is_owed(t, first))
        return FILTER_HIDE;
    else if (!slice_is(first, "*") && imap_is_condition(second))
        show = on_tagged(t, first, second, show);
    else if (slice_is(second, "NO") || slice_is(second, "BAD"))
        literal_refused(t);
    else if (slice_is(second, "PREAUTH")) /* logged in */
        return and_relay(show);
    return show;
}

/* Literals are in responses that carry data, and not in words for people (RFC 9051, 7). */
static bool carries_data(struct slice line)
{
    line_word(&line);
    return !imap_is_condition(line_word(&line));
}

/* "* 12 FETCH ..." and its kin (RFC 9051, 7.4 and 7.5): of data, and of nothing that we look for.
 * Most of what a session moves is such. */
static bool is_numbered(struct slice line)
{
    return line.size > 2 && line.data[0] == '*' && line.data[1] == ' ' && line.data[2] >= '0' &&
           line.data[2] <= '9';
}

static enum filter_show reply(struct dialogue *t, struct slice raw, struct slice line,
                              struct slice behind, struct dialogue_out *out)
{
    (void)behind;
    struct imap_dialogue *i = imap_of(t);
    const bool data = i->in_response || is_numbered(line);
    i->in_response = (data || carries_data(line)) &&
                     imap_literal_at(line, &t->filter.upstream_bytes) != IMAP_NO_LITERAL;
    t->filter.upstream_inside = i->in_response;
    return data ? FILTER_SHOW : on_line(t, raw, line, out);
}

/* A list may stand in every line. */
static bool hides(const struct dialogue *t)
{
    (void)t;
    return true;
}

static const char *const identity[] = {"ID", NULL};
static const struct hidden_rules hidden = {.names = identity, .is_id = true};

static const struct filter_rules rules = {
    .line_max = LINE_MAX_IMAP,
    .identifies = true,
    .ours = ours,
    .stops = LINE_STOPS,
    .in_literals = &hidden,
    .caught = "* BYE Insufficient authorization",
    .tags = imap_foreign_tags,
    .command = command,
    .reply = reply,
    .hides = hides,
};

enum dialogue_verdict imap_client_inside(struct dialogue *t, struct slice *in,
                                         struct dialogue_out *out)
{
    return filter_client(t, &rules, in, out);
}

enum dialogue_verdict imap_upstream_inside(struct dialogue *t, struct slice *in,
                                           struct dialogue_out *out)
{
    return filter_upstream(t, &rules, in, out);
}
