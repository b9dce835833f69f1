/* layout.h - the text of proxy/base/cells.h in lines that fit a terminal. Pure. */
#ifndef TLSFRONT_CONSOLE_LAYOUT_H
#define TLSFRONT_CONSOLE_LAYOUT_H

#include "proxy/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Append `text` to `out`, in lines of `columns` at most. Where a table is wider than that, its
 * longest cells that may be cut are, as far as they are still of use; what is left over is cut at
 * the end of the line. What is no text of cells is shown as far as it can be. */
void layout(const char *text, size_t columns, bool utf8, struct buf *out);

#endif
