/* check.c - findings across keys, blocks and files. */
#include "config/check.h"
#include "config/guards.h"
#include "config/loops.h"
#include "config/own_address.h"
#include "config/values.h"

#include <string.h>

/* ---- one route ---- */

static void check_client_certificates(const struct route_config *r, struct diags *d)
{
    if (r->client_auth != CLIENT_AUTH_NONE && r->client_ca.path == NULL)
        diag_add(d, DIAG_ERROR, &r->at,
                 "name the authority's certificate: client-ca = /path/ca.pem",
                 "route %s: client-certificate is set, but there is no client-ca to verify with",
                 r->name);
    if (r->client_auth == CLIENT_AUTH_NONE && r->client_ca.path != NULL)
        diag_add(d, DIAG_WARNING, &r->client_ca.at,
                 "add client-certificate = optional or required, or remove client-ca",
                 "route %s: client-ca has no effect, no client is asked for a certificate",
                 r->name);
    if (r->client_crl.path != NULL && r->client_ca.path == NULL)
        diag_add(d, DIAG_ERROR, &r->client_crl.at, "add client-ca, or remove client-crl",
                 "route %s: client-crl needs a client-ca", r->name);
    /* Who writes a list believes that it keeps others out. */
    const struct origin *list =
        r->client_subjects_at.line > 0 ? &r->client_subjects_at : &r->client_names_at;
    if (r->client_auth == CLIENT_AUTH_NONE && list->line > 0)
        diag_add(d, DIAG_ERROR, list,
                 "add client-certificate = required (or optional), or remove the list",
                 "route %s: %s keeps nobody out: no client is asked for a certificate", r->name,
                 list == &r->client_subjects_at ? "client-subjects" : "client-names");
}

/* Mail submission begins in clear too (RFC 6409). */
enum { SUBMISSION_PORT = 587 };

static bool is_clear_port(enum protocol p, uint16_t port)
{
    return protocol_facts(p)->plain_port == port || (p == PROTOCOL_SMTP && port == SUBMISSION_PORT);
}

/* The other protocol whose implicit TLS port this is; NULL: none. */
static const struct protocol_facts *owner_of(enum protocol p, uint16_t port)
{
    for (int i = 0; i < PROTOCOLS; i++) {
        const struct protocol_facts *facts = protocol_facts((enum protocol)i);
        if (i != (int)p && facts->implicit_port == port)
            return facts;
    }
    return NULL;
}

static void check_port(const struct route_config *r, const struct endpoint *ep, struct diags *d)
{
    const struct protocol_facts *facts = protocol_facts(r->protocol);
    if (ep->kind != ENDPOINT_INET || r->tls != TLS_MODE_IMPLICIT || r->protocol == PROTOCOL_TCP)
        return;
    const struct protocol_facts *owner = owner_of(r->protocol, ep->port);
    if (owner != NULL)
        diag_add(d, DIAG_WARNING, &ep->at, "correct the port or the protocol",
                 "route %s: protocol is %s, but port %u is that of %s with TLS", r->name,
                 facts->name, (unsigned)ep->port, owner->name);
    if (!is_clear_port(r->protocol, ep->port))
        return;
    if (facts->implicit_port != 0)
        diag_add(
            d, DIAG_WARNING, &ep->at, "listen on the port for TLS, or tell the clients",
            "route %s: tls is implicit, but on port %u %s clients begin in clear; for TLS they "
            "use port %u",
            r->name, (unsigned)ep->port, facts->name, (unsigned)facts->implicit_port);
    else
        diag_add(d, DIAG_WARNING, &ep->at, "listen on another port and tell the clients",
                 "route %s: tls is implicit, but on port %u %s clients begin in clear", r->name,
                 (unsigned)ep->port, facts->name);
}

/* ":995" is two endpoints and one mistake. */
static bool twin_of_previous(const struct route_config *r, size_t i)
{
    return i > 0 && endpoint_is_wildcard(&r->listen[i]) &&
           endpoint_is_wildcard(&r->listen[i - 1]) && r->listen[i].port == r->listen[i - 1].port;
}

static void check_ports(const struct route_config *r, struct diags *d)
{
    for (size_t i = 0; i < r->listen_count; i++)
        if (!twin_of_previous(r, i))
            check_port(r, &r->listen[i], d);
}

static void check_freebind(const struct route_config *r, struct diags *d)
{
    for (size_t i = 0; i < r->listen_count; i++)
        if (r->listen[i].kind == ENDPOINT_INET && !endpoint_is_wildcard(&r->listen[i]))
            return;
    if (r->freebind && r->listen_count > 0)
        diag_add(d, DIAG_WARNING, &r->freebind_at, "remove it, or listen on one address",
                 "route %s: freebind has no effect: listen names no address that could be absent",
                 r->name);
}

static size_t unix_sockets(const struct endpoint *list, size_t count)
{
    size_t sockets = 0;
    for (size_t i = 0; i < count; i++)
        sockets += list[i].kind == ENDPOINT_UNIX;
    return sockets;
}

static bool tells_addresses(const struct target_config *t, bool has_source)
{
    return t->send_proxy != SEND_PROXY_OFF || t->xclient ||
           (has_source && t->source_kind == SOURCE_TRANSPARENT);
}

#define RELAYS_FOR_NOBODY "the server relays for nobody without a login, say relay-risk = accepted"

/* RFC 5321 servers relay for addresses that they trust, and all clients of a proxy share one. Those
 * of a Unix socket have no other that could be told, whatever is said about telling. */
static void check_relay(const struct route_config *r, const struct target_config *t,
                        struct diags *d)
{
    const size_t nameless = unix_sockets(r->listen, r->listen_count);
    const bool has_source = unix_sockets(t->upstream, t->upstream_count) == 0;
    const bool untrusted =
        has_source && t->source_kind == SOURCE_ADDRESS && !endpoint_is_loopback(&t->source);
    if (r->protocol != PROTOCOL_SMTP || t->upstream_count == 0 || untrusted ||
        t->relay_risk_accepted)
        return;
    if (nameless < r->listen_count && !tells_addresses(t, has_source))
        diag_add(d, DIAG_WARNING, &t->upstream_at,
                 has_source
                     ? "tell the server who the client is: xclient = on, send-proxy = v1 or v2, or "
                       "source = transparent; or give source = an address that the server does not "
                       "trust; if " RELAYS_FOR_NOBODY
                     : "tell the server who the client is: xclient = on, send-proxy = v1 or v2; "
                       "if " RELAYS_FOR_NOBODY,
                 "%s: the server sees every client come from this machine; if it relays mail for "
                 "this machine, anyone can send through it",
                 t->label);
    if (nameless > 0)
        diag_add(
            d, DIAG_WARNING, &t->upstream_at,
            has_source
                ? "give source = an address that the server does not trust; if " RELAYS_FOR_NOBODY
                : "have such clients come to another server; if " RELAYS_FOR_NOBODY,
            "%s: clients of the Unix socket have no address to be told, and the server sees "
            "them come from this machine; if it relays mail for this machine, all of them can "
            "send through it",
            t->label);
}

static void check_starttls(const struct route_config *r, struct diags *d)
{
    const struct protocol_facts *facts = protocol_facts(r->protocol);
    const bool upgrades = r->tls == TLS_MODE_REQUIRED || r->tls == TLS_MODE_OPTIONAL;
    if (upgrades && !facts->has_starttls)
        diag_add(d, DIAG_ERROR, &r->tls_at, "write tls = implicit",
                 "route %s: protocol %s knows no STARTTLS", r->name, facts->name);
    if (r->tls == TLS_MODE_OFF && r->protocol != PROTOCOL_ACME)
        diag_add(d, DIAG_ERROR, &r->tls_at, "write tls = implicit, required or optional",
                 "route %s: tls is off, but only protocol acme is served without TLS", r->name);
    for (size_t i = 0; upgrades && i < r->listen_count; i++)
        if (r->listen[i].kind == ENDPOINT_INET && facts->implicit_port != 0 &&
            r->listen[i].port == facts->implicit_port && !twin_of_previous(r, i))
            diag_add(d, DIAG_WARNING, &r->listen[i].at, "write tls = implicit, or change the port",
                     "route %s: tls is not implicit, but on port %u %s clients begin with TLS",
                     r->name, (unsigned)r->listen[i].port, facts->name);
    if (r->plaintext_login_allowed && r->tls != TLS_MODE_OPTIONAL)
        diag_add(d, DIAG_WARNING, &r->plaintext_login_at, "remove it, or write tls = optional",
                 "route %s: plaintext-login has no effect unless tls = optional", r->name);
}

/* RFC 8555 8.3 and RFC 8737 3: an authority comes to port 80 for http-01, to 443 for tls-alpn-01.
 * Any other port may be reached by way of a redirection. */
static void check_acme(const struct route_config *r, struct diags *d)
{
    enum { HTTP_PORT = 80, HTTPS_PORT = 443 };
    const bool tls = r->tls == TLS_MODE_IMPLICIT;
    for (size_t i = 0; r->protocol == PROTOCOL_ACME && i < r->listen_count; i++) {
        const struct endpoint *ep = &r->listen[i];
        if (ep->kind != ENDPOINT_INET || twin_of_previous(r, i) ||
            ep->port != (tls ? HTTP_PORT : HTTPS_PORT))
            continue;
        diag_add(d, DIAG_WARNING, &ep->at,
                 tls ? "write tls = off for http-01, or listen on port 443"
                     : "write tls = implicit for tls-alpn-01, or listen on port 80",
                 "route %s: tls is %s, but on port %u an authority speaks %s", r->name,
                 config_tls_mode_name(r->tls), (unsigned)ep->port, tls ? "HTTP" : "TLS");
    }
}

/* Does the target of a name have it from its route, where it is told of? */
static bool is_inherited(const struct route_config *r, const struct target_config *t,
                         const struct origin *at)
{
    const size_t offset = (size_t)((const char *)at - (const char *)t);
    const struct origin *above = (const void *)((const char *)&r->target + offset);
    return t != &r->target && at->line == above->line && at->file == above->file;
}

static void check_xclient(const struct route_config *r, const struct target_config *t,
                          struct diags *d)
{
    const struct protocol_facts *facts = protocol_facts(r->protocol);
    if (t->xclient && !facts->has_xclient && !is_inherited(r, t, &t->xclient_at))
        diag_add(d, DIAG_WARNING, &t->xclient_at,
                 "remove it; send-proxy or source = transparent may help",
                 "%s: xclient has no effect: there is no such thing in %s", t->label, facts->name);
}

/* Of them version 1 can only say UNKNOWN; version 2 says LOCAL, which all servers take. */
static void check_send_proxy(const struct route_config *r, const struct target_config *t,
                             struct diags *d)
{
    if (r->protocol == PROTOCOL_SMTP && t->send_proxy == SEND_PROXY_V1 &&
        unix_sockets(r->listen, r->listen_count) > 0 && !is_inherited(r, t, &t->send_proxy_at))
        diag_add(d, DIAG_WARNING, &t->send_proxy_at, "write send-proxy = v2",
                 "%s: clients of the Unix socket have no address, so send-proxy = v1 says PROXY "
                 "UNKNOWN, and Postfix refuses them",
                 t->label);
}

/* Is that upstream dialled from the source? */
static bool has_use_for_source(const struct target_config *t, const struct endpoint *up,
                               struct diags *d)
{
    if (up->kind == ENDPOINT_UNIX)
        diag_add(d, DIAG_WARNING, &t->source_at, "remove source, or name the server by address",
                 "%s: source has no effect on upstream \"%s\"", t->label, up->text);
    if (up->kind != ENDPOINT_INET || t->source_kind == SOURCE_TRANSPARENT ||
        up->addr.ss_family == t->source.addr.ss_family)
        return up->kind != ENDPOINT_UNIX;
    diag_add(d, DIAG_ERROR, &t->source_at, "use two IPv4 or two IPv6 addresses",
             "%s: source \"%s\" cannot reach upstream \"%s\": one is IPv4, the other IPv6",
             t->label, t->source.text, up->text);
    return false;
}

static void check_source(const struct route_config *r, const struct target_config *t,
                         struct diags *d)
{
    bool any = false;
    if (t->source_kind == SOURCE_DEFAULT)
        return;
    for (size_t i = 0; i < t->upstream_count; i++)
        any |= has_use_for_source(t, &t->upstream[i], d);
    if (any && t->source_kind == SOURCE_ADDRESS && !is_inherited(r, t, &t->source_at) &&
        foreign_address(&t->source.addr))
        diag_add(d, DIAG_WARNING, &t->source_at,
                 "give an address that this machine has (`ip address` lists them)",
                 "%s: nothing can come from source \"%s\" as long as this machine does not have it",
                 t->label, t->source.text);
}

/* The kernel lets what comes from a loopback address go nowhere but to this machine itself. */
static void check_way_out(const struct target_config *t, struct diags *d)
{
    const bool loopback = t->source_kind == SOURCE_ADDRESS && endpoint_is_loopback(&t->source);
    for (size_t i = 0; loopback && i < t->upstream_count; i++) {
        const struct endpoint *up = &t->upstream[i];
        if (up->kind != ENDPOINT_INET || up->addr.ss_family != t->source.addr.ss_family ||
            !foreign_address(&up->addr))
            continue;
        diag_add(d, DIAG_WARNING, &t->source_at,
                 "remove source, or give an address that the server can answer to (`ip address` "
                 "lists this machine's)",
                 "%s: from source \"%s\" there is no way to upstream \"%s\", which is not on this "
                 "machine",
                 t->label, t->source.text, up->text);
    }
}

static void check_balance(const struct route_config *r, const struct target_config *t,
                          struct diags *d)
{
    if (t->upstream_count != 1 || t->upstream[0].kind == ENDPOINT_NAME ||
        t->balance == BALANCE_FIRST || is_inherited(r, t, &t->balance_at))
        return;
    diag_add(d, DIAG_WARNING, &t->balance_at, "name more servers, or remove it",
             "%s: balance has no effect on one upstream", t->label);
}

/* ---- TLS towards the upstreams ---- */

/* The first of the keys that mean something only with it; NULL: none is given. */
static const char *vain_key(const struct upstream_tls_config *tls, const struct origin **at)
{
    const struct {
        const char *key;
        bool given;
        const struct origin *at;
    } keys[] = {
        {"upstream-ca", tls->ca.path != NULL, &tls->ca.at},
        {"upstream-name", tls->name_at.line > 0, &tls->name_at},
        {"upstream-certificate", tls->certificate.count > 0, &tls->certificate.at},
        {"upstream-pins", tls->pins_at.line > 0, &tls->pins_at},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].given) {
            *at = keys[i].at;
            return keys[i].key;
        }
    return NULL;
}

/* Who writes one of them believes that what goes to the server is encrypted. */
static void check_upstream_clear(const struct route_config *r, const struct target_config *t,
                                 struct diags *d)
{
    const struct origin *at;
    const char *key = vain_key(&t->tls, &at);
    if (key != NULL && !is_inherited(r, t, at))
        diag_add(d, DIAG_ERROR, at, "add upstream-tls = verify (or pinned), or remove the line",
                 "%s: %s has no effect: upstream-tls is off, and everything goes to the server in "
                 "clear",
                 t->label, key);
}

static void check_upstream_trust(const struct route_config *r, const struct target_config *t,
                                 struct diags *d)
{
    const struct upstream_tls_config *tls = &t->tls;
    const bool verify = tls->mode == UPSTREAM_TLS_VERIFY;
    if (verify && tls->ca.path == NULL)
        diag_add(d, DIAG_ERROR, &tls->at,
                 "name the certificate of the authority that issued the server's: upstream-ca = "
                 "/path/ca.pem; for public ones: /etc/ssl/certs/ca-certificates.crt",
                 "%s: upstream-tls is verify, but there is no upstream-ca to verify with",
                 t->label);
    if (verify && tls->pins_at.line > 0 && !is_inherited(r, t, &tls->pins_at))
        diag_add(d, DIAG_ERROR, &tls->pins_at, "write upstream-tls = pinned, or remove the line",
                 "%s: upstream-pins has no effect: upstream-tls is verify", t->label);
    if (!verify && tls->pins_at.line == 0)
        diag_add(d, DIAG_ERROR, &tls->at,
                 "name the SHA-256 of the server's public key: upstream-pins = \"...\"",
                 "%s: upstream-tls is pinned, but there are no upstream-pins", t->label);
    if (!verify && tls->ca.path != NULL && !is_inherited(r, t, &tls->ca.at))
        diag_add(
            d, DIAG_WARNING, &tls->ca.at, "remove it, or write upstream-tls = verify",
            "%s: upstream-ca has no effect: upstream-tls is pinned, and the server's key alone "
            "counts",
            t->label);
}

/* Of a service's servers DNS alone would vouch. */
static bool has_name(const struct endpoint *up)
{
    return up->kind == ENDPOINT_INET || (up->kind == ENDPOINT_NAME && up->port != 0);
}

static void check_upstream_places(const struct route_config *r, const struct target_config *t,
                                  struct diags *d)
{
    const struct protocol_facts *facts = protocol_facts(r->protocol);
    for (size_t i = 0; i < t->upstream_count; i++) {
        const struct endpoint *up = &t->upstream[i];
        if (!has_name(up) && t->tls.mode == UPSTREAM_TLS_VERIFY && t->tls.name == NULL)
            diag_add(d, DIAG_ERROR, &up->at,
                     "say what the server's certificate names: upstream-name = ...",
                     "%s: upstream \"%s\" is a %s, which has no name to verify", t->label, up->text,
                     up->kind == ENDPOINT_UNIX ? "socket" : "service");
        if (has_name(up) && facts->implicit_port != 0 && is_clear_port(r->protocol, up->port))
            diag_add(d, DIAG_WARNING, &up->at,
                     "name the server's port for TLS, or remove upstream-tls",
                     "%s: upstream-tls begins TLS at once, but on port %u %s servers begin in "
                     "clear; for TLS they use port %u",
                     t->label, (unsigned)up->port, facts->name, (unsigned)facts->implicit_port);
    }
}

static void check_upstream_tls(const struct route_config *r, const struct target_config *t,
                               struct diags *d)
{
    if (t->tls.mode == UPSTREAM_TLS_OFF) {
        check_upstream_clear(r, t, d);
        return;
    }
    check_upstream_trust(r, t, d);
    check_upstream_places(r, t, d);
}

static void check_target(const struct route_config *r, const struct target_config *t,
                         struct diags *d)
{
    check_relay(r, t, d);
    check_send_proxy(r, t, d);
    check_xclient(r, t, d);
    check_source(r, t, d);
    check_way_out(t, d);
    check_balance(r, t, d);
    check_upstream_tls(r, t, d);
}

/* ---- server names ---- */

static bool same_certificates(const struct certificate_list *own,
                              const struct certificate_list *routes)
{
    return own->count == 0 ||
           (own->count == routes->count &&
            memcmp(own->items, routes->items, own->count * sizeof *own->items) == 0);
}

static bool is_covered(const struct route_config *r, const struct server_name_config *name)
{
    const char *rest = strchr(name->name, '.');
    for (size_t i = 0; i < r->name_count && rest != NULL && name->name[0] != '*'; i++)
        if (r->names[i].name[0] == '*' && strcmp(r->names[i].name + 1, rest) == 0)
            return true;
    return false;
}

/* One that says nothing still takes its name out of a wildcard, and with strict-sni lets it in. */
static void check_idle(const struct route_config *r, const struct server_name_config *n,
                       struct diags *d)
{
    if (n->own_target || n->max_connections > 0 || r->strict_sni ||
        !same_certificates(&n->certificates, &r->certificates) || is_covered(r, n))
        return;
    diag_add(d, DIAG_WARNING, &n->at,
             "give it an upstream or a certificate of its own, or remove it",
             "%s: server-name %s is served like every other name", r->target.label, n->name);
}

static void check_server_name(const struct route_config *r, const struct server_name_config *n,
                              struct diags *d)
{
    check_idle(r, n, d);
    if (n->own_target)
        check_target(r, &n->target, d);
}

/* ---- one route, whole ---- */

static void check_route(const struct route_config *r, struct diags *d)
{
    check_client_certificates(r, d);
    check_ports(r, d);
    check_freebind(r, d);
    check_starttls(r, d);
    check_acme(r, d);
    check_target(r, &r->target, d);
    check_guards(r, d);
    for (size_t i = 0; i < r->name_count; i++)
        check_server_name(r, &r->names[i], d);
}

/* ---- routes against each other ---- */

/* Where both routes say ":995" one finding is enough. */
static bool told_already(const struct route_config *x, size_t i, const struct route_config *y,
                         size_t j)
{
    return twin_of_previous(x, i) && twin_of_previous(y, j) &&
           endpoint_same(&x->listen[i - 1], &y->listen[j - 1]);
}

static void check_same_listen(const struct route_config *x, const struct endpoint *first,
                              const struct route_config *y, const struct endpoint *second,
                              struct diags *d)
{
    if (!endpoint_same(first, second))
        return;
    diag_add(d, DIAG_ERROR, &second->at, "give one of them another address or port",
             "route %s: listen \"%s\" is taken by %s%s in %s line %d", y->name, second->text,
             x == y ? "the same route" : "route ", x == y ? "" : x->name,
             diag_file_name(first->at.file), first->at.line);
}

/* Each listening address against those before it. */
static void check_listen(const struct config *c, size_t route, size_t index, struct diags *d)
{
    const struct route_config *r = &c->routes[route];
    const struct endpoint *ep = &r->listen[index];
    for (size_t i = 0; i <= route; i++) {
        const struct route_config *other = &c->routes[i];
        size_t end = i == route ? index : other->listen_count;
        for (size_t j = 0; j < end; j++)
            if (!told_already(other, j, r, index))
                check_same_listen(other, &other->listen[j], r, ep, d);
    }
}

/* ---- the observer ---- */

static void check_observe_taken(const struct config *c, const char *key, const struct endpoint *ep,
                                struct diags *d)
{
    for (size_t i = 0; i < c->route_count; i++)
        for (size_t j = 0; j < c->routes[i].listen_count; j++)
            if (endpoint_same(ep, &c->routes[i].listen[j]))
                diag_add(d, DIAG_ERROR, &ep->at, "give it another address or port",
                         "%s \"%s\" is where route %s listens", key, ep->text, c->routes[i].name);
}

static void check_observe_twice(const char *key, const struct endpoint *list, size_t index,
                                struct diags *d)
{
    for (size_t i = 0; i < index; i++)
        if (endpoint_same(&list[index], &list[i]))
            diag_add(d, DIAG_ERROR, &list[index].at, "remove one of them", "%s has \"%s\" twice",
                     key, list[index].text);
}

static void check_agent_apart(const struct config *c, const struct endpoint *ep, struct diags *d)
{
    for (size_t i = 0; i < c->observe_count; i++)
        if (endpoint_same(ep, &c->observe[i]))
            diag_add(d, DIAG_ERROR, &ep->at, "give it a port of its own",
                     "observe-agent \"%s\" is in observe as well", ep->text);
}

/* It tells whether newcomers may come, to whoever asks; there is nothing to warn of. */
static void check_observe_agent(const struct config *c, struct diags *d)
{
    for (size_t i = 0; i < c->observe_agent_count; i++) {
        check_observe_taken(c, "observe-agent", &c->observe_agent[i], d);
        check_observe_twice("observe-agent", c->observe_agent, i, d);
        check_agent_apart(c, &c->observe_agent[i], d);
    }
}

/* What is shown is not secret, but nobody's business either, and it has no password. */
static void check_observe(const struct config *c, struct diags *d)
{
    enum { OBSERVE_MAX = 16 };
    const size_t count = c->observe_count + c->observe_agent_count;
    for (size_t i = 0; i < c->observe_count; i++) {
        const struct endpoint *ep = &c->observe[i];
        check_observe_taken(c, "observe", ep, d);
        check_observe_twice("observe", c->observe, i, d);
        if (ep->kind == ENDPOINT_INET && !endpoint_is_loopback(ep))
            diag_add(d, DIAG_WARNING, &ep->at,
                     "listen on 127.0.0.1, or have a firewall let in those who scrape it",
                     "observe \"%s\": everybody who reaches this address can see routes, "
                     "upstreams and certificates",
                     ep->text);
    }
    check_observe_agent(c, d);
    if (count > OBSERVE_MAX)
        diag_add(d, DIAG_ERROR, c->observe_count > 0 ? &c->observe[0].at : &c->observe_agent[0].at,
                 "name fewer",
                 "observe and observe-agent have %zu addresses; at most %d are possible", count,
                 OBSERVE_MAX);
}

/* ---- ticket keys ---- */

static void check_ticket_keys(const struct config *c, struct diags *d)
{
    const struct file_list *keys = &c->ticket_keys;
    for (size_t i = 0; i < keys->count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(keys->items[i].path, keys->items[k].path) == 0)
                diag_add(d, DIAG_ERROR, &keys->items[i].at, "remove one of them",
                         "ticket-key has \"%s\" twice", keys->items[i].path);
    if (keys->count > CONFIG_TICKET_KEYS_MAX)
        diag_add(d, DIAG_ERROR, &keys->items[CONFIG_TICKET_KEYS_MAX].at,
                 "remove the oldest: no ticket is good for longer than 12 hours",
                 "ticket-key has %zu files; at most %d are possible", keys->count,
                 CONFIG_TICKET_KEYS_MAX);
}

/* ---- what is kept ---- */

/* A passphrase keeps a key from who gets at the disk; what is kept would not. */
static void check_kept(const struct config *c, struct diags *d)
{
    for (size_t i = 0; c->start_with == START_WITH_LAST_GOOD && i < c->certificate_count; i++)
        if (c->certificates[i].passphrase.path != NULL)
            diag_add(d, DIAG_WARNING, &c->start_with_at,
                     "say start-with = configuration if the passphrase is to protect the key",
                     "start-with = last-good keeps the private key of certificate %s without its "
                     "passphrase, below \"%s\"",
                     c->certificates[i].name, c->state != NULL ? c->state : "STATE");
}

/* ---- the whole ---- */

static void check_absent(const struct config *c, struct diags *d)
{
    if (c->route_count == 0)
        diag_add(d, DIAG_ERROR, NULL,
                 "add a block: route NAME { listen = ...  protocol = ...  certificate = ...  "
                 "upstream = ... }",
                 "there are no routes");
    for (size_t i = 0; i < c->certificate_count; i++)
        if (!config_served(c, i) && !config_shown_upstream(c, i))
            diag_add(d, DIAG_WARNING, &c->certificates[i].at,
                     "name it in a route's certificate key, or remove the block",
                     "certificate %s: no route uses it", c->certificates[i].name);
}

void check_config(const struct config *c, bool incomplete, struct diags *d)
{
    for (size_t i = 0; i < c->route_count; i++) {
        check_route(&c->routes[i], d);
        for (size_t j = 0; j < c->routes[i].listen_count; j++)
            check_listen(c, i, j, d);
    }
    loops_check(c, d);
    check_observe(c, d);
    check_ticket_keys(c, d);
    check_kept(c, d);
    if (!incomplete)
        check_absent(c, d);
}
