/* control_ask.c - the caller's side of the control socket. */
#include "proxy/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int reach(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* Everything until the end of the connection. */
static bool read_all(int fd, struct buf *out)
{
    char chunk[4096];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0)
            buf_put(out, chunk, (size_t)n);
    buf_put(out, "", 1);
    return n == 0 && !out->failed;
}

static int cannot(const char *path, const char *what)
{
    fprintf(stderr, "tlsfront: %s %s: %s\n", what, path, strerror(errno));
    if (errno == ENOENT || errno == ECONNREFUSED)
        fprintf(stderr,
                "    cure: start the daemon (`tlsfront run`), or name its configuration with "
                "-c FILE\n");
    else if (errno == EACCES)
        fprintf(stderr, "    cure: run this as root or as the daemon's user\n");
    return 1;
}

int control_ask(const char *path, const char *line)
{
    int fd = reach(path);
    if (fd < 0)
        return cannot(path, "no daemon answers at");

    struct buf answer;
    buf_init(&answer, (size_t)64 << 20);
    bool complete = dprintf(fd, "%s\n", line) > 0 && read_all(fd, &answer);
    close(fd);
    char *text = NULL;
    long status = complete ? strtol((const char *)answer.data, &text, 10) : 1;
    if (text == NULL || *text != '\n') {
        errno = EPIPE;
        buf_free(&answer);
        return cannot(path, "the daemon broke off the answer at");
    }
    fputs(text + 1, status == 0 ? stdout : stderr);
    buf_free(&answer);
    return (int)status;
}
