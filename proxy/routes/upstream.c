#include "proxy/routes/upstream.h"
#include "proxy/base/address.h"
#include "proxy/base/fnv.h"

#include <stdlib.h>
#include <string.h>

/* Of these bits each decides over each (MurmurHash3's last step). */
static uint64_t mix(uint64_t h)
{
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdU;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53U;
    return h ^ h >> 33;
}

static uint64_t digest(const void *bytes, size_t size)
{
    return mix(fnv1a(FNV_BASIS, bytes, size)) | 1; /* 0 is nobody's */
}

int upstream_set_init(struct upstream_set *set, const struct endpoint *endpoints, size_t count)
{
    *set = (struct upstream_set){
        .items = calloc(count, sizeof *set->items), .count = count, .down_ms = UPSTREAM_DOWN_MS};
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

static uint64_t key_of(const struct endpoint *e, const struct upstream_address *a)
{
    return e->kind == ENDPOINT_UNIX ? digest(e->path, strlen(e->path)) : digest(&a->addr, a->size);
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
            if (upstream_same_address(&fresh[i], &u->addresses[k])) {
                fresh[i].down_until = u->addresses[k].down_until;
                fresh[i].passed = u->addresses[k].passed;
            }
        fresh[i].key = key_of(u->endpoint, &fresh[i]);
    }
    free(u->addresses);
    u->addresses = fresh;
    set->by_chance |= count > 0 && fresh[0].share.weight > 0;
    u->count = count;
    set->version++;
    return 0;
}

/* ---- which comes next ---- */

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

const struct upstream_address *upstream_at(const struct upstream_set *set, size_t n,
                                           size_t *upstream_r)
{
    struct upstream_cursor at;
    const struct upstream_address *a = n < UPSTREAM_TRIES_MAX ? locate(set, n, &at) : NULL;
    if (a != NULL && upstream_r != NULL)
        *upstream_r = at.upstream;
    return a;
}

static size_t count_addresses(const struct upstream_set *set)
{
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++)
        count += set->items[i].count;
    return count < UPSTREAM_TRIES_MAX ? count : UPSTREAM_TRIES_MAX;
}

uint64_t upstream_client(const struct sockaddr *client)
{
    uint8_t bytes[ADDRESS_CLIENT_MAX];
    const size_t size = address_client(client, bytes);
    return size > 0 ? digest(bytes, size) : 0;
}

/* Of the n-th, as the k-th of `count` from the one on whose turn it is. */
static uint64_t turns_away(size_t n, uint64_t turn, size_t count)
{
    return (n + count - turn % count) % count;
}

/* The smaller, the sooner. For BALANCE_SOURCE each client has an order of its own (rendezvous
 * hashing): one that is lost moves its own clients, to all the others, and nobody else. */
static uint64_t rank(const struct upstream_set *set, const struct upstream_address *a, size_t n,
                     size_t count, const struct upstream_ask *ask)
{
    switch (set->balance) {
    case BALANCE_ROTATE:
        return turns_away(n, ask->turn, count);
    case BALANCE_LEAST:
        return (ask->facts != NULL ? ask->facts[n].sessions : 0) * UPSTREAM_TRIES_MAX +
               turns_away(n, ask->turn, count);
    case BALANCE_SOURCE:
        return ask->client != 0 ? mix(ask->client ^ mix(a->key)) : turns_away(n, ask->turn, count);
    case BALANCE_FIRST:
        break;
    }
    return n;
}

/* What it is known to have passed since it failed here is the better knowledge. */
static bool is_down(const struct upstream_address *a, size_t n, const struct upstream_ask *ask)
{
    const struct upstream_facts *f = ask->facts != NULL ? &ask->facts[n] : NULL;
    if (f != NULL && f->down)
        return true;
    return a->down_until > ask->now && !(f != NULL && f->passed > a->passed);
}

/* What counts before the rank: the list's order where that is what is wanted, then priorities. */
static uint64_t tier(const struct upstream_set *set, const struct upstream_cursor *here,
                     const struct upstream_address *a)
{
    const uint64_t place = set->balance == BALANCE_FIRST ? here->upstream : 0;
    return place << 32 | a->share.tier;
}

struct choice {
    const struct upstream_set *set;
    const struct upstream_ask *ask;
    uint64_t tried;
    bool well_only;
};

static struct upstream_address *candidate(const struct choice *c, size_t n,
                                          struct upstream_cursor *here)
{
    struct upstream_address *a = locate(c->set, n, here);
    const bool out = (c->tried & (uint64_t)1 << n) != 0 || (c->well_only && is_down(a, n, c->ask));
    return out ? NULL : a;
}

/* Of those of one tier, at random by their weights: as in RFC 2782, a session's second try is drawn
 * among the others. The number of the one that is drawn. */
static size_t draw(const struct choice *c, size_t count, uint64_t of_tier)
{
    struct upstream_cursor here;
    uint64_t sum = 0;
    const struct upstream_address *a;
    for (size_t n = 0; n < count; n++)
        if ((a = candidate(c, n, &here)) != NULL && tier(c->set, &here, a) == of_tier)
            sum += a->share.weight;
    uint64_t left = mix(mix(c->ask->turn + 1) ^ c->tried) % sum;
    for (size_t n = 0; n < count; n++) {
        if ((a = candidate(c, n, &here)) == NULL || tier(c->set, &here, a) != of_tier)
            continue;
        if (left < a->share.weight)
            return n;
        left -= a->share.weight;
    }
    return 0; /* not reached */
}

/* The best of those that are left; `count`: there is none. */
static size_t choose(const struct choice *c, size_t count)
{
    size_t best = count;
    uint64_t best_tier = 0, best_rank = 0;
    uint32_t weight = 0;
    for (size_t n = 0; n < count; n++) {
        struct upstream_cursor here;
        const struct upstream_address *a = candidate(c, n, &here);
        if (a == NULL)
            continue;
        const uint64_t t = tier(c->set, &here, a), r = rank(c->set, a, n, count, c->ask);
        if (best < count && (t > best_tier || (t == best_tier && r >= best_rank)))
            continue;
        best = n;
        best_tier = t;
        best_rank = r;
        weight = a->share.weight;
    }
    const bool drawn = c->set->balance == BALANCE_FIRST || c->set->balance == BALANCE_ROTATE;
    return best < count && weight > 0 && drawn ? draw(c, count, best_tier) : best;
}

/* The best address that was not tried yet, of those that are well or of all. */
static struct upstream_address *best_untried(const struct upstream_set *set,
                                             struct upstream_cursor *at, bool well_only,
                                             const struct upstream_ask *ask)
{
    const size_t count = count_addresses(set);
    const struct choice c = {set, ask, at->tried, well_only};
    const size_t n = choose(&c, count);
    if (n == count)
        return NULL;
    at->tried |= (uint64_t)1 << n;
    struct upstream_address *a = locate(set, n, at);
    a->passed = ask->facts != NULL ? ask->facts[n].passed : 0;
    return a;
}

const struct upstream_address *upstream_next(struct upstream_set *set, struct upstream_cursor *at,
                                             const struct upstream_ask *ask)
{
    if (at->version != set->version)
        *at = (struct upstream_cursor){.version = set->version};
    const struct upstream_address *a = best_untried(set, at, true, ask);
    return a != NULL ? a : best_untried(set, at, false, ask);
}

/* ---- how it went ---- */

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
        a->down_until = now + (timeout > 0 ? timeout : set->down_ms);
}

void upstream_report(struct upstream_set *set, const struct upstream_cursor *at, bool well,
                     uint64_t now)
{
    struct upstream_address *a = current(set, at);
    if (a != NULL)
        a->down_until = well ? 0 : now + set->down_ms;
}
