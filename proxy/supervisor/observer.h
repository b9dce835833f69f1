/* observer.h - the supervisor's observer: a process without privileges that shows how things are
 * to whoever asks it over HTTP (proxy/observer/). It is there as long as `observe` names an
 * address. Its sockets are made and kept here. */
#ifndef TLSFRONT_SUPERVISOR_OBSERVER_H
#define TLSFRONT_SUPERVISOR_OBSERVER_H

#include "proxy/base/privileges.h"
#include "proxy/ipc/snapshot.h"
#include "proxy/supervisor/archive.h"
#include "proxy/supervisor/child.h"
#include "proxy/supervisor/listeners.h"
#include "proxy/supervisor/relisten.h"
#include "proxy/supervisor/workers.h"

#include <uv.h>

struct observer {
    struct children children;
    struct child child;
    const struct workers *workers; /* whose counters it reads, and whose user it becomes */
    const struct archive *archive;
    void (*fill)(void *arg, struct snapshot_writer *w);
    void *arg;
    struct listeners listeners;
    struct relisten relisten;
    bool waits;    /* nobody is shown anything before observer_begin() */
    unsigned told; /* of the workers' counters, that many */
    int history;   /* memory for it and its successors; -1: none yet */
    uint64_t last; /* when it was last told how things are */
    uv_timer_t later;
};

/* `fill` writes down how things are. */
void observer_init(struct observer *o, uv_loop_t *loop, struct log *log,
                   const struct workers *workers, const struct archive *archive,
                   void (*fill)(void *arg, struct snapshot_writer *w), void *arg);

/* The steps of a reload (listeners.h). */
int observer_prepare(struct observer *o, const struct config *c, struct diags *d);
void observer_commit(struct observer *o, const struct config *c, struct diags *d);
void observer_abort(struct observer *o);

/* After an upgrade: the new configuration is in service, so that nobody is told that there is none.
 * Whoever has come meanwhile waits in the sockets. */
void observer_begin(struct observer *o);

/* An image before this one had that memory; -1: it had none. */
void observer_take(struct observer *o, int history);

/* Something has changed that it should know of at once. */
void observer_changed(struct observer *o);

/* Nobody is shown anything any more. The rest of it is for the end of the loop. */
void observer_close(struct observer *o);
void observer_free(struct observer *o);

#endif
