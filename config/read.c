/* read.c - joins what gather.c finds, part by part, into one tree. */
#include "config/read.h"
#include "config/gather.h"
#include "config/scan.h"
#include "config/schema.h"

#include <string.h>

struct reader {
    struct tree *tree;
    struct diags *diags;
    struct gather gather;
    struct block *outer; /* the last block that no other holds; NULL: it was not understood */
};

/* ---- into the tree ---- */

static void take_setting(struct reader *r, struct block *into, enum scope scope, struct setting *s)
{
    const char *label = tree_label(r->gather.arena, into);
    const struct setting *earlier = tree_find(into, s->key);
    struct origin at = s->at;
    at.mended = false; /* the key is as it was written */

    if (schema_find(scope, s->key) == NULL)
        diag_add(r->diags, DIAG_ERROR, &at, schema_advice(r->gather.arena, scope, s->key),
                 "%sthere is no key \"%s\"%s", label, s->key,
                 into->kind == NULL ? " outside of blocks" : "");
    else if (earlier != NULL)
        diag_add(r->diags, DIAG_ERROR, &at, "keep one of them; several values go into {...}",
                 "%s%s is set a second time; the first is in %s line %d", label, s->key,
                 diag_file_name(earlier->at.file), earlier->at.line);
    else
        tree_append(into, s);
}

static void take_settings(struct reader *r, struct block *into, enum scope scope,
                          struct setting *list)
{
    while (list != NULL) {
        struct setting *next = list->next;
        take_setting(r, into, scope, list);
        list = next;
    }
}

/* Its settings, into `into`: the block itself, or the one whose rest it is. */
static void take_content(struct reader *r, struct block *block, struct block *into)
{
    struct setting *settings = block->settings;
    enum scope scope = SCOPE_GLOBAL;
    schema_scope_by_name(block->kind, &scope);
    block->settings = block->last = NULL;
    take_settings(r, into, scope, settings);
}

static bool is_server_name(const struct block *block)
{
    return strcmp(block->kind, schema_scope_name(SCOPE_SERVER_NAME)) == 0;
}

static bool is_route(const struct block *block)
{
    return strcmp(block->kind, schema_scope_name(SCOPE_ROUTE)) == 0;
}

static void complain_place(struct reader *r, const struct block *block)
{
    diag_add(r->diags, DIAG_ERROR, &block->at, "write it into a route block",
             "%s \"%s\" does not stand in a route", block->kind, block->title);
}

static void take_inner(struct reader *r, struct block *block)
{
    take_content(r, block, block);
    if (r->outer != NULL && is_route(r->outer))
        tree_append_block(r->outer, block);
    else if (r->outer != NULL)
        complain_place(r, block);
}

static void take_block(struct reader *r, struct block *block)
{
    take_content(r, block, block);
    r->outer = block;
    if (is_server_name(block)) {
        complain_place(r, block);
        return;
    }
    struct block **link = &r->tree->blocks;
    for (; *link != NULL; link = &(*link)->next) {
        if (strcmp((*link)->kind, block->kind) != 0 || strcmp((*link)->title, block->title) != 0)
            continue;
        diag_add(r->diags, DIAG_ERROR, &block->at, "give one of them another name",
                 "a second %s \"%s\"; the first is in %s line %d", block->kind, block->title,
                 diag_file_name((*link)->at.file), (*link)->at.line);
        return;
    }
    *link = block;
}

static void take_done(struct reader *r, struct block *block)
{
    switch (r->gather.chunk->kind) {
    case CHUNK_BETWEEN:
    case CHUNK_BLOCK:
        take_block(r, block);
        break;
    case CHUNK_INNER:
        take_inner(r, block);
        break;
    case CHUNK_REST:
        take_content(r, block, r->outer);
        break;
    }
}

static void take_includes(struct reader *r)
{
    struct value **link = &r->tree->includes;
    while (*link != NULL)
        link = &(*link)->next;
    *link = r->gather.includes;
}

static void take(struct reader *r)
{
    take_settings(r, &r->tree->globals, SCOPE_GLOBAL, r->gather.outside.settings);
    if (r->gather.done != NULL)
        take_done(r, r->gather.done);
    take_includes(r);
}

static bool holds_word(const char *text, size_t length, const char *word)
{
    const char *found = memmem(text, length, word, strlen(word));
    return found != NULL && word[0] != '\0';
}

/* libconfuse notices that a key lacks its = at the next word, which may stand lines below. */
static int line_of_word(const char *text, int first, int last, const char *word)
{
    int line = last;
    for (int now = first; now <= last && text != NULL; now++) {
        size_t length = strcspn(text, "\n");
        if (holds_word(text, length, word))
            line = now;
        text = text[length] == '\n' ? text + length + 1 : NULL;
    }
    return line;
}

static void complain_syntax(struct reader *r, const char *text)
{
    struct gather *g = &r->gather;
    const char *label = "";
    if (g->word != NULL)
        g->line = line_of_word(text, g->first_line, g->line, g->word);
    if (g->current != NULL && g->done == NULL)
        label = tree_label(g->arena, g->current);
    struct origin at = {.file = g->file, .line = g->line, .key = g->word};
    if (label[0] != '\0') {
        at.kind = g->current->kind;
        at.name = g->current->title;
    }
    r->tree->incomplete = true;
    diag_add(r->diags, DIAG_ERROR, &at, g->cure, "%s%s", label, g->message);
}

/* ---- one chunk ---- */

static bool only_blanks(const char *text)
{
    return text[strspn(text, " \t\n")] == '\0';
}

/* The text behind line `line` of a text whose first line is `first`. */
static const char *behind_line(const char *text, int first, int line)
{
    for (; first <= line && text != NULL; first++) {
        text = strchr(text, '\n');
        text = text != NULL ? text + 1 : NULL;
    }
    return text;
}

static void read_part(struct reader *r, const char *text, int line)
{
    int result = gather_run(&r->gather, text, line);
    if (r->gather.arena->failed)
        return;
    take(r);
    if (result != 0)
        complain_syntax(r, text);
}

static void read_chunk(struct reader *r)
{
    const struct chunk *chunk = r->gather.chunk;
    const char *text = chunk->text;
    int line = chunk->line;
    while (text != NULL && !only_blanks(text)) {
        read_part(r, text, line);
        if (r->gather.line == 0 || chunk->kind != CHUNK_BETWEEN || r->gather.arena->failed)
            return;
        /* Outside of blocks a statement is a line: go on behind the one that is wrong. */
        text = behind_line(text, line, r->gather.line);
        line = r->gather.line + 1;
    }
}

/* A rest mostly is empty, and has no meaning where its beginning is not understood. */
static bool is_idle_rest(const struct reader *r, const struct chunk *chunk)
{
    const char *text = strchr(chunk->text, '{');
    return chunk->kind == CHUNK_REST &&
           (r->outer == NULL || text == NULL || text[1 + strspn(text + 1, " \t\n")] == '}');
}

/* UTF-16 begins with its byte order mark, or with a character of ASCII in two bytes. */
static bool is_wide(const struct bundle_entry *text)
{
    const uint8_t *at = text->data;
    return text->size >= 2 && (memcmp(at, "\xFE\xFF", 2) == 0 || memcmp(at, "\xFF\xFE", 2) == 0 ||
                               (at[0] == 0) != (at[1] == 0));
}

void tree_read(struct tree *t, struct arena *a, struct arena *keep, struct diags *d,
               const char *file, const struct bundle_entry *text)
{
    t->includes = NULL;
    if (is_wide(text)) {
        t->incomplete = true;
        diag_add(d, DIAG_ERROR, &(struct origin){.file = file, .line = 1},
                 "save it as UTF-8: iconv -f UTF-16 -t UTF-8 FILE >FILE.new",
                 "the file is text in UTF-16");
        return;
    }
    struct gather_tables *tables = gather_tables_new(a);
    const struct chunk *chunk = scan_text(a, d, file, text);
    struct reader r = {.tree = t, .diags = d};
    for (; chunk != NULL && !a->failed; chunk = chunk->next) {
        const bool inside = chunk->kind == CHUNK_INNER || chunk->kind == CHUNK_REST;
        if (is_idle_rest(&r, chunk))
            continue;
        r.outer = inside ? r.outer : NULL;
        r.gather = (struct gather){.arena = a,
                                   .keep = keep,
                                   .file = file,
                                   .chunk = chunk,
                                   .outer = r.outer,
                                   .tables = tables};
        read_chunk(&r);
    }
}
