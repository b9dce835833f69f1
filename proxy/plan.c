/* plan.c - see plan.h. */
#include "proxy/plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

static int slot_of(const struct route_slots *s, const char *name)
{
    for (unsigned i = 0; i < SHARED_ROUTES; i++)
        if (s->names[i] != NULL && strcmp(s->names[i], name) == 0)
            return (int)i;
    return -1;
}

static bool in_use(const struct generation *g, const char *name)
{
    for (size_t i = 0; i < g->config->route_count; i++)
        if (strcmp(g->config->routes[i].name, name) == 0)
            return true;
    return false;
}

/* A free slot, or one whose name is not in the configuration any more. There is one: a
 * configuration has at most SHARED_ROUTES routes. */
static int free_slot(struct route_slots *s, const struct generation *g,
                     void (*forget)(void *arg, unsigned slot), void *arg)
{
    for (unsigned i = 0; i < SHARED_ROUTES; i++)
        if (s->names[i] == NULL)
            return (int)i;
    for (unsigned i = 0; i < SHARED_ROUTES; i++)
        if (!in_use(g, s->names[i])) {
            free(s->names[i]);
            s->names[i] = NULL;
            forget(arg, i);
            return (int)i;
        }
    return -1;
}

int route_slots_assign(struct route_slots *s, struct generation *g,
                       void (*forget)(void *arg, unsigned slot), void *arg)
{
    for (size_t i = 0; i < g->config->route_count; i++) {
        const char *name = g->config->routes[i].name;
        int slot = slot_of(s, name);
        if (slot < 0) {
            slot = free_slot(s, g, forget, arg);
            if (slot < 0 || (s->names[slot] = strdup(name)) == NULL)
                return -1;
        }
        g->routes[i].slot = (unsigned)slot;
    }
    return 0;
}

void route_slots_free(struct route_slots *s)
{
    for (unsigned i = 0; i < SHARED_ROUTES; i++)
        free(s->names[i]);
}

unsigned plan_worker_count(const struct config *c)
{
    unsigned n = c->workers > 0 ? c->workers : uv_available_parallelism();
    return n < SHARED_WORKERS ? n : SHARED_WORKERS;
}

void plan_clear(struct plan *p)
{
    if (p->number != 0)
        close(p->bundle);
    generation_free(p->generation);
    *p = (struct plan){0};
}
