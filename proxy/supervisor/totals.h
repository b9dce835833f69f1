/* totals.h - the counters of a route or server name, added up over all parts. */
#ifndef TLSFRONT_SUPERVISOR_TOTALS_H
#define TLSFRONT_SUPERVISOR_TOTALS_H

#include "proxy/supervisor/workers.h"

/* In the order in which status shows them. */
struct route_totals {
    uint64_t active, handshaking, accepted, refused, handshakes, resumed, tls12, tls13, failures,
        logins_refused, upstream_failures, bytes_in, bytes_out, checks;
    uint64_t refused_by[REFUSALS];
    uint64_t groups[TLS_GROUP_NUMBERS], hybrid; /* of the handshakes */
};

/* What is told of a server name in all forms of the status. */
struct name_totals {
    uint64_t active, accepted, refused, upstream_failures, bytes_in, bytes_out;
};
struct name_totals name_totals(const struct workers *ws, unsigned slot);

/* Of the route in that slot (release.h). The workers count on meanwhile. */
struct route_totals route_totals(const struct workers *ws, unsigned slot);

#endif
