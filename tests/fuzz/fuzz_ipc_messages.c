/* fuzz_ipc_messages.c - whatever packet a process sends: nothing out of bounds, no descriptor lost,
 * and of a resolver's answers only addresses that there can be.
 *
 * Input: packets, each as two bytes of length (big endian), one byte of descriptors to attach, and
 * so many bytes; the last one may be cut short. */
#include "proxy/ipc/ipc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FDS = 4 };

/* Which of the first 64 descriptors are open. */
static uint64_t open_ones(void)
{
    uint64_t set = 0;
    for (int fd = 0; fd < 64; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            set |= (uint64_t)1 << fd;
    return set;
}

static void send_packet(int to, const uint8_t *data, size_t size, unsigned fds)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(FDS * sizeof(int))];
    } control = {0};
    int list[FDS] = {0};
    struct iovec part = {(void *)(uintptr_t)data, size};
    struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
    if (fds > 0) {
        msg.msg_control = &control;
        msg.msg_controllen = CMSG_SPACE(fds * sizeof(int));
        control.align = (struct cmsghdr){.cmsg_len = CMSG_LEN(fds * sizeof(int)),
                                         .cmsg_level = SOL_SOCKET,
                                         .cmsg_type = SCM_RIGHTS};
        for (unsigned i = 0; i < fds; i++)
            list[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        memcpy(CMSG_DATA(&control.align), list, fds * sizeof(int));
    }
    if (sendmsg(to, &msg, MSG_DONTWAIT) < 0)
        abort();
    for (unsigned i = 0; i < fds; i++)
        close(list[i]);
}

/* Whatever it says that it is: a seed in the corpus outlives a new kind of message. */
static void check_resolved(struct ipc_message *m)
{
    struct ipc_resolved r;
    m->type = IPC_RESOLVED;
    if (!ipc_take_resolved(m, &r))
        return;
    if (r.count > RESOLVED_MAX || (r.error != 0 && r.count > 0))
        abort();
    for (uint32_t i = 0; i < r.count; i++)
        if (r.addresses[i].family != AF_INET && r.addresses[i].family != AF_INET6)
            abort();
}

static void check(struct ipc_message *m, int result)
{
    if (result == 1) {
        if (m->size > IPC_PAYLOAD_MAX || m->fd_count > FDS)
            abort();
        for (uint32_t i = 0; i < m->fd_count; i++)
            if (fcntl(m->fds[i], F_GETFD) != FD_CLOEXEC)
                abort();
        check_resolved(m);
        ipc_close_fds(m);
    } else if (result != -1 || m->fd_count != 0) {
        abort(); /* 0 would be: nothing there */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ipc_message m;
    static uint8_t packet[65536];
    int ends[2];
    const uint64_t before = open_ones();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        abort();
    while (size >= 3) {
        size_t length = (size_t)data[0] << 8 | data[1];
        const unsigned fds = data[2] % (FDS + 1);
        data += 3;
        size -= 3;
        length = length < size ? length : size;
        memcpy(packet, data, length);
        data += length;
        size -= length;
        send_packet(ends[0], packet, length, fds);
        check(&m, ipc_receive(ends[1], &m));
    }
    close(ends[0]);
    check(&m, ipc_receive(ends[1], &m)); /* the end */
    close(ends[1]);
    if (open_ones() != before)
        abort();
    return 0;
}
