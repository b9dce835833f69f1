#include "proxy/observer/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool view_begin(struct view *v, const struct snapshot *s, const struct all_counters *counters,
                time_t now)
{
    const size_t count = s->counts[SNAPSHOT_ROUTES];
    *v = (struct view){.snapshot = s, .counters = counters, .now = now};
    v->sums = calloc(count + 1, sizeof *v->sums);
    v->details = calloc(count + 1, sizeof *v->details);
    v->names = calloc(s->counts[SNAPSHOT_SERVER_NAMES] + 1, sizeof *v->names);
    if (v->sums == NULL || v->details == NULL || v->names == NULL) {
        view_end(v);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        counters_add_up(counters, snapshot_routes(s)[i].slot % ROUTE_SLOTS, &v->sums[i],
                        &v->details[i]);
    for (size_t i = 0; i < s->counts[SNAPSHOT_SERVER_NAMES]; i++)
        counters_add_up_name(counters, snapshot_server_names(s)[i].slot % NAME_SLOTS, &v->names[i]);
    return true;
}

void view_end(struct view *v)
{
    free(v->sums);
    free(v->details);
    free(v->names);
    *v = (struct view){0};
}

/* `slot`: of those that are routes' or server names' (counters.h). */
static struct upstream_view view_of(const struct view *v, unsigned slot,
                                    const struct snapshot_upstream *u)
{
    struct upstream_view sum =
        upstream_view_of(v->counters, slot, snapshot_text_of(v->snapshot, u->text));
    if (u->trouble != 0) {
        sum.tried = true;
        sum.up = false;
    }
    return sum;
}

struct upstream_view view_upstream(const struct view *v, const struct snapshot_route *r,
                                   const struct snapshot_upstream *u)
{
    return view_of(v, r->slot % ROUTE_SLOTS, u);
}

struct upstream_view view_name_upstream(const struct view *v, const struct snapshot_server_name *n,
                                        const struct snapshot_upstream *u)
{
    return view_of(v, DETAILS_OF_NAME(n->slot % NAME_SLOTS), u);
}

uint64_t view_accept_pauses(const struct view *v)
{
    return counters_sum(v->counters, PARTS_MAX, offsetof(struct worker_counters, accept_pauses));
}

uint64_t view_log_lost(const struct view *v)
{
    return v->snapshot->facts->log_lost +
           counters_sum(v->counters, PARTS_MAX, offsetof(struct worker_counters, log_lost));
}

const char *view_not_ready(const struct snapshot *s)
{
    const char *state = snapshot_text_of(s, s->facts->state);
    if (s->facts->generation == 0)
        return "nothing is configured yet";
    if (strcmp(state, "running") != 0)
        return state;
    if (s->facts->not_ready)
        return "drained";
    return s->facts->workers == 0 ? "no worker runs" : NULL;
}

static bool has_sessions(const struct snapshot *s)
{
    return s->facts->generation != 0 && s->facts->workers != 0;
}

void view_agent_line(const struct snapshot *s, char line[VIEW_AGENT_LINE_MAX])
{
    const char *why = s->facts != NULL ? view_not_ready(s) : "nothing is known yet";
    if (why == NULL)
        snprintf(line, VIEW_AGENT_LINE_MAX, "up ready\n");
    else if (s->facts != NULL && has_sessions(s))
        snprintf(line, VIEW_AGENT_LINE_MAX, "drain\n");
    else
        snprintf(line, VIEW_AGENT_LINE_MAX, "down#%.60s\n", why);
}
