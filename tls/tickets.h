/* tickets.h - session tickets without a store: the session itself, sealed for whoever brings it
 * back (RFC 5077, RFC 8446 4.6.1).
 *
 *   name of the key (16) | nonce (12) | AES-256-GCM(group (2) | session) | tag (16)
 *
 * The key is derived from a tls_ticket_key's secret per TLS version. The seal also covers a digest
 * of whom the client has spoken to (hooks.c), and what the session was agreed with has to be
 * allowed where it comes back: docs/decisions/023-what-a-ticket-is-bound-to.md. */
#ifndef TLSFRONT_TLS_TICKETS_H
#define TLSFRONT_TLS_TICKETS_H

#include "tls/mbed.h"
#include "tls/tls.h"

enum {
    TICKETS_NONCE_SIZE = 12,
    TICKETS_TAG_SIZE = 16,
    TICKETS_BOUND_SIZE = 32,
    TICKETS_GROUP_SIZE = 2
};

struct tickets_slot {
    uint8_t name[TLS_TICKET_NAME_SIZE];
    uint8_t tls12[32], tls13[32];
};

struct tickets {
    size_t count; /* the first seals, all open */
    struct tickets_slot slot[TLS_TICKET_KEYS];
};

/* Derive the keys; a count of 0 makes one that nobody else knows. -1: no random numbers. */
int tickets_set(struct tickets *t, const struct tls_ticket_keys *keys);

/* Both return 0 or an error of mbedTLS. `bound` is TICKETS_BOUND_SIZE bytes; `group` is that of the
 * key exchange. */
int tickets_seal(const struct tickets *t, const uint8_t *bound, const mbedtls_ssl_session *session,
                 uint16_t group, uint8_t *out, size_t room, size_t *size);
int tickets_open(const struct tickets *t, const uint8_t *bound, bool tls13, struct tls_slice ticket,
                 mbedtls_ssl_session *session, uint16_t *group);

#endif
