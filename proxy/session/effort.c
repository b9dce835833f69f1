/* effort.c - a bucket that runs empty at an even pace, told by the time at which it will have. */
#include "proxy/session/effort.h"

enum { SECOND_MS = 1000 };

bool effort_spend(struct effort *e, uint64_t now, unsigned cost)
{
    const uint64_t scaled = now * EFFORT_A_SECOND;
    const uint64_t from = e->spent_until > scaled ? e->spent_until : scaled;
    const uint64_t until = from + (uint64_t)cost * SECOND_MS;
    if (until > scaled + (uint64_t)SECOND_MS * EFFORT_A_SECOND)
        return false;
    e->spent_until = until;
    return true;
}
