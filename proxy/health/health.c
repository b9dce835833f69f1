#include "proxy/health/health.h"
#include "config/loops.h"
#include "config/values.h"
#include "proxy/base/address.h"
#include "proxy/base/list.h"
#include "proxy/session/peer.h"
#include "proxy/starttls/starttls.h"
#include "proxy/wire/proxy_header_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Between the first visits to two addresses, so that they do not all begin at once. */
enum { APART_MS = 5 };

struct health {
    uv_loop_t *loop;
    struct log *log;
    struct worker_counters *own;
    struct generation *generation;
    struct link checks;
    bool closing;
};

enum phase {
    CHECK_WAITS,
    CHECK_CONNECTS,
    CHECK_LISTENS,
    CHECK_LEAVES,
    CHECK_CLOSES,
};

/* One address. */
struct check {
    struct peer peer; /* first: the events cast */
    uv_timer_t timer; /* until the next visit, or what is left for this one */
    struct health *all;
    struct link member;
    const struct route *route;
    const struct target *target;
    const struct endpoint *endpoint;
    struct upstream_address at;
    struct health_counters *found;
    struct health_counters unshared; /* `found`, where there is no place */
    enum phase phase;
    unsigned handles; /* not yet closed */
    unsigned failed;  /* in a row */
    uint64_t began;
    struct buf said;
    bool wanted, dropped, overdue;
};

static uint64_t now_of(const struct check *c)
{
    return uv_now(c->all->loop);
}

static unsigned interval_of(const struct check *c)
{
    return c->target->config->health_check;
}

/* Of so many milliseconds from the visit's beginning. */
static uint64_t left_of(const struct check *c, unsigned limit)
{
    const uint64_t gone = now_of(c) - c->began;
    return gone < limit ? limit - gone : 0;
}

/* A visit ends before the next one. A limit of 0 is none: that alone ends it. */
static unsigned within_interval(const struct check *c, unsigned limit)
{
    return limit > 0 && limit < interval_of(c) ? limit : interval_of(c);
}

/* ---- what is found ---- */

static const char *name_of(const struct check *c, char address[ADDRESS_TEXT_MAX])
{
    if (c->endpoint->kind == ENDPOINT_UNIX)
        return c->endpoint->text;
    address_text((const struct sockaddr *)&c->at.addr, address);
    return address;
}

/* NULL: the route's own. */
static const char *server_name_of(const struct check *c)
{
    const struct route *r = c->route;
    for (size_t i = 0; c->target != r->target && i < r->config->name_count; i++)
        if (r->names[i].target == c->target)
            return r->names[i].config->name;
    return NULL;
}

static void log_change(const struct check *c, enum config_log_level level, const char *event,
                       const char *why)
{
    struct log_line line;
    char address[ADDRESS_TEXT_MAX];
    log_begin(&line, c->all->log, level, event);
    log_text(&line, "route", c->route->config->name);
    log_text(&line, "server-name", server_name_of(c));
    log_text(&line, "upstream", name_of(c, address));
    log_text(&line, "why", why);
    log_end(&line);
}

static void is_well(struct check *c)
{
    const uint64_t before = counter_get(&c->found->state);
    c->failed = 0;
    counter_set(&c->found->when, now_of(c));
    counter_add(&c->found->passed, 1);
    counter_set(&c->found->state, HEALTH_UP);
    if (before == HEALTH_DOWN)
        log_change(c, LOG_LEVEL_INFO, "upstream-up", NULL);
}

static void is_ill(struct check *c, enum upstream_fault fault, const char *why)
{
    const uint64_t before = counter_get(&c->found->state);
    c->failed++;
    counter_set(&c->found->when, now_of(c));
    counter_set(&c->found->why, fault);
    if (before == HEALTH_DOWN || (before == HEALTH_UP && c->failed < HEALTH_FALL))
        return;
    counter_set(&c->found->state, HEALTH_DOWN);
    log_change(c, LOG_LEVEL_WARN, "upstream-down", why);
}

/* ---- a visit ---- */

static void out_of_time(uv_timer_t *timer);
static void knock(uv_timer_t *timer);
static void visit(uv_timer_t *timer);

static void close_visit(struct check *c)
{
    c->phase = CHECK_CLOSES;
    uv_timer_stop(&c->timer);
    peer_close(&c->peer, false);
}

static void fail(struct check *c, enum upstream_fault fault, const char *why)
{
    if (c->phase != CHECK_LEAVES)
        is_ill(c, fault, why);
    close_visit(c);
}

/* What it said, in words of its own, unless these are none. */
static void greeted_badly(struct check *c, struct slice words)
{
    char why[160];
    snprintf(why, sizeof why, "it greets badly: %.*s", (int)(words.size < 128 ? words.size : 128),
             words.size > 0 ? (const char *)words.data : "");
    fail(c, UPSTREAM_OTHER, words.size > 0 ? why : "it greets badly");
}

/* Of one that speaks TLS all that counts is that somebody is there: a visit makes no handshake. */
static const struct probe_rules *spoken(const struct check *c)
{
    return c->target->tls != NULL ? NULL : starttls_probe(c->route->config->protocol);
}

static void say(struct check *c, void (*what)(const struct probe_rules *rules, struct buf *out))
{
    struct buf out;
    buf_init(&out, 1024);
    what(spoken(c), &out);
    peer_send(&c->peer, out.data, out.size, false); /* a failure shows when it is read from */
    buf_free(&out);
}

/* The server closes. One of a protocol that we do not know hears nothing but our FIN. */
static void leave(struct check *c)
{
    c->phase = CHECK_LEAVES;
    is_well(c);
    say(c, probe_leave);
    if (spoken(c) == NULL)
        peer_shutdown(&c->peer);
}

static void judge(struct check *c)
{
    struct slice words;
    switch (probe_judge(spoken(c), (struct slice){c->said.data, c->said.size}, &words)) {
    case PROBE_MORE:
        return;
    case PROBE_WELL:
        leave(c);
        return;
    case PROBE_ILL:
        greeted_badly(c, words);
        return;
    }
}

/* We come for ourselves. Version 1 has no word for that which all servers take, so the visit names
 * its own two ends, as haproxy's checks do. */
static void say_who(struct check *c)
{
    struct sockaddr_storage here;
    struct buf out;
    buf_init(&out, 1024);
    if (c->target->config->send_proxy == SEND_PROXY_V2) {
        proxy_header_local(&out);
    } else {
        address_local(&c->peer.uv.handle, &here);
        proxy_header_v1(&(struct proxy_header){.client = (const struct sockaddr *)&here,
                                               .local = (const struct sockaddr *)&c->at.addr},
                        &out);
    }
    peer_send(&c->peer, out.data, out.size, false);
    buf_free(&out);
}

/* From now on. */
static void allow(struct check *c, unsigned limit)
{
    const uint64_t left = left_of(c, interval_of(c)), allowed = within_interval(c, limit);
    c->overdue = false;
    uv_timer_start(&c->timer, out_of_time, allowed < left ? allowed : left, 0);
}

static struct check *check_of(struct peer *p)
{
    return (struct check *)(void *)p;
}

static void cannot_connect(struct check *c, int error)
{
    char words[PEER_WORDS_MAX];
    if (c->peer.lacks == PEER_LACKS_MEANS || c->peer.lacks == PEER_LACKS_PORT)
        close_visit(c); /* no verdict, and there will be some again */
    else
        fail(c, peer_fault(&c->peer, error), peer_words(&c->peer, error, c->target->config, words));
}

static void on_connected(struct peer *p, int status)
{
    struct check *c = check_of(p);
    if (status != 0) {
        cannot_connect(c, status);
        return;
    }
    c->phase = CHECK_LISTENS;
    allow(c, c->route->config->greeting_timeout);
    peer_read(p, true);
    if (c->target->config->send_proxy != SEND_PROXY_OFF)
        say_who(c);
    say(c, probe_begin);
    judge(c);
}

static void on_data(struct peer *p, uint8_t *data, size_t size)
{
    struct check *c = check_of(p);
    if (c->phase != CHECK_LISTENS)
        return; /* its goodbye */
    buf_put(&c->said, data, size < PROBE_MAX - c->said.size ? size : PROBE_MAX - c->said.size);
    if (c->said.failed)
        close_visit(c); /* no memory is no verdict */
    else
        judge(c);
}

static void on_eof(struct peer *p)
{
    fail(check_of(p), UPSTREAM_GONE, "closed without a greeting");
}

static void on_error(struct peer *p, int error)
{
    fail(check_of(p), UPSTREAM_GONE, uv_strerror(error));
}

static void on_drained(struct peer *p)
{
    (void)p;
}

static void on_closed(struct peer *p);

static const struct peer_events events = {
    .connected = on_connected,
    .data = on_data,
    .eof = on_eof,
    .error = on_error,
    .drained = on_drained,
    .closed = on_closed,
};

static int connect_to(struct check *c)
{
    struct peer_target target = {.to = (const struct sockaddr *)&c->at.addr};
    if (c->endpoint->kind == ENDPOINT_UNIX)
        target.path = c->endpoint->path;
    else
        peer_target_source(&target, c->target->config);
    return peer_connect(&c->peer, c->all->loop, &target, &events);
}

static void next_visit(struct check *c)
{
    c->phase = CHECK_WAITS;
    uv_timer_start(&c->timer, visit, left_of(c, interval_of(c)) + 1,
                   0); /* never twice in one turn */
}

/* Nothing was opened. */
static void turn_back(struct check *c, enum upstream_fault fault, const char *why)
{
    is_ill(c, fault, why);
    next_visit(c);
}

/* As a session does, and TCP by itself. */
static void wait_for_room(struct check *c)
{
    enum { KNOCK_MS = 100 };
    const uint64_t left = left_of(c, within_interval(c, c->route->config->connect_timeout));
    if (left > 0)
        uv_timer_start(&c->timer, knock, left < KNOCK_MS ? left : KNOCK_MS, 0);
    else
        turn_back(c, UPSTREAM_TIMEOUT, "connect timeout: its queue of connections is full");
}

static void knock(uv_timer_t *timer)
{
    struct check *c = container_of(timer, struct check, timer);
    const int rc = connect_to(c);
    if (peer_queue_is_full(&c->peer, rc)) {
        wait_for_room(c);
        return;
    }
    c->handles++;
    allow(c, c->route->config->connect_timeout);
    if (rc == PEER_CONNECTED)
        on_connected(&c->peer, 0);
    else if (rc != 0)
        cannot_connect(c, rc);
}

static void visit(uv_timer_t *timer)
{
    struct check *c = container_of(timer, struct check, timer);
    char why[LOOP_TEXT_MAX];
    c->began = now_of(c);
    c->phase = CHECK_CONNECTS;
    buf_free(&c->said);
    buf_init(&c->said, PROBE_MAX);
    if (c->endpoint->kind != ENDPOINT_UNIX &&
        loops_verdict(c->all->generation->config, &c->at.addr, why) != NULL)
        turn_back(c, UPSTREAM_OTHER, why);
    else
        knock(timer);
}

/* Timers come before what has arrived: where this process was late itself, the answer may be there.
 */
static void out_of_time(uv_timer_t *timer)
{
    struct check *c = container_of(timer, struct check, timer);
    if (!c->overdue) {
        c->overdue = true;
        uv_timer_start(timer, out_of_time, 1, 0);
        return;
    }
    fail(c, c->phase == CHECK_CONNECTS ? UPSTREAM_TIMEOUT : UPSTREAM_SILENT,
         c->phase == CHECK_CONNECTS ? "connect timeout" : "no greeting in time");
}

/* ---- one address, from its first visit to its last ---- */

static void end_if_empty(struct health *h)
{
    if (!h->closing || !link_empty(&h->checks))
        return;
    generation_free(h->generation);
    free(h);
}

static void handle_closed(struct check *c)
{
    struct health *h = c->all;
    if (--c->handles > 0)
        return;
    link_remove(&c->member);
    buf_free(&c->said);
    free(c);
    end_if_empty(h);
}

static void on_closed(struct peer *p)
{
    struct check *c = check_of(p);
    if (!c->dropped)
        next_visit(c);
    handle_closed(c);
}

static void timer_closed(uv_handle_t *handle)
{
    handle_closed(container_of((uv_timer_t *)(void *)handle, struct check, timer));
}

static void drop(struct check *c)
{
    if (c->dropped)
        return;
    c->dropped = true;
    peer_close(&c->peer, false);
    uv_close((uv_handle_t *)&c->timer, timer_closed);
}

static void share(struct check *c)
{
    struct health_counters *place =
        health_place(&c->all->own->details[c->target->slot], health_key(c->target, &c->at));
    c->found = place != NULL ? place : &c->unshared;
    counter_set(&c->found->upstream, upstream_key(c->endpoint->text));
}

static struct check *find(const struct health *h, const struct target *t, const struct endpoint *e,
                          const struct upstream_address *a)
{
    for (struct link *l = h->checks.next; l != &h->checks; l = l->next) {
        struct check *c = container_of(l, struct check, member);
        if (!c->dropped && c->target == t && c->endpoint == e && c->at.key == a->key)
            return c;
    }
    return NULL;
}

/* NULL: out of memory. */
static struct check *add(struct health *h, const struct route *r, const struct target *t,
                         const struct endpoint *e, const struct upstream_address *a)
{
    struct check *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->all = h;
    c->route = r;
    c->target = t;
    c->endpoint = e;
    c->at = *a;
    c->handles = 1;
    uv_timer_init(h->loop, &c->timer);
    link_add(&h->checks, &c->member);
    return c;
}

/* ---- all ---- */

static void want_target(struct health *h, const struct route *r, const struct target *t,
                        uint64_t *delay)
{
    size_t upstream;
    const struct upstream_address *a;
    for (size_t n = 0; (a = upstream_at(&t->upstreams, n, &upstream)) != NULL; n++) {
        const struct endpoint *e = t->upstreams.items[upstream].endpoint;
        struct check *c = find(h, t, e, a);
        if (c == NULL && (c = add(h, r, t, e, a)) != NULL) {
            uv_timer_start(&c->timer, visit, *delay % t->config->health_check, 0);
            *delay += APART_MS;
        }
        if (c == NULL)
            log_event(h->log, LOG_LEVEL_WARN, "out-of-memory", "an upstream is not checked");
        else
            c->wanted = true;
    }
}

/* Its own, and those of its names. */
static void want_route(struct health *h, const struct route *r, uint64_t *delay)
{
    if (r->target->config->health_check > 0)
        want_target(h, r, r->target, delay);
    for (size_t i = 0; i < r->config->name_count; i++)
        if (r->names[i].target != r->target && r->names[i].target->config->health_check > 0)
            want_target(h, r, r->names[i].target, delay);
}

static void want_all(struct health *h)
{
    uint64_t delay = 0;
    for (size_t i = 0; i < h->generation->config->route_count; i++)
        want_route(h, &h->generation->routes[i], &delay);
}

/* Places that belong to none of the addresses are given up before others are taken. */
static bool is_checked(const struct health *h, unsigned slot, uint64_t key)
{
    for (const struct link *l = h->checks.next; l != &h->checks; l = l->next) {
        const struct check *c = container_of((struct link *)(uintptr_t)l, struct check, member);
        if (!c->dropped && c->target->slot == slot && health_key(c->target, &c->at) == key)
            return true;
    }
    return false;
}

static void forget_others(struct health *h, unsigned slot)
{
    struct route_details *d = &h->own->details[slot];
    for (unsigned i = 0; i < ADDRESS_PLACES; i++)
        if (counter_get(&d->health[i].key) != 0 &&
            !is_checked(h, slot, counter_get(&d->health[i].key)))
            memset(&d->health[i], 0, sizeof d->health[i]);
}

void health_refresh(struct health *h)
{
    struct link *l, *next;
    for (l = h->checks.next; l != &h->checks; l = l->next)
        container_of(l, struct check, member)->wanted = false;
    want_all(h);
    for (l = h->checks.next; l != &h->checks; l = next) {
        struct check *c = container_of(l, struct check, member);
        next = l->next;
        if (!c->wanted)
            drop(c);
    }
    for (size_t i = 0; i < h->generation->config->target_count; i++)
        forget_others(h, h->generation->targets[i].slot);
    for (l = h->checks.next; l != &h->checks; l = l->next)
        if (!container_of(l, struct check, member)->dropped)
            share(container_of(l, struct check, member));
}

struct health *health_new(uv_loop_t *loop, struct log *log, struct worker_counters *own,
                          struct generation *g)
{
    struct health *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    *h = (struct health){.loop = loop, .log = log, .own = own, .generation = generation_ref(g)};
    link_init(&h->checks);
    health_refresh(h);
    return h;
}

void health_close(struct health *h)
{
    if (h == NULL)
        return;
    h->closing = true;
    for (struct link *l = h->checks.next; l != &h->checks; l = l->next)
        drop(container_of(l, struct check, member));
    end_if_empty(h);
}
