/* chunks.c - the text that scan.c writes, cut where blocks begin and end. */
#include "config/chunks.h"

#include <string.h>

int chunks_begin(struct chunks *c, struct arena *a, size_t size)
{
    *c = (struct chunks){.arena = a, .line = 1};
    c->text = arena_array(a, size + 8, CHUNKS_GROWTH);
    return c->text != NULL ? 0 : -1;
}

void chunks_put(struct chunks *c, char byte)
{
    c->text[c->length++] = byte;
}

void chunks_puts(struct chunks *c, const char *text)
{
    chunks_insert(c, c->length, text);
}

void chunks_insert(struct chunks *c, size_t position, const char *text)
{
    size_t length = strlen(text);
    memmove(c->text + position + length, c->text + position, c->length - position);
    memcpy(c->text + position, text, length);
    c->length += length;
}

/* So that "it ends too early" has the line of what is there. */
static void trim(struct chunks *c)
{
    for (size_t i = c->length; i > c->start && strchr(" \t\n", c->text[i - 1]) != NULL; i--)
        c->text[i - 1] = '\0';
}

void chunks_end(struct chunks *c, enum chunk_kind kind, int line)
{
    trim(c);
    chunks_put(c, '\0');
    struct chunk *chunk = arena_alloc(c->arena, sizeof *chunk);
    if (chunk == NULL)
        return;
    *chunk = (struct chunk){c->text + c->start, c->line, kind, NULL};
    if (c->last == NULL)
        c->first = chunk;
    else
        c->last->next = chunk;
    c->last = chunk;
    c->start = c->length;
    c->line = line;
}

void chunks_split(struct chunks *c, struct chunks_word word, enum chunk_kind kind)
{
    size_t rest = c->length - word.start;
    memmove(c->text + word.start + 1, c->text + word.start, rest);
    c->length = word.start;
    chunks_end(c, kind, word.line);
    c->length += rest;
}
