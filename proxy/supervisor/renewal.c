#include "proxy/supervisor/renewal.h"
#include "proxy/base/exits.h"

static const struct watch_times times = {.quiet = 2000, .at_most = 30000, .retry = 10000};

static bool changed(void *arg, const char *files)
{
    struct renewal *r = arg;
    if (r->over)
        return true;
    if (!reload_idle(r->reload) || r->reload->held)
        return false;
    log_event(r->log, LOG_LEVEL_INFO, "files-changed", "changed on disk: %s", files);
    reload_files(r->reload, watch_texts(r->watch));
    return true;
}

static void unwatchable(void *arg, const char *directory, const char *why)
{
    struct renewal *r = arg;
    log_event(r->log, LOG_LEVEL_WARN, "watch-failed",
              "%s cannot be watched: %s; run `tlsfront reload` after a change there", directory,
              why);
}

static const struct watch_events events = {changed, unwatchable};

void renewal_init(struct renewal *r, uv_loop_t *loop, struct reload *reload, struct log *log)
{
    *r = (struct renewal){.reload = reload, .log = log};
    reminder_init(&r->reminder, loop, log);
    r->watch = watch_new(loop, &times, &events, r);
}

void renewal_use(struct renewal *r, struct generation *g, const struct bundle *b)
{
    reminder_use(&r->reminder, g);
    if (watch_use(r->watch, g->config->watch ? b : NULL) != 0)
        log_event(r->log, LOG_LEVEL_ERROR, "watch-failed",
                  "out of memory; run `tlsfront reload` after a change");
}

void renewal_finished(struct renewal *r, const struct reload_outcome *outcome)
{
    if (outcome->files_only && outcome->status != 0 && !r->over)
        watch_refused(r->watch, outcome->status != EXIT_CONFIGURATION, outcome->valid_from);
}

void renewal_end(struct renewal *r)
{
    r->over = true;
}

void renewal_close(struct renewal *r)
{
    reminder_close(&r->reminder);
    watch_close(r->watch);
}
