#include "proxy/supervisor/resolver.h"
#include "proxy/ipc/process.h"

#include <assert.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS         60000
#define AGAIN_FAILED_MS  5000
#define AGAIN_SOONEST_MS 1000 /* whatever a name server says */

static_assert(RESOLVED_MAX == UPSTREAM_TRIES_MAX, "an answer has as many as are ever tried");

struct name {
    struct name *next;
    char *host;
    uint16_t port;
    struct upstream_address addresses[UPSTREAM_TRIES_MAX];
    size_t count;
    bool answered, failing, asking, dropped;
    int error; /* of the last answer; 0: none */
    uint64_t due;
    uint64_t serial; /* of the question, while `asking` */
};

struct resolver {
    struct children children;
    struct child child;
    const struct identity *identity;
    const struct resolver_events *events;
    void *arg;
    struct name *names;
    unsigned asking; /* names about which the process has been asked */
    uint64_t serial; /* of the last question */
    uv_timer_t timer;
};

static void resolver_schedule(struct resolver *r);

/* ---- the list ---- */

/* A name of ours with port 0 is a service's (struct endpoint). */
static bool is_service(const struct name *n)
{
    return n->port == 0;
}

static struct name *find(const struct resolver *r, const char *host, uint16_t port)
{
    for (struct name *n = r->names; n != NULL; n = n->next)
        if (!n->dropped && n->port == port && strcmp(n->host, host) == 0)
            return n;
    return NULL;
}

static void free_name(struct name *n)
{
    free(n->host);
    free(n);
}

/* Those that are dropped and not being asked about. */
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
        free_name(n);
    }
}

static struct name *new_name(struct resolver *r, const char *host, uint16_t port)
{
    struct name *n = calloc(1, sizeof *n);
    char *copy = strdup(host);
    if (n == NULL || copy == NULL) {
        free(n);
        free(copy);
        return NULL;
    }
    n->host = copy;
    n->port = port;
    n->next = r->names;
    r->names = n;
    return n;
}

static int add(struct resolver *r, const struct endpoint *e)
{
    if (e->kind != ENDPOINT_NAME || find(r, e->host, e->port) != NULL)
        return 0;
    return new_name(r, e->host, e->port) != NULL ? 0 : -1;
}

static bool wants(const struct config *c, const struct name *n)
{
    for (size_t i = 0; i < c->target_count; i++)
        for (size_t k = 0; k < c->targets[i]->upstream_count; k++) {
            const struct endpoint *e = &c->targets[i]->upstream[k];
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

bool resolver_awaits(const struct resolver *r, const struct endpoint *e)
{
    const struct name *n = find(r, e->host, e->port);
    return n != NULL && !n->answered;
}

static const char *words(int error)
{
    if (error == RESOLVE_NO_SERVICE)
        return "the domain says that it has no such service";
    return error > 0 ? strerror(error) : gai_strerror(error);
}

const char *resolver_failure(const struct resolver *r, const struct endpoint *e)
{
    const struct name *n = find(r, e->host, e->port);
    if (n == NULL || n->count > 0)
        return NULL;
    if (!n->answered)
        return "the name servers have not answered yet";
    return n->error != 0 ? words(n->error) : "the name has none";
}

/* ---- asking ---- */

static bool is_running(const struct resolver *r)
{
    return r->child.life != CHILD_NONE;
}

static void ask(struct resolver *r, struct name *n)
{
    static struct ipc_message m; /* large; one thread */
    struct ipc_resolve question = {.serial = ++r->serial, .service = is_service(n)};
    snprintf(question.name, sizeof question.name, "%s", n->host);
    n->serial = question.serial;
    n->asking = true;
    r->asking++;
    ipc_begin(&m, IPC_RESOLVE, 0);
    ipc_append(&m, &question, sizeof question);
    child_send(&r->child, &m);
}

/* That has waited longest; NULL: none is due. */
static struct name *most_due(const struct resolver *r, uint64_t now)
{
    struct name *found = NULL;
    for (struct name *n = r->names; n != NULL; n = n->next)
        if (!n->asking && !n->dropped && n->due <= now && (found == NULL || n->due < found->due))
            found = n;
    return found;
}

static void timer_fired(uv_timer_t *timer)
{
    resolver_schedule(timer->data);
}

/* Come back when the next one is due. What is due already waits for an answer, or a process. */
static void set_timer(struct resolver *r, uint64_t now)
{
    uint64_t next = now + AGAIN_MS;
    for (const struct name *n = r->names; n != NULL; n = n->next)
        if (!n->asking && !n->dropped && n->due > now && n->due < next)
            next = n->due;
    uv_timer_start(&r->timer, timer_fired, next - now, 0);
}

/* Ask about what is due. */
static void resolver_schedule(struct resolver *r)
{
    const uint64_t now = uv_now(r->children.loop);
    struct name *n = NULL;
    while (is_running(r) && r->asking < RESOLVE_AT_ONCE && (n = most_due(r, now)) != NULL)
        ask(r, n);
    set_timer(r, now);
}

/* ---- what it answers ---- */

static struct upstream_address address_of(const struct ipc_resolved_address *a, uint16_t port)
{
    struct upstream_address out = {.share = {a->tier, a->weight}};
    struct sockaddr_in *in = (void *)&out.addr;
    struct sockaddr_in6 *in6 = (void *)&out.addr;
    if (a->family == AF_INET) {
        *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&in->sin_addr, a->bytes, sizeof in->sin_addr);
        out.size = sizeof *in;
    } else {
        *in6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = a->scope};
        memcpy(&in6->sin6_addr, a->bytes, sizeof in6->sin6_addr);
        out.size = sizeof *in6;
    }
    return out;
}

/* Where the domain says that it has no such service, what was known is out of date; other failures
 * say nothing about it. */
static bool is_an_answer(const struct ipc_resolved *answer)
{
    return answer->error == 0 || answer->error == RESOLVE_NO_SERVICE;
}

/* How long it holds, in milliseconds. */
static uint64_t lasts(const struct ipc_resolved *answer)
{
    const uint64_t ttl = (uint64_t)answer->ttl * 1000;
    if (answer->error != 0)
        return AGAIN_FAILED_MS;
    if (ttl == 0 || ttl > AGAIN_MS)
        return AGAIN_MS;
    return ttl > AGAIN_SOONEST_MS ? ttl : AGAIN_SOONEST_MS;
}

/* True when the answer differs from what was known. */
static bool take_addresses(struct name *n, const struct ipc_resolved *answer)
{
    bool changed = answer->count != n->count;
    for (uint32_t i = 0; i < answer->count; i++) {
        const struct upstream_address fresh =
            address_of(&answer->addresses[i], is_service(n) ? answer->addresses[i].port : n->port);
        changed |= i >= n->count || !upstream_same_address(&fresh, &n->addresses[i]) ||
                   fresh.share.tier != n->addresses[i].share.tier ||
                   fresh.share.weight != n->addresses[i].share.weight;
        n->addresses[i] = fresh;
    }
    n->count = answer->count;
    return changed;
}

int resolver_recall(struct resolver *r, const char *host, uint16_t port,
                    const struct ipc_resolved_address *addresses, uint32_t count)
{
    struct name *n = find(r, host, port) == NULL ? new_name(r, host, port) : NULL;
    if (n == NULL)
        return -1;
    for (; n->count < count; n->count++)
        n->addresses[n->count] = address_of(&addresses[n->count], port);
    n->answered = count > 0;
    return 0;
}

void resolver_each(const struct resolver *r,
                   void (*each)(void *arg, const char *host, uint16_t port,
                                const struct upstream_address *addresses, size_t count),
                   void *arg)
{
    for (const struct name *n = r->names; n != NULL; n = n->next)
        if (!n->dropped && n->count > 0 && !is_service(n))
            each(arg, n->host, n->port, n->addresses, n->count);
}

static void no_longer_asking(struct resolver *r, struct name *n)
{
    n->asking = false;
    r->asking--;
}

static void take_answer(struct resolver *r, struct name *n, const struct ipc_resolved *answer)
{
    const bool failed = answer->error != 0;
    const bool first_failure = failed && !n->failing;
    const bool changed = is_an_answer(answer) && take_addresses(n, answer);
    n->answered = true;
    n->failing = failed;
    n->error = answer->error;
    n->due = uv_now(r->children.loop) + lasts(answer);
    if (first_failure)
        r->events->failed(r->arg, n->host, words(n->error));
    if (changed)
        r->events->changed(r->arg, &(struct resolver_name){n->host, n->port});
    if (resolver_settled(r))
        r->events->settled(r->arg);
}

static struct name *find_question(const struct resolver *r, uint64_t serial)
{
    for (struct name *n = r->names; n != NULL; n = n->next)
        if (n->asking && n->serial == serial)
            return n;
    return NULL;
}

static bool on_message(struct child *c, const struct ipc_message *m)
{
    struct ipc_resolved answer;
    struct resolver *r = c->owner;
    struct name *n = ipc_take_resolved(m, &answer) ? find_question(r, answer.serial) : NULL;
    if (n == NULL)
        return false;
    no_longer_asking(r, n);
    if (!n->dropped)
        take_answer(r, n, &answer);
    collect(r);
    resolver_schedule(r);
    return true;
}

/* ---- the process ---- */

static void on_started(struct child *c)
{
    static struct ipc_message m; /* large; one thread */
    struct resolver *r = c->owner;
    process_put_hello(&m, r->identity);
    child_send(c, &m);
    resolver_schedule(r);
}

/* Its successor is asked again; nobody's time has run out by that. */
static void on_ended(struct child *c)
{
    struct resolver *r = c->owner;
    for (struct name *n = r->names; n != NULL; n = n->next)
        if (n->asking)
            no_longer_asking(r, n);
    collect(r);
}

static const struct child_kind kind = {.name = "resolver",
                                       .loss = "",
                                       .started = on_started,
                                       .message = on_message,
                                       .ended = on_ended};

static void see_to_a_process(struct resolver *r)
{
    if (r->names != NULL && !is_running(r) && !child_awaited(&r->child))
        child_start(&r->child);
}

const struct child *resolver_process(const struct resolver *r)
{
    return &r->child;
}

/* ---- begin and end ---- */

struct resolver *resolver_new(uv_loop_t *loop, struct log *log, const struct identity *identity,
                              const struct resolver_events *events, void *arg)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->children = (struct children){.kind = &kind, .loop = loop, .log = log};
    r->identity = identity;
    r->events = events;
    r->arg = arg;
    child_init(&r->child, &r->children, 0, r);
    uv_timer_init(loop, &r->timer);
    r->timer.data = r;
    return r;
}

int resolver_add(struct resolver *r, const struct config *c)
{
    int result = 0;
    for (size_t i = 0; i < c->target_count; i++)
        for (size_t k = 0; k < c->targets[i]->upstream_count; k++)
            result |= add(r, &c->targets[i]->upstream[k]);
    see_to_a_process(r);
    resolver_schedule(r);
    return result;
}

void resolver_close(struct resolver *r)
{
    if (r == NULL)
        return;
    uv_close((uv_handle_t *)&r->timer, NULL);
    child_close(&r->child);
}

void resolver_free(struct resolver *r)
{
    if (r == NULL)
        return;
    while (r->names != NULL) {
        struct name *n = r->names;
        r->names = n->next;
        free_name(n);
    }
    free(r);
}
