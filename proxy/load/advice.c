/* advice.c - what loads and serves, and will still be a surprise. */
#include "proxy/load/advice.h"
#include "config/columns.h"
#include "config/loops.h"
#include "config/values.h"
#include "proxy/base/clock.h"
#include "proxy/load/load.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* ---- certificates of a route ---- */

static const struct tls_identity *identity_of(const struct generation *g,
                                              const struct route_config *r, size_t i)
{
    return g->identities[r->certificates.items[i]];
}

/* False where one of them did not load, too: that is told already. */
static bool all_rsa(const struct generation *g, const struct route_config *r)
{
    for (size_t i = 0; i < r->certificates.count; i++) {
        const struct tls_identity *id = identity_of(g, r, i);
        if (id == NULL || tls_identity_facts(id)->key_type != TLS_KEY_RSA)
            return false;
    }
    return r->certificates.count > 0;
}

/* With RSA, Schannel before Windows Server 2016 knows only suites with CBC, which we do not; and a
 * sender that finds no suite sends in clear, as port 25 has it (RFC 7435). */
static void advise_senders(const struct generation *g, const struct route_config *r,
                           struct diags *d)
{
    if (r->protocol != PROTOCOL_SMTP || r->tls != TLS_MODE_OPTIONAL || !all_rsa(g, r))
        return;
    diag_add(d, DIAG_WARNING, &r->certificates.at,
             "serve an ECDSA certificate (on P-256) as well: certificate = {RSA, ECDSA}",
             "route %s: with RSA certificates alone, senders on Windows Server 2012 R2 and older "
             "find no cipher suite in common, and send in clear",
             r->name);
}

/* One that has not loaded, which is told already, may be the one. */
static bool covered(const struct generation *g, const struct certificate_list *list,
                    const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct tls_identity *id = g->identities[list->items[i]];
        if (id == NULL || tls_identity_covers(id, name))
            return true;
    }
    return list->count == 0;
}

/* A name that nobody wrote may be one that no client ever uses. */
static void advise_names(const struct generation *g, const struct route_config *r, struct diags *d)
{
    if (r->hostname_at.line == 0 || covered(g, &r->certificates, r->hostname))
        return;
    diag_add(d, DIAG_WARNING, &r->certificates.at,
             "serve a certificate with that name, or correct hostname",
             "route %s: none of its certificates covers its hostname, \"%s\"", r->name,
             r->hostname);
}

/* Senders ask for https://mta-sts.DOMAIN/ (RFC 8461, 3.3). */
static bool has_policy_name(const struct tls_identity *id)
{
    const struct tls_identity_facts *f = tls_identity_facts(id);
    for (size_t i = 0; i < f->name_count; i++)
        if (strncasecmp(f->names[i], "mta-sts.", 8) == 0 || strncmp(f->names[i], "*.", 2) == 0)
            return true;
    return false;
}

static void advise_policy_name(const struct generation *g, const struct route_config *r,
                               struct diags *d)
{
    for (size_t i = 0; i < r->certificates.count; i++) {
        const struct tls_identity *id = identity_of(g, r, i);
        if (id == NULL || has_policy_name(id))
            return;
    }
    if (r->protocol == PROTOCOL_MTA_STS && r->certificates.count > 0)
        diag_add(
            d, DIAG_WARNING, &r->certificates.at,
            "have one issued for mta-sts. and the domain, as in mta-sts.example.org",
            "route %s: none of its certificates is for a name mta-sts.DOMAIN, at which senders "
            "look for the policy",
            r->name);
}

static void advise_server_names(const struct generation *g, const struct route_config *r,
                                struct diags *d)
{
    for (size_t i = 0; i < r->name_count; i++) {
        const struct server_name_config *n = &r->names[i];
        const bool own = n->certificates.count > 0;
        if (covered(g, own ? &n->certificates : &r->certificates, n->name))
            continue;
        diag_add(d, DIAG_WARNING, own ? &n->certificates.at : &n->at,
                 own ? "name a certificate that has it, or correct the name"
                     : "give the block a certificate that has it, or correct the name",
                 "%s: server-name %s: %s: clients will refuse it", r->target.label, n->name,
                 own ? "none of its certificates covers that name"
                     : "none of the route's certificates covers that name");
    }
}

void advise_routes(const struct generation *g, struct diags *d)
{
    for (size_t i = 0; i < g->config->route_count; i++) {
        advise_senders(g, &g->config->routes[i], d);
        advise_names(g, &g->config->routes[i], d);
        advise_policy_name(g, &g->config->routes[i], d);
        advise_server_names(g, &g->config->routes[i], d);
    }
}

/* ---- names of servers ---- */

struct lookup {
    struct gaicb request, *list; /* the latter is what getaddrinfo_a wants */
    const struct target_config *target;
    const struct endpoint *upstream;
};

/* Services are asked for by the resolver alone: the start and a reload warn of one that has none.
 */
static bool is_host(const struct endpoint *e)
{
    return e->kind == ENDPOINT_NAME && !endpoint_is_service(e);
}

static size_t count_names(const struct config *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->target_count; i++)
        for (size_t k = 0; k < c->targets[i]->upstream_count; k++)
            count += is_host(&c->targets[i]->upstream[k]);
    return count;
}

static void begin_lookups(const struct config *c, struct lookup *all)
{
    for (size_t i = 0; i < c->target_count; i++)
        for (size_t k = 0; k < c->targets[i]->upstream_count; k++) {
            const struct endpoint *e = &c->targets[i]->upstream[k];
            if (!is_host(e))
                continue;
            *all = (struct lookup){
                .request = {.ar_name = e->host}, .target = c->targets[i], .upstream = e};
            all->list = &all->request;
            if (getaddrinfo_a(GAI_NOWAIT, &all->list, 1, NULL) != 0)
                all->list = NULL;
            all++;
        }
}

/* All of them together have until then. */
static int wait_for(struct lookup *one, uint64_t until)
{
    const struct gaicb *const list[] = {&one->request};
    if (one->list == NULL)
        return EAI_MEMORY;
    for (int error; (error = gai_error(&one->request)) == EAI_INPROGRESS;) {
        const uint64_t now = clock_ms(), left = now < until ? until - now : 0;
        const struct timespec patience = {(time_t)(left / 1000), (long)(left % 1000) * 1000000};
        if (left == 0 || gai_suspend(list, 1, &patience) == EAI_AGAIN)
            return EAI_INPROGRESS;
    }
    return gai_error(&one->request);
}

static void report_loop(const struct config *c, const struct lookup *one, struct diags *d)
{
    bool told = false;
    for (const struct addrinfo *a = one->request.ar_result; a != NULL && !told; a = a->ai_next) {
        struct sockaddr_storage at = {0};
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6)
            continue;
        memcpy(&at, a->ai_addr, a->ai_addrlen);
        sockaddr_set_port(&at, one->upstream->port);
        told = loops_resolved(c, one->target, one->upstream, &at, d);
    }
}

static void report(const struct config *c, const struct lookup *one, int error, struct diags *d)
{
    if (error == 0) {
        report_loop(c, one, d);
        return;
    }
    diag_add(d, DIAG_WARNING, &one->upstream->at,
             "correct the name, or see to it that it resolves: getent hosts NAME",
             "%s: upstream \"%s\" has no address: %s", one->target->label, one->upstream->text,
             error == EAI_INPROGRESS ? "the name servers have not answered yet"
                                     : gai_strerror(error));
}

void load_look_up(const struct candidate *l, struct diags *d)
{
    static struct lookup *all; /* threads may still write there when this returns */
    enum { PATIENCE_MS = 5000 };
    const struct config *c = l->generation != NULL ? l->generation->config : NULL;
    const size_t count = c != NULL ? count_names(c) : 0;
    if (count == 0 || (all = calloc(count, sizeof *all)) == NULL)
        return;
    begin_lookups(c, all);
    const uint64_t until = clock_ms() + PATIENCE_MS;
    for (size_t i = 0; i < count; i++)
        report(c, &all[i], wait_for(&all[i], until), d);
    columns_find(l->bundle, d);
}
