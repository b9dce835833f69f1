/* gather.c - libconfuse's callbacks and tables.
 *
 * libconfuse keeps nothing: every value is taken in its parse callback and every block is dropped
 * as soon as it ends. An unknown key ends a parse; it is added to the option table and the part is
 * parsed once more, so that all of them are found, each with its line. */
#include "config/gather.h"
#include "config/scan.h"

#include <assert.h>
#include <confuse.h>
#include <stdio.h>
#include <string.h>

/* libconfuse hands its callbacks nothing of ours, and its lexer is global anyway. Set for the
 * duration of one parse only. */
static struct gather *active;

/* ---- gathering ---- */

static struct origin here(const struct gather *g, const cfg_t *cfg)
{
    return (struct origin){.file = g->file, .line = g->first_line + cfg->line - 1};
}

static bool is_mended(const char *text)
{
    return strchr(text, SCAN_MENDED) != NULL;
}

/* As it can be shown. */
static char *unmark(char *text)
{
    for (char *p = text; p != NULL && (p = strchr(p, SCAN_MENDED)) != NULL;)
        *p = '_';
    return text;
}

static struct value *new_value(struct gather *g, const char *text, struct origin at)
{
    struct value *v = arena_alloc(g->arena, sizeof *v);
    if (v == NULL)
        return NULL;
    at.mended = is_mended(text);
    *v = (struct value){unmark(arena_copy(g->arena, text)), at, NULL};
    return v->text != NULL ? v : NULL;
}

/* A reading that lacks memory of either kind is over. */
static const char *keep(struct gather *g, const char *text)
{
    const char *copy = unmark(arena_copy(g->keep, text));
    g->arena->failed |= copy == NULL;
    return copy;
}

/* Of the block that the chunk goes on with. */
static struct block rest_of(const struct block *outer)
{
    return (struct block){.kind = outer->kind, .title = outer->title, .at = outer->at};
}

static struct block begin_block(struct gather *g, const char *kind, const char *title)
{
    struct block block = {.kind = keep(g, kind),
                          .title = keep(g, title),
                          .at = {.file = g->file, .line = g->chunk->line},
                          .outer = g->outer};
    block.at.kind = block.kind;
    block.at.name = block.title;
    return block;
}

static struct block *current_block(struct gather *g, const char *kind, const char *title)
{
    if (g->current == NULL) {
        struct block *block = arena_alloc(g->arena, sizeof *block);
        if (block == NULL)
            return NULL;
        *block = g->chunk->kind == CHUNK_REST ? rest_of(g->outer) : begin_block(g, kind, title);
        g->current = block->title != NULL ? block : NULL;
    }
    return g->current;
}

static struct setting *new_setting(struct gather *g, struct block *block, const char *key,
                                   struct origin at)
{
    struct setting *s = arena_alloc(g->arena, sizeof *s);
    if (s == NULL)
        return NULL;
    *s = (struct setting){.key = keep(g, key), .at = at};
    s->at.key = s->key;
    s->at.kind = block->kind;
    s->at.name = block->title;
    tree_append(block, s);
    return s->key != NULL ? s : NULL;
}

static int add_value(struct gather *g, struct setting *s, const char *text, int line)
{
    struct origin at = s->at;
    at.line = line;
    struct value *v = new_value(g, text, at);
    if (v == NULL)
        return -1;
    if (s->last == NULL)
        s->values = v;
    else
        s->last->next = v;
    s->last = v;
    s->at.mended |= v->at.mended;
    return 0;
}

/* libconfuse calls this for every single value. opt->nvalues counts those of the list so far, this
 * one included; `=` starts it anew, `+=` does not. */
static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
    struct gather *g = active;
    struct block *block = &g->outside;
    struct setting *s = NULL;
    struct origin at = here(g, cfg);

    if (cfg->title != NULL)
        block = current_block(g, cfg->name, cfg->title);
    if (block != NULL && opt->nvalues > 1)
        s = (struct setting *)tree_find(block, opt->name);
    else if (block != NULL)
        s = new_setting(g, block, opt->name, at);
    if (s == NULL || add_value(g, s, text, at.line) != 0)
        return -1;
    *(const char **)result = "";
    return 0;
}

static int on_block_end(cfg_t *cfg, cfg_opt_t *opt)
{
    struct gather *g = active;
    (void)cfg;
    cfg_t *section = cfg_opt_getnsec(opt, 0);
    if (section != NULL)
        g->done = current_block(g, section->name, section->title);
    while (cfg_opt_size(opt) > 0)
        cfg_opt_rmnsec(opt, 0);
    return g->done != NULL ? 0 : -1;
}

static int on_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
    struct gather *g = active;
    (void)opt;
    /* scan.c has seen to it that there is exactly one argument; an empty one stood for none. */
    if (argc != 1 || argv[0][0] == '\0')
        return 0;
    struct value **link = &g->includes;
    while (*link != NULL)
        link = &(*link)->next;
    *link = new_value(g, argv[0], here(g, cfg));
    return *link != NULL ? 0 : -1;
}

/* ---- libconfuse's complaints ---- */

/* Which word a complaint is about. */
enum about {
    ABOUT_THIS, /* the one that libconfuse names, where it says */
    ABOUT_KEY,  /* the one that it names, but noticed behind it, maybe lines below */
    ABOUT_END,  /* it names none: the last one */
};

/* Its formats, all with at most one %s, and what we say instead: before, word, behind. */
static const struct complaint {
    const char *theirs, *before, *behind, *cure;
    enum about about;
} complaints[] = {
    {"missing equal sign after option '%s'", "no = behind \"", "\"", "write KEY = VALUE",
     ABOUT_KEY},
    {"unexpected token '%s'", "\"", "\" is not expected here",
     "look for a value, a comma or a = that is missing before it", ABOUT_THIS},
    {"premature end of file", "something is missing behind \"", "\"",
     "write KEY = VALUE, or KIND NAME { ... }", ABOUT_END},
    {"missing title for section '%s'", "a ", " block without a name", "write KIND NAME { ... }",
     ABOUT_KEY},
    {"missing opening brace for section '%s'", "a ", " block without braces",
     "write KIND NAME { ... }, with one word as its name", ABOUT_KEY},
    {"attempt to append to non-list option '%s'", "", " takes one value, but += adds to a list",
     "write KEY = VALUE", ABOUT_KEY},
    {"missing parenthesis for function '%s'", "", " without parentheses", "write include(\"FILE\")",
     ABOUT_KEY},
};

static const struct complaint *find_complaint(const char *format)
{
    for (size_t i = 0; i < sizeof complaints / sizeof complaints[0]; i++)
        if (strcmp(complaints[i].theirs, format) == 0)
            return &complaints[i];
    return NULL;
}

static bool is_unknown(const struct gather *g, enum scope scope, const char *name)
{
    for (size_t i = 0; i < g->unknown_count; i++)
        if (g->unknown[i].scope == scope && strcmp(g->unknown[i].name, name) == 0)
            return true;
    return false;
}

/* True when the chunk can be parsed once more with the key let through. */
static bool note_unknown(struct gather *g, enum scope scope, const char *name)
{
    if (g->unknown_count == GATHER_UNKNOWN_MAX || is_unknown(g, scope, name))
        return false;
    const char *copy = arena_copy(g->arena, name);
    if (copy == NULL)
        return false;
    g->unknown[g->unknown_count++] = (struct gather_unknown){scope, copy};
    return true;
}

static enum scope scope_of(const cfg_t *cfg)
{
    enum scope scope = SCOPE_GLOBAL;
    if (cfg->title != NULL)
        schema_scope_by_name(cfg->name, &scope);
    return scope;
}

static void say_unknown(struct gather *g, enum scope scope, const char *name)
{
    snprintf(g->message, sizeof g->message, "there is no key \"%s\"", name);
    g->cure = schema_advice(g->arena, scope, name);
}

static void on_unknown(struct gather *g, enum scope scope, const char *name)
{
    if (g->chunk->kind != CHUNK_BETWEEN && scope == SCOPE_GLOBAL) {
        snprintf(g->message, sizeof g->message, "there is no kind of block \"%s\"", name);
        g->cure = schema_advice(g->arena, SCOPES, name);
        return;
    }
    g->again = note_unknown(g, scope, name);
    if (!g->again)
        say_unknown(g, scope, name);
}

static void translate(struct gather *g, const struct complaint *c, enum scope scope,
                      const char *word)
{
    if (c->about == ABOUT_KEY)
        g->word = arena_copy(g->arena, word);
    if (is_unknown(g, scope, word)) {
        say_unknown(g, scope, word);
        return;
    }
    snprintf(g->message, sizeof g->message, "%s%s%s", c->before, word, c->behind);
    g->cure = c->cure;
}

/* Blanks behind it are gone already. */
static const char *last_word(const char *text)
{
    const char *word = text + strlen(text);
    while (word > text && strchr(" \t\n", word[-1]) == NULL)
        word--;
    return word;
}

static void on_error(cfg_t *cfg, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void on_error(cfg_t *cfg, const char *format, va_list args)
{
    struct gather *g = active;
    const struct complaint *c = find_complaint(format);

    g->line = here(g, cfg).line;
    if (strcmp(format, "no such option '%s'") == 0)
        on_unknown(g, scope_of(cfg), va_arg(args, const char *));
    else if (c == NULL)
        vsnprintf(g->message, sizeof g->message, format, args);
    else if (c->about == ABOUT_END)
        translate(g, c, scope_of(cfg), last_word(g->text));
    else
        translate(g, c, scope_of(cfg), va_arg(args, const char *));
    unmark(g->message);
}

/* ---- libconfuse's tables ---- */

static cfg_opt_t string_option(const char *name, bool list)
{
    cfg_opt_t opt = {.name = name, .type = CFGT_STR, .flags = CFGF_NODEFAULT, .parsecb = on_value};
    if (list)
        opt.flags |= CFGF_LIST;
    return opt;
}

enum { OPTIONS_MAX = 96 + GATHER_UNKNOWN_MAX };

struct gather_tables {
    cfg_opt_t scope[SCOPES][OPTIONS_MAX];
    size_t count[SCOPES];
};

static void add_option(struct gather_tables *t, enum scope scope, cfg_opt_t opt)
{
    /* The last slot stays empty: it ends the table. */
    assert(t->count[scope] < OPTIONS_MAX - 1);
    t->scope[scope][t->count[scope]++] = opt;
}

struct gather_tables *gather_tables_new(struct arena *a)
{
    return arena_alloc(a, sizeof(struct gather_tables));
}

static void fill_tables(const struct gather *g, struct gather_tables *t)
{
    memset(t, 0, sizeof *t);
    for (int i = 0; i < SCOPES; i++)
        for (const struct key *k = schema_keys((enum scope)i); k->name != NULL; k++)
            add_option(t, (enum scope)i, string_option(k->name, k->list));
    for (size_t i = 0; i < g->unknown_count; i++)
        add_option(t, g->unknown[i].scope, string_option(g->unknown[i].name, true));

    for (int i = SCOPE_GLOBAL + 1; i < SCOPES; i++)
        add_option(t, SCOPE_GLOBAL,
                   (cfg_opt_t){.name = schema_scope_name((enum scope)i),
                               .type = CFGT_SEC,
                               .flags = CFGF_MULTI | CFGF_TITLE,
                               .subopts = t->scope[i],
                               .validcb = on_block_end});
    add_option(t, SCOPE_GLOBAL,
               (cfg_opt_t){.name = "include", .type = CFGT_FUNC, .func = on_include});
}

/* libconfuse's lexer ends the process when it cannot allocate, and its parser may use freed memory
 * then. What it needs is bounded: two copies of the tables, the input, the longest token, and a
 * pointer and two small allocations for each value of a list, which has at least two bytes. */
static bool memory_is_there(const struct gather *g, const char *text)
{
    return arena_headroom(g->arena, 2 * sizeof *g->tables + ((size_t)48 << 10) + 48 * strlen(text));
}

static int parse(struct gather *g, const char *text)
{
    fill_tables(g, g->tables);
    cfg_t *cfg =
        memory_is_there(g, text) ? cfg_init(g->tables->scope[SCOPE_GLOBAL], CFGF_NONE) : NULL;
    if (cfg == NULL) {
        g->arena->failed = true;
        return -1;
    }
    cfg_set_error_function(cfg, on_error);
    active = g;
    int result = cfg_parse_buf(cfg, text);
    active = NULL;
    if (result != CFG_SUCCESS && g->line == 0) {
        g->line = here(g, cfg).line;
        snprintf(g->message, sizeof g->message, "the text is not understood");
    }
    cfg_free(cfg); /* and the lexer's state with it */
    return result == CFG_SUCCESS ? 0 : -1;
}

static void forget(struct gather *g)
{
    g->again = false;
    g->outside = (struct block){0};
    g->current = g->done = NULL;
    g->includes = NULL;
    g->message[0] = '\0';
    g->line = 0;
    g->cure = NULL;
    g->word = NULL;
}

int gather_run(struct gather *g, const char *text, int first_line)
{
    int result;
    g->text = text;
    g->first_line = first_line;
    do {
        forget(g);
        result = parse(g, text);
    } while (result != 0 && g->again && !g->arena->failed);
    return result;
}
