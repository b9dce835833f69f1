/* columns.h - where in its line is what a finding is about? Pure. */
#ifndef TLSFRONT_COLUMNS_H
#define TLSFRONT_COLUMNS_H

#include "config/bundle.h"
#include "config/diag.h"

/* Fill in what columns are missing, by the configuration texts: of the key, else of the block, else
 * of the first word of the line. A finding whose text is not in the bundle, or has no such line, is
 * left as it is. Cheapest in the order of diag_sort(). */
void columns_find(const struct bundle *b, struct diags *d);

#endif
