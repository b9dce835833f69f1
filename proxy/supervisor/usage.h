/* usage.h - what a process has used of the machine, as the kernel tells everybody. */
#ifndef TLSFRONT_SUPERVISOR_USAGE_H
#define TLSFRONT_SUPERVISOR_USAGE_H

#include <stdint.h>
#include <sys/types.h>

/* -1 each: not known. */
struct usage {
    int64_t cpu_ms;           /* user and system */
    int64_t resident;         /* bytes of memory */
    int64_t files, files_max; /* descriptors; those of others than ourselves are not shown to us */
};

struct usage usage_of(pid_t pid);

#endif
