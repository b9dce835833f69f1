/* acceptor.h - a generation's listening sockets in a worker: accepting, limits, and pauses when
 * the machine is out of descriptors. */
#ifndef TLSFRONT_WORKER_ACCEPTOR_H
#define TLSFRONT_WORKER_ACCEPTOR_H

#include "proxy/routes/generation.h"
#include "proxy/session/sessions.h"

struct acceptor;

/* For the sockets of `g`, whose connections become sessions of `all`; holds a reference to `g`.
 * NULL: out of memory. */
struct acceptor *acceptor_new(struct sessions *all, struct generation *g);

/* Take over a listening socket for that route. -1: out of memory (the socket is closed). */
int acceptor_add(struct acceptor *a, unsigned route, int fd);

/* Of its listening sockets. */
size_t acceptor_count(const struct acceptor *a);

void acceptor_start(struct acceptor *a);

/* Take all who wait in the queues, as far as there is room: whoever closes the sockets for good
 * would reset them. */
void acceptor_take_all(struct acceptor *a);

/* Stop, close the sockets (the supervisor holds the same ones, so nothing queued is lost) and free
 * in a later turn of the loop. NULL is fine. */
void acceptor_close(struct acceptor *a);

/* A session has ended: there may be room again. */
void acceptor_room(struct acceptor *a);

#endif
