#include "proxy/supervisor/tickets.h"
#include "proxy/supervisor/changes.h"

#include <string.h>
#include <time.h>

static void due(uv_timer_t *timer);

/* Make the keys of now, and see to it that they are made anew in time. */
static int renew(struct tickets *t, struct err *e)
{
    const time_t now = time(NULL);
    const uint64_t left = TLS_TICKET_PERIOD - (uint64_t)now % TLS_TICKET_PERIOD;
    const bool shared = t->files.secrets.count > 0;
    uv_timer_start(&t->timer, due, (shared ? left : TLS_TICKET_PERIOD) * 1000, 0);
    if (shared)
        return tls_ticket_keys_derive(&t->workers->tickets, &t->files.secrets, now, e);
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

void tickets_share(struct tickets *t, const struct ticket_files *files)
{
    const bool unchanged = changes_same_tickets(&t->files, files);
    t->files = *files;
    if (!unchanged)
        due(&t->timer);
}

void tickets_tell(const struct tickets *t)
{
    struct buf words;
    if (t->files.secrets.count == 0)
        return;
    buf_init(&words, 1024);
    changes_name_tickets(&t->files, &words);
    log_event(t->log, LOG_LEVEL_INFO, "ticket-keys", "%.*s", (int)words.size,
              (const char *)words.data);
    buf_free(&words);
}

void tickets_give(const struct tickets *t, struct handover *h)
{
    h->tickets = t->workers->tickets;
    h->tickets_shared = t->files.secrets.count > 0;
    memcpy(h->ticket_secret, t->files.secrets.item[0].bytes, sizeof h->ticket_secret);
    h->rotate_ms = uv_timer_get_due_in(&t->timer);
}

/* What the first configuration brings, in a moment, is shared again; the secret tells whether that
 * is anything new. */
void tickets_take(struct tickets *t, const struct handover *h)
{
    t->workers->tickets = h->tickets;
    t->files.secrets.count = h->tickets_shared;
    memcpy(t->files.secrets.item[0].bytes, h->ticket_secret, sizeof h->ticket_secret);
    uv_timer_start(&t->timer, due, h->rotate_ms, 0);
}

void tickets_close(struct tickets *t)
{
    uv_close((uv_handle_t *)&t->timer, NULL);
    explicit_bzero(&t->files, sizeof t->files);
}
