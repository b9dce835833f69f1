/* answers.c - what the control socket is told (proxy/control/control.h). */
#include "proxy/base/date.h"
#include "proxy/base/exits.h"
#include "proxy/supervisor/notify.h"
#include "proxy/supervisor/supervisor_inner.h"

#include <stdlib.h>
#include <string.h>

/* So long may a new binary rehearse, and then take over, and a bit more where much is to be loaded;
 * both, and the way back, fit into the minute that callers wait. */
#define UPGRADE_MS 20000

struct status supervisor_status(const struct supervisor *s)
{
    static const char *const states[] = {"starting", "running", "draining", "draining", "stopping"};
    return (struct status){.state = states[s->phase],
                           .ready = s->phase == PHASE_RUNNING && !s->unwanted,
                           .unwanted = s->phase == PHASE_RUNNING && s->unwanted,
                           .started = s->succession.started,
                           .workers = &s->workers,
                           .veterans = &s->veterans,
                           .resolver = resolver_process(s->resolver),
                           .observer = &s->observer.child,
                           .sandbox = &s->confinement.state,
                           .reloads = &s->outcomes,
                           .tickets = &s->tickets.files,
                           .findings = &s->findings,
                           .kept = s->kept,
                           .fingerprints = &s->fingerprints};
}

/* ---- one answer each ---- */

static int answer_reload(struct supervisor *s, struct buf *text)
{
    (void)s;
    buf_printf(text, "reload refused: %s\n", SUPERVISOR_GOING_DOWN);
    return EXIT_RUNTIME;
}

static int answer_upgrade(struct supervisor *s, struct buf *text)
{
    buf_printf(text, "upgrade refused: %s\n",
               supervisor_is_early(s) ? "another one is under way" : SUPERVISOR_GOING_DOWN);
    return EXIT_RUNTIME;
}

/* For one that would take our place. */
static int answer_identity(struct supervisor *s, struct buf *text)
{
    char since[DATE_TEXT_SIZE], *whole = realpath(s->reload.with.path, NULL);
    date_text(s->succession.started, since);
    buf_printf(text, "since %s with %s\n", since, whole != NULL ? whole : s->reload.with.path);
    free(whole);
    return 0;
}

static int answer_reload_state(struct supervisor *s, struct buf *text)
{
    reload_describe(&s->reload, text);
    return 0;
}

static int answer_ready(struct supervisor *s, struct buf *text)
{
    const struct status facts = supervisor_status(s);
    if (facts.ready)
        buf_puts(text, "ready\n");
    else if (facts.unwanted)
        buf_puts(text, "not ready: `tlsfront drain` has said so\n");
    else
        buf_printf(text, "not ready: the daemon is %s\n", facts.state);
    return facts.ready ? 0 : EXIT_RUNTIME;
}

static int refuse_drain(const struct supervisor *s, struct buf *text)
{
    buf_printf(text, "drain refused: %s\n",
               s->phase == PHASE_STARTING ? "the daemon is starting" : SUPERVISOR_GOING_DOWN);
    return EXIT_RUNTIME;
}

static int set_unwanted(struct supervisor *s, bool unwanted, const char *words, struct buf *text)
{
    if (s->phase != PHASE_RUNNING)
        return refuse_drain(s, text);
    s->unwanted = unwanted;
    log_event(&s->log, LOG_LEVEL_INFO, s->unwanted ? "not-ready" : "ready", "%s", words);
    observer_changed(&s->observer);
    notify_status(words);
    buf_printf(text, "%s\n", words);
    return 0;
}

/* Said once, newcomers are not wanted; said again, they are. */
static int answer_drain(struct supervisor *s, struct buf *text)
{
    return set_unwanted(s, !s->unwanted,
                        s->unwanted
                            ? "ready again"
                            : "not ready any more, still serving; a second drain takes it back",
                        text);
}

/* These may be said again: who asks wants to know that it is so. */
static int answer_drain_on(struct supervisor *s, struct buf *text)
{
    if (s->phase > PHASE_RUNNING || s->unwanted) {
        buf_printf(text, "not ready, as it was: %s\n",
                   s->phase > PHASE_RUNNING ? SUPERVISOR_GOING_DOWN : "drain off takes it back");
        return 0;
    }
    return set_unwanted(s, true, "not ready any more, still serving; drain off takes it back",
                        text);
}

static int answer_drain_off(struct supervisor *s, struct buf *text)
{
    if (s->phase != PHASE_RUNNING || s->unwanted)
        return set_unwanted(s, false, "ready again", text);
    buf_puts(text, "ready, as it was\n");
    return 0;
}

static int answer_unknown(struct supervisor *s, struct buf *text)
{
    (void)s;
    buf_puts(text, "the daemon does not know this request; it may be of another version\n");
    return EXIT_USAGE;
}

static const struct answer {
    const char *request;
    int (*answer)(struct supervisor *s, struct buf *text);
    void (*tell)(const struct status *s, struct buf *text); /* or how things are */
} answers[] = {
    {"reload", answer_reload, NULL},
    {"reload journal", answer_reload, NULL},
    {"upgrade", answer_upgrade, NULL},
    {"status", NULL, status_text},
    {"status json", NULL, status_json},
    {"status table", NULL, status_cells},
    {"serving", NULL, status_serving},
    {"ready", answer_ready, NULL},
    {"drain", answer_drain, NULL},
    {"drain on", answer_drain_on, NULL},
    {"drain off", answer_drain_off, NULL},
    {"identity", answer_identity, NULL},
    {"reload state", answer_reload_state, NULL},
    {NULL, answer_unknown, NULL},
};

static int answer_by(const struct answer *a, struct supervisor *s, struct buf *text)
{
    if (a->answer != NULL)
        return a->answer(s, text);
    const struct status facts = supervisor_status(s);
    a->tell(&facts, text);
    return 0;
}

/* What there was room or memory for is no answer: a program would take it for the whole. */
static int cut_short(struct buf *text)
{
    buf_free(text);
    buf_printf(text, "the answer is longer than %zu MiB, or memory is out\n", text->limit >> 20);
    return EXIT_RUNTIME;
}

/* Syslog is read by the journal, too. */
static bool logs_to_journal(const struct supervisor *s)
{
    return s->log.target == LOG_TARGET_SYSLOG || s->log.target == LOG_TARGET_JOURNAL ||
           (s->log.target == LOG_TARGET_STDERR && s->log.stream);
}

static void begin_upgrade(struct supervisor *s, struct control_request *request)
{
    upgrade_request(&s->succession.upgrade, request,
                    (uint32_t)(workers_timeout(&s->workers, UPGRADE_MS) / 1000));
}

void supervisor_answer(void *arg, struct control_request *request, const char *line)
{
    struct supervisor *s = arg;
    struct buf text;
    const struct answer *a = answers;
    const bool journal = strcmp(line, "reload journal") == 0;
    if ((journal || strcmp(line, "reload") == 0) && s->phase < PHASE_LEAVING) {
        if (journal && logs_to_journal(s))
            reload_request_brief(&s->reload, request);
        else
            reload_request(&s->reload, request);
        return;
    }
    if (strcmp(line, "upgrade") == 0 && s->phase < PHASE_LEAVING && !supervisor_is_early(s)) {
        begin_upgrade(s, request);
        return;
    }
    while (a->request != NULL && strcmp(a->request, line) != 0)
        a++;
    buf_init(&text, STATUS_TEXT_MAX);
    int status = answer_by(a, s, &text);
    if (text.failed)
        status = cut_short(&text);
    control_answer(request, status, &text);
    buf_free(&text);
}
