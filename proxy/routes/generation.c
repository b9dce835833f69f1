#include "proxy/routes/generation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The bytes of a file that the configuration names; data NULL when it names none. */
static struct tls_slice file_bytes(const struct bundle *b, const struct file_ref *file)
{
    const struct bundle_entry *e =
        file->path != NULL ? bundle_find(b, BUNDLE_FILE, file->path) : NULL;
    return e != NULL ? (struct tls_slice){e->data, e->size} : (struct tls_slice){0};
}

/* Its key is under a passphrase that did not open it, and an error says so (unlock.h). */
static bool stays_closed(const struct certificate_config *c, const struct bundle *b,
                         const struct diags *d)
{
    const char *path = c->key.path != NULL ? c->key.path : c->chain.path;
    const struct bundle_entry *file = bundle_find(b, BUNDLE_FILE, path);
    return file->replaced && file->size == 0 && !diag_ok(d, DIAG_ERROR);
}

/* With its key, or, `keyless`, without. */
static struct tls_identity *load_identity(const struct config *all, size_t index,
                                          const struct bundle *b, bool keyless, struct diags *d)
{
    const struct certificate_config *c = &all->certificates[index];
    const struct tls_slice chain = file_bytes(b, &c->chain), key = file_bytes(b, &c->key);
    if (chain.data == NULL || (c->key.path != NULL && key.data == NULL))
        return NULL; /* missing files are reported where they are read */
    if (!keyless && stays_closed(c, b, d))
        return NULL;

    struct err e = {.text = ""};
    struct tls_identity *id = keyless
                                  ? tls_identity_inspect(chain, c->chain.path, &e)
                                  : tls_identity_load(chain, c->chain.path, key, c->key.path, &e);
    if (id == NULL) {
        const bool key_blamed = e.blamed == TLS_INPUT_KEY && c->key.path != NULL;
        const struct file_ref *where = key_blamed ? &c->key : &c->chain;
        diag_add(d, DIAG_ERROR, &where->at, err_cure_or(&e, NULL), "certificate %s: %s", c->name,
                 e.text);
        return NULL;
    }
    return id;
}

/* ---- routes ---- */

/* Whom a policy that cannot be had is blamed on, and what to do. */
static void report_policy(const struct route_config *r, const struct err *e, struct diags *d)
{
    static const char take_known[] = "take names from that list, or remove the line";
    const struct {
        const struct origin *at;
        const char *cure;
    } blamed[] = {
        [TLS_INPUT_NONE] = {&r->at, NULL},
        [TLS_INPUT_CIPHERS] = {&r->ciphers_at, take_known},
        [TLS_INPUT_GROUPS] = {&r->groups_at, take_known},
        [TLS_INPUT_ALPN] = {&r->alpn_at, "give short protocol names, as in alpn = {\"imap\"}"},
        [TLS_INPUT_CLIENT_CA] = {&r->client_ca.at,
                                 "give the authority's certificate, as PEM or DER"},
        [TLS_INPUT_UPSTREAM_CA] = {&r->at, NULL}, /* of a target */
        [TLS_INPUT_CLIENT_CRL] = {&r->client_crl.at, "give the authority's revocation list, as PEM "
                                                     "or DER"},
    };
    diag_add(d, DIAG_ERROR, blamed[e->blamed].at, err_cure_or(e, blamed[e->blamed].cure),
             "route %s: %s", r->name, e->text);
}

/* The identities of a route: its own, then those of its names. */
struct chosen {
    struct tls_identity **items;
    size_t count;
    struct tls_server_name *names;
};

static size_t count_chosen(const struct route_config *r)
{
    size_t count = r->certificates.count;
    for (size_t i = 0; i < r->name_count; i++)
        count += r->names[i].certificates.count;
    return count;
}

/* False: one has not loaded, which is reported with the certificate. */
static bool choose_list(const struct generation *g, const struct certificate_list *list,
                        struct chosen *all)
{
    bool loaded = true;
    for (size_t i = 0; i < list->count; i++) {
        all->items[all->count] = g->identities[list->items[i]];
        loaded = all->items[all->count++] != NULL && loaded;
    }
    return loaded;
}

static bool choose(const struct generation *g, const struct route_config *r, struct chosen *all)
{
    bool loaded = choose_list(g, &r->certificates, all);
    for (size_t i = 0; i < r->name_count; i++) {
        const struct certificate_list *list = &r->names[i].certificates;
        all->names[i] =
            (struct tls_server_name){r->names[i].name, all->items + all->count, list->count};
        loaded = choose_list(g, list, all) && loaded;
    }
    return loaded;
}

static struct tls_server *load_policy(const struct generation *g, const struct route_config *r,
                                      const struct bundle *b, struct diags *d)
{
    struct chosen chosen = {.items = calloc(count_chosen(r) + 1, sizeof *chosen.items),
                            .names = calloc(r->name_count + 1, sizeof *chosen.names)};
    struct tls_server *server = NULL;
    struct err e = {.text = "out of memory"};
    if (chosen.items == NULL || chosen.names == NULL)
        goto out;
    if (!choose(g, r, &chosen))
        goto silent;
    if (r->client_ca.path != NULL && file_bytes(b, &r->client_ca).data == NULL)
        goto silent; /* reported where it is read */
    /* ALPACA (CVE-2021-3618): what a client means for another protocol must not reach this one. */
    const char *registered = protocol_facts(r->protocol)->alpn;
    const struct string_list own = {&registered, registered != NULL ? 1 : 0};
    const struct tls_server_options options = {
        .context = protocol_facts(r->protocol)->name,
        .identities = chosen.items,
        .identity_count = r->certificates.count,
        .names = chosen.names,
        .name_count = r->name_count,
        .challenges = r->protocol == PROTOCOL_ACME,
        .min_version = r->min_version,
        .client_auth = r->client_auth,
        .client_ca = file_bytes(b, &r->client_ca),
        .client_crl = file_bytes(b, &r->client_crl),
        .client_subjects = &r->client_subjects,
        .client_names = &r->client_names,
        .strict_sni = r->strict_sni,
        .alpn = r->alpn.count > 0 ? &r->alpn : &own,
        .groups = &r->groups,
        .ciphers = &r->ciphers,
    };
    server = tls_server_new(&options, &e);
out:
    if (server == NULL)
        report_policy(r, &e, d);
silent:
    free(chosen.names);
    free(chosen.items);
    return server;
}

/* Where visits tell of its return, one that has failed can be left alone until the next. */
static void tune_upstreams(struct target *t)
{
    t->upstreams.balance = t->config->balance;
    if (t->config->health_check > t->upstreams.down_ms)
        t->upstreams.down_ms = t->config->health_check;
}

/* ---- targets ---- */

static void load_upstream_tls(const struct generation *g, struct target *t, const struct bundle *b,
                              struct diags *d)
{
    const struct upstream_tls_config *tls = &t->config->tls;
    const bool verify = tls->mode == UPSTREAM_TLS_VERIFY, shown = tls->certificate.count > 0;
    struct tls_dialer_options options = {
        .context = t->config->label,
        .ca = verify ? file_bytes(b, &tls->ca) : (struct tls_slice){0},
        .pins = tls->pins,
        .pin_count = verify ? 0 : tls->pin_count,
        .identity = shown ? g->identities[tls->certificate.items[0]] : NULL,
    };
    struct err e = {.text = ""};
    if (tls->mode == UPSTREAM_TLS_OFF || (verify ? options.ca.data == NULL : tls->pin_count == 0) ||
        (shown && options.identity == NULL))
        return; /* what is missing is reported where it is read */
    t->tls = tls_dialer_new(&options, &e);
    if (t->tls == NULL)
        diag_add(d, DIAG_ERROR, verify ? &tls->ca.at : &tls->at,
                 err_cure_or(&e, "give the authority's certificate, as PEM or DER"), "%s: %s",
                 t->config->label, e.text);
}

/* -1: out of memory. */
static int load_targets(struct generation *g)
{
    for (size_t i = 0; i < g->config->target_count; i++) {
        const struct target_config *t = g->targets[i].config = g->config->targets[i];
        if (upstream_set_init(&g->targets[i].upstreams, t->upstream, t->upstream_count) != 0)
            return -1;
        tune_upstreams(&g->targets[i]);
    }
    return 0;
}

/* ---- policies ---- */

/* A file that is missing is reported where it is read. */
static void load_mta_sts(struct route *route, const struct bundle *b, struct diags *d)
{
    const struct tls_slice file = file_bytes(b, &route->config->policy);
    if (route->config->protocol != PROTOCOL_MTA_STS || file.data == NULL)
        return;
    route->policy = malloc(file.size + 1);
    if (route->policy == NULL) {
        d->out_of_memory = true;
        return;
    }
    memcpy(route->policy, file.data, file.size);
    route->policy_size = file.size;
}

static void load_names(struct generation *g, struct route *route)
{
    route->names = g->names + (route->config->names - g->config->server_names);
    for (size_t i = 0; i < route->config->name_count; i++) {
        struct server_name *n = &route->names[i];
        n->config = &route->config->names[i];
        n->target = &g->targets[n->config->target.index];
    }
}

static void load_route(struct generation *g, size_t i, const struct bundle *b, struct diags *d)
{
    struct route *route = &g->routes[i];
    route->config = &g->config->routes[i];
    route->target = &g->targets[route->config->target.index];
    load_names(g, route);
    if (route->config->certificates.count > 0 ||
        (route->config->protocol == PROTOCOL_ACME && route->config->tls == TLS_MODE_IMPLICIT))
        route->tls = load_policy(g, route->config, b, d);
    load_mta_sts(route, b, d);
}

struct generation *generation_load(struct config *config, const struct bundle *b,
                                   enum generation_use use, struct diags *d)
{
    const bool keyless = use == GENERATION_SERVED && config->key_isolation;

    struct generation *g = calloc(1, sizeof *g);
    if (g == NULL) {
        config_free(config);
        return NULL;
    }
    link_init(&g->link);
    g->references = 1;
    g->config = config;
    g->identities = calloc(config->certificate_count + 1, sizeof *g->identities);
    g->routes = calloc(config->route_count + 1, sizeof *g->routes);
    g->targets = calloc(config->target_count + 1, sizeof *g->targets);
    g->names = calloc(config->server_name_count + 1, sizeof *g->names);
    if (g->identities == NULL || g->routes == NULL || g->targets == NULL || g->names == NULL ||
        load_targets(g) != 0)
        goto fail;

    for (size_t i = 0; i < config->certificate_count; i++)
        g->identities[i] = load_identity(config, i, b, keyless, d);
    for (size_t i = 0; i < config->target_count; i++)
        load_upstream_tls(g, &g->targets[i], b, d);
    for (size_t i = 0; i < config->route_count; i++)
        load_route(g, i, b, d);
    return g;

fail:
    generation_free(g);
    return NULL;
}

void generation_place_targets(struct generation *g, unsigned first)
{
    for (size_t i = 0; i < g->config->server_name_count; i++)
        g->names[i].target->slot = first + g->names[i].slot;
    for (size_t i = 0; i < g->config->route_count; i++) /* which those without their own share */
        g->routes[i].target->slot = g->routes[i].slot;
}

/* ---- what is out of its time ---- */

struct search {
    const struct generation *present;
    time_t now;
    const uint8_t *digest; /* that is looked for */
    bool found;
};

/* Target 0 is the route's own, the others are those of its names. */
static const struct target *target_of(const struct route *r, size_t i)
{
    return i == 0 ? r->target : r->names[i - 1].target;
}

static bool same_authorities(const struct target *x, const struct target *y)
{
    const char *a = x->config->tls.ca.path, *b = y->config->tls.ca.path;
    return x == y ||
           (x->tls != NULL && y->tls != NULL && a != NULL && b != NULL && strcmp(a, b) == 0);
}

const struct target *route_verifier(const struct route *r, size_t *i)
{
    while (r->target != NULL && *i <= r->config->name_count) {
        const struct target *t = target_of(r, (*i)++);
        bool seen = t->tls == NULL;
        for (size_t j = 0; j + 1 < *i && !seen; j++)
            seen = same_authorities(t, target_of(r, j));
        if (!seen)
            return t;
    }
    return NULL;
}

void route_upstream_expiries(const struct route *r, tls_expiry_fn *report, void *arg)
{
    size_t i = 0;
    for (const struct target *t; (t = route_verifier(r, &i)) != NULL;)
        tls_dialer_expiry(t->tls, report, arg);
}

static void each_expiry(const struct generation *g, tls_expiry_fn *report, void *arg)
{
    for (size_t i = 0; i < g->config->certificate_count; i++)
        if (g->identities[i] != NULL)
            tls_identity_expiries(g->identities[i], report, arg);
    for (size_t i = 0; i < g->config->route_count; i++)
        tls_server_expiries(g->routes[i].tls, report, arg);
    for (size_t i = 0; i < g->config->target_count; i++)
        tls_dialer_expiry(g->targets[i].tls, report, arg);
}

static void compare(void *arg, const struct tls_expiry *x)
{
    struct search *s = arg;
    s->found = s->found || memcmp(x->digest, s->digest, sizeof x->digest) == 0;
}

static void form_of(void *arg, const struct tls_expiry *x)
{
    struct search *s = arg;
    struct search here = {.digest = x->digest};
    if (s->found || (x->from <= s->now && s->now <= x->until))
        return;
    if (s->present != NULL)
        each_expiry(s->present, compare, &here);
    s->found = !here.found;
}

bool generation_brings_expired(const struct generation *next, const struct generation *present,
                               time_t now)
{
    struct search s = {.present = present, .now = now};
    each_expiry(next, form_of, &s);
    return s.found;
}

struct beginnings {
    time_t now, last;
};

static void look_at_beginning(void *arg, const struct tls_expiry *x)
{
    struct beginnings *b = arg;
    if (x->from > b->now && x->from > b->last)
        b->last = x->from;
}

time_t generation_valid_from(const struct generation *g, time_t now)
{
    struct beginnings b = {.now = now};
    each_expiry(g, look_at_beginning, &b);
    return b.last;
}

struct generation *generation_ref(struct generation *g)
{
    g->references++;
    return g;
}

void generation_free(struct generation *g)
{
    if (g == NULL || --g->references > 0)
        return;
    for (size_t i = 0; g->routes != NULL && i < g->config->route_count; i++) {
        tls_server_free(g->routes[i].tls);
        free(g->routes[i].policy);
    }
    for (size_t i = 0; g->targets != NULL && i < g->config->target_count; i++) {
        tls_dialer_free(g->targets[i].tls);
        upstream_set_free(&g->targets[i].upstreams);
    }
    for (size_t i = 0; g->identities != NULL && i < g->config->certificate_count; i++)
        tls_identity_free(g->identities[i]);
    link_remove(&g->link);
    free(g->names);
    free(g->targets);
    free(g->routes);
    free(g->identities);
    config_free(g->config);
    free(g);
}
