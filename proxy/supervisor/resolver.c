#include "proxy/supervisor/resolver.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS        60000
#define AGAIN_FAILED_MS 5000

struct name {
    struct name *next;
    struct resolver *resolver;
    char *host;
    uint16_t port;
    struct upstream_address addresses[UPSTREAM_TRIES_MAX];
    size_t count;
    bool answered, failing, asking, dropped;
    int error; /* of the last answer; 0: none */
    uint64_t due;
    uv_getaddrinfo_t request;
};

struct resolver {
    uv_loop_t *loop;
    const struct resolver_events *events;
    void *arg;
    struct name *names;
    uv_timer_t timer;
    bool closing, timer_open;
};

static void resolver_schedule(struct resolver *r);

struct resolver *resolver_new(uv_loop_t *loop, const struct resolver_events *events, void *arg)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    *r = (struct resolver){.loop = loop, .events = events, .arg = arg, .timer_open = true};
    uv_timer_init(loop, &r->timer);
    r->timer.data = r;
    return r;
}

/* ---- the list ---- */

static struct name *find(const struct resolver *r, const char *host, uint16_t port)
{
    for (struct name *n = r->names; n != NULL; n = n->next)
        if (!n->dropped && n->port == port && strcmp(n->host, host) == 0)
            return n;
    return NULL;
}

/* Free those that are dropped and not being asked about, and, at the very end, the resolver. */
static void collect(struct resolver *r)
{
    struct name **at = &r->names;
    while (*at != NULL) {
        struct name *n = *at;
        if (!n->dropped || n->asking) {
            at = &n->next;
            continue;
        }
        *at = n->next;
        free(n->host);
        free(n);
    }
    if (r->closing && r->names == NULL && !r->timer_open)
        free(r);
}

static int add(struct resolver *r, const struct endpoint *e)
{
    if (e->kind != ENDPOINT_NAME || find(r, e->host, e->port) != NULL)
        return 0;
    struct name *n = calloc(1, sizeof *n);
    char *host = strdup(e->host);
    if (n == NULL || host == NULL) {
        free(n);
        free(host);
        return -1;
    }
    n->resolver = r;
    n->host = host;
    n->port = e->port;
    n->next = r->names;
    r->names = n;
    return 0;
}

int resolver_add(struct resolver *r, const struct config *c)
{
    int result = 0;
    for (size_t i = 0; i < c->route_count; i++)
        for (size_t k = 0; k < c->routes[i].upstream_count; k++)
            result |= add(r, &c->routes[i].upstream[k]);
    resolver_schedule(r);
    return result;
}

static bool wants(const struct config *c, const struct name *n)
{
    for (size_t i = 0; i < c->route_count; i++)
        for (size_t k = 0; k < c->routes[i].upstream_count; k++) {
            const struct endpoint *e = &c->routes[i].upstream[k];
            if (e->kind == ENDPOINT_NAME && e->port == n->port && strcmp(e->host, n->host) == 0)
                return true;
        }
    return false;
}

void resolver_keep(struct resolver *r, const struct config *c)
{
    for (struct name *n = r->names; n != NULL; n = n->next)
        n->dropped |= !wants(c, n);
    collect(r);
}

bool resolver_settled(const struct resolver *r)
{
    for (const struct name *n = r->names; n != NULL; n = n->next)
        if (!n->dropped && !n->answered)
            return false;
    return true;
}

const struct upstream_address *resolver_find(const struct resolver *r, const struct endpoint *e,
                                             size_t *count_r)
{
    const struct name *n = find(r, e->host, e->port);
    *count_r = n != NULL ? n->count : 0;
    return n != NULL ? n->addresses : NULL;
}

const char *resolver_failure(const struct resolver *r, const struct endpoint *e)
{
    const struct name *n = find(r, e->host, e->port);
    if (n == NULL || n->count > 0)
        return NULL;
    if (!n->answered)
        return "the name servers have not answered yet";
    return n->error != 0 ? uv_strerror(n->error) : "the name has none";
}

/* ---- asking ---- */

/* True when the answer differs from what was known. */
static bool take_answer(struct name *n, const struct addrinfo *list)
{
    struct upstream_address fresh[UPSTREAM_TRIES_MAX] = {0};
    size_t count = 0;
    for (const struct addrinfo *a = list; a != NULL && count < UPSTREAM_TRIES_MAX; a = a->ai_next) {
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6)
            continue;
        memcpy(&fresh[count].addr, a->ai_addr, a->ai_addrlen);
        fresh[count].size = a->ai_addrlen;
        count++;
    }
    bool changed = count != n->count;
    for (size_t i = 0; i < count && !changed; i++)
        changed = !upstream_same_address(&fresh[i], &n->addresses[i]);
    memcpy(n->addresses, fresh, sizeof fresh);
    n->count = count;
    return changed;
}

static void answered(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct name *n = request->data;
    struct resolver *r = n->resolver;
    bool changed = status == 0 && !n->dropped && take_answer(n, list);
    bool first_failure = status != 0 && !n->failing && !n->dropped;
    uv_freeaddrinfo(list);
    n->asking = false;
    n->answered = true;
    n->failing = status != 0;
    n->error = status;
    n->due = uv_now(r->loop) + (n->failing ? AGAIN_FAILED_MS : AGAIN_MS);

    if (first_failure)
        r->events->failed(r->arg, n->host, uv_strerror(status));
    if (changed)
        r->events->changed(r->arg);
    if (!r->closing && resolver_settled(r))
        r->events->settled(r->arg);
    if (!r->closing)
        resolver_schedule(r);
    collect(r);
}

static void ask(struct resolver *r, struct name *n)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char port[6];
    snprintf(port, sizeof port, "%u", n->port);
    n->request.data = n;
    n->asking = uv_getaddrinfo(r->loop, &n->request, answered, n->host, port, &hints) == 0;
    if (!n->asking) { /* out of memory; that is an answer too, nobody shall wait for another */
        n->answered = true;
        n->error = UV_ENOMEM;
        n->due = uv_now(r->loop) + AGAIN_FAILED_MS;
    }
}

static void timer_fired(uv_timer_t *timer)
{
    resolver_schedule(timer->data);
}

/* Ask about everything that is due, and come back when the next one is. */
static void resolver_schedule(struct resolver *r)
{
    const uint64_t now = uv_now(r->loop);
    uint64_t next = now + AGAIN_MS;
    for (struct name *n = r->names; n != NULL; n = n->next) {
        if (n->asking || n->dropped)
            continue;
        if (n->due <= now)
            ask(r, n);
        if (!n->asking && n->due < next)
            next = n->due;
    }
    uv_timer_start(&r->timer, timer_fired, next - now, 0);
}

/* ---- the end ---- */

static void timer_closed(uv_handle_t *handle)
{
    struct resolver *r = handle->data;
    r->timer_open = false;
    collect(r);
}

void resolver_close(struct resolver *r)
{
    if (r == NULL)
        return;
    r->closing = true;
    for (struct name *n = r->names; n != NULL; n = n->next) {
        n->dropped = true;
        if (n->asking)
            uv_cancel((uv_req_t *)&n->request);
    }
    uv_close((uv_handle_t *)&r->timer, timer_closed);
    collect(r);
}
