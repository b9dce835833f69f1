#include "proxy/observer/observer.h"
#include "proxy/base/clock.h"
#include "proxy/base/exits.h"
#include "proxy/ipc/process.h"
#include "proxy/observer/history.h"
#include "proxy/observer/metrics.h"
#include "proxy/observer/page.h"
#include "proxy/observer/server.h"
#include "proxy/observer/view.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct history) <= HISTORY_BYTES, "the supervisor keeps so much");

/* What is younger need not be asked for; what was asked for is not waited for longer. */
enum { FRESH_MS = 1000, PATIENCE_MS = 3000 };

/* Who has come to us is nobody else's to answer. */
enum { FINISH_MS = 1000 };

struct observer {
    struct server *server;
    struct all_counters counters;
    struct snapshot snapshot;
    struct history *history; /* `own`, before another was given */
    uint64_t told;           /* when it came */
    uint64_t asked;          /* when the supervisor was asked for another one; 0: it was not */
    bool unanswered;         /* in time, the last time */
    bool orphaned;           /* the supervisor is gone, or another binary */
};

static struct ipc_message message; /* large; one thread */
static struct history own;         /* which ends with this process */

/* ---- to the supervisor ---- */

static void send_message(void)
{
    (void)process_say(&message); /* where it is gone, the next reading tells */
}

static void send_plain(enum ipc_type type)
{
    ipc_begin(&message, type, 0);
    send_message();
}

/* Its successor may fare better, so the supervisor decides; it knows how to wait between two. */
static void cannot_work(const struct err *e)
{
    char why[sizeof e->text + sizeof e->cure + 2];
    const bool has_cure = e->cure[0] != '\0';
    snprintf(why, sizeof why, "%s%s%s", e->text, has_cure ? "; " : "", has_cure ? e->cure : "");
    ipc_begin(&message, IPC_REFUSED, 0);
    ipc_append(&message, why, strlen(why) + 1);
    send_message();
}

/* ---- answers ---- */

static const char plain[] = "text/plain; charset=utf-8";

static bool answer_healthy(struct observer *o, const struct server_request *r,
                           struct server_answer *out)
{
    (void)r;
    out->status = o->unanswered ? 503 : 200;
    buf_puts(out->body, o->unanswered ? "the supervisor does not answer\n" : "healthy\n");
    return true;
}

static bool answer_ready(struct observer *o, const struct server_request *r,
                         struct server_answer *out)
{
    const char *why = view_not_ready(&o->snapshot);
    (void)r;
    out->status = why != NULL ? 503 : 200;
    buf_printf(out->body, why != NULL ? "not ready: %s\n" : "ready\n", why);
    return true;
}

static bool answer_status(struct observer *o, const struct server_request *r,
                          struct server_answer *out)
{
    (void)r;
    if (o->snapshot.facts->json == 0) {
        out->status = 503;
        buf_puts(out->body, "the status is too long, or there was no memory for it\n");
        return true;
    }
    out->type = "application/json";
    buf_puts(out->body, snapshot_text_of(&o->snapshot, o->snapshot.facts->json));
    return true;
}

static bool answer_metrics(struct observer *o, const struct server_request *r,
                           struct server_answer *out)
{
    struct view v;
    const bool open =
        r->accept != NULL && strstr(r->accept, "application/openmetrics-text") != NULL;
    const enum metrics_format format = open ? METRICS_OPENMETRICS : METRICS_PROMETHEUS;
    out->type = metrics_content_type(format);
    out->body->failed = !view_begin(&v, &o->snapshot, &o->counters, time(NULL));
    if (!out->body->failed)
        metrics_render(&v, format, out->body);
    view_end(&v);
    return true;
}

static bool answer_page(struct observer *o, const struct server_request *r,
                        struct server_answer *out)
{
    struct view v;
    const bool refreshes = r->refresh == NULL || strcmp(r->refresh, "off") != 0;
    out->type = "text/html; charset=utf-8";
    out->policy = page_policy;
    out->body->failed = !view_begin(&v, &o->snapshot, &o->counters, time(NULL));
    const struct page page = {&v, o->history, &o->snapshot, refreshes, out->body};
    if (!out->body->failed)
        page_render(&page);
    view_end(&v);
    return true;
}

static const struct {
    const char *path;
    bool (*answer)(struct observer *o, const struct server_request *r, struct server_answer *out);
} paths[] = {
    {"/", answer_page},         {"/metrics", answer_metrics},   {"/status.json", answer_status},
    {"/-/ready", answer_ready}, {"/-/healthy", answer_healthy},
};

static bool answer(void *arg, const struct server_request *r, struct server_answer *out)
{
    struct observer *o = arg;
    out->type = plain;
    if (o->snapshot.facts == NULL) { /* the supervisor had no memory for one */
        out->status = 503;
        buf_puts(out->body, "nothing is known yet\n");
        return true;
    }
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (strcmp(paths[i].path, r->path) == 0)
            return paths[i].answer(o, r, out);
    return false;
}

static bool wanted(void *arg)
{
    struct observer *o = arg;
    const uint64_t now = clock_ms();
    if (o->orphaned || (o->snapshot.facts != NULL && now - o->told < FRESH_MS))
        return true;
    if (o->asked == 0) {
        o->asked = now;
        send_plain(IPC_LOOK);
    }
    return false;
}

static const struct snapshot *current(void *arg)
{
    const struct observer *o = arg;
    return &o->snapshot;
}

static const char *agent_line(void *arg)
{
    static char line[VIEW_AGENT_LINE_MAX];
    const struct observer *o = arg;
    view_agent_line(&o->snapshot, line);
    return line;
}

static const struct server_events server_events = {wanted, answer, agent_line, current};

/* ---- from the supervisor: false, with the reason, is a fault of ours ---- */

static bool on_hello(struct observer *o, struct err *e)
{
    struct ipc_hello hello;
    if (!ipc_take(&message, &hello, sizeof hello))
        return false;
    o->server = server_new(&server_events, o, e);
    return o->server != NULL && process_confine(&hello, SANDBOX_OBSERVER, e) == 0;
}

static bool on_counters(struct observer *o, struct err *e)
{
    const struct ipc_counters *of = (const void *)message.payload;
    size_t count;
    if (!ipc_count(&message, sizeof *of, &count) || count != message.fd_count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (of[i].part >= PARTS_MAX)
            return false;
        struct worker_counters **part = &o->counters.parts[of[i].part];
        if (*part == NULL && (*part = counters_map_other(message.fds[i])) == NULL) {
            err_set(e, "no memory for the counters: %s", strerror(errno));
            return false;
        }
    }
    return true;
}

static bool on_listeners(struct observer *o, struct err *e)
{
    const struct ipc_observed *of = (const void *)message.payload;
    struct server_socket sockets[SERVER_SOCKETS];
    size_t count;
    (void)e;
    if (o->server == NULL || !ipc_count(&message, sizeof *of, &count) ||
        count != message.fd_count || count > SERVER_SOCKETS)
        return false;
    for (size_t i = 0; i < count; i++)
        sockets[i] =
            (struct server_socket){message.fds[i], of[i].is_unix != 0, of[i].is_agent != 0};
    server_listen(o->server, sockets, (unsigned)count);
    message.fd_count = 0;
    return true;
}

static bool on_snapshot(struct observer *o, struct err *e)
{
    struct snapshot fresh;
    if (o->server == NULL || message.fd_count != 1)
        return false;
    if (!snapshot_open(&fresh, message.fds[0])) {
        err_set(e, "no memory for a snapshot");
        return false;
    }
    snapshot_close(&o->snapshot);
    o->snapshot = fresh;
    o->told = clock_ms();
    o->asked = 0;
    o->unanswered = false;
    server_wake(o->server);
    return true;
}

static bool on_history(struct observer *o, struct err *e)
{
    if (message.fd_count != 1 || message.size != 0 || o->history != &own)
        return false;
    void *p = mmap(NULL, sizeof *o->history, PROT_READ | PROT_WRITE, MAP_SHARED, message.fds[0], 0);
    if (p == MAP_FAILED) {
        err_set(e, "no memory for the last hour: %s", strerror(errno));
        return false;
    }
    o->history = p;
    history_adopt(o->history);
    return true;
}

static bool on_message(struct observer *o, struct err *e)
{
    if (ipc_lacks_fds(&message)) {
        err_set(e, "no descriptors left");
        err_cure(e, ERR_CURE_FILES);
        return false;
    }
    err_set(e, "an order of kind %d and %u bytes is not understood", (int)message.type,
            message.size);
    switch ((int)message.type) {
    case IPC_HELLO:
        return on_hello(o, e);
    case IPC_COUNTERS:
        return on_counters(o, e);
    case IPC_LISTENERS:
        return on_listeners(o, e);
    case IPC_SNAPSHOT:
        return on_snapshot(o, e);
    case IPC_HISTORY:
        return on_history(o, e);
    case IPC_PING:
        send_plain(IPC_PONG);
        return true;
    default:
        return false;
    }
}

/* ---- the loop ---- */

/* Who waits for a supervisor that does not answer learns what was known last. */
static void give_up_waiting(struct observer *o)
{
    if (o->asked == 0 || clock_ms() - o->asked < PATIENCE_MS)
        return;
    o->unanswered = true;
    o->asked = 0;
    o->told = clock_ms(); /* the next ones need not wait as long: for a moment */
    server_wake(o->server);
}

/* Milliseconds until a minute is over. */
static int note_the_minute(struct observer *o)
{
    struct view v;
    const uint64_t now = clock_ms();
    if (o->snapshot.facts == NULL)
        return HISTORY_MINUTE_MS;
    if (now < o->history->minute && o->history->minute - now <= HISTORY_MINUTE_MS)
        return (int)(o->history->minute - now);
    if (!view_begin(&v, &o->snapshot, &o->counters, time(NULL)))
        return HISTORY_MINUTE_MS;
    history_due(o->history, &v, now);
    view_end(&v);
    send_plain(IPC_LOOK); /* for the next one, also when nobody asks */
    return (int)(o->history->minute - now);
}

static bool wait_for_order(struct observer *o)
{
    if (o->server == NULL)
        return poll(&(struct pollfd){.fd = PROCESS_IPC, .events = POLLIN}, 1, -1) == 1;
    const int left = note_the_minute(o);
    const bool readable = server_wait(o->server, PROCESS_IPC, o->asked != 0 ? 1000 : left);
    give_up_waiting(o);
    return readable;
}

/* With what was known last. In an upgrade a successor is about to have the sockets; what waits in
 * them waits for it. */
static void finish(struct observer *o)
{
    o->orphaned = true;
    if (o->server != NULL)
        server_finish(o->server, FINISH_MS);
}

/* The library frees what is left of it with the process. */
int observer_run(void)
{
    static struct observer o = {.history = &own};
    struct err e = {.text = ""};
    if (!process_begin())
        return EXIT_USAGE;
    for (;;) {
        const int got = wait_for_order(&o) ? ipc_receive(PROCESS_IPC, &message) : 0;
        if (got < 0) {
            finish(&o);
            return 0;
        }
        const bool well = got == 0 || on_message(&o, &e);
        if (got == 1)
            ipc_close_fds(&message);
        if (!well) {
            cannot_work(&e);
            return EXIT_RUNTIME;
        }
    }
}
