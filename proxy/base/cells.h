/* cells.h - writing text whose layout is left to whoever shows it (proxy/console/layout.h).
 *
 * One line each: a mark, then cells, each ended by a tab. CELLS_TEXT has one cell, which goes over
 * the whole width. CELLS_HEADING begins a table, and each of its cells begins with the mark of its
 * column; the rows of the table follow. Control characters in cells become "?". */
#ifndef TLSFRONT_BASE_CELLS_H
#define TLSFRONT_BASE_CELLS_H

#include "proxy/base/buf.h"

enum cells_line { CELLS_TEXT = '-', CELLS_HEADING = '#', CELLS_ROW = ' ' };

/* Of a column: its cells are left-aligned and are cut where room is short; left-aligned and whole;
 * right-aligned and whole. */
enum cells_column { CELLS_CUT = '<', CELLS_LEFT = '=', CELLS_RIGHT = '>' };

void cells_begin(struct buf *out, enum cells_line kind);
void cells_add(struct buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cells_end(struct buf *out);

/* A cell of five characters at most: "99999", "1.23M". */
void cells_number(struct buf *out, uint64_t number);

#endif
