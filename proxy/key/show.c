/* show.c - `tlsfront key list` and `key show`. */
#include "config/plural.h"
#include "proxy/base/date.h"
#include "proxy/base/json.h"
#include "proxy/key/binding.h"
#include "proxy/key/judge.h"
#include "proxy/key/serving.h"
#include "proxy/key/tlsa.h"
#include "proxy/routes/certificate_json.h"
#include "proxy/routes/expiry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* All about one name. */
struct view {
    struct key_job *job;
    const char *name;
    size_t block; /* KEY_UNBOUND: the configuration does not name it */
    struct keystore_entry entry;
    bool installed, waiting; /* in the store: a pair, a request */
    struct tls_identity *id; /* NULL: there is no certificate, or it does not load */
    struct err why;          /* it does not load */
};

static bool is_managed(const struct view *v)
{
    return v->block == KEY_UNBOUND || v->job->config->certificates[v->block].managed;
}

static void load_view(struct view *v)
{
    const struct keystore_entry *entry = &v->entry;
    v->installed = keystore_has(entry, KEYSTORE_CHAIN);
    v->waiting = keystore_has(entry, KEYSTORE_REQUEST);
    if (!is_managed(v)) {
        struct tls_identity *known = (struct tls_identity *)key_block_identity(v->job, v->block);
        v->id = known != NULL ? tls_identity_ref(known) : NULL;
        err_set(&v->why, "its files do not load; `tlsfront check` tells why");
    } else if (v->installed) {
        v->id = key_stored_identity(v->job, v->name, entry, &v->why);
    }
}

/* False: a finding says why. */
static bool open_view(struct key_job *j, const char *name, struct view *v)
{
    struct err e;
    *v = (struct view){.job = j, .name = name, .block = key_block(j, name)};
    if (keystore_read(&j->store, name, &v->entry, &e) != 0) {
        key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
        return false;
    }
    load_view(v);
    return true;
}

static void close_view(struct view *v)
{
    tls_identity_free(v->id);
    keystore_entry_free(&v->entry);
}

static const char *state_of(const struct view *v)
{
    if (!is_managed(v))
        return v->id != NULL ? "own files" : "own files, unusable";
    if (v->installed && v->id == NULL)
        return "unusable";
    if (v->installed)
        return v->waiting ? "installed, request waits" : "installed";
    return v->waiting ? "request waits" : v->entry.exists ? "no certificate" : "missing";
}

static void expiry_of(const struct view *v, char text[64])
{
    char day[DATE_DAY_SIZE];
    text[0] = '\0';
    if (v->id == NULL)
        return;
    const struct tls_identity_facts *f = tls_identity_facts(v->id);
    const time_t now = time(NULL);
    const long left = expiry_days(f->not_after, now);
    date_day(f->not_after, day);
    if (left < 0)
        snprintf(text, 64, "%s EXPIRED", day);
    else
        snprintf(text, 64, "%s (%ld day%s%s)", day, left, plural((unsigned long long)left),
                 tls_renew_due(f, now) ? ", renew it" : "");
}

/* ---- routes ---- */

typedef bool uses_fn(const struct route_config *r, size_t certificate);

static const struct route_config *next_of(const struct view *v, uses_fn *uses, size_t *i)
{
    while (v->block != KEY_UNBOUND && *i < v->job->config->route_count) {
        const struct route_config *r = &v->job->config->routes[(*i)++];
        if (uses(r, v->block))
            return r;
    }
    return NULL;
}

/* One that serves it, and one that shows it to its upstreams. */
static const struct route_config *next_route(const struct view *v, size_t *i)
{
    return next_of(v, config_route_uses, i);
}

static const struct route_config *next_shower(const struct view *v, size_t *i)
{
    return next_of(v, config_route_shows, i);
}

static bool is_default(const struct route_config *r, size_t block)
{
    return r->certificates.count > 0 && r->certificates.items[0] == block;
}

static void routes_of(const struct view *v, char *text, size_t size)
{
    size_t i = 0, used = 0;
    snprintf(text, size, "-");
    for (const struct route_config *r; (r = next_route(v, &i)) != NULL && used < size;)
        used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? "," : "", r->name);
    i = 0;
    for (const struct route_config *r; (r = next_shower(v, &i)) != NULL && used < size;)
        used += (size_t)snprintf(text + used, size - used, "%supstreams of %s", used > 0 ? "," : "",
                                 r->name);
}

static void json_routes(const struct view *v)
{
    struct buf *out = &v->job->out;
    size_t i = 0;
    json_array(out, "routes");
    for (const struct route_config *r; (r = next_route(v, &i)) != NULL;) {
        json_object(out, NULL);
        json_string(out, "name", r->name);
        json_string(out, "protocol", protocol_facts(r->protocol)->name);
        json_bool(out, "default", is_default(r, v->block));
        json_array(out, "listen");
        for (size_t k = 0; k < r->listen_count; k++)
            json_string(out, NULL, r->listen[k].text);
        json_array_end(out);
        json_object_end(out);
    }
    json_array_end(out);
    i = 0;
    json_array(out, "upstreams_of");
    for (const struct route_config *r; (r = next_shower(v, &i)) != NULL;)
        json_string(out, NULL, r->name);
    json_array_end(out);
}

static void text_routes(const struct view *v)
{
    size_t i = 0, count = 0;
    for (const struct route_config *r; (r = next_route(v, &i)) != NULL; count++) {
        buf_printf(&v->job->out, "%-12s %s (%s, %s)", "bound to", r->name,
                   protocol_facts(r->protocol)->name,
                   is_default(r, v->block) ? "default" : "by server name");
        for (size_t k = 0; k < r->listen_count; k++)
            buf_printf(&v->job->out, " %s", r->listen[k].text);
        buf_puts(&v->job->out, "\n");
    }
    i = 0;
    for (const struct route_config *r; (r = next_shower(v, &i)) != NULL; count++)
        buf_printf(&v->job->out, "%-12s the upstreams of %s\n", "shown to", r->name);
    if (count == 0)
        key_say(v->job, "bound to", "nothing");
}

/* ---- list ---- */

static void json_view(const struct view *v)
{
    struct buf *out = &v->job->out;
    json_string(out, "name", v->name);
    json_string(out, "state", state_of(v));
    json_bool(out, "managed", is_managed(v));
    json_bool(out, "installed", v->id != NULL);
    json_bool(out, "request_waits", v->waiting);
    if (v->id != NULL)
        certificate_json(tls_identity_facts(v->id), time(NULL), out);
    json_routes(v);
}

static void list_line(const struct view *v)
{
    char expiry[64], routes[256];
    const struct tls_identity_facts *f = v->id != NULL ? tls_identity_facts(v->id) : NULL;
    expiry_of(v, expiry);
    routes_of(v, routes, sizeof routes);
    buf_printf(&v->job->out, "%-16s %-24s %-28s %-30s %s\n", v->name, state_of(v),
               f == NULL           ? "-"
               : f->name_count > 0 ? f->names[0]
                                   : f->subject,
               *expiry != '\0' ? expiry : "-", routes);
}

static void list_one(void *arg, const char *name)
{
    struct key_job *j = arg;
    struct view v;
    if (!open_view(j, name, &v))
        return;
    if (j->o->json) {
        json_object(&j->out, NULL);
        json_view(&v);
        json_object_end(&j->out);
    } else {
        list_line(&v);
    }
    close_view(&v);
}

/* Those of the configuration come first, in its order. */
static void list_stored(void *arg, const char *name)
{
    if (key_block(arg, name) == KEY_UNBOUND)
        list_one(arg, name);
}

int key_list(struct key_job *j)
{
    struct err e;
    if (j->o->json)
        json_array(&j->out, "certificates");
    else
        buf_printf(&j->out, "%-16s %-24s %-28s %-30s %s\n", "NAME", "STATE", "FOR", "UNTIL",
                   "ROUTES");
    for (size_t i = 0; j->config != NULL && i < j->config->certificate_count; i++)
        list_one(j, j->config->certificates[i].name);
    if (keystore_each(&j->store, list_stored, j, &e) != 0)
        key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    if (j->o->json)
        json_array_end(&j->out);
    return diag_ok(&j->findings, DIAG_ERROR) ? 0 : EXIT_RUNTIME;
}

/* ---- what the daemon serves ---- */

enum serving { SERVING_THIS, SERVING_ANOTHER, SERVING_NONE, NO_DAEMON };

static enum serving judge_serving(const struct view *v, const struct key_serving *s)
{
    if (!s->answered)
        return NO_DAEMON;
    if (s->fingerprint[0] == '\0')
        return SERVING_NONE;
    const bool same =
        v->id != NULL && strcmp(s->fingerprint, tls_identity_facts(v->id)->fingerprint) == 0;
    return same ? SERVING_THIS : SERVING_ANOTHER;
}

static void show_serving(const struct view *v)
{
    static const struct {
        const char *word, *text;
    } answers[] = {
        [SERVING_THIS] = {"this", "this certificate"},
        [SERVING_ANOTHER] = {"another", "another certificate under this name: commit this one with "
                                        "`tlsfront reload`"},
        [SERVING_NONE] = {"none", "no certificate under this name"},
        [NO_DAEMON] = {"no daemon", NULL},
    };
    const struct key_serving s = key_ask_serving(v->job, v->name);
    const enum serving what = judge_serving(v, &s);
    char unknown[sizeof s.why.text + 16];
    snprintf(unknown, sizeof unknown, "unknown: %s", s.why.text);
    if (v->job->o->json)
        json_string(&v->job->out, "serving", answers[what].word);
    else
        key_say(v->job, "served now", what == NO_DAEMON ? unknown : answers[what].text);
}

/* ---- show ---- */

static void text_facts(const struct view *v)
{
    struct key_job *j = v->job;
    const struct tls_identity_facts *f = tls_identity_facts(v->id);
    char day[16], expiry[64];
    for (size_t i = 0; i < f->name_count; i++)
        key_say(j, i == 0 ? "names" : "", f->names[i]);
    key_say(j, "subject", f->subject);
    key_say(j, "issuer", f->self_signed ? "itself (self-signed)" : f->issuer);
    date_day(f->not_before, day);
    key_say(j, "valid from", day);
    expiry_of(v, expiry);
    key_say(j, "valid until", expiry);
    key_say(j, "key", f->key);
    key_say(j, "serial", f->serial);
    key_say(j, "fingerprint", f->fingerprint);
}

/* The chain's bytes: of the store, or of the file that the block names. */
static void show_chain(const struct view *v)
{
    if (is_managed(v)) {
        key_say_chain(v->job, key_slice(&v->entry.file[KEYSTORE_CHAIN]));
        return;
    }
    const char *path = v->job->config->certificates[v->block].chain.path;
    const struct bundle_entry *e =
        path != NULL ? bundle_find(v->job->candidate.bundle, BUNDLE_FILE, path) : NULL;
    if (e != NULL)
        key_say_chain(v->job, (struct tls_slice){e->data, e->size});
}

static void show_paths(const struct view *v)
{
    struct key_job *j = v->job;
    if (!is_managed(v)) {
        const struct certificate_config *c = &j->config->certificates[v->block];
        key_say(j, "chain", c->chain.path);
        key_say(j, "key file", c->key.path != NULL ? c->key.path : c->chain.path);
        return;
    }
    char *directory = keystore_path(&j->store, v->name, KEYSTORE_FILES);
    char *request = keystore_path(&j->store, v->name, KEYSTORE_REQUEST);
    key_say(j, "folder", directory);
    if (v->waiting)
        key_say(j, "request", request);
    free(directory);
    free(request);
}

static void show(const struct view *v)
{
    struct key_job *j = v->job;
    if (j->o->json) {
        json_view(v);
    } else {
        key_say(j, "name", v->name);
        key_say(j, "state", state_of(v));
        if (v->id != NULL)
            text_facts(v);
    }
    if (v->id != NULL)
        show_chain(v);
    if (!j->o->json) {
        show_paths(v);
        text_routes(v);
    }
    show_serving(v);
    if (v->id == NULL && v->why.text[0] != '\0')
        key_note(j, "%s", v->why.text);
}

int key_show(struct key_job *j)
{
    struct view v;
    if (!open_view(j, j->o->name, &v))
        return EXIT_RUNTIME;
    int status = 0;
    if (!v.entry.exists && v.block == KEY_UNBOUND)
        status =
            key_fail(j, "`tlsfront key list` lists those that there are",
                     "there is no certificate %s, in %s or in %s", v.name, j->state, j->o->file);
    else if (j->o->tlsa)
        status = key_tlsa(j, v.block, v.id, &v.entry);
    else
        show(&v);
    close_view(&v);
    return status;
}
