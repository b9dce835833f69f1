/* service.h - where a service is: what SRV records say (RFC 2782). Pure: an answer of a name server
 * in, targets in their order out. */
#ifndef TLSFRONT_RESOLVER_SERVICE_H
#define TLSFRONT_RESOLVER_SERVICE_H

#include "proxy/base/share.h"

#include <stddef.h>
#include <stdint.h>

/* More are not looked at. */
enum { SERVICE_TARGETS_MAX = 64, SERVICE_HOST_MAX = 255 };

struct service_target {
    char host[SERVICE_HOST_MAX + 1];
    uint16_t port, priority, weight;
    uint32_t tier; /* its priority, counted from 0 without gaps */
};

struct service {
    struct service_target targets[SERVICE_TARGETS_MAX]; /* by priority, and then by weight */
    size_t count;
    uint32_t ttl; /* the shortest, in seconds */
};

/* 0, and at least one target; EAI_NODATA: it has no such records; EAI_FAIL: it is no answer;
 * RESOLVE_NO_SERVICE: it says that there is no such service. */
int service_parse(const uint8_t *answer, size_t size, struct service *out);

/* The share of each address of a target that has `addresses` of them. */
struct upstream_share service_share(const struct service_target *t, size_t addresses);

#endif
