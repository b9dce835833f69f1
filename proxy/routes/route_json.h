/* route_json.h - what the configuration says of a route, for programs. */
#ifndef TLSFRONT_ROUTES_ROUTE_JSON_H
#define TLSFRONT_ROUTES_ROUTE_JSON_H

#include "config/config.h"
#include "proxy/base/buf.h"

/* The same fields wherever a route is told of (`status`, `check`), into an object that is open. */
void route_json(const struct config *c, const struct route_config *r, struct buf *out);

/* Likewise of one of its names: the upstreams that its clients get, and the certificates of its
 * own; without any, theirs are the route's, which may be thousands, as the names may. */
void server_name_json(const struct config *c, const struct server_name_config *n, struct buf *out);

#endif
