/* session.h - one proxied connection, from accept to the last closed handle. */
#ifndef TLSFRONT_SESSION_SESSION_H
#define TLSFRONT_SESSION_SESSION_H

#include "proxy/session/admission.h"
#include "proxy/session/sessions.h"

/* A connection as the acceptor found it. */
struct newcomer {
    int fd;
    bool is_unix;
    struct sockaddr_storage client;
    struct generation *generation; /* the session takes a reference of its own */
    struct route *route;
    bool announced; /* by a PROXY header, which comes first */
    struct admission admission;
};

/* Take over the newcomer, its socket and its place. When memory is out the socket is closed and
 * everything given back. */
void session_start(struct sessions *all, const struct newcomer *n);

#endif
