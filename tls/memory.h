/* memory.h - where tls/ and mbedTLS get their memory: one place, so that a failure is never taken
 * for something that the client did, and so that tests can make one. */
#ifndef TLSFRONT_TLS_MEMORY_H
#define TLSFRONT_TLS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* As calloc(), for free(). */
void *memory_calloc(size_t count, size_t size);

/* Grow to `size`; the old block stays valid on failure. */
void *memory_grow(void *block, size_t size);

/* Copies, for free(); NULL when out of memory. */
void *memory_copy(const void *data, size_t size);
char *memory_text(const char *text);

/* Wipe `size` bytes and free; NULL is fine. */
void memory_wipe_free(void *block, size_t size);

/* True when an allocation failed since the last call. */
bool memory_failed(void);

/* For tests: asked before every allocation; false makes it fail. NULL: none. */
extern bool (*memory_gate)(size_t count, size_t size);

#endif
