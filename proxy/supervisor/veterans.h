/* veterans.h - workers that an upgrade has left over, each with its signer: of another binary,
 * mostly, with sessions that go on until they end (docs/decisions/014-upgrade.md). */
#ifndef TLSFRONT_SUPERVISOR_VETERANS_H
#define TLSFRONT_SUPERVISOR_VETERANS_H

#include "proxy/ipc/handover.h"
#include "proxy/supervisor/child.h"

struct veterans;

struct veteran {
    struct child child, signer; /* of the second there may be no process */
    struct veterans *all;
    unsigned part; /* of the counters */
    struct handover_veteran
        was; /* as it was handed over; its descriptors are ours while it lives */
    bool retired;
};

struct veterans_events {
    void (*query)(void *arg, struct child *worker, const struct ipc_challenge_query *query);
    void (*gone)(void *arg); /* the last has ended */
};

struct veterans {
    uv_loop_t *loop;
    struct log *log;
    const struct veterans_events *events;
    void *arg;
    struct all_counters *counters; /* their parts are put there */

    struct veteran *items[VETERANS_MAX]; /* by their part's number above WORKERS_MAX; NULL: none */
    unsigned count;                      /* ever used of these */
    struct children workers, signers;
    pid_t *leavers; /* other processes that will have to be collected */
    size_t leaver_count;
};

/* Before all else. */
void veterans_init(struct veterans *vs);

/* All that `h` has of processes; their descriptors are ours from now on. Their counters can be read
 * where they are `known` (archive.h). Nobody is listened to before veterans_retire(). -1: out of
 * memory, or too many. */
int veterans_take(struct veterans *vs, const struct handover *h, bool known, struct err *e);

/* There are others for newcomers by now. */
void veterans_retire(struct veterans *vs);

/* Put all of them, and what is to be collected, into `h`. -1: out of memory. */
int veterans_give(const struct veterans *vs, struct handover *h);

/* Some process has ended. */
void veterans_reap(struct veterans *vs);

/* Tell all: IPC_DRAIN, IPC_CLOSE, or IPC_STOP, which ends them. */
void veterans_end(struct veterans *vs, enum ipc_type how);
/* The sessions of all end in so many milliseconds. */
void veterans_leave(struct veterans *vs, uint32_t ms);
void veterans_kill(struct veterans *vs);
void veterans_send_log(struct veterans *vs);

/* The descriptor by which others read that part of the counters; -1: nobody counts there any more,
 * or can be read. */
int veterans_reader(const struct veterans *vs, unsigned part);

unsigned veterans_alive(const struct veterans *vs);
uint64_t veterans_active(const struct veterans *vs); /* connections, or at least whether any */

/* veterans_free() after the loop has run empty. */
void veterans_close(struct veterans *vs);
void veterans_free(struct veterans *vs);

#endif
