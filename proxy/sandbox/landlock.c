/* landlock.c - by raw calls: there is no library, and of its header not all is there everywhere.
 * Nothing that is handled here is allowed again, but for one port, and reading for resolvers.
 * Connecting to a Unix socket by
 * its path is not covered by any version up to 6; what later ones bring for it (and for connecting
 * to ports) is not handled, because a reload may bring new upstreams. */
#include "proxy/sandbox/layers.h"
#include "proxy/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the header of the oldest system that we build on does not have. */
enum {
    FS_FIRST = (1 << 13) - 1,  /* 1: execute ... make_sym */
    FS_READ = 1 << 2 | 1 << 3, /* of these: files, directories */
    FS_REFER = 1 << 13,        /* 2 */
    FS_TRUNCATE = 1 << 14,     /* 3 */
    FS_IOCTL_DEV = 1 << 15,    /* 5 */
    NET_BIND_TCP = 1 << 0,     /* 4 */
    SCOPE_ABSTRACT_UNIX = 1 << 0,
    SCOPE_SIGNAL = 1 << 1, /* 6 */
    RULE_PATH_BENEATH = 1,
    RULE_NET_PORT = 2,
};

struct ruleset {
    uint64_t fs, net, scoped;
};

struct path_rule {
    uint64_t allowed;
    int32_t directory;
} __attribute__((packed));

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

/* ---- where the system's resolver keeps its files ---- */

/* Its configuration and tables; sockets and state of the services that answer for it; its modules;
 * what is made of names by some of these. */
static const char *const resolver_directories[] = {
    "/etc",
    "/run",
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/var/cache/nscd",
    "/var/db/nscd",
    "/var/lib/sss",
    "/var/lib/libvirt/dnsmasq",
};

/* These are often links to somewhere else; whoever makes them anew makes them there. */
static const char *const resolver_links[] = {"/etc/resolv.conf", "/etc/hosts",
                                             "/etc/nsswitch.conf"};

/* What is not there cannot be read later either. */
static int allow_reading(int ruleset, const char *directory)
{
    const struct path_rule below = {.allowed = FS_READ,
                                    .directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (below.directory < 0)
        return 0;
    const int result = (int)syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &below, 0);
    close(below.directory);
    return result;
}

static int allow_reading_beside(int ruleset, const char *link)
{
    char path[PATH_MAX];
    char *slash = realpath(link, path) != NULL ? strrchr(path, '/') : NULL;
    if (slash == NULL || slash == path)
        return 0; /* all that there is would be too much */
    *slash = '\0';
    return allow_reading(ruleset, path);
}

static int allow_what_a_resolver_reads(int ruleset)
{
    int result = 0;
    for (size_t i = 0; i < sizeof resolver_directories / sizeof *resolver_directories; i++)
        result |= allow_reading(ruleset, resolver_directories[i]);
    for (size_t i = 0; i < sizeof resolver_links / sizeof *resolver_links; i++)
        result |= allow_reading_beside(ruleset, resolver_links[i]);
    return result;
}

/* A kernel takes a longer struct when what it does not know is zero. */
static int restrict_to(enum sandbox_kind kind, unsigned abi)
{
    const struct ruleset r = handled_by(abi);
    const int fd = (int)syscall(SYS_landlock_create_ruleset, &r, sizeof r, 0);
    int error = 0;
    if (fd < 0)
        return errno;
    if ((r.net != 0 && allow_any_port_of_the_kernel(fd) != 0) ||
        (kind == SANDBOX_RESOLVER && allow_what_a_resolver_reads(fd) != 0) ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_landlock_restrict_self, fd, 0) != 0)
        error = errno;
    close(fd);
    return error;
}

int landlock_enter(enum sandbox_kind kind, unsigned *abi)
{
    const long known =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (known < 1)
        return known < 0 ? errno : EOPNOTSUPP;
    const unsigned used = known < SANDBOX_LANDLOCK_ABI ? (unsigned)known : SANDBOX_LANDLOCK_ABI;
    const int error = restrict_to(kind, used);
    if (error == 0)
        *abi = used;
    return error;
}
