#include "proxy/supervisor/observer.h"
#include "proxy/ipc/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* It may ask as often as it likes, and is told at most so often: it deals with strangers. */
#define LOOK_MS 1000

static struct ipc_message message; /* large; one thread */

/* ---- what it is told ---- */

static void flush(struct observer *o)
{
    if (message.fd_count > 0)
        child_send(&o->child, &message);
    ipc_begin(&message, IPC_COUNTERS, 0);
}

static void add_part(struct observer *o, uint32_t part, int reader)
{
    const struct ipc_counters of = {.part = part};
    if (reader < 0)
        return;
    if (message.fd_count == IPC_FDS_MAX)
        flush(o);
    ipc_append(&message, &of, sizeof of);
    message.fds[message.fd_count++] = reader;
}

/* Those of workers that it does not know of yet; a worker's successor has the same. */
static void send_counters(struct observer *o)
{
    ipc_begin(&message, IPC_COUNTERS, 0);
    for (; o->told < o->workers->count; o->told++)
        add_part(o, o->told, o->workers->items[o->told]->counters_reader);
    flush(o);
}

/* What an upgrade has brought: it is there from the beginning, and stays. */
static void send_inherited(struct observer *o)
{
    const struct veterans *vs = o->workers->veterans;
    ipc_begin(&message, IPC_COUNTERS, 0);
    add_part(o, ARCHIVE, o->archive->reader);
    for (unsigned part = WORKERS_MAX; part < WORKERS_MAX + vs->count; part++)
        add_part(o, part, veterans_reader(vs, part));
    flush(o);
}

static void send_listeners(struct observer *o)
{
    ipc_begin(&message, IPC_LISTENERS, 0);
    for (size_t i = 0; i < o->listeners.count; i++) {
        const struct listen_address *a = &o->listeners.items[i];
        const struct ipc_observed of = {.is_unix = a->is_unix, .is_agent = a->agent};
        if (a->listening == 0 || message.fd_count == IPC_FDS_MAX)
            continue;
        ipc_append(&message, &of, sizeof of);
        message.fds[message.fd_count++] = a->sockets[0];
    }
    child_send(&o->child, &message);
}

static void send_snapshot(struct observer *o)
{
    struct err e;
    struct snapshot_writer w;
    snapshot_begin(&w);
    o->fill(o->arg, &w);
    const int fd = snapshot_finish(&w, &e);
    uv_timer_stop(&o->later);
    o->last = uv_now(o->children.loop);
    if (fd < 0) { /* it goes on with what it knows, and says how old that is */
        child_log(&o->child, LOG_LEVEL_WARN, "out-of-memory", "is told nothing: %s", e.text);
        return;
    }
    send_counters(o);
    ipc_begin(&message, IPC_SNAPSHOT, 0);
    message.fds[message.fd_count++] = fd;
    child_send(&o->child, &message);
    close(fd);
}

/* Without memory, the page has no charts. */
static int new_history(void)
{
    const int fd = memfd_create("tlsfront-history", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    if (ftruncate(fd, HISTORY_BYTES) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    close(fd);
    return -1;
}

static void send_history(struct observer *o)
{
    if (o->history < 0)
        o->history = new_history();
    if (o->history < 0)
        return;
    ipc_begin(&message, IPC_HISTORY, 0);
    message.fds[message.fd_count++] = o->history;
    child_send(&o->child, &message);
}

/* Its size is not ours to believe in, since it comes by way of another release. */
void observer_take(struct observer *o, int history)
{
    struct stat st;
    if (history >= 0 && (fstat(history, &st) != 0 || st.st_size != HISTORY_BYTES)) {
        close(history);
        history = -1;
    }
    o->history = history;
}

/* ---- what it says ---- */

static void look_again(uv_timer_t *timer)
{
    struct observer *o = timer->data;
    if (o->child.life == CHILD_RUNNING)
        send_snapshot(o);
}

static void on_look(struct observer *o)
{
    const uint64_t since = uv_now(o->children.loop) - o->last;
    if (since >= LOOK_MS)
        send_snapshot(o);
    else if (!uv_is_active((uv_handle_t *)&o->later))
        uv_timer_start(&o->later, look_again, LOOK_MS - since, 0);
}

static bool on_refused(struct observer *o, const struct ipc_message *m)
{
    char why[300], text[400];
    if (!ipc_take_text(m, why, sizeof why))
        return false;
    snprintf(text, sizeof text, "cannot work (%s)", why);
    child_replace(&o->child, "failed", text);
    return true;
}

static bool on_message(struct child *c, const struct ipc_message *m)
{
    struct observer *o = c->owner;
    if (m->type == IPC_REFUSED)
        return on_refused(o, m);
    if (m->type != IPC_LOOK || m->size != 0)
        return false;
    on_look(o);
    return true;
}

/* ---- life ---- */

static void started(struct child *c)
{
    struct observer *o = c->owner;
    o->told = 0;
    process_put_hello(&message, &o->workers->identity);
    child_send(c, &message);
    send_inherited(o);
    send_history(o);
    send_snapshot(o);
    send_listeners(o);
}

/* One that was sent away may be wanted again by now. */
static void ended(struct child *c)
{
    const struct observer *o = c->owner;
    if (o->listeners.count > 0 && !child_awaited(c))
        child_start(c);
}

static const struct child_kind kind = {
    .name = "observer", .loss = "", .started = started, .message = on_message, .ended = ended};

static void listens_again(void *arg)
{
    struct observer *o = arg;
    if (o->child.life == CHILD_RUNNING)
        send_listeners(o);
}

void observer_init(struct observer *o, uv_loop_t *loop, struct log *log,
                   const struct workers *workers, const struct archive *archive,
                   void (*fill)(void *arg, struct snapshot_writer *w), void *arg)
{
    *o = (struct observer){
        .history = -1, .workers = workers, .archive = archive, .fill = fill, .arg = arg};
    o->children = (struct children){.kind = &kind, .loop = loop, .log = log};
    child_init(&o->child, &o->children, 0, o);
    uv_timer_init(loop, &o->later);
    o->later.data = o;
    relisten_init(&o->relisten, loop, log, &o->listeners, listens_again, o);
}

int observer_prepare(struct observer *o, const struct config *c, struct diags *d)
{
    return listeners_prepare_observe(&o->listeners, c, d);
}

void observer_abort(struct observer *o)
{
    listeners_abort(&o->listeners);
}

void observer_commit(struct observer *o, const struct config *c, struct diags *d)
{
    listeners_commit(&o->listeners);
    listeners_tell_deaf(&o->listeners, c, d);
    relisten_begin(&o->relisten);
    if (o->listeners.count == 0) {
        child_retire(&o->child);
        child_kill(&o->child);
    } else if (o->child.life == CHILD_RUNNING) {
        send_listeners(o);
    } else if (o->child.life == CHILD_NONE && !o->waits) {
        child_start(&o->child);
    }
}

void observer_begin(struct observer *o)
{
    o->waits = false;
    if (o->listeners.count > 0 && o->child.life == CHILD_NONE)
        child_start(&o->child);
}

void observer_changed(struct observer *o)
{
    if (o->child.life == CHILD_RUNNING)
        send_snapshot(o);
}

void observer_close(struct observer *o)
{
    o->children.ending = true;
    child_close(&o->child);
    uv_close((uv_handle_t *)&o->later, NULL);
    relisten_close(&o->relisten);
}

void observer_free(struct observer *o)
{
    listeners_close(&o->listeners);
    if (o->history >= 0)
        close(o->history);
}
