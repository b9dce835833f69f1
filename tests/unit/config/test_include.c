/* test_include.c - a configuration on disk: includes, the files that it names, the control path. */
#include "mistake.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64];

static void put(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(name, 0600), 0);
}

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/test-include-XXXXXX");
    if (mkdtemp(directory) == NULL || chdir(directory) != 0 || mkdir("d", 0700) != 0)
        return -1;
    put("c.pem", "chain");
    put("k.pem", "key");
    return 0;
}

static int remove_directory(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    return chdir("/") == 0 ? system(command) : -1;
}

struct reading {
    struct diags d;
    struct bundle *b;
    struct config *c;
};

static struct reading read_file(const char *path)
{
    struct reading r = {{0}, NULL, NULL};
    r.c = config_read(path, &r.b, &r.d);
    assert_int_equal(r.c == NULL, r.b == NULL);
    return r;
}

static void release(struct reading *r)
{
    config_free(r->c);
    bundle_free(r->b);
    diags_free(&r->d);
}

static void assert_clean(struct reading *r)
{
    print_findings(&r->d);
    assert_int_equal(r->d.count, 0);
    assert_non_null(r->c);
}

/* Exactly one finding, at FILE:LINE, with these words. */
static void assert_one(struct reading *r, const char *file, int line, const char *words)
{
    print_findings(&r->d);
    assert_int_equal(r->d.count, 1);
    if (file != NULL)
        assert_string_equal(r->d.items[0].file, file);
    assert_int_equal(r->d.items[0].line, line);
    assert_non_null(strstr(r->d.items[0].cause, words));
}

#define DISK_CERTIFICATE "certificate mail { chain = c.pem\nkey = k.pem }\n"
#define DISK_ROUTE(name, port)                                                                     \
    "route " name " { listen = \"127.0.0.1:" port "\" protocol = pop3 certificate = mail\n"        \
    "upstream = \"192.0.2.1:110\" }\n"

static void files_come_into_the_bundle(void **state)
{
    (void)state;
    put("main", DISK_CERTIFICATE DISK_ROUTE("r", "995"));
    struct reading r = read_file("main");
    assert_clean(&r);
    assert_int_equal(bundle_count(r.b), 3);
    assert_string_equal((const char *)bundle_find(r.b, BUNDLE_FILE, "c.pem")->data, "chain");
    assert_string_equal((const char *)bundle_find(r.b, BUNDLE_FILE, "k.pem")->data, "key");
    release(&r);
}

static void a_worker_understands_the_same(void **state)
{
    struct diags d = {0};
    struct err e;
    (void)state;
    put("d/20.conf", DISK_ROUTE("b", "996"));
    put("d/10.conf", DISK_ROUTE("a", "995"));
    put("main", "include(\"d/*.conf\")\n" DISK_CERTIFICATE);
    struct reading r = read_file("main");
    assert_clean(&r);
    int fd = bundle_to_fd(r.b, &e);
    struct bundle *b = bundle_from_fd(fd, &e);
    struct config *c = config_load(b, &d);
    assert_int_equal(d.count, 0);
    assert_int_equal(c->route_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(c->routes[i].name, r.c->routes[i].name);
        assert_string_equal(c->routes[i].at.file, r.c->routes[i].at.file);
    }
    close(fd);
    config_free(c);
    bundle_free(b);
    release(&r);
}

static void patterns_are_sorted(void **state)
{
    (void)state;
    struct reading r = read_file("main");
    assert_clean(&r);
    assert_string_equal(r.c->routes[0].name, "a");
    assert_string_equal(r.c->routes[0].at.file, "d/10.conf");
    assert_string_equal(r.c->routes[1].name, "b");
    release(&r);
}

static void a_pattern_may_match_nothing(void **state)
{
    (void)state;
    put("main", "include(\"d/*.none\")\ninclude(\"nowhere/*.conf\")\n" DISK_CERTIFICATE DISK_ROUTE(
                    "r", "995"));
    struct reading r = read_file("main");
    assert_clean(&r);
    release(&r);
}

static void a_plain_file_must_be_there(void **state)
{
    (void)state;
    put("main", "\ninclude(\"d/nowhere\")\n" DISK_CERTIFICATE DISK_ROUTE("r", "995"));
    struct reading r = read_file("main");
    assert_one(&r, "main", 2, "cannot read \"d/nowhere\": No such file");
    assert_false(diag_ok(&r.d, DIAG_ERROR));
    release(&r);
}

static void a_directory_is_not_a_file(void **state)
{
    (void)state;
    put("main", "include(\"d\")\n" DISK_CERTIFICATE DISK_ROUTE("r", "995"));
    struct reading r = read_file("main");
    assert_one(&r, "main", 1, "it is a directory");
    release(&r);
}

static void paths_start_at_the_directory_of_their_file(void **state)
{
    char path[128];
    (void)state;
    put("d/x.pem", "chain");
    put("d/one", "include(\"two\")\ncertificate mail { chain = x.pem }\n");
    put("d/two", DISK_ROUTE("r", "995"));
    put("main", "include(\"d/one\")\n");
    snprintf(path, sizeof path, "%s/main", directory);
    assert_int_equal(chdir("/"), 0);
    struct reading r = read_file(path);
    assert_clean(&r);
    snprintf(path, sizeof path, "%s/d/x.pem", directory);
    assert_string_equal(r.c->certificates[0].chain.path, path);
    release(&r);
    assert_int_equal(chdir(directory), 0);
}

static void a_file_is_included_once(void **state)
{
    (void)state;
    put("d/one", DISK_CERTIFICATE);
    put("main", "include(\"d/one\")\ninclude(\"d/../d/one\")\n" DISK_ROUTE("r", "995"));
    put("d/c.pem", "chain");
    put("d/k.pem", "key");
    struct reading r = read_file("main");
    assert_one(&r, "main", 2, "\"d/../d/one\" is included twice");
    release(&r);
}

static void a_circle_ends(void **state)
{
    (void)state;
    put("one", "include(\"two\")\n" DISK_CERTIFICATE DISK_ROUTE("r", "995"));
    put("two", "\n\ninclude(\"one\")\n");
    struct reading r = read_file("one");
    assert_one(&r, "two", 3, "\"one\" is included twice");
    release(&r);
}

static void depth_is_bounded(void **state)
{
    char name[16], text[64];
    (void)state;
    for (int i = 1; i <= 10; i++) {
        snprintf(name, sizeof name, "deep%d", i);
        snprintf(text, sizeof text, "include(\"deep%d\")\n", i + 1);
        put(name, text);
    }
    put("deep11", "");
    put("main", DISK_CERTIFICATE DISK_ROUTE("r", "995") "include(\"deep1\")\n");
    struct reading r = read_file("main");
    assert_one(&r, "deep8", 1, "more than 8 files deep");
    release(&r);
    put("deep8", "");
    r = read_file("main");
    assert_clean(&r);
    release(&r);
}

static void mistakes_in_an_include_have_its_name(void **state)
{
    (void)state;
    put("bad", "# one\nuzer = x\n");
    put("main", DISK_CERTIFICATE "include(\"bad\")\n" DISK_ROUTE("r", "995"));
    struct reading r = read_file("main");
    assert_one(&r, "bad", 2, "\"uzer\"");
    release(&r);
}

static void a_main_file_that_cannot_be_read_is_said(void **state)
{
    (void)state;
    struct reading r = read_file("nowhere");
    assert_one(&r, NULL, 0, "cannot read \"nowhere\": No such file");
    assert_null(r.c);
    release(&r);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    r = read_file("fifo");
    assert_one(&r, NULL, 0, "not a regular file");
    release(&r);
}

static void a_missing_file_is_said_at_its_key(void **state)
{
    (void)state;
    put("main", "certificate mail { chain = c.pem\nkey = nowhere.pem }\n" DISK_ROUTE("r", "995"));
    struct reading r = read_file("main");
    assert_one(&r, "main", 2, "certificate mail: cannot read \"nowhere.pem\": No such file");
    assert_non_null(strstr(r.d.items[0].cure, "correct the path"));
    release(&r);
}

static void a_second_reading_takes_new_files_but_the_old_text(void **state)
{
    static const char text[] =
        "certificate mail { chain = c.pem key = k.pem }\ninclude(\"again-*.conf\")\n";
    static const char included[] = "route r { listen = \"127.0.0.1:995\" protocol = pop3\n"
                                   "certificate = mail upstream = \"192.0.2.1:110\" }\n";
    (void)state;
    put("again.conf", text);
    put("again-1.conf", included);
    struct reading first = read_file("again.conf");
    assert_clean(&first);
    put("again.conf", "route half {");
    put("again-2.conf", "nonsense");
    put("c.pem", "another chain");
    struct reading second = {{0}, NULL, NULL};
    second.c = config_reread(first.b, &second.b, &second.d);
    assert_clean(&second);
    assert_int_equal(second.c->route_count, 1);
    assert_int_equal(bundle_count(second.b), bundle_count(first.b));
    assert_string_equal((const char *)bundle_find(second.b, BUNDLE_FILE, "c.pem")->data,
                        "another chain");
    assert_string_equal((const char *)bundle_find(second.b, BUNDLE_TEXT, "again.conf")->data, text);
    release(&second);
    assert_int_equal(unlink("k.pem"), 0);
    second = (struct reading){{0}, NULL, NULL};
    second.c = config_reread(first.b, &second.b, &second.d);
    assert_int_equal(second.d.count, 1);
    assert_non_null(strstr(second.d.items[0].cause, "k.pem"));
    release(&second);
    release(&first);
    put("c.pem", "chain");
    put("k.pem", "key");
    assert_int_equal(unlink("again-2.conf") | unlink("again-1.conf"), 0);
}

static void a_missing_client_ca_is_said_at_its_key(void **state)
{
    (void)state;
    put("main", DISK_CERTIFICATE
        "route r { listen = \"127.0.0.1:995\" protocol = pop3 certificate = mail\n"
        "upstream = \"192.0.2.1:110\" client-certificate = required\nclient-ca = ca.pem }\n");
    struct reading r = read_file("main");
    assert_one(&r, "main", 5, "route r: cannot read \"ca.pem\"");
    release(&r);
}

/* First there is no key, then no certificate for it: each time the command that helps is told. */
static void the_key_managers_pair_is_missed_with_the_command_that_makes_it(void **state)
{
    (void)state;
    put("main", "state = keys\ncertificate mail { }\n" DISK_ROUTE("r", "995"));
    struct reading r = read_file("main");
    assert_one(&r, "main", 2, "keys/mail/key.pem");
    assert_non_null(strstr(r.d.items[0].cure, "tlsfront key new mail"));
    release(&r);
    assert_int_equal(mkdir("keys", 0700) | mkdir("keys/mail", 0700), 0);
    put("keys/mail/key.pem", "key");
    r = read_file("main");
    assert_one(&r, "main", 2, "keys/mail/chain.pem");
    assert_non_null(strstr(r.d.items[0].cure, "tlsfront key install mail"));
    release(&r);
    put("keys/mail/chain.pem", "chain");
    r = read_file("main");
    assert_clean(&r);
    release(&r);
}

static void put_pair(const char *where, const char *text)
{
    char name[64];
    assert_int_equal(mkdir(where, 0700), 0);
    snprintf(name, sizeof name, "%s/key.pem", where);
    put(name, text);
    snprintf(name, sizeof name, "%s/chain.pem", where);
    put(name, text);
}

/* Its directory is exchanged for another all the time, as by the key manager. */
static void the_key_managers_pair_is_never_half_of_one_and_half_of_another(void **state)
{
    (void)state;
    assert_int_equal(mkdir("pairs", 0700), 0);
    put_pair("pairs/mail", "one");
    put_pair("pairs/other", "two");
    put("main", "state = pairs\ncertificate mail { }\n" DISK_ROUTE("r", "995"));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when a check below fails */
    while (child == 0)
        renameat2(AT_FDCWD, "pairs/mail", AT_FDCWD, "pairs/other", RENAME_EXCHANGE);
    for (int i = 0; i < 500; i++) {
        struct reading r = read_file("main");
        assert_clean(&r);
        assert_string_equal(
            (const char *)bundle_find(r.b, BUNDLE_FILE, "pairs/mail/key.pem")->data,
            (const char *)bundle_find(r.b, BUNDLE_FILE, "pairs/mail/chain.pem")->data);
        release(&r);
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void a_key_for_everyone_is_a_warning(void **state)
{
    (void)state;
    put("main", DISK_CERTIFICATE DISK_ROUTE("r", "995"));
    assert_int_equal(chmod("k.pem", 0604), 0);
    struct reading r = read_file("main");
    assert_one(&r, "main", 2, "everyone on this machine can read the private key in \"k.pem\"");
    assert_true(diag_ok(&r.d, DIAG_ERROR));
    release(&r);
    assert_int_equal(chmod("k.pem", 0640), 0);
    r = read_file("main");
    assert_clean(&r);
    release(&r);
}

static void the_directory_of_challenges_is_looked_at(void **state)
{
    (void)state;
    put("main", "route a { listen = \"127.0.0.1:80\" protocol = acme\nchallenges = answers }\n");
    struct reading r = read_file("main");
    assert_one(&r, "main", 2, "route a: challenges \"answers\": No such file");
    release(&r);
    put("answers", "");
    r = read_file("main");
    assert_one(&r, "main", 2, "route a: challenges \"answers\" is not a directory");
    release(&r);
    assert_int_equal(unlink("answers"), 0);
    assert_int_equal(mkdir("answers", 0700), 0);
    r = read_file("main");
    assert_clean(&r);
    release(&r);
    assert_int_equal(chmod("answers", 0707), 0);
    r = read_file("main");
    assert_one(&r, "main", 2, "everyone on this machine can write to \"answers\"");
    assert_true(diag_ok(&r.d, DIAG_ERROR));
    release(&r);
    assert_int_equal(rmdir("answers"), 0);
}

static void a_chain_with_the_key_in_it_must_be_private_too(void **state)
{
    (void)state;
    put("main", "certificate mail { chain = c.pem }\n" DISK_ROUTE("r", "995"));
    assert_int_equal(chmod("c.pem", 0644), 0);
    struct reading r = read_file("main");
    assert_one(&r, "main", 1, "private key in \"c.pem\"");
    release(&r);
    put("main", DISK_CERTIFICATE DISK_ROUTE("r", "995"));
    r = read_file("main");
    assert_clean(&r);
    release(&r);
}

/* ---- what is left out ---- */

static void assert_left_out(const char *text, bool expected)
{
    put("main", text);
    struct reading r = read_file("main");
    assert_int_equal(r.d.count, 1);
    assert_int_equal(r.d.items[0].left_out, expected);
    release(&r);
}

static void what_the_text_says_in_vain_is_told_from_what_is_missing_on_disk(void **state)
{
    (void)state;
    assert_left_out("state = \"\"\n" DISK_CERTIFICATE DISK_ROUTE("r", "995"), true);
    assert_left_out("stat = x\n" DISK_CERTIFICATE DISK_ROUTE("r", "995"), true);
    assert_left_out("state = x state = y\n" DISK_CERTIFICATE DISK_ROUTE("r", "995"), true);
    assert_left_out("include(\"nowhere\")\n" DISK_CERTIFICATE DISK_ROUTE("r", "995"), true);
    assert_left_out("state = x\n", false); /* there are no routes */
    assert_left_out("log = nowhere/log\n" DISK_CERTIFICATE DISK_ROUTE("r", "995"), false);
}

/* ---- the control path ---- */

/* `expected` with doubts; without, the default where these are what is found. */
static void check_control(const char *text, const char *expected)
{
    struct diags doubts = {0};
    put("main", text);
    char *control = config_control_path("main", &doubts);
    char *sure = config_control_path("main", NULL);
    if (expected != NULL)
        assert_string_equal(control, expected);
    else
        assert_null(control);
    assert_int_equal(expected == NULL, !diag_ok(&doubts, DIAG_ERROR));
    assert_string_equal(sure, expected != NULL ? expected : CONFIG_DEFAULT_CONTROL);
    free(control);
    free(sure);
    diags_free(&doubts);
}

static void the_control_path_is_found_among_mistakes(void **state)
{
    (void)state;
    put("d/one", "control = /run/y\n");
    check_control("control = /run/x\n", "/run/x");
    check_control("", CONFIG_DEFAULT_CONTROL);
    check_control("uzer = x\nuser y\n}\nuser = \"a\ncontrol = /run/x\n", "/run/x");
    check_control("route x {\nlisten \"a\"\n}\ncontrol = /run/x\nroute y {\n", "/run/x");
    check_control("workers = none\ncontrol = /run/x\ncertificate a { chain = nowhere }", "/run/x");
    check_control("include(\"nowhere\")\ninclude(\"d/one\")\n", "/run/y");
    check_control("workers = none\n", CONFIG_DEFAULT_CONTROL);
    check_control("route x {\nlisen = \"a\"\n}\ncertificate a { chain = nowhere }\n",
                  CONFIG_DEFAULT_CONTROL);
}

static void a_mistake_may_hide_the_control_path(void **state)
{
    (void)state;
    check_control("control =\n", NULL);
    check_control("control = \"\"\n", NULL);
    check_control("control : /run/x\n", NULL);
    check_control("contol = /run/x\n", NULL);
    check_control("control = \"/run/${X}\"\n", NULL);
    check_control("include(\"nowhere\")\n", NULL);
    assert_int_equal(unlink("main"), 0);
    struct diags doubts = {0};
    assert_null(config_control_path("main", &doubts));
    assert_false(diag_ok(&doubts, DIAG_ERROR));
    diags_free(&doubts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_come_into_the_bundle),
        cmocka_unit_test(a_worker_understands_the_same),
        cmocka_unit_test(patterns_are_sorted),
        cmocka_unit_test(a_pattern_may_match_nothing),
        cmocka_unit_test(a_plain_file_must_be_there),
        cmocka_unit_test(a_directory_is_not_a_file),
        cmocka_unit_test(paths_start_at_the_directory_of_their_file),
        cmocka_unit_test(a_file_is_included_once),
        cmocka_unit_test(a_circle_ends),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(mistakes_in_an_include_have_its_name),
        cmocka_unit_test(a_main_file_that_cannot_be_read_is_said),
        cmocka_unit_test(a_missing_file_is_said_at_its_key),
        cmocka_unit_test(a_second_reading_takes_new_files_but_the_old_text),
        cmocka_unit_test(a_missing_client_ca_is_said_at_its_key),
        cmocka_unit_test(the_key_managers_pair_is_missed_with_the_command_that_makes_it),
        cmocka_unit_test(the_key_managers_pair_is_never_half_of_one_and_half_of_another),
        cmocka_unit_test(a_key_for_everyone_is_a_warning),
        cmocka_unit_test(the_directory_of_challenges_is_looked_at),
        cmocka_unit_test(a_chain_with_the_key_in_it_must_be_private_too),
        cmocka_unit_test(what_the_text_says_in_vain_is_told_from_what_is_missing_on_disk),
        cmocka_unit_test(the_control_path_is_found_among_mistakes),
        cmocka_unit_test(a_mistake_may_hide_the_control_path),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
