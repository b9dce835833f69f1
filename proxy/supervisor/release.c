#include "proxy/supervisor/release.h"
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

int route_slots_assign(struct route_slots *s, struct generation *g,
                       void (*forget)(void *arg, unsigned slot), void *arg)
{
    const char *wanted[ROUTE_SLOTS] = {NULL};
    unsigned found[ROUTE_SLOTS];
    const size_t count = g->config->route_count;
    for (size_t i = 0; i < count; i++)
        wanted[i] = g->config->routes[i].name;
    if (slots_assign(s->names, ROUTE_SLOTS, wanted, count, found, forget, arg) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        g->routes[i].slot = found[i];
    return 0;
}

void route_slots_free(struct route_slots *s)
{
    for (unsigned i = 0; i < ROUTE_SLOTS; i++)
        free(s->names[i]);
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

int name_slots_assign(struct name_slots *s, struct generation *g,
                      void (*forget)(void *arg, unsigned slot), void *arg)
{
    char *keys[NAME_SLOTS] = {NULL};
    unsigned found[NAME_SLOTS];
    const size_t count = g->config->server_name_count;
    int result = name_keys(g->config, keys);
    if (result == 0)
        result =
            slots_assign(s->keys, NAME_SLOTS, (const char *const *)keys, count, found, forget, arg);
    for (size_t i = 0; i < count; i++) {
        g->names[i].slot = result == 0 ? found[i] : 0;
        free(keys[i]);
    }
    return result;
}

void name_slots_free(struct name_slots *s)
{
    for (unsigned i = 0; i < NAME_SLOTS; i++)
        free(s->keys[i]);
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
