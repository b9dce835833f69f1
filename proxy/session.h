/* session.h - one proxied connection, from accept to the last closed handle. */
#ifndef TLSFRONT_SESSION_H
#define TLSFRONT_SESSION_H

#include "proxy/starttls/starttls.h"
#include "proxy/worker.h"

/* A connection as the acceptor found it. */
struct newcomer {
    int fd;
    bool is_unix;
    struct sockaddr_storage client;
    struct generation *generation; /* the session takes a reference of its own */
    struct route *route;
    bool admitted; /* counted as active in the route; else it is to hear `refusal` once it can */
    bool counted;  /* the client is counted in `slot` */
    struct client_slot slot;
    enum starttls_refusal refusal;
};

/* Take over the newcomer, its socket and its counts. When memory is out the socket is closed and
 * everything given back. */
void session_start(struct worker *w, const struct newcomer *n);

/* Take a connection out of the counts again. */
void newcomer_leave(struct worker *w, const struct newcomer *n);

/* Go on with a handshake that waited for its turn. */
void session_handshake_turn(struct link *waiting);

/* End now, politely where that needs no waiting: the worker is stopping. */
void session_stop(struct link *member);

#endif
