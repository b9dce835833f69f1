/* proxy_header_write.h - the PROXY protocol towards upstreams, versions 1 and 2 (the HAProxy
 * documentation's proxy-protocol.txt). Pure: facts in, bytes out. */
#ifndef TLSFRONT_WIRE_PROXY_HEADER_WRITE_H
#define TLSFRONT_WIRE_PROXY_HEADER_WRITE_H

#include "proxy/base/buf.h"
#include "tls/tls.h"

#include <sys/socket.h>

struct proxy_header {
    const struct sockaddr *client; /* where the client came from */
    const struct sockaddr *local;  /* where it connected to */
    const struct tls_info *tls;    /* NULL: the session is not on TLS */
    const char *id;                /* the session's id in the log */
};

/* Without internet addresses (a unix socket): "PROXY UNKNOWN". */
void proxy_header_v1(const struct proxy_header *h, struct buf *out);

/* With TLVs for ALPN, server name, unique id and TLS (version, cipher, and whether there is a
 * client certificate, which is always a verified one, with its common name). Of these the least
 * useful are left out where the header would get longer than 232 bytes. Without internet addresses:
 * as proxy_header_local(). */
void proxy_header_v2(const struct proxy_header *h, struct buf *out);

/* Version 2, of a connection that speaks for itself: it names nobody. */
void proxy_header_local(struct buf *out);

#endif
