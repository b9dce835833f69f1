/* relisten.h - addresses in service on which another process was quicker to listen (listeners.h):
 * they are tried again until that one has gone. */
#ifndef TLSFRONT_SUPERVISOR_RELISTEN_H
#define TLSFRONT_SUPERVISOR_RELISTEN_H

#include "proxy/base/log.h"
#include "proxy/supervisor/listeners.h"

#include <uv.h>

struct relisten {
    struct listeners *listeners;
    struct log *log;
    void (*changed)(void *arg); /* one listens now; may be NULL */
    void *arg;
    uv_timer_t timer;
};

void relisten_init(struct relisten *r, uv_loop_t *loop, struct log *log,
                   struct listeners *listeners, void (*changed)(void *arg), void *arg);

/* After listeners_commit(). */
void relisten_begin(struct relisten *r);

void relisten_close(struct relisten *r);

#endif
