#include "proxy/ipc/ipc.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct ipc_header {
    uint32_t type, generation, size, fd_count;
};

void ipc_begin(struct ipc_message *m, enum ipc_type type, uint32_t generation)
{
    m->type = type;
    m->generation = generation;
    m->size = 0;
    m->fd_count = 0;
}

void ipc_append(struct ipc_message *m, const void *data, size_t size)
{
    assert(size <= sizeof m->payload - m->size);
    if (size == 0) /* data may be NULL */
        return;
    memcpy(m->payload + m->size, data, size);
    m->size += (uint32_t)size;
}

int ipc_send(int fd, const struct ipc_message *m)
{
    struct ipc_header h = {m->type, m->generation, m->size, m->fd_count};
    struct iovec parts[2] = {{&h, sizeof h}, {(void *)(uintptr_t)m->payload, m->size}};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof m->fds)];
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};

    if (m->fd_count > 0) {
        size_t bytes = m->fd_count * sizeof m->fds[0];
        msg.msg_control = control;
        msg.msg_controllen = CMSG_SPACE(bytes);
        memset(control, 0, sizeof control);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(bytes);
        memcpy(CMSG_DATA(c), m->fds, bytes);
    }
    ssize_t n;
    do
        n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == ENOMEM || errno == ETOOMANYREFS))
        errno = ENOBUFS;
    return n < 0 ? -1 : 0;
}

/* Take over the descriptors that came along, as far as there was room for them. */
static void take_fds(struct ipc_message *m, struct msghdr *msg)
{
    m->fd_count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t bytes = c->cmsg_len - CMSG_LEN(0);
        memcpy(m->fds, CMSG_DATA(c), bytes);
        m->fd_count = (uint32_t)(bytes / sizeof m->fds[0]);
    }
}

/* The kernel gives the first ones, and drops those that this process may not open any more. More
 * than a message holds it cuts, too; then all places are taken. */
static bool fds_match(struct ipc_message *m, uint32_t said, int flags)
{
    if ((flags & MSG_CTRUNC) == 0 || said > IPC_FDS_MAX || said <= m->fd_count)
        return said == m->fd_count && (flags & MSG_CTRUNC) == 0;
    while (m->fd_count < said)
        m->fds[m->fd_count++] = -1;
    return true;
}

int ipc_receive(int fd, struct ipc_message *m)
{
    struct ipc_header h;
    struct iovec parts[2] = {{&h, sizeof h}, {m->payload, sizeof m->payload}};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof m->fds)];
    struct msghdr msg = {.msg_iov = parts,
                         .msg_iovlen = 2,
                         .msg_control = control,
                         .msg_controllen = sizeof control};
    ssize_t n;
    do
        n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;

    const int error = n < 0 ? errno : n == 0 ? EPIPE : EPROTO;
    m->fd_count = 0;
    if (n >= 0) /* an empty packet may bring descriptors, too */
        take_fds(m, &msg);
    if ((msg.msg_flags & MSG_TRUNC) != 0 || n < (ssize_t)sizeof h ||
        (size_t)n != sizeof h + h.size || !fds_match(m, h.fd_count, msg.msg_flags)) {
        ipc_close_fds(m);
        errno = error;
        return -1;
    }
    m->type = (enum ipc_type)h.type;
    m->generation = h.generation;
    m->size = h.size;
    return 1;
}

bool ipc_lacks_fds(const struct ipc_message *m)
{
    for (uint32_t i = 0; i < m->fd_count; i++)
        if (m->fds[i] < 0)
            return true;
    return false;
}

void ipc_close_fds(struct ipc_message *m)
{
    for (uint32_t i = 0; i < m->fd_count; i++)
        if (m->fds[i] >= 0)
            close(m->fds[i]);
    m->fd_count = 0;
}

bool ipc_take(const struct ipc_message *m, void *out, size_t size)
{
    if (m->size != size)
        return false;
    memcpy(out, m->payload, size);
    return true;
}

bool ipc_count(const struct ipc_message *m, size_t size, size_t *count)
{
    *count = m->size / size;
    return m->size % size == 0;
}

bool ipc_take_text(const struct ipc_message *m, char *out, size_t size)
{
    enum { ESCAPED = 4 };
    size_t used = 0;
    if (m->size == 0 || m->payload[m->size - 1] != '\0')
        return false;
    for (const uint8_t *p = m->payload; *p != '\0' && used + ESCAPED < size; p++) {
        const bool plain = *p >= ' ' && *p <= '~';
        used += (size_t)snprintf(out + used, size - used, plain ? "%c" : "\\x%02x", *p);
    }
    out[used] = '\0';
    return true;
}

/* ---- names ---- */

enum { RESOLVED_HEAD = offsetof(struct ipc_resolved, addresses) };

void ipc_put_resolved(struct ipc_message *m, const struct ipc_resolved *r)
{
    ipc_begin(m, IPC_RESOLVED, 0);
    ipc_append(m, r, RESOLVED_HEAD + r->count * sizeof *r->addresses);
}

static bool plausible(const struct ipc_resolved *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (r->addresses[i].family != AF_INET && r->addresses[i].family != AF_INET6)
            return false;
    return r->error == 0 || r->count == 0;
}

bool ipc_take_resolved(const struct ipc_message *m, struct ipc_resolved *out)
{
    if (m->type != IPC_RESOLVED || m->size < RESOLVED_HEAD || m->size > sizeof *out)
        return false;
    memcpy(out, m->payload, m->size);
    return out->count <= RESOLVED_MAX &&
           m->size == RESOLVED_HEAD + out->count * sizeof *out->addresses && plausible(out);
}
