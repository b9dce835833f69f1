#include "proxy/observer/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t history_failures(const struct route_counters *c)
{
    return counter_get(&c->handshake_failures) + counter_get(&c->upstream_failures) +
           counter_get(&c->refused);
}

static struct history_route *find(const struct history *h, const char *name)
{
    for (size_t i = 0; i < h->route_count; i++)
        if (strcmp(h->routes[i].name, name) == 0)
            return &h->routes[i];
    return NULL;
}

const struct history_route *history_find(const struct history *h, const char *name)
{
    return find(h, name);
}

/* A counter that has fallen is another one: its slot was given away. */
static void advance(struct history_series *s, uint64_t total)
{
    const uint64_t grown = total >= s->total ? total - s->total : total;
    memmove(s->minutes, s->minutes + 1, sizeof s->minutes - sizeof *s->minutes);
    s->minutes[HISTORY_MINUTES - 1] = grown < UINT32_MAX ? (uint32_t)grown : UINT32_MAX;
    s->total = total;
}

/* What it has counted before is of no known time. */
static void begin_route(struct history *h, const char *name, const struct route_counters *c)
{
    struct history_route *grown = realloc(h->routes, (h->route_count + 1) * sizeof *grown);
    if (grown == NULL)
        return;
    h->routes = grown;
    struct history_route *r = &grown[h->route_count++];
    *r = (struct history_route){.kept = true};
    snprintf(r->name, sizeof r->name, "%s", name);
    r->connections.total = counter_get(&c->accepted);
    r->failures.total = history_failures(c);
}

static void advance_route(struct history *h, const char *name, const struct route_counters *c)
{
    struct history_route *r = find(h, name);
    if (r == NULL) {
        begin_route(h, name, c);
        return;
    }
    r->kept = true;
    advance(&r->connections, counter_get(&c->accepted));
    advance(&r->failures, history_failures(c));
}

static void forget_the_gone(struct history *h)
{
    size_t kept = 0;
    for (size_t i = 0; i < h->route_count; i++)
        if (h->routes[i].kept)
            h->routes[kept++] = h->routes[i];
    h->route_count = kept;
}

void history_minute(struct history *h, const struct view *v)
{
    const struct snapshot *s = v->snapshot;
    for (size_t i = 0; i < h->route_count; i++)
        h->routes[i].kept = false;
    for (size_t i = 0; i < s->counts[SNAPSHOT_ROUTES]; i++)
        advance_route(h, snapshot_text_of(s, snapshot_routes(s)[i].name), &v->sums[i]);
    forget_the_gone(h);
    if (h->begun)
        advance(&h->deaths, s->facts->worker_restarts);
    h->deaths.total = s->facts->worker_restarts;
    h->begun = true;
}

uint64_t history_sum(const struct history_series *s)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < HISTORY_MINUTES; i++)
        sum += s->minutes[i];
    return sum;
}

uint32_t history_most(const struct history_series *s)
{
    uint32_t most = 0;
    for (unsigned i = 0; i < HISTORY_MINUTES; i++)
        if (s->minutes[i] > most)
            most = s->minutes[i];
    return most;
}

void history_free(struct history *h)
{
    free(h->routes);
    *h = (struct history){0};
}
