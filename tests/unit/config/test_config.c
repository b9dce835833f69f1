/* test_config.c - right configurations: what they mean, defaults, and one load after another. */
#include "mistake.h"

#include "config/schema.h"
#include "config/settings.h"

#include <malloc.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

/* The example of the manual, its comments and all. */
static const char example[] =
    "workers = auto                         # one process per CPU, or a number\n"
    "user    = tlsfront                     # workers run as this user when started as root\n"
    "control = /run/tlsfront/control.sock\n"
    "state   = /var/lib/tlsfront            # keys and requests made by `tlsfront key`\n"
    "log-level = info                       # error | warn | info | debug\n"
    "log-format = text                      # text (key=value) | json\n"
    "include(\"/etc/tlsfront/conf.d/*.conf\")\n"
    "\n"
    "certificate mail {\n"
    "    chain = /c          # leaf first; PEM, several certificates; may also hold the key\n"
    "    key   = /k\n"
    "}\n"
    "\n"
    "route pop3s {\n"
    "    listen      = \"0.0.0.0:995\"        # or \":995\" for all addresses, \"[::1]:995\"\n"
    "    protocol    = pop3                 # pop3 | imap | smtp | nntp | ldap | sieve | tcp\n"
    "    tls         = implicit             # implicit | required | optional\n"
    "    certificate = {mail}               # the first is the default; SNI picks among all\n"
    "    upstream    = \"127.0.0.1:110\"      # host:port, \"unix:/path\", or a list tried in "
    "order\n"
    "}\n";

static void the_example_is_understood(void **state)
{
    (void)state;
    struct config *c = load_clean(example);
    assert_int_equal(c->workers, 0);
    assert_string_equal(c->user, "tlsfront");
    assert_int_equal(c->user_at.line, 2);
    assert_string_equal(c->user_at.file, TEXT_PATH);
    assert_string_equal(c->control, "/run/tlsfront/control.sock");
    assert_string_equal(c->state, "/var/lib/tlsfront");
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_int_equal(c->log_format, LOG_FORMAT_TEXT);

    assert_int_equal(c->certificate_count, 1);
    assert_string_equal(c->certificates[0].name, "mail");
    assert_int_equal(c->certificates[0].at.line, 9);
    assert_string_equal(c->certificates[0].chain.path, "/c");
    assert_int_equal(c->certificates[0].chain.at.line, 10);
    assert_string_equal(c->certificates[0].key.path, "/k");
    assert_int_equal(c->certificates[0].key.at.line, 11);

    assert_int_equal(c->route_count, 1);
    const struct route_config *r = &c->routes[0];
    assert_string_equal(r->name, "pop3s");
    assert_int_equal(r->at.line, 14);
    assert_int_equal(r->protocol, PROTOCOL_POP3);
    assert_int_equal(r->tls, TLS_MODE_IMPLICIT);
    assert_int_equal(r->listen_count, 1);
    assert_string_equal(r->listen[0].text, "0.0.0.0:995");
    assert_int_equal(r->listen[0].at.line, 15);
    assert_int_equal(r->certificates.count, 1);
    assert_int_equal(r->certificates.items[0], 0);
    assert_int_equal(r->certificates.at.line, 18);
    assert_int_equal(r->target.upstream_count, 1);
    assert_string_equal(r->target.upstream[0].text, "127.0.0.1:110");
    assert_int_equal(r->target.upstream_at.line, 19);
    config_free(c);
}

static void what_is_not_said_has_its_default(void **state)
{
    char host[256];
    (void)state;
    struct config *c = load_clean(ROUTE(""));
    assert_int_equal(c->workers, 0);
    assert_string_equal(c->user, "tlsfront");
    assert_null(c->user_at.file);
    assert_string_equal(c->control, CONFIG_DEFAULT_CONTROL);
    assert_string_equal(c->state, "/var/lib/tlsfront");
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_int_equal(c->log_format, LOG_FORMAT_TEXT);
    assert_int_equal(c->log_target, LOG_TARGET_STDERR);
    assert_null(c->log_file.path);
    assert_int_equal(c->drain_timeout, 30000);
    assert_int_equal(c->drain_delay, 0);
    assert_int_equal(c->drain_newcomers, DRAIN_REFUSE);
    assert_true(c->sandbox);
    assert_true(c->key_isolation);

    const struct route_config *r = &c->routes[0];
    assert_int_equal(r->tls, TLS_MODE_IMPLICIT);
    assert_int_equal(r->handshake_timeout, 15000);
    assert_int_equal(r->connect_timeout, 5000);
    assert_int_equal(r->greeting_timeout, 60000);
    assert_int_equal(r->upgrade_timeout, 60000);
    assert_int_equal(r->idle_timeout, protocol_facts(PROTOCOL_POP3)->idle_ms);
    assert_int_equal(r->tcp_user_timeout, 60000);
    assert_int_equal(r->target.balance, BALANCE_FIRST);
    assert_int_equal(r->target.health_check, 0);
    assert_false(r->freebind);
    assert_int_equal(r->max_connections, 0);
    assert_int_equal(r->max_connections_per_ip, 0);
    assert_int_equal(r->rate_per_ip.count + r->allow.count + r->deny.count, 0);
    assert_int_equal(r->target.send_proxy, SEND_PROXY_OFF);
    assert_int_equal(r->target.source_kind, SOURCE_DEFAULT);
    assert_int_equal(r->client_auth, CLIENT_AUTH_NONE);
    assert_null(r->client_ca.path);
    assert_int_equal(r->min_version, TLS_MIN_1_2);
    assert_false(r->strict_sni || r->target.xclient || r->plaintext_login_allowed);
    assert_false(r->target.relay_risk_accepted);
    assert_int_equal(r->target.tls.mode, UPSTREAM_TLS_OFF);
    assert_null(r->target.tls.ca.path);
    assert_null(r->target.tls.name);
    assert_int_equal(r->target.tls.certificate.count + r->target.tls.pin_count, 0);
    assert_int_equal(r->alpn.count + r->groups.count + r->ciphers.count, 0);
    assert_int_equal(gethostname(host, sizeof host), 0);
    assert_true(strcmp(r->hostname, host) == 0 || strcmp(r->hostname, "localhost") == 0);
    config_free(c);
}

static void ticket_keys_are_one_or_several_files(void **state)
{
    (void)state;
    struct config *c = load_clean("ticket-key = /etc/new\n" ROUTE(""));
    assert_int_equal(c->ticket_keys.count, 1);
    assert_string_equal(c->ticket_keys.items[0].path, "/etc/new");
    config_free(c);
    c = load_clean("ticket-key = {\"/etc/new\",\n old}\n" ROUTE(""));
    assert_int_equal(c->ticket_keys.count, 2);
    assert_string_equal(c->ticket_keys.items[1].path, "/etc/tlsfront/old");
    assert_int_equal(c->ticket_keys.items[1].at.line, 2);
    config_free(c);
}

static void who_observes_may_come_by_several_ways(void **state)
{
    (void)state;
    struct config *c = load_clean(
        "observe = {\"127.0.0.1:9770\", \"[::1]:9770\", \"unix:/run/o.sock\"}\n" ROUTE(""));
    assert_int_equal(c->observe_count, 3);
    assert_string_equal(c->observe[0].text, "127.0.0.1:9770");
    assert_string_equal(c->observe[1].text, "[::1]:9770");
    assert_string_equal(c->observe[2].path, "/run/o.sock");
    assert_int_equal(c->observe[0].at.line, 1);
    config_free(c);
    c = load_clean(ROUTE(""));
    assert_int_equal(c->observe_count + c->observe_agent_count, 0);
    config_free(c);
}

/* From wherever a balancer is: it shows nothing. */
static void balancers_may_ask_on_any_address(void **state)
{
    (void)state;
    struct config *c =
        load_clean("observe-agent = {\"192.0.2.1:9771\", \"unix:/run/a.sock\"}\n" ROUTE(""));
    assert_int_equal(c->observe_agent_count, 2);
    assert_string_equal(c->observe_agent[0].text, "192.0.2.1:9771");
    assert_string_equal(c->observe_agent[1].path, "/run/a.sock");
    assert_int_equal(c->observe_count, 0);
    config_free(c);
}

/* So that who goes on looking for findings meets no hole. */
static void a_wrong_value_leaves_the_default(void **state)
{
    struct diags d = {0};
    struct bundle *b =
        bundle_of("user = \"\"\ncontrol = \"\"\nstate = \"\"\nlog = \"\"\nlog-level = x\n"
                  "workers = x\nwatch = x\ndrain-timeout = x\n" ROUTE("connect-timeout = x"));
    (void)state;
    struct config *c = config_load(b, &d);
    assert_non_null(c);
    assert_int_equal(d.count, 9);
    assert_false(diag_ok(&d, DIAG_ERROR));
    assert_string_equal(c->user, "tlsfront");
    assert_string_equal(c->control, CONFIG_DEFAULT_CONTROL);
    assert_string_equal(c->state, CONFIG_DEFAULT_STATE);
    assert_int_equal(c->log_target, LOG_TARGET_STDERR);
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_int_equal(c->drain_timeout, 30000);
    assert_int_equal(c->routes[0].connect_timeout, 5000);
    config_free(c);
    bundle_free(b);
    diags_free(&d);
}

static void the_upgrade_is_a_must_where_nothing_else_leads_anywhere(void **state)
{
    static const struct {
        const char *protocol, *lines;
        bool must;
    } rows[] = {
        {"smtp", "tls = required", true},
        {"ldap", "tls = required upgrade-timeout = 9s", true},
        {"pop3", "tls = optional upgrade-timeout = 9s", true},
        {"imap", "tls = optional", true},
        {"sieve", "tls = optional plaintext-login = refuse", true},
        {"imap", "tls = optional plaintext-login = allow", false},
        {"smtp", "tls = optional", false},
        {"nntp", "tls = optional", false},
        {"ldap", "tls = optional", false},
        {"pop3", "tls = implicit", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 CERTIFICATE "route r { listen = \"127.0.0.1:1\" certificate = mail "
                             "relay-risk = accepted upstream = \"192.0.2.1:1\"\n"
                             "protocol = %s %s\n}\n",
                 rows[i].protocol, rows[i].lines);
        struct config *c = load_clean(text);
        assert_int_equal(config_must_upgrade(&c->routes[0]), rows[i].must);
        if (strstr(text, "9s") != NULL)
            assert_int_equal(c->routes[0].upgrade_timeout, 9000);
        config_free(c);
    }
}

static void every_key_reaches_its_field(void **state)
{
    (void)state;
    struct config *c = load_clean(
        "workers = 4 user = u control = run.sock state = ../lib\n"
        "log-level = debug log-format = json log = ./x.log drain-timeout = off watch = "
        "on drain-delay = 5s drain-newcomers = reset sandbox = off key-isolation = "
        "off\n" CERTIFICATE "certificate second { chain = '/c' }\n"
        "route all {\n"
        "listen = {\"*:4650\", \"[::1]:465\", \"localhost:466\", \"unix:/run/l\"}\n"
        "protocol = smtp tls = implicit certificate = {second, mail}\n"
        "upstream = {\"mail.example:25\", \"[2001:db8::1]:25\", \"2.2.2.2:25\", \"srv:_a._b.c\"}\n"
        "handshake-timeout = 1s connect-timeout = 2s greeting-timeout = 3s idle-timeout = 0\n"
        "max-connections = 100 max-connections-per-ip = 10 connection-rate-per-ip = '30/1m' "
        "allow = {'192.0.2.0/24', '::ffff:198.51.100.0/120'} deny = '192.0.2.1'\n"
        "send-proxy = v2 xclient = off relay-risk = accepted\n"
        "client-certificate = optional client-ca = /ca client-crl = /crl\n"
        "client-subjects = {\"O=X, CN=a\", \"CN=b\\\\, c\"}\n"
        "client-names = {\"*.a.example\", \"al@b.example\", \"spiffe://c/d\"}\n"
        "min-version = 1.3 strict-sni = on alpn = {\"a\", \"b\"} groups = x25519\n"
        "ciphers = {A} ciphers += B\n"
        "hostname = mx.example.org\n"
        "freebind = on tcp-user-timeout = 4m balance = source health-check = 7s\n"
        "}\n");
    assert_int_equal(c->workers, 4);
    assert_string_equal(c->user, "u");
    assert_string_equal(c->control, "/etc/tlsfront/run.sock");
    assert_string_equal(c->state, "/etc/tlsfront/../lib");
    assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(c->log_format, LOG_FORMAT_JSON);
    assert_int_equal(c->log_target, LOG_TARGET_FILE);
    assert_string_equal(c->log_file.path, "/etc/tlsfront/./x.log");
    assert_int_equal(c->drain_timeout, 0);
    assert_int_equal(c->drain_delay, 5000);
    assert_int_equal(c->drain_newcomers, DRAIN_RESET);
    assert_true(c->watch);
    assert_false(c->sandbox);
    assert_false(c->key_isolation);
    assert_null(c->certificates[1].key.path);

    const struct route_config *r = &c->routes[0];
    static const char *const listens[] = {"0.0.0.0:4650", "[::]:4650", "[::1]:465", "127.0.0.1:466",
                                          "unix:/run/l"};
    assert_int_equal(r->listen_count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(r->listen[i].text, listens[i]);
    assert_int_equal(r->target.upstream_count, 4);
    assert_int_equal(r->target.upstream[0].kind, ENDPOINT_NAME);
    assert_string_equal(r->target.upstream[0].host, "mail.example");
    assert_int_equal(r->target.upstream[0].port, 25);
    assert_int_equal(r->target.upstream[1].kind, ENDPOINT_INET);
    assert_int_equal(r->target.upstream[3].kind, ENDPOINT_NAME);
    assert_string_equal(r->target.upstream[3].host, "_a._b.c");
    assert_int_equal(r->target.upstream[3].port, 0);
    assert_int_equal(r->certificates.count, 2);
    assert_int_equal(r->certificates.items[0], 1);
    assert_int_equal(r->certificates.items[1], 0);
    assert_int_equal(r->handshake_timeout, 1000);
    assert_int_equal(r->connect_timeout, 2000);
    assert_int_equal(r->greeting_timeout, 3000);
    assert_int_equal(r->idle_timeout, 0);
    assert_int_equal(r->tcp_user_timeout, 240000);
    assert_int_equal(r->target.balance, BALANCE_SOURCE);
    assert_int_equal(r->target.health_check, 7000);
    assert_true(r->freebind);
    assert_int_equal(r->max_connections, 100);
    assert_int_equal(r->max_connections_per_ip, 10);
    assert_int_equal(r->rate_per_ip.count, 30);
    assert_int_equal(r->rate_per_ip.per, 60000);
    assert_int_equal(r->allow.count, 2);
    assert_int_equal(r->allow.items[1].family, AF_INET);
    assert_string_equal(r->allow.items[1].text, "::ffff:198.51.100.0/120");
    assert_int_equal(r->deny.count, 1);
    assert_int_equal(r->deny.items[0].bits, 32);
    assert_int_equal(r->target.send_proxy, SEND_PROXY_V2);
    assert_true(r->target.relay_risk_accepted);
    assert_int_equal(r->client_auth, CLIENT_AUTH_OPTIONAL);
    assert_string_equal(r->client_ca.path, "/ca");
    assert_string_equal(r->client_crl.path, "/crl");
    assert_int_equal(r->client_subjects.count, 2);
    assert_string_equal(r->client_subjects.items[1], "CN=b\\, c");
    assert_int_equal(r->client_subjects_at.line, 13);
    assert_int_equal(r->client_names.count, 3);
    assert_int_equal(r->client_names.items[0].kind, CLIENT_NAME_DNS);
    assert_string_equal(r->client_names.items[1].text, "al@b.example");
    assert_int_equal(r->client_names.items[1].kind, CLIENT_NAME_EMAIL);
    assert_int_equal(r->client_names.items[2].kind, CLIENT_NAME_URI);
    assert_int_equal(r->min_version, TLS_MIN_1_3);
    assert_true(r->strict_sni);
    assert_int_equal(r->alpn.count, 2);
    assert_string_equal(r->alpn.items[1], "b");
    assert_string_equal(r->groups.items[0], "x25519");
    assert_int_equal(r->groups_at.line, 15);
    assert_int_equal(r->ciphers.count, 2);
    assert_string_equal(r->ciphers.items[1], "B");
    assert_string_equal(r->hostname, "mx.example.org");
    config_free(c);
}

static void a_source_address_has_no_port(void **state)
{
    (void)state;
    struct config *c = load_clean(ROUTE("source = 127.0.0.9"));
    const struct route_config *r = &c->routes[0];
    assert_int_equal(r->target.source_kind, SOURCE_ADDRESS);
    assert_string_equal(r->target.source.text, "127.0.0.9");
    assert_int_equal(((const struct sockaddr_in *)&r->target.source.addr)->sin_port, 0);
    config_free(c);
}

static void idle_time_follows_the_protocol(void **state)
{
    (void)state;
    for (int i = 0; i < PROTOCOLS; i++) {
        const struct protocol_facts *facts = protocol_facts((enum protocol)i);
        char text[512];
        if (i == PROTOCOL_ACME || i == PROTOCOL_MTA_STS) /* have no such thing */
            continue;
        snprintf(text, sizeof text,
                 CERTIFICATE "route r { listen = \":9000\" protocol = %s certificate = mail "
                             "upstream = \"192.0.2.1:1\" relay-risk = accepted }",
                 facts->name);
        struct config *c = load_clean(text);
        assert_int_equal(c->routes[0].idle_timeout, facts->idle_ms);
        config_free(c);
    }
}

static void an_acme_route_has_a_directory_and_no_server(void **state)
{
    (void)state;
    struct config *c =
        load_clean("route http { listen = \":80\" protocol = acme challenges = /d }\n"
                   "route tls { listen = \":443\" protocol = acme challenges = /d tls = implicit\n"
                   "handshake-timeout = 5s max-connections = 100 max-connections-per-ip = 10\n"
                   "accept-proxy-from = 192.0.2.0/24 connection-rate-per-ip = 9/1s "
                   "allow = {'192.0.2.0/24'} deny = {'192.0.2.128/25'} }\n"
                   "route off { listen = \":8080\" protocol = acme challenges = d tls = off }\n");
    assert_int_equal(c->routes[0].protocol, PROTOCOL_ACME);
    assert_int_equal(c->routes[0].tls, TLS_MODE_OFF);
    assert_string_equal(c->routes[0].challenges.path, "/d");
    assert_int_equal(c->routes[0].challenges.at.line, 1);
    assert_int_equal(c->routes[0].target.upstream_count + c->routes[0].certificates.count, 0);
    assert_int_equal(c->routes[1].tls, TLS_MODE_IMPLICIT);
    assert_int_equal(c->routes[2].tls, TLS_MODE_OFF);
    assert_string_equal(c->routes[2].challenges.path, "/etc/tlsfront/d");
    config_free(c);
}

static void an_mta_sts_route_has_a_file_and_no_server(void **state)
{
    (void)state;
    struct config *c = load_clean(
        CERTIFICATE
        "route sts { listen = \":443\" protocol = mta-sts certificate = mail policy = /c\n"
        "handshake-timeout = 5s max-connections = 9 deny = '192.0.2.0/24'\n"
        "min-version = 1.3 hostname = mta-sts.example.org }\n");
    const struct route_config *r = &c->routes[0];
    assert_int_equal(r->protocol, PROTOCOL_MTA_STS);
    assert_int_equal(r->tls, TLS_MODE_IMPLICIT);
    assert_string_equal(r->policy.path, "/c");
    assert_int_equal(r->target.upstream_count, 0);
    assert_int_equal(r->certificates.count, 1);
    assert_string_equal(r->hostname, "mta-sts.example.org");
    config_free(c);
}

static void a_specific_address_beside_a_wildcard_is_fine(void **state)
{
    (void)state;
    config_free(load_clean(
        CERTIFICATE "route a { listen = \":995\" protocol = pop3 certificate = mail "
                    "upstream = \"192.0.2.1:110\" }\n"
                    "route b { listen = \"192.0.2.9:995\" protocol = pop3 certificate = mail "
                    "upstream = \"192.0.2.2:110\" }\n"));
}

static void odd_but_right_spellings_are_understood(void **state)
{
    (void)state;
    config_free(load_clean("\xEF\xBB\xBF" ROUTE("")));                        /* byte order mark */
    config_free(load_clean(ROUTE("alpn = {a, b,}")));                         /* comma at the end */
    config_free(load_clean(ROUTE("alpn\n=\n{\na\n,\nb\n}\nxclient\n= off"))); /* spread out */
    config_free(load_clean(ROUTE("alpn = {\"\\\"a\\\\\", 'it\\'s', '${HOME}', \"#\", \"/*\"}")));
    config_free(load_clean(ROUTE("// c\n/* d\n */ # e\nxclient = off# f")));
    config_free(load_clean("user=a " CERTIFICATE "route r{listen=\"127.0.0.1:995\"protocol=pop3 "
                           "certificate=mail upstream=\"127.0.0.1:110\"}"));
}

static void dos_line_ends_are_line_ends(void **state)
{
    char text[1024];
    const char *unix_text = ROUTE("\n\n\nhostname = a.b");
    size_t length = 0;
    (void)state;
    for (size_t i = 0; unix_text[i] != '\0'; i++) {
        if (unix_text[i] == '\n')
            text[length++] = '\r';
        text[length++] = unix_text[i];
    }
    text[length] = '\0';
    struct config *c = load_clean(text);
    assert_int_equal(c->routes[0].listen[0].at.line, 3);
    assert_string_equal(c->routes[0].hostname, "a.b");
    config_free(c);
}

/* ---- one after another ---- */

static size_t findings_of(const char *text)
{
    struct diags d = {0};
    struct bundle *b = bundle_of(text);
    config_free(config_load(b, &d));
    size_t count = d.count;
    bundle_free(b);
    diags_free(&d);
    return count;
}

/* libconfuse's lexer is global: each of these once left it in the middle of something. */
static void a_bad_text_does_not_spoil_the_next(void **state)
{
    static const char *const bad[] = {
        "user = \"a",
        "user = 'a",
        "/* a",
        "user = {",
        "route r {",
        "user =",
        "user = \"\\777\"",
        "user = \"\\8\"",
        "include(\"x\"",
        "include(",
        "user = ${",
        "user = \"${",
        "route r { listen = {\"a\"",
        "\\",
        "\"",
        "'",
        "(",
        "{",
        "}",
        "=",
        "+=",
        ",",
        "route r { route s { x",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        config_free(load_clean(example));
        assert_true(findings_of(bad[i]) > 0);
        config_free(load_clean(example));
    }
}

static void load_good_and_bad(int times)
{
    for (int i = 0; i < times; i++) {
        config_free(load_clean(example));
        assert_true(findings_of("uzer = x\nroute r { foo = x listen \"a\" }\nuser = \"a\n") > 0);
    }
}

/* One lost allocation per load would be 32,000 bytes at least; malloc's own caches hold less. With
 * a leak sanitizer mallinfo2() shows nothing, but then the sanitizer does. */
static void a_thousand_loads_leave_nothing_behind(void **state)
{
    (void)state;
    load_good_and_bad(100);
    size_t before = mallinfo2().uordblks;
    load_good_and_bad(1000);
    assert_true(mallinfo2().uordblks < before + 32000);
}

/* Cut anywhere, a text is refused or understood, and the next one is read as ever. */
static void cut_at_every_byte_it_is_no_surprise(void **state)
{
    (void)state;
    for (size_t cut = 0; cut < sizeof example - 1; cut++) {
        char text[sizeof example] = "";
        memcpy(text, example, cut);
        assert_true(findings_of(text) > 0 || cut >= sizeof example - 2);
    }
    config_free(load_clean(example));
}

static void a_config_outlives_its_bundle(void **state)
{
    struct diags d = {0};
    (void)state;
    struct bundle *b = bundle_of(example);
    struct config *c = config_load(b, &d);
    bundle_free(b);
    assert_string_equal(c->routes[0].at.file, TEXT_PATH);
    assert_string_equal(c->routes[0].listen[0].at.file, TEXT_PATH);
    config_free(c);
    config_free(NULL);
}

static void texts_of_a_bundle_add_up(void **state)
{
    struct diags d = {0};
    (void)state;
    struct bundle *b = bundle_of("user = a\ninclude(\"x.conf\")\n");
    const char *second = "user = b\n" CERTIFICATE;
    const char *third = "route r { listen = \":995\" protocol = pop3 certificate = mail\n"
                        "upstream = \"192.0.2.1:1\" }";
    bundle_add(b, BUNDLE_TEXT, "/2", second, strlen(second), NULL);
    bundle_add(b, BUNDLE_TEXT, "/3", third, strlen(third), NULL);
    struct config *c = config_load(b, &d);
    assert_non_null(c);
    assert_int_equal(d.count, 1); /* a doubled key, across files */
    assert_string_equal(d.items[0].file, "/2");
    assert_int_equal(d.items[0].line, 1);
    assert_non_null(strstr(d.items[0].cause, TEXT_PATH " line 1"));
    assert_string_equal(c->routes[0].at.file, "/3");
    config_free(c);
    bundle_free(b);
    diags_free(&d);
}

/* The key manager's pair is looked for under `state`, wherever that stands in the text. */
static void a_certificate_without_files_is_the_key_managers(void **state)
{
    static const char text[] = "certificate x.y { }\nstate = keys\n" ROUTE("");
    struct diags d = {0};
    (void)state;
    struct bundle *b = bundle_of(text);
    bundle_add(b, BUNDLE_FILE, "/etc/tlsfront/keys/x.y/key.pem", "x", 1, NULL);
    bundle_add(b, BUNDLE_FILE, "/etc/tlsfront/keys/x.y/chain.pem", "x", 1, NULL);
    struct config *c = config_load(b, &d);
    print_findings(&d);
    assert_int_equal(d.count, 1); /* no route uses it */
    assert_true(c->certificates[0].managed);
    assert_string_equal(c->certificates[0].chain.path, "/etc/tlsfront/keys/x.y/chain.pem");
    assert_string_equal(c->certificates[0].key.path, "/etc/tlsfront/keys/x.y/key.pem");
    assert_int_equal(c->certificates[0].chain.at.line, 1);
    assert_false(c->certificates[1].managed);
    config_free(c);
    bundle_free(b);
    diags_free(&d);
}

static void a_hostname_that_is_given_has_its_place(void **state)
{
    (void)state;
    struct config *c = load_clean(ROUTE("hostname = mail.example.org"));
    assert_int_equal(c->routes[0].hostname_at.line, ROUTE_LINE);
    config_free(c);
    c = load_clean(ROUTE(""));
    assert_int_equal(c->routes[0].hostname_at.line, 0);
    assert_true(config_route_uses(&c->routes[0], 0));
    assert_false(config_route_uses(&c->routes[0], 1));
    config_free(c);
}

#define SECURED(lines)                                                                             \
    CERTIFICATE                                                                                    \
    "route r {\nlisten = \"127.0.0.1:995\"\nprotocol = pop3\ncertificate = {mail}\n" lines         \
    "\nupstream = \"192.0.2.1:995\"\n}\n"

static void tls_to_the_upstream_is_read(void **state)
{
    static const uint8_t zeros[CONFIG_PIN_SIZE];
    uint8_t counted[CONFIG_PIN_SIZE];
    (void)state;
    struct config *c = load_clean(
        SECURED("upstream-tls = verify upstream-ca = /ca upstream-name = \"2001:db8::1\"\n"
                "upstream-certificate = mail"));
    const struct upstream_tls_config *tls = &c->routes[0].target.tls;
    assert_int_equal(tls->mode, UPSTREAM_TLS_VERIFY);
    assert_string_equal(tls->ca.path, "/ca");
    assert_string_equal(tls->name, "2001:db8::1");
    assert_int_equal(tls->certificate.count, 1);
    assert_true(config_shown_upstream(c, 0));
    assert_true(config_served(c, 0));
    config_free(c);

    c = load_clean(SECURED("upstream-tls = pinned upstream-pins = {\n"
                           "\"0000000000000000000000000000000000000000000000000000000000000000\",\n"
                           "\"00:01:02:03:04:05:06:07:08:09:0A:0b:0c:0d:0e:0f:10:11:12:13:14:15:16:"
                           "17:18:19:1a:1b:1c:1d:"
                           "1e:1f\", \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\",\n"
                           "\"sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"}"));
    tls = &c->routes[0].target.tls;
    for (uint8_t i = 0; i < sizeof counted; i++)
        counted[i] = i;
    assert_int_equal(tls->pin_count, 4);
    assert_memory_equal(tls->pins[0], zeros, sizeof zeros);
    for (size_t i = 1; i < 4; i++)
        assert_memory_equal(tls->pins[i], counted, sizeof counted);
    config_free(c);
}

/* Where there is none, a short one does what it says: sessions end at once. */
static void every_duration_but_a_drains_has_a_shortest(void **state)
{
    (void)state;
    for (int scope = 0; scope < SCOPES; scope++)
        for (const struct key *key = schema_keys((enum scope)scope); key->name != NULL; key++)
            assert_true(key->parse != setting_duration || key->least > 0 ||
                        strncmp(key->name, "drain-", 6) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_duration_but_a_drains_has_a_shortest),
        cmocka_unit_test(the_example_is_understood),
        cmocka_unit_test(what_is_not_said_has_its_default),
        cmocka_unit_test(ticket_keys_are_one_or_several_files),
        cmocka_unit_test(tls_to_the_upstream_is_read),
        cmocka_unit_test(who_observes_may_come_by_several_ways),
        cmocka_unit_test(balancers_may_ask_on_any_address),
        cmocka_unit_test(a_wrong_value_leaves_the_default),
        cmocka_unit_test(the_upgrade_is_a_must_where_nothing_else_leads_anywhere),
        cmocka_unit_test(every_key_reaches_its_field),
        cmocka_unit_test(a_source_address_has_no_port),
        cmocka_unit_test(idle_time_follows_the_protocol),
        cmocka_unit_test(an_acme_route_has_a_directory_and_no_server),
        cmocka_unit_test(an_mta_sts_route_has_a_file_and_no_server),
        cmocka_unit_test(a_specific_address_beside_a_wildcard_is_fine),
        cmocka_unit_test(odd_but_right_spellings_are_understood),
        cmocka_unit_test(dos_line_ends_are_line_ends),
        cmocka_unit_test(a_bad_text_does_not_spoil_the_next),
        cmocka_unit_test(a_thousand_loads_leave_nothing_behind),
        cmocka_unit_test(cut_at_every_byte_it_is_no_surprise),
        cmocka_unit_test(a_config_outlives_its_bundle),
        cmocka_unit_test(texts_of_a_bundle_add_up),
        cmocka_unit_test(a_certificate_without_files_is_the_key_managers),
        cmocka_unit_test(a_hostname_that_is_given_has_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
