/* new_ticket.h - what a server hands out to be resumed by (RFC 8446 4.6.1). Pure. */
#ifndef TLSFRONT_TLS_NEW_TICKET_H
#define TLSFRONT_TLS_NEW_TICKET_H

#include "tls/tls.h"

struct new_ticket {
    uint32_t lifetime; /* seconds; 0: it is not to be used */
    uint32_t age_add;
    struct tls_slice nonce, ticket;
};

enum { NEW_TICKET_MESSAGE = 4, NEW_TICKET_LIFETIME_MAX = 7 * 24 * 3600 };

/* Read a NewSessionTicket behind the four bytes of its header. Slices point into it. False: it is
 * malformed. */
bool new_ticket_read(struct tls_slice body, struct new_ticket *t);

#endif
