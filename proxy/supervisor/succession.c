#include "proxy/supervisor/succession.h"
#include "proxy/base/exits.h"
#include "proxy/base/version.h"
#include "proxy/supervisor/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what is given to the next ---- */

static int give(void *arg, struct handover *h, struct err *e)
{
    const struct succession *s = arg;
    h->started = s->started;
    h->unwanted = *s->unwanted;
    return estate_give(&s->estate, h) == 0 ? 0 : err_set(e, "out of memory");
}

static uint32_t settled(void *arg)
{
    const struct succession *s = arg;
    return reload_idle(s->estate.reload) ? s->estate.workers->current.number : 0;
}

static void hold(void *arg, bool held)
{
    const struct succession *s = arg;
    reload_hold(s->estate.reload, held);
}

static void begun(void *arg)
{
    (void)arg;
    notify_reloading();
}

static void refused(void *arg, const char *why)
{
    (void)arg;
    notify_ready(why);
}

static const struct upgrade_events events = {give, settled, hold, begun, refused};

void succession_init(struct succession *s, struct takeover *before)
{
    s->before = before;
    s->program = before != NULL ? strdup(before->was.program) : upgrade_program();
    s->started = before != NULL ? (time_t)before->was.started : time(NULL);
    s->estate.workers->careful = before != NULL;
    s->estate.reload->rehearsal = succession_rehearses(s);
    s->upgrade = (struct upgrade){.loop = s->loop,
                                  .log = s->estate.log,
                                  .events = &events,
                                  .arg = s,
                                  .program = s->program != NULL ? s->program : "/proc/self/exe",
                                  .configuration = s->configuration};
    upgrade_init(&s->upgrade);
}

bool succession_rehearses(const struct succession *s)
{
    return s->before != NULL && s->before->rehearsal;
}

bool succession_is_over(const struct succession *s)
{
    return s->before == NULL;
}

/* ---- what is taken ---- */

static bool take_callers(struct succession *s, const struct handover *h)
{
    s->waiting = calloc(h->caller_count + 1, sizeof *s->waiting);
    for (size_t i = 0; s->waiting != NULL && i < h->caller_count; i++) {
        struct control_request *r =
            control_adopt_caller(*s->estate.control, h->callers[i].fd, h->callers[i].waits);
        if (r != NULL && h->callers[i].waits)
            s->waiting[s->waiting_count++] = r;
    }
    return s->waiting != NULL;
}

static int take_control(struct succession *s, const struct handover *h, struct err *e)
{
    *s->estate.control = control_adopt(s->loop, h->control_path, h->control, &h->control_file,
                                       s->on_request, s->arg);
    if (*s->estate.control == NULL || !take_callers(s, h))
        return err_set(e, "the control socket cannot be taken over");
    return 0;
}

static void audience_gone(uv_poll_t *poll, int status, int events_)
{
    (void)poll;
    (void)status;
    (void)events_;
    _exit(EXIT_RUNTIME); /* nothing of what a rehearsal has is its own to clear away */
}

/* Callers reach the daemon that goes on. */
static void face_audience(struct succession *s, const struct handover *h)
{
    uv_poll_init(s->loop, &s->audience, h->rehearsal);
    uv_poll_start(&s->audience, UV_READABLE | UV_DISCONNECT, audience_gone);
}

int succession_take(struct succession *s, struct err *e)
{
    const struct handover *h = &s->before->was;
    if (s->program == NULL)
        return err_set(e, "out of memory");
    *s->unwanted = h->unwanted;
    if (estate_take(&s->estate, h, e) != 0)
        return -1;
    if (!s->before->rehearsal)
        return take_control(s, h, e);
    face_audience(s, h);
    return 0;
}

/* ---- the first configuration ---- */

static int begin_with(struct succession *s, int bundle, struct buf *said)
{
    struct err e;
    struct bundle *b = bundle_from_fd(bundle, &e);
    if (b != NULL)
        return reload_first_with(s->estate.reload, b, said);
    buf_printf(said, "tlsfront: %s\n", e.text);
    return EXIT_RUNTIME;
}

int succession_begin(struct succession *s, struct buf *said)
{
    const struct takeover *t = s->before;
    if (t == NULL || t->rehearsal)
        return reload_first(s->estate.reload, said);
    return begin_with(s, t->back ? t->was.bundle : t->was.next, said);
}

/* ---- the rehearsal ---- */

/* The real one will bind what this one has bound, so that is given back here, and by the workers.
 */
void succession_rehearsed(struct succession *s, const struct bundle *b)
{
    s->rehearsed = b;
    listeners_abort(s->estate.listeners);
    workers_end(s->estate.workers, IPC_STOP);
}

void succession_report(struct succession *s)
{
    static struct ipc_message m; /* large; said once */
    struct ipc_rehearsed is = {.version = ""};
    struct err e = {.text = ""};
    snprintf(is.version, sizeof is.version, "%s", version_text);
    snprintf(is.text, sizeof is.text, "%s", tls_version_text());
    ipc_begin(&m, IPC_REHEARSED, 0);
    ipc_append(&m, &is, sizeof is);
    m.fds[0] = bundle_to_fd(s->rehearsed, &e);
    m.fd_count = 1;
    if (m.fds[0] >= 0 && ipc_send(s->before->was.rehearsal, &m) == 0)
        return; /* audience_gone() is the end */
    if (m.fds[0] >= 0)
        err_set(&e, "%s", strerror(errno));
    fprintf(stderr, "tlsfront: the rehearsal cannot be reported: %s\n", e.text);
    _exit(EXIT_RUNTIME);
}

/* ---- how it went ---- */

void succession_fail(struct succession *s, const char *why)
{
    if (s->before != NULL)
        takeover_fail(s->before, why);
}

static void answer(struct succession *s, int status, const char *text)
{
    struct buf b;
    buf_init(&b, (size_t)64 << 10);
    buf_printf(&b, "%s\n", text);
    for (size_t i = 0; i < s->waiting_count; i++)
        control_answer(s->waiting[i], status, &b);
    s->waiting_count = 0;
    buf_free(&b);
}

static void came_back(struct succession *s, char *text, size_t size)
{
    char why[2000];
    takeover_reason(s->before, why, sizeof why);
    log_event(s->estate.log, LOG_LEVEL_ERROR, "upgrade-failed",
              "the new binary had taken over, but %s; version %s is back, with all it had", why,
              version_text);
    snprintf(text, size,
             "upgrade failed: the new binary had taken over, but %s; tlsfront %s goes on", why,
             version_text);
}

static void went_on(struct succession *s, const char *outcome, char *text, size_t size)
{
    snprintf(text, size, "tlsfront %s has taken over from %s: %s", version_text,
             s->before->was.version, outcome);
    log_event(s->estate.log, LOG_LEVEL_INFO, "upgraded", "%s", text);
}

/* The new workers serve, so those of before need not any more. */
void succession_complete(struct succession *s, const char *outcome)
{
    char text[2500];
    const bool back = s->before->back;
    veterans_retire(s->estate.veterans);
    if (back)
        came_back(s, text, sizeof text);
    else
        went_on(s, outcome, text, sizeof text);
    takeover_confirm(s->before); /* closes what is not listened on any more */
    s->before = NULL;
    s->estate.workers->careful = false;
    answer(s, back ? EXIT_RUNTIME : 0, text);
}

/* ---- the end ---- */

void succession_close(struct succession *s)
{
    upgrade_close(&s->upgrade);
}

void succession_free(struct succession *s)
{
    upgrade_free(&s->upgrade);
    free(s->waiting);
    free(s->program);
}
