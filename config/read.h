/* read.h - configuration text into the tree. */
#ifndef TLSFRONT_READ_H
#define TLSFRONT_READ_H

#include "config/bundle.h"
#include "config/tree.h"

/* Add what `text` says to the tree. Unknown and doubled keys and titles are findings and are left
 * out. `file` must live as long as the tree. Out of memory shows in the arena. */
void tree_read(struct tree *t, struct arena *a, struct diags *d, const char *file,
               const struct bundle_entry *text);

#endif
