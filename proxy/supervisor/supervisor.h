/* supervisor.h - the process that reads files, binds addresses and keeps the workers; it never
 * touches a client's byte.
 *
 * supervisor.c starts, hears signals and joins the parts, which do not know it: reload.h is the
 * transaction from one configuration to the next, workers.h keeps the processes, renewal.h minds
 * what expires and changes on disk, status.h tells how things are. ending.c takes leave, answers.c
 * speaks over the control socket, keeping.c minds what is kept for a start (supervisor_inner.h). */
#ifndef TLSFRONT_SUPERVISOR_SUPERVISOR_H
#define TLSFRONT_SUPERVISOR_SUPERVISOR_H

#include <stdbool.h>

/* `tlsfront run`: until told to stop. Exit status. */
int supervisor_run(const char *path);

/* The same, with what an image of before has left in the descriptor `state`: to rehearse, or to
 * take over; `back`: to be again what it was (docs/decisions/014-upgrade.md). */
int supervisor_take_over(const char *path, int state, bool back);

#endif
