/* session_inner.h - what the files of a session share; nobody else includes it.
 *
 *   accept -> HANDSHAKE -> DIAL -> GREETING -> RELAY -> LINGER -> CLOSING -> freed
 *
 * Events of the two peers come in at session_client.c and session_upstream.c. session_enter() alone
 * changes the state and sets the timer, session_interest() alone decides who is read from, and a
 * session dies in session_free() and nowhere else, when its last handle is closed, so that a
 * callback may always return into code that still holds it.
 *
 * Back-pressure: a side is read only while nothing waits to be sent to the other, so a session
 * holds at most one read's worth of bytes each way. */
#ifndef TLSFRONT_SESSION_INNER_H
#define TLSFRONT_SESSION_INNER_H

#include "proxy/address.h"
#include "proxy/session.h"

#include <netinet/in.h>
#include <stddef.h>

enum session_state {
    SESSION_HANDSHAKE, /* client <-> tls */
    SESSION_DIAL,      /* connecting upstream; nobody is read from */
    SESSION_GREETING,  /* connected; the server has to speak first and has not */
    SESSION_RELAY,     /* both ways, or one way after the first end */
    SESSION_LINGER,    /* all is said to the client; wait for its FIN so that no reset eats it */
    SESSION_CLOSING,   /* waiting for the handles */
    SESSION_STATES
};

/* Whose fault an end was, for the log. */
enum fault { FAULT_NONE, FAULT_CLIENT, FAULT_UPSTREAM, FAULT_LOCAL };

/* Bytes that must wait: a client's, still encrypted, for their turn in the handshake; then
 * decrypted, for the upstream to be there. */
struct held {
    uint8_t *data;
    size_t size;
};

struct session {
    struct peer client, upstream;
    uv_timer_t timer;
    unsigned handles; /* not yet closed */
    enum session_state state;
    enum session_state stage; /* the furthest one, for the log */

    struct worker *worker;
    struct generation *generation;
    struct route *route;
    struct tls_conn *tls;
    struct link member;  /* of worker->sessions */
    struct link waiting; /* of worker->waiting */
    struct held held;
    struct upstream_cursor cursor;
    size_t lingered; /* bytes read and dropped in LINGER */

    uint64_t serial;
    uint64_t started, last_active; /* milliseconds of the loop's clock */
    uint64_t bytes_in, bytes_out;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } from;
    char upstream_text[ADDRESS_TEXT_MAX];
    struct client_slot slot;
    enum starttls_refusal refusal;

    bool admitted; /* in the route's count; else it hears `refusal` after the handshake */
    bool counted;  /* in `slot` */
    bool heard;    /* the client sent at least one byte */
    bool handshaken;
    bool client_ended, upstream_ended; /* close_notify, FIN */
    bool ended_by_client;              /* whose came first */
    bool logged;                       /* the end line is out */
};

#define container_of(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* ---- session.c ---- */
struct route_counters *session_counters(struct session *s);
uint64_t session_now(const struct session *s);

/* Append to `held`; false: out of memory. */
bool session_hold(struct session *s, const uint8_t *data, size_t size);
/* Hand the held bytes to the caller, who gives them to session_wipe(). */
struct held session_release(struct session *s);
void session_wipe(struct held *held);

/* Send what the TLS engine produced. False: the client is gone and the session has been ended. */
bool session_send(struct session *s, const struct tls_io *io);

/* The ends. Each logs, and returns with the session in LINGER or CLOSING. */
void session_end(struct session *s, enum fault fault, const char *how); /* orderly, close_notify */
void session_break(struct session *s, enum fault fault, const char *how); /* no more words */
void session_out_of_memory(struct session *s);
void session_tls_failed(struct session *s, const struct tls_io *io); /* with the alert */

/* Their parts. */
void session_linger(struct session *s, bool reset_upstream);
void session_close(struct session *s, bool reset_client, bool reset_upstream);
void session_handle_closed(struct session *s);

/* ---- session_state.c ---- */
void session_enter(struct session *s, enum session_state state);
void session_interest(struct session *s);
void session_arm(struct session *s); /* set the timer anew for the present state */

/* ---- session_log.c ---- */
void session_id(const struct session *s, char out[32]);
void session_log_open(struct session *s);
void session_log_end(struct session *s, enum fault fault, const char *how);
void session_log_upstream(struct session *s, const char *how);

/* ---- session_client.c ---- */
extern const struct peer_events session_client_events;
void session_refuse(struct session *s, enum starttls_refusal why);

/* ---- session_upstream.c ---- */
extern const struct peer_events session_upstream_events;
void session_dial(struct session *s);
/* This address did not serve: note it and, once its handle is closed, go to the next. */
void session_upstream_failed(struct session *s, const char *how);

/* ---- session_relay.c ---- */
/* The upstream is there and, where it has to, has spoken: let bytes flow. */
void session_relay(struct session *s);
void session_from_client(struct session *s, enum tls_status status, const struct tls_io *io);
void session_upstream_broke(struct session *s);
/* A queue has run empty: read on, or see whether that was the last of it. */
void session_drained(struct session *s);
/* Both directions have ended and everything is sent? Then the session has. */
void session_check_end(struct session *s);

#endif
