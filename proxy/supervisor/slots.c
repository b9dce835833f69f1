#include "proxy/supervisor/slots.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { NONE = UINT_MAX };

/* The sooner, the better. */
enum choice { CHOICE_NEVER_NAMED, CHOICE_GONE, CHOICE_GOING, CHOICES };

struct known {
    const char *name;
    unsigned slot;
};

struct assignment {
    const struct slots *slots;
    const struct slots_use *use;
    struct known *known; /* in the order of their names */
    size_t known_count;
    bool *used; /* by a name that is wanted */
    enum choice choice;
    unsigned from; /* before this one none is left of that choice */
};

static int by_name(const void *a, const void *b)
{
    const struct known *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static bool begin(struct assignment *a)
{
    const struct slots *s = a->slots;
    a->known = calloc(s->size, sizeof *a->known);
    a->used = calloc(s->size, sizeof *a->used);
    if (a->known == NULL || a->used == NULL)
        return false;
    for (unsigned i = 0; i < s->size; i++)
        if (s->names[i] != NULL)
            a->known[a->known_count++] = (struct known){s->names[i], i};
    qsort(a->known, a->known_count, sizeof *a->known, by_name);
    return true;
}

static unsigned slot_of(const struct assignment *a, const char *name)
{
    const struct known key = {.name = name};
    const struct known *found = bsearch(&key, a->known, a->known_count, sizeof *a->known, by_name);
    return found != NULL ? found->slot : NONE;
}

/* Sessions of before would take back what they have not counted for the new name, and hold its
 * limit while they last. */
static bool may_have(const struct assignment *a, unsigned slot)
{
    if (a->used[slot])
        return false;
    if (a->choice == CHOICE_NEVER_NAMED)
        return a->slots->names[slot] == NULL;
    return a->use->serving[slot] == (a->choice == CHOICE_GOING) && !a->use->busy(a->use->arg, slot);
}

static unsigned free_slot(struct assignment *a)
{
    for (; a->choice < CHOICES; a->choice++, a->from = 0)
        for (; a->from < a->slots->size; a->from++)
            if (may_have(a, a->from))
                return a->from;
    return NONE;
}

static int too_many(const struct slots *s, struct err *e)
{
    return err_set(
        e,
        "too many names since the start: each of the %u that can be counted is wanted or "
        "has sessions; wait until those of names that are gone have ended, or restart "
        "the daemon",
        s->size);
}

static int give_slot(struct assignment *a, const char *name, unsigned *slot, struct err *e)
{
    if (*slot != NONE)
        return 0;
    *slot = free_slot(a);
    if (*slot == NONE)
        return too_many(a->slots, e);
    a->used[*slot] = true;
    a->slots->next[*slot] = strdup(name);
    return a->slots->next[*slot] != NULL ? 0 : err_set(e, "out of memory");
}

static int assign(struct assignment *a, const char *const *wanted, size_t count, unsigned *found,
                  struct err *e)
{
    int result = begin(a) ? 0 : err_set(e, "out of memory");
    for (size_t i = 0; i < count && result == 0; i++) {
        found[i] = slot_of(a, wanted[i]);
        if (found[i] != NONE)
            a->used[found[i]] = true;
    }
    for (size_t i = 0; i < count && result == 0; i++)
        result = give_slot(a, wanted[i], &found[i], e);
    return result;
}

int slots_assign(const struct slots *s, const char *const *wanted, size_t count,
                 const struct slots_use *use, unsigned *found, struct err *e)
{
    struct assignment a = {.slots = s, .use = use};
    const int result = assign(&a, wanted, count, found, e);
    free(a.known);
    free(a.used);
    if (result != 0)
        slots_abort(s);
    return result;
}

void slots_commit(const struct slots *s, void (*forget)(void *arg, unsigned slot), void *arg)
{
    for (unsigned i = 0; i < s->size; i++) {
        if (s->next[i] == NULL)
            continue;
        if (s->names[i] != NULL)
            forget(arg, i);
        free(s->names[i]);
        s->names[i] = s->next[i];
        s->next[i] = NULL;
    }
}

static void free_texts(char **texts, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        free(texts[i]);
        texts[i] = NULL;
    }
}

void slots_abort(const struct slots *s)
{
    free_texts(s->next, s->size);
}

void slots_free(const struct slots *s)
{
    free_texts(s->names, s->size);
    free_texts(s->next, s->size);
}
