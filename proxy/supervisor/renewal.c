#include "proxy/supervisor/renewal.h"
#include "proxy/base/exits.h"
#include "proxy/supervisor/reload.h"

static const struct watch_times times = {.quiet = 2000, .at_most = 30000, .retry = 10000};

static bool changed(void *arg, const char *files)
{
    struct supervisor *s = arg;
    if (s->phase != SUPERVISOR_RUNNING)
        return true; /* it is going down */
    if (s->reload.stage != RELOAD_IDLE)
        return false;
    log_event(&s->log, LOG_LEVEL_INFO, "files-changed", "changed on disk: %s", files);
    reload_files(s);
    return true;
}

static void deaf(void *arg, const char *folder, const char *why)
{
    struct supervisor *s = arg;
    log_event(&s->log, LOG_LEVEL_WARN, "watch-failed",
              "%s cannot be watched: %s; run `tlsfront reload` after a change there", folder, why);
}

static const struct watch_events events = {changed, deaf};

int renewal_init(struct supervisor *s, struct err *e)
{
    reminder_init(&s->reminder, &s->loop, &s->log);
    s->watch = watch_new(&s->loop, &times, &events, s);
    return s->watch == NULL ? err_set(e, "out of memory") : 0;
}

void renewal_committed(struct supervisor *s, const struct bundle *b)
{
    struct generation *g = s->fleet.current.generation;
    reminder_use(&s->reminder, g);
    if (watch_use(s->watch, g->config->watch ? b : NULL) != 0)
        log_event(&s->log, LOG_LEVEL_ERROR, "watch-failed",
                  "out of memory; run `tlsfront reload` after a change");
}

void renewal_refused(struct supervisor *s, int status, time_t valid_from)
{
    if (s->phase == SUPERVISOR_RUNNING)
        watch_refused(s->watch, status != EXIT_CONFIGURATION, valid_from);
}

void renewal_close(struct supervisor *s)
{
    reminder_close(&s->reminder);
    watch_close(s->watch);
}
