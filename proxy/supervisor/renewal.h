/* renewal.h - certificates grow old and are replaced: what the supervisor does about both.
 *
 * It reminds of what expires (reminder.h), and, with `watch = on`, takes over files that change on
 * disk (watch.h), by a reload of the files alone: the configuration text stays as it was committed
 * last, for somebody may be in the middle of editing it. */
#ifndef TLSFRONT_SUPERVISOR_RENEWAL_H
#define TLSFRONT_SUPERVISOR_RENEWAL_H

#include "proxy/supervisor/supervisor.h"

int renewal_init(struct supervisor *s, struct err *e);

/* The current generation is in service, and came from that bundle. */
void renewal_committed(struct supervisor *s, const struct bundle *b);

/* A reload of the files alone was refused. `status` is that of reload_finish; as they are, they can
 * be taken from `valid_from` on (0: never, or nobody knows). */
void renewal_refused(struct supervisor *s, int status, time_t valid_from);

void renewal_close(struct supervisor *s);

#endif
