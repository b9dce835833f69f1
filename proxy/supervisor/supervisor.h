/* supervisor.h - the process that reads files, binds addresses and keeps the workers; it never
 * touches a client's byte.
 *
 * supervisor.c starts, hears signals and ends; reload.c is the transaction from one configuration
 * to the next; status.c tells how things are. All three share this struct. */
#ifndef TLSFRONT_SUPERVISOR_SUPERVISOR_H
#define TLSFRONT_SUPERVISOR_SUPERVISOR_H

#include "proxy/base/log.h"
#include "proxy/control/control.h"
#include "proxy/load/load.h"
#include "proxy/supervisor/listeners.h"
#include "proxy/supervisor/reminder.h"
#include "proxy/supervisor/resolver.h"
#include "proxy/supervisor/workers.h"
#include "proxy/watch/watch.h"

#include <time.h>
#include <uv.h>

/* One caller of `tlsfront reload` who waits for the outcome. */
struct waiter {
    struct waiter *next;
    struct control_request *request;
};

enum reload_stage {
    RELOAD_IDLE,
    RELOAD_RESOLVING,  /* names that are new get their first answer */
    RELOAD_PREPARING,  /* workers load the bundle */
    RELOAD_COMMITTING, /* workers swap */
};

struct reload {
    enum reload_stage stage;
    bool again;           /* asked for while one was under way: one more follows */
    bool files_only;      /* with the texts in service */
    bool second_wait;     /* for workers: the late ones were replaced */
    struct loaded loaded; /* until it has become a plan */
    struct plan plan;     /* until the fleet has it */
    struct diags findings;
    int log_fd; /* for the new configuration; -1: the log stays where it is */
    struct buf changes;
    uv_timer_t timer;
    struct waiter *waiters, *next_waiters; /* of this one, of the one that follows */
};

enum supervisor_phase {
    SUPERVISOR_STARTING,
    SUPERVISOR_RUNNING,
    SUPERVISOR_DRAINING,
    SUPERVISOR_STOPPING
};

enum { SUPERVISOR_SIGNALS = 6 };

struct supervisor {
    uv_loop_t loop;
    struct log log;
    const char *path;
    enum supervisor_phase phase;
    int exit_status;
    time_t started;
    uint32_t generations; /* numbers given out */

    struct fleet fleet;
    struct listeners listeners;
    struct resolver *resolver;
    struct route_slots slots;
    struct control *control;
    struct reload reload;
    struct watch *watch;
    struct reminder reminder;

    uv_signal_t signals[SUPERVISOR_SIGNALS];
    uv_timer_t rotate;   /* ticket keys */
    bool tickets_shared; /* with all who have the same `ticket-key` */
    uint8_t ticket_secret[TLS_TICKET_SECRET_SIZE];
    uv_timer_t limit;   /* of draining, then of stopping */
    uv_timer_t drained; /* looks whether draining is over */
};

/* `tlsfront run`: until told to stop. Exit status. */
int supervisor_run(const char *path);

/* The present generation; NULL before the first is committed. */
const struct generation *supervisor_current(const struct supervisor *s);

/* Listen on the control socket, if that is not done. -1, and a finding. */
int supervisor_open_control(struct supervisor *s, const struct config *c, struct diags *d);

/* From now on tickets are shared with all who have that secret; NULL: with nobody. */
void supervisor_share_tickets(struct supervisor *s, const uint8_t *secret);

/* Point the log to `fd` in all processes. */
void supervisor_redirect_log(struct supervisor *s, const struct config *c, int fd);

/* The first generation did not come up: end with that exit status. */
void supervisor_fail(struct supervisor *s, int status);

#endif
