#include "proxy/supervisor/totals.h"

#include <string.h>

static struct route_totals plain(const struct route_counters *c)
{
    return (struct route_totals){.active = counter_get(&c->active),
                                 .handshaking = counter_get(&c->handshaking),
                                 .accepted = counter_get(&c->accepted),
                                 .refused = counter_get(&c->refused),
                                 .handshakes = counter_get(&c->handshakes),
                                 .resumed = counter_get(&c->resumed),
                                 .tls12 = counter_get(&c->tls12),
                                 .tls13 = counter_get(&c->tls13),
                                 .failures = counter_get(&c->handshake_failures),
                                 .logins_refused = counter_get(&c->logins_refused),
                                 .upstream_failures = counter_get(&c->upstream_failures),
                                 .bytes_in = counter_get(&c->bytes_in),
                                 .bytes_out = counter_get(&c->bytes_out),
                                 .checks = counter_get(&c->checks)};
}

static void add_groups(struct route_totals *t, const struct route_details *d)
{
    for (unsigned cipher = 0; cipher < TLS_CIPHER_NUMBERS; cipher++)
        for (unsigned g = 0; g < TLS_GROUP_NUMBERS; g++)
            t->groups[g] +=
                counter_get(&d->tls[cipher][g][false]) + counter_get(&d->tls[cipher][g][true]);
}

static uint64_t hybrid_of(const struct route_totals *t)
{
    const char *name;
    for (unsigned g = 1; (name = tls_group_name(g)) != NULL; g++)
        if (strcmp(name, TLS_GROUP_HYBRID) == 0)
            return t->groups[g];
    return 0;
}

struct route_totals route_totals(const struct workers *ws, unsigned slot)
{
    struct route_counters sum;
    struct route_details more;
    counters_add_up(&ws->all, slot, &sum, &more);
    struct route_totals t = plain(&sum);
    add_groups(&t, &more);
    for (unsigned why = 0; why < REFUSALS; why++)
        t.refused_by[why] = counter_get(&more.refused[why]);
    t.hybrid = hybrid_of(&t);
    return t;
}

struct name_totals name_totals(const struct workers *ws, unsigned slot)
{
    struct name_counters sum;
    counters_add_up_name(&ws->all, slot, &sum);
    return (struct name_totals){.active = counter_get(&sum.active),
                                .accepted = counter_get(&sum.accepted),
                                .refused = counter_get(&sum.refused),
                                .upstream_failures = counter_get(&sum.upstream_failures),
                                .bytes_in = counter_get(&sum.bytes_in),
                                .bytes_out = counter_get(&sum.bytes_out)};
}
