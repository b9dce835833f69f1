/* peer_target.c - a peer and what is configured: where it comes from, and whose fault an error is
 */
#include "proxy/session/peer.h"

#include <stdio.h>

void peer_target_source(struct peer_target *target, const struct target_config *t)
{
    if (t->source_kind != SOURCE_ADDRESS || t->source.addr.ss_family != target->to->sa_family)
        return;
    target->from = (const struct sockaddr *)&t->source.addr;
    target->from_size = t->source.addr_len;
}

enum upstream_fault peer_fault(const struct peer *p, int error)
{
    if (p->lacks != PEER_LACKS_NOTHING)
        return UPSTREAM_OTHER;
    switch (error) {
    case UV_ECONNREFUSED:
    case UV_ENOENT:
        return UPSTREAM_REFUSED;
    case UV_ETIMEDOUT:
        return UPSTREAM_TIMEOUT;
    case UV_ENETUNREACH:
    case UV_EHOSTUNREACH:
    case UV_EADDRNOTAVAIL:
        return UPSTREAM_UNREACHABLE;
    case UV_ECONNRESET:
    case UV_EPIPE:
        return UPSTREAM_GONE;
    default:
        return UPSTREAM_OTHER;
    }
}

const char *peer_words(const struct peer *p, int error, const struct target_config *t,
                       char out[PEER_WORDS_MAX])
{
    if (p->lacks == PEER_LACKS_PORT)
        return "no port is left to connect from: net.ipv4.ip_local_port_range";
    if (p->lacks != PEER_LACKS_SOURCE)
        return uv_strerror(error);
    snprintf(out, PEER_WORDS_MAX, "source = %s: %s",
             t->source_kind == SOURCE_ADDRESS ? t->source.text : "transparent", uv_strerror(error));
    return out;
}
