/* test_takeover.c - what is inherited, and the way back. Each image is this program, executed in a
 * child: the first writes the state, the second fails as it is told, the third says that it is
 * there. */
#include "proxy/supervisor/takeover.h"
#include "tests/support/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Exit statuses of the last image. */
enum { CAME_BACK = 40, BROKEN = 41, WENT_ON = 42 };

static void fill(struct handover *h, const char *deed)
{
    handover_init(h);
    strcpy(h->version, "0.0.1");
    h->program = strdup("/usr/sbin/tlsfront");
    h->configuration = strdup(deed);
    h->executable = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    h->reason = memfd_create("reason", MFD_CLOEXEC);
    h->bundle = memfd_create("bundle", MFD_CLOEXEC);
    h->control = memfd_create("control", MFD_CLOEXEC);
    h->control_path = strdup("/run/c.sock");
    h->patience_s = 1;
}

/* What each image but the first begins with. */
static void keep(void *arg, int *fd)
{
    (void)arg;
    fcntl(*fd, F_SETFD, 0);
}

static void first_image(const char *deed)
{
    struct handover h;
    struct err e;
    char argument[32], file[32];
    fill(&h, deed);
    const int state = handover_to_fd(&h, &e);
    keep(NULL, &(int){state});
    handover_descriptors(&h, keep, NULL);
    snprintf(file, sizeof file, "/proc/self/fd/%d", h.executable);
    snprintf(argument, sizeof argument, "--state=%d", state);
    char *argv[] = {"tlsfront", "run", argument, "-c", (char *)(uintptr_t)deed, NULL};
    takeover_block();
    execve(file, argv, environ);
    _exit(BROKEN);
}

static int do_deed(struct takeover *t, const char *deed)
{
    close(t->was.control); /* a copy: who comes back has it all the same */
    if (strcmp(deed, "crash") == 0)
        raise(SIGSEGV);
    else if (strcmp(deed, "abort") == 0)
        abort();
    else if (strcmp(deed, "hang") == 0)
        for (;;)
            pause();
    else if (strcmp(deed, "exit") == 0)
        exit(0);
    else if (strcmp(deed, "fail") == 0)
        takeover_fail(t, "it has reasons");
    takeover_confirm(t);
    takeover_fail(t, "too late");
    return WENT_ON;
}

static int come_back(struct takeover *t, const char *deed)
{
    static const char *const reasons[][2] = {{"crash", "it crashed with signal 11"},
                                             {"abort", "it crashed with signal 06"},
                                             {"hang", "it did not get ready in time"},
                                             {"exit", "it ended"},
                                             {"fail", "it has reasons"}};
    char why[100];
    sigset_t set;
    takeover_reason(t, why, sizeof why);
    for (size_t i = 0; i < COUNT(reasons); i++)
        if (strcmp(reasons[i][0], deed) == 0 && strcmp(reasons[i][1], why) != 0)
            return BROKEN;
    sigprocmask(SIG_SETMASK, NULL, &set);
    if (sigismember(&set, SIGTERM) != 1 || fcntl(t->was.control, F_GETFD) != FD_CLOEXEC)
        return BROKEN;
    takeover_unblock();
    sigprocmask(SIG_SETMASK, NULL, &set);
    takeover_fail(t, "there is no second way back");
    takeover_confirm(t);
    return sigisemptyset(&set) != 0 && t->was.program == NULL ? CAME_BACK : BROKEN;
}

static int later_image(char **argv)
{
    struct takeover t;
    struct err e;
    const bool back = strncmp(argv[2], "--back=", 7) == 0;
    const int state = atoi(strchr(argv[2], '=') + 1);
    if (takeover_begin(&t, state, back, &e) != 0 || t.rehearsal)
        return BROKEN;
    return back ? come_back(&t, argv[4]) : do_deed(&t, argv[4]);
}

static int outcome_of(const char *deed)
{
    int status = 0;
    const pid_t child = fork();
    if (child == 0)
        first_image(deed);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ---- the way back ---- */

static void whoever_fails_goes_back(void **state)
{
    (void)state;
    assert_int_equal(outcome_of("crash"), CAME_BACK);
    assert_int_equal(outcome_of("abort"), CAME_BACK);
    assert_int_equal(outcome_of("hang"), CAME_BACK);
    assert_int_equal(outcome_of("exit"), CAME_BACK);
    assert_int_equal(outcome_of("fail"), CAME_BACK);
}

static void who_is_well_does_not(void **state)
{
    (void)state;
    assert_int_equal(outcome_of("well"), WENT_ON);
}

/* ---- what is inherited ---- */

static void what_is_no_state_is_refused(void **state)
{
    (void)state;
    struct takeover t;
    struct err e = {.text = ""};
    const int fd = memfd_create("empty", MFD_CLOEXEC);
    assert_int_equal(takeover_begin(&t, fd, true, &e), -1);
    assert_non_null(strstr(e.text, "is no state of a daemon"));
    close(fd);
    assert_int_equal(takeover_begin(&t, fd, true, &e), -1);
}

static void a_rehearsal_works_with_copies(void **state)
{
    (void)state;
    struct handover h;
    struct takeover t;
    struct err e;
    const unsigned before = open_descriptors();
    fill(&h, "rehearsal");
    h.next = memfd_create("next", MFD_CLOEXEC);
    h.rehearsal = memfd_create("audience", MFD_CLOEXEC);
    const int fd = handover_to_fd(&h, &e);
    assert_int_equal(takeover_begin(&t, fd, false, &e), 0);
    assert_true(t.rehearsal);
    assert_int_not_equal(t.was.control, h.control);
    assert_int_equal(fcntl(t.was.control, F_GETFD), FD_CLOEXEC);
    takeover_fail(&t, "nobody goes anywhere");
    close(t.was.control);
    close(t.was.rehearsal);
    takeover_confirm(&t);
    assert_int_equal(fcntl(h.control, F_GETFD), -1);
    assert_int_equal(open_descriptors(), before);
    handover_free(&h);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "run") == 0)
        return later_image(argv);
    if (argc > 1)
        return 99; /* whoever this is to be, it must not run these tests, and so start more of them
                    */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_fails_goes_back),
        cmocka_unit_test(who_is_well_does_not),
        cmocka_unit_test(what_is_no_state_is_refused),
        cmocka_unit_test(a_rehearsal_works_with_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
