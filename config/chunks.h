/* chunks.h - the text that scan.c writes, cut where blocks begin and end. */
#ifndef TLSFRONT_CHUNKS_H
#define TLSFRONT_CHUNKS_H

#include "config/arena.h"

#include <stddef.h>

enum chunk_kind {
    CHUNK_BETWEEN, /* what stands between blocks */
    CHUNK_BLOCK,   /* a block, whole or up to the first block in it */
    CHUNK_INNER,   /* a block in that one */
    CHUNK_REST,    /* what follows there, as a block whose own kind and name say nothing */
};

struct chunk {
    char *text; /* NUL-terminated; the same line breaks as the original */
    int line;   /* of its first character */
    enum chunk_kind kind;
    struct chunk *next;
};

struct chunks {
    struct arena *arena;
    char *text;
    size_t length;
    struct chunk *first;

    size_t start; /* of the chunk that is being written */
    int line;
    struct chunk *last;
};

struct chunks_word {
    size_t start; /* in the text */
    int line;
};

/* Room for what a source of `size` bytes can become: at most CHUNKS_GROWTH for each of its bytes,
 * where a list or a block is closed for the writer. -1: out of memory. */
enum { CHUNKS_GROWTH = 4 };
int chunks_begin(struct chunks *c, struct arena *a, size_t size);

/* Append, or put `text` in at an earlier position of the chunk that is being written. */
void chunks_put(struct chunks *c, char byte);
void chunks_puts(struct chunks *c, const char *text);
void chunks_insert(struct chunks *c, size_t position, const char *text);

/* End the chunk; the next one starts on line `line`. */
void chunks_end(struct chunks *c, enum chunk_kind kind, int line);

/* End the chunk before `word`, with which the next one begins. */
void chunks_split(struct chunks *c, struct chunks_word word, enum chunk_kind kind);

#endif
