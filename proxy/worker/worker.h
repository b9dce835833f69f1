/* worker.h - the process that carries the clients' bytes: one loop, one thread, no files.
 *
 * worker.c obeys the supervisor and owns generations; acceptor.c takes connections in; session.c is
 * one connection's life. All three share this struct. */
#ifndef TLSFRONT_WORKER_WORKER_H
#define TLSFRONT_WORKER_WORKER_H

#include "proxy/base/log.h"
#include "proxy/ipc/counters.h"
#include "proxy/ipc/ipc.h"
#include "proxy/routes/generation.h"
#include "proxy/session/peer.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct session;
struct acceptor;

/* A doubly linked ring; a node that is in no list points to itself. */
struct link {
    struct link *next, *previous;
};

/* Questions to the supervisor; see ask.h. */
struct asker {
    struct link waiting, sent;
    unsigned sent_count, left; /* that may be sent before the next tick */
    uint64_t serial;
    uv_timer_t tick;
};

struct worker {
    uv_loop_t loop;
    struct log log;
    struct tls_engine *engine;
    struct peer_scratch scratch;

    int ipc;
    uv_poll_t ipc_poll;
    unsigned index, worker_count;
    uint8_t seed[16]; /* for client_slot_of() */
    struct worker_shared *shared;
    struct shared_all all;

    struct generation *current, *prepared;
    struct acceptor *accepting, *prepared_accepting;

    struct link sessions;
    unsigned session_count, session_limit;
    uint64_t session_serial;
    uint32_t tag; /* random, so that ids differ between workers and restarts */

    /* Handshakes are the expensive part (milliseconds with RSA); only some are advanced per turn of
     * the loop, so that established sessions are not starved. The others wait here. */
    struct link waiting;
    unsigned handshakes_this_turn;
    uv_idle_t more_handshakes;
    uv_check_t turn;

    struct asker asker;

    bool ending;   /* the loop is to stop; no more orders are taken */
    bool draining; /* refuse newcomers */
    bool retiring; /* there are no newcomers; end with the last session */
};

/* The `worker` command: run until the supervisor says stop or is gone. Exit status. */
int worker_run(unsigned index);

/* ---- for session.c ---- */

/* A session has gone. */
void worker_session_ended(struct worker *w);

/* May an expensive handshake step be done in this turn? Counts it if so. */
bool worker_handshake_turn(struct worker *w);

static inline void link_init(struct link *l)
{
    l->next = l->previous = l;
}

static inline bool link_empty(const struct link *l)
{
    return l->next == l;
}

static inline void link_add(struct link *list, struct link *l)
{
    l->previous = list->previous;
    l->next = list;
    list->previous->next = l;
    list->previous = l;
}

static inline void link_remove(struct link *l)
{
    l->previous->next = l->next;
    l->next->previous = l->previous;
    link_init(l);
}

#endif
