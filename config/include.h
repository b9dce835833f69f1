/* include.h - the texts of a configuration: the main file and what include() brings in. */
#ifndef TLSFRONT_INCLUDE_H
#define TLSFRONT_INCLUDE_H

#include "config/arena.h"
#include "config/bundle.h"
#include "config/diag.h"
#include "config/tree.h"

struct include_text;

struct include {
    struct bundle *bundle;
    struct arena *arena;
    struct diags *diags;
    struct include_text *texts; /* one per BUNDLE_TEXT entry, in the same order */
};

/* Borrows all three; what it allocates is the arena's, so there is nothing to end. */
struct include include_begin(struct bundle *b, struct arena *a, struct diags *d);

/* Read the main file. -1: a finding says why not. */
int include_main(struct include *in, const char *path);

/* The patterns that text number `index` includes: sort what each matches, read it into the
 * bundle. */
void include_expand(struct include *in, size_t index, const struct value *patterns);

#endif
