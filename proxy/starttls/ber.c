#include "proxy/starttls/ber.h"

#include <string.h>

/* The long form of a length (X.690, 8.1.3.5): `octets` of them, most significant first. */
static enum ber_result long_size(const uint8_t *at, size_t octets, size_t *size_r)
{
    size_t size = 0;
    for (size_t i = 0; i < octets; i++) {
        if (size > (BER_SIZE_MAX >> 8))
            return BER_BAD;
        size = size << 8 | at[i];
    }
    *size_r = size;
    return BER_OK;
}

enum ber_result ber_any_header(struct slice *in, uint8_t *tag_r, size_t *size_r)
{
    if (in->size > 0 && (in->data[0] & 0x1f) == 0x1f)
        return BER_BAD; /* a tag of several bytes (8.1.2.4): LDAP has none */
    if (in->size < 2)
        return BER_MORE;

    size_t size = in->data[1], octets = 0;
    if (size >= 0x80) {
        octets = size & 0x7f;
        /* None is the indefinite form (8.1.3.6), which RFC 4511, 5.1 forbids. */
        if (octets == 0 || octets > BER_LENGTH_OCTETS)
            return BER_BAD;
        if (in->size < 2 + octets)
            return BER_MORE;
        if (long_size(in->data + 2, octets, &size) != BER_OK)
            return BER_BAD;
    }
    *tag_r = in->data[0];
    *size_r = size;
    in->data += 2 + octets;
    in->size -= 2 + octets;
    return BER_OK;
}

bool ber_take(struct slice *in, uint8_t *tag_r, struct slice *contents_r)
{
    struct slice rest = *in;
    size_t size;
    if (ber_header(&rest, tag_r, &size) != BER_OK || size > rest.size)
        return false;
    *contents_r = (struct slice){rest.data, size};
    *in = (struct slice){rest.data + size, rest.size - size};
    return true;
}

bool ber_expect(struct slice *in, uint8_t tag, struct slice *contents_r)
{
    struct slice rest = *in;
    uint8_t found;
    if (!ber_take(&rest, &found, contents_r) || found != tag)
        return false;
    *in = rest;
    return true;
}

bool ber_number(struct slice *in, uint8_t tag, int64_t *value_r)
{
    struct slice rest = *in, contents;
    if (!ber_expect(&rest, tag, &contents) || !ber_value(contents, value_r))
        return false;
    *in = rest;
    return true;
}

bool ber_value(struct slice contents, int64_t *value_r)
{
    if (contents.size == 0 || contents.size > BER_NUMBER_OCTETS)
        return false;
    /* Two's complement (8.3.3): the sign is that of the first octet. */
    uint64_t value = (contents.data[0] & 0x80) != 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < contents.size; i++)
        value = value << 8 | contents.data[i];
    *value_r = (int64_t)value;
    return true;
}

size_t ber_open(struct buf *b, uint8_t tag)
{
    const uint8_t header[] = {tag, 0};
    buf_put(b, header, sizeof header);
    return b->size;
}

void ber_close(struct buf *b, size_t mark)
{
    if (b->failed)
        return;
    const size_t size = b->size - mark;
    if (size < 0x80) {
        b->data[mark - 1] = (uint8_t)size;
        return;
    }
    uint8_t octets[sizeof size];
    size_t n = 0;
    for (size_t left = size; left > 0; left >>= 8)
        octets[sizeof octets - ++n] = (uint8_t)left;
    buf_put(b, octets, n); /* for the room; the contents move into it */
    if (b->failed)
        return;
    memmove(b->data + mark + n, b->data + mark, size);
    memcpy(b->data + mark, octets + sizeof octets - n, n);
    b->data[mark - 1] = (uint8_t)(0x80 | n);
}

void ber_put(struct buf *b, uint8_t tag, const void *contents, size_t size)
{
    const size_t mark = ber_open(b, tag);
    buf_put(b, contents, size);
    ber_close(b, mark);
}

void ber_puts(struct buf *b, uint8_t tag, const char *text)
{
    ber_put(b, tag, text, strlen(text));
}

void ber_put_number(struct buf *b, uint8_t tag, uint32_t value)
{
    /* One octet more than the value has, so that the sign stays clear; then the shortest
     * (8.3.2). */
    const uint8_t octets[] = {0, (uint8_t)(value >> 24), (uint8_t)(value >> 16),
                              (uint8_t)(value >> 8), (uint8_t)value};
    size_t from = 0;
    while (from < sizeof octets - 1 && octets[from] == 0 && octets[from + 1] < 0x80)
        from++;
    ber_put(b, tag, octets + from, sizeof octets - from);
}
