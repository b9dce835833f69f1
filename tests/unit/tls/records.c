/* records.c - the client's end behind the handshake, record by record, for tests that send and read
 * what an mbedTLS client would not. Included behind peer.c. */
#include "tls/protection.h"

struct records {
    struct protection in, out;
    struct engine_buffer wire, plain;
    size_t read; /* of join.peer.in */
};

/* Take over from an mbedTLS client whose handshake is over; it can only be freed then. */
static void records_begin(struct records *r, struct join *j)
{
    static uint8_t wire[40000], plain[40000];
    *r = (struct records){.wire = {wire, 0, sizeof wire}, .plain = {plain, 0, sizeof plain}};
    join_send(j, "!", 1); /* the ticket comes with it, so that both are out of the way */
    join_pump(j);
    protection_take(&r->in, &r->out, &j->peer.ssl);
    j->peer.in.size = 0;
}

static void records_end(struct records *r)
{
    protection_free(&r->in);
    protection_free(&r->out);
}

static void records_send(struct records *r, struct join *j, uint8_t type, const void *data,
                         size_t size)
{
    uint8_t copy[20000];
    if (size > 0)
        memcpy(copy, data, size);
    r->wire.size = 0;
    if (!protection_seal(&r->out, type, copy, size, &r->wire))
        abort();
    join_deliver(j, r->wire.data, r->wire.size);
}

/* The type of the next record that came, its content in r->plain; -1: none, -2: not readable. */
static int records_next(struct records *r, struct join *j)
{
    const struct bytes *in = &j->peer.in;
    struct record record;
    uint8_t type;
    size_t size;
    r->plain.size = 0;
    if (in->size - r->read < RECORD_HEADER_SIZE)
        return -1;
    memcpy(record.header, in->data + r->read, RECORD_HEADER_SIZE);
    record.body.data = in->data + r->read + RECORD_HEADER_SIZE;
    record.body.size = (size_t)record.header[3] << 8 | record.header[4];
    r->read += RECORD_HEADER_SIZE + record.body.size;
    return protection_open(&r->in, &record, &r->plain, &type, &size) == PROTECTION_OK ? type : -2;
}
