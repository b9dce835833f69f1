/* answer.c - the certificates in whatever files an authority sends */
#include "tls/der.h"
#include "tls/form.h"
#include "tls/keys/inner.h"
#include "tls/keys/pkcs7.h"
#include "tls/memory.h"
#include "tls/pem.h"
#include "tls/text.h"

#include <stdlib.h>
#include <string.h>

struct keys_pool *keys_pool_new(struct err *e)
{
    struct keys_pool *p = memory_calloc(1, sizeof *p);
    if (p == NULL)
        keys_out_of_memory(e);
    return p;
}

static void free_certificate(mbedtls_x509_crt *crt)
{
    if (crt == NULL)
        return;
    mbedtls_x509_crt_free(crt);
    free(crt);
}

void keys_pool_free(struct keys_pool *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->count; i++)
        free_certificate(p->certificates[i]);
    free(p->certificates);
    free(p);
}

size_t keys_pool_count(const struct keys_pool *p)
{
    return p->count;
}

/* ---- one certificate ---- */

static bool is_there(const struct keys_pool *p, const mbedtls_x509_crt *crt)
{
    for (size_t i = 0; i < p->count; i++) {
        const mbedtls_x509_buf *raw = &p->certificates[i]->raw;
        if (raw->len == crt->raw.len && memcmp(raw->p, crt->raw.p, raw->len) == 0)
            return true;
    }
    return false;
}

static int make_room(struct keys_pool *p)
{
    if (p->count < p->room)
        return 0;
    size_t room = p->room > 0 ? 2 * p->room : 8;
    mbedtls_x509_crt **grown = memory_grow(p->certificates, room * sizeof(mbedtls_x509_crt *));
    if (grown == NULL)
        return -1;
    p->certificates = grown;
    p->room = room;
    return 0;
}

/* 0, or an error of mbedTLS. */
static int put(struct keys_pool *p, struct tls_slice der)
{
    mbedtls_x509_crt *crt = memory_calloc(1, sizeof *crt);
    if (crt == NULL || make_room(p) != 0) {
        free(crt);
        return MBEDTLS_ERR_X509_ALLOC_FAILED;
    }
    mbedtls_x509_crt_init(crt);
    int r = identity_parse_der(crt, der, IDENTITY_SHOWN);
    if (r != 0 || is_there(p, crt))
        free_certificate(crt);
    else
        p->certificates[p->count++] = crt;
    return r;
}

/* ---- a file ---- */

struct reading {
    struct keys_pool *pool;
    const char *path;
    size_t found;
    bool request; /* there is one in it */
    struct err *e;
};

static int put_or_explain(void *arg, struct tls_slice der)
{
    struct reading *r = arg;
    if (r->pool->count >= KEYS_POOL_MAX)
        return err_set(r->e, "%s: there are more than %d certificates", r->path, KEYS_POOL_MAX);
    int error = put(r->pool, der);
    if (error != 0)
        return identity_explain_certificate(error, r->path, 0, r->e);
    r->found++;
    return 0;
}

static int take_signed_data(struct reading *r, struct tls_slice der)
{
    r->e->text[0] = '\0';
    if (pkcs7_walk(der, put_or_explain, r) >= 0)
        return 0;
    if (r->e->text[0] == '\0')
        err_set(r->e, "%s: the PKCS#7 in it is damaged", r->path);
    return -1;
}

static int take_certificates(struct reading *r, struct tls_slice der)
{
    int result;
    do
        result = put_or_explain(r, der_cut(&der));
    while (result == 0 && der_goes_on(der));
    return result;
}

static int take_der(struct reading *r, struct tls_slice der)
{
    const enum form what = form_of(der);
    if (what == FORM_SIGNED_DATA)
        return take_signed_data(r, der);
    if (what == FORM_CERTIFICATE)
        return take_certificates(r, der);
    if (what != FORM_OTHER)
        return form_refuse(what, r->path, r->e);
    err_set(r->e,
            "%s holds no certificate: it is neither PEM (\"-----BEGIN CERTIFICATE-----\") nor DER "
            "nor PKCS#7 (.p7b)",
            r->path);
    return err_cure(r->e, "name the file that the authority sent");
}

/* ---- PEM ---- */

static int on_block(void *arg, const struct pem_block *b, struct err *e)
{
    struct reading *r = arg;
    struct tls_slice der;
    r->request = r->request || b->kind == PEM_REQUEST;
    if (b->kind != PEM_CERTIFICATE && b->kind != PEM_SIGNED_DATA) /* Windows confuses these two */
        return 0;
    uint8_t *bytes = pem_decode(b, r->path, &der.size, e);
    if (bytes == NULL)
        return -1;
    der.data = bytes;
    struct tls_slice rest = der;
    /* Behind a "TRUSTED CERTIFICATE" stands what OpenSSL trusts it for. */
    const bool trusted = strcmp(b->label, "TRUSTED CERTIFICATE") == 0;
    int result = take_der(r, trusted ? der_cut(&rest) : der);
    memory_wipe_free(bytes, der.size);
    return result;
}

/* Anything that is no PEM is said to be so by take_der(). */
static int take_pem(struct reading *r, struct tls_slice file)
{
    int blocks = pem_walk(file, r->path, on_block, r, r->e);
    if (blocks < 0 || r->found > 0)
        return blocks < 0 ? -1 : 0;
    if (r->request)
        return err_set(r->e,
                       "%s is a request, not the authority's answer to it: send it to the "
                       "authority and install what comes back",
                       r->path);
    if (blocks == 0)
        return take_der(r, file);
    return err_set(r->e, "%s holds no certificate (no \"-----BEGIN CERTIFICATE-----\")", r->path);
}

int keys_pool_add(struct keys_pool *p, struct tls_slice file, const char *path, struct err *e)
{
    struct reading r = {.pool = p, .path = path, .e = e};
    int result =
        form_of(file) != FORM_OTHER || pem_is_der(file) ? take_der(&r, file) : take_pem(&r, file);
    if (result == 0 && r.found == 0)
        result = err_set(e, "%s: the PKCS#7 in it holds no certificate", path);
    return result;
}

/* ---- roots ---- */

void keys_pool_add_trusted(struct keys_pool *p, struct tls_slice file)
{
    mbedtls_x509_crt all;
    size_t size;
    uint8_t *text = text_copy(file, &size);
    if (text == NULL)
        return;
    mbedtls_x509_crt_init(&all);
    mbedtls_x509_crt_parse(&all, text, size); /* counts what it cannot use, and goes on */
    for (const mbedtls_x509_crt *c = &all; c != NULL && p->count < KEYS_POOL_MAX; c = c->next)
        if (c->raw.len > 0)
            put(p, (struct tls_slice){c->raw.p, c->raw.len});
    mbedtls_x509_crt_free(&all);
    free(text);
}
