/* clients.h - how many connections each client has now, over all workers; part of the counters
 * (counters.h).
 *
 * A worker counts its own clients, and reads everybody's: so a limit holds over all of them. A
 * client is known by a number that depends on a secret, its address (an IPv6 client is its /64) and
 * the route; nobody can choose whose places he takes without knowing the secret.
 *
 * The memory is fixed. A client has one of CLIENT_WAYS places in either of two sets. Where both are
 * taken by others, which takes some 60,000 clients of one worker at the same time, it is not
 * counted: a crowd makes a limit milder for some, and never harder for anybody. */
#ifndef TLSFRONT_IPC_CLIENTS_H
#define TLSFRONT_IPC_CLIENTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A set is a cache line. */
enum { CLIENT_SETS = 8192, CLIENT_WAYS = 8 };

/* A place holds who it is, in its upper bits, and how many connections: whoever reads it while it
 * changes sees one client or the other. 0: it is free. */
struct client_table {
    _Atomic uint64_t sets[CLIENT_SETS][CLIENT_WAYS];
};

/* Where a client may stand, and how it is known there. */
struct client_key {
    uint16_t sets[2];
    uint64_t who;
};

/* From a number that is as good as random; see client_hash(). */
struct client_key client_key(uint64_t hash);

/* A connection of that client is there, in the worker's own part. False: there is no place, and it
 * does not count; else client_leave() follows, once. */
bool client_enter(struct client_table *own, struct client_key key);
void client_leave(struct client_table *own, struct client_key key);

/* Its connections, as one part knows them. */
unsigned client_present(const struct client_table *part, struct client_key key);

#endif
