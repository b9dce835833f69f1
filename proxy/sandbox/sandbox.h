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

enum sandbox_kind { SANDBOX_WORKER, SANDBOX_SIGNER, SANDBOX_RESOLVER };

/* For a process that has its memory, its loop, its log and its user, and runs one thread. From here
 * on it opens no file, starts no process and no thread, sends no signal, listens nowhere, has no
 * memory that is code but what it has now, and makes only the calls that the table in filter.c has
 * for its kind. What it holds stays: files and sockets that it was given, and those that it will be
 * handed. Forbidden calls kill it (SIGSYS), or fail where libraries can do without.
 *
 * A worker accepts and connects. A signer has no socket but those that it is given. A resolver may
 * start threads, connect, and read and load what lies where the system's resolver keeps its files;
 * what else it tries fails and does not kill, since nobody knows which modules an operator has. */
void sandbox_enter(enum sandbox_kind kind, struct sandbox_state *state);

/* Whether sandbox_enter() could have left that state; for one that came from a process that may
 * have been taken over. */
bool sandbox_plausible(const struct sandbox_state *state);

/* What is in force: "seccomp and landlock 6", "seccomp", "off". */
void sandbox_words(const struct sandbox_state *state, char *out, size_t size);

/* What was asked for and is lacking, why, and what to do; "workers" run without it. False: nothing
 * is. */
bool sandbox_lack(const struct sandbox_state *state, const char *workers, char *out, size_t size);

#endif
