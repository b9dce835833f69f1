/* signers.h - the supervisor's signers: one for each worker, where `key-isolation` is on.
 *
 * A signer has the keys of a generation before a worker is asked to run it, and outlives its
 * worker. Each pair of them has a socket of its own; when either is another process, it is another
 * socket.
 */
#ifndef TLSFRONT_SUPERVISOR_SIGNERS_H
#define TLSFRONT_SUPERVISOR_SIGNERS_H

#include "proxy/base/privileges.h"
#include "proxy/supervisor/child.h"
#include "proxy/supervisor/release.h"

struct signers;

struct signer {
    struct child child;
    struct signers *all;
};

struct signers_events {
    void (*started)(void *arg, unsigned index);  /* its worker can be connected with it */
    void (*betrayed)(void *arg, unsigned index); /* its worker says what no worker says */
};

struct signers {
    uv_loop_t *loop;
    struct log *log;
    const struct signers_events *events;
    void *arg;
    /* Borrowed: what the workers run and are about to. */
    const struct release *current, *next;
    const struct identity *identity; /* the workers' */

    struct signer *items[WORKERS_MAX]; /* allocated once, when first needed */
    unsigned count;                    /* ever used */
    struct children children;
};

/* Before all else. */
void signers_init(struct signers *ss);

/* Have as many signers as the next release wants, and give all its keys. */
void signers_prepare(struct signers *ss);

/* The next release is the current one by now. */
void signers_commit(struct signers *ss);

/* There will be no generation `number`; those that were started for it alone stay. */
void signers_abort(struct signers *ss, uint32_t number);

/* A new socket between a signer and its worker; the worker's end, which the caller closes. -1:
 * there is no such signer now. */
int signers_connect(struct signers *ss, unsigned index);

/* Nobody asks that one any more. Nothing to do is fine. */
void signers_dismiss(struct signers *ss, unsigned index);

void signers_send_log(struct signers *ss);

/* For good; signers_free() after the loop has run empty. */
void signers_close(struct signers *ss);
void signers_free(struct signers *ss);

#endif
