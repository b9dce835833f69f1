/* test_changes.c - what a reload changes, in words. */
#include "proxy/supervisor/changes.h"
#include "tests/support/pem.h"

#include <time.h>
#include <unistd.h>

static char *one, *two; /* certificates of the same name, serials 0x0a and 0xb0b */

static int setup(void **state)
{
    (void)state;
    struct err e;
    if (tls_init(&e) != 0)
        return -1;
    one = pem_make("mail.example", 0x0a, 90);
    two = pem_make("mail.example", 0xb0b, 90);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(one);
    free(two);
    return 0;
}

#define CERT "certificate mail { chain = /mail.pem }\n"
#define POP3(listen, upstream)                                                                     \
    "route pop3s { listen = {" listen "} protocol = pop3 certificate = {mail} upstream = "         \
    "{" upstream "} }\n"
#define BASE CERT POP3("\"127.0.0.1:995\"", "\"127.0.0.1:110\"")

/* `*bundle` is the caller's. */
static struct generation *load(const char *text, const char *pem, struct bundle **bundle)
{
    struct diags d = {0};
    struct bundle *b = *bundle = bundle_new();
    assert_int_equal(bundle_add(b, BUNDLE_TEXT, "/t.conf", text, strlen(text), NULL), 0);
    assert_int_equal(bundle_add(b, BUNDLE_FILE, "/mail.pem", pem, strlen(pem), NULL), 0);
    assert_int_equal(bundle_add(b, BUNDLE_FILE, "/new.pem", two, strlen(two), NULL), 0);
    struct config *c = config_load(b, &d);
    assert_non_null(c);
    struct generation *g = generation_load(c, b, GENERATION_JUDGED, &d);
    assert_non_null(g);
    for (size_t i = 0; i < d.count; i++)
        print_message("%s\n", d.items[i].cause);
    assert_true(diag_ok(&d, DIAG_ERROR));
    diags_free(&d);
    return g;
}

/* As the daemon has what is in service. */
static struct release release_of(struct generation *g, const struct bundle *b)
{
    struct err e;
    const struct release r = {.number = 1, .generation = g, .whole = bundle_to_fd(b, &e)};
    assert_true(r.whole >= 0);
    return r;
}

static void assert_changes(const char *before, const char *before_pem, const char *after,
                           const char *after_pem, const char *expected)
{
    struct bundle *of_b, *of_a;
    struct generation *b = load(before, before_pem, &of_b), *a = load(after, after_pem, &of_a);
    const struct release was = release_of(b, of_b);
    struct buf out;
    buf_init(&out, 10000);
    changes_describe(b, a, &out);
    changes_describe_texts(&was, a, of_a, &out);
    assert_text(&out, expected);
    buf_free(&out);
    close(was.whole);
    generation_free(b);
    generation_free(a);
    bundle_free(of_b);
    bundle_free(of_a);
}

static void names_come_and_go_and_get_other_servers(void **state)
{
    (void)state;
#define WITH(blocks)                                                                               \
    CERT "route pop3s { listen = \"127.0.0.1:995\" protocol = pop3 certificate = {mail} upstream " \
         "= "                                                                                      \
         "\"127.0.0.1:110\" " blocks "}\n"
#define AT(port) "server-name a.example { upstream = \"127.0.0.1:" port "\" }"
    assert_changes(BASE, one, WITH(AT("111")), one, "route pop3s: server-name a.example: new\n");
    assert_changes(WITH(AT("111")), one, WITH(AT("112")), one,
                   "route pop3s: server-name a.example: new upstream 127.0.0.1:112\n"
                   "route pop3s: server-name a.example: upstream gone: 127.0.0.1:111\n");
    assert_changes(WITH(AT("111")), one, BASE, one,
                   "route pop3s: server-name a.example: removed; its sessions go on\n");
    assert_changes(WITH(AT("111")), one, WITH(AT("111")), one, "");
}

static void nothing_changed_says_nothing(void **state)
{
    (void)state;
    assert_changes(BASE, one, BASE, one, "");
}

static void a_start_says_nothing(void **state)
{
    (void)state;
    struct bundle *b;
    struct generation *g = load(BASE, one, &b);
    struct buf out;
    buf_init(&out, 10000);
    changes_describe(NULL, g, &out);
    changes_describe_texts(&(struct release){0}, g, b, &out);
    assert_text(&out, "");
    buf_free(&out);
    generation_free(g);
    bundle_free(b);
}

static void routes_come_and_go(void **state)
{
    (void)state;
    static const char with[] = BASE "route imaps { listen = \"127.0.0.1:993\" protocol = imap "
                                    "certificate = {mail} upstream = \"127.0.0.1:143\" }\n";
    assert_changes(BASE, one, with, one, "route imaps: new\n");
    assert_changes(with, one, BASE, one, "route imaps: removed; its sessions go on\n");
}

static void addresses_come_and_go(void **state)
{
    (void)state;
    assert_changes(
        BASE, one,
        CERT POP3("\"127.0.0.1:995\", \"[::1]:995\"", "\"127.0.0.1:110\", \"unix:/run/p\""), one,
        "route pop3s: now listens on [::1]:995\nroute pop3s: new upstream unix:/run/p\n");
    assert_changes(BASE, one, CERT POP3("\"127.0.0.2:995\"", "\"mail.example:110\""), one,
                   "route pop3s: now listens on 127.0.0.2:995\n"
                   "route pop3s: no longer listens on 127.0.0.1:995\n"
                   "route pop3s: new upstream mail.example:110\n"
                   "route pop3s: upstream gone: 127.0.0.1:110\n");
}

static void a_directory_of_challenges_may_be_another(void **state)
{
    (void)state;
    static const char before[] = BASE "route a { listen = \"127.0.0.1:80\" protocol = acme "
                                      "challenges = /one }\n";
    static const char after[] = BASE "route a { listen = \"127.0.0.1:80\" protocol = acme "
                                     "challenges = /two }\n";
    assert_changes(before, one, before, one, "");
    assert_changes(before, one, after, one, "route a: challenges /one -> /two\n");
}

/* "DATE" of the certificate's end, as it is printed. */
static void until_of(const char *pem, char out[16])
{
    struct err e;
    struct tls_identity *id =
        tls_identity_load((struct tls_slice){(const uint8_t *)pem, strlen(pem)}, "x",
                          (struct tls_slice){0}, NULL, &e);
    assert_non_null(id);
    struct tm tm;
    gmtime_r(&tls_identity_facts(id)->not_after, &tm);
    strftime(out, 16, "%Y-%m-%d", &tm);
    tls_identity_free(id);
}

static void certificates_come_go_and_are_replaced(void **state)
{
    (void)state;
    static const char with[] = BASE "certificate new { chain = /new.pem }\n"
                                    "route imaps { listen = \"127.0.0.1:993\" protocol = imap "
                                    "certificate = {new} upstream = \"127.0.0.1:143\" }\n";
    char until[16], expected[200];
    until_of(two, until);
    snprintf(expected, sizeof expected,
             "certificate mail: replaced, now serial 0B0B, valid until %s\n", until);
    assert_changes(BASE, one, BASE, two, expected);

    snprintf(expected, sizeof expected,
             "route imaps: new\ncertificate new: new, serial 0B0B, valid until %s\n", until);
    assert_changes(BASE, one, with, one, expected);
    assert_changes(with, one, BASE, one,
                   "route imaps: removed; its sessions go on\ncertificate new: removed\n");
}

static void order_alone_is_no_change_of_addresses(void **state)
{
    (void)state;
    assert_changes(CERT POP3("\"127.0.0.1:995\", \"127.0.0.2:995\"", "\"127.0.0.1:110\""), one,
                   CERT POP3("\"127.0.0.2:995\", \"127.0.0.1:995\"", "\"127.0.0.1:110\""), one, "");
}

static void the_order_of_upstreams_is_a_change(void **state)
{
    (void)state;
    assert_changes(CERT POP3("\"127.0.0.1:995\"", "\"127.0.0.1:110\", \"127.0.0.2:110\""), one,
                   CERT POP3("\"127.0.0.1:995\"", "\"127.0.0.2:110\", \"127.0.0.1:110\""), one,
                   "route pop3s: upstreams in another order, first 127.0.0.2:110\n");
}

static void settings_and_files_are_told_behind_the_rest(void **state)
{
    (void)state;
#define ASKS(versions)                                                                             \
    CERT "route pop3s { listen = \"127.0.0.1:995\" protocol = pop3 certificate = mail upstream "   \
         "= \"127.0.0.1:110\" client-certificate = required client-ca = /mail.pem min-version "    \
         "= " versions " }\n"
#define FROM_NEW                                                                                   \
    "route pop3s { listen = \"127.0.0.1:995\" protocol = pop3 certificate = mail upstream "        \
    "= \"127.0.0.1:110\" client-certificate = required client-ca = /mail.pem }\n"
    char until[16], expected[300];
    until_of(two, until);
    snprintf(expected, sizeof expected,
             "certificate mail: replaced, now serial 0B0B, valid until %s\n"
             "route pop3s: min-version 1.2 -> 1.3\n",
             until);
    assert_changes(ASKS("1.2"), one, ASKS("1.3"), two, expected);
    assert_changes("certificate mail { chain = /new.pem }\n" FROM_NEW, one,
                   "certificate mail { chain = /new.pem }\n" FROM_NEW, two,
                   "file /mail.pem: other content\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_changed_says_nothing),
        cmocka_unit_test(names_come_and_go_and_get_other_servers),
        cmocka_unit_test(a_start_says_nothing),
        cmocka_unit_test(routes_come_and_go),
        cmocka_unit_test(addresses_come_and_go),
        cmocka_unit_test(a_directory_of_challenges_may_be_another),
        cmocka_unit_test(certificates_come_go_and_are_replaced),
        cmocka_unit_test(order_alone_is_no_change_of_addresses),
        cmocka_unit_test(the_order_of_upstreams_is_a_change),
        cmocka_unit_test(settings_and_files_are_told_behind_the_rest),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
