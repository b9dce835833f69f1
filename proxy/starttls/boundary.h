/* boundary.h - where a client is in what it reads: may a goodbye of ours stand there? Not in the
 * middle of a line, a literal, a text or a message of the server's. Pure.
 *
 * It follows what the client reads, whoever says it, and nothing else. What it cannot follow (a
 * layer of compression or of SASL, words that are not of the protocol) it says no to from there
 * on. How a protocol divides what it says are its rules, a part of its row (starttls.h); without
 * any the answer is always no. */
#ifndef TLSFRONT_STARTTLS_BOUNDARY_H
#define TLSFRONT_STARTTLS_BOUNDARY_H

#include "proxy/base/slice.h"

#include <stdbool.h>

enum { BOUNDARY_HEAD = 48, BOUNDARY_TAIL = 24 };

/* All zero at first. */
struct boundary {
    uint8_t state;     /* enum boundary_state, in boundary.c */
    bool goes_on;      /* a line behind a literal, or a reply of several lines */
    uint8_t head_size; /* of the present line */
    uint8_t tail_size; /* likewise: its last bytes, CR and LF among them */
    uint8_t text_end;  /* as step_text() has it */
    uint64_t bytes;    /* that are no lines and are still to come */
    uint8_t head[BOUNDARY_HEAD], tail[BOUNDARY_TAIL];
};

/* What follows a line, or a header. */
enum boundary_follows {
    FOLLOWS_UNIT,    /* the next unit */
    FOLLOWS_MORE,    /* more of the same unit */
    FOLLOWS_BYTES,   /* `bytes` of them, of the same unit */
    FOLLOWS_TEXT,    /* lines up to that of a dot alone */
    FOLLOWS_DOUBT,   /* the next unit, or the numbers of a text */
    FOLLOWS_UNKNOWN, /* it is not of the protocol */
};

/* One of both. */
struct boundary_rules {
    /* Units are lines, of which `head` is as much as is kept, without the end; b->goes_on: it is
     * not a unit's first. */
    enum boundary_follows (*line)(struct boundary *b, struct slice head);
    /* Units have their length in front, which is taken off *in: FOLLOWS_BYTES. FOLLOWS_MORE: not
     * all of it is there, and it has up to BOUNDARY_HEAD bytes. */
    enum boundary_follows (*header)(struct boundary *b, struct slice *in);
};

/* FOLLOWS_BYTES where a literal ends the line: {n}, {n+}; else FOLLOWS_UNIT. */
enum boundary_follows boundary_literal(struct boundary *b);

/* The client reads these, which may be cut anywhere. Nothing without rules. */
void boundary_read(struct boundary *b, const struct boundary_rules *rules, struct slice in);

/* Is it known at all? */
bool boundary_known(const struct boundary *b, const struct boundary_rules *rules);

/* Is it behind a line that a text may follow, and nothing has come? A text comes at once. */
bool boundary_doubtful(const struct boundary *b);

/* May it be said goodbye, by the protocol's `refuse` (starttls.h)? */
bool boundary_reached(const struct boundary *b, const struct boundary_rules *rules);

#endif
