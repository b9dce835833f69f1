/* query.h - what a worker, which opens no file, asks the supervisor for: answers to ACME
 * challenges.
 *
 * Anybody who can connect can make a worker ask, so questions wait in line: few are out at a time,
 * and only so many in a second. First come those that ask for what the supervisor has said there
 * is, with a share of both that is theirs alone, so that who invents names delays no authority; one
 * that it says while the question waits comes to the front. Beyond that, whoever has many waiting
 * lets those pass who have fewer, and where too many wait the last are told so. Who asked waits
 * too, and his session's time limit goes on. */
#ifndef TLSFRONT_SESSION_QUERY_H
#define TLSFRONT_SESSION_QUERY_H

#include "proxy/base/list.h"
#include "proxy/ipc/ipc.h"
#include "proxy/wire/challenge.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct queries {
    int ipc; /* borrowed */
    struct link waiting, sent;
    unsigned waiting_count, sent_count;
    unsigned left; /* that may be sent before the next tick */
    uint64_t serial;
    uint64_t ticks;                       /* so far */
    uint64_t known[CHALLENGES_KNOWN_MAX]; /* of what there is; it may have changed since */
    size_t known_count;
    uv_timer_t tick;
    bool closed;
};

/* One question; all zero at first. */
struct query {
    struct link link;
    bool waiting, sent;
    uint64_t serial;
    uint64_t since;  /* the tick in which it came */
    unsigned slot;   /* of the route, the same in all generations */
    uint32_t client; /* who asks: the same for all questions of an address */
    bool known;      /* there seems to be an answer */
    bool only;       /* no other of that client was there when it came */
    char name[CHALLENGE_NAME_MAX + 1];
    /* The answer is valid during the call, which may end the owner of the question. */
    void (*answered)(struct query *q, enum challenge_outcome outcome,
                     const struct challenge *answer);
};

void queries_init(struct queries *all, uv_loop_t *loop, int ipc);

/* Nothing is asked any more; query_forget() is still allowed. */
void queries_close(struct queries *all);

/* IPC_CHALLENGES has come; what waits for one of these need not any longer. False: it is none. */
bool queries_know(struct queries *all, const struct ipc_message *m);

/* `answered` is called in a later turn of the loop, or never; with CHALLENGE_CROWDED nobody was
 * asked. */
void query_send(struct queries *all, struct query *q);

/* The answer is not wanted any more. Nothing to do is fine. */
void query_forget(struct queries *all, struct query *q);

/* IPC_CHALLENGE_ANSWER has come. Wipes it. */
void queries_answered(struct queries *all, struct ipc_message *m);

#endif
