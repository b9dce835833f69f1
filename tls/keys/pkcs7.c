/* pkcs7.c - see pkcs7.h */
#include "tls/keys/pkcs7.h"

#include "tls/keys/der.h"

#include <string.h>

/* pkcs-7 signedData, 1.2.840.113549.1.7.2 */
static const uint8_t signed_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02};

/* Into a ContentInfo of that type, behind its type. */
static bool enter_signed_data(struct tls_slice der, struct der *inside)
{
    struct der whole = der_begin(der);
    struct tls_slice type;
    return der_enter(&whole, inside, DER_SEQUENCE) && der_take(inside, &type, MBEDTLS_ASN1_OID) &&
           type.size == sizeof signed_data && memcmp(type.data, signed_data, type.size) == 0;
}

/* ---- from outside ---- */

static bool is_indefinite(struct tls_slice der)
{
    return der.size >= 2 && der.data[0] == DER_SEQUENCE && der.data[1] == 0x80;
}

/* A certificate has some hundred bytes, so its length takes two or three. A text may begin with the
 * same character as a sequence. */
static bool is_cut_short(struct tls_slice der)
{
    struct der d = der_begin(der);
    size_t size;
    return der.size >= 2 && (der.data[1] == 0x82 || der.data[1] == 0x83) &&
           mbedtls_asn1_get_tag(&d.p, d.end, &size, DER_SEQUENCE) == MBEDTLS_ERR_ASN1_OUT_OF_DATA;
}

/* PFX ::= SEQUENCE { version INTEGER {v3(3)}, ... } (RFC 7292 4), of which more follows. */
static bool begins_pfx(const unsigned char *p, const unsigned char *end)
{
    static const uint8_t version_3[] = {MBEDTLS_ASN1_INTEGER, 1, 3};
    return (size_t)(end - p) > sizeof version_3 && memcmp(p, version_3, sizeof version_3) == 0;
}

enum pkcs7_look pkcs7_look(struct tls_slice der)
{
    struct der whole = der_begin(der), inside;
    if (is_indefinite(der)) /* as some write PKCS#12, too */
        return begins_pfx(whole.p + 2, whole.end) ? PKCS7_PKCS12 : PKCS7_INDEFINITE;
    if (is_cut_short(der))
        return PKCS7_CUT_SHORT;
    if (enter_signed_data(der, &inside))
        return PKCS7_SIGNED_DATA;
    if (!der_enter(&whole, &inside, DER_SEQUENCE))
        return PKCS7_OTHER;
    if (der_next(&inside) == DER_SEQUENCE)
        return PKCS7_CERTIFICATE;
    return begins_pfx(inside.p, inside.end) ? PKCS7_PKCS12 : PKCS7_OTHER;
}

/* ---- the walk ---- */

/* Into the set of certificates; `content` stays empty where there is none. */
static bool enter_certificates(struct tls_slice der, struct der *content)
{
    struct der info, explicit, data;
    struct tls_slice ignored;
    *content = (struct der){NULL, NULL};
    if (!enter_signed_data(der, &info) || !der_enter(&info, &explicit, DER_CONTEXT_0) ||
        !der_enter(&explicit, &data, DER_SEQUENCE) ||
        !der_take(&data, &ignored, MBEDTLS_ASN1_INTEGER) || !der_take(&data, &ignored, DER_SET) ||
        !der_take(&data, &ignored, DER_SEQUENCE))
        return false;
    return der_next(&data) != DER_CONTEXT_0 || der_enter(&data, content, DER_CONTEXT_0);
}

int pkcs7_walk(struct tls_slice der, pkcs7_certificate_fn *found, void *arg)
{
    struct der set;
    int count = 0;
    if (!enter_certificates(der, &set))
        return -1;
    while (set.p < set.end) {
        const unsigned char *start = set.p;
        struct tls_slice ignored;
        const int tag = der_next(&set);
        if (!der_take(&set, &ignored, tag))
            return -1;
        if (tag != DER_SEQUENCE)
            continue;
        if (found(arg, (struct tls_slice){start, (size_t)(set.p - start)}) != 0)
            return -1;
        count++;
    }
    return count;
}
