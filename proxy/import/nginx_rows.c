/* nginx_rows.c - the directives of nginx.conf, as far as they stand outside of http. */
#include "proxy/import/access.h"
#include "proxy/import/counters.h"
#include "proxy/import/files.h"
#include "proxy/import/nginx.h"
#include "proxy/import/pool.h"
#include "proxy/import/rows.h"
#include "proxy/import/terms.h"

#include "config/protocol.h"

#include <stdlib.h>
#include <string.h>

/* ---- directives of both ---- */

static const char *carry_each_later(struct plan *p, struct plan_route *r, struct statement *s,
                                    const struct row *row)
{
    for (size_t i = 1; i < s->count; i++)
        route_put(p, r, row->key, s->words[i], s);
    return NULL;
}

static const char *carry_verify(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    const char *text = statement_at(s, 1);
    if (strcmp(text, "optional_no_ca") == 0)
        return "a certificate that does not verify is always refused";
    return route_set(p, r, row->key,
                     strcmp(text, "on") == 0         ? "required"
                     : strcmp(text, "optional") == 0 ? "optional"
                                                     : "none",
                     s);
}

/* 0: no authority stands between a client's and those of the file. */
static const char *carry_depth(struct plan *p, struct plan_route *r, struct statement *s,
                               const struct row *row)
{
    if (strtoul(statement_at(s, 1), NULL, 10) == 0)
        route_withhold_for(p, r, s, row->name, row->why);
    return row->why;
}

static const char *carry_real_ip(struct plan *p, struct plan_route *r, struct statement *s,
                                 const struct row *row)
{
    const char *text = statement_at(s, 1);
    if (strcmp(text, "unix:") == 0)
        return "a client of a Unix socket is not asked who it is";
    return term_network(p, r, row->key, text, s);
}

static const char *carry_proxy_header(struct plan *p, struct plan_route *r, struct statement *s,
                                      const struct row *row)
{
    return route_set(p, r, row->key, term_is_on(statement_at(s, 1)) ? "v1" : "off", s);
}

static const char *carry_error_log(struct plan *p, struct plan_route *r, struct statement *s,
                                   const struct row *row)
{
    static const char *const levels[][2] = {
        {"debug", "debug"}, {"info", "info"}, {"notice", "info"}, {"warn", "warn"}};
    const char *target = statement_at(s, 1), *level = statement_at(s, 2), *ours = "error";
    (void)r;
    (void)row;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcmp(level, levels[i][0]) == 0)
            ours = levels[i][1];
    if (strncmp(target, "memory:", 7) == 0)
        return "tlsfront has no log in memory";
    const char *log = strcmp(target, "stderr") == 0 ? "stderr"
                      : strncmp(target, "syslog:", 7) == 0
                          ? "syslog"
                          : files_absolute(p->arena, p->cwd, target);
    const char *why = plan_global(p, "log", log, s);
    return why != NULL || *level == '\0' ? why : plan_global(p, "log-level", ours, s);
}

static const char *carry_time(struct plan *p, struct plan_route *r, struct statement *s,
                              const struct row *row)
{
    return carry_seconds(p, r, s, row);
}

/* ---- directives of mail ---- */

static const char *carry_mail_protocol(struct plan *p, struct plan_route *r, struct statement *s,
                                       const struct row *row)
{
    enum protocol known;
    if (!protocol_by_name(statement_at(s, 1), &known))
        return "tlsfront does not know that protocol";
    return route_set(p, r, row->key, statement_at(s, 1), s);
}

static const char *carry_starttls(struct plan *p, struct plan_route *r, struct statement *s,
                                  const struct row *row)
{
    return route_put(p, r, row->key, statement_at(s, 1), s);
}

/* ---- directives of streams ---- */

#define VARIABLES "variables are not known"

static const char *carry_bind(struct plan *p, struct plan_route *r, struct statement *s,
                              const struct row *row)
{
    const char *text = statement_at(s, 1);
    if (term_is_off(text))
        return NULL;
    if (strcmp(text, "$remote_addr") != 0 && strchr(text, '$') != NULL)
        return VARIABLES;
    if (!statement_is(s, 2, "transparent"))
        return strchr(text, '$') != NULL ? "without transparent nothing is bound to it"
                                         : route_set(p, r, row->key, text, s);
    if (strchr(text, '$') == NULL)
        return "a fixed address that is not the machine's cannot be bound to";
    return term_transparent(p, r, s);
}

static const char *carry_access(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    (void)row;
    access_rule(p, r, s->words[0], statement_at(s, 1), s);
    return NULL;
}

/* Each of several zones counts; those of a server take the place of what stands before it. */
static const char *carry_limit(struct plan *p, struct plan_route *r, struct statement *s,
                               const struct row *row)
{
    const char *zone = statement_at(s, 1), *most = statement_at(s, 2);
    const struct entry *there = entries_find(&r->settings, row->key);
    if (!nginx_zone_per_address(p, zone))
        return "tlsfront counts connections per client address only";
    route_put(p, r, COUNTED_IN_EACH, zone, s);
    if (there != NULL && !there->inherited && term_smaller(there->values[0].text, most))
        return NULL;
    return route_set(p, r, row->key, most, s);
}

/* ---- tables ---- */

#define BY_THE_UNIT "the service manager's unit says so: see tlsfront.service"
#define FIXED       "tlsfront decides that by itself"
#define SERVER_SAYS "the server behind it says that itself"
#define BY_SERVER   "there is no authentication server: clients log in at the server behind it"
#define ONE_LOG     "tlsfront has one log, for all routes"
#define TICKETS     "tlsfront resumes sessions by tickets, and keeps none"
#define TLS_BEHIND  "fixed for servers, other than for clients"
#define OCSP        "tlsfront asks no OCSP responder about clients: use client-crl"
#define PROGRAMS    "tlsfront runs no programs"
#define RESOLVER    "names are looked up as the system does it"

const struct row nginx_top[] = {
    {"daemon", NULL, NULL, "tlsfront stays in the foreground; " BY_THE_UNIT, 0},
    {"env", NULL, NULL, "tlsfront clears its environment", ROW_SECRET},
    {"error_log", carry_error_log, NULL, NULL, 0},
    {"load_module", NULL, NULL, NULL, 0},
    {"lock_file", NULL, NULL, FIXED, 0},
    {"master_process", NULL, NULL, FIXED, 0},
    {"pcre_jit", NULL, NULL, NULL, 0},
    {"pid", NULL, NULL, "tlsfront writes no such file; " BY_THE_UNIT, 0},
    {"ssl_engine", NULL, NULL, "tlsfront reads keys from PEM files, not from an engine", 0},
    {"thread_pool", NULL, NULL, "tlsfront has no threads", 0},
    {"timer_resolution", NULL, NULL, FIXED, 0},
    {"user", carry_user, NULL, NULL, 0},
    {"worker_cpu_affinity", NULL, NULL, "workers run on all processors", 0},
    {"worker_priority", NULL, NULL, BY_THE_UNIT, 0},
    {"worker_processes", carry_workers, NULL, NULL, 0},
    {"worker_rlimit_core", NULL, NULL, "tlsfront leaves no cores: there are keys in them", 0},
    {"worker_rlimit_nofile", NULL, NULL, BY_THE_UNIT, 0},
    {"worker_shutdown_timeout", carry_global, "drain-timeout", NULL, 0},
    {"working_directory", NULL, NULL, FIXED, 0},
    {.name = NULL},
};

#define TLS_ROWS                                                                                   \
    {"ssl_alpn", carry_each_later, "alpn", NULL, 0},                                               \
        {"ssl_certificate", carry_later, ".cert", NULL, 0},                                        \
        {"ssl_certificate_key", carry_later, ".key", NULL, 0},                                     \
        {"ssl_ciphers", carry_ciphers, NULL, NULL, 0},                                             \
        {"ssl_client_certificate", carry_path, "client-ca", NULL, 0},                              \
        {"ssl_certificate_cache", NULL, NULL, FIXED, 0},                                           \
        {"ssl_certificate_compression", carry_if_off, NULL, "certificates are sent as they are",   \
         0},                                                                                       \
        {"ssl_conf_command", carry_openssl, NULL, NULL, 0},                                        \
        {"ssl_crl", carry_path, "client-crl", NULL, 0},                                            \
        {"ssl_dhparam", NULL, NULL, "tlsfront exchanges keys on curves only", 0},                  \
        {"ssl_early_data", carry_if_off, NULL, "tlsfront takes no early data", 0},                 \
        {"ssl_ecdh_curve", carry_groups, NULL, NULL, 0},                                           \
        {"ssl_handshake_timeout", carry_time, "handshake-timeout", NULL, 0},                       \
        {"ssl_key_log", NULL, NULL, "tlsfront tells nobody the keys of sessions", 0},              \
        {"ssl_ocsp", carry_if_off, NULL, OCSP, ROW_GUARDS}, {"ssl_ocsp_*", NULL, NULL, OCSP, 0},   \
        {"ssl_password_file", carry_later, ".password", NULL, 0},                                  \
        {"ssl_prefer_server_ciphers", carry_if_on, NULL,                                           \
         "the order of tlsfront's list always counts", 0},                                         \
        {"ssl_protocols", carry_protocols, NULL, NULL, 0},                                         \
        {"ssl_reject_handshake", carry_if_off, NULL, "a route has a certificate for every name",   \
         ROW_GUARDS},                                                                              \
        {"ssl_session_cache", NULL, NULL, TICKETS, 0},                                             \
        {"ssl_session_ticket_key", carry_global_path, "ticket-key", NULL, 0},                      \
        {"ssl_session_tickets", carry_if_on, NULL, "tlsfront always gives tickets", 0},            \
        {"ssl_session_timeout", NULL, NULL, "tickets are good for a fixed time", 0},               \
        {"ssl_stapling*", NULL, NULL, "tlsfront staples no OCSP responses", 0},                    \
        {"ssl_trusted_certificate", carry_later, ".trusted", NULL, 0},                             \
        {"ssl_verify_client", carry_verify, "client-certificate", NULL, ROW_GUARDS},               \
    {                                                                                              \
        "ssl_verify_depth", carry_depth, NULL, "how long a client's chain may be is fixed", 0      \
    }

#define LOG_ROWS                                                                                   \
    {"access_log", carry_if_off, NULL, ONE_LOG, 0}, {"error_log", carry_error_log, NULL, NULL, 0}, \
        {"log_format", NULL, NULL, "the form of the log is fixed: log-format is text or json", 0}, \
    {                                                                                              \
        "open_log_file_cache", NULL, NULL, FIXED, 0                                                \
    }

const struct row nginx_mail[] = {
    TLS_ROWS,
    LOG_ROWS,
    {"auth_http", NULL, NULL,
     "no server is asked where a client goes: upstream is fixed, and here a guess", 0},
    {"auth_http_header", NULL, NULL, BY_SERVER, ROW_SECRET},
    {"auth_http_pass_client_cert", NULL, NULL, BY_SERVER, 0},
    {"auth_http_timeout", NULL, NULL, BY_SERVER, 0},
    {"imap_auth", NULL, NULL, SERVER_SAYS, 0},
    {"imap_capabilities", NULL, NULL, SERVER_SAYS, 0},
    {"imap_client_buffer", NULL, NULL, FIXED, 0},
    {"max_errors", NULL, NULL, FIXED, 0},
    {"pop3_auth", NULL, NULL, SERVER_SAYS, 0},
    {"pop3_capabilities", NULL, NULL, SERVER_SAYS, 0},
    {"protocol", carry_mail_protocol, "protocol", NULL, 0},
    {"proxy_buffer", NULL, NULL, FIXED, 0},
    {"proxy_pass_error_message", carry_if_on, NULL, "the server's words always reach the client",
     0},
    {"proxy_protocol", carry_proxy_header, "send-proxy", NULL, 0},
    {"proxy_smtp_auth", carry_if_on, NULL, "what clients say to log in always reaches the server",
     0},
    {"proxy_timeout", carry_time, "idle-timeout", NULL, 0},
    {"resolver", NULL, NULL, RESOLVER, 0},
    {"resolver_timeout", NULL, NULL, RESOLVER, 0},
    {"server_name", carry_text, "hostname", NULL, 0},
    {"set_real_ip_from", carry_real_ip, ".balancers", NULL, ROW_GUARDS},
    {"smtp_auth", NULL, NULL, SERVER_SAYS, 0},
    {"smtp_capabilities", NULL, NULL, SERVER_SAYS, 0},
    {"smtp_client_buffer", NULL, NULL, FIXED, 0},
    {"smtp_greeting_delay", NULL, NULL, "tlsfront does not keep clients waiting", 0},
    {"ssl", carry_later, ".ssl", NULL, 0},
    {"starttls", carry_starttls, ".starttls", NULL, 0},
    {"timeout", carry_later, ".timeout", NULL, 0},
    {"xclient", carry_later, ".xclient", NULL, 0},
    {.name = NULL},
};

const struct row nginx_stream[] = {
    TLS_ROWS,
    LOG_ROWS,
    {"allow", carry_access, NULL, NULL, ROW_GUARDS},
    {"deny", carry_access, NULL, NULL, ROW_GUARDS},
    {"geoip_*", NULL, NULL, VARIABLES, 0},
    {"js_access", NULL, NULL, PROGRAMS, ROW_GUARDS},
    {"js_filter", NULL, NULL, PROGRAMS, ROW_GUARDS},
    {"js_preread", NULL, NULL, PROGRAMS, ROW_GUARDS},
    {"js_*", NULL, NULL, PROGRAMS, 0}, /* what those above name */
    {"limit_conn", carry_limit, "max-connections-per-ip", NULL, ROW_GUARDS},
    {"limit_conn_dry_run", carry_if_off, NULL, "limits always count", 0},
    {"limit_conn_log_level", NULL, NULL, FIXED, 0},
    {"limit_conn_zone", NULL, NULL, NULL, 0}, /* looked at by limit_conn */
    {"map_hash_bucket_size", NULL, NULL, NULL, 0},
    {"map_hash_max_size", NULL, NULL, NULL, 0},
    {"preread_buffer_size", NULL, NULL, FIXED, 0},
    {"preread_timeout", NULL, NULL, FIXED, 0},
    {"proxy_bind", carry_bind, "source", NULL, ROW_GUARDS},
    {"proxy_buffer_size", NULL, NULL, FIXED, 0},
    {"proxy_connect_timeout", carry_time, "connect-timeout", NULL, 0},
    {"proxy_download_rate", NULL, NULL, "tlsfront does not slow down", 0},
    {"proxy_downstream_buffer", NULL, NULL, FIXED, 0},
    {"proxy_half_close", carry_if_on, NULL, "one side may always end before the other", 0},
    {"proxy_next_upstream", carry_if_on, NULL, "the next server is always tried", 0},
    {"proxy_next_upstream_timeout", NULL, NULL, FIXED, 0},
    {"proxy_next_upstream_tries", NULL, NULL, "all servers are tried", 0},
    {"proxy_pass", carry_later, ".pass", NULL, 0},
    {"proxy_protocol", carry_proxy_header, "send-proxy", NULL, 0},
    {"proxy_protocol_timeout", carry_time, "handshake-timeout", NULL, 0},
    {"proxy_requests", NULL, NULL, "for UDP only", 0},
    {"proxy_responses", NULL, NULL, "for UDP only", 0},
    {"proxy_session_drop", NULL, NULL, FIXED, 0},
    {"proxy_socket_keepalive", NULL, NULL, FIXED, 0},
    {"proxy_ssl", carry_later, ".behind", NULL, 0},
    {"proxy_ssl_alpn", NULL, NULL, TLS_BEHIND, 0},
    {"proxy_ssl_certificate", carry_later, ".behind-cert", NULL, 0},
    {"proxy_ssl_certificate_key", carry_later, ".behind-key", NULL, 0},
    {"proxy_ssl_ciphers", NULL, NULL, TLS_BEHIND, 0},
    {"proxy_ssl_conf_command", carry_openssl, NULL, NULL, 0},
    {"proxy_ssl_crl", NULL, NULL, "revocation lists are for clients' certificates", ROW_GUARDS},
    {"proxy_ssl_key_log", NULL, NULL, TLS_BEHIND, 0},
    {"proxy_ssl_name", carry_later, ".behind-name", NULL, 0},
    {"proxy_ssl_password_file", NULL, NULL, "keys towards servers are read without a password", 0},
    {"proxy_ssl_protocols", NULL, NULL, TLS_BEHIND, 0},
    {"proxy_ssl_server_name", carry_if_on, NULL, "a server is always told its name", 0},
    {"proxy_ssl_session_reuse", carry_if_on, NULL, "sessions with servers are resumed", 0},
    {"proxy_ssl_trusted_certificate", carry_later, ".behind-ca", NULL, 0},
    {"proxy_ssl_verify", carry_later, ".behind-verify", NULL, 0},
    {"proxy_ssl_verify_depth", NULL, NULL, TLS_BEHIND, 0},
    {"proxy_timeout", carry_time, "idle-timeout", NULL, 0},
    {"proxy_upload_rate", NULL, NULL, "tlsfront does not slow down", 0},
    {"proxy_upstream_buffer", NULL, NULL, FIXED, 0},
    {"resolver", NULL, NULL, RESOLVER, 0},
    {"resolver_timeout", NULL, NULL, RESOLVER, 0},
    {"return", NULL, NULL, "there is no server behind it", ROW_GUARDS},
    {"server_name", NULL, NULL,
     "one server per address: names are told apart by map and proxy_pass", ROW_GUARDS},
    {"set_real_ip_from", carry_real_ip, ".balancers", NULL, ROW_GUARDS},
    {"set", NULL, NULL, VARIABLES, 0},
    {"ssl_preread", carry_if_off, NULL,
     "tlsfront always ends TLS, and needs the names' certificates for that", ROW_GUARDS},
    {"status_zone", NULL, NULL, "every route is counted: tlsfront status", 0},
    {"tcp_nodelay", carry_if_on, NULL, "small packets are always sent at once", 0},
    {"variables_hash_bucket_size", NULL, NULL, NULL, 0},
    {"variables_hash_max_size", NULL, NULL, NULL, 0},
    {.name = NULL},
};
