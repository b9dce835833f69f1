/* client.c - the caller's side of the control socket. */
#include "config/plural.h"
#include "proxy/base/clock.h"
#include "proxy/base/exits.h"
#include "proxy/base/streams.h"
#include "proxy/control/control.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { MILLISECONDS = 1000, EXPLAIN_SECONDS = 5, STATUS_LINE_MAX = 64 };

/* -1 with errno. */
static int reach(const char *path, unsigned seconds)
{
    const struct timeval timeout = {.tv_sec = seconds};
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    int error = errno == EAGAIN ? ETIMEDOUT : errno; /* its queue of callers is full */
    close(fd);
    errno = error;
    return -1;
}

/* Something to read, or the end, before the time is up? False with errno. */
static bool readable(int fd, uint64_t until)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    for (;;) {
        const uint64_t now = clock_ms();
        const int n = poll(&p, 1, now < until ? (int)(until - now) : 0);
        if (n == 0)
            errno = ETIMEDOUT;
        if (n >= 0 || errno != EINTR)
            return n > 0;
    }
}

/* Everything until the end of the connection. False with errno. */
static bool read_all(int fd, unsigned seconds, struct buf *out)
{
    char chunk[4096];
    const uint64_t until = clock_ms() + (uint64_t)seconds * MILLISECONDS;
    ssize_t n;
    do {
        if (!readable(fd, until))
            return false;
        n = read(fd, chunk, sizeof chunk);
        if (n > 0)
            buf_put(out, chunk, (size_t)n);
    } while (n > 0 || (n < 0 && errno == EINTR));
    buf_put(out, "", 1);
    errno = n < 0 ? errno : ENOMEM;
    return n == 0 && !out->failed;
}

/* -1 with errno. */
static int cannot(const char *path, const char *what, struct err *e)
{
    int error = errno;
    err_set(e, "%s %s: %s", what, path, strerror(error));
    errno = error;
    return -1;
}

static bool send_line(int fd, const char *line)
{
    char text[80];
    const int size = snprintf(text, sizeof text, "%s\n" CONTROL_SIZE, line);
    return send(fd, text, (size_t)size, MSG_NOSIGNAL) == size;
}

/* The text behind the status line; NULL: there is none, or not all of it. */
static const char *split(const struct buf *answer, int *status)
{
    enum { STATUS_MAX = 255 };
    const char *text = (const char *)answer->data, *line = text;
    char *rest = NULL;
    const long number = strtol(line, &rest, 10);
    if (rest == line || number < 0 || number > STATUS_MAX)
        return NULL;
    *status = (int)number;
    if (*rest == '\n') /* an older daemon does not say how much is to come */
        return rest + 1;
    line = rest;
    const unsigned long long size = strtoull(line, &rest, 10);
    if (*line != ' ' || rest == line || *rest != '\n')
        return NULL;
    const size_t came = answer->size - 1 - (size_t)(rest + 1 - text); /* without the NUL */
    return size == came ? rest + 1 : NULL;
}

/* -1 with errno. */
static int no_answer(const char *path, bool late, unsigned seconds, struct err *e)
{
    char what[80];
    errno = late ? ETIMEDOUT : EPIPE;
    snprintf(what, sizeof what, "no answer came within %u second%s from", seconds, plural(seconds));
    return cannot(path, late ? what : "the daemon broke off the answer at", e);
}

static int take_answer(int fd, const char *path, unsigned seconds, struct buf *text, struct err *e)
{
    struct buf answer;
    int status = 0;
    buf_init(&answer, text->limit + STATUS_LINE_MAX);
    const bool complete = read_all(fd, seconds, &answer);
    const bool late = !complete && errno == ETIMEDOUT;
    const char *rest = complete ? split(&answer, &status) : NULL;
    if (rest != NULL) {
        buf_puts(text, rest);
        buf_put(text, "", 1);
    }
    buf_free(&answer);
    if (rest == NULL)
        return no_answer(path, late, seconds, e);
    return text->failed ? err_set(e, "out of memory") : status;
}

int control_fetch(const char *path, const char *line, unsigned seconds, struct buf *text,
                  struct err *e)
{
    const int fd = reach(path, seconds);
    if (fd < 0)
        return cannot(
            path, errno == ETIMEDOUT ? "the daemon takes no callers at" : "no daemon answers at",
            e);
    (void)send_line(fd, line); /* whether it was heard shows in the answer */
    const int status = take_answer(fd, path, seconds, text, e);
    const int error = errno;
    close(fd);
    errno = error;
    return status;
}

void control_explain(const struct err *e, int error)
{
    fprintf(stderr, "tlsfront: %s\n", e->text);
    if (error == ENOENT || error == ECONNREFUSED)
        fprintf(stderr,
                "    cure: start the daemon (`tlsfront run`), or name its configuration with "
                "-c FILE;\n    where `control` has changed since it was started, restart it, or "
                "have it reload by HUP\n");
    else if (error == EACCES)
        fprintf(stderr, "    cure: run this as root or as the daemon's user\n");
    else if (error == ETIMEDOUT)
        fprintf(stderr, "    cure: its log says what it does; if it is stuck, restart it\n");
}

static void print(int status, const struct buf *text)
{
    fputs((const char *)text->data, status == 0 ? stdout : stderr);
}

int control_ask(const char *path, const char *line, unsigned seconds, int unanswered)
{
    struct buf text;
    struct err e;
    buf_init(&text, CONTROL_TEXT_MAX);
    const int status = control_fetch(path, line, seconds, &text, &e);
    if (status < 0)
        control_explain(&e, errno);
    else
        print(status, &text);
    buf_free(&text);
    return status < 0 ? unanswered : status;
}

/* The daemon answers others while it reloads. */
static void explain_reload(const char *path)
{
    struct buf text;
    struct err e;
    buf_init(&text, CONTROL_TEXT_MAX);
    if (control_fetch(path, "reload state", EXPLAIN_SECONDS, &text, &e) == 0)
        fprintf(stderr, "tlsfront: %s", (const char *)text.data);
    buf_free(&text);
}

/* A daemon that logs to the journal need not tell there again what went there already. */
static int fetch_reload(const char *path, unsigned seconds, struct buf *text, struct err *e)
{
    const bool journal = streams_in_journal(STDERR_FILENO);
    const int status = control_fetch(path, journal ? "reload journal" : "reload", seconds, text, e);
    if (!journal || status != EXIT_USAGE)
        return status;
    buf_drop(text, text->size); /* one of an older version */
    return control_fetch(path, "reload", seconds, text, e);
}

int control_reload(const char *path, unsigned seconds)
{
    struct buf text;
    struct err e;
    buf_init(&text, CONTROL_TEXT_MAX);
    const int status = fetch_reload(path, seconds, &text, &e);
    const bool late = status < 0 && errno == ETIMEDOUT;
    if (status < 0)
        control_explain(&e, errno);
    else
        print(status, &text);
    if (late)
        explain_reload(path);
    buf_free(&text);
    return status < 0 ? EXIT_RUNTIME : status;
}
