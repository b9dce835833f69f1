#include "proxy/supervisor/last_good.h"
#include "config/file.h"
#include "tls/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VERSION = 1, PLACES = 2 };
static const uint8_t magic[8] = {'T', 'L', 'S', 'F', 'K', 'E', 'P', 'T'};
static const char *const names[PLACES] = {"a", "b"};

/* As the machine has the numbers: it is for this machine. */
struct head {
    uint8_t magic[8];
    uint32_t version, unused;
    uint64_t serial; /* the higher one is the newer */
    int64_t kept;
    uint64_t size;
    uint8_t content[TLS_SHA256_SIZE]; /* digest of what follows */
    uint8_t whole[TLS_SHA256_SIZE];   /* digest of the head up to here */
};

static bool digest_head(const struct head *h, uint8_t out[TLS_SHA256_SIZE])
{
    return tls_sha256(h, offsetof(struct head, whole), out);
}

/* ---- directories ---- */

/* Root's or ours, and nobody else writes there. */
static int check_hands(int fd, mode_t others, const char *path, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_set(e, "\"%s\": %s", path, strerror(errno));
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        err_set(e, "\"%s\" belongs to user %u, who could change what is kept", path,
                (unsigned)st.st_uid);
        return err_cure(e, "chown root DIRECTORY, or start-with = configuration");
    }
    if ((st.st_mode & others) != 0) {
        err_set(e, "others have rights to \"%s\"", path);
        return err_cure(e, "chmod go-rwx DIRECTORY");
    }
    return 0;
}

static int checked(int fd, mode_t others, const char *path, struct err *e)
{
    if (fd < 0)
        return err_set(e, "\"%s\": %s", path, strerror(errno));
    if (check_hands(fd, others, path, e) == 0)
        return fd;
    close(fd);
    errno = EPERM;
    return -1;
}

static int open_state(const char *state, struct err *e)
{
    return checked(open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC), S_IWGRP | S_IWOTH, state, e);
}

/* -1 with the reason, and errno ENOENT where it is not there. */
static int open_directory(const char *state, struct err *e)
{
    const int above = open_state(state, e);
    if (above < 0)
        return -1;
    const int fd =
        openat(above, LAST_GOOD_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const int error = errno;
    close(above);
    errno = error;
    return checked(fd, S_IRWXG | S_IRWXO, LAST_GOOD_DIRECTORY, e);
}

int last_good_prepare(const char *state, struct err *e)
{
    if (mkdir(state, 0700) != 0 && errno != EEXIST)
        return err_set(e, "\"%s\" cannot be made: %s", state, strerror(errno));
    const int above = open_state(state, e);
    if (above < 0)
        return -1;
    const bool there = mkdirat(above, LAST_GOOD_DIRECTORY, 0700) == 0 || errno == EEXIST;
    if (!there)
        err_set(e, "\"%s/" LAST_GOOD_DIRECTORY "\" cannot be made: %s", state, strerror(errno));
    close(above);
    const int fd = there ? open_directory(state, e) : -1;
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? 0 : -1;
}

/* ---- reading ---- */

static int open_place(int directory, unsigned i, int flags, struct err *e)
{
    return checked(openat(directory, names[i], flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600),
                   S_IRWXG | S_IRWXO, names[i], e);
}

/* The head of a place, as far as it can be trusted: its own checksum fits. */
static bool read_head(int fd, struct head *h)
{
    uint8_t digest[TLS_SHA256_SIZE];
    return pread(fd, h, sizeof *h, 0) == (ssize_t)sizeof *h &&
           memcmp(h->magic, magic, sizeof magic) == 0 && digest_head(h, digest) &&
           memcmp(digest, h->whole, sizeof digest) == 0;
}

/* The heads of both; one that is of no use has serial 0. `e` has the last reason. */
static void read_heads(int directory, struct head heads[PLACES], struct err *e)
{
    for (unsigned i = 0; i < PLACES; i++) {
        const int fd = open_place(directory, i, O_RDONLY, e);
        if (fd < 0 || !read_head(fd, &heads[i]))
            heads[i] = (struct head){.serial = 0};
        if (fd >= 0)
            close(fd);
    }
}

static struct bundle *parse(const struct head *h, const uint8_t *data, size_t size, struct err *e)
{
    uint8_t digest[TLS_SHA256_SIZE];
    if (h->version != VERSION) {
        err_set(e, "it was kept by another release, in version %u", h->version);
        return NULL;
    }
    if (size < sizeof *h || h->size > size - sizeof *h ||
        !tls_sha256(data + sizeof *h, h->size, digest) ||
        memcmp(digest, h->content, sizeof digest) != 0) {
        err_set(e, "it is damaged");
        return NULL;
    }
    return bundle_parse(data + sizeof *h, h->size, e);
}

static struct bundle *read_place(int directory, unsigned i, const struct head *h, struct err *e)
{
    struct stat st;
    struct bundle *b = NULL;
    const int fd = open_place(directory, i, O_RDONLY, e);
    if (fd < 0)
        return NULL;
    void *map = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0
                    ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
                    : MAP_FAILED;
    if (map != MAP_FAILED) {
        b = parse(h, map, (size_t)st.st_size, e);
        munmap(map, (size_t)st.st_size);
    } else {
        err_set(e, "it cannot be read");
    }
    close(fd);
    return b;
}

struct bundle *last_good_find(const char *state, time_t *kept, struct err *e)
{
    struct head heads[PLACES];
    struct bundle *b = NULL;
    e->text[0] = '\0';
    const int directory = open_directory(state, e);
    if (directory < 0) {
        if (errno == ENOENT)
            e->text[0] = '\0';
        return NULL;
    }
    read_heads(directory, heads, e);
    const unsigned newer = heads[1].serial > heads[0].serial;
    for (unsigned k = 0; k < PLACES && b == NULL; k++) {
        const unsigned i = k == 0 ? newer : !newer;
        if (heads[i].serial > 0)
            b = read_place(directory, i, &heads[i], e);
        if (b != NULL)
            *kept = (time_t)heads[i].kept;
    }
    if (b == NULL && heads[0].serial == 0 && heads[1].serial == 0)
        e->text[0] = '\0';
    close(directory);
    return b;
}

/* ---- writing ---- */

/* What was there before and was longer is written over, too: it may be a key. */
static int write_over(int fd, off_t from)
{
    static const uint8_t zeros[4096];
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -1;
    for (off_t at = from; at < st.st_size;) {
        const off_t left = st.st_size - at;
        const ssize_t n =
            pwrite(fd, zeros, left < (off_t)sizeof zeros ? (size_t)left : sizeof zeros, at);
        if (n <= 0)
            return -1;
        at += n;
    }
    return fsync(fd);
}

static int write_place(int fd, const struct head *h, const void *data)
{
    if (lseek(fd, 0, SEEK_SET) != 0 || file_write(fd, h, sizeof *h) != 0 ||
        file_write(fd, data, h->size) != 0)
        return -1;
    return write_over(fd, (off_t)(sizeof *h + h->size));
}

static int keep(int directory, const void *data, size_t size, time_t now, struct err *e)
{
    struct head heads[PLACES], h = {.version = VERSION, .kept = (int64_t)now, .size = size};
    struct err ignored;
    read_heads(directory, heads, &ignored);
    const unsigned older = heads[0].serial > heads[1].serial;
    memcpy(h.magic, magic, sizeof magic);
    h.serial = heads[!older].serial + 1;
    if (!tls_sha256(data, size, h.content) || !digest_head(&h, h.whole))
        return err_set(e, "out of memory");
    const int fd = open_place(directory, older, O_RDWR | O_CREAT, e);
    if (fd < 0)
        return -1;
    const int result = write_place(fd, &h, data);
    const int error = errno;
    close(fd);
    if (result != 0)
        return err_set(e, "it cannot be written: %s", strerror(error));
    return fsync(directory) == 0 ? 0 : err_set(e, "it cannot be written: %s", strerror(errno));
}

int last_good_keep(const char *state, int bundle, time_t now, struct err *e)
{
    struct stat st;
    const int directory = open_directory(state, e);
    if (directory < 0)
        return -1;
    void *data = fstat(bundle, &st) == 0 && st.st_size > 0
                     ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, bundle, 0)
                     : MAP_FAILED;
    int result = -1;
    if (data == MAP_FAILED) {
        err_set(e, "out of memory");
    } else {
        result = keep(directory, data, (size_t)st.st_size, now, e);
        munmap(data, (size_t)st.st_size);
    }
    close(directory);
    return result;
}

void last_good_drop(const char *state)
{
    struct err ignored;
    const int directory = open_directory(state, &ignored);
    for (unsigned i = 0; directory >= 0 && i < PLACES; i++) {
        const int fd = open_place(directory, i, O_RDWR, &ignored);
        if (fd >= 0)
            (void)write_over(fd, 0);
        if (fd >= 0)
            close(fd);
    }
    if (directory >= 0)
        close(directory);
}
