/* test_usage.c - what the kernel tells of a process; this one will do. */
#include "proxy/supervisor/usage.h"
#include "tests/support/unit.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>

static void we_know_of_ourselves(void **state)
{
    struct rlimit limit;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct usage u = usage_of(getpid());
    assert_true(u.cpu_ms >= 0);
    assert_true(u.resident > 100000);
    assert_true(u.files >= 3);
    assert_int_equal(u.files_max, limit.rlim_cur);
}

static void work_and_memory_and_files_are_seen(void **state)
{
    enum { MUCH = 64 << 20, FILES = 5 };
    (void)state;
    const struct usage before = usage_of(getpid());
    char *p = malloc(MUCH);
    assert_non_null(p);
    do /* once at least: where all is slow, to look at /proc took as long */
        memset(p, (int)clock(), MUCH);
    while ((int64_t)clock() * 1000 / CLOCKS_PER_SEC < before.cpu_ms + 50);
    for (int i = 0; i < FILES; i++)
        assert_true(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
    const struct usage after = usage_of(getpid());
    assert_true(after.cpu_ms > before.cpu_ms);
    assert_true(after.resident > before.resident + MUCH / 2);
    assert_int_equal(after.files, before.files + FILES);
    free(p);
}

static void of_nobody_nothing_is_known(void **state)
{
    (void)state;
    const struct usage u = usage_of(0x7fffffff);
    assert_int_equal(u.cpu_ms, -1);
    assert_int_equal(u.resident, -1);
    assert_int_equal(u.files, -1);
    assert_int_equal(u.files_max, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(we_know_of_ourselves),
        cmocka_unit_test(work_and_memory_and_files_are_seen),
        cmocka_unit_test(of_nobody_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
