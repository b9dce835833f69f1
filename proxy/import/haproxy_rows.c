/* haproxy_rows.c - the lines of haproxy's sections. */
#include "proxy/import/address.h"
#include "proxy/import/counters.h"
#include "proxy/import/files.h"
#include "proxy/import/haproxy.h"
#include "proxy/import/pool.h"
#include "proxy/import/terms.h"

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

/* Options whose effect tlsfront has anyway. */
static bool is_so_anyway(const char *option)
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
    for (size_t i = 0; i < sizeof anyway / sizeof *anyway; i++)
        if (strcmp(option, anyway[i]) == 0)
            return true;
    return false;
}

static const char *carry_option(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    const char *name = statement_at(s, 1), *check = strstr(name, "check");
    (void)p;
    (void)r;
    (void)row;
    if (is_so_anyway(name))
        return NULL;
    if (check != NULL || strstr(name, "chk") != NULL)
        return "a check connects, and reads the greeting of the route's protocol";
    return strstr(name, "http") != NULL || strcmp(name, "forwardfor") == 0
               ? "for HTTP only"
               : "tlsfront has nothing like it";
}

/* What is turned off is not here either, unless tlsfront does so in any case. */
static const char *carry_no(struct plan *p, struct plan_route *r, struct statement *s,
                            const struct row *row)
{
    (void)p;
    (void)r;
    (void)row;
    if (statement_is(s, 1, "log"))
        return "tlsfront always has a log: log-level tells how much of one";
    return statement_is(s, 1, "option") && is_so_anyway(statement_at(s, 2))
               ? "tlsfront does so in any case"
               : NULL;
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

static const char *carry_source(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    const char *host, *port;
    if (statement_is(s, 2, "usesrc")) {
        if (!statement_is(s, 3, "clientip") && !statement_is(s, 3, "client"))
            return "only the client's own address can be used";
        return term_transparent(p, r, s);
    }
    if (s->count > 2)
        return "the machine's routing decides the interface";
    address_split(p->arena, statement_at(s, 1), &host, &port);
    return route_set(p, r, row->key, host != NULL ? host : port, s);
}

/* Of all its bind lines together. */
static const char *carry_maxconn(struct plan *p, struct plan_route *r, struct statement *s,
                                 const struct row *row)
{
    route_set(p, r, COUNTED_IN_ALL, pool_format(p->arena, "%p", (const void *)r->section), s);
    return carry_number(p, r, s, row);
}

/* Filters that neither look at clients nor change what is said. */
static const char *carry_filter(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    static const char *const harmless[] = {"bwlim-in",    "bwlim-out",   "cache",
                                           "compression", "opentracing", "trace"};
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (statement_is(s, 1, harmless[i]))
            return row->why;
    route_withhold_for(p, r, s, row->name, row->why);
    return row->why;
}

/* ---- tables ---- */

#define BY_THE_UNIT "the service manager's unit says so: see tlsfront.service"
#define FIXED       "tlsfront decides that by itself"
#define HTTP        "for HTTP only"
#define LOG_FORM    "the form of the log is fixed: log-format is text or json"
#define CONTROL     "tlsfront status and tlsfront reload have a socket of their own: control"

const struct row haproxy_globals[] = {
    {"ca-base", carry_global_path, ".ca-base", NULL, 0},
    {"chroot", NULL, NULL, "tlsfront's processes are confined without it: see sandbox.md", 0},
    {"cpu-map", NULL, NULL, "workers run on all processors", 0},
    {"crt-base", carry_global_path, ".crt-base", NULL, 0},
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
    {"*", NULL, NULL, rows_unknown, 0}, /* the process's affair; clients are that of the sections */
    {.name = NULL},
};

/* Of frontend, backend, listen and defaults. What is for one of them only cannot stand in the
 * others: haproxy has seen to that. */
const struct row haproxy_proxies[] = {
    {"acl", NULL, NULL, NULL, 0}, /* looked at by those who name it */
    {"backlog", NULL, NULL, FIXED, 0},
    {"balance", haproxy_balance, NULL, NULL, 0},
    {"bind", NULL, NULL, NULL, 0},
    {"bind-process", NULL, NULL, "workers run on all processors", 0},
    {"capture", NULL, NULL, HTTP, 0},
    {"clitcpka-*", NULL, NULL, FIXED, 0},
    {"compression", NULL, NULL, HTTP, 0},
    {"cookie", NULL, NULL, HTTP, 0},
    {"declare", NULL, NULL, HTTP, 0},
    {"default-server", NULL, NULL, NULL, 0},
    {"default_backend", NULL, NULL, NULL, 0},
    {"description", NULL, NULL, NULL, 0},
    {"disabled", NULL, NULL, "haproxy does not serve it", ROW_GUARDS},
    {"email-alert", NULL, NULL, "tlsfront sends no mail: see the alert rules in observability", 0},
    {"enabled", NULL, NULL, NULL, 0},
    {"error-log-format", NULL, NULL, LOG_FORM, 0},
    {"errorfile", NULL, NULL, HTTP, 0},
    {"errorfiles", NULL, NULL, HTTP, 0},
    {"errorloc*", NULL, NULL, HTTP, 0},
    {"external-check", NULL, NULL, "tlsfront runs no programs", 0},
    {"filter", carry_filter, NULL, "tlsfront has no filters", 0},
    {"force-persist", NULL, NULL, HAPROXY_STICK, 0},
    {"fullconn", NULL, NULL, FIXED, 0},
    {"guid", NULL, NULL, NULL, 0},
    {"hash-*", NULL, NULL, FIXED, 0},
    {"http-*", NULL, NULL, HTTP, ROW_SECRET},
    {"id", NULL, NULL, NULL, 0},
    {"ignore-persist", NULL, NULL, HAPROXY_STICK, 0},
    {"load-server-state-from-file", NULL, NULL, FIXED, 0},
    {"log", carry_log, "log", NULL, 0},
    {"log-format*", NULL, NULL, LOG_FORM, 0},
    {"log-steps", NULL, NULL, LOG_FORM, 0},
    {"log-tag", NULL, NULL, FIXED, 0},
    {"max-keep-alive-queue", NULL, NULL, HTTP, 0},
    {"maxconn", carry_maxconn, "max-connections", NULL, ROW_GUARDS},
    {"mode", NULL, NULL, NULL, 0},
    {"monitor", NULL, NULL, HTTP, 0},
    {"monitor-uri", NULL, NULL, HTTP, 0},
    {"no", carry_no, NULL, NULL, 0},
    {"option", carry_option, NULL, NULL, 0},
    {"persist", NULL, NULL, HAPROXY_STICK, 0},
    {"rate-limit", NULL, NULL, "connections are counted per client: connection-rate-per-ip",
     ROW_GUARDS},
    {"redirect", NULL, NULL, HTTP, 0},
    {"retries", NULL, NULL, "every server is tried once", 0},
    {"retry-on", NULL, NULL, "every server is tried once", 0},
    {"server", NULL, NULL, NULL, 0},
    {"server-state-file-name", NULL, NULL, FIXED, 0},
    {"server-template", NULL, NULL, "write a server line for each, or one name with all addresses",
     0},
    {"source", carry_source, "source", NULL, ROW_GUARDS},
    {"srvtcpka-*", NULL, NULL, FIXED, 0},
    {"stats", NULL, NULL, "a page for people: observe", ROW_SECRET},
    {"stick", NULL, NULL, HAPROXY_STICK, 0},
    {"stick-table", haproxy_stick_table, NULL,
     "nothing is kept about clients but how many there are", 0},
    {"tcp-check", NULL, NULL, "a check connects, and reads the greeting of the route's protocol",
     0},
    {"tcp-request", haproxy_tcp_request, NULL, NULL, 0},
    {"tcp-response", NULL, NULL, "what servers say is not looked at for rules", ROW_GUARDS},
    {"timeout", carry_timeout, NULL, NULL, 0},
    {"unique-id-*", NULL, NULL, "every session has an id; its form is fixed", 0},
    {"use-fcgi-app", NULL, NULL, HTTP, 0},
    {"use-server", NULL, NULL, "which server a client gets is balance's affair", ROW_GUARDS},
    {"use_backend", NULL, NULL, NULL, 0},
    {.name = NULL},
};
