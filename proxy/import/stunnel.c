/* stunnel.c - server sections of stunnel.conf(5). What stands before the first section is global,
 * or what every section has unless it says otherwise. */
#include "proxy/import/address.h"
#include "proxy/import/peers.h"
#include "proxy/import/pool.h"
#include "proxy/import/rows.h"
#include "proxy/import/terms.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- directives ---- */

static const char *carry_accept(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    const char *text = statement_at(s, 1);
    (void)row;
    /* ":::995" is an IPv6 socket, which takes IPv4 as well. */
    if (strncmp(text, ":::", 3) == 0) {
        const char *v6 = address_simple(p->arena, text, "::");
        const char *v4 = address_simple(p->arena, text + 2, "0.0.0.0");
        if (v4 == NULL || v6 == NULL)
            return "this is no port";
        route_put(p, r, "listen", v6, s);
        return route_put(p, r, "listen", v4, NULL); /* unless another section has it */
    }
    const char *address = address_simple(p->arena, text, "0.0.0.0");
    return address == NULL ? "this is no address with a port"
                           : route_set(p, r, "listen", address, s);
}

static const char *carry_connect(struct plan *p, struct plan_route *r, struct statement *s,
                                 const struct row *row)
{
    const char *address = address_simple(p->arena, statement_at(s, 1), "127.0.0.1");
    (void)row;
    return address == NULL ? "this is no address with a port"
                           : route_put(p, r, "upstream", address, s);
}

static const char *carry_protocol(struct plan *p, struct plan_route *r, struct statement *s,
                                  const struct row *row)
{
    static const char *const upgraded[] = {"imap", "ldap", "nntp", "pop3", "smtp"};
    const char *name = statement_at(s, 1);
    (void)row;
    if (strcasecmp(name, "proxy") == 0)
        return route_set(p, r, "send-proxy", "v1", s);
    for (size_t i = 0; i < sizeof upgraded / sizeof *upgraded; i++) {
        if (strcasecmp(name, upgraded[i]) != 0)
            continue;
        route_set(p, r, "protocol", upgraded[i], s);
        return route_set(p, r, "tls", "required", s);
    }
    return "tlsfront knows STARTTLS of SMTP, POP3, IMAP, NNTP, LDAP and ManageSieve only";
}

static const char *carry_versions(struct plan *p, struct plan_route *r, struct statement *s,
                                  const struct row *row)
{
    const char *text = statement_at(s, 1);
    const unsigned version = term_version(text);
    if (strcasecmp(text, "all") == 0)
        return NULL;
    if (version == 0)
        return "this is no version of TLS";
    if (strcmp(row->key, "min") == 0)
        return term_versions(p, r, version, 0, s);
    return term_versions(p, r, strcmp(row->key, "only") == 0 ? version : 0, version, s);
}

static const char *carry_options(struct plan *p, struct plan_route *r, struct statement *s,
                                 const struct row *row)
{
    static const char *const so_anyway[] = {
        "NO_SSLv2",         "NO_SSLv3",          "NO_TLSv1",
        "NO_TLSv1.1",       "NO_TLSv1_1",        "NO_COMPRESSION",
        "SINGLE_DH_USE",    "SINGLE_ECDH_USE",   "CIPHER_SERVER_PREFERENCE",
        "NO_RENEGOTIATION", "PRIORITIZE_CHACHA", "NO_SESSION_RESUMPTION_ON_RENEGOTIATION"};
    const char *name = statement_at(s, 1);
    (void)row;
    for (size_t i = 0; i < sizeof so_anyway / sizeof *so_anyway; i++)
        if (strcasecmp(name, so_anyway[i]) == 0)
            return NULL;
    if (strcasecmp(name, "NO_TLSv1.2") == 0 || strcasecmp(name, "NO_TLSv1_2") == 0)
        return term_versions(p, r, 13, 0, s);
    if (strcasecmp(name, "NO_TLSv1.3") == 0 || strcasecmp(name, "NO_TLSv1_3") == 0)
        return term_versions(p, r, 0, 12, s);
    return "an option of OpenSSL, which tlsfront does not use";
}

static const char *carry_socket(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    const char *text = statement_at(s, 1);
    (void)p;
    (void)r;
    (void)row;
    return strstr(text, "TCP_NODELAY=1") != NULL ||
                   (strncmp(text, "a:", 2) == 0 && strstr(text, "SO_REUSEADDR=1") != NULL)
               ? NULL
               : "tlsfront sets its sockets by itself";
}

static const char *carry_transparent(struct plan *p, struct plan_route *r, struct statement *s,
                                     const struct row *row)
{
    const char *text = statement_at(s, 1);
    if (term_is_off(text))
        return NULL;
    if (strcasecmp(text, "source") != 0 && !term_is_on(text))
        return "where a client wanted to go (destination) is not looked at";
    route_remark(p, r, "source = transparent needs the machine's routing: see transparent.md");
    return route_set(p, r, row->key, "transparent", s);
}

static const char *carry_failover(struct plan *p, struct plan_route *r, struct statement *s,
                                  const struct row *row)
{
    (void)row;
    if (strcasecmp(statement_at(s, 1), "prio") == 0)
        return route_put(p, r, ".failover", "prio", s);
    return route_put(p, r, ".failover", "rr", s);
}

static const char *carry_debug(struct plan *p, struct plan_route *r, struct statement *s,
                               const struct row *row)
{
    static const struct {
        const char *name, *number, *level;
    } levels[] = {{"emerg", "0", "error"}, {"alert", "1", "error"},  {"crit", "2", "error"},
                  {"err", "3", "error"},   {"warning", "4", "warn"}, {"notice", "5", "info"},
                  {"info", "6", "info"},   {"debug", "7", "debug"}};
    const char *text = statement_at(s, 1), *dot = strrchr(text, '.');
    const char *level = dot == NULL ? text : dot + 1;
    (void)r;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcasecmp(level, levels[i].name) == 0 || strcmp(level, levels[i].number) == 0)
            return plan_global(p, row->key, levels[i].level, s);
    return "this is no level of a log";
}

static const char *carry_output(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    const char *text = statement_at(s, 1);
    (void)r;
    if (strncmp(text, "/dev/std", 8) == 0)
        return plan_global(p, row->key, "stderr", s);
    return plan_global(p, row->key, files_absolute(p->arena, p->cwd, text), s);
}

static const char *carry_syslog(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    (void)r;
    if (!term_is_on(statement_at(s, 1)))
        return NULL;
    return plan_global(p, row->key, "syslog", s);
}

static const char *carry_sni(struct plan *p, struct plan_route *r, struct statement *s,
                             const struct row *row)
{
    (void)row;
    if (strchr(statement_at(s, 1), ':') == NULL)
        return "it should read SERVICE:NAME";
    return route_put(p, r, ".sni", statement_at(s, 1), s);
}

/* ---- tables ---- */

#define BY_THE_UNIT "the service manager's unit says so: see tlsfront.service"
#define OPENSSL     "a matter of OpenSSL, which tlsfront does not use"
#define ENGINE      "tlsfront reads keys from PEM files, not from an engine"
#define OCSP        "tlsfront asks no OCSP responder about clients: use client-crl"
#define CLIENT_SIDE "for client sections only"

static const struct row globals[] = {
    {"chroot", NULL, NULL, "tlsfront's processes are confined without it: see sandbox.md", 0},
    {"compression", carry_if_off, NULL, "tlsfront never compresses", 0},
    {"debug", carry_debug, "log-level", NULL, 0},
    {"egd", NULL, NULL, OPENSSL, 0},
    {"engine", NULL, NULL, ENGINE, 0},
    {"enginectrl", NULL, NULL, ENGINE, ROW_SECRET},
    {"enginedefault", NULL, NULL, ENGINE, 0},
    {"fips", carry_if_off, NULL, OPENSSL, 0},
    {"foreground", carry_if_on, NULL, "tlsfront stays in the foreground; " BY_THE_UNIT, 0},
    {"log", NULL, NULL, NULL, 0}, /* appends; rotation is logrotate's */
    {"output", carry_output, "log", NULL, 0},
    {"pid", NULL, NULL, "tlsfront writes no such file; " BY_THE_UNIT, 0},
    {"rndbytes", NULL, NULL, OPENSSL, 0},
    {"rndfile", NULL, NULL, OPENSSL, 0},
    {"rndoverwrite", NULL, NULL, OPENSSL, 0},
    {"setgid", carry_group, NULL, NULL, 0},
    {"setuid", carry_user, NULL, NULL, 0},
    {"syslog", carry_syslog, "log", NULL, 0},
    {.name = NULL},
};

static const struct row service[] = {
    {"accept", carry_accept, NULL, NULL, 0},
    {"caengine", NULL, NULL, ENGINE, ROW_GUARDS},
    {"cafile", carry_path, "client-ca", NULL, 0},
    {"capath", NULL, NULL,
     "a directory of authorities is not read: put them into one file, client-ca", 0},
    {"cert", carry_later, ".cert", NULL, 0},
    {"checkemail", carry_later, "client-names", NULL, 0},
    {"checkhost", carry_later, "client-names", NULL, 0},
    {"checkip", NULL, NULL, "addresses in clients' certificates are not looked at", ROW_GUARDS},
    {"ciphers", carry_ciphers, NULL, NULL, 0},
    {"ciphersuites", carry_suites, NULL, NULL, 0},
    {"client", carry_if_off, NULL, "tlsfront serves TLS to clients, and is not one for them", 0},
    {"config", NULL, NULL, OPENSSL, 0},
    {"connect", carry_connect, NULL, NULL, 0},
    {"crlfile", carry_path, "client-crl", NULL, 0},
    {"crlpath", NULL, NULL, "a directory of lists is not read: put them into one file, client-crl",
     ROW_GUARDS},
    {"curve", carry_groups, NULL, NULL, 0},
    {"curves", carry_groups, NULL, NULL, 0},
    {"debug", carry_debug, "log-level", NULL, 0},
    {"delay", NULL, NULL, NULL, 0}, /* names are always looked up anew */
    {"engineid", NULL, NULL, ENGINE, 0},
    {"enginenum", NULL, NULL, ENGINE, 0},
    {"exec", NULL, NULL, "tlsfront starts no programs: have it listen on a port or Unix socket", 0},
    {"execargs", NULL, NULL, "tlsfront starts no programs", ROW_SECRET},
    {"failover", carry_failover, NULL, NULL, 0},
    {"ident", NULL, NULL, "tlsfront asks no ident server", ROW_GUARDS},
    {"include", NULL, NULL, NULL, 0},
    {"key", carry_later, ".key", NULL, 0},
    {"libwrap", carry_if_off, NULL,
     "tlsfront does not read hosts.allow and hosts.deny: use allow and deny", ROW_GUARDS},
    {"local", carry_text, "source", NULL, 0},
    {"logid", NULL, NULL, "every session has an id in the log; its form is fixed", 0},
    {"ocsp", NULL, NULL, OCSP, ROW_GUARDS},
    {"ocspaia", carry_if_off, NULL, OCSP, ROW_GUARDS},
    {"ocspflag", NULL, NULL, OCSP, 0},
    {"ocspnonce", NULL, NULL, OCSP, 0},
    {"ocsprequire", NULL, NULL, OCSP, 0},
    {"options", carry_options, NULL, NULL, 0},
    {"protocol", carry_protocol, NULL, NULL, ROW_GUARDS},
    {"protocolauthentication", NULL, NULL, CLIENT_SIDE, 0},
    {"protocoldomain", NULL, NULL, CLIENT_SIDE, 0},
    {"protocolheader", NULL, NULL, CLIENT_SIDE, ROW_SECRET},
    {"protocolhost", NULL, NULL, CLIENT_SIDE, 0},
    {"protocolpassword", NULL, NULL, CLIENT_SIDE, ROW_SECRET},
    {"protocolusername", NULL, NULL, CLIENT_SIDE, 0},
    {"pskidentity", NULL, NULL, "tlsfront has no pre-shared keys", 0},
    {"psksecrets", NULL, NULL, "tlsfront has no pre-shared keys: use client certificates",
     ROW_GUARDS},
    {"pty", carry_if_off, NULL, "tlsfront starts no programs", 0},
    {"redirect", NULL, NULL, "clients without a good certificate are refused", 0},
    {"renegotiation", carry_if_off, NULL, "tlsfront never renegotiates", 0},
    {"requirecert", carry_later, ".requirecert", NULL, 0},
    {"reset", NULL, NULL, "tlsfront decides by itself how a connection ends", 0},
    {"retry", carry_if_off, NULL, "tlsfront starts no programs", 0},
    {"securitylevel", NULL, NULL, OPENSSL, 0},
    {"service", NULL, NULL, "the name is stunnel's, for its log and for hosts.allow", 0},
    {"sessioncachesize", NULL, NULL, "tlsfront resumes sessions by tickets, and keeps none", 0},
    {"sessioncachetimeout", NULL, NULL, "tickets are good for a fixed time", 0},
    {"sessiond", NULL, NULL, "daemons with the same ticket-key take each other's tickets", 0},
    {"sessionresume", carry_if_on, NULL, "tlsfront resumes sessions by tickets", 0},
    {"sni", carry_sni, NULL, NULL, ROW_GUARDS},
    {"socket", carry_socket, NULL, NULL, 0},
    {"sslversion", carry_versions, "only", NULL, 0},
    {"sslversionmax", carry_versions, "max", NULL, 0},
    {"sslversionmin", carry_versions, "min", NULL, 0},
    {"stack", NULL, NULL, "tlsfront has no threads", 0},
    {"ticketkeysecret", NULL, NULL, "tlsfront takes the keys of tickets from a file: ticket-key",
     ROW_SECRET},
    {"ticketmacsecret", NULL, NULL, "tlsfront takes the keys of tickets from a file: ticket-key",
     ROW_SECRET},
    {"timeoutbusy", carry_seconds, "handshake-timeout", NULL, 0},
    {"timeoutclose", NULL, NULL, "a client has a minute to take what is left", 0},
    {"timeoutconnect", carry_seconds, "connect-timeout", NULL, 0},
    {"timeoutidle", carry_seconds, "idle-timeout", NULL, 0},
    {"timeoutocsp", NULL, NULL, OCSP, 0},
    {"transparent", carry_transparent, "source", NULL, 0},
    {"verify", carry_later, ".verify", NULL, 0},
    {"verifychain", carry_later, ".verifychain", NULL, 0},
    {"verifypeer", carry_later, ".verifypeer", NULL, 0},
    {.name = NULL},
};

/* ---- sections ---- */

static bool is_section(const struct statement *s)
{
    return statement_is(s, 0, "[");
}

static bool says(const struct plan_route *r, const char *key)
{
    const char *text = route_get(r, key);
    return text != NULL && term_is_on(text);
}

static void settle_certificate(struct plan *p, struct plan_route *r)
{
    const struct entry *cert = entries_find(&r->settings, ".cert");
    const char *key = route_get(r, ".key");
    if (cert == NULL)
        return;
    const struct given *last = &cert->values[cert->count - 1];
    const char *path = files_absolute(p->arena, p->cwd, last->text), *dot = strrchr(path, '.');
    if (dot != NULL && (strcasecmp(dot, ".p12") == 0 || strcasecmp(dot, ".pfx") == 0)) {
        statement_lose(p->arena, last->from,
                       "PKCS#12 is not served from: tlsfront key import takes "
                       "it in");
        return;
    }
    const char *name =
        plan_certificate(p, path, key == NULL ? NULL : files_absolute(p->arena, p->cwd, key), NULL);
    entries_put(p->arena, &r->settings, "certificate", name, last->from);
}

/* Levels 3 and 4 let in only those whose own certificate is in the file. */
static void settle_pinned(struct plan *p, struct plan_route *r, struct statement *from)
{
    static const char why[] =
        "the clients' own certificates are listed there, and all that their authorities sign would "
        "be let in here; if each vouches for itself, and no authority is among them, it is the "
        "same: take the signs # off the route";
    statement_lose(p->arena, from, "%s", why);
    route_withhold(p, r, "%s:%d: %s: %s", from->file, from->line, from->words[0], why);
}

static struct statement *source_of(const struct plan_route *r, const char *key)
{
    const struct entry *s = entries_find(&r->settings, key);
    return s == NULL ? NULL : s->values[s->count - 1].from;
}

static void settle_clients(struct plan *p, struct plan_route *r)
{
    const char *verify = route_get(r, ".verify"), *require = route_get(r, ".requirecert");
    const long level = verify == NULL ? 0 : strtol(verify, NULL, 10);
    const bool pinned = level >= 3 || says(r, ".verifypeer");
    const bool asks = level >= 1 || pinned || says(r, ".verifychain");
    const bool optional = level == 1 || (level == 0 && require != NULL && term_is_off(require));
    struct statement *from = source_of(r, says(r, ".verifypeer")    ? ".verifypeer"
                                          : says(r, ".verifychain") ? ".verifychain"
                                                                    : ".verify");
    if (!asks) {
        entries_drop(&r->settings, "client-ca");
        entries_drop(&r->settings, "client-crl");
        entries_drop(&r->settings, "client-names");
        return;
    }
    entries_put(p->arena, &r->settings, "client-certificate", optional ? "optional" : "required",
                from);
    if (route_get(r, "client-ca") == NULL)
        route_withhold(p, r, "%s:%d: %s: there is no file of authorities (CAfile) for client-ca",
                       from->file, from->line, from->words[0]);
    if (pinned)
        settle_pinned(p, r, from);
}

static void settle_balance(struct plan *p, struct plan_route *r)
{
    const struct entry *upstream = entries_find(&r->settings, "upstream");
    const char *failover = route_get(r, ".failover");
    if (upstream == NULL || upstream->count < 2 || failover == NULL || strcmp(failover, "rr") != 0)
        return;
    const char *why = route_set(p, r, "balance", "rotate", source_of(r, ".failover"));
    if (why != NULL)
        statement_lose(p->arena, source_of(r, ".failover"),
                       "the servers are tried in the order of the "
                       "list: %s",
                       why);
}

static struct plan_route *named(struct plan *p, const struct statement *file, const char *name)
{
    for (struct plan_route *r = p->routes; r != NULL; r = r->next)
        if (r->section->parent == file && strcasecmp(r->name, name) == 0)
            return r;
    return NULL;
}

/* A section for one name of another's clients. */
static void settle_name(struct plan *p, struct plan_route *r)
{
    const char *sni = route_get(r, ".sni"), *colon = strchr(sni, ':');
    struct statement *from = source_of(r, ".sni");
    const char *master = pool_text(p->arena, sni, (size_t)(colon - sni));
    struct plan_route *to = named(p, r->section->parent, master);
    const struct entry *upstream = entries_find(&r->settings, "upstream");
    const char *list[16];
    size_t count = 0;
    for (; upstream != NULL && count < upstream->count && count < 16; count++)
        list[count] = upstream->values[count].text;
    if (to == NULL) {
        statement_lose(p->arena, r->section, "there is no service \"%s\" before it", master);
        return;
    }
    const char *why = route_server_name(p, to, colon + 1, route_get(r, "certificate"), list, count);
    if (why != NULL)
        statement_lose(p->arena, from, "%s", why);
    if (r->withheld != NULL || route_get(r, "client-certificate") != NULL)
        statement_lose(p->arena, from, "what it asks of clients cannot be for one name only");
}

static void carry_section(struct plan *p, struct statement *s, const struct plan_route *defaults)
{
    struct plan_route *r = plan_route(p, statement_at(s, 1), s, defaults);
    for (struct statement *one = s->first; one != NULL; one = one->next) {
        if (!statement_is(one, 0, "client") || !term_is_on(statement_at(one, 1)))
            continue;
        statement_lose(p->arena, s,
                       "a client section: it turns clear text into TLS, and tlsfront "
                       "turns TLS into clear text");
        return;
    }
    rows_apply_all(p, r, s, service);
    settle_certificate(p, r);
    settle_clients(p, r);
    settle_balance(p, r);
    if (route_get(r, ".sni") != NULL)
        settle_name(p, r);
    else
        plan_add(p, r);
}

/* An include may stand in a section, and hold sections. */
static void carry_sections(struct plan *p, struct statement *block, const struct plan_route *above)
{
    for (struct statement *s = block->first; s != NULL; s = s->next) {
        if (!is_section(s))
            continue;
        carry_section(p, s, above);
        carry_sections(p, s, above);
    }
}

/* Before the first section both kinds may stand. */
static void carry_top(struct plan *p, struct plan_route *defaults, struct statement *file)
{
    for (struct statement *s = file->first; s != NULL; s = s->next)
        if (!is_section(s))
            rows_apply(p, defaults, s, rows_find(globals, s->words[0]) != NULL ? globals : service);
}

static void carry(struct plan *p, struct statement *file)
{
    struct plan_route *defaults = plan_route(p, "stunnel", file, NULL);
    carry_top(p, defaults, file);
    if (route_get(defaults, "upstream") != NULL && route_get(defaults, "listen") == NULL)
        statement_lose(p->arena, source_of(defaults, "upstream"),
                       "inetd mode: tlsfront listens by itself, so write a section with accept");
    carry_sections(p, file, defaults);
}

static bool include(struct plan *p, const struct statement *s, struct paths *files)
{
    if (!statement_is(s, 0, "include"))
        return false;
    *files = files_in(p->arena, files_absolute(p->arena, p->cwd, statement_at(s, 1)));
    return true;
}

const struct peer peer_stunnel = {"stunnel", syntax_stunnel, include, carry, false};
