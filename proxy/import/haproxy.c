/* haproxy.c - frontends, listens and backends of haproxy.cfg, with what their defaults say. All
 * files are one configuration. */
#include "proxy/import/haproxy.h"
#include "proxy/import/access.h"
#include "proxy/import/address.h"
#include "proxy/import/counters.h"
#include "proxy/import/peers.h"
#include "proxy/import/pool.h"
#include "proxy/import/terms.h"

#include "config/values.h"

#include <string.h>

/* ---- sections ---- */

static const char *value_of(struct plan *p, const struct statement *section, const char *key)
{
    const struct lines *lines = haproxy_lines(p, section, key);
    return lines->count == 0 ? NULL : statement_at(lines->items[0], 1);
}

/* What `defaults`, and those that it names, say to `section`, below `above`. */
static struct plan_route *read_defaults(struct plan *p, struct statement *section,
                                        const struct statement *defaults, struct plan_route *above)
{
    if (defaults == NULL)
        return above;
    struct plan_route *r =
        plan_route(p, "", section, read_defaults(p, section, haproxy_defaults(p, defaults), above));
    for (struct statement *one = defaults->first; one != NULL; one = one->next)
        rows_apply(p, r, one, haproxy_proxies);
    return r;
}

/* What global says about TLS, the same for all. */
static struct plan_route *read_globals(struct plan *p, struct statement *section)
{
    void **place = index_at(p->arena, &p->sections, "globals");
    if (*place != NULL)
        return *place;
    struct plan_route *above = *place = plan_route(p, "", section, NULL);
    route_set(p, above, "connect-timeout", "0", NULL); /* unless something says so */
    for (size_t i = 0; i < p->file_count; i++)
        for (struct statement *s = p->files[i]->first; s != NULL; s = s->next)
            if (statement_is(s, 0, "global"))
                for (struct statement *one = s->first; one != NULL; one = one->next)
                    rows_apply(p, above, one, haproxy_globals);
    return above;
}

static const char *mode_of(struct plan *p, const struct statement *section)
{
    const char *mode = NULL;
    for (; mode == NULL && section != NULL; section = haproxy_defaults(p, section))
        mode = value_of(p, section, "mode");
    return mode == NULL ? "tcp" : mode;
}

static struct plan_route *read_section(struct plan *p, struct statement *s)
{
    struct plan_route *r = plan_route(
        p, statement_at(s, 1), s, read_defaults(p, s, haproxy_defaults(p, s), read_globals(p, s)));
    s->carried = true;
    for (struct statement *one = s->first; one != NULL; one = one->next)
        rows_apply(p, r, one, haproxy_proxies);
    return r;
}

/* ---- a frontend and its backend ---- */

static const char *port_of(const struct plan_route *r)
{
    const char *listen = route_get(r, "listen"),
               *colon = listen == NULL ? NULL : strrchr(listen, ':');
    return colon == NULL ? NULL : colon + 1;
}

/* Who may connect, and how often, is for a whole route here. NULL: the backend says nothing else of
 * that than the frontend, as where both have it from their defaults. */
static const char *rules_why(const struct plan_route *b, const struct plan_route *r)
{
    static const char *const keys[] = {"allow", "deny", "connection-rate-per-ip"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct entry *theirs = entries_find(&b->settings, keys[i]);
        if (theirs != NULL && !entry_same(theirs, entries_find(&r->settings, keys[i])))
            return "a backend's own rules about clients cannot be said";
    }
    return NULL;
}

/* The lines themselves, of which the route may be withheld. */
static void lose_rules(struct plan *p, const struct plan_route *b, const char *why)
{
    static const char *const keys[] = {ACCESS_RULES, "connection-rate-per-ip"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct entry *rules = entries_find(&b->settings, keys[i]);
        for (size_t j = 0; rules != NULL && j < rules->count; j++)
            if (rules->values[j].from != NULL)
                statement_lose(p->arena, rules->values[j].from, "%s", why);
    }
}

/* What a backend says of the way to its servers; the rest is its frontends' affair. */
static const char *const backend_keys[] = {"upstream",
                                           "balance",
                                           ".balance",
                                           "send-proxy",
                                           "source",
                                           "health-check",
                                           "connect-timeout",
                                           ".timeout-server",
                                           ".timeout-tunnel",
                                           "upstream-tls",
                                           "upstream-ca",
                                           "upstream-name",
                                           "upstream-certificate",
                                           ACCESS_RULES,
                                           "allow",
                                           "deny",
                                           "connection-rate-per-ip",
                                           COUNTED_BY_RATE,
                                           COUNTED_FOR_OTHERS,
                                           NULL};

/* Of those, what a route takes from it. */
static const char *const taken_keys[] = {
    "upstream",     "balance",         "send-proxy",      "source",
    "health-check", "connect-timeout", ".timeout-server", ".timeout-tunnel",
    "upstream-tls", "upstream-ca",     "upstream-name",   "upstream-certificate"};

static struct plan_route *read_backend(struct plan *p, const struct plan_route *r,
                                       struct statement *backend)
{
    struct plan_route *b = read_section(p, backend);
    access_settle(p, b);
    haproxy_servers(p, b, backend, port_of(r));
    if (statement_is(backend, 0, "backend"))
        route_lose_rest(p, b, backend_keys, "it is for clients, whom a backend has none of");
    if (rules_why(b, r) != NULL)
        lose_rules(p, b, rules_why(b, r));
    return b;
}

static void take_remarks(struct plan *p, struct plan_route *r, const struct plan_route *b)
{
    for (size_t i = 0; i < b->remark_count; i++)
        route_remark(p, r, "%s", b->remarks[i]);
}

/* What the backend says of the way to its servers counts there. */
static void take_backend(struct plan *p, struct plan_route *r, struct statement *backend)
{
    struct plan_route *b = read_backend(p, r, backend);
    for (size_t i = 0; i < sizeof taken_keys / sizeof *taken_keys; i++)
        entries_take(p->arena, &r->settings, &b->settings, taken_keys[i]);
    take_remarks(p, r, b);
    if (b->withheld != NULL)
        route_withhold(p, r, "%s", b->withheld);
    if (rules_why(b, r) != NULL)
        route_withhold(p, r, "%s:%d: %s", backend->file, backend->line, rules_why(b, r));
}

/* Is the way to the servers of both the same, but for what a server-name block can say? */
static const char *backend_why(const struct plan_route *b, const struct plan_route *r)
{
    static const char *const keys[] = {"upstream-tls", "upstream-ca", "upstream-name",
                                       "upstream-certificate"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *theirs = route_get(b, keys[i]), *ours = route_get(r, keys[i]);
        if (theirs == NULL || ours == NULL ? theirs != ours : strcmp(theirs, ours) != 0)
            return "TLS towards servers is the same for the whole route";
    }
    if (route_get(r, "source") != NULL && route_get(b, "source") == NULL)
        return "its servers would see the route's source";
    if (route_get(b, "upstream") == NULL)
        return "there is no server";
    return b->withheld != NULL ? b->withheld : rules_why(b, r);
}

/* What the route says of its own servers' way is not said for others. */
static void take_back(struct plan *p, struct plan_route *b, const struct plan_route *r,
                      const char *key, const char *none)
{
    if (route_get(b, key) == NULL && route_get(r, key) != NULL)
        entries_put(p->arena, &b->settings, key, none, NULL);
}

static bool has_several(const struct plan_route *b)
{
    const struct entry *upstream = entries_find(&b->settings, "upstream");
    return upstream != NULL && upstream->count > 1;
}

/* A server-name block has no times of its own. */
static void lose_times(struct plan *p, const struct plan_route *b, const struct plan_route *r,
                       struct statement *use)
{
    static const char *const keys[] = {"connect-timeout", ".timeout-server", ".timeout-tunnel"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct entry *theirs = entries_find(&b->settings, keys[i]);
        const char *ours = route_get(r, keys[i]), *text = route_get(b, keys[i]);
        if (theirs == NULL ? ours == NULL : ours != NULL && strcmp(text, ours) == 0)
            continue;
        struct statement *from = theirs == NULL ? NULL : theirs->values[theirs->count - 1].from;
        statement_lose(p->arena, from == NULL ? use : from,
                       "backend %s gets the times of the default one: a server-name block has none",
                       statement_at(b->section, 1));
    }
}

static void take_named(struct plan *p, struct plan_route *r, struct statement *s,
                       const struct asked *names, size_t count)
{
    struct statement *backend = haproxy_section(p, "backend", statement_at(s, 1));
    const char *why = "there is no such backend";
    if (backend != NULL) {
        struct plan_route *b = read_backend(p, r, backend);
        why = backend_why(b, r);
        take_remarks(p, r, b);
        take_back(p, b, r, "send-proxy", "off");
        take_back(p, b, r, "health-check", "off");
        if (has_several(b)) /* one, and those that stand by for it */
            take_back(p, b, r, "balance", "first");
        entries_drop(&b->settings, "max-connections"); /* of its defaults, for frontends */
        for (size_t i = 0; i < count && why == NULL; i++)
            why = route_next_server_name(p, r, &names[i], &b->settings, s);
        lose_times(p, b, r, s);
    }
    if (why == NULL)
        return;
    statement_lose(p->arena, s, "%s", why);
    route_withhold(p, r, "%s:%d: use_backend: %s", s->file, s->line, why);
}

/* Other conditions than names: some of its clients would reach another server. */
static void take_use_backend(struct plan *p, struct plan_route *r, struct statement *s)
{
    size_t count;
    const struct asked *names = haproxy_names(p, s, 2, &count);
    if (names != NULL) {
        take_named(p, r, s, names, count);
        return;
    }
    statement_lose(p->arena, s,
                   "only the name that a client asks for (ssl_fc_sni) can choose the server");
    route_withhold(p, r,
                   "%s:%d: use_backend: only the name that a client asks for can choose the server",
                   s->file, s->line);
}

/* Either end may be idle for as long as the longer one says; a tunnel's own limit counts alone.
 * Without any of the three there is none. */
static void settle_idle(struct plan *p, struct plan_route *r)
{
    const char *tunnel = route_get(r, ".timeout-tunnel"), *client = route_get(r, ".timeout-client"),
               *server = route_get(r, ".timeout-server"), *idle = client;
    unsigned client_ms = 0, server_ms = 0;
    struct flaw f;
    if (client != NULL && server != NULL && value_duration(client, &client_ms, &f) == 0 &&
        value_duration(server, &server_ms, &f) == 0)
        idle = client_ms == 0 || (client_ms >= server_ms && server_ms != 0) ? client : server;
    else if (client == NULL)
        idle = server;
    if (tunnel == NULL && client_ms != server_ms)
        route_remark(p, r, "idle-timeout is the longer one of timeout client and timeout server");
    const struct entry *from = entries_find(&r->settings, tunnel != NULL   ? ".timeout-tunnel"
                                                          : idle == client ? ".timeout-client"
                                                                           : ".timeout-server");
    if (from != NULL)
        route_set(p, r, "idle-timeout", tunnel != NULL ? tunnel : idle,
                  from->values[from->count - 1].from);
    else
        route_set(p, r, "idle-timeout", "0", NULL);
}

static void add_bind(struct plan *p, const struct plan_route *front, struct statement *bind)
{
    struct statement *section = front->section;
    struct plan_route *r = haproxy_bind(p, bind, front);
    const char *name = value_of(p, section, "default_backend");
    if (r == NULL)
        return;
    struct statement *backend = name == NULL ? NULL : haproxy_section(p, "backend", name);
    if (backend == NULL && name != NULL)
        backend = haproxy_section(p, "listen", name);
    if (statement_is(section, 0, "listen"))
        haproxy_servers(p, r, section, port_of(r));
    if (backend != NULL)
        take_backend(p, r, backend);
    const struct lines *uses = haproxy_lines(p, section, "use_backend");
    for (size_t i = 0; i < uses->count; i++)
        take_use_backend(p, r, uses->items[i]);
    settle_idle(p, r);
    plan_add(p, r);
}

/* haproxy leaves it out, too. */
static void lose_way(struct plan *p, const struct plan_route *front)
{
    static const char *const keys[] = {".balance", "connect-timeout"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct entry *way = entries_find(&front->settings, keys[i]);
        if (way != NULL && !way->inherited)
            statement_lose(p->arena, way->values[0].from, "a frontend has no servers of its own");
    }
}

static void carry_front(struct plan *p, struct statement *s)
{
    const char *mode = mode_of(p, s);
    if (strcmp(mode, "tcp") != 0) {
        statement_lose(p->arena, s, "mode %s: only mode tcp is for tlsfront", mode);
        return;
    }
    struct plan_route *front = read_section(p, s);
    access_settle(p, front);
    if (statement_is(s, 0, "frontend"))
        lose_way(p, front);
    const struct lines *binds = haproxy_lines(p, s, "bind");
    for (size_t i = 0; i < binds->count; i++)
        add_bind(p, front, binds->items[i]);
}

static bool is_kind(const struct statement *s, const char *const *kinds)
{
    for (; *kinds != NULL; kinds++)
        if (statement_is(s, 0, *kinds))
            return true;
    return false;
}

/* Those that no frontend has led to. */
static void note_unused(struct plan *p, struct statement *file)
{
    static const char *const fronts[] = {"frontend", "listen", NULL};
    static const char *const read[] = {"global", "defaults", "backend", NULL};
    for (struct statement *s = file->first; s != NULL; s = s->next) {
        if (is_kind(s, fronts) || s->carried)
            continue;
        if (!is_kind(s, read))
            statement_lose(p->arena, s, "tlsfront has nothing like it");
        else if (statement_is(s, 0, "backend"))
            statement_lose(p->arena, s, "no frontend that is carried over leads there");
        else if (s->first != NULL && !s->first->carried)
            rows_apply_all(p, plan_route(p, "", s, NULL), s,
                           statement_is(s, 0, "global") ? haproxy_globals : haproxy_proxies);
    }
}

static void carry(struct plan *p, struct statement *file)
{
    for (struct statement *s = file->first; s != NULL; s = s->next)
        if (statement_is(s, 0, "frontend") || statement_is(s, 0, "listen"))
            carry_front(p, s);
    for (size_t i = 0; file == p->files[p->file_count - 1] && i < p->file_count; i++)
        note_unused(p, p->files[i]);
}

const struct peer peer_haproxy = {"haproxy", syntax_haproxy, NULL, carry, false};
