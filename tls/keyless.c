/* keyless.c - a file without its private keys, for processes that are not to have them. */
#include "tls/pem.h"

#include <mbedtls/asn1.h>
#include <string.h>

enum { SEQUENCE = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE };

/* Certificates and revocation lists begin with what is signed, keys of every form with a version.
 */
static bool is_signed(struct tls_slice der)
{
    unsigned char *p = (unsigned char *)(uintptr_t)der.data;
    size_t size;
    return mbedtls_asn1_get_tag(&p, der.data + der.size, &size, SEQUENCE) == 0 &&
           p < der.data + der.size && *p == SEQUENCE;
}

/* The block stays where it is, so that others are found as before. */
static int blank(void *arg, const struct pem_block *b, struct err *e)
{
    uint8_t *data = arg;
    (void)e;
    if (b->kind != PEM_PRIVATE_KEY)
        return 0;
    for (size_t i = 0; i < b->body.size; i++)
        if (b->body.data[i] > ' ')
            data[b->body.data - data + (ptrdiff_t)i] = 'A';
    return 0;
}

size_t tls_file_keyless(uint8_t *data, size_t size)
{
    struct err e;
    const struct tls_slice file = {data, size};
    if (pem_is_der(file))
        return is_signed(file) ? size : 0;
    return pem_walk(file, "a file", blank, data, &e) < 0 ? 0 : size;
}
