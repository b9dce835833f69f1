/* test_listeners_unix.c - listening on unix sockets: whose file it is. */
#include "proxy/supervisor/listeners.h"
#include "tests/support/listen_config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

struct fixture {
    char directory[32], path[64];
    struct listen_config config;
    struct listeners listeners;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    make_directory(f->directory);
    snprintf(f->path, sizeof f->path, "%s/socket", f->directory);
    listen_at(&f->config, f->path);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    listeners_close(&f->listeners);
    remove_directory(f->directory);
    free(f);
    return 0;
}

static void run(struct fixture *f, unsigned workers)
{
    struct diags d = {0};
    assert_int_equal(listeners_prepare(&f->listeners, &f->config.config, workers, &d), 0);
    assert_int_equal(d.count, 0);
    listeners_commit(&f->listeners);
}

static void assert_refused(struct fixture *f, struct listeners *l, const char *why)
{
    struct diags d = {0};
    char cause[200];
    snprintf(cause, sizeof cause, "route r0: cannot listen on unix:%s: %s", f->path, why);
    assert_int_equal(listeners_prepare(l, &f->config.config, 1, &d), -1);
    assert_int_equal(d.count, 1);
    assert_string_equal(d.items[0].cause, cause);
    assert_non_null(d.items[0].cure);
    diags_free(&d);
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void one_socket_serves_all_workers_and_everybody_may_connect(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    run(f, 4);
    assert_int_equal(f->listeners.items[0].count, 1);
    assert_true(reachable(&f->config, 0));
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666);
}

static void the_file_goes_with_the_socket(void **state)
{
    struct fixture *f = *state;
    run(f, 1);
    assert_true(is_there(f->path));
    listeners_close(&f->listeners);
    assert_false(is_there(f->path));
}

static void the_file_goes_with_the_route(void **state)
{
    struct fixture *f = *state;
    struct listen_config none = {0};
    struct diags d = {0};
    run(f, 1);
    assert_int_equal(listeners_prepare(&f->listeners, &none.config, 1, &d), 0);
    assert_true(reachable(&f->config, 0));
    listeners_commit(&f->listeners);
    assert_false(is_there(f->path));
}

static void an_abort_removes_the_file_that_it_made(void **state)
{
    struct fixture *f = *state;
    struct diags d = {0};
    assert_int_equal(listeners_prepare(&f->listeners, &f->config.config, 1, &d), 0);
    assert_true(is_there(f->path));
    listeners_abort(&f->listeners);
    assert_false(is_there(f->path));
}

static void an_abort_leaves_the_file_of_a_socket_in_use(void **state)
{
    struct fixture *f = *state;
    struct diags d = {0};
    run(f, 1);
    assert_int_equal(listeners_prepare(&f->listeners, &f->config.config, 2, &d), 0);
    listeners_abort(&f->listeners);
    assert_true(reachable(&f->config, 0));
}

/* Ours was removed by hand, and another daemon has bound the path. */
static void the_file_of_another_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct listeners second = {0};
    struct diags d = {0};
    run(f, 1);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(listeners_prepare(&second, &f->config.config, 1, &d), 0);
    listeners_commit(&second);
    listeners_close(&f->listeners);
    assert_true(reachable(&f->config, 0));
    listeners_close(&second);
    assert_false(is_there(f->path));
}

static void a_stale_file_is_replaced(void **state)
{
    struct fixture *f = *state;
    const struct endpoint *e = &f->config.endpoints[0];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&e->addr, e->addr_len), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
    assert_true(is_there(f->path));
    run(f, 1);
    assert_true(reachable(&f->config, 0));
}

static void a_live_socket_is_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    struct listeners second = {0};
    run(f, 1);
    const unsigned before = open_descriptors();
    assert_refused(f, &second, "Address already in use");
    assert_int_equal(open_descriptors(), before);
    listeners_close(&second);
    assert_true(reachable(&f->config, 0));
}

/* Its file cannot change hands before the new configuration is taken, and has to stay if that is
 * not. */
static void a_socket_of_the_others_is_refused_with_the_way_there(void **state)
{
    struct fixture *f = *state;
    struct listeners second = {.others = &f->listeners};
    struct diags d = {0};
    run(f, 1);
    assert_int_equal(listeners_prepare(&second, &f->config.config, 1, &d), -1);
    assert_int_equal(d.count, 1);
    assert_non_null(strstr(d.items[0].cure, "in one reload"));
    diags_free(&d);
    listeners_close(&second);
    assert_true(reachable(&f->config, 0));
}

/* connect(2) answers ECONNREFUSED for it, too. */
static void a_file_that_is_no_socket_is_never_removed(void **state)
{
    struct fixture *f = *state;
    int fd = open(f->path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "precious", 8), 8);
    close(fd);
    struct diags d = {0};
    const int result = listeners_prepare(&f->listeners, &f->config.config, 1, &d);
    assert_non_null(strstr(d.items[0].cure, "no socket"));
    diags_free(&d);
    struct stat st;
    assert_int_equal(lstat(f->path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(result, -1);
}

static void a_directory_that_is_not_there_is_an_error(void **state)
{
    struct fixture *f = *state;
    snprintf(f->path, sizeof f->path, "%s/no/socket", f->directory);
    f->config = (struct listen_config){0};
    listen_at(&f->config, f->path);
    struct diags d = {0};
    assert_int_equal(listeners_prepare(&f->listeners, &f->config.config, 1, &d), -1);
    assert_int_equal(d.count, 1);
    assert_non_null(strstr(d.items[0].cause, "No such file or directory"));
    diags_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_socket_serves_all_workers_and_everybody_may_connect,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(the_file_goes_with_the_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(the_file_goes_with_the_route, setup, teardown),
        cmocka_unit_test_setup_teardown(an_abort_removes_the_file_that_it_made, setup, teardown),
        cmocka_unit_test_setup_teardown(an_abort_leaves_the_file_of_a_socket_in_use, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_file_of_another_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stale_file_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(a_live_socket_is_refused_and_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_of_the_others_is_refused_with_the_way_there, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_no_socket_is_never_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_that_is_not_there_is_an_error, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
