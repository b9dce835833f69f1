/* bundle.h - a configuration made self-contained: its text and the contents of every file it names.
 *
 * The supervisor reads files, once, into a bundle; workers get the bundle as a sealed memfd and
 * never open a file. Both turn it into a struct config with the same code (config_load), so what
 * the supervisor accepted is exactly what a worker runs.
 *
 * The bytes include private keys. A bundle wipes its own memory when it is freed. */
#ifndef TLSFRONT_BUNDLE_H
#define TLSFRONT_BUNDLE_H

#include "config/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bundle_kind {
    BUNDLE_TEXT,   /* configuration text: the main file first, then includes in the order read */
    BUNDLE_FILE,   /* a file that the configuration names: certificate, key, CA, CRL, policy */
    BUNDLE_SECRET, /* the same, but for the supervisor alone: no other process gets it */
};

/* Largest single file and largest whole; beyond them lies a mistake, not a certificate. */
#define BUNDLE_FILE_MAX    ((size_t)16 << 20)
#define BUNDLE_TOTAL_MAX   ((size_t)256 << 20)
#define BUNDLE_ENTRIES_MAX 65536
#define BUNDLE_PATH_MAX    4095

struct bundle;

/* Lives, unmoved, as long as the bundle, or until it is replaced. */
struct bundle_entry {
    enum bundle_kind kind;
    const char *path;
    const uint8_t *data; /* followed by a NUL byte that `size` does not count */
    size_t size;
    bool replaced; /* by bundle_replace(): it is not what lies on disk */
};

struct bundle *bundle_new(void); /* NULL: out of memory */

/* A new bundle with the configuration texts of another and nothing else. NULL: out of memory. */
struct bundle *bundle_texts(const struct bundle *b);

/* With all entries, whose bytes are wiped. NULL is fine. */
void bundle_free(struct bundle *b);

/* Append an entry; path and data are copied. -1: out of memory (errno is ENOMEM), or a limit above
 * or an entry that is there already (errno is 0). */
int bundle_add(struct bundle *b, enum bundle_kind kind, const char *path, const void *data,
               size_t size, struct err *e);

/* Read `path` ("-" is standard input) and append it. -1 with "cannot read PATH: why", and errno
 * either what the system said or 0. Only regular files are read: never waits for a FIFO or a
 * device. A path that is already in with the same kind is not read twice. */
int bundle_read(struct bundle *b, enum bundle_kind kind, const char *path, struct err *e);

/* Put other bytes in the place of a file's, which are wiped. -1: it is not there, out of memory, or
 * a limit above. */
int bundle_replace(struct bundle *b, const char *path, const void *data, size_t size,
                   struct err *e);

/* Entries in the order in which they came; `i` below the count. */
size_t bundle_count(const struct bundle *b);
const struct bundle_entry *bundle_at(const struct bundle *b, size_t i);
const struct bundle_entry *bundle_find(const struct bundle *b, enum bundle_kind kind,
                                       const char *path); /* NULL: not there */

/* A sealed, close-on-exec memfd that holds the bundle; the caller closes it. -1 on failure. */
int bundle_to_fd(const struct bundle *b, struct err *e);

/* The way back, in another process: refuses anything that bundle_to_fd cannot have written. The
 * descriptor stays the caller's. NULL with the reason. */
struct bundle *bundle_from_fd(int fd, struct err *e);

/* The parser behind bundle_from_fd, pure: a serialised bundle in memory to entries. */
struct bundle *bundle_parse(const uint8_t *data, size_t size, struct err *e);

#endif
