/* landlock.c - by raw calls: there is no library, and of its header not all is there everywhere.
 * Nothing that is handled here is allowed again, but for one port. Connecting to a Unix socket by
 * its path is not covered by any version up to 6; what later ones bring for it (and for connecting
 * to ports) is not handled, because a reload may bring new upstreams. */
#include "proxy/sandbox/layers.h"
#include "proxy/sandbox/sandbox.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the header of the oldest system that we build on does not have. */
enum {
    FS_FIRST = (1 << 13) - 1, /* 1: execute ... make_sym */
    FS_REFER = 1 << 13,       /* 2 */
    FS_TRUNCATE = 1 << 14,    /* 3 */
    FS_IOCTL_DEV = 1 << 15,   /* 5 */
    NET_BIND_TCP = 1 << 0,    /* 4 */
    SCOPE_ABSTRACT_UNIX = 1 << 0,
    SCOPE_SIGNAL = 1 << 1, /* 6 */
    RULE_NET_PORT = 2,
};

struct ruleset {
    uint64_t fs, net, scoped;
};

struct port_rule {
    uint64_t allowed, port;
};

/* What is handled, by the version that brought it. */
static const struct {
    unsigned since;
    struct ruleset adds;
} versions[] = {
    {1, {.fs = FS_FIRST}},     {2, {.fs = FS_REFER}},
    {3, {.fs = FS_TRUNCATE}},  {4, {.net = NET_BIND_TCP}},
    {5, {.fs = FS_IOCTL_DEV}}, {6, {.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL}},
};

static struct ruleset handled_by(unsigned abi)
{
    struct ruleset r = {0};
    for (unsigned i = 0; i < sizeof versions / sizeof *versions; i++)
        if (versions[i].since <= abi) {
            r.fs |= versions[i].adds.fs;
            r.net |= versions[i].adds.net;
            r.scoped |= versions[i].adds.scoped;
        }
    return r;
}

/* An upstream connection may have an address to come from (`source`), with a port of the kernel's
 * choice; that is to bind port 0. */
static int allow_any_port_of_the_kernel(int fd)
{
    const struct port_rule zero = {.allowed = NET_BIND_TCP, .port = 0};
    return (int)syscall(SYS_landlock_add_rule, fd, RULE_NET_PORT, &zero, 0);
}

/* A kernel takes a longer struct when what it does not know is zero. */
static int restrict_to(unsigned abi)
{
    const struct ruleset r = handled_by(abi);
    const int fd = (int)syscall(SYS_landlock_create_ruleset, &r, sizeof r, 0);
    int error = 0;
    if (fd < 0)
        return errno;
    if ((r.net != 0 && allow_any_port_of_the_kernel(fd) != 0) ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_landlock_restrict_self, fd, 0) != 0)
        error = errno;
    close(fd);
    return error;
}

int landlock_enter(unsigned *abi)
{
    const long known =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (known < 1)
        return known < 0 ? errno : EOPNOTSUPP;
    const unsigned used = known < SANDBOX_LANDLOCK_ABI ? (unsigned)known : SANDBOX_LANDLOCK_ABI;
    const int error = restrict_to(used);
    if (error == 0)
        *abi = used;
    return error;
}
