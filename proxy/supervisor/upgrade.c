#include "proxy/supervisor/upgrade.h"
#include "proxy/base/exits.h"
#include "proxy/base/socket.h"
#include "proxy/base/version.h"
#include "proxy/ipc/process.h"
#include "proxy/supervisor/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ROUNDS = 3,          /* reloads that come between are not many */
    SAID_MAX = 16 << 10, /* the first of it says most */
    ANSWER_MAX = 64 << 10,
};

static void rehearse(struct upgrade *u);

/* ---- the binary ---- */

/* A link on the way is to be followed anew each time, so /proc/self/exe, which is where it has led
 * to, is the second choice: of who was started by a descriptor. */
char *upgrade_program(void)
{
    char path[PATH_MAX] = "";
    const char *started = (const char *)(uintptr_t)getauxval(AT_EXECFN);
    if (started == NULL || strncmp(started, "/proc/", 6) == 0 ||
        strncmp(started, "/dev/", 5) == 0) {
        const ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
        return size > 0 ? strndup(path, (size_t)size) : NULL;
    }
    if (started[0] == '/')
        return strdup(started);
    if (getcwd(path, sizeof path) == NULL || strlen(path) + strlen(started) + 2 > sizeof path)
        return NULL;
    strcat(path, "/");
    return strdup(strcat(path, started));
}

/* What is neither would be given to a shell. */
static bool is_program(int fd)
{
    char head[4] = "";
    const ssize_t n = pread(fd, head, sizeof head, 0);
    return n == sizeof head && (memcmp(head, "\177ELF", 4) == 0 || memcmp(head, "#!", 2) == 0);
}

static int open_binary(const char *path, struct err *e)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        err_set(e, "%s: %s", path, strerror(errno));
    } else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || !is_program(fd)) {
        err_set(e, "%s is no program", path);
        close(fd);
        return -1;
    }
    return fd;
}

/* Does it lie where the binary that runs does, or did? */
static bool is_beside_ours(const char *path)
{
    char ours[PATH_MAX] = "";
    char *real = realpath(path, NULL);
    const ssize_t size = readlink("/proc/self/exe", ours, sizeof ours - 1);
    const char *end = real != NULL ? strrchr(real, '/') : NULL, *our_end = strrchr(ours, '/');
    const bool beside = size > 0 && end != NULL && our_end != NULL &&
                        end - real == our_end - ours &&
                        strncmp(real, ours, (size_t)(end - real)) == 0;
    free(real);
    return beside;
}

/* Landlock knows places, not links: what everybody may execute, but lies elsewhere, is held back.
 */
static int cannot_execute(const struct upgrade *u, int error, struct err *e)
{
    const bool confined =
        error == EACCES && access(u->program, X_OK) == 0 && !is_beside_ours(u->program);
    return err_set(e, "%s cannot be executed: %s%s", u->program, strerror(error),
                   confined ? "; the sandbox lets the daemon execute only what lies in the "
                              "directory of the binary that runs: put the new one there, or restart"
                            : "");
}

/* ---- ending ---- */

/* Goes on once all that belongs to it is closed. */
static void child_is_gone(struct upgrade *u)
{
    if (u->running || u->closing > 0)
        return;
    descriptor_close(&u->said_fd);
    descriptor_close(&u->answer_fd);
    descriptor_close(&u->binary);
    descriptor_close(&u->next);
    if (u->stage == UPGRADE_REPEATING)
        rehearse(u);
    else
        u->stage = UPGRADE_IDLE;
}

static void handle_closed(uv_handle_t *handle)
{
    struct upgrade *u = handle->data;
    u->closing--;
    child_is_gone(u);
}

static void close_handle(struct upgrade *u, uv_handle_t *handle)
{
    u->closing++;
    uv_close(handle, handle_closed);
}

static void dismiss_child(struct upgrade *u, enum upgrade_stage stage)
{
    u->stage = stage;
    uv_timer_stop(&u->limit);
    u->events->hold(u->arg, false);
    if (u->running)
        uv_process_kill(&u->process, SIGKILL);
    else
        child_is_gone(u);
}

static void answer(struct upgrade *u, int status, const char *why)
{
    struct buf text;
    if (u->request == NULL)
        return;
    buf_init(&text, ANSWER_MAX);
    buf_put(&text, u->said.data, u->said.size);
    if (u->said.size > 0 && u->said.data[u->said.size - 1] != '\n')
        buf_puts(&text, "\n");
    buf_printf(&text, "upgrade refused: %s; tlsfront %s goes on\n", why, version_text);
    control_answer(u->request, status, &text);
    u->request = NULL;
    buf_free(&text);
}

static void log_said(const struct upgrade *u)
{
    char line[1024];
    size_t begin = 0;
    for (size_t i = 0; i < u->said.size; i++)
        if (u->said.data[i] == '\n' || i + 1 == u->said.size) {
            const size_t size = i - begin + (u->said.data[i] != '\n');
            snprintf(line, sizeof line, "%.*s", (int)size, (const char *)u->said.data + begin);
            log_event(u->log, LOG_LEVEL_ERROR, "upgrade", "%s", line);
            begin = i + 1;
        }
}

static void refuse(struct upgrade *u, int status, const char *why)
{
    log_said(u);
    log_event(u->log, LOG_LEVEL_ERROR, "upgrade-refused", "%s; version %s goes on", why,
              version_text);
    answer(u, status, why);
    dismiss_child(u, UPGRADE_REFUSED);
    u->events->refused(u->arg, why);
}

/* ---- what the child says ---- */

static void hear(struct upgrade *u)
{
    char chunk[4096];
    ssize_t n;
    while ((n = read(u->said_fd, chunk, sizeof chunk)) > 0) {
        const size_t room = SAID_MAX - u->said.size;
        buf_put(&u->said, chunk, (size_t)n < room ? (size_t)n : room);
    }
    if (n == 0)
        uv_poll_stop(&u->said_poll);
}

static void said(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    hear(poll->data);
}

static bool take_rehearsed(struct upgrade *u, struct ipc_message *m)
{
    struct ipc_rehearsed *r = &u->rehearsed;
    if (m->type != IPC_REHEARSED || m->fd_count != 1 || ipc_lacks_fds(m) ||
        !ipc_take(m, r, sizeof *r))
        return false;
    r->version[sizeof r->version - 1] = r->text[sizeof r->text - 1] = '\0';
    u->next = m->fds[0];
    m->fd_count = 0;
    return true;
}

static void rehearsed(struct upgrade *u)
{
    u->stage = UPGRADE_REHEARSED;
    uv_timer_stop(&u->limit);       /* a reload that begins now has limits of its own */
    u->events->hold(u->arg, false); /* which may begin one */
    upgrade_poke(u);
}

static void answered(uv_poll_t *poll, int status, int events)
{
    static struct ipc_message m; /* large; one thread */
    struct upgrade *u = poll->data;
    (void)status;
    (void)events;
    const int got = ipc_receive(u->answer_fd, &m);
    if (got == 0)
        return;
    uv_poll_stop(poll); /* there is one answer, or the end, which exited() explains */
    if (got < 0 || u->stage != UPGRADE_REHEARSING)
        return;
    const bool lacks = ipc_lacks_fds(&m), good = take_rehearsed(u, &m);
    ipc_close_fds(&m);
    if (good)
        rehearsed(u);
    else
        refuse(u, EXIT_RUNTIME,
               lacks ? "no descriptors left; " ERR_CURE_FILES
                     : "the new binary says what no rehearsal says");
}

/* ---- how it ends ---- */

static void explain(const struct upgrade *u, int64_t status, int signal, char *why, size_t size)
{
    if (signal != 0)
        snprintf(why, size, "%s was killed by signal %d (%s)", u->program, signal,
                 strsignal(signal));
    else if (status == EXIT_USAGE)
        snprintf(why, size, "%s cannot take over from a running daemon", u->program);
    else if (status == EXIT_CONFIGURATION)
        snprintf(why, size, "to %s the configuration has errors", u->program);
    else
        snprintf(why, size, "%s ended with status %d", u->program, (int)status);
}

static void exited(uv_process_t *process, int64_t status, int signal)
{
    struct upgrade *u = process->data;
    char why[PATH_MAX + 100];
    hear(u);
    u->running = false;
    close_handle(u, (uv_handle_t *)&u->process);
    close_handle(u, (uv_handle_t *)&u->said_poll);
    close_handle(u, (uv_handle_t *)&u->answer_poll);
    if (u->stage != UPGRADE_REHEARSING && u->stage != UPGRADE_REHEARSED)
        return;
    explain(u, status, signal, why, sizeof why);
    refuse(u, signal == 0 && status == EXIT_CONFIGURATION ? EXIT_CONFIGURATION : EXIT_RUNTIME, why);
}

static void late(uv_timer_t *timer)
{
    struct upgrade *u = timer->data;
    char why[PATH_MAX + 100];
    snprintf(why, sizeof why, "%s did not get ready within %u seconds", u->program, u->patience_s);
    refuse(u, EXIT_RUNTIME, why);
}

/* ---- the rehearsal ---- */

/* What is to be handed over, as a sealed file. -1 with the reason. */
static int write_state(struct upgrade *u, struct handover *h, struct err *e)
{
    handover_init(h);
    snprintf(h->version, sizeof h->version, "%s", version_text);
    h->program = strdup(u->program);
    h->configuration = strdup(u->configuration);
    h->patience_s = u->patience_s;
    h->next = u->next;
    if (h->program == NULL || h->configuration == NULL)
        return err_set(e, "out of memory");
    return u->events->give(u->arg, h, e);
}

struct inherited {
    uv_stdio_container_t *stdio;
    int count;
};

static void count_up(void *arg, int *fd)
{
    struct inherited *i = arg;
    i->count = *fd >= i->count ? *fd + 1 : i->count;
}

static void inherit(void *arg, int *fd)
{
    struct inherited *i = arg;
    i->stdio[*fd] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = *fd};
}

/* Everybody under its own number, the pipe as output. NULL: out of memory. */
static uv_stdio_container_t *list_inherited(struct handover *h, int *more, size_t count, int pipe,
                                            int *stdio_count)
{
    struct inherited i = {.count = STDERR_FILENO + 1};
    handover_descriptors(h, count_up, &i);
    for (size_t k = 0; k < count; k++)
        count_up(&i, &more[k]);
    i.stdio = calloc((size_t)i.count, sizeof *i.stdio);
    if (i.stdio == NULL)
        return NULL;
    handover_descriptors(h, inherit, &i);
    for (size_t k = 0; k < count; k++)
        inherit(&i, &more[k]);
    i.stdio[STDOUT_FILENO] = i.stdio[STDERR_FILENO] =
        (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = pipe};
    *stdio_count = i.count;
    return i.stdio;
}

static void watch_child(struct upgrade *u)
{
    u->running = true;
    u->process.data = u->said_poll.data = u->answer_poll.data = u;
    uv_poll_init(u->loop, &u->said_poll, u->said_fd);
    uv_poll_init(u->loop, &u->answer_poll, u->answer_fd);
    uv_poll_start(&u->said_poll, UV_READABLE, said);
    uv_poll_start(&u->answer_poll, UV_READABLE, answered);
    uv_timer_start(&u->limit, late, (uint64_t)u->patience_s * 1000, 0);
}

static int spawn(struct upgrade *u, struct handover *h, int state, int pipe, struct err *e)
{
    char file[32], argument[32];
    int more[] = {state, u->binary};
    snprintf(file, sizeof file, "/proc/self/fd/%d", u->binary);
    snprintf(argument, sizeof argument, "--state=%d", state);
    char *args[] = {"tlsfront", "run", argument, "-c", h->configuration, NULL};
    uv_process_options_t options = {.exit_cb = exited, .file = file, .args = args};
    options.stdio = list_inherited(h, more, sizeof more / sizeof *more, pipe, &options.stdio_count);
    if (options.stdio == NULL)
        return err_set(e, "out of memory");
    u->process.data = u;
    const int rc = uv_spawn(u->loop, &u->process, &options);
    free(options.stdio);
    if (rc == 0)
        watch_child(u);
    else
        close_handle(u, (uv_handle_t *)&u->process);
    return rc == 0 ? 0 : cannot_execute(u, -rc, e);
}

static int start_child(struct upgrade *u, int socket, int pipe, struct err *e)
{
    struct handover h;
    int result = write_state(u, &h, e);
    h.rehearsal = h.reason = socket; /* the second it has no use for */
    h.executable = u->binary;
    const int state = result == 0 ? handover_to_fd(&h, e) : -1;
    if (state >= 0) {
        result = spawn(u, &h, state, pipe, e);
        close(state);
    }
    handover_free(&h);
    return state >= 0 ? result : -1;
}

static int start_rehearsal(struct upgrade *u, struct err *e)
{
    int pipe[2], pair[2];
    u->binary = open_binary(u->program, e);
    if (u->binary < 0)
        return -1;
    if (pipe2(pipe, O_CLOEXEC) != 0)
        return err_set(e, "%s", strerror(errno));
    u->said_fd = pipe[0];
    fcntl(pipe[0], F_SETFL, O_NONBLOCK);
    int result = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
    if (result == 0) {
        u->answer_fd = pair[0];
        result = start_child(u, pair[1], pipe[1], e);
        close(pair[1]);
    } else {
        err_set(e, "%s", strerror(errno));
    }
    close(pipe[1]);
    return result;
}

static void rehearse(struct upgrade *u)
{
    struct err e = {.text = ""};
    u->generation = u->events->settled(u->arg);
    u->stage = u->generation != 0 ? UPGRADE_REHEARSING : UPGRADE_WAITING;
    if (u->generation == 0)
        return;
    buf_free(&u->said);
    u->events->hold(u->arg, true);
    if (start_rehearsal(u, &e) != 0)
        refuse(u, EXIT_RUNTIME, e.text);
}

/* ---- the exec ---- */

static void let_inherit(void *arg, int *fd)
{
    const bool *inherited = arg;
    fcntl(*fd, F_SETFD, *inherited ? 0 : FD_CLOEXEC);
}

/* Returns where that fails, and everything is as it was. */
static void execute(struct upgrade *u, struct handover *h, int state, struct err *e)
{
    char file[32], argument[32];
    bool inherited = true;
    snprintf(file, sizeof file, "/proc/self/fd/%d", u->binary);
    snprintf(argument, sizeof argument, "--state=%d", state);
    char *args[] = {"tlsfront", "run", argument, "-c", h->configuration, NULL};
    int more[] = {state, u->binary};
    takeover_block();
    handover_descriptors(h, let_inherit, &inherited);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        let_inherit(&inherited, &more[i]);
    execve(file, args, environ);
    cannot_execute(u, errno, e);
    inherited = false;
    handover_descriptors(h, let_inherit, &inherited);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        let_inherit(&inherited, &more[i]);
    takeover_unblock();
}

/* What only the real one has: whom to answer, and the child, which ends with its socket. */
static bool add_people(struct upgrade *u, struct handover *h)
{
    if (handover_add_leaver(h, u->process.pid) != 0)
        return false;
    if (u->request == NULL)
        return true;
    struct handover_caller *c = handover_add(&h->callers, &h->caller_count, sizeof *c);
    if (c == NULL)
        return false;
    *c = (struct handover_caller){control_caller_fd(u->request), true};
    return c->fd >= 0;
}

static void go(struct upgrade *u)
{
    struct handover h;
    struct err e = {.text = ""};
    const int given = write_state(u, &h, &e);
    h.executable = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    h.reason = memfd_create("tlsfront-reason", MFD_CLOEXEC);
    const bool complete = given == 0 && h.executable >= 0 && h.reason >= 0 && add_people(u, &h);
    const int state = complete ? handover_to_fd(&h, &e) : -1;
    log_event(u->log, LOG_LEVEL_INFO, "upgrading", "version %s is executed: %s",
              u->rehearsed.version, u->program);
    if (state >= 0)
        execute(u, &h, state, &e);
    descriptor_close(&h.executable);
    descriptor_close(&h.reason);
    if (state >= 0)
        close(state);
    handover_free(&h);
    refuse(u, EXIT_RUNTIME, e.text[0] != '\0' ? e.text : "descriptors or memory are out");
}

/* ---- from the outside ---- */

void upgrade_init(struct upgrade *u)
{
    u->binary = u->said_fd = u->answer_fd = u->next = -1;
    buf_init(&u->said, SAID_MAX);
    uv_timer_init(u->loop, &u->limit);
    u->limit.data = u;
}

static void too_late(struct control_request *request, const char *text)
{
    struct buf b;
    buf_init(&b, ANSWER_MAX);
    buf_puts(&b, text);
    if (request != NULL)
        control_answer(request, EXIT_RUNTIME, &b);
    buf_free(&b);
}

void upgrade_request(struct upgrade *u, struct control_request *request, uint32_t patience_s)
{
    if (u->stage != UPGRADE_IDLE) {
        too_late(request, "upgrade refused: another one is under way\n");
        return;
    }
    u->request = request;
    u->patience_s = patience_s;
    u->rounds = 0;
    u->events->begun(u->arg);
    rehearse(u);
}

void upgrade_poke(struct upgrade *u)
{
    if (u->stage == UPGRADE_WAITING)
        rehearse(u);
    if (u->stage != UPGRADE_REHEARSED)
        return;
    const uint32_t now = u->events->settled(u->arg);
    if (now == 0)
        return;
    if (now == u->generation)
        go(u);
    else if (++u->rounds < ROUNDS)
        dismiss_child(u, UPGRADE_REPEATING);
    else
        refuse(u, EXIT_RUNTIME, "one reload follows the other");
}

void upgrade_cancel(struct upgrade *u)
{
    if (u->stage == UPGRADE_IDLE || u->stage == UPGRADE_REFUSED)
        return;
    answer(u, EXIT_RUNTIME, "the daemon is going down");
    dismiss_child(u, UPGRADE_REFUSED);
}

void upgrade_close(struct upgrade *u)
{
    upgrade_cancel(u);
    uv_close((uv_handle_t *)&u->limit, NULL);
}

void upgrade_free(struct upgrade *u)
{
    buf_free(&u->said);
}
