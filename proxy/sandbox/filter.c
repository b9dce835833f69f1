/* filter.c - the calls that each kind of process makes, and why. */
#include "proxy/sandbox/layers.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
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
enum {
    WORKER = 1 << SANDBOX_WORKER,
    SIGNER = 1 << SANDBOX_SIGNER,
    RESOLVER = 1 << SANDBOX_RESOLVER,
    OBSERVER = 1 << SANDBOX_OBSERVER,
    SUPERVISOR = 1 << SANDBOX_SUPERVISOR, /* and what all others may do: they are born in there */
};

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
#define DATAGRAM(family)    .count = 3, .when = {{0, INT, family}, {1, 0xf, SOCK_DGRAM}, {2, INT, 0}}
#define NETLINK(type)                                                                              \
    .count = 3, .when = {{0, INT, AF_NETLINK}, {1, 0xf, type}, {2, INT, NETLINK_ROUTE}}
#define CODE_OF_FILE                                                                               \
    .count = 2, .when = {{2, PROT_WRITE | PROT_EXEC, PROT_EXEC}, {3, MAP_ANONYMOUS, 0}}
#define NAMESPACES                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)
#define READ_ONLY(argument)                                                                        \
    .count = 1, .when = {{argument, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY}}

/* The first are the hot ones: the filter asks in this order. Those without a condition cost least,
 * since a kernel from 5.11 on remembers that they are allowed. */
static const struct call calls[] = {
    /* a record's way */
    {.name = "read"},   /* from a socket, and the loop's wake-up */
    {.name = "sendto"}, /* send(): to a socket that takes it at once */
    {.name = "write"},  /* what is left of it; a line of the log; the loop's wake-up */
    {.name = "epoll_pwait", .of = WORKER | OBSERVER}, /* the loop waits */
    {.name = "epoll_wait", .of = WORKER | OBSERVER},  /* the same in older libuv */
    {.name = "epoll_ctl", .of = WORKER | OBSERVER},   /* the loop watches a socket, or no longer */
    {.name = "writev", .of = WORKER},                 /* libuv, of several buffers */
    {.name = "sendmsg"},                              /* to the supervisor */
    {.name = "recvmsg"},                              /* from it, with descriptors */

    /* a connection's life */
    {.name = "accept4", .of = WORKER | OBSERVER},
    {.name = "close"},
    {.name = "socket", .of = WORKER, SOCKET(AF_INET)}, /* towards an upstream, nothing else */
    {.name = "socket", .of = WORKER, SOCKET(AF_INET6)},
    {.name = "socket", .of = WORKER, SOCKET(AF_UNIX)},
    {.name = "connect", .of = WORKER},
    {.name = "bind", .of = WORKER}, /* source = ADDRESS, source = transparent; there is no listen */
    {.name = "getsockopt",
     .of = WORKER | OBSERVER}, /* SO_ERROR, and what libuv asks of a new handle */
    {.name = "getsockname", .of = WORKER | OBSERVER}, /* for the PROXY header, the log, and libuv */
    {.name = "shutdown", .of = WORKER | OBSERVER},    /* FIN */
    {.name = "ioctl", .of = WORKER, SECOND(FIONBIO)}, /* libuv does it to each new socket */
    {.name = "ioctl", .of = WORKER, SECOND(SIOCOUTQ)}, /* has all been acknowledged? */
    {.name = "fcntl", SECOND(F_GETFL)}, /* how was it opened? Nobody turns off O_APPEND */

    /* no other option: some reach far into the kernel (filters, upper protocols) */
    {.name = "setsockopt", .of = WORKER | OBSERVER, OPTION(IPPROTO_TCP, TCP_NODELAY)},
    {.name = "setsockopt", .of = WORKER, OPTION(SOL_SOCKET, SO_KEEPALIVE)},
    {.name = "setsockopt", .of = WORKER, OPTION(IPPROTO_TCP, TCP_KEEPIDLE)},
    {.name = "setsockopt", .of = WORKER, OPTION(IPPROTO_TCP, TCP_KEEPINTVL)},
    {.name = "setsockopt", .of = WORKER, OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT)},
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
    {.name = "openat", .of = WORKER | SIGNER | OBSERVER, .error = EACCES}, /* libc, of time zones */
    {.name = "open", .of = WORKER | SIGNER | OBSERVER, .error = EACCES},
    /* libconfuse, of a configuration that is no file: isatty() */
    {.name = "ioctl", SECOND(TCGETS), .error = ENOTTY},
    {.name = "io_uring_setup", .error = ENOSYS}, /* libuv: a ring would go round this filter */
    {.name = "io_uring_enter", .error = ENOSYS},
    {.name = "io_uring_register", .error = ENOSYS},
    /* libc names its memory where it can */
    {.name = "prctl", .of = WORKER | SIGNER | OBSERVER, .error = EPERM},

    /* An observer: libmicrohttpd */
    {.name = "recvfrom", .of = OBSERVER},
    {.name = "setsockopt", .of = OBSERVER, OPTION(IPPROTO_TCP, TCP_CORK)}, /* a head and its body */

    /* A resolver: libc and the modules of nsswitch.conf, of which nobody knows all. What is not
     * here fails with EPERM; it does not kill. */
    {.name = "openat", .of = RESOLVER, READ_ONLY(2)}, /* hosts, resolv.conf, modules */
    {.name = "open", .of = RESOLVER, READ_ONLY(1)},
    /* nobody can look into its flags */
    {.name = "openat2", .of = RESOLVER | SUPERVISOR, .error = ENOSYS},
    {.name = "stat", .of = RESOLVER}, /* has resolv.conf changed? */
    {.name = "lstat", .of = RESOLVER},
    {.name = "statx", .of = RESOLVER},
    {.name = "stat64", .of = RESOLVER},
    {.name = "lstat64", .of = RESOLVER},
    {.name = "statfs", .of = RESOLVER}, /* whether there is SELinux */
    {.name = "fstatfs", .of = RESOLVER},
    {.name = "access", .of = RESOLVER}, /* is nscd, resolved or another service there? */
    {.name = "faccessat", .of = RESOLVER},
    {.name = "faccessat2", .of = RESOLVER},
    {.name = "readlink", .of = RESOLVER},
    {.name = "readlinkat", .of = RESOLVER},
    {.name = "getdents64", .of = RESOLVER},
    {.name = "lseek", .of = RESOLVER},
    {.name = "_llseek", .of = RESOLVER},
    {.name = "pread64", .of = RESOLVER},
    {.name = "readv", .of = RESOLVER},
    /* a module's code, from a file and never to be written */
    {.name = "mmap", .of = RESOLVER, CODE_OF_FILE},
    {.name = "mmap2", .of = RESOLVER, CODE_OF_FILE},
    {.name = "socket", .of = RESOLVER, SOCKET(AF_INET)}, /* DNS, when an answer is long */
    {.name = "socket", .of = RESOLVER, SOCKET(AF_INET6)},
    {.name = "socket", .of = RESOLVER, DATAGRAM(AF_INET)}, /* DNS; which address comes first? */
    {.name = "socket", .of = RESOLVER, DATAGRAM(AF_INET6)},
    {.name = "socket", .of = RESOLVER, SOCKET(AF_UNIX)}, /* resolved, nscd, Avahi, D-Bus */
    {.name = "socket", .of = RESOLVER, DATAGRAM(AF_UNIX)},
    {.name = "socket", .of = RESOLVER, NETLINK(SOCK_RAW)}, /* which addresses are there here? */
    {.name = "socket", .of = RESOLVER, NETLINK(SOCK_DGRAM)},
    {.name = "connect", .of = RESOLVER},
    {.name = "bind", .of = RESOLVER}, /* of a netlink socket */
    {.name = "getsockname", .of = RESOLVER},
    {.name = "getpeername", .of = RESOLVER},
    {.name = "getsockopt", .of = RESOLVER},
    {.name = "setsockopt", .of = RESOLVER, OPTION(IPPROTO_IP, IP_RECVERR)},
    {.name = "setsockopt", .of = RESOLVER, OPTION(IPPROTO_IPV6, IPV6_RECVERR)},
    {.name = "setsockopt", .of = RESOLVER, OPTION(IPPROTO_IPV6, IPV6_V6ONLY)},
    {.name = "setsockopt", .of = RESOLVER, OPTION(SOL_SOCKET, SO_PASSCRED)},
    {.name = "setsockopt", .of = RESOLVER, OPTION(SOL_SOCKET, SO_SNDBUF)},
    {.name = "setsockopt", .of = RESOLVER, OPTION(SOL_SOCKET, SO_RCVBUF)},
    {.name = "setsockopt", .of = RESOLVER, OPTION(SOL_SOCKET, SO_SNDTIMEO)},
    {.name = "setsockopt", .of = RESOLVER, OPTION(SOL_SOCKET, SO_RCVTIMEO)},
    {.name = "shutdown", .of = RESOLVER},
    {.name = "recvfrom", .of = RESOLVER},
    {.name = "sendmmsg", .of = RESOLVER}, /* A and AAAA at once */
    {.name = "recvmmsg", .of = RESOLVER},
    {.name = "recvmmsg_time64", .of = RESOLVER},
    {.name = "writev", .of = RESOLVER},
    {.name = "select", .of = RESOLVER},
    {.name = "_newselect", .of = RESOLVER},
    {.name = "pselect6", .of = RESOLVER},
    {.name = "pselect6_time64", .of = RESOLVER},
    {.name = "epoll_create1", .of = RESOLVER},
    {.name = "epoll_ctl", .of = RESOLVER},
    {.name = "epoll_wait", .of = RESOLVER},
    {.name = "epoll_pwait", .of = RESOLVER},
    {.name = "ioctl", .of = RESOLVER, SECOND(FIONREAD)}, /* how long is the answer? */
    {.name = "ioctl", .of = RESOLVER, SECOND(FIONBIO)},
    {.name = "ioctl", .of = RESOLVER, SECOND(SIOCGIFINDEX)}, /* of a link-local address */
    {.name = "ioctl", .of = RESOLVER, SECOND(SIOCGIFNAME)},
    {.name = "ioctl", .of = RESOLVER, SECOND(SIOCGIFCONF)},
    {.name = "fcntl", .of = RESOLVER, SECOND(F_SETFD)}, /* not F_SETFL: its stderr may be the log */
    {.name = "fcntl", .of = RESOLVER, SECOND(F_GETFD)},
    {.name = "fcntl", .of = RESOLVER, SECOND(F_DUPFD_CLOEXEC)},
    {.name = "fcntl64", .of = RESOLVER, SECOND(F_SETFD)},
    {.name = "fcntl64", .of = RESOLVER, SECOND(F_GETFD)},
    {.name = "fcntl64", .of = RESOLVER, SECOND(F_DUPFD_CLOEXEC)},
    /* threads, and no process */
    {.name = "clone", .of = RESOLVER, .count = 1, .when = {{0, CLONE_THREAD, CLONE_THREAD}}},
    /* nobody can look into its flags */
    {.name = "clone3", .of = RESOLVER | SUPERVISOR, .error = ENOSYS},
    {.name = "set_robust_list", .of = RESOLVER},
    {.name = "rseq", .of = RESOLVER},
    {.name = "sigaltstack", .of = RESOLVER},
    {.name = "sched_yield", .of = RESOLVER},
    {.name = "nanosleep", .of = RESOLVER},
    {.name = "clock_nanosleep", .of = RESOLVER},
    {.name = "clock_nanosleep_time64", .of = RESOLVER},
    {.name = "membarrier", .of = RESOLVER},
    {.name = "getcpu", .of = RESOLVER},
    {.name = "prlimit64", .of = RESOLVER, .count = 1, .when = {{2, UINT64_MAX, 0}}}, /* to read */
    {.name = "getrlimit", .of = RESOLVER},
    {.name = "ugetrlimit", .of = RESOLVER},
    {.name = "getuid", .of = RESOLVER}, /* who asks? */
    {.name = "geteuid", .of = RESOLVER},
    {.name = "getgid", .of = RESOLVER},
    {.name = "getegid", .of = RESOLVER},
    {.name = "getresuid", .of = RESOLVER},
    {.name = "getresgid", .of = RESOLVER},
    {.name = "uname", .of = RESOLVER},

    /* The supervisor, and what the others do between their birth and their own sandbox. Landlock
     * says which files; what is not here fails with EPERM: modules of nsswitch.conf tell it who
     * `user` is. */
    {.name = "openat", .of = SUPERVISOR},
    {.name = "open", .of = SUPERVISOR},
    {.name = "mkdir", .of = SUPERVISOR}, /* fails: only at the start, for the control socket */
    {.name = "mkdirat", .of = SUPERVISOR},
    {.name = "unlink", .of = SUPERVISOR}, /* sockets */
    {.name = "unlinkat", .of = SUPERVISOR},
    {.name = "umask", .of = SUPERVISOR}, /* of a socket; there is no chmod */
    {.name = "getcwd", .of = SUPERVISOR},
    {.name = "memfd_create", .of = SUPERVISOR}, /* bundles, counters */
    {.name = "ftruncate", .of = SUPERVISOR},
    {.name = "ftruncate64", .of = SUPERVISOR},
    {.name = "fcntl", .of = SUPERVISOR},
    {.name = "fcntl64", .of = SUPERVISOR},
    {.name = "dup", .of = SUPERVISOR},
    {.name = "dup2", .of = SUPERVISOR},
    {.name = "dup3", .of = SUPERVISOR},
    {.name = "close_range", .of = SUPERVISOR},
    {.name = "inotify_init1", .of = SUPERVISOR},
    {.name = "inotify_add_watch", .of = SUPERVISOR},
    {.name = "inotify_rm_watch", .of = SUPERVISOR},
    {.name = "pipe2", .of = SUPERVISOR}, /* libuv: signals, and whether a process could start */
    {.name = "eventfd2", .of = SUPERVISOR},
    {.name = "socketpair", .of = SUPERVISOR},
    {.name = "listen", .of = SUPERVISOR},
    {.name = "setsockopt", .of = SUPERVISOR, OPTION(SOL_SOCKET, SO_REUSEADDR)},
    {.name = "setsockopt", .of = SUPERVISOR, OPTION(SOL_SOCKET, SO_REUSEPORT)},
    {.name = "setsockopt", .of = SUPERVISOR, OPTION(IPPROTO_IP, IP_FREEBIND)},
    {.name = "setsockopt", .of = SUPERVISOR, OPTION(IPPROTO_IPV6, IPV6_FREEBIND)},
    {.name = "ioctl", .of = SUPERVISOR, SECOND(FIOCLEX)}, /* libuv */
    /* a process, in no namespace of its own */
    {.name = "clone", .of = SUPERVISOR, .count = 1, .when = {{0, NAMESPACES, 0}}},
    {.name = "fork", .of = SUPERVISOR},
    {.name = "vfork", .of = SUPERVISOR},
    {.name = "execve", .of = SUPERVISOR}, /* Landlock: this binary */
    {.name = "alarm", .of = SUPERVISOR},  /* an upgrade that hangs, and why it has failed */
    {.name = "setitimer", .of = SUPERVISOR},
    {.name = "pwrite64", .of = SUPERVISOR},
    {.name = "fsync", .of = SUPERVISOR}, /* what is kept of a configuration */
    {.name = "wait4", .of = SUPERVISOR},
    {.name = "waitpid", .of = SUPERVISOR},
    {.name = "waitid", .of = SUPERVISOR},
    {.name = "kill", .of = SUPERVISOR}, /* Landlock: its own */
    {.name = "tgkill", .of = SUPERVISOR},
    {.name = "setsid", .of = SUPERVISOR},
    {.name = "getppid", .of = SUPERVISOR},
    {.name = "set_tid_address", .of = SUPERVISOR}, /* a program begins */
    {.name = "arch_prctl", .of = SUPERVISOR},
    {.name = "set_thread_area", .of = SUPERVISOR},
    {.name = "sigreturn", .of = SUPERVISOR},
    {.name = "prlimit64", .of = SUPERVISOR},
    {.name = "setrlimit", .of = SUPERVISOR},
    {.name = "prctl", .of = SUPERVISOR}, /* a name, no dumps, its own sandbox */
    {.name = "seccomp", .of = SUPERVISOR},
    {.name = "landlock_create_ruleset", .of = SUPERVISOR},
    {.name = "landlock_add_rule", .of = SUPERVISOR},
    {.name = "landlock_restrict_self", .of = SUPERVISOR},
    /* another user, for good or for a file */
    {.name = "setgroups", .of = SUPERVISOR},
    {.name = "setresgid", .of = SUPERVISOR},
    {.name = "setresuid", .of = SUPERVISOR},
    {.name = "setuid", .of = SUPERVISOR},
    {.name = "setfsgid", .of = SUPERVISOR},
    {.name = "setfsuid", .of = SUPERVISOR},
    {.name = "capget", .of = SUPERVISOR},
    {.name = "capset", .of = SUPERVISOR},
    {.name = "setgroups32", .of = SUPERVISOR},
    {.name = "setresgid32", .of = SUPERVISOR},
    {.name = "setresuid32", .of = SUPERVISOR},
    {.name = "setuid32", .of = SUPERVISOR},
    {.name = "setfsgid32", .of = SUPERVISOR},
    {.name = "setfsuid32", .of = SUPERVISOR},
    {.name = "getuid32", .of = SUPERVISOR},
    {.name = "geteuid32", .of = SUPERVISOR},
    {.name = "getgid32", .of = SUPERVISOR},
    {.name = "getegid32", .of = SUPERVISOR},
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

/* What one fails on purpose, the supervisor may do. */
static bool is_for(const struct call *c, enum sandbox_kind kind)
{
    if (kind == SANDBOX_SUPERVISOR && c->error == 0)
        return true;
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

void sandbox_refuse_rings(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL)
        return;
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup), 0) == 0)
        (void)seccomp_load(filter);
    seccomp_release(filter);
}

int filter_enter(enum sandbox_kind kind)
{
    const bool new = seccomp_api_get() >= API_KILL_PROCESS;
    const uint32_t kill = new ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_KILL_THREAD;
    const bool modules = kind == SANDBOX_RESOLVER || kind == SANDBOX_SUPERVISOR;
    return enter_or(kind, modules ? SCMP_ACT_ERRNO(EPERM) : kill);
}
