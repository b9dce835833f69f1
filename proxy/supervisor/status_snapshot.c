/* status_snapshot.c - the status for the observer: all but the counters, which it reads by itself.
 */
#include "proxy/base/version.h"
#include "proxy/routes/expiry.h"
#include "proxy/supervisor/status.h"
#include "proxy/supervisor/usage.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/* ---- routes ---- */

static snapshot_text put_joined(struct snapshot_writer *w, const char *const *texts, size_t count)
{
    struct buf all;
    buf_init(&all, (size_t)1 << 20);
    for (size_t i = 0; i < count; i++)
        buf_printf(&all, "%s%s", i > 0 ? ", " : "", texts[i]);
    buf_put(&all, "", 1);
    const snapshot_text text = snapshot_put_text(w, all.failed ? NULL : (const char *)all.data);
    buf_free(&all);
    return text;
}

static snapshot_text put_listen(struct snapshot_writer *w, const struct route_config *r)
{
    const char *texts[64];
    const size_t most = sizeof texts / sizeof *texts;
    const size_t count = r->listen_count < most ? r->listen_count : most;
    for (size_t i = 0; i < count; i++)
        texts[i] = r->listen[i].text;
    return put_joined(w, texts, count);
}

static snapshot_text put_certificates(struct snapshot_writer *w, const struct config *c,
                                      const struct certificate_list *list)
{
    const char *names[64];
    const size_t most = sizeof names / sizeof *names;
    const size_t count = list->count < most ? list->count : most;
    for (size_t i = 0; i < count; i++)
        names[i] = c->certificates[list->items[i]].name;
    return put_joined(w, names, count);
}

static void put_upstreams(const struct status *s, const struct target_config *t,
                          enum snapshot_list list, struct snapshot_writer *w)
{
    for (size_t i = 0; i < t->upstream_count; i++) {
        const struct endpoint *e = &t->upstream[i];
        const char *trouble =
            e->kind == ENDPOINT_NAME ? resolver_failure(s->workers->resolver, e) : NULL;
        const struct snapshot_upstream one = {snapshot_put_text(w, e->text),
                                              snapshot_put_text(w, trouble)};
        snapshot_put(w, list, &one, sizeof one);
    }
}

static void put_server_names(const struct status *s, const struct generation *g,
                             const struct route *route, struct snapshot_writer *w)
{
    for (size_t i = 0; i < route->config->name_count; i++) {
        const struct server_name_config *n = &route->config->names[i];
        const struct snapshot_server_name one = {
            .name = snapshot_put_text(w, n->name),
            .certificates = put_certificates(
                w, g->config,
                n->certificates.count > 0 ? &n->certificates : &route->config->certificates),
            .slot = route->names[i].slot,
            .upstreams = n->own_target ? (uint32_t)n->target.upstream_count : 0};
        snapshot_put(w, SNAPSHOT_SERVER_NAMES, &one, sizeof one);
        if (n->own_target)
            put_upstreams(s, &n->target, SNAPSHOT_NAME_UPSTREAMS, w);
    }
}

static void put_routes(const struct status *s, const struct generation *g,
                       struct snapshot_writer *w)
{
    for (size_t i = 0; i < g->config->route_count; i++) {
        const struct route_config *r = &g->config->routes[i];
        const struct snapshot_route one = {
            .name = snapshot_put_text(w, r->name),
            .protocol = snapshot_put_text(w, protocol_facts(r->protocol)->name),
            .tls = snapshot_put_text(w, config_tls_mode_name(r->tls)),
            .listen = put_listen(w, r),
            .certificates = put_certificates(w, g->config, &r->certificates),
            .slot = g->routes[i].slot,
            .upstreams = (uint32_t)r->target.upstream_count,
            .server_names = (uint32_t)r->name_count,
            .max_connections = r->max_connections};
        snapshot_put(w, SNAPSHOT_ROUTES, &one, sizeof one);
        put_upstreams(s, &r->target, SNAPSHOT_UPSTREAMS, w);
        put_server_names(s, g, &g->routes[i], w);
        snapshot_text name = snapshot_put_text(w, r->hostname);
        snapshot_put(w, SNAPSHOT_NAMES, &name, sizeof name);
    }
}

/* ---- what ends one day ---- */

struct endings {
    struct snapshot_writer *w;
    const char *name, *subject; /* of the leaf; NULL: what it says itself */
    const char *crl;            /* the file */
    snapshot_text routes;
};

static void put_ending(void *arg, const struct tls_expiry *x)
{
    static const char *const kinds[] = {[TLS_EXPIRY_LEAF] = "leaf",
                                        [TLS_EXPIRY_INTERMEDIATE] = "intermediate",
                                        [TLS_EXPIRY_CLIENT_CA] = "client_ca",
                                        [TLS_EXPIRY_UPSTREAM_CA] = "upstream_ca"};
    const struct endings *e = arg;
    if (x->kind == TLS_EXPIRY_CLIENT_CRL) {
        const struct snapshot_crl crl = {.file = snapshot_put_text(e->w, e->crl),
                                         .next_update = (int64_t)x->until,
                                         .soon = (int64_t)expiry_soon(x)};
        snapshot_put(e->w, SNAPSHOT_CRLS, &crl, sizeof crl);
        return;
    }
    const bool named = x->kind == TLS_EXPIRY_LEAF && e->subject != NULL;
    const struct snapshot_certificate one = {
        .name = snapshot_put_text(e->w, e->name),
        .kind = snapshot_put_text(e->w, kinds[x->kind]),
        .serial = snapshot_put_text(e->w, x->serial),
        .subject = snapshot_put_text(e->w, named ? e->subject : x->subject),
        .routes = e->routes,
        .not_before = (int64_t)x->from,
        .not_after = (int64_t)x->until,
        .soon = (int64_t)expiry_soon(x)};
    snapshot_put(e->w, SNAPSHOT_CERTIFICATES, &one, sizeof one);
}

static snapshot_text put_users(struct snapshot_writer *w, const struct config *c, size_t index)
{
    struct buf all;
    buf_init(&all, (size_t)1 << 20);
    for (size_t i = 0; i < c->route_count; i++)
        if (config_route_uses(&c->routes[i], index) || config_route_shows(&c->routes[i], index))
            buf_printf(&all, "%s%s", all.size > 0 ? ", " : "", c->routes[i].name);
    buf_put(&all, "", 1);
    const snapshot_text text = snapshot_put_text(w, all.failed ? NULL : (const char *)all.data);
    buf_free(&all);
    return text;
}

static void put_authorities_of(const struct route *r, struct endings *e)
{
    size_t i = 0;
    for (const struct target *t; (t = route_verifier(r, &i)) != NULL;) {
        e->name = t->config->tls.ca.path;
        tls_dialer_expiry(t->tls, put_ending, e);
    }
}

static void put_certificates_of(const struct generation *g, struct snapshot_writer *w)
{
    const struct config *c = g->config;
    for (size_t i = 0; i < c->certificate_count; i++) {
        const struct tls_identity_facts *f = tls_identity_facts(g->identities[i]);
        struct endings e = {.w = w,
                            .name = c->certificates[i].name,
                            .subject = f->name_count > 0 ? f->names[0] : f->subject,
                            .routes = put_users(w, c, i)};
        tls_identity_expiries(g->identities[i], put_ending, &e);
    }
    for (size_t i = 0; i < c->route_count; i++) {
        struct endings e = {.w = w,
                            .name = c->routes[i].client_ca.path,
                            .crl = c->routes[i].client_crl.path,
                            .routes = snapshot_put_text(w, c->routes[i].name)};
        tls_server_expiries(g->routes[i].tls, put_ending, &e);
        put_authorities_of(&g->routes[i], &e);
    }
}

/* ---- processes ---- */

static void put_process(struct snapshot_writer *w, struct snapshot_process *p, pid_t pid)
{
    const struct usage u = usage_of(pid);
    p->pid = pid;
    p->cpu_ms = u.cpu_ms;
    p->resident = u.resident;
    p->files = u.files;
    p->files_max = u.files_max;
    snapshot_put(w, SNAPSHOT_PROCESSES, p, sizeof *p);
}

static void put_child_as(struct snapshot_writer *w, const struct child *c, unsigned index,
                         const char *state)
{
    char sandbox[48];
    if (c->life == CHILD_NONE)
        return;
    sandbox_words(&c->sandbox, sandbox, sizeof sandbox);
    struct snapshot_process p = {.kind = snapshot_put_text(w, c->of->kind->name),
                                 .state = snapshot_put_text(w, state),
                                 .sandbox = snapshot_put_text(w, sandbox),
                                 .index = index,
                                 .restarts = c->restarts};
    put_process(w, &p, c->process.pid);
}

static void put_child(struct snapshot_writer *w, const struct child *c)
{
    put_child_as(w, c, c->index, c->life == CHILD_RETIRING ? "retiring" : "running");
}

/* From before an upgrade. Another worker may have the number that each had; that of its part of the
 * counters is its alone, and no two series of a metric may have the same labels. */
static void put_veterans(const struct veterans *vs, struct snapshot_writer *w)
{
    for (unsigned i = 0; i < vs->count; i++) {
        const struct veteran *v = vs->items[i];
        char state[80];
        snprintf(state, sizeof state, "retiring, version %s", v->was.version);
        put_child_as(w, &v->child, v->part, state);
        put_child_as(w, &v->signer, v->part, state);
    }
}

static void put_processes(const struct status *s, struct snapshot_writer *w)
{
    struct snapshot_process own = {.kind = snapshot_put_text(w, "supervisor"),
                                   .state = snapshot_put_text(w, "running")};
    put_process(w, &own, getpid());
    for (unsigned i = 0; i < s->workers->count; i++)
        put_child(w, &s->workers->items[i]->child);
    for (unsigned i = 0; i < s->workers->signers.count; i++)
        put_child(w, &s->workers->signers.items[i]->child);
    put_veterans(s->veterans, w);
    put_child(w, s->resolver);
    put_child(w, s->observer);
}

/* ---- what there is once ---- */

static void put_versions(struct snapshot_writer *w)
{
    static const char with[] = " with ";
    const char *text = tls_version_text(); /* "mbedTLS 3.6.7 with libcrypto ..." */
    const char *crypto = strstr(text, with);
    char version[64] = "";
    sscanf(text, "%*s %63s", version);
    w->facts.version = snapshot_put_text(w, version_text);
    w->facts.mbedtls = snapshot_put_text(w, version);
    w->facts.crypto = snapshot_put_text(w, crypto != NULL ? crypto + strlen(with) : NULL);
    w->facts.libuv = snapshot_put_text(w, uv_version_string());
}

static void put_outcomes(const struct outcomes *o, struct snapshot_writer *w)
{
    const struct outcome *last = outcomes_find(o, 0);
    w->facts.reload_well = last != NULL && last->well;
    w->facts.reload_well_at = (int64_t)o->well_at;
    for (size_t i = 0; outcomes_find(o, i) != NULL; i++) {
        const struct outcome *x = outcomes_find(o, i);
        const struct snapshot_reload one = {(int64_t)x->at, x->well,
                                            snapshot_put_text(w, x->words)};
        snapshot_put(w, SNAPSHOT_RELOADS, &one, sizeof one);
    }
}

static void put_json(const struct status *s, struct snapshot_writer *w)
{
    struct buf json;
    buf_init(&json, STATUS_TEXT_MAX);
    status_json(s, &json);
    buf_put(&json, "", 1);
    w->facts.json = snapshot_put_text(w, json.failed ? NULL : (const char *)json.data);
    buf_free(&json);
}

static void put_workers(const struct workers *ws, struct snapshot_writer *w)
{
    const struct worker_counters *archive = counters_of(&ws->all, ARCHIVE);
    w->facts.worker_restarts = archive != NULL ? counter_get(&archive->restarts) : 0;
    for (unsigned i = 0; i < ws->count; i++) {
        const struct worker *one = ws->items[i];
        w->facts.workers += one->child.life == CHILD_RUNNING && one->committed > 0;
        w->facts.worker_restarts += one->child.restarts;
    }
}

static void put_ticket_keys(const struct status *s, const struct generation *g,
                            struct snapshot_writer *w)
{
    for (uint32_t i = 0; i < s->tickets->secrets.count; i++) {
        const struct snapshot_ticket_key key = {
            snapshot_put_text(w, g->config->ticket_keys.items[i].path),
            snapshot_put_text(w, s->tickets->fingerprint[i]), (int64_t)s->tickets->modified[i]};
        snapshot_put(w, SNAPSHOT_TICKET_KEYS, &key, sizeof key);
    }
}

void status_snapshot(const struct status *s, struct snapshot_writer *w)
{
    const struct generation *g = s->workers->current.generation;
    w->facts.state = snapshot_put_text(w, s->state);
    w->facts.hash = snapshot_put_text(w, s->fingerprints->whole);
    w->facts.config_hash = snapshot_put_text(w, s->fingerprints->config);
    w->facts.files_hash = snapshot_put_text(w, s->fingerprints->files);
    w->facts.not_ready = s->unwanted;
    w->facts.kept = s->kept != 0;
    w->facts.generation = s->workers->current.number;
    w->facts.started = (int64_t)s->started;
    w->facts.log_lost = s->workers->log->lost_ever;
    put_versions(w);
    put_json(s, w);
    put_outcomes(s->reloads, w);
    put_workers(s->workers, w);
    put_processes(s, w);
    if (g == NULL)
        return;
    put_routes(s, g, w);
    put_certificates_of(g, w);
    put_ticket_keys(s, g, w);
}
