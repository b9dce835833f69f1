/* workers.c - see workers.h. What is said to a worker is in orders.c. */
#include "proxy/supervisor/workers.h"
#include "proxy/supervisor/orders.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A worker that dies within this time of its start is in trouble; after some in a row the next one
 * waits, so that a fault that needs no client does not keep a processor busy. */
#define QUICK_DEATH_MS  2000
#define QUICK_DEATHS    3
#define RESPAWN_WAIT_MS 1000

/* Workers are asked so often whether they are alive. The longest that one does without looking is
 * loading a generation, which takes milliseconds, or seconds where there are thousands of keys. */
#define PULSE_MS 5000
#define HUNG_MS  20000

static void worker_start(struct worker *w);

/* ---- counting ---- */

static void for_each(struct workers *ws, void (*dialogue)(struct worker *w))
{
    for (unsigned i = 0; i < ws->count; i++)
        if (ws->items[i]->life != WORKER_NONE)
            dialogue(ws->items[i]);
}

static bool is_late(const struct worker *w, uint32_t number, bool committed)
{
    return w->life == WORKER_RUNNING && (committed ? w->committed : w->prepared) < number;
}

static bool all_at(const struct workers *ws, uint32_t number, bool committed)
{
    for (unsigned i = 0; i < ws->count; i++) {
        const struct worker *w = ws->items[i];
        if ((w->respawning && w->life == WORKER_NONE) || is_late(w, number, committed))
            return false;
    }
    return true;
}

bool workers_all_prepared(const struct workers *ws, uint32_t number)
{
    return all_at(ws, number, false);
}

bool workers_all_committed(const struct workers *ws, uint32_t number)
{
    return all_at(ws, number, true);
}

unsigned workers_alive(const struct workers *ws)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ws->count; i++)
        n += ws->items[i]->life != WORKER_NONE;
    return n;
}

uint64_t workers_active(const struct workers *ws, unsigned worker)
{
    const struct worker_counters *part = counters_of(&ws->all, worker);
    uint64_t n = 0;
    for (unsigned i = 0; i < ROUTE_SLOTS; i++)
        n += counter_get(&part->route[i].active);
    return n;
}

/* ---- what workers send ---- */

/* Its end is reported by the process handle, and its successor begins then. */
static void replace(struct worker *w, const char *event, const char *why)
{
    uv_poll_stop(&w->poll);
    log_event(w->all->log, LOG_LEVEL_ERROR, event, "worker %u %s and is replaced", w->index, why);
    uv_process_kill(&w->process, SIGKILL);
}

/* It could not load what the others run, for want of memory: perhaps its successor can. */
static void refused_current(struct worker *w, const char *reason)
{
    char why[1200];
    snprintf(why, sizeof why, "cannot serve (%s)", reason);
    replace(w, "worker-failed", why);
}

static bool on_prepared(struct worker *w, const struct ipc_message *message)
{
    struct workers *ws = w->all;
    const uint32_t number = message->generation;
    if (message->size != 0 || number > w->told)
        return false;
    w->prepared = number;
    if (number == ws->next.number && workers_all_prepared(ws, number))
        ws->events->prepared(ws->arg, number);
    return true;
}

static bool on_refused(struct worker *w, const struct ipc_message *message)
{
    char why[1024];
    struct workers *ws = w->all;
    const uint32_t number = message->generation;
    if (!ipc_take_text(message, why, sizeof why) || number > w->told)
        return false;
    if (number == ws->current.number)
        refused_current(w, why);
    else
        ws->events->refused(ws->arg, number, why);
    return true;
}

static bool on_committed(struct worker *w, const struct ipc_message *message)
{
    struct workers *ws = w->all;
    const uint32_t number = message->generation;
    if (message->size != 0 || number > ws->current.number)
        return false;
    w->committed = number;
    if (number == ws->current.number && workers_all_committed(ws, number))
        ws->events->committed(ws->arg, number);
    return true;
}

/* Its successors and siblings lack the same, so one line will do. */
static void warn_of_lack(struct workers *ws, const struct sandbox_state *state)
{
    char text[512];
    if (!sandbox_lack(state, "workers", text, sizeof text) ||
        memcmp(state, &ws->lacking, sizeof *state) == 0)
        return;
    ws->lacking = *state;
    log_event(ws->log, LOG_LEVEL_WARN, "sandbox", "%s; `sandbox = off` if it is to be so", text);
}

static bool on_sandbox(struct worker *w, const struct ipc_message *message)
{
    struct sandbox_state state;
    if (w->sandbox_told || !ipc_take(message, &state, sizeof state) || !sandbox_plausible(&state))
        return false;
    w->sandbox = state;
    w->sandbox_told = true;
    warn_of_lack(w->all, &state);
    return true;
}

static bool on_query(struct worker *w, const struct ipc_message *message)
{
    struct ipc_challenge_query query;
    if (!ipc_take(message, &query, sizeof query) ||
        memchr(query.name, '\0', sizeof query.name) == NULL)
        return false;
    orders_answer(w, &query);
    return true;
}

/* False: no worker says that. */
static bool on_message(struct worker *w, const struct ipc_message *message)
{
    switch (message->type) {
    case IPC_PREPARED:
        return on_prepared(w, message);
    case IPC_REFUSED:
        return on_refused(w, message);
    case IPC_COMMITTED:
        return on_committed(w, message);
    case IPC_SANDBOX:
        return on_sandbox(w, message);
    case IPC_CHALLENGE_QUERY:
        return on_query(w, message);
    case IPC_PONG:
        w->pings = 0;
        return message->size == 0;
    case IPC_HELLO:
    case IPC_COUNTERS:
    case IPC_LOG:
    case IPC_TICKETS:
    case IPC_PREPARE:
    case IPC_LISTENERS:
    case IPC_ADDRESSES:
    case IPC_READY:
    case IPC_COMMIT:
    case IPC_ABORT:
    case IPC_DRAIN:
    case IPC_RETIRE:
    case IPC_STOP:
    case IPC_CHALLENGE_ANSWER:
    case IPC_PING:
        break;
    }
    return false;
}

/* Without its descriptor a worker is of no use, whether it lives or not. */
static void lost_contact(struct worker *w)
{
    uv_poll_stop(&w->poll);
    uv_process_kill(&w->process, SIGKILL);
}

static void ipc_ready(uv_poll_t *poll, int status, int events)
{
    static struct ipc_message message; /* large; one thread */
    struct worker *w = poll->data;
    (void)status;
    (void)events;
    const int got = ipc_receive(w->ipc, &message);
    const bool sense =
        got == 1 ? message.fd_count == 0 && on_message(w, &message) : got == 0 || errno != EPROTO;
    if (got == 1)
        ipc_close_fds(&message);
    if (!sense)
        replace(w, "worker-nonsense", "has sent what no worker sends");
    else if (got < 0)
        lost_contact(w);
}

/* ---- life ---- */

uint64_t workers_timeout(const struct workers *ws, uint64_t usual_ms)
{
    enum { HOW_MUCH_SLOWER = 4 };
    return usual_ms + HOW_MUCH_SLOWER * ws->load_ms;
}

static void check_pulse(struct worker *w)
{
    if (w->pings * (uint64_t)PULSE_MS >= workers_timeout(w->all, HUNG_MS)) {
        replace(w, "worker-hung", "has not moved for a long time");
        return;
    }
    w->pings++;
    orders_send(w, IPC_PING, 0);
}

static void pulse(uv_timer_t *timer)
{
    struct workers *ws = timer->data;
    for (unsigned i = 0; i < ws->count; i++)
        if (ws->items[i]->life != WORKER_NONE)
            check_pulse(ws->items[i]);
}

void workers_init(struct workers *ws)
{
    uv_timer_init(ws->loop, &ws->pulse);
    ws->pulse.data = ws;
    uv_timer_start(&ws->pulse, pulse, PULSE_MS, PULSE_MS);
}

void workers_replace_late(struct workers *ws, uint32_t number, bool committed)
{
    for (unsigned i = 0; i < ws->count; i++)
        if (is_late(ws->items[i], number, committed))
            replace(ws->items[i], "worker-late",
                    committed ? "has not taken over the new generation"
                              : "has not loaded the new generation");
}

/* ---- death ---- */

static void start_again(struct worker *w)
{
    if (w->respawning && w->closing == 0 && !uv_is_active((uv_handle_t *)&w->respawn))
        worker_start(w);
}

static void handle_closed(uv_handle_t *handle)
{
    struct worker *w = handle->data;
    w->closing--;
    start_again(w);
}

static void respawn_due(uv_timer_t *timer)
{
    start_again(timer->data);
}

/* Either somebody has taken a worker over, or a library makes a call that we did not know of. */
static void explain_signal(const struct worker *w, int signal)
{
    if (signal == SIGSYS)
        log_event(w->all->log, LOG_LEVEL_ERROR, "sandbox",
                  "worker %u made a system call that its sandbox forbids; the kernel's log has its "
                  "number (journalctl -k -g type=1326): please report it; until then, `sandbox = "
                  "off` and a restart let it pass",
                  w->index);
}

static void log_death(struct worker *w, int64_t status, int signal)
{
    struct log *l = w->all->log;
    if (w->all->ending || w->life == WORKER_RETIRING)
        log_event(l, LOG_LEVEL_DEBUG, "worker-end", "worker %u has ended", w->index);
    else if (signal != 0)
        log_event(
            l, LOG_LEVEL_ERROR, "worker-died",
            "worker %u (pid %d) was killed by signal %d (%s); its sessions are lost, a new one "
            "starts",
            w->index, w->process.pid, signal, strsignal(signal));
    else
        log_event(l, LOG_LEVEL_ERROR, "worker-died",
                  "worker %u (pid %d) ended with status %d; a new one starts", w->index,
                  w->process.pid, (int)status);
}

static void respawn_later(struct worker *w)
{
    const bool quick = uv_now(w->all->loop) - w->started < QUICK_DEATH_MS;
    w->quick_deaths = quick ? w->quick_deaths + 1 : 0;
    w->restarts++;
    w->respawning = true;
    if (w->quick_deaths > QUICK_DEATHS)
        uv_timer_start(&w->respawn, respawn_due, RESPAWN_WAIT_MS, 0);
}

static void process_ended(uv_process_t *process, int64_t status, int signal)
{
    struct worker *w = process->data;
    struct workers *ws = w->all;
    const bool replace = w->life == WORKER_RUNNING && !ws->ending;
    log_death(w, status, signal);
    explain_signal(w, signal);
    counters_clear_presence(counters_of(&ws->all, w->index));
    w->life = WORKER_NONE;
    if (replace)
        respawn_later(w);
    w->closing = 2;
    uv_close((uv_handle_t *)&w->poll, handle_closed);
    uv_close((uv_handle_t *)&w->process, handle_closed);
    close(w->ipc);

    if (ws->ending && workers_alive(ws) == 0)
        ws->events->gone(ws->arg);
}

/* ---- birth ---- */

/* A worker needs nothing of it, and it may hold what is none of its business. */
static char **worker_environment(void)
{
    /* libuv's rings would make calls that no filter sees. */
    static char *environment[3] = {"UV_USE_IO_URING=0"};
#ifdef __SANITIZE_ADDRESS__
    static char options[512];
    snprintf(options, sizeof options, "ASAN_OPTIONS=%.400s",
             getenv("ASAN_OPTIONS") != NULL ? getenv("ASAN_OPTIONS") : "");
    environment[1] = options;
#endif
    return environment;
}

static int spawn(struct worker *w, int ipc, int worker_end)
{
    struct workers *ws = w->all;
    char index[12];
    snprintf(index, sizeof index, "%u", w->index);
    char *args[] = {"tlsfront", "worker", index, NULL};
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = worker_end},
    };
    /* The running binary itself, also when a new one has been installed over it meanwhile. */
    uv_process_options_t options = {.exit_cb = process_ended,
                                    .file = "/proc/self/exe",
                                    .args = args,
                                    .env = worker_environment(),
                                    .stdio = stdio,
                                    .stdio_count = sizeof stdio / sizeof *stdio};
    w->process.data = w;
    int rc = uv_spawn(ws->loop, &w->process, &options);
    if (rc != 0) {
        w->closing = 1;
        uv_close((uv_handle_t *)&w->process, handle_closed);
        return rc;
    }
    w->ipc = ipc;
    w->life = WORKER_RUNNING;
    uv_poll_init(ws->loop, &w->poll, ipc);
    w->poll.data = w;
    uv_poll_start(&w->poll, UV_READABLE, ipc_ready);
    return 0;
}

static void start_failed(struct worker *w, const char *why)
{
    log_event(w->all->log, LOG_LEVEL_ERROR, "worker-failed", "worker %u could not be started: %s",
              w->index, why);
    w->respawning = true;
    uv_timer_start(&w->respawn, respawn_due, RESPAWN_WAIT_MS, 0);
}

/* Start a worker and bring it to where the others are. */
static void worker_start(struct worker *w)
{
    struct workers *ws = w->all;
    int pair[2];
    w->respawning = false;
    if (ws->ending)
        return;
    w->started = uv_now(ws->loop);
    w->told = w->prepared = w->committed = 0;
    w->pings = 0;
    w->sandbox = (struct sandbox_state){0};
    w->sandbox_told = false;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        start_failed(w, strerror(errno));
        return;
    }
    static const int room = 1 << 20;
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    int rc = spawn(w, pair[0], pair[1]);
    close(pair[1]);
    if (rc != 0) {
        close(pair[0]);
        start_failed(w, uv_strerror(rc));
        return;
    }
    orders_hello(w);
    orders_counters(w);
    orders_release(w, &ws->current);
    orders_send(w, IPC_COMMIT, ws->current.number);
    if (ws->next.number != 0)
        orders_release(w, &ws->next);
}

static void close_counters(struct worker *w)
{
    if (w->counters >= 0)
        close(w->counters);
    if (w->counters_reader >= 0)
        close(w->counters_reader);
}

/* -1, said in the log. */
static int make_counters(struct worker *w)
{
    struct workers *ws = w->all;
    struct err e = {.text = ""};
    w->counters = counters_create(&e);
    w->counters_reader = w->counters >= 0 ? counters_reader(w->counters) : -1;
    ws->all.parts[w->index] = w->counters_reader >= 0 ? counters_map_own(w->counters) : NULL;
    if (counters_of(&ws->all, w->index) != NULL)
        return 0;
    log_event(ws->log, LOG_LEVEL_ERROR, "worker-failed", "worker %u has no counters: %s", w->index,
              e.text[0] != '\0' ? e.text : strerror(errno));
    close_counters(w);
    return -1;
}

static struct worker *worker_at(struct workers *ws, unsigned index)
{
    if (ws->items[index] != NULL)
        return ws->items[index];
    struct worker *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->all = ws;
    w->index = index;
    if (make_counters(w) != 0) {
        free(w);
        return NULL;
    }
    uv_timer_init(ws->loop, &w->respawn);
    w->respawn.data = w;
    w->respawn_open = true;
    ws->items[index] = w;
    ws->count = index + 1;
    for_each(ws, orders_counters);
    return w;
}

/* ---- releases ---- */

void workers_prepare(struct workers *ws, struct release *next)
{
    ws->next = *next;
    *next = (struct release){0};
    for (unsigned i = 0; i < ws->count; i++)
        if (i < ws->next.workers && ws->items[i]->life == WORKER_RUNNING)
            orders_release(ws->items[i], &ws->next);
        else if (ws->items[i]->life == WORKER_RUNNING)
            ws->items[i]->prepared = ws->next.number; /* will retire */
}

static void retire(struct worker *w)
{
    w->life = WORKER_RETIRING;
    orders_send(w, IPC_RETIRE, 0);
}

void workers_commit(struct workers *ws)
{
    release_clear(&ws->current);
    ws->current = ws->next;
    ws->next = (struct release){0};

    for (unsigned i = 0; i < ws->count || i < ws->current.workers; i++) {
        struct worker *w = worker_at(ws, i);
        if (w == NULL)
            break; /* out of memory or descriptors: fewer workers */
        if (w->life == WORKER_RUNNING && i >= ws->current.workers)
            retire(w);
        else if (w->life == WORKER_RUNNING)
            orders_send(w, IPC_COMMIT, ws->current.number);
        else if (w->life == WORKER_NONE && i < ws->current.workers && !w->respawning)
            worker_start(w);
    }
}

void workers_abort(struct workers *ws)
{
    for (unsigned i = 0; i < ws->count; i++)
        if (ws->items[i]->life == WORKER_RUNNING)
            orders_send(ws->items[i], IPC_ABORT, ws->next.number);
    release_clear(&ws->next);
}

/* ---- to all ---- */

void workers_send_tickets(struct workers *ws)
{
    for_each(ws, orders_tickets);
}

void workers_send_log(struct workers *ws)
{
    for_each(ws, orders_log);
}

void workers_send_addresses(struct workers *ws)
{
    for_each(ws, orders_addresses);
}

void workers_end(struct workers *ws, enum ipc_type how)
{
    ws->ending = true;
    for (unsigned i = 0; i < ws->count; i++) {
        uv_timer_stop(&ws->items[i]->respawn);
        if (ws->items[i]->life != WORKER_NONE)
            orders_send(ws->items[i], how, 0);
    }
    if (workers_alive(ws) == 0)
        ws->events->gone(ws->arg);
}

void workers_close(struct workers *ws)
{
    uv_close((uv_handle_t *)&ws->pulse, NULL);
    for (unsigned i = 0; i < ws->count; i++)
        if (ws->items[i]->respawn_open) {
            ws->items[i]->respawn_open = false;
            uv_close((uv_handle_t *)&ws->items[i]->respawn, NULL);
        }
}

void workers_free(struct workers *ws)
{
    for (unsigned i = 0; i < ws->count; i++) {
        close_counters(ws->items[i]);
        free(ws->items[i]);
    }
    release_clear(&ws->current);
    release_clear(&ws->next);
    explicit_bzero(&ws->tickets, sizeof ws->tickets);
    counters_unmap_all(&ws->all);
}
