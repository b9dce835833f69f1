#include "proxy/supervisor/estate.h"
#include "proxy/base/version.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- giving ---- */

static char *copy_text(const char *text, bool *failed)
{
    char *copy = strdup(text);
    *failed |= copy == NULL;
    return copy;
}

/* Nothing to do is fine. */
static bool give_leaver(struct handover *h, const struct child *c)
{
    return c->life == CHILD_NONE || handover_add_leaver(h, c->process.pid) == 0;
}

/* A worker and its signer become veterans. */
static bool give_worker(struct handover *h, const struct worker *w, const struct child *signer)
{
    struct handover_veteran *v = handover_add(&h->veterans, &h->veteran_count, sizeof *v);
    if (v == NULL)
        return false;
    *v = (struct handover_veteran){.index = w->child.index,
                                   .generation = w->committed,
                                   .restarts = w->child.restarts,
                                   .pid = w->child.process.pid,
                                   .ipc = w->child.ipc,
                                   .counters = w->counters,
                                   .reader = w->counters_reader,
                                   .layout = counters_layout(),
                                   .log_targets = LOG_TARGETS,
                                   .sandbox = w->child.sandbox};
    snprintf(v->version, sizeof v->version, "%s", version_text);
    if (signer == NULL)
        return true;
    v->signer = signer->process.pid;
    v->signer_ipc = signer->ipc;
    v->signer_sandbox = signer->sandbox;
    return true;
}

static bool give_workers(struct handover *h, const struct workers *ws)
{
    bool done = true;
    for (unsigned i = 0; i < ws->count || i < ws->signers.count; i++) {
        const struct worker *w = i < ws->count ? ws->items[i] : NULL;
        const struct signer *s = i < ws->signers.count ? ws->signers.items[i] : NULL;
        const struct child *signer = s != NULL && s->child.life != CHILD_NONE ? &s->child : NULL;
        if (w != NULL && w->child.life != CHILD_NONE)
            done &= give_worker(h, w, signer);
        else if (signer != NULL)
            done &= give_leaver(h, signer);
    }
    return done;
}

static bool give_routes(struct handover *h, const struct estate *x)
{
    bool failed = false;
    for (uint32_t slot = 0; slot < ROUTE_SLOTS && !failed; slot++) {
        if (x->reload->slots.names[slot] == NULL)
            continue;
        struct handover_route *r = handover_add(&h->routes, &h->route_count, sizeof *r);
        if (r == NULL)
            return false;
        r->name = copy_text(x->reload->slots.names[slot], &failed);
        r->slot = slot;
    }
    return !failed;
}

static bool give_server_names(struct handover *h, const struct estate *x)
{
    bool failed = false;
    for (uint32_t slot = 0; slot < NAME_SLOTS && !failed; slot++) {
        if (x->reload->name_slots.keys[slot] == NULL)
            continue;
        struct handover_server_name *n =
            handover_add(&h->server_names, &h->server_name_count, sizeof *n);
        if (n == NULL)
            return false;
        n->key = copy_text(x->reload->name_slots.keys[slot], &failed);
        n->slot = slot;
    }
    return !failed;
}

static bool give_address(struct handover *h, const struct listen_address *from, bool observed)
{
    bool failed = false;
    if (from->listening == 0) /* the next image binds it anew, or says who has it */
        return true;
    struct handover_address *a = handover_add(&h->addresses, &h->address_count, sizeof *a);
    if (a == NULL)
        return false;
    a->text = copy_text(from->text, &failed);
    a->given = from->given;
    a->observed = observed;
    a->file = from->file;
    a->sockets = calloc(from->listening + 1, sizeof *a->sockets);
    if (a->sockets == NULL)
        return false;
    a->count = from->listening;
    memcpy(a->sockets, from->sockets, a->count * sizeof *a->sockets);
    return !failed;
}

/* Of a host: services are asked for anew, and resolver_each() leaves them out. */
static struct ipc_resolved_address address_of(const struct upstream_address *a)
{
    const struct sockaddr_in *in = (const void *)&a->addr;
    const struct sockaddr_in6 *in6 = (const void *)&a->addr;
    struct ipc_resolved_address out = {.family = a->addr.ss_family};
    if (out.family == AF_INET) {
        memcpy(out.bytes, &in->sin_addr, sizeof in->sin_addr);
    } else {
        memcpy(out.bytes, &in6->sin6_addr, sizeof in6->sin6_addr);
        out.scope = in6->sin6_scope_id;
    }
    return out;
}

struct giving {
    struct handover *h;
    bool failed;
};

static void give_name(void *arg, const char *host, uint16_t port,
                      const struct upstream_address *addresses, size_t count)
{
    struct giving *g = arg;
    struct handover_name *n = handover_add(&g->h->names, &g->h->name_count, sizeof *n);
    if (n == NULL) {
        g->failed = true;
        return;
    }
    n->host = copy_text(host, &g->failed);
    n->port = port;
    for (; n->count < count; n->count++)
        n->addresses[n->count] = address_of(&addresses[n->count]);
}

static void give_caller(void *arg, int fd)
{
    struct giving *g = arg;
    struct handover_caller *c = handover_add(&g->h->callers, &g->h->caller_count, sizeof *c);
    g->failed |= c == NULL;
    if (c != NULL)
        c->fd = fd;
}

static void give_log(struct handover *h, const struct log *log)
{
    const bool journal = log->target == LOG_TARGET_JOURNAL; /* which each image finds by itself */
    h->log = log->fd != STDERR_FILENO && !journal ? log->fd : -1;
    h->log_target = journal ? LOG_TARGET_STDERR : log->target;
    h->log_level = log->level;
    h->log_format = log->format;
}

static bool give_sockets(struct handover *h, const struct activation *a)
{
    bool failed = false;
    for (size_t i = 0; i < a->count && !failed; i++) {
        struct handover_socket *s = handover_add(&h->given, &h->given_count, sizeof *s);
        if (s == NULL)
            return false;
        s->fd = a->items[i].fd;
        s->name = copy_text(a->items[i].name, &failed);
    }
    return !failed;
}

int estate_give(const struct estate *x, struct handover *h)
{
    struct giving g = {.h = h};
    give_log(h, x->log);
    h->generations = x->reload->generations;
    memcpy(h->seed, x->workers->seed, sizeof h->seed);
    tickets_give(x->tickets, h);
    h->history = x->observer->history;
    h->bundle = x->workers->current.whole;
    h->control = control_fd(*x->control, &h->control_file);
    h->control_path = copy_text(control_path(*x->control), &g.failed);
    control_silent(*x->control, give_caller, &g);
    for (size_t i = 0; i < x->listeners->count; i++)
        g.failed |= !give_address(h, &x->listeners->items[i], false);
    for (size_t i = 0; i < x->observer->listeners.count; i++)
        g.failed |= !give_address(h, &x->observer->listeners.items[i], true);
    resolver_each(x->resolver, give_name, &g);
    g.failed |= !give_routes(h, x) || !give_server_names(h, x) || !give_workers(h, x->workers) ||
                archive_give(x->archive, x->workers, h) != 0;
    g.failed |= !give_leaver(h, &x->observer->child);
    g.failed |= !give_leaver(h, resolver_process(x->resolver));
    g.failed |= confinement_give(x->confinement, h) != 0 || !give_sockets(h, x->activation);
    return g.failed || veterans_give(x->veterans, h) != 0 ? -1 : 0;
}

/* ---- taking ---- */

static bool take_routes(const struct estate *x, const struct handover *h)
{
    bool failed = false;
    for (size_t i = 0; i < h->route_count; i++) {
        char **name = &x->reload->slots.names[h->routes[i].slot];
        if (*name != NULL)
            return false; /* twice */
        *name = copy_text(h->routes[i].name, &failed);
    }
    return !failed;
}

static bool take_server_names(const struct estate *x, const struct handover *h)
{
    bool failed = false;
    for (size_t i = 0; i < h->server_name_count; i++) {
        char **key = &x->reload->name_slots.keys[h->server_names[i].slot];
        if (*key != NULL)
            return false; /* twice */
        *key = copy_text(h->server_names[i].key, &failed);
    }
    return !failed;
}

static bool take_addresses(const struct estate *x, const struct handover *h)
{
    for (size_t i = 0; i < h->address_count; i++) {
        const struct handover_address *a = &h->addresses[i];
        if (listeners_adopt(a->observed ? &x->observer->listeners : x->listeners, a) != 0)
            return false;
    }
    return true;
}

static bool take_names(const struct estate *x, const struct handover *h)
{
    for (size_t i = 0; i < h->name_count; i++) {
        const struct handover_name *n = &h->names[i];
        if (resolver_recall(x->resolver, n->host, n->port, n->addresses, n->count) != 0)
            return false;
    }
    return true;
}

int estate_take(const struct estate *x, const struct handover *h, struct err *e)
{
    x->reload->generations = h->generations;
    memcpy(x->workers->seed, h->seed, sizeof h->seed);
    tickets_take(x->tickets, h);
    observer_take(x->observer, h->history);
    for (size_t i = 0; i < h->given_count; i++)
        if (activation_add(x->activation, h->given[i].fd, h->given[i].name, e) != 0)
            return -1;
    if (!take_routes(x, h) || !take_server_names(x, h) || !take_addresses(x, h) ||
        !take_names(x, h) || confinement_take(x->confinement, h) != 0)
        return err_set(e, "the state cannot be taken over: out of memory");
    if (archive_take(x->archive, h, e) != 0)
        return -1;
    return veterans_take(x->veterans, h, archive_knows(h), e);
}
