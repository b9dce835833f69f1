/* starttls.h - what tlsfront itself says in each protocol. Pure: facts in, bytes out.
 *
 * Today: the refusals. The STARTTLS dialogues will live here too, one small file per protocol. */
#ifndef TLSFRONT_STARTTLS_H
#define TLSFRONT_STARTTLS_H

#include "config/protocol.h"
#include "proxy/buf.h"

enum starttls_refusal {
    REFUSE_UPSTREAM_DOWN, /* nobody there, or nobody who speaks */
    REFUSE_TOO_MANY,      /* a connection limit */
    REFUSE_DRAINING,      /* we are about to go */
};

/* The protocol's own temporary refusal, to be followed by the end of the connection. Nothing for
 * `tcp`, which has no words. `hostname` is where the protocol wants one. */
void starttls_refuse(enum protocol p, enum starttls_refusal why, const char *hostname,
                     struct buf *out);

#endif
