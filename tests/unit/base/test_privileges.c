/* test_privileges.c - who a worker becomes. Everything that cannot be undone is done in a child. */
#include "proxy/base/privileges.h"
#include "tests/support/unit.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Somebody who is not root and surely there. */
#define SOMEBODY "nobody"

/* Run `work` in a child, as SOMEBODY when we are root and `plain` says so. Its result must be 0. */
static void in_child(int (*work)(void), bool plain)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct passwd *pw = getpwnam(SOMEBODY);
        if (plain && geteuid() == 0 &&
            (pw == NULL || setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0))
            _exit(100);
        _exit(work());
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- as anybody else ---- */

static int plain_resolve(void)
{
    struct identity id = {.drop = true, .uid = 1, .gid = 1};
    struct err e;
    if (privileges_resolve("no-such-user-here", &id, &e) != 0)
        return 1;
    return id.drop ? 2 : 0;
}

static void not_root_there_is_nobody_to_become(void **state)
{
    (void)state;
    in_child(plain_resolve, true);
}

static int plain_drop(void)
{
    const struct identity id = {0};
    const uid_t before = getuid();
    struct err e;
    if (privileges_drop(&id, &e) != 0)
        return 1;
    if (getuid() != before || geteuid() != before)
        return 2;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 3;
}

static void not_root_dropping_only_forbids_to_gain(void **state)
{
    (void)state;
    in_child(plain_drop, true);
}

static int plain_become(void)
{
    const struct identity id = {.drop = true, .uid = 12345, .gid = 12345};
    struct err e = {.text = ""};
    if (privileges_drop(&id, &e) != -1)
        return 1;
    return strcmp(e.text, "cannot become uid 12345: Operation not permitted") == 0 ? 0 : 2;
}

static void becoming_somebody_without_the_right_to_is_an_error(void **state)
{
    (void)state;
    in_child(plain_become, true);
}

/* ---- as root; as anybody else the same calls have the other answer ---- */

static void assert_refused_as_root(const char *user, const char *why)
{
    struct identity id;
    struct err e = {.text = ""};
    const bool root = geteuid() == 0;
    assert_int_equal(privileges_resolve(user, &id, &e), root ? -1 : 0);
    assert_string_equal(e.text, root ? why : "");
}

static void an_unknown_user_is_named(void **state)
{
    (void)state;
    assert_refused_as_root("no-such-user-here",
                           "there is no user \"no-such-user-here\" for the workers to run as");
    assert_refused_as_root("", "there is no user \"\" for the workers to run as");
}

static void root_is_no_user_for_workers(void **state)
{
    (void)state;
    assert_refused_as_root("root", "user \"root\" is root; workers must not be");
}

static int become_somebody(void)
{
    struct identity id;
    struct err e;
    const bool root = geteuid() == 0;
    if (privileges_resolve(SOMEBODY, &id, &e) != 0 || id.drop != root)
        return 1;
    if (privileges_drop(&id, &e) != 0)
        return 2;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 3;
    if (!root)
        return 0;

    const struct passwd *pw = getpwnam(SOMEBODY);
    uid_t u[3];
    gid_t g[3];
    if (getresuid(&u[0], &u[1], &u[2]) != 0 || getresgid(&g[0], &g[1], &g[2]) != 0)
        return 4;
    for (int i = 0; i < 3; i++)
        if (u[i] != pw->pw_uid || g[i] != pw->pw_gid)
            return 5;
    if (getgroups(0, NULL) != 0)
        return 6;
    return setuid(0) == -1 ? 0 : 7;
}

static void a_user_is_become_for_good_and_without_groups(void **state)
{
    (void)state;
    in_child(become_somebody, false);
}

static uint64_t permitted(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, data) != 0)
        return UINT64_MAX;
    return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

static int shed(void)
{
    const uint64_t before = permitted();
    const uint64_t kept = 1U << CAP_NET_BIND_SERVICE | 1U << CAP_SETUID | 1U << CAP_SETGID |
                          1U << CAP_KILL | 1U << CAP_DAC_READ_SEARCH | 1U << CAP_DAC_OVERRIDE |
                          1U << CAP_NET_RAW;
    privileges_shed();
    if (permitted() != (before & kept))
        return 1;
    if ((before >> CAP_SETPCAP & 1) != 0 && prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 0)
        return 2;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 3;
}

static void of_roots_capabilities_those_in_use_are_kept(void **state)
{
    (void)state;
    in_child(shed, false);
    in_child(shed, true);
}

/* ---- descriptors ---- */

static int raise_what_was_lowered(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1;
    const rlim_t most = limit.rlim_max > 1048576 ? 1048576 : limit.rlim_max;
    limit.rlim_cur = 64;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 2;
    if (privileges_raise_files() != most)
        return 3;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur != most)
        return 4;
    return privileges_raise_files() == most ? 0 : 5;
}

static void the_soft_limit_on_files_goes_up_to_the_hard_one(void **state)
{
    (void)state;
    in_child(raise_what_was_lowered, false);
}

static int raise_what_is_low(void)
{
    struct rlimit limit = {100, 100};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1;
    return privileges_raise_files() == 100 ? 0 : 2;
}

static void a_low_hard_limit_is_what_there_is(void **state)
{
    (void)state;
    in_child(raise_what_is_low, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_root_there_is_nobody_to_become),
        cmocka_unit_test(not_root_dropping_only_forbids_to_gain),
        cmocka_unit_test(becoming_somebody_without_the_right_to_is_an_error),
        cmocka_unit_test(an_unknown_user_is_named),
        cmocka_unit_test(root_is_no_user_for_workers),
        cmocka_unit_test(a_user_is_become_for_good_and_without_groups),
        cmocka_unit_test(of_roots_capabilities_those_in_use_are_kept),
        cmocka_unit_test(the_soft_limit_on_files_goes_up_to_the_hard_one),
        cmocka_unit_test(a_low_hard_limit_is_what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
