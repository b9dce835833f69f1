/* haproxy_bind.c - bind lines: addresses, certificates, TLS. */
#include "proxy/import/address.h"
#include "proxy/import/files.h"
#include "proxy/import/haproxy.h"
#include "proxy/import/pool.h"
#include "proxy/import/terms.h"

#include <stdlib.h>
#include <string.h>

/* ---- addresses ---- */

static const char *scheme_of(struct arena *a, const char **text)
{
    const char *at = strchr(*text, '@');
    if (at == NULL)
        return "";
    const char *scheme = pool_text(a, *text, (size_t)(at - *text));
    *text = at + 1;
    return scheme;
}

static bool is_range(const char *port)
{
    const char *dash = strchr(port, '-');
    return dash != NULL && dash[1] != '\0';
}

static void put_inet(struct plan *p, struct plan_route *r, struct statement *s, const char *scheme,
                     const char *text)
{
    const char *host, *port;
    address_split(p->arena, text, &host, &port);
    if (is_range(port)) {
        statement_lose(p->arena, s, "%s: a range of ports: write a route for each", text);
        return;
    }
    if (host == NULL || address_port(port) == 0) {
        statement_lose(p->arena, s, "%s: this is no address with a port", text);
        return;
    }
    const bool any = *host == '\0' || strcmp(host, "*") == 0;
    if (any)
        host = strncmp(scheme, "ipv6", 4) == 0 ? "::" : "0.0.0.0";
    route_put(p, r, "listen", address_join(p->arena, host, address_port(port)), s);
    if (strcmp(host, "::") == 0) /* such a socket takes IPv4, too, unless another has it */
        route_put(p, r, ".v4", address_join(p->arena, "0.0.0.0", address_port(port)), s);
}

static void put_address(struct plan *p, struct plan_route *r, struct statement *s, const char *text)
{
    const char *scheme = scheme_of(p->arena, &text);
    if (strcmp(scheme, "unix") == 0 || text[0] == '/')
        route_put(p, r, "listen", pool_format(p->arena, "unix:%s", text), s);
    else if (strcmp(scheme, "") == 0 || strncmp(scheme, "ipv", 3) == 0 ||
             strcmp(scheme, "tcp") == 0)
        put_inet(p, r, s, scheme, text);
    else
        statement_lose(p->arena, s, "%s@%s: tlsfront listens on addresses and paths only", scheme,
                       text);
}

/* ---- the words of a bind line ---- */

static const char *take_ca(struct plan *p, struct plan_route *r, struct statement *s,
                           const char *value, const char *key)
{
    if (value[0] == '@')
        return "the system's authorities are not for clients: name a file";
    return route_set(p, r, key, haproxy_based(p, ".ca-base", value), s);
}

static const char *take_verify(struct plan *p, struct plan_route *r, struct statement *s,
                               const char *value, const char *key)
{
    return route_set(p, r, key, value, s);
}

static const char *take_alpn(struct plan *p, struct plan_route *r, struct statement *s,
                             const char *value, const char *key)
{
    char *rest, *copy = pool_text(p->arena, value, strlen(value));
    entries_drop(&r->settings, key);
    for (char *one = strtok_r(copy, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest))
        route_put(p, r, key, one, s);
    return "a client that offers other names only is refused, not served without one";
}

static const char *take_on(struct plan *p, struct plan_route *r, struct statement *s,
                           const char *value, const char *key)
{
    (void)value;
    return route_set(p, r, key, "on", s);
}

static const char *take_strict(struct plan *p, struct plan_route *r, struct statement *s,
                               const char *value, const char *key)
{
    const char *why = take_on(p, r, s, value, key);
    return why != NULL ? why
                       : "clients that ask for no name get the first certificate all the same";
}

static const char *take_proxy(struct plan *p, struct plan_route *r, struct statement *s,
                              const char *value, const char *key)
{
    (void)value;
    return haproxy_expect_header(p, r, s, key);
}

static const char *take_ciphers(struct plan *p, struct plan_route *r, struct statement *s,
                                const char *value, const char *key)
{
    (void)key;
    return term_ciphers(p, r, value, s);
}

static const char *take_suites(struct plan *p, struct plan_route *r, struct statement *s,
                               const char *value, const char *key)
{
    (void)key;
    return term_ciphersuites(p, r, value, s);
}

static const char *take_groups(struct plan *p, struct plan_route *r, struct statement *s,
                               const char *value, const char *key)
{
    (void)key;
    return term_groups(p, r, value, s);
}

static const char *take_oldest(struct plan *p, struct plan_route *r, struct statement *s,
                               const char *value, const char *key)
{
    (void)key;
    return term_versions(p, r, term_version(value), 0, s);
}

static const char *take_newest(struct plan *p, struct plan_route *r, struct statement *s,
                               const char *value, const char *key)
{
    (void)key;
    return term_versions(p, r, 0, term_version(value), s);
}

/* force-tlsv13, no-tlsv12: `key` is the oldest version that is left. */
static const char *take_this_version(struct plan *p, struct plan_route *r, struct statement *s,
                                     const char *value, const char *key)
{
    (void)value;
    return term_versions(p, r, (unsigned)strtoul(key, NULL, 10), 0, s);
}

/* The frontend's own limit counts, too. */
static const char *take_limit(struct plan *p, struct plan_route *r, struct statement *s,
                              const char *value, const char *key)
{
    if (value[0] == '\0' || strspn(value, "0123456789") != strlen(value))
        return "this is no number";
    return term_smaller(route_get(r, key), value) ? NULL : route_set(p, r, key, value, s);
}

static const char *take_time(struct plan *p, struct plan_route *r, struct statement *s,
                             const char *value, const char *key)
{
    return term_time(p, r, key, value, 1, s);
}

static const char *take_tickets(struct plan *p, struct plan_route *r, struct statement *s,
                                const char *value, const char *key)
{
    (void)r;
    return plan_global(p, key, files_absolute(p->arena, p->cwd, value), s);
}

#define FIXED      "tlsfront sets its sockets by itself"
#define COMMANDS   "for haproxy's own commands only"
#define SIGNATURES "which signatures are taken is fixed"

struct word {
    const char *name;
    unsigned values; /* words behind it that belong to it */
    take_fn *take;
    const char *key, *why; /* `why` as in struct row */
    bool guards;
};

static const struct word words[] = {
    {"ssl", 0, take_on, ".ssl", NULL, false},
    {"crt", 1, haproxy_crt, NULL, NULL, false},
    {"crt-list", 1, haproxy_crt_list, NULL, NULL, true},
    {"ca-file", 1, take_ca, "client-ca", NULL, false},
    {"ca-verify-file", 1, take_ca, ".ca-verify", NULL, true},
    {"crl-file", 1, take_ca, "client-crl", NULL, true},
    {"verify", 1, take_verify, "client-certificate", NULL, true},
    {"alpn", 1, take_alpn, "alpn", NULL, false},
    {"strict-sni", 0, take_strict, "strict-sni", NULL, false},
    {"accept-proxy", 0, take_proxy, "accept-proxy", NULL, true},
    {"sigalgs", 1, NULL, NULL, SIGNATURES, false},
    {"client-sigalgs", 1, NULL, NULL, SIGNATURES, false},
    {"ciphers", 1, take_ciphers, NULL, NULL, false},
    {"ciphersuites", 1, take_suites, NULL, NULL, false},
    {"curves", 1, take_groups, NULL, NULL, false},
    {"ecdhe", 1, take_groups, NULL, NULL, false},
    {"ssl-min-ver", 1, take_oldest, NULL, NULL, false},
    {"ssl-max-ver", 1, take_newest, NULL, NULL, false},
    {"no-sslv3", 0, NULL, NULL, NULL, false},
    {"no-tlsv10", 0, NULL, NULL, NULL, false},
    {"no-tlsv11", 0, NULL, NULL, NULL, false},
    {"no-tlsv12", 0, take_this_version, "13", NULL, false},
    {"no-tlsv13", 0, NULL, NULL, "tlsfront serves TLS 1.3, too, and cannot be told not to", false},
    {"force-tlsv13", 0, take_this_version, "13", NULL, false},
    {"force-tlsv12", 0, NULL, NULL, "tlsfront serves TLS 1.3, too, and cannot be told not to",
     false},
    {"force-tlsv11", 0, NULL, NULL, "tlsfront speaks TLS 1.2 and 1.3", false},
    {"force-tlsv10", 0, NULL, NULL, "tlsfront speaks TLS 1.2 and 1.3", false},
    {"force-sslv3", 0, NULL, NULL, "tlsfront speaks TLS 1.2 and 1.3", false},
    {"no-tls-tickets", 0, NULL, NULL, "tlsfront always gives tickets", false},
    {"tls-tickets", 0, NULL, NULL, NULL, false},
    {"tls-ticket-keys", 1, take_tickets, "ticket-key", NULL, false},
    {"prefer-client-ciphers", 0, NULL, NULL, "the order of tlsfront's list always counts", false},
    {"allow-0rtt", 0, NULL, NULL, "tlsfront takes no early data", false},
    {"maxconn", 1, take_limit, "max-connections", NULL, true},
    {"transparent", 0, take_on, "freebind", NULL, false},
    {"v4v6", 0, NULL, NULL, NULL, false},
    {"v6only", 0, take_on, ".v6only", NULL, false},
    {"name", 1, NULL, NULL, NULL, false}, /* a name for haproxy's own statistics */
    {"id", 1, NULL, NULL, NULL, false},
    {"guid-prefix", 1, NULL, NULL, NULL, false},
    {"level", 1, NULL, NULL, COMMANDS, false},
    {"severity-output", 1, NULL, NULL, COMMANDS, false},
    {"expose-fd", 1, NULL, NULL, NULL, false},
    {"backlog", 1, NULL, NULL, FIXED, false},
    {"defer-accept", 0, NULL, NULL, FIXED, false},
    {"interface", 1, NULL, NULL, "tlsfront listens on addresses: name the interface's", true},
    {"mss", 1, NULL, NULL, FIXED, false},
    {"tcp-ut", 1, take_time, "tcp-user-timeout", NULL, false},
    {"tfo", 0, NULL, NULL, "tlsfront has no TCP Fast Open", false},
    {"nice", 1, NULL, NULL, FIXED, false},
    {"process", 1, NULL, NULL, "workers run on all processors", false},
    {"thread", 1, NULL, NULL, "workers run on all processors", false},
    {"shards", 1, NULL, NULL, NULL, false}, /* each worker has a socket of its own */
    {"namespace", 1, NULL, NULL, "tlsfront listens in its own network namespace", true},
    {"user", 1, NULL, NULL, "a Unix socket belongs to who starts tlsfront", false},
    {"group", 1, NULL, NULL, "a Unix socket belongs to who starts tlsfront", false},
    {"uid", 1, NULL, NULL, "a Unix socket belongs to who starts tlsfront", false},
    {"gid", 1, NULL, NULL, "a Unix socket belongs to who starts tlsfront", false},
    {"mode", 1, NULL, NULL, "who can enter a Unix socket's directory can use it", true},
    {"generate-certificates", 0, NULL, NULL, "tlsfront makes no certificates for clients", true},
    {"no-ca-names", 0, NULL, NULL, "clients are told the names of client-ca", false},
    {"ocsp-update", 1, NULL, NULL, "tlsfront staples no OCSP responses", false},
    {"ca-sign-file", 1, NULL, NULL, "tlsfront makes no certificates for clients", false},
    {"ca-sign-pass", 1, NULL, NULL, "tlsfront makes no certificates for clients", false},
    {"ca-ignore-err", 1, NULL, NULL, "every error of a client's certificate counts", false},
    {"crt-ignore-err", 1, NULL, NULL, "every error of a client's certificate counts", false},
    {"accept-netscaler-cip", 1, NULL, NULL, "tlsfront knows the PROXY protocol only", true},
    {"npn", 1, NULL, NULL, "ALPN has taken its place", false},
    {"proto", 1, NULL, NULL, "for HTTP only", false},
};

static const struct word *find_word(const char *name)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].name, name) == 0)
            return &words[i];
    return NULL;
}

/* The index behind the word. */
static size_t take_word(struct plan *p, struct plan_route *r, struct statement *s, size_t i)
{
    const struct word *w = find_word(s->words[i]);
    const char *value = w != NULL && w->values > 0 ? statement_at(s, i + 1) : "";
    const char *why = w == NULL         ? rows_unknown
                      : w->take != NULL ? w->take(p, r, s, value, w->key)
                                        : w->why;
    if (why != NULL)
        statement_lose(p->arena, s, "%s: %s", s->words[i], why);
    if (why != NULL && (w == NULL || w->guards))
        route_withhold_for(p, r, s, s->words[i], why);
    return i + 1 + (w != NULL ? w->values : 0);
}

const char *haproxy_bind_options(struct plan *p, struct plan_route *r, struct statement *s,
                                 const struct row *row)
{
    (void)row;
    for (size_t i = 1; i < s->count;)
        i = take_word(p, r, s, i);
    return NULL;
}

/* ---- the line ---- */

/* haproxy verifies by both files, and tells clients the names of the first one only. */
static void settle_authorities(struct plan *p, struct plan_route *r, struct statement *s)
{
    static const char why[] =
        "clients are verified by both files there: put them into one, client-ca";
    const char *named = route_get(r, "client-ca"), *more = route_get(r, ".ca-verify");
    if (more == NULL || (named != NULL && strcmp(named, more) == 0))
        return;
    if (named == NULL) {
        route_set(p, r, "client-ca", more, s);
        return;
    }
    statement_lose(p->arena, s, "ca-verify-file: %s", why);
    route_withhold_for(p, r, s, "ca-verify-file", why);
}

static void settle_clients(struct plan *p, struct plan_route *r, struct statement *s)
{
    const char *verify = route_get(r, "client-certificate");
    if (verify == NULL || strcmp(verify, "none") == 0) {
        entries_drop(&r->settings, "client-ca");
        entries_drop(&r->settings, "client-crl");
        return;
    }
    settle_authorities(p, r, s);
    if (route_get(r, "client-ca") == NULL)
        route_withhold(p, r, "%s:%d: verify without ca-file", s->file, s->line);
}

static void settle_families(struct plan *p, struct plan_route *r)
{
    const struct entry *v4 = entries_find(&r->settings, ".v4");
    const struct given *values = v4 == NULL ? NULL : v4->values;
    const size_t count = v4 == NULL || route_get(r, ".v6only") != NULL ? 0 : v4->count;
    for (size_t i = 0; i < count; i++)
        route_put(p, r, "listen", values[i].text, NULL);
    entries_drop(&r->settings, ".v4");
    entries_drop(&r->settings, ".v6only"); /* else what it was for would keep two routes apart */
}

struct plan_route *haproxy_bind(struct plan *p, struct statement *s, const struct plan_route *above)
{
    struct plan_route *r = plan_route(p, above->name, above->section, above);
    char *rest, *copy = pool_text(p->arena, statement_at(s, 1), strlen(statement_at(s, 1)));
    s->carried = true;
    if (strchr(copy, '$') != NULL) {
        statement_lose(p->arena, s,
                       "variables of the environment are not known: write their values");
        return NULL;
    }
    for (char *one = strtok_r(copy, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest))
        put_address(p, r, s, one);
    for (size_t i = 2; i < s->count;)
        i = take_word(p, r, s, i);
    if (route_get(r, ".ssl") == NULL) {
        statement_lose(p->arena, s, "clients would stay in clear: a route needs ssl");
        return NULL;
    }
    settle_families(p, r);
    settle_clients(p, r, s);
    haproxy_settle_header(p, r);
    return route_get(r, "listen") == NULL ? NULL : r;
}
