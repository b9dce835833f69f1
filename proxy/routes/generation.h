/* generation.h - one loaded configuration, ready to serve: the routing table with its TLS policies.
 *
 * The supervisor loads it to judge a configuration, a worker to run it, with the same code.
 * Sessions hold a reference to the generation they started with; the last one frees it. */
#ifndef TLSFRONT_ROUTES_GENERATION_H
#define TLSFRONT_ROUTES_GENERATION_H

#include "config/config.h"
#include "proxy/base/list.h"
#include "proxy/routes/upstream.h"
#include "tls/tls.h"

#include <stdint.h>
#include <time.h>

/* Where sessions are sent. */
struct target {
    const struct target_config *config;
    struct tls_dialer *tls; /* NULL: in clear */
    unsigned slot;          /* in the shared counters, where its upstreams are counted */
    struct upstream_set upstreams;
    uint64_t identity_noted; /* when the log last said that no client's address is taken */
};

/* An address in the health counters. A server that awaits a PROXY header there is another than one
 * that does not. */
static inline uint64_t health_key(const struct target *t, const struct upstream_address *a)
{
    return a->key + 2 * (uint64_t)t->config->send_proxy; /* which is odd, and so never 0 */
}

/* What there is for those who ask for a name. */
struct server_name {
    const struct server_name_config *config;
    struct target *target; /* its own, or the route's */
    unsigned slot;         /* in the shared counters */
};

struct route {
    const struct route_config *config;
    struct tls_server *tls;
    struct target *target;
    struct server_name *names; /* one per config->names; see tls_conn_server_name() */
    unsigned slot;             /* in the shared counters */
    uint8_t *policy;           /* mta-sts: what is served; NULL: none */
    size_t policy_size;
};

struct generation {
    struct link link; /* for its owner's list of those that there are */
    unsigned references;
    uint32_t number;
    struct config *config;
    struct tls_identity **identities; /* one per config->certificates */
    struct route *routes;             /* one per config->routes */
    struct target *targets;           /* one per config->targets */
    struct server_name *names;        /* one per config->server_names */
};

/* The next one of the targets, the route's own and its names', whose servers are reached by TLS,
 * each file of authorities once; NULL: no more. Begin with *i = 0. */
const struct target *route_verifier(const struct route *r, size_t *i);

/* When the last of the authorities ends that a route's upstreams are verified by, and those of its
 * names too; each file of them once. */
void route_upstream_expiries(const struct route *r, tls_expiry_fn *report, void *arg);

/* Where it is served, and `key-isolation` is on, there are no private keys: the bundle has none,
 * and the signer has them. */
enum generation_use { GENERATION_JUDGED, GENERATION_SERVED };

/* Give `config` a meaning: load certificates, build policies. It is taken over in any case, and
 * freed with the generation; the bundle is borrowed for the time of the call. What cannot be loaded
 * is an error in `d`; the generation is still returned for the others' sake, to be judged
 * (judge.h), but may not be run. NULL: out of memory; `config` is freed then. */
struct generation *generation_load(struct config *config, const struct bundle *b,
                                   enum generation_use use, struct diags *d);

/* Does `next` hold a certificate, authority or revocation list outside of its time that is not in
 * service already? `present` NULL: nothing is. */
bool generation_brings_expired(const struct generation *next, const struct generation *present,
                               time_t now);

/* Once routes and names have their slots: give the targets theirs, which is the route's, or, of a
 * name's own, its slot counted from `first` on. */
void generation_place_targets(struct generation *g, unsigned first);

/* When the last of what is not yet valid at `now` becomes so; 0: all is, but for its end. */
time_t generation_valid_from(const struct generation *g, time_t now);

struct generation *generation_ref(struct generation *g); /* one reference more; returns `g` */
/* Drops a reference; the last takes it out of its list, too. NULL is fine. */
void generation_free(struct generation *g);

#endif
