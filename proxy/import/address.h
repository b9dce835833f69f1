/* address.h - the peers' ways to write an address, in ours. Pure, but for the names of services. */
#ifndef TLSFRONT_IMPORT_ADDRESS_H
#define TLSFRONT_IMPORT_ADDRESS_H

#include "config/arena.h"
#include "config/protocol.h"

#include <stdbool.h>
#include <stddef.h>

/* "HOST:PORT", with the host in brackets where it is IPv6. */
const char *address_join(struct arena *a, const char *host, unsigned port);

/* A port's number, or the name of a service; 0: it is neither. */
unsigned address_port(const char *text);

/* Cut "HOST:PORT" at its last colon, brackets removed; without a colon, host is NULL and port all
 * of it. Both are the arena's. */
void address_split(struct arena *a, const char *text, const char **host, const char **port);

/* stunnel's and hitch's "HOST:PORT", "[HOST]:PORT", "PORT", "/path", "*:PORT". A host that is not
 * given is `otherwise`. NULL: it is not to be understood. */
const char *address_simple(struct arena *a, const char *text, const char *otherwise);

struct guess {
    enum protocol protocol;
    unsigned port; /* that told; 0: none did, and it is tcp */
};

/* From the port that clients connect to with TLS, else from the server's. Either may be NULL. */
struct guess address_guess(const char *listen, const char *upstream);

#endif
