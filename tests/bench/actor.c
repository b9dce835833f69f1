/* actor.c - the server's part of a script, for one client after the other.
 *
 *   bench-actor SCRIPT BYTES ADDRESS PORT
 *
 * Compares what it hears and ends where that is something else; serves until it is ended. */
#include "tests/bench/pattern.h"
#include "tests/bench/script.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener_at(const char *address, const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
        die("actor: %s is no IPv4 address", address);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 16) != 0)
        die("actor: %s:%s: %s", address, port, strerror(errno));
    return fd;
}

static bool say(int fd, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t sent = send(fd, bytes + at, size - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += (size_t)sent;
    }
    return true;
}

/* False where the client has gone. */
static bool hear(int fd, const uint8_t *bytes, size_t size)
{
    static uint8_t in[65536];
    for (size_t at = 0; at < size;) {
        size_t left = size - at;
        ssize_t got = recv(fd, in, left < sizeof(in) ? left : sizeof(in), 0);
        if (got <= 0)
            return false;
        if (memcmp(in, bytes + at, (size_t)got) != 0)
            die("actor: what came is not what was sent, at byte %zu of %zu", at, size);
        at += (size_t)got;
    }
    return true;
}

static bool play(int fd, const struct script_part *p)
{
    bool goes_on = true;
    for (uint64_t i = 0; goes_on && i < p->times; i++)
        goes_on = p->by_client ? hear(fd, p->bytes, p->size) : say(fd, p->bytes, p->size);
    return goes_on;
}

static void serve(int fd, const struct script *s)
{
    char byte;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    for (unsigned i = 0; i < s->count; i++)
        if (!play(fd, &s->parts[i]))
            return;
    while (recv(fd, &byte, 1, 0) > 0)
        ;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        die("usage: bench-actor SCRIPT BYTES ADDRESS PORT");
    const struct script s = script_of(argv[1], strtoull(argv[2], NULL, 10));
    const int listener = listener_at(argv[3], argv[4]);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            die("actor: accept: %s", strerror(errno));
        serve(fd, &s);
        close(fd);
    }
}
