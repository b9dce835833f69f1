/* nginx.c - the mail and stream blocks of nginx.conf. What stands in them outside of servers is
 * what every server has unless it says otherwise. */
#include "proxy/import/nginx.h"
#include "proxy/import/access.h"
#include "proxy/import/address.h"
#include "proxy/import/peers.h"
#include "proxy/import/pool.h"
#include "proxy/import/rows.h"
#include "proxy/import/terms.h"

#include "config/protocol.h"

#include <stdlib.h>
#include <string.h>

/* ---- listen ---- */

struct listen {
    const char *address; /* NULL: it is none */
    bool ssl, proxy, both_families;
    const char *unknown; /* a word that may matter to who is served; NULL: there is none */
};

static const char *flag_why(const char *flag, struct listen *l)
{
    static const char *const fixed[] = {
        "backlog=", "rcvbuf=", "sndbuf=", "so_keepalive=", "fastopen=", "setfib="};
    static const char *const anyway[] = {"bind",        "reuseport",     "default_server",
                                         "ipv6only=on", "accept_filter", "deferred",
                                         "default",     "multipath"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strncmp(flag, fixed[i], strlen(fixed[i])) == 0)
            return "tlsfront sets its sockets by itself";
    for (size_t i = 0; i < sizeof anyway / sizeof *anyway; i++)
        if (strncmp(flag, anyway[i], strlen(anyway[i])) == 0)
            return NULL;
    l->ssl |= strcmp(flag, "ssl") == 0;
    l->proxy |= strcmp(flag, "proxy_protocol") == 0;
    l->both_families |= strcmp(flag, "ipv6only=off") == 0;
    const bool known = strcmp(flag, "ssl") == 0 || strcmp(flag, "proxy_protocol") == 0 ||
                       strcmp(flag, "ipv6only=off") == 0;
    if (known)
        return NULL;
    l->unknown = flag;
    return rows_unknown;
}

static struct listen read_listen(struct plan *p, struct statement *s)
{
    const char *text = statement_at(s, 1);
    struct listen l = {0};
    s->carried = true;
    for (size_t i = 2; i < s->count; i++) {
        const char *why = flag_why(s->words[i], &l);
        if (why != NULL)
            statement_lose(p->arena, s, "%s: %s", s->words[i], why);
    }
    l.address = strncmp(text, "unix:", 5) == 0 ? text : address_simple(p->arena, text, "0.0.0.0");
    if (strchr(text, '-') != NULL && strncmp(text, "unix:", 5) != 0)
        statement_lose(p->arena, s, "a range of ports: write a route for each");
    else if (l.address == NULL)
        statement_lose(p->arena, s, "this is no address with a port");
    if (s->count > 2 && strstr(s->text, " udp") != NULL)
        l.address = NULL; /* and udp has been told */
    return l;
}

/* ---- what a server says, put together ---- */

static void settle_certificates(struct plan *p, struct plan_route *r)
{
    const struct entry *certs = entries_find(&r->settings, ".cert");
    const struct entry *keys = entries_find(&r->settings, ".key");
    const char *password = route_get(r, ".password");
    const struct given *values = certs == NULL ? NULL : certs->values;
    const struct given *key_values = keys == NULL ? NULL : keys->values;
    const size_t count = certs == NULL ? 0 : certs->count,
                 key_count = keys == NULL ? 0 : keys->count;
    for (size_t i = 0; i < count; i++) {
        const char *key = i < key_count ? key_values[i].text : NULL;
        if (strchr(values[i].text, '$') != NULL || strncmp(values[i].text, "data:", 5) == 0) {
            statement_lose(p->arena, values[i].from, "files are named by their path only");
            continue;
        }
        if (key != NULL && strncmp(key, "engine:", 7) == 0) {
            statement_lose(p->arena, key_values[i].from, "tlsfront reads keys from PEM files");
            continue;
        }
        const char *name =
            plan_certificate(p, files_absolute(p->arena, p->cwd, values[i].text),
                             key == NULL ? NULL : files_absolute(p->arena, p->cwd, key),
                             password == NULL ? NULL : files_absolute(p->arena, p->cwd, password));
        entries_put(p->arena, &r->settings, "certificate", name, values[i].from);
    }
}

static void settle_clients(struct plan *p, struct plan_route *r)
{
    const char *verify = route_get(r, "client-certificate");
    const struct entry *trusted = entries_find(&r->settings, ".trusted");
    if (verify == NULL || strcmp(verify, "none") == 0) {
        entries_drop(&r->settings, "client-ca");
        entries_drop(&r->settings, "client-crl");
        return;
    }
    if (trusted != NULL && route_get(r, "client-ca") != NULL)
        statement_lose(p->arena, trusted->values[0].from,
                       "client-ca is one file, and ssl_client_certificate has named it");
    else if (trusted != NULL)
        route_set(p, r, "client-ca", files_absolute(p->arena, p->cwd, trusted->values[0].text),
                  trusted->values[0].from);
    if (route_get(r, "client-ca") == NULL)
        route_withhold(p, r, "%s:%d: ssl_verify_client without ssl_client_certificate",
                       r->section->file, r->section->line);
}

static struct statement *source_of(const struct plan_route *r, const char *key)
{
    const struct entry *s = entries_find(&r->settings, key);
    return s == NULL ? r->section : s->values[0].from;
}

/* Without set_real_ip_from, nginx goes on to take the balancer for the client. */
static void settle_known_address(struct plan *p, struct plan_route *r,
                                 const struct statement *listen)
{
    static const char *const keys[] = {"allow", "deny", "max-connections-per-ip"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (route_get(r, keys[i]) != NULL)
            route_withhold_for(p, r, listen, "proxy_protocol",
                               "without set_real_ip_from, allow, deny and limit_conn are about the "
                               "balancer's address there, and about the client's here");
}

static void settle_balancers(struct plan *p, struct plan_route *r, const struct statement *listen)
{
    const struct entry *s = entries_find(&r->settings, ".balancers");
    const struct given *values = s == NULL ? NULL : s->values;
    const size_t count = s == NULL ? 0 : s->count;
    for (size_t i = 0; i < count; i++)
        route_put(p, r, "accept-proxy-from", values[i].text, values[i].from);
    if (count > 0)
        return;
    settle_known_address(p, r, listen);
    term_network(p, r, "accept-proxy-from", "all", NULL);
    route_remark(p, r,
                 "accept-proxy-from is everybody, as with proxy_protocol: name the balancers "
                 "only");
}

/* Where clients go is what auth_http would have said. */
static void guess_upstream(struct plan *p, struct plan_route *r)
{
    enum protocol protocol = PROTOCOL_TCP;
    const char *name = route_get(r, "protocol");
    if (name == NULL)
        protocol = address_guess(route_get(r, "listen"), NULL).protocol;
    else
        protocol_by_name(name, &protocol);
    unsigned port = protocol_facts(protocol)->plain_port;
    if (port == 0)
        return;
    const bool taken = nginx_find(p, NULL, "listen", pool_format(p->arena, "%u", port)) != NULL;
    port += taken ? 10000U : 0;
    route_set(p, r, "upstream", address_join(p->arena, "127.0.0.1", port), NULL);
    route_remark(p, r,
                 "a guess: upstream = 127.0.0.1:%u; auth_http's answers (Auth-Server, Auth-Port) "
                 "tell the right one",
                 port);
}

static const char *settle_mail(struct plan *p, struct plan_route *r, bool ssl)
{
    const char *starttls = route_get(r, ".starttls"), *xclient = route_get(r, ".xclient");
    const bool only = starttls != NULL && strcmp(starttls, "only") == 0;
    const bool may = starttls != NULL && strcmp(starttls, "on") == 0;
    if (!ssl && !only && !may)
        return "clients would stay in clear: a route needs ssl or starttls";
    if (!ssl)
        route_set(p, r, "tls", only ? "required" : "optional", source_of(r, ".starttls"));
    if (!ssl && may) {
        route_set(p, r, "plaintext-login", "allow", source_of(r, ".starttls"));
        route_remark(p, r,
                     "plaintext-login = allow is what starttls on does; without it, passwords "
                     "wait for TLS");
    }
    const char *timeout = route_get(r, ".timeout");
    const char *why =
        timeout == NULL ? NULL
        : ssl           ? "before the handshake handshake-timeout counts"
              : term_time(p, r, "upgrade-timeout", timeout, 1000, source_of(r, ".timeout"));
    if (why != NULL)
        statement_lose(p->arena, source_of(r, ".timeout"), "%s", why);
    guess_upstream(p, r);
    const char *name = route_get(r, "protocol");
    const bool smtp = name != NULL
                          ? strcmp(name, "smtp") == 0
                          : address_guess(route_get(r, "listen"), NULL).protocol == PROTOCOL_SMTP;
    if (smtp && (xclient == NULL || !term_is_off(xclient)))
        route_set(p, r, "xclient", "on", source_of(r, ".xclient"));
    return NULL;
}

/* ---- TLS towards servers ---- */

static const char *path_of(struct plan *p, const struct plan_route *r, const char *key)
{
    const char *path = route_get(r, key);
    return path == NULL ? NULL : files_absolute(p->arena, p->cwd, path);
}

/* proxy_ssl_name; else what proxy_pass says, without its port. */
static const char *name_behind(struct plan *p, const struct plan_route *r)
{
    const char *pass = route_get(r, ".pass"), *host, *port;
    if (route_get(r, ".behind-name") != NULL || pass == NULL)
        return route_get(r, ".behind-name");
    address_split(p->arena, pass, &host, &port);
    return host != NULL ? host : pass;
}

static void settle_behind(struct plan *p, struct plan_route *r)
{
    const char *on = route_get(r, ".behind"), *verify = route_get(r, ".behind-verify"), *why;
    const char *ca = path_of(p, r, ".behind-ca"), *name = name_behind(p, r);
    if (on == NULL || term_is_off(on))
        return;
    if (verify == NULL || term_is_off(verify) || ca == NULL)
        why = "a server's certificate is always verified: name its authorities by upstream-ca, or "
              "its "
              "key by upstream-pins";
    else if (name == NULL || strchr(name, '$') != NULL)
        why = "the name in the server's certificate is not known";
    else
        why = route_set(p, r, "upstream-tls", "verify", source_of(r, ".behind"));
    if (why != NULL) {
        statement_lose(p->arena, source_of(r, ".behind"), "%s", why);
        route_withhold(p, r, "%s:%d: proxy_ssl: %s", r->section->file, r->section->line, why);
        return;
    }
    route_set(p, r, "upstream-ca", ca, source_of(r, ".behind-ca"));
    route_set(p, r, "upstream-name", name, source_of(r, ".behind"));
    if (route_get(r, ".behind-cert") != NULL)
        route_set(
            p, r, "upstream-certificate",
            plan_certificate(p, path_of(p, r, ".behind-cert"), path_of(p, r, ".behind-key"), NULL),
            source_of(r, ".behind-cert"));
}

/* ---- servers ---- */

static void add_listen(struct plan *p, const struct plan_route *server, struct statement *s,
                       bool is_mail)
{
    const struct listen l = read_listen(p, s);
    struct plan_route *r = plan_route(p, "", server->section, server);
    const char *all = route_get(r, ".ssl"), *why = NULL;
    const bool ssl = l.ssl || (all != NULL && term_is_on(all));
    if (l.address == NULL)
        return;
    route_put(p, r, "listen", l.address, s);
    if (l.both_families && strncmp(l.address, "[::]", 4) == 0)
        route_put(p, r, "listen", pool_format(p->arena, "0.0.0.0%s", l.address + 4), s);
    if (l.proxy)
        settle_balancers(p, r, s);
    if (l.unknown != NULL)
        route_withhold_for(p, r, s, l.unknown, rows_unknown);
    if (is_mail)
        why = settle_mail(p, r, ssl);
    else if (!ssl)
        why = "clients would stay in clear: a route needs ssl";
    if (why != NULL)
        statement_lose(p->arena, s, "%s", why);
    else
        plan_add(p, r);
}

static void carry_server(struct plan *p, struct statement *s, const struct plan_route *above,
                         bool is_mail)
{
    struct plan_route *r = plan_route(p, "", s, above);
    const struct row *rows = is_mail ? nginx_mail : nginx_stream;
    for (struct statement *one = s->first; one != NULL; one = one->next) {
        if (one->is_block)
            rows_lose_block(p, r, one);
        else if (!statement_is(one, 0, "listen"))
            rows_apply(p, r, one, rows);
    }
    settle_certificates(p, r);
    settle_clients(p, r);
    if (!is_mail) {
        access_settle(p, r);
        nginx_pass(p, r, s->parent);
        settle_behind(p, r);
    }
    for (struct statement *one = s->first; one != NULL; one = one->next)
        if (statement_is(one, 0, "listen"))
            add_listen(p, r, one, is_mail);
}

/* Those that only give variables their values. */
static bool gives_values(const struct statement *block)
{
    return statement_is(block, 0, "geo") || statement_is(block, 0, "split_clients");
}

static bool is_known(const struct statement *block, bool is_mail)
{
    return statement_is(block, 0, "server") ||
           (!is_mail && (statement_is(block, 0, "upstream") || statement_is(block, 0, "map")));
}

static void carry_context(struct plan *p, struct statement *context, bool is_mail)
{
    struct plan_route *above = plan_route(p, "", context, NULL);
    route_set(p, above, "idle-timeout", is_mail ? "24h" : "10m", NULL); /* nginx's, not ours */
    if (!is_mail)
        route_set(p, above, "connect-timeout", "1m", NULL);
    rows_apply_all(p, above, context, is_mail ? nginx_mail : nginx_stream);
    for (struct statement *s = context->first; s != NULL; s = s->next)
        if (s->is_block && !is_known(s, is_mail))
            rows_lose_block(p, gives_values(s) ? NULL : above, s);
    for (struct statement *s = context->first; s != NULL; s = s->next)
        if (s->is_block && statement_is(s, 0, "server"))
            carry_server(p, s, above, is_mail);
}

static void carry_block(struct plan *p, struct statement *s)
{
    if (statement_is(s, 0, "mail") || statement_is(s, 0, "stream"))
        carry_context(p, s, statement_is(s, 0, "mail"));
    else if (statement_is(s, 0, "http"))
        statement_lose(p->arena, s, "HTTP is not for tlsfront, which knows nothing of requests");
    else if (statement_is(s, 0, "events"))
        s->carried = true; /* how nginx waits: tlsfront does so by itself */
    else if (statement_is(s, 0, "server"))
        statement_lose(p->arena, s,
                       "it stands in no mail or stream block: name the file that includes "
                       "this one");
    else
        rows_lose_block(p, NULL, s);
}

static void carry(struct plan *p, struct statement *file)
{
    for (struct statement *s = file->first; s != NULL; s = s->next) {
        if (s->is_block)
            carry_block(p, s);
        else
            rows_apply(p, NULL, s, nginx_top);
    }
    nginx_note_unused(p, file);
}

/* Not in http, which is not carried over in any case. */
static bool include(struct plan *p, const struct statement *s, struct paths *files)
{
    if (!statement_is(s, 0, "include") || s->is_block)
        return false;
    for (const struct statement *in = s->parent; in != NULL; in = in->parent)
        if (statement_is(in, 0, "http"))
            return false;
    const char *path = files_absolute(p->arena, p->cwd, statement_at(s, 1));
    *files = files_matching(p->arena, path);
    if (files->count > 0 || strpbrk(path, "*?[") != NULL)
        return true;
    files->items = pool_alloc(p->arena, sizeof *files->items);
    files->items[files->count++] = path; /* it cannot be read, and that will be told */
    return true;
}

const struct peer peer_nginx = {"nginx", syntax_nginx, include, carry, true};
