/* finish.c - from what the peers' lines said to routes that can be served. */
#include "proxy/import/address.h"
#include "proxy/import/counters.h"
#include "proxy/import/plan.h"
#include "proxy/import/pool.h"
#include "proxy/import/write.h"

#include "config/schema.h"
#include "config/values.h"

#include "proxy/base/buf.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- one route for what differs in its addresses only ---- */

#define LIKENESS_MAX ((size_t)16 << 20) /* who says more is like nobody */

static int by_key(const void *x, const void *y)
{
    return strcmp((*(const struct entry *const *)x)->key, (*(const struct entry *const *)y)->key);
}

/* All that `s` says but where it listens, whatever its order, each text with its size before it. */
static void put_settings(struct arena *a, struct buf *out, const struct entries *s)
{
    const struct entry **sorted = pool_array(a, s->count, sizeof *sorted);
    for (size_t i = 0; i < s->count; i++)
        sorted[i] = &s->items[i];
    qsort(sorted, s->count, sizeof *sorted, by_key);
    for (size_t i = 0; i < s->count; i++) {
        if (sorted[i]->count == 0 || strcmp(sorted[i]->key, "listen") == 0)
            continue;
        buf_printf(out, "%s %zu ", sorted[i]->key, sorted[i]->count);
        for (size_t j = 0; j < sorted[i]->count; j++)
            buf_printf(out, "%zu %s", strlen(sorted[i]->values[j].text), sorted[i]->values[j].text);
    }
}

/* The same text for routes that differ in `listen` only. */
static const char *likeness(struct arena *a, const struct plan_route *r)
{
    struct buf b;
    buf_init(&b, LIKENESS_MAX);
    buf_printf(&b, "%p %d ", (const void *)r->section, r->withheld == NULL);
    put_settings(a, &b, &r->settings);
    for (size_t i = 0; i < r->name_count; i++) {
        buf_printf(&b, "{%s ", r->names[i].name);
        put_settings(a, &b, &r->names[i].settings);
    }
    const char *text = b.failed ? NULL : pool_text(a, (const char *)b.data, b.size);
    buf_free(&b);
    return text;
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
    struct index seen = {0};
    struct plan_route **place = &p->routes, *next;
    for (struct plan_route *r = p->routes; r != NULL; r = next) {
        const char *text = likeness(p->arena, r);
        struct plan_route *before = text == NULL ? NULL : index_get(&seen, text);
        next = r->next;
        if (before != NULL) {
            take_addresses(p, before, r);
            continue;
        }
        if (text != NULL)
            index_add(p->arena, &seen, text, r);
        *place = p->last_route = r;
        place = &r->next;
    }
    *place = NULL;
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
    const struct plan_certificate *c = plan_certificate_named(p, value);
    return c == NULL || (can_hold(c->chain) && can_hold(c->key) && can_hold(c->passphrase));
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

/* Who has an address. One that only a withheld route has is free for the others. */
struct holder {
    const struct plan_route *route;
    struct statement *from;
};

/* By whom `where` is taken; NULL: by nobody, and now by `r`. */
static const struct holder *take(struct plan *p, struct index *holders, const struct plan_route *r,
                                 struct statement *from, const struct endpoint *where)
{
    void **place = index_at(p->arena, holders, where->text);
    struct holder *there = *place;
    if (there != NULL && (there->route == r || there->route->withheld == NULL))
        return there;
    *place = there = pool_alloc(p->arena, sizeof *there);
    *there = (struct holder){r, from};
    return NULL;
}

static bool may_listen(struct plan *p, struct index *holders, const struct plan_route *r,
                       const struct given *v)
{
    struct endpoint where = {0};
    struct flaw f;
    if (value_listen(p->arena, v->text, &where, &f) != 0) {
        if (v->from != NULL)
            statement_lose(p->arena, v->from, "the address \"%s\" %s: %s", v->text, f.cause,
                           f.cure);
        return false;
    }
    const struct holder *by = take(p, holders, r, v->from, &where);
    if (by != NULL && v->from != NULL && by->from != v->from)
        statement_lose(p->arena, v->from, "%s is taken already, by %s:%d", v->text,
                       by->from == NULL ? by->route->section->file : by->from->file,
                       by->from == NULL ? by->route->section->line : by->from->line);
    return by == NULL;
}

static void settle_addresses(struct plan *p, struct index *holders, struct plan_route *r)
{
    struct entry *s = (struct entry *)entries_find(&r->settings, "listen");
    size_t kept = 0;
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        if (may_listen(p, holders, r, &s->values[i]))
            s->values[kept++] = s->values[i];
    s->count = kept;
}

/* 0.0.0.0:995 and [::]:995 are :995. */
static void join_families(struct plan *p, struct plan_route *r)
{
    static const char v4[] = "0.0.0.0:", v6[] = "[::]:";
    struct entry *s = (struct entry *)entries_find(&r->settings, "listen");
    struct index ports = {0};
    size_t kept = 0;
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++) /* the port of [::]:PORT leads to its place */
        if (strncmp(s->values[i].text, v6, sizeof v6 - 1) == 0)
            index_add(p->arena, &ports, s->values[i].text + sizeof v6 - 2, &s->values[i]);
    for (size_t i = 0; i < s->count; i++) {
        const char *text = s->values[i].text;
        if (text == NULL || strncmp(text, v4, sizeof v4 - 1) != 0)
            continue;
        const char *port = text + sizeof v4 - 2;
        struct given *other = index_get(&ports, port);
        if (other == NULL || other->text == NULL)
            continue;
        s->values[i].text = pool_text(p->arena, port, strlen(port));
        other->text = NULL; /* it leaves */
    }
    for (size_t i = 0; i < s->count; i++)
        if (s->values[i].text != NULL)
            s->values[kept++] = s->values[i];
    s->count = kept;
}

/* ---- times that are shorter than ours may be ---- */

static void settle_times(struct plan *p, struct plan_route *r, enum scope scope,
                         struct entries *all)
{
    for (size_t i = 0; i < all->count; i++) {
        struct entry *one = &all->items[i];
        const struct key *key = schema_find(scope, one->key);
        for (size_t j = 0; key != NULL && key->least > 0 && j < one->count; j++) {
            struct given *v = &one->values[j];
            struct flaw f;
            unsigned ms = 0;
            if (value_duration(v->text, &ms, &f) != 0 ||
                value_duration_least(ms, key->least, &f) == 0)
                continue;
            v->text = pool_format(p->arena, "%ums", key->least);
            statement_lose(p->arena, v->from != NULL ? v->from : r->section, "%s is %s at least",
                           key->name, v->text);
        }
    }
}

/* ---- what a route cannot be without ---- */

static void settle_upstreams(struct plan *p, struct plan_route *r)
{
    struct entry *s = (struct entry *)entries_find(&r->settings, "upstream");
    size_t kept = 0;
    for (size_t i = 0; s != NULL && i < s->count; i++) {
        const struct given v = s->values[i];
        struct endpoint where = {0};
        struct flaw f;
        if (value_upstream(p->arena, v.text, &where, &f) == 0)
            s->values[kept++] = v;
        else if (v.from != NULL)
            statement_lose(p->arena, v.from, "the server \"%s\" %s: %s", v.text, f.cause, f.cure);
    }
    if (s != NULL)
        s->count = kept;
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

static void settle_name(struct plan *p, struct plan_route *r)
{
    if (r->name[0] == '\0') {
        const char *listen = route_get(r, "listen");
        const char *port = listen == NULL ? NULL : strrchr(listen, ':');
        const char *protocol = route_get(r, "protocol");
        r->name = pool_format(p->arena, "%s%s%s", protocol, port == NULL ? "" : "-",
                              port == NULL ? "" : port + 1);
    }
    r->name = plan_unique_name(p->arena, &p->route_names, plan_valid_name(p->arena, r->name));
}

/* Without it, check would refuse what is printed. */
static void settle_user(struct plan *p)
{
    if (geteuid() != 0 || entries_get(&p->globals, "user") != NULL || getpwnam("tlsfront") != NULL)
        return;
    entries_put(p->arena, &p->globals, "user", "nobody", NULL);
    plan_remark(p, "There is no user tlsfront on this machine, so workers run as nobody.");
}

static void settle_log(struct plan *p)
{
    const char *log = entries_get(&p->globals, "log");
    if (log != NULL && strcmp(log, "syslog") == 0)
        plan_remark(p, "Under systemd the journal has each key of the log as a field, but not by "
                       "log = syslog: take that line out, unless a syslog daemon is to have it.");
}

void plan_finish(struct plan *p)
{
    struct index holders = {0};
    settle_user(p);
    settle_log(p);
    settle_writable_globals(p);
    merge(p);
    counters_settle(p);
    for (struct plan_route *r = p->routes; r != NULL; r = r->next) {
        gather_ciphers(p, r);
        settle_times(p, r, SCOPE_ROUTE, &r->settings);
        for (size_t i = 0; i < r->name_count; i++)
            settle_times(p, r, SCOPE_SERVER_NAME, &r->names[i].settings);
        guess(p, r);
        settle_writable(p, r, &r->settings);
        for (size_t i = 0; i < r->name_count; i++)
            settle_writable(p, r, &r->names[i].settings);
        settle_addresses(p, &holders, r);
        settle_upstreams(p, r);
        require(p, r, "listen", "address for clients");
        require(p, r, "upstream", "server behind it");
        require(p, r, "certificate", "certificate");
        settle_name(p, r);
    }
    loop_settle(p);
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
