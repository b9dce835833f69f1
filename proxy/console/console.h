/* console.h - `tlsfront status` for people at a terminal. */
#ifndef TLSFRONT_CONSOLE_CONSOLE_H
#define TLSFRONT_CONSOLE_CONSOLE_H

#include <stdbool.h>

/* Is standard output a terminal? */
bool console_present(void);

/* What the daemon at the control socket `path` tells of itself, as a table that fits the terminal.
 * Exit status. */
int console_status(const char *path);

/* The same every so many seconds, until a signal ends the process; also while there is no daemon,
 * and over its restarts. On a terminal that can, the screen is used and then left as it was;
 * elsewhere one status follows the other. Exit status, when output can no longer be written. */
int console_watch(const char *path, unsigned seconds);

#endif
