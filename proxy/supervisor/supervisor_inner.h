/* supervisor_inner.h - what the files of the supervisor itself share: supervisor.c, which starts it
 * and joins the parts, ending.c, answers.c and keeping.c. The parts know nothing of it. */
#ifndef TLSFRONT_SUPERVISOR_INNER_H
#define TLSFRONT_SUPERVISOR_INNER_H

#include "proxy/supervisor/archive.h"
#include "proxy/supervisor/observer.h"
#include "proxy/supervisor/reload.h"
#include "proxy/supervisor/renewal.h"
#include "proxy/supervisor/status.h"
#include "proxy/supervisor/succession.h"
#include "proxy/supervisor/tickets.h"

#define SUPERVISOR_GOING_DOWN "the daemon is going down"
#define SUPERVISOR_KEPT       "the configuration has errors; the last accepted one is served"

/* LEAVING: on its way to the end, but still serving newcomers, until balancers have noticed. */
enum phase { PHASE_STARTING, PHASE_RUNNING, PHASE_LEAVING, PHASE_DRAINING, PHASE_STOPPING };

enum { SIGNALS = 7 };

struct supervisor {
    uv_loop_t loop;
    struct log log;
    enum phase phase;
    bool unwanted; /* newcomers, as `tlsfront drain` says; served all the same */
    int exit_status;

    struct workers workers;
    struct veterans veterans;
    struct archive archive;
    struct listeners listeners;
    struct activation activation;
    struct resolver *resolver;
    struct control *control;
    struct reload reload;
    struct renewal renewal;
    struct confinement confinement;
    struct observer observer;
    struct outcomes outcomes; /* of reloads */
    struct fingerprints fingerprints;
    struct diags findings; /* of the last one */
    time_t kept; /* what is served was kept then, since FILE did not pass; 0: it is FILE's */
    struct tickets tickets;
    struct succession succession;

    uv_signal_t signals[SIGNALS];
    bool leave;         /* as soon as the image before has nothing more to do with it */
    uv_timer_t pulse;   /* of the service manager's watchdog */
    uv_timer_t limit;   /* of leaving, then of draining, then of stopping */
    unsigned patience;  /* of draining, in milliseconds; 0: as long as it takes */
    uv_timer_t drained; /* looks whether draining is over */
};

/* The generation in service; NULL before the first is committed. */
static inline const struct generation *supervisor_current(const struct supervisor *s)
{
    return s->workers.current.generation;
}

/* ---- ending.c ---- */

/* End the workers, and with the last of them the loop. The second time it does nothing. */
void supervisor_stop(struct supervisor *s);

/* SIGTERM: leave, with drain-timeout for the sessions; the second time, stop. SIGQUIT: leave, and
 * wait for the last session. */
void supervisor_terminate(struct supervisor *s);
void supervisor_quit(struct supervisor *s);

/* Is the image of before still the one that serves? Then there is nobody yet who could take leave
 * of the clients. */
bool supervisor_is_early(const struct supervisor *s);

/* ---- answers.c ---- */

/* How things are. It points into the supervisor. */
struct status supervisor_status(const struct supervisor *s);

/* A line has come over the control socket (control.h); `arg` is the supervisor. */
void supervisor_answer(void *arg, struct control_request *request, const char *line);

/* ---- keeping.c: start-with = last-good ---- */

/* At a configuration that is to be served: drop what is kept and not wanted any more, or make sure
 * that there is a place for it. -1 with a finding. */
int supervisor_claim_keeping(struct supervisor *s, const struct config *c, struct diags *d);

/* It is served: keep it for a start at which FILE does not pass. */
void supervisor_keep(struct supervisor *s, const struct config *c);

/* Log that what is served was kept: nobody must take it for what FILE says. */
void supervisor_tell_kept(struct supervisor *s);

/* Begin with what was kept, since FILE does not pass. 0: that is under way; else the exit status.
 * What is to be told is appended to `said`. */
int supervisor_begin_with_kept(struct supervisor *s, struct buf *said);

#endif
