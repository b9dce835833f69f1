/* effort.h - how much work may be done in a second for those who are not served. */
#ifndef TLSFRONT_SESSION_EFFORT_H
#define TLSFRONT_SESSION_EFFORT_H

#include <stdbool.h>
#include <stdint.h>

/* EFFORT_A_SECOND of what it takes to refuse in clear, and as much at once after a quiet second:
 * some one per cent of a processor. To refuse inside TLS takes a handshake first. */
enum { EFFORT_A_SECOND = 200, EFFORT_CLEAR = 1, EFFORT_TLS = 4 };

/* Of the log: ten lines a second. */
enum { EFFORT_LINE = 20 };

/* All zero: nothing was ever done. */
struct effort {
    uint64_t
        spent_until; /* in 1/EFFORT_A_SECOND of a millisecond: when all that was done is paid off */
};

/* Is there as much left at `now` (milliseconds)? Then it is spent. */
bool effort_spend(struct effort *e, uint64_t now, unsigned cost);

#endif
