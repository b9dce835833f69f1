/* handover.h - what a supervisor hands over to the binary that it executes under its own pid
 * (docs/decisions/014-upgrade.md), as bytes that two releases agree on.
 *
 * A head ("tlsfront", version, size), then records of tag, size and fields: 32 and 64 bit numbers
 * as the machine has them, bytes behind their number. A record may be longer than its reader knows,
 * and one whose tag has HANDOVER_OPTIONAL set may be skipped; so most of what is new needs no new
 * version. Descriptors and processes are numbers: both sides are one process. */
#ifndef TLSFRONT_IPC_HANDOVER_H
#define TLSFRONT_IPC_HANDOVER_H

#include "config/config.h"
#include "proxy/base/buf.h"
#include "proxy/base/socket.h"
#include "proxy/ipc/ipc.h"
#include "proxy/sandbox/sandbox.h"

enum { HANDOVER_VERSION = 1, HANDOVER_OPTIONAL = 0x8000, HANDOVER_MAX = 64 << 20 };

/* A worker, and its signer, that go on until their sessions end. */
struct handover_veteran {
    char version[32]; /* of their binary */
    uint32_t index, generation, restarts;
    pid_t pid, signer; /* the second 0: it has none */
    int ipc, signer_ipc;
    int counters, reader;
    uint64_t layout; /* of the counters */
    struct sandbox_state sandbox, signer_sandbox;
    uint32_t log_targets; /* so many kinds it knows, of config_log_target */
};

struct handover_address {
    char *text;              /* as in struct endpoint */
    bool observed;           /* not a route's: the observer's */
    bool given;              /* by the service manager */
    struct socket_file file; /* of a unix socket */
    int *sockets;
    size_t count;
};

struct handover_name {
    char *host;
    uint16_t port;
    struct ipc_resolved_address addresses[RESOLVED_MAX];
    uint32_t count;
};

/* The counters of a route, as counter_facts has them. */
struct handover_route {
    char *name;
    uint32_t slot;
    uint64_t base[ROUTE_COUNTERS];  /* of processes that are gone */
    uint64_t parts[ROUTE_COUNTERS]; /* of the others, at that moment */
};

/* The same of a server name; `key` is its route's name, a blank, and itself. */
struct handover_server_name {
    char *key;
    uint32_t slot;
    uint64_t base[NAME_COUNTERS];
    uint64_t parts[NAME_COUNTERS];
};

/* Where the supervisor's sandbox lets it make files, or else sockets. */
struct handover_place {
    char *path;
    bool logs;
    struct socket_file is;
};

/* That the service manager has bound; whether a route listens there or not. */
struct handover_socket {
    int fd;
    char *name;
};

struct handover_caller {
    int fd;
    bool waits; /* for this upgrade; else it has said nothing yet */
};

struct handover {
    char version[32]; /* of who hands over */
    char *program;    /* where its binary, and the next one, lies */
    char *configuration;
    int64_t started;
    bool unwanted;        /* newcomers, by `tlsfront drain` */
    uint32_t generations; /* numbers given out */
    uint8_t seed[16];

    int executable;      /* that of who hands over, to come back to */
    int reason;          /* a file for why */
    uint32_t patience_s; /* for the next image to be ready */
    int bundle;          /* in service */
    int next;            /* to be in service; -1: what lies on disk */
    int rehearsal;       /* -1: it is no rehearsal; else the socket to who wants to know */

    bool tickets_shared;
    uint8_t ticket_secret[TLS_TICKET_SECRET_SIZE];
    struct tls_ticket_keys tickets;
    uint64_t rotate_ms; /* until they are to be made anew */

    enum config_log_target log_target;
    enum config_log_level log_level;
    enum config_log_format log_format;
    int log; /* -1: standard error */

    char *control_path;
    struct socket_file control_file;
    int control;

    struct handover_caller *callers;
    size_t caller_count;
    struct handover_address *addresses;
    size_t address_count;
    struct handover_name *names;
    size_t name_count;
    struct handover_route *routes;
    size_t route_count;
    struct handover_server_name *server_names;
    size_t server_name_count;
    int archive; /* a part of the counters, with all that is in `base` and more; -1: none */
    uint64_t archive_layout;
    int history; /* the observer's; -1: none */
    struct handover_veteran *veterans;
    size_t veteran_count;
    struct sandbox_state confinement; /* the supervisor's own */
    struct handover_place *places;
    size_t place_count;
    struct handover_socket *given;
    size_t given_count;
    pid_t *leavers; /* processes that end by themselves */
    size_t leaver_count;
};

/* No descriptor, nothing in it. */
void handover_init(struct handover *h);

/* Another element, all zero, at the end of one of the arrays, as handover_add(&h->names,
 * &h->name_count, sizeof *h->names). NULL: out of memory. */
void *handover_add(void *array, size_t *count, size_t size);

/* One more of the leavers. -1: out of memory. */
int handover_add_leaver(struct handover *h, pid_t pid);

/* Drops the texts and arrays and wipes; descriptors are not closed. */
void handover_free(struct handover *h);

/* Every descriptor that is there. */
void handover_descriptors(struct handover *h, void (*each)(void *arg, int *fd), void *arg);

/* `out` is wiped by the caller; its failure says that memory is out, or more is needed than `out`
 * may hold. */
void handover_encode(const struct handover *h, struct buf *out);

/* Pure. -1 with the reason: another version, or what handover_encode() has not written; `h` is
 * empty then. */
int handover_decode(const uint8_t *data, size_t size, struct handover *h, struct err *e);

/* The same by way of a sealed memfd, which the caller closes. -1 with the reason. Descriptors go as
 * their numbers: whether these are open at the other end is not looked at. */
int handover_to_fd(const struct handover *h, struct err *e);
int handover_from_fd(int fd, struct handover *h, struct err *e);

#endif
