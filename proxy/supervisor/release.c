#include "proxy/supervisor/release.h"
#include "proxy/base/socket.h"
#include "proxy/load/isolate.h"
#include "proxy/supervisor/challenge_directory.h"
#include "proxy/supervisor/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/* ---- slots ---- */

static void forget_in_all(const struct all_counters *all, unsigned slot,
                          void (*forget)(struct worker_counters *part, unsigned slot))
{
    for (unsigned i = 0; i < PARTS_MAX; i++)
        if (counters_of(all, i) != NULL)
            forget(counters_of(all, i), slot);
}

static struct slots of_routes(struct route_slots *s)
{
    return (struct slots){s->names, s->next, ROUTE_SLOTS};
}

static bool route_is_busy(void *arg, unsigned slot)
{
    return route_active(arg, PARTS_MAX, slot) > 0;
}

int route_slots_assign(struct route_slots *s, const struct generation *now, struct generation *g,
                       const struct all_counters *all, struct err *e)
{
    const char *wanted[ROUTE_SLOTS] = {NULL};
    unsigned found[ROUTE_SLOTS];
    bool serving[ROUTE_SLOTS] = {false};
    const struct slots slots = of_routes(s);
    const size_t count = g->config->route_count;
    for (size_t i = 0; now != NULL && i < now->config->route_count; i++)
        serving[now->routes[i].slot] = true;
    const struct slots_use use = {serving, route_is_busy, (void *)(uintptr_t)all};
    for (size_t i = 0; i < count; i++)
        wanted[i] = g->config->routes[i].name;
    if (slots_assign(&slots, wanted, count, &use, found, e) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        g->routes[i].slot = found[i];
    return 0;
}

static void forget_route(void *arg, unsigned slot)
{
    forget_in_all(arg, slot, counters_forget);
}

void route_slots_commit(struct route_slots *s, const struct all_counters *all)
{
    const struct slots slots = of_routes(s);
    slots_commit(&slots, forget_route, (void *)(uintptr_t)all);
}

void route_slots_abort(struct route_slots *s)
{
    const struct slots slots = of_routes(s);
    slots_abort(&slots);
}

void route_slots_free(struct route_slots *s)
{
    const struct slots slots = of_routes(s);
    slots_free(&slots);
}

/* A route's name has no blank. */
static char *key_of(const struct route_config *r, const struct server_name_config *n)
{
    char *key = NULL;
    return asprintf(&key, "%s %s", r->name, n->name) >= 0 ? key : NULL;
}

/* -1: out of memory. What is there is to be freed. */
static int name_keys(const struct config *c, char **keys)
{
    size_t count = 0;
    for (size_t i = 0; i < c->route_count; i++)
        for (size_t k = 0; k < c->routes[i].name_count; k++)
            if ((keys[count++] = key_of(&c->routes[i], &c->routes[i].names[k])) == NULL)
                return -1;
    return 0;
}

static struct slots of_names(struct name_slots *s)
{
    return (struct slots){s->keys, s->next, NAME_SLOTS};
}

static bool name_is_busy(void *arg, unsigned slot)
{
    return name_active(arg, PARTS_MAX, slot) > 0;
}

/* Slots for those keys, into `g`. */
static int assign_keys(const struct slots *slots, char *const *keys, const struct slots_use *use,
                       struct generation *g, struct err *e)
{
    unsigned found[NAME_SLOTS];
    const size_t count = g->config->server_name_count;
    if (slots_assign(slots, (const char *const *)keys, count, use, found, e) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        g->names[i].slot = found[i];
    return 0;
}

int name_slots_assign(struct name_slots *s, const struct generation *now, struct generation *g,
                      const struct all_counters *all, struct err *e)
{
    char *keys[NAME_SLOTS] = {NULL};
    bool serving[NAME_SLOTS] = {false};
    const struct slots slots = of_names(s);
    for (size_t i = 0; now != NULL && i < now->config->server_name_count; i++)
        serving[now->names[i].slot] = true;
    const struct slots_use use = {serving, name_is_busy, (void *)(uintptr_t)all};
    const int result = name_keys(g->config, keys) == 0 ? assign_keys(&slots, keys, &use, g, e)
                                                       : err_set(e, "out of memory");
    for (size_t i = 0; i < g->config->server_name_count; i++)
        free(keys[i]);
    return result;
}

static void forget_name(void *arg, unsigned slot)
{
    forget_in_all(arg, slot, counters_forget_name);
}

void name_slots_commit(struct name_slots *s, const struct all_counters *all)
{
    const struct slots slots = of_names(s);
    slots_commit(&slots, forget_name, (void *)(uintptr_t)all);
}

void name_slots_abort(struct name_slots *s)
{
    const struct slots slots = of_names(s);
    slots_abort(&slots);
}

void name_slots_free(struct name_slots *s)
{
    const struct slots slots = of_names(s);
    slots_free(&slots);
}

/* ---- releases ---- */

unsigned release_worker_count(const struct config *c)
{
    unsigned n = c->workers > 0 ? c->workers : uv_available_parallelism();
    return n < WORKERS_MAX ? n : WORKERS_MAX;
}

/* Of a bundle that is not needed any more; NULL: it could not be had. */
static int into_fd(struct bundle *b, struct err *e)
{
    const int fd = b != NULL ? bundle_to_fd(b, e) : -1;
    bundle_free(b);
    return fd;
}

/* Its own; the bundle has them, too, where workers sign by themselves. */
static struct bundle *own_keys(const struct release *p, struct err *e)
{
    if (p->generation->config->key_isolation)
        return isolate_keys(p->generation, e);
    struct bundle *none = bundle_new();
    if (none == NULL)
        err_set(e, "out of memory");
    return none;
}

static int keep_keys(struct bundle *keys, const struct release *before, uint32_t oldest,
                     struct err *e)
{
    if (!release_has_keys(before))
        return 0;
    struct bundle *b = bundle_from_fd(before->keys, e);
    const int result = b != NULL ? isolate_keep(keys, b, before->number, oldest, e) : -1;
    bundle_free(b);
    return result;
}

static int pack_keys(struct release *p, const struct release *before, uint32_t oldest,
                     struct err *e)
{
    p->keys = -1;
    struct bundle *keys = own_keys(p, e);
    if (keys == NULL || keep_keys(keys, before, oldest, e) != 0) {
        bundle_free(keys);
        return -1;
    }
    if (!p->generation->config->key_isolation && bundle_count(keys) == 0) {
        bundle_free(keys);
        return 0;
    }
    p->keys = into_fd(keys, e);
    return p->keys >= 0 ? 0 : -1;
}

static int pack_files(struct release *p, const struct bundle *b, struct err *e)
{
    const struct config *c = p->generation->config;
    if (c->key_isolation)
        p->bundle = into_fd(isolate_files(b, e), e);
    else if (c->ticket_keys.count > 0)
        p->bundle = into_fd(isolate_secrets(b, e), e);
    else if ((p->bundle = fcntl(p->whole, F_DUPFD_CLOEXEC, 0)) < 0)
        err_set(e, "%s", strerror(errno));
    return p->bundle >= 0 ? 0 : -1;
}

int release_pack(struct release *p, const struct bundle *b, const struct release *before,
                 uint32_t oldest, struct err *e)
{
    p->whole = bundle_to_fd(b, e);
    if (p->whole < 0)
        return -1;
    if (pack_keys(p, before, oldest, e) == 0 && pack_files(p, b, e) == 0)
        return 0;
    descriptor_close(&p->keys);
    close(p->whole);
    return -1;
}

/* One that has vanished since it was judged is told with the first question. */
int release_open_challenges(struct release *p)
{
    const struct config *c = p->generation->config;
    p->challenges = calloc(c->route_count + 1, sizeof *p->challenges);
    if (p->challenges == NULL)
        return -1;
    for (size_t i = 0; i < c->route_count; i++) {
        const char *path = c->routes[i].challenges.path;
        p->challenges[i] = path != NULL ? challenge_open(path) : -1;
    }
    return 0;
}

static void close_challenges(struct release *p)
{
    for (size_t i = 0; p->challenges != NULL && i < p->generation->config->route_count; i++)
        if (p->challenges[i] >= 0)
            close(p->challenges[i]);
    free(p->challenges);
}

void release_clear(struct release *p)
{
    if (p->number != 0)
        close(p->bundle);
    if (p->number != 0)
        close(p->whole);
    if (p->number != 0 && p->keys >= 0)
        close(p->keys);
    close_challenges(p);
    generation_free(p->generation);
    *p = (struct release){0};
}
