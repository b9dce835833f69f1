/* resumption.h - sessions with servers, kept to be resumed: in the memory of one worker, few, for a
 * while, and each is used once (RFC 8446 C.4). */
#ifndef TLSFRONT_TLS_RESUMPTION_H
#define TLSFRONT_TLS_RESUMPTION_H

#include "tls/mbed.h"

#include <stdbool.h>
#include <stdint.h>

/* For as many as begin at once; and of all servers together. */
enum { RESUMPTION_KEY_SIZE = 32, RESUMPTION_PER_KEY = 4, RESUMPTION_MAX = 64 };

/* However long its server would take it, and from the certificate on that it has shown last: what
 * is resumed from what was resumed lives no longer than the first (RFC 8446 4.6.1). */
enum { RESUMPTION_LIFETIME = 12 * 3600 };

struct resumption_entry {
    uint8_t key[RESUMPTION_KEY_SIZE];
    uint64_t order;               /* of putting; 0: empty */
    mbedtls_ms_time_t until;      /* on mbedTLS's clock */
    mbedtls_ms_time_t proven;     /* likewise: when the server last showed its certificate */
    mbedtls_ssl_session *session; /* owned */
};

struct resumption {
    uint64_t order;
    struct resumption_entry entries[RESUMPTION_MAX];
};

/* Take out the youngest that is still good; the caller frees it. NULL: there is none, and `proven`
 * is left as it is. `r` NULL is an empty store, here and below. */
mbedtls_ssl_session *resumption_take(struct resumption *r, const uint8_t *key,
                                     mbedtls_ms_time_t *proven);

/* Put in, in the place of the oldest of that key or of all. `lifetime` in seconds; 0: its server
 * does not tell. The session is taken over. */
void resumption_put(struct resumption *r, const uint8_t *key, mbedtls_ssl_session *session,
                    uint32_t lifetime, mbedtls_ms_time_t proven);

/* Drop all of that key. */
void resumption_forget(struct resumption *r, const uint8_t *key);

/* Wipes. */
void resumption_free(struct resumption *r);

/* Wipes and frees one; NULL is fine. */
void resumption_free_session(mbedtls_ssl_session *session);

#endif
