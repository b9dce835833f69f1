/* reload.h - from one configuration to the next, all or nothing.
 *
 *   read and judge -> bind new addresses -> resolve new names -> workers PREPARE -> COMMIT ->
 * answer
 *
 * Until COMMIT every step can be undone and nothing that serves clients has changed. The first
 * configuration takes the same way. What else a daemon has to do at each step is its owner's
 * affair: struct reload_events. */
#ifndef TLSFRONT_SUPERVISOR_RELOAD_H
#define TLSFRONT_SUPERVISOR_RELOAD_H

#include "proxy/base/log.h"
#include "proxy/control/control.h"
#include "proxy/load/fingerprint.h"
#include "proxy/load/load.h"
#include "proxy/supervisor/confinement.h"
#include "proxy/supervisor/listeners.h"
#include "proxy/supervisor/relisten.h"
#include "proxy/supervisor/resolver.h"
#include "proxy/supervisor/workers.h"

#include <time.h>
#include <uv.h>

/* How a reload ended. */
struct reload_outcome {
    int status;       /* exits.h; of a refusal EXIT_CONFIGURATION where the files are at fault */
    const char *text; /* one line; lives as long as the call */
    bool first;       /* there was no generation before */
    bool files_only;  /* the texts were not read again */
    struct diags *findings; /* whoever wants to keep them empties it */
    time_t valid_from; /* when what was refused as not yet valid becomes so, and the same files can
                          be tried again; 0: that was not the reason */
};

struct reload_events {
    void (*begun)(void *arg);
    /* Get what `c` asks for besides addresses. -1, and a finding: refused. */
    int (*claim)(void *arg, const struct config *c, struct diags *d);
    /* The workers are about to swap to `g`, which came from `l`: take over what else follows from
     * it. The log goes to `log_fd` (which is the owner's from now on); -1: it stays where it is. */
    void (*commit)(void *arg, struct generation *g, const struct candidate *l, int log_fd);
    /* `g` is the current release's now: whoever shows what there is may show it. What cannot be
     * taken over after all is told in `d`. */
    void (*committed)(void *arg, const struct generation *g, struct diags *d);
    /* Only of a rehearsal, which ends here: all workers have prepared, and `l` would be committed.
     */
    void (*rehearsed)(void *arg, const struct candidate *l);
    /* It is over, and the next may begin, out of this call too. */
    void (*finished)(void *arg, const struct reload_outcome *outcome);
};

/* What a reload works with; borrowed for as long as there is the struct reload. */
struct reload_parts {
    uv_loop_t *loop;
    struct log *log;
    const char *path; /* of the configuration */
    struct workers *workers;
    struct listeners *listeners;
    struct resolver *resolver;
    struct confinement *confinement;
    const struct ticket_files *tickets; /* in use; NULL: nobody tells what becomes of them */
};

enum reload_stage {
    RELOAD_IDLE,
    RELOAD_JUDGING,
    RELOAD_RESOLVING,  /* names that are new get their first answer */
    RELOAD_PREPARING,  /* workers load the bundle */
    RELOAD_COMMITTING, /* workers swap */
};

struct reload_waiter;

struct reload {
    struct reload_parts with;
    const struct reload_events *events;
    void *arg;

    enum reload_stage stage;
    bool held;                  /* whoever asks waits */
    bool again;                 /* asked for while one was under way, or held: one more follows */
    bool first;                 /* there is no generation in service yet */
    bool second_wait;           /* for workers: the late ones were replaced */
    bool files_only;            /* with the texts in service */
    bool rehearsal;             /* nothing is to be committed */
    struct candidate candidate; /* until it has become a release */
    struct release release;     /* until the workers have it */
    struct fingerprints fingerprints;
    struct route_slots slots;
    struct name_slots name_slots;
    struct diags findings;
    int log_fd; /* for the new configuration; -1: the log stays where it is */
    struct buf changes;
    uint32_t generations; /* numbers given out */
    uv_timer_t timer;
    struct relisten relisten;
    struct reload_waiter *waiters, *next_waiters; /* of this one, of the one that follows */
};

void reload_init(struct reload *r, const struct reload_parts *with,
                 const struct reload_events *events, void *arg);

/* Reload, or, when one is under way, once more after it. `request`, which may be NULL, is answered
 * with the outcome of a reload that began after this call. */
void reload_request(struct reload *r, struct control_request *request);

/* Likewise, for a caller whose output stands beside our log, which has the findings and changes
 * already: it is answered with the outcome alone. */
void reload_request_brief(struct reload *r, struct control_request *request);

/* Reload the files that the configuration in service names, without reading its text again: that is
 * in `texts`, which is not looked at after the call. None may be under way. */
void reload_files(struct reload *r, const struct bundle *texts);

/* The first one. 0: under way; else the exit status, and the findings and the reason are in `said`.
 */
int reload_first(struct reload *r, struct buf *said);

/* The same with a bundle that was judged already, taken over; see load_bundle(). */
int reload_first_with(struct reload *r, struct bundle *b, struct buf *said);

/* The first one was refused, and another is to be tried: its findings, for diags_free(). */
struct diags reload_forget_first(struct reload *r);

/* None is under way, and none held back? */
bool reload_idle(const struct reload *r);

/* From now on they wait, or not any more. None may be under way. */
void reload_hold(struct reload *r, bool held);

/* What the workers and the resolver report. Whatever is of another reload, or of none, is
 * ignored. */
void reload_prepared(struct reload *r, uint32_t number);
void reload_refused(struct reload *r, uint32_t number, const char *why);
void reload_committed(struct reload *r, uint32_t number);
void reload_settled(struct reload *r);

/* One line: how far it is, and whom or what it waits for. */
void reload_describe(const struct reload *r, struct buf *out);

/* The daemon goes: undo what is under way and answer all who wait. */
void reload_cancel(struct reload *r);

/* Closes the timers; reload_free() after the loop has turned once more. */
void reload_close(struct reload *r);
void reload_free(struct reload *r);

#endif
