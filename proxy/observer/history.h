/* history.h - the last hour, minute by minute, for who looks and has no Prometheus. It is in memory
 * that the supervisor keeps for the observer's successor, here and after an upgrade. */
#ifndef TLSFRONT_OBSERVER_HISTORY_H
#define TLSFRONT_OBSERVER_HISTORY_H

#include "proxy/observer/view.h"

enum { HISTORY_MINUTES = 60, HISTORY_MINUTE_MS = 60000, HISTORY_NAME = 65 };

struct history_series {
    uint64_t total; /* of the counter, at the last minute */
    uint32_t minutes[HISTORY_MINUTES];
};

struct history_route {
    char name[HISTORY_NAME];
    bool kept; /* by the snapshot in hand; written before it is read */
    struct history_series connections, failures;
};

/* All zero: nothing yet. */
struct history {
    uint64_t layout; /* of what has written it; 0: nothing has */
    uint64_t minute; /* when the next one is over, in milliseconds of CLOCK_MONOTONIC */
    uint64_t route_count;
    struct history_series deaths; /* of workers */
    uint32_t begun;               /* not 0: the totals are those of the last minute */
    struct history_route routes[ROUTE_SLOTS];
};

/* Go on with what a predecessor, which may have been of another release or talked to strangers, has
 * left: whatever it is, it can be worked with. What is of another layout begins anew. */
void history_adopt(struct history *h);

/* The minutes that are over at `now`; false: none. Then the next is over at h->minute. */
bool history_due(struct history *h, const struct view *v, uint64_t now);

/* A minute is over; the first call begins the first one. A route that is new begins now, one that
 * is gone is forgotten. */
void history_minute(struct history *h, const struct view *v);

/* NULL: nothing is known of it. */
const struct history_route *history_find(const struct history *h, const char *name);

/* Over the hour; the latest minute is the last. */
uint64_t history_sum(const struct history_series *s);
uint32_t history_most(const struct history_series *s);

/* What went wrong for clients of a route, ever: handshakes, upstreams, refusals. */
uint64_t history_failures(const struct route_counters *c);

#endif
