#include "proxy/supervisor/veterans.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct veteran *veteran_of(const struct child *c)
{
    return c->owner;
}

/* ---- their counters ---- */

/* What it has counted stays where it stands, for all who add up. */
static void forget_presence(struct veteran *v)
{
    struct worker_counters *part = counters_of(v->all->counters, v->part);
    if (part != NULL)
        counters_clear_presence(part); /* the workers look at it, too */
}

int veterans_reader(const struct veterans *vs, unsigned part)
{
    const struct veteran *v = vs->items[part - WORKERS_MAX];
    return counters_of(vs->counters, part) != NULL ? v->was.reader : -1;
}

/* ---- what they say ---- */

/* Of another release, so what is not understood is not held against it. */
static bool worker_message(struct child *c, const struct ipc_message *m)
{
    struct ipc_challenge_query query;
    struct veterans *vs = veteran_of(c)->all;
    if (m->type == IPC_CHALLENGE_QUERY && ipc_take(m, &query, sizeof query) &&
        memchr(query.name, '\0', sizeof query.name) != NULL)
        vs->events->query(vs->arg, c, &query);
    return true;
}

static bool signer_message(struct child *c, const struct ipc_message *m)
{
    if (m->type == IPC_BETRAYED)
        child_replace(&veteran_of(c)->child, "nonsense",
                      "has asked its signer for what no worker asks for");
    return true;
}

/* ---- their ends ---- */

static void worker_ended(struct child *c)
{
    struct veteran *v = veteran_of(c);
    forget_presence(v);
    child_tell(&v->signer, IPC_STOP, 0);
    if (veterans_alive(v->all) == 0)
        v->all->events->gone(v->all->arg);
}

static const struct child_kind worker_kind = {.name = "worker",
                                              .loss = "its sessions are lost, ",
                                              .message = worker_message,
                                              .ended = worker_ended};
static const struct child_kind signer_kind = {
    .name = "signer", .loss = "", .message = signer_message};

static bool collected(pid_t pid)
{
    const pid_t got = waitpid(pid, NULL, WNOHANG);
    return got == pid || (got < 0 && errno == ECHILD);
}

void veterans_reap(struct veterans *vs)
{
    size_t kept = 0;
    for (unsigned i = 0; i < vs->count; i++)
        if (vs->items[i] != NULL && vs->items[i]->retired) {
            child_reap(&vs->items[i]->signer);
            child_reap(&vs->items[i]->child);
        }
    for (size_t i = 0; i < vs->leaver_count; i++)
        if (!collected(vs->leavers[i]))
            vs->leavers[kept++] = vs->leavers[i];
    vs->leaver_count = kept;
}

/* ---- taking over ---- */

void veterans_init(struct veterans *vs)
{
    vs->workers = (struct children){.kind = &worker_kind, .loop = vs->loop, .log = vs->log};
    vs->signers = (struct children){.kind = &signer_kind, .loop = vs->loop, .log = vs->log};
}

static int take_one(struct veterans *vs, const struct handover_veteran *was, bool known,
                    struct err *e)
{
    struct veteran *v = vs->count < VETERANS_MAX ? calloc(1, sizeof *v) : NULL;
    if (v == NULL)
        return err_set(e, "no room for the workers that go on");
    *v = (struct veteran){.all = vs, .was = *was, .part = WORKERS_MAX + vs->count};
    child_init(&v->child, &vs->workers, was->index, v);
    child_init(&v->signer, &vs->signers, was->index, v);
    v->child.log_targets = v->signer.log_targets = was->log_targets;
    if (!known)
        v->was.layout = 0; /* what it has counted stands in our sums; nobody is to add it again */
    vs->items[vs->count++] = v;
    vs->counters->parts[v->part] = known ? counters_map_own(was->counters) : NULL;
    if (known && counters_of(vs->counters, v->part) == NULL)
        return err_set(e, "the counters cannot be read: %s", strerror(errno));
    return 0;
}

static int take_leavers(struct veterans *vs, const struct handover *h)
{
    vs->leavers = calloc(h->leaver_count + 1, sizeof *vs->leavers);
    if (vs->leavers == NULL)
        return -1;
    vs->leaver_count = h->leaver_count;
    for (size_t i = 0; i < h->leaver_count; i++)
        vs->leavers[i] = h->leavers[i];
    return 0;
}

int veterans_take(struct veterans *vs, const struct handover *h, bool known, struct err *e)
{
    if (take_leavers(vs, h) != 0)
        return err_set(e, "out of memory");
    for (size_t i = 0; i < h->veteran_count; i++)
        if (take_one(vs, &h->veterans[i], known, e) != 0)
            return -1;
    return 0;
}

static void retire(struct veteran *v)
{
    v->retired = true;
    if (v->was.signer != 0) {
        child_adopt(&v->signer, v->was.signer, v->was.signer_ipc);
        v->signer.sandbox = v->was.signer_sandbox;
    }
    child_adopt(&v->child, v->was.pid, v->was.ipc);
    v->child.sandbox = v->was.sandbox;
    v->child.restarts = v->was.restarts;
    child_send_log(&v->child);
    child_send_log(&v->signer);
    child_tell(&v->child, IPC_RETIRE, 0);
}

void veterans_retire(struct veterans *vs)
{
    for (unsigned i = 0; i < vs->count; i++)
        if (!vs->items[i]->retired)
            retire(vs->items[i]);
    veterans_reap(vs); /* who ended meanwhile */
}

/* ---- handing over ---- */

static int give_one(struct handover *h, const struct veteran *v)
{
    const bool has_signer = v->signer.life != CHILD_NONE;
    if (v->child.life == CHILD_NONE)
        return has_signer ? handover_add_leaver(h, v->was.signer) : 0;
    struct handover_veteran *out = handover_add(&h->veterans, &h->veteran_count, sizeof *out);
    if (out == NULL)
        return -1;
    *out = v->was;
    if (!has_signer)
        out->signer = 0;
    return 0;
}

int veterans_give(const struct veterans *vs, struct handover *h)
{
    for (unsigned i = 0; i < vs->count; i++)
        if (give_one(h, vs->items[i]) != 0)
            return -1;
    for (size_t i = 0; i < vs->leaver_count; i++)
        if (handover_add_leaver(h, vs->leavers[i]) != 0)
            return -1;
    return 0;
}

/* ---- to all ---- */

void veterans_end(struct veterans *vs, enum ipc_type how)
{
    vs->workers.ending = vs->signers.ending = true;
    for (unsigned i = 0; i < vs->count; i++)
        child_tell(&vs->items[i]->child, how, 0);
}

void veterans_leave(struct veterans *vs, uint32_t ms)
{
    for (unsigned i = 0; i < vs->count; i++)
        child_send_leave(&vs->items[i]->child, ms);
}

void veterans_kill(struct veterans *vs)
{
    for (unsigned i = 0; i < vs->count; i++)
        child_kill(&vs->items[i]->child);
}

void veterans_send_log(struct veterans *vs)
{
    for (unsigned i = 0; i < vs->count; i++) {
        child_send_log(&vs->items[i]->child);
        child_send_log(&vs->items[i]->signer);
    }
}

unsigned veterans_alive(const struct veterans *vs)
{
    unsigned n = 0;
    for (unsigned i = 0; i < vs->count; i++)
        n += vs->items[i]->child.life != CHILD_NONE;
    return n;
}

/* One whose counters cannot be read ends with its last session, so that it has one while it lives.
 */
static uint64_t active(const struct veteran *v)
{
    const struct worker_counters *part = counters_of(v->all->counters, v->part);
    uint64_t n = 0;
    if (part == NULL)
        return v->child.life != CHILD_NONE;
    for (unsigned slot = 0; slot < ROUTE_SLOTS; slot++)
        n += counter_get(&part->route[slot].active);
    return n;
}

uint64_t veterans_active(const struct veterans *vs)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < vs->count; i++)
        n += active(vs->items[i]);
    return n;
}

/* ---- the end ---- */

void veterans_close(struct veterans *vs)
{
    veterans_end(vs, IPC_STOP);
    for (unsigned i = 0; i < vs->count; i++) {
        child_close(&vs->items[i]->child);
        child_close(&vs->items[i]->signer);
    }
}

void veterans_free(struct veterans *vs)
{
    for (unsigned i = 0; i < vs->count; i++) {
        close(vs->items[i]->was.counters);
        close(vs->items[i]->was.reader);
        free(vs->items[i]);
    }
    free(vs->leavers);
}
