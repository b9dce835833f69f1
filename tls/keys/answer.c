/* answer.c - the certificates in whatever files an authority sends */
#include "tls/keys/inner.h"
#include "tls/keys/pkcs7.h"
#include "tls/memory.h"

#include <mbedtls/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_SIZE = 48 };
#define BEGIN "-----BEGIN "

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
    struct err *e;
};

static int put_or_explain(void *arg, struct tls_slice der)
{
    struct reading *r = arg;
    if (r->pool->count >= KEYS_POOL_MAX)
        return err_set(r->e, "%s: there are more than %d certificates", r->path, KEYS_POOL_MAX);
    int error = put(r->pool, der);
    if (error != 0)
        return identity_explain_certificate(error, r->path, r->e);
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

static int take_der(struct reading *r, struct tls_slice der)
{
    switch (pkcs7_look(der)) {
    case PKCS7_SIGNED_DATA:
        return take_signed_data(r, der);
    case PKCS7_CERTIFICATE:
        return put_or_explain(r, der);
    case PKCS7_PKCS12:
        return err_set(r->e,
                       "%s is a PKCS#12 file (.pfx), which holds a private key as well: take it "
                       "in with `tlsfront key import`",
                       r->path);
    case PKCS7_INDEFINITE:
        return err_set(r->e,
                       "%s is BER, not DER; convert it: openssl pkcs7 -inform der -in FILE "
                       "-print_certs -out FILE.pem",
                       r->path);
    case PKCS7_CUT_SHORT:
        return err_set(r->e, "%s is damaged or cut short: there should be more of it", r->path);
    case PKCS7_OTHER:
        break;
    }
    return err_set(r->e,
                   "%s holds no certificate: it is neither PEM (\"-----BEGIN CERTIFICATE-----\") "
                   "nor DER nor PKCS#7 (.p7b)",
                   r->path);
}

/* ---- PEM ---- */

static bool is_wanted(const char *label)
{
    /* Windows puts PKCS#7 under "CERTIFICATE". */
    static const char *const wanted[] = {"CERTIFICATE", "X509 CERTIFICATE", "PKCS7", "CMS",
                                         "PKCS #7 SIGNED DATA"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (strcmp(label, wanted[i]) == 0)
            return true;
    return false;
}

/* The label of the block that begins at `p`; "" for one that is too long to be ours. */
static void label_of(const char *p, char label[LABEL_SIZE])
{
    const char *end = strstr(p + strlen(BEGIN), "-----");
    size_t size = end != NULL ? (size_t)(end - p) - strlen(BEGIN) : LABEL_SIZE;
    label[0] = '\0';
    if (size < LABEL_SIZE)
        snprintf(label, LABEL_SIZE, "%.*s", (int)size, p + strlen(BEGIN));
}

static struct tls_slice content_of(mbedtls_pem_context *pem)
{
    struct tls_slice s;
    s.data = mbedtls_pem_get_buffer(pem, &s.size);
    return s;
}

static int take_block(struct reading *r, const char *p, const char *label)
{
    char head[LABEL_SIZE + 24], foot[LABEL_SIZE + 24];
    mbedtls_pem_context pem;
    size_t used;
    snprintf(head, sizeof head, BEGIN "%s-----", label);
    snprintf(foot, sizeof foot, "-----END %s-----", label);
    mbedtls_pem_init(&pem);
    int error = mbedtls_pem_read_buffer(&pem, head, foot, (const unsigned char *)p, NULL, 0, &used);
    int result = -1;
    if (error == MBEDTLS_ERR_PEM_ALLOC_FAILED)
        err_set(r->e, "%s: out of memory", r->path);
    else if (error == MBEDTLS_ERR_PEM_NO_HEADER_FOOTER_PRESENT)
        err_set(r->e, "%s is cut short: there is \"%s\" without \"%s\" behind it", r->path, head,
                foot);
    else if (error != 0)
        err_set(r->e, "%s: what stands under \"%s\" is damaged (%s)", r->path, head,
                identity_error_words(error));
    else
        result = take_der(r, content_of(&pem));
    mbedtls_pem_free(&pem);
    return result;
}

static int take_pem(struct reading *r, const char *text)
{
    char label[LABEL_SIZE];
    bool request = false;
    for (const char *p = strstr(text, BEGIN); p != NULL; p = strstr(p + 1, BEGIN)) {
        label_of(p, label);
        if (is_wanted(label) && take_block(r, p, label) != 0)
            return -1;
        request = request || strstr(label, "CERTIFICATE REQUEST") != NULL;
    }
    if (r->found > 0)
        return 0;
    if (request)
        return err_set(r->e,
                       "%s is a request, not the authority's answer to it: send it to the "
                       "authority and install what comes back",
                       r->path);
    return err_set(r->e, "%s holds no certificate (no \"-----BEGIN CERTIFICATE-----\")", r->path);
}

static bool is_utf16(struct tls_slice file)
{
    return file.size > 2 && ((file.data[0] == 0xff && file.data[1] == 0xfe) ||
                             (file.data[0] == 0xfe && file.data[1] == 0xff));
}

int keys_pool_add(struct keys_pool *p, struct tls_slice file, const char *path, struct err *e)
{
    struct reading r = {p, path, 0, e};
    size_t size;
    if (is_utf16(file))
        return err_set(e, "%s is text in UTF-16; save it as ASCII or UTF-8", path);
    uint8_t *text = identity_text(file, &size);
    if (text == NULL)
        return err_set(e, "%s: out of memory", path);
    const bool pem = strstr((const char *)text, BEGIN) != NULL;
    int result = pem ? take_pem(&r, (const char *)text) : take_der(&r, file);
    if (result == 0 && r.found == 0)
        result = err_set(e, "%s: the PKCS#7 in it holds no certificate", path);
    memory_wipe_free(text, size); /* there may be a key as well */
    return result;
}

static bool holds(struct tls_slice file, const char *text)
{
    return file.size > 0 && memmem(file.data, file.size, text, strlen(text)) != NULL;
}

struct keys_look keys_look_at(struct tls_slice file)
{
    return (struct keys_look){
        .private_key = holds(file, "PRIVATE KEY-----"),
        .encrypted = holds(file, "BEGIN ENCRYPTED PRIVATE KEY") || holds(file, "4,ENCRYPTED"),
        .certificate = holds(file, "CERTIFICATE-----") || holds(file, "PKCS7-----"),
        .pkcs12 = pkcs7_look(file) == PKCS7_PKCS12,
    };
}

/* ---- roots ---- */

void keys_pool_add_trusted(struct keys_pool *p, struct tls_slice file)
{
    mbedtls_x509_crt all;
    size_t size;
    uint8_t *text = identity_text(file, &size);
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
