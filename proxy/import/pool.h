/* pool.h - an arena for a command that ends soon: where there is no memory, it says so and ends at
 * once, with status 1. So nothing here ever returns NULL. */
#ifndef TLSFRONT_IMPORT_POOL_H
#define TLSFRONT_IMPORT_POOL_H

#include "config/arena.h"

#include <stddef.h>

/* Zeroed. */
void *pool_alloc(struct arena *a, size_t size);
void *pool_array(struct arena *a, size_t count, size_t size);

/* One more element for an array that has `count` of `size` bytes each and room for `*room`. The
 * array, perhaps elsewhere than before; the new element is zeroed. */
void *pool_grow(struct arena *a, void *items, size_t count, size_t *room, size_t size);

/* The bytes with a NUL behind them. */
char *pool_text(struct arena *a, const char *bytes, size_t size);
/* In small letters, for names whose case does not matter. */
char *pool_lower(struct arena *a, const char *text);
char *pool_format(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
