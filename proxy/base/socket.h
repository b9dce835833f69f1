/* socket.h - what listeners, upstream connections and the control socket do alike with sockets. */
#ifndef TLSFRONT_BASE_SOCKET_H
#define TLSFRONT_BASE_SOCKET_H

#include <stdbool.h>

/* For either leg of a session: small writes at once (they are coalesced before), and a dead host
 * noticed while the session is idle. Accepted sockets inherit it from the listening one. */
void socket_tune(int fd);

/* Is `path` a socket file that nobody listens on, left over from a run that was killed? */
bool socket_stale(const char *path);

#endif
