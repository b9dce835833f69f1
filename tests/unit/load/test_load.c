/* test_load.c - the judgement on a configuration file, the findings and the table as printed. */
#include "proxy/load/load.h"
#include "tests/support/files.h"

#include <time.h>

static char path[80];
static char until[16]; /* the end of the certificate in mail.pem, as it is printed */
static struct log logger;

static int setup(void **state)
{
    (void)state;
    struct err e;
    if (tls_init(&e) != 0)
        return -1;
    files_begin(&logger);
    files_path("t.conf", path);
    char *pem = pem_make("mail.example", 1, 90);
    files_save("mail.pem", pem);
    struct tls_identity *id =
        tls_identity_load((struct tls_slice){(const uint8_t *)pem, strlen(pem)}, "x",
                          (struct tls_slice){0}, NULL, &e);
    free(pem);
    if (id == NULL)
        return -1;
    struct tm tm;
    gmtime_r(&tls_identity_facts(id)->not_after, &tm);
    strftime(until, sizeof until, "%Y-%m-%d", &tm);
    tls_identity_free(id);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    files_end(&logger);
    return 0;
}

#define ROUTES                                                                                     \
    "user = nobody\n"                                                                              \
    "certificate mail { chain = @/mail.pem }\n"                                                    \
    "route pop3s { listen = {\"127.0.0.1:995\", \"[::1]:995\"} protocol = pop3\n"                  \
    "  certificate = {mail} upstream = {\"127.0.0.1:110\", \"mail.example:110\", \"unix:/p\"} }\n" \
    "route ldaps { listen = \"127.0.0.1:636\" protocol = ldap certificate = {mail}\n"              \
    "  upstream = \"127.0.0.1:389\" }\n"

static void a_good_file_is_loaded_without_a_finding(void **state)
{
    (void)state;
    struct candidate l;
    struct diags d = {0};
    files_configure("t.conf", ROUTES);
    assert_true(load_configuration(path, &l, &d));
    assert_int_equal(d.count, 0);
    assert_int_equal(l.generation->config->route_count, 2);
    assert_non_null(l.generation->routes[0].tls);
    assert_non_null(l.generation->identities[0]);
    assert_int_equal(l.identity.drop, geteuid() == 0);
    candidate_free(&l);
    assert_null(l.generation);
    candidate_free(&l);
    diags_free(&d);
}

static void the_table_has_a_line_for_each_address_and_upstream(void **state)
{
    (void)state;
    struct candidate l;
    struct diags d = {0};
    struct buf out;
    char expected[2000];
    files_configure("t.conf", ROUTES);
    assert_true(load_configuration(path, &l, &d));
    buf_init(&out, 10000);
    load_print_table(l.generation, &out);
    snprintf(expected, sizeof expected,
             "ROUTE  LISTEN         PROTOCOL  TLS       CERTIFICATE                            "
             "UPSTREAM\n"
             "pop3s  127.0.0.1:995  pop3      implicit  mail (mail.example, until %s)  "
             "127.0.0.1:110\n"
             "       [::1]:995                                                                 "
             "mail.example:110\n"
             "                                                                                 "
             "unix:/p\n"
             "ldaps  127.0.0.1:636  ldap      implicit  mail (mail.example, until %s)  "
             "127.0.0.1:389\n",
             until, until);
    assert_text(&out, expected);
    buf_free(&out);
    candidate_free(&l);
    diags_free(&d);
}

static void an_unknown_user_is_an_error_for_root_with_place_and_cure(void **state)
{
    (void)state;
    struct candidate l;
    struct diags d = {0};
    struct buf out;
    char expected[500] = "";
    char text[4096];
    snprintf(text, sizeof text, "user = no-such-user-here\n%s", strchr(ROUTES, '\n') + 1);
    files_configure("t.conf", text);
    assert_true(load_configuration(path, &l, &d));
    assert_int_equal(diag_ok(&d, DIAG_ERROR), geteuid() != 0);
    buf_init(&out, 10000);
    load_print_findings(&d, &out);
    if (geteuid() == 0)
        snprintf(expected, sizeof expected,
                 "%s:1: error: there is no user \"no-such-user-here\" for the workers to run as\n"
                 "    cure: create it (`adduser --system --group --no-create-home NAME`) or name "
                 "another with `user = NAME`\n",
                 path);
    assert_text(&out, expected);
    buf_free(&out);
    candidate_free(&l);
    diags_free(&d);
}

static void a_file_that_is_not_there_leaves_nothing_to_free(void **state)
{
    (void)state;
    struct candidate l;
    struct diags d = {0};
    assert_false(load_configuration("/nowhere/t.conf", &l, &d));
    assert_null(l.generation);
    assert_null(l.bundle);
    assert_false(diag_ok(&d, DIAG_ERROR));
    diags_free(&d);
}

static void all_findings_are_printed_and_lost_ones_too(void **state)
{
    (void)state;
    struct diags d = {0};
    struct buf out;
    const struct origin where = {.file = "t.conf", .line = 3};
    diag_add(&d, DIAG_ERROR, &where, "do that", "this is wrong");
    diag_add(&d, DIAG_WARNING, NULL, NULL, "and this is odd");
    d.out_of_memory = true;
    buf_init(&out, 10000);
    load_print_findings(&d, &out);
    assert_text(&out, "t.conf:3: error: this is wrong\n    cure: do that\n"
                      "warning: and this is odd\nerror: out of memory\n");
    buf_free(&out);
    diags_free(&d);
}

static void a_certificate_that_does_not_load_still_leaves_a_table(void **state)
{
    (void)state;
    struct candidate l;
    struct diags d = {0};
    struct buf out;
    files_save("bad.pem", "no certificate\n");
    files_configure("t.conf",
                    "user = nobody\ncertificate bad { chain = @/bad.pem }\n"
                    "route r { listen = \"127.0.0.1:995\" protocol = pop3 certificate = {bad}\n"
                    "upstream = \"127.0.0.1:110\" }\n");
    assert_true(load_configuration(path, &l, &d));
    assert_int_equal(d.count, 1); /* the route is not blamed for it again */
    assert_int_equal(d.items[0].severity, DIAG_ERROR);
    assert_non_null(strstr(d.items[0].cause, "certificate bad: "));
    assert_int_equal(d.items[0].line, 2);
    buf_init(&out, 10000);
    load_print_table(l.generation, &out);
    assert_text(&out, "ROUTE  LISTEN         PROTOCOL  TLS       CERTIFICATE  UPSTREAM\n"
                      "r      127.0.0.1:995  pop3      implicit  bad          127.0.0.1:110\n");
    buf_free(&out);
    candidate_free(&l);
    diags_free(&d);
}

static void ticket_keys_are_loaded_in_their_order(void **state)
{
    (void)state;
    struct candidate l;
    struct diags d = {0};
    files_save("new", "0123456789abcdef0123456789abcdef");
    files_save("old", "0123456789abcdef0123456789abcdeF");
    files_configure("t.conf", "ticket-key = {@/new, @/old}\n" ROUTES);
    assert_true(load_configuration(path, &l, &d));
    assert_int_equal(d.count, 0);
    assert_int_equal(l.tickets.secrets.count, 2);
    assert_memory_not_equal(&l.tickets.secrets.item[0], &l.tickets.secrets.item[1],
                            sizeof l.tickets.secrets.item[0]);
    assert_string_not_equal(l.tickets.fingerprint[0], l.tickets.fingerprint[1]);
    assert_true(l.tickets.modified[0] > 0);
    candidate_free(&l);
    files_configure("t.conf", "ticket-key = @/old\n" ROUTES);
    assert_true(load_configuration(path, &l, &d));
    assert_int_equal(l.tickets.secrets.count, 1);
    candidate_free(&l);
    diags_free(&d);
}

static void a_bundle_brings_its_ticket_keys_along(void **state)
{
    (void)state;
    struct candidate l, again;
    struct diags d = {0};
    files_save("new", "0123456789abcdef0123456789abcdef");
    files_configure("t.conf", "ticket-key = @/new\n" ROUTES);
    assert_true(load_configuration(path, &l, &d));
    struct bundle *b = l.bundle;
    l.bundle = NULL;
    files_save("new", "another one");
    assert_true(load_bundle(b, &again, &d));
    assert_int_equal(d.count, 0);
    assert_int_equal(again.tickets.secrets.count, 1);
    assert_string_equal(again.tickets.fingerprint[0], l.tickets.fingerprint[0]);
    candidate_free(&l);
    candidate_free(&again);
    diags_free(&d);
}

static void a_ticket_key_of_no_use_is_told_with_place_and_cure(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cause;
        mode_t mode;
        enum diag_severity severity;
    } flaws[] = {
        {"short", "is of no use: it has 5 bytes", 0600, DIAG_ERROR},
        {"0123456789abcdef0123456789abcdef", "holds the same as one before it", 0600, DIAG_WARNING},
        {"0123456789abcdef0123456789abcdeG", "can read the secret", 0644, DIAG_WARNING},
        {"0123456789abcdef0123456789abcdeG", "can put another secret", 0602, DIAG_WARNING},
    };
    files_save("new", "0123456789abcdef0123456789abcdef");
    for (size_t i = 0; i < sizeof flaws / sizeof *flaws; i++) {
        struct candidate l;
        struct diags d = {0};
        char old[80];
        files_path("old", old);
        files_save("old", flaws[i].text);
        assert_int_equal(chmod(old, flaws[i].mode), 0);
        files_configure("t.conf", ROUTES "ticket-key = {@/new,\n@/old}\n");
        assert_true(load_configuration(path, &l, &d));
        assert_int_equal(d.count, 1);
        assert_non_null(strstr(d.items[0].cause, flaws[i].cause));
        assert_non_null(strstr(d.items[0].cause, old));
        assert_non_null(d.items[0].cure);
        assert_int_equal(d.items[0].severity, flaws[i].severity);
        assert_int_equal(d.items[0].line, 8);
        candidate_free(&l);
        diags_free(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_loaded_without_a_finding),
        cmocka_unit_test(the_table_has_a_line_for_each_address_and_upstream),
        cmocka_unit_test(an_unknown_user_is_an_error_for_root_with_place_and_cure),
        cmocka_unit_test(a_file_that_is_not_there_leaves_nothing_to_free),
        cmocka_unit_test(all_findings_are_printed_and_lost_ones_too),
        cmocka_unit_test(a_certificate_that_does_not_load_still_leaves_a_table),
        cmocka_unit_test(ticket_keys_are_loaded_in_their_order),
        cmocka_unit_test(a_bundle_brings_its_ticket_keys_along),
        cmocka_unit_test(a_ticket_key_of_no_use_is_told_with_place_and_cure),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
