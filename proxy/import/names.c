/* names.c - server-name blocks, and what the peers' patterns of names come to in them. */
#include "proxy/import/plan.h"
#include "proxy/import/pool.h"

#include "config/schema.h"
#include "config/values.h"

#include <string.h>
#include <strings.h>

static bool has_name(struct plan *p, const struct plan_route *r, const char *name)
{
    return index_get(&r->named, pool_lower(p->arena, name)) != NULL;
}

/* `before` is "*." or nothing. */
static const char *put_block(struct plan *p, struct plan_route *r, const char *before,
                             const char *name, const struct entries *says)
{
    enum scope scope;
    struct flaw f;
    if (!schema_scope_by_name("server-name", &scope))
        return "this version of tlsfront has no server-name blocks";
    if (value_hostname(name, &f) != 0)
        return "this is no name that a client can ask for";
    name = pool_format(p->arena, "%s%s", before, name);
    if (has_name(p, r, name))
        return "that name has its server already";
    struct plan_name *n = route_add_name(p, r, name);
    for (size_t i = 0; i < says->count; i++)
        for (size_t j = 0;
             schema_find(scope, says->items[i].key) != NULL && j < says->items[i].count; j++)
            entries_put(p->arena, &n->settings, says->items[i].key, says->items[i].values[j].text,
                        says->items[i].values[j].from);
    return NULL;
}

/* Does the block say what its route says anyway? */
static bool is_routes_own(const struct plan_route *r, const struct plan_name *block)
{
    for (size_t i = 0; i < block->settings.count; i++)
        if (!entry_same(&block->settings.items[i],
                        entries_find(&r->settings, block->settings.items[i].key)))
            return false;
    return true;
}

/* Those that a wildcard of ours does not cover. */
static void lose_other_names(struct plan *p, struct plan_route *r, const char *ending,
                             struct statement *from)
{
    const char *why = pool_format(p->arena,
                                  "other names that end in %s get what the route itself says: a "
                                  "wildcard is for one label more",
                                  ending);
    statement_lose(p->arena, from, "%s", why);
    route_withhold(p, r, "%s:%d: %s", from->file, from->line, why);
}

const char *route_server_name(struct plan *p, struct plan_route *r, const struct asked *who,
                              const struct entries *says, struct statement *from)
{
    const char *name = who->name + (who->ends && who->name[0] == '.' ? 1 : 0), *why = NULL;
    if (!who->ends)
        return put_block(p, r, "", name, says);
    if (name == who->name && !has_name(p, r, name))
        why = put_block(p, r, "", name, says);
    if (why == NULL)
        why = put_block(p, r, "*.", name, says);
    if (why == NULL && !is_routes_own(r, &r->names[r->name_count - 1]))
        lose_other_names(p, r, who->name, from);
    return why;
}

static bool ends_in(const char *name, const char *ending)
{
    const size_t size = strlen(name), tail = strlen(ending);
    return size >= tail && strcasecmp(name + size - tail, ending) == 0;
}

const char *route_next_server_name(struct plan *p, struct plan_route *r, const struct asked *who,
                                   const struct entries *says, struct statement *from)
{
    for (size_t i = 0; i < r->ending_count; i++)
        if (ends_in(who->name, r->endings[i]))
            return "that name has its server already";
    const char *why = route_server_name(p, r, who, says, from);
    if (why != NULL || !who->ends)
        return why;
    r->endings =
        pool_grow(p->arena, r->endings, r->ending_count, &r->ending_room, sizeof *r->endings);
    r->endings[r->ending_count++] = who->name;
    return NULL;
}
