#include "proxy/resolver/service.h"
#include "proxy/ipc/ipc.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>

/* RFC 2782: priority, weight, port, target. */
enum { DATA_HEAD = 6 };

/* What cannot be read is passed over. */
static void take_record(const ns_msg *m, const ns_rr *rr, struct service *out)
{
    struct service_target *t = &out->targets[out->count];
    const uint8_t *data = ns_rr_rdata(*rr);
    if (ns_rr_type(*rr) != ns_t_srv || ns_rr_class(*rr) != ns_c_in ||
        ns_rr_rdlen(*rr) <= DATA_HEAD || out->count == SERVICE_TARGETS_MAX ||
        ns_name_uncompress(ns_msg_base(*m), ns_msg_end(*m), data + DATA_HEAD, t->host,
                           sizeof t->host) < 0)
        return;
    t->priority = (uint16_t)ns_get16(data);
    t->weight = (uint16_t)ns_get16(data + 2);
    t->port = (uint16_t)ns_get16(data + 4);
    if (out->count == 0 || ns_rr_ttl(*rr) < out->ttl)
        out->ttl = ns_rr_ttl(*rr);
    out->count++;
}

/* Those without a weight first: RFC 2782 wants it so. */
static int compare(const void *x, const void *y)
{
    const struct service_target *a = x, *b = y;
    if (a->priority != b->priority)
        return a->priority < b->priority ? -1 : 1;
    return a->weight == b->weight ? strcmp(a->host, b->host) : a->weight < b->weight ? -1 : 1;
}

static void sort(struct service *s)
{
    qsort(s->targets, s->count, sizeof *s->targets, compare);
    for (size_t i = 1; i < s->count; i++)
        s->targets[i].tier =
            s->targets[i - 1].tier + (s->targets[i].priority != s->targets[i - 1].priority);
}

/* "." is no host. With others it means nothing; alone, that there is no such service. */
static void drop_roots(struct service *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->targets[i].host[0] != '\0' && strcmp(s->targets[i].host, ".") != 0)
            s->targets[kept++] = s->targets[i];
    s->count = kept;
}

int service_parse(const uint8_t *answer, size_t size, struct service *out)
{
    ns_msg m;
    ns_rr rr;
    memset(out, 0, sizeof *out);
    if (size > NS_MAXMSG || ns_initparse(answer, (int)size, &m) != 0)
        return EAI_FAIL;
    for (int i = 0; i < ns_msg_count(m, ns_s_an); i++)
        if (ns_parserr(&m, ns_s_an, i, &rr) == 0)
            take_record(&m, &rr, out);
    if (out->count == 0)
        return EAI_NODATA;
    drop_roots(out);
    sort(out);
    return out->count > 0 ? 0 : RESOLVE_NO_SERVICE;
}

/* A weight of 0 is a very small chance, not none. */
struct upstream_share service_share(const struct service_target *t, size_t addresses)
{
    enum { FINE = 64 }; /* so that one more, and a part of it, make no difference */
    const uint32_t weight = (uint32_t)((t->weight * (size_t)FINE + 1) / addresses);
    return (struct upstream_share){t->tier, weight > 0 ? weight : 1};
}
