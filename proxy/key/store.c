/* store.c - opening and reading; how a change takes place is in store_write.c. */
#include "proxy/key/store.h"
#include "config/config.h"
#include "config/file.h"
#include "config/values.h"
#include "proxy/console/progress.h"
#include "proxy/key/store_inner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_SIZE_MAX ((size_t)4 << 20)
#define LOCK          ".lock"

static const char *const file_names[KEYSTORE_FILES] = {
    [KEYSTORE_KEY] = CONFIG_MANAGED_KEY,
    [KEYSTORE_CHAIN] = CONFIG_MANAGED_CHAIN,
    [KEYSTORE_REQUEST] = "request.csr",
    [KEYSTORE_NEXT_KEY] = "next-key.pem",
};

const char *keystore_file_name(enum keystore_file file)
{
    return file_names[file];
}

void keystore_sibling(const char *name, const char *what, char directory[KEYSTORE_DIRECTORY_SIZE])
{
    snprintf(directory, KEYSTORE_DIRECTORY_SIZE, ".%s.%s", name, what);
}

void keystore_previous_name(const char *name, char directory[KEYSTORE_DIRECTORY_SIZE])
{
    keystore_sibling(name, "previous", directory);
}

int keystore_fail(const struct keystore *s, struct err *e, const char *what, const char *name)
{
    int error = errno;
    if (error == ENOSPC || error == EDQUOT)
        err_set(e, "%s %s/%s: %s; nothing was changed; make room and try again", what, s->path,
                name, strerror(error));
    else if (error == ENOTEMPTY)
        err_set(e,
                "%s %s/%s: a directory is in it, which is none of the key manager's; move it away",
                what, s->path, name);
    else
        err_set(e, "%s %s/%s: %s", what, s->path, name, strerror(error));
    errno = error;
    return -1;
}

/* ---- STATE ---- */

static int open_directory(struct keystore *s, enum keystore_intent intent, struct err *e)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    s->directory = open(s->path, flags);
    if (s->directory < 0 && errno == ENOENT && intent == KEYSTORE_LOOK)
        return 0;
    if (s->directory < 0 && errno == ENOENT && (mkdir(s->path, 0700) == 0 || errno == EEXIST))
        s->directory = open(s->path, flags); /* EEXIST: another command was faster */
    if (s->directory >= 0)
        return 0;
    return err_set(e, "the directory for keys, %s, cannot be %s: %s (`state` in the configuration)",
                   s->path, errno == ENOENT ? "made" : "opened", strerror(errno));
}

/* "/", or a directory in it. */
static bool is_at_top(int directory)
{
    struct stat root, above;
    return stat("/", &root) != 0 || fstatat(directory, "..", &above, 0) != 0 ||
           file_is_same(&root, &above);
}

static int is_visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static bool holds_nothing(int directory)
{
    struct dirent **list;
    const int n = scandirat(directory, ".", &list, is_visible, NULL);
    for (int i = 0; i < n; i++)
        free(list[i]);
    if (n >= 0)
        free(list);
    return n == 0;
}

/* Does nobody else need it? If so, it may be closed to all others. */
static bool is_for_keys(const struct keystore *s, const struct stat *st)
{
    if ((st->st_mode & S_ISVTX) != 0 || is_at_top(s->directory))
        return false;
    return faccessat(s->directory, LOCK, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
           holds_nothing(s->directory);
}

static int refuse_open(const struct keystore *s, const struct stat *st, struct err *e)
{
    err_set(e, "other users can look into %s (its mode is %03o), and private keys are to lie there",
            s->path, (unsigned)st->st_mode & 0777);
    if (is_for_keys(s, st))
        return err_cure(e, "take the others' right to look into it: chmod 0700 DIRECTORY");
    return err_cure(
        e, "name a directory that is for keys alone with `state`, and leave this one as it is");
}

static int check_directory(struct keystore *s, struct err *e)
{
    struct stat st;
    if (fstat(s->directory, &st) != 0)
        return err_set(e, "%s: %s", s->path, strerror(errno));
    s->owner = st.st_uid;
    s->group = st.st_gid;
    if ((st.st_mode & 0077) != 0)
        return refuse_open(s, &st, e);
    if (st.st_uid != geteuid() && geteuid() != 0)
        return err_set(e, "%s belongs to another user: run this as root or as that user", s->path);
    if ((st.st_mode & S_IXUSR) != 0 || geteuid() == 0)
        return 0;
    err_set(e, "not even its owner can look into %s (its mode is %03o)", s->path,
            (unsigned)st.st_mode & 0777);
    return err_cure(e, "chmod 0700 DIRECTORY");
}

/* A file with a second name may be somebody else's, put there to be given away. */
int keystore_give_away(const struct keystore *s, int fd)
{
    struct stat st;
    if (geteuid() != 0 || s->owner == 0)
        return 0;
    if (fstat(fd, &st) != 0)
        return -1;
    if (st.st_uid == s->owner)
        return 0;
    if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
        errno = EPERM;
        return -1;
    }
    return fchown(fd, s->owner, s->group);
}

static int take_lock(struct keystore *s, struct err *e)
{
    s->lock = openat(s->directory, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock < 0 || keystore_give_away(s, s->lock) != 0)
        return keystore_fail(s, e, "cannot open", LOCK);
    int result;
    progress_begin("waiting for another `tlsfront key`");
    while ((result = flock(s->lock, LOCK_EX)) != 0 && errno == EINTR)
        ;
    progress_end();
    return result == 0 ? 0 : keystore_fail(s, e, "cannot lock", LOCK);
}

int keystore_open(struct keystore *s, const char *state, enum keystore_intent intent, struct err *e)
{
    *s = (struct keystore){.path = state, .directory = -1, .lock = -1};
    if (open_directory(s, intent, e) == 0 &&
        (s->directory < 0 ||
         (check_directory(s, e) == 0 && (intent == KEYSTORE_LOOK || take_lock(s, e) == 0))))
        return 0;
    keystore_close(s);
    return -1;
}

void keystore_close(struct keystore *s)
{
    if (s->lock >= 0)
        close(s->lock); /* unlocks */
    if (s->directory >= 0)
        close(s->directory);
    s->lock = s->directory = -1;
}

int keystore_check_name(const char *name, struct err *e)
{
    struct flaw flaw;
    if (value_name(name, &flaw) != 0)
        return err_set(e, "the name \"%s\" %s; %s", name, flaw.cause, flaw.cure);
    if (name[0] == '.' || name[0] == '-')
        return err_set(e, "the name \"%s\" begins with a %s; begin with a letter or a digit", name,
                       name[0] == '.' ? "dot" : "dash");
    return 0;
}

char *keystore_path(const struct keystore *s, const char *name, enum keystore_file file)
{
    char *path;
    int n = file == KEYSTORE_FILES ? asprintf(&path, "%s/%s", s->path, name)
                                   : asprintf(&path, "%s/%s/%s", s->path, name, file_names[file]);
    return n < 0 ? NULL : path;
}

/* ---- reading ---- */

void keystore_entry_free(struct keystore_entry *entry)
{
    for (int i = 0; i < KEYSTORE_FILES; i++)
        file_bytes_free(&entry->file[i]);
    entry->exists = false;
}

static int read_one(const struct keystore *s, int fd, const char *directory,
                    enum keystore_file file, struct file_bytes *out, struct err *e)
{
    int error;
    int result = file_read_at(fd, file_names[file], FILE_SIZE_MAX, out, &error, e);
    if (result != 0 && error == ENOENT)
        result = 0;
    if (result != 0)
        err_prefix(e, "cannot read %s/%s/%s", s->path, directory, file_names[file]);
    return result;
}

static int read_files(const struct keystore *s, int fd, const char *directory,
                      struct keystore_entry *out, struct err *e)
{
    out->exists = true;
    for (int i = 0; i < KEYSTORE_FILES; i++)
        if (read_one(s, fd, directory, (enum keystore_file)i, &out->file[i], e) != 0) {
            keystore_entry_free(out);
            return -1;
        }
    return 0;
}

int keystore_read_directory(const struct keystore *s, const char *directory,
                            struct keystore_entry *out, struct err *e)
{
    *out = (struct keystore_entry){.exists = false};
    if (s->directory < 0)
        return 0;
    int fd = file_open_directory(s->directory, directory);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        return err_set(e, "%s/%s is no directory; move it away", s->path, directory);
    if (fd < 0)
        return keystore_fail(s, e, "cannot look at", directory);
    int result = read_files(s, fd, directory, out, e);
    close(fd);
    return result;
}

int keystore_read_previous(const struct keystore *s, const char *name, struct keystore_entry *out,
                           struct err *e)
{
    char directory[KEYSTORE_DIRECTORY_SIZE];
    keystore_previous_name(name, directory);
    return keystore_read_directory(s, directory, out, e);
}

/* ---- all names ---- */

static int is_pair(const struct dirent *d)
{
    struct err ignored;
    return (d->d_type == DT_DIR || d->d_type == DT_UNKNOWN) &&
           keystore_check_name(d->d_name, &ignored) == 0;
}

int keystore_each(const struct keystore *s, keystore_name_fn *tell, void *arg, struct err *e)
{
    struct dirent **list;
    if (s->directory < 0)
        return 0;
    int n = scandirat(s->directory, ".", &list, is_pair, alphasort);
    if (n < 0)
        return err_set(e, "cannot read %s: %s", s->path, strerror(errno));
    for (int i = 0; i < n; i++) {
        tell(arg, list[i]->d_name);
        free(list[i]);
    }
    free(list);
    return 0;
}
