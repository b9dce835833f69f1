/* starttls.h - the dialogues of five line protocols, and of one in BER, around the moment TLS
 * begins. Pure: bytes in, verdict and bytes out. No sockets, no TLS, no configuration, no memory of
 * its own.
 *
 * One const row per protocol, one file per row. What a *dialogue* is, and its modes, stands in
 * dialogue.h.
 *
 * The caller keeps what a module leaves in a slice (up to 256 KiB of each side) and gives it again,
 * with more behind it, until neither side moves any more; so a module may leave complete units too,
 * to wait for the other side. What it decides never depends on how the bytes were cut. */
#ifndef TLSFRONT_STARTTLS_H
#define TLSFRONT_STARTTLS_H

#include "config/protocol.h"
#include "proxy/starttls/boundary.h"
#include "proxy/starttls/dialogue.h"
#include "proxy/starttls/probe.h"

struct starttls {
    /* DIALOGUE_REQUIRED: what the client reads first. NULL: the client speaks first. */
    void (*greet)(struct dialogue *t, struct dialogue_out *out);

    /* Deal with the client's units at the front of *in and move it behind them. */
    enum dialogue_verdict (*client)(struct dialogue *t, struct slice *in, struct dialogue_out *out);

    /* The same for the upstream's; never called in DIALOGUE_REQUIRED. */
    enum dialogue_verdict (*upstream)(struct dialogue *t, struct slice *in,
                                      struct dialogue_out *out);

    /* What is awaited of the upstream (dialogue.awaited) does not come, and nobody waits for ever.
     * True: the dialogue goes on without, because it could be told from the answers to the client's
     * commands if it came late. NULL, or false: it could not, as where answers have nothing but
     * their order; and so the client cannot be served. */
    bool (*unanswered)(struct dialogue *t);

    /* Of what `client` left: is its first unit without an end? That of a client which has said its
     * last is waited for in vain. */
    bool (*cut_short)(struct slice left);

    /* The protocol's own temporary refusal, before the end of the connection. */
    void (*refuse)(enum starttls_refusal why, const char *hostname, struct buf *to_client);

    /* How a server is visited, and where a goodbye may stand: NULL where that cannot be known. */
    const struct probe_rules *probe;
    const struct boundary_rules *boundary;
};

/* NULL for protocols without words: tcp, and acme and mta-sts, whose words are not of this kind. */
const struct starttls *starttls_of(enum protocol p);

/* As the row's `refuse`; nothing for a protocol without words. */
void starttls_refuse(enum protocol p, enum starttls_refusal why, const char *hostname,
                     struct buf *to_client);

/* The row's; NULL for a protocol without words. */
const struct probe_rules *starttls_probe(enum protocol p);
const struct boundary_rules *starttls_boundary(enum protocol p);

#endif
