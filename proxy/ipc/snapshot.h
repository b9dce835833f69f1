/* snapshot.h - how the daemon is, as the supervisor tells it to the observer: all but the counters,
 * which the observer reads by itself. A sealed memfd of plain structs and one pool of texts; both
 * ends are the same binary, so there is no encoding. */
#ifndef TLSFRONT_IPC_SNAPSHOT_H
#define TLSFRONT_IPC_SNAPSHOT_H

#include "config/err.h"
#include "proxy/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text of the pool; 0 is the empty one. */
typedef uint32_t snapshot_text;

enum snapshot_list {
    SNAPSHOT_ROUTES,
    SNAPSHOT_UPSTREAMS, /* those of the first route first */
    SNAPSHOT_CERTIFICATES,
    SNAPSHOT_CRLS,
    SNAPSHOT_PROCESSES,
    SNAPSHOT_RELOADS, /* the last ones, the latest first */
    SNAPSHOT_TICKET_KEYS,
    SNAPSHOT_NAMES,          /* of this machine, as clients may call it: snapshot_text */
    SNAPSHOT_SERVER_NAMES,   /* those of the first route first */
    SNAPSHOT_NAME_UPSTREAMS, /* of their own: struct snapshot_upstream */
    SNAPSHOT_LISTS
};

struct snapshot_route {
    snapshot_text name, protocol, tls, listen, certificates; /* the last two: ", " between them */
    uint32_t slot;                                           /* in the counters */
    uint32_t upstreams, server_names;                        /* that many of the lists */
    uint32_t max_connections;                                /* 0: no limit */
};

struct snapshot_server_name {
    snapshot_text name, certificates; /* the latter as of a route */
    uint32_t slot;                    /* in the counters */
    uint32_t upstreams;               /* that many of the list; 0: it has none of its own */
};

struct snapshot_upstream {
    snapshot_text text;
    snapshot_text trouble; /* why its name has no address; 0: it has, or needs none */
};

struct snapshot_certificate {
    snapshot_text name, kind, serial, subject, routes;
    uint32_t unused; /* here and below: no bytes between members, which nobody would set */
    int64_t not_before, not_after;
    int64_t soon; /* from then on its end is worth a word */
};

struct snapshot_crl {
    snapshot_text file;
    uint32_t unused;
    int64_t next_update; /* 0: it has none */
    int64_t soon;        /* as of a certificate */
};

/* A file of `ticket-key`, the one that seals first. */
struct snapshot_ticket_key {
    snapshot_text file, fingerprint;
    int64_t modified;
};

struct snapshot_process {
    snapshot_text kind; /* "worker", as in the log */
    snapshot_text state, sandbox;
    uint32_t index, restarts;
    int32_t pid;
    int64_t cpu_ms, resident; /* -1: not known */
    int64_t files, files_max; /* likewise */
};

struct snapshot_reload {
    int64_t at;
    uint32_t well; /* taken over, not refused */
    snapshot_text words;
};

/* What there is once. */
struct snapshot_facts {
    snapshot_text version, mbedtls, crypto, libuv;
    snapshot_text state; /* "running", as in the status */
    snapshot_text hash;  /* of the configuration and its files, private keys apart; "": none yet */
    snapshot_text config_hash, files_hash; /* of each of these; see fingerprint.h */
    snapshot_text json; /* the status, as `tlsfront status --json` has it; "": is too long */
    uint32_t generation, workers; /* 0: none yet; workers that run */
    uint32_t not_ready;           /* newcomers are not wanted any more, though it runs */
    uint32_t reload_well;         /* the last one */
    uint32_t kept;                /* the last accepted configuration is served, not FILE's */
    int64_t started, reload_well_at;
    uint64_t worker_restarts; /* since the start */
    uint64_t log_lost;        /* lines of the supervisor's own */
};

/* ---- writing ---- */

struct snapshot_writer {
    struct snapshot_facts facts;
    struct buf lists[SNAPSHOT_LISTS], texts;
};

void snapshot_begin(struct snapshot_writer *w);
snapshot_text snapshot_put_text(struct snapshot_writer *w, const char *text); /* NULL is "" */
/* Append to a list; `size` is that of its struct. */
void snapshot_put(struct snapshot_writer *w, enum snapshot_list list, const void *item,
                  size_t size);
/* The memfd, which is the caller's; -1 with the reason. Ends the writing in any case. */
int snapshot_finish(struct snapshot_writer *w, struct err *e);

/* ---- reading ---- */

struct snapshot {
    const struct snapshot_facts *facts;
    const void *lists[SNAPSHOT_LISTS];
    size_t counts[SNAPSHOT_LISTS];
    const char *texts;
    size_t texts_size;
    void *map;
    size_t map_size;
};

/* Map it; the descriptor is not needed any more. False: it is no snapshot. */
bool snapshot_open(struct snapshot *s, int fd);
void snapshot_close(struct snapshot *s); /* all zero is fine */

const char *snapshot_text_of(const struct snapshot *s, snapshot_text text);

static inline const struct snapshot_route *snapshot_routes(const struct snapshot *s)
{
    return s->lists[SNAPSHOT_ROUTES];
}
static inline const struct snapshot_upstream *snapshot_upstreams(const struct snapshot *s)
{
    return s->lists[SNAPSHOT_UPSTREAMS];
}
static inline const struct snapshot_server_name *snapshot_server_names(const struct snapshot *s)
{
    return s->lists[SNAPSHOT_SERVER_NAMES];
}
static inline const struct snapshot_upstream *snapshot_name_upstreams(const struct snapshot *s)
{
    return s->lists[SNAPSHOT_NAME_UPSTREAMS];
}
static inline const struct snapshot_certificate *snapshot_certificates(const struct snapshot *s)
{
    return s->lists[SNAPSHOT_CERTIFICATES];
}
static inline const struct snapshot_crl *snapshot_crls(const struct snapshot *s)
{
    return s->lists[SNAPSHOT_CRLS];
}
static inline const struct snapshot_process *snapshot_processes(const struct snapshot *s)
{
    return s->lists[SNAPSHOT_PROCESSES];
}
static inline const struct snapshot_reload *snapshot_reloads(const struct snapshot *s)
{
    return s->lists[SNAPSHOT_RELOADS];
}
static inline const struct snapshot_ticket_key *snapshot_ticket_keys(const struct snapshot *s)
{
    return s->lists[SNAPSHOT_TICKET_KEYS];
}
static inline const snapshot_text *snapshot_names(const struct snapshot *s)
{
    return s->lists[SNAPSHOT_NAMES];
}

#endif
