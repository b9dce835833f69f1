/* hooks.h - what mbedTLS asks us in the middle of a handshake: which certificate, tickets, and
 * signatures. */
#ifndef TLSFRONT_TLS_HOOKS_H
#define TLSFRONT_TLS_HOOKS_H

#include "tls/server.h"

/* Make the configuration ask. */
void hooks_install(struct tls_server *s);

#endif
