#include "proxy/ipc/process.h"
#include "proxy/base/privileges.h"

#include <fcntl.h>
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
    privileges_hide_memory();
    return true;
}
