/* counters.h - counters in memory that the supervisor and all workers see.
 *
 * Each worker has a part of its own, which is a piece of memory by itself; others get it in a way
 * in which they can only read it. The supervisor reads all parts and clears one when its worker has
 * died; workers read each other's to enforce limits over all of them. No locks: every value has one
 * writer, but for totals that the supervisor clears when their slot changes hands, and there a
 * worker may write over that what it counts at the same moment. */
#ifndef TLSFRONT_IPC_COUNTERS_H
#define TLSFRONT_IPC_COUNTERS_H

#include "config/err.h"
#include "proxy/ipc/clients.h"
#include "proxy/ipc/kinds.h"
#include "proxy/ipc/rates.h"
#include "tls/tls.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Routes keep their slot, found by name, over reloads, so that counters go on. */
enum { ROUTE_SLOTS = 1024, WORKERS_MAX = 256 };

/* So do the server names of all routes, by the names of both. */
enum { NAME_SLOTS = 4096 };

/* Behind the workers' parts come those of workers that an upgrade has left over (veterans), then
 * the archive: what all those have counted whose parts did not come along. */
enum { VETERANS_MAX = 768, ARCHIVE = WORKERS_MAX + VETERANS_MAX, PARTS_MAX };

typedef _Atomic uint64_t counter;

struct route_counters {
    counter active;      /* connections now */
    counter handshaking; /* of these, not yet through the handshake */
    counter accepted;
    counter refused;             /* told so in their protocol: limit, drain, upstream down */
    counter handshakes;          /* completed */
    counter resumed;             /* of these, by ticket */
    counter tls12, tls13;        /* of these, by version */
    counter handshake_failures;  /* with at least one byte from the client */
    counter logins_refused;      /* they came in clear */
    counter upstream_failures;   /* connects that failed, failover included */
    counter bytes_in, bytes_out; /* plaintext: from clients, to clients */
    counter checks;              /* of those accepted: a balancer's own, by its PROXY header */
    counter stage[STAGES];       /* sessions now, those that are being refused too */
};

/* One place that sessions are sent to. Whoever counts knows it by its text, so that a reload that
 * gives a route other upstreams mixes nothing up. */
struct upstream_counters {
    counter key;  /* 0: unused */
    counter when; /* of the last attempt, in milliseconds of CLOCK_MONOTONIC */
    counter up;   /* whether that served */
    counter why;  /* enum upstream_fault of the last failure */
    counter failures[UPSTREAM_FAULTS];
};

/* Sessions at one address of an upstream, dialling included; whoever counts knows the address by
 * its key (struct upstream_address). */
struct place_counters {
    counter key; /* 0, or no sessions: unused */
    counter sessions;
};

/* What checks of an address have found. Only the first worker checks. */
enum health_state { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN };
enum { HEALTH_WORKER = 0 };
struct health_counters {
    counter key;      /* 0: unused */
    counter upstream; /* whose address it is: an upstream_key() */
    counter state;    /* enum health_state */
    counter why;      /* enum upstream_fault of the last that it has not passed */
    counter when;     /* of the last, in milliseconds of CLOCK_MONOTONIC */
    counter passed;   /* checks, ever */
};

/* Addresses of one route, of which there is knowledge, and so upstreams: each has one at least. */
enum { ADDRESS_PLACES = 64 };

/* What is counted only when something begins or ends; apart, so that limits and status look
 * through a small piece of memory. */
struct route_details {
    counter tls[TLS_CIPHER_NUMBERS][TLS_GROUP_NUMBERS][2]; /* handshakes; the last: resumed */
    counter ends[STAGES][FAULTS];
    counter refused[REFUSALS];
    counter handshake_faults[HANDSHAKE_FAULTS];
    counter starttls[STARTTLS_OUTCOMES];
    counter plaintext; /* sessions that reached an upstream and never had TLS */
    counter handshake_ms[HANDSHAKE_BOUNDS + 1], handshake_ms_sum;
    counter turns;                                      /* times that an upstream was chosen */
    struct upstream_counters upstreams[ADDRESS_PLACES]; /* from here on not added up */
    struct place_counters places[ADDRESS_PLACES];
    struct health_counters health[ADDRESS_PLACES];
};

/* Those who asked for a name for which the route has a block; they count in the route, too. */
struct name_counters {
    counter active;   /* connections now, from the end of the handshake on */
    counter accepted; /* handshakes completed, and so connections */
    counter refused;  /* told so: the name's limit, or its upstreams are down */
    counter upstream_failures;
    counter bytes_in, bytes_out;
};

/* Each of a route's, but for `stage`, and of a server name's, by its name, for a successor whose
 * struct may have others. */
enum { ROUTE_COUNTERS = offsetof(struct route_counters, stage) / sizeof(counter) };
enum { NAME_COUNTERS = sizeof(struct name_counters) / sizeof(counter) };
struct counter_fact {
    const char *name;
    uint16_t offset;
    bool total; /* false: the present tense, which ends with its worker */
};
extern const struct counter_fact counter_facts[ROUTE_COUNTERS];
extern const struct counter_fact name_counter_facts[NAME_COUNTERS];

/* Behind the details of routes come those of server names, of which only what is about upstreams
 * counts: their own ones. What has never been written to takes no memory. */
#define DETAILS_OF_NAME(slot) (ROUTE_SLOTS + (slot))
enum { DETAILS = ROUTE_SLOTS + NAME_SLOTS };

struct worker_counters {
    struct route_counters route[ROUTE_SLOTS];
    struct route_details details[DETAILS];
    struct client_table clients;
    counter accept_pauses;   /* times that accepting stopped for want of descriptors or memory */
    counter log_lost;        /* lines */
    counter restarts;        /* of workers; in the archive alone */
    struct rate_table rates; /* for connection-rate-per-ip */
    struct name_counters name[NAME_SLOTS];
};

/* A part, as a descriptor; its size is sealed. -1: no memory, or RLIMIT_FSIZE is below the size. */
int counters_create(struct err *e);

/* One that cannot be had, by errno. Returns -1. */
int counters_fail(struct err *e, int error);
/* Could one be had? */
int counters_possible(struct err *e);

/* Another descriptor of that part, of which no mapping can become writable. -1 with errno. */
int counters_reader(int fd);

/* Map a part for writing, or for reading: what is told of a part that was mapped so is only ever
 * read. The descriptor is not needed any more. NULL with errno. */
struct worker_counters *counters_map_own(int fd);
struct worker_counters *counters_map_other(int fd);
/* NULL is fine. */
void counters_unmap(struct worker_counters *part);

/* Who has another number lays a part out in another way, or means something else by a place of it:
 * stages, faults, ciphers in another order. */
uint64_t counters_layout(void);

/* The parts by worker; NULL: not known here, and nothing counted there. */
struct all_counters {
    struct worker_counters *parts[PARTS_MAX];
};

static inline struct worker_counters *counters_of(const struct all_counters *all, unsigned index)
{
    return all->parts[index];
}

/* Of all parts; none is known after it. */
void counters_unmap_all(struct all_counters *all);

/* Forget the present tense of a dead worker (active, handshaking, clients); totals stay. */
void counters_clear_presence(struct worker_counters *part);

/* The slot is another route's from now on. The present tense stays: its sessions take it back. */
void counters_forget(struct worker_counters *part, unsigned slot);
void counters_forget_name(struct worker_counters *part, unsigned slot); /* of a server name */

/* Add what a part has counted of a route, or of a server name, to the archive; the present tense
 * stays behind. */
void counters_keep(struct worker_counters *archive, const struct worker_counters *part,
                   unsigned slot);
void counters_keep_name(struct worker_counters *archive, const struct worker_counters *part,
                        unsigned slot);

/* An upstream, by its text in the configuration. */
uint64_t upstream_key(const char *text);
/* Its counters, and the caller says when it was tried; where all places are in use, in the place of
 * the one that was tried least recently. */
struct upstream_counters *upstream_counters_of(struct route_details *d, uint64_t key);
/* NULL: not tried yet. */
const struct upstream_counters *upstream_counters_find(const struct route_details *d, uint64_t key);

/* A session goes to that address, or leaves it: each once, in the worker's own part. False: there
 * is no place, and the session is not counted, nor does it leave. */
bool place_enter(struct route_details *own, uint64_t key);
void place_leave(struct route_details *own, uint64_t key);

/* Over the first `workers` parts: sessions there, and turns taken. Here and below, `slot` is one of
 * details: a route's, or DETAILS_OF_NAME(). */
uint64_t place_sessions(const struct all_counters *all, unsigned workers, unsigned slot,
                        uint64_t key);
uint64_t route_turns(const struct all_counters *all, unsigned workers, unsigned slot);

/* What is known of the health of an address; NULL: nothing. */
const struct health_counters *health_find(const struct all_counters *all, unsigned slot,
                                          uint64_t key);
/* Of an upstream, by its text in the configuration, over all parts. */
struct upstream_view {
    bool tried;        /* ever, by a session or a visit */
    bool up;           /* visits say so; without visits, the last session's attempt has succeeded */
    bool visited;      /* visits have found how it is */
    uint64_t when;     /* the last attempt was; 0: there was none */
    uint64_t last_why; /* enum upstream_fault, where it is not up */
    uint64_t failures[UPSTREAM_FAULTS];
};
struct upstream_view upstream_view_of(const struct all_counters *all, unsigned slot,
                                      const char *text);

/* The one who checks: the place for what it finds; NULL: all are in use. */
struct health_counters *health_place(struct route_details *own, uint64_t key);

/* Add up all parts; `more` may be NULL. Upstreams are not added: they stand in different places.
 * The workers count on meanwhile. */
void counters_add_up(const struct all_counters *all, unsigned slot, struct route_counters *sum,
                     struct route_details *more);
void counters_add_up_name(const struct all_counters *all, unsigned slot, struct name_counters *sum);

/* Which of the counts of handshake_ms. */
unsigned handshake_bucket(uint64_t milliseconds);

static inline uint64_t counter_get(const counter *c)
{
    return atomic_load_explicit((counter *)(uintptr_t)c, memory_order_relaxed);
}

/* One writer, so a load and a store do; no locked instruction. */
static inline void counter_add(counter *c, uint64_t n)
{
    atomic_store_explicit(c, counter_get(c) + n, memory_order_relaxed);
}

static inline void counter_set(counter *c, uint64_t n)
{
    atomic_store_explicit(c, n, memory_order_relaxed);
}

static inline void counter_sub(counter *c, uint64_t n)
{
    counter_add(c, (uint64_t)0 - n);
}

/* For sums that limits go by: a worker that writes nonsense can make them too large, never too
 * small. */
static inline uint64_t counter_plus(uint64_t sum, uint64_t n)
{
    return n > UINT64_MAX - sum ? UINT64_MAX : sum + n;
}

/* Of what counter_facts[field], and name_counter_facts[field], is about. */
static inline uint64_t counter_read(const struct route_counters *c, unsigned field)
{
    return counter_get((const counter *)((uintptr_t)c + counter_facts[field].offset));
}
static inline uint64_t name_counter_read(const struct name_counters *c, unsigned field)
{
    return counter_get((const counter *)((uintptr_t)c + name_counter_facts[field].offset));
}

/* Add to what those read. */
static inline void counter_grow(struct route_counters *c, unsigned field, uint64_t n)
{
    counter_add((counter *)((uintptr_t)c + counter_facts[field].offset), n);
}
static inline void name_counter_grow(struct name_counters *c, unsigned field, uint64_t n)
{
    counter_add((counter *)((uintptr_t)c + name_counter_facts[field].offset), n);
}

struct sockaddr;

/* A number for the client that nobody can foresee without the seed; in all processes that have the
 * same seed the same. Another `salt` gives another number. An IPv6 client is its /64. */
uint64_t client_hash(const struct sockaddr *client, uint64_t salt, const uint8_t seed[16]);

/* A client of that route; the same in all processes that have the same seed. */
struct client_key client_key_of(const struct sockaddr *client, unsigned route_slot,
                                const uint8_t seed[16]);

/* Connections of that client over the first `workers` parts. */
unsigned client_count(const struct all_counters *all, unsigned workers, struct client_key key);

/* Connections of that client in the period before `now`, over the first `workers` parts; see
 * rates.h. */
unsigned client_rate(const struct all_counters *all, unsigned workers, uint64_t key,
                     unsigned period, uint64_t now);

/* A counter that lies that far into struct worker_counters, over the first `workers` parts. */
uint64_t counters_sum(const struct all_counters *all, unsigned workers, size_t offset);

/* Active connections of the route, or of the server name, over the first `workers` parts. */
uint64_t route_active(const struct all_counters *all, unsigned workers, unsigned route_slot);
uint64_t name_active(const struct all_counters *all, unsigned workers, unsigned name_slot);

#endif
