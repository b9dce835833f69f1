/* ending.c - how a supervisor ends: it leaves (balancers notice), drains (sessions end), stops. */
#include "proxy/supervisor/notify.h"
#include "proxy/supervisor/supervisor_inner.h"

/* Workers that were told to stop have this long to take their leave. */
#define STOP_MS 5000

/* The last fifth of a drain's time is for ending what is left. */
enum { LAST_PART = 5 };

/* How often a draining daemon looks whether the last session has ended. */
#define DRAIN_POLL_MS 50

static void killed_by_limit(uv_timer_t *timer)
{
    struct supervisor *s = timer->data;
    for (unsigned i = 0; i < s->workers.count; i++)
        child_kill(&s->workers.items[i]->child);
    veterans_kill(&s->veterans);
}

/* In this order: an upgrade that is over lets the reload begin that waits for its end. */
static void no_more_reloads(struct supervisor *s)
{
    renewal_end(&s->renewal);
    reload_cancel(&s->reload);
    upgrade_cancel(&s->succession.upgrade);
}

static void end_workers(struct supervisor *s, enum ipc_type how)
{
    veterans_end(&s->veterans, how);
    workers_end(&s->workers, how);
}

void supervisor_stop(struct supervisor *s)
{
    if (s->phase == PHASE_STOPPING)
        return;
    s->phase = PHASE_STOPPING;
    no_more_reloads(s);
    uv_timer_start(&s->limit, killed_by_limit, STOP_MS, 0);
    end_workers(s, IPC_STOP);
}

static uint64_t still_active(const struct supervisor *s)
{
    uint64_t active = veterans_active(&s->veterans);
    for (unsigned i = 0; i < s->workers.count; i++)
        active += workers_active(&s->workers, i);
    return active;
}

/* The last session may have ended since anybody looked. */
static void drained_long_enough(uv_timer_t *timer)
{
    struct supervisor *s = timer->data;
    if (still_active(s) > 0)
        log_event(&s->log, LOG_LEVEL_WARN, "drain-timeout",
                  "sessions are still open; closing them");
    supervisor_stop(s);
}

/* The sessions that are left end one after another, so that their clients do not come to other
 * machines all at once. A little of the time is for their goodbyes. */
static void draining_ends(uv_timer_t *timer)
{
    struct supervisor *s = timer->data;
    const unsigned left = s->patience / LAST_PART;
    log_event(&s->log, LOG_LEVEL_INFO, "drain-ends",
              "sessions that are still open are ended one after another, in %u.%03u s", left / 1000,
              left % 1000);
    uv_timer_start(&s->limit, drained_long_enough, left, 0);
    workers_leave(&s->workers, left - left / LAST_PART);
    veterans_leave(&s->veterans, left - left / LAST_PART);
}

/* Workers stay until the last one's last session has ended: the kernel deals newcomers to all of
 * them, and each newcomer is to hear a refusal. Those do not count as active. */
static void drain_poll(uv_timer_t *timer)
{
    struct supervisor *s = timer->data;
    if (still_active(s) == 0 && s->phase == PHASE_DRAINING)
        supervisor_stop(s);
}

/* Nobody listens any more: newcomers are reset by the kernel, and a balancer tries elsewhere. */
static void close_doors(struct supervisor *s)
{
    listeners_close(&s->listeners);
    end_workers(s, IPC_CLOSE);
}

static void refuse_newcomers(struct supervisor *s)
{
    end_workers(s, IPC_DRAIN);
    uv_timer_start(&s->drained, drain_poll, DRAIN_POLL_MS, DRAIN_POLL_MS);
}

static void drain(struct supervisor *s)
{
    const bool reset = supervisor_current(s)->config->drain_newcomers == DRAIN_RESET;
    s->phase = PHASE_DRAINING;
    log_event(&s->log, LOG_LEVEL_INFO, "draining",
              "newcomers are %s; the daemon ends with its last session",
              reset ? "reset" : "refused");
    uv_timer_stop(&s->limit);
    if (s->patience > 0)
        uv_timer_start(&s->limit, draining_ends, s->patience - s->patience / LAST_PART, 0);
    if (reset)
        close_doors(s);
    else
        refuse_newcomers(s);
}

static void left_long_enough(uv_timer_t *timer)
{
    drain(timer->data);
}

/* Towards the end, with `patience` for the sessions that there are. */
static void leave(struct supervisor *s, unsigned patience)
{
    const unsigned delay = supervisor_current(s)->config->drain_delay;
    s->phase = PHASE_LEAVING;
    s->patience = patience;
    no_more_reloads(s);
    observer_changed(&s->observer);
    notify_stopping();
    if (delay == 0) {
        drain(s);
        return;
    }
    log_event(&s->log, LOG_LEVEL_INFO, "drain-delay",
              "not ready any more; newcomers are still served for %u.%03u s", delay / 1000,
              delay % 1000);
    uv_timer_start(&s->limit, left_long_enough, delay, 0);
}

/* ---- being told ---- */

bool supervisor_is_early(const struct supervisor *s)
{
    return !succession_is_over(&s->succession) && !succession_rehearses(&s->succession);
}

void supervisor_terminate(struct supervisor *s)
{
    if (supervisor_is_early(s))
        s->leave = true;
    else if (s->phase >= PHASE_LEAVING || supervisor_current(s) == NULL)
        supervisor_stop(s);
    else
        leave(s, supervisor_current(s)->config->drain_timeout);
}

void supervisor_quit(struct supervisor *s)
{
    if (supervisor_is_early(s))
        s->leave = true;
    else if (s->phase < PHASE_LEAVING && supervisor_current(s) != NULL)
        leave(s, 0);
    else if (s->phase < PHASE_LEAVING)
        supervisor_stop(s);
}
