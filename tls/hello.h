/* hello.h - what a peer says before encryption starts, read before mbedTLS reads it. Pure.
 *
 * mbedTLS wants a handshake message to begin with four bytes in one record; RFC 8446 5.1 lets one
 * cut where it likes. hello_next() puts messages together again. hello_read() looks into a
 * ClientHello for the name that chooses the certificate. */
#ifndef TLSFRONT_TLS_HELLO_H
#define TLSFRONT_TLS_HELLO_H

#include "tls/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HELLO_HEADER_SIZE = 4, HELLO_REQUEST = 0, HELLO_CLIENT_HELLO = 1, HELLO_SERVER_HELLO = 2 };

/* A message and its header have to fit one record for mbedTLS. */
#define HELLO_MESSAGE_MAX ((size_t)16384)

/* The message that is being put together; all zero at first. */
struct hello_stream {
    uint8_t *data;
    size_t size, capacity;
};

enum hello_result {
    HELLO_MORE,    /* the payload is used up; the message is not complete */
    HELLO_MESSAGE, /* *message is one whole message, header included */
    HELLO_TOO_LONG,
    HELLO_NO_MEMORY,
};

/* Take the next message from the payload of plaintext handshake records. *message points into
 * *payload or into the stream and is valid until the next call. */
enum hello_result hello_next(struct hello_stream *s, struct tls_slice *payload,
                             struct tls_slice *message);

/* The type of the message that is incomplete; -1: there is none. */
int hello_pending_type(const struct hello_stream *s);

void hello_free(struct hello_stream *s); /* all zero again */

struct hello {
    struct tls_slice ciphers; /* two bytes each */
    struct tls_slice name;    /* of the server_name extension; data NULL: none */
    /* whole extensions, not looked into; data NULL: none */
    struct tls_slice alpn, groups, shares; /* `groups` are those of supported_groups */
    bool early_data;
    bool tls13;        /* offered */
    bool fallback;     /* it has offered more before (RFC 7507) */
    bool renegotiates; /* it goes on from another handshake (RFC 5746 3.6) */
};

enum hello_fault {
    HELLO_OK,
    HELLO_MALFORMED, /* decode_error */
    HELLO_ILLEGAL,   /* illegal_parameter: an extension or a host name twice */
    HELLO_LONG_NAME, /* illegal_parameter: a host name of more than 255 bytes */
};

/* Read a ClientHello, header included. Slices point into it. */
enum hello_fault hello_read(struct tls_slice message, struct hello *h);

struct server_hello {
    bool tls13, renegotiates; /* as in struct hello */
};

/* Read a ServerHello or HelloRetryRequest, header included. */
enum hello_fault hello_read_server(struct tls_slice message, struct server_hello *h);

#endif
