/* client.c - the caller's side of the control socket. */
#include "proxy/control/control.h"

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

static int cannot(const char *path, const char *what, struct err *e)
{
    int error = errno;
    err_set(e, "%s %s: %s", what, path, strerror(error));
    errno = error;
    return -1;
}

int control_fetch(const char *path, const char *line, struct buf *text, struct err *e)
{
    int fd = reach(path);
    if (fd < 0)
        return cannot(path, "no daemon answers at", e);

    struct buf answer;
    buf_init(&answer, text->limit);
    bool complete = dprintf(fd, "%s\n", line) > 0 && read_all(fd, &answer);
    close(fd);
    char *rest = NULL;
    long status = complete ? strtol((const char *)answer.data, &rest, 10) : 1;
    if (rest == NULL || *rest != '\n') {
        errno = EPIPE;
        buf_free(&answer);
        return cannot(path, "the daemon broke off the answer at", e);
    }
    buf_puts(text, rest + 1);
    buf_put(text, "", 1);
    buf_free(&answer);
    return text->failed ? err_set(e, "out of memory") : (int)status;
}

static int explain(const struct err *e, int error)
{
    fprintf(stderr, "tlsfront: %s\n", e->text);
    if (error == ENOENT || error == ECONNREFUSED)
        fprintf(stderr,
                "    cure: start the daemon (`tlsfront run`), or name its configuration with "
                "-c FILE\n");
    else if (error == EACCES)
        fprintf(stderr, "    cure: run this as root or as the daemon's user\n");
    return 1;
}

int control_ask(const char *path, const char *line)
{
    struct buf text;
    struct err e;
    buf_init(&text, (size_t)64 << 20);
    int status = control_fetch(path, line, &text, &e);
    if (status < 0)
        status = explain(&e, errno);
    else
        fputs((const char *)text.data, status == 0 ? stdout : stderr);
    buf_free(&text);
    return status;
}
