#include "proxy/supervisor/tickets.h"
#include "proxy/base/clock.h"
#include "proxy/supervisor/changes.h"

#include <string.h>
#include <time.h>

/* The clock of the wall may be set, and the loop's stands still while the machine sleeps: look at
 * least this often, in seconds. */
enum { LOOK_EVERY = 600 };

static bool shared(const struct tickets *t)
{
    return t->files.secrets.count > 0;
}

/* Of our own keys, in seconds: until they are made anew. */
static uint64_t left(const struct tickets *t)
{
    const uint64_t now = clock_boot_s();
    return now < t->until ? t->until - now : 0;
}

static bool same_keys(const struct tls_ticket_keys *a, const struct tls_ticket_keys *b)
{
    return a->count == b->count && memcmp(a->key, b->key, a->count * sizeof *a->key) == 0;
}

/* Make the keys of `now`, where they are others. -1 with the reason. */
static int derive(struct tickets *t, time_t now, bool *changed, struct err *e)
{
    struct tls_ticket_keys keys = {0};
    const int result = tls_ticket_keys_derive(&keys, &t->files.secrets, now, e);
    *changed = result == 0 && !same_keys(&keys, &t->workers->tickets);
    if (*changed)
        t->workers->tickets = keys;
    explicit_bzero(&keys, sizeof keys);
    return result;
}

static int rotate(struct tickets *t, bool *changed, struct err *e)
{
    *changed = left(t) == 0;
    if (!*changed)
        return 0;
    if (tls_ticket_keys_rotate(&t->workers->tickets, e) != 0)
        return -1;
    t->until = clock_boot_s() + TLS_TICKET_PERIOD;
    return 0;
}

static void due(uv_timer_t *timer);

/* How long all stays as it is; a clock that is set, and a failure, know no better. */
static void look_again(struct tickets *t, uint64_t seconds)
{
    const uint64_t wait = seconds > 0 && seconds < LOOK_EVERY ? seconds : LOOK_EVERY;
    uv_timer_start(&t->timer, due, wait * 1000, 0);
}

/* See to it that the keys are those of now, and stay so. -1 with the reason. */
static int renew(struct tickets *t, bool *changed, struct err *e)
{
    const time_t now = time(NULL);
    const int result = shared(t) ? derive(t, now, changed, e) : rotate(t, changed, e);
    look_again(t, shared(t) ? TLS_TICKET_PERIOD - (uint64_t)now % TLS_TICKET_PERIOD : left(t));
    return result;
}

static void due(uv_timer_t *timer)
{
    struct tickets *t = timer->data;
    struct err e;
    bool changed = false;
    if (renew(t, &changed, &e) != 0)
        log_event(t->log, LOG_LEVEL_ERROR, "ticket-keys", "%s; the old keys stay", e.text);
    else if (changed)
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
    bool changed;
    return renew(t, &changed, e);
}

void tickets_share(struct tickets *t, const struct ticket_files *files)
{
    const bool unchanged = changes_same_tickets(&t->files, files);
    t->files = *files;
    if (!unchanged)
        t->until = 0;
    due(&t->timer);
}

void tickets_tell(const struct tickets *t)
{
    struct buf words;
    if (!shared(t))
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
    h->tickets_shared = shared(t);
    memcpy(h->ticket_secret, t->files.secrets.item[0].bytes, sizeof h->ticket_secret);
    h->rotate_ms = shared(t) ? uv_timer_get_due_in(&t->timer) : left(t) * 1000;
}

/* What the first configuration brings, in a moment, is shared again; the secret tells whether that
 * is anything new. Until then no keys are derived: there may be more secrets than are handed over.
 */
void tickets_take(struct tickets *t, const struct handover *h)
{
    t->workers->tickets = h->tickets;
    t->files.secrets.count = h->tickets_shared;
    memcpy(t->files.secrets.item[0].bytes, h->ticket_secret, sizeof h->ticket_secret);
    t->until = clock_boot_s() + h->rotate_ms / 1000;
    look_again(t, shared(t) ? LOOK_EVERY : h->rotate_ms / 1000 + 1);
}

void tickets_close(struct tickets *t)
{
    uv_close((uv_handle_t *)&t->timer, NULL);
    explicit_bzero(&t->files, sizeof t->files);
}
