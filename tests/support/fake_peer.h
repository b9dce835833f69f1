/* fake_peer.h - proxy/session/peer.h without sockets: what a session does with its two peers is
 * written down, and what they do to it is said by the test. Linked in place of peer.c. */
#ifndef TLSFRONT_TESTS_SUPPORT_FAKE_PEER_H
#define TLSFRONT_TESTS_SUPPORT_FAKE_PEER_H

#include "proxy/session/peer.h"

enum fake_side { FAKE_CLIENT, FAKE_UPSTREAM };

/* How a connection was left. */
enum fake_ending { FAKE_OPEN, FAKE_FIN, FAKE_CLOSED, FAKE_RESET };

struct fake_peer {
    struct peer *peer; /* NULL: not opened, or closed */
    uint8_t sent[65536];
    size_t sent_size;
    enum fake_ending ending;
    unsigned connects, acknowledged;

    /* What the test decides. */
    int refuses;        /* a uv error for the next open or connect; 0: none */
    bool here;          /* it is connected at once */
    int breaks;         /* a uv error for every send; 0: none */
    bool stuck;         /* the kernel takes nothing: what is sent is queued */
    size_t undelivered; /* bytes that the kernel holds */
};

/* The client's, which is opened, and the upstream's, which is connected to. */
extern struct fake_peer fake_peers[2];

/* Forget everything. */
void fake_reset(void);

/* What was queued is sent, and the session told. */
void fake_drain(struct fake_peer *f);

/* The last turn of a closing peer. Nothing to do is fine. */
void fake_finish_closing(struct fake_peer *f);

#endif
