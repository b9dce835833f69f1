/* turns.h - only so many expensive steps in one turn of the loop.
 *
 * A handshake step costs up to one operation with a private key (milliseconds with RSA), so only
 * some are advanced per turn and established sessions are not starved. The others wait in line. */
#ifndef TLSFRONT_SESSION_TURNS_H
#define TLSFRONT_SESSION_TURNS_H

#include "proxy/base/list.h"

#include <stdbool.h>
#include <uv.h>

struct turns {
    struct link waiting;
    unsigned taken;                /* in this turn */
    void (*go_on)(struct link *l); /* the first in line may go on; it leaves the line */
    uv_idle_t more;
    uv_check_t over;
};

void turns_init(struct turns *t, uv_loop_t *loop, void (*go_on)(struct link *l));

/* May it be done in this turn? Counts it if so; else turns_wait() is to follow. */
bool turns_take(struct turns *t);

/* Stand in line; link_remove() leaves it. */
void turns_wait(struct turns *t, struct link *l);

void turns_close(struct turns *t);

#endif
