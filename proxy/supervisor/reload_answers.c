/* reload_answers.c - what is told of a reload: to callers, in the log, and while it lasts. */
#include "proxy/base/exits.h"
#include "proxy/supervisor/reload_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A caller who waits for the outcome. */
struct reload_waiter {
    struct reload_waiter *next;
    struct control_request *request;
    bool brief; /* the outcome alone */
};

/* ---- the log ---- */

void reload_log_findings(struct reload *r)
{
    const struct diags *d = &r->findings;
    for (size_t i = 0; i < d->count; i++) {
        const struct diag *f = &d->items[i];
        struct log_line line;
        char place[1024] = "";
        if (f->file != NULL)
            snprintf(place, sizeof place, f->line > 0 ? "%s:%d" : "%s", f->file, f->line);
        log_begin(&line, r->with.log,
                  f->severity == DIAG_WARNING ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "configuration");
        log_text(&line, "at", place);
        log_text(&line, "msg", f->cause);
        log_text(&line, "cure", f->cure);
        log_end(&line);
    }
}

void reload_log_changes(struct reload *r)
{
    const char *text = (const char *)r->changes.data;
    for (size_t left = r->changes.size, size; left > 0; left -= size, text += size) {
        const char *end = memchr(text, '\n', left);
        size = end != NULL ? (size_t)(end - text) + 1 : left;
        log_event(r->with.log, LOG_LEVEL_INFO, "changed", "%.*s",
                  (int)(end != NULL ? size - 1 : size), text);
    }
}

void reload_log_outcome(struct reload *r, const char *outcome)
{
    struct log_line line;
    log_begin(&line, r->with.log, LOG_LEVEL_INFO, r->first ? "started" : "reloaded");
    log_text(&line, "msg", outcome);
    log_text(&line, "config-hash", r->fingerprints.config);
    log_text(&line, "files-hash", r->fingerprints.files);
    log_end(&line);
}

/* ---- callers ---- */

void reload_add_waiter(struct reload_waiter **list, struct control_request *request, bool brief)
{
    static const struct buf no_memory = {.data = (uint8_t *)"out of memory\n", .size = 14};
    struct reload_waiter *w = request != NULL ? malloc(sizeof *w) : NULL;
    if (w != NULL) {
        *w = (struct reload_waiter){*list, request, brief};
        *list = w;
    } else if (request != NULL) {
        control_answer(request, EXIT_RUNTIME, &no_memory);
    }
}

void reload_join_waiters(struct reload *r)
{
    while (r->next_waiters != NULL) {
        struct reload_waiter *w = r->next_waiters;
        r->next_waiters = w->next;
        w->next = r->waiters;
        r->waiters = w;
    }
}

static void answer_waiters(struct reload *r, int status, const struct buf *text,
                           const struct buf *outcome)
{
    for (struct reload_waiter *w = r->waiters, *next; w != NULL; w = next) {
        next = w->next;
        control_answer(w->request, status, w->brief ? outcome : text);
        free(w);
    }
    r->waiters = NULL;
}

/* The log has all of it, too. */
static void put_all(const struct reload *r, int status, const char *words, struct buf *out)
{
    load_print_findings(&r->findings, out);
    if (status == 0)
        buf_put(out, r->changes.data, r->changes.size);
    buf_printf(out, "%s\n", words);
    if (!out->failed)
        return;
    buf_free(out);
    buf_printf(out, "there is more to tell than an answer can hold: see the log\n%s\n", words);
}

void reload_answer(struct reload *r, int status, const char *words)
{
    struct buf text, outcome;
    buf_init(&text, RELOAD_ANSWER_MAX);
    buf_init(&outcome, RELOAD_ANSWER_MAX);
    put_all(r, status, words, &text);
    buf_printf(&outcome, "%s\n", words);
    answer_waiters(r, status, &text, &outcome);
    buf_free(&text);
    buf_free(&outcome);
}

/* ---- while it lasts ---- */

/* "worker 0 (process 17), worker 3 (process 20)" */
static void name_late(const struct reload *r, struct buf *out)
{
    const struct workers *ws = r->with.workers;
    const bool committed = r->stage == RELOAD_COMMITTING;
    workers_name_late(ws, committed ? ws->current.number : ws->next.number, committed, out);
}

static void name_unresolved(const struct reload *r, struct buf *out)
{
    const struct config *c = r->release.generation->config;
    const char *comma = "";
    for (size_t i = 0; i < c->target_count; i++)
        for (size_t k = 0; k < c->targets[i]->upstream_count; k++) {
            const struct endpoint *e = &c->targets[i]->upstream[k];
            if (e->kind != ENDPOINT_NAME || !resolver_awaits(r->with.resolver, e))
                continue;
            buf_printf(out, "%s%s", comma, e->text);
            comma = ", ";
        }
}

void reload_describe(const struct reload *r, struct buf *out)
{
    switch (r->stage) {
    case RELOAD_IDLE:
    case RELOAD_JUDGING:
        buf_puts(out,
                 r->again
                     ? "the reload waits for an upgrade that is rehearsed, and begins after that"
                     : "no reload is under way any more; the log tells how it ended");
        break;
    case RELOAD_RESOLVING:
        buf_puts(out, "the reload goes on, and waits for the addresses of ");
        name_unresolved(r, out);
        break;
    case RELOAD_PREPARING:
    case RELOAD_COMMITTING:
        buf_printf(out, "the reload goes on, and waits for these to %s the new generation: ",
                   r->stage == RELOAD_PREPARING ? "load" : "take over");
        name_late(r, out);
        break;
    }
    buf_puts(out, "\n");
}

void reload_explain_late(const struct reload *r, const char *what, char why[RELOAD_WHY_MAX])
{
    static const char somebody[] = "a worker";
    struct buf names;
    buf_init(&names, RELOAD_WHY_MAX / 2);
    name_late(r, &names);
    snprintf(why, RELOAD_WHY_MAX, "%.*s did not %s in time",
             names.size > 0 ? (int)names.size : (int)strlen(somebody),
             names.size > 0 ? (const char *)names.data : somebody, what);
    buf_free(&names);
}
