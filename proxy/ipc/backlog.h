/* backlog.h - messages that cannot be sent yet: they go in their order, as soon as there is room.
 *
 * A socket takes what net.core.wmem_max allows, which may be a dozen full messages; whoever loads a
 * generation does not read for seconds, and is well all the same. */
#ifndef TLSFRONT_IPC_BACKLOG_H
#define TLSFRONT_IPC_BACKLOG_H

#include "proxy/ipc/ipc.h"

#include <stdbool.h>
#include <stddef.h>

/* Who lets so much lie reads nothing any more. */
enum { BACKLOG_MAX = 64 << 20 };

struct kept;

/* All zero at first. */
struct backlog {
    struct kept *first, *last;
    size_t size;  /* bytes of memory */
    bool waiting; /* for the socket, which is to be watched for room; else there is nothing, or the
                   * system has no room, and the next attempt is anybody's */
};

/* Send `m` behind all that is there, now or later; what is there is tried first. Descriptors stay
 * the caller's: those of a message that is kept are copied. 0, or -1 with errno: the other side is
 * gone, BACKLOG_MAX would be exceeded (EAGAIN), or there is no memory or no descriptor to keep it.
 */
int backlog_send(struct backlog *b, int fd, const struct ipc_message *m);

/* Send what is there, as far as there is room. 0, or -1 with errno: the other side is gone. */
int backlog_flush(struct backlog *b, int fd);

/* Forget what is there; payloads are wiped. */
void backlog_clear(struct backlog *b);

#endif
