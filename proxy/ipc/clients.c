#include "proxy/ipc/clients.h"

#include <stddef.h>

enum { COUNT_BITS = 24 };
#define COUNT_MASK (((uint64_t)1 << COUNT_BITS) - 1)

struct client_key client_key(uint64_t hash)
{
    const struct client_key key = {
        .sets = {(uint16_t)(hash % CLIENT_SETS), (uint16_t)(hash / CLIENT_SETS % CLIENT_SETS)},
        .who = hash & ~COUNT_MASK};
    return key;
}

static uint64_t look(const _Atomic uint64_t *place)
{
    return atomic_load_explicit(place, memory_order_relaxed);
}

static bool is_of(uint64_t place, const struct client_key *key)
{
    return place != 0 && (place & ~COUNT_MASK) == key->who;
}

/* NULL: it has none. Whose table is to be read only does not write there. */
static _Atomic uint64_t *find(const struct client_table *t, const struct client_key *key)
{
    for (unsigned s = 0; s < 2; s++)
        for (unsigned way = 0; way < CLIENT_WAYS; way++)
            if (is_of(look(&t->sets[key->sets[s]][way]), key))
                return (_Atomic uint64_t *)(uintptr_t)&t->sets[key->sets[s]][way];
    return NULL;
}

static unsigned count_free(const struct client_table *t, uint16_t set, unsigned *first_r)
{
    unsigned n = 0;
    for (unsigned way = CLIENT_WAYS; way-- > 0;)
        if (look(&t->sets[set][way]) == 0) {
            *first_r = way;
            n++;
        }
    return n;
}

/* In the set with more room, so that both fill alike. NULL: neither has any. */
static _Atomic uint64_t *find_free(struct client_table *t, const struct client_key *key)
{
    unsigned way[2] = {0, 0};
    const unsigned first = count_free(t, key->sets[0], &way[0]);
    const unsigned second = count_free(t, key->sets[1], &way[1]);
    const unsigned s = second > first;
    return first + second > 0 ? &t->sets[key->sets[s]][way[s]] : NULL;
}

bool client_enter(struct client_table *own, struct client_key key)
{
    _Atomic uint64_t *place = find(own, &key);
    if (place == NULL)
        place = find_free(own, &key);
    if (place == NULL || (look(place) & COUNT_MASK) == COUNT_MASK)
        return false;
    const uint64_t n = look(place) & COUNT_MASK;
    atomic_store_explicit(place, key.who | (n + 1), memory_order_relaxed);
    return true;
}

void client_leave(struct client_table *own, struct client_key key)
{
    _Atomic uint64_t *place = find(own, &key);
    if (place == NULL) /* a table that was cleared meanwhile */
        return;
    const uint64_t n = look(place) & COUNT_MASK;
    atomic_store_explicit(place, n > 1 ? key.who | (n - 1) : 0, memory_order_relaxed);
}

unsigned client_present(const struct client_table *part, struct client_key key)
{
    const _Atomic uint64_t *place = find(part, &key);
    if (place == NULL)
        return 0;
    const uint64_t now = look(place); /* it may have become another's since */
    return is_of(now, &key) ? (unsigned)(now & COUNT_MASK) : 0;
}
