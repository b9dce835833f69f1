/* statement.c - see the picture in statement.h. */
#include "proxy/import/statement.h"
#include "proxy/import/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct statement *statement_file(struct arena *a, const char *file)
{
    struct statement *s = pool_alloc(a, sizeof *s);
    s->file = file;
    s->text = "";
    s->is_block = true;
    return s;
}

struct statement *statement_new(struct arena *a, struct statement *parent, int line)
{
    struct statement *s = statement_file(a, parent->file);
    s->line = s->last_line = line;
    s->is_block = false;
    s->parent = parent;
    if (parent->last == NULL)
        parent->first = s;
    else
        parent->last->next = s;
    parent->last = s;
    return s;
}

void statement_word(struct arena *a, struct statement *s, const char *bytes, size_t size)
{
    s->words = pool_grow(a, s->words, s->count, &s->room, sizeof *s->words);
    s->words[s->count++] = pool_text(a, bytes, size);
}

const char *statement_at(const struct statement *s, size_t index)
{
    return index < s->count ? s->words[index] : "";
}

bool statement_is(const struct statement *s, size_t index, const char *word)
{
    return strcmp(statement_at(s, index), word) == 0;
}

void statement_lose(struct arena *a, struct statement *s, const char *format, ...)
{
    char why[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    s->carried = true;
    if (s->why == NULL)
        s->why = pool_text(a, why, strlen(why));
    else if (strstr(s->why, why) == NULL)
        s->why = pool_format(a, "%s; %s", s->why, why);
}

static void unlink_statement(struct statement *parent, struct statement *before,
                             struct statement *s)
{
    if (before == NULL)
        parent->first = s->next;
    else
        before->next = s->next;
    if (parent->last == s)
        parent->last = before;
}

void statement_replace(struct statement *s, struct statement *file)
{
    struct statement *parent = s->parent, *before = NULL;
    for (struct statement *one = parent->first; one != s; one = one->next)
        before = one;
    for (struct statement *one = file->first; one != NULL; one = one->next)
        one->parent = parent;
    if (file->first == NULL) {
        unlink_statement(parent, before, s);
        return;
    }
    file->last->next = s->next;
    if (before == NULL)
        parent->first = file->first;
    else
        before->next = file->first;
    if (parent->last == s)
        parent->last = file->last;
}

struct statement *statement_walk(const struct statement *top, struct statement *s, bool inside)
{
    if (inside && s->first != NULL)
        return s->first;
    for (; s != NULL && s != top; s = s->parent)
        if (s->next != NULL)
            return s->next;
    return NULL;
}
