/* renewal.h - certificates grow old and are replaced: what the supervisor does about both.
 *
 * It reminds of what expires (reminder.h), and, with `watch = on`, takes over files that change on
 * disk (watch.h), by a reload of the files alone: the configuration text stays as it was committed
 * last, for somebody may be in the middle of editing it. */
#ifndef TLSFRONT_SUPERVISOR_RENEWAL_H
#define TLSFRONT_SUPERVISOR_RENEWAL_H

#include "proxy/supervisor/reload.h"
#include "proxy/supervisor/reminder.h"
#include "proxy/watch/watch.h"

struct renewal {
    struct reload *reload;
    struct log *log;
    struct watch *watch;
    struct reminder reminder;
    bool over; /* the daemon goes down: no more reloads */
};

/* Both are borrowed. Out of memory: `watch` is NULL. */
void renewal_init(struct renewal *r, uv_loop_t *loop, struct reload *reload, struct log *log);

/* `g` goes into service, and came from that bundle. */
void renewal_use(struct renewal *r, struct generation *g, const struct bundle *b);

/* How a reload of the files alone went. */
void renewal_finished(struct renewal *r, const struct reload_outcome *outcome);

/* The daemon goes down: no reload is begun any more. */
void renewal_end(struct renewal *r);

/* Frees when the loop has turned. */
void renewal_close(struct renewal *r);

#endif
