#include "proxy/supervisor/release.h"
#include "proxy/load/isolate.h"
#include "proxy/supervisor/challenge_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

static int slot_of(const struct route_slots *s, const char *name)
{
    for (unsigned i = 0; i < ROUTE_SLOTS; i++)
        if (s->names[i] != NULL && strcmp(s->names[i], name) == 0)
            return (int)i;
    return -1;
}

/* Slots whose name is in the configuration; one pass, since there may be a thousand routes. */
static void find_used(const struct route_slots *s, const struct generation *g,
                      bool used[ROUTE_SLOTS])
{
    for (size_t i = 0; i < g->config->route_count; i++) {
        int slot = slot_of(s, g->config->routes[i].name);
        if (slot >= 0)
            used[slot] = true;
    }
}

/* A slot that never had a name or, when there is none, one whose name is gone. There is one: a
 * configuration has at most ROUTE_SLOTS routes. */
static int free_slot(struct route_slots *s, const bool used[ROUTE_SLOTS],
                     void (*forget)(void *arg, unsigned slot), void *arg)
{
    for (unsigned i = 0; i < ROUTE_SLOTS; i++)
        if (s->names[i] == NULL)
            return (int)i;
    for (unsigned i = 0; i < ROUTE_SLOTS; i++)
        if (!used[i]) {
            free(s->names[i]);
            s->names[i] = NULL;
            forget(arg, i);
            return (int)i;
        }
    return -1;
}

int route_slots_assign(struct route_slots *s, struct generation *g,
                       void (*forget)(void *arg, unsigned slot), void *arg)
{
    bool used[ROUTE_SLOTS] = {false};
    find_used(s, g, used);
    for (size_t i = 0; i < g->config->route_count; i++) {
        const char *name = g->config->routes[i].name;
        int slot = slot_of(s, name);
        if (slot < 0) {
            slot = free_slot(s, used, forget, arg);
            if (slot < 0 || (s->names[slot] = strdup(name)) == NULL)
                return -1;
        }
        used[slot] = true;
        g->routes[i].slot = (unsigned)slot;
    }
    return 0;
}

void route_slots_free(struct route_slots *s)
{
    for (unsigned i = 0; i < ROUTE_SLOTS; i++)
        free(s->names[i]);
}

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

static int pack_apart(struct release *p, const struct bundle *b, struct err *e)
{
    p->keys = into_fd(isolate_keys(p->generation, e), e);
    if (p->keys < 0)
        return -1;
    p->bundle = into_fd(isolate_files(b, e), e);
    if (p->bundle >= 0)
        return 0;
    close(p->keys);
    return -1;
}

static int pack_parts(struct release *p, const struct bundle *b, struct err *e)
{
    if (p->generation->config->key_isolation)
        return pack_apart(p, b, e);
    p->keys = -1;
    if (p->generation->config->ticket_keys.count > 0) {
        p->bundle = into_fd(isolate_secrets(b, e), e);
        return p->bundle >= 0 ? 0 : -1;
    }
    p->bundle = fcntl(p->whole, F_DUPFD_CLOEXEC, 0);
    return p->bundle >= 0 ? 0 : err_set(e, "%s", strerror(errno));
}

int release_pack(struct release *p, const struct bundle *b, struct err *e)
{
    p->whole = bundle_to_fd(b, e);
    if (p->whole < 0)
        return -1;
    if (pack_parts(p, b, e) == 0)
        return 0;
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
