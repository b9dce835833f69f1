/* progress.h - that something takes long, for people at a terminal. */
#ifndef TLSFRONT_CONSOLE_PROGRESS_H
#define TLSFRONT_CONSOLE_PROGRESS_H

/* From now on a line on standard error tells every second what is being done, and for how long; not
 * before the first second is over, and never where standard error is no terminal. Uses SIGALRM.
 * One at a time. */
void progress_begin(const char *what);

/* The line is gone. */
void progress_end(void);

#endif
