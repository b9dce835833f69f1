#include "proxy/supervisor/orders.h"
#include "proxy/supervisor/challenge_directory.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* One thread, and a message lives no longer than the call that sends it. */
static struct ipc_message message;

static void send_message(struct worker *w)
{
    child_send(&w->child, &message);
}

void orders_hello(struct worker *w)
{
    const struct workers *ws = w->all;
    struct ipc_hello hello = {.drop_privileges = ws->identity.drop,
                              .keep_transparent = ws->identity.transparent,
                              .sandbox = ws->identity.sandbox,
                              .uid = ws->identity.uid,
                              .gid = ws->identity.gid};
    memcpy(hello.seed, ws->seed, sizeof hello.seed);
    ipc_begin(&message, IPC_HELLO, 0);
    ipc_append(&message, &hello, sizeof hello);
    message.fds[0] = w->counters;
    message.fd_count = 1;
    send_message(w);
    child_send_log(&w->child);
    orders_tickets(w);
}

void orders_signer(struct worker *w)
{
    const int fd =
        w->child.life == CHILD_NONE ? -1 : signers_connect(&w->all->signers, w->child.index);
    if (fd < 0)
        return; /* when there is one, it says so; without a socket to it the worker asks for one */
    w->connected = uv_now(w->all->loop);
    ipc_begin(&message, IPC_SIGNER, 0);
    message.fds[0] = fd;
    message.fd_count = 1;
    send_message(w);
    close(fd);
}

/* -1: nobody's. */
static int reader_of(const struct workers *ws, unsigned part)
{
    if (part >= WORKERS_MAX)
        return veterans_reader(ws->veterans, part);
    return part < ws->count ? ws->items[part]->counters_reader : -1;
}

static void add_counters(struct worker *w, uint32_t part, int reader)
{
    const struct ipc_counters of = {.part = part};
    if (message.fd_count == IPC_FDS_MAX) {
        send_message(w);
        ipc_begin(&message, IPC_COUNTERS, 0);
    }
    ipc_append(&message, &of, sizeof of);
    message.fds[message.fd_count++] = reader;
}

void orders_counters(struct worker *w)
{
    const struct workers *ws = w->all;
    ipc_begin(&message, IPC_COUNTERS, 0);
    for (uint32_t i = 0; i < workers_parts(ws); i++)
        if (i != w->child.index && reader_of(ws, i) >= 0)
            add_counters(w, i, reader_of(ws, i));
    send_message(w);
}

void orders_tickets(struct worker *w)
{
    ipc_begin(&message, IPC_TICKETS, 0);
    ipc_append(&message, &w->all->tickets, sizeof w->all->tickets);
    send_message(w);
    explicit_bzero(message.payload, message.size);
}

/* ---- challenges ---- */

void orders_challenges(struct worker *w)
{
    const struct challenge_names *n = &w->all->challenges;
    ipc_begin(&message, IPC_CHALLENGES, 0);
    ipc_append(&message, n->hashes, n->count * sizeof *n->hashes);
    send_message(w);
}

static const struct route *route_in_slot(const struct generation *g, unsigned slot)
{
    for (size_t i = 0; g != NULL && i < g->config->route_count; i++)
        if (g->routes[i].slot == slot)
            return &g->routes[i];
    return NULL;
}

static void find_answer(const struct release *p, const struct ipc_challenge_query *query,
                        struct ipc_challenge_answer *out)
{
    const struct route *route = route_in_slot(p->generation, query->slot);
    out->outcome = CHALLENGE_NO_DIRECTORY;
    if (route == NULL || route->config->protocol != PROTOCOL_ACME)
        return;
    const enum challenge_kind kind =
        route->config->tls == TLS_MODE_IMPLICIT ? CHALLENGE_TLS : CHALLENGE_HTTP;
    const int directory = p->challenges[route - p->generation->routes];
    out->outcome = (uint32_t)challenge_read(directory, kind, query->name, &out->challenge);
}

void orders_answer(const struct workers *ws, struct child *worker,
                   const struct ipc_challenge_query *query)
{
    static struct ipc_challenge_answer answer; /* large; one thread */
    answer.serial = query->serial;
    memset(answer.challenge.size, 0, sizeof answer.challenge.size);
    find_answer(&ws->current, query, &answer);
    ipc_begin(&message, IPC_CHALLENGE_ANSWER, 0);
    ipc_append(&message, &answer,
               offsetof(struct ipc_challenge_answer, challenge.bytes) + answer.challenge.size[0] +
                   answer.challenge.size[1]);
    child_send(worker, &message);
    explicit_bzero(message.payload, message.size);
    explicit_bzero(&answer, sizeof answer);
}

/* ---- a generation ---- */

static void send_bundle(struct worker *w, const struct release *p)
{
    static struct ipc_prepare prepare;
    const unsigned parts = workers_parts(w->all);
    prepare.worker_count = parts > p->workers ? parts : p->workers;
    for (size_t i = 0; i < p->generation->config->route_count; i++)
        prepare.slots[i] = (uint16_t)p->generation->routes[i].slot;
    for (size_t i = 0; i < p->generation->config->server_name_count; i++)
        prepare.name_slots[i] = (uint16_t)p->generation->names[i].slot;
    ipc_begin(&message, IPC_PREPARE, p->number);
    ipc_append(&message, &prepare, sizeof prepare);
    message.fds[0] = p->bundle;
    message.fd_count = 1;
    send_message(w);
}

static void add_socket(struct worker *w, uint32_t number, size_t route, int fd)
{
    const struct ipc_listener l = {(uint32_t)route};
    if (message.fd_count == IPC_FDS_MAX) {
        send_message(w);
        ipc_begin(&message, IPC_LISTENERS, number);
    }
    ipc_append(&message, &l, sizeof l);
    message.fds[message.fd_count++] = fd;
}

/* Socket s of an address goes to worker s modulo the number of workers: when workers were retired
 * the others serve their sockets too, since closing one would lose its queue. */
static void add_address(struct worker *w, const struct release *p, size_t route,
                        const struct listen_address *a)
{
    if (listeners_shared(a)) {
        add_socket(w, p->number, route, a->sockets[0]);
        return;
    }
    /* The rest are the next release's, and not listened on yet. */
    const size_t count = p == &w->all->next ? a->count : a->committed;
    for (size_t s = w->child.index; s < count; s += p->workers)
        add_socket(w, p->number, route, a->sockets[s]);
}

static void send_listeners(struct worker *w, const struct release *p)
{
    const struct config *c = p->generation->config;
    ipc_begin(&message, IPC_LISTENERS, p->number);
    for (size_t i = 0; i < c->route_count; i++)
        for (size_t k = 0; k < c->routes[i].listen_count; k++) {
            const struct listen_address *a =
                listeners_find(w->all->listeners, c->routes[i].listen[k].text);
            if (a != NULL)
                add_address(w, p, i, a);
        }
    send_message(w);
}

/* Addresses of one upstream must not be torn over two messages: the second would replace the
 * first. That it has none takes an entry, too. */
static void add_upstream(struct worker *w, uint32_t number, size_t target, size_t upstream,
                         const struct upstream_address *known, size_t count)
{
    const size_t entries = count > 0 ? count : 1;
    if (message.size + entries * sizeof(struct ipc_address) > IPC_PAYLOAD_MAX) {
        send_message(w);
        ipc_begin(&message, IPC_ADDRESSES, number);
    }
    for (size_t i = 0; i < entries; i++) {
        struct ipc_address a = {.target = (uint32_t)target, .upstream = (uint32_t)upstream};
        if (count > 0) {
            a.addr = known[i].addr;
            a.size = known[i].size;
            a.share = known[i].share;
        }
        ipc_append(&message, &a, sizeof a);
    }
}

static bool is_wanted(const struct endpoint *e, const struct resolver_name *only)
{
    return e->kind == ENDPOINT_NAME &&
           (only == NULL || (e->port == only->port && strcmp(e->host, only->host) == 0));
}

/* Of all upstreams, or of those that have that name. */
static void send_addresses(struct worker *w, const struct release *p,
                           const struct resolver_name *only)
{
    const struct config *c = p->generation->config;
    ipc_begin(&message, IPC_ADDRESSES, p->number);
    for (size_t i = 0; i < c->target_count; i++)
        for (size_t k = 0; k < c->targets[i]->upstream_count; k++) {
            const struct endpoint *e = &c->targets[i]->upstream[k];
            size_t count = 0;
            if (!is_wanted(e, only))
                continue;
            const struct upstream_address *known = resolver_find(w->all->resolver, e, &count);
            add_upstream(w, p->number, i, k, known, count);
        }
    if (message.size > 0)
        send_message(w);
}

void orders_release(struct worker *w, const struct release *p)
{
    send_bundle(w, p);
    send_listeners(w, p);
    send_addresses(w, p, NULL);
    child_tell(&w->child, IPC_READY, p->number);
    w->told = p->number > w->told ? p->number : w->told;
}

void orders_addresses(struct worker *w, const struct resolver_name *name)
{
    send_addresses(w, &w->all->current, name);
    if (w->all->next.number != 0)
        send_addresses(w, &w->all->next, name);
}
