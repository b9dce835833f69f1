/* query.h - what a worker, which opens no file, asks the supervisor for: answers to ACME
 * challenges.
 *
 * Anybody who can connect can make a worker ask, so questions wait in line: few are out at a time,
 * and only so many in a second. Who asked waits too, and his session's time limit goes on. */
#ifndef TLSFRONT_SESSION_QUERY_H
#define TLSFRONT_SESSION_QUERY_H

#include "proxy/wire/challenge.h"
#include "proxy/worker/worker.h"

/* One question; all zero at first. */
struct ask {
    struct link link;
    bool waiting, sent;
    uint64_t serial;
    unsigned slot; /* of the route, the same in all generations */
    char name[CHALLENGE_NAME_MAX + 1];
    /* The answer is valid during the call, which may end the owner of the question. */
    void (*answered)(struct ask *a, enum challenge_outcome outcome, const struct challenge *answer);
};

void ask_init(struct worker *w);
void ask_close(struct worker *w);

/* `answered` is called in a later turn of the loop, or never. */
void ask_put(struct worker *w, struct ask *a);

/* The answer is not wanted any more. Nothing to do is fine. */
void ask_forget(struct worker *w, struct ask *a);

/* IPC_ANSWER has come. Wipes it. */
void ask_heard(struct worker *w, struct ipc_message *m);

#endif
