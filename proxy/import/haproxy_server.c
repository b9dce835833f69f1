/* haproxy_server.c - the servers of a backend. */
#include "proxy/import/address.h"
#include "proxy/import/haproxy.h"
#include "proxy/import/pool.h"
#include "proxy/import/terms.h"

#include <string.h>

/* ---- how they take turns ---- */

const char *haproxy_balance(struct plan *p, struct plan_route *r, struct statement *s,
                            const struct row *row)
{
    static const char *const ours[][2] = {{"roundrobin", "rotate"},
                                          {"static-rr", "rotate"},
                                          {"leastconn", "least"},
                                          {"source", "source"},
                                          {"first", "first"}};
    (void)row;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (statement_is(s, 1, ours[i][0]))
            return route_put(p, r, ".balance", ours[i][1], s);
    route_put(p, r, ".balance", "rotate", s);
    return "the servers take turns instead";
}

/* ---- the words of a server line ---- */

struct server {
    struct statement *at;
    const char *address; /* NULL: it cannot be carried over */
    bool v1, v2;         /* PROXY headers that are asked for, of which v2 wins */
    const char *proxy;   /* the one that is sent; NULL: none */
    const char *every;   /* how often it is checked, if it is; NULL: as often as haproxy would */
    bool checks, backup, disabled;
    bool tls, unverified;
    const char *ca, *certificate, *name, *sni;
};

enum kind {
    AS_IT_IS,
    NOT,
    GUARD,
    PROXY,
    CHECK,
    INTER,
    BACKUP,
    DISABLED,
    NO_PROXY, /* these take back what default-server has said */
    NO_CHECK,
    NO_BACKUP,
    NO_TLS,
    NO_TLS_NAME,
    ENABLED,
    TLS,
    TLS_VERIFY,
    TLS_NAME,
    TLS_CA,
    TLS_CERTIFICATE,
    TLS_SNI
};

#define HEALTH   "how a server that fails is found out, and left alone, is fixed"
#define VERSIONS "servers are spoken to by TLS 1.2 and 1.3"

static const struct server_word {
    const char *name;
    unsigned values;
    enum kind kind;
    const char *text; /* what it sets, or why it is not carried over */
} server_words[] = {
    {"send-proxy", 0, PROXY, "v1"},
    {"send-proxy-v2", 0, PROXY, "v2"},
    {"send-proxy-v2-ssl", 0, PROXY, "v2"},
    {"send-proxy-v2-ssl-cn", 0, PROXY, "v2"},
    {"proxy-v2-options", 1, AS_IT_IS, NULL}, /* version 2 tells all that these could add */
    {"check", 0, CHECK, NULL},
    {"inter", 1, INTER, NULL},
    {"backup", 0, BACKUP, NULL},
    {"disabled", 0, DISABLED, NULL},
    {"enabled", 0, ENABLED, NULL},
    {"id", 1, AS_IT_IS, NULL},
    {"guid", 1, AS_IT_IS, NULL},
    {"no-check", 0, NO_CHECK, NULL},
    {"no-ssl", 0, NO_TLS, NULL},
    {"no-verifyhost", 0, NO_TLS_NAME, NULL},
    {"no-backup", 0, NO_BACKUP, NULL},
    {"no-send-proxy", 0, NO_PROXY, "v1"},
    {"no-send-proxy-v2", 0, NO_PROXY, "v2"},
    {"no-send-proxy-v2-ssl", 0, NO_PROXY, "v2"},
    {"no-send-proxy-v2-ssl-cn", 0, NO_PROXY, "v2"},
    {"resolvers", 1, AS_IT_IS, NULL}, /* names are always looked up again */
    {"init-addr", 1, AS_IT_IS, NULL},
    {"resolve-prefer", 1, NOT, "both families are tried"},
    {"resolve-opts", 1, NOT, "all addresses of a name are tried"},
    {"resolve-net", 1, NOT, "all addresses of a name are tried"},
    {"fastinter", 1, NOT, HEALTH},
    {"downinter", 1, NOT, HEALTH},
    {"rise", 1, NOT, HEALTH},
    {"fall", 1, NOT, HEALTH},
    {"slowstart", 1, NOT, HEALTH},
    {"port", 1, NOT, HEALTH},
    {"addr", 1, NOT, HEALTH},
    {"check-ssl", 0, NOT, HEALTH},
    {"check-sni", 1, NOT, HEALTH},
    {"check-alpn", 1, NOT, HEALTH},
    {"check-proto", 1, NOT, HEALTH},
    {"no-check-ssl", 0, AS_IT_IS, NULL},
    {"check-send-proxy", 0, AS_IT_IS, NULL}, /* a check says what a session would */
    {"no-check-send-proxy", 0, NOT, HEALTH},
    {"check-via-socks4", 0, NOT, HEALTH},
    {"agent-check", 0, NOT, HEALTH},
    {"no-agent-check", 0, AS_IT_IS, NULL},
    {"agent-port", 1, NOT, HEALTH},
    {"agent-addr", 1, NOT, HEALTH},
    {"agent-inter", 1, NOT, HEALTH},
    {"agent-send", 1, NOT, HEALTH},
    {"observe", 1, NOT, HEALTH},
    {"on-error", 1, NOT, HEALTH},
    {"on-marked-down", 1, NOT, "sessions of a server that is down go on until they end"},
    {"on-marked-up", 1, NOT, "sessions go on where they are"},
    {"error-limit", 1, NOT, HEALTH},
    {"weight", 1, NOT, "all servers count the same"},
    {"maxconn", 1, NOT, "there is no limit for one server: max-connections is the route's"},
    {"minconn", 1, NOT, "there is no limit for one server: max-connections is the route's"},
    {"maxqueue", 1, NOT, "nobody is kept waiting for a server"},
    {"stick", 0, NOT, HAPROXY_STICK},
    {"non-stick", 0, NOT, HAPROXY_STICK},
    {"hash-key", 1, NOT, HAPROXY_STICK},
    {"init-state", 1, NOT, HEALTH},
    {"max-reuse", 1, AS_IT_IS, NULL},
    {"pool-*", 1, AS_IT_IS, NULL},
    {"cookie", 1, NOT, "for HTTP only"},
    {"redir", 1, NOT, "for HTTP only"},
    {"proto", 1, NOT, "for HTTP only"},
    {"log-proto", 1, NOT, "for logs only"},
    {"ws", 1, NOT, "for HTTP only"},
    {"track", 1, NOT, HEALTH},
    {"tfo", 0, NOT, "tlsfront has no TCP Fast Open"},
    {"no-tfo", 0, AS_IT_IS, NULL},
    {"tcp-ut", 1, NOT, "tlsfront sets its sockets by itself"},
    {"interface", 1, GUARD, "the machine's routing decides the interface: use source"},
    {"namespace", 1, GUARD, "tlsfront connects in its own network namespace"},
    {"socks4", 1, GUARD, "tlsfront connects to servers directly"},
    {"ssl", 0, TLS, NULL},
    {"verify", 1, TLS_VERIFY, NULL},
    {"verifyhost", 1, TLS_NAME, NULL},
    {"ca-file", 1, TLS_CA, NULL},
    {"crt", 1, TLS_CERTIFICATE, NULL},
    {"sni", 1, TLS_SNI, NULL},
    {"crl-file", 1, GUARD, "revocation lists are for clients' certificates"},
    {"alpn", 1, NOT, "no ALPN name is told to a server"},
    {"ciphers", 1, NOT, "ciphers are for clients"},
    {"ciphersuites", 1, NOT, "ciphers are for clients"},
    {"npn", 1, NOT, "no ALPN name is told to a server"},
    {"curves", 1, NOT, "groups are for clients"},
    {"sigalgs", 1, NOT, "which signatures are taken is fixed"},
    {"client-sigalgs", 1, NOT, "which signatures are taken is fixed"},
    {"allow-0rtt", 0, NOT, "tlsfront sends no early data"},
    {"ssl-min-ver", 1, NOT, VERSIONS},
    {"ssl-max-ver", 1, NOT, VERSIONS},
    {"force-sslv3", 0, NOT, VERSIONS},
    {"force-tlsv10", 0, NOT, VERSIONS},
    {"force-tlsv11", 0, NOT, VERSIONS},
    {"force-tlsv12", 0, NOT, VERSIONS},
    {"force-tlsv13", 0, NOT, VERSIONS},
    {"no-tlsv12", 0, NOT, VERSIONS},
    {"no-tlsv13", 0, NOT, VERSIONS},
    {"no-sslv3", 0, AS_IT_IS, NULL},
    {"no-tlsv10", 0, AS_IT_IS, NULL},
    {"no-tlsv11", 0, AS_IT_IS, NULL},
    {"no-tls-tickets", 0, NOT, "sessions with servers are resumed"},
    {"no-ssl-reuse", 0, NOT, "sessions with servers are resumed"},
    {"tls-tickets", 0, AS_IT_IS, NULL},
    {"ssl-reuse", 0, AS_IT_IS, NULL},
};

static const struct server_word *find_word(const char *name)
{
    for (size_t i = 0; i < sizeof server_words / sizeof *server_words; i++) {
        const char *known = server_words[i].name;
        const size_t size = strlen(known);
        if (known[size - 1] == '*' ? strncmp(known, name, size - 1) == 0 : strcmp(known, name) == 0)
            return &server_words[i];
    }
    return NULL;
}

static void lose_guard(struct plan *p, struct plan_route *r, struct statement *s, const char *word,
                       const char *why)
{
    statement_lose(p->arena, s, "%s: %s", word, why);
    route_withhold_for(p, r, s, word, why);
}

/* "source ADDRESS[:PORT] [usesrc WHO]"; the index behind it. */
static size_t take_source(struct plan *p, struct plan_route *r, struct statement *s, size_t i)
{
    const char *text = statement_at(s, i + 1), *host, *port;
    size_t next = i + 2;
    if (statement_is(s, next, "usesrc")) {
        const char *who = statement_at(s, next + 1);
        next += 2;
        if (strcmp(who, "clientip") == 0 || strcmp(who, "client") == 0) {
            term_transparent(p, r, s);
        } else {
            lose_guard(p, r, s, "usesrc", "only the client's own address can be used");
        }
        return next;
    }
    address_split(p->arena, text, &host, &port);
    route_set(p, r, "source", host != NULL ? host : text, s);
    return next;
}

/* no-ssl: nothing of TLS is left, so that nothing of it is told as lost. */
static void forget_tls(struct server *one)
{
    one->tls = one->unverified = false;
    one->ca = one->certificate = one->name = one->sni = NULL;
}

/* The word is one of those about TLS. */
static void take_tls(struct server *one, enum kind kind, const char *value)
{
    if (kind == TLS)
        one->tls = true;
    else if (kind == TLS_VERIFY)
        one->unverified = strcmp(value, "none") == 0;
    else if (kind == TLS_NAME)
        one->name = value;
    else if (kind == TLS_CA)
        one->ca = value;
    else if (kind == TLS_CERTIFICATE)
        one->certificate = value;
    else if (kind == TLS_SNI)
        one->sni = value;
    else if (kind == NO_TLS)
        forget_tls(one);
    else
        one->name = NULL;
}

static void take_kind(struct plan *p, struct plan_route *r, struct server *one,
                      const struct server_word *w, struct statement *s, const char *value)
{
    switch (w->kind) {
    case AS_IT_IS:
        return;
    case NOT:
        statement_lose(p->arena, s, "%s: %s", w->name, w->text);
        return;
    case GUARD:
        lose_guard(p, r, s, w->name, w->text);
        return;
    case PROXY:
    case NO_PROXY:
        *(strcmp(w->text, "v2") == 0 ? &one->v2 : &one->v1) = w->kind == PROXY;
        return;
    case CHECK:
    case NO_CHECK:
        one->checks = w->kind == CHECK;
        return;
    case INTER:
        one->every = term_duration(p->arena, value, 1);
        return;
    case BACKUP:
    case NO_BACKUP:
        one->backup = w->kind == BACKUP;
        return;
    case DISABLED:
    case ENABLED:
        one->disabled = w->kind == DISABLED;
        return;
    case TLS:
    case TLS_VERIFY:
    case TLS_NAME:
    case TLS_CA:
    case TLS_CERTIFICATE:
    case TLS_SNI:
    case NO_TLS:
    case NO_TLS_NAME:
        take_tls(one, w->kind, value);
        return;
    }
}

static void take_words(struct plan *p, struct plan_route *r, struct server *one,
                       struct statement *s, size_t i)
{
    while (i < s->count) {
        const struct server_word *w = find_word(s->words[i]);
        if (statement_is(s, i, "source")) {
            i = take_source(p, r, s, i);
            continue;
        }
        if (w == NULL)
            lose_guard(p, r, s, s->words[i], rows_unknown);
        else
            take_kind(p, r, one, w, s, statement_at(s, i + 1));
        i += 1 + (w == NULL ? 0 : w->values);
    }
}

static const char *address_of(struct plan *p, struct statement *s, const char *port)
{
    const char *text = statement_at(s, 2), *at = strchr(text, '@'), *host, *own;
    if (strchr(text, '$') != NULL || (at != NULL && strncmp(text, "abns", 4) == 0)) {
        statement_lose(p->arena, s, "%s: only addresses, names and paths can be connected to",
                       text);
        return NULL;
    }
    text = at == NULL ? text : at + 1;
    if (text[0] == '/')
        return pool_format(p->arena, "unix:%s", text);
    address_split(p->arena, text, &host, &own);
    if (host == NULL) { /* the port that the client has come to */
        host = own;
        own = port;
    }
    if (own == NULL || address_port(own) == 0) {
        statement_lose(p->arena, s, "%s: this is no address with a port", text);
        return NULL;
    }
    return address_join(p->arena, host, address_port(own));
}

/* ---- all of them ---- */

/* What the default-server lines of `section` before `end` (NULL: all) say, and before them those of
 * its defaults. */
static void take_defaults(struct plan *p, struct plan_route *r, struct server *one,
                          struct statement *section, const struct statement *end)
{
    struct statement *defaults = haproxy_defaults(p, section);
    if (defaults != NULL)
        take_defaults(p, r, one, defaults, NULL);
    const struct lines *lines = haproxy_lines(p, section, "default-server");
    for (size_t i = 0; i < lines->count; i++) {
        if (end != NULL && lines->items[i]->line > end->line)
            return;
        take_words(p, r, one, lines->items[i], 1);
        lines->items[i]->carried = true;
    }
}

static struct server read_server(struct plan *p, struct plan_route *r, struct statement *section,
                                 struct statement *s, const char *port)
{
    struct server one = {.at = s};
    s->carried = true;
    take_defaults(p, r, &one, section, s);
    take_words(p, r, &one, s, 3);
    one.proxy = one.v2 ? "v2" : one.v1 ? "v1" : NULL;
    one.address = address_of(p, s, port);
    return one;
}

static void settle_check(struct plan *p, struct plan_route *r, const struct server *one)
{
    if (!one->checks || route_get(r, "health-check") != NULL)
        return;
    const char *why =
        route_set(p, r, "health-check", one->every == NULL ? "2s" : one->every, one->at);
    if (why != NULL)
        statement_lose(p->arena, one->at,
                       "check: a server that does not answer is tried last for a "
                       "second: %s",
                       why);
}

/* ---- TLS towards a server ---- */

/* str(NAME) */
static const char *constant(struct arena *a, const char *sni)
{
    return sni != NULL && strncmp(sni, "str(", 4) == 0
               ? pool_text(a, sni + 4, strcspn(sni + 4, ")"))
               : NULL;
}

static void settle_tls(struct plan *p, struct plan_route *r, const struct server *one)
{
    const char *name = one->name != NULL ? one->name : constant(p->arena, one->sni), *why = NULL;
    if (!one->tls && (one->ca != NULL || name != NULL || one->certificate != NULL))
        statement_lose(p->arena, one->at,
                       "ca-file, verifyhost, sni, crt: without ssl the server is reached in clear");
    if (!one->tls)
        return;
    if (one->unverified || one->ca == NULL || one->ca[0] == '@')
        why = "a server's certificate is always verified: name its authorities by upstream-ca, or "
              "its key "
              "by upstream-pins";
    else
        why = route_set(p, r, "upstream-tls", "verify", one->at);
    if (why != NULL) {
        lose_guard(p, r, one->at, "ssl", why);
        return;
    }
    route_set(p, r, "upstream-ca", haproxy_based(p, ".ca-base", one->ca), one->at);
    if (name != NULL)
        route_set(p, r, "upstream-name", name, one->at);
    else
        statement_lose(p->arena, one->at,
                       "ssl: the certificate must have the server's name here: "
                       "upstream-name");
    if (one->certificate != NULL)
        route_set(p, r, "upstream-certificate",
                  plan_certificate(p, haproxy_based(p, ".crt-base", one->certificate), NULL, NULL),
                  one->at);
}

static bool same(const char *x, const char *y)
{
    return x == NULL || y == NULL ? x == y : strcmp(x, y) == 0;
}

static bool same_tls(const struct server *x, const struct server *y)
{
    return x->tls == y->tls && x->unverified == y->unverified && same(x->ca, y->ca) &&
           same(x->certificate, y->certificate) && same(x->name, y->name) && same(x->sni, y->sni);
}

/* The first one's is all servers' way. */
static void settle_way(struct plan *p, struct plan_route *r, const struct server *one,
                       const struct server *first)
{
    settle_check(p, r, one);
    if (!same(one->proxy, first->proxy))
        lose_guard(p, r, one->at, "send-proxy", "all servers of a route get the same PROXY header");
    if (!same_tls(one, first))
        lose_guard(p, r, one->at, "ssl", "TLS towards servers is the same for the whole route");
    if (one->at != first->at)
        return;
    if (one->proxy != NULL)
        route_set(p, r, "send-proxy", one->proxy, one->at);
    settle_tls(p, r, one);
}

/* Those that take turns come first; how many these are. */
static size_t put_servers(struct plan *p, struct plan_route *r, struct statement *section,
                          const char *port)
{
    const struct lines *servers = haproxy_lines(p, section, "server");
    struct server first = {.at = NULL};
    size_t turns = 0;
    for (int backup = 0; backup < 2; backup++) {
        for (size_t i = 0; i < servers->count; i++) {
            struct statement *s = servers->items[i];
            const struct server one = read_server(p, r, section, s, port);
            if (one.backup != (backup == 1) || one.disabled || one.address == NULL)
                continue;
            if (first.at == NULL)
                first = one;
            route_put(p, r, "upstream", one.address, s);
            settle_way(p, r, &one, &first);
            turns += backup == 0 ? 1U : 0U;
            if (backup == 1 && turns > 1)
                statement_lose(p->arena, s, "backup: it takes turns with the others");
        }
    }
    return turns;
}

void haproxy_servers(struct plan *p, struct plan_route *r, struct statement *section,
                     const char *port)
{
    const size_t turns = put_servers(p, r, section, port);
    const struct entry *balance = entries_find(&r->settings, ".balance");
    const struct given last =
        balance == NULL ? (struct given){"rotate", NULL} : balance->values[balance->count - 1];
    if (turns < 2)
        return;
    const char *why = route_set(p, r, "balance", last.text, last.from);
    if (why != NULL)
        statement_lose(p->arena, last.from != NULL ? last.from : section,
                       "the servers are tried in the order of the list: %s", why);
}
