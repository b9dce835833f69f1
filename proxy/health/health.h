/* health.h - is each upstream well? Visits the addresses of every route with `health-check`, once
 * in that time, and puts down in the shared counters what it finds (struct health_counters);
 * sessions of all workers, the status and the observer read it there.
 *
 * One worker does this for all (HEALTH_WORKER): one visit per address and interval, however many
 * workers there are. See docs/decisions/020-health-checks.md. */
#ifndef TLSFRONT_HEALTH_HEALTH_H
#define TLSFRONT_HEALTH_HEALTH_H

#include "proxy/base/log.h"
#include "proxy/ipc/counters.h"
#include "proxy/routes/generation.h"

#include <uv.h>

/* An address is down after so many visits in a row that went badly, and up with the first that went
 * well. Of one that is not known yet the first decides. */
enum { HEALTH_FALL = 2 };

struct health;

/* Begin with the addresses of `g`, of which a reference is kept; what was found before stands until
 * there is better knowledge, and what is not checked any more is forgotten. loop->data is a struct
 * peer_scratch; all else is borrowed until health_close(). NULL: out of memory. */
struct health *health_new(uv_loop_t *loop, struct log *log, struct worker_counters *own,
                          struct generation *g);

/* Names have other addresses. */
void health_refresh(struct health *h);

/* End all visits. What is left on the loop goes as it runs, and `h` with it; NULL is fine. */
void health_close(struct health *h);

#endif
