#include "proxy/observer/metrics.h"
#include "tls/tls.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writer {
    const struct view *view;
    const struct snapshot *snapshot;
    enum metrics_format format;
    struct buf *out;
    const char *family; /* the one in hand: its name in full */
};

/* ---- the format ---- */

/* `name` ends with _total where, and only where, the type is counter. */
static void family(struct writer *w, const char *name, const char *type, const char *help)
{
    static const char total[] = "_total";
    size_t size = strlen(name);
    if (w->format == METRICS_OPENMETRICS && strcmp(type, "counter") == 0)
        size -= strlen(total);
    w->family = name;
    buf_printf(w->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)size, name, help, (int)size, name,
               type);
}

static void put_value_of_label(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '\\' || *text == '"')
            buf_printf(out, "\\%c", *text);
        else if (*text == '\n')
            buf_puts(out, "\\n");
        else
            buf_put(out, text, 1);
}

/* Labels come as pairs of name and value, NULL behind the last. */
#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})
static const char *const no_labels[] = {NULL};

static void name_and_labels(struct writer *w, const char *suffix, const char *const *labels)
{
    buf_printf(w->out, "%s%s", w->family, suffix);
    for (size_t i = 0; labels[i] != NULL; i += 2) {
        buf_printf(w->out, "%c%s=\"", i == 0 ? '{' : ',', labels[i]);
        put_value_of_label(w->out, labels[i + 1]);
        buf_puts(w->out, "\"");
    }
    buf_puts(w->out, labels[0] != NULL ? "} " : " ");
}

static void sample(struct writer *w, const char *const *labels, uint64_t value)
{
    name_and_labels(w, "", labels);
    buf_printf(w->out, "%" PRIu64 "\n", value);
}

static void sample_signed(struct writer *w, const char *const *labels, int64_t value)
{
    name_and_labels(w, "", labels);
    buf_printf(w->out, "%" PRId64 "\n", value);
}

static void milliseconds(struct writer *w, const char *suffix, const char *const *labels,
                         uint64_t value)
{
    name_and_labels(w, suffix, labels);
    buf_printf(w->out, "%" PRIu64 ".%03u\n", value / 1000, (unsigned)(value % 1000));
}

static const char *text(const struct writer *w, snapshot_text t)
{
    return snapshot_text_of(w->snapshot, t);
}

/* ---- the daemon ---- */

static void put_build(struct writer *w)
{
    const struct snapshot_facts *f = w->snapshot->facts;
    family(w, "tlsfront_build_info", "gauge", "Version of tlsfront and of what it is built on.");
    sample(w,
           LABELS("version", text(w, f->version), "mbedtls", text(w, f->mbedtls), "crypto",
                  text(w, f->crypto), "libuv", text(w, f->libuv)),
           1);
    family(w, "tlsfront_start_time_seconds", "gauge", "When the daemon was started.");
    sample_signed(w, no_labels, f->started);
    family(w, "tlsfront_ready", "gauge",
           "1: newcomers are welcome, as /-/ready tells; 0: send them elsewhere.");
    sample(w, no_labels, view_not_ready(w->snapshot) == NULL);
}

static void put_configuration(struct writer *w)
{
    const struct snapshot_facts *f = w->snapshot->facts;
    family(w, "tlsfront_config_generation", "gauge",
           "Number of the configuration in service; each reload that succeeds adds one.");
    sample(w, no_labels, f->generation);
    family(w, "tlsfront_config_info", "gauge",
           "Fingerprint of the configuration in service and its files, private keys apart.");
    sample(w,
           LABELS("hash", text(w, f->hash), "config_hash", text(w, f->config_hash), "files_hash",
                  text(w, f->files_hash)),
           1);
    family(w, "tlsfront_config_last_good", "gauge",
           "1: the configuration had errors at the start, and the last accepted one is served.");
    sample(w, no_labels, f->kept);
    family(w, "tlsfront_config_last_reload_successful", "gauge",
           "1: the last reload was taken over; 0: it was refused.");
    sample(w, no_labels, f->reload_well);
    family(w, "tlsfront_config_last_reload_success_timestamp_seconds", "gauge",
           "When the configuration in service was taken over.");
    sample_signed(w, no_labels, f->reload_well_at);
}

static void put_daemon_counters(struct writer *w)
{
    family(w, "tlsfront_worker_restarts_total", "counter", "Workers that died and were replaced.");
    sample(w, no_labels, w->snapshot->facts->worker_restarts);
    family(w, "tlsfront_accept_pauses_total", "counter",
           "Times that a worker stopped accepting for want of descriptors or memory.");
    sample(w, no_labels, view_accept_pauses(w->view));
    family(w, "tlsfront_log_lines_lost_total", "counter",
           "Lines of the log that nobody took, or the disk had no room for.");
    sample(w, no_labels, view_log_lost(w->view));
}

/* ---- routes ---- */

static size_t routes(const struct writer *w)
{
    return w->snapshot->counts[SNAPSHOT_ROUTES];
}

static const char *route_name(const struct writer *w, size_t i)
{
    return text(w, snapshot_routes(w->snapshot)[i].name);
}

static void put_stages(struct writer *w)
{
    family(w, "tlsfront_connections", "gauge",
           "Connections now, by how far they are; those that are being refused among them.");
    for (size_t i = 0; i < routes(w); i++)
        for (unsigned stage = 0; stage < STAGES; stage++)
            sample(w, LABELS("route", route_name(w, i), "stage", stage_names[stage]),
                   counter_get(&w->view->sums[i].stage[stage]));
}

/* A counter of each route that is a field of one of the two sums. */
static void put_totals(struct writer *w, const char *name, const char *help, size_t field)
{
    family(w, name, "counter", help);
    for (size_t i = 0; i < routes(w); i++) {
        const char *sums = (const void *)&w->view->sums[i];
        sample(w, LABELS("route", route_name(w, i)),
               counter_get((const counter *)(const void *)(sums + field)));
    }
}

static void put_plaintext(struct writer *w)
{
    family(w, "tlsfront_plaintext_sessions_total", "counter",
           "Sessions that reached an upstream and ended without TLS.");
    for (size_t i = 0; i < routes(w); i++)
        sample(w, LABELS("route", route_name(w, i)), counter_get(&w->view->details[i].plaintext));
}

/* One label more, whose values are all there from the beginning. */
static void put_kinds(struct writer *w, const char *label, const char *const *names, unsigned count,
                      size_t field)
{
    for (size_t i = 0; i < routes(w); i++) {
        const char *details = (const void *)&w->view->details[i];
        const counter *first = (const void *)(details + field);
        for (unsigned k = 0; k < count; k++)
            sample(w, LABELS("route", route_name(w, i), label, names[k]), counter_get(&first[k]));
    }
}

/* Most combinations never happen; those that did are here. */
static void put_ends(struct writer *w)
{
    family(w, "tlsfront_connection_ends_total", "counter",
           "Connections that ended, by how far they had come and whose fault it was.");
    for (size_t i = 0; i < routes(w); i++)
        for (unsigned stage = 0; stage < STAGES; stage++)
            for (unsigned fault = 0; fault < FAULTS; fault++) {
                const uint64_t n = counter_get(&w->view->details[i].ends[stage][fault]);
                if (n > 0)
                    sample(w,
                           LABELS("route", route_name(w, i), "stage", stage_names[stage], "fault",
                                  fault_names[fault]),
                           n);
            }
}

/* ---- bytes ---- */

/* What comes from clients goes to upstreams, and the other way: plaintext. */
static void put_bytes(struct writer *w)
{
    static const char *const sides[] = {"client", "upstream"};
    for (unsigned sent = 0; sent < 2; sent++) {
        family(w, sent ? "tlsfront_sent_bytes_total" : "tlsfront_received_bytes_total", "counter",
               sent ? "Bytes sent to clients, and to upstreams, less TLS."
                    : "Bytes received from clients, and from upstreams, less TLS.");
        for (size_t i = 0; i < routes(w); i++)
            for (unsigned side = 0; side < 2; side++)
                sample(w, LABELS("route", route_name(w, i), "side", sides[side]),
                       counter_get(side == sent ? &w->view->sums[i].bytes_in
                                                : &w->view->sums[i].bytes_out));
    }
}

/* ---- TLS ---- */

static void put_handshakes_of(struct writer *w, size_t route, unsigned cipher, unsigned group)
{
    static const char *const resumed_names[] = {"no", "yes"};
    for (unsigned resumed = 0; resumed < 2; resumed++) {
        const uint64_t n = counter_get(&w->view->details[route].tls[cipher][group][resumed]);
        const char *group_name = tls_group_name(group);
        if (n > 0)
            sample(w,
                   LABELS("route", route_name(w, route), "version",
                          cipher > 0 ? tls_cipher_version(cipher) : "other", "cipher",
                          cipher > 0 ? tls_cipher_name(cipher) : "other", "group",
                          group_name != NULL ? group_name : "none", "resumed",
                          resumed_names[resumed]),
                   n);
    }
}

static void put_handshakes(struct writer *w)
{
    family(w, "tlsfront_handshakes_total", "counter",
           "TLS handshakes completed, by what was agreed on.");
    for (size_t i = 0; i < routes(w); i++)
        for (unsigned cipher = 0; cipher == 0 || tls_cipher_name(cipher) != NULL; cipher++)
            for (unsigned group = 0; group == 0 || tls_group_name(group) != NULL; group++)
                put_handshakes_of(w, i, cipher, group);
}

/* All routes together: how long it takes depends on clients and on the machine. */
static void put_handshake_seconds(struct writer *w)
{
    uint64_t count = 0, sum = 0;
    family(w, "tlsfront_handshake_seconds", "histogram",
           "Time from the first byte of TLS to the end of the handshake, of those that succeed.");
    for (unsigned b = 0; b <= HANDSHAKE_BOUNDS; b++) {
        char bound[24] = "+Inf";
        for (size_t i = 0; i < routes(w); i++)
            count += counter_get(&w->view->details[i].handshake_ms[b]);
        if (b < HANDSHAKE_BOUNDS)
            snprintf(bound, sizeof bound, "%u.%03u", handshake_bounds_ms[b] / 1000,
                     handshake_bounds_ms[b] % 1000);
        name_and_labels(w, "_bucket", LABELS("le", bound));
        buf_printf(w->out, "%" PRIu64 "\n", count);
    }
    for (size_t i = 0; i < routes(w); i++)
        sum += counter_get(&w->view->details[i].handshake_ms_sum);
    milliseconds(w, "_sum", no_labels, sum);
    name_and_labels(w, "_count", no_labels);
    buf_printf(w->out, "%" PRIu64 "\n", count);
}

/* ---- server names ---- */

/* A name that is none, for those that are not shown apart. */
#define OTHERS "(others)"

/* A counter of each, which is a field of their sum. */
static void put_names(struct writer *w, const char *name, const char *type, const char *help,
                      size_t field)
{
    const struct snapshot_server_name *n = snapshot_server_names(w->snapshot);
    size_t at = 0;
    family(w, name, type, help);
    for (size_t i = 0; i < routes(w); i++) {
        const size_t end = at + snapshot_routes(w->snapshot)[i].server_names;
        uint64_t others = 0;
        const bool some_hidden = end > VIEW_NAMES_MAX && end > at;
        for (; at < end; at++) {
            const char *sum = (const void *)&w->view->names[at];
            const uint64_t value = counter_get((const counter *)(const void *)(sum + field));
            if (at < VIEW_NAMES_MAX)
                sample(w, LABELS("route", route_name(w, i), "server_name", text(w, n[at].name)),
                       value);
            else
                others += value;
        }
        if (some_hidden)
            sample(w, LABELS("route", route_name(w, i), "server_name", OTHERS), others);
    }
}

static void put_server_names(struct writer *w)
{
    put_names(w, "tlsfront_server_name_connections", "gauge",
              "Connections now of those who asked for a name that has a block in its route.",
              offsetof(struct name_counters, active));
    put_names(w, "tlsfront_server_name_connections_total", "counter",
              "Handshakes completed by those who asked for the name.",
              offsetof(struct name_counters, accepted));
    put_names(w, "tlsfront_server_name_connections_refused_total", "counter",
              "Of these, those who were told that they cannot be served now.",
              offsetof(struct name_counters, refused));
    put_names(w, "tlsfront_server_name_upstream_failures_total", "counter",
              "Attempts to reach an upstream for them that failed.",
              offsetof(struct name_counters, upstream_failures));
    put_names(w, "tlsfront_server_name_received_bytes_total", "counter",
              "Bytes received from them, less TLS.", offsetof(struct name_counters, bytes_in));
    put_names(w, "tlsfront_server_name_sent_bytes_total", "counter",
              "Bytes sent to them, less TLS.", offsetof(struct name_counters, bytes_out));
}

/* ---- upstreams ---- */

typedef void upstream_fn(struct writer *w, const char *route, const char *upstream,
                         const struct upstream_view *u);

static void each_upstream(struct writer *w, upstream_fn *fn)
{
    const struct snapshot_upstream *u = snapshot_upstreams(w->snapshot);
    for (size_t i = 0; i < routes(w); i++) {
        const struct snapshot_route *r = &snapshot_routes(w->snapshot)[i];
        for (uint32_t k = 0; k < r->upstreams; k++, u++) {
            const struct upstream_view view = view_upstream(w->view, r, u);
            fn(w, route_name(w, i), text(w, u->text), &view);
        }
    }
}

/* Those of server names, as far as they are shown. */
typedef void name_upstream_fn(struct writer *w, const char *route, const char *name,
                              const char *upstream, const struct upstream_view *u);

static void each_name_upstream(struct writer *w, name_upstream_fn *fn)
{
    const struct snapshot_server_name *n = snapshot_server_names(w->snapshot);
    const struct snapshot_upstream *u = snapshot_name_upstreams(w->snapshot);
    size_t at = 0;
    for (size_t i = 0; i < routes(w); i++)
        for (uint32_t k = 0; k < snapshot_routes(w->snapshot)[i].server_names; k++, at++)
            for (uint32_t m = 0; m < n[at].upstreams && at < VIEW_NAMES_MAX; m++, u++) {
                const struct upstream_view view = view_name_upstream(w->view, &n[at], u);
                fn(w, route_name(w, i), text(w, n[at].name), text(w, u->text), &view);
            }
}

static void put_up(struct writer *w, const char *route, const char *upstream,
                   const struct upstream_view *u)
{
    if (u->tried)
        sample(w, LABELS("route", route, "upstream", upstream), u->up);
}

static void put_name_up(struct writer *w, const char *route, const char *name, const char *upstream,
                        const struct upstream_view *u)
{
    if (u->tried)
        sample(w, LABELS("route", route, "server_name", name, "upstream", upstream), u->up);
}

static void put_upstream_failures(struct writer *w, const char *route, const char *upstream,
                                  const struct upstream_view *u)
{
    for (unsigned i = 0; i < UPSTREAM_FAULTS; i++)
        sample(w, LABELS("route", route, "upstream", upstream, "reason", upstream_fault_names[i]),
               u->failures[i]);
}

/* There are many names; those of their reasons that never happened are left out. */
static void put_name_upstream_failures(struct writer *w, const char *route, const char *name,
                                       const char *upstream, const struct upstream_view *u)
{
    for (unsigned i = 0; i < UPSTREAM_FAULTS; i++)
        if (u->failures[i] > 0)
            sample(w,
                   LABELS("route", route, "server_name", name, "upstream", upstream, "reason",
                          upstream_fault_names[i]),
                   u->failures[i]);
}

static void put_upstreams(struct writer *w)
{
    family(w, "tlsfront_upstream_up", "gauge",
           "1: the last attempt to reach it succeeded, with health-check the last visit; 0: it "
           "failed, or its name has no address. Not there before the first attempt.");
    each_upstream(w, put_up);
    each_name_upstream(w, put_name_up);
    family(w, "tlsfront_upstream_failures_total", "counter",
           "Attempts to reach an upstream that failed, by reason.");
    each_upstream(w, put_upstream_failures);
    each_name_upstream(w, put_name_upstream_failures);
}

/* ---- certificates ---- */

static int compare_labels(const struct writer *w, const struct snapshot_certificate *a,
                          const struct snapshot_certificate *b)
{
    int by = strcmp(text(w, a->name), text(w, b->name));
    by = by != 0 ? by : strcmp(text(w, a->kind), text(w, b->kind));
    return by != 0 ? by : strcmp(text(w, a->serial), text(w, b->serial));
}

/* Those that are alike in their order. */
static int compare_certificates(const void *a, const void *b, void *writer)
{
    const struct writer *w = writer;
    const struct snapshot_certificate *c = snapshot_certificates(w->snapshot);
    const size_t i = *(const size_t *)a, k = *(const size_t *)b;
    const int by = compare_labels(w, &c[i], &c[k]);
    return by != 0 ? by : (i > k) - (i < k);
}

/* An intermediate may stand in many chains, and an authority on many routes: each once. So many are
 * in `list`, by their labels. NULL: there is no memory. */
static size_t *list_certificates(struct writer *w, size_t *count_r)
{
    const struct snapshot_certificate *c = snapshot_certificates(w->snapshot);
    const size_t all = w->snapshot->counts[SNAPSHOT_CERTIFICATES];
    size_t *list = calloc(all + 1, sizeof *list), n = 0;
    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < all; i++)
        list[i] = i;
    qsort_r(list, all, sizeof *list, compare_certificates, w);
    for (size_t i = 0; i < all; i++)
        if (n == 0 || compare_labels(w, &c[list[n - 1]], &c[list[i]]) != 0)
            list[n++] = list[i];
    *count_r = n;
    return list;
}

static bool crl_is_told_already(const struct writer *w, size_t i)
{
    const struct snapshot_crl *c = snapshot_crls(w->snapshot);
    for (size_t k = 0; k < i; k++)
        if (strcmp(text(w, c[k].file), text(w, c[i].file)) == 0)
            return true;
    return false;
}

/* A file may hold several lists: the first that ends. */
static int64_t first_update(const struct writer *w, size_t i)
{
    const struct snapshot_crl *c = snapshot_crls(w->snapshot);
    int64_t first = c[i].next_update;
    for (size_t k = i + 1; k < w->snapshot->counts[SNAPSHOT_CRLS]; k++)
        if (strcmp(text(w, c[k].file), text(w, c[i].file)) == 0 && c[k].next_update < first)
            first = c[k].next_update;
    return first;
}

static int64_t beginning(const struct snapshot_certificate *c)
{
    return c->not_before;
}

static int64_t end(const struct snapshot_certificate *c)
{
    return c->not_after;
}

static void each_certificate(struct writer *w, const size_t *list, size_t count,
                             int64_t (*when)(const struct snapshot_certificate *c))
{
    for (size_t i = 0; i < count; i++) {
        const struct snapshot_certificate *c = &snapshot_certificates(w->snapshot)[list[i]];
        sample_signed(w,
                      LABELS("certificate", text(w, c->name), "kind", text(w, c->kind), "serial",
                             text(w, c->serial)),
                      when(c));
    }
}

static void put_certificates(struct writer *w)
{
    size_t count = 0, *list = list_certificates(w, &count);
    family(
        w, "tlsfront_certificate_not_after_timestamp_seconds", "gauge",
        "When a certificate in use expires: those served or shown to servers, and the authorities "
        "of clients and of servers.");
    each_certificate(w, list, count, end);
    family(w, "tlsfront_certificate_not_before_timestamp_seconds", "gauge",
           "When its validity began: for how long it is made.");
    each_certificate(w, list, count, beginning);
    free(list);
    family(w, "tlsfront_crl_next_update_timestamp_seconds", "gauge",
           "When a revocation list of clients' certificates runs out.");
    for (size_t i = 0; i < w->snapshot->counts[SNAPSHOT_CRLS]; i++)
        if (!crl_is_told_already(w, i))
            sample_signed(w, LABELS("file", text(w, snapshot_crls(w->snapshot)[i].file)),
                          first_update(w, i));
}

static void put_ticket_keys(struct writer *w)
{
    const struct snapshot_ticket_key *k = snapshot_ticket_keys(w->snapshot);
    family(w, "tlsfront_ticket_key_modified_timestamp_seconds", "gauge",
           "When a file of ticket-key was written; its fingerprint is the same on all machines.");
    for (size_t i = 0; i < w->snapshot->counts[SNAPSHOT_TICKET_KEYS]; i++)
        sample_signed(w,
                      LABELS("file", text(w, k[i].file), "fingerprint", text(w, k[i].fingerprint),
                             "use", i == 0 ? "seals" : "opens"),
                      k[i].modified);
}

/* ---- processes ---- */

static const struct process_family {
    const char *name, *type, *help;
    size_t field;
    bool is_time; /* in milliseconds */
} process_families[] = {
    {"process_cpu_seconds_total", "counter", "Time of processors used, of the user and the system.",
     offsetof(struct snapshot_process, cpu_ms), true},
    {"process_resident_memory_bytes", "gauge", "Memory in use.",
     offsetof(struct snapshot_process, resident), false},
    {"process_open_fds", "gauge",
     "Descriptors in use; only of processes whose user may be looked at.",
     offsetof(struct snapshot_process, files), false},
    {"process_max_fds", "gauge", "Descriptors that may be in use.",
     offsetof(struct snapshot_process, files_max), false},
};

static void put_process(struct writer *w, const struct process_family *f,
                        const struct snapshot_process *p)
{
    const int64_t value = *(const int64_t *)(const void *)((const char *)p + f->field);
    char index[12];
    snprintf(index, sizeof index, "%u", p->index);
    const char *const *labels = LABELS("process", text(w, p->kind), "index", index);
    if (value >= 0 && f->is_time)
        milliseconds(w, "", labels, (uint64_t)value);
    else if (value >= 0)
        sample_signed(w, labels, value);
}

static void put_processes(struct writer *w)
{
    const struct snapshot_process *p = snapshot_processes(w->snapshot);
    for (size_t k = 0; k < sizeof process_families / sizeof *process_families; k++) {
        family(w, process_families[k].name, process_families[k].type, process_families[k].help);
        for (size_t i = 0; i < w->snapshot->counts[SNAPSHOT_PROCESSES]; i++)
            put_process(w, &process_families[k], &p[i]);
    }
}

/* ---- the whole ---- */

static void put_connections(struct writer *w)
{
    put_stages(w);
    put_totals(w, "tlsfront_connections_total", "Connections accepted.",
               offsetof(struct route_counters, accepted));
    put_totals(w, "tlsfront_balancer_checks_total",
               "Of these, those of a balancer's own, by their PROXY headers.",
               offsetof(struct route_counters, checks));
    family(w, "tlsfront_connections_refused_total", "counter",
           "Connections that were told that there is no service for them, by reason.");
    put_kinds(w, "reason", refusal_names, REFUSALS, offsetof(struct route_details, refused));
    put_ends(w);
    put_bytes(w);
}

static void put_tls(struct writer *w)
{
    put_handshakes(w);
    family(w, "tlsfront_handshake_failures_total", "counter",
           "TLS handshakes that began and failed, by reason.");
    put_kinds(w, "reason", handshake_fault_names, HANDSHAKE_FAULTS,
              offsetof(struct route_details, handshake_faults));
    put_handshake_seconds(w);
    family(w, "tlsfront_starttls_total", "counter",
           "Sessions of routes with STARTTLS, by what became of it.");
    put_kinds(w, "outcome", starttls_outcome_names, STARTTLS_OUTCOMES,
              offsetof(struct route_details, starttls));
    put_plaintext(w);
    put_totals(w, "tlsfront_plaintext_logins_refused_total",
               "Logins that came in clear and were refused.",
               offsetof(struct route_counters, logins_refused));
}

void metrics_render(const struct view *v, enum metrics_format format, struct buf *out)
{
    struct writer w = {.view = v, .snapshot = v->snapshot, .format = format, .out = out};
    put_build(&w);
    put_configuration(&w);
    put_connections(&w);
    put_tls(&w);
    put_server_names(&w);
    put_upstreams(&w);
    put_certificates(&w);
    put_ticket_keys(&w);
    put_daemon_counters(&w);
    put_processes(&w);
    if (format == METRICS_OPENMETRICS)
        buf_puts(out, "# EOF\n");
}

const char *metrics_content_type(enum metrics_format format)
{
    return format == METRICS_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}
