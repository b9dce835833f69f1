#include "proxy/ipc/backlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kept {
    struct kept *next;
    enum ipc_type type;
    uint32_t generation, fd_count, size;
    uint8_t bytes[]; /* the descriptors, then the payload */
};

static size_t fds_size(uint32_t count)
{
    return count * sizeof(int);
}

static size_t memory_of(uint32_t fd_count, uint32_t size)
{
    return sizeof(struct kept) + fds_size(fd_count) + size;
}

static bool may_be_otherwise_later(int error)
{
    return error == EAGAIN || error == ENOBUFS;
}

/* ---- one message ---- */

/* Sends it from where messages are sent from, and leaves nothing there. */
static int send_kept(int fd, const struct kept *k)
{
    static struct ipc_message m; /* large; one thread */
    ipc_begin(&m, k->type, k->generation);
    memcpy(m.fds, k->bytes, fds_size(k->fd_count));
    m.fd_count = k->fd_count;
    ipc_append(&m, k->bytes + fds_size(k->fd_count), k->size);
    const int result = ipc_send(fd, &m);
    const int error = errno;
    explicit_bzero(m.payload, m.size);
    errno = error;
    return result;
}

static void close_fds(const struct kept *k)
{
    for (uint32_t i = 0; i < k->fd_count; i++) {
        int fd;
        memcpy(&fd, k->bytes + fds_size(i), sizeof fd);
        close(fd);
    }
}

static void forget_first(struct backlog *b)
{
    struct kept *k = b->first;
    const size_t size = memory_of(k->fd_count, k->size);
    b->first = k->next;
    if (b->first == NULL)
        b->last = NULL;
    b->size -= size;
    close_fds(k);
    explicit_bzero(k, size);
    free(k);
}

/* -1 with errno; those that were made are in `k`. */
static int copy_fds(struct kept *k, const struct ipc_message *m)
{
    for (; k->fd_count < m->fd_count; k->fd_count++) {
        const int fd = fcntl(m->fds[k->fd_count], F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            return -1;
        memcpy(k->bytes + fds_size(k->fd_count), &fd, sizeof fd);
    }
    return 0;
}

static struct kept *copy(const struct ipc_message *m)
{
    struct kept *k = malloc(memory_of(m->fd_count, m->size));
    if (k == NULL)
        return NULL;
    *k = (struct kept){.type = m->type, .generation = m->generation, .size = m->size};
    if (copy_fds(k, m) != 0) {
        const int error = errno;
        close_fds(k);
        free(k);
        errno = error;
        return NULL;
    }
    memcpy(k->bytes + fds_size(k->fd_count), m->payload, m->size);
    return k;
}

static int keep(struct backlog *b, const struct ipc_message *m)
{
    const size_t size = memory_of(m->fd_count, m->size);
    struct kept *k = NULL;
    if (size > BACKLOG_MAX - b->size)
        errno = EAGAIN;
    else
        k = copy(m);
    if (k == NULL)
        return -1;
    if (b->last != NULL)
        b->last->next = k;
    else
        b->first = k;
    b->last = k;
    b->size += size;
    return 0;
}

/* ---- all of them ---- */

int backlog_flush(struct backlog *b, int fd)
{
    b->waiting = false;
    while (b->first != NULL) {
        if (send_kept(fd, b->first) != 0) {
            b->waiting = errno == EAGAIN;
            return may_be_otherwise_later(errno) ? 0 : -1;
        }
        forget_first(b);
    }
    return 0;
}

int backlog_send(struct backlog *b, int fd, const struct ipc_message *m)
{
    if (backlog_flush(b, fd) != 0)
        return -1;
    if (b->first == NULL) {
        if (ipc_send(fd, m) == 0)
            return 0;
        b->waiting = errno == EAGAIN;
        if (!may_be_otherwise_later(errno))
            return -1;
    }
    return keep(b, m);
}

void backlog_clear(struct backlog *b)
{
    while (b->first != NULL)
        forget_first(b);
    b->waiting = false;
}
