/* stunnel_rows.c - the options of stunnel.conf. */
#include "proxy/import/address.h"
#include "proxy/import/files.h"
#include "proxy/import/stunnel.h"
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
    if (address == NULL)
        return "this is no address with a port";
    entries_keep(&r->settings, "upstream");
    return route_put(p, r, "upstream", address, s);
}

/* A section's names are good beside those before the sections. */
static const char *carry_client_name(struct plan *p, struct plan_route *r, struct statement *s,
                                     const struct row *row)
{
    (void)row;
    entries_keep(&r->settings, "client-names");
    return route_put(p, r, "client-names", statement_at(s, 1), s);
}

static const char *carry_protocol(struct plan *p, struct plan_route *r, struct statement *s,
                                  const struct row *row)
{
    static const char *const upgraded[] = {"imap", "ldap", "nntp", "pop3", "smtp"};
    static const char *const keys[] = {"protocol", "tls", "send-proxy"};
    const char *name = statement_at(s, 1);
    (void)row;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) /* there is one, the last */
        entries_drop(&r->settings, keys[i]);
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

static bool begins(const char *text, const char *name)
{
    return strncasecmp(text, name, strlen(name)) == 0;
}

/* Options that are for how bytes are carried. The others have their say in who is reached. */
static bool carries_only(const char *option)
{
    static const char *const names[] = {
        "IP_TOS=",       "SO_DEBUG=", "SO_KEEPALIVE=", "SO_LINGER=",   "SO_OOBINLINE=", "SO_RCV",
        "SO_REUSEADDR=", "SO_SND",    "TCP_KEEP",      "TCP_NODELAY=", "IP_FREEBIND="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (begins(option, names[i]))
            return true;
    return false;
}

#define SOCKETS "tlsfront listens on addresses and connects to addresses, in no other way"

/* "a:OPTION=VALUE", of the sockets that accept, of clients (l) or of servers (r) */
static const char *carry_socket(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    const char *text = statement_at(s, 1), *colon = strchr(text, ':'), *equals = strchr(text, '=');
    const char *option = colon == NULL ? text : colon + 1;
    const bool on = equals != NULL && term_is_on(equals + 1);
    if (on && (begins(option, "TCP_NODELAY=") || begins(text, "a:SO_REUSEADDR=")))
        return NULL;
    if (carries_only(option))
        return row->why;
    route_withhold_for(p, r, s, option, SOCKETS);
    return SOCKETS;
}

static const char *carry_transparent(struct plan *p, struct plan_route *r, struct statement *s,
                                     const struct row *row)
{
    const char *text = statement_at(s, 1);
    (void)row;
    if (term_is_off(text)) { /* of what stands before the sections, too */
        const char *source = route_get(r, "source");
        if (source != NULL && strcmp(source, "transparent") == 0)
            entries_drop(&r->settings, "source");
        return NULL;
    }
    if (strcasecmp(text, "source") != 0 && !term_is_on(text))
        return "where a client wanted to go (destination) is not looked at";
    return term_transparent(p, r, s);
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

/* What is asked of clients are three switches there, .require, .chain and .peer, which lines turn
 * in the order of the file, a section's after those before it. */
static void turn(struct plan *p, struct plan_route *r, const char *key, bool on,
                 struct statement *s)
{
    route_set(p, r, key, on ? "yes" : "no", s);
    route_set(p, r, ".clients", s->words[0], s); /* the last line that had a say */
}

/* A level turns all of them. */
static const char *carry_verify(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    const long level = strtol(statement_at(s, 1), NULL, 10);
    (void)row;
    turn(p, r, ".require", level >= 2, s);
    turn(p, r, ".chain", level >= 1 && level <= 3, s);
    turn(p, r, ".peer", level >= 3, s);
    return NULL;
}

/* Who verifies demands a certificate as well; "no" does not take that back. */
static const char *carry_demand(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    const bool on = term_is_on(statement_at(s, 1));
    turn(p, r, row->key, on, s);
    if (on)
        turn(p, r, ".require", true, s);
    return NULL;
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

const struct row stunnel_globals[] = {
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
    {"provider*", NULL, NULL, OPENSSL, 0},
    {"rndbytes", NULL, NULL, OPENSSL, 0},
    {"rndfile", NULL, NULL, OPENSSL, 0},
    {"rndoverwrite", NULL, NULL, OPENSSL, 0},
    {"setenv", NULL, NULL, "tlsfront clears its environment", ROW_SECRET},
    {"setgid", carry_group, NULL, NULL, 0},
    {"setuid", carry_user, NULL, NULL, 0},
    {"syslog", carry_syslog, "log", NULL, 0},
    {.name = NULL},
};

const struct row stunnel_service[] = {
    {"accept", carry_accept, NULL, NULL, 0},
    {"caengine", NULL, NULL, ENGINE, ROW_GUARDS},
    {"cafile", carry_path, "client-ca", NULL, 0},
    {"capath", NULL, NULL,
     "a directory of authorities is not read: put them into one file, client-ca", 0},
    {"cert", carry_later, ".cert", NULL, 0},
    {"checkemail", carry_client_name, NULL, NULL, 0},
    {"checkhost", carry_client_name, NULL, NULL, 0},
    {"checkip", NULL, NULL, "addresses in clients' certificates are not looked at", ROW_GUARDS},
    {"ciphers", carry_ciphers, NULL, NULL, 0},
    {"ciphersuites", carry_suites, NULL, NULL, 0},
    {"client", carry_later, ".client", NULL, 0}, /* each section tells what comes of it */
    {"config", carry_openssl, NULL, NULL, 0},
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
    {"requirecert", carry_demand, ".require", NULL, 0},
    {"reset", NULL, NULL, "tlsfront decides by itself how a connection ends", 0},
    {"retry", carry_if_off, NULL, "tlsfront starts no programs", 0},
    {"securitylevel", NULL, NULL, OPENSSL, 0},
    {"service", NULL, NULL, "the name is stunnel's, for its log and for hosts.allow", 0},
    {"sessioncachesize", NULL, NULL, "tlsfront resumes sessions by tickets, and keeps none", 0},
    {"sessioncachetimeout", NULL, NULL, "tickets are good for a fixed time", 0},
    {"sessiond", NULL, NULL, "daemons with the same ticket-key take each other's tickets", 0},
    {"sessionresume", carry_if_on, NULL, "tlsfront resumes sessions by tickets", 0},
    {"sni", carry_sni, NULL, NULL, ROW_GUARDS},
    {"socket", carry_socket, NULL, "tlsfront sets its sockets by itself", 0},
    {"sslversion", carry_versions, "only", NULL, 0},
    {"sslversionmax", carry_versions, "max", NULL, 0},
    {"sslversionmin", carry_versions, "min", NULL, 0},
    {"stack", NULL, NULL, "tlsfront has no threads", 0},
    {"ticketkeysecret", NULL, NULL, "tlsfront takes the keys of tickets from a file: ticket-key",
     ROW_SECRET},
    {"ticketmacsecret", NULL, NULL, "tlsfront takes the keys of tickets from a file: ticket-key",
     ROW_SECRET},
    {"timeoutbusy", carry_seconds, "handshake-timeout", NULL, 0},
    {"timeoutclose", NULL, NULL, "a client that stops reading has a minute", 0},
    {"timeoutconnect", carry_seconds, "connect-timeout", NULL, 0},
    {"timeoutidle", carry_seconds, "idle-timeout", NULL, 0},
    {"timeoutocsp", NULL, NULL, OCSP, 0},
    {"transparent", carry_transparent, "source", NULL, ROW_GUARDS},
    {"verify", carry_verify, NULL, NULL, 0},
    {"verifychain", carry_demand, ".chain", NULL, 0},
    {"verifypeer", carry_demand, ".peer", NULL, 0},
    {.name = NULL},
};
