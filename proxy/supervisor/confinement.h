/* confinement.h - the supervisor's own sandbox: what it still may write, and what a reload asks for
 * beyond that.
 *
 * It reads everywhere, since a reload may name any file. It makes files in the directories alone
 * that the first configuration has the log and Unix sockets in: a sandbox is never widened, so a
 * configuration that wants others needs a restart, and is told so before anything is changed. */
#ifndef TLSFRONT_SUPERVISOR_CONFINEMENT_H
#define TLSFRONT_SUPERVISOR_CONFINEMENT_H

#include "config/config.h"
#include "config/diag.h"
#include "proxy/base/log.h"
#include "proxy/ipc/handover.h"
#include "proxy/sandbox/sandbox.h"
#include "proxy/supervisor/activation.h"

#include <stdbool.h>
#include <stddef.h>

struct confined_place;

/* All zero: free. */
struct confinement {
    const struct activation *given; /* sockets that need not be made; NULL: none */
    struct sandbox_state state;     /* what is in force */
    struct confined_place *places;
    size_t count;
};

/* With the first configuration, whose log and sockets are open; before any process is started,
 * since the others are to be inside, too. */
void confinement_enter(struct confinement *k, const struct config *c);

/* Can the log and the Unix sockets of `c` be made from in here? A finding for each that cannot. */
bool confinement_judge(const struct confinement *k, const struct config *c, struct diags *d);

/* What is lacking, to the log. */
void confinement_tell(const struct confinement *k, struct log *log);

/* Over an upgrade it goes on, and what it allows has to be known. -1: out of memory. */
int confinement_give(const struct confinement *k, struct handover *h);
int confinement_take(struct confinement *k, const struct handover *h);

void confinement_free(struct confinement *k);

#endif
