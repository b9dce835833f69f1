/* test_told.c - nothing of a peer's configuration leaves without a word: each line that a table
 * knows, in every place where it may stand, changes what is printed; so does one that nobody knows.
 */
#include "tests/support/unit.h"

#include "proxy/import/haproxy.h"
#include "proxy/import/hitch.h"
#include "proxy/import/nginx.h"
#include "proxy/import/peers.h"
#include "proxy/import/stunnel.h"
#include "proxy/import/write.h"

#include "proxy/base/buf.h"

/* A configuration with a hole, @, where a line may stand. */
struct place {
    const struct peer *peer;
    const char *name;
    const struct row *rows;
    const char *text;
    const char *end; /* of a line */
};

#define HAPROXY_BELOW                                                                              \
    "frontend f\n bind :993 ssl crt /m.pem\n acl n ssl_fc_sni n.example\n"                         \
    " use_backend named if n\n default_backend b\n"
#define HAPROXY_BACKENDS                                                                           \
    "backend b\n server s 127.0.0.1:143\n server t 127.0.0.2:143\n"                                \
    "backend named\n server s 127.0.0.3:143\n server t 127.0.0.4:143\n"

static const struct place places[] = {
    {&peer_haproxy, "global", haproxy_globals, "global\n@\n" HAPROXY_BELOW HAPROXY_BACKENDS, ""},
    {&peer_haproxy, "defaults", haproxy_proxies,
     "defaults\n mode tcp\n@\n" HAPROXY_BELOW HAPROXY_BACKENDS, ""},
    {&peer_haproxy, "defaults of a backend that is chosen by name", haproxy_proxies,
     HAPROXY_BELOW "backend b\n server s 127.0.0.1:143\ndefaults\n@\nbackend named\n"
                   " server s 127.0.0.3:143\n server t 127.0.0.4:143\n",
     ""},
    {&peer_haproxy, "frontend", haproxy_proxies, HAPROXY_BELOW "@\n" HAPROXY_BACKENDS, ""},
    {&peer_haproxy, "default backend", haproxy_proxies,
     HAPROXY_BELOW "backend named\n server s 127.0.0.3:143\nbackend b\n server s 127.0.0.1:143\n"
                   " server t 127.0.0.2:143\n@\n",
     ""},
    {&peer_haproxy, "backend by name", haproxy_proxies, HAPROXY_BELOW HAPROXY_BACKENDS "@\n", ""},
    {&peer_haproxy, "listen", haproxy_proxies,
     "listen l\n bind :993 ssl crt /m.pem\n server s 127.0.0.1:143\n server t 127.0.0.2:143\n@\n",
     ""},
    {&peer_nginx, "top", nginx_top,
     "@\nstream { server { listen 993 ssl; ssl_certificate /m.pem; ssl_certificate_key /m.key;\n"
     "proxy_pass 127.0.0.1:143; } }\n",
     ";"},
    {&peer_nginx, "mail", nginx_mail,
     "mail {\n@\nserver { listen 993 ssl; ssl_certificate /m.pem; ssl_certificate_key /m.key; } "
     "}\n",
     ";"},
    {&peer_nginx, "mail server", nginx_mail,
     "mail { server { listen 993 ssl; ssl_certificate /m.pem; ssl_certificate_key /m.key;\n@\n} "
     "}\n",
     ";"},
    {&peer_nginx, "stream", nginx_stream,
     "stream {\n@\nserver { listen 993 ssl proxy_protocol; ssl_certificate /m.pem;\n"
     "ssl_certificate_key /m.key; } }\n",
     ";"},
    {&peer_nginx, "stream server", nginx_stream,
     "stream { server { listen 993 ssl proxy_protocol; ssl_certificate /m.pem;\n"
     "ssl_certificate_key /m.key; proxy_pass 127.0.0.1:143;\n@\n} }\n",
     ";"},
    {&peer_stunnel, "global", stunnel_globals,
     "@\n[s]\naccept = 993\nconnect = 143\ncert = /m.pem\n", ""},
    {&peer_stunnel, "before all services", stunnel_service,
     "cert = /m.pem\nverifyChain = yes\n@\n[s]\nconnect = 143\n", ""},
    {&peer_stunnel, "service", stunnel_service,
     "[s]\naccept = 993\nconnect = 143\nconnect = 144\ncert = /m.pem\nverifyChain = yes\n@\n", ""},
    {&peer_stunnel, "service of a name", stunnel_service,
     "[s]\naccept = 993\nconnect = 143\ncert = /m.pem\n"
     "[n]\nsni = s:n.example\nconnect = 144\nconnect = 145\ncert = /n.pem\nverifyChain = yes\n@\n",
     ""},
    {&peer_hitch, "global", hitch_globals,
     "frontend = {\nhost = \"*\"\nport = \"993\"\n}\nbackend = \"[127.0.0.1]:143\"\n"
     "pem-file = \"/m.pem\"\n@\n",
     ""},
    {&peer_hitch, "before all frontends", hitch_frontend,
     "frontend = {\nport = \"993\"\npem-file = \"/n.pem\"\n}\nbackend = \"[127.0.0.1]:143\"\n"
     "pem-file = \"/m.pem\"\n@\n",
     ""},
    {&peer_hitch, "frontend", hitch_frontend,
     "frontend = {\nport = \"993\"\npem-file = \"/n.pem\"\n@\n}\nbackend = \"[127.0.0.1]:143\"\n"
     "pem-file = \"/m.pem\"\n",
     ""},
    {&peer_hitch, "pem-file", hitch_pem_file,
     "frontend = \"[*]:993\"\nbackend = \"[127.0.0.1]:143\"\n"
     "pem-file = {\ncert = \"/m.pem\"\n@\n}\n",
     ""},
};

/* What is said with a key, where another value than 7 is needed to say something. */
static const struct sample {
    const struct peer *peer;
    const char *key, *value;
} samples[] = {
    {&peer_haproxy, "balance", "leastconn"},
    {&peer_haproxy, "group", "nosuchgroup"},
    {&peer_haproxy, "log", "/dev/log local0"},
    {&peer_haproxy, "option", "nolinger"},
    {&peer_haproxy, "option", "ldap-check"},
    {&peer_haproxy, "option", "forwardfor"},
    {&peer_haproxy, "no", "option redispatch"},
    {&peer_haproxy, "no", "log"},
    {&peer_haproxy, "source", "127.0.0.9"},
    {&peer_haproxy, "source", "0.0.0.0 usesrc clientip"},
    {&peer_haproxy, "source", "127.0.0.9 interface eth1"},
    {&peer_haproxy, "ssl-default-bind-ciphers", "ECDHE-RSA-AES128-GCM-SHA256"},
    {&peer_haproxy, "ssl-default-bind-ciphersuites", "TLS_AES_128_GCM_SHA256"},
    {&peer_haproxy, "ssl-default-bind-curves", "X25519"},
    {&peer_haproxy, "ssl-default-bind-options", "ssl-min-ver TLSv1.3"},
    {&peer_haproxy, "ca-base", NULL}, /* says something to bind lines with such files */
    {&peer_haproxy, "crt-base", NULL},
    {&peer_haproxy, "stick-table", "type string size 1k expire 1m"},
    {&peer_haproxy, "tcp-request", "connection reject if { src 10.0.0.0/8 }"},
    {&peer_haproxy, "tcp-request", "content reject if { req.len gt 7 }"},
    {&peer_haproxy, "tcp-request", "inspect-delay 5s"},
    {&peer_haproxy, "timeout", "client 77s"},
    {&peer_haproxy, "timeout", "server 77s"},
    {&peer_haproxy, "timeout", "tunnel 77s"},
    {&peer_haproxy, "timeout", "connect 77s"},
    {&peer_haproxy, "timeout", "queue 77s"},
    {&peer_haproxy, "timeout", "check 77s"},
    {&peer_haproxy, "timeout", "client-fin 77s"},
    {&peer_haproxy, "timeout", "http-request 77s"},
    {&peer_haproxy, "user", "nobody"},
    {&peer_nginx, "allow", NULL}, /* before nothing that denies it says nothing */
    {&peer_nginx, "auth_http_header", "X-Key secret"},
    {&peer_nginx, "deny", "10.0.0.0/8"},
    {&peer_nginx, "error_log", "/var/log/e.log warn"},
    {&peer_nginx, "limit_conn", "zone 7"},
    {&peer_nginx, "proxy_bind", "127.0.0.9"},
    {&peer_nginx, "proxy_pass", "127.0.0.9:77"},
    {&peer_nginx, "proxy_protocol", "on"},
    {&peer_nginx, "proxy_ssl", "on"},
    {&peer_nginx, "proxy_ssl_certificate", NULL}, /* proxy_ssl says what becomes of these */
    {&peer_nginx, "proxy_ssl_certificate_key", NULL},
    {&peer_nginx, "proxy_ssl_name", NULL},
    {&peer_nginx, "proxy_ssl_trusted_certificate", NULL},
    {&peer_nginx, "proxy_ssl_verify", NULL},
    {&peer_nginx, "protocol", "pop3"},
    {&peer_nginx, "server_name", "mail.example"},
    {&peer_nginx, "set_real_ip_from", NULL}, /* for listen with proxy_protocol */
    {&peer_nginx, "ssl", NULL},              /* the scene has it by listen */
    {&peer_nginx, "ssl_alpn", "imap"},
    {&peer_nginx, "ssl_certificate", NULL},
    {&peer_nginx, "ssl_certificate_key", NULL},
    {&peer_nginx, "ssl_ciphers", "ECDHE-RSA-AES128-GCM-SHA256"},
    {&peer_nginx, "ssl_client_certificate", NULL}, /* ssl_verify_client says what becomes of it */
    {&peer_nginx, "ssl_crl", NULL},
    {&peer_nginx, "ssl_ecdh_curve", "X25519"},
    {&peer_nginx, "ssl_password_file", "/p"},
    {&peer_nginx, "ssl_protocols", "TLSv1.3"},
    {&peer_nginx, "ssl_trusted_certificate", NULL},
    {&peer_nginx, "ssl_verify_client", "on"},
    {&peer_nginx, "starttls", NULL}, /* nothing, where listen says ssl */
    {&peer_nginx, "user", "nobody"},
    {&peer_nginx, "xclient", NULL}, /* for smtp */
    {&peer_stunnel, "cafile", "/ca.pem"},
    {&peer_stunnel, "checkemail", "a@example.org"},
    {&peer_stunnel, "checkhost", "a.example.org"},
    {&peer_stunnel, "ciphers", "ECDHE-RSA-AES128-GCM-SHA256"},
    {&peer_stunnel, "ciphersuites", "TLS_AES_128_GCM_SHA256"},
    {&peer_stunnel, "client", "yes"},
    {&peer_stunnel, "curve", "X25519"},
    {&peer_stunnel, "curves", "X25519"},
    {&peer_stunnel, "debug", "warning"},
    {&peer_stunnel, "failover", NULL}, /* what it says is what happens by itself, or a rotation */
    {&peer_stunnel, "local", "127.0.0.9"},
    {&peer_stunnel, "options", "NO_TLSv1.2"},
    {&peer_stunnel, "options", "LEGACY_SERVER_CONNECT"},
    {&peer_stunnel, "protocol", "pop3"},
    {&peer_stunnel, "protocol", "proxy"},
    {&peer_stunnel, "requirecert", NULL}, /* verifyChain decides */
    {&peer_stunnel, "setgid", "nosuchgroup"},
    {&peer_stunnel, "setuid", "nobody"},
    {&peer_stunnel, "sslversion", "TLSv1.3"},
    {&peer_stunnel, "sslversionmax", "TLSv1.2"},
    {&peer_stunnel, "sslversionmin", "TLSv1.3"},
    {&peer_stunnel, "syslog", "yes"},
    {&peer_stunnel, "transparent", "source"},
    {&peer_stunnel, "verify", "3"},
    {&peer_stunnel, "verifychain", "no"},
    {&peer_stunnel, "verifypeer", "yes"},
    {&peer_hitch, "alpn-protos", "\"imap\""},
    {&peer_hitch, "backend", "\"[127.0.0.9]:77\""},
    {&peer_hitch, "ciphers", "\"ECDHE-RSA-AES128-GCM-SHA256\""},
    {&peer_hitch, "ciphersuites", "\"TLS_AES_128_GCM_SHA256\""},
    {&peer_hitch, "client-verify", "required"},
    {&peer_hitch, "ecdh-curve", "\"X25519\""},
    {&peer_hitch, "group", "\"nosuchgroup\""},
    {&peer_hitch, "host", NULL}, /* for a frontend, and each scene has one */
    {&peer_hitch, "log-level", "1"},
    {&peer_hitch, "match-global-certs", "on"},
    {&peer_hitch, "pem-dir", "\"/nonexistent\""},
    {&peer_hitch, "pem-dir-glob", NULL},
    {&peer_hitch, "port", NULL},
    {&peer_hitch, "proxy-proxy", "on"},
    {&peer_hitch, "quiet", "on"},
    {&peer_hitch, "sni-nomatch-abort", "on"},
    {&peer_hitch, "syslog", "on"},
    {&peer_hitch, "tls-protos", "TLSv1.3"},
    {&peer_hitch, "user", "\"nobody\""},
    {&peer_hitch, "write-proxy", "on"},
    {&peer_hitch, "write-proxy-v1", "on"},
    {&peer_hitch, "write-proxy-v2", "on"},
};

/* What is printed with `line` in the hole. */
static char *printed(const struct place *place, const char *line)
{
    struct arena a = {0};
    struct diags d = {0};
    const char *hole = strchr(place->text, '@');
    char *text =
        arena_format(&a, "%.*s%s%s", (int)(hole - place->text), place->text, line, hole + 1);
    struct statement *file = statement_file(&a, "f");
    struct plan p = {
        .arena = &a, .diags = &d, .peer = "x", .cwd = "/", .files = &file, .file_count = 1};
    struct buf out;
    buf_init(&out, 1 << 20);
    if (!place->peer->syntax(&a, text, strlen(text), file, &d))
        fail_msg("%s: %s: this is no configuration", place->name, line);
    place->peer->carry(&p, file);
    plan_finish(&p);
    write_plan(&p, &out);
    char *result = strndup((const char *)out.data, out.size);
    buf_free(&out);
    diags_free(&d);
    arena_free(&a);
    return result;
}

static const char *written(struct arena *a, const struct place *place, const char *key,
                           const char *value)
{
    const bool equals = place->peer == &peer_stunnel || place->peer == &peer_hitch;
    return arena_format(a, "%s%s%s%s", key, equals ? " = " : " ", value, place->end);
}

/* Does the line leave no trace? */
static bool is_silent(const struct place *place, const char *line)
{
    char *with = printed(place, line), *without = printed(place, "");
    const bool silent = strcmp(with, without) == 0;
    free(with);
    free(without);
    return silent;
}

static unsigned check_line(const struct place *place, const char *key, const char *value)
{
    struct arena a = {0};
    const char *line = written(&a, place, key, value);
    const bool silent = is_silent(place, line);
    if (silent)
        print_error("%s, %s: nothing is said of \"%s\"\n", place->peer->name, place->name, line);
    arena_free(&a);
    return silent ? 1 : 0;
}

/* For clients, in defaults that no frontend reads: haproxy has no use for it either. */
static bool is_idle(const struct place *place, const char *key, const char *value)
{
    return strncmp(place->name, "defaults of", 11) == 0 &&
           (strcmp(key, "maxconn") == 0 || strcmp(value, "client 77s") == 0);
}

/* How many of the lines with that key leave no trace. */
static unsigned check_row(const struct place *place, const struct row *row)
{
    char key[64];
    unsigned silent = 0, count = 0;
    snprintf(key, sizeof key, "%s", row->name);
    if (key[strlen(key) - 1] == '*')
        strcpy(key + strlen(key) - 1, "x");
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        if (samples[i].peer != place->peer || strcmp(samples[i].key, row->name) != 0)
            continue;
        count++;
        if (samples[i].value != NULL && !is_idle(place, key, samples[i].value))
            silent += check_line(place, key, samples[i].value);
    }
    if (count > 0 || is_idle(place, key, "7"))
        return silent;
    return check_line(place, key,
                      row->carry == carry_if_on    ? "off"
                      : row->carry == carry_if_off ? "on"
                                                   : "7");
}

static void every_line_that_is_known_is_carried_over_or_told(void **state)
{
    unsigned silent = 0;
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        for (const struct row *row = places[i].rows; row->name != NULL; row++)
            if (row->carry != NULL || row->why != NULL) /* else tlsfront does so anyway */
                silent += check_row(&places[i], row);
    assert_int_equal(silent, 0);
}

static void what_is_not_known_is_told_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct arena a = {0};
        const struct place *place = &places[i];
        char *text = printed(place, written(&a, place, "frobnicate", "7"));
        unsigned line = 1;
        for (const char *c = place->text; *c != '@'; c++)
            line += *c == '\n' ? 1U : 0U;
        const char *where = arena_format(&a, "# f:%u: frobnicate", line);
        if (strstr(text, where) == NULL)
            fail_msg("%s, %s: no %s", place->peer->name, place->name, where);
        free(text);
        arena_free(&a);
    }
}

/* Where what nobody knows is the process's affair, and no client's. */
static bool is_of_the_process(const struct place *place)
{
    return place->rows == nginx_top || place->rows == haproxy_globals;
}

static void what_is_not_known_withholds_its_routes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct arena a = {0};
        char *text = printed(&places[i], written(&a, &places[i], "frobnicate", "7"));
        const bool served = strstr(text, "\nroute ") != NULL;
        if (served != is_of_the_process(&places[i]))
            fail_msg("%s, %s: %s", places[i].peer->name, places[i].name, text);
        free(text);
        arena_free(&a);
    }
}

/* ---- words of lines that have many ---- */

static const char bind_words[] =
    "accept-proxy|alpn imap|backlog 7|verify required ca-file /ca|"
    "verify required ca-file /ca crl-file /c|crt /n.pem|interface eth7|maxconn 7|mss 777|"
    "namespace n|npn imap|process 1/1|severity-output none|ssl-max-ver TLSv1.2|"
    "ssl-min-ver TLSv1.3|strict-sni|tcp-ut 7s|tfo|transparent|no-tls-tickets|allow-0rtt|"
    "ciphers HIGH|curves X25519|ecdhe secp384r1|tls-ticket-keys /t|level admin|nbconn 7|nice 7|"
    "frobnicate";

static const char server_words[] =
    "send-proxy|send-proxy-v2|check|check inter 7s|backup|disabled|fastinter 7s|rise 7|fall 7|"
    "slowstart 7s|port 7|addr 127.0.0.7|check-ssl|agent-check|agent-port 7|observe layer4|"
    "on-error mark-down|on-marked-down shutdown-sessions|weight 7|maxconn 7|minconn 7|maxqueue 7|"
    "cookie c|track b/x|tfo|tcp-ut 7s|interface eth7|namespace n|socks4 127.0.0.1:1|"
    "source 127.0.0.9|source 0.0.0.0 usesrc clientip|ssl|ssl verify none|"
    "ssl verify required ca-file /ca verifyhost h|ca-file /ca|verifyhost h|sni str(h)|crt /c|"
    "crl-file /c|ssl ca-file /ca alpn imap|ssl ca-file /ca ciphers HIGH|no-tls-tickets|"
    "error-limit 7|resolve-prefer ipv4|frobnicate";

static const char upstream_lines[] =
    "least_conn;|hash $remote_addr;|hash $uri;|random;|frobnicate;|"
    "server 127.0.0.7:1 weight=7;|server 127.0.0.7:1 backup;";

static const struct words {
    struct place place;
    const char *words;
} worded[] = {
    {{&peer_haproxy, "bind", NULL,
      "listen l\n bind :993 ssl crt /m.pem @\n server s 127.0.0.1:143\n", ""},
     bind_words},
    {{&peer_haproxy, "server", NULL,
      HAPROXY_BELOW "backend b\n server s 127.0.0.1:143 @\n server t 127.0.0.2:143\n"
                    "backend named\n server s 127.0.0.3:143\n",
      ""},
     server_words},
    {{&peer_haproxy, "server by name", NULL,
      HAPROXY_BELOW "backend b\n server s 127.0.0.1:143\n"
                    "backend named\n server s 127.0.0.3:143 @\n server t 127.0.0.4:143\n",
      ""},
     server_words},
    {{&peer_haproxy, "default-server", NULL,
      HAPROXY_BELOW "backend b\n server s 127.0.0.1:143\n"
                    "backend named\n server t 127.0.0.4:143\n default-server @\n"
                    " server s 127.0.0.3:143\n",
      ""},
     server_words},
    {{&peer_nginx, "upstream", NULL,
      "stream { upstream u {\nserver 127.0.0.1:1;\nserver 127.0.0.2:1;\n@\n}\n"
      "map $ssl_server_name $n { n.example u; default o; }\nupstream o { server 127.0.0.3:1; }\n"
      "server { listen 993 ssl; ssl_certificate /m.pem;\nssl_certificate_key /m.key;\n"
      "proxy_pass $n; } }\n",
      ""},
     upstream_lines},
};

static void every_word_of_a_line_is_carried_over_or_told(void **state)
{
    unsigned silent = 0;
    (void)state;
    for (size_t i = 0; i < sizeof worded / sizeof *worded; i++) {
        char *rest, *words = strdup(worded[i].words);
        for (char *w = strtok_r(words, "|", &rest); w != NULL; w = strtok_r(NULL, "|", &rest))
            silent += check_line(&worded[i].place, w, "");
        free(words);
    }
    assert_int_equal(silent, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_that_is_known_is_carried_over_or_told),
        cmocka_unit_test(what_is_not_known_is_told_with_its_place),
        cmocka_unit_test(what_is_not_known_withholds_its_routes),
        cmocka_unit_test(every_word_of_a_line_is_carried_over_or_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
