/* observer.h - the process that shows how the daemon is, over HTTP: metrics, a page, readiness.
 *
 * It runs as the workers' user, without keys, files or a network of its own, reads the workers'
 * counters where they lie, and is told the rest by the supervisor (ipc/snapshot.h), which it asks
 * when somebody asks it. What clients send is read by libmicrohttpd, here and nowhere else. */
#ifndef TLSFRONT_OBSERVER_OBSERVER_H
#define TLSFRONT_OBSERVER_OBSERVER_H

/* The `observer` command: run until the supervisor is gone. Exit status. */
int observer_run(void);

#endif
