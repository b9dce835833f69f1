#include "proxy/session/peer.h"

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
