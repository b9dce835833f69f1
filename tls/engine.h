/* engine.h - the inside of a tls_engine, for the other files of tls/. */
#ifndef TLSFRONT_TLS_ENGINE_H
#define TLSFRONT_TLS_ENGINE_H

#include "tls/resumption.h"
#include "tls/tickets.h"
#include "tls/tls.h"

/* One pair serves whoever is driven; more are out only while a signature is waited for, or the
 * second half of a message. */
enum { ENGINE_SPARE_PAIRS = 8 };

struct engine_buffer {
    uint8_t *data;
    size_t size, capacity;
};

struct tls_engine {
    struct tickets tickets;
    struct engine_buffer plain, wire; /* what the current call has produced */

    /* Wiped record buffers, in pairs, for the next handshake that is driven. */
    uint8_t *spare[2 * ENGINE_SPARE_PAIRS];
    size_t spares;

    struct resumption *resumption; /* NULL: no server's session was kept yet */

    /* How many records one TLS 1.3 key protects before it is changed: below the limit of AES-GCM,
     * 2^24.5 records of full size (RFC 8446 5.5), by a margin for those on their way. */
    uint64_t rekey_after;
};

/* Begin a call that may produce output: what lay in the buffers is gone. */
void engine_begin(struct tls_engine *e);

/* Room for `size` more bytes; false: out of memory. Bytes that moved are wiped where they were. */
bool engine_reserve(struct engine_buffer *b, size_t size);

/* A pair of record buffers for mbedTLS, all zero. False: out of memory, both are NULL. */
bool engine_lend(struct tls_engine *e, uint8_t **in, uint8_t **out);
/* Have one back, which may be NULL. It is wiped. */
void engine_take_back(struct tls_engine *e, uint8_t *in, uint8_t *out);

/* What lies in it; valid until the buffer is written to. */
struct tls_slice engine_slice(const struct engine_buffer *b);

#endif
