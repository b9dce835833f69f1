/* ber.h - the part of BER (ITU-T X.690) that LDAP uses (RFC 4511, 5.1): definite lengths, tags of
 * one byte. A slice is the cursor; nothing is ever read behind its end. */
#ifndef TLSFRONT_BER_H
#define TLSFRONT_BER_H

#include "proxy/base/buf.h"
#include "proxy/starttls/line.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tags of the universal class, as they stand on the wire. */
enum {
    BER_BOOLEAN = 0x01,
    BER_INTEGER = 0x02,
    BER_OCTETS = 0x04,
    BER_ENUMERATED = 0x0a,
    BER_SEQUENCE = 0x30,
    BER_SET = 0x31,
};

/* A length may be written longer than it has to be (Active Directory always takes four octets), up
 * to eight. The largest length taken is that of the largest INTEGER that LDAP knows, maxInt. */
enum { BER_LENGTH_OCTETS = 8, BER_HEADER_MAX = 2 + BER_LENGTH_OCTETS, BER_SIZE_MAX = 0x7fffffff };

/* A number takes no more octets than this. */
enum { BER_NUMBER_OCTETS = 8 };

enum ber_result {
    BER_OK,
    BER_MORE, /* the slice ends too early to tell; nothing was moved */
    BER_BAD,  /* indefinite or absurd length, or a tag of several bytes; nothing was moved */
};

/* ---- reading ---- */

/* As ber_header(), whatever the length. */
enum ber_result ber_any_header(struct slice *in, uint8_t *tag_r, size_t *size_r);

/* The header at the front of *in, which moves to the contents. They need not be there yet. Most are
 * of two bytes, and a directory sends millions. */
static inline enum ber_result ber_header(struct slice *in, uint8_t *tag_r, size_t *size_r)
{
    if (in->size < 2 || in->data[1] >= 0x80 || (in->data[0] & 0x1f) == 0x1f)
        return ber_any_header(in, tag_r, size_r);
    *tag_r = in->data[0];
    *size_r = in->data[1];
    in->data += 2;
    in->size -= 2;
    return BER_OK;
}

/* The element at the front of *in, which moves behind it. False when it is not there as a whole;
 * then nothing is moved. */
bool ber_take(struct slice *in, uint8_t *tag_r, struct slice *contents_r);

/* The same for an element with this very tag. */
bool ber_expect(struct slice *in, uint8_t tag, struct slice *contents_r);

/* The same for an INTEGER, ENUMERATED or BOOLEAN (any value but 0 is true). */
bool ber_number(struct slice *in, uint8_t tag, int64_t *value_r);

/* The number that these contents are, for one under a tag of its own. */
bool ber_value(struct slice contents, int64_t *value_r);

/* ---- writing: always the shortest lengths ---- */

/* Begin an element whose size is not known yet; give the result to ber_close(). They nest. */
size_t ber_open(struct buf *b, uint8_t tag);
void ber_close(struct buf *b, size_t mark);

void ber_put(struct buf *b, uint8_t tag, const void *contents, size_t size);
void ber_puts(struct buf *b, uint8_t tag, const char *text);
void ber_put_number(struct buf *b, uint8_t tag, uint32_t value);

#endif
