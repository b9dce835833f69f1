#include "proxy/observer/server.h"
#include "proxy/base/clock.h"
#include "proxy/observer/agent.h"
#include "proxy/observer/host.h"
#include "proxy/observer/library.h"
#include "proxy/wire/http.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 32,
    CONNECTION_MEMORY = 16384,
    CONNECTION_MS = 10000,
    HOST_MAX = 512, /* a name and a port */
    MHD_SLACK = 2,  /* so that it is we who refuse */
};

/* For those who misbehave in ways that there is no cure for. */
static const char no_policy[] =
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

struct place {
    int fd; /* -1: free */
    uint64_t began;
    bool is_unix;
    bool gone;                    /* was shut down: it is a matter of moments */
    struct MHD_Connection *waits; /* suspended; NULL: it is not */
};

struct server {
    const struct server_events *events;
    void *arg;
    struct MHD_Daemon *daemon;
    int epoll;
    struct server_socket sockets[SERVER_SOCKETS];
    unsigned socket_count;
    bool accepting_unix; /* whence the newcomer comes that is being added */
    struct place places[CONNECTIONS_MAX];
    unsigned used;
    bool woken; /* some that were suspended: the library, as of 0.9.75, does not say that it has
                   work */
    struct agent agent;
};

/* ---- places ---- */

static struct place *find_free(struct server *s)
{
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        if (s->places[i].fd < 0)
            return &s->places[i];
    return NULL;
}

static void connection_changed(void *arg, struct MHD_Connection *c, void **context,
                               enum MHD_ConnectionNotificationCode what)
{
    struct server *s = arg;
    struct place *p = *context;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED && p != NULL) {
        *p = (struct place){.fd = -1};
        s->used--;
    } else if (what == MHD_CONNECTION_NOTIFY_STARTED && (p = find_free(s)) != NULL) {
        *p = (struct place){
            .fd = mhd.get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
            .began = clock_ms(),
            .is_unix = s->accepting_unix};
        s->used++;
        *context = p;
    }
}

/* The library notices, and frees it. */
static void send_away(struct place *p)
{
    p->gone = true;
    shutdown(p->fd, SHUT_RDWR);
}

static void send_away_the_late(struct server *s)
{
    const uint64_t now = clock_ms();
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct place *p = &s->places[i];
        if (p->fd >= 0 && !p->gone && now - p->began >= CONNECTION_MS)
            send_away(p);
    }
}

/* Of those that nobody keeps waiting, and none while one is on its way out; NULL: there is none. */
static struct place *find_oldest(struct server *s)
{
    struct place *oldest = NULL;
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct place *p = &s->places[i];
        if (p->gone)
            return NULL;
        if (p->fd >= 0 && p->waits == NULL && (oldest == NULL || p->began < oldest->began))
            oldest = p;
    }
    return oldest;
}

/* ---- answers ---- */

static const struct {
    const char *name, *value;
} headers[] = {
    {"Connection", "close"},
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

static enum MHD_Result send_response(struct MHD_Connection *c, struct MHD_Response *r,
                                     const struct server_answer *a)
{
    if (r == NULL)
        return MHD_NO;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        mhd.add_response_header(r, headers[i].name, headers[i].value);
    mhd.add_response_header(r, "Content-Type", a->type);
    mhd.add_response_header(r, "Content-Security-Policy",
                            a->policy != NULL ? a->policy : no_policy);
    if (a->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        mhd.add_response_header(r, "Allow", "GET, HEAD");
    const enum MHD_Result result = mhd.queue_response(c, a->status, r);
    mhd.destroy_response(r);
    return result;
}

static enum MHD_Result say(struct MHD_Connection *c, unsigned status, const char *words)
{
    const struct server_answer a = {.status = status, .type = "text/plain; charset=utf-8"};
    return send_response(c,
                         mhd.create_response_from_buffer(strlen(words), (void *)(uintptr_t)words,
                                                         MHD_RESPMEM_PERSISTENT),
                         &a);
}

/* The library frees what the buffer held. */
static enum MHD_Result send_body(struct MHD_Connection *c, struct server_answer *a)
{
    struct buf *b = a->body;
    if (b->failed) {
        buf_free(b);
        return say(c, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
    }
    struct MHD_Response *r =
        mhd.create_response_from_buffer(b->size, b->data, MHD_RESPMEM_MUST_FREE);
    if (r == NULL)
        buf_free(b);
    return send_response(c, r, a);
}

static enum MHD_Result answer(struct server *s, struct MHD_Connection *c, const char *path)
{
    struct buf body;
    const struct server_request request = {
        .path = path,
        .accept = mhd.lookup_connection_value(c, MHD_HEADER_KIND, "Accept"),
        .refresh = mhd.lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "refresh")};
    struct server_answer a = {
        .status = MHD_HTTP_OK, .type = "text/plain; charset=utf-8", .body = &body};
    buf_init(&body, (size_t)64 << 20);
    if (s->events->answer(s->arg, &request, &a))
        return send_body(c, &a);
    buf_free(&body);
    return say(c, MHD_HTTP_NOT_FOUND, "there are: / /metrics /status.json /-/ready /-/healthy\n");
}

/* ---- requests ---- */

static struct place *place_of(struct MHD_Connection *c)
{
    return mhd.get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* NULL: nothing speaks against it. */
static const char *misdirected(struct server *s, struct MHD_Connection *c, const struct place *p,
                               struct slice authority)
{
    char named[HOST_MAX] = "";
    const char *host = mhd.lookup_connection_value(c, MHD_HEADER_KIND, "Host");
    if (authority.data != NULL) {
        if (authority.size > 0 && authority.size < sizeof named)
            memcpy(named, authority.data, authority.size);
        host = named;
    }
    if (p->is_unix || host == NULL || host_is_ours(host, s->events->snapshot(s->arg)))
        return NULL;
    return "this is not a name of this machine's; use its address, localhost, or the `hostname` "
           "of a route\n";
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
    struct server *s = arg;
    struct place *p = place_of(c);
    (void)version;
    (void)upload;
    (void)upload_size;
    if (p == NULL)
        return MHD_NO;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return say(c, MHD_HTTP_METHOD_NOT_ALLOWED, "there is nothing to change here\n");
    if (*context == NULL && !s->events->wanted(s->arg)) {
        *context = p; /* it has waited */
        p->waits = c;
        mhd.suspend_connection(c);
        return MHD_YES;
    }
    struct slice authority;
    const struct slice path =
        http_path((struct slice){(const uint8_t *)url, strlen(url)}, "http://", &authority);
    const char *why = misdirected(s, c, p, authority);
    if (why != NULL)
        return say(c, MHD_HTTP_MISDIRECTED_REQUEST, why);
    return answer(s, c,
                  path.size > 0 ? (const char *)path.data : "/"); /* it ends where `url` does */
}

void server_wake(struct server *s)
{
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct MHD_Connection *c = s->places[i].waits;
        s->places[i].waits = NULL;
        if (c != NULL)
            mhd.resume_connection(c);
        s->woken |= c != NULL;
    }
    agent_tell(&s->agent, s->events->agent_line(s->arg));
}

/* ---- newcomers ---- */

void server_listen(struct server *s, const struct server_socket *sockets, unsigned count)
{
    for (unsigned i = 0; i < s->socket_count; i++)
        close(s->sockets[i].fd);
    s->socket_count = count;
    for (unsigned i = 0; i < count; i++)
        s->sockets[i] = sockets[i];
}

/* With what is known, or as soon as that is known anew. */
static void accept_agent(struct server *s, int fd)
{
    agent_add(&s->agent, fd, clock_ms());
    if (s->events->wanted(s->arg))
        agent_tell(&s->agent, s->events->agent_line(s->arg));
}

static void accept_one(struct server *s, const struct server_socket *at)
{
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    const int fd = accept4(at->fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (at->is_agent) {
        accept_agent(s, fd);
        return;
    }
    s->accepting_unix = at->is_unix;
    mhd.add_connection(s->daemon, fd, (struct sockaddr *)&from, size); /* closes what it refuses */
}

/* ---- the loop ---- */

static int time_to_wait(struct server *s, int most)
{
    MHD_UNSIGNED_LONG_LONG left;
    if (s->woken)
        return 0;
    if ((s->used > 0 || agent_busy(&s->agent)) && (most < 0 || most > 1000))
        most = 1000; /* who is late is seen within a second */
    if (mhd.get_timeout(s->daemon, &left) == MHD_YES && (most < 0 || left < (unsigned)most))
        most = (int)left;
    return most;
}

/* Who holds a place for long makes room for who needs it for a moment. */
static void newcomer(struct server *s, const struct server_socket *at)
{
    if (at->is_agent || s->used < CONNECTIONS_MAX) {
        accept_one(s, at);
        return;
    }
    struct place *oldest = find_oldest(s);
    if (oldest != NULL)
        send_away(oldest);
}

bool server_wait(struct server *s, int fd, int milliseconds)
{
    enum { ASKERS = 2, SOCKETS = ASKERS + AGENT_ASKERS, ALL = SOCKETS + SERVER_SOCKETS };
    struct pollfd at[ALL] = {{.fd = fd, .events = POLLIN}, {.fd = s->epoll, .events = POLLIN}};
    agent_watch(&s->agent, &at[ASKERS]);
    const bool open = s->used < CONNECTIONS_MAX || find_oldest(s) != NULL;
    for (unsigned i = 0; i < s->socket_count; i++) {
        const struct server_socket *k = &s->sockets[i];
        at[SOCKETS + i] = (struct pollfd){.fd = open || k->is_agent ? k->fd : -1, .events = POLLIN};
    }
    poll(at, SOCKETS + s->socket_count, time_to_wait(s, milliseconds));
    if (at[0].revents != 0)
        return true; /* first, so that nobody is told what is known to be over */
    agent_watched(&s->agent, &at[ASKERS], clock_ms());
    for (unsigned i = 0; i < s->socket_count; i++)
        if (at[SOCKETS + i].revents != 0)
            newcomer(s, &s->sockets[i]);
    send_away_the_late(s);
    s->woken = false;
    mhd.run(s->daemon);
    return false;
}

void server_finish(struct server *s, unsigned milliseconds)
{
    const uint64_t end = clock_ms() + milliseconds;
    server_listen(s, NULL, 0);
    server_wake(s);
    for (uint64_t now; (s->used > 0 || agent_busy(&s->agent)) && (now = clock_ms()) < end;)
        server_wait(s, -1, (int)(end - now));
}

/* ---- begin ---- */

/* No path of ours needs it, and what is not undone cannot hide anything. */
static size_t leave_escaped(void *arg, struct MHD_Connection *c, char *text)
{
    (void)arg;
    (void)c;
    return strlen(text);
}

static struct MHD_Daemon *start(struct server *s)
{
    return mhd.start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        on_request, s, MHD_OPTION_CONNECTION_LIMIT, (unsigned)(CONNECTIONS_MAX + MHD_SLACK),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_CONNECTION,
        connection_changed, s, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
}

struct server *server_new(const struct server_events *events, void *arg, struct err *e)
{
    struct server *s = library_load(e) == 0 ? calloc(1, sizeof *s) : NULL;
    if (s == NULL)
        return NULL;
    s->events = events;
    s->arg = arg;
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        s->places[i].fd = -1;
    agent_init(&s->agent);
    s->daemon = start(s);
    if (s->daemon == NULL) {
        free(s);
        err_set(e, "libmicrohttpd does not start");
        return NULL;
    }
    s->epoll = mhd.get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    return s;
}
