/* changes.h - what a reload changes, in words for the operator. */
#ifndef TLSFRONT_CHANGES_H
#define TLSFRONT_CHANGES_H

#include "proxy/buf.h"
#include "proxy/generation.h"

/* One line per route or certificate that came, went or changed. `before` may be NULL: nothing. */
void changes_describe(const struct generation *before, const struct generation *after,
                      struct buf *out);

#endif
