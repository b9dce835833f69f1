#include "config/canonical.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With its size in front, so that nothing in it can be taken for something else. */
static void put(FILE *out, const char *text)
{
    fprintf(out, "%zu:%s\n", strlen(text), text);
}

static int by_key(const void *a, const void *b)
{
    const struct setting *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

static void put_setting(FILE *out, const struct setting *s)
{
    fputs("key ", out);
    put(out, s->key);
    for (const struct value *v = s->values; v != NULL; v = v->next)
        put(out, v->text);
}

/* False: out of memory. */
static bool put_settings(FILE *out, const struct block *block)
{
    size_t count = 0, i = 0;
    for (const struct setting *s = block->settings; s != NULL; s = s->next)
        count++;
    const struct setting **list = calloc(count + 1, sizeof *list);
    if (list == NULL)
        return false;
    for (const struct setting *s = block->settings; s != NULL; s = s->next)
        list[i++] = s;
    qsort(list, count, sizeof *list, by_key);
    for (i = 0; i < count; i++)
        put_setting(out, list[i]);
    free(list);
    return true;
}

static bool put_blocks(FILE *out, const struct block *first);

/* With those that stand in it, and its end, so that they cannot be taken for others. */
static bool put_block(FILE *out, const struct block *block)
{
    fputs("block ", out);
    put(out, block->kind);
    put(out, block->title);
    const bool well = put_settings(out, block) && put_blocks(out, block->inner);
    fputs("end\n", out);
    return well;
}

static bool put_blocks(FILE *out, const struct block *first)
{
    size_t count;
    const struct block **list = tree_sort_blocks(first, &count);
    bool well = list != NULL;
    for (size_t i = 0; i < count && well; i++)
        well = put_block(out, list[i]);
    free(list);
    return well;
}

char *canonical_text(const struct tree *t)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    const bool well = put_settings(out, &t->globals) && put_blocks(out, t->blocks);
    const bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && well && !failed)
        return text;
    free(text);
    return NULL;
}
