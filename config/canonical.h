/* canonical.h - what a configuration says, as one text that does not depend on how it is written.
 */
#ifndef TLSFRONT_CANONICAL_H
#define TLSFRONT_CANONICAL_H

#include "config/tree.h"

/* Without comments, white space, quotes and files; blocks by kind and name, keys by name; values as
 * they stand there, in their order. Two trees have the same text if, and only if, they have the
 * same settings. The caller frees it; NULL: out of memory. */
char *canonical_text(const struct tree *t);

#endif
