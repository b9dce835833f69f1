#include "proxy/supervisor/supervisor.h"
#include "config/confined.h"
#include "proxy/base/environment.h"
#include "proxy/base/exits.h"
#include "proxy/base/machine.h"
#include "proxy/base/streams.h"
#include "proxy/supervisor/notify.h"
#include "proxy/supervisor/orders.h"
#include "proxy/supervisor/supervisor_inner.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <unistd.h>

/* ---- the log ---- */

static void redirect_log(struct supervisor *s, const struct config *c, int fd)
{
    log_redirect(&s->log, c->log_target, fd);
    workers_send_log(&s->workers);
    veterans_send_log(&s->veterans);
}

/* Directories are what they were when the sandbox was entered. */
static const char *cure_for_log(const struct supervisor *s, const struct config *c)
{
    struct diags d = {0};
    const bool ours = confinement_judge(&s->confinement, c, &d);
    diags_free(&d);
    return ours ? "" : "; a directory of the log or of a socket was made anew: restart the daemon";
}

static void reopen_log(struct supervisor *s)
{
    struct err e;
    const struct generation *g = supervisor_current(s);
    if (g == NULL)
        return;
    int fd = log_open_target(g->config, &e);
    if (fd < 0) {
        log_event(&s->log, LOG_LEVEL_ERROR, "log-reopen", "%s; logging goes on as before%s", e.text,
                  cure_for_log(s, g->config));
        return;
    }
    redirect_log(s, g->config, fd);
    log_event(&s->log, LOG_LEVEL_INFO, "log-reopen", "the log was reopened");
}

/* ---- the observer ---- */

static void fill_snapshot(void *arg, struct snapshot_writer *w)
{
    const struct supervisor *s = arg;
    const struct status status = supervisor_status(s);
    status_snapshot(&status, w);
}

/* ---- signals ---- */

static void on_hup(struct supervisor *s)
{
    if (s->phase == PHASE_RUNNING || s->phase == PHASE_STARTING)
        reload_request(&s->reload, NULL);
    else
        log_event(&s->log, LOG_LEVEL_WARN, "reload-refused", "%s", SUPERVISOR_GOING_DOWN);
}

static void on_usr2(struct supervisor *s)
{
    const struct status status = supervisor_status(s);
    status_log(&status, &s->log);
}

static void on_child(struct supervisor *s)
{
    veterans_reap(&s->veterans);
}

static const struct {
    int number;
    void (*act)(struct supervisor *s);
} actions[SIGNALS] = {
    {SIGHUP, on_hup},           {SIGTERM, supervisor_terminate}, {SIGINT, supervisor_terminate},
    {SIGQUIT, supervisor_quit}, {SIGUSR1, reopen_log},           {SIGUSR2, on_usr2},
    {SIGCHLD, on_child},
};

static void signal_came(uv_signal_t *handle, int number)
{
    for (size_t i = 0; i < SIGNALS; i++)
        if (actions[i].number == number)
            actions[i].act(handle->data);
}

/* ---- events from the parts ---- */

static void on_prepared(void *arg, uint32_t number)
{
    struct supervisor *s = arg;
    reload_prepared(&s->reload, number);
}

static void on_refused(void *arg, uint32_t number, const char *why)
{
    struct supervisor *s = arg;
    reload_refused(&s->reload, number, why);
}

static void on_committed(void *arg, uint32_t number)
{
    struct supervisor *s = arg;
    reload_committed(&s->reload, number);
}

static void on_gone(void *arg)
{
    struct supervisor *s = arg;
    if (workers_alive(&s->workers) > 0 || veterans_alive(&s->veterans) > 0)
        return;
    if (s->succession.rehearsed != NULL) {
        succession_report(&s->succession);
        return;
    }
    if (s->phase == PHASE_STOPPING || s->phase == PHASE_DRAINING)
        log_event(&s->log, LOG_LEVEL_INFO, "stopped", "the last worker has ended");
    uv_stop(&s->loop);
}

/* That workers of before are gone is what they are for. */
static void on_veterans_gone(void *arg)
{
    struct supervisor *s = arg;
    if (s->phase >= PHASE_DRAINING)
        on_gone(s);
}

static void on_query(void *arg, struct child *worker, const struct ipc_challenge_query *query)
{
    struct supervisor *s = arg;
    orders_answer(&s->workers, worker, query);
}

static const struct veterans_events veterans_events = {on_query, on_veterans_gone};

static const struct workers_events workers_events = {on_prepared, on_refused, on_committed,
                                                     on_gone};

static void name_changed(void *arg, const struct resolver_name *name)
{
    struct supervisor *s = arg;
    if (s->workers.current.number != 0 && s->phase < PHASE_STOPPING)
        workers_send_addresses(&s->workers, name);
}

static void names_settled(void *arg)
{
    struct supervisor *s = arg;
    reload_settled(&s->reload);
}

static void name_failed(void *arg, const char *name, const char *why)
{
    struct supervisor *s = arg;
    log_event(&s->log, LOG_LEVEL_WARN, "resolve-failed", "upstream %s: %s", name, why);
}

static const struct resolver_events resolver_events = {name_changed, names_settled, name_failed};

static const char *cure_for_control(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "stop that one first, or give each its own `control`";
    case EEXIST:
        return "remove it, or name another path with `control = PATH`";
    case EACCES:
    case EPERM:
    case EROFS:
        return "start as root, or name a path where you may write with `control = PATH`";
    default:
        return "name another path with `control = PATH`, in a directory that is there";
    }
}

/* A reload needs it too: at the next start it would be missed. */
static int claim(void *arg, const struct config *c, struct diags *d)
{
    struct supervisor *s = arg;
    struct err e;
    if (succession_rehearses(&s->succession))
        return 0; /* it is the daemon's */
    if (s->control == NULL)
        s->control = control_new(&s->loop, c->control, supervisor_answer, s, &e);
    if (s->control == NULL)
        diag_add(d, DIAG_ERROR, &c->control_at,
                 confined_cure(errno, c->control, cure_for_control(errno)), "%s", e.text);
    else if (strcmp(control_path(s->control), c->control) != 0)
        diag_add(d, DIAG_WARNING, &c->control_at, "restart the daemon",
                 "`control` has changed; it stays %s until a restart", control_path(s->control));
    if (s->control != NULL && supervisor_claim_keeping(s, c, d) != 0)
        return -1;
    const int observed = observer_prepare(&s->observer, c, d);
    return s->control != NULL ? observed : -1;
}

/* ---- events of a reload ---- */

static void begun(void *arg)
{
    (void)arg;
    notify_reloading();
}

static void commit(void *arg, struct generation *g, const struct candidate *l, int log_fd)
{
    struct supervisor *s = arg;
    if (log_fd >= 0)
        redirect_log(s, g->config, log_fd);
    s->log.level = g->config->log_level;
    s->log.format = g->config->log_format;
    tickets_share(&s->tickets, &l->tickets);
    if (s->phase == PHASE_STARTING) {
        confinement_tell(&s->confinement, &s->log);
        tickets_tell(&s->tickets);
    }
    if (s->kept != 0 && s->phase != PHASE_STARTING && !s->reload.files_only)
        s->kept = 0;
    if (s->kept != 0 && s->phase == PHASE_STARTING)
        supervisor_tell_kept(s);
    supervisor_keep(s, g->config);
    renewal_use(&s->renewal, g, l->bundle);
    s->fingerprints = s->reload.fingerprints;
}

static void committed(void *arg, const struct generation *g, struct diags *d)
{
    struct supervisor *s = arg;
    observer_commit(&s->observer, g->config, d);
}

static void rehearsed(void *arg, const struct candidate *l)
{
    struct supervisor *s = arg;
    s->phase = PHASE_STOPPING;
    succession_rehearsed(&s->succession, l->bundle);
}

static void start_failed(struct supervisor *s, const struct reload_outcome *outcome)
{
    succession_fail(&s->succession, outcome->text);
    log_event(&s->log, LOG_LEVEL_ERROR, "start-failed", "%s", outcome->text);
    s->exit_status = outcome->status;
    supervisor_stop(s);
}

static void succeeded(struct supervisor *s, const char *outcome)
{
    succession_complete(&s->succession, outcome);
    observer_begin(&s->observer);
    if (s->leave)
        supervisor_terminate(s);
}

static void take_outcome(struct supervisor *s, const struct reload_outcome *outcome)
{
    outcomes_add(&s->outcomes, outcome->status == 0, outcome->text, time(NULL));
    diags_free(&s->findings);
    s->findings = *outcome->findings;
    *outcome->findings = (struct diags){0};
}

static void finished(void *arg, const struct reload_outcome *outcome)
{
    struct supervisor *s = arg;
    renewal_finished(&s->renewal, outcome);
    if (s->kept == 0 || s->phase != PHASE_STARTING)
        take_outcome(s, outcome);
    if (outcome->status != 0)
        observer_abort(&s->observer);
    if (s->phase == PHASE_STARTING && outcome->status != 0) {
        start_failed(s, outcome);
        return;
    }
    if (s->phase == PHASE_STARTING)
        s->phase = PHASE_RUNNING;
    if (s->phase == PHASE_RUNNING)
        notify_ready(s->kept == 0 ? outcome->text : SUPERVISOR_KEPT);
    if (!succession_is_over(&s->succession))
        succeeded(s, outcome->text);
    if (s->phase == PHASE_RUNNING)
        upgrade_poke(&s->succession.upgrade);
    observer_changed(&s->observer);
}

static const struct reload_events reload_events = {begun,     claim,     commit,
                                                   committed, rehearsed, finished};

/* ---- start ---- */

/* Random numbers and cryptography, and the parts that must be there. */
static int prepare(struct supervisor *s, struct err *e)
{
    struct workers *ws = &s->workers;
    if (s->resolver == NULL || s->renewal.watch == NULL)
        return err_set(e, "out of memory");
    if (tls_init(e) != 0 || counters_possible(e) != 0)
        return -1;
    if (!succession_is_over(&s->succession))
        return succession_take(&s->succession, e);
    if (getrandom(ws->seed, sizeof ws->seed, 0) != sizeof ws->seed)
        return err_set(e, "no random numbers: %s", strerror(errno));
    return tickets_make(&s->tickets, e);
}

/* What cannot be had is NULL then. */
static void make_parts(struct supervisor *s, const char *path, struct takeover *before)
{
    s->resolver = resolver_new(&s->loop, &s->log, &s->workers.identity, &resolver_events, s);
    s->workers = (struct workers){.loop = &s->loop,
                                  .log = &s->log,
                                  .events = &workers_events,
                                  .arg = s,
                                  .listeners = &s->listeners,
                                  .resolver = s->resolver,
                                  .veterans = &s->veterans};
    s->veterans.loop = &s->loop;
    s->veterans.log = &s->log;
    s->veterans.events = &veterans_events;
    s->veterans.arg = s;
    s->veterans.counters = &s->workers.all;
    const struct reload_parts with = {.loop = &s->loop,
                                      .log = &s->log,
                                      .path = path,
                                      .workers = &s->workers,
                                      .listeners = &s->listeners,
                                      .resolver = s->resolver,
                                      .confinement = &s->confinement,
                                      .tickets = &s->tickets.files};
    workers_init(&s->workers);
    veterans_init(&s->veterans);
    archive_init(&s->archive, &s->workers.all);
    tickets_init(&s->tickets, &s->loop, &s->workers, &s->log);
    reload_init(&s->reload, &with, &reload_events, s);
    renewal_init(&s->renewal, &s->loop, &s->reload, &s->log);
    observer_init(&s->observer, &s->loop, &s->log, &s->workers, &s->archive, fill_snapshot, s);
    s->observer.waits = before != NULL;
    s->observer.listeners.others = &s->listeners;
    s->listeners.others = &s->observer.listeners;
    s->succession =
        (struct succession){.loop = &s->loop,
                            .estate = {&s->log, &s->workers, &s->veterans, &s->archive,
                                       &s->listeners, s->resolver, &s->reload, &s->tickets,
                                       &s->confinement, &s->activation, &s->observer, &s->control},
                            .configuration = path,
                            .on_request = supervisor_answer,
                            .unwanted = &s->unwanted,
                            .arg = s};
    succession_init(&s->succession, before);
}

static void pulse(uv_timer_t *timer)
{
    (void)timer;
    notify_alive();
}

static void start_timers(struct supervisor *s)
{
    const uint64_t every = notify_watchdog();
    uv_timer_init(&s->loop, &s->pulse);
    if (every > 0)
        uv_timer_start(&s->pulse, pulse, 0, every); /* at once: an image before had the last one */
    uv_timer_init(&s->loop, &s->limit);
    uv_timer_init(&s->loop, &s->drained);
    s->limit.data = s->drained.data = s;
}

static void catch_signals(struct supervisor *s)
{
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_signal_init(&s->loop, &s->signals[i]);
        s->signals[i].data = s;
        uv_signal_start(&s->signals[i], signal_came, actions[i].number);
    }
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Close what is ours, let every close callback run, free. */
static void wind_down(struct supervisor *s)
{
    control_close(s->control);
    resolver_close(s->resolver);
    workers_close(&s->workers);
    reload_close(&s->reload);
    renewal_close(&s->renewal);
    observer_close(&s->observer);
    tickets_close(&s->tickets);
    succession_close(&s->succession);
    veterans_close(&s->veterans);
    uv_close((uv_handle_t *)&s->pulse, NULL);
    uv_close((uv_handle_t *)&s->limit, NULL);
    uv_close((uv_handle_t *)&s->drained, NULL);
    for (size_t i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *)&s->signals[i], NULL);
    while (uv_run(&s->loop, UV_RUN_DEFAULT) != 0)
        continue;
    uv_walk(&s->loop, close_handle, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);

    listeners_close(&s->listeners);
    activation_free(&s->activation);
    observer_free(&s->observer);
    reload_free(&s->reload);
    diags_free(&s->findings);
    resolver_free(s->resolver);
    confinement_free(&s->confinement);
    archive_free(&s->archive);
    veterans_free(&s->veterans);
    workers_free(&s->workers);
    succession_free(&s->succession);
    log_close(&s->log);
}

static int cannot_start(const struct err *e)
{
    char text[sizeof e->text + sizeof e->cure + 40];
    const char *cure = e->cure[0] != '\0' ? "\n    cure: " : "";
    snprintf(text, sizeof text, "tlsfront: %s%s%s\n", e->text, cure, e->cure);
    streams_say(LOG_ERR, text);
    return EXIT_RUNTIME;
}

/* The first configuration. 0: it is under way; else the exit status, and standard error has the
 * reason. */
static int begin(struct supervisor *s)
{
    struct buf said;
    buf_init(&said, LOAD_TEXT_MAX);
    int status = succession_begin(&s->succession, &said);
    if (status == EXIT_CONFIGURATION && succession_is_over(&s->succession))
        status = supervisor_begin_with_kept(s, &said);
    buf_put(&said, "", 1);
    const char *text = said.failed ? "tlsfront: out of memory\n" : (const char *)said.data;
    streams_say(status != 0 ? LOG_ERR : LOG_WARNING, text);
    if (status != 0)
        succession_fail(&s->succession, text);
    buf_free(&said);
    return status;
}

/* After an upgrade they come from the image before, not by the environment. */
static int take_activation(struct supervisor *s, const struct takeover *before, struct err *e)
{
    s->listeners.given = s->confinement.given = &s->activation;
    return before == NULL ? activation_take(&s->activation, e) : 0;
}

enum { UV_WITH_RINGS = 1 << 16 | 45 << 8 };

static int run(struct supervisor *s, const char *path, struct takeover *before)
{
    struct err e = {.text = ""};
    signal(SIGPIPE, SIG_IGN);
    if (take_activation(s, before, &e) != 0) {
        cannot_start(&e);
        return EXIT_CONFIGURATION;
    }
    environment_clear();
    privileges_shed();
    if (machine_check(&e) != 0) {
        if (before != NULL)
            takeover_fail(before, e.text);
        return cannot_start(&e);
    }
    if (uv_version() >= UV_WITH_RINGS && before == NULL) /* else that of the image before holds */
        sandbox_refuse_rings();
    uv_loop_init(&s->loop);
    make_parts(s, path, before);
    start_timers(s);
    catch_signals(s);
    takeover_unblock();

    if (prepare(s, &e) != 0) {
        succession_fail(&s->succession, e.text);
        s->exit_status = cannot_start(&e);
    } else {
        s->exit_status = begin(s);
    }
    if (s->exit_status == 0)
        uv_run(&s->loop, UV_RUN_DEFAULT);
    else
        workers_end(&s->workers, IPC_STOP);
    if (succession_rehearses(&s->succession))
        _exit(s->exit_status); /* nothing that it has is its own to clear away */
    wind_down(s);
    return s->exit_status;
}

int supervisor_run(const char *path)
{
    static struct supervisor s;
    log_init(&s.log, "supervisor");
    streams_close_others(activation_end());
    log_join_journal(&s.log);
    return run(&s, path, NULL);
}

/* Until there is another configuration. What a rehearsal has to say is for who wants to know. */
static void take_log(struct log *log, const struct takeover *t)
{
    const struct handover *h = &t->was;
    log_init(log, t->rehearsal ? "rehearsal" : "supervisor");
    log->level = t->rehearsal ? LOG_LEVEL_WARN : h->log_level;
    if (t->rehearsal)
        return;
    log->format = h->log_format;
    log_redirect(log, h->log_target, h->log >= 0 ? h->log : STDERR_FILENO);
    log_join_journal(log);
}

int supervisor_take_over(const char *path, int state, bool back)
{
    static struct supervisor s;
    static struct takeover t;
    struct err e;
    if (takeover_begin(&t, state, back, &e) != 0) {
        takeover_fail(&t, e.text);
        return cannot_start(&e);
    }
    if (t.rehearsal)
        unsetenv("NOTIFY_SOCKET");
    take_log(&s.log, &t);
    return run(&s, path, &t);
}
