#include "proxy/supervisor/slots.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NONE = UINT_MAX };

struct known {
    const char *name;
    unsigned slot;
};

struct assignment {
    char **names;
    unsigned size;
    struct known *known; /* in the order of their names */
    size_t known_count;
    bool *used; /* by a name that is wanted */
    void (*forget)(void *arg, unsigned slot);
    void *arg;
    unsigned never, gone; /* below these no slot is left that never had a name, or whose is gone */
};

static int by_name(const void *a, const void *b)
{
    const struct known *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int begin(struct assignment *a)
{
    a->known = calloc(a->size, sizeof *a->known);
    a->used = calloc(a->size, sizeof *a->used);
    if (a->known == NULL || a->used == NULL)
        return -1;
    for (unsigned i = 0; i < a->size; i++)
        if (a->names[i] != NULL)
            a->known[a->known_count++] = (struct known){a->names[i], i};
    qsort(a->known, a->known_count, sizeof *a->known, by_name);
    return 0;
}

static unsigned slot_of(const struct assignment *a, const char *name)
{
    const struct known key = {.name = name};
    const struct known *found = bsearch(&key, a->known, a->known_count, sizeof *a->known, by_name);
    return found != NULL ? found->slot : NONE;
}

/* One that never had a name or, when there is none, one whose name is gone. */
static unsigned free_slot(struct assignment *a)
{
    for (; a->never < a->size; a->never++)
        if (a->names[a->never] == NULL)
            return a->never;
    while (a->gone < a->size && a->used[a->gone])
        a->gone++;
    if (a->gone == a->size)
        return NONE;
    free(a->names[a->gone]);
    a->names[a->gone] = NULL;
    a->forget(a->arg, a->gone);
    return a->gone;
}

static int settle(struct assignment *a, const char *name, unsigned *slot)
{
    if (*slot != NONE)
        return 0;
    *slot = free_slot(a);
    if (*slot == NONE || (a->names[*slot] = strdup(name)) == NULL)
        return -1;
    a->used[*slot] = true;
    return 0;
}

static int assign(struct assignment *a, const char *const *wanted, size_t count, unsigned *found)
{
    int result = begin(a);
    for (size_t i = 0; i < count && result == 0; i++) {
        found[i] = slot_of(a, wanted[i]);
        if (found[i] != NONE)
            a->used[found[i]] = true;
    }
    for (size_t i = 0; i < count && result == 0; i++)
        result = settle(a, wanted[i], &found[i]);
    return result;
}

int slots_assign(char **names, unsigned size, const char *const *wanted, size_t count,
                 unsigned *found, void (*forget)(void *arg, unsigned slot), void *arg)
{
    struct assignment a = {.names = names, .size = size, .forget = forget, .arg = arg};
    const int result = assign(&a, wanted, count, found);
    free(a.known);
    free(a.used);
    return result;
}
