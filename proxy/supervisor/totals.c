#include "proxy/supervisor/totals.h"

#include <string.h>

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
    t->checks += counter_get(&c->checks);
}

static void add_groups(struct route_totals *t, const struct route_details *d)
{
    for (unsigned cipher = 0; cipher < TLS_CIPHER_NUMBERS; cipher++)
        for (unsigned g = 0; g < TLS_GROUP_NUMBERS; g++)
            t->groups[g] +=
                counter_get(&d->tls[cipher][g][false]) + counter_get(&d->tls[cipher][g][true]);
}

static void add_refusals(struct route_totals *t, const struct route_details *d)
{
    for (unsigned why = 0; why < REFUSALS; why++)
        t->refused_by[why] += counter_get(&d->refused[why]);
}

static uint64_t hybrid_of(const struct route_totals *t)
{
    const char *name;
    for (unsigned g = 1; (name = tls_group_name(g)) != NULL; g++)
        if (strcmp(name, TLS_GROUP_HYBRID) == 0)
            return t->groups[g];
    return 0;
}

/* What is gone has no present. */
static void add_base(struct route_totals *t, const uint64_t base[ROUTE_COUNTERS])
{
    struct route_counters c = {0};
    for (unsigned i = 0; i < ROUTE_COUNTERS; i++)
        memcpy((uint8_t *)&c + counter_facts[i].offset, &base[i], sizeof base[i]);
    add(t, &c);
}

struct route_totals route_totals(const struct workers *ws, unsigned slot)
{
    struct route_totals t = {0};
    for (unsigned w = 0; w < workers_parts(ws); w++) {
        if (counters_of(&ws->all, w) == NULL)
            continue;
        add(&t, &counters_of(&ws->all, w)->route[slot]);
        add_groups(&t, &counters_of(&ws->all, w)->details[slot]);
        add_refusals(&t, &counters_of(&ws->all, w)->details[slot]);
    }
    if (ws->veterans != NULL)
        add_base(&t, ws->veterans->base[slot]);
    t.hybrid = hybrid_of(&t);
    return t;
}

static void add_name(struct name_totals *t, const struct name_counters *c)
{
    t->active += counter_get(&c->active);
    t->accepted += counter_get(&c->accepted);
    t->refused += counter_get(&c->refused);
    t->upstream_failures += counter_get(&c->upstream_failures);
    t->bytes_in += counter_get(&c->bytes_in);
    t->bytes_out += counter_get(&c->bytes_out);
}

static void add_name_base(struct name_totals *t, const uint64_t base[NAME_COUNTERS])
{
    struct name_counters c = {0};
    for (unsigned i = 0; i < NAME_COUNTERS; i++)
        memcpy((uint8_t *)&c + name_counter_facts[i].offset, &base[i], sizeof base[i]);
    add_name(t, &c);
}

struct name_totals name_totals(const struct workers *ws, unsigned slot)
{
    struct name_totals t = {0};
    for (unsigned w = 0; w < workers_parts(ws); w++)
        if (counters_of(&ws->all, w) != NULL)
            add_name(&t, &counters_of(&ws->all, w)->name[slot]);
    if (ws->veterans != NULL)
        add_name_base(&t, ws->veterans->name_base[slot]);
    return t;
}
