/* request.c - requests for a certificate (PKCS#10), written and read back */
#include "tls/facts.h"
#include "tls/keys/inner.h"
#include "tls/memory.h"
#include "tls/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- written ---- */

static int fill(mbedtls_x509write_csr *csr, const struct keys_names *names,
                const struct keys_san *san, struct err *e)
{
    if (keys_subject_read(names, &csr->subject, e) != 0)
        return -1;
    mbedtls_x509write_csr_set_md_alg(csr, MBEDTLS_MD_SHA256);
    int r = mbedtls_x509write_csr_set_subject_alternative_name(csr, &san->node[names->count - 1]);
    return r == 0 ? 0 : err_set(e, "the names cannot be written (%s)", text_error(r));
}

static char *write_request(mbedtls_x509write_csr *csr, struct err *e)
{
    unsigned char pem[KEYS_PEM_MAX];
    int r = mbedtls_x509write_csr_pem(csr, pem, sizeof pem, mbedtls_psa_get_random,
                                      MBEDTLS_PSA_RANDOM_STATE);
    return keys_written(r, pem, "the request", e);
}

char *keys_request_make(const struct keys_private *k, const struct keys_names *names, struct err *e)
{
    struct keys_san san;
    mbedtls_x509write_csr csr;
    char *text = NULL;
    if (keys_san_fill(&san, names, e) != 0)
        return NULL;
    mbedtls_x509write_csr_init(&csr);
    mbedtls_x509write_csr_set_key(&csr, (mbedtls_pk_context *)&k->pk);
    if (fill(&csr, names, &san, e) == 0)
        text = write_request(&csr, e);
    mbedtls_x509write_csr_free(&csr);
    return text;
}

/* ---- read ---- */

static int parse(mbedtls_x509_csr *csr, struct tls_slice file)
{
    size_t size;
    uint8_t *text = text_copy(file, &size);
    if (text == NULL)
        return MBEDTLS_ERR_X509_ALLOC_FAILED;
    int r = mbedtls_x509_csr_parse(csr, text, size);
    free(text);
    return r;
}

static int take_names(struct keys_request *r, const mbedtls_x509_csr *csr)
{
    size_t room = 1;
    for (const mbedtls_x509_sequence *s = &csr->subject_alt_names; s != NULL; s = s->next)
        room++;
    memory_failed();
    r->names = memory_calloc(room, sizeof *r->names);
    r->subject = text_name_copy(&csr->subject);
    if (r->names == NULL || r->subject == NULL)
        return -1;
    for (const mbedtls_x509_sequence *s = &csr->subject_alt_names; s != NULL; s = s->next) {
        char *name = facts_alt_name(&s->buf);
        if (name != NULL)
            r->names[r->count++] = name;
    }
    return memory_failed() ? -1 : 0;
}

struct keys_request *keys_request_read(struct tls_slice file, const char *path, struct err *e)
{
    mbedtls_x509_csr csr;
    mbedtls_x509_csr_init(&csr);
    struct keys_request *r = memory_calloc(1, sizeof *r);
    int error = r != NULL ? parse(&csr, file) : MBEDTLS_ERR_X509_ALLOC_FAILED;
    if (error == 0 && (take_names(r, &csr) != 0 || !keys_digest(&csr.pk, r->key_digest)))
        error = MBEDTLS_ERR_X509_ALLOC_FAILED;
    mbedtls_x509_csr_free(&csr);
    if (error == 0)
        return r;
    keys_request_free(r);
    err_set(e, "%s holds no request that can be read (%s)", path, text_error(error));
    return NULL;
}

bool keys_request_fits(struct tls_slice file, const struct keys_private *k)
{
    mbedtls_x509_csr csr;
    mbedtls_x509_csr_init(&csr);
    bool fits = parse(&csr, file) == 0 && keys_same_pair(&csr.pk, k);
    mbedtls_x509_csr_free(&csr);
    return fits;
}

void keys_request_free(struct keys_request *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->count; i++)
        free(r->names[i]);
    free(r->names);
    free(r->subject);
    free(r);
}
