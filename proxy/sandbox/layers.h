/* layers.h - what a sandbox is made of. Each is 0, or an errno. */
#ifndef TLSFRONT_SANDBOX_LAYERS_H
#define TLSFRONT_SANDBOX_LAYERS_H

#include "proxy/sandbox/sandbox.h"

/* No path can be opened, made or removed, no chosen port bound; nothing outside of the processes
 * that do the same later is traced, signalled or reached by an abstract socket. A resolver can read
 * below some directories. `abi` becomes the version whose rules hold. */
int landlock_enter(enum sandbox_kind kind, unsigned *abi);

/* A supervisor reads everything, binds any port and reaches any socket, executes what it is itself,
 * and makes files in `places`. */
int landlock_enter_supervisor(const struct sandbox_place *places, size_t count, unsigned *abi);

/* Only the calls that the table has for that kind. */
int filter_enter(enum sandbox_kind kind);

#endif
