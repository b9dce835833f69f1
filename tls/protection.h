/* protection.h - record protection: one direction of a connection behind its handshake
 * (RFC 8446 5.2, RFC 5246 6.2.3.3 with RFC 5288 and RFC 7905).
 *
 * mbedTLS carries a connection through its handshake. Then its keys are moved here and its context
 * goes, with its record buffers: records are opened from where they were read into where plaintext
 * is collected, and sealed the same way, without a copy, and an idle connection costs its keys. */
#ifndef TLSFRONT_TLS_PROTECTION_H
#define TLSFRONT_TLS_PROTECTION_H

#include "tls/engine.h"
#include "tls/mbed.h"
#include "tls/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROTECTION_IV_SIZE = 12, PROTECTION_SECRET_MAX = 48 };

/* A sequence beyond the last: nothing is opened or sealed any more. */
#define PROTECTION_SPENT UINT64_MAX

struct protection {
    mbedtls_cipher_context_t cipher; /* keyed, for one direction */
    uint8_t iv[PROTECTION_IV_SIZE];
    uint64_t sequence; /* of the next record */
    bool tls13;
    bool explicit_nonce; /* TLS 1.2 with AES-GCM: eight bytes of it stand in the record */
    uint8_t secret_size;
    uint8_t secret[PROTECTION_SECRET_MAX]; /* TLS 1.3: the traffic secret, for protection_update */
};

/* Move the keys of a finished handshake out of mbedTLS's context, which then can only be freed.
 * All zero structures are fine for protection_free(). */
void protection_take(struct protection *in, struct protection *out, mbedtls_ssl_context *ssl);
void protection_free(struct protection *p); /* wipes */

enum protection_result {
    PROTECTION_OK,
    PROTECTION_BAD,      /* does not decrypt: another key, or damage */
    PROTECTION_TOO_LONG, /* more than 2^14 bytes of content */
    PROTECTION_NO_TYPE,  /* TLS 1.3: nothing but padding */
    PROTECTION_NO_MEMORY,
};

/* Decrypt a record and append its content to `plain`; its true type goes to *type, the size of the
 * content to *size. On any failure nothing is appended. */
enum protection_result protection_open(struct protection *p, const struct record *r,
                                       struct engine_buffer *plain, uint8_t *type, size_t *size);

/* Append a record with that content, at most RECORD_PLAIN_MAX bytes, to `wire`. data[size] must
 * exist and be writable: TLS 1.3 puts the type there for a moment. False: out of memory, or 2^64
 * records. */
bool protection_seal(struct protection *p, uint8_t type, uint8_t *data, size_t size,
                     struct engine_buffer *wire);

/* The next generation of keys (RFC 8446 7.2): secret, key, iv and sequence together. False: out of
 * memory; then nothing is opened or sealed any more. */
bool protection_update(struct protection *p);

#endif
