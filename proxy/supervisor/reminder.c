#include "proxy/supervisor/reminder.h"

#include <stdlib.h>
#include <string.h>

/* The clock of the wall may be set, and the loop's stands still while the machine sleeps: look at
 * least this often, in seconds. */
enum { LOOK_EVERY = 3600 };

struct reminder_item {
    struct tls_expiry expiry; /* its subject is ours */
    size_t owner;             /* index of the certificate, or of the route */
    long told;
};

/* ---- from a generation to items ---- */

static bool of_route(const struct reminder_item *i)
{
    return i->expiry.kind != TLS_EXPIRY_LEAF && i->expiry.kind != TLS_EXPIRY_INTERMEDIATE;
}

struct collect {
    struct reminder_item *items;
    size_t count, capacity, owner;
    bool failed;
};

static void collect(void *arg, const struct tls_expiry *x)
{
    struct collect *c = arg;
    if (c->count == c->capacity) {
        const size_t capacity = c->capacity == 0 ? 16 : 2 * c->capacity;
        struct reminder_item *items = realloc(c->items, capacity * sizeof *items);
        if (items == NULL) {
            c->failed = true;
            return;
        }
        c->items = items;
        c->capacity = capacity;
    }
    char *subject = strdup(x->subject);
    if (subject == NULL) {
        c->failed = true;
        return;
    }
    c->items[c->count] = (struct reminder_item){*x, c->owner, EXPIRY_NOT_YET};
    c->items[c->count++].expiry.subject = subject;
}

static void free_items(struct reminder_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((char *)items[i].expiry.subject);
    free(items);
}

static int by_digest(const void *a, const void *b)
{
    const struct reminder_item *x = a, *y = b;
    return memcmp(x->expiry.digest, y->expiry.digest, sizeof x->expiry.digest);
}

/* Items of one thing stand together, in the order of the configuration. */
static int in_order(const void *a, const void *b)
{
    const struct reminder_item *x = a, *y = b;
    int r = by_digest(a, b);
    if (r == 0)
        r = (x->expiry.kind > y->expiry.kind) - (x->expiry.kind < y->expiry.kind);
    return r != 0 ? r : (x->owner > y->owner) - (x->owner < y->owner);
}

static void remember(const struct reminder *r, struct collect *c)
{
    for (size_t i = 0; r->count > 0 && i < c->count; i++) {
        const struct reminder_item *same =
            bsearch(&c->items[i], r->items, r->count, sizeof *r->items, by_digest);
        if (same != NULL)
            c->items[i].told = same->told;
    }
}

static void collect_all(const struct generation *g, struct collect *c)
{
    for (size_t i = 0; i < g->config->certificate_count; i++) {
        c->owner = i;
        if (g->identities[i] != NULL)
            tls_identity_expiries(g->identities[i], collect, c);
    }
    for (size_t i = 0; i < g->config->route_count; i++) {
        c->owner = i;
        tls_server_expiries(g->routes[i].tls, collect, c);
        route_upstream_expiries(&g->routes[i], collect, c);
    }
}

/* ---- words ---- */

static void add_word(struct buf *list, const char *word)
{
    if (list->size > 0)
        buf_puts(list, ",");
    buf_puts(list, word);
}

/* Is the route concerned by one of these items? */
static bool concerns(const struct generation *g, size_t route, const struct reminder_item *items,
                     size_t count)
{
    const struct route_config *r = &g->config->routes[route];
    for (size_t i = 0; i < count; i++) {
        if (of_route(&items[i]) && items[i].owner == route)
            return true;
        if (!of_route(&items[i]) &&
            (config_route_uses(r, items[i].owner) || config_route_shows(r, items[i].owner)))
            return true;
    }
    return false;
}

static void log_list(struct log_line *line, const char *key, struct buf *list)
{
    buf_put(list, "", 1);
    if (!list->failed)
        log_text(line, key, (const char *)list->data);
    buf_free(list);
}

static void log_names(struct log_line *line, const struct generation *g,
                      const struct reminder_item *items, size_t count)
{
    struct buf names;
    buf_init(&names, 2048);
    for (size_t i = 0; i < count; i++)
        if (!of_route(&items[i]))
            add_word(&names, g->config->certificates[items[i].owner].name);
    log_list(line, "name", &names);
}

static void log_routes(struct log_line *line, const struct generation *g,
                       const struct reminder_item *items, size_t count)
{
    struct buf routes;
    buf_init(&routes, 2048);
    for (size_t i = 0; i < g->config->route_count; i++)
        if (concerns(g, i, items, count))
            add_word(&routes, g->config->routes[i].name);
    log_list(line, "routes", &routes);
}

static const struct {
    const char *event, *what, *cure;
} words[] = {
    [TLS_EXPIRY_LEAF] = {"certificate-expires", "the certificate",
                         "renew it, then run `tlsfront reload`"},
    [TLS_EXPIRY_INTERMEDIATE] = {"certificate-expires", "an intermediate certificate",
                                 "take a new chain from the authority, then run `tlsfront reload`"},
    [TLS_EXPIRY_CLIENT_CA] = {"client-ca-expires", "the authority of client certificates",
                              "its clients are refused from then on"},
    [TLS_EXPIRY_CLIENT_CRL] = {"client-crl-expires", "the revocation list",
                               "all client certificates of its authority are refused from then on"},
    [TLS_EXPIRY_UPSTREAM_CA] = {"upstream-ca-expires", "the last authority of upstreams",
                                "upstreams with its certificates are refused from then on"},
};

static void log_item(const struct reminder *r, const struct reminder_item *items, size_t count,
                     time_t now)
{
    const struct tls_expiry *x = &items->expiry;
    const long days = expiry_days(x->until, now);
    char when[80], text[300];
    struct log_line line;
    expiry_words(x, now, when);
    snprintf(text, sizeof text, "%s %s: %s", words[x->kind].what, when, words[x->kind].cure);
    log_begin(&line, r->log, days < 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, words[x->kind].event);
    log_names(&line, r->generation, items, count);
    log_text(&line, "subject", x->subject);
    log_number(&line, "days", days > 0 ? (uint64_t)days : 0);
    log_routes(&line, r->generation, items, count);
    log_text(&line, "msg", text);
    log_end(&line);
}

/* ---- time ---- */

/* How many items from number `i` on are the same thing. */
static size_t group_at(const struct reminder *r, size_t i)
{
    size_t end = i + 1;
    while (end < r->count && by_digest(&r->items[i], &r->items[end]) == 0)
        end++;
    return end - i;
}

static bool anybody_cares(const struct reminder *r, size_t i, size_t count)
{
    for (size_t k = 0; k < r->generation->config->route_count; k++)
        if (concerns(r->generation, k, &r->items[i], count))
            return true;
    return false;
}

long reminder_tell(struct reminder *r, time_t now)
{
    long wait = EXPIRY_NOT_YET;
    for (size_t i = 0, count; i < r->count; i += count) {
        count = group_at(r, i);
        const long due = expiry_due(&r->items[i].expiry, now, r->items[i].told);
        const long next = expiry_wait(&r->items[i].expiry, now);
        wait = next < wait ? next : wait;
        if (due == EXPIRY_NOT_YET || !anybody_cares(r, i, count))
            continue;
        for (size_t k = i; k < i + count; k++)
            r->items[k].told = due;
        log_item(r, &r->items[i], count, now);
    }
    return wait;
}

static void look(uv_timer_t *timer)
{
    struct reminder *r = timer->data;
    const long wait = reminder_tell(r, time(NULL));
    uv_timer_start(&r->timer, look, 1000 * (uint64_t)(wait < LOOK_EVERY ? wait : LOOK_EVERY), 0);
}

void reminder_init(struct reminder *r, uv_loop_t *loop, struct log *log)
{
    *r = (struct reminder){.log = log};
    uv_timer_init(loop, &r->timer);
    r->timer.data = r;
}

void reminder_use(struct reminder *r, struct generation *g)
{
    struct collect c = {0};
    collect_all(g, &c);
    if (c.failed) {
        log_event(r->log, LOG_LEVEL_ERROR, "out-of-memory", "no more reminders of expiry dates");
        free_items(c.items, c.count);
        c = (struct collect){0};
    }
    if (c.count > 0)
        qsort(c.items, c.count, sizeof *c.items, in_order);
    remember(r, &c);
    free_items(r->items, r->count);
    generation_free(r->generation);
    r->items = c.items;
    r->count = c.count;
    r->generation = generation_ref(g);
    look(&r->timer);
}

void reminder_close(struct reminder *r)
{
    free_items(r->items, r->count);
    generation_free(r->generation);
    r->items = NULL;
    r->count = 0;
    r->generation = NULL;
    uv_close((uv_handle_t *)&r->timer, NULL);
}
