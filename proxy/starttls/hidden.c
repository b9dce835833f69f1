#include "proxy/starttls/hidden.h"
#include "proxy/starttls/line.h"
#include "proxy/starttls/step.h"

#include <string.h>
#include <strings.h>

/* ---- a line ---- */

/* Where some parsers see the end of a word. */
static bool ends_word(uint8_t c)
{
    return line_is_gap(c) || strchr("(){\"", c) != NULL;
}

static void grow(struct hidden *h, const struct hidden_rules *r, uint8_t c)
{
    if (h->words < r->before)
        h->size = 1; /* whatever it is */
    else if (h->size == HIDDEN_NAME_MAX)
        h->over = true;
    else
        h->name[h->size++] = c;
}

/* Does what there is of the name begin one of them, or is it all of one? */
static bool is_one(const struct hidden *h, const struct hidden_rules *r, bool whole)
{
    for (const char *const *name = r->names; *name != NULL; name++)
        if (strncasecmp(*name, (const char *)h->name, h->size) == 0 &&
            (!whole || (*name)[h->size] == '\0'))
            return true;
    return false;
}

/* `c` is behind a word. True: it is the name, and all that has to follow does. */
static bool word_ends(struct hidden *h, const struct hidden_rules *r, uint8_t c)
{
    if (h->words < r->before) {
        h->words++;
        h->size = 0;
        return false;
    }
    h->named = is_one(h, r, true);
    h->over = !h->named || (r->behind != '\0' && !line_is_gap(c));
    return h->named && (r->behind == '\0' || c == (uint8_t)r->behind);
}

static bool take(struct hidden *h, const struct hidden_rules *r, uint8_t c)
{
    bool found = false;
    if (h->named && !h->over && !line_is_gap(c)) {
        found = c == (uint8_t)r->behind;
        h->over = true;
    } else if (!h->named && !h->over && !ends_word(c)) {
        grow(h, r, c);
    } else if (!h->named && !h->over && h->size > 0) {
        found = word_ends(h, r, c);
    }
    if (c == '\n')
        *h = (struct hidden){0};
    return found;
}

size_t hidden_look(struct hidden *h, const struct hidden_rules *r, struct slice in)
{
    size_t n = 0;
    while (n < in.size && !take(h, r, in.data[n]))
        n++;
    return n;
}

bool hidden_may_be(const struct hidden *h, const struct hidden_rules *r)
{
    return !h->over && (h->named || h->words < r->before || is_one(h, r, false));
}

/* ---- text ---- */

void hidden_text_begin(struct hidden_text *x)
{
    *x = (struct hidden_text){.end = STEP_TEXT_BEGIN};
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
    *state_r = over ? HIDDEN_TEXT_OVER : HIDDEN_TEXT_GOES_ON;
    if (!x->doubtful)
        return n;
    struct slice rest = {in.data + n, in.size - n};
    rest.size = step_text(&x->end, rest, &over, NULL);
    const size_t may_pass = hidden_look(&x->line, r, rest);
    if (may_pass < rest.size)
        *state_r = HIDDEN_TEXT_FOUND;
    else if (over)
        *state_r = HIDDEN_TEXT_OVER;
    return n + may_pass;
}
