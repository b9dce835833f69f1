/* watch_set.h - the directories that are watched, and the names in them that count. */
#ifndef TLSFRONT_WATCH_WATCH_SET_H
#define TLSFRONT_WATCH_WATCH_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct watch_name { /* one that counts */
    char *directory, *name;
};

struct watch_spot; /* one directory */

struct watch_set {
    uv_loop_t *loop;
    void (*changed)(void *arg); /* one of the names did */
    void (*unwatchable)(void *arg, const char *directory,
                        const char *why); /* it cannot be watched */
    void *arg;
    struct watch_name *names; /* sorted by directory, then name; none twice */
    size_t name_count, name_capacity;
    struct watch_spot **spots; /* sorted by directory */
    size_t spot_count;
};

/* Watch all that these paths depend on and nothing else. Directorys that were watched already, and
 * are still the same, stay watched without a gap. -1: out of memory; what was watched may be less.
 */
int watch_set_paths(struct watch_set *s, const char *const *paths, size_t count);

/* Watches nothing from now on; what is closing frees itself. */
void watch_set_clear(struct watch_set *s);

#endif
