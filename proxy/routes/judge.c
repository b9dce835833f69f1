#include "proxy/routes/judge.h"
#include "proxy/base/date.h"
#include "proxy/routes/expiry.h"
#include "proxy/routes/mta_sts.h"

#include <stdio.h>
#include <time.h>

/* ---- certificates ---- */

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

static void judge_identity(const struct generation *g, size_t index, struct diags *d)
{
    const struct config *all = g->config;
    const struct tls_identity *id = g->identities[index];
    const bool shown = config_shown_upstream(all, index);
    struct report r = {d, &all->certificates[index], config_served(all, index) || !shown};
    tls_identity_check(id, time(NULL), report_finding, &r);
    if (shown)
        report_no_client(id, r.certificate, d);
}

/* ---- routes ---- */

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

static void judge_policy(const struct route *route, struct diags *d)
{
    struct report_route report = {.diags = d, .route = route->config};
    tls_server_expiries(route->tls, report_expiry, &report);
    report_nobody_in_force(&report);
    tls_server_check(route->tls, report_client_finding, &report);
    report_groups(route->config, route->tls, d);
    report_ciphers(route->config, d);
}

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

static void judge_mta_sts(const struct route *route, struct diags *d)
{
    struct report_route report = {.diags = d, .route = route->config};
    mta_sts_judge((struct slice){route->policy, route->policy_size}, report_policy_line, &report);
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
static void judge_authorities(const struct target *t, struct diags *d)
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

void generation_judge(const struct generation *g, struct diags *d)
{
    for (size_t i = 0; i < g->config->certificate_count; i++)
        if (g->identities[i] != NULL)
            judge_identity(g, i, d);
    for (size_t i = 0; i < g->config->target_count; i++)
        if (g->targets[i].tls != NULL)
            judge_authorities(&g->targets[i], d);
    for (size_t i = 0; i < g->config->route_count; i++) {
        if (g->routes[i].tls != NULL)
            judge_policy(&g->routes[i], d);
        if (g->routes[i].policy != NULL)
            judge_mta_sts(&g->routes[i], d);
    }
}
