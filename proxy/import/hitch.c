/* hitch.c - hitch.conf(5): what stands outside of frontends is what every frontend has unless it
 * says otherwise, wherever in the file it stands. */
#include "proxy/import/hitch.h"
#include "proxy/import/address.h"
#include "proxy/import/peers.h"
#include "proxy/import/pool.h"
#include "proxy/import/terms.h"

#include <fnmatch.h>
#include <string.h>

/* ---- directives ---- */

/* "*" is all addresses of both families. */
static void put_listen(struct plan *p, struct plan_route *r, const char *host, unsigned port,
                       struct statement *s)
{
    if (strcmp(host, "*") != 0 && *host != '\0') {
        route_put(p, r, "listen", address_join(p->arena, host, port), s);
        return;
    }
    route_put(p, r, "listen", address_join(p->arena, "0.0.0.0", port), s);
    route_put(p, r, "listen", address_join(p->arena, "::", port), s);
}

static const char *carry_backend(struct plan *p, struct plan_route *r, struct statement *s,
                                 const struct row *row)
{
    const char *address = address_simple(p->arena, statement_at(s, 1), "127.0.0.1");
    (void)row;
    return address == NULL ? "this is no [HOST]:PORT and no path"
                           : route_set(p, r, "upstream", address, s);
}

static const char *carry_alpn(struct plan *p, struct plan_route *r, struct statement *s,
                              const struct row *row)
{
    const char *text = statement_at(s, 1);
    char *rest, *copy = pool_text(p->arena, text, strlen(text));
    (void)row;
    entries_drop(&r->settings, "alpn");
    for (char *one = strtok_r(copy, ", ", &rest); one != NULL; one = strtok_r(NULL, ", ", &rest))
        route_put(p, r, "alpn", one, s);
    return NULL;
}

static const char *carry_proxy(struct plan *p, struct plan_route *r, struct statement *s,
                               const struct row *row)
{
    if (!term_is_on(statement_at(s, 1)))
        return NULL;
    return route_set(p, r, "send-proxy", row->key, s);
}

static const char *carry_proxy_proxy(struct plan *p, struct plan_route *r, struct statement *s,
                                     const struct row *row)
{
    (void)row;
    if (!term_is_on(statement_at(s, 1)))
        return NULL;
    route_remark(p, r,
                 "accept-proxy-from is everybody, as with proxy-proxy: name the balancers only; "
                 "the header goes on in version 2, whichever came");
    term_network(p, r, "accept-proxy-from", "all", s);
    return route_set(p, r, "send-proxy", "v2", s);
}

static const char *carry_verify(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    static const char *const levels[] = {"none", "optional", "required"};
    (void)row;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (statement_is(s, 1, levels[i]))
            return route_set(p, r, "client-certificate", levels[i], s);
    return "this is none of none, optional and required";
}

static const char *carry_log_level(struct plan *p, struct plan_route *r, struct statement *s,
                                   const struct row *row)
{
    static const char *const levels[] = {"error", "error", "info"};
    const char *text = statement_at(s, 1);
    (void)r;
    if (strlen(text) != 1 || *text < '0' || *text > '2')
        return "this is no level of a log";
    return plan_global(p, row->key, levels[*text - '0'], s);
}

static const char *carry_if_syslog(struct plan *p, struct plan_route *r, struct statement *s,
                                   const struct row *row)
{
    (void)r;
    return term_is_on(statement_at(s, 1)) ? plan_global(p, row->key, "syslog", s) : NULL;
}

static const char *carry_quiet(struct plan *p, struct plan_route *r, struct statement *s,
                               const struct row *row)
{
    (void)r;
    return term_is_on(statement_at(s, 1)) ? plan_global(p, row->key, "error", s) : NULL;
}

/* ---- tables ---- */

#define BY_THE_UNIT "the service manager's unit says so: see tlsfront.service"
#define STAPLING    "tlsfront staples no OCSP responses"
#define FIXED       "tlsfront decides that by itself"

/* For a frontend, and for all. */
const struct row hitch_frontend[] = {
    {"ciphers", carry_ciphers, NULL, NULL, 0},
    {"ciphersuites", carry_suites, NULL, NULL, 0},
    {"client-verify", carry_verify, NULL, NULL, ROW_GUARDS},
    {"client-verify-ca", carry_path, "client-ca", NULL, 0},
    {"client-verify-crl", carry_path, "client-crl", NULL, 0},
    {"host", carry_later, ".host", NULL, 0},
    {"match-global-certs", carry_later, ".match-global", NULL, 0},
    {"pem-dir", carry_later, ".pem-dir", NULL, 0},
    {"pem-dir-glob", carry_later, ".pem-dir-glob", NULL, 0},
    {"pem-file", carry_later, ".pem-file", NULL, 0},
    {"port", carry_later, ".port", NULL, 0},
    {"prefer-server-ciphers", carry_if_on, NULL, "the order of tlsfront's list always counts", 0},
    {"sni-nomatch-abort", carry_switch, "strict-sni", NULL, 0},
    {"ssl", carry_if_off, NULL, "tlsfront speaks TLS 1.2 and 1.3 only", 0},
    {"tls", carry_if_off, NULL, "tlsfront speaks TLS 1.2 and 1.3 only", 0},
    {"tls-protos", carry_protocols, NULL, NULL, 0},
    {.name = NULL},
};

const struct row hitch_globals[] = {
    {"alpn-protos", carry_alpn, NULL, NULL, 0},
    {"backend", carry_backend, NULL, NULL, 0},
    {"backend-connect-timeout", carry_seconds, "connect-timeout", NULL, 0},
    {"backend-refresh", NULL, NULL, "names are looked up again every minute", 0},
    {"backlog", NULL, NULL, FIXED, 0},
    {"chroot", NULL, NULL, "tlsfront's processes are confined without it: see sandbox.md", 0},
    {"daemon", carry_if_off, NULL, "tlsfront stays in the foreground; " BY_THE_UNIT, 0},
    {"ecdh-curve", carry_groups, NULL, NULL, 0},
    {"engine", NULL, NULL, "tlsfront reads keys from PEM files, not from an engine", 0},
    {"group", carry_group, NULL, NULL, 0},
    {"keepalive", NULL, NULL, FIXED, 0},
    {"log-filename", carry_global_path, "log", NULL, 0},
    {"log-level", carry_log_level, "log-level", NULL, 0},
    {"ocsp-connect-tmo", NULL, NULL, STAPLING, 0},
    {"ocsp-dir", NULL, NULL, STAPLING, 0},
    {"ocsp-refresh-interval", NULL, NULL, STAPLING, 0},
    {"ocsp-resp-tmo", NULL, NULL, STAPLING, 0},
    {"ocsp-verify-staple", NULL, NULL, STAPLING, 0},
    {"pidfile", NULL, NULL, "tlsfront writes no such file; " BY_THE_UNIT, 0},
    {"pid-file", NULL, NULL, "tlsfront writes no such file; " BY_THE_UNIT, 0},
    {"proxy-client-cert", carry_if_off, NULL,
     "the PROXY header tells the certificate's common name, not all of it", 0},
    {"proxy-proxy", carry_proxy_proxy, NULL, NULL, 0},
    {"proxy-tlv", carry_if_on, NULL, "a PROXY header of version 2 always tells about TLS", 0},
    {"quiet", carry_quiet, "log-level", NULL, 0},
    {"read-ahead", NULL, NULL, FIXED, 0},
    {"recv-bufsize", NULL, NULL, FIXED, 0},
    {"ring-data-len", NULL, NULL, FIXED, 0},
    {"ring-slots", NULL, NULL, FIXED, 0},
    {"send-bufsize", NULL, NULL, FIXED, 0},
    {"ssl-engine", NULL, NULL, "tlsfront reads keys from PEM files, not from an engine", 0},
    {"ssl-handshake-timeout", carry_seconds, "handshake-timeout", NULL, 0},
    {"syslog", carry_if_syslog, "log", NULL, 0},
    {"syslog-facility", NULL, NULL, "the facility is mail", 0},
    {"tcp-fastopen", carry_if_off, NULL, "tlsfront has no TCP Fast Open", 0},
    {"user", carry_user, NULL, NULL, 0},
    {"workers", carry_workers, NULL, NULL, 0},
    {"write-ip", carry_if_off, NULL, "tlsfront tells who the client is by PROXY headers only",
     ROW_GUARDS},
    {"write-proxy", carry_proxy, "v2", NULL, 0},
    {"write-proxy-v1", carry_proxy, "v1", NULL, 0},
    {"write-proxy-v2", carry_proxy, "v2", NULL, 0},
    {.name = NULL},
};

const struct row hitch_pem_file[] = {
    {"cert", NULL, NULL, NULL, 0},
    {"private-key", NULL, NULL, NULL, 0},
    {"ocsp-resp-file", NULL, NULL, STAPLING, 0},
    {.name = NULL},
};

/* ---- certificates ---- */

static const char *value_in(const struct statement *block, const char *key)
{
    for (const struct statement *s = block->first; s != NULL; s = s->next)
        if (statement_is(s, 0, key))
            return statement_at(s, 1);
    return NULL;
}

static const char *named(struct plan *p, const char *chain, const char *key)
{
    return plan_certificate(p, files_absolute(p->arena, p->cwd, chain),
                            key == NULL ? NULL : files_absolute(p->arena, p->cwd, key), NULL);
}

/* pem-file = { cert = ... private-key = ... } */
static void take_pem_block(struct plan *p, struct plan_route *r, struct statement *s)
{
    const char *chain = value_in(s, "cert");
    rows_apply_all(p, r, s, hitch_pem_file);
    s->carried = true;
    if (chain == NULL)
        statement_lose(p->arena, s, "it names no cert");
    else
        route_put(p, r, ".certificate", named(p, chain, value_in(s, "private-key")), s);
}

/* In the order of the file. */
static void take_pem_files(struct plan *p, struct plan_route *r, struct statement *block)
{
    for (struct statement *s = block->first; s != NULL; s = s->next) {
        if (!statement_is(s, 0, "pem-file"))
            continue;
        if (s->is_block)
            take_pem_block(p, r, s);
        else
            route_put(p, r, ".certificate", named(p, statement_at(s, 1), NULL), s);
    }
}

static void take_pem_dir(struct plan *p, struct plan_route *r)
{
    const struct entry *dir = entries_find(&r->settings, ".pem-dir");
    const char *pattern = route_get(r, ".pem-dir-glob");
    if (dir == NULL)
        return;
    struct statement *from = dir->values[dir->count - 1].from;
    const char *path = files_absolute(p->arena, p->cwd, dir->values[dir->count - 1].text);
    const struct paths files = files_in(p->arena, path);
    for (size_t i = 0; i < files.count; i++)
        if (pattern == NULL || fnmatch(pattern, strrchr(files.items[i], '/') + 1, 0) == 0)
            entries_put(p->arena, &r->settings, ".from-dir", named(p, files.items[i], NULL), from);
    if (files.count == 0)
        statement_lose(p->arena, from, "no file is there");
}

static void put_certificate(struct plan *p, struct plan_route *r, const struct given *v)
{
    const struct entry *there = entries_find(&r->settings, "certificate");
    for (size_t i = 0; there != NULL && i < there->count; i++)
        if (strcmp(there->values[i].text, v->text) == 0)
            return;
    entries_put(p->arena, &r->settings, "certificate", v->text, v->from);
}

/* Of pem-files the last one is the default and comes first with us; of a directory the first. */
static void put_certificates(struct plan *p, struct plan_route *r, const struct plan_route *of)
{
    const struct entry *files = entries_find(&of->settings, ".certificate");
    for (size_t i = files == NULL ? 0 : files->count; i > 0; i--)
        put_certificate(p, r, &files->values[i - 1]);
    const struct entry *dir = entries_find(&of->settings, ".from-dir");
    for (size_t i = 0; dir != NULL && i < dir->count; i++)
        put_certificate(p, r, &dir->values[i]);
}

static bool has_certificates(const struct plan_route *r)
{
    return route_get(r, ".certificate") != NULL || route_get(r, ".from-dir") != NULL;
}

/* ---- frontends ---- */

static void settle(struct plan *p, struct plan_route *r, struct statement *s,
                   const struct plan_route *own, const struct plan_route *all)
{
    const char *global = route_get(r, ".match-global"),
               *verify = route_get(r, "client-certificate");
    if (own != NULL)
        put_certificates(p, r, own);
    if (own != NULL && own->withheld != NULL)
        route_withhold(p, r, "%s", own->withheld);
    if (own == NULL || !has_certificates(own) || (global != NULL && term_is_on(global)))
        put_certificates(p, r, all);
    if (verify != NULL && strcmp(verify, "none") == 0) {
        entries_drop(&r->settings, "client-ca");
        entries_drop(&r->settings, "client-crl");
    } else if (verify != NULL && route_get(r, "client-ca") == NULL) {
        route_withhold(p, r, "%s:%d: client-verify without client-verify-ca", s->file, s->line);
    }
    plan_add(p, r);
}

static void carry_block(struct plan *p, struct statement *s, const struct plan_route *all)
{
    struct plan_route *r = plan_route(p, "", s, all);
    struct plan_route *own = plan_route(p, "", s, NULL);
    rows_apply_all(p, r, s, hitch_frontend);
    take_pem_files(p, own, s);
    const struct entry *dir = entries_find(&r->settings, ".pem-dir");
    if (dir != NULL && !dir->inherited) {
        entries_put(p->arena, &own->settings, ".pem-dir", dir->values[0].text, dir->values[0].from);
        if (route_get(r, ".pem-dir-glob") != NULL)
            route_put(p, own, ".pem-dir-glob", route_get(r, ".pem-dir-glob"), NULL);
        take_pem_dir(p, own);
    }
    const char *host = route_get(r, ".host"), *port = route_get(r, ".port");
    const unsigned number = address_port(port == NULL ? "443" : port);
    if (number == 0)
        statement_lose(p->arena, s, "\"%s\" is no port", port);
    else
        put_listen(p, r, host == NULL ? "*" : host, number, s);
    settle(p, r, s, own, all);
}

/* "[HOST]:PORT+CERT" */
static void carry_line(struct plan *p, struct statement *s, const struct plan_route *all)
{
    struct plan_route *r = plan_route(p, "", s, all), *own = NULL;
    const char *text = statement_at(s, 1), *plus = strchr(text, '+'), *host, *port;
    if (plus != NULL) {
        own = plan_route(p, "", s, NULL);
        route_put(p, own, ".certificate", named(p, plus + 1, NULL), s);
        text = pool_text(p->arena, text, (size_t)(plus - text));
    }
    address_split(p->arena, text, &host, &port);
    s->carried = true;
    if (address_port(port) == 0)
        statement_lose(p->arena, s, "this is no [HOST]:PORT");
    else
        put_listen(p, r, host == NULL ? "*" : host, address_port(port), s);
    settle(p, r, s, own, all);
}

static bool is_frontend(const struct statement *s)
{
    return statement_is(s, 0, "frontend");
}

static void carry_top(struct plan *p, struct plan_route *all, struct statement *file)
{
    for (struct statement *s = file->first; s != NULL; s = s->next)
        if (!is_frontend(s) && !s->is_block)
            rows_apply(p, all, s,
                       rows_find(hitch_frontend, s->words[0]) != NULL ? hitch_frontend
                                                                      : hitch_globals);
        else if (s->is_block && !is_frontend(s) && !statement_is(s, 0, "pem-file"))
            rows_lose_block(p, all, s);
    take_pem_files(p, all, file);
    take_pem_dir(p, all);
}

static void carry(struct plan *p, struct statement *file)
{
    struct plan_route *all = plan_route(p, "", file, NULL);
    bool any = false;
    route_set(p, all, "connect-timeout", "30s", NULL); /* hitch's own, other than ours */
    route_set(p, all, "idle-timeout", "0", NULL);
    carry_top(p, all, file);
    for (struct statement *s = file->first; s != NULL; s = s->next) {
        if (!is_frontend(s))
            continue;
        any = true;
        if (s->is_block)
            carry_block(p, s, all);
        else
            carry_line(p, s, all);
    }
    if (any)
        return;
    /* hitch's own default */
    put_listen(p, all, "*", 8443, NULL);
    settle(p, all, file, NULL, all);
}

const struct peer peer_hitch = {"hitch", syntax_hitch, NULL, carry, false};
