#include "proxy/supervisor/child.h"
#include "proxy/ipc/process.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process that dies within this time of its start is in trouble; after some in a row the next one
 * waits, so that a fault that needs no client does not keep a processor busy. */
#define QUICK_DEATH_MS  2000
#define QUICK_DEATHS    3
#define RESPAWN_WAIT_MS 1000

/* Processes are asked so often whether they are alive. */
#define PULSE_MS    5000
#define PATIENCE_MS 20000

/* ---- the log ---- */

void child_log(const struct child *c, enum config_log_level level, const char *event,
               const char *format, ...)
{
    char name[40], text[1400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(name, sizeof name, "%s-%s", c->of->kind->name, event);
    log_event(c->of->log, level, name, "%s %u %s", c->of->kind->name, c->index, text);
}

static bool is_last(const struct child *c)
{
    return c->of->ending || c->life == CHILD_RETIRING;
}

static const char *what_follows(const struct child *c)
{
    return is_last(c) ? "nobody replaces it" : "a new one starts";
}

/* ---- killing ---- */

/* Its end is reported by the process handle, and its successor begins then. */
static void condemn(struct child *c)
{
    c->condemned = true;
    uv_poll_stop(&c->poll);
    uv_process_kill(&c->process, SIGKILL);
}

void child_replace(struct child *c, const char *event, const char *why)
{
    if (c->life == CHILD_NONE || c->condemned)
        return;
    child_log(c, LOG_LEVEL_ERROR, event, "%s; %s%s", why, c->of->kind->loss, what_follows(c));
    c->expected = true;
    condemn(c);
}

void child_kill(struct child *c)
{
    if (c->life == CHILD_NONE)
        return;
    c->expected = true;
    condemn(c);
}

/* ---- what it is told ---- */

static void cannot_send(struct child *c, int error)
{
    char why[120];
    snprintf(why, sizeof why, "does not take orders (%s)", strerror(error));
    if (error == EPIPE || error == ECONNRESET)
        condemn(c); /* without its descriptor it is of no use, whether it lives or not */
    else
        child_replace(c, "deaf", why);
}

static void ipc_ready(uv_poll_t *poll, int status, int events);

/* For room only while its socket has none; where it is the system that has none, the next message
 * tries again, which is a PING at the latest. */
static void watch_socket(struct child *c)
{
    uv_poll_start(&c->poll, UV_READABLE | (c->backlog.waiting ? UV_WRITABLE : 0), ipc_ready);
}

void child_send(struct child *c, const struct ipc_message *m)
{
    const bool waiting = c->backlog.waiting;
    if (c->life == CHILD_NONE || c->condemned)
        return;
    if (backlog_send(&c->backlog, c->ipc, m) != 0)
        cannot_send(c, errno);
    else if (c->backlog.waiting != waiting)
        watch_socket(c);
}

static void send_more(struct child *c)
{
    if (backlog_flush(&c->backlog, c->ipc) != 0)
        cannot_send(c, errno);
    else
        watch_socket(c);
}

void child_tell(struct child *c, enum ipc_type type, uint32_t generation)
{
    static struct ipc_message m; /* large; one thread */
    ipc_begin(&m, type, generation);
    child_send(c, &m);
}

void child_send_log(struct child *c)
{
    static struct ipc_message m; /* large; one thread */
    const struct log *l = c->of->log;
    const bool known = l->target < c->log_targets; /* else standard error, which it always has */
    const enum config_log_target target = known ? l->target : LOG_TARGET_STDERR;
    ipc_begin(&m, IPC_LOG, 0);
    ipc_append(&m, &target, sizeof target);
    if (l->fd != STDERR_FILENO && known) {
        m.fds[0] = l->fd;
        m.fd_count = 1;
    }
    child_send(c, &m);
}

void child_send_leave(struct child *c, uint32_t ms)
{
    static struct ipc_message m; /* large; one thread */
    const struct ipc_leave leave = {.ms = ms};
    ipc_begin(&m, IPC_LEAVE, 0);
    ipc_append(&m, &leave, sizeof leave);
    child_send(c, &m);
}

/* ---- its pulse ---- */

static uint64_t patience(const struct child *c)
{
    return c->of->kind->patience != NULL ? c->of->kind->patience(c) : PATIENCE_MS;
}

static void pulse(uv_timer_t *timer)
{
    static struct ipc_message ping; /* large; one thread */
    struct child *c = timer->data;
    if (c->pings * (uint64_t)PULSE_MS >= patience(c)) {
        child_replace(c, "hung", "has not moved for a long time");
        return;
    }
    c->pings++;
    ipc_begin(&ping, IPC_PING, 0);
    child_send(c, &ping);
}

/* ---- what it says ---- */

/* Its successors and its like lack the same, so one line will do. */
static void warn_of_lack(struct children *of, const struct sandbox_state *state)
{
    char text[512], who[32];
    snprintf(who, sizeof who, "%ss run", of->kind->name);
    if (!sandbox_lack(state, who, text, sizeof text) ||
        memcmp(state, &of->lacking, sizeof *state) == 0)
        return;
    of->lacking = *state;
    log_event(of->log, LOG_LEVEL_WARN, "sandbox", "%s; `sandbox = off` if it is to be so", text);
}

static bool on_sandbox(struct child *c, const struct ipc_message *m)
{
    struct sandbox_state state;
    if (c->sandbox_told || !ipc_take(m, &state, sizeof state) || !sandbox_plausible(&state))
        return false;
    c->sandbox = state;
    c->sandbox_told = true;
    warn_of_lack(c->of, &state);
    return true;
}

static bool on_pong(struct child *c, const struct ipc_message *m)
{
    c->pings = 0;
    c->holds = m->generation;
    return m->size == 0;
}

/* False: no process of its kind says that. */
static bool on_message(struct child *c, const struct ipc_message *m)
{
    if (m->fd_count > 0)
        return false;
    if (m->type == IPC_PONG)
        return on_pong(c, m);
    if (m->type == IPC_SANDBOX)
        return on_sandbox(c, m);
    return c->of->kind->message(c, m);
}

static void talks_nonsense(struct child *c)
{
    char why[64];
    snprintf(why, sizeof why, "has sent what no %s sends", c->of->kind->name);
    child_replace(c, "nonsense", why);
}

static void ipc_ready(uv_poll_t *poll, int status, int events)
{
    static struct ipc_message message; /* large; one thread */
    struct child *c = poll->data;
    (void)status;
    if (events & UV_WRITABLE)
        send_more(c);
    if (c->condemned)
        return;
    const int got = ipc_receive(c->ipc, &message);
    const bool sense = got == 1 ? on_message(c, &message) : got == 0 || errno != EPROTO;
    if (got == 1)
        ipc_close_fds(&message);
    if (!sense)
        talks_nonsense(c);
    else if (got < 0)
        condemn(c); /* has closed its end */
}

/* ---- death ---- */

static void start_now(struct child *c);

static void start_when_possible(struct child *c)
{
    const bool waiting = c->closing > 0 || uv_is_active((uv_handle_t *)&c->timer);
    if (c->respawning && !waiting && !c->of->ending)
        start_now(c);
}

static void handle_closed(uv_handle_t *handle)
{
    struct child *c = handle->data;
    c->closing--;
    start_when_possible(c);
}

static void respawn_due(uv_timer_t *timer)
{
    start_when_possible(timer->data);
}

/* Either somebody has taken it over, or a library makes a call that we did not know of. */
static void explain_signal(const struct child *c, int signal)
{
    if (signal == SIGSYS)
        log_event(c->of->log, LOG_LEVEL_ERROR, "sandbox",
                  "%s %u made a system call that its sandbox forbids; the kernel's log has its "
                  "number (journalctl -k -g type=1326): please report it; until then, `sandbox = "
                  "off` and a restart let it pass",
                  c->of->kind->name, c->index);
}

static void log_death(const struct child *c, int64_t status, int signal)
{
    if (is_last(c) && (signal == 0 || c->expected))
        child_log(c, LOG_LEVEL_DEBUG, "end", "has ended");
    else if (signal != 0)
        child_log(c, LOG_LEVEL_ERROR, "died", "(pid %d%s) was killed by signal %d (%s); %s%s",
                  c->process.pid, c->adopted ? ", from before the upgrade" : "", signal,
                  strsignal(signal), c->of->kind->loss, what_follows(c));
    else
        child_log(c, LOG_LEVEL_ERROR, "died", "(pid %d) ended with status %d; a new one starts",
                  c->process.pid, (int)status);
}

static void respawn_later(struct child *c)
{
    const bool quick = uv_now(c->of->loop) - c->started < QUICK_DEATH_MS;
    c->quick_deaths = quick ? c->quick_deaths + 1 : 0;
    c->restarts++;
    c->respawning = true;
    if (c->quick_deaths > QUICK_DEATHS)
        uv_timer_start(&c->timer, respawn_due, RESPAWN_WAIT_MS, 0);
}

/* The loop knows nothing of a process that is adopted. */
static void close_process(struct child *c)
{
    c->life = CHILD_NONE;
    c->closing = c->adopted ? 1 : 2;
    uv_timer_stop(&c->timer);
    uv_close((uv_handle_t *)&c->poll, handle_closed);
    if (!c->adopted)
        uv_close((uv_handle_t *)&c->process, handle_closed);
    close(c->ipc);
    backlog_clear(&c->backlog);
}

static void process_ended(uv_process_t *process, int64_t status, int signal)
{
    struct child *c = process->data;
    const bool replace = c->life == CHILD_RUNNING && !c->of->ending;
    log_death(c, status, signal);
    explain_signal(c, signal);
    close_process(c);
    if (replace)
        respawn_later(c);
    if (c->of->kind->ended != NULL)
        c->of->kind->ended(c);
}

/* ---- birth ---- */

void child_init(struct child *c, struct children *of, unsigned index, void *owner)
{
    *c = (struct child){.of = of, .owner = owner, .index = index, .log_targets = LOG_TARGETS};
    uv_timer_init(of->loop, &c->timer);
    c->timer.data = c;
}

/* It needs nothing of ours, and that may hold what is none of its business. */
static char **environment(void)
{
    /* libuv's rings would make calls that no filter sees. */
    static char *variables[4] = {"UV_USE_IO_URING=0"};
    static char journal[80];
    const char *stream = getenv("JOURNAL_STREAM"); /* for how it writes to standard error */
    snprintf(journal, sizeof journal, "JOURNAL_STREAM=%.60s", stream != NULL ? stream : "");
    variables[1] = journal;
#ifdef __SANITIZE_ADDRESS__
    static char options[512];
    snprintf(options, sizeof options, "ASAN_OPTIONS=%.400s",
             getenv("ASAN_OPTIONS") != NULL ? getenv("ASAN_OPTIONS") : "");
    variables[2] = options;
#endif
    return variables;
}

/* 0, or an error of libuv's. */
static int spawn(struct child *c, int its_end)
{
    char index[12];
    snprintf(index, sizeof index, "%u", c->index);
    char *args[] = {"tlsfront", (char *)(uintptr_t)c->of->kind->name, index, NULL};
    uv_stdio_container_t stdio[] = {
        [STDIN_FILENO] = {.flags = UV_IGNORE},
        [STDOUT_FILENO] = {.flags = UV_IGNORE},
        [STDERR_FILENO] = {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        [PROCESS_IPC] = {.flags = UV_INHERIT_FD, .data.fd = its_end},
    };
    /* The running binary itself, also when a new one has been installed over it meanwhile. */
    const uv_process_options_t options = {.exit_cb = process_ended,
                                          .file = "/proc/self/exe",
                                          .args = args,
                                          .env = environment(),
                                          .stdio = stdio,
                                          .stdio_count = sizeof stdio / sizeof *stdio};
    c->process.data = c;
    const int rc = uv_spawn(c->of->loop, &c->process, &options);
    if (rc != 0) {
        c->closing = 1;
        uv_close((uv_handle_t *)&c->process, handle_closed);
    }
    return rc;
}

static void watch(struct child *c, int ipc)
{
    c->ipc = ipc;
    c->life = CHILD_RUNNING;
    uv_poll_init(c->of->loop, &c->poll, ipc);
    c->poll.data = c;
    watch_socket(c);
    uv_timer_start(&c->timer, pulse, PULSE_MS, PULSE_MS);
}

static void start_failed(struct child *c, const char *why)
{
    child_log(c, LOG_LEVEL_ERROR, "failed", "could not be started: %s", why);
    c->respawning = true;
    uv_timer_start(&c->timer, respawn_due, RESPAWN_WAIT_MS, 0);
}

static void forget_predecessor(struct child *c)
{
    c->respawning = c->condemned = c->expected = c->sandbox_told = false;
    c->sandbox = (struct sandbox_state){0};
    c->pings = 0;
    c->holds = 0;
    c->started = uv_now(c->of->loop);
}

static void start_now(struct child *c)
{
    static const int room = 1 << 20; /* the kernel may give much less */
    int pair[2];
    forget_predecessor(c);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        start_failed(c, strerror(errno));
        return;
    }
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    const int rc = spawn(c, pair[1]);
    close(pair[1]);
    if (rc != 0) {
        close(pair[0]);
        start_failed(c, uv_strerror(rc));
        return;
    }
    watch(c, pair[0]);
    c->of->kind->started(c);
}

void child_adopt(struct child *c, pid_t pid, int ipc)
{
    forget_predecessor(c);
    c->process.pid = pid;
    c->process.data = c;
    c->adopted = c->sandbox_told = true;
    watch(c, ipc);
    c->life = CHILD_RETIRING;
}

/* One that cannot be waited for has been, by somebody who did not tell. */
void child_reap(struct child *c)
{
    int status = 0;
    if (c->life == CHILD_NONE || !c->adopted)
        return;
    const pid_t got = waitpid(c->process.pid, &status, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR))
        return;
    process_ended(&c->process, WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                  WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

void child_start(struct child *c)
{
    c->respawning = true;
    if (c->life == CHILD_NONE)
        start_when_possible(c);
}

bool child_awaited(const struct child *c)
{
    return c->life == CHILD_NONE && c->respawning;
}

void child_retire(struct child *c)
{
    if (child_awaited(c))
        uv_timer_stop(&c->timer);
    c->respawning = false;
    if (c->life == CHILD_RUNNING)
        c->life = CHILD_RETIRING;
}

void child_keep(struct child *c)
{
    if (c->life == CHILD_RETIRING)
        c->life = CHILD_RUNNING;
}

/* Its end is nobody's news any more: init collects what is left when we are gone. */
static void abandon(struct child *c)
{
    if (c->life != CHILD_NONE && c->adopted)
        close_process(c);
}

void child_close(struct child *c)
{
    child_retire(c);
    child_kill(c);
    abandon(c);
    uv_close((uv_handle_t *)&c->timer, NULL);
}
