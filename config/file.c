/* file.c - read one regular file whole. */
#include "config/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool file_is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

const char *file_cure(int error)
{
    switch (error) {
    case 0:
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
    case ENXIO: /* a socket */
        return "correct the path, or put the file there";
    case EACCES:
    case EPERM:
        return "let the user who starts tlsfront read it";
    case EMFILE:
    case ENFILE:
        return ERR_CURE_FILES;
    case EBADF:
    case EISDIR:
        return "lead a file or a pipe to standard input, or name a file";
    default:
        return NULL;
    }
}

void file_bytes_free(struct file_bytes *f)
{
    if (f->data != NULL)
        explicit_bzero(f->data, f->capacity);
    free(f->data);
    *f = (struct file_bytes){0};
}

/* Not realloc: it would leave the old bytes behind, unwiped. */
static int grow(struct file_bytes *f, size_t capacity)
{
    assert(capacity > f->size);
    uint8_t *data = malloc(capacity);
    if (data == NULL)
        return -1;
    if (f->size > 0)
        memcpy(data, f->data, f->size);
    struct file_bytes old = *f;
    *f = (struct file_bytes){.data = data, .size = old.size, .capacity = capacity};
    file_bytes_free(&old);
    return 0;
}

static int too_large(size_t limit, struct err *e)
{
    err_set(e, "it is larger than %zu MiB", limit >> 20);
    return err_cure(e, "name the file that is meant: one of this size is none that can be used");
}

static int read_all(int fd, size_t limit, struct file_bytes *f, int *error_r, struct err *e)
{
    for (;;) {
        if (f->size > limit)
            return too_large(limit, e);
        if (f->size == f->capacity && grow(f, f->capacity * 2) != 0) {
            *error_r = ENOMEM;
            return err_set(e, "out of memory");
        }
        ssize_t n = read(fd, f->data + f->size, f->capacity - f->size);
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            *error_r = errno;
            return err_set(e, "%s", strerror(errno));
        }
        f->size += (size_t)n;
    }
}

static int read_fd(int fd, size_t hint, size_t limit, struct file_bytes *f, int *error_r,
                   struct err *e)
{
    if (hint > limit)
        return too_large(limit, e);
    /* One byte more than the file holds, so that its end is seen without growing. */
    if (grow(f, hint + 1) != 0) {
        *error_r = ENOMEM;
        return err_set(e, "out of memory");
    }
    if (read_all(fd, limit, f, error_r, e) == 0)
        return 0;
    file_bytes_free(f);
    return -1;
}

static int check_kind(int fd, struct stat *st, int *error_r, struct err *e)
{
    if (fstat(fd, st) != 0) {
        *error_r = errno;
        return err_set(e, "%s", strerror(errno));
    }
    if (S_ISDIR(st->st_mode))
        return err_set(e, "it is a directory");
    if (!S_ISREG(st->st_mode))
        return err_set(e, "it is not a regular file");
    return 0;
}

bool file_is_foreign(int directory)
{
    struct stat st;
    return directory != AT_FDCWD && geteuid() == 0 &&
           (fstat(directory, &st) != 0 || st.st_uid != 0);
}

int file_open_directory(int directory, const char *name)
{
    const int follow = file_is_foreign(directory) ? O_NOFOLLOW : 0;
    return openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | follow);
}

/* A hard link needs no leave of the file's owner, where the system does not see to it. */
static int check_owner(int directory, const struct stat *st, struct err *e)
{
    struct stat whole;
    if (fstat(directory, &whole) == 0 && st->st_uid == whole.st_uid)
        return 0;
    err_set(e, "it belongs to another user than its directory");
    return err_cure(e, "if it is meant to be there: chown --reference=DIRECTORY FILE");
}

int file_read_at(int directory, const char *name, size_t limit, struct file_bytes *out,
                 int *error_r, struct err *e)
{
    const bool foreign = file_is_foreign(directory);
    *out = (struct file_bytes){0};
    *error_r = 0;
    int fd = openat(directory, name,
                    O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (foreign ? O_NOFOLLOW : 0));
    if (fd < 0) {
        *error_r = errno;
        if (foreign && errno == ELOOP) {
            err_set(
                e, "it is a symbolic link in a directory of another user's, and root follows none");
            return err_cure(e, "put the file itself there");
        }
        return err_set(e, "%s", strerror(errno));
    }
    struct stat st;
    int result = check_kind(fd, &st, error_r, e);
    if (result == 0 && foreign)
        result = check_owner(directory, &st, e);
    if (result == 0)
        result = read_fd(fd, (size_t)st.st_size, limit, out, error_r, e);
    close(fd);
    return result;
}

int file_read(const char *path, size_t limit, struct file_bytes *out, int *error_r, struct err *e)
{
    *out = (struct file_bytes){0};
    *error_r = 0;
    if (strcmp(path, "-") == 0)
        return read_fd(STDIN_FILENO, 16383, limit, out, error_r, e);
    return file_read_at(AT_FDCWD, path, limit, out, error_r, e);
}

int file_write(int fd, const void *data, size_t size)
{
    for (const char *p = data; size > 0;) {
        ssize_t n = write(fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        p += n;
        size -= (size_t)n;
    }
    return 0;
}
