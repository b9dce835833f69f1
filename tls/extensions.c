#include "tls/extensions.h"

#include <stdio.h>
#include <string.h>

#define OID(bytes) bytes, sizeof(bytes) - 1
#define CE(last)   OID("\x55\x1d" last)                         /* 2.5.29, id-ce */
#define PE(last)   OID("\x2b\x06\x01\x05\x05\x07\x01" last)     /* 1.3.6.1.5.5.7.1, id-pe */
#define NS(last)   OID("\x60\x86\x48\x01\x86\xf8\x42\x01" last) /* 2.16.840.1.113730.1 */

/* As OpenSSL 3.0 and GnuTLS 3.7 have it: what both understand, and what only one of them does. */
static const struct row {
    const char *oid;
    size_t size;
    const char *name;
    enum extension_kind kind;
} rows[] = {
    {CE("\x0f"), "keyUsage", EXTENSION_KNOWN},
    {CE("\x11"), "subjectAltName", EXTENSION_KNOWN},
    {CE("\x13"), "basicConstraints", EXTENSION_KNOWN},
    {CE("\x1e"), "nameConstraints", EXTENSION_KNOWN},
    {CE("\x1f"), "cRLDistributionPoints", EXTENSION_KNOWN},
    {CE("\x20"), "certificatePolicies", EXTENSION_KNOWN},
    {CE("\x25"), "extendedKeyUsage", EXTENSION_KNOWN},
    {CE("\x36"), "inhibitAnyPolicy", EXTENSION_KNOWN},
    {CE("\x0e"), "subjectKeyIdentifier", EXTENSION_KNOWN_TO_SOME},
    {CE("\x12"), "issuerAltName", EXTENSION_KNOWN_TO_SOME},
    {CE("\x21"), "policyMappings", EXTENSION_KNOWN_TO_SOME},
    {CE("\x23"), "authorityKeyIdentifier", EXTENSION_KNOWN_TO_SOME},
    {CE("\x24"), "policyConstraints", EXTENSION_KNOWN_TO_SOME},
    {PE("\x01"), "authorityInfoAccess", EXTENSION_KNOWN_TO_SOME},
    {PE("\x07"), "sbgp-ipAddrBlock", EXTENSION_KNOWN_TO_SOME},
    {PE("\x08"), "sbgp-autonomousSysNum", EXTENSION_KNOWN_TO_SOME},
    {PE("\x0e"), "proxyCertInfo", EXTENSION_KNOWN_TO_SOME},
    {OID("\x2b\x06\x01\x05\x05\x07\x30\x01\x05"), "ocsp-nocheck", EXTENSION_KNOWN_TO_SOME},
    {NS("\x01"), "nsCertType", EXTENSION_KNOWN_TO_SOME},
    {PE("\x18"), "tlsFeature", EXTENSION_TLS_FEATURE},
    {PE("\x1f"), "acmeIdentifier", EXTENSION_CHALLENGE},
    {OID("\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x03"), "precertificate poison", EXTENSION_POISON},
};

/* Of those of X.509 itself (id-ce) the one with this number. */
static bool is_id_ce(const struct extension *x, uint8_t number)
{
    const uint8_t oid[] = {0x55, 0x1d, number};
    return x->oid.size == sizeof oid && memcmp(x->oid.data, oid, sizeof oid) == 0;
}

bool extension_is_constraints(const struct extension *x)
{
    return is_id_ce(x, 30);
}

static const struct row *row_of(const struct extension *x)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (x->oid.size == rows[i].size && memcmp(x->oid.data, rows[i].oid, x->oid.size) == 0)
            return &rows[i];
    return NULL;
}

static struct der begin(const mbedtls_x509_buf *extensions)
{
    struct der all = der_begin((struct tls_slice){extensions->p, extensions->len});
    struct der inside = {all.p, all.p};
    return der_enter(&all, &inside, DER_SEQUENCE) ? inside : (struct der){all.p, all.p};
}

struct der extensions_begin(const mbedtls_x509_crt *crt)
{
    return begin(&crt->v3_ext);
}

/* Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING } */
bool extensions_next(struct der *rest, struct extension *x)
{
    struct der one;
    struct tls_slice critical;
    if (!der_enter(rest, &one, DER_SEQUENCE) || !der_take(&one, &x->oid, MBEDTLS_ASN1_OID))
        return false;
    x->critical = der_take(&one, &critical, MBEDTLS_ASN1_BOOLEAN) && critical.size == 1 &&
                  critical.data[0] != 0;
    return der_take(&one, &x->value, MBEDTLS_ASN1_OCTET_STRING);
}

enum extension_kind extension_kind(const struct extension *x)
{
    const struct row *row = row_of(x);
    return row != NULL ? row->kind : EXTENSION_UNKNOWN;
}

void extension_name(const struct extension *x, char text[EXTENSION_NAME_SIZE])
{
    const struct row *row = row_of(x);
    const mbedtls_asn1_buf oid = {MBEDTLS_ASN1_OID, x->oid.size, (unsigned char *)x->oid.data};
    if (row != NULL)
        snprintf(text, EXTENSION_NAME_SIZE, "%s", row->name);
    else if (mbedtls_oid_get_numeric_string(text, EXTENSION_NAME_SIZE, &oid) < 0)
        snprintf(text, EXTENSION_NAME_SIZE, "of a very long number");
}

/* It knows those for which it has a number, and parses them; constraints.c knows one more. */
static bool verifiable(const struct extension *x)
{
    const mbedtls_asn1_buf oid = {MBEDTLS_ASN1_OID, x->oid.size, (unsigned char *)x->oid.data};
    int ignored;
    return mbedtls_oid_get_x509_ext_type(&oid, &ignored) == 0 || extension_is_constraints(x);
}

bool extensions_unverifiable(const mbedtls_x509_crt *crt, struct extension *x)
{
    for (struct der rest = extensions_begin(crt); extensions_next(&rest, x);)
        if (x->critical && !verifiable(x))
            return true;
    return false;
}

/* ---- of revocation lists ---- */

/* IssuingDistributionPoint ::= SEQUENCE { distributionPoint [0], onlyContainsUserCerts [1], ... },
 * where users are our clients, and all that may follow leaves out some of them. */
static bool narrows(struct tls_slice point)
{
    struct der all = der_begin(point), inside, one;
    if (!der_enter(&all, &inside, DER_SEQUENCE))
        return true;
    while (inside.p < inside.end) {
        const int tag = der_next(&inside);
        if (tag != DER_CONTEXT_0 && tag != (MBEDTLS_ASN1_CONTEXT_SPECIFIC | 1))
            return true;
        if (!der_enter(&inside, &one, tag))
            return true;
    }
    return false;
}

bool extensions_partial_list(const mbedtls_x509_crl *list)
{
    enum { DELTA_LIST = 27, DISTRIBUTION_POINT = 28 };
    struct extension x;
    for (struct der rest = begin(&list->crl_ext); extensions_next(&rest, &x);)
        if (is_id_ce(&x, DELTA_LIST) || (is_id_ce(&x, DISTRIBUTION_POINT) && narrows(x.value)))
            return true;
    return false;
}
