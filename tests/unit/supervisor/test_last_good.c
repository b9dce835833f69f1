/* test_last_good.c - what is kept is found again whole, or not at all. */
#include "proxy/supervisor/last_good.h"
#include "tests/support/files.h"
#include "tls/tls.h"

#include <errno.h>
#include <string.h>

static char state[80];
static struct log logger;

static int setup(void **unused)
{
    (void)unused;
    struct err e;
    if (tls_init(&e) != 0)
        return -1;
    files_begin(&logger);
    files_path("state", state);
    return 0;
}

static void clear(void)
{
    char command[200];
    snprintf(command, sizeof command, "rm -rf %s", state);
    assert_int_equal(system(command), 0);
}

static int teardown(void **unused)
{
    (void)unused;
    clear();
    files_end(&logger);
    return 0;
}

static void prepare(void)
{
    struct err e = {.text = ""};
    clear();
    assert_int_equal(last_good_prepare(state, &e), 0);
}

static int keep(const char *text, time_t at, struct err *e)
{
    struct bundle *b = bundle_new();
    assert_int_equal(bundle_add(b, BUNDLE_TEXT, "/conf", text, strlen(text), e), 0);
    assert_int_equal(bundle_add(b, BUNDLE_SECRET, "/ticket", "secret", 6, e), 0);
    const int fd = bundle_to_fd(b, e);
    assert_true(fd >= 0);
    const int result = last_good_keep(state, fd, at, e);
    close(fd);
    bundle_free(b);
    return result;
}

static void kept(const char *text, time_t at)
{
    struct err e = {.text = ""};
    if (keep(text, at, &e) != 0)
        fail_msg("%s", e.text);
}

/* NULL: nothing is found. */
static void assert_found(const char *text, time_t at)
{
    struct err e;
    time_t when = 0;
    struct bundle *b = last_good_find(state, &when, &e);
    if (text == NULL) {
        assert_null(b);
        return;
    }
    if (b == NULL)
        fail_msg("%s", e.text);
    const struct bundle_entry *entry = bundle_find(b, BUNDLE_TEXT, "/conf");
    assert_string_equal((const char *)entry->data, text);
    assert_non_null(bundle_find(b, BUNDLE_SECRET, "/ticket"));
    assert_int_equal(when, at);
    bundle_free(b);
}

static void place(const char *name, char out[160])
{
    snprintf(out, 160, "%s/" LAST_GOOD_DIRECTORY "/%s", state, name);
}

static void what_was_kept_last_is_found(void **unused)
{
    (void)unused;
    prepare();
    for (int i = 1; i <= 5; i++) {
        char text[40];
        snprintf(text, sizeof text, "number %d", i);
        kept(text, 1000 + i);
        assert_found(text, 1000 + i);
    }
}

static void nothing_kept_is_nothing_wrong(void **unused)
{
    (void)unused;
    struct err e;
    time_t when;
    clear();
    assert_null(last_good_find(state, &when, &e));
    assert_string_equal(e.text, "");
    prepare();
    assert_null(last_good_find(state, &when, &e));
    assert_string_equal(e.text, "");
}

static void files_are_private(void **unused)
{
    (void)unused;
    struct stat st;
    char path[160];
    prepare();
    kept("x", 1);
    kept("y", 2);
    for (int i = 0; i < 2; i++) {
        place(i == 0 ? "a" : "b", path);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
    place("", path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

static void change(const char *name, long at, uint8_t with)
{
    char path[160];
    place(name, path);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    const int was = fgetc(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    fputc(was ^ with, f);
    assert_int_equal(fclose(f), 0);
}

static long size_of(const char *name)
{
    struct stat st;
    char path[160];
    place(name, path);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void wherever_the_newer_one_is_damaged_the_older_one_is_found(void **unused)
{
    (void)unused;
    prepare();
    kept("older", 1);
    kept("newer", 2);
    assert_found("newer", 2);
    const long size = size_of("b");
    for (long at = 0; at < size; at++) {
        change("b", at, 0x20);
        assert_found("older", 1);
        change("b", at, 0x20);
    }
    char path[160];
    place("b", path);
    for (long cut = size - 1; cut >= 0; cut -= 7) {
        assert_int_equal(truncate(path, cut), 0);
        assert_found("older", 1);
    }
    kept("newest", 3); /* over the damaged one */
    assert_found("newest", 3);
    change("b", 5, 1);
    assert_found("older", 1);
}

static void where_both_are_damaged_it_is_said(void **unused)
{
    (void)unused;
    struct err e;
    time_t when;
    prepare();
    kept("one", 1);
    change("a", size_of("a") - 1, 1);
    assert_null(last_good_find(state, &when, &e));
    assert_string_equal(e.text, "it is damaged");
}

static bool holds(const char *name, const char *what)
{
    static uint8_t all[4096];
    char path[160];
    place(name, path);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    const size_t n = fread(all, 1, sizeof all, f);
    fclose(f);
    return memmem(all, n, what, strlen(what)) != NULL;
}

static void nothing_is_left_of_what_was_longer(void **unused)
{
    (void)unused;
    prepare();
    kept("a text that is much longer than the one that comes after it, with its end: OLD END", 1);
    kept("second", 2);
    assert_true(holds("a", "OLD END"));
    kept("third", 3);
    assert_false(holds("a", "OLD END"));
    assert_found("third", 3);
}

static void what_is_dropped_is_gone(void **unused)
{
    (void)unused;
    prepare();
    kept("one", 1);
    kept("two", 2);
    last_good_drop(state);
    assert_found(NULL, 0);
    for (int i = 0; i < 2; i++) {
        assert_false(holds(i == 0 ? "a" : "b", "/conf"));
        assert_false(holds(i == 0 ? "a" : "b", "secret"));
    }
    kept("again", 3);
    assert_found("again", 3);
}

static void assert_untouched_because_of(const char *why)
{
    struct err e = {.text = ""};
    time_t when;
    assert_null(last_good_find(state, &when, &e));
    assert_non_null(strstr(e.text, why));
    assert_int_equal(keep("mine", 9, &e), -1);
    assert_non_null(strstr(e.text, why));
}

static void what_others_may_touch_is_not_taken(void **unused)
{
    (void)unused;
    char directory[160], file[160];
    prepare();
    kept("one", 1);
    place("", directory);
    place("a", file);
    assert_int_equal(chmod(state, 0777), 0);
    assert_untouched_because_of("others have rights");
    assert_int_equal(chmod(state, 0755), 0);
    assert_found("one", 1);
    assert_int_equal(chmod(directory, 0750), 0);
    assert_untouched_because_of("others have rights");
    assert_int_equal(chmod(directory, 0700), 0);
    assert_int_equal(chmod(file, 0640), 0);
    assert_found(NULL, 0);
    assert_int_equal(chmod(file, 0600), 0);
    assert_found("one", 1);
    if (geteuid() != 0)
        return;
    assert_int_equal(chown(state, 65534, 65534), 0);
    assert_untouched_because_of("belongs to user 65534");
    assert_int_equal(chown(state, 0, 0), 0);
    assert_found("one", 1);
}

static void a_link_is_not_followed(void **unused)
{
    (void)unused;
    char directory[160], elsewhere[200];
    struct err e;
    time_t when;
    prepare();
    kept("one", 1);
    snprintf(directory, sizeof directory, "%s/" LAST_GOOD_DIRECTORY, state);
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", state);
    assert_int_equal(rename(directory, elsewhere), 0);
    assert_int_equal(symlink(elsewhere, directory), 0);
    assert_null(last_good_find(state, &when, &e));
    assert_int_not_equal(last_good_prepare(state, &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_kept_last_is_found),
        cmocka_unit_test(nothing_kept_is_nothing_wrong),
        cmocka_unit_test(files_are_private),
        cmocka_unit_test(wherever_the_newer_one_is_damaged_the_older_one_is_found),
        cmocka_unit_test(where_both_are_damaged_it_is_said),
        cmocka_unit_test(nothing_is_left_of_what_was_longer),
        cmocka_unit_test(what_is_dropped_is_gone),
        cmocka_unit_test(what_others_may_touch_is_not_taken),
        cmocka_unit_test(a_link_is_not_followed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
