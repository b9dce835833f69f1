/* test_confinement.c - which places a configuration keeps writable, and what a reload may ask for
 * then; the linker hands on here what the sandbox would be told. */
#include "proxy/supervisor/confinement.h"
#include "tests/support/listen_config.h"

#include <fcntl.h>
#include <sys/stat.h>

static char directory[32];

/* In a directory of ours, as long as the next but seven. */
static const char *at(const char *name)
{
    static char paths[8][80];
    static unsigned next;
    char *path = paths[next++ % COUNT(paths)];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static void make_file(const char *name)
{
    const int fd = open(at(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void make(const char *name)
{
    assert_int_equal(mkdir(at(name), 0700), 0);
}

/* ---- what the sandbox is told ---- */

enum { PLACES_MAX = 16 };

static struct {
    unsigned landlock; /* what the kernel has */
    char paths[PLACES_MAX][80];
    enum sandbox_use uses[PLACES_MAX];
    size_t count;
} told;

void __wrap_sandbox_enter_supervisor(const struct sandbox_place *places, size_t count,
                                     struct sandbox_state *state);
void __wrap_sandbox_enter_supervisor(const struct sandbox_place *places, size_t count,
                                     struct sandbox_state *state)
{
    assert_true(count <= PLACES_MAX);
    for (size_t i = 0; i < count; i++) {
        snprintf(told.paths[i], sizeof told.paths[i], "%s", places[i].path);
        told.uses[i] = places[i].use;
    }
    told.count = count;
    *state = (struct sandbox_state){.seccomp = 1, .landlock = told.landlock};
}

static bool may(enum sandbox_use use, const char *path)
{
    for (size_t i = 0; i < told.count; i++)
        if (told.uses[i] == use && strcmp(told.paths[i], path) == 0)
            return true;
    return false;
}

/* ---- a daemon that has begun ---- */

static struct confinement confinement;
static struct listen_config first;

static void log_to(struct config *c, const char *path)
{
    c->log_target = LOG_TARGET_FILE;
    c->log_file = (struct file_ref){path, {.file = "test.conf", .line = 3}};
}

static struct config with_log(const char *path)
{
    struct config c = {0};
    log_to(&c, path);
    return c;
}

static int begin(void **state)
{
    (void)state;
    memset(&told, 0, sizeof told);
    told.landlock = 1;
    make_directory(directory);
    make("run");
    make("logs");
    make("logs/below");
    make("sockets");
    make("other");
    make_file("logs/log");
    first = (struct listen_config){.config.control = strdup(at("run/control"))};
    log_to(&first.config, strdup(at("logs/log")));
    listen_at(&first, at("sockets/a"));
    return 0;
}

static int end(void **state)
{
    static const char *const all[] = {"logs/below", "logs", "sockets", "other", "run", "logs.old"};
    (void)state;
    confinement_free(&confinement);
    free((char *)(uintptr_t)first.config.control);
    free((char *)(uintptr_t)first.config.log_file.path);
    for (size_t i = 0; i < COUNT(all); i++)
        if (access(at(all[i]), F_OK) == 0)
            remove_directory(at(all[i]));
    remove_directory(directory);
    return 0;
}

static void start(void)
{
    confinement_enter(&confinement, &first.config);
}

static void assert_fits(const struct config *c)
{
    struct diags d = {0};
    assert_true(confinement_judge(&confinement, c, &d));
    assert_int_equal(d.count, 0);
}

static void assert_refused(const struct config *c, int line, const char *cause)
{
    struct diags d = {0};
    assert_false(confinement_judge(&confinement, c, &d));
    assert_int_equal(d.count, 1);
    assert_int_equal(d.items[0].severity, DIAG_ERROR);
    assert_int_equal(d.items[0].line, line);
    assert_non_null(strstr(d.items[0].cause, cause));
    assert_non_null(strstr(d.items[0].cure, "restart the daemon"));
    diags_free(&d);
}

/* ---- the tests ---- */

static void the_directories_of_log_and_sockets_stay_writable(void **state)
{
    (void)state;
    start();
    assert_true(may(SANDBOX_LOGS, at("logs")) && may(SANDBOX_LOGS, at("run")));
    assert_true(may(SANDBOX_SOCKETS, at("sockets")) && may(SANDBOX_SOCKETS, at("run")));
    assert_false(may(SANDBOX_SOCKETS, at("logs")) || may(SANDBOX_LOGS, at("sockets")));
    assert_int_equal(confinement.state.landlock, 1);
    assert_fits(&first.config);
}

static void each_directory_is_told_once(void **state)
{
    (void)state;
    listen_at(&first, at("sockets/b"));
    listen_at(&first, at("run/c"));
    start();
    const size_t before = told.count;
    for (size_t i = 0; i < before; i++)
        for (size_t k = 0; k < i; k++)
            assert_true(told.uses[i] != told.uses[k] || strcmp(told.paths[i], told.paths[k]) != 0);
}

static void a_log_that_is_a_link_is_written_where_it_leads(void **state)
{
    (void)state;
    assert_int_equal(symlink(at("other/log"), at("run/link")), 0);
    make_file("other/log");
    free((char *)(uintptr_t)first.config.log_file.path);
    first.config.log_file.path = strdup(at("run/link"));
    start();
    assert_true(may(SANDBOX_LOGS, at("other")));
}

/* Of a device's directory nothing else is asked for. */
static void a_log_that_is_no_plain_file_is_a_place_by_itself(void **state)
{
    struct config c = with_log("/dev/null");
    (void)state;
    c.control = first.config.control;
    confinement_enter(&confinement, &c);
    assert_true(may(SANDBOX_LOGS, "/dev/null"));
    assert_false(may(SANDBOX_LOGS, "/dev"));
    assert_fits(&c);
}

static void what_lies_beside_or_below_can_be_made(void **state)
{
    (void)state;
    start();
    const struct config beside = with_log(at("logs/another")),
                        below = with_log(at("logs/below/log"));
    const struct config at_the_control_socket = with_log(at("run/log"));
    assert_fits(&beside);
    assert_fits(&below);
    assert_fits(&at_the_control_socket);
    listen_at(&first, at("sockets/b"));
    assert_fits(&first.config);
}

static void what_lies_elsewhere_needs_a_restart(void **state)
{
    (void)state;
    start();
    const struct config elsewhere = with_log(at("other/log")), longer = with_log(at("logs.old"));
    assert_refused(&elsewhere, 3, "log file");
    assert_refused(&longer, 3, at("logs.old"));
    listen_at(&first, at("other/socket"));
    assert_refused(&first.config, 7, "socket");
}

static void a_socket_of_the_service_manager_s_is_not_made(void **state)
{
    struct activation_socket given = {.fd = 7, .name = "local"};
    const struct activation all = {&given, 1};
    char text[96];
    (void)state;
    start();
    snprintf(text, sizeof text, "unix:%s", at("other/socket"));
    given.text = text;
    listen_at(&first, at("other/socket"));
    assert_refused(&first.config, 7, "socket");
    confinement.given = &all;
    assert_fits(&first.config);
}

static void a_directory_that_was_made_anew_is_another(void **state)
{
    (void)state;
    start();
    assert_int_equal(rename(at("logs"), at("logs.old")), 0);
    make("logs");
    assert_refused(&first.config, 3, "log file");
    remove_directory(at("logs.old/below"));
}

/* Whoever makes the file says what is wrong. */
static void where_there_is_no_directory_there_is_nothing_to_judge(void **state)
{
    (void)state;
    start();
    const struct config nowhere = with_log(at("nowhere/log"));
    assert_fits(&nowhere);
}

static void without_landlock_everything_can_be_made(void **state)
{
    (void)state;
    told.landlock = 0;
    start();
    const struct config elsewhere = with_log(at("other/log"));
    assert_fits(&elsewhere);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_directories_of_log_and_sockets_stay_writable),
        TEST(each_directory_is_told_once),
        TEST(a_log_that_is_a_link_is_written_where_it_leads),
        TEST(a_log_that_is_no_plain_file_is_a_place_by_itself),
        TEST(what_lies_beside_or_below_can_be_made),
        TEST(what_lies_elsewhere_needs_a_restart),
        TEST(a_socket_of_the_service_manager_s_is_not_made),
        TEST(a_directory_that_was_made_anew_is_another),
        TEST(where_there_is_no_directory_there_is_nothing_to_judge),
        TEST(without_landlock_everything_can_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
