/* status_json.c - the status for programs; a field once published keeps its name and meaning. */
#include "proxy/base/date.h"
#include "proxy/base/json.h"
#include "proxy/base/version.h"
#include "proxy/routes/certificate_json.h"
#include "proxy/routes/expiry.h"
#include "proxy/routes/route_json.h"
#include "proxy/supervisor/status.h"
#include "proxy/supervisor/totals.h"

#include <time.h>
#include <unistd.h>

/* What ends, of one kind, as an array. */
struct endings {
    struct buf *out;
    enum tls_expiry_kind kind;
};

static void json_ending(void *arg, const struct tls_expiry *x)
{
    const struct endings *e = arg;
    const bool list = x->kind == TLS_EXPIRY_CLIENT_CRL;
    char date[32];
    if (x->kind != e->kind)
        return;
    date_text(x->until, date);
    json_object(e->out, NULL);
    json_string(e->out, list ? "issuer" : "subject", x->subject);
    json_string(e->out, list ? "next_update" : "not_after", date);
    json_number(e->out, "days_left", expiry_days(x->until, time(NULL)));
    json_object_end(e->out);
}

static void json_client_files(const struct tls_server *tls, struct buf *out)
{
    json_array(out, "client_ca");
    tls_server_expiries(tls, json_ending, &(struct endings){out, TLS_EXPIRY_CLIENT_CA});
    json_array_end(out);
    json_array(out, "client_crl");
    tls_server_expiries(tls, json_ending, &(struct endings){out, TLS_EXPIRY_CLIENT_CRL});
    json_array_end(out);
}

static void json_upstream_files(const struct route *r, struct buf *out)
{
    json_array(out, "upstream_ca");
    route_upstream_expiries(r, json_ending, &(struct endings){out, TLS_EXPIRY_UPSTREAM_CA});
    json_array_end(out);
}

static void json_groups(struct buf *out, const struct route_totals *t)
{
    json_object(out, "groups");
    for (unsigned g = 1; tls_group_name(g) != NULL; g++)
        json_number(out, tls_group_name(g), (int64_t)t->groups[g]);
    json_object_end(out);
}

static void json_refusals(struct buf *out, const struct route_totals *t)
{
    json_object(out, "refused_by");
    for (unsigned why = 0; why < REFUSALS; why++)
        json_number(out, refusal_names[why], (int64_t)t->refused_by[why]);
    json_object_end(out);
}

static void json_totals(struct buf *out, const struct route_totals *t)
{
    json_object(out, "connections");
    json_number(out, "active", (int64_t)t->active);
    json_number(out, "handshaking", (int64_t)t->handshaking);
    json_number(out, "accepted", (int64_t)t->accepted);
    json_number(out, "refused", (int64_t)t->refused);
    json_number(out, "checks", (int64_t)t->checks);
    json_refusals(out, t);
    json_object_end(out);
    json_object(out, "handshakes");
    json_number(out, "completed", (int64_t)t->handshakes);
    json_number(out, "resumed", (int64_t)t->resumed);
    json_number(out, "tls1.2", (int64_t)t->tls12);
    json_number(out, "tls1.3", (int64_t)t->tls13);
    json_number(out, "failed", (int64_t)t->failures);
    json_groups(out, t);
    json_object_end(out);
    json_number(out, "logins_refused", (int64_t)t->logins_refused);
    json_number(out, "upstream_failures", (int64_t)t->upstream_failures);
    json_number(out, "bytes_in", (int64_t)t->bytes_in);
    json_number(out, "bytes_out", (int64_t)t->bytes_out);
}

static void json_upstreams(const struct status *s, const struct target_config *t, unsigned slot,
                           struct buf *out)
{
    json_array(out, "upstreams");
    for (size_t k = 0; k < t->upstream_count; k++) {
        const struct endpoint *e = &t->upstream[k];
        const struct status_upstream u = status_upstream(s, slot, e);
        json_object(out, NULL);
        json_string(out, "upstream", e->text);
        json_string(out, "state", *u.state != '\0' ? u.state : "untried");
        json_string(out, "why", u.why);
        json_object_end(out);
    }
    json_array_end(out);
}

static void json_server_name(const struct status *s, const struct config *c, const struct route *r,
                             size_t i, struct buf *out)
{
    const struct name_totals t = name_totals(s->workers, r->names[i].slot);
    const struct server_name_config *n = &r->config->names[i];
    json_object(out, NULL);
    server_name_json(c, n, out);
    json_object(out, "connections");
    json_number(out, "active", (int64_t)t.active);
    json_number(out, "accepted", (int64_t)t.accepted);
    json_number(out, "refused", (int64_t)t.refused);
    json_object_end(out);
    json_number(out, "upstream_failures", (int64_t)t.upstream_failures);
    json_number(out, "bytes_in", (int64_t)t.bytes_in);
    json_number(out, "bytes_out", (int64_t)t.bytes_out);
    json_upstreams(s, &n->target, n->own_target ? DETAILS_OF_NAME(r->names[i].slot) : r->slot, out);
    json_object_end(out);
}

static void json_server_names(const struct status *s, const struct config *c, const struct route *r,
                              struct buf *out)
{
    json_array(out, "server_names");
    for (size_t i = 0; i < r->config->name_count; i++)
        json_server_name(s, c, r, i, out);
    json_array_end(out);
}

static void json_routes(const struct status *s, const struct generation *g, struct buf *out)
{
    json_array(out, "routes");
    for (size_t i = 0; i < g->config->route_count; i++) {
        const struct route_config *r = &g->config->routes[i];
        const struct route_totals t = route_totals(s->workers, g->routes[i].slot);
        json_object(out, NULL);
        route_json(g->config, r, out);
        json_client_files(g->routes[i].tls, out);
        json_upstream_files(&g->routes[i], out);
        json_totals(out, &t);
        json_upstreams(s, &r->target, g->routes[i].slot, out);
        json_server_names(s, g->config, &g->routes[i], out);
        json_object_end(out);
    }
    json_array_end(out);
}

static void json_certificate(const struct generation *g, size_t i, struct buf *out)
{
    const struct tls_identity_facts *f = tls_identity_facts(g->identities[i]);
    json_object(out, NULL);
    json_string(out, "name", g->config->certificates[i].name);
    certificate_json(f, time(NULL), out);
    json_array(out, "intermediates");
    tls_identity_expiries(g->identities[i], json_ending,
                          &(struct endings){out, TLS_EXPIRY_INTERMEDIATE});
    json_array_end(out);
    json_array(out, "routes");
    for (size_t k = 0; k < g->config->route_count; k++)
        if (config_route_uses(&g->config->routes[k], i))
            json_string(out, NULL, g->config->routes[k].name);
    json_array_end(out);
    json_array(out, "upstreams_of");
    for (size_t k = 0; k < g->config->route_count; k++)
        if (config_route_shows(&g->config->routes[k], i))
            json_string(out, NULL, g->config->routes[k].name);
    json_array_end(out);
    json_object_end(out);
}

static void json_ticket_key(const struct ticket_files *t, uint32_t i, const char *path,
                            struct buf *out)
{
    char date[DATE_TEXT_SIZE];
    date_text(t->modified[i], date);
    json_object(out, NULL);
    json_string(out, "file", path);
    json_string(out, "fingerprint", t->fingerprint[i]);
    json_string(out, "use", i == 0 ? "seals" : "opens");
    json_string(out, "modified", date);
    json_number(out, "age", (int64_t)(time(NULL) - t->modified[i]));
    json_object_end(out);
}

static void json_ticket_keys(const struct status *s, const struct generation *g, struct buf *out)
{
    json_array(out, "ticket_keys");
    for (uint32_t i = 0; i < s->tickets->secrets.count; i++)
        json_ticket_key(s->tickets, i, g->config->ticket_keys.items[i].path, out);
    json_array_end(out);
}

static void json_sandbox(const struct sandbox_state *state, struct buf *out)
{
    json_object(out, "sandbox");
    json_bool(out, "seccomp", state->seccomp != 0);
    json_number(out, "landlock", state->landlock);
    json_object_end(out);
}

/* What there is of every process. */
static void json_child(const struct child *c, struct buf *out)
{
    json_number(out, "pid", c->process.pid);
    json_number(out, "restarts", c->restarts);
    json_sandbox(&c->sandbox, out);
}

static void json_state(const struct child *c, struct buf *out)
{
    json_string(out, "state", c->life == CHILD_RETIRING ? "retiring" : "running");
}

static void json_signer(const struct child *c, struct buf *out)
{
    if (c->life == CHILD_NONE)
        return;
    json_object(out, NULL);
    json_number(out, "index", c->index);
    json_state(c, out);
    json_child(c, out);
    json_object_end(out);
}

static void json_signers(const struct status *s, struct buf *out)
{
    const struct signers *ss = &s->workers->signers;
    json_array(out, "signers");
    for (unsigned i = 0; i < ss->count; i++)
        json_signer(&ss->items[i]->child, out);
    for (unsigned i = 0; i < s->veterans->count; i++)
        json_signer(&s->veterans->items[i]->signer, out);
    json_array_end(out);
}

/* The resolver, the observer. */
static void json_single(const struct child *c, struct buf *out)
{
    if (c->life == CHILD_NONE)
        return;
    json_object(out, c->of->kind->name);
    json_child(c, out);
    json_object_end(out);
}

/* Of a part of the counters. */
static void json_counts(const struct status *s, unsigned part, struct buf *out)
{
    const struct worker_counters *c = counters_of(&s->workers->all, part);
    if (c == NULL) /* another release lays them out in another way */
        return;
    json_number(out, "connections", (int64_t)workers_active(s->workers, part));
    json_number(out, "accept_pauses", (int64_t)counter_get(&c->accept_pauses));
}

static void json_veterans(const struct status *s, struct buf *out)
{
    for (unsigned i = 0; i < s->veterans->count; i++) {
        const struct veteran *v = s->veterans->items[i];
        if (v->child.life == CHILD_NONE)
            continue;
        json_object(out, NULL);
        json_number(out, "index", v->child.index);
        json_state(&v->child, out);
        json_string(out, "version", v->was.version);
        json_number(out, "generation", v->was.generation);
        json_counts(s, v->part, out);
        json_child(&v->child, out);
        json_object_end(out);
    }
}

static void json_workers(const struct status *s, struct buf *out)
{
    json_array(out, "workers");
    for (unsigned i = 0; i < s->workers->count; i++) {
        const struct worker *w = s->workers->items[i];
        if (w->child.life == CHILD_NONE)
            continue;
        json_object(out, NULL);
        json_number(out, "index", i);
        json_state(&w->child, out);
        json_number(out, "generation", w->committed);
        json_string(out, "version", version_text);
        json_counts(s, i, out);
        json_child(&w->child, out);
        json_object_end(out);
    }
    json_veterans(s, out);
    json_array_end(out);
}

/* The one before the present moment, whether it was taken or not. */
static void json_last_reload(const struct status *s, struct buf *out)
{
    const struct outcome *last = outcomes_find(s->reloads, 0);
    char date[DATE_TEXT_SIZE];
    if (last == NULL)
        return;
    date_text(last->at, date);
    json_object(out, "last_reload");
    json_string(out, "time", date);
    json_string(out, "outcome", last->well ? "accepted" : "refused");
    json_string(out, "text", last->words);
    load_json_findings(s->findings, out);
    json_object_end(out);
}

static void json_kept(const struct status *s, struct buf *out)
{
    char date[DATE_TEXT_SIZE];
    date_text(s->kept, date);
    json_bool(out, "last_good", s->kept != 0);
    json_string(out, "last_good_of", s->kept != 0 ? date : NULL);
}

void status_json(const struct status *s, struct buf *out)
{
    const struct generation *g = s->workers->current.generation;
    char date[32];
    date_text(s->started, date);
    json_object(out, NULL);
    json_string(out, "version", version_text);
    json_string(out, "state", s->state);
    json_bool(out, "ready", s->ready);
    json_number(out, "pid", getpid());
    json_string(out, "started", date);
    json_number(out, "uptime", (int64_t)(time(NULL) - s->started));
    json_number(out, "generation", s->workers->current.number);
    json_string(out, "fingerprint", s->fingerprints->whole);
    json_string(out, "config_hash", s->fingerprints->config);
    json_string(out, "files_hash", s->fingerprints->files);
    json_kept(s, out);
    json_last_reload(s, out);
    json_sandbox(s->sandbox, out);
    json_workers(s, out);
    json_signers(s, out);
    json_single(s->resolver, out);
    json_single(s->observer, out);
    if (g != NULL) {
        json_routes(s, g, out);
        json_array(out, "certificates");
        for (size_t i = 0; i < g->config->certificate_count; i++)
            json_certificate(g, i, out);
        json_array_end(out);
        json_ticket_keys(s, g, out);
    }
    json_object_end(out);
    buf_puts(out, "\n");
}
