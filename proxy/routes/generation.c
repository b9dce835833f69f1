#include "proxy/routes/generation.h"
#include "proxy/base/date.h"
#include "proxy/routes/expiry.h"
#include "proxy/routes/mta_sts.h"

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

/* ---- certificates: what to tell the operator ---- */

static const struct {
    enum diag_severity severity;
    const char *cure;
} findings[] = {
    [TLS_FINDING_EXPIRED] = {DIAG_EXPIRED, "renew the certificate and put the new chain in place"},
    [TLS_FINDING_ISSUER_EXPIRED] = {DIAG_EXPIRED, NULL}, /* see cure_of() */
    [TLS_FINDING_NOT_YET_VALID] = {DIAG_EXPIRED,
                                   "check this machine's clock; else wait (with watch "
                                   "= on it is taken then), or use the previous "
                                   "certificate until then"},
    [TLS_FINDING_NEVER_VALID] = {DIAG_ERROR, "have the authority issue another"},
    [TLS_FINDING_EXPIRES_SOON] = {DIAG_WARNING, "renew it, then run `tlsfront reload`"},
    [TLS_FINDING_CHAIN_ORDER] = {DIAG_ERROR, "put the server's certificate first, then each "
                                             "issuer's behind the certificate it signed"},
    [TLS_FINDING_CHAIN_BROKEN] = {DIAG_ERROR, "put the intermediate certificate in its place that "
                                              "the authority gave with this one"},
    [TLS_FINDING_DAMAGED] = {DIAG_ERROR, "put the whole file in place again, or make another: "
                                         "tlsfront key self-signed NAME"},
    [TLS_FINDING_CHAIN_INCOMPLETE] = {DIAG_WARNING,
                                      "append the intermediate certificates that the authority "
                                      "gave; most clients do not fetch them"},
    [TLS_FINDING_WEAK_KEY] = {DIAG_WARNING, "make a new key of at least 2048 bits"},
    [TLS_FINDING_WEAK_SIGNATURE] = {DIAG_WARNING, "have the certificate issued again with SHA-256"},
    [TLS_FINDING_COMPRESSED_KEY] = {DIAG_ERROR, "have one issued for another key: tlsfront key new "
                                                "NAME"},
    [TLS_FINDING_NO_NAMES] = {DIAG_WARNING, "have it issued again with the host names in "
                                            "subjectAltName; clients ignore the common name"},
    [TLS_FINDING_NOT_FOR_SERVERS] = {DIAG_ERROR, "have one issued for a TLS server: "
                                                 "extendedKeyUsage serverAuth, keyUsage "
                                                 "digitalSignature"},
    [TLS_FINDING_AUTHORITY] = {DIAG_WARNING, "use a certificate issued for TLS servers"},
    [TLS_FINDING_MUST_STAPLE] = {DIAG_WARNING, "have one issued without the extension TLS feature"},
    [TLS_FINDING_UNKNOWN_CRITICAL] = {DIAG_ERROR,
                                      "have one issued without it, or with it not critical"},
    [TLS_FINDING_PRECERTIFICATE] = {DIAG_ERROR, "name the certificate that the authority issued "
                                                "after it, for the same key"},
    [TLS_FINDING_CHALLENGE] = {DIAG_ERROR,
                               "name the server's own certificate; the ACME client's answers "
                               "belong into a route with protocol = acme (challenges)"},
    [TLS_FINDING_SOME_REFUSE] = {DIAG_WARNING, "have one issued for a TLS server, with no more "
                                               "than the usual critical extensions"},
};

struct report {
    struct diags *diags;
    const struct certificate_config *certificate;
    bool served; /* to clients, who look at it as at a server's */
};

/* Nobody but a server's client minds. */
static const bool is_for_servers[TLS_FINDINGS] = {
    [TLS_FINDING_NO_NAMES] = true,    [TLS_FINDING_NOT_FOR_SERVERS] = true,
    [TLS_FINDING_AUTHORITY] = true,   [TLS_FINDING_MUST_STAPLE] = true,
    [TLS_FINDING_SOME_REFUSE] = true,
};

static const char *cure_of(enum tls_finding finding, unsigned place, char text[256])
{
    if (finding != TLS_FINDING_ISSUER_EXPIRED)
        return findings[finding].cure;
    snprintf(text, 256,
             "take certificate %u out of the file: nobody can use it, and clients that know its "
             "name as a root do not need it; for others put the authority's present one in its "
             "place",
             place);
    return text;
}

static void report_finding(void *arg, enum tls_finding finding, unsigned place, const char *text)
{
    const struct report *r = arg;
    char cure[256];
    if (!r->served && is_for_servers[finding])
        return;
    diag_add(r->diags, findings[finding].severity, &r->certificate->chain.at,
             cure_of(finding, place, cure), "certificate %s: %s: %s", r->certificate->name,
             r->certificate->chain.path, text);
}

/* It is shown as a client's. A server may leave that alone, so it is no error. */
static void report_no_client(const struct tls_identity *id, const struct certificate_config *c,
                             struct diags *d)
{
    const char *why = tls_identity_no_client(id);
    if (why != NULL)
        diag_add(d, DIAG_WARNING, &c->chain.at,
                 "have one issued for a TLS client: extendedKeyUsage clientAuth, keyUsage "
                 "digitalSignature",
                 "certificate %s: %s: %s, so upstreams that ask for it may refuse it", c->name,
                 c->chain.path, why);
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
    struct report r = {d, c, config_served(all, index) || !config_shown_upstream(all, index)};
    tls_identity_check(id, time(NULL), report_finding, &r);
    if (config_shown_upstream(all, index))
        report_no_client(id, c, d);
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

static void report_groups(const struct route_config *r, const struct tls_server *s, struct diags *d)
{
    if (!tls_server_lacks_group(s))
        return;
    diag_add(d, DIAG_WARNING, &r->groups_at, "add x25519, or say min-version = 1.3",
             "route %s: groups has none for TLS 1.2, so clients of that version are refused",
             r->name);
}

static void report_ciphers(const struct route_config *r, struct diags *d)
{
    if (r->min_version != TLS_MIN_1_3 || !tls_ciphers_of_12(&r->ciphers))
        return;
    diag_add(
        d, DIAG_WARNING, &r->ciphers_at,
        "name some of TLS 1.3, as TLS_AES_256_GCM_SHA384, or remove it",
        "route %s: ciphers has no effect: all that it names are of TLS 1.2, and min-version is "
        "1.3",
        r->name);
}

struct report_route {
    struct diags *diags;
    const struct route_config *route;
    unsigned authorities, in_force; /* of client-ca */
};

static const struct file_ref *file_of(const struct route_config *r, const struct tls_expiry *x)
{
    return x->kind == TLS_EXPIRY_CLIENT_CRL ? &r->client_crl : &r->client_ca;
}

/* As for one that has expired. */
static void report_beginning(const struct report_route *r, const struct tls_expiry *x)
{
    const bool list = x->kind == TLS_EXPIRY_CLIENT_CRL;
    char from[DATE_TEXT_SIZE];
    date_text(x->from, from);
    diag_add(r->diags, list ? DIAG_EXPIRED : DIAG_WARNING, &file_of(r->route, x)->at,
             "check this machine's clock; else wait, or use the one before it until then",
             "route %s: %s: the %s of %s is not valid before %s", r->route->name,
             file_of(r->route, x)->path, list ? "revocation list" : "certificate", x->subject,
             from);
}

/* It ends before it begins. False: it does not. */
static bool report_never(const struct report_route *r, const struct tls_expiry *x)
{
    const bool list = x->kind == TLS_EXPIRY_CLIENT_CRL;
    if (x->until == 0 || x->until >= x->from)
        return false;
    diag_add(r->diags, list ? DIAG_ERROR : DIAG_WARNING, &file_of(r->route, x)->at,
             "have the authority issue another",
             "route %s: %s: the %s of %s is never valid: it ends before it begins", r->route->name,
             file_of(r->route, x)->path, list ? "revocation list" : "certificate", x->subject);
    return true;
}

/* An authority that has expired is one of many, perhaps; a list that has refuses all its clients.
 */
static void report_expiry(void *arg, const struct tls_expiry *x)
{
    struct report_route *r = arg;
    const time_t now = time(NULL);
    const bool list = x->kind == TLS_EXPIRY_CLIENT_CRL;
    const struct file_ref *file = file_of(r->route, x);
    const long passed = expiry_passed(x, now);
    char when[80];
    r->authorities += !list;
    r->in_force += !list && x->from <= now && now <= x->until;
    if (report_never(r, x))
        return;
    if (x->from > now)
        report_beginning(r, x);
    if (passed == EXPIRY_NOT_YET)
        return;
    expiry_words(x, now, when);
    diag_add(r->diags, list && passed == EXPIRY_OVER ? DIAG_EXPIRED : DIAG_WARNING, &file->at,
             list
                 ? "put the authority's present list in place; its clients are refused when the "
                   "list has expired"
                 : "put the authority's new certificate in place; its clients are refused when the "
                   "old one has expired",
             "route %s: %s: the %s of %s %s", r->route->name, file->path,
             list ? "revocation list" : "certificate", x->subject, when);
}

/* The last of its authorities has expired: nobody with a certificate is let in any more. */
static void report_nobody_in_force(const struct report_route *r)
{
    if (r->authorities > 0 && r->in_force == 0)
        diag_add(r->diags, DIAG_EXPIRED, &r->route->client_ca.at,
                 "give the present certificate of the authority that issues your clients' "
                 "certificates; and check this machine's clock",
                 "route %s: %s: there is no certificate in it that is valid now: no client's is "
                 "accepted",
                 r->route->name, r->route->client_ca.path);
}

static void report_client_finding(void *arg, enum tls_client_finding finding, const char *text)
{
    static const struct {
        enum diag_severity severity;
        const char *cure;
    } rows[TLS_CLIENT_FINDINGS] = {
        [TLS_CLIENT_CA_USELESS] = {DIAG_WARNING,
                                   "put the authority's own certificate in its place, "
                                   "or take it out"},
        [TLS_CLIENT_CA_NONE] = {DIAG_ERROR,
                                "give the certificate of the authority that issues your "
                                "clients' certificates"},
        [TLS_CLIENT_CRL_USELESS] = {DIAG_ERROR, "have the authority issue its list anew, signed "
                                                "with SHA-256 and the key of its certificate in "
                                                "client-ca; with several certificates of one name, "
                                                "give a list for each key"},
        [TLS_CLIENT_CRL_OF_NOBODY] = {DIAG_WARNING, "give the lists of those in client-ca, or add "
                                                    "that authority to them"},
        [TLS_CLIENT_CRL_LACKING] = {DIAG_WARNING, "give their lists as well, one behind the "
                                                  "other; an authority without clients of its own "
                                                  "can be left out of client-ca"},
    };
    const struct report_route *r = arg;
    const bool list = finding >= TLS_CLIENT_CRL_USELESS;
    const struct file_ref *file = list ? &r->route->client_crl : &r->route->client_ca;
    diag_add(r->diags, rows[finding].severity, &file->at, rows[finding].cure, "route %s: %s: %s",
             r->route->name, file->path, text);
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
    if (server != NULL) {
        struct report_route report = {.diags = d, .route = r};
        tls_server_expiries(server, report_expiry, &report);
        report_nobody_in_force(&report);
        tls_server_check(server, report_client_finding, &report);
        report_groups(r, server, d);
        report_ciphers(r, d);
    }
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

struct report_target {
    struct diags *diags;
    const struct target_config *target;
};

static void report_upstream_ca(void *arg, const struct tls_expiry *x)
{
    const struct report_target *r = arg;
    const struct file_ref *ca = &r->target->tls.ca;
    const time_t now = time(NULL);
    char when[80];
    if (expiry_passed(x, now) == EXPIRY_NOT_YET)
        return;
    expiry_words(x, now, when);
    diag_add(r->diags, DIAG_WARNING, &ca->at,
             "put the authority's new certificate in place; servers with its certificates are "
             "refused when the old one has expired",
             "%s: %s: the certificate of %s %s", r->target->label, ca->path, x->subject, when);
}

/* Of many authorities only the last one's end is told: before it, some servers may be refused, and
 * nobody knows whether there are such. */
static void report_upstream_authorities(const struct target *t, struct diags *d)
{
    const struct tls_authorities all = tls_dialer_authorities(t->tls, time(NULL));
    char words[800];
    if (t->tls != NULL && tls_dialer_useless(t->tls, words, sizeof words))
        diag_add(d, DIAG_ERROR, &t->config->tls.ca.at,
                 "give the certificate of the authority that issued the server's, or know the "
                 "server by its key: upstream-tls = pinned",
                 "%s: %s: there is no certificate in it that can vouch for a server: %s",
                 t->config->label, t->config->tls.ca.path, words);
    tls_dialer_expiry(t->tls, report_upstream_ca, &(struct report_target){d, t->config});
    if (all.count > 0 && all.in_force == 0)
        diag_add(d, DIAG_EXPIRED, &t->config->tls.ca.at,
                 "give the present certificate of the authority that issued the server's; and "
                 "check this machine's clock",
                 "%s: %s: there is no certificate in it that is valid now: no server is accepted",
                 t->config->label, t->config->tls.ca.path);
}

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
    report_upstream_authorities(t, d);
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

static void report_policy_line(void *arg, enum diag_severity severity, unsigned line,
                               const char *cause, const char *cure)
{
    const struct report_route *r = arg;
    char where[24] = "";
    if (line > 0)
        snprintf(where, sizeof where, " line %u", line);
    diag_add(r->diags, severity, &r->route->policy.at, cure, "route %s: %s%s: %s", r->route->name,
             r->route->policy.path, where, cause);
}

/* A file that is missing is reported where it is read. */
static void load_mta_sts(struct route *route, const struct bundle *b, struct diags *d)
{
    const struct tls_slice file = file_bytes(b, &route->config->policy);
    struct report_route report = {.diags = d, .route = route->config};
    if (route->config->protocol != PROTOCOL_MTA_STS || file.data == NULL)
        return;
    mta_sts_judge((struct slice){file.data, file.size}, report_policy_line, &report);
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
    free(g->names);
    free(g->targets);
    free(g->routes);
    free(g->identities);
    config_free(g->config);
    free(g);
}
