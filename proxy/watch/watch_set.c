#include "proxy/watch/watch_set.h"
#include "proxy/watch/watch_path.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct watch_spot {
    uv_fs_event_t event;
    struct watch_set *set; /* NULL: it is closing */
    char *directory;
    dev_t dev;
    ino_t ino;
    bool unwatchable;               /* inotify does not want it */
    bool stale;                     /* the directory itself was moved, deleted or the like */
    const struct watch_name *names; /* those in it */
    size_t name_count;
};

/* ---- names ---- */

struct gather_names {
    struct watch_name *names;
    size_t count, capacity;
    bool failed;
};

static void add_name(void *arg, const char *directory, const char *name)
{
    struct gather_names *g = arg;
    if (g->count == g->capacity) {
        const size_t capacity = g->capacity == 0 ? 16 : 2 * g->capacity;
        struct watch_name *names = realloc(g->names, capacity * sizeof *names);
        g->failed |= names == NULL;
        if (names == NULL)
            return;
        g->names = names;
        g->capacity = capacity;
    }
    struct watch_name *n = &g->names[g->count];
    *n = (struct watch_name){strdup(directory), strdup(name)};
    g->failed |= n->directory == NULL || n->name == NULL;
    g->count++;
}

static void free_names(struct watch_name *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(names[i].directory);
        free(names[i].name);
    }
    free(names);
}

static int by_directory_and_name(const void *a, const void *b)
{
    const struct watch_name *x = a, *y = b;
    const int r = strcmp(x->directory, y->directory);
    return r != 0 ? r : strcmp(x->name, y->name);
}

static void sort_names(struct gather_names *g)
{
    size_t kept = 0;
    if (g->count > 0)
        qsort(g->names, g->count, sizeof *g->names, by_directory_and_name);
    for (size_t i = 0; i < g->count; i++) {
        if (kept > 0 && by_directory_and_name(&g->names[kept - 1], &g->names[i]) == 0) {
            free(g->names[i].directory);
            free(g->names[i].name);
        } else {
            g->names[kept++] = g->names[i];
        }
    }
    g->count = kept;
}

/* ---- spots ---- */

static void spot_closed(uv_handle_t *handle)
{
    struct watch_spot *spot = handle->data;
    free(spot->directory);
    free(spot);
}

static void spot_close(struct watch_spot *spot)
{
    spot->set = NULL;
    uv_close((uv_handle_t *)&spot->event, spot_closed);
}

static bool counts(const struct watch_spot *spot, const char *name)
{
    const struct watch_name wanted = {spot->directory, (char *)name};
    return spot->name_count > 0 && bsearch(&wanted, spot->names, spot->name_count, sizeof wanted,
                                           by_directory_and_name) != NULL;
}

/* What concerns the directory itself comes under its own name. */
static bool concerns_itself(const struct watch_spot *spot, const char *name)
{
    const char *slash = strrchr(spot->directory, '/');
    return strcmp(slash + 1, name) == 0;
}

static void spot_changed(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct watch_spot *spot = event->data;
    (void)events;
    (void)status;
    if (spot->set == NULL)
        return;
    const bool itself = name == NULL || concerns_itself(spot, name);
    spot->stale |= itself;
    if (itself || counts(spot, name))
        spot->set->changed(spot->set->arg);
}

/* Told once; tried again whenever the directories are gone through. */
static void spot_listen(struct watch_spot *spot)
{
    const int r = uv_fs_event_start(&spot->event, spot_changed, spot->directory, 0);
    if (r != 0 && !spot->unwatchable)
        spot->set->unwatchable(spot->set->arg, spot->directory, uv_strerror(r));
    spot->unwatchable = r != 0;
}

static struct watch_spot *spot_new(struct watch_set *s, const char *directory)
{
    struct watch_spot *spot = calloc(1, sizeof *spot);
    char *copy = strdup(directory);
    struct stat st = {0};
    if (spot == NULL || copy == NULL) {
        free(spot);
        free(copy);
        return NULL;
    }
    spot->set = s;
    spot->directory = copy;
    uv_fs_event_init(s->loop, &spot->event);
    spot->event.data = spot;
    spot_listen(spot);
    /* Behind the start: a directory that is replaced in between looks replaced the next time. */
    if (stat(directory, &st) == 0) {
        spot->dev = st.st_dev;
        spot->ino = st.st_ino;
    }
    return spot;
}

static bool still_there(const struct watch_spot *spot)
{
    struct stat st;
    return !spot->stale && stat(spot->directory, &st) == 0 && st.st_dev == spot->dev &&
           st.st_ino == spot->ino;
}

static int by_directory(const void *key, const void *entry)
{
    const struct watch_spot *const *spot = entry;
    return *spot != NULL ? strcmp(key, (*spot)->directory) : 1;
}

/* Take the watch of that directory out of the old ones, or begin one. */
static struct watch_spot *spot_for(struct watch_set *s, const char *directory, bool *taken)
{
    struct watch_spot **old = s->spot_count > 0 ? bsearch(directory, s->spots, s->spot_count,
                                                          sizeof(struct watch_spot *), by_directory)
                                                : NULL;
    if (old == NULL || !still_there(*old))
        return spot_new(s, directory);
    taken[old - s->spots] = true;
    if ((*old)->unwatchable)
        spot_listen(*old);
    return *old;
}

/* ---- the set ---- */

static size_t directory_end(const struct gather_names *g, size_t i)
{
    size_t end = i + 1;
    while (end < g->count && strcmp(g->names[i].directory, g->names[end].directory) == 0)
        end++;
    return end;
}

static int use_names(struct watch_set *s, const struct gather_names *g)
{
    struct watch_spot **spots = calloc(g->count + 1, sizeof(struct watch_spot *));
    bool *taken = calloc(s->spot_count + 1, sizeof *taken);
    size_t count = 0;
    int result = spots != NULL && taken != NULL ? 0 : -1;
    for (size_t i = 0, end; result == 0 && i < g->count; i = end) {
        end = directory_end(g, i);
        struct watch_spot *spot = spot_for(s, g->names[i].directory, taken);
        if (spot == NULL) {
            result = -1;
            break;
        }
        spot->names = &g->names[i];
        spot->name_count = end - i;
        spots[count++] = spot;
    }
    for (size_t i = 0; i < s->spot_count; i++)
        if (taken == NULL || !taken[i])
            spot_close(s->spots[i]);
    free(taken);
    free(s->spots);
    s->spots = spots;
    s->spot_count = count;
    return result;
}

int watch_set_paths(struct watch_set *s, const char *const *paths, size_t count)
{
    struct gather_names g = {0};
    for (size_t i = 0; i < count && !g.failed; i++)
        watch_path(paths[i], add_name, &g);
    if (g.failed) {
        free_names(g.names, g.count);
        return -1;
    }
    sort_names(&g);
    const int result = use_names(s, &g);
    free_names(s->names, s->name_count);
    s->names = g.names;
    s->name_count = g.count;
    return result;
}

void watch_set_clear(struct watch_set *s)
{
    watch_set_paths(s, NULL, 0);
    free(s->spots);
    free_names(s->names, s->name_count);
    s->spots = NULL;
    s->names = NULL;
    s->spot_count = s->name_count = 0;
}
