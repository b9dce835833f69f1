/* challenge.c - see challenge.h */
#include "tls/challenge.h"

#include "tls/identity.h"
#include "tls/memory.h"

#include <mbedtls/pem.h>
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

static int parse_text(mbedtls_x509_crt *crt, const uint8_t *text, bool *seen)
{
    mbedtls_pem_context pem;
    size_t used;
    mbedtls_pem_init(&pem);
    int r = mbedtls_pem_read_buffer(&pem, "-----BEGIN CERTIFICATE-----",
                                    "-----END CERTIFICATE-----", text, NULL, 0, &used);
    if (r == 0)
        r = mbedtls_x509_crt_parse_der_with_ext_cb(crt, pem.buf, pem.buflen, 1, on_extension, seen);
    mbedtls_pem_free(&pem);
    return r;
}

int challenge_parse(mbedtls_x509_crt *crt, struct tls_slice file, const char *path, struct err *e)
{
    size_t size;
    bool seen = false;
    uint8_t *text = identity_text(file, &size);
    if (text == NULL)
        return err_set(e, "%s: out of memory", path);
    int r = parse_text(crt, text, &seen);
    memory_wipe_free(text, size);
    if (r != 0)
        return err_set(e, "%s holds no certificate that can be read, in PEM", path);
    if (!seen)
        return err_set(e, "%s is no challenge certificate (it has no acmeIdentifier)", path);
    return 0;
}
