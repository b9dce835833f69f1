#include "config/differences.h"
#include "config/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Both values of a line together are no longer than that, and no more blocks than those have lines
 * of their own that say the same. */
enum { VALUES_SHOWN = 100, ALIKE_MAX = 10 };

/* Other words, from elsewhere: listeners and servers that come and go, and in which order; which
 * key seals tickets; what has to wait for a restart. */
static const struct {
    enum scope scope;
    const char *key;
} told_elsewhere[] = {
    {SCOPE_ROUTE, "listen"},      {SCOPE_ROUTE, "upstream"}, {SCOPE_SERVER_NAME, "upstream"},
    {SCOPE_GLOBAL, "ticket-key"}, {SCOPE_GLOBAL, "control"}, {SCOPE_GLOBAL, "user"},
    {SCOPE_GLOBAL, "sandbox"},
};

struct difference {
    const struct block *block;
    const char *what;
    size_t place;  /* among all of them */
    size_t others; /* that are told with it */
    bool told;     /* with another */
    struct difference *next;
};

struct comparison {
    struct arena work;
    struct difference *first, *last;
    size_t count;
};

static bool is_told_elsewhere(enum scope scope, const char *key)
{
    for (size_t i = 0; i < sizeof told_elsewhere / sizeof told_elsewhere[0]; i++)
        if (told_elsewhere[i].scope == scope && strcmp(told_elsewhere[i].key, key) == 0)
            return true;
    return false;
}

/* ---- one key ---- */

static bool same_values(const struct value *a, const struct value *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next)
        if (strcmp(a->text, b->text) != 0)
            return false;
    return a == b;
}

static const char *join(struct arena *a, const struct value *v)
{
    const char *text = v != NULL ? v->text : "not set";
    for (v = v != NULL ? v->next : NULL; v != NULL && text != NULL; v = v->next)
        text = strlen(text) > VALUES_SHOWN ? text : arena_format(a, "%s, %s", text, v->text);
    return text;
}

static const char *describe(struct arena *a, const char *key, const struct value *before,
                            const struct value *after)
{
    const char *was = join(a, before), *is = join(a, after);
    if (was == NULL || is == NULL)
        return NULL;
    if (strlen(was) + strlen(is) > VALUES_SHOWN)
        return arena_format(a, "%s changed", key);
    char shown_was[DIAG_TEXT_MAX], shown_is[DIAG_TEXT_MAX];
    diag_show(was, shown_was);
    diag_show(is, shown_is);
    return arena_format(a, "%s %s -> %s", key, shown_was, shown_is);
}

static void add(struct comparison *c, const struct block *block, const char *what)
{
    struct difference *d = arena_alloc(&c->work, sizeof *d);
    if (d == NULL || what == NULL)
        return;
    *d = (struct difference){.block = block, .what = what, .place = c->count++};
    if (c->last == NULL)
        c->first = d;
    else
        c->last->next = d;
    c->last = d;
}

static void compare_key(struct comparison *c, const struct key *key, const struct block *before,
                        const struct block *after)
{
    const struct value preset = {.text = key->preset};
    const bool fixed = key->preset != NULL && strcmp(key->name, "tls") != 0; /* the protocol's */
    const struct value *left_out = fixed ? &preset : NULL;
    const struct setting *was = tree_find(before, key->name), *is = tree_find(after, key->name);
    const struct value *old = was != NULL ? was->values : left_out;
    const struct value *new = is != NULL ? is->values : left_out;
    if (!same_values(old, new))
        add(c, after, describe(&c->work, key->name, old, new));
}

/* ---- blocks ---- */

static void compare_settings(struct comparison *c, const struct block *before,
                             const struct block *after)
{
    enum scope scope = SCOPE_GLOBAL;
    if (after->kind != NULL)
        schema_scope_by_name(after->kind, &scope);
    for (const struct key *k = schema_keys(scope); k->name != NULL; k++)
        if (!is_told_elsewhere(scope, k->name))
            compare_key(c, k, before, after);
}

/* Those that only one side has are told as a whole, elsewhere. */
static void compare_blocks(struct comparison *c, const struct block *before,
                           const struct block *after)
{
    size_t count;
    const struct block **sorted = tree_sort_blocks(before, &count);
    c->work.failed |= sorted == NULL;
    for (const struct block *b = after; b != NULL && sorted != NULL; b = b->next) {
        const struct block *was = tree_find_block(sorted, count, b);
        if (was == NULL)
            continue;
        compare_settings(c, was, b);
        compare_blocks(c, was->inner, b->inner);
    }
    free(sorted);
}

/* ---- those that are alike ---- */

static int by_what(const void *a, const void *b)
{
    const struct difference *const *x = a, *const *y = b;
    const int r = strcmp((*x)->what, (*y)->what);
    return r != 0 ? r : ((*x)->place > (*y)->place) - ((*x)->place < (*y)->place);
}

static void tell_with_first(struct difference **run, size_t count)
{
    if (count <= ALIKE_MAX)
        return;
    run[0]->others = count - 1;
    for (size_t i = 1; i < count; i++)
        run[i]->told = true;
}

static void join_alike(struct comparison *c)
{
    struct difference **list = arena_array(&c->work, c->count, sizeof *list);
    if (list == NULL)
        return;
    for (struct difference *d = c->first; d != NULL; d = d->next)
        list[d->place] = d;
    qsort(list, c->count, sizeof *list, by_what);
    for (size_t begin = 0, end; begin < c->count; begin = end) {
        for (end = begin + 1; end < c->count; end++)
            if (strcmp(list[begin]->what, list[end]->what) != 0)
                break;
        tell_with_first(list + begin, end - begin);
    }
}

/* ---- all ---- */

static void print(struct comparison *c, FILE *out)
{
    for (const struct difference *d = c->first; d != NULL; d = d->next) {
        const char *label = tree_label(&c->work, d->block);
        if (d->told)
            continue;
        if (d->others > 0)
            fprintf(out, "in %zu blocks, as in %s%s\n", d->others + 1, label, d->what);
        else
            fprintf(out, "%s%s\n", label, d->what);
    }
}

char *differences_text(const struct tree *before, const struct tree *after)
{
    struct comparison c = {.first = NULL};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    compare_settings(&c, &before->globals, &after->globals);
    compare_blocks(&c, before->blocks, after->blocks);
    if (c.count > 0)
        join_alike(&c);
    print(&c, out);
    const bool failed = c.work.failed || ferror(out) != 0;
    arena_free(&c.work);
    if (fclose(out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}
