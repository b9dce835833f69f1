#include "tls/der.h"

struct der der_begin(struct tls_slice bytes)
{
    unsigned char *p = (unsigned char *)bytes.data;
    return (struct der){p, bytes.size > 0 ? p + bytes.size : p};
}

int der_next(const struct der *d)
{
    return d->p < d->end ? *d->p : -1;
}

bool der_enter(struct der *d, struct der *inside, int tag)
{
    size_t size;
    if (mbedtls_asn1_get_tag(&d->p, d->end, &size, tag) != 0)
        return false;
    *inside = (struct der){d->p, d->p + size};
    d->p += size;
    return true;
}

bool der_take(struct der *d, struct tls_slice *content, int tag)
{
    struct der inside;
    if (!der_enter(d, &inside, tag))
        return false;
    *content = (struct tls_slice){inside.p, (size_t)(inside.end - inside.p)};
    return true;
}

struct tls_slice der_cut(struct tls_slice *rest)
{
    struct der d = der_begin(*rest);
    size_t size;
    const bool whole = d.p < d.end && mbedtls_asn1_get_tag(&d.p, d.end, &size, *d.p) == 0;
    const size_t n = whole ? (size_t)(d.p - rest->data) + size : rest->size;
    const struct tls_slice first = {rest->data, n};
    *rest = (struct tls_slice){rest->data + n, rest->size - n};
    return first;
}

bool der_goes_on(struct tls_slice rest)
{
    return rest.size > 0 && rest.data[0] == DER_SEQUENCE;
}
