#include "proxy/supervisor/challenge_names.h"
#include "proxy/supervisor/challenge_directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Files come in pairs, or by the dozen. */
enum { CHANGED_MS = 10, BLIND_MS = 1000 };

/* A directory that is watched. */
struct challenge_spot {
    uv_fs_event_t event; /* first: close callbacks cast */
    struct challenge_spot *next;
    struct challenge_names *all;
    int directory; /* the release's */
    unsigned slot;
    enum challenge_kind kind;
};

/* ---- looking ---- */

static void add(void *arg, const char *name)
{
    const struct challenge_spot *spot = arg;
    struct challenge_names *n = spot->all;
    if (n->count < CHALLENGES_KNOWN_MAX)
        n->hashes[n->count++] = challenge_hash(spot->slot, name);
}

static void look(uv_timer_t *timer)
{
    struct challenge_names *n = timer->data;
    n->count = 0;
    for (struct challenge_spot *s = n->spots; s != NULL; s = s->next)
        challenge_list(s->directory, s->kind, CHALLENGES_KNOWN_MAX, add, s);
    n->changed(n->arg);
}

static void look_soon(struct challenge_names *n, uint64_t ms)
{
    if (!uv_is_active((uv_handle_t *)&n->timer))
        uv_timer_start(&n->timer, look, ms, 0);
}

void challenge_names_asked(struct challenge_names *n)
{
    if (n->blind)
        look_soon(n, BLIND_MS);
}

static void spot_changed(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct challenge_spot *spot = event->data;
    (void)name;
    (void)events;
    (void)status;
    look_soon(spot->all, CHANGED_MS);
}

/* ---- life ---- */

void challenge_names_init(struct challenge_names *n, uv_loop_t *loop, void (*changed)(void *arg),
                          void *arg)
{
    *n = (struct challenge_names){.changed = changed, .arg = arg};
    uv_timer_init(loop, &n->timer);
    n->timer.data = n;
}

static void spot_closed(uv_handle_t *handle)
{
    free((struct challenge_spot *)(void *)handle);
}

static void forget(struct challenge_names *n)
{
    for (struct challenge_spot *s = n->spots, *next; s != NULL; s = next) {
        next = s->next;
        uv_close((uv_handle_t *)&s->event, spot_closed);
    }
    n->spots = NULL;
    n->blind = false;
    uv_timer_stop(&n->timer);
}

/* By its descriptor: whatever has the path's name later is not this directory. */
static void watch(struct challenge_names *n, const struct route *r, int directory)
{
    char path[40];
    struct challenge_spot *spot = calloc(1, sizeof *spot);
    if (spot == NULL)
        return;
    *spot = (struct challenge_spot){.next = n->spots,
                                    .all = n,
                                    .directory = directory,
                                    .slot = r->slot,
                                    .kind = r->config->tls == TLS_MODE_IMPLICIT ? CHALLENGE_TLS
                                                                                : CHALLENGE_HTTP};
    n->spots = spot;
    snprintf(path, sizeof path, "/proc/self/fd/%d", directory);
    uv_fs_event_init(n->timer.loop, &spot->event);
    spot->event.data = spot;
    if (uv_fs_event_start(&spot->event, spot_changed, path, 0) != 0)
        n->blind = true;
}

void challenge_names_use(struct challenge_names *n, const struct release *p)
{
    const bool had = n->spots != NULL;
    forget(n);
    for (size_t i = 0; p->challenges != NULL && i < p->generation->config->route_count; i++)
        if (p->challenges[i] >= 0)
            watch(n, &p->generation->routes[i], p->challenges[i]);
    if (had || n->spots != NULL)
        look_soon(n, CHANGED_MS);
}

void challenge_names_close(struct challenge_names *n)
{
    forget(n);
    uv_close((uv_handle_t *)&n->timer, NULL);
}
