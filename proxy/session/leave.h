/* leave.h - a drain's time is nearly over: the sessions that are left end one after another, so
 * that not all of their clients log in elsewhere in one moment.
 *
 * The longest idle go first. Where their protocol has words for it, they are told so between two of
 * the server's units; a session that is in the middle of one waits for a later turn. */
#ifndef TLSFRONT_SESSION_LEAVE_H
#define TLSFRONT_SESSION_LEAVE_H

#include <stdint.h>
#include <uv.h>

struct sessions;

struct leave {
    struct sessions *all;
    uv_timer_t timer;
    uint64_t begun, lasts; /* milliseconds; `lasts` 0: nobody is to leave yet */
    unsigned total;        /* there were when it began */
};

void leave_init(struct leave *l, struct sessions *all);

/* All established sessions have ended in `lasts` milliseconds, but for those that were never in a
 * place where they could be. */
void leave_begin(struct leave *l, uint64_t lasts);

void leave_close(struct leave *l);

#endif
