/* loop.c - servers that are where a route listens: check refuses them. */
#include "proxy/import/plan.h"
#include "proxy/import/pool.h"

#include "config/loops.h"
#include "config/values.h"

/* Where a route listens; those of one port, or of one path, are in one list. */
struct place {
    const struct plan_route *route;
    struct endpoint where;
    struct place *next;
};

static void **list_of(struct plan *p, struct index *places, const struct endpoint *e)
{
    const char *name = e->kind == ENDPOINT_UNIX ? e->text : pool_format(p->arena, "%u", e->port);
    return index_at(p->arena, places, name);
}

static void note(struct plan *p, struct index *places, const struct plan_route *r)
{
    const struct entry *s = entries_find(&r->settings, "listen");
    for (size_t i = 0; s != NULL && i < s->count; i++) {
        struct place one = {.route = r};
        struct flaw f;
        if (value_listen(p->arena, s->values[i].text, &one.where, &f) != 0)
            continue;
        void **list = list_of(p, places, &one.where);
        struct place *first = pool_alloc(p->arena, sizeof *first);
        one.next = *list;
        *first = one;
        *list = first;
    }
}

/* The route that a server is itself; NULL: none that is served. */
static const struct plan_route *find(struct plan *p, struct index *places, const char *server)
{
    struct endpoint where = {0};
    struct flaw f;
    if (value_upstream(p->arena, server, &where, &f) != 0)
        return NULL;
    for (const struct place *one = *list_of(p, places, &where); one != NULL; one = one->next)
        if (one->route->withheld == NULL && loops_leads(&where, &one->where))
            return one->route;
    return NULL;
}

static void settle(struct plan *p, struct index *places, struct plan_route *r,
                   const struct entries *says)
{
    const struct entry *s = entries_find(says, "upstream");
    for (size_t i = 0; s != NULL && i < s->count; i++) {
        const struct given *v = &s->values[i];
        const struct plan_route *back = find(p, places, v->text);
        if (back == NULL)
            continue;
        struct statement *from = v->from == NULL ? r->section : v->from;
        const char *why =
            pool_format(p->arena, "%s is where route %s listens", v->text, back->name);
        statement_lose(p->arena, from, "%s", why);
        route_withhold(p, r, "%s:%d: %s", from->file, from->line, why);
    }
}

void loop_settle(struct plan *p)
{
    struct index places = {0};
    for (const struct plan_route *r = p->routes; r != NULL; r = r->next)
        note(p, &places, r);
    for (struct plan_route *r = p->routes; r != NULL; r = r->next) {
        settle(p, &places, r, &r->settings);
        for (size_t i = 0; i < r->name_count; i++)
            settle(p, &places, r, &r->names[i].settings);
    }
}
