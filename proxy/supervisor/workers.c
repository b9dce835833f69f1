/* workers.c - see fleet.h. What is said to a worker is in fleet_talk.c. */
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

static void member_start(struct fleet_member *m);

/* ---- counting ---- */

static bool all_at(const struct fleet *f, uint32_t number, bool committed)
{
    for (unsigned i = 0; i < f->highest; i++) {
        const struct fleet_member *m = f->members[i];
        if (m->respawning && m->life == FLEET_NONE)
            return false;
        if (m->life == FLEET_RUNNING && (committed ? m->committed : m->prepared) < number)
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

/* It could not load what the others run, for want of memory: perhaps its successor can. */
static void refused_current(struct fleet_member *m, const char *why)
{
    log_event(m->fleet->log, LOG_LEVEL_ERROR, "worker-failed", "worker %u cannot serve: %s",
              m->index, why);
    uv_process_kill(&m->process, SIGKILL);
}

static void hear(struct fleet_member *m, struct ipc_message *message)
{
    struct fleet *f = m->fleet;
    const uint32_t number = message->generation;
    switch (message->type) {
    case IPC_PREPARED:
        m->prepared = number;
        if (number == f->next.number && fleet_all_prepared(f, number))
            f->events->prepared(f->arg, number);
        break;
    case IPC_REFUSED:
        message->payload[IPC_PAYLOAD_MAX - 1] = '\0';
        if (number == f->current.number)
            refused_current(m, (const char *)message->payload);
        else
            f->events->refused(f->arg, number, (const char *)message->payload);
        break;
    case IPC_COMMITTED:
        m->committed = number;
        if (number == f->current.number && fleet_all_committed(f, number))
            f->events->committed(f->arg, number);
        break;
    case IPC_ASK:
        fleet_talk_answer(m, message);
        break;
    case IPC_HELLO:
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
        break;
    }
    ipc_close_fds(message);
}

static void ipc_ready(uv_poll_t *poll, int status, int events)
{
    static struct ipc_message message; /* large; one thread */
    struct fleet_member *m = poll->data;
    (void)status;
    (void)events;
    int got = ipc_receive(m->ipc, &message);
    if (got == 1)
        hear(m, &message);
    else if (got < 0)
        uv_poll_stop(poll); /* its end will be reported by the process handle */
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

static int spawn(struct fleet_member *m, int ipc, int worker_end)
{
    struct fleet *f = m->fleet;
    char index[12];
    snprintf(index, sizeof index, "%u", m->index);
    char *args[] = {"tlsfront", "worker", index, NULL};
    uv_stdio_container_t stdio[5] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = worker_end},
        {.flags = UV_INHERIT_FD, .data.fd = f->shared},
    };
    /* The running binary itself, also when a new one has been installed over it meanwhile. */
    uv_process_options_t options = {.exit_cb = process_ended,
                                    .file = "/proc/self/exe",
                                    .args = args,
                                    .stdio = stdio,
                                    .stdio_count = 5};
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
    m->prepared = m->committed = 0;
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
    fleet_talk_prepare(m, &f->current);
    fleet_talk(m, IPC_COMMIT, f->current.number);
    if (f->next.number != 0)
        fleet_talk_prepare(m, &f->next);
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
    uv_timer_init(f->loop, &m->respawn);
    m->respawn.data = m;
    m->respawn_open = true;
    f->members[index] = m;
    f->highest = index + 1;
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
            break; /* out of memory: fewer workers */
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

static void for_each(struct fleet *f, void (*talk)(struct fleet_member *m))
{
    for (unsigned i = 0; i < f->highest; i++)
        if (f->members[i]->life != FLEET_NONE)
            talk(f->members[i]);
}

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
    for (unsigned i = 0; i < f->highest; i++)
        if (f->members[i]->respawn_open) {
            f->members[i]->respawn_open = false;
            uv_close((uv_handle_t *)&f->members[i]->respawn, NULL);
        }
}

void fleet_free(struct fleet *f)
{
    for (unsigned i = 0; i < f->highest; i++)
        free(f->members[i]);
    plan_clear(&f->current);
    plan_clear(&f->next);
    explicit_bzero(&f->tickets, sizeof f->tickets);
    shared_unmap_all(&f->all);
    if (f->shared >= 0)
        close(f->shared);
}
