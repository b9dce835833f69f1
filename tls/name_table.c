#include "tls/name_table.h"

#include "tls/memory.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 256 }; /* RFC 1035 2.3.4, and a NUL */

int name_table_init(struct name_table *t, size_t count)
{
    *t = (struct name_table){.items = memory_calloc(count + 1, sizeof *t->items), .room = count};
    return t->items != NULL ? 0 : -1;
}

void name_table_free(struct name_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->items[i].name);
    free(t->items);
    *t = (struct name_table){0};
}

int name_table_add(struct name_table *t, const char *name)
{
    struct name_table_entry *entry = &t->items[t->count];
    *entry = (struct name_table_entry){memory_text(name), t->count};
    t->count += entry->name != NULL;
    return entry->name != NULL ? 0 : -1;
}

static int compare(const void *a, const void *b)
{
    const struct name_table_entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

void name_table_sort(struct name_table *t)
{
    if (t->count > 0)
        qsort(t->items, t->count, sizeof *t->items, compare);
}

static size_t search(const struct name_table *t, char *name)
{
    const struct name_table_entry key = {.name = name};
    const struct name_table_entry *found =
        t->count > 0 ? bsearch(&key, t->items, t->count, sizeof key, compare) : NULL;
    return found != NULL ? found->index : NAME_TABLE_NONE;
}

/* As it stands in a table. False: there is no such name. */
static bool fold(const char *name, char out[NAME_SIZE])
{
    size_t size = strlen(name);
    if (size > 0 && name[size - 1] == '.')
        size--;
    if (size == 0 || size >= NAME_SIZE || name[0] == '*')
        return false;
    for (size_t i = 0; i < size; i++)
        out[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 'a' - 'A') : name[i];
    out[size] = '\0';
    return true;
}

/* Its first label gives way to a star. NULL: it has but one. */
static char *wildcard_of(char name[NAME_SIZE])
{
    char *dot = strchr(name, '.');
    if (dot == NULL || dot == name)
        return NULL;
    dot[-1] = '*';
    return dot - 1;
}

size_t name_table_find(const struct name_table *t, const char *name)
{
    char key[NAME_SIZE];
    if (t->count == 0 || !fold(name, key))
        return NAME_TABLE_NONE;
    size_t index = search(t, key);
    char *wildcard = index == NAME_TABLE_NONE ? wildcard_of(key) : NULL;
    return wildcard != NULL ? search(t, wildcard) : index;
}
