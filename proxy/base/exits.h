/* exits.h - exit statuses of the commands. */
#ifndef TLSFRONT_BASE_EXITS_H
#define TLSFRONT_BASE_EXITS_H

enum { EXIT_RUNTIME = 1, EXIT_USAGE = 2, EXIT_CONFIGURATION = 78 };

#endif
