/* index.c - open addressing, never more than half full. */
#include "proxy/import/index.h"
#include "proxy/base/fnv.h"
#include "proxy/import/pool.h"

#include <stdint.h>
#include <string.h>

struct index_cell {
    const char *key; /* a text or, for pointers, what is pointed at; NULL: a free cell */
    void *value;
};

enum { ROOM_AT_FIRST = 64 };

typedef bool same_fn(const char *x, const char *y);

static bool same_text(const char *x, const char *y)
{
    return strcmp(x, y) == 0;
}

static bool same_pointer(const char *x, const char *y)
{
    return x == y;
}

/* Who writes texts that collide slows down his own import. */
static size_t hash_text(const char *text)
{
    const uint64_t hash = fnv1a(FNV_BASIS, text, strlen(text));
    return (size_t)(hash ^ hash >> 32);
}

static size_t hash_pointer(const char *p)
{
    const uint64_t hash = (uint64_t)(uintptr_t)p * 0x9e3779b97f4a7c15U;
    return (size_t)(hash ^ hash >> 32);
}

static struct index_cell *find(const struct index *x, const char *key, size_t hash, same_fn *same)
{
    size_t i = hash & (x->room - 1);
    while (x->cells[i].key != NULL && !same(x->cells[i].key, key))
        i = (i + 1) & (x->room - 1);
    return &x->cells[i];
}

static void grow(struct arena *a, struct index *x, size_t (*hash)(const char *), same_fn *same)
{
    struct index more = {.count = x->count, .room = x->room == 0 ? ROOM_AT_FIRST : 2 * x->room};
    more.cells = pool_array(a, more.room, sizeof *more.cells);
    for (size_t i = 0; i < x->room; i++)
        if (x->cells[i].key != NULL)
            *find(&more, x->cells[i].key, hash(x->cells[i].key), same) = x->cells[i];
    *x = more;
}

static void **at(struct arena *a, struct index *x, const char *key, size_t (*hash)(const char *),
                 same_fn *same)
{
    if (2 * (x->count + 1) > x->room)
        grow(a, x, hash, same);
    struct index_cell *cell = find(x, key, hash(key), same);
    if (cell->key == NULL) {
        cell->key = key;
        x->count++;
    }
    return &cell->value;
}

void *index_get(const struct index *x, const char *key)
{
    return x->room == 0 ? NULL : find(x, key, hash_text(key), same_text)->value;
}

void **index_at(struct arena *a, struct index *x, const char *key)
{
    return at(a, x, key, hash_text, same_text);
}

void index_add(struct arena *a, struct index *x, const char *key, void *value)
{
    void **place = index_at(a, x, key);
    if (*place == NULL)
        *place = value;
}

void *index_get_pointer(const struct index *x, const void *key)
{
    return x->room == 0 ? NULL : find(x, key, hash_pointer(key), same_pointer)->value;
}

void **index_at_pointer(struct arena *a, struct index *x, const void *key)
{
    return at(a, x, key, hash_pointer, same_pointer);
}
