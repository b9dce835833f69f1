/* tickets.h - the ticket keys of all workers: made, made anew in time, shared with other machines.
 */
#ifndef TLSFRONT_SUPERVISOR_TICKETS_H
#define TLSFRONT_SUPERVISOR_TICKETS_H

#include "proxy/ipc/handover.h"
#include "proxy/load/load.h"
#include "proxy/supervisor/workers.h"

struct tickets {
    struct log *log;
    struct workers *workers; /* who have the keys */
    uv_timer_t timer;
    uint64_t until; /* then our own keys are made anew, by clock_boot_s() */
    struct ticket_files
        files; /* shared with all who have the same; none: the keys are ours alone */
};

void tickets_init(struct tickets *t, uv_loop_t *loop, struct workers *workers, struct log *log);

/* The first ones. -1: no random numbers. */
int tickets_make(struct tickets *t, struct err *e);

/* Those of the configuration in service. */
void tickets_share(struct tickets *t, const struct ticket_files *files);

/* Which they are, to the log; nothing where there are none. */
void tickets_tell(const struct tickets *t);

/* Over an upgrade the keys go on, and the time until they are made anew. */
void tickets_give(const struct tickets *t, struct handover *h);
void tickets_take(struct tickets *t, const struct handover *h);

/* Wipes. */
void tickets_close(struct tickets *t);

#endif
