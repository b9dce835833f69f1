/* proxy_header_parse.h - the PROXY protocol from a balancer in front of us, versions 1 and 2 (the
 * HAProxy documentation's proxy-protocol.txt). Pure: bytes in, addresses out. Whom to believe is
 * the caller's business (`accept-proxy-from`). */
#ifndef TLSFRONT_WIRE_PROXY_HEADER_PARSE_H
#define TLSFRONT_WIRE_PROXY_HEADER_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Version 1 has 107 bytes at most (2.1); version 2 is cut off here, far above what balancers
 * send. */
enum { PROXY_HEADER_MAX = 4096 };

enum proxy_header_result {
    PROXY_HEADER_MORE, /* not complete yet */
    PROXY_HEADER_OK,
    PROXY_HEADER_BAD, /* not a PROXY header: the connection must not be served (5) */
};

struct proxy_header_received {
    size_t size; /* of the header; what follows is the client's */
    bool known; /* the balancer tells addresses; else (LOCAL, UNKNOWN) the connection's own count */
    bool own;   /* by LOCAL or UNKNOWN the balancer speaks for itself: a check of its own */
    struct sockaddr_storage client, local;
};

enum proxy_header_result proxy_header_parse(const uint8_t *data, size_t size,
                                            struct proxy_header_received *out);

#endif
