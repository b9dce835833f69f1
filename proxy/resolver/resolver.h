/* resolver.h - the process that asks the system's resolver for the addresses of names.
 *
 * getaddrinfo(3) loads modules, parses what name servers send, and waits as long as they like. So
 * it runs here, as the workers' user, without capabilities, keys or clients; what leaves are
 * addresses and nothing else.
 *
 * There is a thread for each question, RESOLVE_AT_ONCE at most, and one that listens: names whose
 * servers are dead wait by themselves, the others and PING have their answer meanwhile. A pool
 * would have to be as large to be as good, and a process for each question would load the modules
 * anew each time. */
#ifndef TLSFRONT_RESOLVER_RESOLVER_H
#define TLSFRONT_RESOLVER_RESOLVER_H

/* The `resolver` command: run until the supervisor is gone. Exit status. */
int resolver_run(void);

#endif
