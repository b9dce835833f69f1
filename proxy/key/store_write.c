/* store_write.c - how a pair is replaced, and read by who will replace it.
 *
 * - .NAME.next: the new directory; holds the file "staged" until it has taken its place. After the
 *   exchange this name is the old directory's, without that file.
 * - .NAME.previous: what was there before
 * - .NAME.gone: on its way out
 *
 * A crash leaves at most .NAME.next or .NAME.gone behind, or what waits for an answer beside the
 * previous pair, and the next command that changes something tidies up. */
#include "proxy/key/store_inner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAGED "staged"

/* ---- directories ---- */

/* Behind no link: STATE may be somebody else's. -1: it is not there. */
static int open_directory(const struct keystore *s, const char *directory)
{
    return openat(s->directory, directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool is_there(const struct keystore *s, const char *directory, const char *file)
{
    struct stat st;
    int fd = open_directory(s, directory);
    if (fd < 0)
        return false;
    bool there = fstatat(fd, file, &st, AT_SYMLINK_NOFOLLOW) == 0;
    close(fd);
    return there;
}

static void remove_file(const struct keystore *s, const char *directory, const char *file)
{
    int fd = open_directory(s, directory);
    if (fd < 0)
        return;
    unlinkat(fd, file, 0);
    close(fd);
}

static int not_dot(const struct dirent *d)
{
    return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* -1, with errno, when something of it is left. Its mark goes last: what is left without it counts
 * as a pair that was in place. */
static int remove_directory(const struct keystore *s, const char *directory)
{
    struct dirent **list;
    int fd = open_directory(s, directory);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1;
    int n = scandirat(fd, ".", &list, not_dot, NULL);
    for (int i = 0; i < n; i++) {
        if (strcmp(list[i]->d_name, STAGED) != 0)
            unlinkat(fd, list[i]->d_name, 0);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    unlinkat(fd, STAGED, 0);
    close(fd);
    return unlinkat(s->directory, directory, AT_REMOVEDIR);
}

static bool same_chain(const struct keystore *s, const char *a, const char *b)
{
    struct keystore_entry x, y;
    struct err ignored;
    if (keystore_read_directory(s, a, &x, &ignored) != 0)
        return false;
    bool same = keystore_read_directory(s, b, &y, &ignored) == 0;
    const struct file_bytes *p = &x.file[KEYSTORE_CHAIN], *q = &y.file[KEYSTORE_CHAIN];
    same = same && p->size == q->size && (p->size == 0 || memcmp(p->data, q->data, p->size) == 0);
    keystore_entry_free(&x);
    keystore_entry_free(&y);
    return same;
}

/* ---- tidying up ---- */

/* `next` is what was there before the exchange. A pair that is in place anyway goes. */
static void put_away(const struct keystore *s, const char *name, const char *next,
                     enum keystore_keep keep)
{
    char previous[KEYSTORE_DIRECTORY_SIZE];
    const bool certified = is_there(s, next, keystore_file_name(KEYSTORE_CHAIN));
    if (certified ? keep == KEYSTORE_KEEP_NOTHING || same_chain(s, next, name)
                  : keep != KEYSTORE_KEEP_KEY) {
        remove_directory(s, next);
        return;
    }
    keystore_previous_name(name, previous);
    remove_file(s, next, keystore_file_name(KEYSTORE_REQUEST));
    remove_file(s, next, keystore_file_name(KEYSTORE_NEXT_KEY));
    if (remove_directory(s, previous) == 0)
        renameat(s->directory, next, s->directory, previous);
}

/* What is there already stays. */
static void move_file(const struct keystore *s, const char *from, const char *to,
                      enum keystore_file file)
{
    const char *name = keystore_file_name(file);
    int source = open_directory(s, from), target = open_directory(s, to);
    if (source >= 0 && target >= 0)
        renameat2(source, name, target, name, RENAME_NOREPLACE);
    if (source >= 0)
        close(source);
    if (target >= 0)
        close(target);
}

/* What waits for an answer belongs to the pair in place. It is beside the previous one only in the
 * middle of a rollback. */
static void take_what_waits(const struct keystore *s, const char *name)
{
    char previous[KEYSTORE_DIRECTORY_SIZE];
    keystore_previous_name(name, previous);
    move_file(s, previous, name, KEYSTORE_NEXT_KEY);
    move_file(s, previous, name, KEYSTORE_REQUEST);
}

/* What a crash kept from being put away: of two keys that waited one goes on waiting. */
static enum keystore_keep was_kept(const struct keystore *s, const char *next)
{
    return is_there(s, next, keystore_file_name(KEYSTORE_NEXT_KEY)) ? KEYSTORE_KEEP_KEY
                                                                    : KEYSTORE_KEEP_PAIR;
}

/* Failures show in what is done next. */
static void tidy_up(const struct keystore *s, const char *name)
{
    char next[KEYSTORE_DIRECTORY_SIZE], gone[KEYSTORE_DIRECTORY_SIZE];
    keystore_sibling(name, "next", next);
    keystore_sibling(name, "gone", gone);
    remove_directory(s, gone);
    remove_file(s, name, STAGED); /* it is in place, so it is not staged */
    if (is_there(s, next, STAGED) || !is_there(s, name, "."))
        remove_directory(s, next);
    else if (is_there(s, next, "."))
        put_away(s, name, next, was_kept(s, next));
    take_what_waits(s, name);
}

/* Whoever holds the lock decides by what is read what is to be changed. */
int keystore_read(const struct keystore *s, const char *name, struct keystore_entry *out,
                  struct err *e)
{
    if (s->lock >= 0)
        tidy_up(s, name);
    return keystore_read_directory(s, name, out, e);
}

/* ---- writing ---- */

static int close_keeping_errno(int fd, int result)
{
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

static int write_file(const struct keystore *s, int directory, const char *name,
                      const struct file_bytes *bytes)
{
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    int result = keystore_give_away(s, fd);
    if (result == 0)
        result = file_write(fd, bytes->data, bytes->size);
    if (result == 0)
        result = fsync(fd);
    return close_keeping_errno(fd, result);
}

static int fill_directory(const struct keystore *s, int directory,
                          const struct keystore_entry *entry)
{
    static const struct file_bytes nothing = {0};
    if (keystore_give_away(s, directory) != 0 || write_file(s, directory, STAGED, &nothing) != 0)
        return -1;
    for (int i = 0; i < KEYSTORE_FILES; i++)
        if (entry->file[i].data != NULL &&
            write_file(s, directory, keystore_file_name((enum keystore_file)i), &entry->file[i]) !=
                0)
            return -1;
    return fsync(directory);
}

static int stage(const struct keystore *s, const char *next, const struct keystore_entry *entry)
{
    if (remove_directory(s, next) != 0 || mkdirat(s->directory, next, 0700) != 0)
        return -1;
    int fd = open_directory(s, next);
    if (fd < 0)
        return -1;
    return close_keeping_errno(fd, fill_directory(s, fd, entry));
}

static int exchange(const struct keystore *s, const char *a, const char *name, bool exists,
                    struct err *e)
{
    if (renameat2(s->directory, a, s->directory, name,
                  exists ? RENAME_EXCHANGE : RENAME_NOREPLACE) == 0) {
        fsync(s->directory); /* should that fail, it is in place all the same */
        return 0;
    }
    /* EXDEV: overlayfs, where one of them is still the image's. */
    if (errno == EINVAL || errno == ENOSYS || errno == EXDEV)
        return err_set(
            e,
            "the filesystem of %s cannot exchange two directories in one step; set `state` "
            "to one on a local disk, or on a volume where this is a container",
            s->path);
    return keystore_fail(s, e, "cannot put in place", name);
}

int keystore_write(const struct keystore *s, const char *name, const struct keystore_entry *entry,
                   enum keystore_keep keep, struct err *e)
{
    char next[KEYSTORE_DIRECTORY_SIZE];
    keystore_sibling(name, "next", next);
    tidy_up(s, name);
    if (stage(s, next, entry) != 0) {
        keystore_fail(s, e, "cannot write", next);
        remove_directory(s, next);
        return -1;
    }
    if (exchange(s, next, name, is_there(s, name, "."), e) != 0) {
        remove_directory(s, next);
        return -1;
    }
    remove_file(s, name, STAGED);
    put_away(s, name, next, keep);
    fsync(s->directory);
    return 0;
}

/* ---- back, and away ---- */

int keystore_rollback(const struct keystore *s, const char *name, struct err *e)
{
    char previous[KEYSTORE_DIRECTORY_SIZE];
    keystore_previous_name(name, previous);
    tidy_up(s, name);
    if (!is_there(s, previous, keystore_file_name(KEYSTORE_CHAIN)))
        return err_set(e, "there is no previous certificate of %s in %s", name, s->path);
    if (exchange(s, previous, name, is_there(s, name, "."), e) != 0)
        return -1;
    take_what_waits(s, name);
    return 0;
}

int keystore_remove(const struct keystore *s, const char *name, struct err *e)
{
    char previous[KEYSTORE_DIRECTORY_SIZE], gone[KEYSTORE_DIRECTORY_SIZE];
    keystore_previous_name(name, previous);
    keystore_sibling(name, "gone", gone);
    tidy_up(s, name);
    if (remove_directory(s, previous) != 0)
        return keystore_fail(s, e, "cannot remove", previous);
    if (renameat(s->directory, name, s->directory, gone) != 0)
        return keystore_fail(s, e, "cannot remove", name);
    fsync(s->directory);
    if (remove_directory(s, gone) != 0)
        return keystore_fail(s, e, "cannot remove", gone);
    return 0;
}
