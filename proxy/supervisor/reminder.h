/* reminder.h - the supervisor's memory of what ends when: says so in the log, once for each
 * threshold (expiry.h) and certificate, however many reloads come between. */
#ifndef TLSFRONT_SUPERVISOR_REMINDER_H
#define TLSFRONT_SUPERVISOR_REMINDER_H

#include "proxy/base/log.h"
#include "proxy/routes/expiry.h"
#include "proxy/routes/generation.h"

#include <uv.h>

struct reminder_item; /* one certificate of one chain, one authority or list of one route */

struct reminder {
    struct log *log;
    struct generation *generation; /* that the items are of; a reference */
    struct reminder_item *items;   /* sorted by digest */
    size_t count;
    uv_timer_t timer;
};

void reminder_init(struct reminder *r, uv_loop_t *loop, struct log *log);

/* From now on of that generation. Logs at once what is due. */
void reminder_use(struct reminder *r, struct generation *g);

/* Log what is due at `now`. Returns the seconds until there is more to say: EXPIRY_NOT_YET: never.
 */
long reminder_tell(struct reminder *r, time_t now);

/* Closes the timer; the loop has to turn once more. */
void reminder_close(struct reminder *r);

#endif
