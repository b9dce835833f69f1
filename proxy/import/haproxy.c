/* haproxy.c - frontends, listens and backends of haproxy.cfg, with what their defaults say. All
 * files are one configuration. */
#include "proxy/import/haproxy.h"
#include "proxy/import/access.h"
#include "proxy/import/address.h"
#include "proxy/import/peers.h"
#include "proxy/import/pool.h"
#include "proxy/import/terms.h"

#include "config/values.h"

#include <string.h>

/* ---- directives ---- */

static const char *carry_timeout(struct plan *p, struct plan_route *r, struct statement *s,
                                 const struct row *row)
{
    static const char *const ours[][2] = {{"client", ".timeout-client"},
                                          {"server", ".timeout-server"},
                                          {"tunnel", ".timeout-tunnel"},
                                          {"connect", "connect-timeout"}};
    (void)row;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (statement_is(s, 1, ours[i][0]))
            return term_time(p, r, ours[i][1], statement_at(s, 2), 1, s);
    if (strncmp(statement_at(s, 1), "http-", 5) == 0)
        return "for HTTP only";
    return "tlsfront has no such limit";
}

static const char *carry_option(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    static const char *const anyway[] = {"tcplog",
                                         "dontlognull",
                                         "redispatch",
                                         "tcp-smart-accept",
                                         "tcp-smart-connect",
                                         "logasap",
                                         "contstats",
                                         "log-health-checks",
                                         "srvtcpka",
                                         "clitcpka",
                                         "tcpka",
                                         "splice-auto",
                                         "splice-request",
                                         "splice-response",
                                         "tcp-check",
                                         "allbackups",
                                         "independent-streams"};
    (void)p;
    (void)r;
    (void)row;
    for (size_t i = 0; i < sizeof anyway / sizeof *anyway; i++)
        if (statement_is(s, 1, anyway[i]))
            return NULL;
    const char *name = statement_at(s, 1), *check = strstr(name, "check");
    if (check != NULL || strstr(name, "chk") != NULL)
        return "a check connects, and reads the greeting of the route's protocol";
    return strstr(name, "http") != NULL || strcmp(name, "forwardfor") == 0
               ? "for HTTP only"
               : "tlsfront has nothing like it";
}

static const char *carry_no(struct plan *p, struct plan_route *r, struct statement *s,
                            const struct row *row)
{
    (void)p;
    (void)r;
    (void)s;
    (void)row;
    return NULL;
}

static const char *carry_log(struct plan *p, struct plan_route *r, struct statement *s,
                             const struct row *row)
{
    const char *target = statement_at(s, 1);
    (void)r;
    if (strcmp(target, "global") == 0)
        return NULL;
    if (strcmp(target, "/dev/log") == 0)
        return plan_global(p, row->key, "syslog", s);
    if (strcmp(target, "stderr") == 0 || strcmp(target, "stdout") == 0)
        return plan_global(p, row->key, "stderr", s);
    return "the log goes to standard error, a file or /dev/log, not over the network";
}

static const char *carry_stop_after(struct plan *p, struct plan_route *r, struct statement *s,
                                    const struct row *row)
{
    const char *time = term_duration(p->arena, statement_at(s, 1), 1);
    (void)r;
    return time == NULL ? "this is no time" : plan_global(p, row->key, time, s);
}

static const char *carry_base(struct plan *p, struct plan_route *r, struct statement *s,
                              const struct row *row)
{
    (void)r;
    return plan_global(p, row->key, files_absolute(p->arena, p->cwd, statement_at(s, 1)), s);
}

static const char *carry_source(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    const char *host, *port;
    if (statement_is(s, 2, "usesrc")) {
        if (!statement_is(s, 3, "clientip") && !statement_is(s, 3, "client"))
            return "only the client's own address can be used";
        route_remark(p, r, "source = transparent needs the machine's routing: see transparent.md");
        return route_set(p, r, row->key, "transparent", s);
    }
    if (s->count > 2)
        return "the machine's routing decides the interface";
    address_split(p->arena, statement_at(s, 1), &host, &port);
    return route_set(p, r, row->key, host != NULL ? host : port, s);
}

/* ---- tables ---- */

#define BY_THE_UNIT "the service manager's unit says so: see tlsfront.service"
#define FIXED       "tlsfront decides that by itself"
#define HTTP        "for HTTP only"
#define CONTROL     "tlsfront status and tlsfront reload have a socket of their own: control"

static const struct row globals[] = {
    {"ca-base", carry_base, ".ca-base", NULL, 0},
    {"chroot", NULL, NULL, "tlsfront's processes are confined without it: see sandbox.md", 0},
    {"cpu-map", NULL, NULL, "workers run on all processors", 0},
    {"crt-base", carry_base, ".crt-base", NULL, 0},
    {"daemon", NULL, NULL, "tlsfront stays in the foreground; " BY_THE_UNIT, 0},
    {"description", NULL, NULL, NULL, 0},
    {"gid", NULL, NULL, "workers take the primary group of their user", 0},
    {"group", carry_group, NULL, NULL, 0},
    {"hard-stop-after", carry_stop_after, "drain-timeout", NULL, 0},
    {"issuers-chain-path", NULL, NULL, "a certificate's file has to hold its chain", 0},
    {"localpeer", NULL, NULL, FIXED, 0},
    {"log", carry_log, "log", NULL, 0},
    {"log-send-hostname", NULL, NULL, FIXED, 0},
    {"log-tag", NULL, NULL, FIXED, 0},
    {"lua-*", NULL, NULL, "tlsfront runs no programs", 0},
    {"master-worker", NULL, NULL, NULL, 0},
    {"maxconn", NULL, NULL, "there is no limit for all routes: max-connections is each route's", 0},
    {"maxconnrate", NULL, NULL, "there is no limit for all routes", 0},
    {"maxsslconn", NULL, NULL, "there is no limit for all routes: max-connections is each route's",
     0},
    {"maxsslrate", NULL, NULL, "there is no limit for all routes", 0},
    {"nbproc", carry_workers, NULL, NULL, 0},
    {"nbthread", carry_workers, NULL, NULL, 0},
    {"no", carry_no, NULL, NULL, 0},
    {"node", NULL, NULL, NULL, 0},
    {"pidfile", NULL, NULL, "tlsfront writes no such file; " BY_THE_UNIT, 0},
    {"presetenv", NULL, NULL, "tlsfront clears its environment", ROW_SECRET},
    {"server-state-*", NULL, NULL, FIXED, 0},
    {"setenv", NULL, NULL, "tlsfront clears its environment", ROW_SECRET},
    {"spread-checks", NULL, NULL, FIXED, 0},
    {"ssl-default-bind-ciphers", carry_ciphers, NULL, NULL, 0},
    {"ssl-default-bind-ciphersuites", carry_suites, NULL, NULL, 0},
    {"ssl-default-bind-curves", carry_groups, NULL, NULL, 0},
    {"ssl-default-bind-options", haproxy_bind_options, NULL, NULL, 0},
    {"ssl-default-server-*", NULL, NULL, "TLS towards servers is not carried over", 0},
    {"ssl-dh-param-file", NULL, NULL, "tlsfront exchanges keys on curves only", 0},
    {"ssl-engine", NULL, NULL, "tlsfront reads keys from PEM files, not from an engine", 0},
    {"ssl-load-extra-*", NULL, NULL, NULL, 0},
    {"ssl-mode-async", NULL, NULL, FIXED, 0},
    {"ssl-server-verify", NULL, NULL, "TLS towards servers is not carried over", 0},
    {"ssl-skip-self-issued-ca", NULL, NULL, FIXED, 0},
    {"stats", NULL, NULL, CONTROL, ROW_SECRET},
    {"strict-limits", NULL, NULL, FIXED, 0},
    {"tune.*", NULL, NULL, FIXED, 0},
    {"uid", NULL, NULL, "workers run as a user who has a name: user", 0},
    {"ulimit-n", NULL, NULL, BY_THE_UNIT, 0},
    {"unix-bind", NULL, NULL, "who can enter a Unix socket's directory can use it", 0},
    {"unsetenv", NULL, NULL, NULL, 0},
    {"user", carry_user, NULL, NULL, 0},
    {.name = NULL},
};

/* Of frontend, backend, listen and defaults. What is for one of them only cannot stand in the
 * others: haproxy has seen to that. */
static const struct row proxies[] = {
    {"acl", NULL, NULL, NULL, 0}, /* looked at by those who name it */
    {"backlog", NULL, NULL, FIXED, 0},
    {"balance", haproxy_balance, NULL, NULL, 0},
    {"bind", NULL, NULL, NULL, 0},
    {"bind-process", NULL, NULL, "workers run on all processors", 0},
    {"compression", NULL, NULL, HTTP, 0},
    {"cookie", NULL, NULL, HTTP, 0},
    {"default-server", NULL, NULL, NULL, 0},
    {"default_backend", NULL, NULL, NULL, 0},
    {"description", NULL, NULL, NULL, 0},
    {"email-alert", NULL, NULL, "tlsfront sends no mail: see the alert rules in observability", 0},
    {"errorfile", NULL, NULL, HTTP, 0},
    {"errorfiles", NULL, NULL, HTTP, 0},
    {"errorloc*", NULL, NULL, HTTP, 0},
    {"external-check", NULL, NULL, "tlsfront runs no programs", 0},
    {"filter", NULL, NULL, "tlsfront has no filters", 0},
    {"fullconn", NULL, NULL, FIXED, 0},
    {"hash-*", NULL, NULL, FIXED, 0},
    {"http-*", NULL, NULL, HTTP, ROW_SECRET},
    {"id", NULL, NULL, NULL, 0},
    {"load-server-state-from-file", NULL, NULL, FIXED, 0},
    {"log", carry_log, "log", NULL, 0},
    {"log-format*", NULL, NULL, "the form of the log is fixed: log-format is text or json", 0},
    {"log-tag", NULL, NULL, FIXED, 0},
    {"maxconn", carry_number, "max-connections", NULL, 0},
    {"mode", NULL, NULL, NULL, 0},
    {"no", carry_no, NULL, NULL, 0},
    {"option", carry_option, NULL, NULL, 0},
    {"rate-limit", NULL, NULL, "connections are counted per client: connection-rate-per-ip",
     ROW_GUARDS},
    {"retries", NULL, NULL, "every server is tried once", 0},
    {"server", NULL, NULL, NULL, 0},
    {"server-template", NULL, NULL, "write a server line for each, or one name with all addresses",
     0},
    {"source", carry_source, "source", NULL, ROW_GUARDS},
    {"stats", NULL, NULL, "a page for people: observe", ROW_SECRET},
    {"stick", NULL, NULL, "which server a client gets is not remembered: balance = source", 0},
    {"stick-table", NULL, NULL, "nothing is kept about clients but how many there are", 0},
    {"tcp-check", NULL, NULL, "a check connects, and reads the greeting of the route's protocol",
     0},
    {"tcp-request", haproxy_tcp_request, NULL, NULL, 0},
    {"tcp-response", NULL, NULL, "what servers say is not looked at for rules", ROW_GUARDS},
    {"timeout", carry_timeout, NULL, NULL, 0},
    {"unique-id-*", NULL, NULL, "every session has an id; its form is fixed", 0},
    {"use-server", NULL, NULL, "which server a client gets is balance's affair", ROW_GUARDS},
    {"use_backend", NULL, NULL, NULL, 0},
    {.name = NULL},
};

/* ---- sections ---- */

static const char *value_of(const struct statement *section, const char *key)
{
    for (const struct statement *s = section->first; s != NULL; s = s->next)
        if (statement_is(s, 0, key))
            return statement_at(s, 1);
    return NULL;
}

static struct statement *find_section(const struct plan *p, const char *kind, const char *name)
{
    for (size_t i = 0; i < p->file_count; i++)
        for (struct statement *s = p->files[i]->first; s != NULL; s = s->next)
            if (statement_is(s, 0, kind) && statement_is(s, 1, name))
                return s;
    return NULL;
}

/* The defaults that count for a section: those it names, else the last before it; NULL: none. */
static struct statement *defaults_of(const struct plan *p, const struct statement *section)
{
    struct statement *last = NULL;
    if (statement_is(section, 2, "from"))
        return find_section(p, "defaults", statement_at(section, 3));
    for (size_t i = 0; i < p->file_count; i++)
        for (struct statement *s = p->files[i]->first; s != NULL; s = s->next) {
            if (s == section)
                return last;
            if (statement_is(s, 0, "defaults"))
                last = s;
        }
    return last;
}

/* What global says about TLS, below what the section's defaults say. */
static struct plan_route *read_above(struct plan *p, struct statement *section)
{
    struct plan_route *above = plan_route(p, "", section, NULL);
    for (size_t i = 0; i < p->file_count; i++)
        for (struct statement *s = p->files[i]->first; s != NULL; s = s->next)
            if (statement_is(s, 0, "global"))
                for (struct statement *one = s->first; one != NULL; one = one->next)
                    rows_apply(p, above, one, globals);
    struct statement *defaults = defaults_of(p, section);
    if (defaults == NULL)
        return above;
    struct plan_route *r = plan_route(p, "", section, above);
    for (struct statement *one = defaults->first; one != NULL; one = one->next)
        rows_apply(p, r, one, proxies);
    return r;
}

static const char *mode_of(const struct plan *p, const struct statement *section)
{
    const struct statement *defaults = defaults_of(p, section);
    const char *mode = value_of(section, "mode");
    if (mode == NULL && defaults != NULL)
        mode = value_of(defaults, "mode");
    return mode == NULL ? "tcp" : mode;
}

static struct plan_route *read_section(struct plan *p, struct statement *s)
{
    struct plan_route *r = plan_route(p, statement_at(s, 1), s, read_above(p, s));
    s->carried = true;
    for (struct statement *one = s->first; one != NULL; one = one->next)
        rows_apply(p, r, one, proxies);
    return r;
}

/* ---- a frontend and its backend ---- */

static const char *port_of(const struct plan_route *r)
{
    const char *listen = route_get(r, "listen"),
               *colon = listen == NULL ? NULL : strrchr(listen, ':');
    return colon == NULL ? NULL : colon + 1;
}

/* What the backend says of the way to its servers counts there. */
static void take_backend(struct plan *p, struct plan_route *r, struct statement *backend)
{
    static const char *const keys[] = {"upstream",        "balance",        "send-proxy",
                                       "source",          "health-check",   "connect-timeout",
                                       ".timeout-server", ".timeout-tunnel"};
    struct plan_route *b = read_section(p, backend);
    access_settle(p, b);
    haproxy_servers(p, b, backend, port_of(r));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct entry *s = entries_find(&b->settings, keys[i]);
        if (s == NULL)
            continue;
        entries_drop(&r->settings, keys[i]);
        for (size_t j = 0; j < s->count; j++)
            route_put(p, r, keys[i], s->values[j].text, s->values[j].from);
    }
    for (size_t i = 0; i < b->remark_count; i++)
        route_remark(p, r, "%s", b->remarks[i]);
    if (b->withheld != NULL)
        route_withhold(p, r, "%s", b->withheld);
    if (route_get(b, "allow") != NULL || route_get(b, "deny") != NULL)
        route_withhold(p, r, "%s:%d: a backend's own rules about clients cannot be said",
                       backend->file, backend->line);
}

static void take_named(struct plan *p, struct plan_route *r, struct statement *s,
                       const char *const *names, size_t count)
{
    struct statement *backend = find_section(p, "backend", statement_at(s, 1));
    const char *list[16], *why = NULL;
    size_t servers = 0;
    if (backend != NULL) {
        struct plan_route *b = read_section(p, backend);
        haproxy_servers(p, b, backend, port_of(r));
        const struct entry *upstream = entries_find(&b->settings, "upstream");
        for (; upstream != NULL && servers < upstream->count && servers < 16; servers++)
            list[servers] = upstream->values[servers].text;
        const char *proxy = route_get(b, "send-proxy"), *ours = route_get(r, "send-proxy");
        if (b->withheld != NULL)
            why = b->withheld;
        else if (ours == NULL || proxy == NULL ? ours != proxy : strcmp(proxy, ours) != 0)
            why = "all servers of a route get the same PROXY header";
    }
    if (servers == 0)
        why = "there is no server";
    for (size_t i = 0; i < count && why == NULL; i++)
        why = route_server_name(p, r, names[i], NULL, list, servers);
    if (why == NULL)
        return;
    statement_lose(p->arena, s, "%s", why);
    route_withhold(p, r, "%s:%d: use_backend: %s", s->file, s->line, why);
}

/* Other conditions than names: some of its clients would reach another server. */
static void take_use_backend(struct plan *p, struct plan_route *r, struct statement *s)
{
    size_t count;
    const char *const *names = haproxy_names(p, s, 2, &count);
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

/* Either end may be idle for as long as the longer one says; a tunnel's own limit counts alone. */
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
    if (tunnel != NULL || idle != NULL)
        route_set(p, r, "idle-timeout", tunnel != NULL ? tunnel : idle, NULL);
}

static void add_bind(struct plan *p, const struct plan_route *front, struct statement *bind)
{
    struct statement *section = front->section;
    struct plan_route *r = haproxy_bind(p, bind, front);
    const char *name = value_of(section, "default_backend");
    if (r == NULL)
        return;
    struct statement *backend = name == NULL ? NULL : find_section(p, "backend", name);
    if (backend == NULL && name != NULL)
        backend = find_section(p, "listen", name);
    if (statement_is(section, 0, "listen"))
        haproxy_servers(p, r, section, port_of(r));
    if (backend != NULL)
        take_backend(p, r, backend);
    for (struct statement *s = section->first; s != NULL; s = s->next)
        if (statement_is(s, 0, "use_backend"))
            take_use_backend(p, r, s);
    settle_idle(p, r);
    plan_add(p, r);
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
    for (struct statement *one = s->first; one != NULL; one = one->next)
        if (statement_is(one, 0, "bind"))
            add_bind(p, front, one);
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
                           statement_is(s, 0, "global") ? globals : proxies);
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
