/* guards.c - lists that keep out whom they should not, or nobody. */
#include "config/guards.h"
#include "config/values.h"

/* The entry that covers it; NULL: none does. */
static const struct cidr *cover(const struct cidr_list *list, const struct cidr *network)
{
    for (size_t i = 0; i < list->count; i++)
        if (cidr_covers(&list->items[i], network))
            return &list->items[i];
    return NULL;
}

static bool only_unix(const struct route_config *r)
{
    for (size_t i = 0; i < r->listen_count; i++)
        if (r->listen[i].kind != ENDPOINT_UNIX)
            return false;
    return r->listen_count > 0;
}

/* Clients of Unix sockets have no address. */
static void check_addressless(const struct route_config *r, const char *key,
                              const struct origin *at, struct diags *d)
{
    diag_add(d, DIAG_WARNING, at,
             "remove it; who may connect to a socket is a matter of its directory's permissions",
             "route %s: %s has no effect: clients of Unix sockets have no address", r->name, key);
}

static void check_allowed_and_denied(const struct route_config *r, struct diags *d)
{
    for (size_t i = 0; i < r->allow.count; i++) {
        const struct cidr *allowed = &r->allow.items[i], *denied = cover(&r->deny, allowed);
        if (denied != NULL)
            diag_add(d, DIAG_WARNING, &allowed->at, "take it out of one of the two lists",
                     "route %s: allow \"%s\" lets nobody in: deny \"%s\" comes first", r->name,
                     allowed->text, denied->text);
    }
}

static const struct cidr all4 = {.family = AF_INET}, all6 = {.family = AF_INET6};

/* Each half of everything may be denied by an entry of its own. */
static void check_everybody_denied(const struct route_config *r, struct diags *d)
{
    const struct cidr *first = cover(&r->deny, &all4);
    if (first != NULL && r->allow.count == 0 && cover(&r->deny, &all6) != NULL)
        diag_add(d, DIAG_WARNING, &first->at,
                 "to let some in, name them in allow, and remove this from deny",
                 "route %s: deny keeps everybody out", r->name);
}

static bool is_for_others(const struct route_config *r)
{
    for (size_t i = 0; i < r->listen_count; i++)
        if (r->listen[i].kind != ENDPOINT_UNIX && !endpoint_is_loopback(&r->listen[i]))
            return true;
    return false;
}

/* A header is the sender's word. */
static void check_everybody_believed(const struct route_config *r, struct diags *d)
{
    const struct cidr *all = cover(&r->accept_proxy_from, &all4);
    if (all == NULL)
        all = cover(&r->accept_proxy_from, &all6);
    if (all != NULL && is_for_others(r))
        diag_add(
            d, DIAG_WARNING, &all->at, "name the balancers alone",
            "route %s: accept-proxy-from \"%s\" takes everybody's word for who they are, in the "
            "log, in limits and towards the server",
            r->name, all->text);
}

/* Its clients are judged by their own addresses, but what it asks for itself is not. */
static void check_balancers(const struct route_config *r, struct diags *d)
{
    for (size_t i = 0; i < r->accept_proxy_from.count; i++) {
        const struct cidr *balancer = &r->accept_proxy_from.items[i];
        const struct cidr *denied = cover(&r->deny, balancer);
        if (denied != NULL)
            diag_add(d, DIAG_WARNING, &denied->at, "take the balancers out of deny",
                     "route %s: deny \"%s\" refuses the health checks of a balancer of "
                     "accept-proxy-from, \"%s\"",
                     r->name, denied->text, balancer->text);
        else if (r->allow.count > 0 && cover(&r->allow, balancer) == NULL)
            diag_add(d, DIAG_WARNING, &r->allow.items[0].at, "add the balancers to allow",
                     "route %s: allow lacks a balancer of accept-proxy-from, \"%s\"; its health "
                     "checks are refused",
                     r->name, balancer->text);
    }
}

void check_guards(const struct route_config *r, struct diags *d)
{
    check_allowed_and_denied(r, d);
    check_everybody_denied(r, d);
    check_everybody_believed(r, d);
    check_balancers(r, d);
    if (!only_unix(r))
        return;
    if (r->accept_proxy_from.count > 0)
        check_addressless(r, "accept-proxy-from", &r->accept_proxy_from.items[0].at, d);
    if (r->allow.count > 0)
        check_addressless(r, "allow", &r->allow.items[0].at, d);
    if (r->deny.count > 0)
        check_addressless(r, "deny", &r->deny.items[0].at, d);
    if (r->rate_per_ip.count > 0)
        check_addressless(r, "connection-rate-per-ip", &r->rate_per_ip_at, d);
    if (r->max_connections_per_ip > 0)
        check_addressless(r, "max-connections-per-ip", &r->max_connections_per_ip_at, d);
}
