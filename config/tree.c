/* tree.c - settings and blocks, found and strung together. */
#include "config/tree.h"

#include <stdlib.h>
#include <string.h>

const char *tree_label(struct arena *a, const struct block *block)
{
    if (block->kind == NULL)
        return "";
    const char *outer = block->outer != NULL ? tree_label(a, block->outer) : "";
    const char *label = arena_format(a, "%s%s %s: ", outer, block->kind, block->title);
    return label != NULL ? label : "";
}

const struct setting *tree_find(const struct block *block, const char *key)
{
    for (const struct setting *s = block->settings; s != NULL; s = s->next)
        if (strcmp(s->key, key) == 0)
            return s;
    return NULL;
}

static int by_kind_and_title(const void *a, const void *b)
{
    const struct block *const *x = a, *const *y = b;
    const int r = strcmp((*x)->kind, (*y)->kind);
    return r != 0 ? r : strcmp((*x)->title, (*y)->title);
}

const struct block **tree_sort_blocks(const struct block *first, size_t *count)
{
    size_t all = 0;
    *count = 0;
    for (const struct block *b = first; b != NULL; b = b->next)
        all++;
    const struct block **list = calloc(all + 1, sizeof *list);
    if (list == NULL)
        return NULL;
    for (const struct block *b = first; b != NULL; b = b->next)
        list[(*count)++] = b;
    qsort(list, *count, sizeof *list, by_kind_and_title);
    return list;
}

const struct block *tree_find_block(const struct block *const *sorted, size_t count,
                                    const struct block *like)
{
    const struct block *const *found =
        bsearch(&like, sorted, count, sizeof *sorted, by_kind_and_title);
    return found != NULL ? *found : NULL;
}

void tree_append(struct block *block, struct setting *s)
{
    if (block->last == NULL)
        block->settings = s;
    else
        block->last->next = s;
    block->last = s;
    s->next = NULL;
}

void tree_append_block(struct block *outer, struct block *inner)
{
    if (outer->inner_last == NULL)
        outer->inner = inner;
    else
        outer->inner_last->next = inner;
    outer->inner_last = inner;
}
