#include "proxy/supervisor/totals.h"

static void add(struct route_totals *t, const struct route_counters *c)
{
    t->active += counter_get(&c->active);
    t->handshaking += counter_get(&c->handshaking);
    t->accepted += counter_get(&c->accepted);
    t->refused += counter_get(&c->refused);
    t->handshakes += counter_get(&c->handshakes);
    t->resumed += counter_get(&c->resumed);
    t->tls12 += counter_get(&c->tls12);
    t->tls13 += counter_get(&c->tls13);
    t->failures += counter_get(&c->handshake_failures);
    t->logins_refused += counter_get(&c->logins_refused);
    t->upstream_failures += counter_get(&c->upstream_failures);
    t->bytes_in += counter_get(&c->bytes_in);
    t->bytes_out += counter_get(&c->bytes_out);
}

struct route_totals route_totals(const struct workers *ws, unsigned slot)
{
    struct route_totals t = {0};
    for (unsigned w = 0; w < ws->count; w++)
        add(&t, &counters_of(&ws->all, w)->route[slot]);
    return t;
}
