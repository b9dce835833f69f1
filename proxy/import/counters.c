/* counters.c - see counters.h. */
#include "proxy/import/counters.h"
#include "proxy/import/pool.h"

#include <stdlib.h>
#include <string.h>

static const char *const keys[] = {COUNTED_IN_ALL, COUNTED_IN_EACH, COUNTED_BY_RATE,
                                   COUNTED_FOR_OTHERS};
enum { KEYS = sizeof keys / sizeof *keys, LIMITS = KEYS - 1 };

/* More than any limit, and a thousand of it can be added up. */
#define CONNECTIONS_UNBOUND (1UL << 40)

struct place {
    const struct plan_route *last; /* that was seen to count there */
    unsigned routes;
    unsigned long connections; /* that these let in by limits of their own */
};

static unsigned long connections_of(const struct plan_route *r)
{
    const char *most = route_get(r, "max-connections");
    const unsigned long n = most != NULL ? strtoul(most, NULL, 10) : 0;
    return n > 0 ? n : CONNECTIONS_UNBOUND;
}

static void note(struct plan *p, struct index *places, const struct plan_route *r, const char *key)
{
    const struct entry *counted = entries_find(&r->settings, key);
    for (size_t i = 0; counted != NULL && i < counted->count; i++) {
        void **found = index_at(p->arena, places, counted->values[i].text);
        struct place *place = *found;
        if (place == NULL)
            *found = place = pool_alloc(p->arena, sizeof *place);
        if (place->last == r)
            continue;
        place->routes++;
        place->connections += connections_of(r);
        place->last = r;
    }
}

/* Their own limits may be as narrow as the common one, which may be none. */
static bool is_kept(const struct place *place, const struct statement *from)
{
    const unsigned long most = strtoul(statement_at(from, 1), NULL, 10);
    return most == 0 || place->connections <= most;
}

static void settle(struct plan *p, const struct index *places, struct plan_route *r,
                   const char *key)
{
    const struct entry *counted = entries_find(&r->settings, key);
    for (size_t i = 0; counted != NULL && i < counted->count; i++) {
        struct statement *from = counted->values[i].from;
        const struct place *place = index_get(places, counted->values[i].text);
        if (place == NULL || place->routes < 2 ||
            (strcmp(key, COUNTED_IN_ALL) == 0 && is_kept(place, from)))
            continue;
        const char *why = pool_format(p->arena,
                                      "%u routes are counted together for it there, and each by "
                                      "itself here: divide it among them, and take the signs # off",
                                      place->routes);
        statement_lose(p->arena, from, "%s", why);
        route_withhold_for(p, r, from, from->words[0], why);
    }
}

void counters_settle(struct plan *p)
{
    struct index places = {0};
    for (const struct plan_route *r = p->routes; r != NULL; r = r->next)
        for (size_t i = 0; r->withheld == NULL && i < KEYS; i++)
            note(p, &places, r, keys[i]);
    for (struct plan_route *r = p->routes; r != NULL; r = r->next)
        for (size_t i = 0; i < LIMITS; i++)
            settle(p, &places, r, keys[i]);
}
