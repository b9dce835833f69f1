#include "proxy/supervisor/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* All that the way back needs, where a signal handler finds it. */
static struct {
    bool open;
    int state, reason;
    int *originals;
    size_t count;
    char executable[32], argument[32];
    char *argv[6];
} way_back;

/* ---- signals ---- */

static void blocked_ones(sigset_t *set)
{
    static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGCHLD};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaddset(set, signals[i]);
}

void takeover_block(void)
{
    sigset_t set;
    blocked_ones(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

/* All: who comes back out of a signal handler has that one blocked, too. */
void takeover_unblock(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- the way back; all of it may be in a signal handler ---- */

static void say(const char *why, size_t size)
{
    (void)!pwrite(way_back.reason, why, size, 0);
}

static void go_back(void)
{
    way_back.open = false;
    takeover_block();
    alarm(0);
    fcntl(way_back.state, F_SETFD, 0);
    for (size_t i = 0; i < way_back.count; i++)
        fcntl(way_back.originals[i], F_SETFD, 0);
    execve(way_back.executable, way_back.argv, environ);
    _exit(1);
}

static void crashed(int number)
{
    char why[] = "it crashed with signal ??";
    if (!way_back.open)
        _exit(1); /* on the way already */
    if (number == SIGALRM) {
        static const char late[] = "it did not get ready in time";
        say(late, sizeof late - 1);
    } else {
        why[sizeof why - 3] = (char)('0' + number / 10 % 10);
        why[sizeof why - 2] = (char)('0' + number % 10);
        say(why, sizeof why - 1);
    }
    go_back();
}

static const int fatal[] = {SIGSEGV, SIGBUS,  SIGILL, SIGFPE, SIGABRT,
                            SIGTRAP, SIGXCPU, SIGSYS, SIGALRM};

static void set_fatal(void (*handler)(int number))
{
    const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_NODEFER};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        sigaction(fatal[i], &action, NULL);
}

void takeover_fail(const struct takeover *t, const char *why)
{
    (void)t;
    if (!way_back.open)
        return;
    say(why, strlen(why));
    go_back();
}

/* ---- taking over ---- */

static void copy(void *arg, int *fd)
{
    int *error = arg;
    const int fresh = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (fresh < 0 || fcntl(*fd, F_SETFD, FD_CLOEXEC) != 0) {
        *error = errno;
        return;
    }
    way_back.originals[way_back.count++] = *fd;
    *fd = fresh;
}

static void count_one(void *arg, int *fd)
{
    (void)fd;
    ++*(size_t *)arg;
}

static int copy_all(struct handover *h, struct err *e)
{
    size_t count = 0;
    int error = 0;
    handover_descriptors(h, count_one, &count);
    way_back.originals = calloc(count + 1, sizeof *way_back.originals);
    if (way_back.originals == NULL)
        return err_set(e, "out of memory");
    handover_descriptors(h, copy, &error);
    return error == 0 ? 0 : err_set(e, "what was open is not: %s", strerror(error));
}

/* Whoever calls exit(), it was too early. */
static void ended(void)
{
    static const char why[] = "it ended";
    if (!way_back.open)
        return;
    say(why, sizeof why - 1);
    go_back();
}

static void open_way(const struct handover *h, int executable, int reason)
{
    snprintf(way_back.executable, sizeof way_back.executable, "/proc/self/fd/%d", executable);
    snprintf(way_back.argument, sizeof way_back.argument, "--back=%d", way_back.state);
    char *const argv[] = {"tlsfront", "run", way_back.argument, "-c", h->configuration, NULL};
    memcpy(way_back.argv, argv, sizeof argv);
    way_back.reason = reason;
    way_back.open = true;
    set_fatal(crashed);
    atexit(ended);
    alarm(h->patience_s);
}

int takeover_begin(struct takeover *t, int state, bool back, struct err *e)
{
    prctl(PR_SET_NAME, "tlsfront"); /* it was started as /proc/self/fd/... */
    fcntl(state, F_SETFD, FD_CLOEXEC);
    way_back.state = state;
    *t = (struct takeover){.back = back};
    if (handover_from_fd(state, &t->was, e) != 0)
        return -1;
    t->rehearsal = t->was.rehearsal >= 0;
    if (!t->rehearsal && !back)
        open_way(&t->was, t->was.executable, t->was.reason);
    return copy_all(&t->was, e);
}

void takeover_reason(const struct takeover *t, char *out, size_t size)
{
    const ssize_t n = pread(t->was.reason, out, size - 1, 0);
    out[n > 0 ? n : 0] = '\0';
    if (n > 0 && out[n - 1] == '\n')
        out[n - 1] = '\0';
    if (n <= 0)
        snprintf(out, size, "it ended without a word");
}

void takeover_confirm(struct takeover *t)
{
    alarm(0);
    if (way_back.open)
        set_fatal(SIG_DFL);
    way_back.open = false;
    close(way_back.state);
    for (size_t i = 0; i < way_back.count; i++)
        close(way_back.originals[i]);
    free(way_back.originals);
    way_back.originals = NULL;
    way_back.count = 0;
    close(t->was.executable);
    close(t->was.reason);
    close(t->was.bundle); /* with the private keys, perhaps of a configuration of before */
    descriptor_close(&t->was.next);
    handover_free(&t->was);
}
