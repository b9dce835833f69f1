/* read.h - configuration text into the tree. */
#ifndef TLSFRONT_READ_H
#define TLSFRONT_READ_H

#include "config/bundle.h"
#include "config/tree.h"

/* Add what `text` says to the tree. Unknown and doubled keys and titles are findings and are left
 * out. What origins point to is `file` and memory of `keep`, and may outlive the tree, which is of
 * `a`. Out of memory shows in the arenas. */
void tree_read(struct tree *t, struct arena *a, struct arena *keep, struct diags *d,
               const char *file, const struct bundle_entry *text);

#endif
