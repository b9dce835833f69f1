#include "proxy/supervisor/supervisor.h"
#include "proxy/supervisor/notify.h"
#include "proxy/supervisor/reload.h"
#include "proxy/supervisor/renewal.h"
#include "proxy/supervisor/status.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* Workers that were told to stop have this long to take their leave. */
#define STOP_MS 5000

/* How often a draining daemon looks whether the last session has ended. */
#define DRAIN_POLL_MS 50

const struct generation *supervisor_current(const struct supervisor *s)
{
    return s->fleet.current.generation;
}

/* ---- the log ---- */

void supervisor_redirect_log(struct supervisor *s, const struct config *c, int fd)
{
    log_redirect(&s->log, c->log_target, fd);
    fleet_send_log(&s->fleet);
}

static void reopen_log(struct supervisor *s)
{
    struct err e;
    const struct generation *g = supervisor_current(s);
    if (g == NULL)
        return;
    int fd = log_open_target(g->config, &e);
    if (fd < 0) {
        log_event(&s->log, LOG_LEVEL_ERROR, "log-reopen", "%s; logging goes on as before", e.text);
        return;
    }
    supervisor_redirect_log(s, g->config, fd);
    log_event(&s->log, LOG_LEVEL_INFO, "log-reopen", "the log was reopened");
}

/* ---- ending ---- */

static void killed_by_limit(uv_timer_t *timer)
{
    struct supervisor *s = timer->data;
    for (unsigned i = 0; i < s->fleet.highest; i++)
        if (s->fleet.members[i]->life != FLEET_NONE)
            uv_process_kill(&s->fleet.members[i]->process, SIGKILL);
}

static void stop(struct supervisor *s)
{
    if (s->phase == SUPERVISOR_STOPPING)
        return;
    s->phase = SUPERVISOR_STOPPING;
    reload_cancel(s);
    uv_timer_start(&s->limit, killed_by_limit, STOP_MS, 0);
    fleet_end(&s->fleet, IPC_STOP);
}

void supervisor_fail(struct supervisor *s, int status)
{
    s->exit_status = status;
    stop(s);
}

static void drained_long_enough(uv_timer_t *timer)
{
    struct supervisor *s = timer->data;
    log_event(&s->log, LOG_LEVEL_WARN, "drain-timeout", "sessions are still open; closing them");
    stop(s);
}

/* Workers stay until the last one's last session has ended: the kernel deals newcomers to all of
 * them, and each newcomer is to hear a refusal. Those do not count as active. */
static void drain_poll(uv_timer_t *timer)
{
    struct supervisor *s = timer->data;
    uint64_t active = 0;
    for (unsigned i = 0; i < s->fleet.highest; i++)
        active += fleet_active(&s->fleet, i);
    if (active == 0 && s->phase == SUPERVISOR_DRAINING)
        stop(s);
}

/* `limit` in milliseconds; 0: as long as it takes. */
static void drain(struct supervisor *s, unsigned limit)
{
    if (s->phase >= SUPERVISOR_DRAINING)
        return;
    s->phase = SUPERVISOR_DRAINING;
    reload_cancel(s);
    notify_stopping();
    log_event(&s->log, LOG_LEVEL_INFO, "draining",
              "newcomers are refused; the daemon ends with its last session");
    if (limit > 0)
        uv_timer_start(&s->limit, drained_long_enough, limit, 0);
    fleet_end(&s->fleet, IPC_DRAIN);
    uv_timer_start(&s->drained, drain_poll, DRAIN_POLL_MS, DRAIN_POLL_MS);
}

/* ---- signals ---- */

static void on_term(struct supervisor *s)
{
    if (s->phase >= SUPERVISOR_DRAINING || supervisor_current(s) == NULL)
        stop(s);
    else
        drain(s, supervisor_current(s)->config->drain_timeout);
}

static void on_quit(struct supervisor *s)
{
    drain(s, 0);
}

static void on_hup(struct supervisor *s)
{
    if (s->phase == SUPERVISOR_RUNNING || s->phase == SUPERVISOR_STARTING)
        reload_request(s, NULL);
    else
        log_event(&s->log, LOG_LEVEL_WARN, "reload-refused", "the daemon is going down");
}

static const struct {
    int number;
    void (*act)(struct supervisor *s);
} actions[SUPERVISOR_SIGNALS] = {
    {SIGHUP, on_hup},   {SIGTERM, on_term},    {SIGINT, on_term},
    {SIGQUIT, on_quit}, {SIGUSR1, reopen_log}, {SIGUSR2, status_log},
};

static void signal_came(uv_signal_t *handle, int number)
{
    for (size_t i = 0; i < SUPERVISOR_SIGNALS; i++)
        if (actions[i].number == number)
            actions[i].act(handle->data);
}

/* ---- events from the parts ---- */

static void on_prepared(void *arg, uint32_t number)
{
    reload_prepared(arg, number);
}

static void on_refused(void *arg, uint32_t number, const char *why)
{
    reload_refused(arg, number, why);
}

static void on_committed(void *arg, uint32_t number)
{
    reload_committed(arg, number);
}

static void on_gone(void *arg)
{
    struct supervisor *s = arg;
    if (s->phase == SUPERVISOR_STOPPING || s->phase == SUPERVISOR_DRAINING)
        log_event(&s->log, LOG_LEVEL_INFO, "stopped", "the last worker has ended");
    uv_stop(&s->loop);
}

static const struct fleet_events fleet_events = {on_prepared, on_refused, on_committed, on_gone};

static void names_changed(void *arg)
{
    struct supervisor *s = arg;
    if (s->fleet.current.number != 0 && s->phase < SUPERVISOR_STOPPING)
        fleet_send_addresses(&s->fleet);
}

static void names_settled(void *arg)
{
    reload_settled(arg);
}

static void name_failed(void *arg, const char *name, const char *why)
{
    struct supervisor *s = arg;
    log_event(&s->log, LOG_LEVEL_WARN, "resolve-failed", "upstream %s: %s", name, why);
}

static const struct resolver_events resolver_events = {names_changed, names_settled, name_failed};

static void on_request(void *arg, struct control_request *request, const char *line)
{
    struct supervisor *s = arg;
    struct buf text;
    int status = 0;
    buf_init(&text, (size_t)16 << 20);
    if (strcmp(line, "reload") == 0 && s->phase < SUPERVISOR_DRAINING) {
        reload_request(s, request);
        return;
    }
    if (strcmp(line, "status") == 0) {
        status_text(s, &text);
    } else if (strcmp(line, "status json") == 0) {
        status_json(s, &text);
    } else if (strcmp(line, "serving") == 0) {
        status_serving(s, &text);
    } else if (strcmp(line, "reload") == 0) {
        status = 1;
        buf_puts(&text, "reload refused: the daemon is going down\n");
    } else {
        status = 2;
        buf_puts(&text, "the daemon does not know this request; it may be of another version\n");
    }
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
        return "name another path with `control = PATH`, in a folder that is there";
    }
}

int supervisor_open_control(struct supervisor *s, const struct config *c, struct diags *d)
{
    struct err e;
    if (s->control == NULL)
        s->control = control_new(&s->loop, c->control, on_request, s, &e);
    if (s->control == NULL)
        diag_add(d, DIAG_ERROR, &c->control_at, cure_for_control(errno), "%s", e.text);
    return s->control != NULL ? 0 : -1;
}

/* ---- ticket keys ---- */

static void rotate_tickets(uv_timer_t *timer);

/* Make the keys of now, and see to it that they are made anew in time. */
static int make_ticket_keys(struct supervisor *s, struct err *e)
{
    const time_t now = time(NULL);
    const uint64_t left = TLS_TICKET_PERIOD - (uint64_t)now % TLS_TICKET_PERIOD;
    uv_timer_start(&s->rotate, rotate_tickets,
                   (s->tickets_shared ? left : TLS_TICKET_PERIOD) * 1000, 0);
    if (s->tickets_shared)
        return tls_ticket_keys_derive(&s->fleet.tickets, s->ticket_secret, now, e);
    return tls_ticket_keys_rotate(&s->fleet.tickets, e);
}

static void rotate_tickets(uv_timer_t *timer)
{
    struct supervisor *s = timer->data;
    struct err e;
    if (make_ticket_keys(s, &e) != 0)
        log_event(&s->log, LOG_LEVEL_ERROR, "ticket-keys", "%s; the old keys stay", e.text);
    else
        fleet_send_tickets(&s->fleet);
}

void supervisor_share_tickets(struct supervisor *s, const uint8_t *secret)
{
    const bool shared = secret != NULL;
    if (shared == s->tickets_shared &&
        (!shared || memcmp(s->ticket_secret, secret, sizeof s->ticket_secret) == 0))
        return;
    s->tickets_shared = shared;
    if (shared)
        memcpy(s->ticket_secret, secret, sizeof s->ticket_secret);
    else
        explicit_bzero(s->ticket_secret, sizeof s->ticket_secret);
    rotate_tickets(&s->rotate);
}

/* ---- start ---- */

static int supervisor_init(struct supervisor *s, struct err *e)
{
    struct fleet *f = &s->fleet;
    if (access("/proc/self/exe", X_OK) != 0)
        return err_set(e,
                       "/proc is not there, and without it workers cannot be started; cure: mount "
                       "-t proc proc /proc");
    if (getrandom(f->seed, sizeof f->seed, 0) != sizeof f->seed)
        return err_set(e, "no random numbers: %s", strerror(errno));
    if (tls_init(e) != 0 || tls_ticket_keys_rotate(&f->tickets, e) != 0)
        return -1;
    s->resolver = resolver_new(&s->loop, &resolver_events, s);
    f->resolver = s->resolver;
    return s->resolver == NULL ? err_set(e, "out of memory") : 0;
}

static void supervisor_watch(struct supervisor *s)
{
    s->fleet = (struct fleet){.loop = &s->loop,
                              .log = &s->log,
                              .events = &fleet_events,
                              .arg = s,
                              .listeners = &s->listeners};
    fleet_init(&s->fleet);
    uv_timer_init(&s->loop, &s->rotate);
    uv_timer_init(&s->loop, &s->limit);
    uv_timer_init(&s->loop, &s->drained);
    uv_timer_init(&s->loop, &s->reload.timer);
    s->rotate.data = s->limit.data = s->drained.data = s->reload.timer.data = s;
    uv_timer_start(&s->rotate, rotate_tickets, (uint64_t)TLS_TICKET_PERIOD * 1000, 0);
    for (size_t i = 0; i < SUPERVISOR_SIGNALS; i++) {
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
static void supervisor_wind_down(struct supervisor *s)
{
    control_close(s->control);
    resolver_close(s->resolver);
    fleet_close(&s->fleet);
    renewal_close(s);
    uv_close((uv_handle_t *)&s->rotate, NULL);
    uv_close((uv_handle_t *)&s->limit, NULL);
    uv_close((uv_handle_t *)&s->drained, NULL);
    uv_close((uv_handle_t *)&s->reload.timer, NULL);
    for (size_t i = 0; i < SUPERVISOR_SIGNALS; i++)
        uv_close((uv_handle_t *)&s->signals[i], NULL);
    while (uv_run(&s->loop, UV_RUN_DEFAULT) != 0)
        continue;
    uv_walk(&s->loop, close_handle, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);

    listeners_close(&s->listeners);
    loaded_free(&s->reload.loaded);
    plan_clear(&s->reload.plan);
    diags_free(&s->reload.findings);
    buf_free(&s->reload.changes);
    route_slots_free(&s->slots);
    fleet_free(&s->fleet);
    explicit_bzero(s->ticket_secret, sizeof s->ticket_secret);
    log_close(&s->log);
}

int supervisor_run(const char *path)
{
    static struct supervisor s;
    struct err e;
    s.path = path;
    s.started = time(NULL);
    s.reload.log_fd = -1;
    log_init(&s.log, "supervisor");
    signal(SIGPIPE, SIG_IGN);
    privileges_hide_memory();
    privileges_raise_files();
    uv_loop_init(&s.loop);
    supervisor_watch(&s);

    if (renewal_init(&s, &e) != 0 || supervisor_init(&s, &e) != 0) {
        fprintf(stderr, "tlsfront: %s\n", e.text);
        s.exit_status = 1;
    } else {
        s.exit_status = reload_first(&s);
    }
    if (s.exit_status == 0)
        uv_run(&s.loop, UV_RUN_DEFAULT);
    else
        fleet_end(&s.fleet, IPC_STOP);
    supervisor_wind_down(&s);
    return s.exit_status;
}
