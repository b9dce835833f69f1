/* workers.c - see workers.h. What is said to a worker is in orders.c. */
#include "proxy/supervisor/workers.h"
#include "proxy/supervisor/orders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The longest that a worker does without looking is loading a generation, which takes milliseconds,
 * or seconds where there are thousands of keys. */
#define HUNG_MS 20000

/* A socket to a signer that a worker asks for comes not sooner after another one. */
#define SIGNER_PAUSE_MS 500

enum { NAME_MAX_SIZE = 64 };

static struct worker *worker_of(const struct child *c)
{
    return c->owner;
}

/* ---- counting ---- */

static void for_each(struct workers *ws, void (*order)(struct worker *w))
{
    for (unsigned i = 0; i < ws->count; i++)
        if (ws->items[i]->child.life != CHILD_NONE)
            order(ws->items[i]);
}

/* Retiring, but the release that is prepared calls it back: its part of the sockets is its own. */
static bool is_called_back(const struct worker *w)
{
    return w->child.life == CHILD_RETIRING && w->child.index < w->all->next.workers;
}

static bool is_late(const struct worker *w, uint32_t number, bool committed)
{
    return (w->child.life == CHILD_RUNNING || is_called_back(w)) &&
           (committed ? w->committed : w->prepared) < number;
}

static bool all_at(const struct workers *ws, uint32_t number, bool committed)
{
    for (unsigned i = 0; i < ws->count; i++) {
        const struct worker *w = ws->items[i];
        if (child_awaited(&w->child) || is_late(w, number, committed))
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
        n += ws->items[i]->child.life != CHILD_NONE;
    return n;
}

uint32_t workers_oldest(const struct workers *ws)
{
    uint32_t oldest = ws->current.number;
    for (unsigned i = 0; i < ws->count; i++) {
        const struct child *c = &ws->items[i]->child;
        if (c->life != CHILD_NONE && c->holds < oldest)
            oldest = c->holds;
    }
    return oldest;
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

/* It could not load what the others run, for want of memory: perhaps its successor can. */
static void refused_current(struct worker *w, const char *reason)
{
    char why[1200];
    snprintf(why, sizeof why, "cannot serve (%s)", reason);
    child_replace(&w->child, "failed", why);
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

static bool on_query(struct worker *w, const struct ipc_message *message)
{
    struct ipc_challenge_query query;
    if (!ipc_take(message, &query, sizeof query) ||
        memchr(query.name, '\0', sizeof query.name) == NULL)
        return false;
    challenge_names_asked(&w->all->challenges);
    orders_answer(w->all, &w->child, &query);
    return true;
}

/* A worker that was taken over may ask without end. */
static bool on_signer_wanted(struct worker *w, const struct ipc_message *message)
{
    if (message->size != 0)
        return false;
    if (uv_now(w->all->loop) - w->connected >= SIGNER_PAUSE_MS)
        orders_signer(w);
    return true;
}

static bool (*const handlers[])(struct worker *w, const struct ipc_message *message) = {
    [IPC_PREPARED] = on_prepared,    [IPC_REFUSED] = on_refused,
    [IPC_COMMITTED] = on_committed,  [IPC_CHALLENGE_QUERY] = on_query,
    [IPC_SIGNER] = on_signer_wanted,
};

static bool on_message(struct child *c, const struct ipc_message *message)
{
    return message->type < sizeof handlers / sizeof *handlers && handlers[message->type] != NULL &&
           handlers[message->type](worker_of(c), message);
}

/* ---- life ---- */

uint64_t workers_timeout(const struct workers *ws, uint64_t usual_ms)
{
    enum { HOW_MUCH_SLOWER = 4 };
    return usual_ms + HOW_MUCH_SLOWER * ws->load_ms;
}

static uint64_t patience(const struct child *c)
{
    return workers_timeout(worker_of(c)->all, HUNG_MS);
}

/* Bring it to where the others are. */
static void started(struct child *c)
{
    struct worker *w = worker_of(c);
    const struct workers *ws = w->all;
    w->told = w->prepared = w->committed = 0;
    orders_hello(w);
    if (ws->draining)
        child_tell(&w->child, IPC_DRAIN, 0);
    orders_signer(w);
    orders_counters(w);
    if (ws->current.number != 0) {
        orders_release(w, &ws->current);
        child_tell(&w->child, IPC_COMMIT, ws->current.number);
    }
    if (ws->challenges.count > 0)
        orders_challenges(w);
    if (ws->next.number != 0)
        orders_release(w, &ws->next);
}

/* Is there a worker that may ask it, or will there be one? */
static bool needs_signer(const struct workers *ws, unsigned index)
{
    const struct child *c = index < ws->count ? &ws->items[index]->child : NULL;
    const bool served = c != NULL && (c->life != CHILD_NONE || child_awaited(c));
    return (served && release_has_keys(&ws->current)) ||
           (index < ws->next.workers && release_has_keys(&ws->next));
}

static void dismiss_needless_signer(struct workers *ws, unsigned index)
{
    if (!needs_signer(ws, index))
        signers_dismiss(&ws->signers, index);
}

static void ended(struct child *c)
{
    struct workers *ws = worker_of(c)->all;
    counters_clear_presence(counters_of(&ws->all, c->index));
    dismiss_needless_signer(ws, c->index);
    if (ws->children.ending && workers_alive(ws) == 0)
        ws->events->gone(ws->arg);
    /* One that retired, and was called back by the next release, may have been the last that had
     * not said that it is prepared: it need not any more. */
    if (!ws->children.ending && ws->next.number != 0 && workers_all_prepared(ws, ws->next.number))
        ws->events->prepared(ws->arg, ws->next.number);
}

static const struct child_kind kind = {.name = "worker",
                                       .loss = "its sessions are lost, ",
                                       .started = started,
                                       .message = on_message,
                                       .patience = patience,
                                       .ended = ended};

/* ---- their signers ---- */

static void signer_started(void *arg, unsigned index)
{
    struct workers *ws = arg;
    if (index < ws->count)
        orders_signer(ws->items[index]);
}

static void signer_betrayed(void *arg, unsigned index)
{
    struct workers *ws = arg;
    if (index < ws->count)
        child_replace(&ws->items[index]->child, "nonsense",
                      "has asked its signer for what no worker asks for");
}

static const struct signers_events signers_events = {signer_started, signer_betrayed};

static void challenges_changed(void *arg)
{
    for_each(arg, orders_challenges);
}

void workers_init(struct workers *ws)
{
    ws->children = (struct children){.kind = &kind, .loop = ws->loop, .log = ws->log};
    ws->signers = (struct signers){.loop = ws->loop,
                                   .log = ws->log,
                                   .events = &signers_events,
                                   .arg = ws,
                                   .current = &ws->current,
                                   .next = &ws->next,
                                   .identity = &ws->identity};
    signers_init(&ws->signers);
    challenge_names_init(&ws->challenges, ws->loop, challenges_changed, ws);
}

void workers_replace_late(struct workers *ws, uint32_t number, bool committed)
{
    for (unsigned i = 0; i < ws->count; i++)
        if (is_late(ws->items[i], number, committed))
            child_replace(&ws->items[i]->child, "late",
                          committed ? "has not taken over the new generation"
                                    : "has not loaded the new generation");
}

void workers_name_late(const struct workers *ws, uint32_t number, bool committed, struct buf *out)
{
    const char *comma = "";
    for (unsigned i = 0; i < ws->count && out->size + NAME_MAX_SIZE < out->limit; i++) {
        const struct child *c = &ws->items[i]->child;
        if (!child_awaited(c) && !is_late(ws->items[i], number, committed))
            continue;
        buf_printf(out, "%sworker %u", comma, i);
        if (c->life != CHILD_NONE)
            buf_printf(out, " (process %d)", c->process.pid);
        comma = ", ";
    }
}

/* ---- their counters ---- */

static void close_counters(struct worker *w)
{
    if (w->counters >= 0)
        close(w->counters);
    if (w->counters_reader >= 0)
        close(w->counters_reader);
}

static int make_counters(struct worker *w, unsigned index, struct err *e)
{
    struct all_counters *all = &w->all->all;
    w->counters = counters_create(e);
    if (w->counters < 0)
        return -1;
    w->counters_reader = counters_reader(w->counters);
    all->parts[index] = w->counters_reader >= 0 ? counters_map_own(w->counters) : NULL;
    return counters_of(all, index) != NULL ? 0 : counters_fail(e, errno);
}

/* ---- places for them ---- */

static void free_place(struct workers *ws, unsigned index)
{
    counters_unmap(ws->all.parts[index]);
    ws->all.parts[index] = NULL;
    close_counters(ws->items[index]);
    free(ws->items[index]);
    ws->items[index] = NULL;
}

static int make_place(struct workers *ws, unsigned index, struct err *e)
{
    struct worker *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_set(e, "worker %u: out of memory", index);
    *w = (struct worker){.all = ws, .counters = -1, .counters_reader = -1};
    ws->items[index] = w;
    return make_counters(w, index, e) == 0 ? 0 : err_prefix(e, "worker %u", index);
}

/* Each process that is to be started, a signer with it, has a socket to us, and to start one takes
 * some more for a moment. */
enum { SOCKETS = 2, SOME_MORE = 16, DESCRIPTORS_MAX = WORKERS_MAX * SOCKETS + SOME_MORE };

static unsigned descriptors_needed(const struct workers *ws, unsigned count)
{
    unsigned starts = 0;
    for (unsigned i = 0; i < count; i++)
        starts += i >= ws->count || ws->items[i]->child.life == CHILD_NONE;
    return starts > 0 ? starts * SOCKETS + SOME_MORE : 0;
}

/* They are taken soon, so that for once to look is enough. */
static bool are_descriptors_left(int any, unsigned needed)
{
    int all[DESCRIPTORS_MAX];
    unsigned n = 0;
    while (n < needed && (all[n] = fcntl(any, F_DUPFD_CLOEXEC, 0)) >= 0)
        n++;
    for (unsigned i = 0; i < n; i++)
        close(all[i]);
    return n == needed;
}

static int reserve(struct workers *ws, unsigned count, struct err *e)
{
    for (unsigned i = ws->count; i < count; i++)
        if (ws->items[i] == NULL && make_place(ws, i, e) != 0)
            return -1;
    if (are_descriptors_left(ws->items[0]->counters, descriptors_needed(ws, count)))
        return 0;
    err_set(e, "%u workers: %s", count, strerror(EMFILE));
    return err_cure(e, ERR_CURE_FILES ", or choose fewer `workers`");
}

int workers_reserve(struct workers *ws, unsigned count, struct err *e)
{
    if (reserve(ws, count, e) == 0)
        return 0;
    workers_give_back(ws);
    return -1;
}

void workers_give_back(struct workers *ws)
{
    for (unsigned i = ws->count; i < WORKERS_MAX; i++)
        if (ws->items[i] != NULL)
            free_place(ws, i);
}

static struct worker *worker_at(struct workers *ws, unsigned index)
{
    struct worker *w = ws->items[index];
    if (index < ws->count)
        return w;
    child_init(&w->child, &ws->children, index, w);
    ws->count = index + 1;
    for_each(ws, orders_counters);
    return w;
}

/* ---- releases ---- */

static void start_all(struct workers *ws, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        child_start(&worker_at(ws, i)->child);
}

void workers_prepare(struct workers *ws, struct release *next)
{
    ws->next = *next;
    *next = (struct release){0};
    signers_prepare(&ws->signers); /* first, so that they have the keys before anybody wants them */
    for (unsigned i = 0; i < ws->count; i++)
        if (i < ws->next.workers && ws->items[i]->child.life != CHILD_NONE)
            orders_release(ws->items[i], &ws->next);
        else if (ws->items[i]->child.life == CHILD_RUNNING)
            ws->items[i]->prepared = ws->next.number; /* will retire */
    if (ws->careful && ws->current.number == 0)
        start_all(ws, ws->next.workers);
}

static void retire(struct worker *w)
{
    const bool running = w->child.life == CHILD_RUNNING;
    child_retire(&w->child);
    if (running)
        child_tell(&w->child, IPC_RETIRE, 0);
}

static void take_over(struct worker *w)
{
    child_keep(&w->child);
    child_tell(&w->child, IPC_COMMIT, w->all->current.number);
}

void workers_commit(struct workers *ws)
{
    release_clear(&ws->current);
    ws->current = ws->next;
    ws->next = (struct release){0};
    signers_commit(&ws->signers);
    challenge_names_use(&ws->challenges, &ws->current);

    for (unsigned i = 0; i < ws->count || i < ws->current.workers; i++) {
        struct worker *w = worker_at(ws, i);
        if (i >= ws->current.workers)
            retire(w);
        else if (w->child.life == CHILD_NONE)
            child_start(&w->child);
        else
            take_over(w);
    }
}

void workers_abort(struct workers *ws)
{
    for (unsigned i = 0; i < ws->count; i++)
        child_tell(&ws->items[i]->child, IPC_ABORT, ws->next.number);
    signers_abort(&ws->signers, ws->next.number);
    release_clear(&ws->next);
    for (unsigned i = 0; i < ws->signers.count; i++) /* it had been started for that release */
        dismiss_needless_signer(ws, i);
}

/* ---- to all ---- */

void workers_send_tickets(struct workers *ws)
{
    for_each(ws, orders_tickets);
}

void workers_send_log(struct workers *ws)
{
    for (unsigned i = 0; i < ws->count; i++)
        child_send_log(&ws->items[i]->child);
    signers_send_log(&ws->signers);
}

void workers_send_addresses(struct workers *ws, const struct resolver_name *name)
{
    for (unsigned i = 0; i < ws->count; i++)
        orders_addresses(ws->items[i], name);
}

void workers_leave(struct workers *ws, uint32_t ms)
{
    for (unsigned i = 0; i < ws->count; i++)
        child_send_leave(&ws->items[i]->child, ms);
}

void workers_end(struct workers *ws, enum ipc_type how)
{
    ws->draining = how == IPC_DRAIN;
    ws->children.ending = !ws->draining;
    for (unsigned i = 0; i < ws->count; i++)
        child_tell(&ws->items[i]->child, how, 0);
    if (ws->children.ending && workers_alive(ws) == 0)
        ws->events->gone(ws->arg);
}

void workers_close(struct workers *ws)
{
    for (unsigned i = 0; i < ws->count; i++)
        child_close(&ws->items[i]->child);
    signers_close(&ws->signers);
    challenge_names_close(&ws->challenges);
}

void workers_free(struct workers *ws)
{
    ws->count = 0;
    workers_give_back(ws);
    signers_free(&ws->signers);
    release_clear(&ws->current);
    release_clear(&ws->next);
    explicit_bzero(&ws->tickets, sizeof ws->tickets);
    counters_unmap_all(&ws->all);
}
