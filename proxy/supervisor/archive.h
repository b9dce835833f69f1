/* archive.h - what processes have counted that are gone, as a part of the counters like theirs
 * (counters.h). An image has one if it follows another, and leaves one to the next.
 *
 * The parts of workers that end stay as they are while this image lasts: who adds up without asking
 * anybody, as the observer does, must never see one move. */
#ifndef TLSFRONT_SUPERVISOR_ARCHIVE_H
#define TLSFRONT_SUPERVISOR_ARCHIVE_H

#include "proxy/ipc/handover.h"
#include "proxy/supervisor/workers.h"

struct archive {
    struct all_counters *counters; /* it is put there, as ARCHIVE */
    int reader;                    /* for others; -1: there is none */
    int given;                     /* the next one's; -1: none yet */
};

void archive_init(struct archive *a, struct all_counters *counters);

/* Can this image read what that one's processes have counted and count? Else they are gone, to it,
 * with what they had counted by then. */
bool archive_knows(const struct handover *h);

/* The archive of `h`, whose descriptor is ours from now on, or one of the sums in it. -1 with the
 * reason. */
int archive_take(struct archive *a, const struct handover *h, struct err *e);

/* One more archive, with what is in ours and what those have counted who do not go on, into `h`,
 * which borrows it, beside the sums of its routes and server names, which stand there already by
 * name and slot. -1: no memory. */
int archive_give(struct archive *a, const struct workers *ws, struct handover *h);

void archive_free(struct archive *a);

#endif
