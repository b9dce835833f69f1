#include "proxy/supervisor/listeners.h"
#include "config/confined.h"
#include "config/values.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than any queue that somebody should wait in; the kernel cuts it to net.core.somaxconn. */
#define BACKLOG 4096

/* ---- one socket ---- */

/* What counts before bind(); for the rest, see tune(). */
static void set_options(int fd, int family)
{
    static const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
}

static void set_freebind(int fd, bool inet6, bool on)
{
    const int value = on;
    if (inet6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &value, sizeof value);
    else
        setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &value, sizeof value);
}

static bool has_freebind(int fd, bool inet6)
{
    int value = 0;
    socklen_t size = sizeof value;
    if (inet6)
        return getsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &value, &size) == 0 && value != 0;
    return getsockopt(fd, IPPROTO_IP, IP_FREEBIND, &value, &size) == 0 && value != 0;
}

/* -1 with errno. */
static int bind_inet(const struct endpoint *e, bool share, bool freebind)
{
    static const int on = 1;
    int fd = socket(e->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    set_options(fd, e->addr.ss_family);
    if (share)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (freebind)
        set_freebind(fd, e->addr.ss_family == AF_INET6, true);
    if (bind(fd, (const struct sockaddr *)&e->addr, e->addr_len) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int bind_unix(const struct endpoint *e, struct socket_file *file)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    const mode_t before = umask(0111); /* as open as a port is; directories guard it */
    const int bound = socket_bind_file(fd, e->path, file);
    const int error = errno;
    umask(before);
    if (bound == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

/* ---- one address ---- */

static void close_sockets(struct listen_address *a)
{
    for (size_t i = 0; i < a->count; i++)
        close(a->sockets[i]);
    if (a->is_unix && !a->given && a->count > 0)
        socket_remove_file(a->text + strlen("unix:"), &a->file);
    free(a->sockets);
    free(a->text);
    *a = (struct listen_address){0};
}

static int add_socket(struct listen_address *a, int fd)
{
    int *grown = fd >= 0 ? realloc(a->sockets, (a->count + 1) * sizeof *grown) : NULL;
    if (grown == NULL) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    a->sockets = grown;
    a->sockets[a->count++] = fd;
    return 0;
}

/* SO_REUSEPORT lets any process of the same user share the port, so a second tlsfront would
 * silently take half of the first one's connections. Asking once without it shows whether anybody
 * is there. */
static int probe(const struct endpoint *e, bool freebind)
{
    int fd = bind_inet(e, false, freebind);
    if (fd < 0)
        return -1;
    return close(fd);
}

/* A process of ours that has not heard yet that the reload before took an address away may still
 * listen there. So look again, but for a moment in all, since nobody is served meanwhile. */
enum { LOOKS = 10, LOOK_MS = 10 };

static int probe_again(struct listeners *l, const struct endpoint *e, bool freebind)
{
    int result;
    while ((result = probe(e, freebind)) != 0 && errno == EADDRINUSE && l->looks > 0) {
        l->looks--;
        poll(NULL, 0, LOOK_MS);
    }
    return result;
}

static bool is_inet6(const struct listen_address *a)
{
    return a->text[0] == '[';
}

/* Does the machine have the address? -1 with errno. */
static int find_address(const struct endpoint *e)
{
    struct endpoint any_port = *e;
    sockaddr_set_port(&any_port.addr, 0);
    return probe(&any_port, false);
}

/* Bound while it was not there, and now it has to be? */
static bool was_let_off(const struct listen_address *a)
{
    return a->count > 0 && !a->given && !a->options.freebind &&
           has_freebind(a->sockets[0], is_inet6(a));
}

bool listeners_shared(const struct listen_address *a)
{
    return a->is_unix || a->given;
}

/* -1 with errno. */
static int fill_given(struct listen_address *a, int fd)
{
    if (a->count > 0)
        return 0;
    a->given = true;
    return add_socket(a, fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

/* Bound and not yet listening, a socket of ours looks like one that somebody left behind. */
static bool is_ours(const struct listeners *l, const struct endpoint *e)
{
    struct stat st;
    if (lstat(e->path, &st) != 0)
        return false;
    for (size_t i = 0; i < l->count; i++) {
        const struct listen_address *a = &l->items[i];
        if (a->is_unix && !a->given && a->count > 0 && a->file.device == st.st_dev &&
            a->file.inode == st.st_ino)
            return true;
    }
    return false;
}

/* -1 with errno. */
static int fill_unix(const struct listeners *l, struct listen_address *a, const struct endpoint *e)
{
    if (a->count > 0)
        return 0;
    if (!is_ours(l, e))
        return add_socket(a, bind_unix(e, &a->file));
    errno = EADDRINUSE;
    return -1;
}

/* -1 with errno. */
static int fill(struct listeners *l, struct listen_address *a, const struct endpoint *e,
                unsigned workers, bool check)
{
    if (a->is_unix)
        return fill_unix(l, a, e);
    if (was_let_off(a) && find_address(e) != 0)
        return -1;
    if (a->count == 0 && check && probe_again(l, e, a->options.freebind) != 0)
        return -1;
    while (a->count < workers)
        if (add_socket(a, bind_inet(e, true, a->options.freebind)) != 0)
            return -1;
    return 0;
}

/* ---- all ---- */

static struct listen_address *find(const struct listeners *l, const char *text)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->items[i].text, text) == 0)
            return &l->items[i];
    return NULL;
}

const struct listen_address *listeners_find(const struct listeners *l, const char *text)
{
    return find(l, text);
}

static bool is_wildcard(const char *text)
{
    return strncmp(text, "0.0.0.0:", 8) == 0 || strncmp(text, "[::]:", 5) == 0;
}

/* The families do not meet: IPV6_V6ONLY. */
static bool meets(const struct listeners *l, const struct endpoint *e)
{
    const char *port = strrchr(e->text, ':');
    for (size_t i = 0; i < l->count; i++) {
        const struct listen_address *a = &l->items[i];
        if (!a->is_unix && a->count > 0 && strcmp(strrchr(a->text, ':'), port) == 0 &&
            (a->text[0] == '[') == (e->text[0] == '[') &&
            (is_wildcard(a->text) || is_wildcard(e->text) || strcmp(a->text, e->text) == 0))
            return true;
    }
    return false;
}

/* Our own wildcard and our own specific address may share a port, and an address may come from the
 * others, who give it up with the same configuration; then probing would find us. */
static bool meets_ours(const struct listeners *l, const struct endpoint *e)
{
    return meets(l, e) || (l->others != NULL && meets(l->others, e));
}

static struct listen_address *find_or_add(struct listeners *l, const struct endpoint *e)
{
    struct listen_address *a = find(l, e->text);
    if (a != NULL)
        return a;
    struct listen_address *grown = realloc(l->items, (l->count + 1) * sizeof *grown);
    char *text = strdup(e->text);
    if (grown != NULL)
        l->items = grown;
    if (grown == NULL || text == NULL) {
        free(text);
        return NULL;
    }
    value_plain_path(text); /* an image before this one may have had it as it was written */
    a = &l->items[l->count++];
    *a = (struct listen_address){.text = text, .is_unix = e->kind == ENDPOINT_UNIX};
    return a;
}

/* What listens. */
struct party {
    char who[80]; /* "route NAME", "observe" or "observe-agent" */
    bool is_route;
    struct listen_options options;
};

/* A file has one socket: it cannot change hands before the reload that may yet be refused. */
static bool is_others(const struct listeners *l, const struct endpoint *e)
{
    return e->kind == ENDPOINT_UNIX && l->others != NULL && is_ours(l->others, e);
}

static const char *cure_for(int error, const struct party *p, bool others)
{
    switch (error) {
    case EADDRINUSE:
        if (others)
            return "this daemon listens there for something else: take it away from that in one "
                   "reload, and give it to this in the next";
        return "stop the other process (`ss -ltnp`, for unix sockets `ss -lxp`, names it) or "
               "choose "
               "another address";
    case EEXIST:
        return "remove what lies there, which is no socket, or choose another path";
    case ENOENT:
    case ENOTDIR:
        return "make that directory, or choose another path";
    case EADDRNOTAVAIL:
        return p->is_route ? "give an address that this machine has (`ip address` lists them), or "
                             "write freebind = on if it comes later"
                           : "give an address that this machine has (`ip address` lists them)";
    case EROFS:
    case EACCES:
        return "start as root or grant CAP_NET_BIND_SERVICE; for unix sockets, check the "
               "directory's "
               "permissions";
    case EMFILE:
        return ERR_CURE_FILES;
    default:
        return NULL;
    }
}

static void tell(const struct listeners *l, const struct party *p, const struct endpoint *e,
                 int error, struct diags *d)
{
    const char *cure = cure_for(error, p, is_others(l, e));
    diag_add(d, DIAG_ERROR, &e->at, confined_cure(error, e->path, cure),
             "%s: cannot listen on %s: %s", p->who, e->text, strerror(error));
}

static int prepare_one(struct listeners *l, const struct party *p, const struct endpoint *e,
                       unsigned workers, struct diags *d)
{
    const bool check = e->kind == ENDPOINT_INET && !meets_ours(l, e);
    const int given = activation_find(l->given, e->text);
    struct listen_address *a = find_or_add(l, e);
    errno = ENOMEM;
    if (a != NULL) {
        a->wanted = true;
        a->options = p->options;
        if ((given >= 0 ? fill_given(a, given) : fill(l, a, e, workers, check)) == 0)
            return 0;
    }
    tell(l, p, e, errno, d);
    return -1;
}

/* ":995" means both families; where the machine has no IPv6, one of them has to do. */
static bool may_be_absent(const struct endpoint *e)
{
    const struct sockaddr_in6 *in6 = (const void *)&e->addr;
    if (e->kind != ENDPOINT_INET || e->addr.ss_family != AF_INET6 ||
        !IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
        return false;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool no_ipv6 = fd < 0 && errno == EAFNOSUPPORT;
    if (fd >= 0)
        close(fd);
    return no_ipv6;
}

static int prepare_list(struct listeners *l, const struct party *p, const struct endpoint *list,
                        size_t count, unsigned workers, struct diags *d)
{
    int result = 0;
    for (size_t i = 0; i < count; i++)
        if (!may_be_absent(&list[i]) && prepare_one(l, p, &list[i], workers, d) != 0)
            result = -1;
    return result;
}

static struct party route_party(const struct route_config *r)
{
    struct party p = {.is_route = true, .options = {r->freebind, r->tcp_user_timeout}};
    snprintf(p.who, sizeof p.who, "route %s", r->name);
    return p;
}

enum { USER_TIMEOUT_MS = 60000 }; /* as routes have it by default */
static const struct party observe = {.who = "observe", .options = {false, USER_TIMEOUT_MS}},
                          agent = {.who = "observe-agent", .options = {false, USER_TIMEOUT_MS}};

static void begin(struct listeners *l)
{
    l->looks = LOOKS;
    for (size_t i = 0; i < l->count; i++)
        l->items[i].wanted = false;
}

int listeners_prepare(struct listeners *l, const struct config *c, unsigned workers,
                      struct diags *d)
{
    int result = activation_check(l->given, c, d);
    begin(l);
    for (size_t i = 0; i < c->route_count; i++) {
        const struct route_config *r = &c->routes[i];
        const struct party p = route_party(r);
        result |= prepare_list(l, &p, r->listen, r->listen_count, workers, d);
    }
    if (result != 0)
        listeners_abort(l);
    return result;
}

static bool is_agent(const struct config *c, const char *text)
{
    for (size_t i = 0; i < c->observe_agent_count; i++)
        if (strcmp(c->observe_agent[i].text, text) == 0)
            return true;
    return false;
}

int listeners_prepare_observe(struct listeners *l, const struct config *c, struct diags *d)
{
    begin(l);
    int result = prepare_list(l, &observe, c->observe, c->observe_count, 1, d);
    result |= prepare_list(l, &agent, c->observe_agent, c->observe_agent_count, 1, d);
    for (size_t i = 0; i < l->count; i++)
        l->items[i].wanted_agent = is_agent(c, l->items[i].text);
    if (result != 0)
        listeners_abort(l);
    return result;
}

/* Close the addresses that `drop` names and close the gaps. */
static void sweep(struct listeners *l, bool (*drop)(const struct listen_address *))
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (drop(&l->items[i]))
            close_sockets(&l->items[i]);
        else
            l->items[kept++] = l->items[i];
    }
    l->count = kept;
}

static bool is_unwanted(const struct listen_address *a)
{
    return !a->wanted;
}

static bool is_new(const struct listen_address *a)
{
    return a->committed == 0;
}

static bool is_any(const struct listen_address *a)
{
    (void)a;
    return true;
}

int listeners_adopt(struct listeners *l, const struct handover_address *from)
{
    const bool is_unix = strncmp(from->text, "unix:", strlen("unix:")) == 0;
    const struct endpoint e = {.kind = is_unix ? ENDPOINT_UNIX : ENDPOINT_INET, .text = from->text};
    struct listen_address *a = find_or_add(l, &e);
    if (a == NULL)
        return -1;
    a->given = from->given;
    a->file = from->file;
    for (size_t i = 0; i < from->count; i++)
        if (add_socket(a, from->sockets[i]) != 0)
            return -1;
    a->committed = a->listening = a->count;
    return 0;
}

/* Connections that were accepted before keep what they have inherited. */
static void tune(struct listen_address *a)
{
    if (a->options.freebind != a->in_force.freebind ||
        a->options.tcp_user_timeout != a->in_force.tcp_user_timeout)
        a->tuned = 0;
    for (; a->tuned < a->count && !a->is_unix; a->tuned++) {
        const int fd = a->sockets[a->tuned];
        socket_send_at_once(fd);
        socket_user_timeout(fd, a->options.tcp_user_timeout);
        if (!a->given)
            set_freebind(fd, is_inet6(a), a->options.freebind);
    }
    a->in_force = a->options;
}

bool listeners_listen(struct listen_address *a)
{
    for (a->deaf = 0; a->listening < a->committed; a->listening++)
        if (listen(a->sockets[a->listening], BACKLOG) != 0) {
            a->deaf = errno;
            return false;
        }
    return true;
}

void listeners_commit(struct listeners *l)
{
    sweep(l, is_unwanted);
    for (size_t i = 0; i < l->count; i++) {
        struct listen_address *a = &l->items[i];
        a->agent = a->wanted_agent;
        tune(a);
        a->committed = a->count;
        listeners_listen(a);
    }
}

bool listeners_deaf(const struct listeners *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->items[i].deaf != 0)
            return true;
    return false;
}

static void tell_list(const struct listeners *l, const struct party *p, const struct endpoint *list,
                      size_t count, struct diags *d)
{
    for (size_t i = 0; i < count; i++) {
        const struct listen_address *a = find(l, list[i].text);
        if (a != NULL && a->deaf != 0)
            tell(l, p, &list[i], a->deaf, d);
    }
}

void listeners_tell_deaf(const struct listeners *l, const struct config *c, struct diags *d)
{
    for (size_t i = 0; i < c->route_count; i++) {
        const struct party p = route_party(&c->routes[i]);
        tell_list(l, &p, c->routes[i].listen, c->routes[i].listen_count, d);
    }
    tell_list(l, &observe, c->observe, c->observe_count, d);
    tell_list(l, &agent, c->observe_agent, c->observe_agent_count, d);
}

void listeners_abort(struct listeners *l)
{
    sweep(l, is_new);
    for (size_t i = 0; i < l->count; i++) {
        struct listen_address *a = &l->items[i];
        while (a->count > a->committed)
            close(a->sockets[--a->count]);
    }
}

void listeners_close(struct listeners *l)
{
    sweep(l, is_any);
    free(l->items);
    *l = (struct listeners){0};
}
