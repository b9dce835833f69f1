#include "proxy/observer/history.h"

#include <stdio.h>
#include <string.h>

uint64_t history_failures(const struct route_counters *c)
{
    return counter_get(&c->handshake_failures) + counter_get(&c->upstream_failures) +
           counter_get(&c->refused);
}

const struct history_route *history_find(const struct history *h, const char *name)
{
    for (size_t i = 0; i < h->route_count; i++)
        if (strcmp(h->routes[i].name, name) == 0)
            return &h->routes[i];
    return NULL;
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
    if (h->route_count == ROUTE_SLOTS)
        return;
    struct history_route *r = &h->routes[h->route_count++];
    *r = (struct history_route){.kept = true};
    snprintf(r->name, sizeof r->name, "%s", name);
    r->connections.total = counter_get(&c->accepted);
    r->failures.total = history_failures(c);
}

static void advance_route(struct history *h, const char *name, const struct route_counters *c)
{
    struct history_route *r = (void *)(uintptr_t)history_find(h, name);
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
    h->begun = 1;
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

/* ---- from observer to observer ---- */

enum { RELEASE = 1 }; /* another one where the same bytes mean something else */

void history_adopt(struct history *h)
{
    const uint64_t layout = (uint64_t)RELEASE << 32 | sizeof *h;
    if (h->layout != layout)
        memset(h, 0, sizeof *h);
    h->layout = layout;
    if (h->route_count > ROUTE_SLOTS)
        h->route_count = 0;
    for (size_t i = 0; i < h->route_count; i++)
        h->routes[i].name[HISTORY_NAME - 1] = '\0';
}

/* While nobody was there, minutes went by as well: what came in them came in the first. */
bool history_due(struct history *h, const struct view *v, uint64_t now)
{
    if (h->minute > now + HISTORY_MINUTE_MS || h->minute == 0)
        h->minute = now;
    if (now < h->minute)
        return false;
    for (unsigned i = 0; i < HISTORY_MINUTES && h->minute <= now; i++) {
        history_minute(h, v);
        h->minute += HISTORY_MINUTE_MS;
    }
    if (h->minute <= now)
        h->minute = now + HISTORY_MINUTE_MS;
    return true;
}
