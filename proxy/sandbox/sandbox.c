#include "proxy/sandbox/sandbox.h"
#include "proxy/sandbox/layers.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#ifdef __has_feature /* clang's way to say it */
#if __has_feature(address_sanitizer) && !defined __SANITIZE_ADDRESS__
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__

void sandbox_enter(enum sandbox_kind kind, struct sandbox_state *state)
{
    (void)kind;
    *state = (struct sandbox_state){0};
}

void sandbox_enter_supervisor(const struct sandbox_place *places, size_t count,
                              struct sandbox_state *state)
{
    (void)places;
    (void)count;
    *state = (struct sandbox_state){0};
}

#else

/* Where seccomp is missing, this still keeps children away from who is not root; and files that
 * grow, from who needs threads and writes no log. */
static void forbid_growth(enum sandbox_kind kind)
{
    static const struct rlimit none = {0, 0};
    signal(SIGXFSZ, SIG_IGN); /* an error will do */
    (void)setrlimit(kind == SANDBOX_RESOLVER ? RLIMIT_FSIZE : RLIMIT_NPROC, &none);
}

static void enter_filter(enum sandbox_kind kind, struct sandbox_state *state)
{
    state->seccomp_error = filter_enter(kind);
    state->seccomp = state->seccomp_error == 0;
}

void sandbox_enter(enum sandbox_kind kind, struct sandbox_state *state)
{
    unsigned abi = 0;
    *state = (struct sandbox_state){0};
    tzset(); /* reads a file when the first line is logged */
    forbid_growth(kind);
    state->landlock_error = landlock_enter(kind, &abi);
    state->landlock = abi;
    enter_filter(kind, state);
}

void sandbox_enter_supervisor(const struct sandbox_place *places, size_t count,
                              struct sandbox_state *state)
{
    unsigned abi = 0;
    *state = (struct sandbox_state){0};
    state->landlock_error = landlock_enter_supervisor(places, count, &abi);
    state->landlock = abi;
    enter_filter(SANDBOX_SUPERVISOR, state);
}

#endif

bool sandbox_plausible(const struct sandbox_state *state)
{
    return state->seccomp <= 1 && state->landlock <= SANDBOX_LANDLOCK_ABI &&
           state->seccomp_error >= 0 && state->landlock_error >= 0 &&
           (state->seccomp == 0 || state->seccomp_error == 0) &&
           (state->landlock == 0 || state->landlock_error == 0);
}

void sandbox_words(const struct sandbox_state *state, char *out, size_t size)
{
    const char *seccomp = state->seccomp != 0 ? "seccomp" : "";
    if (state->landlock != 0)
        snprintf(out, size, "%s%slandlock %u", seccomp, *seccomp != '\0' ? " and " : "",
                 (unsigned)state->landlock);
    else
        snprintf(out, size, "%s", *seccomp != '\0' ? seccomp : "off");
}

/* What to do depends on who refuses: the kernel as it is built or started, or who started us. */
static const char *cure(int error, const char *kernel)
{
    if (error == EPERM)
        return "let the unit (SystemCallFilter=) or the container allow it";
    if (error == EOPNOTSUPP)
        return "name it in the kernel's command line (lsm=)";
    return kernel;
}

struct lack {
    const char *what;
    int error;
    const char *kernel;
};

static void add_lack(const struct lack *l, const char *who, char *out, size_t size)
{
    const size_t used = strlen(out);
    if (l->error != 0)
        snprintf(out + used, size - used, "%s%s without %s (%s): %s", used > 0 ? "; " : "", who,
                 l->what, strerror(l->error), cure(l->error, l->kernel));
}

bool sandbox_lack(const struct sandbox_state *state, const char *who, char *out, size_t size)
{
    const struct lack lacks[] = {
        {"Landlock", state->landlock_error,
         "use a kernel from 5.13 on, and a container that allows it"},
        {"a system call filter", state->seccomp_error, "use a kernel with seccomp filters"},
    };
    *out = '\0';
    for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++)
        add_lack(&lacks[i], who, out, size);
    return *out != '\0';
}
