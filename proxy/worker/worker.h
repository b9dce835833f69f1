/* worker.h - the process that carries the clients' bytes: one loop, one thread, no files. */
#ifndef TLSFRONT_WORKER_WORKER_H
#define TLSFRONT_WORKER_WORKER_H

/* The `worker` command: run until the supervisor says stop or is gone. Exit status. */
int worker_run(unsigned index);

#endif
