/* status_cells.c - the status for people at a terminal, which fits it. */
#include "proxy/base/cells.h"
#include "proxy/base/date.h"
#include "proxy/base/version.h"
#include "proxy/routes/expiry.h"
#include "proxy/supervisor/status.h"
#include "proxy/supervisor/totals.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

static void heading(struct buf *out, const char *const *titles)
{
    cells_begin(out, CELLS_TEXT);
    cells_end(out);
    cells_begin(out, CELLS_HEADING);
    for (; *titles != NULL; titles++)
        cells_add(out, "%s", *titles);
    cells_end(out);
}

/* "3 d 4 h", "12 min", "40 s" */
static void add_uptime(time_t seconds, char *out, size_t size)
{
    enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR };
    const long long s = seconds;
    if (s >= DAY)
        snprintf(out, size, "%lld d %lld h", s / DAY, s % DAY / HOUR);
    else if (s >= HOUR)
        snprintf(out, size, "%lld h %lld min", s / HOUR, s % HOUR / MINUTE);
    else if (s >= MINUTE)
        snprintf(out, size, "%lld min", s / MINUTE);
    else
        snprintf(out, size, "%lld s", s);
}

static void cells_summary(const struct status *s, struct buf *out)
{
    char up[48];
    add_uptime(time(NULL) - s->started, up, sizeof up);
    cells_begin(out, CELLS_TEXT);
    cells_add(out, "tlsfront %s, pid %d, %s%s, up %s, generation %u", version_text, getpid(),
              s->state, s->unwanted ? ", not ready" : "", up, s->workers->current.number);
    cells_end(out);
    if (s->kept == 0)
        return;
    cells_begin(out, CELLS_TEXT);
    cells_add(out, "LAST-GOOD: the configuration had errors at the start");
    cells_end(out);
}

/* ---- processes ---- */

static const char *state_of(const struct child *c)
{
    return c->life == CHILD_RETIRING ? "retiring" : "";
}

static void cells_child(const struct child *c, const char *name, const char *connections,
                        const char *state, struct buf *out)
{
    char sandbox[48];
    if (c->life == CHILD_NONE)
        return;
    sandbox_words(&c->sandbox, sandbox, sizeof sandbox);
    cells_begin(out, CELLS_ROW);
    cells_add(out, "%s", name);
    cells_add(out, "%d", c->process.pid);
    cells_add(out, "%s", connections);
    cells_add(out, "%u", c->restarts);
    cells_add(out, "%s", sandbox);
    cells_add(out, "%s", state);
    cells_end(out);
}

/* Its connections are its workers'; and who would restart it is not of the daemon. */
static void cells_supervisor(const struct status *s, struct buf *out)
{
    char sandbox[48];
    sandbox_words(s->sandbox, sandbox, sizeof sandbox);
    cells_begin(out, CELLS_ROW);
    cells_add(out, "supervisor");
    cells_add(out, "%d", getpid());
    cells_add(out, "%s", "");
    cells_add(out, "%s", "");
    cells_add(out, "%s", sandbox);
    cells_end(out);
}

static void cells_workers(const struct status *s, struct buf *out)
{
    for (unsigned i = 0; i < s->workers->count; i++) {
        char name[24], connections[24];
        snprintf(name, sizeof name, "worker %u", i);
        snprintf(connections, sizeof connections, "%" PRIu64, workers_active(s->workers, i));
        cells_child(&s->workers->items[i]->child, name, connections,
                    state_of(&s->workers->items[i]->child), out);
    }
}

/* From before an upgrade, each with its signer; another worker may have the same number. */
static void cells_veterans(const struct status *s, struct buf *out)
{
    for (unsigned i = 0; i < s->veterans->count; i++) {
        const struct veteran *v = s->veterans->items[i];
        char name[24], connections[24] = "", state[80];
        snprintf(state, sizeof state, "retiring, version %s", v->was.version);
        if (counters_of(&s->workers->all, v->part) != NULL)
            snprintf(connections, sizeof connections, "%" PRIu64,
                     workers_active(s->workers, v->part));
        snprintf(name, sizeof name, "worker %u", v->child.index);
        cells_child(&v->child, name, connections, state, out);
        snprintf(name, sizeof name, "signer %u", v->signer.index);
        cells_child(&v->signer, name, "", state, out);
    }
}

static void cells_signers(const struct signers *ss, struct buf *out)
{
    for (unsigned i = 0; i < ss->count; i++) {
        char name[24];
        snprintf(name, sizeof name, "signer %u", i);
        cells_child(&ss->items[i]->child, name, "", state_of(&ss->items[i]->child), out);
    }
}

static void cells_processes(const struct status *s, struct buf *out)
{
    static const char *const titles[] = {
        "=PROCESS", ">PID", ">CONNECTIONS", ">RESTARTS", "<SANDBOX", "=", NULL};
    heading(out, titles);
    cells_supervisor(s, out);
    cells_workers(s, out);
    cells_signers(&s->workers->signers, out);
    cells_veterans(s, out);
    cells_child(s->resolver, "resolver", "", "", out);
    cells_child(s->observer, "observer", "", "", out);
}

/* ---- certificates ---- */

static void cells_certificate(const struct generation *g, size_t i, struct buf *out)
{
    const struct tls_identity_facts *f = tls_identity_facts(g->identities[i]);
    const time_t now = time(NULL);
    const long days = expiry_days(f->not_after, now);
    char until[DATE_DAY_SIZE];
    date_day(f->not_after, until);
    cells_begin(out, CELLS_ROW);
    cells_add(out, "%s", g->config->certificates[i].name);
    cells_add(out, "%s", f->name_count > 0 ? f->names[0] : f->subject);
    cells_add(out, "%s", until);
    cells_add(out, "%ld", days);
    cells_add(out, "%s", days < 0 ? "expired" : tls_renew_due(f, now) ? "renew it" : "");
    cells_end(out);
}

static void cells_certificates(const struct generation *g, struct buf *out)
{
    static const char *const titles[] = {"<CERTIFICATE", "<FOR", "=UNTIL", ">DAYS", "=", NULL};
    if (g->config->certificate_count == 0)
        return;
    heading(out, titles);
    for (size_t i = 0; i < g->config->certificate_count; i++)
        cells_certificate(g, i, out);
}

/* What else is about to end. */
struct cells_endings {
    struct buf *out;
    const char *name;
    bool begun;
};

static void cells_ending(void *arg, const struct tls_expiry *x)
{
    static const char *const titles[] = {"<OF", "=WHAT", "<WHOSE", "=ENDS", NULL};
    static const char *const what[] = {
        [TLS_EXPIRY_INTERMEDIATE] = "intermediate",
        [TLS_EXPIRY_CLIENT_CA] = "client-ca",
        [TLS_EXPIRY_CLIENT_CRL] = "client-crl",
        [TLS_EXPIRY_UPSTREAM_CA] = "upstream-ca",
    };
    struct cells_endings *e = arg;
    char until[DATE_DAY_SIZE];
    if (x->kind == TLS_EXPIRY_LEAF || expiry_passed(x, time(NULL)) == EXPIRY_NOT_YET)
        return;
    if (!e->begun)
        heading(e->out, titles);
    e->begun = true;
    date_day(x->until, until);
    cells_begin(e->out, CELLS_ROW);
    cells_add(e->out, "%s", e->name);
    cells_add(e->out, "%s", what[x->kind]);
    cells_add(e->out, "%s", x->subject);
    cells_add(e->out, "%s", x->until == 0 ? "unknown" : until);
    cells_end(e->out);
}

static void cells_all_endings(const struct generation *g, struct buf *out)
{
    struct cells_endings e = {.out = out};
    for (size_t i = 0; i < g->config->certificate_count; i++) {
        e.name = g->config->certificates[i].name;
        tls_identity_expiries(g->identities[i], cells_ending, &e);
    }
    for (size_t i = 0; i < g->config->route_count; i++) {
        e.name = g->config->routes[i].name;
        tls_server_expiries(g->routes[i].tls, cells_ending, &e);
        route_upstream_expiries(&g->routes[i], cells_ending, &e);
    }
}

/* ---- ticket keys ---- */

static void cells_ticket_keys(const struct status *s, const struct generation *g, struct buf *out)
{
    static const char *const titles[] = {"<TICKET-KEY", "=FINGERPRINT", "=USE", "=OF", NULL};
    const struct ticket_files *t = s->tickets;
    if (t->secrets.count > 0)
        heading(out, titles);
    for (uint32_t i = 0; i < t->secrets.count; i++) {
        char day[DATE_DAY_SIZE];
        date_day(t->modified[i], day);
        cells_begin(out, CELLS_ROW);
        cells_add(out, "%s", g->config->ticket_keys.items[i].path);
        cells_add(out, "%s", t->fingerprint[i]);
        cells_add(out, "%s", i == 0 ? "seals" : "opens");
        cells_add(out, "%s", day);
        cells_end(out);
    }
}

/* ---- routes ---- */

static void cells_route(const struct status *s, const struct generation *g, size_t i,
                        struct buf *out)
{
    const struct route_totals t = route_totals(s->workers, g->routes[i].slot);
    cells_begin(out, CELLS_ROW);
    cells_add(out, "%s", g->config->routes[i].name);
    cells_number(out, t.active);
    cells_number(out, t.accepted);
    cells_number(out, t.refused);
    cells_number(out, t.handshakes);
    cells_number(out, t.resumed);
    cells_number(out, t.failures);
    cells_number(out, t.bytes_in);
    cells_number(out, t.bytes_out);
    cells_end(out);
}

static void cells_routes(const struct status *s, const struct generation *g, struct buf *out)
{
    static const char *const titles[] = {"<ROUTE",      ">ACTIVE",  ">ACCEPTED", ">REFUSED",
                                         ">HANDSHAKES", ">RESUMED", ">FAILED",   ">IN",
                                         ">OUT",        NULL};
    heading(out, titles);
    for (size_t i = 0; i < g->config->route_count; i++)
        cells_route(s, g, i, out);
}

static void cells_target(const struct status *s, const struct target_config *t, unsigned slot,
                         const char *whose, struct buf *out)
{
    for (size_t k = 0; k < t->upstream_count; k++) {
        const struct status_upstream u = status_upstream(s, slot, &t->upstream[k]);
        cells_begin(out, CELLS_ROW);
        cells_add(out, "%s", t->upstream[k].text);
        cells_add(out, "%s", whose);
        cells_add(out, "%s", *u.state != '\0' ? u.state : "not tried yet");
        cells_add(out, "%s", u.why);
        cells_end(out);
    }
}

static void cells_upstreams_of(const struct status *s, const struct route *r, struct buf *out)
{
    cells_target(s, &r->config->target, r->slot, r->config->name, out);
    for (size_t k = 0; k < r->config->name_count; k++)
        if (r->config->names[k].own_target)
            cells_target(s, &r->config->names[k].target, DETAILS_OF_NAME(r->names[k].slot),
                         r->config->names[k].name, out);
}

static void cells_upstreams(const struct status *s, const struct generation *g, struct buf *out)
{
    static const char *const titles[] = {"<UPSTREAM", "<OF", "=STATE", "=WHY", NULL};
    heading(out, titles);
    for (size_t i = 0; i < g->config->route_count; i++)
        cells_upstreams_of(s, &g->routes[i], out);
}

static void cells_server_name(const struct status *s, const struct route *r, size_t i,
                              struct buf *out)
{
    const struct name_totals t = name_totals(s->workers, r->names[i].slot);
    cells_begin(out, CELLS_ROW);
    cells_add(out, "%s", r->config->names[i].name);
    cells_add(out, "%s", r->config->name);
    cells_number(out, t.active);
    cells_number(out, t.accepted);
    cells_number(out, t.refused);
    cells_number(out, t.upstream_failures);
    cells_number(out, t.bytes_in);
    cells_number(out, t.bytes_out);
    cells_end(out);
}

static void cells_server_names(const struct status *s, const struct generation *g, struct buf *out)
{
    static const char *const titles[] = {"<SERVER NAME", "=ROUTE",   ">ACTIVE",
                                         ">ACCEPTED",    ">REFUSED", ">FAILURES",
                                         ">IN",          ">OUT",     NULL};
    if (g->config->server_name_count == 0)
        return;
    heading(out, titles);
    for (size_t i = 0; i < g->config->route_count; i++)
        for (size_t k = 0; k < g->config->routes[i].name_count; k++)
            cells_server_name(s, &g->routes[i], k, out);
}

/* No column: 80 are full. */
static void cells_hybrid(const struct status *s, const struct generation *g, struct buf *out)
{
    uint64_t hybrid = 0, all = 0;
    for (size_t i = 0; i < g->config->route_count; i++) {
        const struct route_totals t = route_totals(s->workers, g->routes[i].slot);
        hybrid += t.hybrid;
        all += t.handshakes;
    }
    cells_begin(out, CELLS_TEXT);
    cells_add(out, "%s in %" PRIu64 " of %" PRIu64 " handshakes", TLS_GROUP_HYBRID, hybrid, all);
    cells_end(out);
}

void status_cells(const struct status *s, struct buf *out)
{
    const struct generation *g = s->workers->current.generation;
    cells_summary(s, out);
    cells_processes(s, out);
    if (g == NULL)
        return;
    cells_certificates(g, out);
    cells_all_endings(g, out);
    cells_ticket_keys(s, g, out);
    cells_routes(s, g, out);
    cells_server_names(s, g, out);
    cells_hybrid(s, g, out);
    cells_upstreams(s, g, out);
}
