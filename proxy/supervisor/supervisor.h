/* supervisor.h - the process that reads files, binds addresses and keeps the workers; it never
 * touches a client's byte.
 *
 * supervisor.c starts, hears signals and ends, and joins the parts, which do not know it: reload.h
 * is the transaction from one configuration to the next, workers.h keeps the processes, renewal.h
 * minds what expires and changes on disk, status.h tells how things are. */
#ifndef TLSFRONT_SUPERVISOR_SUPERVISOR_H
#define TLSFRONT_SUPERVISOR_SUPERVISOR_H

/* `tlsfront run`: until told to stop. Exit status. */
int supervisor_run(const char *path);

#endif
