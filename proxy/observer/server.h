/* server.h - the server: who may ask for what, and how much of us anybody can take. HTTP by
 * libmicrohttpd; on addresses of their own, haproxy's agent-check (agent.h).
 *
 * A connection has one request and one answer, ten seconds for both, and 16 KiB of memory before
 * the answer; there are 32 at a time, and when there are more the oldest goes. Nobody else's page
 * can read the answers: no name but ours is answered (host.h), and no header invites. */
#ifndef TLSFRONT_OBSERVER_SERVER_H
#define TLSFRONT_OBSERVER_SERVER_H

#include "config/err.h"
#include "proxy/base/buf.h"
#include "proxy/ipc/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

struct server;

/* An answer. */
struct server_answer {
    unsigned status;    /* of HTTP */
    const char *type;   /* Content-Type */
    const char *policy; /* Content-Security-Policy; NULL: nothing may be loaded */
    struct buf *body;
};

struct server_request {
    const char *path;    /* without what follows a question mark */
    const char *accept;  /* NULL: any */
    const char *refresh; /* the argument of that name; NULL: none */
};

struct server_events {
    /* Somebody asks. True: it can be answered now; false: later, see server_wake(). */
    bool (*wanted)(void *arg);
    /* To be answered. False: there is nothing of that path. */
    bool (*answer)(void *arg, const struct server_request *request, struct server_answer *out);
    /* What an agent-check is to be told, a line with its end. */
    const char *(*agent_line)(void *arg);
    /* What host_is_ours() is to look at. */
    const struct snapshot *(*snapshot)(void *arg);
};

/* Loads the library; before the sandbox. NULL with the reason. */
struct server *server_new(const struct server_events *events, void *arg, struct err *e);

/* Serve these sockets from now on, and no others. */
enum { SERVER_SOCKETS = 16 };
struct server_socket {
    int fd; /* taken over */
    bool is_unix, is_agent;
};
void server_listen(struct server *s, const struct server_socket *sockets, unsigned count);

/* Those who wait can be answered, or will have to do with what is known. */
void server_wake(struct server *s);

/* Wait for `fd`, for clients, or for `milliseconds` at most (-1: for ever). True: `fd` can be read,
 * and clients wait until it has been; false: they were served. */
bool server_wait(struct server *s, int fd, int milliseconds);

/* The last thing: nobody is let in any more, and those who are there are answered, as far as that
 * takes no longer than so many milliseconds. */
void server_finish(struct server *s, unsigned milliseconds);

#endif
