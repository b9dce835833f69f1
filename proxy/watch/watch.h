/* watch.h - notices when the files of the configuration in service change on disk.
 *
 * inotify, by way of libuv, on every directory on the way to each file (watch_path.h), so that
 * writing into a file, renaming another over it, turning a symbolic link and exchanging a directory
 * are all seen. An event only means "look": when it has been quiet for a while all files are read
 * and compared with what is in service, so that a touch does nothing. Only the supervisor watches.
 */
#ifndef TLSFRONT_WATCH_WATCH_H
#define TLSFRONT_WATCH_WATCH_H

#include "config/bundle.h"

#include <stdbool.h>
#include <time.h>
#include <uv.h>

struct watch_events {
    /* These files (a few of them, in words) differ from what is in service. False: not now; look
     * again soon. True: it is being tried; watch_use() or watch_refused() tell how it went. */
    bool (*changed)(void *arg, const char *files);
    /* What happens in that directory will not be noticed. */
    void (*unwatchable)(void *arg, const char *directory, const char *why);
};

/* Milliseconds. */
struct watch_times {
    unsigned quiet;   /* after the last event, until we look */
    unsigned at_most; /* after the first one */
    unsigned retry;   /* after a refusal */
};

struct watch;

/* `times` are copied; `events` has to live as long as the watch. NULL: out of memory. */
struct watch *watch_new(uv_loop_t *loop, const struct watch_times *times,
                        const struct watch_events *events, void *arg);

/* That bundle is in service now: watch its files, not its texts. It is borrowed for the time of the
 * call; what is needed of it is copied. NULL: watch nothing. -1: out of memory, and nothing is
 * watched. */
int watch_use(struct watch *w, const struct bundle *b);

/* What changed() was told of does not load: it is not tried again before it changes once more.
 * Looks once of its own accord, since a key may come after its chain from where inotify does not
 * see it. `temporary`: the files may be good; the same are tried once more then. `again`: as they
 * are, they load from then on, and are tried once more at that time; 0: they never will. */
void watch_refused(struct watch *w, bool temporary, time_t again);

/* The texts of the bundle in use, ours, until the next watch_use(); NULL: nothing is watched. */
const struct bundle *watch_texts(const struct watch *w);

/* How many directories are watched. */
size_t watch_directories(const struct watch *w);

/* When to look: milliseconds from now. Pure. */
unsigned watch_delay(const struct watch_times *t, uint64_t first, uint64_t now);

/* Frees when the loop has turned. NULL is fine. */
void watch_close(struct watch *w);

#endif
