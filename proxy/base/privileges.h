/* privileges.h - who a worker may be. */
#ifndef TLSFRONT_BASE_PRIVILEGES_H
#define TLSFRONT_BASE_PRIVILEGES_H

#include "config/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct identity {
    bool drop;        /* false: stay who we are (not started as root) */
    bool transparent; /* keep CAP_NET_RAW, for `source = transparent` */
    uid_t uid;
    gid_t gid;
};

/* Whom `user` names. When we are not root there is nothing to drop and nothing to look up. -1:
 * there is no such user, or it is root. */
int privileges_resolve(const char *user, struct identity *id, struct err *e);

/* May we bind to foreign addresses, and hand that on to the workers? */
bool privileges_may_impersonate(void);

/* Become that user for good, with no way to gain anything back (no_new_privs). */
int privileges_drop(const struct identity *id, struct err *e);

/* Look at files as that user, in this thread only, until privileges_give_back(). Who is not root
 * stays who he is, and there is nothing to give back. */
void privileges_borrow(uid_t uid, gid_t gid);
void privileges_give_back(void);

/* What this process has in memory, keys among it, is for nobody: no core file, no debugger but
 * root's. A process that changes its user says it again. */
void privileges_hide_memory(void);

/* Raise the soft limit on descriptors to the hard one; returns what holds now. */
unsigned privileges_raise_files(void);

#endif
