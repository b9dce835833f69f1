/* plan.c - keys, routes and certificates as they come. */
#include "proxy/import/plan.h"
#include "proxy/import/pool.h"

#include "config/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- entries ---- */

static struct entry *find(const struct entries *s, const char *key)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->items[i].key, key) == 0)
            return &s->items[i];
    return NULL;
}

const struct entry *entries_find(const struct entries *s, const char *key)
{
    const struct entry *found = find(s, key);
    return found != NULL && found->count > 0 ? found : NULL;
}

const char *entries_get(const struct entries *s, const char *key)
{
    const struct entry *found = entries_find(s, key);
    return found == NULL ? NULL : found->values[found->count - 1].text;
}

static struct entry *made(struct arena *a, struct entries *s, const char *key)
{
    struct entry *setting = find(s, key);
    if (setting != NULL)
        return setting;
    s->items = pool_grow(a, s->items, s->count, &s->room, sizeof *s->items);
    s->items[s->count].key = key;
    return &s->items[s->count++];
}

void entries_put(struct arena *a, struct entries *s, const char *key, const char *value,
                 struct statement *from)
{
    struct entry *one = made(a, s, key);
    if (one->inherited)
        one->count = 0;
    one->inherited = false;
    one->values = pool_grow(a, one->values, one->count, &one->room, sizeof *one->values);
    one->values[one->count++] = (struct given){value, from};
}

void entries_drop(struct entries *s, const char *key)
{
    struct entry *one = find(s, key);
    if (one != NULL)
        one->count = 0;
}

void entries_keep(struct entries *s, const char *key)
{
    struct entry *one = find(s, key);
    if (one != NULL)
        one->inherited = false;
}

void entries_replace(struct arena *a, struct entries *s, const char *key, const char *value,
                     struct statement *from)
{
    entries_drop(s, key);
    entries_put(a, s, key, value, from);
}

void entries_take(struct arena *a, struct entries *s, const struct entries *other, const char *key)
{
    const struct entry *from = entries_find(other, key);
    if (from == NULL)
        return;
    entries_drop(s, key);
    for (size_t i = 0; i < from->count; i++)
        entries_put(a, s, key, from->values[i].text, from->values[i].from);
}

bool entry_same(const struct entry *x, const struct entry *y)
{
    if (x == NULL || y == NULL || x->count != y->count)
        return x == y;
    for (size_t i = 0; i < x->count; i++)
        if (strcmp(x->values[i].text, y->values[i].text) != 0)
            return false;
    return true;
}

static struct entries inherit(struct arena *a, const struct entries *above)
{
    struct entries s = {0};
    for (size_t i = 0; i < above->count; i++) {
        const struct entry *from = &above->items[i];
        for (size_t j = 0; j < from->count; j++)
            entries_put(a, &s, from->key, from->values[j].text, from->values[j].from);
    }
    for (size_t i = 0; i < s.count; i++)
        s.items[i].inherited = true;
    return s;
}

/* ---- keys ---- */

static const char *lacks(struct plan *p, enum scope scope, const char *key)
{
    if (key[0] == '.' || schema_find(scope, key) != NULL)
        return NULL;
    return pool_format(p->arena, "this version of tlsfront has no %s", key);
}

const char *plan_global(struct plan *p, const char *key, const char *value, struct statement *from)
{
    const char *why = lacks(p, SCOPE_GLOBAL, key);
    if (why != NULL)
        return why;
    const struct entry *there = entries_find(&p->globals, key);
    if (there == NULL) {
        entries_put(p->arena, &p->globals, key, value, from);
        return NULL;
    }
    if (schema_find(SCOPE_GLOBAL, key) != NULL && schema_find(SCOPE_GLOBAL, key)->list) {
        entries_put(p->arena, &p->globals, key, value, from);
        return NULL;
    }
    const struct statement *first = there->values[0].from;
    if (strcmp(there->values[0].text, value) == 0 || first == from)
        return NULL;
    return pool_format(p->arena, "%s is for all routes here, and %s:%d has set it already", key,
                       first->file, first->line);
}

const char *route_put(struct plan *p, struct plan_route *r, const char *key, const char *value,
                      struct statement *from)
{
    const char *why = lacks(p, SCOPE_ROUTE, key);
    if (why == NULL)
        entries_put(p->arena, &r->settings, key, value, from);
    return why;
}

const char *route_set(struct plan *p, struct plan_route *r, const char *key, const char *value,
                      struct statement *from)
{
    const char *why = lacks(p, SCOPE_ROUTE, key);
    if (why == NULL)
        entries_replace(p->arena, &r->settings, key, value, from);
    return why;
}

const char *route_get(const struct plan_route *r, const char *key)
{
    return entries_get(&r->settings, key);
}

static bool is_one_of(const char *const *keys, const char *key)
{
    while (*keys != NULL && strcmp(*keys, key) != 0)
        keys++;
    return *keys != NULL;
}

static void lose_values(struct plan *p, const struct entry *e, const char *why)
{
    for (size_t i = 0; i < e->count; i++)
        if (e->values[i].from != NULL)
            statement_lose(p->arena, e->values[i].from, "%s", why);
}

void route_lose_rest(struct plan *p, const struct plan_route *r, const char *const *keys,
                     const char *why)
{
    for (size_t i = 0; i < r->settings.count; i++)
        if (!r->settings.items[i].inherited && !is_one_of(keys, r->settings.items[i].key))
            lose_values(p, &r->settings.items[i], why);
}

/* ---- routes ---- */

struct plan_name *route_add_name(struct plan *p, struct plan_route *r, const char *name)
{
    char *lower = pool_lower(p->arena, name);
    index_add(p->arena, &r->named, lower, lower);
    r->names = pool_grow(p->arena, r->names, r->name_count, &r->name_room, sizeof *r->names);
    struct plan_name *n = &r->names[r->name_count++];
    *n = (struct plan_name){.name = name};
    return n;
}

struct plan_route *plan_route(struct plan *p, const char *name, struct statement *section,
                              const struct plan_route *above)
{
    struct plan_route *r = pool_alloc(p->arena, sizeof *r);
    r->name = name;
    r->section = section;
    if (above != NULL) {
        r->settings = inherit(p->arena, &above->settings);
        r->withheld = above->withheld;
        for (size_t i = 0; i < above->name_count; i++)
            *route_add_name(p, r, above->names[i].name) = above->names[i];
        for (size_t i = 0; i < above->remark_count; i++)
            route_remark(p, r, "%s", above->remarks[i]);
    }
    return r;
}

void plan_add(struct plan *p, struct plan_route *r)
{
    if (p->last_route == NULL)
        p->routes = r;
    else
        p->last_route->next = r;
    p->last_route = r;
}

/* Once is enough. */
static void remark(struct plan *p, const char ***remarks, size_t *count, size_t *room,
                   const char *text)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp((*remarks)[i], text) == 0)
            return;
    *remarks = pool_grow(p->arena, *remarks, *count, room, sizeof **remarks);
    (*remarks)[(*count)++] = pool_text(p->arena, text, strlen(text));
}

void route_remark(struct plan *p, struct plan_route *r, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    remark(p, &r->remarks, &r->remark_count, &r->remark_room, text);
}

void plan_remark(struct plan *p, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    remark(p, &p->remarks, &p->remark_count, &p->remark_room, text);
}

void route_withhold(struct plan *p, struct plan_route *r, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (r->withheld == NULL)
        r->withheld = pool_text(p->arena, text, strlen(text));
}

void route_withhold_for(struct plan *p, struct plan_route *r, const struct statement *from,
                        const char *word, const char *why)
{
    if (r != NULL)
        route_withhold(p, r, "%s:%d: %s: %s", from->file, from->line, word, why);
}

/* ---- names ---- */

enum { NAME_MAX_LENGTH = 64 };

const char *plan_valid_name(struct arena *a, const char *name)
{
    static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t size = strlen(name) < NAME_MAX_LENGTH ? strlen(name) : NAME_MAX_LENGTH;
    char *valid = pool_text(a, name, size);
    for (char *c = valid; *c != '\0'; c++)
        if (strchr(good, *c) == NULL)
            *c = '-';
    return size == 0 ? "unnamed" : valid;
}

/* For every name the last number that was tried behind it, so that the next one begins there. */
const char *plan_unique_name(struct arena *a, struct index *names, const char *stem)
{
    unsigned *number = index_get(names, stem);
    const char *name = stem;
    while (index_get(names, name) != NULL)
        name = pool_format(a, "%.58s-%u", stem, ++*number);
    number = pool_alloc(a, sizeof *number);
    *number = 1;
    index_add(a, names, name, number);
    return name;
}

/* ---- certificates ---- */

static bool same(const char *x, const char *y)
{
    return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

/* Letsencrypt's fullchain.pem and the like say nothing: their directory does. */
static const char *telling_name(struct arena *a, const char *path)
{
    static const char *const mute[] = {"fullchain", "chain",  "cert", "certificate",
                                       "tls",       "server", "all",  "privkey"};
    const char *base = strrchr(path, '/') == NULL ? path : strrchr(path, '/') + 1;
    const char *dot = strrchr(base, '.');
    char *stem =
        pool_text(a, base, dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base));
    for (size_t i = 0; i < sizeof mute / sizeof *mute; i++) {
        if (strcmp(stem, mute[i]) != 0 || base - path < 2)
            continue;
        const char *end = base - 1, *begin = end;
        while (begin > path && begin[-1] != '/')
            begin--;
        return pool_text(a, begin, (size_t)(end - begin));
    }
    return stem;
}

static const char *unique_certificate(struct plan *p, const char *path)
{
    const char *stem = plan_valid_name(p->arena, telling_name(p->arena, path));
    return plan_unique_name(p->arena, &p->certificate_names, stem);
}

/* What tells the files apart. */
static const char *files_key(struct arena *a, const char *chain, const char *key,
                             const char *passphrase)
{
    return pool_format(a, "%zu %zu %s%s%s", strlen(chain), key == NULL ? 0 : strlen(key), chain,
                       key == NULL ? "" : key, passphrase == NULL ? "" : passphrase);
}

const char *plan_certificate(struct plan *p, const char *chain, const char *key,
                             const char *passphrase)
{
    if (same(chain, key))
        key = NULL;
    const char *files = files_key(p->arena, chain, key, passphrase);
    struct plan_certificate *c = index_get(&p->certificate_files, files);
    if (c != NULL)
        return c->name;
    c = pool_alloc(p->arena, sizeof *c);
    *c = (struct plan_certificate){unique_certificate(p, chain), chain, key, passphrase, NULL};
    index_add(p->arena, &p->certificate_files, files, c);
    index_add(p->arena, &p->certificate_blocks, c->name, c);
    if (p->last_certificate == NULL)
        p->certificates = c;
    else
        p->last_certificate->next = c;
    p->last_certificate = c;
    return c->name;
}

const struct plan_certificate *plan_certificate_named(const struct plan *p, const char *name)
{
    return index_get(&p->certificate_blocks, name);
}
