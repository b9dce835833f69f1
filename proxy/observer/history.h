/* history.h - the last hour, minute by minute, for who looks and has no Prometheus. It is in the
 * observer's memory alone, and begins with it. */
#ifndef TLSFRONT_OBSERVER_HISTORY_H
#define TLSFRONT_OBSERVER_HISTORY_H

#include "proxy/observer/view.h"

enum { HISTORY_MINUTES = 60, HISTORY_NAME = 65 };

struct history_series {
    uint64_t total; /* of the counter, at the last minute */
    uint32_t minutes[HISTORY_MINUTES];
};

struct history_route {
    char name[HISTORY_NAME];
    bool kept; /* by the snapshot in hand */
    struct history_series connections, failures;
};

/* All zero: nothing yet. */
struct history {
    struct history_route *routes;
    size_t route_count;
    struct history_series deaths; /* of workers */
    bool begun;
};

/* A minute is over; the first call begins the first one. A route that is new begins now, one that
 * is gone is forgotten; where memory is out, new ones are left out. */
void history_minute(struct history *h, const struct view *v);

/* NULL: nothing is known of it. */
const struct history_route *history_find(const struct history *h, const char *name);

/* Over the hour; the latest minute is the last. */
uint64_t history_sum(const struct history_series *s);
uint32_t history_most(const struct history_series *s);

/* What went wrong for clients of a route, ever: handshakes, upstreams, refusals. */
uint64_t history_failures(const struct route_counters *c);

void history_free(struct history *h);

#endif
