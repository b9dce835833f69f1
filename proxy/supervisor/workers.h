/* workers.h - the supervisor's workers, each with its signer: how many there are, and what they are
 * told to run. */
#ifndef TLSFRONT_SUPERVISOR_WORKERS_H
#define TLSFRONT_SUPERVISOR_WORKERS_H

#include "proxy/base/privileges.h"
#include "proxy/supervisor/challenge_names.h"
#include "proxy/supervisor/child.h"
#include "proxy/supervisor/listeners.h"
#include "proxy/supervisor/release.h"
#include "proxy/supervisor/resolver.h"
#include "proxy/supervisor/signers.h"
#include "proxy/supervisor/veterans.h"

#include <uv.h>

struct worker {
    struct child child;
    struct workers *all;
    int counters, counters_reader; /* its part of the counters; the second is for the others */
    uint32_t told;                 /* the highest generation that it was told of */
    uint32_t prepared, committed;  /* the highest generation that it said so of */
    uint64_t connected; /* when it last got a socket to its signer, by the loop's clock */
};

struct workers_events {
    void (*prepared)(void *arg, uint32_t number); /* by all */
    void (*refused)(void *arg, uint32_t number, const char *why);
    void (*committed)(void *arg, uint32_t number); /* by all */
    void (*gone)(void *arg);                       /* the last process has ended */
};

struct workers {
    uv_loop_t *loop;
    struct log *log;
    const struct workers_events *events;
    void *arg;
    const struct listeners *listeners;
    const struct resolver *resolver;

    struct worker *items[WORKERS_MAX]; /* allocated once, by workers_reserve() */
    unsigned count;                    /* ever used; items behind them are reserved */
    struct release current, next;      /* next.number 0: no reload is under way */
    struct tls_ticket_keys tickets;
    struct identity identity;
    uint8_t seed[16];
    struct all_counters all;
    struct children children;
    struct signers signers;
    struct veterans *veterans;         /* borrowed */
    struct challenge_names challenges; /* of the current release */
    bool draining;                     /* who replaces one that dies refuses newcomers, too */
    bool careful;     /* with the first generation, too: no COMMIT before all have prepared */
    uint64_t load_ms; /* that this process took to load what the workers load */
};

/* Before all else. */
void workers_init(struct workers *ws);

/* Get what so many workers need, as long as a refusal is possible: without it, clients would wait
 * in sockets that nobody asks. -1: it cannot be had. */
int workers_reserve(struct workers *ws, unsigned count, struct err *e);

/* Give back what was reserved, and not used by workers_prepare() or workers_commit(). */
void workers_give_back(struct workers *ws);

/* Ask all workers to get ready for `next` (taken over), for whom they were reserved. */
void workers_prepare(struct workers *ws, struct release *next);

/* Make `next` the current release: workers swap, are added and retired. */
void workers_commit(struct workers *ws);

/* Forget `next`. */
void workers_abort(struct workers *ws);

/* Kill the workers that have not said so of that generation: their successors begin with what they
 * are to run. */
void workers_replace_late(struct workers *ws, uint32_t number, bool committed);

/* Append who they are, "worker 0 (process 17), worker 3", as far as there is room. */
void workers_name_late(const struct workers *ws, uint32_t number, bool committed, struct buf *out);

/* How long a worker may need for something, when it is as fast as this process was. */
uint64_t workers_timeout(const struct workers *ws, uint64_t usual_ms);

/* Have all workers said so of that generation? */
bool workers_all_prepared(const struct workers *ws, uint32_t number);
bool workers_all_committed(const struct workers *ws, uint32_t number);

/* Tell all workers; for IPC_CLOSE, IPC_RETIRE and IPC_STOP, which end them, and for IPC_DRAIN: then
 * newcomers are refused, for which there has to be somebody, so that who dies is replaced. */
void workers_end(struct workers *ws, enum ipc_type how);

void workers_send_tickets(struct workers *ws);
/* The sessions of all end in so many milliseconds. */
void workers_leave(struct workers *ws, uint32_t ms);
void workers_send_log(struct workers *ws);

/* The addresses of that name, after they have changed. */
void workers_send_addresses(struct workers *ws, const struct resolver_name *name);

unsigned workers_alive(const struct workers *ws);

/* The oldest generation that one of them has sessions of, or that may be; what a worker says of
 * that comes late, but never too high. */
uint32_t workers_oldest(const struct workers *ws);

/* One more than the highest index of a part of the counters that may be in use: loops over parts
 * run below it. */
static inline unsigned workers_parts(const struct workers *ws)
{
    const unsigned veterans = ws->veterans != NULL ? ws->veterans->count : 0;
    return veterans > 0 ? WORKERS_MAX + veterans : ws->count;
}

/* A worker's active connections, or those of another part, over all routes there ever were:
 * sessions of removed ones go on. */
uint64_t workers_active(const struct workers *ws, unsigned worker);

/* After `gone`: close what is left on the loop. workers_free() after the loop has run empty. */
void workers_close(struct workers *ws);
void workers_free(struct workers *ws);

#endif
