/* challenge_names.h - which challenges there are just now, in the directories of the acme routes.
 *
 * Workers are told, so that what a stranger invents waits behind what an authority has been
 * promised (see query.h). It is a hint and no more: one that comes late, or where a directory
 * has too many files, costs a place in the line. One that cannot be watched is looked at again,
 * once in a second, while somebody asks. */
#ifndef TLSFRONT_SUPERVISOR_CHALLENGE_NAMES_H
#define TLSFRONT_SUPERVISOR_CHALLENGE_NAMES_H

#include "proxy/ipc/ipc.h"
#include "proxy/supervisor/release.h"

#include <uv.h>

struct challenge_spot;

struct challenge_names {
    uint64_t hashes[CHALLENGES_KNOWN_MAX]; /* challenge_hash(), in no order */
    size_t count;

    /* for challenge_names.c */
    uv_timer_t timer; /* a moment after a change */
    struct challenge_spot *spots;
    bool blind; /* there is one that cannot be watched */
    void (*changed)(void *arg);
    void *arg;
};

/* `changed` is called in a later turn of the loop. */
void challenge_names_init(struct challenge_names *n, uv_loop_t *loop, void (*changed)(void *arg),
                          void *arg);

/* Look at the directories of that release, which stay open, until the next call. */
void challenge_names_use(struct challenge_names *n, const struct release *p);

/* Somebody wants to know what is in such a directory. */
void challenge_names_asked(struct challenge_names *n);

/* The loop has to run empty afterwards. */
void challenge_names_close(struct challenge_names *n);

#endif
