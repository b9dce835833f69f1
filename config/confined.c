#include "config/confined.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOUNTS_MAX = 1 << 18 };

/* ---- one line ---- */

/* "ID PARENT DEVICE ROOT POINT OPTIONS [TAG]... - TYPE SOURCE OPTIONS" */
struct mount {
    const char *root, *point, *options, *type;
    size_t root_size, point_size, options_size, type_size;
};

static bool next_field(const char **at, const char **field, size_t *size)
{
    *field = *at;
    *size = strcspn(*at, " \n");
    *at += *size;
    if (**at == ' ')
        (*at)++;
    return *size > 0;
}

/* False: it is no such line. Leaves *at somewhere in it. */
static bool read_mount(const char **at, struct mount *m)
{
    const char *field;
    size_t size;
    for (int i = 0; i < 3; i++)
        if (!next_field(at, &field, &size))
            return false;
    if (!next_field(at, &m->root, &m->root_size) || !next_field(at, &m->point, &m->point_size) ||
        !next_field(at, &m->options, &m->options_size))
        return false;
    while (next_field(at, &field, &size))
        if (size == 1 && *field == '-')
            return next_field(at, &m->type, &m->type_size);
    return false;
}

static bool covers(const struct mount *m, const char *path)
{
    const size_t n = m->point_size;
    return strncmp(path, m->point, n) == 0 &&
           (path[n] == '/' || path[n] == '\0' || (n == 1 && *m->point == '/'));
}

static bool is(const char *field, size_t size, const char *word)
{
    return size == strlen(word) && memcmp(field, word, size) == 0;
}

static bool holds(const char *field, size_t size, const char *word)
{
    return memmem(field, size, word, strlen(word)) != NULL;
}

static enum confined judge(const struct mount *m)
{
    if (holds(m->root, m->root_size, "/systemd/inaccessible/"))
        return CONFINED_HIDDEN;
    if (is(m->type, m->type_size, "tmpfs") &&
        (is(m->point, m->point_size, "/home") || is(m->point, m->point_size, "/root") ||
         is(m->point, m->point_size, "/run/user")))
        return CONFINED_HIDDEN;
    if (holds(m->root, m->root_size, "/systemd-private-"))
        return CONFINED_OWN;
    return m->options_size >= 2 && memcmp(m->options, "ro", 2) == 0 &&
                   (m->options_size == 2 || m->options[2] == ',')
               ? CONFINED_READONLY
               : CONFINED_NOT;
}

/* The longest mount point counts, and of several at one place the last. */
enum confined confined_how(const char *mounts, const char *path)
{
    enum confined how = CONFINED_NOT;
    size_t longest = 0;
    for (const char *at = mounts; *at != '\0'; at++) {
        struct mount m;
        if (read_mount(&at, &m) && covers(&m, path) && m.point_size >= longest) {
            longest = m.point_size;
            how = judge(&m);
        }
        at += strcspn(at, "\n");
        if (*at == '\0')
            break;
    }
    return how;
}

/* ---- this process ---- */

/* Empty where it cannot be read. */
static char *read_mounts(void)
{
    char *text = calloc(1, MOUNTS_MAX);
    const int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    for (ssize_t n;
         text != NULL && fd >= 0 && (n = read(fd, text + size, MOUNTS_MAX - 1 - size)) > 0;)
        size += (size_t)n;
    if (fd >= 0)
        close(fd);
    return text;
}

static const char *cure_of(enum confined how, int error)
{
    const bool absent = error == ENOENT || error == ENOTDIR || error == EACCES || error == EPERM;
    if (how == CONFINED_HIDDEN && absent)
        return "the unit hides this directory (ProtectHome=, InaccessiblePaths=): keep the file "
               "elsewhere, or write ProtectHome=read-only by `systemctl edit`";
    if (how == CONFINED_OWN && absent)
        return "the unit has a directory of its own there (PrivateTmp=): keep the file elsewhere, "
               "or write PrivateTmp=no by `systemctl edit`";
    if (how == CONFINED_READONLY && error == EROFS)
        return "the unit may not write there (ProtectSystem=), and its ReadWritePaths= does not "
               "include it: add the directory by `systemctl edit`, or name another path";
    return NULL;
}

const char *confined_cure(int error, const char *path, const char *otherwise)
{
    const int before = errno;
    if (getenv("INVOCATION_ID") == NULL || path == NULL || *path != '/')
        return otherwise;
    char *mounts = read_mounts();
    const char *cure = mounts != NULL ? cure_of(confined_how(mounts, path), error) : NULL;
    free(mounts);
    errno = before;
    return cure != NULL ? cure : otherwise;
}
