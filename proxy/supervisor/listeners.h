/* listeners.h - the supervisor's listening sockets.
 *
 * For each address of the routing table there is one SO_REUSEPORT socket per worker (unix sockets,
 * which know no SO_REUSEPORT, are one for all, and so is what the service manager has bound). They
 * stay open here whatever happens to a worker,
 * and an address that a new configuration still has keeps its sockets: no queued connection is
 * lost. */
#ifndef TLSFRONT_SUPERVISOR_LISTENERS_H
#define TLSFRONT_SUPERVISOR_LISTENERS_H

#include "config/config.h"
#include "proxy/base/socket.h"
#include "proxy/ipc/handover.h"
#include "proxy/supervisor/activation.h"

#include <stdbool.h>
#include <stddef.h>

/* What a route wants of the sockets that it listens on. */
struct listen_options {
    bool freebind;             /* the address need not be there yet */
    unsigned tcp_user_timeout; /* milliseconds; see socket_user_timeout() */
};

/* One address and its sockets. */
struct listen_address {
    char *text; /* canonical, as in struct endpoint */
    int *sockets;
    size_t count;
    size_t committed; /* of these; the others are bound for a configuration not yet committed */
    size_t listening; /* of the committed; the others are deaf */
    int deaf;         /* errno of the last listen(), where some are */
    bool is_unix;
    bool given;                     /* by the service manager, whose it stays */
    struct socket_file file;        /* of a unix socket */
    bool wanted;                    /* by the configuration that was prepared last */
    bool wanted_agent;              /* by that one, in observe-agent */
    bool agent;                     /* the same by the one in service */
    struct listen_options options;  /* of the configuration that was prepared last */
    struct listen_options in_force; /* on the first `tuned` sockets */
    size_t tuned;
};

struct listeners {
    struct listen_address *items;
    size_t count;
    const struct activation *given; /* what need not be bound; NULL: nothing */
    unsigned looks;                 /* that may yet be taken at addresses that are in use */
    const struct listeners *others; /* of the same daemon, for something else; NULL: none */
};

/* Is one socket for all workers? */
bool listeners_shared(const struct listen_address *a);

/* Bind what `c` wants and we do not have, `workers` sockets each; add sockets where the number of
 * workers has grown. Nobody can connect to them yet. -1: an address cannot be had; what was bound
 * is given back, and the finding, with the route's place in the configuration, is in `d`. */
int listeners_prepare(struct listeners *l, const struct config *c, unsigned workers,
                      struct diags *d);

/* The same for the addresses of `observe` and `observe-agent`, one socket each. A struct listeners
 * has those of routes or these. */
int listeners_prepare_observe(struct listeners *l, const struct config *c, struct diags *d);

/* Listen on what listeners_prepare() bound, close what its configuration does not want. There is no
 * way back, and between bind() and listen() another process may have been quicker: that address
 * stays deaf until listeners_listen() does better. */
void listeners_commit(struct listeners *l);

/* Tell in `d` what of `c`, which was committed, is deaf. */
void listeners_tell_deaf(const struct listeners *l, const struct config *c, struct diags *d);

bool listeners_deaf(const struct listeners *l);

/* Listen on all that is committed of one address. */
bool listeners_listen(struct listen_address *a);

/* Close what listeners_prepare() bound. */
void listeners_abort(struct listeners *l);

/* An image before us has listened there, with these sockets, which are ours from now on; all else
 * is copied. -1: out of memory. */
int listeners_adopt(struct listeners *l, const struct handover_address *from);

const struct listen_address *listeners_find(const struct listeners *l, const char *text);

void listeners_close(struct listeners *l);

#endif
