/* file.h - read one regular file whole. */
#ifndef TLSFRONT_FILE_H
#define TLSFRONT_FILE_H

#include "config/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct file_bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

/* "-" is standard input, which may be anything; any other path must be a regular file: opening it
 * never waits for the far end of a FIFO or for a device. At most `limit` bytes. The text of an
 * error says why, without the path; `*error_r` is the errno, 0 when it was none. */
int file_read(const char *path, size_t limit, struct file_bytes *out, int *error_r, struct err *e);

/* Root acts in a directory of somebody else's, who may have planted links there: to a file that
 * only root can read, for one. In such a directory no link is followed, and nothing is taken that
 * belongs to a third. */
bool file_is_foreign(int directory);

/* Open a directory in an open one. -1 with errno; of a foreign one ELOOP or ENOTDIR for a link. */
int file_open_directory(int directory, const char *name);

/* The same as file_read() for a name in an open directory; there "-" is a name like any other. */
int file_read_at(int directory, const char *name, size_t limit, struct file_bytes *out,
                 int *error_r, struct err *e);

/* What to do about the errno of one that could not be read, 0 included. NULL: nobody knows. */
const char *file_cure(int error);

/* One file, by whatever names it was found? */
bool file_is_same(const struct stat *a, const struct stat *b);

/* Write all of it. -1 with errno. */
int file_write(int fd, const void *data, size_t size);

/* Wipes: the bytes may be a private key. */
void file_bytes_free(struct file_bytes *f);

#endif
