/* changes.h - what a reload changes, in words for the operator. */
#ifndef TLSFRONT_SUPERVISOR_CHANGES_H
#define TLSFRONT_SUPERVISOR_CHANGES_H

#include "proxy/base/buf.h"
#include "proxy/routes/generation.h"

/* One line per route or certificate that came or went, per address or upstream of a route that did,
 * and per certificate replaced. Other settings are taken over without a word. `before` may be NULL:
 * nothing. */
void changes_describe(const struct generation *before, const struct generation *after,
                      struct buf *out);

#endif
