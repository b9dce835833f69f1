/* finish.c - from what the peers' lines said to routes that can be served. */
#include "proxy/import/address.h"
#include "proxy/import/plan.h"
#include "proxy/import/pool.h"
#include "proxy/import/write.h"

#include "config/values.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

/* ---- one route for what differs in its addresses only ---- */

static bool same_values(const struct entry *x, const struct entry *y)
{
    if (x->count != y->count || strcmp(x->key, y->key) != 0)
        return false;
    for (size_t i = 0; i < x->count; i++)
        if (strcmp(x->values[i].text, y->values[i].text) != 0)
            return false;
    return true;
}

static bool covers(const struct entries *x, const struct entries *y)
{
    for (size_t i = 0; i < x->count; i++) {
        const struct entry *one = &x->items[i];
        if (one->count == 0 || strcmp(one->key, "listen") == 0)
            continue;
        const struct entry *other = entries_find(y, one->key);
        if (other == NULL || !same_values(one, other))
            return false;
    }
    return true;
}

static bool same_names(const struct plan_route *x, const struct plan_route *y)
{
    if (x->name_count != y->name_count)
        return false;
    for (size_t i = 0; i < x->name_count; i++)
        if (strcmp(x->names[i].name, y->names[i].name) != 0 ||
            !covers(&x->names[i].settings, &y->names[i].settings) ||
            !covers(&y->names[i].settings, &x->names[i].settings))
            return false;
    return true;
}

static bool alike(const struct plan_route *x, const struct plan_route *y)
{
    return x->section == y->section && (x->withheld == NULL) == (y->withheld == NULL) &&
           covers(&x->settings, &y->settings) && covers(&y->settings, &x->settings) &&
           same_names(x, y);
}

static void take_addresses(struct plan *p, struct plan_route *r, const struct plan_route *other)
{
    const struct entry *listen = entries_find(&other->settings, "listen");
    for (size_t i = 0; listen != NULL && i < listen->count; i++)
        entries_put(p->arena, &r->settings, "listen", listen->values[i].text,
                    listen->values[i].from);
    for (size_t i = 0; i < other->remark_count; i++)
        route_remark(p, r, "%s", other->remarks[i]);
}

static void merge(struct plan *p)
{
    for (struct plan_route *r = p->routes; r != NULL; r = r->next) {
        for (struct plan_route *before = r; before->next != NULL;) {
            struct plan_route *other = before->next;
            if (!alike(r, other)) {
                before = other;
                continue;
            }
            take_addresses(p, r, other);
            before->next = other->next;
        }
    }
}

/* ---- ciphers, of which every version of TLS has its own list at the peers' ---- */

static void gather_ciphers(struct plan *p, struct plan_route *r)
{
    static const char *const keys[] = {".ciphers-1.3", ".ciphers-1.2"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct entry *s = entries_find(&r->settings, keys[i]);
        const struct given *values = s == NULL ? NULL : s->values;
        const size_t count = s == NULL ? 0 : s->count;
        for (size_t j = 0; j < count; j++) /* the settings move, their values do not */
            entries_put(p->arena, &r->settings, "ciphers", values[j].text, values[j].from);
    }
}

/* ---- what is spoken ---- */

static void guess(struct plan *p, struct plan_route *r)
{
    if (route_get(r, "protocol") != NULL)
        return;
    const char *listen = route_get(r, "listen"), *upstream = route_get(r, "upstream");
    const struct guess g = address_guess(listen, upstream);
    entries_put(p->arena, &r->settings, "protocol", protocol_facts(g.protocol)->name, NULL);
    if (g.port != 0)
        route_remark(p, r, "a guess: protocol = %s, because of port %u",
                     protocol_facts(g.protocol)->name, g.port);
    else
        route_remark(p, r,
                     "a guess: protocol = tcp, since no port tells more; another one "
                     "would let tlsfront refuse in words");
}

/* ---- what no configuration of ours can hold ---- */

static const char unwritable[] = "a control character in a value cannot be written here";

static bool can_hold(const char *text)
{
    return text == NULL || write_can(text);
}

/* Is `value` a certificate whose files can be named? */
static bool can_name_files(const struct plan *p, const char *key, const char *value)
{
    if (strcmp(key, "certificate") != 0 && strcmp(key, "upstream-certificate") != 0)
        return true;
    for (const struct plan_certificate *c = p->certificates; c != NULL; c = c->next)
        if (strcmp(c->name, value) == 0)
            return can_hold(c->chain) && can_hold(c->key) && can_hold(c->passphrase);
    return true;
}

static void settle_writable(struct plan *p, struct plan_route *r, const struct entries *all)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct entry *one = &all->items[i];
        for (size_t j = 0; one->key[0] != '.' && j < one->count; j++) {
            if (can_hold(one->values[j].text) && can_name_files(p, one->key, one->values[j].text))
                continue;
            struct statement *from = one->values[j].from;
            statement_lose(p->arena, from == NULL ? r->section : from, "%s: %s", one->key,
                           unwritable);
            route_withhold(p, r, "%s: %s", one->key, unwritable);
        }
    }
}

static void settle_writable_globals(struct plan *p)
{
    for (size_t i = 0; i < p->globals.count; i++) {
        struct entry *one = &p->globals.items[i];
        size_t kept = 0;
        for (size_t j = 0; j < one->count; j++) {
            if (one->key[0] == '.' || can_hold(one->values[j].text))
                one->values[kept++] = one->values[j];
            else if (one->values[j].from != NULL)
                statement_lose(p->arena, one->values[j].from, "%s: %s", one->key, unwritable);
        }
        one->count = kept;
    }
}

/* ---- addresses that are taken ---- */

static const struct given *taken(const struct plan *p, const struct plan_route *r, size_t index,
                                 const struct endpoint *where)
{
    for (const struct plan_route *other = p->routes; other != NULL; other = other->next) {
        const struct entry *s = entries_find(&other->settings, "listen");
        for (size_t i = 0; s != NULL && i < s->count; i++) {
            struct endpoint there = {0};
            struct flaw f;
            if (other == r && i == index)
                return NULL;
            if ((other->withheld == NULL || other == r) &&
                value_listen(p->arena, s->values[i].text, &there, &f) == 0 &&
                endpoint_same(&there, where))
                return &s->values[i];
        }
    }
    return NULL;
}

static bool may_listen(struct plan *p, const struct plan_route *r, size_t index)
{
    const struct given *v = &entries_find(&r->settings, "listen")->values[index];
    struct endpoint where = {0};
    struct flaw f;
    if (value_listen(p->arena, v->text, &where, &f) != 0) {
        if (v->from != NULL)
            statement_lose(p->arena, v->from, "the address \"%s\" %s: %s", v->text, f.cause,
                           f.cure);
        return false;
    }
    const struct given *by = taken(p, r, index, &where);
    if (by != NULL && v->from != NULL && by->from != v->from)
        statement_lose(p->arena, v->from, "%s is taken already, by %s:%d", v->text,
                       by->from == NULL ? r->section->file : by->from->file,
                       by->from == NULL ? r->section->line : by->from->line);
    return by == NULL;
}

static void settle_addresses(struct plan *p, struct plan_route *r)
{
    struct entry *s = (struct entry *)entries_find(&r->settings, "listen");
    for (size_t i = 0; s != NULL && i < s->count;) {
        if (may_listen(p, r, i)) {
            i++;
            continue;
        }
        memmove(s->values + i, s->values + i + 1, (s->count - i - 1) * sizeof *s->values);
        s->count--;
    }
}

/* 0.0.0.0:995 and [::]:995 are :995. */
static void join_families(struct plan *p, struct plan_route *r)
{
    struct entry *s = (struct entry *)entries_find(&r->settings, "listen");
    for (size_t i = 0; s != NULL && i < s->count; i++) {
        if (strncmp(s->values[i].text, "0.0.0.0:", 8) != 0)
            continue;
        const char *port = s->values[i].text + 7;
        for (size_t j = 0; j < s->count; j++) {
            if (strncmp(s->values[j].text, "[::]:", 5) != 0 ||
                strcmp(s->values[j].text + 4, port) != 0)
                continue;
            s->values[i].text = pool_text(p->arena, port, strlen(port));
            memmove(s->values + j, s->values + j + 1, (s->count - j - 1) * sizeof *s->values);
            s->count--;
            i -= j < i ? 1U : 0U;
            break;
        }
    }
}

/* ---- what a route cannot be without ---- */

static void settle_upstreams(struct plan *p, struct plan_route *r)
{
    struct entry *s = (struct entry *)entries_find(&r->settings, "upstream");
    for (size_t i = 0; s != NULL && i < s->count;) {
        struct endpoint where = {0};
        struct flaw f;
        if (value_upstream(p->arena, s->values[i].text, &where, &f) == 0) {
            i++;
            continue;
        }
        if (s->values[i].from != NULL)
            statement_lose(p->arena, s->values[i].from, "the server \"%s\" %s: %s",
                           s->values[i].text, f.cause, f.cure);
        memmove(s->values + i, s->values + i + 1, (s->count - i - 1) * sizeof *s->values);
        s->count--;
    }
}

static void require(struct plan *p, struct plan_route *r, const char *key, const char *what)
{
    if (r->withheld != NULL || route_get(r, key) != NULL)
        return;
    route_withhold(p, r, "there is no %s that could be carried over", what);
    if (r->section->why == NULL)
        statement_lose(p->arena, r->section,
                       "no route can be made of it: it has no %s that could "
                       "be carried over",
                       what);
}

/* ---- names ---- */

static bool has_route(const struct plan *p, const struct plan_route *end, const char *name)
{
    for (const struct plan_route *r = p->routes; r != end; r = r->next)
        if (strcmp(r->name, name) == 0)
            return true;
    return false;
}

static void settle_name(struct plan *p, struct plan_route *r)
{
    if (r->name[0] == '\0') {
        const char *listen = route_get(r, "listen");
        const char *port = listen == NULL ? NULL : strrchr(listen, ':');
        const char *protocol = route_get(r, "protocol");
        r->name = pool_format(p->arena, "%s%s%s", protocol, port == NULL ? "" : "-",
                              port == NULL ? "" : port + 1);
    }
    const char *stem = plan_valid_name(p->arena, r->name);
    r->name = stem;
    for (unsigned n = 2; has_route(p, r, r->name); n++)
        r->name = pool_format(p->arena, "%.58s-%u", stem, n);
}

/* Without it, check would refuse what is printed. */
static void settle_user(struct plan *p)
{
    if (geteuid() != 0 || entries_get(&p->globals, "user") != NULL || getpwnam("tlsfront") != NULL)
        return;
    entries_put(p->arena, &p->globals, "user", "nobody", NULL);
    plan_remark(p, "There is no user tlsfront on this machine, so workers run as nobody.");
}

void plan_finish(struct plan *p)
{
    settle_user(p);
    settle_writable_globals(p);
    merge(p);
    for (struct plan_route *r = p->routes; r != NULL; r = r->next) {
        gather_ciphers(p, r);
        guess(p, r);
        settle_writable(p, r, &r->settings);
        for (size_t i = 0; i < r->name_count; i++)
            settle_writable(p, r, &r->names[i].settings);
        settle_addresses(p, r);
        settle_upstreams(p, r);
        require(p, r, "listen", "address for clients");
        require(p, r, "upstream", "server behind it");
        require(p, r, "certificate", "certificate");
        settle_name(p, r);
    }
    for (struct plan_route *r = p->routes; r != NULL; r = r->next)
        join_families(p, r);
}

static bool lost_in(const struct statement *file)
{
    struct statement *s = (struct statement *)file;
    while ((s = statement_walk(file, s, true)) != NULL)
        if (s->why != NULL)
            return true;
    return false;
}

bool plan_lost(const struct plan *p)
{
    for (size_t i = 0; i < p->file_count; i++)
        if (lost_in(p->files[i]))
            return true;
    for (const struct plan_route *r = p->routes; r != NULL; r = r->next)
        if (r->withheld != NULL)
            return true;
    return false;
}

bool plan_serves(const struct plan *p)
{
    for (const struct plan_route *r = p->routes; r != NULL; r = r->next)
        if (r->withheld == NULL)
            return true;
    return false;
}
