/* core.h - what the files of a session share; nobody else includes it.
 *
 *   implicit:  accept -> HANDSHAKE -> DIAL -> GREETING -> RELAY -> LINGER -> CLOSING -> freed
 *   required:  accept -> PREAMBLE -> HANDSHAKE -> ... as above
 *   optional:  accept -> DIAL -> GREETING -> RELAY (in clear) [-> HANDSHAKE -> ... as above]
 *   acme:      accept -> REQUEST | HANDSHAKE -> ASK -> ...   (session_acme.c)
 *
 * Each begins with ANNOUNCE where a trusted balancer connects. While a session has a `talk`
 * (proxy/starttls/), what either side says goes through its module, in session_talk.c; without one
 * it passes as it is.
 *
 * Events of the two peers come in at session_client.c and session_upstream.c. session_enter() alone
 * changes the state and sets the timer, session_interest() alone decides who is read from, and a
 * session dies in session_free() and nowhere else, when its last handle is closed, so that a
 * callback may always return into code that still holds it.
 *
 * Back-pressure: a side is read only while nothing waits to be sent to the other, so a session
 * holds at most one read's worth of bytes each way. */
#ifndef TLSFRONT_SESSION_CORE_H
#define TLSFRONT_SESSION_CORE_H

#include "proxy/base/address.h"
#include "proxy/session/peer.h"
#include "proxy/session/session.h"

#include <netinet/in.h>
#include <stddef.h>

enum { SESSION_ID_MAX = 32 };

enum session_state {
    SESSION_ANNOUNCE,  /* a trusted balancer's PROXY header comes first */
    SESSION_PREAMBLE,  /* in clear, without an upstream: client <-> module */
    SESSION_REQUEST,   /* acme, in clear: the head of a request */
    SESSION_HANDSHAKE, /* client <-> tls */
    SESSION_ASK,       /* acme: the supervisor looks for the answer; nobody is read from */
    SESSION_DIAL,      /* connecting upstream; nobody is read from */
    SESSION_GREETING,  /* connected; the server has to speak first, and another can take its place
                        * until its module has a greeting to deal with */
    SESSION_RELAY,     /* both ways, or one way after the first end; on TLS or in clear */
    SESSION_LINGER,    /* all is said to the client; wait for its FIN so that no reset eats it */
    SESSION_CLOSING,   /* waiting for the handles */
    SESSION_STATES
};

/* Whose fault an end was, for the log. */
enum fault { FAULT_NONE, FAULT_CLIENT, FAULT_UPSTREAM, FAULT_LOCAL };

/* A dialogue under way, with what its module has not consumed yet. */
struct session_talk {
    struct talk talk;
    const struct starttls *module;
    struct buf carry[2]; /* by enum side */
    char id[SESSION_ID_MAX], address[ADDRESS_TEXT_MAX];
};
enum side { CLIENT, UPSTREAM };

/* Bytes that must wait: a client's, still encrypted, for their turn in the handshake; then
 * decrypted, for the upstream to be there. */
struct held {
    uint8_t *data;
    size_t size;
};

/* An internet address, or only a family. */
union session_address {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

struct session {
    struct peer client, upstream;
    uv_timer_t timer;
    unsigned handles; /* not yet closed */
    enum session_state state;
    enum session_state stage; /* the furthest one, for the log */

    struct sessions *all;
    struct generation *generation;
    struct route *route;
    struct tls_conn *tls;      /* NULL: in clear so far */
    struct session_talk *talk; /* NULL: nothing to watch */
    struct session_acme *acme; /* NULL: nothing was asked for */
    struct link member;        /* of all->members */
    struct link waiting;       /* of all->turns */
    struct held held;
    struct upstream_cursor cursor;
    size_t lingered; /* bytes read and dropped behind the client's end, or in LINGER */

    uint64_t serial;
    uint64_t started, last_active; /* milliseconds of the loop's clock */
    uint64_t bytes_in, bytes_out;
    union session_address from; /* the client */
    union session_address
        local; /* where it connected to, as a PROXY header said; AF_UNSPEC: none */
    union session_address upstream_to; /* tried last; AF_UNSPEC: none, or upstream_path */
    const char *upstream_path;         /* "unix:/path", of the configuration */
    struct admission admission;

    bool heard; /* the client sent at least one byte */
    bool handshaken;
    bool client_ended, upstream_ended; /* close_notify, FIN */
    bool ended_by_client;              /* whose came first */
    bool upgrading;                    /* TLS begins when the reply to the upgrade is out */
    bool upgraded;                     /* TLS began by STARTTLS */
    bool opened;                       /* the open line is out */
    bool logged;                       /* the end line is out */
};

/* ---- session.c ---- */
union session_address session_address(const struct sockaddr_storage *from);
struct route_counters *session_counters(struct session *s);
uint64_t session_now(const struct session *s);

/* Append to `held`; false: out of memory. */
bool session_hold(struct session *s, const uint8_t *data, size_t size);
/* Hand the held bytes to the caller, who gives them to session_wipe(). */
struct held session_release(struct session *s);
void session_wipe(struct held *held);

/* Send what the TLS engine produced. `last`: our FIN follows. False: the client is gone and the
 * session has been ended. */
bool session_send(struct session *s, const struct tls_io *io, bool last);
/* Send plaintext, through TLS where there is TLS. data[size] has to exist, as for tls_conn_send();
 * a peer's data and a struct buf see to it. False: the session has been ended. */
bool session_to_client(struct session *s, uint8_t *data, size_t size);
/* The client gets no more: close_notify and FIN. False: the session has been ended. */
bool session_finish_client(struct session *s);
/* Send plaintext to the upstream. False: the session has been ended. */
bool session_to_upstream(struct session *s, const uint8_t *data, size_t size);

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
void session_id(const struct session *s, char out[SESSION_ID_MAX]);
void session_tls_info(const struct session *s, struct tls_info *tls); /* all NULL without TLS */
void session_log_open(struct session *s);
void session_log_end(struct session *s, enum fault fault, const char *how);
void session_log_upstream(struct session *s, const char *event, const char *how);

void session_log_challenge(struct session *s, const char *type, const char *name,
                           const char *outcome);

/* ---- session_client.c ---- */
extern const struct peer_events session_client_events;
/* Begin TLS, now or, when its turn has not come, when that of the reply before has. */
void session_secure(struct session *s);
/* The first state after accept. */
void session_begin(struct session *s);
void session_refuse(struct session *s, enum starttls_refusal why);
/* Go on with a handshake that waited for its turn. */
void session_handshake_turn(struct link *waiting);
/* The TLS engine has done something in the handshake. */
void session_handshake_step(struct session *s, enum tls_status status, const struct tls_io *io);

/* ---- session_acme.c ---- */
void session_acme_begin(struct session *s);
void session_acme_request(struct session *s, const uint8_t *data, size_t size); /* in REQUEST */
/* Does the handshake wait for a certificate? It is asked for, or the session has ended. */
bool session_acme_wanted(struct session *s);
void session_acme_timeout(struct session *s); /* in REQUEST and ASK */
void session_acme_forget(struct session *s);  /* no answer is wanted any more */
void session_acme_free(struct session *s);

/* ---- session_upstream.c ---- */
extern const struct peer_events session_upstream_events;
void session_dial(struct session *s);
/* It is there and, where it has to speak first, has greeted. */
void session_upstream_ready(struct session *s);
/* This address did not serve: note it and, once its handle is closed, go to the next. */
void session_upstream_failed(struct session *s, const char *how);

/* ---- session_talk.c ---- */
/* Begin a dialogue in that mode, where the protocol has one. False: the session has been ended. */
bool session_talk_begin(struct session *s, enum talk_mode mode);
/* Something was said; false: the session has been ended or is turning to TLS. */
bool session_talk_said(struct session *s, enum side side, const uint8_t *data, size_t size);
bool session_talk_holds(const struct session *s, enum side side); /* unconsumed bytes? */
/* Is what the client left the beginning of a unit that it will never end? */
bool session_talk_cut_short(const struct session *s);
bool session_talk_full(const struct session *s, enum side side); /* as many as are kept? */
void session_talk_free(struct session *s);

/* ---- session_relay.c ---- */
/* Let bytes flow; then those of the client that had to wait. */
void session_relay(struct session *s);
void session_relay_held(struct session *s);
void session_from_client(struct session *s, enum tls_status status, const struct tls_io *io);
void session_from_client_in_clear(struct session *s, const uint8_t *data, size_t size);
/* The client will say no more: close_notify, or FIN in clear. */
void session_client_finished(struct session *s);
/* What both sides' ends and the dialogue allow: FIN to the upstream, or the end of the session. */
void session_check_ends(struct session *s);
void session_upstream_broke(struct session *s);
/* A queue has run empty: read on, or see whether that was the last of it. */
void session_drained(struct session *s);

#endif
