/* child.h - a process of ours: started, listened to, asked whether it lives, replaced.
 *
 * It is this binary, as `tlsfront KIND INDEX`, with an empty environment, standard error, and one
 * end of a socket pair that speaks ipc.h (process.h is the other end). What it says is measured by
 * whoever knows its kind; the first nonsense is its last. One that dies has a successor at once, or
 * after a second where several died young. Log events are KIND-died, KIND-hung and so on. */
#ifndef TLSFRONT_SUPERVISOR_CHILD_H
#define TLSFRONT_SUPERVISOR_CHILD_H

#include "proxy/base/log.h"
#include "proxy/ipc/backlog.h"
#include "proxy/sandbox/sandbox.h"

#include <uv.h>

struct child;

struct child_kind {
    const char *name; /* its command; "worker" */
    const char *loss; /* what a sudden death costs, for the log: "its sessions are lost, "; or "" */

    /* The process is there: say hello. What it cannot be told, child_send() deals with. */
    void (*started)(struct child *c);

    /* False: no process of this kind says that. PONG and SANDBOX never come here, nor does any
     * message with descriptors. May replace the child. */
    bool (*message)(struct child *c, const struct ipc_message *m);

    /* How long it may do without looking at what it is told, in milliseconds. NULL: a time that is
     * long for whoever loads nothing. */
    uint64_t (*patience)(const struct child *c);

    /* There is no process any more; its successor, if there is to be one, comes later. May be
     * NULL. */
    void (*ended)(struct child *c);
};

/* All processes of one kind. */
struct children {
    const struct child_kind *kind;
    uv_loop_t *loop;
    struct log *log;
    bool ending;                  /* set it, and nobody is started any more */
    struct sandbox_state lacking; /* the log has a line about it */
};

enum child_life {
    CHILD_NONE, /* no process */
    CHILD_RUNNING,
    CHILD_RETIRING, /* ends by itself; nobody replaces it */
};

struct child {
    struct children *of;
    void *owner;
    unsigned index;
    enum child_life life;
    int ipc;                      /* while there is a process */
    struct sandbox_state sandbox; /* as it said */
    bool sandbox_told;
    unsigned restarts;
    unsigned log_targets; /* so many kinds it knows, of config_log_target */
    bool adopted;         /* an earlier image of this process has started it */

    /* for child.c */
    uv_process_t process; /* its pid is for everybody */
    struct backlog backlog;
    uv_poll_t poll;
    uv_timer_t timer; /* the pulse of a process; without one, the wait before the next */
    unsigned closing; /* handles of the last process that are not closed yet */
    bool respawning;  /* to be started again, once they are and `timer` has run out */
    bool condemned;   /* is being killed: nothing that it says or does not hear matters */
    bool expected;    /* so we have decided, and its end is no news */
    unsigned pings;   /* in a row that it has not answered */
    uint32_t holds;   /* of a worker: the oldest generation, as it said last; 0: not yet */
    uint64_t started;
    unsigned quick_deaths; /* in a row, each soon after its start */
};

/* Nobody runs yet. */
void child_init(struct child *c, struct children *of, unsigned index, void *owner);

/* Have a process, as soon as can be; one that cannot be started is tried again. Where one retires,
 * its successor starts when it has ended. */
void child_start(struct child *c);

/* There is a process, which an earlier image of this one has started, with that socket, which is
 * ours from now on. It retires, and is not replaced. */
void child_adopt(struct child *c, pid_t pid, int ipc);

/* Some process has ended: if it is this one, and adopted, that is dealt with. */
void child_reap(struct child *c);

/* Is there to be a process, though there is none yet? */
bool child_awaited(const struct child *c);

/* Nobody follows the present process, or the one before, unless child_start() says so. */
void child_retire(struct child *c);

/* The present process was to retire, but goes on after all. */
void child_keep(struct child *c);

/* Kill it, which has it replaced unless it retires. The log tells: KIND-`event`, "KIND INDEX
 * `why`", what is lost and whether a new one starts. */
void child_replace(struct child *c, const char *event, const char *why);

/* Kill it, without a word; nothing where there is none. */
void child_kill(struct child *c);

/* Descriptors stay ours. What its socket has no room for waits, in its order (backlog.h); whether
 * it still listens is for the pulse to find out, and only one for which no more can be kept is
 * replaced. Where there is no process, nobody hears it; what waits at an upgrade is not heard. */
void child_send(struct child *c, const struct ipc_message *m);

/* What has no payload. */
void child_tell(struct child *c, enum ipc_type type, uint32_t generation);

/* IPC_LEAVE: a worker's sessions end in so many milliseconds. */
void child_send_leave(struct child *c, uint32_t ms);

/* IPC_LOG: log where we log. */
void child_send_log(struct child *c);

/* A line of the log about it: event KIND-`event`, and "KIND INDEX " before the text. */
void child_log(const struct child *c, enum config_log_level level, const char *event,
               const char *format, ...) __attribute__((format(printf, 4, 5)));

/* For good. Kills what still runs; `c` has to stay until the loop has run empty. */
void child_close(struct child *c);

#endif
