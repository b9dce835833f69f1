#include "proxy/supervisor/tickets.h"

#include <string.h>
#include <time.h>

static void due(uv_timer_t *timer);

/* Make the keys of now, and see to it that they are made anew in time. */
static int renew(struct tickets *t, struct err *e)
{
    const time_t now = time(NULL);
    const uint64_t left = TLS_TICKET_PERIOD - (uint64_t)now % TLS_TICKET_PERIOD;
    uv_timer_start(&t->timer, due, (t->shared ? left : TLS_TICKET_PERIOD) * 1000, 0);
    if (t->shared)
        return tls_ticket_keys_derive(&t->workers->tickets, t->secret, now, e);
    return tls_ticket_keys_rotate(&t->workers->tickets, e);
}

static void due(uv_timer_t *timer)
{
    struct tickets *t = timer->data;
    struct err e;
    if (renew(t, &e) != 0)
        log_event(t->log, LOG_LEVEL_ERROR, "ticket-keys", "%s; the old keys stay", e.text);
    else
        workers_send_tickets(t->workers);
}

void tickets_init(struct tickets *t, uv_loop_t *loop, struct workers *workers, struct log *log)
{
    *t = (struct tickets){.log = log, .workers = workers};
    uv_timer_init(loop, &t->timer);
    t->timer.data = t;
}

int tickets_make(struct tickets *t, struct err *e)
{
    return renew(t, e);
}

void tickets_share(struct tickets *t, const uint8_t *secret)
{
    const bool shared = secret != NULL;
    if (shared == t->shared && (!shared || memcmp(t->secret, secret, sizeof t->secret) == 0))
        return;
    t->shared = shared;
    if (shared)
        memcpy(t->secret, secret, sizeof t->secret);
    else
        explicit_bzero(t->secret, sizeof t->secret);
    due(&t->timer);
}

void tickets_give(const struct tickets *t, struct handover *h)
{
    h->tickets = t->workers->tickets;
    h->tickets_shared = t->shared;
    memcpy(h->ticket_secret, t->secret, sizeof h->ticket_secret);
    h->rotate_ms = uv_timer_get_due_in(&t->timer);
}

void tickets_take(struct tickets *t, const struct handover *h)
{
    t->workers->tickets = h->tickets;
    t->shared = h->tickets_shared;
    memcpy(t->secret, h->ticket_secret, sizeof t->secret);
    uv_timer_start(&t->timer, due, h->rotate_ms, 0);
}

void tickets_close(struct tickets *t)
{
    uv_close((uv_handle_t *)&t->timer, NULL);
    explicit_bzero(t->secret, sizeof t->secret);
}
