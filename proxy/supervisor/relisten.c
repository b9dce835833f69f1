#include "proxy/supervisor/relisten.h"

enum { AGAIN_MS = 1000 };

void relisten_init(struct relisten *r, uv_loop_t *loop, struct log *log,
                   struct listeners *listeners, void (*changed)(void *arg), void *arg)
{
    *r = (struct relisten){.listeners = listeners, .log = log, .changed = changed, .arg = arg};
    uv_timer_init(loop, &r->timer);
    r->timer.data = r;
}

static bool try_one(struct relisten *r, struct listen_address *a)
{
    if (a->deaf == 0 || !listeners_listen(a))
        return false;
    log_event(r->log, LOG_LEVEL_INFO, "listening", "%s is listened on now", a->text);
    return true;
}

static void again(uv_timer_t *timer)
{
    struct relisten *r = timer->data;
    bool any = false;
    for (size_t i = 0; i < r->listeners->count; i++)
        any |= try_one(r, &r->listeners->items[i]);
    if (any && r->changed != NULL)
        r->changed(r->arg);
    relisten_begin(r);
}

void relisten_begin(struct relisten *r)
{
    if (listeners_deaf(r->listeners))
        uv_timer_start(&r->timer, again, AGAIN_MS, 0);
    else
        uv_timer_stop(&r->timer);
}

void relisten_close(struct relisten *r)
{
    uv_close((uv_handle_t *)&r->timer, NULL);
}
