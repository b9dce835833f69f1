#include "proxy/session/peer.h"
#include "config/own_address.h"
#include "proxy/base/socket.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* One queued write with its bytes. */
struct peer_chunk {
    uv_write_t request;
    size_t size;
    uint8_t data[];
};

static void peer_init(struct peer *p, const struct peer_events *events)
{
    *p = (struct peer){.events = events};
}

int peer_open(struct peer *p, uv_loop_t *loop, int fd, bool is_unix,
              const struct peer_events *events)
{
    peer_init(p, events);
    int rc;
    if (is_unix) {
        uv_pipe_init(loop, &p->uv.pipe, 0);
        rc = uv_pipe_open(&p->uv.pipe, fd);
    } else {
        uv_tcp_init(loop, &p->uv.tcp);
        rc = uv_tcp_open(&p->uv.tcp, fd);
    }
    /* An initialised handle must be closed through the loop even when open failed. */
    p->life = PEER_OPEN;
    return rc;
}

/* ---- reading ---- */

/* The union's first member is the handle, and the union is the peer's first member. */
static struct peer *peer_of(void *handle)
{
    return handle;
}

/* Without a buffer libuv reads nothing, and says UV_ENOBUFS. */
static void lend_scratch(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct peer_scratch *scratch = handle->loop->data;
    struct peer *p = peer_of(handle);
    p->lent = p->reading;
    if (p->lent)
        *buf = uv_buf_init(scratch->data, (unsigned)scratch->size - 1);
}

static void fail(struct peer *p, int error)
{
    p->life = PEER_BROKEN;
    p->reading = false;
    p->events->error(p, error);
}

static int peer_fd(const struct peer *p)
{
    uv_os_fd_t fd = -1;
    return uv_fileno(&p->uv.handle, &fd) == 0 ? fd : -1;
}

/* Was it reset? The kernel tells only once. EPIPE: the other side had ended before. 0, or a
 * negative uv error. */
static int ask_error(struct peer *p)
{
    int error = 0;
    socklen_t size = sizeof error;
    if (p->send_error == 0 && getsockopt(peer_fd(p), SOL_SOCKET, SO_ERROR, &error, &size) == 0)
        p->send_error = -error;
    return p->send_error;
}

/* libuv takes a reset that comes together with data for an orderly end; the kernel knows better. An
 * end that was read is one, though a reset may have come behind it: no buffer was asked for where
 * libuv only concludes it. 0, or a negative uv error. */
static int how_it_ended(struct peer *p)
{
    const int error = p->lent ? p->send_error : ask_error(p);
    return error == UV_EPIPE ? 0 : error;
}

static void stop_watching(struct peer *p)
{
    uv_read_stop(&p->uv.stream);
    p->watched = false;
}

static void read_done(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct peer *p = peer_of(stream);
    if (n == UV_ENOBUFS) { /* there is something, and nobody wants it now */
        stop_watching(p);
        return;
    }
    const int error = n == UV_EOF ? how_it_ended(p) : (int)n;
    p->lent = false;
    if (n > 0) {
        p->events->data(p, (uint8_t *)buf->base, (size_t)n);
    } else if (error < 0) {
        stop_watching(p);
        fail(p, error);
    } else if (n < 0) {
        p->reading = p->watched = false;
        p->eof = true;
        p->events->eof(p);
    }
}

static bool watch(struct peer *p)
{
    p->watched = p->watched || uv_read_start(&p->uv.stream, lend_scratch, read_done) == 0;
    return p->watched;
}

/* Most pauses are over before anything comes. Then they cost nothing: libuv is told to stop only
 * by what comes meanwhile, since to stop and go on are two system calls. */
void peer_read(struct peer *p, bool on)
{
    on = on && !p->eof;
    if (on != p->reading && p->life == PEER_OPEN)
        p->reading = on && watch(p);
}

/* ---- connecting ---- */

static void connect_done(uv_connect_t *request, int status)
{
    struct peer *p = request->data;
    free(request);
    if (status == UV_ECANCELED)
        return; /* closed while connecting */
    if (status == 0)
        p->life = PEER_OPEN;
    p->events->connected(p, status);
}

static bool lacks_means(int error)
{
    return error == UV_EMFILE || error == UV_ENFILE || error == UV_ENOMEM || error == UV_ENOBUFS;
}

/* For want of an address of that family the kernel says the same, of IPv6 alone. */
static bool lacks_port(int error, const struct peer_target *target)
{
    return error == UV_EADDRNOTAVAIL && target->path == NULL &&
           (target->to->sa_family == AF_INET || own_ports_are_taken(AF_INET6));
}

/* Prepare the socket that is to be connected. 0, or a negative uv error. */
static int tune_upstream_socket(struct peer *p, int fd, const struct peer_target *target)
{
    static const int on = 1;
    socket_send_at_once(fd);
    if (target->user_timeout > 0)
        socket_user_timeout(fd, target->user_timeout);
    if (target->transparent) {
        const bool inet = target->from->sa_family == AF_INET;
        setsockopt(fd, inet ? IPPROTO_IP : IPPROTO_IPV6, inet ? IP_TRANSPARENT : IPV6_TRANSPARENT,
                   &on, sizeof on); /* what it lacks shows at bind */
    }
    if (target->from != NULL) {
        /* Choose the port at connect, so that one source address serves more than 28,000 sessions
         * as long as the destinations differ. */
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, target->from, target->from_size) != 0) {
            p->lacks = PEER_LACKS_SOURCE;
            return -errno;
        }
    }
    return 0;
}

static socklen_t size_of(const struct sockaddr *a)
{
    return a->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* A socket that is connected, or a negative uv error: UV_EALREADY, only time can tell. Between
 * sockets of one machine the handshake is over when connect() returns, which says EINPROGRESS, and
 * how it went when it is asked again. */
static int reach_here(struct peer *p, const struct peer_target *target)
{
    const socklen_t size = size_of(target->to);
    const int fd = socket(target->to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int rc = tune_upstream_socket(p, fd, target);
    if (rc == 0 && connect(fd, target->to, size) != 0)
        rc = -errno;
    if (rc == -EINPROGRESS)
        rc = connect(fd, target->to, size) == 0 ? 0 : -errno;
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

static int reach_file(const char *path)
{
    const int fd = socket_reach_file(path);
    return fd >= 0 ? fd : -errno;
}

/* As peer_connect(), and it spares a turn of the loop. Nothing has happened behind UV_EALREADY,
 * either. */
static int connect_here(struct peer *p, uv_loop_t *loop, const struct peer_target *target)
{
    const bool is_unix = target->path != NULL;
    const int fd = is_unix ? reach_file(target->path) : reach_here(p, target);
    if (fd == (is_unix ? UV_EAGAIN : UV_EALREADY))
        return fd;
    if (fd < 0) { /* with a handle that can be closed */
        uv_tcp_init(loop, &p->uv.tcp);
        p->life = PEER_CONNECTING;
        return fd;
    }
    const int rc = peer_open(p, loop, fd, is_unix, p->events);
    if (rc != 0)
        close(fd);
    return rc == 0 ? PEER_CONNECTED : rc;
}

static int connect_anywhere(struct peer *p, uv_loop_t *loop, const struct peer_target *target)
{
    p->life = PEER_CONNECTING;
    int rc = uv_tcp_init_ex(loop, &p->uv.tcp, target->to->sa_family);
    if (rc != 0) {
        uv_tcp_init(loop, &p->uv.tcp); /* a handle that can be closed */
        return rc;
    }
    uv_connect_t *request = malloc(sizeof *request);
    if (request == NULL)
        return UV_ENOMEM;
    request->data = p;
    rc = tune_upstream_socket(p, peer_fd(p), target);
    if (rc == 0)
        rc = uv_tcp_connect(request, &p->uv.tcp, target->to, connect_done);
    /* Whoever connects will want to read. Said now, it spares libuv three calls for changing what
     * is watched; nothing is read before the connection is there. */
    if (rc == 0)
        p->reading = watch(p);
    else
        free(request);
    return rc;
}

int peer_connect(struct peer *p, uv_loop_t *loop, const struct peer_target *target,
                 const struct peer_events *events)
{
    peer_init(p, events);
    const bool at_once = target->here || target->path != NULL;
    int rc = at_once ? connect_here(p, loop, target) : UV_EALREADY;
    if (rc == UV_EALREADY)
        rc = connect_anywhere(p, loop, target);
    if (lacks_means(rc))
        p->lacks = PEER_LACKS_MEANS;
    else if (rc == UV_EINVAL && target->from != NULL) /* from loopback to another machine */
        p->lacks = PEER_LACKS_SOURCE;
    else if (p->lacks == PEER_LACKS_NOTHING && lacks_port(rc, target))
        p->lacks = PEER_LACKS_PORT;
    return rc;
}

/* ---- writing ---- */

static void send_fin(struct peer *p)
{
    p->fin_sent = true;
    shutdown(peer_fd(p), SHUT_WR);
}

/* It takes no more. A connection that was reset can still be read from; at its end the kernel tells
 * only once that it was (ECONNRESET), or that the other side had ended before (EPIPE). 0, or the
 * error, if nothing is left to be read. */
static int stop_sending(struct peer *p, int error)
{
    p->send_error = error;
    p->queued = 0;
    return p->eof ? error : 0;
}

static void write_done(uv_write_t *request, int status)
{
    struct peer *p = peer_of(request->handle);
    struct peer_chunk *chunk = request->data;
    p->queued -= p->send_error == 0 ? chunk->size : 0;
    free(chunk);
    if (p->life != PEER_OPEN || p->send_error != 0)
        return;
    if (status != 0 && stop_sending(p, status) != 0) {
        fail(p, status);
        return;
    }
    if (p->queued > 0)
        return;
    if (p->fin_wanted && !p->fin_sent)
        send_fin(p);
    p->events->drained(p);
}

static int queue_chunk(struct peer *p, const uint8_t *data, size_t size)
{
    struct peer_chunk *chunk = malloc(sizeof *chunk + size);
    if (chunk == NULL)
        return UV_ENOMEM;
    memcpy(chunk->data, data, size);
    chunk->size = size;
    chunk->request.data = chunk;
    uv_buf_t buf = uv_buf_init((char *)chunk->data, (unsigned)size);
    int rc = uv_write(&chunk->request, &p->uv.stream, &buf, 1, write_done);
    if (rc != 0)
        free(chunk);
    else
        p->queued += size;
    return rc;
}

int peer_send(struct peer *p, const uint8_t *data, size_t size, bool more)
{
    if (size == 0)
        return 0;
    assert(!p->fin_wanted);
    if (p->life != PEER_OPEN)
        return UV_ENOTCONN;
    if (p->send_error != 0)
        return p->eof ? p->send_error : 0;
    if (p->queued == 0) {
        ssize_t n = send(peer_fd(p), data, size, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return stop_sending(p, -errno);
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return size > 0 ? queue_chunk(p, data, size) : 0;
}

size_t peer_outstanding(const struct peer *p)
{
    int waiting = 0;
    if (p->life != PEER_OPEN)
        return 0;
    if (ioctl(peer_fd(p), SIOCOUTQ, &waiting) != 0 || waiting < 0)
        waiting = 0;
    return p->queued + (size_t)waiting;
}

size_t peer_undelivered(struct peer *p)
{
    /* What a connection held when it was reset, it holds for ever. */
    return p->life == PEER_OPEN && ask_error(p) == 0 ? peer_outstanding(p) : 0;
}

void peer_acknowledge(struct peer *p)
{
    /* tcp(7) does not tell: an odd value changes what comes after, too. */
    static const int once = 2;
    setsockopt(peer_fd(p), IPPROTO_TCP, TCP_QUICKACK, &once, sizeof once);
}

void peer_shutdown(struct peer *p)
{
    if (p->life != PEER_OPEN || p->fin_wanted)
        return;
    p->fin_wanted = true;
    if (p->queued == 0)
        send_fin(p);
}

/* ---- the end ---- */

static void close_done(uv_handle_t *handle)
{
    struct peer *p = peer_of(handle);
    p->life = PEER_NONE;
    p->events->closed(p);
}

void peer_close(struct peer *p, bool reset)
{
    if (p->life == PEER_NONE || p->life == PEER_CLOSING)
        return;
    p->life = PEER_CLOSING;
    p->reading = false;
    if (reset || p->queued > 0) {
        static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        setsockopt(peer_fd(p), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    uv_close(&p->uv.handle, close_done);
}
