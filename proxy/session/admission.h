/* admission.h - who may come in: the connection limits of a route, over all workers.
 *
 * One who may not is told so in its protocol, as a courtesy. That takes a place and time, which
 * whoever comes again and again would take from others: only few are told at a time, and, by a
 * limit, in a second (effort.h); the rest is reset. */
#ifndef TLSFRONT_SESSION_ADMISSION_H
#define TLSFRONT_SESSION_ADMISSION_H

#include "proxy/routes/generation.h"
#include "proxy/session/sessions.h"
#include "proxy/starttls/starttls.h"

/* One connection's place in the counts. Zero-initialised: none. */
struct admission {
    bool admitted; /* counted as active in its route; else it is to hear `refusal` once it can */
    bool courtesy; /* not admitted, and there is room to tell it */
    bool counted;  /* its client is counted by `client`: with those admitted, or those being told */
    bool own_limit; /* refused for connections of its own address, not for everybody's */
    bool balancer;  /* a trusted one that speaks for itself: only lists apply to it */
    bool named;     /* counted as active in `name_slot` */
    struct client_key client;
    unsigned name_slot;
    enum starttls_refusal refusal;
};

/* Ask for a place in the route. One who is refused takes no place from others. */
void admission_enter(struct sessions *all, const struct route *r, struct admission *a);

/* Once it is known where the client comes from: may that address come in at all, so often, and is
 * one more of it too many? Takes the place back when not. Those already refused are only told
 * otherwise if they may not come in at all. Does nothing for clients without an address. */
void admission_client(struct sessions *all, const struct route *r, const struct sockaddr *client,
                      struct admission *a);

/* Once it is known which of the route's names one who is admitted has asked for: one more of these?
 * Takes the place in the route back when not. */
void admission_name(struct sessions *all, const struct route *r, const struct server_name *name,
                    struct admission *a);

/* How long a courtesy may take, until all is said. */
#define COURTESY_MS 3000

/* May one who is not admitted be told? A place for that is taken. False: it has to be reset, and is
 * counted as refused. `client` NULL: not known yet. */
bool admission_courtesy(struct sessions *all, const struct route *r, const struct sockaddr *client,
                        struct admission *a);

void admission_leave(struct sessions *all, const struct route *r, struct admission *a);

#endif
