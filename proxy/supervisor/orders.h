/* orders.h - the messages of ipc.h, as the supervisor says them to one worker.
 *
 * Nothing is queued here: a worker whose socket is full has not listened for hundreds of messages
 * and is killed, which has it replaced. */
#ifndef TLSFRONT_SUPERVISOR_ORDERS_H
#define TLSFRONT_SUPERVISOR_ORDERS_H

#include "proxy/supervisor/workers.h"

/* A message without a payload. */
void fleet_talk(struct fleet_member *m, enum ipc_type type, uint32_t generation);

void fleet_talk_hello(struct fleet_member *m);    /* with its counters, log and tickets */
void fleet_talk_counters(struct fleet_member *m); /* those of the others */
void fleet_talk_prepare(struct fleet_member *m, const struct plan *p); /* up to READY */
void fleet_talk_tickets(struct fleet_member *m);
void fleet_talk_log(struct fleet_member *m);
/* What the worker has asked. */
void fleet_talk_answer(struct fleet_member *m, const struct ipc_ask *ask);
void fleet_talk_addresses(struct fleet_member *m); /* of the current plan */

#endif
