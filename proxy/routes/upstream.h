/* upstream.h - the places that a route's sessions may go to, which of them comes next, and which of
 * them failed a moment ago. Pure: no sockets; the time, and what others know, are parameters. */
#ifndef TLSFRONT_ROUTES_UPSTREAM_H
#define TLSFRONT_ROUTES_UPSTREAM_H

#include "config/config.h"
#include "proxy/base/share.h"

#include <stdbool.h>
#include <stdint.h>

/* An address that failed is tried last for this long, so that an outage costs clients little;
 * longer would outlive the outage. */
#define UPSTREAM_DOWN_MS 1000

struct upstream_address {
    struct upstream_share share;
    struct sockaddr_storage addr; /* unused for unix sockets */
    socklen_t size;
    uint64_t down_until; /* milliseconds; 0: well */
    uint64_t passed;     /* checks of its health, when it was tried last */
    uint64_t key;        /* the place, whatever list it is in; upstream_set_addresses() sets it */
};

struct upstream {
    const struct endpoint *endpoint;
    struct upstream_address *addresses; /* none yet: a name that does not resolve */
    size_t count;
};

struct upstream_set {
    struct upstream *items;
    size_t count;
    uint32_t version; /* changes with the addresses */
    enum balance balance;
    bool by_chance;   /* services are among them: `turn` counts whatever the balance */
    uint64_t down_ms; /* how long one that has failed is tried last */
};

/* Addresses of one route beyond this many are never tried. */
#define UPSTREAM_TRIES_MAX 64

/* One session's way through the set. Zero-initialised: at the start. */
struct upstream_cursor {
    uint32_t version;
    uint16_t upstream, address; /* what upstream_next() gave last */
    uint64_t tried;             /* a bit for each address of the flattened list */
};

/* What others know of an address. */
struct upstream_facts {
    uint64_t sessions; /* there now */
    uint64_t passed;   /* checks of its health that it has passed, ever */
    bool down;         /* the last ones it has not */
};

/* Who asks for the next address, and when. Zero: at time 0, and nothing is known. */
struct upstream_ask {
    uint64_t now;    /* milliseconds */
    uint64_t client; /* stands for its address; 0: it has none */
    uint64_t turn;   /* goes up with each session; the same for all that one asks */
    const struct upstream_facts *facts; /* one for each address of the flattened list; or NULL */
};

/* From a route's endpoints; numeric and unix ones get their address at once. The endpoints are
 * borrowed: they have to live as long as the set, as they do in a generation's configuration. -1:
 * out of memory; there is nothing to free then. */
int upstream_set_init(struct upstream_set *set, const struct endpoint *endpoints, size_t count);
void upstream_set_free(struct upstream_set *set); /* leaves it empty */

/* Replace one upstream's addresses (copied); those that stay keep their state. -1: out of memory,
 * and nothing has changed. */
int upstream_set_addresses(struct upstream_set *set, size_t upstream,
                           const struct upstream_address *addresses, size_t count);

/* The addresses one after the other, as `facts` has them; at most UPSTREAM_TRIES_MAX. NULL: there
 * are no more. `upstream_r` may be NULL. */
const struct upstream_address *upstream_at(const struct upstream_set *set, size_t n,
                                           size_t *upstream_r);

/* Whether it is down does not count. */
bool upstream_same_address(const struct upstream_address *a, const struct upstream_address *b);

/* The next address to try, each at most once; NULL: all were tried. Those that are down come last:
 * when all are, all are tried all the same. Valid until the set's addresses change. */
const struct upstream_address *upstream_next(struct upstream_set *set, struct upstream_cursor *at,
                                             const struct upstream_ask *ask);

/* What stands for a client's address in struct upstream_ask: the same in all processes, on all
 * machines and after each start. An IPv6 client is its /64. 0: a unix socket's. */
uint64_t upstream_client(const struct sockaddr *client);

/* An attempt on what upstream_next() gave begins: others go elsewhere until it is decided, if that
 * address was down before. `timeout`: the longest that the attempt may take; 0: as long as it
 * likes, and another one goes after the time for which a failed one is tried last. */
void upstream_trying(struct upstream_set *set, const struct upstream_cursor *at, uint64_t now,
                     uint64_t timeout);

/* How it ended. */
void upstream_report(struct upstream_set *set, const struct upstream_cursor *at, bool well,
                     uint64_t now);

#endif
