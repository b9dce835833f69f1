/* clients.c - what an operator should hear about the certificates and lists that judge clients: all
 * for which mbedTLS, which is asked in the middle of a handshake, refuses them or passes over. And
 * which authorities are revoked, which it would pass over. */
#include "tls/issuing.h"
#include "tls/memory.h"
#include "tls/server.h"
#include "tls/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

struct check {
    const struct tls_server *server;
    tls_client_finding_fn *report;
    void *arg;
};

static void tell(const struct check *k, enum tls_client_finding finding, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(const struct check *k, enum tls_client_finding finding, const char *format, ...)
{
    char text[800];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    k->report(k->arg, finding, text);
}

/* ---- whose list it is ---- */

/* As mbedTLS does, letter case does not count. Names that cannot be shown all read alike. */
static bool is_list_of(const mbedtls_x509_crl *list, const mbedtls_x509_crt *ca)
{
    char issuer[512], subject[512];
    if (!text_name(&list->issuer, issuer, sizeof issuer) ||
        !text_name(&ca->subject, subject, sizeof subject))
        return issuing_list_named(list, ca);
    return strcasecmp(issuer, subject) == 0;
}

static bool has_signed(const mbedtls_x509_crt *ca, const mbedtls_x509_crl *list)
{
    return list->raw.p != NULL && is_list_of(list, ca) && issuing_signed_list(list, ca);
}

/* ---- authorities that are revoked ---- */

static bool revokes(const struct tls_server *s, const mbedtls_x509_crl *list,
                    const mbedtls_x509_crt *crt)
{
    for (const mbedtls_x509_crt *ca = &s->client_ca; ca != NULL; ca = ca->next)
        if (issuing_named(crt, ca) && mbedtls_x509_crt_is_revoked(crt, list) &&
            has_signed(ca, list) && issuing_signed(crt, ca))
            return true;
    return false;
}

/* mbedTLS asks no list about one that is trusted. */
int server_note_revoked(struct tls_server *s)
{
    size_t count = 1;
    for (const mbedtls_x509_crt *ca = &s->client_ca; ca != NULL; ca = ca->next)
        count++;
    s->revoked = memory_calloc(count, sizeof *s->revoked);
    if (s->revoked == NULL)
        return -1;
    count = 0;
    for (const mbedtls_x509_crt *ca = &s->client_ca; ca != NULL; ca = ca->next)
        for (const mbedtls_x509_crl *l = &s->client_crl; l != NULL; l = l->next)
            if (!server_has_revoked(s, ca) && revokes(s, l, ca))
                s->revoked[count++] = ca;
    return 0;
}

bool server_has_revoked(const struct tls_server *s, const mbedtls_x509_crt *ca)
{
    for (size_t i = 0; s->revoked != NULL && s->revoked[i] != NULL; i++)
        if (s->revoked[i] == ca)
            return true;
    return false;
}

/* ---- authorities ---- */

static bool may(const mbedtls_x509_crt *ca, unsigned usage)
{
    return mbedtls_x509_crt_check_key_usage(ca, usage) == 0;
}

static const char *why_useless(const struct check *k, const mbedtls_x509_crt *ca)
{
    return server_has_revoked(k->server, ca) ? "is revoked by client-crl" : issuing_useless(ca);
}

static void check_authorities(const struct check *k)
{
    size_t good = 0;
    for (const mbedtls_x509_crt *ca = &k->server->client_ca; ca != NULL; ca = ca->next) {
        char name[512];
        const char *why = why_useless(k, ca);
        good += why == NULL;
        text_name_shown(&ca->subject, name, sizeof name);
        if (why != NULL)
            tell(k, TLS_CLIENT_CA_USELESS,
                 "the certificate of %s %s: nobody whom it vouches for is let in", name, why);
    }
    if (good == 0)
        tell(k, TLS_CLIENT_CA_NONE, "there is no certificate in it that can vouch for a client");
}

/* ---- revocation lists ---- */

/* Is it another's of the same name (with the key before, or the next), while this one has its
 * own? */
static bool is_namesakes(const struct tls_server *s, const mbedtls_x509_crl *list,
                         const mbedtls_x509_crt *ca)
{
    bool another = false, own = false;
    for (const mbedtls_x509_crt *c = &s->client_ca; c != NULL; c = c->next)
        another = another || (c != ca && has_signed(c, list));
    for (const mbedtls_x509_crl *l = &s->client_crl; l != NULL; l = l->next)
        own = own || has_signed(ca, l);
    return another && own && !has_signed(ca, list);
}

static const char *why_refused(const struct check *k, const mbedtls_x509_crl *list,
                               const mbedtls_x509_crt *ca)
{
    const uint32_t md = MBEDTLS_X509_ID_FLAG(list->sig_md);
    if (!may(ca, MBEDTLS_X509_KU_CRL_SIGN))
        return "comes from one that may not sign lists (keyUsage without cRLSign)";
    if ((k->server->conf.cert_profile->allowed_mds & md) == 0)
        return "is signed with SHA-1 or weaker";
    return issuing_signed_list(list, ca) ? NULL : "is not signed with the key in client-ca";
}

static void check_list(const struct check *k, const mbedtls_x509_crl *list)
{
    char name[512];
    bool known = false;
    text_name_shown(&list->issuer, name, sizeof name);
    for (const mbedtls_x509_crt *ca = &k->server->client_ca; ca != NULL; ca = ca->next) {
        if (!is_list_of(list, ca))
            continue;
        const char *why = is_namesakes(k->server, list, ca) ? NULL : why_refused(k, list, ca);
        known = true;
        if (why != NULL)
            tell(k, TLS_CLIENT_CRL_USELESS,
                 "the revocation list of %s %s: all clients of that authority are refused", name,
                 why);
    }
    if (!known)
        tell(k, TLS_CLIENT_CRL_OF_NOBODY,
             "the revocation list of %s belongs to no certificate in client-ca: it counts only for "
             "clients that send that authority's certificate along",
             name);
}

static bool is_listless(const struct tls_server *s, const mbedtls_x509_crt *ca)
{
    for (const mbedtls_x509_crl *l = &s->client_crl; l != NULL; l = l->next)
        if (is_list_of(l, ca))
            return false;
    return ca->version < 3 || ca->ca_istrue;
}

/* One sentence for all: a client-ca may hold every authority of the world. */
static void check_listless(const struct check *k)
{
    char name[512], others[64] = "";
    size_t count = 0;
    for (const mbedtls_x509_crt *ca = &k->server->client_ca; ca != NULL; ca = ca->next)
        if (is_listless(k->server, ca) && count++ == 0)
            text_name_shown(&ca->subject, name, sizeof name);
    if (count > 1)
        snprintf(others, sizeof others, " and %zu other%s in client-ca", count - 1,
                 count > 2 ? "s" : "");
    if (count > 0)
        tell(k, TLS_CLIENT_CRL_LACKING,
             "there is no revocation list of %s%s: whether what they have issued is revoked is not "
             "checked",
             name, others);
}

void tls_server_check(const struct tls_server *s, tls_client_finding_fn *report, void *arg)
{
    const struct check k = {s, report, arg};
    if (s->client_ca.raw.p == NULL)
        return;
    check_authorities(&k);
    if (s->client_crl.raw.p == NULL)
        return;
    check_listless(&k);
    for (const mbedtls_x509_crl *l = &s->client_crl; l != NULL; l = l->next)
        check_list(&k, l);
}
