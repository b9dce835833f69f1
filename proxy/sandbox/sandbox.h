/* sandbox.h - what a process gives up for good, once it has all it needs.
 *
 * It is best effort: what the kernel lacks or refuses is told, not an error. A build with a
 * sanitizer has none of it, because the sanitizer's own work needs files, processes and calls. */
#ifndef TLSFRONT_SANDBOX_SANDBOX_H
#define TLSFRONT_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The highest version of Landlock's interface that we make use of. */
#define SANDBOX_LANDLOCK_ABI 6

/* What is in force. A process tells it to another, so there are only numbers in it. */
struct sandbox_state {
    uint32_t seccomp;                      /* 0 or 1 */
    uint32_t landlock;                     /* the version whose rules hold; 0: none */
    int32_t seccomp_error, landlock_error; /* errno, why not; 0: it is in force, or not asked for */
};

enum sandbox_kind {
    SANDBOX_WORKER,
    SANDBOX_SIGNER,
    SANDBOX_RESOLVER,
    SANDBOX_OBSERVER,
    SANDBOX_SUPERVISOR,
};

/* For a process that has its memory, its loop, its log and its user, and runs one thread. From here
 * on it opens no file, starts no process and no thread, sends no signal, listens nowhere, has no
 * memory that is code but what it has now, and makes only the calls that the table in filter.c has
 * for its kind. What it holds stays: files and sockets that it was given, and those that it will be
 * handed. Forbidden calls kill it (SIGSYS), or fail where libraries can do without.
 *
 * A worker accepts and connects; an observer accepts. A signer has no socket but those that it is
 * given. A resolver may start threads, connect, and read and load what lies where the system's
 * resolver keeps its files; what else it tries fails and does not kill, since nobody knows which
 * modules an operator has. */
void sandbox_enter(enum sandbox_kind kind, struct sandbox_state *state);

/* What a supervisor may make below a directory. */
enum sandbox_use {
    SANDBOX_LOGS,    /* files, which it writes */
    SANDBOX_SOCKETS, /* sockets, which it listens on and removes */
};

/* The directory, or one file that is there: a pipe or a device that is the log. */
struct sandbox_place {
    const char *path;
    enum sandbox_use use;
};

/* For the process that starts the others, before it has started any: they are born inside, and what
 * it may not do they may not do either. It reads everywhere, binds and listens, starts this binary
 * anew, and signals and traces nobody but those that come of it; it makes files in `places` alone.
 * What else it tries fails and does not kill, for the same reason as with a resolver: it asks the
 * system who a user is. */
void sandbox_enter_supervisor(const struct sandbox_place *places, size_t count,
                              struct sandbox_state *state);

/* Before the first loop, in a process that can gain no privilege any more; for all that come of it,
 * too. From 1.45 on libuv makes a ring of io_uring for each loop, whatever it is told, and ends the
 * process when a sandbox refuses that ring's calls later. Refused at once, it does without. Where
 * this cannot be had, there is no seccomp, and so nobody who refuses. */
void sandbox_refuse_rings(void);

/* Whether sandbox_enter() could have left that state; for one that came from a process that may
 * have been taken over. */
bool sandbox_plausible(const struct sandbox_state *state);

/* What is in force: "seccomp and landlock 6", "seccomp", "off". */
void sandbox_words(const struct sandbox_state *state, char *out, size_t size);

/* What was asked for and is lacking, why, and what to do; `who` is "workers run". False: nothing
 * is. */
bool sandbox_lack(const struct sandbox_state *state, const char *who, char *out, size_t size);

#endif
