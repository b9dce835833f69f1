#include "config/columns.h"
#include "config/utf8.h"

#include <string.h>

/* How much of a line is searched: lines that people write are shorter, and others are not to cost
 * their length for each of their findings. */
enum { SEARCHED_MAX = 1024 };

/* A line of a text; the next finding is on the same one, mostly, or below it. */
struct cursor {
    const struct bundle_entry *text;
    const char *file;
    int line;
    size_t at;
};

struct piece {
    const char *at;
    size_t size;
};

static struct piece from(struct piece p, size_t offset)
{
    return (struct piece){p.at + offset, p.size - offset};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct piece skip_blanks(struct piece p)
{
    size_t n = 0;
    while (n < p.size && is_blank(p.at[n]))
        n++;
    return from(p, n);
}

/* ---- the line ---- */

static bool next_line(struct cursor *c)
{
    const char *text = (const char *)c->text->data;
    const char *end = memchr(text + c->at, '\n', c->text->size - c->at);
    if (end == NULL)
        return false;
    c->at = (size_t)(end + 1 - text);
    c->line++;
    return true;
}

/* False: there is no such line. */
static bool go_to(struct cursor *c, const struct bundle *b, const char *file, int line)
{
    if (c->file == NULL || strcmp(c->file, file) != 0)
        *c = (struct cursor){.text = bundle_find(b, BUNDLE_TEXT, file), .file = file, .line = 1};
    if (c->line > line)
        *c = (struct cursor){.text = c->text, .file = file, .line = 1};
    while (c->text != NULL && c->line < line)
        if (!next_line(c))
            return false;
    return c->text != NULL;
}

static struct piece line_at(const struct cursor *c)
{
    const char *begin = (const char *)c->text->data + c->at;
    const size_t left = c->text->size - c->at;
    const size_t size = left < SEARCHED_MAX ? left : SEARCHED_MAX;
    const char *end = memchr(begin, '\n', size);
    return (struct piece){begin, end != NULL ? (size_t)(end - begin) : size};
}

/* ---- in it ---- */

static bool is_key_behind(struct piece p, const char *unused)
{
    (void)unused;
    p = skip_blanks(p);
    return p.size > 0 && (p.at[0] == '=' || (p.at[0] == '+' && p.size > 1 && p.at[1] == '='));
}

static bool is_name_behind(struct piece p, const char *name)
{
    const size_t length = strlen(name);
    p = skip_blanks(p);
    if (p.size > 0 && (p.at[0] == '"' || p.at[0] == '\''))
        p = from(p, 1);
    return p.size >= length && memcmp(p.at, name, length) == 0;
}

static bool ends_word(char c)
{
    return is_blank(c) || strchr("{}(),=", c) != NULL;
}

/* The first `word` of the line that has behind it what it should; NULL: there is none. */
static const char *find_word(struct piece line, const char *word,
                             bool (*follows)(struct piece, const char *), const char *name)
{
    const size_t length = strlen(word);
    struct piece rest = line;
    for (const char *found;
         length > 0 && (found = memmem(rest.at, rest.size, word, length)) != NULL;) {
        rest = from(rest, (size_t)(found - rest.at) + length);
        if ((found == line.at || ends_word(found[-1])) && follows(rest, name))
            return found;
    }
    return NULL;
}

static int column_of(struct piece line, const struct diag *f)
{
    const char *found = NULL;
    if (f->key != NULL)
        found = find_word(line, f->key, is_key_behind, NULL);
    if (found == NULL && f->kind != NULL && f->name != NULL)
        found = find_word(line, f->kind, is_name_behind, f->name);
    if (found == NULL)
        found = skip_blanks(line).at;
    return 1 + (int)utf8_count(line.at, (size_t)(found - line.at));
}

void columns_find(const struct bundle *b, struct diags *d)
{
    struct cursor c = {0};
    for (size_t i = 0; i < d->count; i++) {
        struct diag *f = &d->items[i];
        if (f->column == 0 && f->file != NULL && f->line > 0 && go_to(&c, b, f->file, f->line))
            f->column = column_of(line_at(&c), f);
    }
}
