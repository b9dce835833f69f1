/* gather.h - one part of a text through libconfuse. */
#ifndef TLSFRONT_GATHER_H
#define TLSFRONT_GATHER_H

#include "config/scan.h"
#include "config/schema.h"
#include "config/tree.h"

#include <stdbool.h>
#include <stddef.h>

enum { GATHER_UNKNOWN_MAX = 32 }; /* different unknown keys in one chunk */

struct gather_unknown {
    enum scope scope;
    const char *name;
};

struct gather_tables; /* libconfuse's option tables */

struct gather {
    struct arena *arena; /* of the reading */
    struct arena *keep;  /* of what origins point to */
    const char *file;
    const struct chunk *chunk;
    struct block
        *outer; /* of a CHUNK_INNER or CHUNK_REST: the block that it stands in; else NULL */
    struct gather_tables *tables;
    struct gather_unknown unknown[GATHER_UNKNOWN_MAX];
    size_t unknown_count;

    /* What the last run found. */
    const char *text;
    int first_line;        /* of the text that libconfuse saw as line 1 */
    struct block outside;  /* settings at the top, unknown ones among them */
    struct block *current; /* a block that was begun */
    struct block *done;    /* a block that is complete */
    struct value *includes;
    bool again;        /* one more unknown key */
    char message[256]; /* what is wrong, when line is not 0 */
    const char *cure;
    const char *word; /* the key or block that the message is about; NULL: none */
    int line;
};

/* For all runs over one text; from the arena. NULL: out of memory. */
struct gather_tables *gather_tables_new(struct arena *a);

/* -1: the message says why, or the arena is out of memory. What was found before stays found. */
int gather_run(struct gather *g, const char *text, int first_line);

#endif
