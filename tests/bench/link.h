/* link.h - one connection of the bench's client: TCP, and TLS by OpenSSL unless it is told
 * otherwise. Non-blocking. Whatever is not as it was ordered ends the program: see die(). */
#ifndef BENCH_LINK_H
#define BENCH_LINK_H

#include "tests/bench/options.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What all connections of a run share. */
struct links {
    const struct options *options;
    SSL_CTX *ctx; /* NULL: plain TCP */
    X509 *certificate;
    SSL_SESSION *session; /* the newest one the server gave a ticket for, until links_resume() */
    bool resuming;
};

struct link {
    struct links *all;
    int fd;
    SSL *ssl;
    bool begun; /* the ClientHello is out */
    bool open;
};

void links_init(struct links *all, const struct options *o);
/* From now on every connection must resume the session that was seen last. */
void links_resume(struct links *all);

/* Begins to connect. */
void link_start(struct link *l, struct links *all);
/* Has the server answered the ClientHello? Until then the handshake goes on; not a step further. */
bool link_half_open(struct link *l);
/* True when TCP and TLS are up and are what was ordered. */
bool link_open(struct link *l);
/* Leaves without a word; the link can be started again. */
void link_drop(struct link *l);
/* Bytes moved, or -1 when there is nothing to do now. The server must not end the connection. */
ssize_t link_read(struct link *l, void *to, size_t room);
ssize_t link_write(struct link *l, const void *from, size_t len);
/* Says that we have finished: close_notify and FIN. */
void link_finish(struct link *l);
/* After link_finish(): true when the server has finished too; the link can be started again. */
bool link_closed(struct link *l);

#endif
