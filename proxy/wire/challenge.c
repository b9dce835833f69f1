#include "proxy/wire/challenge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- names ---- */

bool challenge_token_valid(const char *token, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char c = token[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
            c != '-' && c != '_')
            return false;
    }
    return size >= 1 && size <= CHALLENGE_TOKEN_MAX;
}

/* A host name; neither hidden files nor a way up. */
static bool host_valid(const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char c = name[i];
        const bool sign = c == '-' || c == '_' || (c == '.' && i > 0 && name[i - 1] != '.');
        if (!sign && !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z'))
            return false;
    }
    return size >= 1 && name[size - 1] != '.';
}

bool challenge_name(enum challenge_kind kind, const char *name, char out[CHALLENGE_NAME_MAX + 1])
{
    const size_t size = strlen(name);
    if (size > CHALLENGE_NAME_MAX)
        return false;
    for (size_t i = 0; i <= size; i++) {
        const bool upper = kind == CHALLENGE_TLS && name[i] >= 'A' && name[i] <= 'Z';
        out[i] = upper ? (char)(name[i] - 'A' + 'a') : name[i];
    }
    return kind == CHALLENGE_TLS ? host_valid(out, size) : challenge_token_valid(out, size);
}

/* ---- files ---- */

static enum challenge_outcome why_not(int error)
{
    if (error == ENOENT || error == ENAMETOOLONG)
        return CHALLENGE_NONE;
    return error == ELOOP || error == ENXIO ? CHALLENGE_UNFIT : CHALLENGE_UNREADABLE;
}

/* A second name of the file may lie where the one who made it cannot read it. */
static enum challenge_outcome judge(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return CHALLENGE_UNREADABLE;
    if (!S_ISREG(st.st_mode) || st.st_nlink > 1)
        return CHALLENGE_UNFIT;
    return st.st_size > CHALLENGE_FILE_MAX ? CHALLENGE_TOO_LARGE : CHALLENGE_FOUND;
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

static enum challenge_outcome read_file(int folder, const char *file, uint8_t *out, size_t *size)
{
    const int fd = openat(folder, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return why_not(errno);
    enum challenge_outcome outcome = judge(fd);
    if (outcome == CHALLENGE_FOUND)
        outcome = read_all(fd, out, size);
    close(fd);
    return outcome;
}

static enum challenge_outcome read_parts(int folder, enum challenge_kind kind, const char *name,
                                         struct challenge *out)
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
        outcome = read_file(folder, file, to, &out->size[i]);
        to += out->size[i];
    }
    return outcome;
}

enum challenge_outcome challenge_read(const char *folder, enum challenge_kind kind,
                                      const char *name, struct challenge *out)
{
    char plain[CHALLENGE_NAME_MAX + 1];
    memset(out->size, 0, sizeof out->size);
    if (!challenge_name(kind, name, plain))
        return CHALLENGE_BAD_NAME;
    const int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return CHALLENGE_NO_FOLDER;
    const enum challenge_outcome outcome = read_parts(fd, kind, plain, out);
    close(fd);
    return outcome;
}

const char *challenge_words(enum challenge_outcome outcome)
{
    static const char *const words[CHALLENGE_OUTCOMES] = {
        [CHALLENGE_FOUND] = "answered",
        [CHALLENGE_NONE] = "not found",
        [CHALLENGE_BAD_NAME] = "not a name to be looked for",
        [CHALLENGE_UNFIT] = "the file is a link, or not a regular file",
        [CHALLENGE_TOO_LARGE] = "the file is empty, or larger than 8 KiB",
        [CHALLENGE_UNREADABLE] = "the file cannot be read",
        [CHALLENGE_NO_FOLDER] = "the folder is not there",
    };
    return words[outcome];
}
