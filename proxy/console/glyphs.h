/* glyphs.h - text as a terminal can show it.
 *
 * Nothing that moves the cursor, changes colours or the direction of writing gets through: control
 * characters, bytes that are no UTF-8 and marks of direction are shown as "?". */
#ifndef TLSFRONT_CONSOLE_GLYPHS_H
#define TLSFRONT_CONSOLE_GLYPHS_H

#include "proxy/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Before all else: finds out what the terminal takes. True: UTF-8; else all that is not ASCII is
 * shown as "?". */
bool glyphs_begin(void);

/* Columns that `text` takes: wide characters two, combining ones none. */
size_t glyphs_width(const char *text, size_t size, bool utf8);

/* Append `text`, cut to `columns` with an ellipsis where it is longer. Returns the columns taken.
 */
size_t glyphs_put(struct buf *out, const char *text, size_t size, size_t columns, bool utf8);

#endif
