#include "proxy/session/leave.h"
#include "proxy/session/core.h"

#include <stdlib.h>

enum { TICKS = 64, TICK_MIN_MS = 10 };

static struct session *session_of(struct link *l)
{
    return container_of(l, struct session, member);
}

static unsigned count(const struct sessions *all)
{
    unsigned n = 0;
    for (struct link *l = all->members.next; l != &all->members; l = l->next)
        n += session_takes_part(session_of(l));
    return n;
}

/* Is it in the middle of something that will be over? */
static bool is_busy(const struct session *s)
{
    const struct boundary_rules *rules = starttls_boundary(s->route->config->protocol);
    return boundary_known(&s->boundary, rules) && !session_takes_goodbye(s);
}

static int by_idleness(const void *a, const void *b)
{
    const struct session *const *x = a, *const *y = b;
    return ((*x)->last_active > (*y)->last_active) - ((*x)->last_active < (*y)->last_active);
}

/* Those that can, the longest idle first. NULL: out of memory, and the next tick tries again. */
static struct session **candidates(const struct sessions *all, unsigned *count_r)
{
    struct session **list = calloc(all->count + 1, sizeof *list);
    *count_r = 0;
    for (struct link *l = all->members.next; list != NULL && l != &all->members; l = l->next)
        if (session_takes_part(session_of(l)) && !is_busy(session_of(l)))
            list[(*count_r)++] = session_of(l);
    if (list != NULL)
        qsort(list, *count_r, sizeof *list, by_idleness);
    return list;
}

/* Sessions are freed by the loop, so all in the list are there until it is done. */
static void end_some(const struct sessions *all, unsigned wanted)
{
    unsigned n;
    struct session **list = candidates(all, &n);
    for (unsigned i = 0; list != NULL && i < n && i < wanted; i++)
        session_step(list[i], session_leave(list[i], END_DRAINED));
    free(list);
}

/* How many may be there still: fewer and fewer. */
static unsigned allowed(const struct leave *l)
{
    const uint64_t passed = uv_now(l->all->loop) - l->begun;
    return passed < l->lasts ? (unsigned)(l->total * (l->lasts - passed) / l->lasts) : 0;
}

static void tick(uv_timer_t *timer)
{
    struct leave *l = timer->data;
    const unsigned present = count(l->all), may = allowed(l);
    if (present > may)
        end_some(l->all, present - may);
}

void leave_init(struct leave *l, struct sessions *all)
{
    *l = (struct leave){.all = all};
    uv_timer_init(all->loop, &l->timer);
    l->timer.data = l;
}

void leave_begin(struct leave *l, uint64_t lasts)
{
    const uint64_t every = lasts / TICKS > TICK_MIN_MS ? lasts / TICKS : TICK_MIN_MS;
    l->begun = uv_now(l->all->loop);
    l->lasts = lasts;
    l->total = count(l->all);
    uv_timer_start(&l->timer, tick, 0, every);
}

void leave_close(struct leave *l)
{
    uv_close((uv_handle_t *)&l->timer, NULL);
}
