/* workers.h - the supervisor's workers: starting them, telling them what to run, and having a dead
 * one back at once. */
#ifndef TLSFRONT_SUPERVISOR_WORKERS_H
#define TLSFRONT_SUPERVISOR_WORKERS_H

#include "proxy/base/log.h"
#include "proxy/base/privileges.h"
#include "proxy/ipc/ipc.h"
#include "proxy/supervisor/listeners.h"
#include "proxy/supervisor/plan.h"
#include "proxy/supervisor/resolver.h"

#include <uv.h>

enum fleet_life {
    FLEET_NONE, /* no process */
    FLEET_RUNNING,
    FLEET_RETIRING, /* finishes its sessions; nobody replaces it */
};

struct fleet_member {
    uv_process_t process;
    uv_poll_t poll;
    uv_timer_t respawn;
    struct fleet *fleet;
    unsigned index;
    int ipc;
    int counters, counters_reader; /* its part of the counters; the second is for the others */
    enum fleet_life life;
    unsigned closing; /* handles of the last process that are not closed yet */
    bool respawning;  /* to be started again, once they are and `respawn` has run out */
    bool respawn_open;
    uint32_t told;                /* the highest generation that it was told of */
    uint32_t prepared, committed; /* the highest generation that it said so of */
    unsigned pings;               /* in a row that it has not answered */
    uint64_t started;
    unsigned restarts;
    unsigned quick_deaths; /* in a row, each soon after its start */
};

struct fleet_events {
    void (*prepared)(void *arg, uint32_t number); /* by all */
    void (*refused)(void *arg, uint32_t number, const char *why);
    void (*committed)(void *arg, uint32_t number); /* by all */
    void (*gone)(void *arg);                       /* the last process has ended */
};

struct fleet {
    uv_loop_t *loop;
    struct log *log;
    const struct fleet_events *events;
    void *arg;
    const struct listeners *listeners;
    const struct resolver *resolver;

    struct fleet_member *members[SHARED_WORKERS]; /* allocated once, when first needed */
    unsigned highest;                             /* members ever used */
    struct plan current, next;                    /* next.number 0: no reload is under way */
    struct tls_ticket_keys tickets;
    struct identity identity;
    uint8_t seed[16];
    struct shared_all all;
    uv_timer_t pulse;
    uint64_t load_ms; /* that this process took to load what the workers load */
    bool ending;      /* nobody is replaced any more */
};

/* Before all else: begin to look whether workers are alive. */
void fleet_init(struct fleet *f);

/* Ask all workers to get ready for `next` (taken over). */
void fleet_prepare(struct fleet *f, struct plan *next);

/* Make `next` the current plan: workers swap, are added and retired. */
void fleet_commit(struct fleet *f);

/* Forget `next`. */
void fleet_abort(struct fleet *f);

/* Kill the workers that have not said so of that generation: their successors begin with what they
 * are to run. */
void fleet_replace_late(struct fleet *f, uint32_t number, bool committed);

/* How long a worker may need for something, when it is as fast as this process was. */
uint64_t fleet_patience(const struct fleet *f, uint64_t usual_ms);

/* Have all workers said so of that generation? */
bool fleet_all_prepared(const struct fleet *f, uint32_t number);
bool fleet_all_committed(const struct fleet *f, uint32_t number);

/* Tell all workers; for IPC_DRAIN, IPC_RETIRE and IPC_STOP, which end the fleet. */
void fleet_end(struct fleet *f, enum ipc_type how);

void fleet_send_tickets(struct fleet *f);
void fleet_send_log(struct fleet *f);

/* The current generation's resolved addresses, after they have changed. */
void fleet_send_addresses(struct fleet *f);

unsigned fleet_alive(const struct fleet *f);

/* A worker's active connections, over all routes there ever were: sessions of removed ones go
 * on. */
uint64_t fleet_active(const struct fleet *f, unsigned worker);

/* After `gone`: close what is left on the loop. fleet_free() after the loop has run empty. */
void fleet_close(struct fleet *f);
void fleet_free(struct fleet *f);

#endif
