/* peer.h - one end of a session: a TCP or unix stream on the worker's loop.
 *
 * A peer moves bytes and knows nothing of TLS, protocols or the other end. It tells what happened
 * through a const table of functions; each is the last thing a callback does, so the owner may do
 * anything there but free the peer before `closed`. */
#ifndef TLSFRONT_SESSION_PEER_H
#define TLSFRONT_SESSION_PEER_H

#include "config/config.h"
#include "proxy/ipc/kinds.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct peer;

struct peer_events {
    void (*connected)(struct peer *p, int status); /* 0 or a negative uv error */
    /* data[size] exists too and, as all of it, may be written to. */
    void (*data)(struct peer *p, uint8_t *data, size_t size);
    void (*eof)(struct peer *p); /* the other side sent FIN; sending is still possible */
    void (*error)(struct peer *p, int error); /* the connection is gone; said once */
    void (*drained)(struct peer *p);          /* all that was queued has been sent */
    void (*closed)(struct peer *p); /* after peer_close(): the memory may go, or be reused */
};

enum peer_life {
    PEER_NONE,
    PEER_CONNECTING,
    PEER_OPEN,
    PEER_BROKEN /* after `error` */,
    PEER_CLOSING
};

/* What this machine is short of, so that a connection which did not come about says nothing of the
 * other side. */
enum peer_lack {
    PEER_LACKS_NOTHING,
    PEER_LACKS_MEANS,  /* descriptors or memory */
    PEER_LACKS_SOURCE, /* the address to come from is not there, or has no way to the other side */
    PEER_LACKS_PORT,   /* towards that address all are taken */
};

struct peer {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    const struct peer_events *events;
    size_t queued; /* bytes that the kernel did not take yet */
    enum peer_life life;
    bool reading;
    bool lent;       /* the buffer, for a read that is under way */
    bool watched;    /* libuv waits for bytes: also for a while after `reading` has ended */
    int send_error;  /* a uv error: the other side takes no more; see peer_send() */
    bool eof;        /* the other side's FIN was read */
    bool fin_wanted; /* our FIN follows what is queued */
    bool fin_sent;
    enum peer_lack lacks; /* behind peer_connect() */
};

/* The buffer that all peers of a loop read into, up to its last byte but one; loop->data points to
 * it. */
struct peer_scratch {
    char *data;
    size_t size;
};

/* Take over a connected, non-blocking socket. 0, or a negative uv error: then the socket stays ours
 * and the peer has to be closed. */
int peer_open(struct peer *p, uv_loop_t *loop, int fd, bool is_unix,
              const struct peer_events *events);

/* Where to connect from and to. */
struct peer_target {
    const char *path; /* a unix socket; NULL: `to` */
    const struct sockaddr *to;
    const struct sockaddr *from; /* NULL: the kernel's choice */
    socklen_t from_size;
    bool here;             /* `to` is on this machine, and the outcome may be told at once */
    bool transparent;      /* `from` is not ours: IP_TRANSPARENT */
    unsigned user_timeout; /* see socket_user_timeout() */
};

/* source = ADDRESS, if it is of the family of `to`: then it is where to come from. */
void peer_target_source(struct peer_target *target, const struct target_config *t);

enum { PEER_CONNECTED = 1 };

/* Begin to connect. 0: `connected` tells the outcome. PEER_CONNECTED, where it is `here` or a unix
 * socket, or a negative uv error are the outcome, and `connected` does not come. The peer has to be
 * closed in each case but one, peer_queue_is_full(). p->lacks says whether the fault is ours. */
int peer_connect(struct peer *p, uv_loop_t *loop, const struct peer_target *target,
                 const struct peer_events *events);

/* peer_connect() has said `rc`: the unix socket's queue of connections is full (connect(2), EAGAIN;
 * TCP means its own wants by it). Nothing has happened, and it may be tried again. */
static inline bool peer_queue_is_full(const struct peer *p, int rc)
{
    return rc == UV_EAGAIN && p->life == PEER_NONE;
}

/* What such an error, or status, says of an upstream: UPSTREAM_OTHER if nothing. */
enum upstream_fault peer_fault(const struct peer *p, int error);

/* The same in words, with what the operator can do about it. They are in `out`, or constant. */
enum { PEER_WORDS_MAX = 160 };
const char *peer_words(const struct peer *p, int error, const struct target_config *t,
                       char out[PEER_WORDS_MAX]);

/* Start or stop reading. Nothing to do is fine. */
void peer_read(struct peer *p, bool on);

/* Send now what the kernel takes and queue the rest. With `more` something follows at once, data or
 * the FIN, and may share a packet with it. The caller bounds the queue by not calling while
 * p->queued is high. 0 or a negative uv error: the connection is of no more use.
 *
 * Whoever takes no more may have said why, and that may still wait to be read: then all that is
 * sent is dropped, and how it ended is told behind the last that it said. */
int peer_send(struct peer *p, const uint8_t *data, size_t size, bool more);

/* Acknowledge now what was read, although nothing is sent that would do it by the way: the other
 * side may not send more before (Nagle's algorithm, and delayed acknowledgement, RFC 9293 3.8.6.3).
 */
void peer_acknowledge(struct peer *p);

/* Bytes that were sent and that the other side's kernel has not acknowledged. */
size_t peer_outstanding(const struct peer *p);

/* Of these, those that a reset would throw away: none of a connection that was reset, which is not
 * told by `error` any more. */
size_t peer_undelivered(struct peer *p);

/* Send FIN once the queue is empty. */
void peer_shutdown(struct peer *p);

/* Close; `closed` follows, in a later turn of the loop. With `reset`, or when what is queued is
 * lost by it, the other side sees that something broke (RST) instead of an orderly end: it must not
 * take what it got for all there was. */
void peer_close(struct peer *p, bool reset);

#endif
