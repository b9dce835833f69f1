/* scan.h - what the tokenizers share: a cursor over a peer's text, the word and the statement that
 * are being read, and how a mistake is told. */
#ifndef TLSFRONT_IMPORT_SCAN_H
#define TLSFRONT_IMPORT_SCAN_H

#include "proxy/import/statement.h"

#include "config/diag.h"

struct scan {
    struct arena *arena;
    struct diags *diags;
    const char *file, *text;
    size_t size, at;
    int line;
    char *word; /* what has been read of it: room for the whole text */
    size_t length;
    struct statement *block, *statement; /* the open one, and the last in it or NULL */
    size_t began;                        /* where `statement` begins */
    unsigned depth;                      /* of blocks */
};

enum { SCAN_DEPTH_MAX = 32 };

/* Texts are borrowed; statements go to `file`, mistakes to `d`. */
struct scan scan_begin(struct arena *a, const char *text, size_t size, struct statement *file,
                       struct diags *d);

/* The byte `ahead` of the cursor; -1 at the end. */
int scan_peek(const struct scan *s, size_t ahead);
/* The byte at the cursor, which moves on and counts lines. Not at the end. */
char scan_next(struct scan *s);
void scan_blanks(struct scan *s); /* blanks, tabs and CR, not the ends of lines */
void scan_line(struct scan *s);   /* up to the end of the line */

void scan_put(struct scan *s, char c); /* one more byte for the word */

/* Begin a statement here; end a word of it; end it, so that its text is known. */
void scan_statement(struct scan *s);
void scan_word(struct scan *s);
void scan_end(struct scan *s);

/* The open statement has a block, which is the open one from now on. False: too deep, and said. */
bool scan_open(struct scan *s);
/* The open block ends in `line`. False: none is open, and said. */
bool scan_close(struct scan *s, int line);
/* Of a section, which ends with its last statement because the next one begins. */
void scan_leave(struct scan *s);

/* Add a finding for `line`. Returns false. */
bool scan_wrong(struct scan *s, int line, const char *cure, const char *cause);

/* A NUL is in no configuration: whether there is one, and said. */
bool scan_binary(struct scan *s);

#endif
