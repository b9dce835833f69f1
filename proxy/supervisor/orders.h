/* orders.h - the messages of ipc.h, as the supervisor says them to one worker, by child_send(). */
#ifndef TLSFRONT_SUPERVISOR_ORDERS_H
#define TLSFRONT_SUPERVISOR_ORDERS_H

#include "proxy/supervisor/workers.h"

void orders_hello(struct worker *w);    /* with its counters, log and tickets */
void orders_signer(struct worker *w);   /* a new socket to its signer, where there is one */
void orders_counters(struct worker *w); /* those of the others */
void orders_release(struct worker *w, const struct release *p); /* up to READY */
void orders_tickets(struct worker *w);
/* Which there are. */
void orders_challenges(struct worker *w);
/* What a worker has asked, which may be one of before an upgrade. */
void orders_answer(const struct workers *ws, struct child *worker,
                   const struct ipc_challenge_query *query);
/* Those of a name, for the current release and the next. */
void orders_addresses(struct worker *w, const struct resolver_name *name);

#endif
