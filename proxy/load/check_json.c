/* check_json.c - `check` for programs; a field once published keeps its name and meaning. */
#include "proxy/base/json.h"
#include "proxy/base/version.h"
#include "proxy/load/fingerprint.h"
#include "proxy/load/load.h"
#include "proxy/routes/certificate_json.h"
#include "proxy/routes/route_json.h"

#include <time.h>

/* A number that counts from 1; 0: null. */
static void json_place(struct buf *out, const char *key, int number)
{
    if (number > 0)
        json_number(out, key, number);
    else
        json_string(out, key, NULL);
}

static void json_finding(const struct diag *f, struct buf *out)
{
    json_object(out, NULL);
    json_string(out, "severity", f->severity == DIAG_WARNING ? "warning" : "error");
    json_string(out, "file", f->file);
    json_place(out, "line", f->line);
    json_place(out, "column", f->column);
    json_string(out, "block", f->kind);
    json_string(out, "name", f->name);
    json_string(out, "key", f->key);
    json_string(out, "message", f->cause != NULL ? f->cause : "out of memory");
    json_string(out, "cure", f->cure);
    json_object_end(out);
}

void load_json_findings(const struct diags *d, struct buf *out)
{
    static const struct diag lost = {.severity = DIAG_ERROR};
    json_array(out, "findings");
    for (size_t i = 0; i < d->count; i++)
        json_finding(&d->items[i], out);
    if (d->out_of_memory)
        json_finding(&lost, out);
    json_array_end(out);
}

static void json_counts(const struct diags *d, struct buf *out)
{
    size_t warnings = 0;
    for (size_t i = 0; i < d->count; i++)
        warnings += d->items[i].severity == DIAG_WARNING;
    json_number(out, "errors", (int64_t)(d->count - warnings + d->out_of_memory));
    json_number(out, "warnings", (int64_t)warnings);
}

static void json_certificates(const struct generation *g, struct buf *out)
{
    json_array(out, "certificates");
    for (size_t i = 0; i < g->config->certificate_count; i++) {
        json_object(out, NULL);
        json_string(out, "name", g->config->certificates[i].name);
        certificate_json(tls_identity_facts(g->identities[i]), time(NULL), out);
        json_object_end(out);
    }
    json_array_end(out);
}

static void json_server_names(const struct config *c, const struct route_config *r, struct buf *out)
{
    json_array(out, "server_names");
    for (size_t i = 0; i < r->name_count; i++) {
        json_object(out, NULL);
        server_name_json(c, &r->names[i], out);
        json_object_end(out);
    }
    json_array_end(out);
}

static void json_routes(const struct config *c, struct buf *out)
{
    json_array(out, "routes");
    for (size_t i = 0; i < c->route_count; i++) {
        json_object(out, NULL);
        route_json(c, &c->routes[i], out);
        json_server_names(c, &c->routes[i], out);
        json_object_end(out);
    }
    json_array_end(out);
}

static void json_hashes(const struct bundle *b, struct buf *out)
{
    struct fingerprints f;
    fingerprints(b, &f);
    json_string(out, "config_hash", f.config);
    json_string(out, "files_hash", f.files);
}

void load_print_json(const char *path, const struct candidate *l, const struct diags *d,
                     struct buf *out)
{
    const struct generation *g = l->generation;
    const bool good = load_good(g, d);
    json_object(out, NULL);
    json_string(out, "version", version_text);
    json_string(out, "file", path);
    json_bool(out, "accepted", good);
    json_counts(d, out);
    load_json_findings(d, out);
    if (good) {
        json_hashes(l->bundle, out);
        json_routes(g->config, out);
        json_certificates(g, out);
    }
    json_object_end(out);
    buf_puts(out, "\n");
}
