#include "proxy/supervisor/supervisor.h"
#include "config/confined.h"
#include "proxy/base/date.h"
#include "proxy/base/environment.h"
#include "proxy/base/exits.h"
#include "proxy/base/machine.h"
#include "proxy/base/streams.h"
#include "proxy/supervisor/last_good.h"
#include "proxy/supervisor/notify.h"
#include "proxy/supervisor/observer.h"
#include "proxy/supervisor/orders.h"
#include "proxy/supervisor/reload.h"
#include "proxy/supervisor/renewal.h"
#include "proxy/supervisor/status.h"
#include "proxy/supervisor/succession.h"
#include "proxy/supervisor/tickets.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include <unistd.h>

/* Workers that were told to stop have this long to take their leave. */
#define STOP_MS 5000

/* The last fifth of a drain's time is for ending what is left. */
enum { LAST_PART = 5 };

/* How often a draining daemon looks whether the last session has ended. */
#define DRAIN_POLL_MS 50

/* So long may a new binary rehearse, and then take over, and a bit more where much is to be loaded;
 * both, and the way back, fit into the minute that callers wait. */
#define UPGRADE_MS 20000

/* LEAVING: on its way to the end, but still serving newcomers, until balancers have noticed. */
enum phase { PHASE_STARTING, PHASE_RUNNING, PHASE_LEAVING, PHASE_DRAINING, PHASE_STOPPING };

enum { SIGNALS = 7 };

static const char kept_words[] = "the configuration has errors; the last accepted one is served";
static const char going_down[] = "the daemon is going down";

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
static const struct generation *current(const struct supervisor *s)
{
    return s->workers.current.generation;
}

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
    const struct generation *g = current(s);
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

/* ---- ending ---- */

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

static void stop(struct supervisor *s)
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
    stop(s);
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
        stop(s);
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
    const bool reset = current(s)->config->drain_newcomers == DRAIN_RESET;
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
    const unsigned delay = current(s)->config->drain_delay;
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

/* ---- status ---- */

static struct status status_of(const struct supervisor *s)
{
    static const char *const states[] = {"starting", "running", "draining", "draining", "stopping"};
    return (struct status){.state = states[s->phase],
                           .ready = s->phase == PHASE_RUNNING && !s->unwanted,
                           .unwanted = s->phase == PHASE_RUNNING && s->unwanted,
                           .started = s->succession.started,
                           .workers = &s->workers,
                           .veterans = &s->veterans,
                           .resolver = resolver_process(s->resolver),
                           .observer = &s->observer.child,
                           .sandbox = &s->confinement.state,
                           .reloads = &s->outcomes,
                           .tickets = &s->tickets.files,
                           .findings = &s->findings,
                           .kept = s->kept,
                           .fingerprints = &s->fingerprints};
}

static void fill_snapshot(void *arg, struct snapshot_writer *w)
{
    const struct supervisor *s = arg;
    const struct status status = status_of(s);
    status_snapshot(&status, w);
}

/* ---- signals ---- */

/* Before this image has taken over there is nobody who could take leave of the clients. */
static bool is_early(const struct supervisor *s)
{
    return !succession_is_over(&s->succession) && !succession_rehearses(&s->succession);
}

static void on_term(struct supervisor *s)
{
    if (is_early(s))
        s->leave = true;
    else if (s->phase >= PHASE_LEAVING || current(s) == NULL)
        stop(s);
    else
        leave(s, current(s)->config->drain_timeout);
}

static void on_quit(struct supervisor *s)
{
    if (is_early(s))
        s->leave = true;
    else if (s->phase < PHASE_LEAVING && current(s) != NULL)
        leave(s, 0);
    else if (s->phase < PHASE_LEAVING)
        stop(s);
}

static void on_hup(struct supervisor *s)
{
    if (s->phase == PHASE_RUNNING || s->phase == PHASE_STARTING)
        reload_request(&s->reload, NULL);
    else
        log_event(&s->log, LOG_LEVEL_WARN, "reload-refused", "%s", going_down);
}

static void on_usr2(struct supervisor *s)
{
    const struct status status = status_of(s);
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
    {SIGHUP, on_hup},      {SIGTERM, on_term}, {SIGINT, on_term},   {SIGQUIT, on_quit},
    {SIGUSR1, reopen_log}, {SIGUSR2, on_usr2}, {SIGCHLD, on_child},
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

/* ---- the control socket ---- */

static int answer_reload(struct supervisor *s, struct buf *text)
{
    (void)s;
    buf_printf(text, "reload refused: %s\n", going_down);
    return EXIT_RUNTIME;
}

static int answer_upgrade(struct supervisor *s, struct buf *text)
{
    buf_printf(text, "upgrade refused: %s\n",
               is_early(s) ? "another one is under way" : going_down);
    return EXIT_RUNTIME;
}

static int answer_status(struct supervisor *s, struct buf *text)
{
    const struct status facts = status_of(s);
    status_text(&facts, text);
    return 0;
}

static int answer_status_table(struct supervisor *s, struct buf *text)
{
    const struct status facts = status_of(s);
    status_cells(&facts, text);
    return 0;
}

static int answer_status_json(struct supervisor *s, struct buf *text)
{
    const struct status facts = status_of(s);
    status_json(&facts, text);
    return 0;
}

static int answer_serving(struct supervisor *s, struct buf *text)
{
    const struct status facts = status_of(s);
    status_serving(&facts, text);
    return 0;
}

/* For one that would take our place. */
static int answer_identity(struct supervisor *s, struct buf *text)
{
    char since[DATE_TEXT_SIZE], *whole = realpath(s->reload.with.path, NULL);
    date_text(s->succession.started, since);
    buf_printf(text, "since %s with %s\n", since, whole != NULL ? whole : s->reload.with.path);
    free(whole);
    return 0;
}

static int answer_reload_state(struct supervisor *s, struct buf *text)
{
    reload_describe(&s->reload, text);
    return 0;
}

static int answer_ready(struct supervisor *s, struct buf *text)
{
    const struct status facts = status_of(s);
    if (facts.ready)
        buf_puts(text, "ready\n");
    else if (facts.unwanted)
        buf_puts(text, "not ready: `tlsfront drain` has said so\n");
    else
        buf_printf(text, "not ready: the daemon is %s\n", facts.state);
    return facts.ready ? 0 : EXIT_RUNTIME;
}

static int refuse_drain(const struct supervisor *s, struct buf *text)
{
    buf_printf(text, "drain refused: %s\n",
               s->phase == PHASE_STARTING ? "the daemon is starting" : going_down);
    return EXIT_RUNTIME;
}

static int set_unwanted(struct supervisor *s, bool unwanted, const char *words, struct buf *text)
{
    if (s->phase != PHASE_RUNNING)
        return refuse_drain(s, text);
    s->unwanted = unwanted;
    log_event(&s->log, LOG_LEVEL_INFO, s->unwanted ? "not-ready" : "ready", "%s", words);
    observer_changed(&s->observer);
    notify_status(words);
    buf_printf(text, "%s\n", words);
    return 0;
}

/* Said once, newcomers are not wanted; said again, they are. */
static int answer_drain(struct supervisor *s, struct buf *text)
{
    return set_unwanted(s, !s->unwanted,
                        s->unwanted
                            ? "ready again"
                            : "not ready any more, still serving; a second drain takes it back",
                        text);
}

/* These may be said again: who asks wants to know that it is so. */
static int answer_drain_on(struct supervisor *s, struct buf *text)
{
    if (s->phase > PHASE_RUNNING || s->unwanted) {
        buf_printf(text, "not ready, as it was: %s\n",
                   s->phase > PHASE_RUNNING ? going_down : "drain off takes it back");
        return 0;
    }
    return set_unwanted(s, true, "not ready any more, still serving; drain off takes it back",
                        text);
}

static int answer_drain_off(struct supervisor *s, struct buf *text)
{
    if (s->phase != PHASE_RUNNING || s->unwanted)
        return set_unwanted(s, false, "ready again", text);
    buf_puts(text, "ready, as it was\n");
    return 0;
}

static int answer_unknown(struct supervisor *s, struct buf *text)
{
    (void)s;
    buf_puts(text, "the daemon does not know this request; it may be of another version\n");
    return EXIT_USAGE;
}

static const struct answer {
    const char *request;
    int (*answer)(struct supervisor *s, struct buf *text);
} answers[] = {
    {"reload", answer_reload},
    {"reload journal", answer_reload},
    {"upgrade", answer_upgrade},
    {"status", answer_status},
    {"status json", answer_status_json},
    {"status table", answer_status_table},
    {"serving", answer_serving},
    {"ready", answer_ready},
    {"drain", answer_drain},
    {"drain on", answer_drain_on},
    {"drain off", answer_drain_off},
    {"identity", answer_identity},
    {"reload state", answer_reload_state},
    {NULL, answer_unknown},
};

/* Syslog is read by the journal, too. */
static bool logs_to_journal(const struct supervisor *s)
{
    return s->log.target == LOG_TARGET_SYSLOG || s->log.target == LOG_TARGET_JOURNAL ||
           (s->log.target == LOG_TARGET_STDERR && s->log.stream);
}

static void begin_upgrade(struct supervisor *s, struct control_request *request)
{
    upgrade_request(&s->succession.upgrade, request,
                    (uint32_t)(workers_timeout(&s->workers, UPGRADE_MS) / 1000));
}

static void on_request(void *arg, struct control_request *request, const char *line)
{
    struct supervisor *s = arg;
    struct buf text;
    const struct answer *a = answers;
    const bool journal = strcmp(line, "reload journal") == 0;
    if ((journal || strcmp(line, "reload") == 0) && s->phase < PHASE_LEAVING) {
        if (journal && logs_to_journal(s))
            reload_request_brief(&s->reload, request);
        else
            reload_request(&s->reload, request);
        return;
    }
    if (strcmp(line, "upgrade") == 0 && s->phase < PHASE_LEAVING && !is_early(s)) {
        begin_upgrade(s, request);
        return;
    }
    while (a->request != NULL && strcmp(a->request, line) != 0)
        a++;
    buf_init(&text, (size_t)16 << 20);
    const int status = a->answer(s, &text);
    control_answer(request, status, &text);
    buf_free(&text);
}

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

static bool is_same_file(const char *a, const char *b)
{
    char *whole_a = realpath(a, NULL), *whole_b = realpath(b, NULL);
    const bool same =
        strcmp(a, b) == 0 || (whole_a != NULL && whole_b != NULL && strcmp(whole_a, whole_b) == 0);
    free(whole_a);
    free(whole_b);
    return same;
}

/* Another daemon with the same STATE keeps its own there. */
static bool is_kept_for(const struct supervisor *s, const struct bundle *kept)
{
    return bundle_count(kept) > 0 && is_same_file(bundle_at(kept, 0)->path, s->reload.with.path);
}

static void drop_kept(const struct supervisor *s, const char *state)
{
    struct err ignored;
    time_t when;
    struct bundle *b = last_good_find(state, &when, &ignored);
    if (b == NULL || is_kept_for(s, b))
        last_good_drop(state);
    bundle_free(b);
}

/* What is kept is not what is wanted any more, or there has to be a place for it. */
static int claim_keeping(struct supervisor *s, const struct config *c, struct diags *d)
{
    struct err e;
    if (c->start_with == START_WITH_CONFIGURATION && s->phase == PHASE_STARTING)
        drop_kept(s, c->state);
    if (c->start_with == START_WITH_CONFIGURATION || last_good_prepare(c->state, &e) == 0)
        return 0;
    diag_add(d, DIAG_ERROR, &c->start_with_at, err_cure_or(&e, NULL), "start-with = last-good: %s",
             e.text);
    return -1;
}

/* A reload needs it too: at the next start it would be missed. */
static int claim(void *arg, const struct config *c, struct diags *d)
{
    struct supervisor *s = arg;
    struct err e;
    if (succession_rehearses(&s->succession))
        return 0; /* it is the daemon's */
    if (s->control == NULL)
        s->control = control_new(&s->loop, c->control, on_request, s, &e);
    if (s->control == NULL)
        diag_add(d, DIAG_ERROR, &c->control_at,
                 confined_cure(errno, c->control, cure_for_control(errno)), "%s", e.text);
    else if (strcmp(control_path(s->control), c->control) != 0)
        diag_add(d, DIAG_WARNING, &c->control_at, "restart the daemon",
                 "`control` has changed; it stays %s until a restart", control_path(s->control));
    if (s->control != NULL && claim_keeping(s, c, d) != 0)
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

/* For a start at which FILE does not pass. What was kept already is served just so. */
static void keep(struct supervisor *s, const struct config *c)
{
    struct err e;
    if (c->start_with == START_WITH_CONFIGURATION)
        drop_kept(s, c->state);
    else if (s->kept == 0 && last_good_keep(c->state, s->workers.next.whole, time(NULL), &e) != 0)
        log_event(&s->log, LOG_LEVEL_ERROR, "last-good",
                  "this configuration is not kept for a start: %s", e.text);
}

/* Nobody must take it for what FILE says. */
static void tell_kept(struct supervisor *s)
{
    char since[DATE_TEXT_SIZE], first[DIAG_TEXT_MAX] = "";
    date_text(s->kept, since);
    for (size_t i = s->findings.count; i-- > 0;)
        if (s->findings.items[i].severity == DIAG_ERROR)
            diag_format(&s->findings.items[i], first, sizeof first);
    first[strcspn(first, "\n")] = '\0';
    log_event(&s->log, LOG_LEVEL_ERROR, "last-good",
              "%s does not pass; what was accepted on %s is served: %s", s->reload.with.path, since,
              first);
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
        tell_kept(s);
    keep(s, g->config);
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
    stop(s);
}

static void succeeded(struct supervisor *s, const char *outcome)
{
    succession_complete(&s->succession, outcome);
    observer_begin(&s->observer);
    if (s->leave)
        on_term(s);
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
        notify_ready(s->kept == 0 ? outcome->text : kept_words);
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
    s->succession =
        (struct succession){.loop = &s->loop,
                            .estate = {&s->log, &s->workers, &s->veterans, &s->archive,
                                       &s->listeners, s->resolver, &s->reload, &s->tickets,
                                       &s->confinement, &s->activation, &s->observer, &s->control},
                            .configuration = path,
                            .on_request = on_request,
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

/* Where FILE does not pass. 0: what was kept is under way; else the exit status. */
static int begin_with_kept(struct supervisor *s, struct buf *said)
{
    struct err e = {.text = ""};
    char *state = config_state_path(s->reload.with.path);
    struct bundle *b = state != NULL ? last_good_find(state, &s->kept, &e) : NULL;
    free(state);
    if (b != NULL && !is_kept_for(s, b)) {
        err_set(&e, "it is that of \"%s\"; each daemon needs a `state` of its own",
                bundle_at(b, 0)->path);
        bundle_free(b);
        b = NULL;
        s->kept = 0;
    }
    if (b == NULL && e.text[0] != '\0')
        buf_printf(said, "tlsfront: nor can the last accepted configuration be used: %s\n", e.text);
    if (b == NULL)
        return EXIT_CONFIGURATION;
    s->findings = reload_forget_first(&s->reload);
    outcomes_add(&s->outcomes, false, kept_words, time(NULL));
    buf_printf(said, "tlsfront: %s\n", kept_words);
    const int status = reload_first_with(&s->reload, b, said);
    return status == 0 ? 0 : EXIT_CONFIGURATION;
}

/* The first configuration. 0: it is under way; else the exit status, and standard error has the
 * reason. */
static int begin(struct supervisor *s)
{
    struct buf said;
    buf_init(&said, (size_t)1 << 20);
    int status = succession_begin(&s->succession, &said);
    if (status == EXIT_CONFIGURATION && succession_is_over(&s->succession))
        status = begin_with_kept(s, &said);
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
