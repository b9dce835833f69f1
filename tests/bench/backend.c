/* backend.c - the plaintext server behind every proxy of the bench; pattern.h tells what it speaks.
 *
 *   bench-backend ADDRESS PORT
 *
 * Prints "ready" and serves until it is ended. Several may share one address: each takes its part
 * of the connections. */
#include "tests/bench/pattern.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum stage { STAGE_ORDER, STAGE_ECHO, STAGE_SEND, STAGE_COMPARE };

struct conn {
    int fd;
    enum stage stage;
    uint8_t order[ORDER_SIZE];
    size_t order_len;
    uint64_t length, done, right; /* of the order being carried out */
};

static int loop = -1;
static struct conn *conns; /* by file descriptor */

static void want(int fd, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(loop, how, fd, &event) != 0)
        die("backend: epoll_ctl: %s", strerror(errno));
}

/* All answers are small, or there is room for them because the client waits for them. */
static bool send_all(const struct conn *c, const uint8_t *bytes, size_t len)
{
    return send(c->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static bool answer_upload(struct conn *c)
{
    uint8_t answer[ORDER_NUMBER];
    number_write(answer, c->right);
    c->stage = STAGE_ORDER;
    return send_all(c, answer, sizeof(answer));
}

/* Takes what it can of a first or further order; returns how much, or 0 when it is no order. */
static size_t take_order(struct conn *c, const uint8_t *in, size_t len)
{
    size_t part = ORDER_SIZE - c->order_len;
    if (c->order_len == 0 && in[0] == ORDER_ECHO) {
        c->stage = STAGE_ECHO;
        return send_all(c, in, len) ? len : 0;
    }
    if (part > len)
        part = len;
    memcpy(c->order + c->order_len, in, part);
    c->order_len += part;
    if (c->order[0] != ORDER_DOWNLOAD && c->order[0] != ORDER_UPLOAD)
        return 0;
    if (c->order_len < ORDER_SIZE)
        return part;
    c->order_len = 0;
    c->length = number_read(c->order + 1);
    c->done = c->right = 0;
    c->stage = c->order[0] == ORDER_DOWNLOAD ? STAGE_SEND : STAGE_COMPARE;
    if (c->stage == STAGE_SEND)
        want(c->fd, EPOLLOUT, EPOLL_CTL_MOD);
    return part;
}

static size_t compare(struct conn *c, const uint8_t *in, size_t len)
{
    size_t part = c->length - c->done < len ? (size_t)(c->length - c->done) : len;
    if (c->right == c->done && memcmp(in, pattern_at(c->done), part) == 0)
        c->right += part;
    c->done += part;
    if (c->done == c->length && !answer_upload(c))
        return 0;
    return part;
}

/* Returns false when the connection is to be ended. */
static bool receive(struct conn *c)
{
    static uint8_t in[PATTERN_SIZE];
    ssize_t got = recv(c->fd, in, sizeof(in), 0);
    if (got <= 0)
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    for (size_t at = 0; at < (size_t)got;) {
        size_t rest = (size_t)got - at, used = 0;
        if (c->stage == STAGE_ORDER)
            used = take_order(c, in + at, rest);
        else if (c->stage == STAGE_COMPARE)
            used = compare(c, in + at, rest);
        else if (c->stage == STAGE_ECHO)
            used = send_all(c, in + at, rest) ? rest : 0;
        if (used == 0)
            return false;
        at += used;
    }
    return true;
}

static bool deliver(struct conn *c)
{
    uint64_t left = c->length - c->done;
    size_t part = left < PATTERN_SIZE ? (size_t)left : PATTERN_SIZE;
    ssize_t sent = send(c->fd, pattern_at(c->done), part, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR;
    c->done += (uint64_t)sent;
    if (c->done == c->length) {
        c->stage = STAGE_ORDER;
        want(c->fd, EPOLLIN, EPOLL_CTL_MOD);
    }
    return true;
}

static void welcome(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE)
            die("backend: accept: %s", strerror(errno));
        return;
    }
    conns[fd] = (struct conn){.fd = fd};
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    want(fd, EPOLLIN, EPOLL_CTL_ADD);
}

static int open_listener(const char *address, const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
        die("backend: %s is no IPv4 address", address);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4096) != 0)
        die("backend: %s:%s: %s", address, port, strerror(errno));
    return fd;
}

static void serve(int listener)
{
    struct epoll_event events[64];
    want(listener, EPOLLIN, EPOLL_CTL_ADD);
    for (;;) {
        int count = epoll_wait(loop, events, 64, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            struct conn *c = &conns[fd];
            if (fd == listener)
                welcome(listener);
            else if (!(c->stage == STAGE_SEND ? deliver(c) : receive(c)))
                close(fd);
        }
    }
}

int main(int argc, char **argv)
{
    struct rlimit files;
    if (argc != 3)
        die("usage: bench-backend ADDRESS PORT");
    pattern_init();
    loop = epoll_create1(EPOLL_CLOEXEC);
    if (loop < 0 || getrlimit(RLIMIT_NOFILE, &files) != 0)
        die("backend: set-up: %s", strerror(errno));
    conns = calloc(files.rlim_cur, sizeof(*conns));
    if (conns == NULL)
        die("backend: out of memory");
    int listener = open_listener(argv[1], argv[2]);
    puts("ready");
    fflush(stdout);
    serve(listener);
}
