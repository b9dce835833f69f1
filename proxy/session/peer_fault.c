#include "proxy/session/peer.h"

#include <stdio.h>

enum upstream_fault peer_fault(int error)
{
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
    if (!p->no_source)
        return uv_strerror(error);
    snprintf(out, PEER_WORDS_MAX, "source = %s: %s",
             t->source_kind == SOURCE_ADDRESS ? t->source.text : "transparent", uv_strerror(error));
    return out;
}
