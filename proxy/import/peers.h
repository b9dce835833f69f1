/* peers.h - one row for each peer whose configuration can be carried over. */
#ifndef TLSFRONT_IMPORT_PEERS_H
#define TLSFRONT_IMPORT_PEERS_H

#include "proxy/import/files.h"
#include "proxy/import/plan.h"
#include "proxy/import/syntax.h"

struct peer {
    const char *name;
    syntax_fn *syntax;

    /* Is `s` an include? Then the files that it names, found as the peer does. NULL: the peer has
     * none. */
    bool (*include)(struct plan *p, const struct statement *s, struct paths *files);

    /* Carry over one of plan.files, whose includes are in place. */
    void (*carry)(struct plan *p, struct statement *file);

    bool
        from_file; /* relative paths begin at the file's directory, not where the peer is started */
};

extern const struct peer peer_stunnel, peer_hitch, peer_nginx, peer_haproxy;

#endif
