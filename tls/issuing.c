#include "tls/issuing.h"

#include <string.h>

static bool same(const mbedtls_x509_buf *a, const mbedtls_x509_buf *b)
{
    return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
}

bool issuing_self(const mbedtls_x509_crt *crt)
{
    return same(&crt->issuer_raw, &crt->subject_raw);
}

bool issuing_named(const mbedtls_x509_crt *crt, const mbedtls_x509_crt *issuer)
{
    return same(&crt->issuer_raw, &issuer->subject_raw);
}

/* How `tbs` was signed; parts of a certificate or list. */
struct signature {
    const mbedtls_x509_buf *tbs, *sig;
    mbedtls_md_type_t md;
    mbedtls_pk_type_t pk;
    const void *options;
};

static bool verifies(const struct signature *s, const mbedtls_x509_crt *issuer)
{
    uint8_t hash[MBEDTLS_MD_MAX_SIZE];
    const mbedtls_md_info_t *md = mbedtls_md_info_from_type(s->md);
    mbedtls_pk_context *key = (mbedtls_pk_context *)&issuer->pk; /* it changes nothing */
    if (md == NULL || !mbedtls_pk_can_do(key, s->pk) ||
        mbedtls_md(md, s->tbs->p, s->tbs->len, hash) != 0)
        return false;
    return mbedtls_pk_verify_ext(s->pk, s->options, key, s->md, hash, mbedtls_md_get_size(md),
                                 s->sig->p, s->sig->len) == 0;
}

bool issuing_signed(const mbedtls_x509_crt *crt, const mbedtls_x509_crt *issuer)
{
    const struct signature s = {&crt->tbs, &crt->sig, crt->sig_md, crt->sig_pk, crt->sig_opts};
    return verifies(&s, issuer);
}

bool issuing_signed_list(const mbedtls_x509_crl *list, const mbedtls_x509_crt *issuer)
{
    const struct signature s = {&list->tbs, &list->sig, list->sig_md, list->sig_pk, list->sig_opts};
    return verifies(&s, issuer);
}

bool issuing_same_key(const mbedtls_x509_crt *a, const mbedtls_x509_crt *b)
{
    return same(&a->subject_raw, &b->subject_raw) && same(&a->pk_raw, &b->pk_raw);
}

const char *issuing_forbidden(const mbedtls_x509_crt *crt, unsigned below)
{
    if (crt->version == 1 && issuing_self(crt))
        return NULL;
    if (mbedtls_x509_crt_get_ca_istrue(crt) != 1)
        return "is not allowed to: it is no authority (basicConstraints)";
    if (mbedtls_x509_crt_check_key_usage(crt, MBEDTLS_X509_KU_KEY_CERT_SIGN) != 0)
        return "its keyUsage does not allow keyCertSign";
    /* How many authorities may stand below it; mbedTLS keeps it plus one. */
    if (crt->max_pathlen > 0 && below > (unsigned)crt->max_pathlen)
        return "allows fewer authorities below it than there are (pathlen)";
    return NULL;
}

/* One that names itself is taken as it is when it is shown, and version 1 says nothing. */
static bool is_known_itself(const mbedtls_x509_crt *trusted)
{
    return issuing_self(trusted) &&
           mbedtls_x509_crt_check_key_usage(trusted, MBEDTLS_X509_KU_DIGITAL_SIGNATURE) == 0;
}

const char *issuing_useless(const mbedtls_x509_crt *trusted)
{
    if (mbedtls_pk_can_do(&trusted->pk, MBEDTLS_PK_RSA) &&
        mbedtls_pk_get_bitlen(&trusted->pk) < mbedtls_x509_crt_profile_default.rsa_min_bitlen)
        return "has an RSA key of less than 2048 bits";
    if (trusted->version < 3 || is_known_itself(trusted))
        return NULL;
    if (!trusted->ca_istrue)
        return "is no authority's (CA:FALSE)";
    return mbedtls_x509_crt_check_key_usage(trusted, MBEDTLS_X509_KU_KEY_CERT_SIGN) == 0
               ? NULL
               : "may not sign others (keyUsage without keyCertSign)";
}

bool issuing_url(const mbedtls_x509_crt *crt, char *text, size_t size)
{
    /* accessMethod caIssuers and the tag of a URI behind it; no need for all that is around. */
    static const uint8_t ca_issuers[] = {0x06, 0x08, 0x2b, 0x06, 0x01, 0x05,
                                         0x05, 0x07, 0x30, 0x02, 0x86};
    if (crt->v3_ext.len == 0)
        return false;
    const uint8_t *end = crt->v3_ext.p + crt->v3_ext.len;
    const uint8_t *p = memmem(crt->v3_ext.p, crt->v3_ext.len, ca_issuers, sizeof ca_issuers);
    if (p == NULL)
        return false;
    p += sizeof ca_issuers;
    size_t length = p < end ? *p++ : 0;
    if (length >= 0x80 || length > (size_t)(end - p)) /* a very long one: do without */
        length = 0;
    size_t used = 0;
    for (size_t i = 0; i < length && used + 1 < size; i++)
        if (p[i] > ' ' && p[i] < 0x7f)
            text[used++] = (char)p[i];
    text[used] = '\0';
    return true;
}
