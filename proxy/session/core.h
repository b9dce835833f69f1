/* core.h - what the files of a session share; nobody else includes it.
 *
 * A session is one table: a row per state, in session.c. Events of the two peers, the timer, the
 * turns and the supervisor's answers come in at state.c, which calls the row's handler. A handler
 * does its work and returns the state that comes next, SESSION_STAY for the same; session_step()
 * alone enters it, arms the timer and sets who is read from. Whatever may end the session returns a
 * state too: other than SESSION_STAY it has to be returned on.
 *
 *   implicit:  PROXY_HEADER? -> HANDSHAKE -> DIAL -> UPSTREAM_TLS? -> GREETING? -> OPENING?
 *              -> RELAY -> LINGER -> CLOSING
 *              and ... CHECK -> DIAL ... for a balancer's own connection
 *              and HANDSHAKE -> SIGN -> HANDSHAKE where the keys are the signer's
 *   required:  ... PREAMBLE -> UPGRADE -> HANDSHAKE -> ... as above
 *   optional:  ... DIAL -> UPSTREAM_TLS? -> GREETING? -> OPENING? -> RELAY (in clear)
 *              [-> UPGRADE -> HANDSHAKE -> ... as above]
 *   acme:      ... REQUEST -> QUERY -> LINGER, or HANDSHAKE -> QUERY -> HANDSHAKE -> LINGER
 *   mta-sts:   ... HANDSHAKE -> REQUEST -> LINGER
 *
 * A session ends by session_end() and its kin, with a row of the table of ends (ends.c), and is
 * freed when its last handle is closed, so that a callback may always return into code that still
 * holds it.
 *
 * Back-pressure: a side is read only while nothing waits to be sent to the other, so a session
 * holds at most one read's worth of bytes each way. */
#ifndef TLSFRONT_SESSION_CORE_H
#define TLSFRONT_SESSION_CORE_H

#include "proxy/base/address.h"
#include "proxy/session/peer.h"
#include "proxy/session/session.h"
#include "proxy/session/sessions.h"
#include "proxy/starttls/boundary.h"

#include <netinet/in.h>
#include <stddef.h>

enum { SESSION_ID_MAX = 32 };

enum session_state {
    SESSION_STAY,         /* where it is: what handlers return; no session is ever in it */
    SESSION_PROXY_HEADER, /* a trusted balancer's PROXY header comes first */
    SESSION_PREAMBLE,     /* in clear, without an upstream: client <-> module */
    SESSION_UPGRADE,      /* the reply to the upgrade is on its way; then TLS begins */
    SESSION_REQUEST,      /* acme in clear, mta-sts inside TLS: the head of a request */
    SESSION_HANDSHAKE,    /* client <-> tls */
    SESSION_SIGN,         /* the signer signs for the handshake; nobody is read from */
    SESSION_QUERY,        /* acme: the supervisor looks for the answer; nobody is read from */
    SESSION_CHECK,        /* a balancer looks: no upstream until it speaks or waits for one */
    SESSION_DIAL,         /* connecting upstream; what the client says is held */
    SESSION_UPSTREAM_TLS, /* connected; tls <-> upstream, within the time for connecting */
    SESSION_GREETING, /* connected; the server has to speak first, and another can take its place
                       * until its module has a greeting to deal with */
    SESSION_OPENING,  /* it has begun to greet, and its module awaits more before it listens to the
                       * client: the rest, or an answer to who that is */
    SESSION_RELAY,    /* both ways, or one way after the first end; on TLS or in clear */
    SESSION_LINGER,   /* all is said: it is delivered, and no reset may eat it */
    SESSION_CLOSING,  /* waiting for the handles */
    SESSION_STATES
};

/* How sessions end; the rows are in ends.c. */
enum end {
    END_NONE,
    END_OUT_OF_MEMORY,
    END_NO_SOCKET,
    END_STOPPED,
    END_STOPPED_AMID, /* of these three: something was on its way; see session_end_amid() */
    END_PROXY_HEADER_BAD,
    END_PROXY_HEADER_LATE,
    END_LEFT_BEFORE_TLS,
    END_LEFT_IN_REQUEST,
    END_CLIENT_BROKE,
    END_CLIENT_CLOSED,
    END_CLIENT_CLOSED_IN_CLEAR,
    END_CLIENT_LEFT, /* it said goodbye, and did not wait for ours */
    END_CLIENT_CHATTED,
    END_CLIENT_STAYED,
    END_UPSTREAM_BROKE,
    END_UPSTREAM_BROKE_IN_CLEAR, /* behind words that were held back */
    END_UPSTREAM_CLOSED,
    END_UPSTREAM_CLOSED_IN_CLEAR,
    END_UPSTREAM_LEFT, /* it ended, and reset what still came */
    END_UPSTREAM_STAYED,
    END_UPSTREAM_TLS, /* fault and words are the engine's */
    END_IDLE,
    END_IDLE_AMID,
    END_DRAINED,
    END_DRAINED_AMID,
    END_TLS_FAILED, /* fault and words are the engine's */
    END_HANDSHAKE_LATE,
    END_SIGNER_LATE,
    END_INJECTED,
    END_DIALOGUE, /* these in the order of enum dialogue_reason */
    END_DIALOGUE_SENT_AWAY,
    END_DIALOGUE_ERRORS,
    END_DIALOGUE_TOO_LONG,
    END_DIALOGUE_TOO_LARGE,
    END_DIALOGUE_UNREADABLE,
    END_DIALOGUE_NOT_LDAP,
    END_DIALOGUE_WEB,
    END_DIALOGUE_HIDDEN,
    END_DIALOGUE_BROKEN,
    END_DIALOGUE_REFUSED,
    END_SPOKE_TLS,
    END_NO_SOURCE,
    END_NO_UPSTREAM, /* these six in the order of enum starttls_refusal */
    END_TOO_MANY,
    END_DRAINING,
    END_TLS_LATE,
    END_DENIED,
    END_TOO_FAST,
    END_TOO_MANY_OF_ONE,
    END_CHALLENGE_ANSWERED,
    END_CHALLENGE_UNKNOWN,
    END_CHALLENGE_UNFIT,
    END_CHALLENGE_LATE,
    END_CHALLENGE_LATE_TLS,
    END_TOO_MANY_TLS,
    END_DRAINING_TLS,
    END_DENIED_TLS,
    END_TOO_FAST_TLS,
    END_ONE_OF_MANY, /* many others are being told already; as for these two: */
    END_DENIED_UNTOLD,
    END_TOO_FAST_UNTOLD,
    END_CHECK_DRAINING,
    END_REQUEST_UNFIT,
    END_REQUEST_UNCLEAR,
    END_REQUEST_LATE,
    END_POLICY_SERVED,
    ENDS
};

struct session;

/* A dialogue under way, with what its module has not consumed yet. */
struct session_dialogue {
    struct dialogue dialogue;
    const struct starttls *module;
    struct buf pending[2];  /* by enum side */
    struct slice coming[2]; /* lent: what a side says now, if nothing of it is pending */
    uint8_t hello_seen;     /* in clear: how much of a ClientHello's head the client began with */
    char id[SESSION_ID_MAX], address[ADDRESS_TEXT_MAX];
};
enum side { CLIENT, UPSTREAM };

/* Bytes that must wait: a client's, still encrypted, for their turn in the handshake; then
 * decrypted, for the upstream to be there. */
struct unread {
    uint8_t *data;
    size_t size;
};

/* An internet address, or only a family. */
union session_address {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* One row of the table. Handlers return the next state. NULL: the event changes nothing there. */
struct session_row {
    enum stage stage; /* as the log and the counters have it */
    size_t timeout;   /* milliseconds: a field of route_config by its offset; 0: see `remains` */
    bool since_tls;   /* it runs from the beginning of TLS on, over several states */
    uint64_t (*remains)(const struct session *s);

    /* Is that side read from? NULL: no. */
    bool (*reads_client)(const struct session *s);
    bool (*reads_upstream)(const struct session *s);

    enum session_state (*entered)(struct session *s);
    void (*left)(struct session *s);

    enum session_state (*client_data)(struct session *s, uint8_t *data, size_t size);
    enum session_state (*client_ended)(struct session *s); /* FIN */
    enum session_state (*client_failed)(struct session *s);
    enum session_state (*upstream_connected)(struct session *s, int status);
    enum session_state (*upstream_data)(struct session *s, uint8_t *data, size_t size);
    enum session_state (*upstream_ended)(struct session *s); /* FIN */
    enum session_state (*upstream_failed)(struct session *s, int error);
    enum session_state (*upstream_closed)(struct session *s); /* our handle */
    enum session_state (*drained)(struct session *s);         /* a queue has run empty */
    enum session_state (*turn)(struct session *s);            /* of its handshake */
    enum session_state (*timed_out)(struct session *s);
};

/* The machine, which its parts reach through the session and so need not know. */
struct session_machine {
    struct session_row rows[SESSION_STATES];
    void (*free)(struct session *s); /* the last handle is closed */
};

struct session {
    const struct session_machine *machine;
    struct peer client, upstream;
    uv_timer_t timer;
    unsigned handles; /* not yet closed */
    enum session_state state;
    enum session_state stage; /* the furthest one, for the log */

    struct sessions *all;
    struct generation *generation;
    struct route *route;
    const struct server_name *name;      /* that its client asked for; NULL: none of ours */
    struct target *target;               /* where it is sent */
    struct tls_conn *tls;                /* NULL: in clear so far */
    struct tls_conn *upstream_tls;       /* NULL: the upstream in clear, or none yet */
    struct session_dialogue *dialogue;   /* NULL: nothing to watch */
    struct session_challenge *challenge; /* NULL: nothing was asked for */
    struct session_signing *signing;     /* NULL: nothing is being signed */
    struct link member;                  /* of all->members */
    struct link waiting;                 /* of all->turns */
    struct unread unread;
    struct unread early; /* the upstream's, decrypted: what came with the end of its handshake */
    struct boundary boundary; /* where the client is in what it reads */
    struct upstream_cursor cursor;
    uint64_t turn;  /* see struct upstream_ask; one for both its upstreams, where it upgrades. 0: it
                     * has taken none */
    uint64_t place; /* where its upstream is counted; 0: nowhere */
    struct route_details *place_of; /* whose place that is: it may be another target's by now */
    size_t dropped;       /* bytes of the client read and dropped behind its end, or in LINGER */
    size_t undelivered;   /* of both sides, at the last look; in LINGER SIZE_MAX: there was none */
    uint64_t passed_then; /* RELAY: bytes of both sides, and 1, at that look; 0: there was none */

    uint64_t serial;
    /* Milliseconds of the loop's clock. */
    uint64_t started, tls_began, dialled, last_active;
    uint64_t ending_since, looked; /* LINGER: when it began, and whether anything is delivered */
    uint64_t bytes_in, bytes_out;
    union session_address from; /* the client */
    /* Where it connected to, as a PROXY header said; AF_UNSPEC: none. */
    union session_address local;
    union session_address upstream_to; /* tried last; AF_UNSPEC: none, or upstream_path */
    const char *upstream_path;         /* "unix:/path", of the configuration */
    struct admission admission;

    /* Facts, each true from some moment on. */
    bool spoke;                        /* the client sent at least one byte */
    bool is_check;                     /* it is a balancer's own, by its PROXY header */
    bool handshaken;                   /* TLS stands */
    bool upgraded;                     /* TLS began by STARTTLS */
    bool knocking;                     /* DIAL: its queue is full, and it is tried again */
    bool sourceless;                   /* there was nothing to come from, towards the last one */
    bool served;                       /* an upstream serves it, and no other can take its place;
                                        * the open line is out */
    bool opened;                       /* an open line is out, before the upgrade perhaps */
    bool client_ended, upstream_ended; /* close_notify, FIN */
    enum side first_end;               /* whose came first */
    enum end cut; /* the client is gone; what it said before is still to be handed on */
    const struct end_row *end; /* set when it is decided and logged */
};

static inline struct route_counters *session_counters(struct session *s)
{
    return &s->all->counters->route[s->route->slot];
}

static inline uint64_t session_now(const struct session *s)
{
    return uv_now(s->all->loop);
}

/* How much to read and drop of a client that has said its last, or that we have. */
#define SESSION_DROPPED_MAX ((size_t)256 << 10)

/* ---- counting.c: each once, when it has happened ---- */
void session_count_state(struct session *s, enum session_state next); /* it leaves its state */
void session_count_handshake(struct session *s);
void session_count_handshake_fault(struct session *s, enum handshake_fault why);
void session_count_tls_failure(struct session *s, const struct tls_failure *f);
void session_count_refusal(struct session *s, enum refusal why);
void session_count_upstream(struct session *s, bool well, enum upstream_fault why);
uint64_t session_take_turn(struct session *s); /* how many were taken, with this one */
void session_enter_place(struct session *s, uint64_t key);
void session_leave_place(struct session *s); /* nothing to do is fine */
enum upstream_fault session_upstream_tls_fault(const struct tls_failure *f);
void session_count_bytes_in(struct session *s, size_t size);  /* from the client */
void session_count_bytes_out(struct session *s, size_t size); /* to it */
void session_count_end(struct session *s, enum end end, enum fault fault);

/* ---- core.c: bytes and memory ---- */
/* An IPv4 address in IPv6 form (::ffff:192.0.2.1), as sockets of both families and balancers tell
 * it, is IPv4. */
union session_address session_address(const struct sockaddr_storage *from);

/* Append to `unread`. */
enum session_state session_hold(struct session *s, const uint8_t *data, size_t size);
/* Hand the held bytes to the caller, who gives them to session_wipe(). */
struct unread session_release(struct session *s);
void session_wipe(struct unread *unread);
/* Both: what is unread, if anything, goes to `client_data` as if it came now. */
enum session_state session_replay(struct session *s,
                                  enum session_state (*client_data)(struct session *s,
                                                                    uint8_t *data, size_t size));

/* Send what the TLS engine produced. `last`: our FIN follows. */
enum session_state session_send(struct session *s, const struct tls_io *io, bool last);
/* Send plaintext, through TLS where there is TLS. data[size] has to exist, as for tls_conn_send();
 * a peer's data and a struct buf see to it. */
enum session_state session_to_client(struct session *s, uint8_t *data, size_t size);
/* The client gets no more: close_notify where there is TLS. The end of its connection has to follow
 * at once. */
enum session_state session_close_notify(struct session *s);
/* Send plaintext to the upstream, through TLS where there is TLS; data as for the client. */
enum session_state session_to_upstream(struct session *s, uint8_t *data, size_t size);
/* What the engine made for the upstream. 0, or a negative uv error. */
int session_upstream_wire(struct session *s, const struct tls_io *io, bool more);
/* close_notify, where there is TLS; once. */
void session_upstream_goodbye(struct session *s);
/* The upstream gets no more: that, and FIN. */
void session_finish_upstream(struct session *s);
/* These bytes came behind its handshake; *plain is valid until the engine is used again. */
enum tls_status session_upstream_open(struct session *s, const uint8_t *data, size_t size,
                                      struct tls_slice *plain);
/* Why its TLS has failed; NULL: it has not. Lives as long as it is not freed. */
const char *session_upstream_tls_why(const struct session *s);
/* As session_replay(): what the upstream said early. */
enum session_state session_take_early(struct session *s,
                                      enum session_state (*upstream_data)(struct session *s,
                                                                          uint8_t *data,
                                                                          size_t size));
void session_upstream_tls_free(struct session *s);
/* Tell the client in its protocol, inside TLS where there is TLS, why there is no service now. */
enum session_state session_refuse(struct session *s, enum starttls_refusal why);
/* The row for one who is refused in words. */
enum end session_refusal_end(const struct session *s, enum starttls_refusal why);
/* The same by an alert, while TLS does not stand. */
enum session_state session_refuse_by_alert(struct session *s, enum starttls_refusal why);
/* Is somebody talking to the client: an upstream, or, in clear, we? */
static inline bool session_takes_part(const struct session *s)
{
    return s->state == SESSION_RELAY || s->state == SESSION_PREAMBLE;
}
/* Can a goodbye stand where the client is? */
bool session_takes_goodbye(const struct session *s);
/* End it because the daemon goes, by END_DRAINED or END_STOPPED: its client is told so in its
 * protocol, where that can stand. */
enum session_state session_leave(struct session *s, enum end end);
/* Its greeting can be dealt with: this upstream is the session's. Once. */
void session_served(struct session *s);

/* ---- ends.c: each logs, says the last word and returns the state that delivers it ---- */
enum session_state session_end(struct session *s, enum end end);
/* END_IDLE, END_DRAINED and END_STOPPED are our decision. Where bytes wait that the other side's
 * kernel has not taken, it is the one behind that: neither side may take what it got for all. */
enum end session_end_amid(const struct session *s, enum end end);
/* The engine gave up; `io` has its alert, if one is due. */
enum session_state session_tls_failed(struct session *s, const struct tls_io *io);

/* TLS to the upstream, which serves, has failed. */
enum session_state session_upstream_tls_end(struct session *s);

/* ---- state.c ---- */
extern const struct peer_events session_client_events, session_upstream_events;
void session_step(struct session *s, enum session_state next);
void session_close(struct session *s); /* entering CLOSING */
void session_arm(struct session *s);   /* set the timer anew for the present state */
/* Milliseconds until `limit` is over; SESSION_NEVER: there is none. */
#define SESSION_NEVER UINT64_MAX
uint64_t session_remains(uint64_t limit, uint64_t since, uint64_t now);
/* What is left of the time for connecting to this upstream, its TLS included: milliseconds. */
uint64_t session_connect_remains(const struct session *s);

/* ---- log_lines.c ---- */
void session_id(const struct session *s, char out[SESSION_ID_MAX]);
void session_tls_info(const struct session *s, struct tls_info *tls); /* all NULL without TLS */
void session_log_open(struct session *s);
void session_log_end(struct session *s, enum config_log_level level, enum fault fault,
                     const char *how);
void session_log_upstream(struct session *s, const char *event, const char *how);
/* The upstream that was tried last; empty: none. In `address`, or as long-lived as the generation.
 */
const char *session_upstream_name(const struct session *s, char address[ADDRESS_TEXT_MAX]);
/* `mechanism` may be NULL. */
void session_log_login_refused(struct session *s, const char *command, const char *mechanism);
void session_log_challenge(struct session *s, const char *type, const char *name,
                           const char *outcome);

/* ---- handlers, by the file that has them; session.c makes the rows of them ---- */

/* begin.c */
enum session_state session_begin(struct session *s); /* the first state after accept */
enum session_state proxy_header_client_data(struct session *s, uint8_t *data, size_t size);
enum session_state proxy_header_timed_out(struct session *s);
enum session_state preamble_entered(struct session *s);
enum session_state preamble_client_data(struct session *s, uint8_t *data, size_t size);
enum session_state preamble_drained(struct session *s);
enum session_state preamble_timed_out(struct session *s);

/* handshake.c */
enum session_state upgrade_entered(struct session *s);
enum session_state handshake_entered(struct session *s);
void handshake_left(struct session *s);
enum session_state handshake_client_data(struct session *s, uint8_t *data, size_t size);
enum session_state handshake_client_ended(struct session *s);
enum session_state handshake_turn(struct session *s);
enum session_state handshake_timed_out(struct session *s);
enum session_state sign_entered(struct session *s);
void sign_left(struct session *s);
/* Have the signer sign, and go on there; what `go_on` returns comes next. sign_left() forgets it.
 */
enum session_state session_sign(struct session *s, const struct tls_sign_request *request,
                                enum session_state (*go_on)(struct session *s,
                                                            const struct tls_signature *signature));
enum session_state sign_timed_out(struct session *s);
/* The engine has done something in the handshake. */
enum session_state session_handshake_step(struct session *s, enum tls_status status,
                                          const struct tls_io *io);
/* Begin TLS. */
enum session_state session_secure(struct session *s);

/* request.c */
/* Await a request of HTTP, in clear or inside TLS, or say why not. */
enum session_state session_request_begin(struct session *s);
enum session_state request_entered(struct session *s);
enum session_state request_client_data(struct session *s, uint8_t *data, size_t size);
enum session_state request_client_ended(struct session *s);
enum session_state request_timed_out(struct session *s);
void session_challenge_free(struct session *s);

/* challenge.c */
enum session_state session_challenge_begin(struct session *s);
enum session_state query_entered(struct session *s);
void query_left(struct session *s);
enum session_state query_timed_out(struct session *s);

/* check.c */
/* The client may have an upstream: DIAL, and CHECK before it for a balancer's own connection. */
enum session_state session_reach_upstream(struct session *s);
uint64_t check_remains(const struct session *s);
enum session_state check_entered(struct session *s);
enum session_state check_client_data(struct session *s, uint8_t *data, size_t size);
enum session_state check_client_ended(struct session *s);
enum session_state check_timed_out(struct session *s);

/* dial.c */
uint64_t dial_remains(const struct session *s);
enum session_state dial_entered(struct session *s);
enum session_state dial_client_data(struct session *s, uint8_t *data, size_t size);
enum session_state dial_client_ended(struct session *s);
enum session_state dial_client_failed(struct session *s);
enum session_state dial_connected(struct session *s, int status);
enum session_state dial_upstream_closed(struct session *s);
enum session_state dial_timed_out(struct session *s);
/* The way to the upstream is there, with its TLS where it has some. */
enum session_state session_connected(struct session *s);
/* Its TLS has failed before it served: the next. */
enum session_state session_upstream_tls_failed(struct session *s);
enum session_state upstream_tls_broke(struct session *s, int error);
enum session_state upstream_tls_timed_out(struct session *s);
enum session_state greeting_entered(struct session *s);
enum session_state greeting_upstream_data(struct session *s, uint8_t *data, size_t size);
enum session_state greeting_upstream_ended(struct session *s);
enum session_state greeting_upstream_failed(struct session *s, int error);
enum session_state greeting_timed_out(struct session *s);
enum session_state opening_upstream_ended(struct session *s);
enum session_state opening_upstream_failed(struct session *s, int error);
enum session_state opening_timed_out(struct session *s);

/* upstream_tls.c */
enum session_state upstream_tls_entered(struct session *s);
bool upstream_tls_reads(const struct session *s);
enum session_state upstream_tls_data(struct session *s, uint8_t *data, size_t size);
enum session_state upstream_tls_ended(struct session *s);

/* dialogue.c */
/* Begin a dialogue in that mode, where the protocol has one. */
enum session_state session_dialogue_begin(struct session *s, enum dialogue_mode mode);
/* Something was said. */
enum session_state session_dialogue_said(struct session *s, enum side side, const uint8_t *data,
                                         size_t size);
/* What the upstream has to say before the client is listened to; NULL: nothing more. */
const char *session_dialogue_awaits(const struct session *s);
/* It does not come. True: the dialogue goes on without. */
bool session_dialogue_goes_on(struct session *s);
/* The replies of ours that waited are gone: deal with what was left of the client's. */
enum session_state session_dialogue_resume(struct session *s);
/* In clear: does the client begin with TLS? *seen begins with 0 and is kept from call to call. */
bool session_dialogue_begins_tls(uint8_t *seen, const uint8_t *data, size_t size);
/* Does something of the client's wait, for its own end or for its turn? */
bool session_dialogue_waits(const struct session *s);
/* Is what the client left the beginning of a unit that it will never end? */
bool session_dialogue_cut_short(const struct session *s);
bool session_dialogue_full(const struct session *s, enum side side); /* as many as are kept? */
/* A side says no more: hand on what its module still waits for the end of. The client's on TLS
 * only: in clear it could be a password. */
enum session_state session_dialogue_rest_to_upstream(struct session *s);
enum session_state session_dialogue_rest_to_client(struct session *s);
bool session_dialogue_holds(const struct session *s, enum side side); /* unconsumed bytes? */
void session_dialogue_free(struct session *s);

/* relay.c */
/* What the upstream said, through its module where there is one. */
enum session_state session_from_upstream(struct session *s, uint8_t *data, size_t size);
uint64_t relay_remains(const struct session *s);
enum session_state relay_entered(struct session *s);
enum session_state relay_client_data(struct session *s, uint8_t *data, size_t size);
enum session_state relay_client_ended(struct session *s);
enum session_state relay_client_failed(struct session *s);
enum session_state relay_upstream_data(struct session *s, uint8_t *data, size_t size);
enum session_state relay_upstream_ended(struct session *s);
enum session_state relay_upstream_failed(struct session *s, int error);
enum session_state relay_drained(struct session *s);
enum session_state relay_timed_out(struct session *s);

/* linger.c */
uint64_t linger_remains(const struct session *s);
enum session_state linger_entered(struct session *s);
enum session_state linger_client_data(struct session *s, uint8_t *data, size_t size);
enum session_state linger_client_ended(struct session *s);
enum session_state linger_client_failed(struct session *s);
enum session_state linger_upstream_data(struct session *s, uint8_t *data, size_t size);
enum session_state linger_upstream_failed(struct session *s, int error);
enum session_state linger_drained(struct session *s);
enum session_state linger_timed_out(struct session *s);

#endif
