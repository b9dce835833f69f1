/* exits.h - exit statuses of the commands. */
#ifndef TLSFRONT_BASE_EXITS_H
#define TLSFRONT_BASE_EXITS_H

enum {
    EXIT_RUNTIME = 1,
    EXIT_USAGE = 2,
    EXIT_UNAVAILABLE = 69,   /* EX_UNAVAILABLE of sysexits.h: no daemon to ask for its readiness */
    EXIT_CONFIGURATION = 78, /* EX_CONFIG */
};

/* The same for help. */
#define EXITS_HELP "Exit status: 0 done, 1 failed, 2 wrong usage, 78 the configuration is wrong.\n"

#endif
