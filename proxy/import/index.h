/* index.h - what was seen before, found again without looking through all of it: a configuration
 * may have tens of thousands of sections. */
#ifndef TLSFRONT_IMPORT_INDEX_H
#define TLSFRONT_IMPORT_INDEX_H

#include "config/arena.h"

#include <stddef.h>

/* Zeroed: empty. It lives in the arena that is given to index_at(). */
struct index {
    struct index_cell *cells;
    size_t count, room; /* the room is 0 or a power of two */
};

/* What is kept for that text; NULL: nothing. */
void *index_get(const struct index *x, const char *key);

/* The place of what is kept for that text, NULL in it at first; good until the next call. `key` is
 * borrowed. */
void **index_at(struct arena *a, struct index *x, const char *key);

/* Keep `value` (not NULL) there, unless something is. */
void index_add(struct arena *a, struct index *x, const char *key, void *value);

/* The same for what has an address in memory instead of a text. */
void *index_get_pointer(const struct index *x, const void *key);
void **index_at_pointer(struct arena *a, struct index *x, const void *key);

#endif
