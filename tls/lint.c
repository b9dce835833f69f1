/* lint.c - what an operator should hear about a certificate that loads */
#include "config/plural.h"
#include "config/utf8.h"
#include "tls/der.h"
#include "tls/extensions.h"
#include "tls/identity.h"
#include "tls/issuing.h"
#include "tls/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DAY = 24 * 3600, WHEN_SIZE = 32, RSA_BITS_STRONG = 2048 };

struct lint {
    const struct tls_identity *id;
    time_t now;
    tls_finding_fn *report;
    void *arg;
};

static void tell(const struct lint *l, enum tls_finding finding, unsigned place, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

static void tell(const struct lint *l, enum tls_finding finding, unsigned place, const char *format,
                 ...)
{
    char text[768];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    l->report(l->arg, finding, place, text);
}

/* "certificate 2 (CN=Some CA)", counted from 1. */
static void name_of(const mbedtls_x509_crt *crt, unsigned place, char *text, size_t size)
{
    char dn[256];
    text_name_shown(&crt->subject, dn, sizeof dn);
    snprintf(text, size, "certificate %u (%s)", place, dn);
}

/* The day, and the time of day where it is not far away. */
static void when(const struct lint *l, time_t t, char text[WHEN_SIZE])
{
    struct tm tm;
    const bool close = t - l->now < 2 * DAY && l->now - t < 2 * DAY;
    if (gmtime_r(&t, &tm) == NULL ||
        strftime(text, WHEN_SIZE, close ? "%Y-%m-%d %H:%M:%S UTC" : "%Y-%m-%d", &tm) == 0)
        snprintf(text, WHEN_SIZE, "?");
}

static void check_time(const struct lint *l, const mbedtls_x509_crt *crt, unsigned place,
                       const char *name)
{
    time_t from = identity_time(&crt->valid_from), to = identity_time(&crt->valid_to);
    const long days = (long)((to - l->now) / DAY);
    char text[WHEN_SIZE], begin[WHEN_SIZE];
    when(l, to, text);
    if (to < from) {
        when(l, from, begin);
        tell(l, TLS_FINDING_NEVER_VALID, place,
             "%s is never valid: it begins on %s, and ends on %s", name, begin, text);
        return;
    }
    if (l->now > to)
        tell(l, place == 1 ? TLS_FINDING_EXPIRED : TLS_FINDING_ISSUER_EXPIRED, place,
             "%s expired on %s", name, text);
    else if (to - l->now < tls_renew_before(from, to))
        tell(l, TLS_FINDING_EXPIRES_SOON, place, "%s expires on %s, in %ld day%s", name, text, days,
             plural((unsigned long long)days));
    when(l, from, text);
    if (l->now < from)
        tell(l, TLS_FINDING_NOT_YET_VALID, place, "%s is not valid before %s", name, text);
}

static void check_strength(const struct lint *l, const mbedtls_x509_crt *crt, unsigned place,
                           const char *name)
{
    size_t bits = mbedtls_pk_get_bitlen(&crt->pk);
    if (mbedtls_pk_can_do(&crt->pk, MBEDTLS_PK_RSA) && bits < RSA_BITS_STRONG)
        tell(l, TLS_FINDING_WEAK_KEY, place, "%s has an RSA key of only %zu bits", name, bits);
    if (place > 1 && issuing_self(crt))
        return; /* nobody checks a root's signature by itself */
    if (crt->sig_md == MBEDTLS_MD_MD5 || crt->sig_md == MBEDTLS_MD_SHA1)
        tell(l, TLS_FINDING_WEAK_SIGNATURE, place, "%s is signed with %s, which clients refuse",
             name, crt->sig_md == MBEDTLS_MD_MD5 ? "MD5" : "SHA-1");
}

/* RFC 5480 2.2 allows it, RFC 8422 5.1.1 does not: of OpenSSL, GnuTLS and Java none takes it. */
static bool is_compressed(const mbedtls_x509_crt *crt)
{
    struct der all = der_begin((struct tls_slice){crt->pk_raw.p, crt->pk_raw.len}), info, ignored;
    struct tls_slice bits; /* led by the number of those that are unused */
    return mbedtls_pk_can_do(&crt->pk, MBEDTLS_PK_ECKEY) && der_enter(&all, &info, DER_SEQUENCE) &&
           der_enter(&info, &ignored, DER_SEQUENCE) &&
           der_take(&info, &bits, MBEDTLS_ASN1_BIT_STRING) && bits.size > 1 &&
           (bits.data[1] == 2 || bits.data[1] == 3);
}

static void check_point(const struct lint *l, const mbedtls_x509_crt *crt, unsigned place,
                        const char *name)
{
    if (is_compressed(crt) && !(place > 1 && issuing_self(crt)))
        tell(l, TLS_FINDING_COMPRESSED_KEY, place,
             "%s has its public key as a compressed point, which clients cannot read", name);
}

/* Clients look behind the name, but not at a root that is sent: they have their own. */
static void check_issuer(const struct lint *l, const mbedtls_x509_crt *c, unsigned place)
{
    char name[320], next[320];
    const mbedtls_x509_crt *issuer = c->next;
    const char *why = issuing_forbidden(issuer, place);
    if (issuing_self(issuer) || mbedtls_md_info_from_type(c->sig_md) == NULL)
        return;
    name_of(c, place, name, sizeof name);
    name_of(issuer, place + 1, next, sizeof next);
    if (!issuing_signed(c, issuer))
        tell(l, TLS_FINDING_CHAIN_BROKEN, place,
             "%s was not signed with the key of %s, which has only the name of its issuer", name,
             next);
    else if (why != NULL)
        tell(l, TLS_FINDING_CHAIN_BROKEN, place, "%s has signed, but %s", next, why);
}

static bool is_utf8(const mbedtls_x509_buf *text)
{
    size_t at = 0;
    for (size_t length = 1; at < text->len && length > 0; at += length)
        length = utf8_length(text->p + at, text->len - at);
    return at == text->len;
}

static bool is_readable(const mbedtls_x509_name *name)
{
    for (; name != NULL; name = name->next)
        if (name->val.tag == MBEDTLS_ASN1_UTF8_STRING && !is_utf8(&name->val))
            return false;
    return true;
}

/* Clients with OpenSSL cannot read such a chain at all, whoever's the name is. */
static void check_encoding(const struct lint *l, const mbedtls_x509_crt *crt, unsigned place,
                           const char *name)
{
    if (!is_readable(&crt->subject) || !is_readable(&crt->issuer))
        tell(l, TLS_FINDING_DAMAGED, place,
             "%s has a name that is not the UTF-8 that it says it is: it is damaged", name);
}

/* The key that signed it is not its own, as it says itself. */
static bool names_other_key(const mbedtls_x509_crt *crt)
{
    const mbedtls_x509_buf *own = &crt->subject_key_id,
                           *signer = &crt->authority_key_id.keyIdentifier;
    return signer->len > 0 && (signer->len != own->len || memcmp(signer->p, own->p, own->len) != 0);
}

/* One that names itself as its issuer was signed with its own key, or by a namesake. */
static void check_own_signature(const struct lint *l)
{
    const mbedtls_x509_crt *leaf = &l->id->chain, *next = leaf->next;
    if (!issuing_self(leaf) || mbedtls_md_info_from_type(leaf->sig_md) == NULL ||
        issuing_signed(leaf, leaf) ||
        (next != NULL && issuing_named(leaf, next) && issuing_signed(leaf, next)))
        return;
    if (names_other_key(leaf))
        tell(l, TLS_FINDING_CHAIN_INCOMPLETE, 1,
             "the certificate was issued by one of the same name (%s), which is not in the chain, "
             "or it is damaged: its own key did not sign it",
             l->id->facts.issuer);
    else
        tell(l, TLS_FINDING_DAMAGED, 1,
             "the certificate is self-signed (%s), and its own signature does not fit: it is "
             "damaged",
             l->id->facts.issuer);
}

static void check_chain(const struct lint *l)
{
    const mbedtls_x509_crt *leaf = &l->id->chain;
    char name[320], next[320], url[128];
    unsigned place = 1;
    /* The loop ends before c is NULL. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    for (const mbedtls_x509_crt *c = leaf; c->next != NULL; c = c->next, place++) {
        if (issuing_named(c, c->next)) {
            check_issuer(l, c, place);
            continue;
        }
        name_of(c, place, name, sizeof name);
        name_of(c->next, place + 1, next, sizeof next);
        tell(l, TLS_FINDING_CHAIN_ORDER, place, "%s is followed by %s, which did not issue it",
             name, next);
    }
    /* Public authorities say where their certificate lies, and issue through an intermediate. */
    if (leaf->next == NULL && !issuing_self(leaf) && issuing_url(leaf, url, sizeof url))
        tell(l, TLS_FINDING_CHAIN_INCOMPLETE, 1,
             "the chain holds only the server's own certificate; clients need the intermediate "
             "certificate of its issuer (%s) as well",
             l->id->facts.issuer);
}

/* ---- what it is for ---- */

static bool has(const mbedtls_x509_crt *crt, int extension)
{
    return mbedtls_x509_crt_has_ext_type(crt, extension) != 0;
}

static bool names_server(const mbedtls_x509_crt *crt)
{
    for (const mbedtls_x509_sequence *s = &crt->ext_key_usage; s != NULL; s = s->next)
        if (MBEDTLS_OID_CMP(MBEDTLS_OID_SERVER_AUTH, &s->buf) == 0)
            return true;
    return false;
}

/* An issuer's binds those below it as well, in all clients. */
static void check_extended_usage(const struct lint *l, const mbedtls_x509_crt *crt, unsigned place,
                                 const char *name)
{
    if (!has(crt, MBEDTLS_X509_EXT_EXTENDED_KEY_USAGE) || (place > 1 && issuing_self(crt)))
        return;
    if (mbedtls_x509_crt_check_extended_key_usage(crt, MBEDTLS_OID_SERVER_AUTH,
                                                  MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)) != 0)
        tell(l, TLS_FINDING_NOT_FOR_SERVERS, place,
             "the extendedKeyUsage of %s does not allow serverAuth, so %s", name,
             place == 1 ? "no server can use it" : "no client accepts a server's below it");
    else if (!names_server(crt))
        tell(l, TLS_FINDING_SOME_REFUSE, place,
             "the extendedKeyUsage of %s allows any purpose, but does not name serverAuth; OpenSSL "
             "refuses it",
             name);
}

const char *tls_identity_no_client(const struct tls_identity *id)
{
    for (const mbedtls_x509_crt *c = &id->chain; c != NULL; c = c->next)
        if ((c == &id->chain || !issuing_self(c)) &&
            mbedtls_x509_crt_check_extended_key_usage(c, MBEDTLS_OID_CLIENT_AUTH,
                                                      MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH)))
            return c == &id->chain ? "its extendedKeyUsage does not allow clientAuth"
                                   : "the extendedKeyUsage of its issuer does not allow clientAuth";
    return mbedtls_x509_crt_check_key_usage(&id->chain, MBEDTLS_X509_KU_DIGITAL_SIGNATURE) == 0
               ? NULL
               : "its keyUsage does not allow digitalSignature";
}

static void check_usage(const struct lint *l, const mbedtls_x509_crt *leaf)
{
    if (mbedtls_x509_crt_check_key_usage(leaf, MBEDTLS_X509_KU_DIGITAL_SIGNATURE) != 0)
        tell(l, TLS_FINDING_NOT_FOR_SERVERS, 1,
             "the certificate's keyUsage does not allow digitalSignature, so no handshake can be "
             "made with it");
    if (has(leaf, MBEDTLS_X509_EXT_NS_CERT_TYPE) &&
        (leaf->ns_cert_type & MBEDTLS_X509_NS_CERT_TYPE_SSL_SERVER) == 0)
        tell(l, TLS_FINDING_SOME_REFUSE, 1,
             "the certificate's nsCertType does not allow an SSL server; OpenSSL refuses it");
}

static void check_purpose(const struct lint *l)
{
    const mbedtls_x509_crt *leaf = &l->id->chain;
    if (!has(leaf, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME))
        tell(l, TLS_FINDING_NO_NAMES, 1,
             "the certificate has no subjectAltName; today's clients look at nothing else");
    else if (l->id->facts.name_count == 0)
        tell(l, TLS_FINDING_NO_NAMES, 1,
             "the certificate's subjectAltName holds no host name and no IP address; today's "
             "clients look at nothing else");
    check_usage(l, leaf);
    if (mbedtls_x509_crt_get_ca_istrue(leaf) == 1)
        tell(l, TLS_FINDING_AUTHORITY, 1,
             "the certificate is an authority's (CA:TRUE); some clients refuse it for a server");
}

/* ---- extensions ---- */

/* Who does not understand one that is critical refuses the certificate (RFC 5280 4.2). */
static void check_critical(const struct lint *l, enum extension_kind kind, const char *what,
                           unsigned place, const char *name)
{
    switch (kind) {
    case EXTENSION_KNOWN:
        break;
    case EXTENSION_KNOWN_TO_SOME:
    case EXTENSION_TLS_FEATURE:
        tell(l, TLS_FINDING_SOME_REFUSE, place,
             "%s has the extension %s as a critical one; clients that do not know it refuse it",
             name, what);
        break;
    case EXTENSION_POISON:
        tell(l, TLS_FINDING_PRECERTIFICATE, place,
             "%s is a precertificate (RFC 6962): no client accepts it", name);
        break;
    case EXTENSION_CHALLENGE:
        tell(l, TLS_FINDING_CHALLENGE, place,
             "%s answers a challenge of tls-alpn-01 (acmeIdentifier): no client accepts it", name);
        break;
    case EXTENSION_UNKNOWN:
        tell(l, TLS_FINDING_UNKNOWN_CRITICAL, place,
             "%s has the critical extension %s, which clients do not know: they refuse it", name,
             what);
        break;
    }
}

static void check_uncritical(const struct lint *l, enum extension_kind kind, const char *what,
                             unsigned place, const char *name)
{
    if (kind == EXTENSION_POISON || kind == EXTENSION_CHALLENGE)
        tell(l, TLS_FINDING_SOME_REFUSE, place,
             "%s has the extension %s, which no certificate for service has; clients that know it "
             "refuse it",
             name, what);
}

static void check_extensions(const struct lint *l, const mbedtls_x509_crt *crt, unsigned place,
                             const char *name)
{
    struct extension x;
    if (place > 1 && issuing_self(crt))
        return; /* clients have their own */
    for (struct der rest = extensions_begin(crt); extensions_next(&rest, &x);) {
        char what[EXTENSION_NAME_SIZE];
        const enum extension_kind kind = extension_kind(&x);
        extension_name(&x, what);
        if (x.critical)
            check_critical(l, kind, what, place, name);
        else
            check_uncritical(l, kind, what, place, name);
        if (kind == EXTENSION_TLS_FEATURE && place == 1)
            tell(l, TLS_FINDING_MUST_STAPLE, 1,
                 "the certificate tells clients to insist on a stapled OCSP answer (must-staple), "
                 "which is not sent; those that heed it refuse");
    }
}

/* ---- the whole ---- */

void tls_identity_check(const struct tls_identity *id, time_t now, tls_finding_fn *report,
                        void *arg)
{
    struct lint l = {.id = id, .now = now, .report = report, .arg = arg};
    unsigned place = 1;
    for (const mbedtls_x509_crt *c = &id->chain; c != NULL; c = c->next, place++) {
        char name[320] = "the certificate";
        if (id->facts.chain_length > 1)
            name_of(c, place, name, sizeof name);
        check_time(&l, c, place, name);
        check_encoding(&l, c, place, name);
        check_strength(&l, c, place, name);
        check_point(&l, c, place, name);
        check_extended_usage(&l, c, place, name);
        check_extensions(&l, c, place, name);
    }
    check_own_signature(&l);
    check_chain(&l);
    check_purpose(&l);
}
