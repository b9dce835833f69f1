#include "tls/keys/pkcs7.h"

#include "tls/der.h"
#include "tls/form.h"

/* Into a ContentInfo of that type, behind its type. */
static bool enter_signed_data(struct tls_slice der, struct der *inside)
{
    struct der whole = der_begin(der);
    struct tls_slice type;
    return form_of(der) == FORM_SIGNED_DATA && der_enter(&whole, inside, DER_SEQUENCE) &&
           der_take(inside, &type, MBEDTLS_ASN1_OID);
}

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
