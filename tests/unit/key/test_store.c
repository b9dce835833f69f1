/* test_store.c - pairs on disk: put in place as a whole, or not at all */
#include "proxy/key/store.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64], state[80];
static struct keystore store;

static int refusal; /* of the next exchanges; 0: none */

int __wrap_renameat2(int from, const char *old, int to, const char *new, unsigned flags);
int __real_renameat2(int from, const char *old, int to, const char *new, unsigned flags);

int __wrap_renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    if (refusal == 0)
        return __real_renameat2(from, old, to, new, flags);
    errno = refusal;
    return -1;
}

static char removed_last[64]; /* of the files */

int __wrap_unlinkat(int from, const char *name, int flags);
int __real_unlinkat(int from, const char *name, int flags);

int __wrap_unlinkat(int from, const char *name, int flags)
{
    const int result = __real_unlinkat(from, name, flags);
    if (result == 0 && flags == 0)
        snprintf(removed_last, sizeof removed_last, "%s", name);
    return result;
}

static int make_directory(void **unused)
{
    (void)unused;
    strcpy(directory, "/tmp/test-keystore-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(state, sizeof state, "%s/state", directory);
    struct err e;
    return keystore_open(&store, state, KEYSTORE_CHANGE, &e);
}

static int remove_directory(void **unused)
{
    char command[128];
    (void)unused;
    keystore_close(&store);
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    return system(command);
}

static void in_state(char path[256], const char *name)
{
    snprintf(path, 256, "%s/%s", state, name);
}

static bool is_there(const char *name)
{
    char path[256];
    struct stat st;
    in_state(path, name);
    return lstat(path, &st) == 0;
}

static void put(const char *name, const char *text)
{
    char path[256];
    in_state(path, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void make(const char *name)
{
    char path[256];
    in_state(path, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

/* Texts for the files; NULL: none. */
struct texts {
    const char *file[KEYSTORE_FILES];
};

static struct keystore_entry entry_of(const struct texts *t)
{
    struct keystore_entry entry = {.exists = true};
    for (int i = 0; i < KEYSTORE_FILES; i++)
        if (t->file[i] != NULL)
            entry.file[i] = (struct file_bytes){(uint8_t *)t->file[i], strlen(t->file[i]), 0};
    return entry;
}

static void write_entry(const char *name, enum keystore_keep keep, struct texts t)
{
    struct err e = {.text = ""};
    const struct keystore_entry entry = entry_of(&t);
    if (keystore_write(&store, name, &entry, keep, &e) != 0)
        fail_msg("%s", e.text);
}

static void assert_same(struct keystore_entry *entry, struct texts t)
{
    assert_true(entry->exists);
    for (int i = 0; i < KEYSTORE_FILES; i++) {
        assert_int_equal(entry->file[i].data != NULL, t.file[i] != NULL);
        if (t.file[i] == NULL)
            continue;
        assert_int_equal(entry->file[i].size, strlen(t.file[i]));
        assert_memory_equal(entry->file[i].data, t.file[i], strlen(t.file[i]));
    }
    keystore_entry_free(entry);
}

static void assert_in_place(const char *name, struct texts t)
{
    struct keystore_entry entry;
    struct err e;
    assert_int_equal(keystore_read(&store, name, &entry, &e), 0);
    assert_same(&entry, t);
}

static void assert_previous(const char *name, struct texts t)
{
    struct keystore_entry entry;
    struct err e;
    assert_int_equal(keystore_read_previous(&store, name, &entry, &e), 0);
    assert_same(&entry, t);
}

static const struct texts request = {{"key 1", NULL, "request 1", NULL}};
static const struct texts first = {{"key 1", "chain 1", NULL, NULL}};
static const struct texts staged = {{"key 1", "chain 1", "request 2", "key 2"}};
static const struct texts second = {{"key 2", "chain 2", NULL, NULL}};

/* ---- the usual way ---- */

static void what_is_written_is_read_back(void **unused)
{
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_NOTHING, request);
    assert_in_place("mail", request);
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    assert_in_place("mail", first);
    assert_false(is_there(".mail.previous")); /* a request is no pair to go back to */
    assert_false(is_there(".mail.next"));
    assert_false(is_there("mail/staged"));
}

static void a_pair_is_kept_without_what_waited(void **unused)
{
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    write_entry("mail", KEYSTORE_KEEP_NOTHING, staged);
    write_entry("mail", KEYSTORE_KEEP_PAIR, second);
    assert_in_place("mail", second);
    assert_previous("mail", first);
}

static void a_key_that_waited_alone_is_kept_where_asked_for(void **unused)
{
    static const struct texts both = {{"key 1", NULL, "request 2", "key 2"}};
    static const struct texts waited = {{"key 1", NULL, NULL, NULL}};
    struct err e = {.text = ""};
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_NOTHING, both);
    write_entry("mail", KEYSTORE_KEEP_KEY, second);
    assert_previous("mail", waited);
    assert_int_equal(keystore_rollback(&store, "mail", &e), -1); /* it cannot serve */
    assert_non_null(strstr(e.text, "there is no previous certificate"));
    write_entry("mail", KEYSTORE_KEEP_KEY, first);
    assert_previous("mail", second);
}

static void the_same_pair_again_does_not_displace_the_previous_one(void **unused)
{
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    write_entry("mail", KEYSTORE_KEEP_PAIR, second);
    write_entry("mail", KEYSTORE_KEEP_PAIR, second);
    assert_previous("mail", first);
}

static void a_rollback_goes_back_and_forth(void **unused)
{
    struct err e;
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    write_entry("mail", KEYSTORE_KEEP_PAIR, second);
    assert_int_equal(keystore_rollback(&store, "mail", &e), 0);
    assert_in_place("mail", first);
    assert_previous("mail", second);
    assert_int_equal(keystore_rollback(&store, "mail", &e), 0);
    assert_in_place("mail", second);
}

static void a_rollback_leaves_what_waits(void **unused)
{
    static const struct texts waits = {{"key 2", "chain 2", "request 3", "key 3"}};
    static const struct texts after = {{"key 1", "chain 1", "request 3", "key 3"}};
    struct err e;
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    write_entry("mail", KEYSTORE_KEEP_PAIR, second);
    write_entry("mail", KEYSTORE_KEEP_NOTHING, waits);
    assert_int_equal(keystore_rollback(&store, "mail", &e), 0);
    assert_in_place("mail", after);
    assert_previous("mail", second);
}

static void a_rollback_needs_something_to_go_back_to(void **unused)
{
    struct err e = {.text = ""};
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    assert_int_equal(keystore_rollback(&store, "mail", &e), -1);
    assert_non_null(strstr(e.text, "no previous certificate of mail"));
    assert_in_place("mail", first);
}

static void nothing_is_left_of_what_is_removed(void **unused)
{
    struct keystore_entry entry;
    struct err e;
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    write_entry("mail", KEYSTORE_KEEP_PAIR, second);
    assert_int_equal(keystore_remove(&store, "mail", &e), 0);
    assert_false(is_there("mail") || is_there(".mail.previous") || is_there(".mail.gone"));
    assert_int_equal(keystore_read(&store, "mail", &entry, &e), 0);
    assert_false(entry.exists);
    assert_int_equal(keystore_remove(&store, "mail", &e), -1);
}

static void note_name(void *arg, const char *name)
{
    strcat(arg, name);
    strcat(arg, " ");
}

static void names_are_told_in_order_and_nothing_else_is(void **unused)
{
    char seen[64] = "";
    struct err e;
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    write_entry("mail", KEYSTORE_KEEP_PAIR, second);
    write_entry("a.news", KEYSTORE_KEEP_NOTHING, request);
    put("stray", "a file");
    assert_int_equal(keystore_each(&store, note_name, seen, &e), 0);
    assert_string_equal(seen, "a.news mail ");
}

static void files_and_directorys_are_the_owners_alone(void **unused)
{
    static const char *const names[] = {"mail/key.pem", "mail/chain.pem", "mail/request.csr",
                                        "mail/next-key.pem"};
    char path[256];
    struct stat st;
    (void)unused;
    mode_t old = umask(0);
    write_entry("mail", KEYSTORE_KEEP_NOTHING, staged);
    umask(old);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        in_state(path, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    in_state(path, "mail");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

/* ---- after a crash ---- */

/* The next change finds what was left, tidies up, and works. */
static void assert_recovers(struct texts in_place)
{
    assert_in_place("mail", in_place);
    struct texts changed = in_place;
    changed.file[KEYSTORE_REQUEST] = "request 9";
    write_entry("mail", KEYSTORE_KEEP_NOTHING, changed);
    assert_in_place("mail", changed);
    assert_false(is_there(".mail.next") || is_there(".mail.gone") || is_there("mail/staged"));
}

static void before_the_exchange_the_new_directory_is_dropped(void **unused)
{
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    write_entry("mail", KEYSTORE_KEEP_PAIR, second);
    make(".mail.next");
    put(".mail.next/staged", "");
    put(".mail.next/key.pem", "half a k");
    assert_recovers(second);
    assert_previous("mail", first);
}

static void of_two_keys_that_waited_the_older_one_is_put_away_after_the_exchange(void **unused)
{
    static const struct texts waited = {{"key 1", NULL, NULL, NULL}};
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, second);
    make(".mail.next");
    put(".mail.next/key.pem", "key 1");
    put(".mail.next/request.csr", "request 2");
    put(".mail.next/next-key.pem", "key 2");
    assert_recovers(second);
    assert_previous("mail", waited);
}

static void before_its_first_file_the_new_directory_is_dropped(void **unused)
{
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    write_entry("mail", KEYSTORE_KEEP_PAIR, second);
    make(".mail.next");
    assert_recovers(second);
    assert_previous("mail", first);
}

static void after_the_exchange_the_old_pair_becomes_the_previous_one(void **unused)
{
    static const struct texts third = {{"key 3", "chain 3", NULL, NULL}};
    char from[256], to[256];
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, second);
    write_entry("mail", KEYSTORE_KEEP_PAIR, third);
    in_state(from, ".mail.previous");
    in_state(to, ".mail.next");
    assert_int_equal(rename(from, to), 0);
    put("mail/staged", "");
    assert_recovers(third);
    assert_previous("mail", second);
}

static void in_the_middle_of_a_removal_the_rest_goes(void **unused)
{
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    make(".mail.gone");
    put(".mail.gone/key.pem", "old key");
    assert_recovers(first);
}

/* The command that was cut short is said again. */
static void nothing_is_left_of_what_was_half_removed(void **unused)
{
    struct keystore_entry entry;
    struct err e;
    (void)unused;
    make(".mail.gone");
    put(".mail.gone/key.pem", "key");
    assert_int_equal(keystore_read(&store, "mail", &entry, &e), 0);
    assert_false(entry.exists);
    assert_false(is_there(".mail.gone"));
}

/* Killed behind the exchange: what waits is beside the pair that it does not belong to. */
static void in_the_middle_of_a_rollback_what_waits_comes_along(void **unused)
{
    static const struct texts after = {{"key 1", "chain 1", "request 3", "key 3"}};
    (void)unused;
    for (int moved = 0; moved < 2; moved++) {
        write_entry("mail", KEYSTORE_KEEP_PAIR, second);
        write_entry("mail", KEYSTORE_KEEP_PAIR, first);
        put(moved > 0 ? "mail/next-key.pem" : ".mail.previous/next-key.pem", "key 3");
        put(".mail.previous/request.csr", "request 3");
        assert_in_place("mail", after);
        assert_previous("mail", second);
    }
}

static void a_newer_request_is_not_displaced_by_one_that_comes_along(void **unused)
{
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, second);
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    write_entry("mail", KEYSTORE_KEEP_NOTHING, staged);
    put(".mail.previous/next-key.pem", "key 3");
    put(".mail.previous/request.csr", "request 3");
    assert_in_place("mail", staged);
}

/* What is left of it without the mark would take the place of the previous pair. */
static void the_mark_of_a_new_directory_goes_last(void **unused)
{
    const struct keystore_entry entry = entry_of(&staged);
    struct err e;
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    refusal = EIO;
    assert_int_equal(keystore_write(&store, "mail", &entry, KEYSTORE_KEEP_PAIR, &e), -1);
    refusal = 0;
    assert_string_equal(removed_last, "staged");
    assert_false(is_there(".mail.next"));
}

/* ---- refused ---- */

static void names_that_no_pair_can_have(void **unused)
{
    static const char *const bad[] = {"", ".", "..", ".lock", "-c", "a/b", "../x", "a b", "a\n"};
    static const char *const good[] = {"mail", "mail.example.org", "a-b_c", "1"};
    struct err e;
    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(keystore_check_name(bad[i], &e), -1);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(keystore_check_name(good[i], &e), 0);
}

static void a_state_that_others_can_look_into_is_refused(void **unused)
{
    struct keystore other;
    struct err e = {.text = ""};
    (void)unused;
    for (mode_t bit = 1; bit < 0100; bit <<= 1) {
        assert_int_equal(chmod(state, 0700 | bit), 0);
        assert_int_equal(keystore_open(&other, state, KEYSTORE_LOOK, &e), -1);
        assert_non_null(strstr(e.cure, "chmod 0700"));
    }
    assert_int_equal(chmod(state, 0700), 0);
}

static void a_directory_that_others_need_is_not_to_be_closed(void **unused)
{
    static const char *const shared[] = {"/", "/tmp", "/etc/ssl", "/proc/self"};
    struct keystore other;
    struct err e = {.text = ""};
    (void)unused;
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
        if (access(shared[i], F_OK) != 0)
            continue;
        assert_int_equal(keystore_open(&other, shared[i], KEYSTORE_LOOK, &e), -1);
        assert_non_null(strstr(e.text, "other users can look into"));
        assert_null(strstr(e.text, "chmod"));
        assert_null(strstr(e.cure, "chmod"));
    }
}

static void a_fresh_directory_that_others_can_look_into_may_be_closed(void **unused)
{
    struct keystore other;
    struct err e = {.text = ""};
    char path[256];
    (void)unused;
    make("fresh");
    in_state(path, "fresh");
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(keystore_open(&other, path, KEYSTORE_LOOK, &e), -1);
    assert_non_null(strstr(e.cure, "chmod 0700"));
}

static void a_state_that_is_not_there_is_empty_to_look_at(void **unused)
{
    struct keystore other;
    struct keystore_entry entry;
    char path[128], seen[8] = "";
    struct err e = {.text = ""};
    (void)unused;
    snprintf(path, sizeof path, "%s/elsewhere", directory);
    assert_int_equal(keystore_open(&other, path, KEYSTORE_LOOK, &e), 0);
    assert_int_equal(keystore_read(&other, "mail", &entry, &e), 0);
    assert_false(entry.exists);
    assert_int_equal(keystore_each(&other, note_name, seen, &e), 0);
    assert_string_equal(seen, "");
    keystore_close(&other);
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof path, "%s/elsewhere/deep", directory);
    assert_int_equal(keystore_open(&other, path, KEYSTORE_CHANGE, &e), -1);
    assert_non_null(strstr(e.text, path));
}

static void a_state_that_is_a_file_is_refused(void **unused)
{
    struct keystore other;
    char path[256];
    struct err e = {.text = ""};
    (void)unused;
    put("file", "x");
    in_state(path, "file");
    assert_int_equal(keystore_open(&other, path, KEYSTORE_CHANGE, &e), -1);
    assert_non_null(strstr(e.text, path));
}

static void what_is_no_pair_is_not_read_as_one(void **unused)
{
    struct keystore_entry entry;
    struct err e = {.text = ""};
    (void)unused;
    put("mail", "a file");
    assert_int_equal(keystore_read(&store, "mail", &entry, &e), -1);
    assert_non_null(strstr(e.text, "is no directory"));
    make("news");
    make("news/key.pem");
    assert_int_equal(keystore_read(&store, "news", &entry, &e), -1);
    assert_non_null(strstr(e.text, "news/key.pem"));
}

/* NFS, an old kernel, and overlayfs where the pair is the image's. */
static void a_filesystem_that_cannot_exchange_is_told_of_with_the_cure(void **unused)
{
    static const int errors[] = {EINVAL, ENOSYS, EXDEV};
    const struct keystore_entry entry = entry_of(&second);
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct err e = {.text = ""};
        refusal = errors[i];
        assert_int_equal(keystore_write(&store, "mail", &entry, KEYSTORE_KEEP_PAIR, &e), -1);
        refusal = 0;
        assert_non_null(strstr(e.text, "cannot exchange two directories in one step; set `state`"));
        assert_in_place("mail", first);
    }
}

/* What is in the way of the new directory shows before anything is changed. */
static void when_the_new_directory_cannot_be_made_nothing_changes(void **unused)
{
    struct err e = {.text = ""};
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    put(".mail.next", "a file");
    const struct keystore_entry entry = entry_of(&second);
    assert_int_equal(keystore_write(&store, "mail", &entry, KEYSTORE_KEEP_PAIR, &e), -1);
    assert_non_null(strstr(e.text, ".mail.next"));
    assert_in_place("mail", first);
}

/* A change takes it along with the pair, to where the next one cannot remove it. */
static void a_directory_of_somebody_elses_in_a_pair_is_told_of(void **unused)
{
    const struct keystore_entry entry = entry_of(&second);
    struct err e = {.text = ""};
    (void)unused;
    write_entry("mail", KEYSTORE_KEEP_PAIR, first);
    make("mail/backup");
    write_entry("mail", KEYSTORE_KEEP_NOTHING, first);
    assert_int_equal(keystore_write(&store, "mail", &entry, KEYSTORE_KEEP_PAIR, &e), -1);
    assert_non_null(strstr(e.text, ".mail.next: a directory is in it"));
    assert_in_place("mail", first);
}

static void paths_are_told(void **unused)
{
    char expected[256];
    (void)unused;
    char *path = keystore_path(&store, "mail", KEYSTORE_REQUEST);
    in_state(expected, "mail/request.csr");
    assert_string_equal(path, expected);
    free(path);
    path = keystore_path(&store, "mail", KEYSTORE_FILES);
    in_state(expected, "mail");
    assert_string_equal(path, expected);
    free(path);
}

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

/* ---- a STATE of somebody else's ---- */

enum { NOBODY = 65534 };

static void give(const char *name)
{
    char path[256];
    in_state(path, name);
    assert_int_equal(lchown(path, NOBODY, NOBODY), 0);
}

/* As root, with STATE and the pair x in it of nobody's. */
static void state_of_nobody(void)
{
    struct err e;
    if (geteuid() != 0)
        skip();
    keystore_close(&store);
    make("x");
    give("x");
    give("");
    assert_int_equal(keystore_open(&store, state, KEYSTORE_CHANGE, &e), 0);
}

static void assert_not_read(const char *words)
{
    struct keystore_entry entry;
    struct err e = {.text = ""};
    assert_int_equal(keystore_read(&store, "x", &entry, &e), -1);
    if (strstr(e.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", e.text, words);
}

static char *secret_of_root(void)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/secret", directory);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("secret", f);
    fclose(f);
    return path;
}

static void links_that_others_planted_are_not_followed(void **unused)
{
    char path[256];
    (void)unused;
    state_of_nobody();
    in_state(path, "x/key.pem");
    assert_int_equal(symlink(secret_of_root(), path), 0);
    assert_not_read("symbolic link");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(link(secret_of_root(), path), 0);
    assert_not_read("another user");
    assert_int_equal(unlink(path), 0);
    in_state(path, "x");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink(directory, path), 0);
    assert_not_read("no directory");
}

/* What is removed, moved and given away lies in STATE. */
static void nothing_behind_a_planted_link_is_changed(void **unused)
{
    const struct texts texts = {.file = {[KEYSTORE_KEY] = "key", [KEYSTORE_CHAIN] = "chain"}};
    struct keystore_entry entry = entry_of(&texts);
    char path[256], aside[256];
    struct stat st;
    struct err e;
    (void)unused;
    state_of_nobody();
    snprintf(aside, sizeof aside, "%s/staged", directory);
    fclose(fopen(aside, "w"));
    in_state(path, "x");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink(directory, path), 0);
    keystore_write(&store, "x", &entry, KEYSTORE_KEEP_PAIR, &e);
    keystore_rollback(&store, "x", &e);
    keystore_remove(&store, "x", &e);
    assert_int_equal(stat(aside, &st), 0);
    keystore_close(&store);
    in_state(path, ".lock");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(link(secret_of_root(), path), 0);
    assert_int_equal(keystore_open(&store, state, KEYSTORE_CHANGE, &e), -1);
    assert_int_equal(stat(secret_of_root(), &st), 0);
    assert_int_equal(st.st_uid, 0);
}

static void what_root_writes_there_can_be_read_again(void **unused)
{
    const struct texts texts = {.file = {[KEYSTORE_KEY] = "key", [KEYSTORE_CHAIN] = "chain"}};
    struct keystore_entry entry = entry_of(&texts), read;
    struct err e;
    (void)unused;
    state_of_nobody();
    assert_int_equal(keystore_write(&store, "x", &entry, KEYSTORE_KEEP_PAIR, &e), 0);
    assert_int_equal(keystore_read(&store, "x", &read, &e), 0);
    assert_int_equal(read.file[KEYSTORE_KEY].size, 3);
    keystore_entry_free(&read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(what_is_written_is_read_back),
        ON_DISK(a_pair_is_kept_without_what_waited),
        ON_DISK(a_key_that_waited_alone_is_kept_where_asked_for),
        ON_DISK(the_same_pair_again_does_not_displace_the_previous_one),
        ON_DISK(a_rollback_goes_back_and_forth),
        ON_DISK(a_rollback_leaves_what_waits),
        ON_DISK(a_rollback_needs_something_to_go_back_to),
        ON_DISK(nothing_is_left_of_what_is_removed),
        ON_DISK(names_are_told_in_order_and_nothing_else_is),
        ON_DISK(files_and_directorys_are_the_owners_alone),
        ON_DISK(before_the_exchange_the_new_directory_is_dropped),
        ON_DISK(of_two_keys_that_waited_the_older_one_is_put_away_after_the_exchange),
        ON_DISK(before_its_first_file_the_new_directory_is_dropped),
        ON_DISK(after_the_exchange_the_old_pair_becomes_the_previous_one),
        ON_DISK(in_the_middle_of_a_removal_the_rest_goes),
        ON_DISK(nothing_is_left_of_what_was_half_removed),
        ON_DISK(in_the_middle_of_a_rollback_what_waits_comes_along),
        ON_DISK(a_newer_request_is_not_displaced_by_one_that_comes_along),
        ON_DISK(the_mark_of_a_new_directory_goes_last),
        cmocka_unit_test(names_that_no_pair_can_have),
        ON_DISK(a_state_that_others_can_look_into_is_refused),
        cmocka_unit_test(a_directory_that_others_need_is_not_to_be_closed),
        ON_DISK(a_fresh_directory_that_others_can_look_into_may_be_closed),
        ON_DISK(a_state_that_is_not_there_is_empty_to_look_at),
        ON_DISK(a_state_that_is_a_file_is_refused),
        ON_DISK(what_is_no_pair_is_not_read_as_one),
        ON_DISK(a_filesystem_that_cannot_exchange_is_told_of_with_the_cure),
        ON_DISK(when_the_new_directory_cannot_be_made_nothing_changes),
        ON_DISK(a_directory_of_somebody_elses_in_a_pair_is_told_of),
        ON_DISK(paths_are_told),
        ON_DISK(links_that_others_planted_are_not_followed),
        ON_DISK(nothing_behind_a_planted_link_is_changed),
        ON_DISK(what_root_writes_there_can_be_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
