/* arena.h - memory that is freed all at once.
 *
 * A failed allocation is remembered in `failed`, so that a builder may look once at the end; every
 * function still returns NULL, which a caller must not touch. */
#ifndef TLSFRONT_ARENA_H
#define TLSFRONT_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_piece;

struct arena {
    struct arena_piece *pieces;
    bool failed;
};

/* Zeroed, aligned for anything, there until arena_free(). Of a product that overflows: NULL. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t count, size_t size);

/* A text of the arena's own. */
char *arena_copy(struct arena *a, const char *text);
char *arena_format(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For calls into libraries that do not survive a failed allocation: true when `size` bytes can be
 * had now. With one thread they are still there for the call. */
bool arena_headroom(struct arena *a, size_t size);

/* Everything that came from it is gone; it may be used anew. */
void arena_free(struct arena *a);

#endif
