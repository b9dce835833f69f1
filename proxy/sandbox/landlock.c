/* landlock.c - by raw calls: there is no library, and of its header not all is there everywhere.
 * Nothing that is handled here is allowed again, but for one port, reading for resolvers, and what
 * a supervisor starts and makes. Connecting to a Unix socket by its path is not covered by any
 * version up to 6; what later ones bring for it (and for connecting to ports) is not handled,
 * because a reload may bring new upstreams. */
#include "proxy/sandbox/layers.h"
#include "proxy/sandbox/sandbox.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the header of the oldest system that we build on does not have. */
enum {
    FS_FIRST = (1 << 13) - 1, /* 1: execute ... make_sym */
    FS_EXECUTE = 1 << 0,      /* of these */
    FS_WRITE_FILE = 1 << 1,
    FS_READ = 1 << 2 | 1 << 3, /* files, directories */
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_REG = 1 << 8,
    FS_MAKE_SOCK = 1 << 9,
    FS_REFER = 1 << 13,     /* 2 */
    FS_TRUNCATE = 1 << 14,  /* 3 */
    FS_IOCTL_DEV = 1 << 15, /* 5 */
    NET_BIND_TCP = 1 << 0,  /* 4 */
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

/* What is below `path`, or that one file. What is not there is not allowed later either. */
static int allow(int ruleset, const char *path, uint64_t what)
{
    const struct path_rule below = {.allowed = what, .directory = open(path, O_PATH | O_CLOEXEC)};
    if (below.directory < 0)
        return 0;
    const int result = (int)syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &below, 0);
    close(below.directory);
    return result;
}

/* All that lies where `path` lies, links resolved; nothing where that is the root, which would be
 * too much. */
static int allow_beside(int ruleset, const char *path, uint64_t what)
{
    char real[PATH_MAX];
    char *slash = realpath(path, real) != NULL ? strrchr(real, '/') : NULL;
    if (slash == NULL || slash == real)
        return 0;
    *slash = '\0';
    return allow(ruleset, real, what);
}

static int allow_what_a_resolver_reads(int ruleset)
{
    int result = 0;
    for (size_t i = 0; i < sizeof resolver_directories / sizeof *resolver_directories; i++)
        result |= allow(ruleset, resolver_directories[i], FS_READ);
    for (size_t i = 0; i < sizeof resolver_links / sizeof *resolver_links; i++)
        result |= allow_beside(ruleset, resolver_links[i], FS_READ);
    return result;
}

/* ---- what a supervisor executes and makes ---- */

/* Of the program that runs: what the kernel loads to load it. NULL: it needs nobody. */
static const char *interpreter(void)
{
    const ElfW(Phdr) *header = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    const unsigned long count = getauxval(AT_PHNUM);
    const char *base = NULL;
    for (unsigned long i = 0; i < count; i++) {
        if (header[i].p_type == PT_PHDR)
            base = (const char *)header - header[i].p_vaddr;
        if (header[i].p_type == PT_INTERP && base != NULL)
            return base + header[i].p_vaddr;
    }
    return NULL;
}

/* This binary, also when another lies in its place meanwhile; that other one; and the dynamic
 * loader, also when a new one is installed: so their directories. */
static int allow_execution(int ruleset)
{
    const char *loader = interpreter();
    int result = allow(ruleset, "/proc/self/exe", FS_EXECUTE);
    result |= allow_beside(ruleset, "/proc/self/exe", FS_EXECUTE);
    return result | (loader != NULL ? allow_beside(ruleset, loader, FS_EXECUTE) : 0);
}

static int allow_place(int ruleset, const struct sandbox_place *place)
{
    struct stat st;
    if (place->use == SANDBOX_SOCKETS)
        return allow(ruleset, place->path, FS_MAKE_SOCK | FS_REMOVE_FILE);
    const bool file = stat(place->path, &st) == 0 && !S_ISDIR(st.st_mode);
    return allow(ruleset, place->path, FS_WRITE_FILE | (file ? 0 : FS_MAKE_REG));
}

/* ---- all together ---- */

/* Whom the rules are for. */
struct subject {
    enum sandbox_kind kind;
    const struct sandbox_place *places;
    size_t count;
};

/* Standard input and output of who is started are /dev/null. */
static int allow_supervisor(int ruleset, const struct subject *s)
{
    int result = allow_execution(ruleset) | allow(ruleset, "/dev/null", FS_WRITE_FILE);
    for (size_t i = 0; i < s->count; i++)
        result |= allow_place(ruleset, &s->places[i]);
    return result;
}

static int add_rules(int ruleset, const struct subject *s, const struct ruleset *r)
{
    if (s->kind == SANDBOX_SUPERVISOR)
        return allow_supervisor(ruleset, s);
    return (r->net != 0 ? allow_any_port_of_the_kernel(ruleset) : 0) |
           (s->kind == SANDBOX_RESOLVER ? allow_what_a_resolver_reads(ruleset) : 0);
}

/* A reload names any file to read and any port; NOTIFY_SOCKET may be abstract. */
static struct ruleset handled_for(enum sandbox_kind kind, unsigned abi)
{
    struct ruleset r = handled_by(abi);
    if (kind != SANDBOX_SUPERVISOR)
        return r;
    r.fs &= ~(uint64_t)FS_READ;
    r.net = 0;
    r.scoped &= SCOPE_SIGNAL;
    return r;
}

/* A kernel takes a longer struct when what it does not know is zero. */
static int restrict_to(const struct subject *s, unsigned abi)
{
    const struct ruleset r = handled_for(s->kind, abi);
    const int fd = (int)syscall(SYS_landlock_create_ruleset, &r, sizeof r, 0);
    int error = 0;
    if (fd < 0)
        return errno;
    if (add_rules(fd, s, &r) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_landlock_restrict_self, fd, 0) != 0)
        error = errno;
    close(fd);
    return error;
}

static int enter(const struct subject *s, unsigned *abi)
{
    const long known =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (known < 1)
        return known < 0 ? errno : EOPNOTSUPP;
    const unsigned used = known < SANDBOX_LANDLOCK_ABI ? (unsigned)known : SANDBOX_LANDLOCK_ABI;
    const int error = restrict_to(s, used);
    if (error == 0)
        *abi = used;
    return error;
}

int landlock_enter(enum sandbox_kind kind, unsigned *abi)
{
    return enter(&(struct subject){.kind = kind}, abi);
}

int landlock_enter_supervisor(const struct sandbox_place *places, size_t count, unsigned *abi)
{
    return enter(&(struct subject){SANDBOX_SUPERVISOR, places, count}, abi);
}
