/* record.h - the client's byte stream, cut into TLS records. Pure.
 *
 * A record that lies whole in what was given is not copied; only the beginning of one that is not
 * yet complete is kept. */
#ifndef TLSFRONT_TLS_RECORD_H
#define TLSFRONT_TLS_RECORD_H

#include "tls/tls.h"

#include <stddef.h>
#include <stdint.h>

enum { RECORD_HEADER_SIZE = 5, RECORD_PLAIN_MAX = 16384, RECORD_PROTECTED_MAX = 16384 + 256 };

enum record_type {
    RECORD_CHANGE_CIPHER_SPEC = 20,
    RECORD_ALERT = 21,
    RECORD_HANDSHAKE = 22,
    RECORD_DATA = 23,
};

struct record {
    uint8_t header[RECORD_HEADER_SIZE];
    struct tls_slice body;
};

/* The record that is being collected; all zero at first. */
struct record_reader {
    uint8_t header[RECORD_HEADER_SIZE];
    uint8_t have; /* bytes of the header */
    uint8_t *body;
    size_t size, capacity;
};

enum record_result {
    RECORD_MORE,  /* *in is used up */
    RECORD_WHOLE, /* *out is the next record; its body is valid until the next call */
    RECORD_NOT_TLS,
    RECORD_TOO_LONG,
    RECORD_NO_MEMORY,
};

/* Take the next record from *in. What cannot be one is told by its first wrong byte, not waited
 * for. `body_max` is the longest body that is possible now. */
enum record_result record_next(struct record_reader *r, size_t body_max, struct tls_slice *in,
                               struct record *out);

/* Give back memory that holds nothing. */
void record_rest(struct record_reader *r);

/* Drop what was collected, with its memory. */
void record_free(struct record_reader *r);

#endif
