#include "proxy/starttls/hidden.h"
#include "proxy/starttls/line.h"
#include "proxy/starttls/step.h"

#include <string.h>

/* ---- a line ---- */

static bool is_listed(const char *const *names, struct slice word)
{
    return names != NULL && line_is_listed(names, word);
}

static bool begins_listed(const char *const *names, struct slice word)
{
    return names != NULL && line_begins_listed(names, word);
}

static bool is_tag_begun(const struct hidden *h, const struct hidden_rules *r)
{
    return r->is_id && !h->tagged;
}

/* Of a tag no parser but a blank tells the end; of a name some do other things. */
static bool ends_word(const struct hidden *h, const struct hidden_rules *r, uint8_t c)
{
    if (is_tag_begun(h, r))
        return c == ' ' || c == '\t' || c == '\n';
    return line_is_gap(c) || strchr(LINE_STOPS, c) != NULL;
}

static void grow(struct hidden *h, const struct hidden_rules *r, uint8_t c)
{
    if (is_tag_begun(h, r))
        h->size = 1; /* whatever it is */
    else if (h->size == HIDDEN_NAME_MAX)
        h->place = HIDDEN_OVER;
    else
        h->name[h->size++] = c;
}

static struct slice name_of(const struct hidden *h)
{
    return (struct slice){h->name, h->size};
}

/* Is it what the name has to have behind it, of a line that says who the client is? */
static bool take_behind(struct hidden *h, const struct hidden_rules *r, uint8_t c)
{
    if (!r->is_id)
        return c == '=';
    if (c == '(')
        h->place = HIDDEN_FIELD;
    else if (!line_is_gap(c))
        h->place = HIDDEN_OVER;
    return false;
}

static bool take_front(struct hidden *h, const struct hidden_rules *r, uint8_t c)
{
    if (!ends_word(h, r, c)) {
        grow(h, r, c);
    } else if (h->size > 0 && is_tag_begun(h, r)) {
        h->tagged = true;
        h->size = 0;
    } else if (h->size > 0) {
        h->place = is_listed(r->names, name_of(h)) ? HIDDEN_NAMED : HIDDEN_OVER;
        return is_listed(r->alone, name_of(h)) ||
               (h->place == HIDDEN_NAMED && take_behind(h, r, c));
    }
    return false;
}

/* May a field begin behind it? */
static bool begins_field(const struct hidden *h, uint8_t c)
{
    return h->quoted ? c == '"' : c == ' ' || c == '(';
}

/* A field may be written with backslashes, or be a literal that nobody sees here. */
static bool take_list(struct hidden *h, uint8_t c)
{
    const bool escaped = h->escaped;
    h->escaped = c == '\\' && !escaped;
    if (h->escaped)
        return false;
    if (c == '"' && !escaped)
        h->quoted = !h->quoted;
    if ((h->place == HIDDEN_X && c == '-') || (h->place == HIDDEN_FIELD && c == '{'))
        return true;
    if (h->place == HIDDEN_FIELD && (c == 'x' || c == 'X'))
        h->place = HIDDEN_X;
    else if (c == ')' && !h->quoted)
        h->place = HIDDEN_OVER;
    else
        h->place = !escaped && begins_field(h, c) ? HIDDEN_FIELD : HIDDEN_LIST;
    return false;
}

static bool take(struct hidden *h, const struct hidden_rules *r, uint8_t c)
{
    switch (h->place) {
    case HIDDEN_FRONT:
        return take_front(h, r, c);
    case HIDDEN_NAMED:
        return take_behind(h, r, c);
    case HIDDEN_LIST:
    case HIDDEN_FIELD:
    case HIDDEN_X:
        return take_list(h, c);
    case HIDDEN_OVER:
        return false;
    }
    return false;
}

/* True: that is one. */
static bool next(struct hidden *h, const struct hidden_rules *r, uint8_t c)
{
    const bool found = take(h, r, c);
    if (c == '\n')
        *h = (struct hidden){0};
    return found;
}

size_t hidden_look(struct hidden *h, const struct hidden_rules *r, struct slice in)
{
    size_t n = 0;
    while (n < in.size && !next(h, r, in.data[n]))
        n++;
    return n;
}

bool hidden_may_be(const struct hidden *h, const struct hidden_rules *r)
{
    if (h->place == HIDDEN_FRONT)
        return is_tag_begun(h, r) || begins_listed(r->names, name_of(h)) ||
               begins_listed(r->alone, name_of(h));
    return h->place != HIDDEN_OVER;
}

bool hidden_is_begun(const struct hidden *h, const struct hidden_rules *r)
{
    return (h->place != HIDDEN_FRONT || h->size > 0) && hidden_may_be(h, r);
}

/* ---- text ---- */

void hidden_text_begin(struct hidden_text *x)
{
    *x = (struct hidden_text){.end = STEP_TEXT_BEGIN, .doubtful = x->doubtful};
}

size_t hidden_text_take(struct hidden_text *x, const struct hidden_rules *r, struct slice in,
                        enum hidden_text_state *state_r)
{
    bool over = false;
    size_t n = 0;
    if (!x->doubtful) {
        n = step_text(&x->end, in, &over, &x->doubtful);
        if (x->doubtful) /* the last byte may begin a line already */
            hidden_look(&x->line, r, (struct slice){in.data + n - 1, 1});
    }
    if (x->doubtful) {
        struct slice rest = {in.data + n, in.size - n};
        rest.size = step_text(&x->end, rest, &over, NULL);
        const size_t may_pass = hidden_look(&x->line, r, rest);
        n += may_pass;
        if (may_pass < rest.size) {
            *state_r = HIDDEN_TEXT_FOUND;
            return n;
        }
    }
    *state_r = over ? HIDDEN_TEXT_OVER : HIDDEN_TEXT_GOES_ON;
    return n;
}
