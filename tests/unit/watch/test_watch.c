/* test_watch.c - changes of files on disk, by every means by which tools make them. */
#include "proxy/watch/watch.h"
#include "tests/support/loop.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <utime.h>

static char base[32];
static uv_loop_t loop;
static struct watch *w;
static struct bundle *bundle;
static unsigned told, unwatchable_count;
static bool busy;
static char last[1000];

static const struct watch_times times = {.quiet = 30, .at_most = 2000, .retry = 200};

static bool changed(void *arg, const char *files)
{
    (void)arg;
    told++;
    snprintf(last, sizeof last, "%s", files);
    return !busy;
}

static void unwatchable(void *arg, const char *directory, const char *why)
{
    (void)arg;
    (void)directory;
    (void)why;
    unwatchable_count++;
}

static const struct watch_events events = {changed, unwatchable};

static void save(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* What is on disk now is in service from now on. */
static void use(const char *const *paths, size_t count)
{
    struct err e;
    bundle_free(bundle);
    bundle = bundle_new();
    assert_int_equal(bundle_add(bundle, BUNDLE_TEXT, "t.conf", "text", 4, &e), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(bundle_read(bundle, BUNDLE_FILE, paths[i], &e), 0);
    assert_int_equal(watch_use(w, bundle), 0);
    told = 0;
    last[0] = '\0';
}

static int begin(void **state)
{
    (void)state;
    make_directory(base);
    if (chdir(base) != 0 || uv_loop_init(&loop) != 0)
        return -1;
    told = unwatchable_count = 0;
    busy = false;
    w = watch_new(&loop, &times, &events, NULL);
    return mkdir("live", 0755) | mkdir("archive", 0755);
}

static int end(void **state)
{
    char command[80];
    (void)state;
    watch_close(w);
    loop_end(&loop);
    bundle_free(bundle);
    bundle = NULL;
    snprintf(command, sizeof command, "rm -rf %s", base);
    return chdir("/") != 0 || system(command) != 0 ? -1 : 0;
}

/* Long enough for several looks. */
static void rest(void)
{
    for (int i = 0; i < 150; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
}

static const char *const plain[] = {"live/chain.pem", "live/key.pem"};

static void begin_plain(void)
{
    save("live/chain.pem", "chain 1");
    save("live/key.pem", "key 1");
    use(plain, 2);
    assert_string_equal((const char *)bundle_at(watch_texts(w), 0)->data, "text");
    assert_int_equal(bundle_count(watch_texts(w)), 1);
}

static void writing_into_a_file_is_seen(void **state)
{
    (void)state;
    begin_plain();
    save("live/chain.pem", "chain 2");
    loop_until(&loop, told == 1);
    assert_string_equal(last, "live/chain.pem");
}

static void what_is_the_same_as_before_is_not_told(void **state)
{
    (void)state;
    begin_plain();
    assert_int_equal(utime("live/chain.pem", NULL), 0);
    save("live/key.pem", "key 1");
    save("live/other.pem", "other");
    rest();
    assert_int_equal(told, 0);
    save("live/chain.pem", "chain 2"); /* it was not asleep */
    loop_until(&loop, told == 1);
}

static void a_file_renamed_over_another_is_seen(void **state)
{
    (void)state;
    begin_plain();
    save("live/new", "chain 2");
    assert_int_equal(rename("live/new", "live/chain.pem"), 0);
    loop_until(&loop, told == 1);
    use(plain, 2);
    rest();
    assert_int_equal(told, 0);
    save("live/chain.pem", "chain 3"); /* the new file is watched like the old one */
    loop_until(&loop, told == 1);
}

static void a_link_turned_to_another_file_is_seen(void **state)
{
    (void)state;
    static const char *const path[] = {"live/mail/chain.pem"};
    save("archive/c1.pem", "chain 1");
    save("archive/c2.pem", "chain 2");
    assert_int_equal(mkdir("live/mail", 0755), 0);
    assert_int_equal(symlink("../../archive/c1.pem", "live/mail/chain.pem"), 0);
    use(path, 1);
    assert_int_equal(unlink("live/mail/chain.pem"), 0);
    assert_int_equal(symlink("../../archive/c2.pem", "live/mail/chain.pem"), 0);
    loop_until(&loop, told == 1);
    use(path, 1);
    save("archive/c2.pem", "chain 3"); /* what it points to is watched, too */
    loop_until(&loop, told == 1);
}

static void a_directory_exchanged_for_another_is_seen(void **state)
{
    (void)state;
    begin_plain();
    assert_int_equal(mkdir("new", 0755), 0);
    save("new/chain.pem", "chain 2");
    save("new/key.pem", "key 2");
    assert_int_equal(renameat2(AT_FDCWD, "new", AT_FDCWD, "live", RENAME_EXCHANGE), 0);
    loop_until(&loop, told == 1);
    assert_string_equal(last, "live/chain.pem, live/key.pem");
    use(plain, 2);
    save("new/chain.pem", "not in use any more");
    rest();
    assert_int_equal(told, 0);
    save("live/chain.pem", "chain 3"); /* in the directory that is there now */
    loop_until(&loop, told == 1);
}

static void a_directory_deleted_and_made_again_is_seen(void **state)
{
    (void)state;
    begin_plain();
    assert_int_equal(unlink(plain[0]) | unlink(plain[1]) | rmdir("live"), 0);
    loop_until(&loop, told == 1); /* both are gone */
    watch_refused(w, false, 0);
    assert_int_equal(mkdir("live", 0755), 0);
    save("live/chain.pem", "chain 2");
    save("live/key.pem", "key 2");
    loop_until(&loop, told == 2);
}

static void a_refusal_is_tried_again_only_when_something_changed(void **state)
{
    (void)state;
    begin_plain();
    save("live/chain.pem", "chain 2"); /* whose key is not there yet */
    loop_until(&loop, told == 1);
    watch_refused(w, false, 0);
    rest();
    rest();
    assert_int_equal(told, 1);
    assert_int_equal(utime("live/chain.pem", NULL), 0);
    rest();
    assert_int_equal(told, 1);
    save("live/key.pem", "key 2");
    loop_until(&loop, told == 2);
    assert_string_equal(last, "live/chain.pem, live/key.pem");
    watch_refused(w, false, 0);
    rest();
    assert_int_equal(told, 2);
}

static void what_is_in_service_again_after_a_refusal_is_told(void **state)
{
    (void)state;
    begin_plain();
    save("live/chain.pem", "chain 2");
    loop_until(&loop, told == 1);
    watch_refused(w, false, 0);
    save("live/chain.pem", "chain 1");
    loop_until(&loop, told == 2);
    assert_string_equal(last, "live/chain.pem");
    watch_refused(w, false, 0); /* for another reason */
    rest();
    rest();
    assert_int_equal(told, 2);
    save("live/chain.pem", "chain 2"); /* refused once, but that was long ago */
    loop_until(&loop, told == 3);
    save("live/chain.pem", "chain 1");
    loop_until(&loop, told == 4);
    use(plain, 2);
    rest();
    assert_int_equal(told, 0);
}

static void what_may_be_good_is_tried_once_more(void **state)
{
    (void)state;
    begin_plain();
    save("live/chain.pem", "chain 2");
    loop_until(&loop, told == 1);
    watch_refused(w, true, 0);
    loop_until(&loop, told == 2);
    watch_refused(w, true, 0);
    rest();
    rest();
    rest();
    assert_int_equal(told, 2);
}

static void what_will_be_good_is_tried_when_its_time_has_come(void **state)
{
    (void)state;
    begin_plain();
    save("live/chain.pem", "chain 2");
    loop_until(&loop, told == 1);
    watch_refused(w, false, time(NULL) + 2);
    loop_until(&loop, told == 2);
    watch_refused(w, false, time(NULL) + 3600); /* a later one is not there yet */
    rest();
    rest();
    assert_int_equal(told, 2);
    save("live/chain.pem", "chain 1"); /* what is in service: nothing to wait for */
    loop_until(&loop, told == 3);
    use(plain, 2);
    rest();
    assert_int_equal(told, 0);
}

static void who_is_busy_is_told_again(void **state)
{
    (void)state;
    begin_plain();
    busy = true;
    save("live/chain.pem", "chain 2");
    loop_until(&loop, told >= 3);
    busy = false;
    const unsigned so_far = told;
    loop_until(&loop, told > so_far);
    rest();
    assert_int_equal(told, so_far + 1);
}

static void what_changed_before_the_watch_began_is_seen(void **state)
{
    (void)state;
    struct err e;
    save("live/chain.pem", "chain 1");
    bundle = bundle_new();
    assert_int_equal(bundle_read(bundle, BUNDLE_FILE, "live/chain.pem", &e), 0);
    save("live/chain.pem", "chain 2");
    assert_int_equal(watch_use(w, bundle), 0);
    loop_until(&loop, told == 1);
}

static void nothing_is_watched_when_told_so(void **state)
{
    (void)state;
    begin_plain();
    assert_true(watch_directories(w) >= 2);
    assert_int_equal(watch_use(w, NULL), 0);
    assert_int_equal(watch_directories(w), 0);
    assert_null(watch_texts(w));
    save("live/chain.pem", "chain 2");
    watch_refused(w, true, 0);
    rest();
    assert_int_equal(told, 0);
}

static void a_thousand_reloads_leave_no_watch_behind(void **state)
{
    (void)state;
    begin_plain();
    const size_t directories = watch_directories(w);
    const unsigned descriptors = open_descriptors();
    for (int i = 0; i < 1000; i++) {
        char text[20];
        snprintf(text, sizeof text, "chain %d", i);
        if (i % 3 == 0) {
            assert_int_equal(mkdir("new", 0755), 0);
            save("new/chain.pem", text);
            save("new/key.pem", text);
            assert_int_equal(renameat2(AT_FDCWD, "new", AT_FDCWD, "live", RENAME_EXCHANGE), 0);
            assert_int_equal(unlink("new/chain.pem") | unlink("new/key.pem") | rmdir("new"), 0);
        } else {
            save("live/chain.pem", text);
        }
        use(plain, 2);
        uv_run(&loop, UV_RUN_NOWAIT);
        assert_int_equal(watch_directories(w), directories);
    }
    rest();
    assert_int_equal(open_descriptors(), descriptors);
    unsigned handles = 0;
    for (int i = 0; i < 5; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    handles = loop.active_handles;
    assert_in_range(handles, 1, directories + 1);
    assert_int_equal(unwatchable_count, 0);
}

static void the_delay_is_quiet_time_within_a_limit(void **state)
{
    static const struct watch_times t = {.quiet = 2000, .at_most = 30000, .retry = 1};
    (void)state;
    assert_int_equal(watch_delay(&t, 1000, 1000), 2000);
    assert_int_equal(watch_delay(&t, 1000, 29000), 2000);
    assert_int_equal(watch_delay(&t, 1000, 30000), 1000);
    assert_int_equal(watch_delay(&t, 1000, 31000), 0);
    assert_int_equal(watch_delay(&t, 1000, 99000), 0);
    assert_int_equal(watch_delay(&t, 1000, 0), 2000);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(writing_into_a_file_is_seen),
        CASE(what_is_the_same_as_before_is_not_told),
        CASE(a_file_renamed_over_another_is_seen),
        CASE(a_link_turned_to_another_file_is_seen),
        CASE(a_directory_exchanged_for_another_is_seen),
        CASE(a_directory_deleted_and_made_again_is_seen),
        CASE(a_refusal_is_tried_again_only_when_something_changed),
        CASE(what_is_in_service_again_after_a_refusal_is_told),
        CASE(what_may_be_good_is_tried_once_more),
        CASE(what_will_be_good_is_tried_when_its_time_has_come),
        CASE(who_is_busy_is_told_again),
        CASE(what_changed_before_the_watch_began_is_seen),
        CASE(nothing_is_watched_when_told_so),
        CASE(a_thousand_reloads_leave_no_watch_behind),
        cmocka_unit_test(the_delay_is_quiet_time_within_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
