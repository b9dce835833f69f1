/* admission.c - see admission.h.
 *
 * Newcomers are counted first and judged then, so that workers that count at the same moment cannot
 * both let the last one in. */
#include "proxy/session/admission.h"

static void refuse(struct worker *w, const struct route *r, struct admission *a,
                   enum starttls_refusal why)
{
    admission_leave(w, r, a);
    a->refusal = why;
}

void admission_enter(struct worker *w, const struct route *r, struct admission *a)
{
    struct route_counters *c = &w->shared->route[r->slot];
    const unsigned most = r->config->max_connections;
    counter_add(&c->accepted, 1);
    counter_add(&c->active, 1);
    a->admitted = true;
    if (w->draining)
        refuse(w, r, a, REFUSE_DRAINING);
    else if (most > 0 && route_active(&w->all, w->worker_count, r->slot) > most)
        refuse(w, r, a, REFUSE_TOO_MANY);
}

void admission_client(struct worker *w, const struct route *r, const struct sockaddr *client,
                      struct admission *a)
{
    const unsigned most = r->config->max_connections_per_ip;
    if (most == 0 || !a->admitted || client->sa_family == AF_UNIX)
        return;
    a->counted = true;
    a->slot = client_slot_of(client, r->slot, w->seed);
    client_enter(w->shared, a->slot);
    if (client_count(&w->all, w->worker_count, a->slot) > most)
        refuse(w, r, a, REFUSE_TOO_MANY);
}

void admission_leave(struct worker *w, const struct route *r, struct admission *a)
{
    if (a->admitted)
        counter_sub(&w->shared->route[r->slot].active, 1);
    if (a->counted)
        client_leave(w->shared, a->slot);
    a->admitted = a->counted = false;
}
