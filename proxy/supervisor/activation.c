#include "proxy/supervisor/activation.h"
#include "config/values.h"
#include "proxy/base/address.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    FIRST_FD = 3, /* sd_listen_fds(3) */
    TEXT_MAX = sizeof "unix:" + sizeof((struct sockaddr_un *)NULL)->sun_path,
};
_Static_assert((int)TEXT_MAX >= (int)ADDRESS_TEXT_MAX, "either kind of address fits");

/* ---- one socket ---- */

/* -1: `fd` has no such option, which is to say that it is no socket. */
static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

static bool is_connection(int fd)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    return getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
}

/* NULL: streams of clients come from it. */
static const char *flaw_of(int fd, const char **cure)
{
    const int family = option(fd, SOL_SOCKET, SO_DOMAIN);
    *cure = "give tlsfront.socket nothing but ListenStream= lines";
    if (family < 0)
        return errno == EBADF ? "is not open" : "is no socket";
    if (option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM)
        return "is no stream socket";
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return "is of a family that is neither IPv4, IPv6 nor Unix";
    if (family != AF_UNIX && option(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP)
        return "does not speak TCP";
    *cure = "write Accept=no into tlsfront.socket";
    return is_connection(fd) ? "is a connection already" : NULL;
}

/* Two families in one socket is what `listen` never means: an IPv4 client would come as IPv6. */
static const char *flaw_of_inet(int fd, const struct sockaddr_storage *at, const char **cure)
{
    const struct sockaddr_in6 *in6 = (const void *)at;
    *cure = "give the socket an address and a port";
    if (sockaddr_port(at) == 0)
        return "is bound to no port";
    *cure = "write BindIPv6Only=ipv6-only into tlsfront.socket, and ListenStream=0.0.0.0:PORT "
            "beside [::]:PORT";
    if (at->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) &&
        option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0)
        return "is for IPv6 and IPv4 at once";
    return NULL;
}

/* As in struct endpoint. NULL, or why no `listen` can name it. */
static const char *address_of(int fd, char text[TEXT_MAX], const char **cure)
{
    struct sockaddr_storage at = {0};
    const struct sockaddr_un *un = (const void *)&at;
    socklen_t size = sizeof at;
    *cure = "give the socket a path";
    if (getsockname(fd, (struct sockaddr *)&at, &size) != 0)
        return strerror(errno);
    if (at.ss_family != AF_UNIX) {
        address_text((const struct sockaddr *)&at, text);
        return flaw_of_inet(fd, &at, cure);
    }
    snprintf(text, TEXT_MAX, "unix:%.*s", (int)sizeof un->sun_path, un->sun_path);
    return un->sun_path[0] != '/' ? "has no path" : NULL;
}

/* Like the sockets that we make, and out of the way of the descriptors that our children begin
 * with. */
static int move_away(int fd)
{
    const int flags = fcntl(fd, F_GETFL);
    const int away = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD + 1);
    close(fd);
    if (away >= 0)
        fcntl(away, F_SETFL, flags | O_NONBLOCK);
    return away;
}

static int keep(struct activation *a, const struct activation_socket *s)
{
    struct activation_socket *grown = realloc(a->items, (a->count + 1) * sizeof *grown);
    if (grown != NULL)
        a->items = grown;
    if (grown == NULL || s->fd < 0 || s->name == NULL || s->text == NULL)
        return -1;
    a->items[a->count++] = *s;
    return 0;
}

static void release(const struct activation_socket *s)
{
    if (s->fd >= 0)
        close(s->fd);
    free(s->name);
    free(s->text);
}

static int refuse(struct err *e, int fd, const char *name, const char *why, const char *cure)
{
    err_set(e, "descriptor %d (%s) from the service manager %s", fd, name, why);
    close(fd);
    return err_cure(e, "%s", cure);
}

int activation_add(struct activation *a, int fd, const char *name, struct err *e)
{
    char text[TEXT_MAX];
    const char *cure, *why = flaw_of(fd, &cure);
    if (why == NULL)
        why = address_of(fd, text, &cure);
    if (why == NULL && activation_find(a, text) >= 0) {
        why = "has the address of another one";
        cure = "name each address once";
    }
    if (why != NULL)
        return refuse(e, fd, name, why, cure);
    const struct activation_socket s = {move_away(fd), strdup(name), strdup(text)};
    if (keep(a, &s) == 0)
        return 0;
    release(&s);
    return err_set(e, "cannot keep descriptor %d (%s) from the service manager", fd, name);
}

/* ---- all ---- */

/* The number of descriptors that are for us. */
static int announced(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != (long)getpid())
        return 0;
    const long n = strtol(count, NULL, 10);
    return n > 0 && n < INT_MAX - FIRST_FD ? (int)n : 0;
}

int activation_end(void)
{
    return FIRST_FD + announced();
}

static void forget_variables(void)
{
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

/* Cut the next name off the list; "unknown", as sd_listen_fds_with_names(3) has it, when it ends.
 */
static const char *next_name(char **names)
{
    const char *name = *names != NULL ? strsep(names, ":") : "unknown";
    return *name != '\0' ? name : "unknown";
}

int activation_take(struct activation *a, struct err *e)
{
    const int count = announced();
    const char *given = getenv("LISTEN_FDNAMES");
    char *names = count > 0 && given != NULL ? strdup(given) : NULL, *rest = names;
    int result = 0;
    for (int i = 0; i < count && result == 0; i++)
        result = activation_add(a, FIRST_FD + i, next_name(&rest), e);
    free(names);
    forget_variables();
    return result;
}

int activation_find(const struct activation *a, const char *text)
{
    for (size_t i = 0; a != NULL && i < a->count; i++)
        if (strcmp(a->items[i].text, text) == 0)
            return a->items[i].fd;
    return -1;
}

void activation_free(struct activation *a)
{
    for (size_t i = 0; i < a->count; i++)
        release(&a->items[i]);
    free(a->items);
    *a = (struct activation){0};
}

/* ---- against a configuration ---- */

static bool listens_at(const struct route_config *r, const char *text)
{
    for (size_t i = 0; i < r->listen_count; i++)
        if (strcmp(r->listen[i].text, text) == 0)
            return true;
    return false;
}

static int check_socket(const struct activation_socket *s, const struct config *c, struct diags *d)
{
    bool used = false;
    int result = 0;
    for (size_t i = 0; i < c->route_count; i++) {
        const struct route_config *r = &c->routes[i];
        const bool here = listens_at(r, s->text);
        used = used || here;
        if (here || strcmp(r->name, s->name) != 0)
            continue;
        result = -1;
        diag_add(d, DIAG_ERROR, &r->at,
                 "correct ListenStream= or FileDescriptorName= in the socket unit, or the "
                 "route's `listen`",
                 "route %s does not listen on %s, where the service manager has bound a socket "
                 "of that name",
                 r->name, s->text);
    }
    if (!used)
        diag_add(d, DIAG_WARNING, NULL,
                 "add the address to the `listen` of a route, or take it out of the socket unit",
                 "the service manager listens on %s, and no route does: whoever connects there "
                 "waits in vain",
                 s->text);
    return result;
}

int activation_check(const struct activation *a, const struct config *c, struct diags *d)
{
    int result = 0;
    for (size_t i = 0; a != NULL && i < a->count; i++)
        if (check_socket(&a->items[i], c, d) != 0)
            result = -1;
    return result;
}
