/* vector.h - reading what handshake messages are made of (RFC 8446 3.4). Pure.
 *
 * Each takes from the front of *in; false: there are not so many bytes, and what was taken before
 * is of no use. */
#ifndef TLSFRONT_TLS_VECTOR_H
#define TLSFRONT_TLS_VECTOR_H

#include "tls/tls.h"

/* `size` bytes. */
bool vector_bytes(struct tls_slice *in, size_t size, struct tls_slice *out);

/* A number of `width` bytes. */
bool vector_number(struct tls_slice *in, size_t width, size_t *number);

/* A vector: its length in `width` bytes, then that many bytes. */
bool vector_take(struct tls_slice *in, size_t width, struct tls_slice *out);

#endif
