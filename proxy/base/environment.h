/* environment.h - what a process is told by the one who started it. */
#ifndef TLSFRONT_BASE_ENVIRONMENT_H
#define TLSFRONT_BASE_ENVIRONMENT_H

/* For a process that stays: nothing is left of it in memory but what a service manager says (and a
 * sanitizer wants), so that no library finds its way by it and nothing that a caller kept there is
 * to be had from us. libuv's io_uring is off: its calls would pass by a filter. */
void environment_clear(void);

#endif
