/* filter.c - the calls that each kind of process makes, and why. */
#include "proxy/sandbox/layers.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONDITIONS_MAX = 3, API_KILL_PROCESS = 3 };

/* Of whom a row is. */
enum { WORKER = 1 << SANDBOX_WORKER, SIGNER = 1 << SANDBOX_SIGNER };

struct condition {
    unsigned argument;
    scmp_datum_t mask, value;
};

struct call {
    const char *name; /* looked up at run time: not every machine has each */
    unsigned of;      /* 0: of all */
    int error;        /* it fails with that instead of being made */
    unsigned count;
    struct condition when[CONDITIONS_MAX]; /* all hold; other uses are forbidden */
    bool on_itself;                        /* and argument 0 is this process */
};

/* The kernel looks at 32 bits of an int, whatever is above them. */
#define INT                 0xffffffff
#define SOCKET(family)      .count = 3, .when = {{0, INT, family}, {1, 0xf, SOCK_STREAM}, {2, INT, 0}}
#define OPTION(level, name) .count = 2, .when = {{1, INT, level}, {2, INT, name}}
#define SECOND(value)       .count = 1, .when = {{1, INT, value}}
#define NO_CODE             .count = 1, .when = {{2, PROT_EXEC, 0}}

/* The first are the hot ones: the filter asks in this order. Those without a condition cost least,
 * since a kernel from 5.11 on remembers that they are allowed. */
static const struct call calls[] = {
    /* a record's way */
    {.name = "read"},   /* from a socket, and the loop's wake-up */
    {.name = "sendto"}, /* send(): to a socket that takes it at once */
    {.name = "write"},  /* what is left of it; a line of the log; the loop's wake-up */
    {.name = "epoll_pwait", .of = WORKER}, /* the loop waits */
    {.name = "epoll_wait", .of = WORKER},  /* the same in older libuv */
    {.name = "epoll_ctl", .of = WORKER},   /* the loop watches a socket, or no longer */
    {.name = "writev", .of = WORKER},      /* libuv, of several buffers */
    {.name = "sendmsg"},                   /* to the supervisor */
    {.name = "recvmsg"},                   /* from it, with descriptors */

    /* a connection's life */
    {.name = "accept4", .of = WORKER},
    {.name = "close"},
    {.name = "socket", .of = WORKER, SOCKET(AF_INET)}, /* towards an upstream, nothing else */
    {.name = "socket", .of = WORKER, SOCKET(AF_INET6)},
    {.name = "socket", .of = WORKER, SOCKET(AF_UNIX)},
    {.name = "connect", .of = WORKER},
    {.name = "bind", .of = WORKER}, /* source = ADDRESS, source = transparent; there is no listen */
    {.name = "getsockopt", .of = WORKER},  /* SO_ERROR, and what libuv asks of a new handle */
    {.name = "getsockname", .of = WORKER}, /* for the PROXY header, the log, and libuv */
    {.name = "shutdown", .of = WORKER},    /* FIN */
    {.name = "ioctl", .of = WORKER, SECOND(FIONBIO)},  /* libuv does it to each new socket */
    {.name = "ioctl", .of = WORKER, SECOND(SIOCOUTQ)}, /* has all been acknowledged? */
    {.name = "fcntl", SECOND(F_GETFL)}, /* how was it opened? Nobody turns off O_APPEND */

    /* no other option: some reach far into the kernel (filters, upper protocols) */
    {.name = "setsockopt", .of = WORKER, OPTION(IPPROTO_TCP, TCP_NODELAY)},
    {.name = "setsockopt", .of = WORKER, OPTION(SOL_SOCKET, SO_KEEPALIVE)},
    {.name = "setsockopt", .of = WORKER, OPTION(IPPROTO_TCP, TCP_KEEPIDLE)},
    {.name = "setsockopt", .of = WORKER, OPTION(IPPROTO_TCP, TCP_KEEPINTVL)},
    {.name = "setsockopt", .of = WORKER, OPTION(IPPROTO_TCP, TCP_KEEPCNT)},
    {.name = "setsockopt", .of = WORKER, OPTION(IPPROTO_TCP, TCP_QUICKACK)},
    {.name = "setsockopt", .of = WORKER, OPTION(SOL_SOCKET, SO_LINGER)}, /* to reset */
    {.name = "setsockopt", .of = WORKER, OPTION(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT)}, /* source */
    /* source = transparent */
    {.name = "setsockopt", .of = WORKER, OPTION(IPPROTO_IP, IP_TRANSPARENT)},
    {.name = "setsockopt", .of = WORKER, OPTION(IPPROTO_IPV6, IPV6_TRANSPARENT)},

    /* memory: none becomes code */
    {.name = "brk"},
    {.name = "mmap", NO_CODE},     /* malloc; a bundle; counters */
    {.name = "mprotect", NO_CODE}, /* malloc */
    {.name = "munmap"},
    {.name = "mremap"}, /* realloc of large blocks */
    {.name = "madvise"},

    /* time, chance, locks */
    {.name = "clock_gettime"}, /* where the vDSO cannot tell */
    {.name = "clock_getres"},
    {.name = "gettimeofday"},
    {.name = "time"},
    {.name = "getrandom"},
    {.name = "futex"}, /* the libraries' locks */

    /* the log, and what a new generation needs */
    {.name = "poll"}, /* does the log's reader keep up? */
    {.name = "ppoll"},
    {.name = "fstat"},                      /* is the new log a file? how large is a bundle? */
    {.name = "newfstatat"},                 /* the same in older libc. It takes a path, too */
    {.name = "fcntl", SECOND(F_GET_SEALS)}, /* of a bundle */
    {.name = "uname", .of = WORKER},        /* the machine's name, for greetings */
    {.name = "sysinfo"},                    /* older qsort() asks how much memory there is */
    {.name = "sched_getaffinity"},          /* malloc, when memory is out, asks for processors */

    /* signals to itself, and the end */
    {.name = "rt_sigreturn"},
    {.name = "rt_sigprocmask"},
    {.name = "rt_sigaction"},
    {.name = "restart_syscall"}, /* the kernel itself goes on with a call */
    {.name = "getpid"},          /* syslog's lines; the libraries look whether they were forked */
    {.name = "gettid"},
    {.name = "tgkill", .count = 1, .when = {{2, INT, SIGABRT}}, .on_itself = true}, /* abort() */
    {.name = "exit"},
    {.name = "exit_group"},

    /* what some of these are called on 32 bits */
    {.name = "mmap2", NO_CODE},
    {.name = "fcntl64", SECOND(F_GETFL)},
    {.name = "fcntl64", SECOND(F_GET_SEALS)},
    {.name = "fstat64"},
    {.name = "fstatat64"},
    {.name = "clock_gettime64"},
    {.name = "futex_time64"},
    {.name = "ppoll_time64"},

    /* refused: libraries try these and can do without */
    {.name = "openat", .error = EACCES}, /* libc, of time zones and processors */
    {.name = "open", .error = EACCES},
    /* libconfuse, of a configuration that is no file: isatty() */
    {.name = "ioctl", SECOND(TCGETS), .error = ENOTTY},
    {.name = "io_uring_setup", .error = ENOSYS}, /* libuv: a ring would go round this filter */
    {.name = "io_uring_enter", .error = ENOSYS},
    {.name = "io_uring_register", .error = ENOSYS},
    {.name = "prctl", .error = EPERM}, /* libc names its memory where it can */
};

static unsigned conditions(const struct call *c, struct scmp_arg_cmp out[CONDITIONS_MAX + 1])
{
    unsigned n = 0;
    for (; n < c->count; n++)
        out[n] = (struct scmp_arg_cmp){c->when[n].argument, SCMP_CMP_MASKED_EQ, c->when[n].mask,
                                       c->when[n].value};
    if (c->on_itself)
        out[n++] = (struct scmp_arg_cmp){0, SCMP_CMP_MASKED_EQ, INT, (scmp_datum_t)getpid()};
    return n;
}

/* 0, or a negative errno. */
static int add_call(scmp_filter_ctx filter, const struct call *c, uint8_t priority)
{
    struct scmp_arg_cmp when[CONDITIONS_MAX + 1];
    const int number = seccomp_syscall_resolve_name(c->name);
    const uint32_t action = c->error == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO((unsigned)c->error);
    if (number == __NR_SCMP_ERROR)
        return 0; /* what the library does not know is forbidden like all else */
    const int rc = seccomp_rule_add_array(filter, action, number, conditions(c, when), when);
    return rc != 0 ? rc : seccomp_syscall_priority(filter, number, priority);
}

static bool is_for(const struct call *c, enum sandbox_kind kind)
{
    return c->of == 0 || (c->of & 1U << kind) != 0;
}

static int fill(scmp_filter_ctx filter, enum sandbox_kind kind, uint32_t otherwise)
{
    enum { CALLS = sizeof calls / sizeof *calls };
    static_assert(CALLS <= UINT8_MAX, "priorities are bytes");
    /* Calls of another architecture come from nobody who means well either. */
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, otherwise);
    for (unsigned i = 0; i < CALLS && rc == 0; i++)
        if (is_for(&calls[i], kind))
            rc = add_call(filter, &calls[i], (uint8_t)(UINT8_MAX - i));
    return rc;
}

/* To kill one thread comes to the same here, and is all there is where seccomp(2) itself is kept
 * from us while prctl(2) is not: in a unit of before there was a sandbox. */
static int enter_or(enum sandbox_kind kind, uint32_t otherwise)
{
    scmp_filter_ctx filter = seccomp_init(otherwise);
    if (filter == NULL)
        return ENOMEM;
    int rc = fill(filter, kind, otherwise);
    errno = 0; /* the library tells that the kernel refused, not why */
    if (rc == 0)
        rc = seccomp_load(filter);
    const int why = errno != 0 ? errno : -rc;
    seccomp_release(filter);
    return rc == 0 ? 0 : why;
}

int filter_enter(enum sandbox_kind kind)
{
    const bool new = seccomp_api_get() >= API_KILL_PROCESS;
    return enter_or(kind, new ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_KILL_THREAD);
}
