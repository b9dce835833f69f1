#include "proxy/supervisor/challenge_directory.h"
#include "proxy/base/privileges.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum challenge_outcome why_not(int error)
{
    if (error == ENOENT || error == ENAMETOOLONG)
        return CHALLENGE_NONE;
    return error == ELOOP || error == ENXIO ? CHALLENGE_UNFIT : CHALLENGE_UNREADABLE;
}

/* Whose file may be shown to strangers? */
static enum challenge_outcome judge_owner(const struct stat *file, enum challenge_kind kind,
                                          const struct stat *directory)
{
    if (kind == CHALLENGE_HTTP && (file->st_mode & S_IROTH) == 0)
        return CHALLENGE_PRIVATE;
    if (kind == CHALLENGE_TLS && file->st_uid != directory->st_uid)
        return CHALLENGE_FOREIGN;
    return CHALLENGE_FOUND;
}

/* A second name of the file may lie where the one who made it cannot read it. */
static enum challenge_outcome judge(int fd, enum challenge_kind kind, const struct stat *directory)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return CHALLENGE_UNREADABLE;
    if (!S_ISREG(st.st_mode) || st.st_nlink > 1)
        return CHALLENGE_UNFIT;
    if (st.st_size > CHALLENGE_FILE_MAX)
        return CHALLENGE_TOO_LARGE;
    return judge_owner(&st, kind, directory);
}

/* It may change while it is read: what counts is how much there was. */
static enum challenge_outcome read_all(int fd, uint8_t *out, size_t *size)
{
    *size = 0;
    for (;;) {
        const ssize_t n = read(fd, out + *size, CHALLENGE_FILE_MAX - *size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return CHALLENGE_UNREADABLE;
        if (n == 0)
            return *size > 0 ? CHALLENGE_FOUND : CHALLENGE_TOO_LARGE;
        *size += (size_t)n;
    }
}

/* An open directory. */
struct place {
    int fd;
    struct stat st;
};

static enum challenge_outcome read_file(const struct place *directory, enum challenge_kind kind,
                                        const char *file, uint8_t *out, size_t *size)
{
    const int fd =
        openat(directory->fd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return why_not(errno);
    enum challenge_outcome outcome = judge(fd, kind, &directory->st);
    if (outcome == CHALLENGE_FOUND)
        outcome = read_all(fd, out, size);
    close(fd);
    return outcome;
}

static enum challenge_outcome read_parts(const struct place *directory, enum challenge_kind kind,
                                         const char *name, struct challenge *out)
{
    static const char *const ends[][CHALLENGE_PARTS] = {
        [CHALLENGE_HTTP] = {"", NULL}, [CHALLENGE_TLS] = {".crt.pem", ".key.pem"}};
    enum challenge_outcome outcome = CHALLENGE_FOUND;
    uint8_t *to = out->bytes;
    for (size_t i = 0; i < CHALLENGE_PARTS && outcome == CHALLENGE_FOUND; i++) {
        char file[CHALLENGE_NAME_MAX + sizeof ".crt.pem"];
        out->size[i] = 0;
        if (ends[kind][i] == NULL)
            break;
        snprintf(file, sizeof file, "%s%s", name, ends[kind][i]);
        outcome = read_file(directory, kind, file, to, &out->size[i]);
        to += out->size[i];
    }
    return outcome;
}

int challenge_open(const char *path)
{
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The rights of the directory's owner, whatever this process may do beside. */
static enum challenge_outcome read_as_owner(const struct place *directory, enum challenge_kind kind,
                                            const char *name, struct challenge *out)
{
    privileges_borrow(directory->st.st_uid, directory->st.st_gid);
    const enum challenge_outcome outcome = read_parts(directory, kind, name, out);
    privileges_give_back();
    return outcome;
}

enum challenge_outcome challenge_read(int directory, enum challenge_kind kind, const char *name,
                                      struct challenge *out)
{
    char plain[CHALLENGE_NAME_MAX + 1];
    struct place place = {.fd = directory};
    memset(out->size, 0, sizeof out->size);
    if (!challenge_name(kind, name, plain))
        return CHALLENGE_BAD_NAME;
    if (directory < 0 || fstat(directory, &place.st) != 0 || place.st.st_nlink == 0)
        return CHALLENGE_NO_DIRECTORY;
    return read_as_owner(&place, kind, plain, out);
}

/* ---- what there is ---- */

/* The name that a file is for; false: it is for none. */
static bool name_of(const char *file, enum challenge_kind kind, char out[CHALLENGE_NAME_MAX + 1])
{
    static const char end[] = ".crt.pem";
    char name[CHALLENGE_NAME_MAX + 1];
    size_t size = strlen(file);
    if (kind == CHALLENGE_TLS) {
        if (size < sizeof end || strcmp(file + size - strlen(end), end) != 0)
            return false;
        size -= strlen(end);
    }
    if (size > CHALLENGE_NAME_MAX)
        return false;
    memcpy(name, file, size);
    name[size] = '\0';
    return challenge_name(kind, name, out);
}

static DIR *open_as_owner(int directory)
{
    struct stat st;
    if (fstat(directory, &st) != 0)
        return NULL;
    privileges_borrow(st.st_uid, st.st_gid);
    const int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    privileges_give_back();
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (list == NULL && fd >= 0)
        close(fd);
    return list;
}

void challenge_list(int directory, enum challenge_kind kind, unsigned most,
                    void (*each)(void *arg, const char *name), void *arg)
{
    char name[CHALLENGE_NAME_MAX + 1];
    const struct dirent *file;
    DIR *list = open_as_owner(directory);
    if (list == NULL)
        return;
    for (unsigned i = 0; i < most && (file = readdir(list)) != NULL; i++)
        if (name_of(file->d_name, kind, name))
            each(arg, name);
    closedir(list);
}
