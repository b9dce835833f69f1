/* signing.h - what a worker, which has no private key, asks its signer for: signatures.
 *
 * Requests go out in their order, few enough at a time that the socket takes them all: those of one
 * turn of the loop together, so that where the two share a CPU it does not change hands for each.
 * What a signer that died was asked is asked again of its successor; who asked waits, and his
 * session's time limit goes on. While anybody waits and there is no signer, the supervisor is asked
 * for one again and again: a socket may have been lost on its way. */
#ifndef TLSFRONT_SESSION_SIGNING_H
#define TLSFRONT_SESSION_SIGNING_H

#include "proxy/base/list.h"
#include "proxy/ipc/ipc.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct signer_channel;

struct signings {
    uv_loop_t *loop;
    int ipc;                        /* to the supervisor */
    uv_timer_t again;               /* active while there is something to be asked, and no way */
    struct signer_channel *channel; /* NULL: there is no signer now */
    struct link waiting, sent;
    unsigned out; /* requests that are not answered yet, those included that nobody waits for */
    uint64_t serial;
};

/* One request; all zero at first. */
struct signing {
    struct link link;
    bool begun;
    uint64_t serial;
    const struct tls_sign_request *request; /* lives as long as it is not forgotten */
    /* The signature is valid during the call, which may end the owner; NULL: there is none. */
    void (*answered)(struct signing *s, const struct tls_signature *signature);
};

/* `ipc` is the socket to the supervisor. */
void signings_init(struct signings *all, uv_loop_t *loop, int ipc);

/* There is a signer, or another one, behind that socket, which is ours now. */
void signings_use(struct signings *all, int fd);

/* `answered` is called in a later turn of the loop, or never. */
void signing_begin(struct signings *all, struct signing *s);

/* The answer is not wanted any more. Nothing to do is fine. */
void signing_forget(struct signing *s);

/* Closes the socket; the loop has to turn once more. Nothing is asked any more. */
void signings_close(struct signings *all);

#endif
