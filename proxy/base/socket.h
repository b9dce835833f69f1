/* socket.h - what listeners, upstream connections and the control socket do alike with sockets. */
#ifndef TLSFRONT_BASE_SOCKET_H
#define TLSFRONT_BASE_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

/* For either leg of a session: small writes at once (they are coalesced before), and a dead host
 * noticed while the session is idle. Accepted sockets inherit it from the listening one. */
void socket_tune(int fd);

/* The file of a listening unix socket that we made; somebody may since have put another there. */
struct socket_file {
    dev_t device;
    ino_t inode;
};

/* Bind to `path`. A socket file that nobody listens on, left over from a run that was killed, is
 * replaced. -1 with errno: EADDRINUSE where somebody listens, EEXIST where something lies there
 * that is no socket. */
int socket_bind_file(int fd, const char *path, struct socket_file *made);

/* Remove that file, unless another has taken its place. */
void socket_remove_file(const char *path, const struct socket_file *made);

/* The process that listens on the unix socket `path`; 0: none, or it cannot be known. */
pid_t socket_listener(const char *path);

#endif
