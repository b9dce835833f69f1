#include "tls/challenge.h"

#include "tls/memory.h"
#include "tls/pem.h"

#include <string.h>

bool challenge_asked(const struct hello *h)
{
    static const uint8_t only[] = "\x00\x0b\x0a"
                                  "acme-tls/1";
    return h->alpn.size == sizeof only - 1 && memcmp(h->alpn.data, only, h->alpn.size) == 0;
}

/* The extension is critical, so that nobody takes such a certificate for one to be trusted (RFC
 * 8737 3); for the same reason mbedTLS wants to be told that somebody knows it. */
static int on_extension(void *seen, const mbedtls_x509_crt *crt, const mbedtls_x509_buf *oid,
                        int critical, const unsigned char *p, const unsigned char *end)
{
    static const uint8_t acme_identifier[] = {0x2b, 6, 1, 5, 5, 7, 1, 31};
    (void)crt;
    (void)critical;
    (void)p;
    (void)end;
    if (oid->len != sizeof acme_identifier || memcmp(oid->p, acme_identifier, oid->len) != 0)
        return MBEDTLS_ERR_X509_INVALID_EXTENSIONS;
    *(bool *)seen = true;
    return 0;
}

struct parsing {
    mbedtls_x509_crt *crt;
    const char *path;
    bool seen; /* the extension */
    int error;
};

static int on_block(void *arg, const struct pem_block *b, struct err *e)
{
    struct parsing *s = arg;
    size_t size;
    if (b->kind != PEM_CERTIFICATE || s->crt->raw.p != NULL)
        return 0;
    uint8_t *der = pem_decode(b, s->path, &size, e);
    if (der == NULL)
        return -1;
    s->error = mbedtls_x509_crt_parse_der_with_ext_cb(s->crt, der, size, 1, on_extension, &s->seen);
    memory_wipe_free(der, size);
    return 0;
}

int challenge_parse(mbedtls_x509_crt *crt, struct tls_slice file, const char *path, struct err *e)
{
    struct parsing s = {.crt = crt, .path = path};
    if (pem_walk(file, path, on_block, &s, e) < 0)
        return -1;
    if (s.error != 0 || crt->raw.p == NULL)
        return err_set(e, "%s holds no certificate that can be read, in PEM", path);
    if (!s.seen)
        return err_set(e, "%s is no challenge certificate (it has no acmeIdentifier)", path);
    return 0;
}
