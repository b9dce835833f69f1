/* rates.h - how often each client came lately, over all workers; part of the counters (counters.h).
 *
 * A worker writes down those whom it lets in, in its own part, and reads everybody's: so a rate
 * holds over all of them, whoever's socket a client meets. A client is known by a number that
 * depends on a secret, its address (an IPv6 client is its /64), the route and the period.
 *
 * The memory is fixed: RATE_SETS * RATE_WAYS clients for each worker. When the few places that a
 * new one can have are taken, it gets the one of whoever came least recently, whose count then
 * begins anew: a crowd of strangers makes a limit milder for some and never harder for anybody.
 * Nobody can choose whose place he takes without knowing the secret.
 *
 * A period has RATE_SLICES slices, counted from a client's first connection on. Each connection
 * counts for a period, less up to a slice. */
#ifndef TLSFRONT_IPC_RATES_H
#define TLSFRONT_IPC_RATES_H

#include <stdatomic.h>
#include <stdint.h>

enum { RATE_SETS = 2048, RATE_WAYS = 4, RATE_SLICES = 8 };

struct rate_client {
    _Atomic uint64_t key;         /* 0: free */
    _Atomic uint64_t since, seen; /* milliseconds: its first connection, and its last */
    _Atomic uint32_t
        slices[RATE_SLICES]; /* a slice's number, modulo 2^16, and behind it its count */
};

struct rate_table {
    struct rate_client sets[RATE_SETS][RATE_WAYS];
};

/* One connection more of that client in the worker's own part. `key` is client_hash() with
 * rate_salt(); `period` and `now` are milliseconds, of a clock that all workers share. */
void rate_add(struct rate_table *own, uint64_t key, unsigned period, uint64_t now);

/* Take back what rate_add() has added with the same values. */
void rate_take_back(struct rate_table *own, uint64_t key, unsigned period, uint64_t now);

/* Its connections in the period before `now`, as one part knows them. */
unsigned rate_sum(const struct rate_table *part, uint64_t key, unsigned period, uint64_t now);

/* What makes the same client another one: a route by its name, and a period. */
uint64_t rate_salt(const char *route, unsigned period);

#endif
