#include "proxy/supervisor/reload.h"
#include "proxy/base/exits.h"
#include "proxy/supervisor/changes.h"
#include "proxy/supervisor/notify.h"
#include "proxy/supervisor/renewal.h"

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

/* The answer to a caller is of this size at most. */
#define ANSWER_MAX ((size_t)1 << 20)

static void reload_begin(struct supervisor *s);

/* ---- answering ---- */

static void log_findings(struct supervisor *s)
{
    const struct diags *d = &s->reload.findings;
    for (size_t i = 0; i < d->count; i++) {
        const struct diag *f = &d->items[i];
        struct log_line line;
        char place[1024] = "";
        if (f->file != NULL)
            snprintf(place, sizeof place, f->line > 0 ? "%s:%d" : "%s", f->file, f->line);
        log_begin(&line, &s->log, f->severity == DIAG_WARNING ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR,
                  "configuration");
        log_text(&line, "at", place);
        log_text(&line, "msg", f->cause);
        log_text(&line, "cure", f->cure);
        log_end(&line);
    }
}

static void log_changes(struct supervisor *s)
{
    const char *text = (const char *)s->reload.changes.data;
    for (size_t left = s->reload.changes.size, size; left > 0; left -= size, text += size) {
        const char *end = memchr(text, '\n', left);
        size = end != NULL ? (size_t)(end - text) + 1 : left;
        log_event(&s->log, LOG_LEVEL_INFO, "changed", "%.*s", (int)(end != NULL ? size - 1 : size),
                  text);
    }
}

static void answer_waiters(struct supervisor *s, int status, const struct buf *text)
{
    for (struct waiter *w = s->reload.waiters, *next; w != NULL; w = next) {
        next = w->next;
        control_answer(w->request, status, text);
        free(w);
    }
    s->reload.waiters = NULL;
}

/* When what was refused can be taken as it is; 0: never, or nobody knows. */
static time_t valid_from(const struct reload *r)
{
    const struct generation *g = r->loaded.generation;
    return g != NULL && diag_ok(&r->findings, DIAG_ERROR) ? generation_valid_from(g, time(NULL))
                                                          : 0;
}

/* Back to idle: tell everybody, clean up, and go again if that was asked for meanwhile. */
static void reload_finish(struct supervisor *s, int status, const char *outcome)
{
    struct reload *r = &s->reload;
    struct buf text;
    buf_init(&text, ANSWER_MAX);
    load_print_findings(&r->findings, &text);
    if (status == 0)
        buf_put(&text, r->changes.data, r->changes.size);
    buf_printf(&text, "%s\n", outcome);
    answer_waiters(s, status, &text);
    buf_free(&text);

    const time_t from = valid_from(r);
    uv_timer_stop(&r->timer);
    diags_free(&r->findings);
    buf_free(&r->changes);
    loaded_free(&r->loaded);
    plan_clear(&r->plan);
    log_close_target(r->log_fd);
    r->log_fd = -1;
    r->stage = RELOAD_IDLE;
    if (r->files_only && status != 0)
        renewal_refused(s, status, from);
    r->files_only = false;

    if (s->phase == SUPERVISOR_STARTING && status != 0) {
        log_event(&s->log, LOG_LEVEL_ERROR, "start-failed", "%s", outcome);
        supervisor_fail(s, status);
        return;
    }
    if (s->phase == SUPERVISOR_STARTING)
        s->phase = SUPERVISOR_RUNNING;
    notify_ready(outcome);
    if (r->again && s->phase == SUPERVISOR_RUNNING) {
        r->again = false;
        r->waiters = r->next_waiters;
        r->next_waiters = NULL;
        reload_begin(s);
    }
}

static void reload_undo(struct supervisor *s)
{
    if (s->reload.stage == RELOAD_PREPARING)
        fleet_abort(&s->fleet);
    listeners_abort(&s->listeners);
    if (supervisor_current(s) != NULL)
        resolver_keep(s->resolver, supervisor_current(s)->config);
}

/* `status` is EXIT_CONFIGURATION where the configuration is at fault, EXIT_RUNTIME where the
 * machine is. */
static void reload_refuse(struct supervisor *s, int status, const char *why)
{
    char outcome[1200];
    reload_undo(s);
    snprintf(outcome, sizeof outcome, "reload refused: %s; generation %u stays in service", why,
             s->fleet.current.number);
    log_findings(s);
    log_event(&s->log, LOG_LEVEL_ERROR, "reload-refused", "%s; generation %u stays in service", why,
              s->fleet.current.number);
    reload_finish(s, status, outcome);
}

/* ---- the steps ---- */

/* Settings that a running daemon cannot change. */
static void warn_unchangeable(struct supervisor *s, const struct loaded *l, struct diags *d)
{
    const struct generation *now = supervisor_current(s);
    if (now == NULL)
        return;
    if (strcmp(now->config->control, l->generation->config->control) != 0)
        diag_add(d, DIAG_WARNING, NULL, "restart the daemon",
                 "`control` has changed; it stays %s until a restart", now->config->control);
    if (l->identity.uid != s->fleet.identity.uid)
        diag_add(d, DIAG_WARNING, &l->generation->config->user_at, "restart the daemon",
                 "`user` has changed; workers stay what they are until a restart");
    if (l->identity.transparent && l->identity.drop && !s->fleet.identity.transparent)
        diag_add(d, DIAG_ERROR, NULL, "restart the daemon",
                 "the running workers have given up the privilege that source = transparent needs");
}

static bool same_log(const struct config *a, const struct config *b)
{
    return a->log_target == b->log_target &&
           (a->log_target != LOG_TARGET_FILE || strcmp(a->log_file.path, b->log_file.path) == 0);
}

static void open_log(struct supervisor *s, const struct config *c, struct diags *d)
{
    struct err e;
    const struct generation *now = supervisor_current(s);
    if (now != NULL && same_log(now->config, c))
        return;
    s->reload.log_fd = log_open_target(c, &e);
    if (s->reload.log_fd < 0)
        diag_add(d, DIAG_ERROR, &c->log_file.at, "name a file in a folder that exists", "%s",
                 e.text);
}

/* Serving an expired certificate after a reboot is bad; serving nobody is worse. And what is being
 * served already must not be in the way of a change elsewhere. */
static bool may_be_expired(const struct supervisor *s)
{
    return s->phase == SUPERVISOR_STARTING ||
           !generation_brings_expired(s->reload.loaded.generation, supervisor_current(s),
                                      time(NULL));
}

/* Read, judge, bind. 0, or the exit status with the reason in `why`. */
static int reload_judge(struct supervisor *s, struct err *why)
{
    struct reload *r = &s->reload;
    const uint64_t begin = uv_hrtime();
    const bool understood = r->files_only
                                ? load_files_again(watch_texts(s->watch), &r->loaded, &r->findings)
                                : load_configuration(s->path, &r->loaded, &r->findings);
    s->fleet.load_ms = (uv_hrtime() - begin) / 1000000;
    if (understood) {
        warn_unchangeable(s, &r->loaded, &r->findings);
        open_log(s, r->loaded.generation->config, &r->findings);
    }
    if (r->loaded.generation == NULL || !diag_ok(&r->findings, DIAG_ERROR) ||
        (!diag_ok(&r->findings, DIAG_EXPIRED) && !may_be_expired(s))) {
        err_set(why, "the configuration has errors");
        return EXIT_CONFIGURATION;
    }
    struct config *c = r->loaded.generation->config;
    if (supervisor_open_control(s, c, &r->findings) != 0) {
        err_set(why, "the control socket cannot be had");
        return EXIT_RUNTIME;
    }
    if (listeners_prepare(&s->listeners, c, plan_worker_count(c), &r->findings) != 0) {
        err_set(why, "an address cannot be listened on");
        return EXIT_RUNTIME;
    }
    return 0;
}

static void forget_slot(void *arg, unsigned slot)
{
    struct supervisor *s = arg;
    for (unsigned w = 0; w < s->fleet.highest; w++)
        memset(&shared_part(&s->fleet.all, w)->route[slot], 0, sizeof(struct route_counters));
}

/* Turn what was loaded into a plan. 0, or -1 when memory is out. */
static int reload_plan(struct supervisor *s, struct err *why)
{
    struct reload *r = &s->reload;
    int fd = bundle_to_fd(r->loaded.bundle, why);
    if (fd < 0)
        return -1;
    r->plan = (struct plan){.number = ++s->generations,
                            .bundle = fd,
                            .generation = r->loaded.generation,
                            .workers = plan_worker_count(r->loaded.generation->config)};
    r->loaded.generation = NULL;
    r->plan.generation->number = r->plan.number;
    if (plan_open_challenges(&r->plan) != 0 ||
        route_slots_assign(&s->slots, r->plan.generation, forget_slot, s) != 0 ||
        resolver_add(s->resolver, r->plan.generation->config) != 0)
        return err_set(why, "out of memory");
    changes_describe(supervisor_current(s), r->plan.generation, &r->changes);
    return 0;
}

static void workers_late(uv_timer_t *timer);

static void wait_for_workers(struct supervisor *s, bool again)
{
    s->reload.second_wait = again;
    uv_timer_start(&s->reload.timer, workers_late, fleet_patience(&s->fleet, WORKERS_MS), 0);
}

/* One that hangs must not have a veto, so it is replaced once; what its successor cannot load
 * either is refused. */
static void workers_late(uv_timer_t *timer)
{
    struct supervisor *s = timer->data;
    const bool preparing = s->reload.stage == RELOAD_PREPARING;
    if (!s->reload.second_wait) {
        wait_for_workers(s, true);
        fleet_replace_late(&s->fleet, preparing ? s->fleet.next.number : s->fleet.current.number,
                           !preparing);
    } else if (preparing) {
        reload_refuse(s, EXIT_RUNTIME, "a worker did not get ready in time");
    } else {
        reload_finish(s, EXIT_RUNTIME, "a worker did not take over the new generation in time");
    }
}

static void reload_commit(struct supervisor *s)
{
    struct reload *r = &s->reload;
    const struct config *c = s->fleet.next.generation->config;
    r->stage = RELOAD_COMMITTING;
    listeners_commit(&s->listeners);
    if (r->log_fd >= 0)
        supervisor_redirect_log(s, c, r->log_fd);
    r->log_fd = -1;
    s->log.level = c->log_level;
    s->log.format = c->log_format;
    supervisor_share_tickets(s, r->loaded.tickets_shared ? r->loaded.ticket_secret : NULL);
    fleet_commit(&s->fleet);
    resolver_keep(s->resolver, s->fleet.current.generation->config);
    renewal_committed(s, r->loaded.bundle);
}

/* Its routes refuse politely until there is an address, which the operator should know of now. */
static void warn_unresolved(struct supervisor *s)
{
    const struct config *c = s->reload.plan.generation->config;
    for (size_t i = 0; i < c->route_count; i++)
        for (size_t k = 0; k < c->routes[i].upstream_count; k++) {
            const struct endpoint *e = &c->routes[i].upstream[k];
            const char *why = e->kind == ENDPOINT_NAME ? resolver_failure(s->resolver, e) : NULL;
            if (why != NULL)
                diag_add(&s->reload.findings, DIAG_WARNING, &e->at,
                         "correct the name, or see to it that it resolves: getent hosts NAME",
                         "route %s: upstream \"%s\" has no address: %s", c->routes[i].name, e->text,
                         why);
        }
}

static void reload_prepare(struct supervisor *s)
{
    warn_unresolved(s);
    s->reload.stage = RELOAD_PREPARING;
    wait_for_workers(s, false);
    fleet_prepare(&s->fleet, &s->reload.plan);
    if (fleet_alive(&s->fleet) == 0) /* the first generation: nobody has to agree yet */
        reload_commit(s);
}

static void resolving_late(uv_timer_t *timer)
{
    reload_prepare(timer->data);
}

static void reload_resolve(struct supervisor *s)
{
    if (resolver_settled(s->resolver)) {
        reload_prepare(s);
        return;
    }
    s->reload.stage = RELOAD_RESOLVING;
    uv_timer_start(&s->reload.timer, resolving_late, RESOLVE_MS, 0);
}

static void reload_begin(struct supervisor *s)
{
    struct err why;
    buf_init(&s->reload.changes, ANSWER_MAX);
    s->reload.stage = RELOAD_RESOLVING; /* no other begins meanwhile */
    notify_reloading();
    int status = reload_judge(s, &why);
    if (status == 0 && reload_plan(s, &why) != 0)
        status = EXIT_RUNTIME;
    if (status != 0)
        reload_refuse(s, status, why.text);
    else
        reload_resolve(s);
}

/* ---- from the outside ---- */

int reload_first(struct supervisor *s)
{
    struct reload *r = &s->reload;
    struct err why = {.text = ""};
    buf_init(&r->changes, ANSWER_MAX);
    int status = reload_judge(s, &why);
    if (status == 0 && reload_plan(s, &why) != 0)
        status = EXIT_RUNTIME;
    if (status == 0) {
        s->fleet.identity = r->loaded.identity;
        reload_resolve(s);
        return 0;
    }
    struct buf text;
    buf_init(&text, ANSWER_MAX);
    load_print_findings(&r->findings, &text);
    fprintf(stderr, "%.*stlsfront: %s\n", (int)text.size, (const char *)text.data, why.text);
    buf_free(&text);
    return status;
}

static void add_waiter(struct waiter **list, struct control_request *request)
{
    static const struct buf no_memory = {.data = (uint8_t *)"out of memory\n", .size = 14};
    struct waiter *w = request != NULL ? malloc(sizeof *w) : NULL;
    if (w != NULL) {
        *w = (struct waiter){*list, request};
        *list = w;
    } else if (request != NULL) {
        control_answer(request, EXIT_RUNTIME, &no_memory);
    }
}

void reload_request(struct supervisor *s, struct control_request *request)
{
    struct reload *r = &s->reload;
    if (r->stage != RELOAD_IDLE) {
        r->again = true;
        add_waiter(&r->next_waiters, request);
        return;
    }
    add_waiter(&r->waiters, request);
    reload_begin(s);
}

void reload_files(struct supervisor *s)
{
    s->reload.files_only = true;
    reload_begin(s);
}

void reload_settled(struct supervisor *s)
{
    if (s->reload.stage == RELOAD_RESOLVING && s->reload.plan.number != 0)
        reload_prepare(s);
}

void reload_prepared(struct supervisor *s, uint32_t number)
{
    if (s->reload.stage == RELOAD_PREPARING && number == s->fleet.next.number)
        reload_commit(s);
}

void reload_refused(struct supervisor *s, uint32_t number, const char *why)
{
    char text[900];
    if (s->reload.stage != RELOAD_PREPARING || number != s->fleet.next.number)
        return;
    snprintf(text, sizeof text, "a worker could not load it: %.800s", why);
    reload_refuse(s, EXIT_RUNTIME, text);
}

void reload_committed(struct supervisor *s, uint32_t number)
{
    char outcome[200];
    if (s->reload.stage != RELOAD_COMMITTING || number != s->fleet.current.number)
        return;
    const struct config *c = supervisor_current(s)->config;
    snprintf(outcome, sizeof outcome,
             "generation %u in service: %zu routes, %zu certificates, %u workers", number,
             c->route_count, c->certificate_count, s->fleet.current.workers);
    log_findings(s);
    log_changes(s);
    log_event(&s->log, LOG_LEVEL_INFO, s->phase == SUPERVISOR_STARTING ? "started" : "reloaded",
              "%s", outcome);
    reload_finish(s, 0, outcome);
}

void reload_cancel(struct supervisor *s)
{
    struct reload *r = &s->reload;
    while (r->next_waiters != NULL) {
        struct waiter *w = r->next_waiters;
        r->next_waiters = w->next;
        w->next = r->waiters;
        r->waiters = w;
    }
    r->again = false;
    if (r->stage != RELOAD_IDLE) {
        if (r->stage != RELOAD_COMMITTING)
            reload_undo(s);
        reload_finish(s, EXIT_RUNTIME, "the daemon is going down");
    }
}
