#include "proxy/ipc/rates.h"
#include "proxy/base/fnv.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static struct rate_client *set_of(const struct rate_table *t, uint64_t key)
{
    return (struct rate_client *)(uintptr_t)t->sets[(key >> 8) % RATE_SETS];
}

static struct rate_client *find(const struct rate_table *t, uint64_t key)
{
    struct rate_client *set = set_of(t, key);
    for (unsigned i = 0; i < RATE_WAYS; i++)
        if (atomic_load_explicit(&set[i].key, memory_order_acquire) == key)
            return &set[i];
    return NULL;
}

static uint64_t get(const _Atomic uint64_t *n)
{
    return atomic_load_explicit((_Atomic uint64_t *)(uintptr_t)n, memory_order_relaxed);
}

static void set(_Atomic uint64_t *n, uint64_t value)
{
    atomic_store_explicit(n, value, memory_order_relaxed);
}

/* ---- slices ---- */

enum { COUNT_BITS = 16, COUNT_MAX = 0xffff };

/* Others' clocks may be a little ahead. */
static uint16_t slice_number(const struct rate_client *c, unsigned period, uint64_t now)
{
    const uint64_t since = get(&c->since);
    return (uint16_t)(now > since ? (now - since) / (period / RATE_SLICES) : 0);
}

static uint32_t slice_get(const struct rate_client *c, unsigned i)
{
    return atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)&c->slices[i], memory_order_relaxed);
}

static void slice_set(struct rate_client *c, uint16_t number, uint32_t count)
{
    atomic_store_explicit(&c->slices[number % RATE_SLICES], (uint32_t)number << COUNT_BITS | count,
                          memory_order_relaxed);
}

/* What is there of the slice with that number; 0, too, where an older one's count still stands. */
static uint32_t slice_count(const struct rate_client *c, uint16_t number)
{
    const uint32_t slice = slice_get(c, number % RATE_SLICES);
    return slice >> COUNT_BITS == number ? slice & COUNT_MAX : 0;
}

/* ---- a worker's own part ---- */

static struct rate_client *least_recent(struct rate_client *set)
{
    struct rate_client *found = set;
    for (unsigned i = 1; i < RATE_WAYS; i++)
        if (get(&set[i].seen) < get(&found->seen))
            found = &set[i];
    return found;
}

/* Who reads meanwhile sees no client there, or a whole one. */
static void begin(struct rate_client *c, uint64_t key, uint64_t now)
{
    atomic_store_explicit(&c->key, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    set(&c->since, now);
    for (unsigned i = 0; i < RATE_SLICES; i++)
        atomic_store_explicit(&c->slices[i], 0, memory_order_relaxed);
    atomic_store_explicit(&c->key, key, memory_order_release);
}

/* Who was not there for a period begins anew. */
static struct rate_client *enter(struct rate_table *own, uint64_t key, unsigned period,
                                 uint64_t now)
{
    struct rate_client *c = find(own, key);
    const bool known = c != NULL && now - get(&c->seen) < period;
    if (c == NULL)
        c = least_recent(set_of(own, key));
    if (!known)
        begin(c, key, now);
    set(&c->seen, now);
    return c;
}

void rate_add(struct rate_table *own, uint64_t key, unsigned period, uint64_t now)
{
    struct rate_client *c = enter(own, key, period, now);
    const uint16_t number = slice_number(c, period, now);
    const uint32_t count = slice_count(c, number);
    slice_set(c, number, count < COUNT_MAX ? count + 1 : count);
}

void rate_take_back(struct rate_table *own, uint64_t key, unsigned period, uint64_t now)
{
    struct rate_client *c = find(own, key);
    const uint16_t number = c != NULL ? slice_number(c, period, now) : 0;
    const uint32_t count = c != NULL ? slice_count(c, number) : 0;
    if (count > 0)
        slice_set(c, number, count - 1);
}

/* ---- everybody's ---- */

/* In the period, or ahead of our clock. */
static bool is_recent(uint16_t number, uint16_t now)
{
    const uint16_t age = (uint16_t)(now - number);
    return age < RATE_SLICES || age > UINT16_MAX - RATE_SLICES;
}

unsigned rate_sum(const struct rate_table *part, uint64_t key, unsigned period, uint64_t now)
{
    const struct rate_client *c = find(part, key);
    unsigned sum = 0;
    if (c == NULL)
        return 0;
    const uint16_t number = slice_number(c, period, now);
    for (unsigned i = 0; i < RATE_SLICES; i++) {
        const uint32_t slice = slice_get(c, i);
        if (is_recent((uint16_t)(slice >> COUNT_BITS), number))
            sum += slice & COUNT_MAX;
    }
    atomic_thread_fence(memory_order_acquire);
    return get(&c->key) == key ? sum : 0;
}

/* These names are the operator's. */
uint64_t rate_salt(const char *route, unsigned period)
{
    return fnv1a(FNV_BASIS ^ period, route, strlen(route));
}
