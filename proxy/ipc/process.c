#include "proxy/ipc/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void ignore_signals(void)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_IGN);
}

static bool is_ipc(int fd)
{
    int kind = 0;
    socklen_t size = sizeof kind;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &size) == 0 && kind == SOCK_SEQPACKET;
}

bool process_begin(void)
{
    ignore_signals();
    if (!is_ipc(PROCESS_IPC))
        return false;
    fcntl(PROCESS_IPC, F_SETFD, FD_CLOEXEC);
    (void)close_range(PROCESS_IPC + 1, ~0U, 0); /* which is none, if all is well */
    prctl(PR_SET_NAME, "tlsfront");             /* it was started as /proc/self/exe */
    return true;
}

void process_put_hello(struct ipc_message *m, const struct identity *id)
{
    const struct ipc_hello hello = {
        .drop_privileges = id->drop, .sandbox = id->sandbox, .uid = id->uid, .gid = id->gid};
    ipc_begin(m, IPC_HELLO, 0);
    ipc_append(m, &hello, sizeof hello);
}

int process_say(const struct ipc_message *m)
{
    enum { SOON_MS = 10 };
    while (ipc_send(PROCESS_IPC, m) != 0) {
        if (errno == ENOBUFS)
            poll(NULL, 0, SOON_MS);
        else if (errno == EAGAIN)
            poll(&(struct pollfd){.fd = PROCESS_IPC, .events = POLLOUT}, 1, -1);
        else
            return -1;
    }
    return 0;
}

bool process_take_log(struct log *l, struct ipc_message *m)
{
    enum config_log_target target;
    if (!ipc_take(m, &target, sizeof target) || m->fd_count > 1)
        return false;
    if (ipc_lacks_fds(m)) {
        log_event(l, LOG_LEVEL_WARN, "out-of-descriptors",
                  "the log stays where it was; " ERR_CURE_FILES);
        return true;
    }
    log_redirect(l, target, m->fd_count == 1 ? m->fds[0] : STDERR_FILENO);
    m->fd_count = 0;
    return true;
}

static int tell_sandbox(const struct sandbox_state *state, struct err *e)
{
    static struct ipc_message m; /* large; said once */
    ipc_begin(&m, IPC_SANDBOX, 0);
    ipc_append(&m, state, sizeof *state);
    return ipc_send(PROCESS_IPC, &m) == 0 ? 0 : err_set(e, "the supervisor does not listen");
}

int process_confine(const struct ipc_hello *hello, enum sandbox_kind kind, struct err *e)
{
    struct sandbox_state state = {0};
    const struct identity id = {.drop = hello->drop_privileges != 0,
                                .transparent = hello->keep_transparent != 0,
                                .uid = hello->uid,
                                .gid = hello->gid};
    if (privileges_drop(&id, e) != 0)
        return -1;
    privileges_hide_memory();
    if (hello->sandbox != 0)
        sandbox_enter(kind, &state);
    return tell_sandbox(&state, e);
}
