/* host.h - the name by which a browser believes to have reached us.
 *
 * A page of somebody else's can have its own name point at this machine and read what is shown here
 * with its visitor's browser (DNS rebinding). The browser says that name, so only names that are
 * ours are answered. Pure. */
#ifndef TLSFRONT_OBSERVER_HOST_H
#define TLSFRONT_OBSERVER_HOST_H

#include "proxy/ipc/snapshot.h"

#include <stdbool.h>

/* The value of Host: an address, localhost, or a name of this machine; with a port or without. */
bool host_is_ours(const char *host, const struct snapshot *s);

#endif
