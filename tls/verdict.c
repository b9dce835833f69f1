#include "tls/verdict.h"

#include "tls/constraints.h"
#include "tls/issuing.h"

/* ---- why no authority stands behind it ---- */

#define UNTRUSTED "client certificate is not signed by the client-ca"

static const char
    unknown[] = UNTRUSTED,
    impostor[] = UNTRUSTED ": it names an authority in it, but is not signed with that one's key",
    forbidden[] = UNTRUSTED ": the certificate of its issuer may not sign others",
    too_long[] =
        UNTRUSTED ": its issuer allows fewer authorities below it than there are (pathlen)",
    broken[] = UNTRUSTED
    ": it is not signed with the key of the certificate that the client sent as its issuer's";

/* Why those in the list that have the issuer's name are not it; NULL: there is none. Whether a key
 * fits mbedTLS has tried, if it may have signed at all. */
static const char *why_none(const mbedtls_x509_crt *crt, const mbedtls_x509_crt *list,
                            unsigned below)
{
    const char *why = NULL;
    for (const mbedtls_x509_crt *c = list; c != NULL && why != impostor; c = c->next) {
        if (c->raw.p == NULL || !issuing_named(crt, c))
            continue;
        if (issuing_forbidden(c, 0) != NULL)
            why = forbidden;
        else
            why = issuing_forbidden(c, below) != NULL ? too_long : impostor;
    }
    return why;
}

/* Does the one that the client sent as its issuer's come from an authority, by the names? */
static bool is_vouched_for(const mbedtls_x509_crt *crt, const mbedtls_x509_crt *authorities)
{
    for (const mbedtls_x509_crt *c = crt->next; c != NULL; c = c->next)
        for (const mbedtls_x509_crt *a = authorities; a != NULL && issuing_named(crt, c);
             a = a->next)
            if (a->raw.p != NULL && issuing_named(c, a))
                return true;
    return false;
}

static const char *why_untrusted(const struct verdict *v, const mbedtls_x509_crt *authorities,
                                 const mbedtls_x509_crt *crt, int depth)
{
    const unsigned below = (unsigned)depth + 1;
    if (v->any_above)
        return broken;
    const char *why = why_none(crt, authorities, below);
    if (why != NULL)
        return why;
    why = why_none(crt, crt->next, below);
    if (why == impostor)
        return is_vouched_for(crt, authorities) ? broken : unknown;
    return why != NULL ? why : unknown;
}

/* ---- notes ---- */

static bool is_one_of(const mbedtls_x509_crt *crt, const mbedtls_x509_crt *list)
{
    for (; list != NULL; list = list->next)
        if (list == crt)
            return true;
    return false;
}

/* In TLS 1.2 mbedTLS passes over one whose signature it does not know, and judges an empty one. */
static bool is_empty(const mbedtls_x509_crt *crt)
{
    return crt->raw.p == NULL;
}

static bool has_purpose(const mbedtls_x509_crt *crt, const struct tls_slice *purpose)
{
    return mbedtls_x509_crt_check_extended_key_usage(crt, (const char *)purpose->data,
                                                     purpose->size) == 0;
}

/* RFC 5280 6.1.3 (b): an authority that goes on with a new key may name itself. */
static bool may_have_its_names(const struct verdict *v, const mbedtls_x509_crt *crt, int depth)
{
    for (size_t i = 0; i < v->constrained_count && (depth == 0 || !issuing_self(crt)); i++)
        if (!constraints_allow(v->constrained[i], crt))
            return false;
    return true;
}

uint32_t verdict_more(struct verdict *v, const mbedtls_x509_crt *authorities,
                      const mbedtls_x509_crt *crt, int depth, const struct tls_slice *purpose)
{
    uint32_t flags = 0;
    if (is_empty(crt))
        return 0;
    if (depth > 0 && !is_one_of(crt, authorities) && !has_purpose(crt, purpose))
        flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
    if (!may_have_its_names(v, crt, depth))
        flags |= MBEDTLS_X509_BADCERT_OTHER;
    if (constraints_any(crt) && v->constrained_count < MBEDTLS_X509_MAX_VERIFY_CHAIN_SIZE)
        v->constrained[v->constrained_count++] = crt;
    return flags;
}

/* mbedTLS says of a certificate that its key is weak, or its signer's. */
static bool has_weak_key(const mbedtls_x509_crt *crt)
{
    const mbedtls_x509_crt_profile *p = &mbedtls_x509_crt_profile_default;
    if (mbedtls_pk_can_do(&crt->pk, MBEDTLS_PK_RSA))
        return mbedtls_pk_get_bitlen(&crt->pk) < p->rsa_min_bitlen;
    if (!mbedtls_pk_can_do(&crt->pk, MBEDTLS_PK_ECKEY))
        return true;
    return (p->allowed_curves & MBEDTLS_X509_ID_FLAG(mbedtls_pk_ec(crt->pk)->grp.id)) == 0;
}

void verdict_note(struct verdict *v, const mbedtls_x509_crt *authorities,
                  const mbedtls_x509_crt *crt, int depth, uint32_t flags)
{
    v->unread = v->unread || is_empty(crt);
    if (is_empty(crt))
        return;
    const bool authority = depth > 0 && is_one_of(crt, authorities);
    const enum verdict_place place = depth == 0  ? VERDICT_CLIENT
                                     : authority ? VERDICT_AUTHORITY
                                                 : VERDICT_BETWEEN;
    if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0)
        v->untrusted = why_untrusted(v, authorities, crt, depth);
    if (depth == 0 && (flags & MBEDTLS_X509_BADCERT_BAD_KEY) != 0 && !has_weak_key(crt)) {
        flags &= ~(uint32_t)MBEDTLS_X509_BADCERT_BAD_KEY;
        v->flags[VERDICT_BETWEEN] |= MBEDTLS_X509_BADCERT_BAD_KEY;
    }
    v->flags[place] |= flags;
    v->any_above = true;
}

/* ---- in words ---- */

/* The order is mbedTLS's own (mbedtls_ssl_verify_certificate), so that the alert it has sent and
 * the one we report are the same. Words that are missing are those for the client's own. */
static const struct row {
    unsigned flag;
    int alert;
    const char *words[VERDICT_PLACES];
} rows[] = {
    {MBEDTLS_X509_BADCERT_OTHER,
     ALERT_ACCESS_DENIED,
     {"client certificate has a name that an authority above it may not give (nameConstraints)",
      "an intermediate certificate that the client sent has a name that an authority above it may "
      "not give (nameConstraints)"}},
    {MBEDTLS_X509_BADCERT_CN_MISMATCH,
     ALERT_BAD_CERTIFICATE,
     {VERDICT_OTHER_NAME}}, /* only servers have to have one */
    {MBEDTLS_X509_BADCERT_KEY_USAGE,
     ALERT_UNSUPPORTED_CERTIFICATE,
     {"client certificate is not meant for signing"}},
    {MBEDTLS_X509_BADCERT_EXT_KEY_USAGE,
     ALERT_UNSUPPORTED_CERTIFICATE,
     {"client certificate is not meant for clients",
      "an intermediate certificate that the client sent is not meant for clients "
      "(extendedKeyUsage)"}},
    {MBEDTLS_X509_BADCERT_BAD_PK,
     ALERT_UNSUPPORTED_CERTIFICATE,
     {"client certificate has an unusable kind of key"}},
    {MBEDTLS_X509_BADCERT_BAD_KEY,
     ALERT_UNSUPPORTED_CERTIFICATE,
     {"client certificate has a weak or unsupported key",
      "client certificate comes from an authority with a weak or unsupported key"}},
    {MBEDTLS_X509_BADCERT_EXPIRED,
     ALERT_CERTIFICATE_EXPIRED,
     {"client certificate has expired",
      "an intermediate certificate that the client sent has expired",
      "the authority in client-ca that the client certificate comes from has expired"}},
    {MBEDTLS_X509_BADCERT_REVOKED,
     ALERT_CERTIFICATE_REVOKED,
     {"client certificate is revoked",
      "an intermediate certificate that the client sent is revoked",
      "the authority in client-ca that the client certificate comes from is revoked"}},
    {MBEDTLS_X509_BADCERT_NOT_TRUSTED, ALERT_UNKNOWN_CA, {unknown}},
    {MBEDTLS_X509_BADCERT_FUTURE,
     ALERT_CERTIFICATE_UNKNOWN,
     {"client certificate is not yet valid",
      "an intermediate certificate that the client sent is not yet valid",
      "the authority in client-ca that the client certificate comes from is not yet valid"}},
    {MBEDTLS_X509_BADCRL_EXPIRED,
     ALERT_CERTIFICATE_UNKNOWN,
     {"the client-crl has expired: no client certificate can be accepted"}},
    {MBEDTLS_X509_BADCRL_FUTURE,
     ALERT_CERTIFICATE_UNKNOWN,
     {"the client-crl is not yet valid: no client certificate can be accepted"}},
    {MBEDTLS_X509_BADCRL_NOT_TRUSTED,
     ALERT_CERTIFICATE_UNKNOWN,
     {"the client-crl is not signed by the client-ca: no client certificate can be accepted"}},
    /* those that mbedTLS has no alert of its own for */
    {MBEDTLS_X509_BADCERT_BAD_MD,
     ALERT_CERTIFICATE_UNKNOWN,
     {"client certificate is signed with SHA-1 or weaker",
      "an intermediate certificate that the client sent is signed with SHA-1 or weaker"}},
    {MBEDTLS_X509_BADCRL_BAD_MD | MBEDTLS_X509_BADCRL_BAD_PK | MBEDTLS_X509_BADCRL_BAD_KEY,
     ALERT_CERTIFICATE_UNKNOWN,
     {"the client-crl is signed with SHA-1 or weaker: no client certificate can be accepted"}},
};

/* That the client-crl judges nobody is not the client's. */
static enum tls_fault fault_of(const struct row *row)
{
    enum {
        LIST = MBEDTLS_X509_BADCRL_EXPIRED | MBEDTLS_X509_BADCRL_FUTURE |
               MBEDTLS_X509_BADCRL_NOT_TRUSTED | MBEDTLS_X509_BADCRL_BAD_MD |
               MBEDTLS_X509_BADCRL_BAD_PK | MBEDTLS_X509_BADCRL_BAD_KEY
    };
    return (row->flag & LIST) != 0 ? TLS_FAULT_LOCAL : TLS_FAULT_CLIENT;
}

static const char *words_of(const struct verdict *v, const struct row *row)
{
    if (row->flag == MBEDTLS_X509_BADCERT_NOT_TRUSTED && v->untrusted != NULL)
        return v->untrusted;
    for (int place = VERDICT_CLIENT; place < VERDICT_PLACES; place++)
        if ((v->flags[place] & row->flag) != 0 && row->words[place] != NULL)
            return row->words[place];
    return row->words[VERDICT_CLIENT];
}

struct alert_cause verdict_cause(const struct verdict *v, uint32_t flags)
{
    if (v->unread)
        return alert_for_error(MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG, false);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((flags & rows[i].flag) != 0)
            return (struct alert_cause){rows[i].alert, fault_of(&rows[i]), words_of(v, &rows[i])};
    return (struct alert_cause){ALERT_CERTIFICATE_UNKNOWN, TLS_FAULT_CLIENT,
                                "client certificate does not verify"};
}
