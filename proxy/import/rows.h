/* rows.h - a table for each place in a peer's configuration: what becomes of each directive, or why
 * it is not carried over. */
#ifndef TLSFRONT_IMPORT_ROWS_H
#define TLSFRONT_IMPORT_ROWS_H

#include "proxy/import/plan.h"

struct row;

/* NULL: carried over; else why not. `r` is what the statement is about, NULL where it is about
 * nobody in particular. */
typedef const char *carry_fn(struct plan *p, struct plan_route *r, struct statement *s,
                             const struct row *row);

enum row_flags {
    ROW_GUARDS = 1 << 0, /* without it the route would let in more, or do less, than at the peer's.
                          * The others are known not to matter to that */
    ROW_SECRET = 1 << 1, /* there may be a password in it */
};

struct row {
    const char *name; /* NULL ends a table; with a * at its end, all that begin so */
    carry_fn *carry;  /* NULL: see `why` */
    const char *key;  /* of ours, for the functions below */
    const char *why;  /* not carried over; with `carry`: what that may say. NULL without `carry`:
                       * tlsfront does so without being told */
    unsigned flags;
};

/* By the statement's first word, in whatever case; NULL: it is in none of the tables. */
const struct row *rows_find(const struct row *rows, const char *name);

/* Why what is in no table is not carried over. It may be there to keep clients out, so it withholds
 * its route. */
extern const char rows_unknown[];

/* Carry `s` over by its row, or lose it. */
void rows_apply(struct plan *p, struct plan_route *r, struct statement *s, const struct row *rows);

/* The same for every statement in `block` that is no block itself. */
void rows_apply_all(struct plan *p, struct plan_route *r, struct statement *block,
                    const struct row *rows);

/* A block that nobody knows: it is lost, and withholds `r`. NULL as `r`: no route is less guarded
 * without it. */
void rows_lose_block(struct plan *p, struct plan_route *r, struct statement *block);

/* For `carry`. Those with a time or number take the first value. */
carry_fn carry_text;    /* the first value, as it is */
carry_fn carry_seconds; /* a time, without a unit in seconds */
carry_fn carry_ms;      /* without a unit in milliseconds */
carry_fn carry_switch;  /* on or off */
carry_fn carry_number;  /* above 0 */
carry_fn carry_path;    /* relative to where the peer was started */
carry_fn carry_ciphers; /* TLS 1.2 */
carry_fn carry_suites;  /* TLS 1.3 */
carry_fn carry_groups;
carry_fn carry_protocols;   /* all values are those of TLS that are allowed */
carry_fn carry_global;      /* a global key, the first value */
carry_fn carry_global_path; /* the same, relative to where the peer was started */
carry_fn carry_workers;     /* how many processes: a number or auto */
carry_fn carry_user;        /* whom workers run as, and perhaps the group */
carry_fn carry_group;       /* tlsfront takes the user's own */
carry_fn carry_if_on;       /* tlsfront does so anyway; off is lost, with `why` */
carry_fn carry_if_off;      /* tlsfront does not; on is lost, with `why` */
carry_fn carry_later;       /* kept under `key`, for the peer's finish */
carry_fn carry_openssl;     /* a command of SSL_CONF_cmd(3): some withhold their route */

#endif
