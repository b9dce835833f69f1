#include "proxy/worker/acceptor.h"
#include "config/plural.h"
#include "proxy/base/address.h"
#include "proxy/session/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* When descriptors or memory are out, wait this long before asking again. */
#define PAUSE_MS 100
/* And this long where nobody can be accepted, since the supervisor could not listen there. */
#define DEAF_MS 1000

enum { RESETS_PER_TURN = 8 };

struct listener {
    uv_poll_t poll; /* first: close callbacks cast */
    struct acceptor *acceptor;
    struct route *route;
    int fd;
    bool is_unix;
    bool deaf; /* nobody can be accepted, and the log has a line about it */
};

struct acceptor {
    struct sessions *sessions;
    struct generation *generation;
    struct listener **listeners;
    size_t count;
    uv_timer_t pause;
    bool paused, closing;
    size_t handles;
    uint64_t complained; /* when the last line about a pause was logged */
    uint64_t reset;      /* and the last about newcomers that were reset */
};

static void acceptor_listen(struct acceptor *a);

struct acceptor *acceptor_new(struct sessions *all, struct generation *g)
{
    struct acceptor *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->sessions = all;
    a->generation = generation_ref(g);
    uv_timer_init(all->loop, &a->pause);
    a->pause.data = a;
    a->handles = 1;
    return a;
}

int acceptor_add(struct acceptor *a, unsigned route, int fd)
{
    struct listener **grown = realloc(a->listeners, (a->count + 1) * sizeof *grown);
    struct listener *l = calloc(1, sizeof *l);
    if (grown != NULL)
        a->listeners = grown;
    if (grown == NULL || l == NULL || uv_poll_init(a->sessions->loop, &l->poll, fd) != 0) {
        free(l);
        close(fd);
        return -1;
    }
    struct sockaddr_storage local = {.ss_family = AF_UNSPEC};
    address_local((uv_handle_t *)&l->poll, &local);
    l->acceptor = a;
    l->route = &a->generation->routes[route];
    l->fd = fd;
    l->is_unix = local.ss_family == AF_UNIX;
    a->listeners[a->count++] = l;
    a->handles++;
    return 0;
}

size_t acceptor_count(const struct acceptor *a)
{
    return a->count;
}

/* ---- pausing ---- */

static void acceptor_silence(struct acceptor *a)
{
    a->paused = true;
    for (size_t i = 0; i < a->count; i++)
        uv_poll_stop(&a->listeners[i]->poll);
}

static void pause_over(uv_timer_t *timer)
{
    struct acceptor *a = timer->data;
    if (a->paused)
        acceptor_room(a);
    else
        acceptor_listen(a);
}

/* At most one line a second: this happens when the machine has other troubles already. */
static void complain(struct acceptor *a, const char *why)
{
    struct sessions *all = a->sessions;
    uint64_t now = uv_now(all->loop);
    counter_add(&all->counters->accept_pauses, 1);
    if (a->complained != 0 && now - a->complained < 1000)
        return;
    a->complained = now;
    log_event(all->log, LOG_LEVEL_WARN, "accept-paused",
              "%s with %u session%s; clients wait in the queue until some end (see \"Limits\" in "
              "tlsfront(8))",
              why, all->count, plural(all->count));
}

static void pause_for_resources(struct acceptor *a, int error)
{
    complain(a, strerror(error));
    acceptor_silence(a);
    uv_timer_start(&a->pause, pause_over, PAUSE_MS, 0);
}

/* Such a socket is ready at all times. */
static void pause_listener(struct listener *l, int error)
{
    struct acceptor *a = l->acceptor;
    struct sockaddr_storage local = {.ss_family = AF_UNSPEC};
    char text[ADDRESS_TEXT_MAX];
    uv_poll_stop(&l->poll);
    uv_timer_start(&a->pause, pause_over, DEAF_MS, 0);
    if (l->deaf)
        return;
    l->deaf = true;
    address_local((uv_handle_t *)&l->poll, &local);
    address_text((const struct sockaddr *)&local, text);
    log_event(a->sessions->log, LOG_LEVEL_WARN, "accept-failed",
              "route %s: nobody can be accepted on %s: %s; tried again every second",
              l->route->config->name, text, strerror(error));
}

/* The machine's, not the connection's. */
static bool is_want(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

void acceptor_room(struct acceptor *a)
{
    if (a->paused && !a->closing && a->sessions->count < a->sessions->limit)
        acceptor_listen(a);
}

/* ---- accepting ---- */

static const char *const crowds[] = {
    [REFUSE_UPSTREAM_DOWN] = "connections beyond its limits",
    [REFUSE_TOO_MANY] = "connections beyond its limits",
    [REFUSE_DRAINING] = "connections to a daemon that shuts down",
    [REFUSE_TIMEOUT] = "connections beyond its limits",
    [REFUSE_DENIED] = "connections from addresses that may not come in",
    [REFUSE_TOO_FAST] = "connections from addresses that connect too often",
};

/* One too many, and many others are being told already. A line a second at most. */
static void reset(struct acceptor *a, const struct newcomer *n)
{
    static const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    char client[ADDRESS_TEXT_MAX];
    const uint64_t now = uv_now(a->sessions->loop);
    setsockopt(n->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(n->fd);
    if (a->reset != 0 && now - a->reset < 1000)
        return;
    const unsigned told = a->sessions->courtesies;
    a->reset = now;
    address_text((const struct sockaddr *)&n->client, client);
    log_event(a->sessions->log, LOG_LEVEL_WARN, "newcomers-reset",
              "route %s: %s, one from %s, are reset; %u other%s being told why (see \"Limits\" in "
              "tlsfront.conf(5))",
              n->route->config->name, crowds[n->admission.refusal], client, told,
              told == 1 ? " is" : "s are");
}

/* What became of one. */
enum taken { TAKEN_NOBODY, TAKEN_SESSION, TAKEN_RESET };

static enum taken take(struct listener *l, struct newcomer *n)
{
    struct acceptor *a = l->acceptor;
    const struct sockaddr *from = (const struct sockaddr *)&n->client;
    const struct route_config *r = l->route->config;
    n->announced = address_in(from, r->accept_proxy_from.items, r->accept_proxy_from.count);
    admission_enter(a->sessions, l->route, &n->admission);
    if (!n->announced)
        admission_client(a->sessions, l->route, from, &n->admission);
    if (admission_courtesy(a->sessions, l->route, n->announced ? NULL : from, &n->admission)) {
        session_start(a->sessions, n);
        return TAKEN_SESSION;
    }
    reset(a, n);
    return TAKEN_RESET;
}

/* TAKEN_NOBODY: errno says why. */
static enum taken accept_one(struct listener *l)
{
    struct acceptor *a = l->acceptor;
    struct newcomer n = {.is_unix = l->is_unix, .generation = a->generation, .route = l->route};
    socklen_t size = sizeof n.client;
    n.fd = accept4(l->fd, (struct sockaddr *)&n.client, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return n.fd < 0 ? TAKEN_NOBODY : take(l, &n);
}

/* One at a time: if more are waiting, the next turn tells so at once, and meanwhile the sessions
 * have had theirs. To ask whether there are more would cost a call for every connection. Those who
 * are reset come in crowds, and take no longer than a turn does: some of them are dealt with at
 * once. */
static void listener_ready(uv_poll_t *poll, int status, int events)
{
    struct listener *l = (struct listener *)(void *)poll;
    struct acceptor *a = l->acceptor;
    (void)events;
    if (status < 0) {
        pause_listener(l, -status);
        return;
    }
    if (a->sessions->count >= a->sessions->limit) {
        complain(a, "no descriptors left");
        acceptor_silence(a);
        return;
    }
    enum taken got = TAKEN_RESET;
    for (int i = 0; i < RESETS_PER_TURN && got == TAKEN_RESET; i++)
        got = accept_one(l);
    if (got != TAKEN_NOBODY)
        l->deaf = false;
    else if (is_want(errno))
        pause_for_resources(a, errno);
    else if (errno == EINVAL)
        pause_listener(l, errno);
    /* else that one connection is broken: accept(2), "Error handling" */
}

void acceptor_take_all(struct acceptor *a)
{
    for (size_t i = 0; i < a->count; i++)
        while (a->sessions->count < a->sessions->limit &&
               (accept_one(a->listeners[i]) != TAKEN_NOBODY || errno == ECONNABORTED))
            continue;
}

static void acceptor_listen(struct acceptor *a)
{
    a->paused = false;
    for (size_t i = 0; i < a->count; i++)
        uv_poll_start(&a->listeners[i]->poll, UV_READABLE, listener_ready);
}

void acceptor_start(struct acceptor *a)
{
    acceptor_listen(a);
}

/* ---- the end ---- */

static void acceptor_handle_closed(struct acceptor *a)
{
    if (--a->handles > 0)
        return;
    generation_free(a->generation);
    free(a->listeners);
    free(a);
}

static void listener_closed(uv_handle_t *handle)
{
    struct listener *l = (struct listener *)(void *)handle;
    struct acceptor *a = l->acceptor;
    free(l);
    acceptor_handle_closed(a);
}

static void timer_closed(uv_handle_t *handle)
{
    acceptor_handle_closed(handle->data);
}

void acceptor_close(struct acceptor *a)
{
    if (a == NULL || a->closing)
        return;
    a->closing = true;
    acceptor_silence(a);
    for (size_t i = 0; i < a->count; i++) {
        uv_close((uv_handle_t *)&a->listeners[i]->poll, listener_closed);
        close(a->listeners[i]->fd);
    }
    uv_close((uv_handle_t *)&a->pause, timer_closed);
}
