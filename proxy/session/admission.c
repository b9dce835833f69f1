/* admission.c - see admission.h.
 *
 * Newcomers are counted first and judged then, so that workers that count at the same moment cannot
 * both let the last one in. */
#include "proxy/session/admission.h"
#include "proxy/base/address.h"

static void refuse(struct sessions *all, const struct route *r, struct admission *a,
                   enum starttls_refusal why)
{
    admission_leave(all, r, a);
    a->refusal = why;
}

void admission_enter(struct sessions *all, const struct route *r, struct admission *a)
{
    struct route_counters *c = &all->counters->route[r->slot];
    const unsigned most = r->config->max_connections;
    counter_add(&c->accepted, 1);
    counter_add(&c->active, 1);
    a->admitted = true;
    if (all->draining)
        refuse(all, r, a, REFUSE_DRAINING);
    else if (most > 0 && route_active(all->parts, all->worker_count, r->slot) > most)
        refuse(all, r, a, REFUSE_TOO_MANY);
}

static bool may_come_in(const struct route_config *r, const struct sockaddr *client)
{
    if (address_in(client, r->deny.items, r->deny.count))
        return false;
    return r->allow.count == 0 || address_in(client, r->allow.items, r->allow.count);
}

/* Only those whom the rate lets in count for it: who comes too often gets in as soon as a period
 * has passed, however often it has tried meanwhile. */
static bool comes_too_often(struct sessions *all, const struct route *r,
                            const struct sockaddr *client)
{
    const struct connection_rate *rate = &r->config->rate_per_ip;
    if (rate->count == 0)
        return false;
    const uint64_t now = uv_now(all->loop);
    const uint64_t key = client_hash(client, rate_salt(r->config->name, rate->per), all->seed);
    rate_add(&all->counters->rates, key, rate->per, now);
    if (client_rate(all->parts, all->worker_count, key, rate->per, now) <= rate->count)
        return false;
    rate_take_back(&all->counters->rates, key, rate->per, now);
    return true;
}

/* Among the clients of that slot. */
static void enter_client(struct sessions *all, unsigned slot, const struct sockaddr *client,
                         struct admission *a)
{
    a->client = client_key_of(client, slot, all->seed);
    a->counted = client_enter(&all->counters->clients, a->client);
}

/* Counted without a limit, too: a reload may bring one. */
static bool are_too_many(struct sessions *all, const struct route *r, const struct sockaddr *client,
                         struct admission *a)
{
    const unsigned most = r->config->max_connections_per_ip;
    enter_client(all, r->slot, client, a);
    return most > 0 && client_count(all->parts, all->worker_count, a->client) > most;
}

void admission_client(struct sessions *all, const struct route *r, const struct sockaddr *client,
                      struct admission *a)
{
    if (client->sa_family == AF_UNIX)
        return;
    if (!may_come_in(r->config, client)) {
        if (a->admitted)
            refuse(all, r, a, REFUSE_DENIED);
        a->refusal = REFUSE_DENIED;
    } else if (!a->admitted || a->balancer) {
        return;
    } else if (are_too_many(all, r, client, a)) {
        refuse(all, r, a, REFUSE_TOO_MANY);
        a->own_limit = true;
    } else if (comes_too_often(all, r, client)) {
        refuse(all, r, a, REFUSE_TOO_FAST);
    }
}

void admission_name(struct sessions *all, const struct route *r, const struct server_name *name,
                    struct admission *a)
{
    struct name_counters *c = &all->counters->name[name->slot];
    const unsigned most = name->config->max_connections;
    a->named = true;
    a->name_slot = name->slot;
    counter_add(&c->accepted, 1);
    counter_add(&c->active, 1);
    if (most > 0 && name_active(all->parts, all->worker_count, name->slot) > most)
        refuse(all, r, a, REFUSE_TOO_MANY);
}

/* Of the places of a worker, and for each client address over all workers. */
enum { COURTESY_SHARE = 16, COURTESY_PER_CLIENT = 4 };

/* Those being told are counted by address like those of a route, in one that there is not. */
static bool client_may_be_told(struct sessions *all, const struct sockaddr *client,
                               struct admission *a)
{
    if (client == NULL || client->sa_family == AF_UNIX)
        return true;
    enter_client(all, ROUTE_SLOTS, client, a);
    return client_count(all->parts, all->worker_count, a->client) <= COURTESY_PER_CLIENT;
}

/* A limit must not cost more than it saves. A worker that drains has nobody else to serve; one
 * behind a balancer has been paid for when the balancer's connection came. */
static bool is_worth_it(struct sessions *all, const struct route *r, const struct admission *a,
                        bool paid)
{
    const unsigned cost = r->config->tls == TLS_MODE_IMPLICIT ? EFFORT_TLS : EFFORT_CLEAR;
    return paid || a->refusal == REFUSE_DRAINING ||
           effort_spend(&all->effort, uv_now(all->loop), cost);
}

bool admission_courtesy(struct sessions *all, const struct route *r, const struct sockaddr *client,
                        struct admission *a)
{
    const bool paid = a->courtesy;
    if (a->admitted)
        return true;
    admission_leave(all, r, a); /* of one that was not known by its address yet */
    if (all->courtesies <= all->limit / COURTESY_SHARE && client_may_be_told(all, client, a) &&
        is_worth_it(all, r, a, paid)) {
        a->courtesy = true;
        all->courtesies++;
        return true;
    }
    admission_leave(all, r, a);
    counter_add(&all->counters->route[r->slot].refused, 1);
    counter_add(&all->counters->details[r->slot].refused[a->refusal], 1);
    return false;
}

void admission_leave(struct sessions *all, const struct route *r, struct admission *a)
{
    if (a->admitted)
        counter_sub(&all->counters->route[r->slot].active, 1);
    if (a->counted)
        client_leave(&all->counters->clients, a->client);
    if (a->named)
        counter_sub(&all->counters->name[a->name_slot].active, 1);
    all->courtesies -= a->courtesy;
    a->admitted = a->courtesy = a->counted = a->named = false;
}
