/* ipc.h - what the processes say to each other.
 *
 * The socket pair is SOCK_SEQPACKET: one message per packet, file descriptors attached. A message
 * is a header and a payload of plain structs; both ends are the same binary, so there is no
 * encoding. But a supervisor that was upgraded has workers and signers of the release before: what
 * it still says to these and hears from them keeps its number and form (below).
 *
 *   supervisor -> worker
 *     HELLO      who you are, your counters; drop privileges
 *     COUNTERS   those of the others, to be read
 *     LOG        the log's descriptor
 *     TICKETS    ticket keys
 *     PREPARE    the bundle of generation N, route slots
 *     LISTENERS  sockets of N
 *     ADDRESSES  resolved upstreams of N, or, behind COMMIT, new ones of the current generation
 *     READY      can you run N?             answer: PREPARED N, or REFUSED N and why
 *     COMMIT     run N now, and stay        answer: COMMITTED N
 *     ABORT      forget N
 *     DRAIN      refuse newcomers
 *     CLOSE      take those who wait, and no more: exit when the last session is gone
 *     RETIRE     there are no newcomers for you: exit when the last session is gone
 *     LEAVE      end your sessions one after another, within so many milliseconds
 *     STOP       exit
 *     SIGNER     the socket to your signer, or to another one
 *     CHALLENGES the ACME challenges that there are
 *     PING       are you alive?             answer: PONG N, the oldest generation that it holds
 *   worker -> supervisor
 *     SANDBOX    what I have given up, said once (struct sandbox_state)
 *     CHALLENGE_QUERY   what answers this ACME challenge?   answer: CHALLENGE_ANSWER
 *     SIGNER     I have none: where is it?  answer: SIGNER, when there is one
 *
 *   supervisor -> signer: HELLO, LOG, COMMIT N, ABORT N, STOP, PING as above, and
 *     KEYS       the private keys of generation N, as a bundle
 *     CHANNEL    the socket to your worker, or to another one
 *   signer -> supervisor: SANDBOX, PONG, and
 *     REFUSED N  the keys cannot be loaded, and why
 *     BETRAYED   my worker says what no worker says
 *   worker -> signer
 *     SIGN       sign this                  answer: SIGNED
 *
 *   supervisor -> resolver: HELLO, PING as above, and
 *     RESOLVE    what are the addresses of this name?   answer: RESOLVED, in any order
 *   resolver -> supervisor: SANDBOX, PONG
 *
 *   supervisor -> observer: HELLO, COUNTERS, PING as above, and
 *     LISTENERS  the sockets to serve, instead of those of before
 *     SNAPSHOT   how things are (snapshot.h), when that changes or was asked for
 *     HISTORY    memory for the last hour, as your predecessor has left it; said once, or never
 *   observer -> supervisor: SANDBOX, PONG, and
 *     LOOK       how are things?            answer: SNAPSHOT
 *     REFUSED 0  it cannot work, and why
 *
 *   rehearsal -> supervisor (proxy/supervisor/upgrade.h), whichever release it is of
 *     REHEARSED  the new binary would serve: its version, and the bundle that it has read
 *
 * These processes deal with strangers, so what they say is measured and checked by the supervisor,
 * which kills one for anything that none of its kind says. */
#ifndef TLSFRONT_IPC_IPC_H
#define TLSFRONT_IPC_IPC_H

#include "config/err.h"
#include "proxy/base/share.h"
#include "proxy/ipc/counters.h"
#include "proxy/wire/challenge.h"
#include "tls/tls.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* The numbered ones outlive an upgrade; test_ipc.c pins them and their payloads. New ones go to the
 * end, before the last. */
enum ipc_type {
    IPC_HELLO,
    IPC_COUNTERS,
    IPC_LOG = 2,
    IPC_TICKETS,
    IPC_PREPARE,
    IPC_LISTENERS,
    IPC_ADDRESSES,
    IPC_READY,
    IPC_COMMIT,
    IPC_ABORT,
    IPC_DRAIN = 10,
    IPC_RETIRE = 11,
    IPC_STOP = 12,
    IPC_CHALLENGE_ANSWER = 13,
    IPC_PING = 14,
    IPC_RESOLVE,
    IPC_PREPARED,
    IPC_REFUSED,
    IPC_COMMITTED,
    IPC_SANDBOX,
    IPC_CHALLENGE_QUERY = 20,
    IPC_PONG = 21,
    IPC_SIGNER,
    IPC_KEYS,
    IPC_CHANNEL,
    IPC_BETRAYED = 25,
    IPC_SIGN,
    IPC_SIGNED,
    IPC_RESOLVED,
    IPC_CLOSE = 29,
    IPC_CHALLENGES,
    IPC_SNAPSHOT,
    IPC_LOOK,
    IPC_LEAVE = 33,
    IPC_HISTORY,
    IPC_REHEARSED = 100, /* is in nobody's way */
};

/* The kernel passes at most 253 descriptors at a time (SCM_MAX_FD). */
enum { IPC_FDS_MAX = 128, IPC_PAYLOAD_MAX = 32768 };

/* What IPC_HISTORY brings holds so many bytes; what they mean is the observer's alone. */
enum { HISTORY_BYTES = 1 << 20 };

struct ipc_message {
    enum ipc_type type;
    uint32_t generation;
    uint32_t size; /* of the payload in use */
    uint32_t fd_count;
    _Alignas(8) uint8_t payload[IPC_PAYLOAD_MAX];
    int fds[IPC_FDS_MAX]; /* received ones belong to the receiver; -1: it had no room */
};

/* Payloads. */
struct ipc_hello {
    uint32_t drop_privileges, keep_transparent, sandbox;
    uid_t uid;
    gid_t gid;
    uint8_t seed[16]; /* for hashing clients' addresses: the same in all workers */
};
struct ipc_leave {
    uint32_t ms; /* until every session has ended */
};
struct ipc_counters { /* one per attached descriptor */
    uint32_t part;
};
struct ipc_prepare {
    uint32_t worker_count; /* parts of the counters that are in use */
    uint16_t slots[ROUTE_SLOTS];
    uint16_t name_slots[NAME_SLOTS]; /* of all routes' server names, in their order */
};
struct ipc_listener { /* one per attached descriptor */
    uint32_t route;
};
struct ipc_observed { /* IPC_LISTENERS of an observer: one per attached descriptor */
    uint32_t is_unix;
    uint32_t is_agent; /* it speaks haproxy's agent-check, not HTTP */
};
struct ipc_address { /* one per address; those of one upstream stand together, in order */
    uint32_t target, upstream;
    socklen_t size; /* 0: it has none, now */
    struct upstream_share share;
    struct sockaddr_storage addr;
};

/* A worker asks; the serial number comes back with the answer. */
struct ipc_challenge_query {
    uint64_t serial;
    uint32_t slot; /* of the route; tells the kind of challenge, too */
    char name[CHALLENGE_NAME_MAX + 1];
};
struct ipc_challenge_answer { /* sent as far as `challenge` is in use */
    uint64_t serial;
    uint32_t outcome;
    struct challenge challenge;
};

/* So many of CHALLENGES, each a challenge_hash(). */
enum { CHALLENGES_KNOWN_MAX = 4096 };
static_assert(CHALLENGES_KNOWN_MAX * sizeof(uint64_t) <= IPC_PAYLOAD_MAX, "they fit");

/* In the keys' bundle: before the id of one that signs as a client. Behind the id stands, after a
 * blank, the last generation that had it, where that is not the bundle's. */
#define IPC_KEY_CALLS "call:"

/* A worker asks its signer; the serial number comes back with the answer. Neither has a gap, which
 * would carry whatever lay there before to the other process. */
enum { SIGN_AT_ONCE = 16 };
struct ipc_sign { /* up to SIGN_AT_ONCE of them in a message */
    uint64_t serial;
    struct tls_sign_request request;
};
struct ipc_signed { /* likewise, in the order of the questions */
    uint64_t serial;
    uint32_t outcome; /* enum tls_signed; the signature is there with TLS_SIGNED */
    struct tls_signature signature;
};
static_assert(sizeof(struct ipc_sign) ==
                      sizeof(uint64_t) + TLS_KEY_ID_SIZE + 4 + TLS_SIGN_CONTENT_MAX &&
                  sizeof(struct ipc_signed) == 2 * sizeof(uint64_t) + TLS_SIGNATURE_MAX,
              "there is a gap");

enum {
    RESOLVE_AT_ONCE = 64, /* questions that the supervisor may have open */
    RESOLVE_NAME_MAX = 253,
    RESOLVED_MAX = 64, /* addresses in an answer; who has more says the first */
};
/* A name is a host's, or a service's (RFC 2782). */
struct ipc_resolve { /* the serial number comes back with the answer */
    uint64_t serial;
    uint32_t service;
    char name[RESOLVE_NAME_MAX + 1];
};
struct ipc_resolved_address {
    uint32_t family; /* AF_INET, in the first four bytes, or AF_INET6 */
    uint32_t scope;  /* of the latter */
    uint8_t bytes[16];
    uint16_t port; /* these three of a service; 0 of a host, whose port is not for others to say */
    uint16_t tier; /* its priority, counted from 0 without gaps */
    uint32_t weight; /* as in struct upstream_share */
};
enum { RESOLVE_NO_SERVICE = -1000 }; /* an error: the domain says that it has none */
struct ipc_resolved {                /* sent as far as `addresses` is in use */
    uint64_t serial;
    int32_t error; /* 0; EAI_..., which are negative; RESOLVE_...; or errno */
    uint32_t ttl;  /* seconds that it holds; 0: not known */
    uint32_t count;
    struct ipc_resolved_address addresses[RESOLVED_MAX];
};

struct ipc_rehearsed {
    char version[32], text[200]; /* of the release, and what it is made of */
};

/* How many of a payload struct fit into one message. */
#define IPC_PER_MESSAGE(type) (IPC_PAYLOAD_MAX / sizeof(type))

/* Begin a message without payload and descriptors. Its large arrays are left as they are. */
void ipc_begin(struct ipc_message *m, enum ipc_type type, uint32_t generation);

/* Append to the payload; the caller has counted with IPC_PER_MESSAGE. */
void ipc_append(struct ipc_message *m, const void *data, size_t size);

/* 0, or -1 with errno, where these two may be otherwise later. EAGAIN: the other side does not
 * read; the socket says when it can be written to. ENOBUFS: the system has no memory for it, or too
 * many descriptors are on their way; nobody says when that changes. Descriptors stay ours. */
int ipc_send(int fd, const struct ipc_message *m);

/* 1: a message; 0: nothing to read now; -1: the other side is gone or, with errno EPROTO, sends
 * what is no message. */
int ipc_receive(int fd, struct ipc_message *m);

/* Have descriptors come for which this process had no room? */
bool ipc_lacks_fds(const struct ipc_message *m);

/* Copy the payload out, if it is of exactly that size. */
bool ipc_take(const struct ipc_message *m, void *out, size_t size);

/* The number of structs of that size that the payload consists of. False: it does not. */
bool ipc_count(const struct ipc_message *m, size_t size, size_t *count);

/* The payload as a text, which may come from a worker that was taken over: ended by its NUL, cut to
 * `size`, what is not printable ASCII as \xHH. False: it is no text. */
bool ipc_take_text(const struct ipc_message *m, char *out, size_t size);

/* The message IPC_RESOLVED, and what one says. False: no resolver says that. */
void ipc_put_resolved(struct ipc_message *m, const struct ipc_resolved *r);
bool ipc_take_resolved(const struct ipc_message *m, struct ipc_resolved *out);

/* Of a received message: those that its receiver has not taken for itself. */
void ipc_close_fds(struct ipc_message *m);

#endif
