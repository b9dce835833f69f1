#include "config/plural.h"
#include "proxy/base/exits.h"
#include "proxy/supervisor/changes.h"
#include "proxy/supervisor/reload_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Names that do not answer by then are left to be resolved later: their routes refuse politely. */
#define RESOLVE_MS 5000
/* A worker loads a bundle in milliseconds; one that does not is stuck. It is replaced once, and its
 * successor has the same time. All that together stays below the minute that callers wait. */
#define WORKERS_MS 15000
/* To take over what it has loaded takes it no time; so much of the minute is left for that. */
#define COMMIT_MS 5000

static void reload_begin(struct reload *r, const struct bundle *texts);

/* ---- how it ends ---- */

/* When what was refused can be taken as it is; 0: never, or nobody knows. */
static time_t valid_from(const struct reload *r)
{
    const struct generation *g = r->candidate.generation;
    return g != NULL && diag_ok(&r->findings, DIAG_ERROR) ? generation_valid_from(g, time(NULL))
                                                          : 0;
}

static void forget(struct reload *r)
{
    uv_timer_stop(&r->timer);
    diags_free(&r->findings);
    buf_free(&r->changes);
    candidate_free(&r->candidate);
    release_clear(&r->release);
    route_slots_abort(&r->slots);
    name_slots_abort(&r->name_slots);
    log_close_target(r->log_fd);
    r->log_fd = -1;
    r->files_only = false;
    r->stage = RELOAD_IDLE;
}

static void go_again(struct reload *r)
{
    r->again = false;
    r->waiters = r->next_waiters;
    r->next_waiters = NULL;
    reload_begin(r, NULL);
}

/* Back to idle: tell everybody, clean up, and go again if that was asked for meanwhile. */
static void reload_finish(struct reload *r, int status, const char *text)
{
    struct diags findings = r->findings;
    const struct reload_outcome outcome = {.status = status,
                                           .text = text,
                                           .first = r->first,
                                           .files_only = r->files_only,
                                           .findings = &findings,
                                           .valid_from = valid_from(r)};
    reload_answer(r, status, text);
    r->findings = (struct diags){0};
    forget(r);
    r->events->finished(r->arg, &outcome);
    diags_free(&findings);
    if (r->again)
        go_again(r);
}

static void reload_undo(struct reload *r)
{
    if (r->stage == RELOAD_PREPARING)
        workers_abort(r->with.workers);
    workers_give_back(r->with.workers);
    listeners_abort(r->with.listeners);
    if (reload_current(r) != NULL)
        resolver_keep(r->with.resolver, reload_current(r)->config);
}

/* `status` is EXIT_CONFIGURATION where the configuration is at fault, EXIT_RUNTIME where the
 * machine is. */
static void reload_refuse(struct reload *r, int status, const char *why)
{
    char outcome[1200];
    reload_undo(r);
    snprintf(outcome, sizeof outcome, "reload refused: %s; generation %u stays in service", why,
             r->with.workers->current.number);
    reload_log_findings(r);
    log_event(r->with.log, LOG_LEVEL_ERROR, "reload-refused", "%s; generation %u stays in service",
              why, r->with.workers->current.number);
    reload_finish(r, status, outcome);
}

/* ---- the steps ---- */

static int assign_slots(struct reload *r, struct err *why)
{
    const struct all_counters *all = &r->with.workers->all;
    struct generation *g = r->release.generation;
    return route_slots_assign(&r->slots, reload_current(r), g, all, why) == 0
               ? name_slots_assign(&r->name_slots, reload_current(r), g, all, why)
               : -1;
}

/* Turn what was loaded into a release. 0, or -1 with the reason. */
static int make_release(struct reload *r, struct err *why)
{
    struct release release = {.generation = r->candidate.generation,
                              .workers = release_worker_count(r->candidate.generation->config)};
    const struct workers *ws = r->with.workers;
    if (release_pack(&release, r->candidate.bundle, &ws->current, workers_oldest(ws), why) != 0)
        return -1;
    release.number = ++r->generations;
    r->release = release;
    r->candidate.generation = NULL;
    r->release.generation->number = r->release.number;
    if (assign_slots(r, why) != 0)
        return -1;
    if (release_open_challenges(&r->release) != 0 ||
        resolver_add(r->with.resolver, r->release.generation->config) != 0)
        return err_set(why, "out of memory");
    fingerprints(r->candidate.bundle, &r->fingerprints);
    changes_describe(reload_current(r), r->release.generation, &r->changes);
    changes_describe_texts(&r->with.workers->current, r->release.generation, r->candidate.bundle,
                           &r->changes);
    if (reload_current(r) != NULL && r->with.tickets != NULL)
        changes_describe_tickets(r->with.tickets, &r->candidate.tickets, &r->changes);
    return 0;
}

static int reserve_workers(struct reload *r, struct err *why)
{
    struct err e = {.text = ""};
    if (workers_reserve(r->with.workers, r->release.workers, &e) == 0)
        return 0;
    diag_add(&r->findings, DIAG_ERROR, NULL, err_cure_or(&e, NULL), "%s", e.text);
    return err_set(why, "there is no room for the workers");
}

/* ---- waiting for workers ---- */

static void workers_late(uv_timer_t *timer);

static void wait_for_workers(struct reload *r, bool again)
{
    r->second_wait = again;
    uv_timer_start(&r->timer, workers_late, workers_timeout(r->with.workers, WORKERS_MS), 0);
}

/* The last one may have got ready when the time for that was almost up. */
static void allow_commit(struct reload *r)
{
    const uint64_t needed = workers_timeout(r->with.workers, COMMIT_MS);
    if (uv_timer_get_due_in(&r->timer) < needed)
        uv_timer_start(&r->timer, workers_late, needed, 0);
}

/* There is no way back: the new generation is in service as far as it goes. */
static void reload_incomplete(struct reload *r, const char *why)
{
    reload_log_findings(r);
    if (!r->first) /* of which the daemon's own line tells, and that it ends */
        log_event(r->with.log, LOG_LEVEL_ERROR, "reload-incomplete", "%s", why);
    reload_finish(r, EXIT_RUNTIME, why);
}

/* It is with the others, and with the late one's successor when it comes. */
static void reload_uncommitted(struct reload *r)
{
    char why[RELOAD_WHY_MAX];
    reload_explain_late(r, "take over the new generation", why);
    reload_incomplete(r, why);
}

/* Findings have the addresses. */
static void reload_deaf(struct reload *r)
{
    char why[RELOAD_WHY_MAX] = "an address could be bound to, but not listened on";
    if (!r->first)
        snprintf(why, sizeof why,
                 "generation %u is in service, but not on every address; what is missing is tried "
                 "again every second",
                 r->with.workers->current.number);
    reload_incomplete(r, why);
}

static void reload_unprepared(struct reload *r)
{
    char why[RELOAD_WHY_MAX];
    reload_explain_late(r, "get ready", why);
    reload_refuse(r, EXIT_RUNTIME, why);
}

/* One that hangs must not have a veto, so it is replaced once; what its successor cannot load
 * either is refused. */
static void workers_late(uv_timer_t *timer)
{
    struct reload *r = timer->data;
    const bool preparing = r->stage == RELOAD_PREPARING;
    if (!r->second_wait) {
        wait_for_workers(r, true);
        workers_replace_late(
            r->with.workers,
            preparing ? r->with.workers->next.number : r->with.workers->current.number, !preparing);
    } else if (preparing) {
        reload_unprepared(r);
    } else {
        reload_uncommitted(r);
    }
}

static void reload_commit(struct reload *r)
{
    struct workers *ws = r->with.workers;
    if (r->rehearsal) {
        uv_timer_stop(&r->timer);
        r->events->rehearsed(r->arg, &r->candidate);
        return;
    }
    r->stage = RELOAD_COMMITTING;
    allow_commit(r);
    listeners_commit(r->with.listeners);
    listeners_tell_deaf(r->with.listeners, ws->next.generation->config, &r->findings);
    relisten_begin(&r->relisten);
    r->events->commit(r->arg, ws->next.generation, &r->candidate, r->log_fd);
    r->log_fd = -1;
    route_slots_commit(&r->slots, &ws->all);
    name_slots_commit(&r->name_slots, &ws->all);
    workers_commit(ws);
    r->events->committed(r->arg, reload_current(r), &r->findings);
    resolver_keep(r->with.resolver, reload_current(r)->config);
}

static void reload_prepare(struct reload *r)
{
    reload_judge_names(r);
    r->stage = RELOAD_PREPARING;
    wait_for_workers(r, false);
    workers_prepare(r->with.workers, &r->release);
    /* Nobody is there who could agree: it is the first generation, or what runs has killed them
     * all, and this may be the cure. */
    if (workers_alive(r->with.workers) == 0 && !r->with.workers->careful)
        reload_commit(r);
}

static void resolving_late(uv_timer_t *timer)
{
    reload_prepare(timer->data);
}

static void reload_resolve(struct reload *r)
{
    if (resolver_settled(r->with.resolver)) {
        reload_prepare(r);
        return;
    }
    r->stage = RELOAD_RESOLVING;
    uv_timer_start(&r->timer, resolving_late, RESOLVE_MS, 0);
}

/* What the first configuration decides for good. After an upgrade there are processes already,
 * which would be outside of a sandbox that is entered now; that of before goes on. */
static void adopt_identity(struct reload *r)
{
    r->with.workers->identity = r->candidate.identity;
    if (r->candidate.identity.sandbox && !r->with.workers->careful)
        confinement_enter(r->with.confinement, r->candidate.generation->config);
}

/* 0, or the exit status with the reason in `why`. */
static int reload_try(struct reload *r, const struct reload_source *from, struct err *why)
{
    buf_init(&r->changes, RELOAD_ANSWER_MAX);
    r->stage = RELOAD_JUDGING;
    r->first = reload_current(r) == NULL;
    r->files_only = from->texts != NULL;
    const int status = reload_judge(r, from, why);
    if (status == 0 && r->first)
        adopt_identity(r);
    if (status == 0 && (make_release(r, why) != 0 || reserve_workers(r, why) != 0))
        return EXIT_RUNTIME;
    return status;
}

static void reload_begin(struct reload *r, const struct bundle *texts)
{
    struct err why;
    r->events->begun(r->arg);
    const int status = reload_try(r, &(struct reload_source){.texts = texts}, &why);
    if (status != 0)
        reload_refuse(r, status, why.text);
    else
        reload_resolve(r);
}

/* ---- from the outside ---- */

void reload_init(struct reload *r, const struct reload_parts *with,
                 const struct reload_events *events, void *arg)
{
    *r = (struct reload){.with = *with, .events = events, .arg = arg, .log_fd = -1};
    uv_timer_init(with->loop, &r->timer);
    r->timer.data = r;
    relisten_init(&r->relisten, with->loop, with->log, with->listeners, NULL, NULL);
}

static int begin_first(struct reload *r, const struct reload_source *from, struct buf *said)
{
    struct err why = {.text = ""};
    const int status = reload_try(r, from, &why);
    if (status == 0) {
        reload_resolve(r);
        return 0;
    }
    load_print_errors_first(&r->findings, said);
    buf_printf(said, "tlsfront: %s\n", why.text);
    return status;
}

int reload_first(struct reload *r, struct buf *said)
{
    return begin_first(r, &(struct reload_source){.texts = NULL}, said);
}

int reload_first_with(struct reload *r, struct bundle *b, struct buf *said)
{
    return begin_first(r, &(struct reload_source){.judged = b}, said);
}

struct diags reload_forget_first(struct reload *r)
{
    const struct diags findings = r->findings;
    r->findings = (struct diags){0};
    forget(r);
    return findings;
}

bool reload_idle(const struct reload *r)
{
    return r->stage == RELOAD_IDLE && !r->again;
}

void reload_hold(struct reload *r, bool held)
{
    r->held = held;
    if (!held && r->again && r->stage == RELOAD_IDLE)
        go_again(r);
}

static void take_request(struct reload *r, struct control_request *request, bool brief)
{
    if (r->stage != RELOAD_IDLE || r->held) {
        r->again = true;
        reload_add_waiter(&r->next_waiters, request, brief);
        return;
    }
    reload_add_waiter(&r->waiters, request, brief);
    reload_begin(r, NULL);
}

void reload_request(struct reload *r, struct control_request *request)
{
    take_request(r, request, false);
}

void reload_request_brief(struct reload *r, struct control_request *request)
{
    take_request(r, request, true);
}

void reload_files(struct reload *r, const struct bundle *texts)
{
    reload_begin(r, texts);
}

void reload_settled(struct reload *r)
{
    if (r->stage == RELOAD_RESOLVING)
        reload_prepare(r);
}

void reload_prepared(struct reload *r, uint32_t number)
{
    if (r->stage == RELOAD_PREPARING && number == r->with.workers->next.number)
        reload_commit(r);
}

void reload_refused(struct reload *r, uint32_t number, const char *why)
{
    char text[900];
    if (r->stage != RELOAD_PREPARING || number != r->with.workers->next.number)
        return;
    snprintf(text, sizeof text, "a worker could not load it: %.800s", why);
    reload_refuse(r, EXIT_RUNTIME, text);
}

/* Errors are of the commit alone: with others there is none. And files cannot help it, so that for
 * its sake they are not to be tried again. */
static bool is_deaf(const struct reload *r)
{
    return !r->files_only && !diag_ok(&r->findings, DIAG_ERROR);
}

void reload_committed(struct reload *r, uint32_t number)
{
    char outcome[200];
    if (r->stage != RELOAD_COMMITTING || number != r->with.workers->current.number)
        return;
    if (is_deaf(r)) {
        reload_deaf(r);
        return;
    }
    const struct config *c = reload_current(r)->config;
    const unsigned workers = r->with.workers->current.workers;
    snprintf(outcome, sizeof outcome,
             "generation %u in service: %zu route%s, %zu certificate%s, %u worker%s", number,
             c->route_count, plural(c->route_count), c->certificate_count,
             plural(c->certificate_count), workers, plural(workers));
    reload_log_findings(r);
    reload_log_changes(r);
    reload_log_outcome(r, outcome);
    reload_finish(r, 0, outcome);
}

void reload_cancel(struct reload *r)
{
    static const char why[] = "the daemon is going down";
    reload_join_waiters(r);
    r->again = false;
    if (r->stage == RELOAD_IDLE) {
        reload_answer(r, EXIT_RUNTIME, why);
        return;
    }
    if (r->stage != RELOAD_COMMITTING)
        reload_undo(r);
    reload_finish(r, EXIT_RUNTIME, why);
}

void reload_close(struct reload *r)
{
    uv_close((uv_handle_t *)&r->timer, NULL);
    relisten_close(&r->relisten);
}

void reload_free(struct reload *r)
{
    candidate_free(&r->candidate);
    release_clear(&r->release);
    diags_free(&r->findings);
    buf_free(&r->changes);
    route_slots_free(&r->slots);
    name_slots_free(&r->name_slots);
}
