/* changes.h - what a reload changes, in words for the operator. */
#ifndef TLSFRONT_SUPERVISOR_CHANGES_H
#define TLSFRONT_SUPERVISOR_CHANGES_H

#include "proxy/base/buf.h"
#include "proxy/load/load.h"
#include "proxy/routes/generation.h"
#include "proxy/supervisor/release.h"

/* One line per route or certificate that came or went, per address or upstream of a route that did,
 * and per certificate replaced. `before` may be NULL: nothing. */
void changes_describe(const struct generation *before, const struct generation *after,
                      struct buf *out);

/* The rest: one line per setting (config_differences()), and per file that holds something else
 * and is not told of above. `b` is what `after` was loaded from; of an empty release: nothing. */
void changes_describe_texts(const struct release *before, const struct generation *after,
                            const struct bundle *b, struct buf *out);

/* Do both seal and open the same tickets? */
bool changes_same_tickets(const struct ticket_files *a, const struct ticket_files *b);

/* "1f2e seals, 77ab opens" */
void changes_name_tickets(const struct ticket_files *files, struct buf *out);

/* A line, or nothing where they are the same. */
void changes_describe_tickets(const struct ticket_files *before, const struct ticket_files *after,
                              struct buf *out);

#endif
