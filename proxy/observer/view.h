/* view.h - what is to be shown: the snapshot and the counters, at one moment. */
#ifndef TLSFRONT_OBSERVER_VIEW_H
#define TLSFRONT_OBSERVER_VIEW_H

#include "proxy/ipc/counters.h"
#include "proxy/ipc/snapshot.h"

#include <time.h>

struct view {
    const struct snapshot *snapshot;
    const struct all_counters *counters;
    time_t now;
    struct route_counters *sums; /* one for each route of the snapshot, all workers together */
    struct route_details *details;
    struct name_counters *names; /* one for each server name of the snapshot */
};

/* Add up. False: out of memory. Borrows both until view_end(). */
bool view_begin(struct view *v, const struct snapshot *s, const struct all_counters *counters,
                time_t now);
void view_end(struct view *v);

/* Of an upstream; one whose name has no address is down. */
struct upstream_view view_upstream(const struct view *v, const struct snapshot_route *r,
                                   const struct snapshot_upstream *u);
struct upstream_view view_name_upstream(const struct view *v, const struct snapshot_server_name *n,
                                        const struct snapshot_upstream *u);

/* There may be thousands of server names. So many of them, the first ones, are shown apart. */
enum { VIEW_NAMES_MAX = 256 };

/* Of all parts. */
uint64_t view_accept_pauses(const struct view *v);
uint64_t view_log_lost(const struct view *v);

/* Why newcomers should be sent elsewhere; NULL: they need not. */
const char *view_not_ready(const struct snapshot *s);

/* The same for haproxy, in a line of its agent-check: "up ready", "drain" where sessions go on, or
 * "down" with the reason. */
enum { VIEW_AGENT_LINE_MAX = 80 };
void view_agent_line(const struct snapshot *s, char line[VIEW_AGENT_LINE_MAX]);

#endif
