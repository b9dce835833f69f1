#include "config/loops.h"
#include "config/own_address.h"
#include "config/values.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef bool here_fn(const struct sockaddr_storage *address);

static bool is_own(const struct sockaddr_storage *address)
{
    return sockaddr_is_loopback(address) || own_address(address);
}

/* Both of one family. */
static bool same_host(const struct sockaddr_storage *x, const struct sockaddr_storage *y)
{
    if (x->ss_family == AF_INET)
        return ((const struct sockaddr_in *)x)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)y)->sin_addr.s_addr;
    return IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)x)->sin6_addr,
                              &((const struct sockaddr_in6 *)y)->sin6_addr);
}

/* Does who connects to that address come in there? */
static bool reaches(const struct sockaddr_storage *address, const struct endpoint *listen,
                    here_fn *is_here)
{
    if (listen->kind != ENDPOINT_INET || listen->addr.ss_family != address->ss_family ||
        listen->port != sockaddr_port(address))
        return false;
    return endpoint_is_wildcard(listen) ? is_here(address) : same_host(address, &listen->addr);
}

/* RFC 6761, 6.3 */
static bool is_localhost(const struct endpoint *up)
{
    static const char name[] = "localhost";
    const size_t size = sizeof name - 1;
    if (up->kind != ENDPOINT_NAME || endpoint_is_service(up))
        return false;
    size_t length = strlen(up->host);
    length -= length > 0 && up->host[length - 1] == '.';
    if (length < size)
        return false;
    const char *last = up->host + length - size;
    return strncasecmp(last, name, size) == 0 && (last == up->host || last[-1] == '.');
}

static bool localhost_reaches(uint16_t port, const struct endpoint *listen)
{
    struct sockaddr_storage v4 = {.ss_family = AF_INET}, v6 = {.ss_family = AF_INET6};
    *(struct sockaddr_in *)&v4 = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    *(struct sockaddr_in6 *)&v6 = (struct sockaddr_in6){
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
    return reaches(&v4, listen, sockaddr_is_loopback) || reaches(&v6, listen, sockaddr_is_loopback);
}

/* As the text has it. */
static bool leads_to(const struct endpoint *up, const struct endpoint *listen)
{
    switch (up->kind) {
    case ENDPOINT_INET:
        return reaches(&up->addr, listen, sockaddr_is_loopback);
    case ENDPOINT_NAME:
        return is_localhost(up) && localhost_reaches(up->port, listen);
    case ENDPOINT_UNIX:
        return endpoint_same(up, listen);
    }
    return false;
}

/* By an address of this machine's that is not a loopback. */
static bool leads_to_all(const struct endpoint *up, const struct endpoint *listen)
{
    return up->kind == ENDPOINT_INET && !sockaddr_is_loopback(&up->addr) &&
           endpoint_is_wildcard(listen) && reaches(&up->addr, listen, own_address);
}

bool loops_leads(const struct endpoint *up, const struct endpoint *listen)
{
    return leads_to(up, listen) || leads_to_all(up, listen);
}

/* ---- all upstreams, all routes ---- */

typedef bool leads_fn(const struct endpoint *up, const struct endpoint *listen);

static void check_upstream(const struct config *c, const struct target_config *t,
                           const struct endpoint *up, leads_fn *leads, struct diags *d)
{
    for (size_t i = 0; i < c->route_count; i++) {
        const struct route_config *r = &c->routes[i];
        for (size_t j = 0; j < r->listen_count; j++) {
            if (!leads(up, &r->listen[j]))
                continue;
            diag_add(d, DIAG_ERROR, &up->at, "name the server's own address and port",
                     "%s: upstream \"%s\" is where route %s listens", t->label, up->text, r->name);
            break; /* ":995" is two places and one mistake */
        }
    }
}

static void check_all(const struct config *c, leads_fn *leads, struct diags *d)
{
    for (size_t i = 0; i < c->target_count; i++)
        for (size_t k = 0; k < c->targets[i]->upstream_count; k++)
            check_upstream(c, c->targets[i], &c->targets[i]->upstream[k], leads, d);
}

void loops_check(const struct config *c, struct diags *d)
{
    check_all(c, leads_to, d);
}

void loops_look(const struct config *c, struct diags *d)
{
    check_all(c, leads_to_all, d);
}

/* ---- addresses ---- */

static bool listens_at(const struct route_config *r, const struct sockaddr_storage *address)
{
    for (size_t i = 0; i < r->listen_count; i++)
        if (reaches(address, &r->listen[i], is_own))
            return true;
    return false;
}

static const struct route_config *find_route(const struct config *c,
                                             const struct sockaddr_storage *address)
{
    const uint16_t port = sockaddr_port(address);
    if ((c->listen_ports[port / 8] & 1U << port % 8) == 0)
        return NULL;
    for (size_t i = 0; i < c->route_count; i++)
        if (listens_at(&c->routes[i], address))
            return &c->routes[i];
    return NULL;
}

const char *loops_verdict(const struct config *c, const struct sockaddr_storage *address,
                          char why[LOOP_TEXT_MAX])
{
    const struct route_config *r = find_route(c, address);
    if (r == NULL)
        return NULL;
    snprintf(why, LOOP_TEXT_MAX, "leads back here, where route %s listens", r->name);
    return why;
}

bool loops_resolved(const struct config *c, const struct target_config *t,
                    const struct endpoint *up, const struct sockaddr_storage *address,
                    struct diags *d)
{
    if (is_localhost(up)) /* told by loops_check() */
        return false;
    const struct route_config *r = find_route(c, address);
    if (r != NULL)
        diag_add(d, DIAG_WARNING, &up->at,
                 "name the server's own address and port, or correct what the name resolves to",
                 "%s: upstream \"%s\" leads back here: it has an address of this machine, "
                 "where route %s listens on that port",
                 t->label, up->text, r->name);
    return r != NULL;
}
