#include "proxy/watch/watch.h"
#include "config/file.h"
#include "proxy/base/buf.h"
#include "proxy/base/fnv.h"
#include "proxy/watch/watch_set.h"

#include <stdlib.h>
#include <string.h>

enum { NAMED_MAX = 5 }; /* files in one sentence */

/* The clock of the wall may be set, and the loop's stands still while the machine sleeps: look at
 * least this often, in seconds, for a time that is waited for. */
enum { LOOK_EVERY = 3600 };

struct watched {
    char *path;
    uint64_t running, tried, seen; /* digests: in service, of the last attempt, on disk just now */
};

struct watch {
    const struct watch_events *events;
    void *arg;
    struct watch_times times;
    struct watch_set set;
    uv_timer_t timer;
    bool pending;   /* events came; `first` is when */
    bool attempted; /* there was one since these files are in service */
    bool refused;   /* so it was, and nothing was accepted since */
    bool retried;   /* after a temporary refusal, since the last event */
    uint64_t first;
    time_t again; /* when what was refused is to be tried once more; 0: not before it changes */
    struct bundle *texts;
    struct watched *files;
    const char **paths; /* of the files, for the set */
    size_t count;
};

/* ---- contents ---- */

/* It has to tell a file from the one before it, not to resist anybody. */
static uint64_t digest_of(const uint8_t *data, size_t size)
{
    return fnv1a(FNV_BASIS, data, size);
}

/* One that cannot be read differs from every one that can. */
static uint64_t digest_on_disk(const char *path)
{
    struct file_bytes file;
    int error;
    if (file_read(path, BUNDLE_FILE_MAX, &file, &error, NULL) != 0)
        return (uint64_t)(error > 0 ? error : 1);
    const uint64_t digest = digest_of(file.data, file.size);
    file_bytes_free(&file);
    return digest;
}

/* ---- looking ---- */

unsigned watch_delay(const struct watch_times *t, uint64_t first, uint64_t now)
{
    const uint64_t waited = now > first ? now - first : 0;
    const uint64_t left = waited < t->at_most ? t->at_most - waited : 0;
    return (unsigned)(left < t->quiet ? left : t->quiet);
}

static void look(uv_timer_t *timer);

static void look_soon(struct watch *w)
{
    const uint64_t now = uv_now((uv_loop_t *)w->timer.loop);
    if (!w->pending)
        w->first = now;
    w->pending = true;
    uv_timer_start(&w->timer, look, watch_delay(&w->times, w->first, now), 0);
}

static void on_change(void *arg)
{
    struct watch *w = arg;
    if (w->texts == NULL)
        return;
    w->retried = false;
    look_soon(w);
}

static void unwatchable(void *arg, const char *directory, const char *why)
{
    struct watch *w = arg;
    w->events->unwatchable(w->arg, directory, why);
}

/* The files that differ from what is in service, or from what was tried, in words; false: none
 * does. */
static bool differences(const struct watch *w, bool from_tried, struct buf *out)
{
    size_t count = 0;
    buf_drop(out, out->size);
    for (size_t i = 0; i < w->count; i++) {
        const struct watched *f = &w->files[i];
        if (f->seen == (from_tried ? f->tried : f->running))
            continue;
        if (count++ < NAMED_MAX)
            buf_printf(out, "%s%s", count > 1 ? ", " : "", f->path);
    }
    if (count > NAMED_MAX)
        buf_printf(out, " and %zu more", count - NAMED_MAX);
    buf_put(out, "", 1);
    return count > 0;
}

static bool tried_before(const struct watch *w)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->files[i].seen != w->files[i].tried)
            return false;
    return w->attempted;
}

/* What was refused may be again what is in service: nobody should be left to think that it would
 * not load. */
static bool has_news(const struct watch *w, struct buf *files)
{
    if (differences(w, false, files) || (w->refused && differences(w, true, files)))
        return true;
    if (!w->refused || w->attempted)
        return false;
    buf_drop(files, files->size);
    buf_puts(files, "nothing, it is tried again");
    buf_put(files, "", 1);
    return true;
}

static void attempt(struct watch *w)
{
    struct buf files;
    buf_init(&files, (size_t)64 << 10);
    if (!has_news(w, &files)) {
        w->attempted = w->refused;
    } else if (!tried_before(w)) {
        w->attempted = true;
        for (size_t i = 0; i < w->count; i++)
            w->files[i].tried = w->files[i].seen;
        /* This may end in watch_use() or watch_refused() before it returns. */
        if (!w->events->changed(w->arg, files.failed ? "" : (const char *)files.data)) {
            w->attempted = false;
            look_soon(w);
        }
    }
    buf_free(&files);
}

/* Whether the time that was waited for has come. */
static bool time_has_come(struct watch *w)
{
    if (w->again == 0 || time(NULL) < w->again)
        return false;
    w->again = 0;
    return true;
}

/* Milliseconds until it has; UINT64_MAX: it never will. */
static uint64_t time_left(const struct watch *w)
{
    const time_t left = w->again - time(NULL);
    if (w->again == 0)
        return UINT64_MAX;
    return 1000 * (uint64_t)(left < 0 ? 0 : left < LOOK_EVERY ? left : LOOK_EVERY);
}

/* Look at that time, if nothing is going to happen before. */
static void await_time(struct watch *w)
{
    if (w->again != 0 && !uv_is_active((uv_handle_t *)&w->timer))
        uv_timer_start(&w->timer, look, time_left(w), 0);
}

/* The watches first: what changes behind them is seen. */
static void look(uv_timer_t *timer)
{
    struct watch *w = timer->data;
    w->pending = false;
    if (time_has_come(w))
        w->attempted = false;
    watch_set_paths(&w->set, w->paths, w->count);
    for (size_t i = 0; i < w->count; i++)
        w->files[i].seen = digest_on_disk(w->files[i].path);
    attempt(w);
    await_time(w);
}

void watch_refused(struct watch *w, bool temporary, time_t again)
{
    if (w->texts == NULL)
        return;
    w->again = again;
    w->refused |= w->attempted; /* not what watch_use() has brought meanwhile */
    if (temporary && !w->retried) {
        w->attempted = false;
        w->retried = true;
    }
    const uint64_t left = time_left(w);
    if (!w->pending)
        uv_timer_start(&w->timer, look, left < w->times.retry ? left : w->times.retry, 0);
}

/* ---- life ---- */

struct watch *watch_new(uv_loop_t *loop, const struct watch_times *times,
                        const struct watch_events *events, void *arg)
{
    struct watch *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->events = events;
    w->arg = arg;
    w->times = *times;
    w->set = (struct watch_set){
        .loop = loop, .changed = on_change, .unwatchable = unwatchable, .arg = w};
    uv_timer_init(loop, &w->timer);
    w->timer.data = w;
    return w;
}

static void forget(struct watch *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->files[i].path);
    free(w->files);
    free((void *)w->paths);
    bundle_free(w->texts);
    w->files = NULL;
    w->paths = NULL;
    w->texts = NULL;
    w->count = 0;
    w->pending = w->attempted = w->refused = w->retried = false;
    w->again = 0;
    uv_timer_stop(&w->timer);
}

static bool take_files(struct watch *w, const struct bundle *b)
{
    w->texts = bundle_texts(b);
    w->files = calloc(bundle_count(b) + 1, sizeof *w->files);
    w->paths = calloc(bundle_count(b) + 1, sizeof *w->paths);
    if (w->texts == NULL || w->files == NULL || w->paths == NULL)
        return false;
    for (size_t i = 0; i < bundle_count(b); i++) {
        const struct bundle_entry *e = bundle_at(b, i);
        if (e->kind == BUNDLE_TEXT)
            continue;
        struct watched *f = &w->files[w->count];
        *f = (struct watched){.path = strdup(e->path)};
        if (f->path == NULL)
            return false;
        f->running = e->replaced ? digest_on_disk(f->path) : digest_of(e->data, e->size);
        w->paths[w->count++] = f->path;
    }
    return true;
}

int watch_use(struct watch *w, const struct bundle *b)
{
    forget(w);
    if (b != NULL && take_files(w, b) && watch_set_paths(&w->set, w->paths, w->count) == 0) {
        look_soon(w); /* they may have changed since they were read */
        return 0;
    }
    forget(w);
    watch_set_clear(&w->set);
    return b == NULL ? 0 : -1;
}

const struct bundle *watch_texts(const struct watch *w)
{
    return w->texts;
}

size_t watch_directories(const struct watch *w)
{
    return w->set.spot_count;
}

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

void watch_close(struct watch *w)
{
    if (w == NULL)
        return;
    forget(w);
    watch_set_clear(&w->set);
    uv_close((uv_handle_t *)&w->timer, closed);
}
