/* listen_config.h - a configuration with nothing but addresses to listen on, one route for each. */
#ifndef TLSFRONT_TESTS_PROXY_LISTEN_CONFIG_H
#define TLSFRONT_TESTS_PROXY_LISTEN_CONFIG_H

#include "config/config.h"
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { LISTEN_MAX = 4 };

struct listen_config {
    struct config config;
    struct route_config routes[LISTEN_MAX];
    struct endpoint endpoints[LISTEN_MAX];
    char names[LISTEN_MAX][8], texts[LISTEN_MAX][128];
};

static inline struct endpoint *listen_more(struct listen_config *c)
{
    const size_t i = c->config.route_count++;
    assert_true(i < LISTEN_MAX);
    snprintf(c->names[i], sizeof c->names[i], "r%zu", i);
    c->endpoints[i] =
        (struct endpoint){.text = c->texts[i], .at = {.file = "test.conf", .line = 7}};
    c->routes[i] =
        (struct route_config){.name = c->names[i], .listen = &c->endpoints[i], .listen_count = 1};
    c->config.routes = c->routes;
    return &c->endpoints[i];
}

static inline void listen_on(struct listen_config *c, const char *ip, uint16_t port)
{
    struct endpoint *e = listen_more(c);
    struct sockaddr_in *in = (struct sockaddr_in *)&e->addr;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&e->addr;
    const bool v6 = strchr(ip, ':') != NULL;
    e->kind = ENDPOINT_INET;
    e->port = port;
    e->addr.ss_family = v6 ? AF_INET6 : AF_INET;
    e->addr_len = v6 ? sizeof *in6 : sizeof *in;
    in->sin_port = htons(port); /* at the same place in both */
    assert_int_equal(inet_pton(e->addr.ss_family, ip, v6 ? (void *)&in6->sin6_addr : &in->sin_addr),
                     1);
    snprintf(c->texts[e - c->endpoints], sizeof c->texts[0], v6 ? "[%s]:%u" : "%s:%u", ip, port);
}

static inline void listen_at(struct listen_config *c, const char *path)
{
    struct endpoint *e = listen_more(c);
    struct sockaddr_un *un = (struct sockaddr_un *)&e->addr;
    char *text = c->texts[e - c->endpoints];
    snprintf(text, sizeof c->texts[0], "unix:%s", path);
    e->kind = ENDPOINT_UNIX;
    e->path = text + strlen("unix:");
    e->addr_len = sizeof *un;
    un->sun_family = AF_UNIX;
    snprintf(un->sun_path, sizeof un->sun_path, "%s", path);
}

/* A port that nobody has on any address. */
static inline uint16_t free_port(void)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6};
    socklen_t size = sizeof any;
    int fd = socket(AF_INET6, SOCK_STREAM, 0); /* for both families */
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &size), 0);
    close(fd);
    return ntohs(any.sin6_port);
}

/* -1: nobody listens there. */
static inline int connect_to(const struct listen_config *c, size_t i)
{
    const struct endpoint *e = &c->endpoints[i];
    int fd = socket(e->addr.ss_family, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    if (connect(fd, (const struct sockaddr *)&e->addr, e->addr_len) == 0)
        return fd;
    close(fd);
    return -1;
}

static inline bool reachable(const struct listen_config *c, size_t i)
{
    int fd = connect_to(c, i);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

#endif
