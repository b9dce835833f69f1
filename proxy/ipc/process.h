/* process.h - how a process begins that the supervisor has started. */
#ifndef TLSFRONT_IPC_PROCESS_H
#define TLSFRONT_IPC_PROCESS_H

#include <stdbool.h>

/* The descriptor that the supervisor leaves open for it, beside the standard streams: its end of
 * the socket pair. */
enum { PROCESS_IPC = 3 };

/* Before all else: nothing else is inherited, nothing of it can be looked into, and the signals of
 * terminals and service managers, which go to the whole group, are the supervisor's business.
 * False: there is no socket pair; it was called by hand. */
bool process_begin(void);

#endif
