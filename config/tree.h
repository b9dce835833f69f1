/* tree.h - configuration text as settings and blocks, with the place of each, meaning nothing
 * yet. */
#ifndef TLSFRONT_TREE_H
#define TLSFRONT_TREE_H

#include "config/arena.h"
#include "config/diag.h"

#include <stdbool.h>
#include <stddef.h>

struct value {
    const char *text;
    struct origin at;
    struct value *next;
};

struct setting {
    const char *key;
    struct origin at; /* of its first value */
    struct value *values, *last;
    struct setting *next;
};

struct block {
    const char *kind; /* "route", "certificate"; NULL: the settings outside of all blocks */
    const char *title;
    struct origin at;
    struct setting *settings, *last;
    struct block *next;
    struct block *outer;              /* that it stands in; NULL: in none */
    struct block *inner, *inner_last; /* those that stand in it, in the order of the text */
};

struct tree {
    struct block globals;
    struct block *blocks;   /* in the order of the text, titles unique per kind */
    struct value *includes; /* of the text that was read last: patterns for include() */
    bool incomplete;        /* something was skipped: what seems absent may be there */
};

/* "route pop3s: ", "route pop3s: server-name a.example: " for the head of a finding, "" for the
 * settings outside of blocks. */
const char *tree_label(struct arena *a, const struct block *block);

/* NULL: the block does not set that key. */
const struct setting *tree_find(const struct block *block, const char *key);

/* `first` and those behind it by kind and title, for free(). NULL, and a count of 0: out of memory.
 */
const struct block **tree_sort_blocks(const struct block *first, size_t *count);

/* The one of the same kind and title among those; NULL: there is none. */
const struct block *tree_find_block(const struct block *const *sorted, size_t count,
                                    const struct block *like);

/* The block takes `s`, which is in no other list, over. */
void tree_append(struct block *block, struct setting *s);

/* `inner` stands in `outer`, and in no other list. */
void tree_append_block(struct block *outer, struct block *inner);

#endif
