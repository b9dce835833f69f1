/* boundary.h - where a client is in what it reads: may a goodbye of ours stand there? Not in the
 * middle of a line, a literal, a text or a message of the server's. Pure.
 *
 * It follows what the client reads, whoever says it, and nothing else. What it cannot follow (a
 * layer of compression or of SASL, words that are not of the protocol) it says no to from there
 * on. POP3 has no place for unasked words, and whether a text follows its +OK is known only from
 * the question: so there it always says no, and so it does where nothing is known of the protocol.
 */
#ifndef TLSFRONT_STARTTLS_BOUNDARY_H
#define TLSFRONT_STARTTLS_BOUNDARY_H

#include "config/protocol.h"
#include "proxy/base/slice.h"

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

/* The client reads these, which may be cut anywhere. */
void boundary_read(struct boundary *b, enum protocol p, struct slice in);

/* Is it known at all? */
bool boundary_known(const struct boundary *b, enum protocol p);

/* May it be said goodbye, by the protocol's `refuse` (starttls.h)? */
bool boundary_reached(const struct boundary *b, enum protocol p);

#endif
