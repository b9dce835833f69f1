/* scan.c - the cursor. */
#include "proxy/import/scan.h"
#include "proxy/import/pool.h"

#include <string.h>

enum { SHOWN_MAX = 200 };

struct scan scan_begin(struct arena *a, const char *text, size_t size, struct statement *file,
                       struct diags *d)
{
    return (struct scan){.arena = a,
                         .diags = d,
                         .file = file->file,
                         .text = text,
                         .size = size,
                         .line = 1,
                         .word = pool_alloc(a, size + 1),
                         .block = file};
}

int scan_peek(const struct scan *s, size_t ahead)
{
    return ahead < s->size - s->at ? (unsigned char)s->text[s->at + ahead] : -1;
}

char scan_next(struct scan *s)
{
    const char c = s->text[s->at++];
    if (c == '\n')
        s->line++;
    return c;
}

void scan_blanks(struct scan *s)
{
    for (int c = scan_peek(s, 0); c == ' ' || c == '\t' || c == '\r'; c = scan_peek(s, 0))
        s->at++;
}

void scan_line(struct scan *s)
{
    while (scan_peek(s, 0) >= 0 && scan_peek(s, 0) != '\n')
        s->at++;
}

void scan_put(struct scan *s, char c)
{
    s->word[s->length++] = c;
}

void scan_statement(struct scan *s)
{
    s->statement = statement_new(s->arena, s->block, s->line);
    s->began = s->at;
}

void scan_word(struct scan *s)
{
    statement_word(s->arena, s->statement, s->word, s->length);
    s->length = 0;
}

/* In one line, without what a terminal would obey. */
static const char *shown(struct arena *a, const char *bytes, size_t size)
{
    char *text = pool_alloc(a, SHOWN_MAX + 4);
    size_t n = 0;
    for (size_t i = 0; i < size && n < SHOWN_MAX; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        if (c > ' ' && c != 127)
            text[n++] = (char)c;
        else if (n > 0 && text[n - 1] != ' ')
            text[n++] = ' ';
    }
    while (n > 0 && text[n - 1] == ' ')
        n--;
    strcpy(text + n, n == SHOWN_MAX ? "..." : "");
    return text;
}

void scan_end(struct scan *s)
{
    s->statement->last_line = s->line;
    s->statement->text = shown(s->arena, s->text + s->began, s->at - s->began);
    s->statement = NULL;
}

bool scan_open(struct scan *s)
{
    struct statement *block = s->statement;
    scan_end(s);
    block->is_block = true;
    s->block = block;
    if (++s->depth > SCAN_DEPTH_MAX)
        return scan_wrong(s, s->line, "no configuration needs that", "blocks are nested too deep");
    return true;
}

bool scan_close(struct scan *s, int line)
{
    if (s->depth == 0)
        return scan_wrong(s, s->line, "remove it, or add the block's beginning",
                          "a closing brace closes no block");
    s->depth--;
    s->block->last_line = line;
    s->block = s->block->parent;
    return true;
}

void scan_leave(struct scan *s)
{
    scan_close(s, s->block->last != NULL ? s->block->last->last_line : s->block->line);
}

bool scan_wrong(struct scan *s, int line, const char *cure, const char *cause)
{
    const struct origin at = {.file = s->file, .line = line};
    diag_add(s->diags, DIAG_ERROR, &at, cure, "%s", cause);
    return false;
}

bool scan_binary(struct scan *s)
{
    const char *nul = s->size == 0 ? NULL : memchr(s->text, '\0', s->size);
    if (nul == NULL)
        return false;
    for (const char *p = s->text; p < nul; p++)
        s->line += *p == '\n';
    return !scan_wrong(s, s->line, "name a text file", "there is a NUL byte: this is no text");
}
