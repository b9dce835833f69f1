/* process.h - how a process begins that the supervisor has started. */
#ifndef TLSFRONT_IPC_PROCESS_H
#define TLSFRONT_IPC_PROCESS_H

#include "proxy/base/log.h"
#include "proxy/base/privileges.h"
#include "proxy/ipc/ipc.h"
#include "proxy/sandbox/sandbox.h"

#include <stdbool.h>

/* The descriptor that the supervisor leaves open for it, beside the standard streams: its end of
 * the socket pair. */
enum { PROCESS_IPC = 3 };

/* Before all else: nothing else is inherited, nothing of it can be looked into, and the signals of
 * terminals and service managers, which go to the whole group, are the supervisor's business.
 * False: there is no socket pair; it was called by hand. */
bool process_begin(void);

/* IPC_HELLO, to one of which nothing is asked but to be that user, and confined. */
void process_put_hello(struct ipc_message *m, const struct identity *id);

/* Say it to the supervisor, and wait for as long as there is no room for it. -1 with errno. */
int process_say(const struct ipc_message *m);

/* IPC_LOG: log there. Without room for the descriptor it goes on where it was, and says so. False:
 * that is no such order. */
bool process_take_log(struct log *l, struct ipc_message *m);

/* The last thing before there is anything of strangers in it: become who it is told to be, enter
 * the sandbox if that is wanted, and tell the supervisor what is in force. -1 with the reason. */
int process_confine(const struct ipc_hello *hello, enum sandbox_kind kind, struct err *e);

#endif
