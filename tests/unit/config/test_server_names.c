/* test_server_names.c - blocks in a route, for those who ask for a name. */
#include "config/values.h"
#include "mistake.h"

#define OTHER "certificate other { chain = /c  key = /k }\n"
/* Lines begin at 8. */
#define NAMES(lines) OTHER ROUTE(lines)
#define OWN(name)    "server-name \"" name "\" { upstream = \"127.0.0.1:111\" }\n"

static const struct server_name_config *name_of(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->routes[0].name_count; i++)
        if (strcmp(c->routes[0].names[i].name, name) == 0)
            return &c->routes[0].names[i];
    fail_msg("there is no %s", name);
    return NULL;
}

/* ---- what a block means ---- */

static void a_block_has_what_it_sets_and_else_what_its_route_has(void **state)
{
    (void)state;
    struct config *c = load_clean(NAMES("send-proxy = v2\n"
                                        "server-name \"A.Example.\" {\n"
                                        "    certificate = {other, mail}\n"
                                        "    upstream = {\"127.0.0.1:111\", \"b.example:110\"}\n"
                                        "    max-connections = 7\n"
                                        "}\n"
                                        "server-name '*.example.org' { certificate = other }\n"
                                        "server-name b.example { send-proxy = off }\n"
                                        "idle-timeout = 5m"));
    const struct route_config *r = &c->routes[0];
    assert_int_equal(r->name_count, 3);
    assert_int_equal(c->server_name_count, 3);
    assert_int_equal(r->idle_timeout, 5 * 60 * 1000);

    const struct server_name_config *a = name_of(c, "a.example");
    assert_int_equal(a->at.line, 9);
    assert_string_equal(a->at.file, TEXT_PATH);
    assert_int_equal(a->certificates.count, 2);
    assert_string_equal(c->certificates[a->certificates.items[0]].name, "other");
    assert_int_equal(a->certificates.at.line, 10);
    assert_true(a->own_target);
    assert_int_equal(a->target.upstream_count, 2);
    assert_string_equal(a->target.upstream[0].text, "127.0.0.1:111");
    assert_int_equal(a->target.upstream_at.line, 11);
    assert_int_equal(a->target.send_proxy, SEND_PROXY_V2);
    assert_string_equal(a->target.label, "route r: server-name a.example");
    assert_int_equal(a->max_connections, 7);

    const struct server_name_config *star = name_of(c, "*.example.org");
    assert_int_equal(star->certificates.count, 1);
    assert_false(star->own_target);
    assert_int_equal(star->target.index, r->target.index);

    const struct server_name_config *b = name_of(c, "b.example");
    assert_true(b->own_target);
    assert_int_equal(b->target.send_proxy, SEND_PROXY_OFF);
    assert_string_equal(b->target.upstream[0].text, "127.0.0.1:110");
    assert_int_equal(b->certificates.count, 0);
    config_free(c);
}

static void tls_to_the_server_is_inherited_and_can_be_another(void **state)
{
    (void)state;
    struct config *c = load_clean(
        OTHER CERTIFICATE
        "route r { listen = \"127.0.0.1:995\" protocol = pop3 certificate = mail\n"
        "upstream = \"127.0.0.1:1110\" upstream-tls = pinned upstream-certificate = mail\n"
        "upstream-pins = \"sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"\n" OWN(
            "a.example") "server-name b.example { upstream = \"127.0.0.1:112\" upstream-tls "
                         "= off }\n"
                         "server-name c.example { upstream = \"127.0.0.1:113\" upstream-tls "
                         "= verify upstream-ca = /ca upstream-name = s.example\n"
                         "upstream-certificate = other } }\n");
    assert_int_equal(name_of(c, "a.example")->target.tls.pin_count, 1);
    assert_int_equal(name_of(c, "b.example")->target.tls.mode, UPSTREAM_TLS_OFF);
    const struct upstream_tls_config *tls = &name_of(c, "c.example")->target.tls;
    assert_int_equal(tls->mode, UPSTREAM_TLS_VERIFY);
    assert_int_equal(tls->certificate.count, 1);
    assert_string_equal(c->certificates[tls->certificate.items[0]].name, "other");
    config_free(c);
}

static void each_target_is_there_once(void **state)
{
    (void)state;
    struct config *c = load_clean(NAMES(OWN("a.example") "server-name b.example { certificate = "
                                                         "other }\n" OWN("c.example")));
    assert_int_equal(c->target_count, 3);
    for (size_t i = 0; i < c->target_count; i++)
        assert_int_equal(c->targets[i]->index, i);
    assert_ptr_equal(c->targets[0], &c->routes[0].target);
    assert_ptr_equal(c->targets[2], &name_of(c, "c.example")->target);
    config_free(c);
}

static void a_certificate_of_a_name_is_in_use(void **state)
{
    (void)state;
    struct config *c = load_clean(NAMES("server-name a.example { certificate = other }"));
    assert_true(config_route_uses(&c->routes[0], 0));
    assert_true(config_route_uses(&c->routes[0], 1));
    assert_false(config_lists(&c->routes[0].certificates, 0));
    config_free(c);
}

static void what_stands_around_a_block_is_the_routes(void **state)
{
    (void)state;
    struct config *c = load_clean(
        CERTIFICATE "route r { listen = \"127.0.0.1:995\"\n"
                    "server-name a.example { upstream = \"127.0.0.1:111\" } protocol = "
                    "pop3\nserver-name b.example { # {\n upstream = \"127.0.0.1:112\" "
                    "/* } */ }\ncertificate = mail upstream = \"127.0.0.1:110\"}\n"
                    "route s { listen = \"127.0.0.1:996\" protocol = pop3\n"
                    "certificate = mail upstream = \"127.0.0.1:110\"\n" OWN("a.example") "}");
    assert_int_equal(c->route_count, 2);
    assert_int_equal(c->routes[0].name_count, 2);
    assert_int_equal(c->routes[1].name_count, 1);
    assert_ptr_equal(c->routes[1].names, &c->server_names[2]);
    assert_string_equal(c->routes[0].names[1].target.upstream[0].text, "127.0.0.1:112");
    assert_int_equal(c->routes[0].names[1].at.line, 4);
    config_free(c);
}

static void hundreds_of_blocks_are_read(void **state)
{
    enum { MANY = 700, SIZE = MANY * 80 };
    static char text[SIZE + 500];
    (void)state;
    char *end = text + sprintf(text, "%s",
                               CERTIFICATE "route r {\nlisten = \"127.0.0.1:995\"\n"
                                           "protocol = pop3\ncertificate = mail\n");
    for (int i = 0; i < MANY; i++)
        end +=
            sprintf(end, "server-name n%d.example { upstream = \"127.0.0.1:%d\" }\n", i, 1000 + i);
    strcpy(end, "upstream = \"127.0.0.1:110\"\n}\n");
    struct config *c = load_clean(text);
    assert_int_equal(c->routes[0].name_count, MANY);
    assert_int_equal(c->target_count, MANY + 1);
    assert_string_equal(c->routes[0].names[699].name, "n699.example");
    assert_int_equal(c->routes[0].names[699].target.upstream[0].port, 1699);
    assert_int_equal(c->routes[0].names[699].at.line, 6 + 699);
    config_free(c);
}

/* ---- what can be wrong ---- */

struct row {
    const char *text;
    int line;
    enum diag_severity severity;
    const char *cause, *cure; /* words that they have */
    size_t count;             /* findings in all */
};

#define E DIAG_ERROR
#define W DIAG_WARNING

static void assert_found(const struct row *row)
{
    struct diags d = {0};
    struct bundle *b = bundle_of(row->text);
    config_free(config_load(b, &d));
    bool found = false;
    size_t count = 0; /* besides: certificate "other" is not used by most of these */
    for (size_t i = 0; i < d.count; i++)
        count += strstr(d.items[i].cause, "no route uses it") == NULL;
    for (size_t i = 0; i < d.count; i++)
        found |= d.items[i].line == row->line && d.items[i].severity == row->severity &&
                 strstr(d.items[i].cause, row->cause) != NULL &&
                 (row->cure == NULL || strstr(d.items[i].cure, row->cure) != NULL);
    if (!found || count != row->count) {
        print_findings(&d);
        fail_msg("line %d: %s (%zu findings)", row->line, row->cause, count);
    }
    diags_free(&d);
    bundle_free(b);
}

static void mistakes_are_told_with_their_place_and_cure(void **state)
{
    static const struct row rows[] = {
        {NAMES(OWN("a.example") OWN("b.example") OWN("A.EXAMPLE.")), 10, E,
         "a second server-name a.example; the first is in " TEXT_PATH " line 8", "keep one", 1},
        {NAMES(OWN("b\xc3\xbc"
                   "cher.example")),
         8, E, "not in ASCII", "\"xn--bcher-kva.example\"", 1},
        {NAMES(OWN("*.b\xc3\xbc"
                   "cher.example")),
         8, E, "not in ASCII", "\"*.xn--bcher-kva.example\"", 1},
        {NAMES(OWN("B\xc3\x9c"
                   "CHER.example")),
         8, E, "not in ASCII", "idn2", 1},
        {NAMES(OWN("*")), 8, E, "every name", "into the route itself", 1},
        {NAMES(OWN("*.org")), 8, E, "top-level domain", "two labels", 1},
        {NAMES(OWN("mail*.example.org")), 8, E, "elsewhere", "*.example.org", 1},
        {NAMES(OWN("*.*.example.org")), 8, E, "elsewhere", "*.example.org", 1},
        {NAMES(OWN("192.0.2.1")), 8, E, "is an address", "a route for it", 1},
        {NAMES(OWN("2001:db8::1")), 8, E, "is an address", "a route for it", 1},
        {NAMES(OWN("a..example")), 8, E, "is not a host name", "DNS name", 1},
        {NAMES(OWN("a b.example")), 8, E, "is not a host name", "DNS name", 1},
        {NAMES(OWN("")), 8, E, "is not a host name", "DNS name", 1},
        {NAMES("server-name a.example { }"), 8, W, "served like every other", "remove it", 1},
        {NAMES("server-name a.example { certificate = mail }"), 8, W, "served like every other",
         "remove it", 1},
        {NAMES("server-name a.example { idle-timeout = 5m }"), 8, E, "no key \"idle-timeout\"",
         "for the whole route; a server-name block holds certificate, upstream", 2},
        {NAMES("server-name a.example { listen = \":1\" }"), 8, E, "no key \"listen\"",
         "for the whole route", 2},
        {NAMES("server-name a.example { upstraem = x\n }"), 8, E, "no key \"upstraem\"",
         "did you mean \"upstream\"", 2},
        {NAMES("server-name a.example { chain = x }"), 8, E, "no key \"chain\"",
         "in a certificate block", 2},
        {NAMES("server-name a.example { upstream = x\nupstream = y }"), 9, E,
         "upstream is set a second time", "keep one", 2},
        {NAMES("server-name a.example { upstream = \"a.example\" }"), 8, E, "has no port", "port",
         1},
        {NAMES("server-name a.example { certificate = {gone} }"), 8, E, "\"gone\" is not defined",
         NULL, 2},
        {NAMES("server-name a.example { source = \"::1\" }"), 8, E, "one is IPv4", "two IPv4", 1},
        {NAMES("server-name a.example { upstream = \"127.0.0.1:995\" }"), 8, E,
         "server-name a.example: upstream \"127.0.0.1:995\" is where route r listens", NULL, 1},
        {NAMES("server-name { upstream = x }"), 8, E, "without a name", "KIND NAME", 1},
        {NAMES("server-name = x"), 8, E, "no key \"server-name\"", "block into a route", 1},
        {NAMES("server-name a.example { upstream = \"127.0.0.1:111\""), 3, E,
         "a block is not closed", "put }", 1},
        {"server-name a.example { }\n" ROUTE(""), 1, E, "does not stand in a route",
         "into a route block", 1},
        {"certificate mail { chain = /c\nserver-name a.example { }\nkey = /k }\n"
         "route r { listen = \":995\" protocol = pop3 certificate = mail upstream = "
         "\"192.0.2.1:110\" }\n",
         2, E, "does not stand in a route", "into a route block", 1},
        {"route r { listen = \":80\" protocol = acme challenges = /tmp\n" OWN("a.example") "}", 2,
         E, "no place on an acme route", "remove it", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_found(&rows[i]);
}

/* A mistake in one block hides neither those in the others nor those around them. */
static void all_mistakes_are_found_at_once(void **state)
{
    static const char text[] = CERTIFICATE "route r {\n"
                                           "listen = \"127.0.0.1:995\"\n"
                                           "server-name a.example { uper = 1 }\n"
                                           "protocl = pop3\n"
                                           "server-name b.example { upstream = , }\n"
                                           "server-name c.example { downer = 1 }\n"
                                           "cert = mail }\n";
    static const int lines[] = {4, 5, 6, 7, 8};
    struct diags d = {0};
    (void)state;
    struct bundle *b = bundle_of(text);
    config_free(config_load(b, &d));
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        bool found = false;
        for (size_t k = 0; k < d.count; k++)
            found |= d.items[k].line == lines[i];
        if (!found)
            print_findings(&d);
        assert_true(found);
    }
    diags_free(&d);
    bundle_free(b);
}

/* An end that is missing is told of where the block began; what stands behind is read. */
static void a_block_without_end_does_not_swallow_the_next(void **state)
{
    static const struct row rows[] = {
        {NAMES("server-name a.example { upstream = \"127.0.0.1:111\"\n" OWN("b.example")), 8, E,
         "a block is not closed", "put }", 1},
        {NAMES("server-name a.example { upstream = \"127.0.0.1:111\"\n"
               "route s { listen = \"127.0.0.1:996\" protocol = pop3 certificate = mail upstream = "
               "\"127.0.0.1:110\" }"),
         8, E, "a block is not closed", "put }", 3},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_found(&rows[i]);
}

/* One without a word has a meaning where it lets a name in, or takes it out of a wildcard. */
static void a_block_that_says_nothing_may_mean_something(void **state)
{
    (void)state;
    config_free(load_clean(ROUTE("strict-sni = on\nserver-name a.example { }")));
    config_free(load_clean(ROUTE(
        "server-name a.example.org { }\nserver-name \"*.example.org\" { max-connections = 1 }")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_has_what_it_sets_and_else_what_its_route_has),
        cmocka_unit_test(tls_to_the_server_is_inherited_and_can_be_another),
        cmocka_unit_test(each_target_is_there_once),
        cmocka_unit_test(a_certificate_of_a_name_is_in_use),
        cmocka_unit_test(what_stands_around_a_block_is_the_routes),
        cmocka_unit_test(hundreds_of_blocks_are_read),
        cmocka_unit_test(mistakes_are_told_with_their_place_and_cure),
        cmocka_unit_test(all_mistakes_are_found_at_once),
        cmocka_unit_test(a_block_without_end_does_not_swallow_the_next),
        cmocka_unit_test(a_block_that_says_nothing_may_mean_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
