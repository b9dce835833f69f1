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

static void member_start(struct fleet_member *m);

/* ---- counting ---- */

static void for_each(struct fleet *f, void (*talk)(struct fleet_member *m))
{
    for (unsigned i = 0; i < f->highest; i++)
        if (f->members[i]->life != FLEET_NONE)
            talk(f->members[i]);
}

static bool is_late(const struct fleet_member *m, uint32_t number, bool committed)
{
    return m->life == FLEET_RUNNING && (committed ? m->committed : m->prepared) < number;
}

static bool all_at(const struct fleet *f, uint32_t number, bool committed)
{
    for (unsigned i = 0; i < f->highest; i++) {
        const struct fleet_member *m = f->members[i];
        if ((m->respawning && m->life == FLEET_NONE) || is_late(m, number, committed))
            return false;
    }
    return true;
}

bool fleet_all_prepared(const struct fleet *f, uint32_t number)
{
    return all_at(f, number, false);
}

bool fleet_all_committed(const struct fleet *f, uint32_t number)
{
    return all_at(f, number, true);
}

unsigned fleet_alive(const struct fleet *f)
{
    unsigned n = 0;
    for (unsigned i = 0; i < f->highest; i++)
        n += f->members[i]->life != FLEET_NONE;
    return n;
}

uint64_t fleet_active(const struct fleet *f, unsigned worker)
{
    const struct worker_shared *part = shared_part(&f->all, worker);
    uint64_t n = 0;
    for (unsigned i = 0; i < SHARED_ROUTES; i++)
        n += counter_get(&part->route[i].active);
    return n;
}

/* ---- what workers say ---- */

/* Its end is reported by the process handle, and its successor begins then. */
static void replace(struct fleet_member *m, const char *event, const char *why)
{
    uv_poll_stop(&m->poll);
    log_event(m->fleet->log, LOG_LEVEL_ERROR, event, "worker %u %s and is replaced", m->index, why);
    uv_process_kill(&m->process, SIGKILL);
}

/* It could not load what the others run, for want of memory: perhaps its successor can. */
static void refused_current(struct fleet_member *m, const char *reason)
{
    char why[1200];
    snprintf(why, sizeof why, "cannot serve (%s)", reason);
    replace(m, "worker-failed", why);
}

static bool hear_prepared(struct fleet_member *m, const struct ipc_message *message)
{
    struct fleet *f = m->fleet;
    const uint32_t number = message->generation;
    if (message->size != 0 || number > m->told)
        return false;
    m->prepared = number;
    if (number == f->next.number && fleet_all_prepared(f, number))
        f->events->prepared(f->arg, number);
    return true;
}

static bool hear_refused(struct fleet_member *m, const struct ipc_message *message)
{
    char why[1024];
    struct fleet *f = m->fleet;
    const uint32_t number = message->generation;
    if (!ipc_take_text(message, why, sizeof why) || number > m->told)
        return false;
    if (number == f->current.number)
        refused_current(m, why);
    else
        f->events->refused(f->arg, number, why);
    return true;
}

static bool hear_committed(struct fleet_member *m, const struct ipc_message *message)
{
    struct fleet *f = m->fleet;
    const uint32_t number = message->generation;
    if (message->size != 0 || number > f->current.number)
        return false;
    m->committed = number;
    if (number == f->current.number && fleet_all_committed(f, number))
        f->events->committed(f->arg, number);
    return true;
}

static bool hear_ask(struct fleet_member *m, const struct ipc_message *message)
{
    struct ipc_ask ask;
    if (!ipc_take(message, &ask, sizeof ask) || memchr(ask.name, '\0', sizeof ask.name) == NULL)
        return false;
    fleet_talk_answer(m, &ask);
    return true;
}

/* False: no worker says that. */
static bool hear(struct fleet_member *m, const struct ipc_message *message)
{
    switch (message->type) {
    case IPC_PREPARED:
        return hear_prepared(m, message);
    case IPC_REFUSED:
        return hear_refused(m, message);
    case IPC_COMMITTED:
        return hear_committed(m, message);
    case IPC_ASK:
        return hear_ask(m, message);
    case IPC_PONG:
        m->pings = 0;
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
    case IPC_ANSWER:
    case IPC_PING:
        break;
    }
    return false;
}

/* Without its descriptor a worker is of no use, whether it lives or not. */
static void lost_contact(struct fleet_member *m)
{
    uv_poll_stop(&m->poll);
    uv_process_kill(&m->process, SIGKILL);
}

static void ipc_ready(uv_poll_t *poll, int status, int events)
{
    static struct ipc_message message; /* large; one thread */
    struct fleet_member *m = poll->data;
    (void)status;
    (void)events;
    const int got = ipc_receive(m->ipc, &message);
    const bool sense =
        got == 1 ? message.fd_count == 0 && hear(m, &message) : got == 0 || errno != EPROTO;
    if (got == 1)
        ipc_close_fds(&message);
    if (!sense)
        replace(m, "worker-nonsense", "has sent what no worker sends");
    else if (got < 0)
        lost_contact(m);
}

/* ---- life ---- */

uint64_t fleet_patience(const struct fleet *f, uint64_t usual_ms)
{
    enum { HOW_MUCH_SLOWER = 4 };
    return usual_ms + HOW_MUCH_SLOWER * f->load_ms;
}

static void feel(struct fleet_member *m)
{
    if (m->pings * (uint64_t)PULSE_MS >= fleet_patience(m->fleet, HUNG_MS)) {
        replace(m, "worker-hung", "has not moved for a long time");
        return;
    }
    m->pings++;
    fleet_talk(m, IPC_PING, 0);
}

static void pulse(uv_timer_t *timer)
{
    struct fleet *f = timer->data;
    for (unsigned i = 0; i < f->highest; i++)
        if (f->members[i]->life != FLEET_NONE)
            feel(f->members[i]);
}

void fleet_init(struct fleet *f)
{
    uv_timer_init(f->loop, &f->pulse);
    f->pulse.data = f;
    uv_timer_start(&f->pulse, pulse, PULSE_MS, PULSE_MS);
}

void fleet_replace_late(struct fleet *f, uint32_t number, bool committed)
{
    for (unsigned i = 0; i < f->highest; i++)
        if (is_late(f->members[i], number, committed))
            replace(f->members[i], "worker-late",
                    committed ? "has not taken over the new generation"
                              : "has not loaded the new generation");
}

/* ---- death ---- */

static void start_again(struct fleet_member *m)
{
    if (m->respawning && m->closing == 0 && !uv_is_active((uv_handle_t *)&m->respawn))
        member_start(m);
}

static void handle_closed(uv_handle_t *handle)
{
    struct fleet_member *m = handle->data;
    m->closing--;
    start_again(m);
}

static void respawn_due(uv_timer_t *timer)
{
    start_again(timer->data);
}

static void log_death(struct fleet_member *m, int64_t status, int signal)
{
    struct log *l = m->fleet->log;
    if (m->fleet->ending || m->life == FLEET_RETIRING)
        log_event(l, LOG_LEVEL_DEBUG, "worker-end", "worker %u has ended", m->index);
    else if (signal != 0)
        log_event(
            l, LOG_LEVEL_ERROR, "worker-died",
            "worker %u (pid %d) was killed by signal %d (%s); its sessions are lost, a new one "
            "starts",
            m->index, m->process.pid, signal, strsignal(signal));
    else
        log_event(l, LOG_LEVEL_ERROR, "worker-died",
                  "worker %u (pid %d) ended with status %d; a new one starts", m->index,
                  m->process.pid, (int)status);
}

static void plan_respawn(struct fleet_member *m)
{
    const bool quick = uv_now(m->fleet->loop) - m->started < QUICK_DEATH_MS;
    m->quick_deaths = quick ? m->quick_deaths + 1 : 0;
    m->restarts++;
    m->respawning = true;
    if (m->quick_deaths > QUICK_DEATHS)
        uv_timer_start(&m->respawn, respawn_due, RESPAWN_WAIT_MS, 0);
}

static void process_ended(uv_process_t *process, int64_t status, int signal)
{
    struct fleet_member *m = process->data;
    struct fleet *f = m->fleet;
    const bool replace = m->life == FLEET_RUNNING && !f->ending;
    log_death(m, status, signal);
    shared_clear_presence(shared_part(&f->all, m->index));
    m->life = FLEET_NONE;
    if (replace)
        plan_respawn(m);
    m->closing = 2;
    uv_close((uv_handle_t *)&m->poll, handle_closed);
    uv_close((uv_handle_t *)&m->process, handle_closed);
    close(m->ipc);

    if (f->ending && fleet_alive(f) == 0)
        f->events->gone(f->arg);
}

/* ---- birth ---- */

/* A worker needs nothing of it, and it may hold what is none of its business. */
static char **worker_environment(void)
{
    static char *environment[2];
#ifdef __SANITIZE_ADDRESS__
    static char options[512];
    snprintf(options, sizeof options, "ASAN_OPTIONS=%.400s",
             getenv("ASAN_OPTIONS") != NULL ? getenv("ASAN_OPTIONS") : "");
    environment[0] = options;
#endif
    return environment;
}

static int spawn(struct fleet_member *m, int ipc, int worker_end)
{
    struct fleet *f = m->fleet;
    char index[12];
    snprintf(index, sizeof index, "%u", m->index);
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
    m->process.data = m;
    int rc = uv_spawn(f->loop, &m->process, &options);
    if (rc != 0) {
        m->closing = 1;
        uv_close((uv_handle_t *)&m->process, handle_closed);
        return rc;
    }
    m->ipc = ipc;
    m->life = FLEET_RUNNING;
    uv_poll_init(f->loop, &m->poll, ipc);
    m->poll.data = m;
    uv_poll_start(&m->poll, UV_READABLE, ipc_ready);
    return 0;
}

static void start_failed(struct fleet_member *m, const char *why)
{
    log_event(m->fleet->log, LOG_LEVEL_ERROR, "worker-failed", "worker %u could not be started: %s",
              m->index, why);
    m->respawning = true;
    uv_timer_start(&m->respawn, respawn_due, RESPAWN_WAIT_MS, 0);
}

/* Start a worker and bring it to where the others are. */
static void member_start(struct fleet_member *m)
{
    struct fleet *f = m->fleet;
    int pair[2];
    m->respawning = false;
    if (f->ending)
        return;
    m->started = uv_now(f->loop);
    m->told = m->prepared = m->committed = 0;
    m->pings = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        start_failed(m, strerror(errno));
        return;
    }
    static const int room = 1 << 20;
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    int rc = spawn(m, pair[0], pair[1]);
    close(pair[1]);
    if (rc != 0) {
        close(pair[0]);
        start_failed(m, uv_strerror(rc));
        return;
    }
    fleet_talk_hello(m);
    fleet_talk_counters(m);
    fleet_talk_prepare(m, &f->current);
    fleet_talk(m, IPC_COMMIT, f->current.number);
    if (f->next.number != 0)
        fleet_talk_prepare(m, &f->next);
}

static void close_counters(struct fleet_member *m)
{
    if (m->counters >= 0)
        close(m->counters);
    if (m->counters_reader >= 0)
        close(m->counters_reader);
}

/* -1, said in the log. */
static int make_counters(struct fleet_member *m)
{
    struct fleet *f = m->fleet;
    struct err e = {.text = ""};
    m->counters = shared_create(&e);
    m->counters_reader = m->counters >= 0 ? shared_reader(m->counters) : -1;
    f->all.parts[m->index] = m->counters_reader >= 0 ? shared_map_own(m->counters) : NULL;
    if (shared_part(&f->all, m->index) != NULL)
        return 0;
    log_event(f->log, LOG_LEVEL_ERROR, "worker-failed", "worker %u has no counters: %s", m->index,
              e.text[0] != '\0' ? e.text : strerror(errno));
    close_counters(m);
    return -1;
}

static struct fleet_member *member(struct fleet *f, unsigned index)
{
    if (f->members[index] != NULL)
        return f->members[index];
    struct fleet_member *m = calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    m->fleet = f;
    m->index = index;
    if (make_counters(m) != 0) {
        free(m);
        return NULL;
    }
    uv_timer_init(f->loop, &m->respawn);
    m->respawn.data = m;
    m->respawn_open = true;
    f->members[index] = m;
    f->highest = index + 1;
    for_each(f, fleet_talk_counters);
    return m;
}

/* ---- plans ---- */

void fleet_prepare(struct fleet *f, struct plan *next)
{
    f->next = *next;
    *next = (struct plan){0};
    for (unsigned i = 0; i < f->highest; i++)
        if (i < f->next.workers && f->members[i]->life == FLEET_RUNNING)
            fleet_talk_prepare(f->members[i], &f->next);
        else if (f->members[i]->life == FLEET_RUNNING)
            f->members[i]->prepared = f->next.number; /* will retire */
}

static void retire(struct fleet_member *m)
{
    m->life = FLEET_RETIRING;
    fleet_talk(m, IPC_RETIRE, 0);
}

void fleet_commit(struct fleet *f)
{
    plan_clear(&f->current);
    f->current = f->next;
    f->next = (struct plan){0};

    for (unsigned i = 0; i < f->highest || i < f->current.workers; i++) {
        struct fleet_member *m = member(f, i);
        if (m == NULL)
            break; /* out of memory or descriptors: fewer workers */
        if (m->life == FLEET_RUNNING && i >= f->current.workers)
            retire(m);
        else if (m->life == FLEET_RUNNING)
            fleet_talk(m, IPC_COMMIT, f->current.number);
        else if (m->life == FLEET_NONE && i < f->current.workers && !m->respawning)
            member_start(m);
    }
}

void fleet_abort(struct fleet *f)
{
    for (unsigned i = 0; i < f->highest; i++)
        if (f->members[i]->life == FLEET_RUNNING)
            fleet_talk(f->members[i], IPC_ABORT, f->next.number);
    plan_clear(&f->next);
}

/* ---- to all ---- */

void fleet_send_tickets(struct fleet *f)
{
    for_each(f, fleet_talk_tickets);
}

void fleet_send_log(struct fleet *f)
{
    for_each(f, fleet_talk_log);
}

void fleet_send_addresses(struct fleet *f)
{
    for_each(f, fleet_talk_addresses);
}

void fleet_end(struct fleet *f, enum ipc_type how)
{
    f->ending = true;
    for (unsigned i = 0; i < f->highest; i++) {
        uv_timer_stop(&f->members[i]->respawn);
        if (f->members[i]->life != FLEET_NONE)
            fleet_talk(f->members[i], how, 0);
    }
    if (fleet_alive(f) == 0)
        f->events->gone(f->arg);
}

void fleet_close(struct fleet *f)
{
    uv_close((uv_handle_t *)&f->pulse, NULL);
    for (unsigned i = 0; i < f->highest; i++)
        if (f->members[i]->respawn_open) {
            f->members[i]->respawn_open = false;
            uv_close((uv_handle_t *)&f->members[i]->respawn, NULL);
        }
}

void fleet_free(struct fleet *f)
{
    for (unsigned i = 0; i < f->highest; i++) {
        close_counters(f->members[i]);
        free(f->members[i]);
    }
    plan_clear(&f->current);
    plan_clear(&f->next);
    explicit_bzero(&f->tickets, sizeof f->tickets);
    shared_unmap_all(&f->all);
}
