/* scan.h - configuration text made fit for libconfuse.
 *
 * libconfuse 3.3 counts every comment as two lines too many, forgets to close a string or a comment
 * at the end of the text and then misreads the *next* text (its lexer is global), expands ${NAME}
 * from the environment, drops stray characters in silence, takes the end of the text for a closing
 * brace, and stops at its first mistake. So the text goes through here first: comments become
 * blanks, lexical mistakes become findings and are mended so that reading can go on, and the text
 * is cut at its blocks, so that a mistake in one does not hide those in the next. */
#ifndef TLSFRONT_SCAN_H
#define TLSFRONT_SCAN_H

#include "config/arena.h"
#include "config/bundle.h"
#include "config/chunks.h"
#include "config/diag.h"

/* In place of a byte of a word or string that could not be taken as it is: what holds it was
 * complained of. */
#define SCAN_MENDED '\x01'

/* NULL with arena->failed: out of memory. NULL otherwise: nothing to read. `file` is kept in the
 * findings only. */
struct chunk *scan_text(struct arena *a, struct diags *d, const char *file,
                        const struct bundle_entry *text);

#endif
