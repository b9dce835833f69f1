/* access.c - "deny X, allow Y, deny all" can be said with our lists, which are looked at in this
 * order; an allow that makes an exception of a deny behind it cannot. */
#include "proxy/import/access.h"
#include "proxy/import/pool.h"
#include "proxy/import/terms.h"

#include <string.h>

void access_rule(struct plan *p, struct plan_route *r, const char *verb, const char *network,
                 struct statement *from)
{
    route_put(p, r, ACCESS_RULES, pool_format(p->arena, "%s %s", verb, network), from);
}

static bool is_rule(const struct given *rule, const char *text)
{
    return strcmp(rule->text, text) == 0;
}

/* Where the rules end: at the first one that everybody fits. */
static size_t find_end(const struct given *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_rule(&rules[i], "allow all") || is_rule(&rules[i], "deny all"))
            return i;
    return count;
}

static const char *put_rule(struct plan *p, struct plan_route *r, const struct given *rule,
                            bool closed, bool *allowed)
{
    const bool allows = strncmp(rule->text, "allow ", 6) == 0;
    const char *why = NULL;
    if (!allows && *allowed)
        why = "an allow before it makes exceptions of it, which cannot be said";
    else if (!allows || closed) /* an allow before nothing that denies says nothing */
        why =
            term_network(p, r, allows ? "allow" : "deny", strchr(rule->text, ' ') + 1, rule->from);
    *allowed |= allows;
    if (why != NULL)
        statement_lose(p->arena, rule->from, "%s", why);
    return why;
}

void access_settle(struct plan *p, struct plan_route *r)
{
    const struct entry *s = entries_find(&r->settings, ACCESS_RULES);
    if (s == NULL)
        return;
    const struct given *rules =
        s->values; /* the settings move when more come, their values do not */
    const size_t count = s->count, end = find_end(rules, count);
    const bool closed = end < count && is_rule(&rules[end], "deny all");
    const char *why = NULL;
    bool allowed = false;
    for (size_t i = 0; i < end && why == NULL; i++)
        why = put_rule(p, r, &rules[i], closed, &allowed);
    if (why == NULL && closed && !allowed)
        why = "nobody is let in";
    if (why != NULL)
        route_withhold(p, r, "%s:%d: who may connect: %s", r->section->file, r->section->line, why);
}
