/* sessions.h - what all sessions of a process have in common, and what their owner lends them.
 *
 * The owner (a worker, or a test) fills in what is borrowed, calls sessions_init() and, once the
 * loop is to end, sessions_stop() and sessions_close(). One loop, one thread. */
#ifndef TLSFRONT_SESSION_SESSIONS_H
#define TLSFRONT_SESSION_SESSIONS_H

#include "proxy/base/list.h"
#include "proxy/base/log.h"
#include "proxy/ipc/counters.h"
#include "proxy/session/effort.h"
#include "proxy/session/leave.h"
#include "proxy/session/query.h"
#include "proxy/session/signing.h"
#include "proxy/session/turns.h"
#include "tls/tls.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct sessions {
    /* Borrowed; they outlive the sessions. */
    uv_loop_t *loop; /* loop->data: a struct peer_scratch */
    struct log *log;
    struct tls_engine *engine;
    struct worker_counters *counters; /* of this process */
    const struct all_counters *parts; /* the counters of all processes, for the limits */
    unsigned worker_count;            /* of the parts that are in use */
    const uint8_t *seed;              /* 16 bytes, for client_hash() */

    /* A session has gone. May be NULL. */
    void (*ended)(void *arg);
    void *arg;

    uint32_t tag; /* random, so that ids differ between workers and restarts */
    unsigned limit;
    bool draining; /* refuse newcomers */

    /* Kept by the sessions. */
    struct link members;
    unsigned count;
    unsigned courtesies; /* of these, those that are only told why not; see admission.h */
    struct effort effort;
    struct effort lines; /* in the log, about those who are not served */
    uint64_t serial;
    struct turns turns;
    struct queries queries;
    struct signings signings;
    struct leave leave;
};

/* Begin; `ipc` is the socket that questions to the supervisor go to. */
void sessions_init(struct sessions *all, int ipc);

/* End every session that is still there, politely where that needs no waiting. */
void sessions_stop(struct sessions *all);

/* Close what is left on the loop, which has to run until it is empty. */
void sessions_close(struct sessions *all);

#endif
