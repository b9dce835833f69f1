/* notify.h - telling the service manager how we are (sd_notify(3)'s protocol; nothing happens where
 * NOTIFY_SOCKET is not set). */
#ifndef TLSFRONT_SUPERVISOR_NOTIFY_H
#define TLSFRONT_SUPERVISOR_NOTIFY_H

#include <stdint.h>

void notify_ready(const char *status);
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *status); /* one line */

/* How often notify_alive() has to be called, in milliseconds, so that nobody thinks that we hang
 * (WatchdogSec=, of which it is the half); 0: nobody asks. */
uint64_t notify_watchdog(void);
void notify_alive(void);

#endif
