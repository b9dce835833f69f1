/* worker.c - does what the supervisor says and owns the generations; sessions do the rest. */
#include "proxy/worker/worker.h"
#include "proxy/base/exits.h"
#include "proxy/base/list.h"
#include "proxy/base/privileges.h"
#include "proxy/health/health.h"
#include "proxy/ipc/backlog.h"
#include "proxy/ipc/ipc.h"
#include "proxy/ipc/process.h"
#include "proxy/routes/generation.h"
#include "proxy/session/peer.h"
#include "proxy/session/sessions.h"
#include "proxy/worker/acceptor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* Descriptors kept back for the loop, logs and reloads. */
#define RESERVED_FDS 64

struct worker {
    uv_loop_t loop;
    uv_tcp_t first; /* see worker_watch() */
    struct log log;
    struct tls_engine *engine;
    struct peer_scratch scratch;

    int ipc;
    uv_poll_t ipc_poll;
    struct backlog backlog; /* to the supervisor */
    unsigned index;
    uint8_t seed[16]; /* for client_hash() */
    uint64_t log_lost_counted;
    struct worker_counters *counters;
    struct all_counters all;

    struct generation *current, *prepared;
    struct link generations; /* these, and those that sessions hold; the oldest first */
    struct acceptor *accepting, *prepared_accepting;
    struct sessions sessions;
    unsigned files;        /* that may be open */
    struct health *health; /* of HEALTH_WORKER, while it takes newcomers */

    bool ending;   /* the loop is to stop; no more orders are taken */
    bool retiring; /* there are no newcomers; end with the last session */
};

static void worker_end(struct worker *w)
{
    w->ending = true;
    uv_stop(&w->loop);
}

/* ---- messages to the supervisor ---- */

/* What cannot be said now is said when next there is something to say: a PONG, at the latest. */
static void send_payload(struct worker *w, enum ipc_type type, uint32_t generation,
                         const void *data, size_t size)
{
    static struct ipc_message m; /* large; one thread */
    ipc_begin(&m, type, generation);
    ipc_append(&m, data, size);
    if (backlog_send(&w->backlog, w->ipc, &m) != 0)
        worker_end(w);
}

static void send_plain(struct worker *w, enum ipc_type type, uint32_t generation)
{
    send_payload(w, type, generation, "", 0);
}

/* What the supervisor says is said by the same program, so this is a fault of ours. */
static void not_understood(struct worker *w, const struct ipc_message *m)
{
    log_event(&w->log, LOG_LEVEL_ERROR, "worker-failed",
              "an order of kind %d, of size %u, is not understood", (int)m->type, m->size);
    worker_end(w);
}

static void fail(struct worker *w, const char *why)
{
    log_event(&w->log, LOG_LEVEL_ERROR, "worker-failed", "%s", why);
    worker_end(w);
}

/* A worker that goes on without is better than none. */
static bool lacks(struct worker *w, const struct ipc_message *m, const char *consequence)
{
    if (!ipc_lacks_fds(m))
        return false;
    log_event(&w->log, LOG_LEVEL_WARN, "out-of-descriptors", "%s; " ERR_CURE_FILES, consequence);
    return true;
}

static void on_hello(struct worker *w, struct ipc_message *m)
{
    struct ipc_hello hello;
    struct err e;
    if (!ipc_take(m, &hello, sizeof hello) || m->fd_count != 1) {
        not_understood(w, m);
        return;
    }
    memcpy(w->seed, hello.seed, sizeof w->seed);
    w->counters = w->all.parts[w->index] = counters_map_own(m->fds[0]);
    w->sessions.counters = w->counters;
    if (w->counters == NULL) {
        fail(w, "no memory for the counters");
        return;
    }
    if (process_confine(&hello, SANDBOX_WORKER, &e) != 0)
        fail(w, e.text);
}

static void on_counters(struct worker *w, struct ipc_message *m)
{
    struct ipc_counters of[IPC_FDS_MAX];
    size_t count;
    if (!ipc_count(m, sizeof *of, &count) || count != m->fd_count) {
        not_understood(w, m);
        return;
    }
    memcpy(of, m->payload, count * sizeof *of);
    (void)lacks(w, m, "the counters of other workers cannot be read, and limits are not exact");
    for (size_t i = 0; i < count && m->fds[i] >= 0; i++) {
        const uint32_t index = of[i].part;
        if (index >= PARTS_MAX || index == w->index || w->all.parts[index] != NULL)
            continue;
        w->all.parts[index] = counters_map_other(m->fds[i]);
        if (w->all.parts[index] == NULL)
            log_event(&w->log, LOG_LEVEL_WARN, "out-of-memory",
                      "the counters of worker %u cannot be read; limits are not exact", index);
    }
}

static void on_log(struct worker *w, struct ipc_message *m)
{
    if (!process_take_log(&w->log, m))
        not_understood(w, m);
}

static void on_tickets(struct worker *w, struct ipc_message *m)
{
    struct tls_ticket_keys keys;
    if (!ipc_take(m, &keys, sizeof keys)) {
        not_understood(w, m);
        return;
    }
    tls_engine_set_ticket_keys(w->engine, &keys);
    explicit_bzero(&keys, sizeof keys);
    explicit_bzero(m->payload, m->size);
}

/* ---- generations ---- */

static void forget_prepared(struct worker *w)
{
    acceptor_close(w->prepared_accepting);
    w->prepared_accepting = NULL;
    generation_free(w->prepared);
    w->prepared = NULL;
}

static void refuse(struct worker *w, uint32_t number, const char *why)
{
    forget_prepared(w);
    send_payload(w, IPC_REFUSED, number, why, strlen(why) + 1);
}

static void refuse_for_files(struct worker *w, uint32_t number)
{
    refuse(w, number, "no descriptors left for its sockets; " ERR_CURE_FILES);
}

/* The first finding that stands in the way, for the supervisor. It has loaded the same bundle with
 * the same code, so this is about memory more than about anything else. */
static const char *first_error(const struct diags *d)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].severity == DIAG_ERROR)
            return d->items[i].cause;
    return "out of memory";
}

static struct generation *load(const struct bundle *b, struct diags *d)
{
    struct config *config = b != NULL ? config_load(b, d) : NULL;
    return config != NULL ? generation_load(config, b, GENERATION_SERVED, d) : NULL;
}

static void on_prepare(struct worker *w, struct ipc_message *m)
{
    static struct ipc_prepare p; /* large; one thread */
    if (!ipc_take(m, &p, sizeof p)) {
        not_understood(w, m);
        return;
    }
    if (ipc_lacks_fds(m)) {
        refuse_for_files(w, m->generation);
        return;
    }
    struct err e = {.text = "no bundle came along"};
    struct diags d = {0};
    struct bundle *b = m->fd_count == 1 ? bundle_from_fd(m->fds[0], &e) : NULL;
    struct generation *g = load(b, &d);
    uv_update_time(&w->loop); /* it may have taken seconds: timers begin behind it */
    ipc_close_fds(m);
    bundle_free(b);

    if (g == NULL || !diag_ok(&d, DIAG_ERROR)) {
        refuse(w, m->generation, b == NULL ? e.text : first_error(&d));
        generation_free(g);
    } else {
        g->number = m->generation;
        for (size_t i = 0; i < g->config->route_count; i++)
            g->routes[i].slot = p.slots[i];
        for (size_t i = 0; i < g->config->server_name_count; i++)
            g->names[i].slot = p.name_slots[i];
        generation_place_targets(g, DETAILS_OF_NAME(0));
        w->sessions.worker_count = p.worker_count;
        forget_prepared(w);
        link_add(&w->generations, &g->link);
        w->prepared = g;
        w->prepared_accepting = acceptor_new(&w->sessions, g);
    }
    diags_free(&d);
}

static void on_listeners(struct worker *w, struct ipc_message *m)
{
    struct ipc_listener l[IPC_FDS_MAX];
    size_t count;
    if (!ipc_count(m, sizeof *l, &count) || count != m->fd_count) {
        not_understood(w, m);
        return;
    }
    memcpy(l, m->payload, count * sizeof *l);
    if (w->prepared_accepting == NULL || w->prepared->number != m->generation)
        return;
    if (ipc_lacks_fds(m)) {
        refuse_for_files(w, m->generation);
        return;
    }
    for (uint32_t i = 0; i < m->fd_count; i++)
        if (acceptor_add(w->prepared_accepting, l[i].route, m->fds[i]) != 0) {
            memmove(m->fds, m->fds + i + 1, (m->fd_count - i - 1) * sizeof m->fds[0]);
            m->fd_count -= i + 1;
            ipc_close_fds(m);
            refuse(w, m->generation, "out of memory");
            return;
        }
    m->fd_count = 0;
}

/* Those at the beginning of `a` that are of one upstream; each run replaces that upstream's. */
static size_t take_run(struct worker *w, struct generation *g, const struct ipc_address *a,
                       size_t count)
{
    struct upstream_address run[UPSTREAM_TRIES_MAX];
    size_t n = 0, none = count > 0 && a->size == 0;
    for (; n < count && n < UPSTREAM_TRIES_MAX && a[n].target == a->target &&
           a[n].upstream == a->upstream;
         n++)
        run[n] =
            (struct upstream_address){.addr = a[n].addr, .size = a[n].size, .share = a[n].share};
    if (a->target < g->config->target_count &&
        a->upstream < g->targets[a->target].upstreams.count &&
        upstream_set_addresses(&g->targets[a->target].upstreams, a->upstream, run, n - none) != 0)
        log_event(&w->log, LOG_LEVEL_WARN, "out-of-memory", "new upstream addresses not taken");
    return n;
}

static void on_addresses(struct worker *w, struct ipc_message *m)
{
    struct generation *g =
        w->prepared != NULL && w->prepared->number == m->generation ? w->prepared : w->current;
    const struct ipc_address *a = (const void *)m->payload; /* which is aligned for it */
    size_t count;
    if (!ipc_count(m, sizeof *a, &count)) {
        not_understood(w, m);
        return;
    }
    if (g == NULL || g->number != m->generation)
        return;
    for (size_t i = 0; i < count; i += take_run(w, g, a + i, count - i))
        continue;
    if (g == w->current && w->health != NULL)
        health_refresh(w->health);
}

static void on_ready(struct worker *w, struct ipc_message *m)
{
    const uint32_t number = m->generation;
    if (w->prepared == NULL || w->prepared->number != number)
        return; /* refused already */
    if (w->prepared_accepting == NULL)
        refuse(w, number, "out of memory");
    else
        send_plain(w, IPC_PREPARED, number);
}

static void end_visits(struct worker *w)
{
    health_close(w->health);
    w->health = NULL;
}

/* Those of before end, with their generation. */
static void begin_visits(struct worker *w)
{
    end_visits(w);
    if (w->index != HEALTH_WORKER)
        return;
    w->health = health_new(&w->loop, &w->log, w->counters, w->current);
    if (w->health == NULL)
        log_event(&w->log, LOG_LEVEL_WARN, "out-of-memory", "upstreams are not checked");
}

/* A session has two descriptors, and so has an address, while a reload is under way. Where that
 * leaves next to nothing, an eighth is served, and reloads are refused while they are all there. */
static void set_limit(struct worker *w, size_t listeners)
{
    const unsigned reserved = RESERVED_FDS + 2 * (unsigned)listeners;
    const unsigned least = w->files / 8;
    const unsigned left = w->files > reserved ? (w->files - reserved) / 2 : 0;
    w->sessions.limit = left > least ? left : least;
}

static void on_commit(struct worker *w, struct ipc_message *m)
{
    const uint32_t number = m->generation;
    if (w->prepared == NULL || w->prepared->number != number)
        return;
    acceptor_close(w->accepting);
    generation_free(w->current);
    w->current = w->prepared;
    w->accepting = w->prepared_accepting;
    w->prepared = NULL;
    w->prepared_accepting = NULL;
    w->log.level = w->current->config->log_level;
    w->log.format = w->current->config->log_format;
    w->retiring = false;
    set_limit(w, acceptor_count(w->accepting));
    acceptor_start(w->accepting);
    begin_visits(w);
    send_plain(w, IPC_COMMITTED, number);
}

/* ---- ending ---- */

/* Not while it prepares for what may call it back. */
static void end_when_empty(struct worker *w)
{
    if (w->retiring && w->prepared == NULL && w->sessions.count == 0)
        worker_end(w);
}

static void session_ended(void *arg)
{
    struct worker *w = arg;
    if (w->accepting != NULL)
        acceptor_room(w->accepting);
    end_when_empty(w);
}

static void on_retire(struct worker *w, struct ipc_message *m)
{
    (void)m;
    w->retiring = true;
    end_visits(w);
    forget_prepared(w);
    acceptor_close(w->accepting);
    w->accepting = NULL;
    end_when_empty(w);
}

static void on_abort(struct worker *w, struct ipc_message *m)
{
    (void)m;
    forget_prepared(w);
    end_when_empty(w);
}

static void on_drain(struct worker *w, struct ipc_message *m)
{
    (void)m;
    w->sessions.draining = true;
}

static void on_leave(struct worker *w, struct ipc_message *m)
{
    struct ipc_leave leave;
    if (ipc_take(m, &leave, sizeof leave))
        leave_begin(&w->sessions.leave, leave.ms);
    else
        not_understood(w, m);
}

static void on_close(struct worker *w, struct ipc_message *m)
{
    if (w->accepting != NULL)
        acceptor_take_all(w->accepting);
    on_retire(w, m);
}

static void on_stop(struct worker *w, struct ipc_message *m)
{
    (void)m;
    worker_end(w);
}

static void on_challenge_answer(struct worker *w, struct ipc_message *m)
{
    queries_answered(&w->sessions.queries, m);
}

static void on_challenges(struct worker *w, struct ipc_message *m)
{
    if (!queries_know(&w->sessions.queries, m))
        not_understood(w, m);
}

static void on_signer(struct worker *w, struct ipc_message *m)
{
    if (m->size != 0 || m->fd_count != 1) {
        not_understood(w, m);
        return;
    }
    if (lacks(w, m, "the signer cannot be reached, and is asked for again"))
        return;
    m->fd_count = 0;
    signings_use(&w->sessions.signings, m->fds[0]);
}

/* The log knows no counters. */
static void count_lost_lines(struct worker *w)
{
    if (w->counters == NULL)
        return;
    counter_add(&w->counters->log_lost, w->log.lost_ever - w->log_lost_counted);
    w->log_lost_counted = w->log.lost_ever;
}

/* 0: none. */
static uint32_t oldest_generation(const struct worker *w)
{
    return link_empty(&w->generations)
               ? 0
               : container_of(w->generations.next, struct generation, link)->number;
}

static void on_ping(struct worker *w, struct ipc_message *m)
{
    (void)m;
    count_lost_lines(w);
    send_plain(w, IPC_PONG, oldest_generation(w));
}

/* What a supervisor says; a handler may take descriptors out of the message. */
static void (*const handlers[])(struct worker *w, struct ipc_message *m) = {
    [IPC_HELLO] = on_hello,
    [IPC_COUNTERS] = on_counters,
    [IPC_LOG] = on_log,
    [IPC_TICKETS] = on_tickets,
    [IPC_PREPARE] = on_prepare,
    [IPC_LISTENERS] = on_listeners,
    [IPC_ADDRESSES] = on_addresses,
    [IPC_READY] = on_ready,
    [IPC_COMMIT] = on_commit,
    [IPC_ABORT] = on_abort,
    [IPC_DRAIN] = on_drain,
    [IPC_RETIRE] = on_retire,
    [IPC_CLOSE] = on_close,
    [IPC_STOP] = on_stop,
    [IPC_CHALLENGE_ANSWER] = on_challenge_answer,
    [IPC_SIGNER] = on_signer,
    [IPC_PING] = on_ping,
    [IPC_CHALLENGES] = on_challenges,
    [IPC_LEAVE] = on_leave,
};

static void on_message(struct worker *w, struct ipc_message *m)
{
    if (m->type < sizeof handlers / sizeof *handlers && handlers[m->type] != NULL)
        handlers[m->type](w, m);
    ipc_close_fds(m);
}

/* A few messages per turn; the rest keeps the descriptor readable. */
static void ipc_ready(uv_poll_t *poll, int status, int events)
{
    static struct ipc_message m; /* large; one thread */
    struct worker *w = poll->data;
    (void)status;
    (void)events;
    int got = 1;
    for (int i = 0; i < 64 && got == 1 && !w->ending; i++) {
        got = ipc_receive(w->ipc, &m);
        if (got == 1)
            on_message(w, &m);
    }
    if (got < 0) /* the supervisor is gone, and with it who would reload or replace us */
        worker_end(w);
}

/* ---- start and stop ---- */

/* What the sessions may use. */
static void lend(struct worker *w)
{
    struct sessions *all = &w->sessions;
    all->loop = &w->loop;
    all->log = &w->log;
    all->engine = w->engine;
    all->parts = &w->all;
    all->seed = w->seed;
    all->ended = session_ended;
    all->arg = w;
}

static int worker_init(struct worker *w, unsigned index, struct err *e)
{
    char who[24];
    snprintf(who, sizeof who, "worker-%u", index);
    log_init(&w->log, who);
    link_init(&w->generations);
    w->index = index;
    w->ipc = PROCESS_IPC;

    w->files = privileges_raise_files();
    w->scratch = (struct peer_scratch){malloc(TLS_CHUNK_MAX + 1), TLS_CHUNK_MAX + 1};
    if (w->scratch.data == NULL)
        return err_set(e, "no memory: %s", strerror(errno));
    if (getrandom(&w->sessions.tag, sizeof w->sessions.tag, 0) != sizeof w->sessions.tag)
        return err_set(e, "no random numbers: %s", strerror(errno));
    if (tls_init(e) != 0)
        return -1;
    w->engine = tls_engine_new(e);
    lend(w);
    return w->engine == NULL ? -1 : 0;
}

static void worker_watch(struct worker *w)
{
    uv_loop_init(&w->loop);
    w->loop.data = &w->scratch;
    /* With its first stream a loop opens a descriptor to keep in reserve. In the sandbox that
     * fails, and is tried again with every stream: so here is one before. */
    uv_tcp_init(&w->loop, &w->first);
    uv_close((uv_handle_t *)&w->first, NULL);
    uv_poll_init(&w->loop, &w->ipc_poll, w->ipc);
    w->ipc_poll.data = w;
    uv_poll_start(&w->ipc_poll, UV_READABLE, ipc_ready);
    sessions_init(&w->sessions, w->ipc);
}

/* Take leave of every client that is still there, then let all close callbacks run. */
static void worker_wind_down(struct worker *w)
{
    end_visits(w);
    forget_prepared(w);
    acceptor_close(w->accepting);
    w->accepting = NULL;
    sessions_stop(&w->sessions);
    uv_close((uv_handle_t *)&w->ipc_poll, NULL);
    sessions_close(&w->sessions);
    while (uv_run(&w->loop, UV_RUN_DEFAULT) != 0)
        continue; /* the last session's end may have asked the loop to stop */
    uv_loop_close(&w->loop);
    generation_free(w->current);
}

int worker_run(unsigned index)
{
    static struct worker w;
    struct err e;
    if (!process_begin() || index >= WORKERS_MAX)
        return EXIT_USAGE;

    if (worker_init(&w, index, &e) == 0) {
        worker_watch(&w);
        uv_run(&w.loop, UV_RUN_DEFAULT);
        worker_wind_down(&w);
    } else {
        log_event(&w.log, LOG_LEVEL_ERROR, "worker-failed", "%s", e.text);
    }
    tls_engine_free(w.engine);
    free(w.scratch.data);
    backlog_clear(&w.backlog);
    counters_unmap_all(&w.all);
    log_close(&w.log);
    return 0;
}
