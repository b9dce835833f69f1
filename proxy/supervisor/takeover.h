/* takeover.h - the new image's side of an upgrade: what it inherits, and the way back to the old
 * image (docs/decisions/014-upgrade.md).
 *
 * Until takeover_confirm() every inherited descriptor stays as it is, beside the copy that is
 * worked with, and whoever crashes, hangs or gives up executes the old binary with the same state.
 */
#ifndef TLSFRONT_SUPERVISOR_TAKEOVER_H
#define TLSFRONT_SUPERVISOR_TAKEOVER_H

#include "proxy/ipc/handover.h"

struct takeover {
    struct handover was; /* its descriptors are copies, and whoever works with one owns it; those
                            that only tell takeover_confirm() closes: executable, reason, bundles */
    bool rehearsal;      /* in a child: nothing is taken over, nobody goes back */
    bool back;           /* this is the old binary again */
};

/* Take the state in that descriptor, of which there is one in a process's life. From here on the
 * way back is open, but for a rehearsal and for who has come back. -1 with the reason. */
int takeover_begin(struct takeover *t, int state, bool back, struct err *e);

/* Go back, where there is a way: does not return then. `why` is told to who has asked for the
 * upgrade. */
void takeover_fail(const struct takeover *t, const char *why);

/* Who has come back: why, as far as it was said. */
void takeover_reason(const struct takeover *t, char *out, size_t size);

/* All is well: there is no way back any more. */
void takeover_confirm(struct takeover *t);

/* Signals that a supervisor deals with must not end it between two images; blocked here, they wait
 * for takeover_unblock(). */
void takeover_block(void);
void takeover_unblock(void);

#endif
