/* schema.c - the tables of all keys. */
#include "config/schema.h"
#include "config/config.h"
#include "config/settings.h"
#include "config/suggest.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* setting_choice() stores an int. */
static_assert(sizeof(enum tls_mode) == sizeof(int) && sizeof(enum send_proxy) == sizeof(int) &&
                  sizeof(enum client_auth) == sizeof(int) && sizeof(enum balance) == sizeof(int) &&
                  sizeof(enum tls_min_version) == sizeof(int) &&
                  sizeof(enum drain_newcomers) == sizeof(int) &&
                  sizeof(enum upstream_tls) == sizeof(int) &&
                  sizeof(enum config_log_level) == sizeof(int) &&
                  sizeof(enum config_log_format) == sizeof(int),
              "an enum is not an int");

static const struct choice log_levels[] = {{"error", LOG_LEVEL_ERROR},
                                           {"warn", LOG_LEVEL_WARN},
                                           {"info", LOG_LEVEL_INFO},
                                           {"debug", LOG_LEVEL_DEBUG},
                                           {NULL, 0}};
static const struct choice log_formats[] = {
    {"text", LOG_FORMAT_TEXT}, {"json", LOG_FORMAT_JSON}, {NULL, 0}};
static const struct choice tls_modes[] = {{"implicit", TLS_MODE_IMPLICIT},
                                          {"required", TLS_MODE_REQUIRED},
                                          {"optional", TLS_MODE_OPTIONAL},
                                          {"off", TLS_MODE_OFF},
                                          {NULL, 0}};
static const struct choice send_proxies[] = {
    {"off", SEND_PROXY_OFF}, {"v1", SEND_PROXY_V1}, {"v2", SEND_PROXY_V2}, {NULL, 0}};
static const struct choice balances[] = {{"first", BALANCE_FIRST},
                                         {"rotate", BALANCE_ROTATE},
                                         {"least", BALANCE_LEAST},
                                         {"source", BALANCE_SOURCE},
                                         {NULL, 0}};
static const struct choice client_auths[] = {{"none", CLIENT_AUTH_NONE},
                                             {"optional", CLIENT_AUTH_OPTIONAL},
                                             {"required", CLIENT_AUTH_REQUIRED},
                                             {NULL, 0}};
static const struct choice min_versions[] = {{"1.2", TLS_MIN_1_2}, {"1.3", TLS_MIN_1_3}, {NULL, 0}};
static const struct choice upstream_tls_modes[] = {{"off", UPSTREAM_TLS_OFF},
                                                   {"verify", UPSTREAM_TLS_VERIFY},
                                                   {"pinned", UPSTREAM_TLS_PINNED},
                                                   {NULL, 0}};
static const struct choice drain_newcomers[] = {
    {"refuse", DRAIN_REFUSE}, {"reset", DRAIN_RESET}, {NULL, 0}};
static const struct choice start_withs[] = {
    {"configuration", START_WITH_CONFIGURATION}, {"last-good", START_WITH_LAST_GOOD}, {NULL, 0}};
static const struct choice plaintext_logins[] = {{"refuse", false}, {"allow", true}, {NULL, 0}};
static const struct choice relay_risks[] = {{"refused", false}, {"accepted", true}, {NULL, 0}};

enum { CONNECTIONS_MAX = 10000000, WORKERS_MAX = 256 };

/* The least that is no slip: below it, honest clients and servers across a network would fail,
 * visits would follow each other without a pause, and one packet that is sent again would end a
 * session. */
enum { ANSWER_LEAST_MS = 100, RETRANSMISSION_LEAST_MS = 1000 };

#define GLOBAL(field) offsetof(struct config, field)

static const struct key global_keys[] = {
    {"workers", setting_workers, .max = WORKERS_MAX, .preset = "auto"},
    {"user", setting_text, .offset = GLOBAL(user), .at_offset = GLOBAL(user_at),
     .preset = "tlsfront"},
    {"control", setting_socket_path, .offset = GLOBAL(control), .at_offset = GLOBAL(control_at),
     .preset = CONFIG_DEFAULT_CONTROL},
    {"state", setting_path, .offset = GLOBAL(state), .at_offset = GLOBAL(state_at),
     .preset = CONFIG_DEFAULT_STATE},
    {"observe", setting_observe, .list = true},
    {"observe-agent", setting_observe_agent, .list = true},
    {"ticket-key", setting_files, .offset = GLOBAL(ticket_keys), .list = true},
    {"log-level", setting_choice, .offset = GLOBAL(log_level), .choices = log_levels,
     .preset = "info"},
    {"log-format", setting_choice, .offset = GLOBAL(log_format), .choices = log_formats,
     .preset = "text"},
    {"log", setting_log, .preset = "stderr"},
    {"key-isolation", setting_switch, .offset = GLOBAL(key_isolation), .preset = "on"},
    {"sandbox", setting_switch, .offset = GLOBAL(sandbox), .at_offset = GLOBAL(sandbox_at),
     .preset = "on"},
    {"start-with", setting_choice, .offset = GLOBAL(start_with), .at_offset = GLOBAL(start_with_at),
     .choices = start_withs, .preset = "configuration"},
    {"watch", setting_switch, .offset = GLOBAL(watch), .preset = "off"},
    {"drain-delay", setting_duration, .offset = GLOBAL(drain_delay), .preset = "0s"},
    {"drain-newcomers", setting_choice, .offset = GLOBAL(drain_newcomers),
     .choices = drain_newcomers, .preset = "refuse"},
    {"drain-timeout", setting_duration, .offset = GLOBAL(drain_timeout), .preset = "30s"},
    {.name = NULL},
};

#define CERTIFICATE(field) offsetof(struct certificate_config, field)

static const struct key certificate_keys[] = {
    {"chain", setting_file, .offset = CERTIFICATE(chain)},
    {"key", setting_file, .offset = CERTIFICATE(key)},
    {"passphrase-file", setting_file, .offset = CERTIFICATE(passphrase)},
    {.name = NULL},
};

#define ROUTE(field) offsetof(struct route_config, field)

static const struct key route_keys[] = {
    {"listen", setting_listen, .list = true, .place = ON_ALL_ROUTES,
     .required = "say where clients connect, as in listen = \":995\""},
    {"freebind", setting_switch, .offset = ROUTE(freebind), .at_offset = ROUTE(freebind_at),
     .preset = "off", .place = ON_ALL_ROUTES},
    {"protocol", setting_protocol, .place = ON_ALL_ROUTES,
     .required = "say what is spoken: protocol = pop3, imap, smtp, nntp, ldap, sieve, tcp, acme or "
                 "mta-sts"},
    {"tls", setting_choice, .offset = ROUTE(tls), .at_offset = ROUTE(tls_at), .choices = tls_modes,
     .preset = "implicit", .place = ON_ALL_ROUTES}, /* acme's default is off */
    {"certificate", setting_certificates, .offset = ROUTE(certificates), .list = true,
     .place = ON_CERTIFIED_ROUTES,
     .required = "name a certificate block, as in certificate = {mail}"},
    {"upstream", setting_upstream, .offset = ROUTE(target), .list = true,
     .required = "say where the server is, as in upstream = \"127.0.0.1:110\""},
    {"balance", setting_choice, .offset = ROUTE(target.balance),
     .at_offset = ROUTE(target.balance_at), .choices = balances, .preset = "first"},
    {"health-check", setting_duration, .least = ANSWER_LEAST_MS,
     .offset = ROUTE(target.health_check), .preset = "off"},
    {"challenges", setting_path, .offset = ROUTE(challenges.path),
     .at_offset = ROUTE(challenges.at), .place = ON_ACME_ROUTES,
     .required = "name the directory where the ACME client puts its answers: challenges = /path"},
    {"policy", setting_file, .offset = ROUTE(policy), .place = ON_MTA_STS_ROUTES,
     .required = "name the file that holds the policy: policy = /path/mta-sts.txt"},

    {"upgrade-timeout", setting_duration, .least = ANSWER_LEAST_MS,
     .offset = ROUTE(upgrade_timeout), .preset = "60s"},
    {"handshake-timeout", setting_duration, .least = ANSWER_LEAST_MS,
     .offset = ROUTE(handshake_timeout), .preset = "15s", .place = ON_ALL_ROUTES},
    {"connect-timeout", setting_duration, .least = ANSWER_LEAST_MS,
     .offset = ROUTE(connect_timeout), .preset = "5s"},
    {"greeting-timeout", setting_duration, .least = ANSWER_LEAST_MS,
     .offset = ROUTE(greeting_timeout), .preset = "60s"},
    {"idle-timeout", setting_duration, .least = ANSWER_LEAST_MS,
     .offset = ROUTE(idle_timeout)}, /* the default is the protocol's */
    {"tcp-user-timeout", setting_duration, .least = RETRANSMISSION_LEAST_MS,
     .offset = ROUTE(tcp_user_timeout), .preset = "60s", .place = ON_ALL_ROUTES},
    {"max-connections", setting_number, .offset = ROUTE(max_connections), .max = CONNECTIONS_MAX,
     .place = ON_ALL_ROUTES},
    {"max-connections-per-ip", setting_number, .offset = ROUTE(max_connections_per_ip),
     .at_offset = ROUTE(max_connections_per_ip_at), .max = CONNECTIONS_MAX, .place = ON_ALL_ROUTES},
    {"allow", setting_networks, .offset = ROUTE(allow), .list = true, .place = ON_ALL_ROUTES},
    {"deny", setting_networks, .offset = ROUTE(deny), .list = true, .place = ON_ALL_ROUTES},
    {"connection-rate-per-ip", setting_rate, .offset = ROUTE(rate_per_ip),
     .at_offset = ROUTE(rate_per_ip_at), .place = ON_ALL_ROUTES},

    {"send-proxy", setting_choice, .offset = ROUTE(target.send_proxy),
     .at_offset = ROUTE(target.send_proxy_at), .choices = send_proxies, .preset = "off"},
    {"accept-proxy-from", setting_networks, .offset = ROUTE(accept_proxy_from), .list = true,
     .place = ON_ALL_ROUTES},
    {"source", setting_source, .offset = ROUTE(target)},
    {"xclient", setting_switch, .offset = ROUTE(target.xclient),
     .at_offset = ROUTE(target.xclient_at)},
    {"plaintext-login", setting_flag, .offset = ROUTE(plaintext_login_allowed),
     .at_offset = ROUTE(plaintext_login_at), .choices = plaintext_logins},
    {"relay-risk", setting_flag, .offset = ROUTE(target.relay_risk_accepted),
     .choices = relay_risks},

    {"upstream-tls", setting_choice, .offset = ROUTE(target.tls.mode),
     .at_offset = ROUTE(target.tls.at), .choices = upstream_tls_modes, .preset = "off"},
    {"upstream-ca", setting_file, .offset = ROUTE(target.tls.ca)},
    {"upstream-name", setting_upstream_name, .offset = ROUTE(target.tls.name),
     .at_offset = ROUTE(target.tls.name_at)},
    {"upstream-certificate", setting_certificates, .offset = ROUTE(target.tls.certificate)},
    {"upstream-pins", setting_pins, .offset = ROUTE(target.tls),
     .at_offset = ROUTE(target.tls.pins_at), .list = true},

    {"client-certificate", setting_choice, .offset = ROUTE(client_auth), .choices = client_auths,
     .preset = "none"},
    {"client-ca", setting_file, .offset = ROUTE(client_ca)},
    {"client-crl", setting_file, .offset = ROUTE(client_crl)},
    {"client-subjects", setting_client_subjects, .at_offset = ROUTE(client_subjects_at),
     .list = true},
    {"client-names", setting_client_names, .at_offset = ROUTE(client_names_at), .list = true},
    {"min-version", setting_choice, .offset = ROUTE(min_version), .choices = min_versions,
     .preset = "1.2", .place = ON_CERTIFIED_ROUTES},
    {"strict-sni", setting_switch, .offset = ROUTE(strict_sni), .preset = "off",
     .place = ON_CERTIFIED_ROUTES},
    {"alpn", setting_texts, .offset = ROUTE(alpn), .at_offset = ROUTE(alpn_at), .list = true,
     .place = ON_CERTIFIED_ROUTES},
    {"groups", setting_texts, .offset = ROUTE(groups), .at_offset = ROUTE(groups_at), .list = true,
     .place = ON_CERTIFIED_ROUTES},
    {"ciphers", setting_texts, .offset = ROUTE(ciphers), .at_offset = ROUTE(ciphers_at),
     .list = true, .place = ON_CERTIFIED_ROUTES},
    {"hostname", setting_hostname, .offset = ROUTE(hostname), .at_offset = ROUTE(hostname_at),
     .place = ON_CERTIFIED_ROUTES}, /* the default is the machine's */
    {.name = NULL},
};

#define SERVER_NAME(field) offsetof(struct server_name_config, field)

/* What is left out is the route's, so there are no presets. */
static const struct key server_name_keys[] = {
    {"certificate", setting_certificates, .offset = SERVER_NAME(certificates), .list = true},
    {"upstream", setting_upstream, .offset = SERVER_NAME(target), .list = true},
    {"max-connections", setting_number, .offset = SERVER_NAME(max_connections),
     .max = CONNECTIONS_MAX},
    {"upstream-tls", setting_choice, .offset = SERVER_NAME(target.tls.mode),
     .at_offset = SERVER_NAME(target.tls.at), .choices = upstream_tls_modes},
    {"upstream-ca", setting_file, .offset = SERVER_NAME(target.tls.ca)},
    {"upstream-name", setting_upstream_name, .offset = SERVER_NAME(target.tls.name),
     .at_offset = SERVER_NAME(target.tls.name_at)},
    {"upstream-certificate", setting_certificates, .offset = SERVER_NAME(target.tls.certificate)},
    {"upstream-pins", setting_pins, .offset = SERVER_NAME(target.tls),
     .at_offset = SERVER_NAME(target.tls.pins_at), .list = true},
    {"balance", setting_choice, .offset = SERVER_NAME(target.balance),
     .at_offset = SERVER_NAME(target.balance_at), .choices = balances},
    {"health-check", setting_duration, .least = ANSWER_LEAST_MS,
     .offset = SERVER_NAME(target.health_check)},
    {"send-proxy", setting_choice, .offset = SERVER_NAME(target.send_proxy),
     .at_offset = SERVER_NAME(target.send_proxy_at), .choices = send_proxies},
    {"source", setting_source, .offset = SERVER_NAME(target)},
    {"xclient", setting_switch, .offset = SERVER_NAME(target.xclient),
     .at_offset = SERVER_NAME(target.xclient_at)},
    {"relay-risk", setting_flag, .offset = SERVER_NAME(target.relay_risk_accepted),
     .choices = relay_risks},
    {.name = NULL},
};

static const struct scope_row {
    const char *name;
    const struct key *keys;
    const char *advice; /* before the list of its keys */
} scopes[SCOPES] = {
    [SCOPE_GLOBAL] = {"global", global_keys, "keys outside of blocks"},
    [SCOPE_CERTIFICATE] = {"certificate", certificate_keys, "keys of a certificate block"},
    [SCOPE_ROUTE] = {"route", route_keys, "keys of a route block"},
    [SCOPE_SERVER_NAME] = {"server-name", server_name_keys, "keys of a server-name block"},
};

const char *config_tls_mode_name(enum tls_mode mode)
{
    const struct choice *c = tls_modes;
    while (c->value != (int)mode)
        c++;
    return c->name;
}

const char *config_upstream_tls_name(enum upstream_tls mode)
{
    return upstream_tls_modes[mode].name; /* in that order */
}

const struct key *schema_keys(enum scope scope)
{
    return scopes[scope].keys;
}

const struct key *schema_find(enum scope scope, const char *name)
{
    for (const struct key *key = schema_keys(scope); key->name != NULL; key++)
        if (strcmp(key->name, name) == 0)
            return key;
    return NULL;
}

const char *schema_scope_name(enum scope scope)
{
    return scopes[scope].name;
}

bool schema_scope_by_name(const char *name, enum scope *scope)
{
    for (int i = 0; i < SCOPES; i++) {
        if (strcmp(scopes[i].name, name) == 0) {
            *scope = (enum scope)i;
            return true;
        }
    }
    return false;
}

static const char *block_advice(struct arena *a, const char *name)
{
    struct suggest kinds = suggest_begin(a, name);
    for (int i = SCOPE_GLOBAL + 1; i < SCOPES; i++)
        suggest_offer(&kinds, scopes[i].name);
    return suggest_text(&kinds, "kinds of blocks");
}

/* Most of a route is settled before a client names a server. */
static const char *whole_route_advice(struct arena *a)
{
    const char *list = "";
    for (const struct key *key = schema_keys(SCOPE_SERVER_NAME); key->name != NULL; key++)
        list = arena_format(a, "%s%s%s", list, *list != '\0' ? ", " : "", key->name);
    return arena_format(a, "set it for the whole route; a server-name block holds %s", list);
}

/* A key in the wrong place: say where it belongs. */
static const char *place_advice(struct arena *a, enum scope scope, const char *name)
{
    if (strcmp(name, scopes[SCOPE_SERVER_NAME].name) == 0)
        return "write a block into a route block: server-name \"NAME\" { upstream = ... }";
    if (scope == SCOPE_SERVER_NAME && schema_find(SCOPE_ROUTE, name) != NULL)
        return whole_route_advice(a);
    if (strcmp(name, "include") == 0)
        return "include(\"FILE\") stands outside of all blocks";
    if (schema_find(SCOPE_GLOBAL, name) != NULL)
        return "this key stands outside of all blocks";
    if (schema_find(SCOPE_ROUTE, name) != NULL)
        return "this key stands in a route block";
    if (schema_find(SCOPE_CERTIFICATE, name) != NULL)
        return "this key stands in a certificate block";
    return NULL;
}

const char *schema_advice(struct arena *a, enum scope scope, const char *name)
{
    if (scope == SCOPES)
        return block_advice(a, name);
    const char *place = place_advice(a, scope, name);
    if (place != NULL)
        return place;
    struct suggest keys = suggest_begin(a, name);
    for (const struct key *key = schema_keys(scope); key->name != NULL; key++)
        suggest_offer(&keys, key->name);
    return suggest_text(&keys, scopes[scope].advice);
}
