#include "proxy/base/privileges.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int privileges_resolve(const char *user, struct identity *id, struct err *e)
{
    *id = (struct identity){.drop = geteuid() == 0};
    if (!id->drop)
        return 0;

    errno = 0;
    const struct passwd *pw = getpwnam(user);
    if (pw == NULL)
        return err_set(e, "there is no user \"%s\" for the workers to run as%s%s", user,
                       errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
    if (pw->pw_uid == 0)
        return err_set(e, "user \"%s\" is root; workers must not be", user);
    id->uid = pw->pw_uid;
    id->gid = pw->pw_gid;
    return 0;
}

bool privileges_may_impersonate(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capget, &header, data) == 0 &&
           (data[0].permitted & (1U << CAP_NET_RAW)) != 0;
}

/* Nothing but what binding to a foreign address needs (ip(7), IP_TRANSPARENT). */
static int keep_net_raw(struct err *e)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    data[0].permitted = data[0].effective = 1U << CAP_NET_RAW;
    if (syscall(SYS_capset, &header, data) != 0)
        return err_set(e, "cannot keep CAP_NET_RAW for source = transparent: %s", strerror(errno));
    return 0;
}

int privileges_drop(const struct identity *id, struct err *e)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_set(e, "cannot set no_new_privs: %s", strerror(errno));
    if (!id->drop)
        return 0;
    if (id->transparent && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
        return err_set(e, "cannot keep capabilities: %s", strerror(errno));
    if (setgroups(0, NULL) != 0 || setresgid(id->gid, id->gid, id->gid) != 0 ||
        setresuid(id->uid, id->uid, id->uid) != 0)
        return err_set(e, "cannot become uid %u: %s", (unsigned)id->uid, strerror(errno));
    if (setuid(0) == 0)
        return err_set(e, "privileges could be regained after dropping them");
    return id->transparent ? keep_net_raw(e) : 0;
}

/* Ports below 1024; becoming the workers' user; ending a stuck worker; keys of another owner. The
 * last two are there where an operator has given them, for sockets and logs in directories of
 * others and for `source = transparent`. */
static const unsigned kept[] = {CAP_NET_BIND_SERVICE, CAP_SETUID,       CAP_SETGID, CAP_KILL,
                                CAP_DAC_READ_SEARCH,  CAP_DAC_OVERRIDE, CAP_NET_RAW};

static uint64_t mask_of_kept(void)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        mask |= UINT64_C(1) << kept[i];
    return mask;
}

/* So that a program that is started does not have them either; only possible with CAP_SETPCAP, and
 * without it somebody has taken care of that already. */
static void bound_by(uint64_t mask)
{
    for (unsigned long c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
        if ((mask >> c & 1) == 0)
            (void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
}

void privileges_shed(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    const uint64_t mask = mask_of_kept();
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_capget, &header, data) != 0)
        return;
    bound_by(mask);
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        const uint32_t part = (uint32_t)(mask >> 32 * i);
        data[i].permitted &= part;
        data[i].effective &= part;
        data[i].inheritable &= part;
    }
    (void)syscall(SYS_capset, &header, data);
}

void privileges_borrow(uid_t uid, gid_t gid)
{
    if (geteuid() != 0)
        return;
    setfsgid(gid);
    setfsuid(uid); /* last: it takes the capabilities that concern files along */
}

void privileges_give_back(void)
{
    if (geteuid() != 0)
        return;
    setfsuid(0);
    setfsgid(getegid());
}

void privileges_hide_memory(void)
{
    static const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* whose leak check looks into the process from outside */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

unsigned privileges_raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    /* A hard limit of "infinity" still ends at fs.nr_open; ask for no more than a million. */
    rlim_t most =
        limit.rlim_max == RLIM_INFINITY || limit.rlim_max > 1048576 ? 1048576 : limit.rlim_max;
    if (limit.rlim_cur < most) {
        struct rlimit raised = {.rlim_cur = most, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit.rlim_cur = most;
    }
    return limit.rlim_cur > UINT_MAX ? UINT_MAX : (unsigned)limit.rlim_cur;
}
