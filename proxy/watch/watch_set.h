/* watch_set.h - the folders that are watched, and the names in them that count. */
#ifndef TLSFRONT_WATCH_WATCH_SET_H
#define TLSFRONT_WATCH_WATCH_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct watch_name { /* one that counts */
    char *folder, *name;
};

struct watch_spot; /* one folder */

struct watch_set {
    uv_loop_t *loop;
    void (*stirred)(void *arg);                                   /* one of the names did */
    void (*deaf)(void *arg, const char *folder, const char *why); /* it cannot be watched */
    void *arg;
    struct watch_name *names; /* sorted by folder, then name; none twice */
    size_t name_count, name_capacity;
    struct watch_spot **spots; /* sorted by folder */
    size_t spot_count;
};

/* Watch all that these paths depend on and nothing else. Folders that were watched already, and are
 * still the same, stay watched without a gap. -1: out of memory; what was watched may be less. */
int watch_set_paths(struct watch_set *s, const char *const *paths, size_t count);

/* Watches nothing from now on; what is closing frees itself. */
void watch_set_clear(struct watch_set *s);

#endif
