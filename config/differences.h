/* differences.h - which settings of two configurations are not the same, in words for the operator.
 */
#ifndef TLSFRONT_DIFFERENCES_H
#define TLSFRONT_DIFFERENCES_H

#include "config/tree.h"

/* One line for each key of the schema that has other values in `after` than in `before`, outside of
 * blocks or in a block that both have: "route imaps: idle-timeout 30m -> 10m", or, where that would
 * be long, "route imaps: allow changed". A key that is left out has its default, or is "not set"
 * where that is the protocol's or the route's. Where many blocks differ alike, one line is for all
 * of them. Without the keys that proxy/supervisor/ tells by what becomes of them. The caller frees
 * it; NULL: out of memory. */
char *differences_text(const struct tree *before, const struct tree *after);

#endif
