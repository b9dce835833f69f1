/* advice.h - warnings about routes that load and serve, and will still be a surprise. */
#ifndef TLSFRONT_LOAD_ADVICE_H
#define TLSFRONT_LOAD_ADVICE_H

#include "proxy/routes/generation.h"

/* Certificates that some clients can do nothing with, or that lack the route's name. */
void advise_routes(const struct generation *g, struct diags *d);

#endif
