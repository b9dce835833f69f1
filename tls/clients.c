/* clients.c - what an operator should hear about the certificates and lists that judge clients: all
 * for which mbedTLS, which is asked in the middle of a handshake, refuses them or passes over. And
 * which authorities are revoked, which it would pass over. */
#include "tls/issuing.h"
#include "tls/memory.h"
#include "tls/server.h"
#include "tls/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

/* As mbedTLS does, letter case does not count. */
static bool same_name(const mbedtls_x509_name *a, const mbedtls_x509_name *b)
{
    for (; a != NULL && b != NULL; a = a->next, b = b->next)
        if (a->oid.len != b->oid.len ||
            (a->oid.len > 0 && memcmp(a->oid.p, b->oid.p, a->oid.len) != 0) ||
            !text_same_letters((struct tls_slice){a->val.p, a->val.len},
                               (struct tls_slice){b->val.p, b->val.len}) ||
            a->next_merged != b->next_merged)
            return false;
    return a == b;
}

static bool is_list_of(const mbedtls_x509_crl *list, const mbedtls_x509_crt *ca)
{
    return same_name(&list->issuer, &ca->subject);
}

static bool has_signed(const mbedtls_x509_crt *ca, const mbedtls_x509_crl *list)
{
    return list->raw.p != NULL && is_list_of(list, ca) && issuing_signed_list(list, ca);
}

/* Once for each list: to hash one of some megabytes takes its time, and sessions wait. */
static const mbedtls_x509_crt *signer_of(const struct tls_server *s, const mbedtls_x509_crl *list)
{
    for (const mbedtls_x509_crt *c = &s->client_ca; c != NULL; c = c->next)
        if (has_signed(c, list))
            return c;
    return NULL;
}

/* Is its key the one that has signed that list? */
static bool is_signer(const struct tls_server *s, size_t number, const mbedtls_x509_crt *ca)
{
    const mbedtls_x509_crt *signer = s->signers[number];
    return signer != NULL && ca->pk_raw.len == signer->pk_raw.len &&
           memcmp(ca->pk_raw.p, signer->pk_raw.p, ca->pk_raw.len) == 0;
}

/* ---- authorities that are revoked ---- */

static bool revokes(const mbedtls_x509_crl *list, const mbedtls_x509_crt *signer,
                    const mbedtls_x509_crt *crt)
{
    return signer != NULL && same_name(&crt->issuer, &list->issuer) &&
           mbedtls_x509_crt_is_revoked(crt, list) && issuing_signed(crt, signer);
}

/* mbedTLS asks no list about one that is trusted. */
int server_note_revoked(struct tls_server *s)
{
    size_t count = 1, lists = 1, i = 0;
    for (const mbedtls_x509_crt *ca = &s->client_ca; ca != NULL; ca = ca->next)
        count++;
    for (const mbedtls_x509_crl *l = &s->client_crl; l != NULL; l = l->next)
        lists++;
    s->revoked = memory_calloc(count, sizeof *s->revoked);
    s->signers = memory_calloc(lists, sizeof *s->signers);
    if (s->revoked == NULL || s->signers == NULL)
        return -1;
    count = 0;
    for (const mbedtls_x509_crl *l = &s->client_crl; l != NULL; l = l->next, i++) {
        s->signers[i] = signer_of(s, l);
        for (const mbedtls_x509_crt *ca = &s->client_ca; ca != NULL; ca = ca->next)
            if (revokes(l, s->signers[i], ca) && !server_has_revoked(s, ca))
                s->revoked[count++] = ca;
    }
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
static bool is_namesakes(const struct tls_server *s, size_t number, const mbedtls_x509_crt *ca)
{
    bool own = false;
    size_t i = 0;
    for (const mbedtls_x509_crl *l = &s->client_crl; l != NULL; l = l->next, i++)
        own = own || (is_signer(s, i, ca) && is_list_of(l, ca));
    return own && s->signers[number] != NULL && !is_signer(s, number, ca);
}

static const char *why_refused(const struct check *k, const mbedtls_x509_crl *list, size_t number,
                               const mbedtls_x509_crt *ca)
{
    const uint32_t md = MBEDTLS_X509_ID_FLAG(list->sig_md);
    if (!may(ca, MBEDTLS_X509_KU_CRL_SIGN))
        return "comes from one that may not sign lists (keyUsage without cRLSign)";
    if ((k->server->conf.cert_profile->allowed_mds & md) == 0)
        return "is signed with SHA-1 or weaker";
    return is_signer(k->server, number, ca) ? NULL : "is not signed with the key in client-ca";
}

static void check_list(const struct check *k, const mbedtls_x509_crl *list, size_t number)
{
    char name[512];
    bool known = false;
    text_name_shown(&list->issuer, name, sizeof name);
    for (const mbedtls_x509_crt *ca = &k->server->client_ca; ca != NULL; ca = ca->next) {
        if (!is_list_of(list, ca))
            continue;
        const char *why =
            is_namesakes(k->server, number, ca) ? NULL : why_refused(k, list, number, ca);
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
    size_t i = 0;
    for (const mbedtls_x509_crl *l = &s->client_crl; l != NULL; l = l->next)
        check_list(&k, l, i++);
}
