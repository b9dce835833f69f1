/* ticket.c - `tlsfront key ticket-new`: a file for `ticket-key`. */
#include "proxy/key/job.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A secret that is longer is none of ours, but one that the daemon takes. */
enum { OLD_MAX = 1 << 20 };

static int cannot_write(const char *path, struct err *e)
{
    return err_set(e, "cannot write \"%s\": %s", path, strerror(errno));
}

/* The name is in place only if the next start finds it. */
static int sync_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(directory, sizeof directory, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
             slash != NULL ? path : ".");
    const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int result = fd >= 0 ? fsync(fd) : -1;
    if (fd >= 0)
        close(fd);
    return result;
}

/* As `like` says, whose owner keeps it and whose age it has; NULL: a new one. */
static int fill(int fd, struct tls_slice bytes, const struct stat *like, bool aged)
{
    const struct timespec times[] = {{.tv_nsec = UTIME_OMIT},
                                     like != NULL ? like->st_mtim : (struct timespec){0}};
    if (like != NULL && geteuid() == 0 && fchown(fd, like->st_uid, like->st_gid) != 0)
        return -1;
    if (file_write(fd, bytes.data, bytes.size) != 0)
        return -1;
    if (aged && futimens(fd, times) != 0)
        return -1;
    return fsync(fd);
}

/* All of it or nothing, under a name of its own first, which is nobody's link: 0600. */
static int put(const char *path, struct tls_slice bytes, const struct stat *like, bool aged,
               struct err *e)
{
    char staged[PATH_MAX];
    if (snprintf(staged, sizeof staged, "%s.XXXXXX", path) >= (int)sizeof staged)
        return err_set(e, "the path \"%.60s...\" is too long", path);
    const int fd = mkostemp(staged, O_CLOEXEC);
    if (fd < 0)
        return cannot_write(path, e);
    int result = fill(fd, bytes, like, aged);
    if (close(fd) != 0 || result != 0 || rename(staged, path) != 0) {
        cannot_write(path, e);
        unlink(staged);
        return -1;
    }
    return sync_directory(path) == 0 ? 0 : cannot_write(path, e);
}

/* The file of before goes to where it is opened from on, as old as it is. */
static int keep_old(const struct key_job *j, const char *path, const struct stat *st, struct err *e)
{
    struct file_bytes old;
    int error;
    if (file_read(path, OLD_MAX, &old, &error, e) != 0)
        return err_prefix(e, "cannot read \"%s\"", path);
    const int result = put(j->o->keep, key_slice(&old), st, true, e);
    file_bytes_free(&old);
    return result;
}

/* 0, or the exit status: what is there, and what may become of it. */
static int look(struct key_job *j, const char *path, struct stat *st, bool *there)
{
    *there = lstat(path, st) == 0;
    if (!*there && errno != ENOENT)
        return key_fail(j, file_cure(errno), "\"%s\": %s", path, strerror(errno));
    if (*there && !S_ISREG(st->st_mode))
        return key_fail(j, "name another path", "\"%s\" is something else than a file", path);
    if (!*there && j->o->keep != NULL)
        return key_fail(j, "leave --keep out", "there is no \"%s\" yet that could be kept", path);
    if (*there && j->o->keep == NULL && !j->o->replace)
        return key_fail(j,
                        "--keep OTHER goes on opening the tickets that it has sealed; --replace "
                        "throws it away",
                        "\"%s\" is there already", path);
    return 0;
}

static void say_file(struct key_job *j, const char *path, const uint8_t bytes[TLS_TICKET_FILE_SIZE])
{
    struct tls_ticket_secret secret;
    char fingerprint[TLS_TICKET_FINGERPRINT_SIZE] = "";
    struct err ignored;
    if (tls_ticket_secret_load((struct tls_slice){bytes, TLS_TICKET_FILE_SIZE}, &secret,
                               &ignored) == 0)
        tls_ticket_fingerprint(&secret, fingerprint);
    explicit_bzero(&secret, sizeof secret);
    key_say(j, "file", path);
    key_say(j, "fingerprint", fingerprint);
    if (j->o->keep != NULL)
        key_say(j, "kept", j->o->keep);
}

static int make(struct key_job *j, const char *path, const struct stat *like)
{
    uint8_t bytes[TLS_TICKET_FILE_SIZE];
    struct err e = {.text = ""};
    int result = tls_ticket_file_make(bytes, &e);
    if (result == 0 && j->o->keep != NULL)
        result = keep_old(j, path, like, &e);
    if (result == 0)
        result = put(path, (struct tls_slice){bytes, sizeof bytes}, like, false, &e);
    if (result == 0)
        say_file(j, path, bytes);
    explicit_bzero(bytes, sizeof bytes);
    return result == 0 ? 0 : key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
}

static void note_use(struct key_job *j, const char *path)
{
    key_note(j, "the same file goes to all machines that take each other's tickets");
    if (j->o->keep != NULL)
        key_note(j, "name both with ticket-key = {\"%s\", \"%s\"}, then: tlsfront reload", path,
                 j->o->keep);
    else
        key_note(j, "name it with ticket-key = \"%s\", then: tlsfront reload", path);
}

/* What is kept may take the place of what was kept before, and of nothing else. */
static int look_other(struct key_job *j)
{
    const char *other = j->o->keep;
    struct stat st;
    if (other == NULL || (lstat(other, &st) != 0 && errno == ENOENT))
        return 0;
    if (lstat(other, &st) != 0)
        return key_fail(j, file_cure(errno), "\"%s\": %s", other, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return key_fail(j, "name another path", "\"%s\" is something else than a file", other);
    if (st.st_size != TLS_TICKET_FILE_SIZE)
        return key_fail(j, "name another path, or remove it", "\"%s\" is no file of ticket-new's",
                        other);
    return 0;
}

/* By whatever name, it must not be the file that is about to be replaced. */
static bool is_same(const char *path, const struct stat *st)
{
    struct stat other;
    return stat(path, &other) == 0 && file_is_same(&other, st);
}

int key_ticket_new(struct key_job *j)
{
    const char *path = j->o->files[0];
    struct stat st;
    bool there;
    if (j->o->keep != NULL && j->o->replace)
        return key_fail_usage(j, "--keep and --replace exclude each other");
    int status = look(j, path, &st, &there);
    if (status == 0 && j->o->keep != NULL && is_same(j->o->keep, &st))
        return key_fail_usage(j, "--keep needs another path than FILE");
    if (status == 0)
        status = look_other(j);
    if (status == 0)
        status = make(j, path, there ? &st : NULL);
    if (status == 0)
        note_use(j, path);
    return status;
}
