/* places.c - the addresses of upstreams: how many sessions are there, and how healthy they are. */
#include "proxy/ipc/counters.h"

#include <string.h>

static const struct place_counters *find_place(const struct route_details *d, uint64_t key)
{
    for (unsigned i = 0; i < ADDRESS_PLACES; i++)
        if (counter_get(&d->places[i].key) == key)
            return &d->places[i];
    return NULL;
}

static struct place_counters *own_place(struct route_details *own, uint64_t key)
{
    return (void *)(uintptr_t)find_place(own, key);
}

static struct place_counters *empty_place(struct route_details *own)
{
    for (unsigned i = 0; i < ADDRESS_PLACES; i++)
        if (counter_get(&own->places[i].sessions) == 0)
            return &own->places[i];
    return NULL;
}

bool place_enter(struct route_details *own, uint64_t key)
{
    struct place_counters *p = own_place(own, key);
    if (p == NULL)
        p = empty_place(own);
    if (p == NULL)
        return false;
    counter_set(&p->key, key);
    counter_add(&p->sessions, 1);
    return true;
}

void place_leave(struct route_details *own, uint64_t key)
{
    struct place_counters *p = own_place(own, key);
    if (p != NULL && counter_get(&p->sessions) > 0)
        counter_sub(&p->sessions, 1);
}

uint64_t place_sessions(const struct all_counters *all, unsigned workers, unsigned slot,
                        uint64_t key)
{
    uint64_t sum = 0;
    for (unsigned w = 0; w < workers && w < PARTS_MAX; w++) {
        const struct worker_counters *part = counters_of(all, w);
        const struct place_counters *p =
            part != NULL ? find_place(&part->details[slot], key) : NULL;
        sum = counter_plus(sum, p != NULL ? counter_get(&p->sessions) : 0);
    }
    return sum;
}

uint64_t route_turns(const struct all_counters *all, unsigned workers, unsigned slot)
{
    uint64_t sum = 0;
    for (unsigned w = 0; w < workers && w < PARTS_MAX; w++)
        if (counters_of(all, w) != NULL)
            sum += counter_get(&counters_of(all, w)->details[slot].turns);
    return sum; /* it may wrap: only what is left of a division counts */
}

static const struct health_counters *find_health(const struct route_details *d, uint64_t key)
{
    for (unsigned i = 0; i < ADDRESS_PLACES; i++)
        if (counter_get(&d->health[i].key) == key)
            return &d->health[i];
    return NULL;
}

const struct health_counters *health_find(const struct all_counters *all, unsigned slot,
                                          uint64_t key)
{
    const struct worker_counters *part = counters_of(all, HEALTH_WORKER);
    return part != NULL ? find_health(&part->details[slot], key) : NULL;
}

struct health_counters *health_place(struct route_details *own, uint64_t key)
{
    struct health_counters *h = (void *)(uintptr_t)find_health(own, key);
    if (h != NULL)
        return h;
    h = (void *)(uintptr_t)find_health(own, 0);
    if (h == NULL)
        return NULL;
    memset(h, 0, sizeof *h); /* whoever had it may have written on */
    counter_set(&h->key, key);
    return h;
}

/* ---- an upstream, which may have several addresses ---- */

static void add_attempts(struct upstream_view *sum, const struct upstream_counters *u)
{
    const uint64_t when = counter_get(&u->when);
    for (unsigned i = 0; i < UPSTREAM_FAULTS; i++)
        sum->failures[i] += counter_get(&u->failures[i]);
    if (sum->tried && when <= sum->when)
        return;
    sum->tried = true;
    sum->when = when;
    sum->up = counter_get(&u->up) != 0;
    sum->last_why = counter_get(&u->why) % UPSTREAM_FAULTS;
}

/* What visits find is the better knowledge. It is up where one of its addresses is. */
static void add_visits(struct upstream_view *sum, const struct health_counters *h)
{
    const uint64_t state = counter_get(&h->state);
    if (state == HEALTH_UNKNOWN || counter_get(&h->key) == 0)
        return;
    if (!sum->visited)
        sum->up = false;
    sum->tried = sum->visited = true;
    sum->up |= state == HEALTH_UP;
    if (state == HEALTH_DOWN)
        sum->last_why = counter_get(&h->why) % UPSTREAM_FAULTS;
}

/* There are thousands of server names, and what nobody has asked for has no memory yet. */
static bool has_counted(const struct worker_counters *part, unsigned slot)
{
    return slot < ROUTE_SLOTS || counter_get(&part->name[slot - ROUTE_SLOTS].accepted) > 0;
}

struct upstream_view upstream_view_of(const struct all_counters *all, unsigned slot,
                                      const char *text)
{
    struct upstream_view sum = {0};
    const uint64_t key = upstream_key(text);
    for (unsigned w = 0; w < PARTS_MAX; w++) {
        const struct worker_counters *part = counters_of(all, w);
        const struct upstream_counters *one =
            part != NULL && has_counted(part, slot)
                ? upstream_counters_find(&part->details[slot], key)
                : NULL;
        if (one != NULL)
            add_attempts(&sum, one);
    }
    const struct worker_counters *visitor = counters_of(all, HEALTH_WORKER);
    for (unsigned i = 0; visitor != NULL && i < ADDRESS_PLACES; i++)
        if (counter_get(&visitor->details[slot].health[i].upstream) == key)
            add_visits(&sum, &visitor->details[slot].health[i]);
    return sum;
}
