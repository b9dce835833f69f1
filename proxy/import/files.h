/* files.h - what import looks at on disk. */
#ifndef TLSFRONT_IMPORT_FILES_H
#define TLSFRONT_IMPORT_FILES_H

#include "config/arena.h"
#include "config/diag.h"

#include <stdbool.h>
#include <stddef.h>

/* Read a whole text. NULL: it cannot be read, and a finding for `at` says why. "-" is standard
 * input. */
const char *files_read(struct arena *a, const char *path, const struct origin *at, size_t *size,
                       struct diags *d);

/* `path`, from `base` on where it is relative, without "./" at its beginning. */
const char *files_absolute(struct arena *a, const char *base, const char *path);

/* The directory that `path` is in, as an absolute path. */
const char *files_directory(struct arena *a, const char *path);

/* Where this process works. */
const char *files_here(struct arena *a);

struct paths {
    const char **items;
    size_t count, room;
};

/* Those that match, or the files in a directory, in alphabetical order. */
struct paths files_matching(struct arena *a, const char *pattern);
struct paths files_in(struct arena *a, const char *directory);

bool files_exist(const char *path);
bool files_is_directory(const char *path);

/* Is there a private key in that PEM file? False, too, when it cannot be read. */
bool files_have_key(const char *path);

#endif
