#include "tls/record.h"

#include "tls/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static size_t body_size(const uint8_t *header)
{
    return (size_t)header[3] << 8 | header[4];
}

static enum record_result check_header(const struct record_reader *r, size_t body_max)
{
    if (r->have >= 1 && (r->header[0] < RECORD_CHANGE_CIPHER_SPEC || r->header[0] > RECORD_DATA))
        return RECORD_NOT_TLS;
    if (r->have >= 2 && r->header[1] != 3) /* SSL 3.0 to TLS 1.3 all say 3 here */
        return RECORD_NOT_TLS;
    if (r->have == RECORD_HEADER_SIZE && body_size(r->header) > body_max)
        return RECORD_TOO_LONG;
    return RECORD_WHOLE;
}

static void take_header(struct record_reader *r, struct tls_slice *in)
{
    while (r->have < RECORD_HEADER_SIZE && in->size > 0) {
        r->header[r->have++] = *in->data++;
        in->size--;
    }
}

/* Grow by what has come, not by what is claimed. */
static bool keep(struct record_reader *r, struct tls_slice *in, size_t total)
{
    size_t count = total - r->size < in->size ? total - r->size : in->size;
    size_t needed = r->size + count;
    if (count == 0)
        return true;
    if (needed > r->capacity) {
        size_t capacity = needed > 2 * r->capacity ? needed : 2 * r->capacity;
        capacity = capacity < total ? capacity : total;
        uint8_t *body = memory_grow(r->body, capacity);
        if (body == NULL)
            return false;
        r->body = body;
        r->capacity = capacity;
    }
    memcpy(r->body + r->size, in->data, count);
    r->size += count;
    in->data += count;
    in->size -= count;
    return true;
}

static enum record_result hand_out(struct record_reader *r, struct tls_slice body,
                                   struct record *out)
{
    memcpy(out->header, r->header, RECORD_HEADER_SIZE);
    out->body = body;
    r->have = 0;
    r->size = 0;
    return RECORD_WHOLE;
}

enum record_result record_next(struct record_reader *r, size_t body_max, struct tls_slice *in,
                               struct record *out)
{
    take_header(r, in);
    enum record_result checked = check_header(r, body_max);
    if (checked != RECORD_WHOLE)
        return checked;
    if (r->have < RECORD_HEADER_SIZE)
        return RECORD_MORE;
    size_t total = body_size(r->header);
    if (r->size == 0 && in->size >= total) {
        struct tls_slice body = {in->data, total};
        in->data += total;
        in->size -= total;
        return hand_out(r, body, out);
    }
    if (!keep(r, in, total))
        return RECORD_NO_MEMORY;
    if (r->size < total)
        return RECORD_MORE;
    return hand_out(r, (struct tls_slice){r->body, total}, out);
}

void record_rest(struct record_reader *r)
{
    if (r->size > 0)
        return;
    free(r->body);
    r->body = NULL;
    r->capacity = 0;
}

void record_free(struct record_reader *r)
{
    r->size = 0;
    record_rest(r);
}
