/* activation.h - listening sockets that the service manager has bound for us (sd_listen_fds(3)'s
 * protocol; nothing happens where LISTEN_FDS is not set).
 *
 * They stay the service manager's: it keeps them open when we go, so nobody who connects is turned
 * away. What a route listens on is looked for among them first (listeners.h). */
#ifndef TLSFRONT_SUPERVISOR_ACTIVATION_H
#define TLSFRONT_SUPERVISOR_ACTIVATION_H

#include "config/config.h"

struct activation_socket {
    int fd;     /* ours to duplicate; stays open */
    char *name; /* FileDescriptorName= in the socket unit, whose default is the unit's name */
    char *text; /* its address, as in struct endpoint */
};

struct activation {
    struct activation_socket *items;
    size_t count;
};

/* The first descriptor behind those that the environment names as meant for this process. */
int activation_end(void);

/* Take over what the environment names as meant for this process, and forget the variables. -1: one
 * of them is nothing to listen on; `e` says which, why, and what to do. */
int activation_take(struct activation *a, struct err *e);

/* One of them; `fd` is taken over in any case. -1: it cannot be listened on. */
int activation_add(struct activation *a, int fd, const char *name, struct err *e);

/* The socket of that address; -1: there is none. `a` may be NULL. */
int activation_find(const struct activation *a, const char *text);

/* Add findings: a warning where no route listens, an error where a socket has the name of a route
 * that does not listen there; -1 then. `a` may be NULL. */
int activation_check(const struct activation *a, const struct config *c, struct diags *d);

void activation_free(struct activation *a);

#endif
