#include "proxy/supervisor/status.h"
#include "config/plural.h"
#include "proxy/base/date.h"
#include "proxy/base/version.h"
#include "proxy/routes/expiry.h"
#include "proxy/supervisor/totals.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long days_left(const struct tls_identity_facts *f)
{
    return expiry_days(f->not_after, time(NULL));
}

static void text_routes(const struct status *s, const struct generation *g, struct buf *out)
{
    buf_printf(out, "%-16s %8s %10s %8s %10s %8s %8s %8s %14s %14s\n", "ROUTE", "ACTIVE",
               "ACCEPTED", "REFUSED", "HANDSHAKES", "RESUMED", "HYBRID", "FAILED", "BYTES-IN",
               "BYTES-OUT");
    for (size_t i = 0; i < g->config->route_count; i++) {
        const struct route_totals t = route_totals(s->workers, g->routes[i].slot);
        buf_printf(out,
                   "%-16s %8" PRIu64 " %10" PRIu64 " %8" PRIu64 " %10" PRIu64 " %8" PRIu64
                   " %8" PRIu64 " %8" PRIu64 " %14" PRIu64 " %14" PRIu64 "\n",
                   g->config->routes[i].name, t.active, t.accepted, t.refused, t.handshakes,
                   t.resumed, t.hybrid, t.failures, t.bytes_in, t.bytes_out);
    }
}

struct status_upstream status_upstream(const struct status *s, unsigned slot,
                                       const struct endpoint *e)
{
    const struct upstream_view view = upstream_view_of(&s->workers->all, slot, e->text);
    const char *trouble =
        e->kind == ENDPOINT_NAME ? resolver_failure(s->workers->resolver, e) : NULL;
    if (trouble != NULL)
        return (struct status_upstream){"down", trouble};
    if (!view.tried)
        return (struct status_upstream){"", ""};
    return view.up ? (struct status_upstream){"up", ""}
                   : (struct status_upstream){"down", upstream_fault_names[view.last_why]};
}

static void text_target(const struct status *s, const struct target_config *t, unsigned slot,
                        struct buf *out)
{
    for (size_t k = 0; k < t->upstream_count; k++) {
        const struct status_upstream u = status_upstream(s, slot, &t->upstream[k]);
        buf_printf(out, "%s: upstream %s: %s%s%s\n", t->label, t->upstream[k].text,
                   *u.state != '\0' ? u.state : "not tried yet", *u.why != '\0' ? ", " : "", u.why);
    }
}

static void text_upstreams(const struct status *s, const struct generation *g, struct buf *out)
{
    for (size_t i = 0; i < g->config->route_count; i++) {
        const struct route_config *r = &g->config->routes[i];
        text_target(s, &r->target, g->routes[i].slot, out);
        for (size_t k = 0; k < r->name_count; k++)
            if (r->names[k].own_target)
                text_target(s, &r->names[k].target, DETAILS_OF_NAME(g->routes[i].names[k].slot),
                            out);
    }
}

static void text_server_names(const struct status *s, const struct generation *g, size_t route,
                              struct buf *out)
{
    const struct route_config *r = &g->config->routes[route];
    for (size_t i = 0; i < r->name_count; i++) {
        const struct name_totals t = name_totals(s->workers, g->routes[route].names[i].slot);
        buf_printf(out,
                   "%-16s %-32s %8" PRIu64 " %10" PRIu64 " %8" PRIu64 " %8" PRIu64 " %14" PRIu64
                   " %14" PRIu64 "\n",
                   r->name, r->names[i].name, t.active, t.accepted, t.refused, t.upstream_failures,
                   t.bytes_in, t.bytes_out);
    }
}

static void text_all_server_names(const struct status *s, const struct generation *g,
                                  struct buf *out)
{
    if (g->config->server_name_count == 0)
        return;
    buf_printf(out, "%-16s %-32s %8s %10s %8s %8s %14s %14s\n", "ROUTE", "SERVER-NAME", "ACTIVE",
               "ACCEPTED", "REFUSED", "FAILURES", "BYTES-IN", "BYTES-OUT");
    for (size_t i = 0; i < g->config->route_count; i++)
        text_server_names(s, g, i, out);
}

/* Warnings: what has no line of its own is shown only when it is about to end. */
struct text_endings {
    struct buf *out;
    const char *kind, *name;
};

static void text_ending(void *arg, const struct tls_expiry *x)
{
    static const char *const what[] = {
        [TLS_EXPIRY_INTERMEDIATE] = "the intermediate certificate",
        [TLS_EXPIRY_CLIENT_CA] = "the client-ca",
        [TLS_EXPIRY_CLIENT_CRL] = "the client-crl of",
        [TLS_EXPIRY_UPSTREAM_CA] = "the upstream-ca",
    };
    const struct text_endings *e = arg;
    const time_t now = time(NULL);
    char when[80];
    if (x->kind == TLS_EXPIRY_LEAF || expiry_passed(x, now) == EXPIRY_NOT_YET)
        return;
    expiry_words(x, now, when);
    buf_printf(e->out, "%s %s: %s %s %s\n", e->kind, e->name, what[x->kind], x->subject, when);
}

/* Whose upstreams are shown it; a certificate that is served only has no such words. */
static void text_shown(const struct config *c, size_t index, struct buf *out)
{
    bool any = false;
    for (size_t i = 0; i < c->route_count; i++) {
        if (!config_route_shows(&c->routes[i], index))
            continue;
        buf_printf(out, "%s %s", any ? "," : ", shown to the upstreams of", c->routes[i].name);
        any = true;
    }
}

static void text_certificates(const struct generation *g, struct buf *out)
{
    for (size_t i = 0; i < g->config->certificate_count; i++) {
        const struct tls_identity_facts *f = tls_identity_facts(g->identities[i]);
        char until[32];
        date_text(f->not_after, until);
        const long days = days_left(f);
        buf_printf(out, "certificate %s: %s, serial %s, until %.10s (%s%ld day%s)%s",
                   g->config->certificates[i].name, f->name_count > 0 ? f->names[0] : f->subject,
                   f->serial, until, days < 0 ? "expired, " : "", days,
                   plural((unsigned long long)labs(days)),
                   tls_renew_due(f, time(NULL)) ? " - renew it" : "");
        text_shown(g->config, i, out);
        buf_puts(out, "\n");
        tls_identity_expiries(
            g->identities[i], text_ending,
            &(struct text_endings){out, "certificate", g->config->certificates[i].name});
    }
}

/* Usual in a file of public ones, so that it is no more than said. */
static void text_expired(const struct target *t, const char *route, struct buf *out)
{
    const struct tls_authorities all = tls_dialer_authorities(t->tls, time(NULL));
    if (all.expired > 0)
        buf_printf(out, "route %s: %u of %u authorities in %s have expired\n", route, all.expired,
                   all.count, t->config->tls.ca.path);
}

static void text_authorities(const struct generation *g, struct buf *out)
{
    for (size_t i = 0; i < g->config->route_count; i++) {
        struct text_endings e = {out, "route", g->config->routes[i].name};
        tls_server_expiries(g->routes[i].tls, text_ending, &e);
        route_upstream_expiries(&g->routes[i], text_ending, &e);
        size_t next = 0;
        for (const struct target *t; (t = route_verifier(&g->routes[i], &next)) != NULL;)
            text_expired(t, e.name, out);
    }
}

static void text_ticket_keys(const struct status *s, const struct generation *g, struct buf *out)
{
    for (uint32_t i = 0; i < s->tickets->secrets.count; i++) {
        char date[DATE_TEXT_SIZE];
        date_text(s->tickets->modified[i], date);
        buf_printf(out, "ticket-key %s: fingerprint %s, %s, of %s\n",
                   g->config->ticket_keys.items[i].path, s->tickets->fingerprint[i],
                   i == 0 ? "seals" : "opens", date);
    }
}

static void text_workers(const struct status *s, struct buf *out)
{
    for (unsigned i = 0; i < s->workers->count; i++) {
        const struct worker *w = s->workers->items[i];
        char sandbox[48];
        const uint64_t active = workers_active(s->workers, i);
        sandbox_words(&w->child.sandbox, sandbox, sizeof sandbox);
        if (w->child.life != CHILD_NONE)
            buf_printf(out,
                       "worker %u: pid %d, generation %u, %" PRIu64
                       " connection%s, %u restart%s, sandbox %s%s\n",
                       i, w->child.process.pid, w->committed, active, plural(active),
                       w->child.restarts, plural(w->child.restarts), sandbox,
                       w->child.life == CHILD_RETIRING ? ", retiring" : "");
    }
}

static void text_veterans(const struct status *s, struct buf *out)
{
    for (unsigned i = 0; i < s->veterans->count; i++) {
        const struct veteran *v = s->veterans->items[i];
        char sandbox[48];
        sandbox_words(&v->child.sandbox, sandbox, sizeof sandbox);
        if (v->child.life != CHILD_NONE)
            buf_printf(out,
                       "worker %u: pid %d, generation %u, %" PRIu64
                       " connections, %u restarts, sandbox %s, retiring, from before the upgrade "
                       "from version %s\n",
                       v->child.index, v->child.process.pid, v->was.generation,
                       counters_of(&s->workers->all, v->part) != NULL
                           ? workers_active(s->workers, v->part)
                           : 0,
                       v->child.restarts, sandbox, v->was.version);
    }
}

static void text_signer(const struct child *c, struct buf *out)
{
    char sandbox[48];
    sandbox_words(&c->sandbox, sandbox, sizeof sandbox);
    if (c->life != CHILD_NONE)
        buf_printf(out, "signer %u: pid %d, %u restart%s, sandbox %s%s\n", c->index, c->process.pid,
                   c->restarts, plural(c->restarts), sandbox,
                   c->life == CHILD_RETIRING ? ", retiring" : "");
}

static void text_signers(const struct status *s, struct buf *out)
{
    const struct signers *ss = &s->workers->signers;
    for (unsigned i = 0; i < ss->count; i++)
        text_signer(&ss->items[i]->child, out);
    for (unsigned i = 0; i < s->veterans->count; i++)
        text_signer(&s->veterans->items[i]->signer, out);
}

/* The resolver, the observer. */
static void text_single(const struct child *c, struct buf *out)
{
    char sandbox[48];
    sandbox_words(&c->sandbox, sandbox, sizeof sandbox);
    if (c->life != CHILD_NONE)
        buf_printf(out, "%s: pid %d, %u restart%s, sandbox %s\n", c->of->kind->name, c->process.pid,
                   c->restarts, plural(c->restarts), sandbox);
}

static void text_supervisor(const struct status *s, struct buf *out)
{
    char sandbox[48];
    sandbox_words(s->sandbox, sandbox, sizeof sandbox);
    buf_printf(out, "supervisor: pid %d, sandbox %s\n", getpid(), sandbox);
}

void status_text(const struct status *s, struct buf *out)
{
    const struct generation *g = s->workers->current.generation;
    const long long up = time(NULL) - s->started;
    buf_printf(out, "tlsfront %s, pid %d, %s%s, up %lld second%s, generation %u\n", version_text,
               getpid(), s->state, s->unwanted ? ", not ready" : "", up,
               plural((unsigned long long)up), s->workers->current.number);
    if (s->kept != 0) {
        char since[DATE_TEXT_SIZE];
        date_text(s->kept, since);
        buf_printf(
            out,
            "LAST-GOOD: the configuration had errors at the start; what was accepted on %s is "
            "served\n",
            since);
    }
    buf_printf(out, "configuration: hash %s, files %s\n", s->fingerprints->config,
               s->fingerprints->files);
    text_supervisor(s, out);
    text_workers(s, out);
    text_veterans(s, out);
    text_signers(s, out);
    text_single(s->resolver, out);
    text_single(s->observer, out);
    if (g == NULL)
        return;
    text_certificates(g, out);
    text_authorities(g, out);
    text_ticket_keys(s, g, out);
    text_upstreams(s, g, out);
    text_routes(s, g, out);
    text_all_server_names(s, g, out);
}

void status_serving(const struct status *s, struct buf *out)
{
    const struct generation *g = s->workers->current.generation;
    for (size_t i = 0; g != NULL && i < g->config->certificate_count; i++)
        buf_printf(out, "%s %s %s\n", g->config->certificates[i].name,
                   tls_identity_facts(g->identities[i])->fingerprint,
                   tls_identity_facts(g->identities[i])->key_digest);
}

void status_log(const struct status *s, struct log *log)
{
    struct buf text;
    buf_init(&text, STATUS_TEXT_MAX);
    status_text(s, &text);
    buf_put(&text, "", 1);
    char *rest = NULL;
    if (!text.failed)
        for (char *line = strtok_r((char *)text.data, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest))
            log_event(log, LOG_LEVEL_INFO, "status", "%s", line);
    buf_free(&text);
}
