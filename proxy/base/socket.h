/* socket.h - what listeners, upstream connections and the control socket do alike with sockets. */
#ifndef TLSFRONT_BASE_SOCKET_H
#define TLSFRONT_BASE_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

/* Any descriptor: closed, unless it is -1, which it is from then on. */
void descriptor_close(int *fd);

/* For either leg of a session. Accepted sockets inherit both from the listening one: a connection
 * then costs no call. */

/* Small writes go out at once: they are coalesced before. */
void socket_send_at_once(int fd);

/* The connection fails with ETIMEDOUT when the other side's host has answered nothing for so many
 * milliseconds, neither data nor, when there is none, keep-alive probes (RFC 5482; RFC 9293 3.8.4).
 * 0: never. */
void socket_user_timeout(int fd, unsigned ms);

/* The file of a listening unix socket that we made; somebody may since have put another there. */
struct socket_file {
    dev_t device;
    ino_t inode;
};

/* Bind to `path`. A socket file that nobody listens on, left over from a run that was killed, is
 * replaced. -1 with errno: EADDRINUSE where somebody listens, EEXIST where something lies there
 * that is no socket. */
int socket_bind_file(int fd, const char *path, struct socket_file *made);

/* Connect to the unix socket `path`: a non-blocking socket. -1 with errno: EAGAIN where the queue
 * of who listens there is full, which time may cure (connect(2)). */
int socket_reach_file(const char *path);

/* Remove that file, unless another has taken its place. */
void socket_remove_file(const char *path, const struct socket_file *made);

/* The process that listens on the unix socket `path`; 0: none, or it cannot be known. */
pid_t socket_listener(const char *path);

#endif
