/* bundle_wire.c - a bundle as bytes in a sealed memfd.
 *
 *   magic[8] version:4 count:4 size:8                      size: of everything, this header
 * included count times: kind:4 path_size:4 data_size:8 path data  no NUL behind either
 *
 * Numbers are little-endian. Both ends are the same program, yet the parser trusts nothing. */
#include "config/bundle.h"
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

enum { VERSION = 1, HEADER_SIZE = 24, ENTRY_SIZE = 16 };

static const uint8_t magic[8] = {'T', 'L', 'S', 'F', 'B', 'N', 'D', 'L'};

/* ---- out ---- */

static void put(uint8_t *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static int write_all(int fd, const void *data, size_t size, struct err *e)
{
    return file_write(fd, data, size) == 0
               ? 0
               : err_set(e, "cannot write the bundle: %s", strerror(errno));
}

static uint64_t wire_size(const struct bundle *b)
{
    uint64_t size = HEADER_SIZE;
    for (size_t i = 0; i < bundle_count(b); i++) {
        const struct bundle_entry *entry = bundle_at(b, i);
        size += ENTRY_SIZE + strlen(entry->path) + entry->size;
    }
    return size;
}

static int write_entry(int fd, const struct bundle_entry *entry, struct err *e)
{
    size_t path_size = strlen(entry->path);
    uint8_t head[ENTRY_SIZE];
    put(head, (uint64_t)entry->kind, 4);
    put(head + 4, path_size, 4);
    put(head + 8, entry->size, 8);
    if (write_all(fd, head, sizeof head, e) != 0 || write_all(fd, entry->path, path_size, e) != 0)
        return -1;
    return write_all(fd, entry->data, entry->size, e);
}

static int write_bundle(int fd, const struct bundle *b, struct err *e)
{
    uint8_t head[HEADER_SIZE];
    memcpy(head, magic, sizeof magic);
    put(head + 8, VERSION, 4);
    put(head + 12, bundle_count(b), 4);
    put(head + 16, wire_size(b), 8);
    if (write_all(fd, head, sizeof head, e) != 0)
        return -1;
    for (size_t i = 0; i < bundle_count(b); i++)
        if (write_entry(fd, bundle_at(b, i), e) != 0)
            return -1;
    if (fcntl(fd, F_ADD_SEALS, SEALS) != 0)
        return err_set(e, "cannot seal the bundle: %s", strerror(errno));
    return 0;
}

int bundle_to_fd(const struct bundle *b, struct err *e)
{
    int fd = memfd_create("tlsfront-bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return err_set(e, "cannot create the bundle: %s", strerror(errno));
    if (write_bundle(fd, b, e) == 0)
        return fd;
    close(fd);
    return -1;
}

/* ---- in ---- */

struct reader {
    const uint8_t *data;
    size_t left;
};

static uint64_t get(struct reader *r, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)r->data[i] << (8 * i);
    r->data += bytes;
    r->left -= bytes;
    return value;
}

static int parse_header(struct reader *r, uint64_t *count, struct err *e)
{
    size_t size = r->left;
    if (size < HEADER_SIZE || memcmp(r->data, magic, sizeof magic) != 0)
        return err_set(e, "not a bundle");
    r->data += sizeof magic;
    r->left -= sizeof magic;
    uint64_t version = get(r, 4);
    if (version != VERSION)
        return err_set(e, "a bundle of version %llu, not %d", (unsigned long long)version, VERSION);
    *count = get(r, 4);
    if (get(r, 8) != size)
        return err_set(e, "the bundle's size is wrong");
    return 0;
}

static int parse_entry(struct reader *r, struct bundle *b, struct err *e)
{
    if (r->left < ENTRY_SIZE)
        return err_set(e, "the bundle ends early");
    uint64_t kind = get(r, 4), path_size = get(r, 4), data_size = get(r, 8);
    if (kind > BUNDLE_SECRET)
        return err_set(e, "the bundle has an entry of an unknown kind");
    if (path_size > BUNDLE_PATH_MAX || path_size > r->left || data_size > r->left - path_size)
        return err_set(e, "the bundle ends early or has a path that is too long");

    char path[BUNDLE_PATH_MAX + 1];
    memcpy(path, r->data, path_size);
    path[path_size] = '\0';
    if (strlen(path) != path_size)
        return err_set(e, "the bundle has a path with a NUL byte");
    if (bundle_add(b, (enum bundle_kind)kind, path, r->data + path_size, data_size, e) != 0)
        return -1;
    r->data += path_size + data_size;
    r->left -= path_size + data_size;
    return 0;
}

static int parse_entries(struct reader *r, uint64_t count, struct bundle *b, struct err *e)
{
    for (uint64_t i = 0; i < count; i++)
        if (parse_entry(r, b, e) != 0)
            return -1;
    if (r->left != 0)
        return err_set(e, "the bundle has bytes behind its last entry");
    return 0;
}

struct bundle *bundle_parse(const uint8_t *data, size_t size, struct err *e)
{
    struct reader r = {data, size};
    uint64_t count = 0;
    if (parse_header(&r, &count, e) != 0)
        return NULL;
    struct bundle *b = bundle_new();
    if (b == NULL) {
        err_set(e, "out of memory");
        return NULL;
    }
    if (parse_entries(&r, count, b, e) == 0)
        return b;
    bundle_free(b);
    return NULL;
}

struct bundle *bundle_from_fd(int fd, struct err *e)
{
    /* Unsealed, the bytes could change or vanish (SIGBUS) while they are read. */
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS) {
        err_set(e, "the bundle is not sealed");
        return NULL;
    }
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size < HEADER_SIZE) {
        err_set(e, "not a bundle");
        return NULL;
    }
    size_t size = (size_t)st.st_size;
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        err_set(e, "cannot map the bundle: %s", strerror(errno));
        return NULL;
    }
    struct bundle *b = bundle_parse(data, size, e);
    munmap(data, size);
    return b;
}
