/* tree.c - settings and blocks, found and strung together. */
#include "config/tree.h"

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
