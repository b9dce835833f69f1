/* server.c - see control.h; the client's side is in client.c. */
#include "proxy/base/socket.h"
#include "proxy/control/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Long enough for every request there is. */
#define LINE_MAX_BYTES 64

/* A caller has so long for its line, and again for taking the answer; less when the daemon ends,
 * which waits for it. */
enum { CALLER_MS = 1000 * CONTROL_SECONDS, LAST_MS = 2000 };

/* Where memory is out, look for it again. */
enum { AGAIN_MS = 100 };

/* What another daemon is asked that has the socket already. */
enum { IDENTITY_MAX = 300, IDENTITY_SECONDS = 2 };

struct control {
    uv_pipe_t pipe;   /* first: callbacks cast */
    uv_timer_t again; /* for a caller that there was no memory for */
    struct control_request *callers;
    char *path;
    struct socket_file file;
    control_fn *on_request;
    void *arg;
};

enum caller_state { CALLER_SPEAKS, CALLER_WAITS, CALLER_LISTENS };

struct control_request {
    uv_pipe_t pipe;   /* first */
    uv_timer_t limit; /* of speaking and listening */
    enum caller_state state;
    struct control *control;            /* NULL once that is closed */
    struct control_request *next, **at; /* in control->callers */
    char line[LINE_MAX_BYTES];
    size_t size;
    bool wants_size; /* of the answer */
    uv_write_t write;
    struct buf answer;
};

/* ---- one request ---- */

static void limit_closed(uv_handle_t *handle)
{
    struct control_request *r = handle->data;
    buf_free(&r->answer);
    free(r);
}

static void request_closed(uv_handle_t *handle)
{
    struct control_request *r = (struct control_request *)(void *)handle;
    uv_close((uv_handle_t *)&r->limit, limit_closed);
}

static void request_leave(struct control_request *r)
{
    if (r->control == NULL)
        return;
    *r->at = r->next;
    if (r->next != NULL)
        r->next->at = r->at;
    r->control = NULL;
}

static void request_close(struct control_request *r)
{
    request_leave(r);
    if (!uv_is_closing((uv_handle_t *)&r->pipe))
        uv_close((uv_handle_t *)&r->pipe, request_closed);
}

static void too_slow(uv_timer_t *timer)
{
    request_close(timer->data);
}

static void answer_written(uv_write_t *write, int status)
{
    (void)status;
    request_close(write->data);
}

void control_answer(struct control_request *r, int status, const struct buf *text)
{
    buf_init(&r->answer, text->size + 64);
    if (r->wants_size)
        buf_printf(&r->answer, "%d %zu\n", status, text->size);
    else
        buf_printf(&r->answer, "%d\n", status);
    buf_put(&r->answer, text->data, text->size);
    uv_buf_t out = uv_buf_init((char *)r->answer.data, (unsigned)r->answer.size);
    r->write.data = r;
    r->state = CALLER_LISTENS;
    uv_timer_start(&r->limit, too_slow, r->control != NULL ? CALLER_MS : LAST_MS, 0);
    if (r->answer.failed ||
        uv_write(&r->write, (uv_stream_t *)&r->pipe, &out, 1, answer_written) != 0)
        request_close(r);
}

static void lend_line(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct control_request *r = (struct control_request *)(void *)handle;
    (void)suggested;
    *buf = uv_buf_init(r->line + r->size, (unsigned)(sizeof r->line - 1 - r->size));
}

static void line_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct control_request *r = (struct control_request *)(void *)stream;
    (void)buf;
    if (n > 0)
        r->size += (size_t)n;
    char *end = memchr(r->line, '\n', r->size);
    if (end != NULL) {
        uv_read_stop(stream);
        uv_timer_stop(&r->limit);
        *end = '\0';
        r->wants_size = strcmp(end + 1, CONTROL_SIZE) == 0;
        r->state = CALLER_WAITS;
        r->control->on_request(r->control->arg, r, r->line);
    } else if (n < 0) { /* gone, or a line longer than any request */
        request_close(r);
    }
}

static struct control_request *new_caller(struct control *c)
{
    struct control_request *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->control = c;
    r->next = c->callers;
    r->at = &c->callers;
    if (r->next != NULL)
        r->next->at = &r->next;
    c->callers = r;
    uv_pipe_init(c->pipe.loop, &r->pipe, 0);
    uv_timer_init(c->pipe.loop, &r->limit);
    r->limit.data = r;
    return r;
}

/* 0, or an error of libuv. */
static int hear_line(struct control_request *r)
{
    uv_timer_start(&r->limit, too_slow, CALLER_MS, 0);
    return uv_read_start((uv_stream_t *)&r->pipe, lend_line, line_read);
}

static void look_again(uv_timer_t *timer);

static void caller_arrived(uv_stream_t *server, int status)
{
    struct control *c = (struct control *)(void *)server;
    if (status != 0)
        return;
    struct control_request *r = new_caller(c);
    if (r == NULL) /* libuv tells of nobody before this one is accepted */
        uv_timer_start(&c->again, look_again, AGAIN_MS, 0);
    else if (uv_accept(server, (uv_stream_t *)&r->pipe) != 0 || hear_line(r) != 0)
        request_close(r);
}

static void look_again(uv_timer_t *timer)
{
    struct control *c = timer->data;
    caller_arrived((uv_stream_t *)&c->pipe, 0);
}

/* ---- the socket ---- */

/* The directory under /run is gone after a reboot, so it is made where only it is missing. */
static bool make_directory(const char *path)
{
    char directory[sizeof((struct sockaddr_un *)0)->sun_path];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path || (size_t)(slash - path) >= sizeof directory)
        return true;
    memcpy(directory, path, (size_t)(slash - path));
    directory[slash - path] = '\0';
    return mkdir(directory, 0755) == 0 || errno == EEXIST;
}

static void again_closed(uv_handle_t *handle)
{
    struct control *c = handle->data;
    free(c->path);
    free(c);
}

static void control_closed(uv_handle_t *handle)
{
    struct control *c = (struct control *)(void *)handle;
    uv_close((uv_handle_t *)&c->again, again_closed);
}

/* -1 with errno. */
static int hear(struct control *c, int fd)
{
    int rc = uv_pipe_open(&c->pipe, fd);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&c->pipe, 16, caller_arrived);
    errno = -rc;
    return rc != 0 ? -1 : 0;
}

/* -1 with errno. */
static int control_listen(struct control *c)
{
    int fd = make_directory(c->path)
                 ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
                 : -1;
    if (fd < 0)
        return -1;
    const mode_t before = umask(0177);
    const int bound = socket_bind_file(fd, c->path, &c->file);
    const int error = errno;
    umask(before);
    if (bound != 0) {
        close(fd);
        errno = error;
        return -1;
    }
    return hear(c, fd);
}

/* " since WHEN with FILE", as the other one says; one of another version, or one that is stuck,
 * does not. */
static void ask_identity(const char *path, char out[IDENTITY_MAX])
{
    struct buf text;
    struct err e;
    buf_init(&text, IDENTITY_MAX);
    if (control_fetch(path, "identity", IDENTITY_SECONDS, &text, &e) == 0)
        snprintf(out, IDENTITY_MAX, " %.*s", (int)strcspn((const char *)text.data, "\n"),
                 (const char *)text.data);
    buf_free(&text);
}

static void explain(const char *path, struct err *e)
{
    const int error = errno;
    const pid_t other = error == EADDRINUSE ? socket_listener(path) : 0;
    char more[IDENTITY_MAX] = "";
    if (other > 0 && other != getpid()) /* who could not answer while it waits */
        ask_identity(path, more);
    if (other > 0)
        err_set(e, "another tlsfront runs%s: process %d listens on the control socket %s", more,
                (int)other, path);
    else if (error == EADDRINUSE)
        err_set(e, "another tlsfront runs with the control socket %s", path);
    else if (error == EEXIST)
        err_set(e, "%s, where the control socket is to be, is something else", path);
    else
        err_set(e, "cannot listen on the control socket %s: %s", path, strerror(error));
    errno = error;
}

/* NULL: out of memory. */
static struct control *make(uv_loop_t *loop, const char *path, control_fn *on_request, void *arg)
{
    struct control *c = calloc(1, sizeof *c);
    char *copy = strdup(path);
    if (c == NULL || copy == NULL) {
        free(c);
        free(copy);
        return NULL;
    }
    c->path = copy;
    c->on_request = on_request;
    c->arg = arg;
    uv_pipe_init(loop, &c->pipe, 0);
    uv_timer_init(loop, &c->again);
    c->again.data = c;
    return c;
}

struct control *control_new(uv_loop_t *loop, const char *path, control_fn *on_request, void *arg,
                            struct err *e)
{
    struct control *c = make(loop, path, on_request, arg);
    if (c == NULL) {
        errno = ENOMEM;
        err_set(e, "out of memory");
        return NULL;
    }
    if (control_listen(c) == 0)
        return c;
    explain(path, e);
    uv_close((uv_handle_t *)&c->pipe, control_closed);
    return NULL;
}

/* ---- over an upgrade ---- */

struct control *control_adopt(uv_loop_t *loop, const char *path, int fd,
                              const struct socket_file *file, control_fn *on_request, void *arg)
{
    struct control *c = make(loop, path, on_request, arg);
    if (c == NULL || hear(c, fd) == 0) {
        if (c != NULL)
            c->file = *file;
        return c;
    }
    uv_close((uv_handle_t *)&c->pipe, control_closed);
    return NULL;
}

struct control_request *control_adopt_caller(struct control *c, int fd, bool has_asked)
{
    struct control_request *r = new_caller(c);
    if (r == NULL)
        return NULL;
    int rc = uv_pipe_open(&r->pipe, fd);
    if (rc != 0)
        close(fd);
    if (has_asked)
        r->state = CALLER_WAITS;
    else if (rc == 0)
        rc = hear_line(r);
    if (rc == 0)
        return r;
    request_close(r);
    return NULL;
}

static int fd_of(const uv_pipe_t *pipe)
{
    uv_os_fd_t fd = -1;
    (void)uv_fileno((const uv_handle_t *)pipe, &fd);
    return fd;
}

int control_fd(const struct control *c, struct socket_file *file)
{
    *file = c->file;
    return fd_of(&c->pipe);
}

int control_caller_fd(const struct control_request *r)
{
    return fd_of(&r->pipe);
}

void control_silent(const struct control *c, void (*each)(void *arg, int fd), void *arg)
{
    for (const struct control_request *r = c->callers; r != NULL; r = r->next)
        if (r->state == CALLER_SPEAKS && r->size == 0 && fd_of(&r->pipe) >= 0)
            each(arg, fd_of(&r->pipe));
}

const char *control_path(const struct control *c)
{
    return c->path;
}

static void send_away(struct control_request *r)
{
    request_leave(r);
    if (r->state == CALLER_SPEAKS)
        request_close(r);
    else if (r->state == CALLER_LISTENS)
        uv_timer_start(&r->limit, too_slow, LAST_MS, 0);
}

void control_close(struct control *c)
{
    if (c == NULL)
        return;
    while (c->callers != NULL) /* they would keep the loop alive for as long as they like */
        send_away(c->callers);
    socket_remove_file(c->path, &c->file);
    uv_close((uv_handle_t *)&c->pipe, control_closed);
}
