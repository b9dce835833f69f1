/* guards.h - findings about whom a route lets in: allow, deny, connection-rate-per-ip. Pure. */
#ifndef TLSFRONT_GUARDS_H
#define TLSFRONT_GUARDS_H

#include "config/config.h"

void check_guards(const struct route_config *r, struct diags *d);

#endif
