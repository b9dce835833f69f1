/* test_watch_path.c - which names decide where a path leads. */
#include "proxy/watch/watch_path.h"
#include "tests/support/unit.h"

#include <limits.h>
#include <sys/stat.h>

static char base[32];

static int setup(void **state)
{
    (void)state;
    make_directory(base);
    return chdir(base);
}

static int teardown(void **state)
{
    char command[80];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", base);
    return chdir("/") != 0 || system(command) != 0 ? -1 : 0;
}

/* The names below the test's directory, as "directory|name ", the directory relative to it. */
static void note(void *arg, const char *directory, const char *name)
{
    struct buf *b = arg;
    const size_t n = strlen(base);
    if (strncmp(directory, base, n) != 0)
        return;
    buf_printf(b, "%s|%s ", directory + n + (directory[n] == '/'), name);
}

static void assert_names(const char *path, const char *expected)
{
    struct buf b;
    buf_init(&b, 100000);
    watch_path(path, note, &b);
    assert_text(&b, expected);
    buf_free(&b);
}

static void assert_path(const char *relative, const char *expected)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", base, relative);
    assert_names(path, expected);
    assert_names(relative, expected); /* from the working directory */
}

static void touch(const char *path)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
}

static void make_tree(void)
{
    assert_int_equal(mkdir("live", 0755) | mkdir("live/mail", 0755) | mkdir("archive", 0755), 0);
    touch("archive/c1.pem");
    touch("live/plain.pem");
    assert_int_equal(symlink("../../archive/c1.pem", "live/mail/chain.pem"), 0);
    assert_int_equal(symlink("gone.pem", "live/dangling.pem"), 0);
    assert_int_equal(symlink("loop2", "loop1") | symlink("loop1", "loop2"), 0);
    assert_int_equal(symlink("live", "present"), 0);
    char target[64];
    snprintf(target, sizeof target, "%s/archive", base);
    assert_int_equal(symlink(target, "absolute"), 0);
}

static void links_are_followed_name_by_name(void **state)
{
    (void)state;
    make_tree();
    assert_path("live/plain.pem", "|live live|plain.pem ");
    assert_path("live//./mail/../plain.pem", "|live live|mail live|plain.pem ");
    assert_path("live/mail/chain.pem",
                "|live live|mail live/mail|chain.pem |archive archive|c1.pem ");
    assert_path("present/plain.pem", "|present |live live|plain.pem ");
    assert_path("absolute/c1.pem", "|absolute |archive archive|c1.pem ");
}

static void a_name_that_is_missing_is_the_last(void **state)
{
    (void)state;
    assert_path("live/nothing.pem", "|live live|nothing.pem ");
    assert_path("nowhere/at/all.pem", "|nowhere ");
    assert_path("live/dangling.pem", "|live live|dangling.pem live|gone.pem ");
}

static void circles_and_absurd_lengths_end(void **state)
{
    static char path[2 * PATH_MAX];
    struct buf b;
    (void)state;
    buf_init(&b, 100000);
    watch_path("loop1", note, &b);
    assert_in_range(b.size, 1, 1000);
    b.size = 0;
    memset(path, 'a', sizeof path - 1);
    watch_path(path, note, &b);
    path[NAME_MAX + 10] = '\0';
    watch_path(path, note, &b);
    watch_path("", note, &b);
    assert_int_equal(b.size, 0);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_are_followed_name_by_name),
        cmocka_unit_test(a_name_that_is_missing_is_the_last),
        cmocka_unit_test(circles_and_absurd_lengths_end),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
