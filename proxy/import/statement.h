/* statement.h - what all the peers' configurations are made of: words, and blocks of words.
 *
 *   nginx    server { listen 995 ssl; }       {server} holds {listen, 995, ssl}
 *   haproxy  frontend mail                    {frontend, mail} holds {bind, :995, ssl}
 *              bind :995 ssl
 *   stunnel  [pop3s]                          {[, pop3s} holds {accept, 995}
 *            accept = 995
 *   hitch    frontend = { port = "995" }      {frontend} holds {port, 995}
 *
 * A statement also knows what has become of it: everything that was not carried over is told. */
#ifndef TLSFRONT_IMPORT_STATEMENT_H
#define TLSFRONT_IMPORT_STATEMENT_H

#include "config/arena.h"

#include <stdbool.h>
#include <stddef.h>

struct statement {
    const char *file; /* as the operator, or an include, named it */
    int line, last_line;
    const char *text; /* as it stands there, in one line; of a block its head */

    const char **words; /* without quotes and escapes; the file itself has none */
    size_t count, room;

    bool is_block;
    struct statement *parent; /* NULL: a file */
    struct statement *first, *last, *next;

    const char *why; /* it was not carried over, or not all of it; NULL: nothing is known of that */
    bool carried;    /* somebody has looked at it, and `why` tells the outcome */
    bool secret;     /* only its first word may be told */
};

/* A file without statements. `file` is borrowed. */
struct statement *statement_file(struct arena *a, const char *file);

/* One more, the last in `parent`, without words. */
struct statement *statement_new(struct arena *a, struct statement *parent, int line);
void statement_word(struct arena *a, struct statement *s, const char *bytes, size_t size);

/* Word number `index`; "" beyond the last. */
const char *statement_at(const struct statement *s, size_t index);

/* Is it word number `index`? Case counts. */
bool statement_is(const struct statement *s, size_t index, const char *word);

/* Was not carried over, because. A second reason is told behind the first. */
void statement_lose(struct arena *a, struct statement *s, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Replace `s` in its block by what is in `file`, as an include does. */
void statement_replace(struct statement *s, struct statement *file);

/* In the order of the files: the one after `s`, of those that `top` holds; NULL: none. With
 * `inside`, the contents of `s` are next. Begin with s = top. */
struct statement *statement_walk(const struct statement *top, struct statement *s, bool inside);

#endif
