/* control.h - the control socket: `tlsfront reload` and `tlsfront status` come in here.
 *
 * A unix socket that only the daemon's user (and root) may use. One request line per connection;
 * the answer is a line with the exit status, then text, then the end of the connection. To a caller
 * who sends CONTROL_SIZE together with his line, and callers of older releases do not, the first
 * line tells the size of the text, too. */
#ifndef TLSFRONT_CONTROL_CONTROL_H
#define TLSFRONT_CONTROL_CONTROL_H

#include "config/err.h"
#include "proxy/base/buf.h"
#include "proxy/base/socket.h"

#include <uv.h>

struct control;
struct control_request;

/* A request line has come; answer it with control_answer(), now or later. */
typedef void control_fn(void *arg, struct control_request *request, const char *line);

/* NULL, with the reason and errno: cannot listen there (EADDRINUSE: another daemon does; EEXIST:
 * what lies there is no socket). A stale socket file is replaced. */
struct control *control_new(uv_loop_t *loop, const char *path, control_fn *on_request, void *arg,
                            struct err *e);

/* What an image of this process before us had: the socket that listens there, ours from now on, and
 * one of its callers. NULL: out of memory. */
struct control *control_adopt(uv_loop_t *loop, const char *path, int fd,
                              const struct socket_file *file, control_fn *on_request, void *arg);
struct control_request *control_adopt_caller(struct control *c, int fd, bool has_asked);

/* Descriptors for the next image: of the socket; of a request that waits for its answer; of all
 * callers that have not said anything yet. */
int control_fd(const struct control *c, struct socket_file *file);
int control_caller_fd(const struct control_request *r);
void control_silent(const struct control *c, void (*each)(void *arg, int fd), void *arg);

/* Where it listens; lives as long as `c`. */
const char *control_path(const struct control *c);

#define CONTROL_SIZE "size\n"

/* The longest text that a caller takes, with the NUL that it puts behind it. */
#define CONTROL_TEXT_MAX ((size_t)64 << 20)

/* Every request is answered exactly once, also when its caller has gone meanwhile. One that does
 * not take the answer is left after a time. */
void control_answer(struct control_request *request, int status, const struct buf *text);

/* Stop listening and remove the socket file, if it is still ours; requests under way may still be
 * answered, and whoever hears an answer has seconds to take it. */
void control_close(struct control *c);

/* How long callers wait for an answer, unless they say otherwise: a reload takes less, see
 * reload.c. Who asks whether newcomers may come has others to send them to. */
enum { CONTROL_SECONDS = 60, CONTROL_READY_SECONDS = 5 };

/* The client's side: send `line`, wait so long at most, print the text to standard output (status
 * 0) or standard error. Returns the exit status; `unanswered` with a message when there is no
 * daemon, or none that answers. */
int control_ask(const char *path, const char *line, unsigned seconds, int unanswered);

/* `reload`, likewise; when the time is up, also what the reload waits for. */
int control_reload(const char *path, unsigned seconds);

/* Likewise, but the text goes to `text`, with a NUL behind it: the exit status, or -1 with the
 * reason, and errno, when no daemon answers (ETIMEDOUT: in time). */
int control_fetch(const char *path, const char *line, unsigned seconds, struct buf *text,
                  struct err *e);

/* Why control_fetch() returned -1, and with `error`, which was its errno, to standard error. */
void control_explain(const struct err *e, int error);

#endif
