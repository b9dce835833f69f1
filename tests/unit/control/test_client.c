/* test_client.c - the caller's side: what is printed where, and the exit status. */
#include "proxy/control/control.h"
#include "tests/support/unit.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* What client.c gets: a minute that is over at once. */
static bool minute_over;
static int fake_poll(struct pollfd *p, nfds_t count, int timeout)
{
    if (!minute_over)
        return poll(p, count, timeout);
    assert_in_range(timeout, 1, 60000);
    return 0;
}
#define poll fake_poll
#include "proxy/control/client.c"
#undef poll

struct outcome {
    int status;
    char out[4096], err[4096], heard[100];
};

static size_t read_text(int fd, char *text, size_t room)
{
    size_t size = 0;
    for (ssize_t n; size < room - 1 && (n = read(fd, text + size, room - 1 - size)) > 0;)
        size += (size_t)n;
    text[size] = '\0';
    close(fd);
    return size;
}

/* control_ask() in a child, its output in pipes. */
static pid_t ask_in_child(const char *path, int ends[2])
{
    int out[2], err[2];
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(err), 0);
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        close(out[0]);
        close(err[0]);
        const int status = control_ask(path, "status json", CONTROL_SECONDS, 1);
        fflush(NULL);
        _exit(status);
    }
    close(out[1]);
    close(err[1]);
    ends[0] = out[0];
    ends[1] = err[0];
    return pid;
}

/* Ask a daemon that says `answer`, whatever it is asked. NULL: there is none. */
static void ask(const char *path, const char *answer, struct outcome *o)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int daemon = -1, ends[2], status;
    if (answer != NULL) {
        snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
        daemon = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(daemon, (struct sockaddr *)&at, sizeof at), 0);
        assert_int_equal(listen(daemon, 1), 0);
    }
    const pid_t pid = ask_in_child(path, ends);
    if (answer != NULL) {
        const int fd = accept(daemon, NULL, NULL);
        const ssize_t n = read(fd, o->heard, sizeof o->heard - 1);
        o->heard[n > 0 ? n : 0] = '\0';
        if (!minute_over) /* else the caller may be gone */
            assert_int_equal(write(fd, answer, strlen(answer)), (ssize_t)strlen(answer));
        close(fd);
        close(daemon);
        unlink(path);
    }
    read_text(ends[0], o->out, sizeof o->out);
    read_text(ends[1], o->err, sizeof o->err);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    o->status = WEXITSTATUS(status);
}

static char directory[32], path[64];

static int setup(void **state)
{
    (void)state;
    make_directory(directory);
    snprintf(path, sizeof path, "%s/control.sock", directory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove_directory(directory);
    return 0;
}

static void success_goes_to_standard_output(void **state)
{
    (void)state;
    struct outcome o;
    ask(path, "0 14\nline 1\nline 2\n", &o);
    assert_int_equal(o.status, 0);
    assert_string_equal(o.heard, "status json\n" CONTROL_SIZE);
    assert_string_equal(o.out, "line 1\nline 2\n");
    assert_string_equal(o.err, "");
}

static void failure_goes_to_standard_error_with_its_status(void **state)
{
    (void)state;
    struct outcome o;
    ask(path, "78\nx.conf:1: error\n", &o);
    assert_int_equal(o.status, 78);
    assert_string_equal(o.out, "");
    assert_string_equal(o.err, "x.conf:1: error\n");
    ask(path, "1\n", &o);
    assert_int_equal(o.status, 1);
    assert_string_equal(o.err, "");
}

static void who_does_not_answer_is_given_up(void **state)
{
    (void)state;
    struct outcome o;
    minute_over = true;
    ask(path, "0\ntoo late\n", &o);
    minute_over = false;
    assert_int_equal(o.status, 1);
    assert_string_equal(o.out, "");
    assert_non_null(strstr(o.err, "no answer came within 60 seconds from"));
    assert_non_null(strstr(o.err, path));
    assert_non_null(strstr(o.err, "cure:"));
}

static void a_status_that_no_process_has_is_no_answer(void **state)
{
    (void)state;
    struct outcome o;
    static const char *const answers[] = {"256\nx\n", "-1\nx\n", "99999999999999999999\nx\n",
                                          "\nx\n"};
    for (size_t i = 0; i < COUNT(answers); i++) {
        ask(path, answers[i], &o);
        assert_int_equal(o.status, 1);
        assert_string_equal(o.out, "");
        assert_non_null(strstr(o.err, "broke off"));
    }
}

static void an_answer_without_a_status_line_is_broken_off(void **state)
{
    (void)state;
    static const char *const broken[] = {"", "0", "78", "no number\n", "0 \n", "1x\n"};
    for (size_t i = 0; i < COUNT(broken); i++) {
        struct outcome o;
        ask(path, broken[i], &o);
        assert_int_equal(o.status, 1);
        assert_string_equal(o.out, "");
        assert_non_null(strstr(o.err, "tlsfront: the daemon broke off the answer at "));
        assert_non_null(strstr(o.err, path));
    }
}

static void an_answer_of_which_not_all_comes_is_broken_off(void **state)
{
    (void)state;
    static const char *const broken[] = {"0 8\nline 1\n", "0 6\nline 1\n", "0 1\n", "0 7line 1\n",
                                         "0 \nline 1\n"};
    for (size_t i = 0; i < COUNT(broken); i++) {
        struct outcome o;
        ask(path, broken[i], &o);
        assert_int_equal(o.status, 1);
        assert_string_equal(o.out, "");
        assert_non_null(strstr(o.err, "broke off"));
    }
}

static void an_older_daemon_does_not_say_how_much_is_to_come(void **state)
{
    (void)state;
    struct outcome o;
    ask(path, "0\nline 1\n", &o);
    assert_int_equal(o.status, 0);
    assert_string_equal(o.out, "line 1\n");
}

static void without_a_daemon_there_is_a_cure(void **state)
{
    (void)state;
    struct outcome o;
    char expected[400];
    ask(path, NULL, &o);
    assert_int_equal(o.status, 1);
    snprintf(
        expected, sizeof expected,
        "tlsfront: no daemon answers at %s: No such file or directory\n"
        "    cure: start the daemon (`tlsfront run`), or name its configuration with -c FILE;\n"
        "    where `control` has changed since it was started, restart it, or have it reload by "
        "HUP\n",
        path);
    assert_string_equal(o.err, expected);
    assert_string_equal(o.out, "");
}

static void a_path_that_no_socket_can_have_is_refused(void **state)
{
    (void)state;
    struct outcome o;
    char long_path[200];
    memset(long_path, 'x', sizeof long_path);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = '\0';
    ask(long_path, NULL, &o);
    assert_int_equal(o.status, 1);
    assert_non_null(strstr(o.err, "File name too long"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(success_goes_to_standard_output, setup, teardown),
        cmocka_unit_test_setup_teardown(failure_goes_to_standard_error_with_its_status, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_does_not_answer_is_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_status_that_no_process_has_is_no_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_without_a_status_line_is_broken_off, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_answer_of_which_not_all_comes_is_broken_off, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_older_daemon_does_not_say_how_much_is_to_come, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_a_daemon_there_is_a_cure, setup, teardown),
        cmocka_unit_test_setup_teardown(a_path_that_no_socket_can_have_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
