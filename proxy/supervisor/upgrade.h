/* upgrade.h - the old image's side of an upgrade: a child rehearses it with the binary now on disk,
 * then this process executes that (docs/decisions/014-upgrade.md).
 *
 * Nothing has changed for anybody before the exec, and it is not done unless the rehearsal went
 * well with the generation that is in service. */
#ifndef TLSFRONT_SUPERVISOR_UPGRADE_H
#define TLSFRONT_SUPERVISOR_UPGRADE_H

#include "proxy/base/log.h"
#include "proxy/control/control.h"
#include "proxy/ipc/handover.h"

#include <uv.h>

struct upgrade_events {
    /* What is there, but for what struct upgrade knows itself. The descriptors stay the owner's. -1
     * with the reason. */
    int (*give)(void *arg, struct handover *h, struct err *e);
    /* The generation in service; 0: there is none, or it is being replaced: ask again at
     * upgrade_poke(). */
    uint32_t (*settled)(void *arg);
    /* Whether reloads have to wait: a rehearsal and a reload would be in each other's way. */
    void (*hold)(void *arg, bool held);
    void (*begun)(void *arg);
    void (*refused)(void *arg, const char *why); /* and everything is as it was */
};

enum upgrade_stage {
    UPGRADE_IDLE,
    UPGRADE_WAITING,    /* for a reload to end */
    UPGRADE_REHEARSING, /* the child has the word */
    UPGRADE_REHEARSED,  /* it went well; for a reload to end */
    UPGRADE_REPEATING,  /* the child ends: what it has rehearsed is not in service any more */
    UPGRADE_REFUSED,    /* the child ends */
};

struct upgrade {
    uv_loop_t *loop;
    struct log *log;
    const struct upgrade_events *events;
    void *arg;
    const char *program, *configuration; /* paths; borrowed */

    enum upgrade_stage stage;
    struct control_request *request; /* of who waits; NULL: nobody */
    uint32_t generation;             /* that is in service during the rehearsal */
    unsigned rounds;
    uint32_t patience_s;
    int binary;                     /* all that is executed */
    int said_fd, answer_fd, next;   /* -1: none; the last is the bundle for the new image */
    struct buf said;                /* by the child */
    struct ipc_rehearsed rehearsed; /* as it says */
    uv_process_t process;
    uv_poll_t said_poll, answer_poll;
    uv_timer_t limit;
    bool running;     /* there is a child */
    unsigned closing; /* handles */
};

/* The path by which this process was started, for good; NULL: out of memory. */
char *upgrade_program(void);

void upgrade_init(struct upgrade *u);

/* Upgrade. `request`, which may be NULL, is answered when it is refused; else the new image does
 * that. `patience_s`: for the rehearsal, and for the new image, in seconds. */
void upgrade_request(struct upgrade *u, struct control_request *request, uint32_t patience_s);

/* A reload has ended. */
void upgrade_poke(struct upgrade *u);

/* The daemon goes down. */
void upgrade_cancel(struct upgrade *u);

/* After upgrade_cancel(): closes what is left on the loop; upgrade_free() after that has run empty.
 */
void upgrade_close(struct upgrade *u);
void upgrade_free(struct upgrade *u);

#endif
