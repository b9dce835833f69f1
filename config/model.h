/* model.h - the routing table as plain data: what a configuration says.
 *
 * Immutable once loaded. Texts and lists belong to the configuration, which frees all of them at
 * once; files are bytes in its bundle, names are strings that nothing here has resolved. */
#ifndef TLSFRONT_MODEL_H
#define TLSFRONT_MODEL_H

#include "config/diag.h"
#include "config/protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum config_log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum config_log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
/* The last is no configuration's: what standard error becomes where that is systemd's journal. */
enum config_log_target {
    LOG_TARGET_STDERR,
    LOG_TARGET_SYSLOG,
    LOG_TARGET_FILE,
    LOG_TARGET_JOURNAL,
    LOG_TARGETS
};
enum tls_mode {
    TLS_MODE_IMPLICIT,
    TLS_MODE_REQUIRED,
    TLS_MODE_OPTIONAL,
    TLS_MODE_OFF, /* acme only: http-01 */
};
enum client_auth { CLIENT_AUTH_NONE, CLIENT_AUTH_OPTIONAL, CLIENT_AUTH_REQUIRED };
enum send_proxy { SEND_PROXY_OFF, SEND_PROXY_V1, SEND_PROXY_V2 };
enum source_kind { SOURCE_DEFAULT, SOURCE_ADDRESS, SOURCE_TRANSPARENT };
enum tls_min_version { TLS_MIN_1_2, TLS_MIN_1_3 };
enum balance { BALANCE_FIRST, BALANCE_ROTATE, BALANCE_LEAST, BALANCE_SOURCE };
enum upstream_tls { UPSTREAM_TLS_OFF, UPSTREAM_TLS_VERIFY, UPSTREAM_TLS_PINNED };
enum start_with { START_WITH_CONFIGURATION, START_WITH_LAST_GOOD };
enum drain_newcomers { DRAIN_REFUSE, DRAIN_RESET };

/* Where to listen or to connect. */
enum endpoint_kind {
    ENDPOINT_INET, /* numeric IPv4 or IPv6 in `addr` */
    /* upstreams only: `host` is a name to resolve; with port 0 the name of a service (RFC 2782),
     * which says the ports, too */
    ENDPOINT_NAME,
    ENDPOINT_UNIX, /* `path` */
};

struct endpoint {
    enum endpoint_kind kind;
    const char *text; /* canonical: "127.0.0.1:110", "[::1]:995", "mail.example:25", "unix:/path" */
    struct sockaddr_storage addr;
    socklen_t addr_len;
    const char *host;
    uint16_t port;
    const char *path;
    struct origin at;
};

struct cidr {
    int family; /* AF_INET or AF_INET6; IPv4-mapped ones are AF_INET */
    uint8_t bytes[16];
    unsigned bits;
    const char *text; /* as it was written */
    struct origin at;
};
struct cidr_list {
    struct cidr *items;
    size_t count;
};

/* So many in a period of `per` milliseconds. */
struct connection_rate {
    unsigned count; /* 0: no limit */
    unsigned per;
};

/* A file named in the configuration; its contents are in the bundle under the same path. */
struct file_ref {
    const char *path; /* NULL: not given */
    struct origin at;
};

struct file_list {
    struct file_ref *items;
    size_t count;
};

struct certificate_config {
    const char *name;
    struct origin at;
    struct file_ref chain;
    struct file_ref key;        /* path NULL: the chain file holds the key too */
    struct file_ref passphrase; /* of an encrypted key: the first line of this file */
    bool managed; /* the block names no files: they are the key manager's, in `state` */
};

struct string_list {
    const char **items;
    size_t count;
};

/* What a client's certificate may say in subjectAltName. */
enum client_name_kind {
    CLIENT_NAME_DNS,   /* may begin with "*." for one label */
    CLIENT_NAME_EMAIL, /* rfc822Name */
    CLIENT_NAME_URI,
};
struct client_name {
    enum client_name_kind kind;
    const char *text;
};
struct client_name_list {
    struct client_name *items;
    size_t count;
};

struct certificate_list {
    size_t *items; /* indexes into config.certificates; the first is the default */
    size_t count;
    struct origin at;
};

enum { CONFIG_PIN_SIZE = 32 };

/* TLS towards the upstreams of a target. */
struct upstream_tls_config {
    enum upstream_tls mode;
    struct file_ref ca;                  /* who vouches for them */
    const char *name;                    /* whom they have to be; NULL: what each was reached by */
    struct certificate_list certificate; /* what is shown to them: one, or none */
    uint8_t (*pins)[CONFIG_PIN_SIZE];    /* SHA-256 of SubjectPublicKeyInfo */
    size_t pin_count;
    struct origin at, name_at, pins_at; /* line 0: not given */
};

/* Where sessions are sent, and how. */
struct target_config {
    const char *label;         /* whose it is, as findings begin: "route pop3s" */
    size_t index;              /* in config.targets */
    struct endpoint *upstream; /* in the order to try */
    size_t upstream_count;
    struct origin upstream_at;
    enum balance balance;
    struct origin balance_at; /* line 0: not given */
    unsigned health_check;    /* milliseconds between visits; 0: none */
    enum send_proxy send_proxy;
    struct origin send_proxy_at; /* line 0: not given */
    enum source_kind source_kind;
    struct endpoint source; /* port 0; meaningful for SOURCE_ADDRESS */
    struct origin source_at;
    bool xclient;
    struct origin xclient_at; /* line 0: not given */
    bool relay_risk_accepted; /* smtp: the operator knows that the upstream sees one address */
    struct upstream_tls_config tls;
};

/* What a route has for those clients that ask for a name (SNI). */
struct server_name_config {
    const char *name; /* in lower case; may begin with "*." for one label */
    struct origin at;
    struct certificate_list certificates; /* none: the route's */
    bool own_target;                      /* else they are sent where the route's others are */
    struct target_config target;
    unsigned max_connections; /* 0: no limit but the route's */
};

struct route_config {
    const char *name;
    struct origin at;
    enum protocol protocol;
    enum tls_mode tls;
    struct origin tls_at, plaintext_login_at; /* line 0: not given */

    struct endpoint *listen; /* ":995" has become two: 0.0.0.0 and [::] */
    size_t listen_count;
    struct target_config target;
    struct certificate_list certificates;
    bool freebind;                    /* what `listen` names need not be there yet */
    struct origin freebind_at;        /* line 0: not given */
    struct file_ref policy;           /* mta-sts only: the file that is served */
    struct server_name_config *names; /* a part of config.server_names */
    size_t name_count;
    struct file_ref challenges; /* acme only: a directory, which only the supervisor looks into */

    /* Milliseconds; 0 means no limit. */
    unsigned upgrade_timeout, handshake_timeout, connect_timeout, greeting_timeout, idle_timeout;
    unsigned tcp_user_timeout;
    unsigned max_connections, max_connections_per_ip; /* 0: no limit */
    struct origin max_connections_per_ip_at;          /* line 0: not given */
    /* Whose connections are taken: none of `deny`; of `allow`, unless that is empty. */
    struct cidr_list allow, deny;
    struct connection_rate rate_per_ip;
    struct origin rate_per_ip_at; /* line 0: not given */

    struct cidr_list accept_proxy_from;
    bool plaintext_login_allowed; /* optional routes, before TLS */

    enum client_auth client_auth;
    struct file_ref client_ca, client_crl;
    /* Both empty: every client whose certificate verifies; else those in one of them. */
    struct string_list client_subjects;
    struct client_name_list client_names;
    struct origin client_subjects_at, client_names_at; /* line 0: not given */
    enum tls_min_version min_version;
    bool strict_sni;
    struct string_list alpn;    /* empty: the protocol's registered id, if it has one */
    struct string_list groups;  /* empty: the default; names are checked by tls/ */
    struct string_list ciphers; /* likewise */
    struct origin alpn_at, groups_at, ciphers_at;

    const char *hostname; /* in greetings and refusals that tlsfront writes itself; never NULL */
    struct origin hostname_at; /* line 0: not given, it is the machine's name */
};

struct config {
    unsigned workers; /* 0: one per CPU */
    const char *user; /* workers run as this user when started as root */
    struct origin user_at;
    const char *control, *state;
    struct origin control_at, state_at; /* line 0: not given */
    struct endpoint *observe;           /* where the observer listens; none: there is no observer */
    size_t observe_count;
    struct endpoint *observe_agent; /* where it speaks haproxy's agent-check */
    size_t observe_agent_count;
    /* The first seals tickets, all open them. BUNDLE_SECRET: workers get what is derived from them.
     */
    struct file_list ticket_keys;
    enum config_log_level log_level;
    enum config_log_format log_format;
    enum config_log_target log_target;
    struct file_ref log_file;            /* LOG_TARGET_FILE */
    unsigned drain_delay, drain_timeout; /* milliseconds */
    enum drain_newcomers drain_newcomers;
    enum start_with start_with; /* where the text does not pass */
    struct origin start_with_at;
    bool key_isolation; /* private keys are the signers', not the workers' */
    bool sandbox;       /* workers give up what they do not need */
    struct origin sandbox_at;
    bool watch; /* reload when a file of the bundle changes */

    struct certificate_config *certificates;
    size_t certificate_count;
    struct route_config *routes;
    size_t route_count;
    uint8_t listen_ports[(UINT16_MAX + 1) / 8]; /* a bit for each that a route listens on */
    struct server_name_config *server_names;    /* of all routes, in their order */
    size_t server_name_count;
    const struct target_config **targets; /* of all routes, and of all names that have their own */
    size_t target_count;

    void *storage; /* private: what config_free() frees */
};

/* Before TLS, does nothing but the upgrade lead the route's clients anywhere? */
bool config_must_upgrade(const struct route_config *r);

/* Is this certificate, an index into config.certificates, in the list? */
bool config_lists(const struct certificate_list *list, size_t certificate);

/* Does the route serve it, to all or to those who ask for one of its names? */
bool config_route_uses(const struct route_config *r, size_t certificate);

/* Is the certificate one that the upstreams of the target are shown, or any? */
bool config_shows_upstream(const struct target_config *t, size_t certificate);
bool config_shown_upstream(const struct config *c, size_t certificate);
/* Of the route, or of one of its names. */
bool config_route_shows(const struct route_config *r, size_t certificate);

/* Is there a route that serves the certificate? */
bool config_served(const struct config *c, size_t certificate);

/* How many files `ticket-key` can name. */
#define CONFIG_TICKET_KEYS_MAX 4

/* Where the key manager keeps the pair of a certificate. */
#define CONFIG_MANAGED_KEY   "key.pem"
#define CONFIG_MANAGED_CHAIN "chain.pem"

#define CONFIG_DEFAULT_FILE    "/etc/tlsfront/tlsfront.conf"
#define CONFIG_DEFAULT_CONTROL "/run/tlsfront/control.sock"
#define CONFIG_DEFAULT_STATE   "/var/lib/tlsfront"

#endif
