#include "proxy/starttls/filter.h"

#include <string.h>

/* As much of the client's is handed on before it is understood. */
enum { AHEAD_MAX = 65536 };

/* ---- bytes ---- */

static void skip(struct slice *in, size_t n)
{
    in->data += n;
    in->size -= n;
}

void filter_pass(struct slice *in, size_t n, size_t *ahead, struct buf *to)
{
    const size_t before = *ahead < n ? *ahead : n;
    buf_borrow(to, in->data + before, n - before);
    *ahead -= before;
    skip(in, n);
}

void filter_ahead(struct slice in, size_t n, size_t *ahead, struct buf *to)
{
    if (n <= *ahead)
        return;
    buf_borrow(to, in.data + *ahead, n - *ahead);
    *ahead = n;
}

static void drop(struct slice *in, size_t n, size_t *ahead)
{
    *ahead -= *ahead < n ? *ahead : n;
    skip(in, n);
}

/* Up to and with the end of the line; 0: there is none. */
static size_t line_size(struct slice in)
{
    const uint8_t *end = in.size > 0 ? memchr(in.data, '\n', in.size) : NULL;
    return end != NULL ? (size_t)(end - in.data) + 1 : 0;
}

/* The next line, or the first `max` bytes of one that is longer. False: not all of it is there. */
static bool take_line(struct slice in, size_t max, struct slice *line, size_t *size_r,
                      bool *too_long_r)
{
    struct slice rest = in;
    const enum line_result result = line_next(&rest, max, line, NULL);
    *too_long_r = result == LINE_TOO_LONG;
    if (*too_long_r)
        *line = (struct slice){in.data, max};
    *size_r = *too_long_r ? max : in.size - rest.size;
    return result != LINE_MORE;
}

/* ---- which commands are ours ---- */

int filter_dispatch(struct dialogue *t, const struct filter_row *rows, struct slice verb,
                    struct slice rest)
{
    while (rows->name != NULL && !slice_is(verb, rows->name))
        rows++;
    return rows->take(t, rest, rows->kind);
}

bool filter_is_ours(const struct filter_rules *r, struct slice line)
{
    if (r->tags == NULL)
        return line_is_listed(r->ours, line_verb(&line, r->stops));
    const struct slice tag = line_word(&line);
    return tag.size > 0 &&
           (line_is_listed(r->tags, tag) || line_is_listed(r->ours, line_verb(&line, r->stops)));
}

static bool may_be_one(const struct filter_rules *r, struct slice part)
{
    const struct slice word = line_verb(&part, r->stops);
    const bool whole = part.size > 0 || part.data > word.data + word.size;
    return whole ? line_is_listed(r->ours, word) : line_begins_listed(r->ours, word);
}

/* A CR at the end may be the first half of CRLF. */
bool filter_may_be_ours(const struct filter_rules *r, struct slice part)
{
    if (part.size > 0 && part.data[part.size - 1] == '\r')
        part.size--;
    if (r->tags == NULL)
        return may_be_one(r, part);
    struct slice rest = part;
    const struct slice tag = line_word(&rest);
    if (tag.size == 0)
        return part.size == 0;
    return tag.size == part.size || line_is_listed(r->tags, tag) || may_be_one(r, rest);
}

/* ---- what we owe ---- */

/* Nothing may be put into the middle of a reply. */
bool filter_may_speak(const struct dialogue *t)
{
    return t->upstream_ahead == 0 && !t->filter.upstream_rest && !t->filter.upstream_inside &&
           t->filter.upstream_bytes == 0;
}

static bool is_own_due(const struct dialogue *t)
{
    return t->expected.count > 0 && t->expected.runs[0].kind >= EXPECTED_OWN;
}

static void put_own(struct dialogue *t, const struct filter_rules *r, struct dialogue_out *out)
{
    buf_printf(out->to_client, "%s\r\n", r->replies[t->expected.runs[0].kind - EXPECTED_OWN]);
    expected_drop(&t->expected);
}

static enum step pay(struct dialogue *t, const struct filter_rules *r, struct dialogue_out *out)
{
    while (is_own_due(t) && filter_may_speak(t)) {
        const bool last = expected_is(&t->expected, EXPECTED_OWN);
        put_own(t, r, out);
        if (last) {
            t->reason = DIALOGUE_WEB;
            return STEP_CLOSING;
        }
    }
    return STEP_TAKEN;
}

/* The watch ends. What is still owed comes before its turn rather than never, if it can come at
 * all. */
static enum step relay(struct dialogue *t, const struct filter_rules *r, struct dialogue_out *out)
{
    while (t->expected.count > 0) {
        if (is_own_due(t) && filter_may_speak(t))
            put_own(t, r, out);
        else
            expected_drop(&t->expected);
    }
    return STEP_RELAYING;
}

enum step filter_lose(struct dialogue *t, const struct filter_rules *r, struct dialogue_out *out)
{
    return r->identifies ? STEP_LEFT : relay(t, r, out);
}

bool filter_may_leave(const struct dialogue *t)
{
    return !t->filter.unsure && t->client_ahead == 0 && t->expected.count == 1 &&
           t->expected.runs[0].times == 1;
}

/* Nothing is owed in there: what we say would be taken for a part of it. */
static bool is_wrapped(const struct dialogue *t, const struct filter_rules *r, struct slice in)
{
    return r->wrapped != NULL && r->wrapped(t, in);
}

/* ---- the client's ---- */

/* A part of a command: to the upstream, or nowhere. */
static void hand(struct dialogue *t, struct slice *in, size_t n, struct dialogue_out *out)
{
    if (t->filter.dropped)
        drop(in, n, &t->client_ahead);
    else
        filter_pass(in, n, &t->client_ahead, out->to_upstream);
}

/* Is it ours, and the upstream has heard it, or how it begins, when it could still be something
 * else? Then the upstream answers, and what it has not heard goes nowhere. */
static bool is_heard(const struct dialogue *t, int kind)
{
    return t->client_ahead > 0 && (kind > EXPECTED_OWN || kind == FILTER_DROP);
}

/* The client hides a command: our last word, where it can be said. */
static enum step caught(struct dialogue *t, const struct filter_rules *r, struct dialogue_out *out)
{
    t->reason = DIALOGUE_HIDDEN;
    if (filter_may_speak(t))
        buf_printf(out->to_client, "%s\r\n", r->caught);
    return STEP_CLOSING;
}

/* What may not hide where there are neither commands nor texts. Behind a doubtful text the upstream
 * may take that for commands as well. */
static const struct hidden_rules *hidden_rules(const struct dialogue *t,
                                               const struct filter_rules *r)
{
    return t->filter.text.doubtful ? r->in_text : r->in_literals;
}

/* The first `n` bytes are counted, or a response, or of what follows a literal: how many of them
 * may pass. */
static size_t look_for_hidden(struct dialogue *t, const struct filter_rules *r, struct slice in,
                              size_t n)
{
    const struct hidden_rules *hidden = hidden_rules(t, r);
    if (hidden == NULL || t->filter.dropped)
        return n;
    return hidden_look(&t->filter.line, hidden, (struct slice){in.data, n});
}

/* Counted bytes are over, and a command follows. Have they begun one that it would go on with? */
static bool is_cut_in_two(const struct dialogue *t, const struct filter_rules *r)
{
    const struct filter *f = &t->filter;
    return f->text.doubtful && f->bytes == 0 && hidden_is_begun(&f->line, r->in_text);
}

static bool expects_too_much(const struct dialogue *t)
{
    return t->expected.count == EXPECTED_MAX;
}

/* May what there is of the next line be handed on? Not where the whole line will have to wait.
 * Behind a literal the line may have begun in there. */
static bool may_go_ahead(const struct dialogue *t, const struct filter_rules *r, struct slice in)
{
    const struct filter *f = &t->filter;
    struct hidden line = f->line;
    if (expects_too_much(t) && r->identifies)
        return false;
    if (!f->goes_on || r->in_literals == NULL)
        return !filter_may_be_ours(r, in);
    return !f->dropped && hidden_look(&line, r->in_literals, in) == in.size &&
           !hidden_may_be(&line, r->in_literals);
}

/* Nobody knows whether an empty line has a reply. */
static int take_kind(struct dialogue *t, const struct filter_rules *r, struct slice line,
                     struct dialogue_out *out)
{
    struct slice rest = line;
    if (r->empty == 0 || line_verb(&rest, r->stops).size > 0)
        return r->command(t, line, out);
    t->filter.unsure = true;
    return (int)r->empty;
}

static enum step take_command(struct dialogue *t, const struct filter_rules *r, struct slice *in,
                              struct dialogue_out *out)
{
    struct filter *f = &t->filter;
    struct slice line;
    size_t size;
    bool too_long;
    if (is_wrapped(t, r, *in))
        return STEP_RELAYING;
    if (!take_line(*in, r->line_max, &line, &size, &too_long)) {
        if (may_go_ahead(t, r, *in))
            filter_ahead(*in, in->size, &t->client_ahead, out->to_upstream);
        return STEP_LEFT;
    }
    if (expects_too_much(t))
        return filter_lose(t, r, out);
    if (!f->goes_on)
        f->line = (struct hidden){0};
    else if (look_for_hidden(t, r, *in, size) < size)
        return caught(t, r, out);
    int kind = take_kind(t, r, line, out);
    const bool heard = is_heard(t, kind), cut = heard && t->client_ahead < size;
    if (cut)
        buf_puts(out->to_upstream, "\r\n");
    if (heard && kind >= EXPECTED_OWN)
        kind = FILTER_OTHER;
    if (kind == FILTER_STOP)
        return relay(t, r, out);
    if (kind == FILTER_LATER)
        return STEP_LEFT;
    if (kind >= 0)
        expected_add(&t->expected, (unsigned)kind);
    f->dropped = cut || kind >= EXPECTED_OWN || kind == FILTER_DROP || kind == FILTER_CLOSE;
    hand(t, in, size, out);
    if (too_long) {
        f->behind = f->state;
        f->state = FILTER_REST;
    }
    if (kind == FILTER_CLOSE)
        return STEP_CLOSING;
    return f->dropped ? pay(t, r, out) : STEP_TAKEN;
}

static enum step take_rest(struct dialogue *t, const struct filter_rules *r, struct slice *in,
                           struct dialogue_out *out)
{
    (void)r;
    struct filter *f = &t->filter;
    const size_t end = line_size(*in), n = end > 0 ? end : in->size;
    hand(t, in, n, out);
    if (end > 0)
        f->state = f->behind;
    return STEP_TAKEN;
}

static enum step take_bytes(struct dialogue *t, const struct filter_rules *r, struct slice *in,
                            struct dialogue_out *out)
{
    struct filter *f = &t->filter;
    const size_t n = in->size < f->bytes ? in->size : (size_t)f->bytes;
    const size_t may_pass = look_for_hidden(t, r, *in, n);
    hand(t, in, may_pass, out);
    f->bytes -= may_pass;
    if (may_pass < n || is_cut_in_two(t, r))
        return caught(t, r, out);
    if (f->bytes == 0)
        f->state = FILTER_LINES;
    return STEP_TAKEN;
}

static enum step take_text(struct dialogue *t, const struct filter_rules *r, struct slice *in,
                           struct dialogue_out *out)
{
    enum hidden_text_state state;
    const size_t n = hidden_text_take(&t->filter.text, r->in_text, *in, &state);
    filter_pass(in, n, &t->client_ahead, out->to_upstream);
    t->filter.unsure |= t->filter.text.doubtful; /* a hidden command may have a reply */
    if (state == HIDDEN_TEXT_FOUND)
        return caught(t, r, out);
    if (state == HIDDEN_TEXT_OVER)
        t->filter.state = FILTER_LINES;
    return STEP_TAKEN;
}

/* How much of `in` is no command of `names`, whatever it will turn out to be. */
static size_t harmless(const struct filter_rules *r, const char *const *names, struct slice in)
{
    const size_t all = in.size;
    struct slice rest = in, line;
    struct filter_rules harm = *r;
    harm.ours = names;
    while (line_next(&rest, SIZE_MAX - 1, &line, NULL) == LINE_OK) {
        if (filter_is_ours(&harm, line))
            return all - in.size;
        in = rest;
    }
    return in.size > 0 && !filter_may_be_ours(&harm, in) ? all : all - in.size;
}

void filter_turn(struct filter *f, enum filter_state state)
{
    if (f->state == FILTER_REST)
        f->behind = state;
    else
        f->state = state;
}

bool filter_waits(const struct filter *f)
{
    return f->state == FILTER_WAIT || (f->state == FILTER_REST && f->behind == FILTER_WAIT);
}

void filter_expect_response(struct filter *f, enum filter_state behind)
{
    f->behind = behind;
    f->state = FILTER_RESPONSE;
}

static enum step hand_on(struct dialogue *t, const struct filter_rules *r, struct slice *in,
                         struct dialogue_out *out)
{
    if (in->size > AHEAD_MAX)
        return filter_lose(t, r, out);
    struct slice ahead = *in;
    if (r->never != NULL)
        ahead.size = harmless(r, r->never(t), ahead);
    if (t->filter.state != FILTER_EARLY)
        ahead.size = harmless(r, r->ours, ahead);
    filter_ahead(*in, ahead.size, &t->client_ahead, out->to_upstream);
    return STEP_LEFT;
}

/* A line that has begun is left, or its end would pass for a line if the upstream gives up. What it
 * asked for may have been there already, and then this is a command to it. */
static enum step take_response(struct dialogue *t, const struct filter_rules *r, struct slice *in,
                               struct dialogue_out *out)
{
    struct filter *f = &t->filter;
    const size_t end = line_size(*in), n = end > 0 ? end : in->size;
    f->line = (struct hidden){0};
    if (look_for_hidden(t, r, *in, n) < n)
        return caught(t, r, out);
    if (end == 0 && in->size <= r->line_max) {
        const struct hidden_rules *hidden = hidden_rules(t, r);
        if (hidden == NULL || !hidden_may_be(&f->line, hidden))
            filter_ahead(*in, in->size, &t->client_ahead, out->to_upstream);
        return STEP_LEFT;
    }
    filter_pass(in, n, &t->client_ahead, out->to_upstream);
    f->dropped = false;
    f->state = end > 0 ? f->behind : FILTER_REST;
    return STEP_TAKEN;
}

static enum step take_raw(struct dialogue *t, const struct filter_rules *r, struct slice *in,
                          struct dialogue_out *out)
{
    (void)r;
    filter_pass(in, in->size, &t->client_ahead, out->to_upstream);
    return STEP_TAKEN;
}

static enum step take_nothing(struct dialogue *t, const struct filter_rules *r, struct slice *in,
                              struct dialogue_out *out)
{
    (void)t, (void)r, (void)in, (void)out;
    return STEP_LEFT;
}

enum dialogue_verdict filter_client(struct dialogue *t, const struct filter_rules *r,
                                    struct slice *in, struct dialogue_out *out)
{
    static enum step (*const takers[])(struct dialogue *, const struct filter_rules *,
                                       struct slice *, struct dialogue_out *) = {
        [FILTER_LINES] = take_command,     [FILTER_REST] = take_rest, [FILTER_BYTES] = take_bytes,
        [FILTER_TEXT] = take_text,         [FILTER_EARLY] = hand_on,  [FILTER_WAIT] = hand_on,
        [FILTER_RESPONSE] = take_response, [FILTER_RAW] = take_raw,   [FILTER_OVER] = take_nothing,
    };
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0 && !dialogue_is_full(out))
        step = takers[t->filter.state](t, r, in, out);
    return step_verdict(step);
}

/* ---- the upstream's ---- */

static void show_rest(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    const size_t end = line_size(*in);
    filter_pass(in, end > 0 ? end : in->size, &t->upstream_ahead, out->to_client);
    t->filter.upstream_rest = end == 0;
}

static void show_bytes(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct filter *f = &t->filter;
    const size_t n = in->size < f->upstream_bytes ? in->size : (size_t)f->upstream_bytes;
    if (f->upstream_dropped)
        drop(in, n, &t->upstream_ahead);
    else
        filter_pass(in, n, &t->upstream_ahead, out->to_client);
    f->upstream_bytes -= n;
}

/* May the reply to come be to what stands behind empty lines? */
static bool is_behind_empty(const struct dialogue *t, const struct filter_rules *r)
{
    return r->empty != 0 && expected_is(&t->expected, r->empty) && t->expected.count > 1 &&
           filter_may_speak(t);
}

/* They were not answered: what is owed behind them comes first. */
static enum step pass_over_empty(struct dialogue *t, const struct filter_rules *r,
                                 struct slice line, struct dialogue_out *out)
{
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && is_behind_empty(t, r) && r->succeeds(line)) {
        while (expected_is(&t->expected, r->empty))
            expected_drop(&t->expected);
        step = pay(t, r, out);
    }
    return step;
}

static enum step take_reply(struct dialogue *t, const struct filter_rules *r, struct slice *in,
                            struct dialogue_out *out)
{
    struct slice line;
    size_t size;
    bool too_long;
    if (is_wrapped(t, r, *in))
        return STEP_RELAYING;
    if (!take_line(*in, r->line_max, &line, &size, &too_long)) {
        if (!r->hides(t) && !is_behind_empty(t, r))
            filter_ahead(*in, in->size, &t->upstream_ahead, out->to_client);
        return STEP_LEFT;
    }
    const enum step before = pass_over_empty(t, r, line, out);
    if (before != STEP_TAKEN)
        return before;
    const struct slice raw = {in->data, size}, behind = {in->data + size, in->size - size};
    const enum filter_show show = r->reply(t, raw, line, behind, out);
    if (show == FILTER_HOLD)
        return STEP_LEFT;
    if (show == FILTER_HIDE || show == FILTER_HIDE_AND_RELAY)
        drop(in, size, &t->upstream_ahead);
    else
        filter_pass(in, size, &t->upstream_ahead, out->to_client);
    t->filter.upstream_rest = too_long;
    return show == FILTER_RELAY || show == FILTER_HIDE_AND_RELAY ? relay(t, r, out) : STEP_TAKEN;
}

static enum step take_unit(struct dialogue *t, const struct filter_rules *r, struct slice *in,
                           struct dialogue_out *out)
{
    enum step step = STEP_TAKEN;
    if (t->filter.upstream_rest)
        show_rest(t, in, out);
    else if (t->filter.upstream_bytes > 0)
        show_bytes(t, in, out);
    else
        step = take_reply(t, r, in, out);
    return step == STEP_TAKEN ? pay(t, r, out) : step;
}

/* What makes the client's next bytes readable ends the call: they come before what the upstream
 * says next, however its bytes were cut. */
enum dialogue_verdict filter_upstream(struct dialogue *t, const struct filter_rules *r,
                                      struct slice *in, struct dialogue_out *out)
{
    enum step step = STEP_TAKEN;
    while (step == STEP_TAKEN && in->size > 0) {
        const enum filter_state before = t->filter.state;
        const bool stopped = t->expected.count == EXPECTED_MAX || !filter_may_speak(t);
        step = take_unit(t, r, in, out);
        if (step == STEP_TAKEN && (before != t->filter.state || stopped))
            step = STEP_TURN;
    }
    return step_verdict(step);
}
