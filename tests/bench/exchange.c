#include "tests/bench/exchange.h"

#include <string.h>

enum { CHUNK = 16384 }; /* one full TLS record */

void exchange_start(struct exchange *x, char order, uint64_t bytes)
{
    *x = (struct exchange){.out_total = bytes, .in_total = bytes};
    if (order == ORDER_ECHO)
        return;
    x->order[0] = (uint8_t)order;
    number_write(x->order + 1, bytes);
    x->order_len = ORDER_SIZE;
    x->counted = order == ORDER_UPLOAD;
    x->out_total = ORDER_SIZE + (x->counted ? bytes : 0);
    if (x->counted)
        x->in_total = ORDER_NUMBER;
}

static bool send_some(struct exchange *x, struct link *l)
{
    bool in_order = x->out < x->order_len;
    const uint8_t *from = in_order ? x->order + x->out : pattern_at(x->out - x->order_len);
    uint64_t left = (in_order ? x->order_len : x->out_total) - x->out;
    ssize_t sent = link_write(l, from, left < CHUNK ? (size_t)left : CHUNK);
    if (sent > 0)
        x->out += (uint64_t)sent;
    return sent > 0;
}

static bool receive_some(struct exchange *x, struct link *l)
{
    static uint8_t in[CHUNK];
    uint64_t left = x->in_total - x->in;
    ssize_t got = link_read(l, in, left < CHUNK ? (size_t)left : CHUNK);
    if (got <= 0)
        return false;
    const uint8_t *expected = x->counted ? x->order + 1 + x->in : pattern_at(x->in);
    if (memcmp(in, expected, (size_t)got) != 0)
        die("client: what came back is not what was sent, at byte %llu", (unsigned long long)x->in);
    x->in += (uint64_t)got;
    return true;
}

bool exchange_step(struct exchange *x, struct link *l)
{
    while (x->out < x->out_total)
        if (!send_some(x, l))
            return false;
    while (x->in < x->in_total)
        if (!receive_some(x, l))
            return false;
    return true;
}

static ssize_t hear(struct link *l, const uint8_t *expected, size_t size)
{
    static uint8_t in[CHUNK];
    ssize_t got = link_read(l, in, size < CHUNK ? size : CHUNK);
    if (got > 0 && memcmp(in, expected, (size_t)got) != 0)
        die("client: the server did not say what its script has");
    return got;
}

bool act_step(struct act *a, struct link *l)
{
    while (a->part < a->end) {
        const struct script_part *p = &a->script->parts[a->part];
        size_t at = (size_t)(a->done % p->size), left = p->size - at;
        ssize_t moved = p->by_client ? link_write(l, p->bytes + at, left < CHUNK ? left : CHUNK)
                                     : hear(l, p->bytes + at, left);
        if (moved <= 0)
            return false;
        a->done += (uint64_t)moved;
        if (a->done == p->size * p->times) {
            a->done = 0;
            a->part++;
        }
    }
    return true;
}
