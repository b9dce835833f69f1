#include "proxy/supervisor/status.h"
#include "proxy/base/date.h"
#include "proxy/base/json.h"
#include "proxy/routes/certificate_json.h"
#include "proxy/routes/expiry.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- adding up ---- */

/* The counters of a route in the order in which both forms show them. */
struct totals {
    uint64_t active, handshaking, accepted, refused, handshakes, resumed, tls12, tls13, failures,
        upstream_failures, bytes_in, bytes_out;
};

static void add(struct totals *t, const struct route_counters *c)
{
    t->active += counter_get(&c->active);
    t->handshaking += counter_get(&c->handshaking);
    t->accepted += counter_get(&c->accepted);
    t->refused += counter_get(&c->refused);
    t->handshakes += counter_get(&c->handshakes);
    t->resumed += counter_get(&c->resumed);
    t->tls12 += counter_get(&c->tls12);
    t->tls13 += counter_get(&c->tls13);
    t->failures += counter_get(&c->handshake_failures);
    t->upstream_failures += counter_get(&c->upstream_failures);
    t->bytes_in += counter_get(&c->bytes_in);
    t->bytes_out += counter_get(&c->bytes_out);
}

static struct totals route_totals(const struct status *s, unsigned slot)
{
    struct totals t = {0};
    for (unsigned w = 0; w < s->workers->count; w++)
        add(&t, &shared_part(&s->workers->all, w)->route[slot]);
    return t;
}

static long days_left(const struct tls_identity_facts *f)
{
    return expiry_days(f->not_after, time(NULL));
}

/* ---- JSON ---- */

static void json_endpoints(struct buf *out, const char *key, const struct endpoint *list,
                           size_t count)
{
    json_array(out, key);
    for (size_t i = 0; i < count; i++)
        json_string(out, NULL, list[i].text);
    json_array_end(out);
}

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

static void json_totals(struct buf *out, const struct totals *t)
{
    json_object(out, "connections");
    json_number(out, "active", (int64_t)t->active);
    json_number(out, "handshaking", (int64_t)t->handshaking);
    json_number(out, "accepted", (int64_t)t->accepted);
    json_number(out, "refused", (int64_t)t->refused);
    json_object_end(out);
    json_object(out, "handshakes");
    json_number(out, "completed", (int64_t)t->handshakes);
    json_number(out, "resumed", (int64_t)t->resumed);
    json_number(out, "tls1.2", (int64_t)t->tls12);
    json_number(out, "tls1.3", (int64_t)t->tls13);
    json_number(out, "failed", (int64_t)t->failures);
    json_object_end(out);
    json_number(out, "upstream_failures", (int64_t)t->upstream_failures);
    json_number(out, "bytes_in", (int64_t)t->bytes_in);
    json_number(out, "bytes_out", (int64_t)t->bytes_out);
}

static void json_routes(const struct status *s, const struct generation *g, struct buf *out)
{
    json_array(out, "routes");
    for (size_t i = 0; i < g->config->route_count; i++) {
        const struct route_config *r = &g->config->routes[i];
        const struct totals t = route_totals(s, g->routes[i].slot);
        json_object(out, NULL);
        json_string(out, "name", r->name);
        json_string(out, "protocol", protocol_facts(r->protocol)->name);
        json_string(out, "tls", config_tls_mode_name(r->tls));
        json_endpoints(out, "listen", r->listen, r->listen_count);
        json_endpoints(out, "upstream", r->upstream, r->upstream_count);
        json_array(out, "certificates");
        for (size_t k = 0; k < r->certificate_count; k++)
            json_string(out, NULL, g->config->certificates[r->certificates[k]].name);
        json_array_end(out);
        json_client_files(g->routes[i].tls, out);
        json_totals(out, &t);
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
    json_object_end(out);
}

static void json_workers(const struct status *s, struct buf *out)
{
    json_array(out, "workers");
    for (unsigned i = 0; i < s->workers->count; i++) {
        const struct worker *w = s->workers->items[i];
        if (w->life == WORKER_NONE)
            continue;
        json_object(out, NULL);
        json_number(out, "index", i);
        json_number(out, "pid", w->process.pid);
        json_string(out, "state", w->life == WORKER_RETIRING ? "retiring" : "running");
        json_number(out, "generation", w->committed);
        json_number(out, "connections", (int64_t)workers_active(s->workers, i));
        json_number(out, "restarts", w->restarts);
        json_number(out, "accept_pauses",
                    (int64_t)counter_get(&shared_part(&s->workers->all, i)->accept_pauses));
        json_object_end(out);
    }
    json_array_end(out);
}

void status_json(const struct status *s, struct buf *out)
{
    const struct generation *g = s->workers->current.generation;
    char date[32];
    date_text(s->started, date);
    json_object(out, NULL);
    json_string(out, "version", TLSFRONT_VERSION);
    json_string(out, "state", s->state);
    json_number(out, "pid", getpid());
    json_string(out, "started", date);
    json_number(out, "uptime", (int64_t)(time(NULL) - s->started));
    json_number(out, "generation", s->workers->current.number);
    json_workers(s, out);
    if (g != NULL) {
        json_routes(s, g, out);
        json_array(out, "certificates");
        for (size_t i = 0; i < g->config->certificate_count; i++)
            json_certificate(g, i, out);
        json_array_end(out);
    }
    json_object_end(out);
    buf_puts(out, "\n");
}

/* ---- text ---- */

static void text_routes(const struct status *s, const struct generation *g, struct buf *out)
{
    buf_printf(out, "%-16s %8s %10s %8s %10s %8s %8s %14s %14s\n", "ROUTE", "ACTIVE", "ACCEPTED",
               "REFUSED", "HANDSHAKES", "RESUMED", "FAILED", "BYTES-IN", "BYTES-OUT");
    for (size_t i = 0; i < g->config->route_count; i++) {
        const struct totals t = route_totals(s, g->routes[i].slot);
        buf_printf(out,
                   "%-16s %8" PRIu64 " %10" PRIu64 " %8" PRIu64 " %10" PRIu64 " %8" PRIu64
                   " %8" PRIu64 " %14" PRIu64 " %14" PRIu64 "\n",
                   g->config->routes[i].name, t.active, t.accepted, t.refused, t.handshakes,
                   t.resumed, t.failures, t.bytes_in, t.bytes_out);
    }
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
    };
    const struct text_endings *e = arg;
    const time_t now = time(NULL);
    char when[80];
    if (x->kind == TLS_EXPIRY_LEAF || expiry_passed(x, now) == EXPIRY_NOT_YET)
        return;
    expiry_words(x, now, when);
    buf_printf(e->out, "%s %s: %s %s %s\n", e->kind, e->name, what[x->kind], x->subject, when);
}

static void text_certificates(const struct generation *g, struct buf *out)
{
    for (size_t i = 0; i < g->config->certificate_count; i++) {
        const struct tls_identity_facts *f = tls_identity_facts(g->identities[i]);
        char until[32];
        date_text(f->not_after, until);
        const long days = days_left(f);
        buf_printf(out, "certificate %s: %s, serial %s, until %.10s (%s%ld days)%s\n",
                   g->config->certificates[i].name, f->name_count > 0 ? f->names[0] : f->subject,
                   f->serial, until, days < 0 ? "expired, " : "", days,
                   days < TLS_RENEW_DAYS ? " - renew it" : "");
        tls_identity_expiries(
            g->identities[i], text_ending,
            &(struct text_endings){out, "certificate", g->config->certificates[i].name});
    }
}

static void text_client_files(const struct generation *g, struct buf *out)
{
    for (size_t i = 0; i < g->config->route_count; i++)
        tls_server_expiries(g->routes[i].tls, text_ending,
                            &(struct text_endings){out, "route", g->config->routes[i].name});
}

static void text_workers(const struct status *s, struct buf *out)
{
    for (unsigned i = 0; i < s->workers->count; i++) {
        const struct worker *w = s->workers->items[i];
        if (w->life != WORKER_NONE)
            buf_printf(out,
                       "worker %u: pid %d, generation %u, %" PRIu64 " connections, %u restarts%s\n",
                       i, w->process.pid, w->committed, workers_active(s->workers, i), w->restarts,
                       w->life == WORKER_RETIRING ? ", retiring" : "");
    }
}

void status_text(const struct status *s, struct buf *out)
{
    const struct generation *g = s->workers->current.generation;
    buf_printf(out, "tlsfront %s, pid %d, %s, up %lld seconds, generation %u\n", TLSFRONT_VERSION,
               getpid(), s->state, (long long)(time(NULL) - s->started),
               s->workers->current.number);
    text_workers(s, out);
    if (g == NULL)
        return;
    text_certificates(g, out);
    text_client_files(g, out);
    text_routes(s, g, out);
}

void status_serving(const struct status *s, struct buf *out)
{
    const struct generation *g = s->workers->current.generation;
    for (size_t i = 0; g != NULL && i < g->config->certificate_count; i++)
        buf_printf(out, "%s %s\n", g->config->certificates[i].name,
                   tls_identity_facts(g->identities[i])->fingerprint);
}

void status_log(const struct status *s, struct log *log)
{
    struct buf text;
    buf_init(&text, (size_t)1 << 20);
    status_text(s, &text);
    buf_put(&text, "", 1);
    char *rest = NULL;
    if (!text.failed)
        for (char *line = strtok_r((char *)text.data, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest))
            log_event(log, LOG_LEVEL_INFO, "status", "%s", line);
    buf_free(&text);
}
