/* ends.h - the table of ends: one row for each way a session can end. */
#ifndef TLSFRONT_SESSION_ENDS_H
#define TLSFRONT_SESSION_ENDS_H

#include "proxy/session/core.h"

/* Our last word to the client, behind whatever a protocol says. */
enum last_word {
    WORD_NONE,     /* it is gone, or must see that something broke */
    WORD_GOODBYE,  /* close_notify, where there is TLS */
    WORD_LATE,     /* a fatal alert: the handshake took too long */
    WORD_INTERNAL, /* a fatal alert: our trouble */
    WORD_DENIED,   /* a fatal alert: it may not come in */
};

/* How the client's connection ends, once all that was sent to it is delivered. */
enum client_ending {
    CLIENT_LINGERS, /* FIN, then wait for its FIN, so that no reset eats our last words */
    CLIENT_CLOSES,  /* it is gone, or has said its last: nothing is waited for */
    CLIENT_RESET,   /* RST: it must not take what it got for all there was */
};

/* How the upstream's connection ends, once all that was sent to it is delivered. */
enum upstream_ending {
    UPSTREAM_FIN,
    UPSTREAM_RESET, /* what it got was cut short */
};

struct end_row {
    enum fault fault;
    const char *words; /* for the log: end= */
    enum last_word word;
    enum client_ending client;
    enum upstream_ending upstream;
    bool is_probe; /* if the client never spoke: a port probe or a health check, not worth a line */
};

extern const struct end_row session_ends[ENDS];

#endif
