#include "proxy/routes/upstream.h"

#include <stdlib.h>
#include <string.h>

int upstream_set_init(struct upstream_set *set, const struct endpoint *endpoints, size_t count)
{
    *set = (struct upstream_set){.items = calloc(count, sizeof *set->items), .count = count};
    if (set->items == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct endpoint *e = &endpoints[i];
        struct upstream_address own = {.addr = e->addr, .size = e->addr_len};
        set->items[i].endpoint = e;
        if (e->kind != ENDPOINT_NAME && upstream_set_addresses(set, i, &own, 1) != 0) {
            upstream_set_free(set);
            return -1;
        }
    }
    return 0;
}

void upstream_set_free(struct upstream_set *set)
{
    for (size_t i = 0; i < set->count && set->items != NULL; i++)
        free(set->items[i].addresses);
    free(set->items);
    *set = (struct upstream_set){0};
}

bool upstream_same_address(const struct upstream_address *a, const struct upstream_address *b)
{
    return a->size == b->size && memcmp(&a->addr, &b->addr, a->size) == 0;
}

int upstream_set_addresses(struct upstream_set *set, size_t upstream,
                           const struct upstream_address *addresses, size_t count)
{
    struct upstream *u = &set->items[upstream];
    struct upstream_address *fresh = calloc(count > 0 ? count : 1, sizeof *fresh);
    if (fresh == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        fresh[i] = addresses[i];
        for (size_t k = 0; k < u->count; k++)
            if (upstream_same_address(&fresh[i], &u->addresses[k]))
                fresh[i].down_until = u->addresses[k].down_until;
    }
    free(u->addresses);
    u->addresses = fresh;
    u->count = count;
    set->version++;
    return 0;
}

/* The n-th address of the flattened list; NULL behind its end. */
static struct upstream_address *locate(const struct upstream_set *set, size_t n,
                                       struct upstream_cursor *at)
{
    for (size_t i = 0; i < set->count; i++) {
        if (n < set->items[i].count) {
            at->upstream = (uint16_t)i;
            at->address = (uint16_t)n;
            return &set->items[i].addresses[n];
        }
        n -= set->items[i].count;
    }
    return NULL;
}

/* The first address that was not tried yet, of those that are well or of all. */
static const struct upstream_address *first_untried(const struct upstream_set *set,
                                                    struct upstream_cursor *at, bool well_only,
                                                    uint64_t now)
{
    for (size_t n = 0; n < UPSTREAM_TRIES_MAX; n++) {
        const struct upstream_address *a = locate(set, n, at);
        if (a == NULL)
            break;
        const uint64_t bit = (uint64_t)1 << n;
        if ((at->tried & bit) != 0 || (well_only && a->down_until > now))
            continue;
        at->tried |= bit;
        return a;
    }
    return NULL;
}

const struct upstream_address *upstream_next(struct upstream_set *set, struct upstream_cursor *at,
                                             uint64_t now)
{
    if (at->version != set->version)
        *at = (struct upstream_cursor){.version = set->version};
    const struct upstream_address *a = first_untried(set, at, true, now);
    return a != NULL ? a : first_untried(set, at, false, now);
}

/* What the cursor stands on, unless the addresses have changed since. */
static struct upstream_address *current(struct upstream_set *set, const struct upstream_cursor *at)
{
    return at->version == set->version && at->tried != 0
               ? &set->items[at->upstream].addresses[at->address]
               : NULL;
}

void upstream_trying(struct upstream_set *set, const struct upstream_cursor *at, uint64_t now,
                     uint64_t timeout)
{
    struct upstream_address *a = current(set, at);
    if (a != NULL && a->down_until != 0)
        a->down_until = now + timeout;
}

void upstream_report(struct upstream_set *set, const struct upstream_cursor *at, bool well,
                     uint64_t now)
{
    struct upstream_address *a = current(set, at);
    if (a != NULL)
        a->down_until = well ? 0 : now + UPSTREAM_DOWN_MS;
}
