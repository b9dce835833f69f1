#include "tls/protection.h"

#include "tls/memory.h"

#include <string.h>

#include <ssl_misc.h> /* of mbedTLS's library/: where it keeps its keys */
#include <ssl_tls13_keys.h>

enum {
    TAG_SIZE = 16,
    EXPLICIT_SIZE = 8,
    AAD_MAX = 13,
    INNER_MAX = RECORD_PLAIN_MAX + 1, /* RFC 8446 5.2: content, type and padding */
};

/* ---- birth and death ---- */

static void take_secret(struct protection *p, const uint8_t *secret, size_t size)
{
    p->secret_size = (uint8_t)size;
    memcpy(p->secret, secret, size);
}

static void take_cipher(struct protection *p, mbedtls_cipher_context_t *cipher, const uint8_t *iv,
                        const mbedtls_ssl_transform *t)
{
    p->cipher = *cipher;
    mbedtls_cipher_init(cipher);
    memcpy(p->iv, iv, t->fixed_ivlen);
    p->tls13 = t->tls_version == MBEDTLS_SSL_VERSION_TLS1_3;
    p->explicit_nonce = t->fixed_ivlen != t->ivlen;
}

void protection_take(struct protection *in, struct protection *out, mbedtls_ssl_context *ssl)
{
    mbedtls_ssl_transform *t = ssl->transform_in;
    take_cipher(in, &t->cipher_ctx_dec, t->iv_dec, t);
    take_cipher(out, &t->cipher_ctx_enc, t->iv_enc, t);
    in->sequence = MBEDTLS_GET_UINT64_BE(ssl->in_ctr, 0);
    out->sequence = MBEDTLS_GET_UINT64_BE(ssl->cur_out_ctr, 0);
    if (!in->tls13)
        return;
    const mbedtls_ssl_tls13_application_secrets *secrets = &ssl->session->app_secrets;
    const mbedtls_ssl_ciphersuite_t *suite =
        mbedtls_ssl_ciphersuite_from_id(ssl->session->ciphersuite);
    const size_t size = mbedtls_md_get_size_from_type((mbedtls_md_type_t)suite->mac);
    const bool is_client = ssl->conf->endpoint == MBEDTLS_SSL_IS_CLIENT;
    take_secret(is_client ? out : in, secrets->client_application_traffic_secret_N, size);
    take_secret(is_client ? in : out, secrets->server_application_traffic_secret_N, size);
}

void protection_free(struct protection *p)
{
    mbedtls_cipher_free(&p->cipher);
    mbedtls_platform_zeroize(p, sizeof *p);
}

/* ---- what AEAD wants besides the content ---- */

static void make_nonce(const struct protection *p, const uint8_t *explicit_part,
                       uint8_t nonce[PROTECTION_IV_SIZE])
{
    memcpy(nonce, p->iv, PROTECTION_IV_SIZE);
    uint8_t *last = nonce + PROTECTION_IV_SIZE - 8;
    if (explicit_part != NULL)
        memcpy(last, explicit_part, EXPLICIT_SIZE);
    else
        MBEDTLS_PUT_UINT64_BE(MBEDTLS_GET_UINT64_BE(last, 0) ^ p->sequence, last, 0);
}

/* TLS 1.3: the header as it is on the wire; TLS 1.2: the number, and the header with the size of
 * the content. */
static size_t make_aad(const struct protection *p, const uint8_t *header, size_t content,
                       uint8_t aad[AAD_MAX])
{
    if (p->tls13) {
        memcpy(aad, header, RECORD_HEADER_SIZE);
        return RECORD_HEADER_SIZE;
    }
    MBEDTLS_PUT_UINT64_BE(p->sequence, aad, 0);
    memcpy(aad + 8, header, 3);
    MBEDTLS_PUT_UINT16_BE(content, aad, 11);
    return AAD_MAX;
}

/* ---- opening ---- */

static enum protection_result strip(const uint8_t *inner, size_t size, uint8_t *type,
                                    size_t *content)
{
    if (size > INNER_MAX)
        return PROTECTION_TOO_LONG;
    while (size > 0 && inner[size - 1] == 0)
        size--;
    if (size == 0)
        return PROTECTION_NO_TYPE;
    *type = inner[size - 1];
    *content = size - 1;
    return PROTECTION_OK;
}

enum protection_result protection_open(struct protection *p, const struct record *r,
                                       struct engine_buffer *plain, uint8_t *type, size_t *size)
{
    const uint8_t *body = r->body.data, *explicit_part = NULL;
    size_t left = r->body.size, opened;
    uint8_t nonce[PROTECTION_IV_SIZE], aad[AAD_MAX];
    if (p->explicit_nonce && left >= EXPLICIT_SIZE) {
        explicit_part = body;
        body += EXPLICIT_SIZE;
        left -= EXPLICIT_SIZE;
    }
    if (left < TAG_SIZE + (p->tls13 ? 1u : 0u) || p->sequence == PROTECTION_SPENT)
        return PROTECTION_BAD;
    if (!p->tls13 && left > RECORD_PLAIN_MAX + TAG_SIZE)
        return PROTECTION_TOO_LONG;
    if (!engine_reserve(plain, left))
        return PROTECTION_NO_MEMORY;
    make_nonce(p, explicit_part, nonce);
    size_t aad_size = make_aad(p, r->header, left - TAG_SIZE, aad);
    uint8_t *to = plain->data + plain->size;
    if (mbedtls_cipher_auth_decrypt_ext(&p->cipher, nonce, sizeof nonce, aad, aad_size, body, left,
                                        to, left, &opened, TAG_SIZE) != 0)
        return PROTECTION_BAD;
    p->sequence++;
    enum protection_result result = PROTECTION_OK;
    *type = r->header[0];
    *size = opened;
    if (p->tls13)
        result = strip(to, opened, type, size);
    if (result == PROTECTION_OK)
        plain->size += *size;
    return result;
}

/* ---- sealing ---- */

bool protection_seal(struct protection *p, uint8_t type, uint8_t *data, size_t size,
                     struct engine_buffer *wire)
{
    const size_t inner = size + (p->tls13 ? 1 : 0), before = p->explicit_nonce ? EXPLICIT_SIZE : 0;
    const size_t body = before + inner + TAG_SIZE;
    if (p->sequence == PROTECTION_SPENT || !engine_reserve(wire, RECORD_HEADER_SIZE + body))
        return false;
    uint8_t *header = wire->data + wire->size, *to = header + RECORD_HEADER_SIZE;
    uint8_t nonce[PROTECTION_IV_SIZE], aad[AAD_MAX];
    header[0] = p->tls13 ? RECORD_DATA : type;
    header[1] = header[2] = 3;
    MBEDTLS_PUT_UINT16_BE(body, header, 3);
    if (p->explicit_nonce)
        MBEDTLS_PUT_UINT64_BE(p->sequence, to, 0);
    make_nonce(p, p->explicit_nonce ? to : NULL, nonce);
    size_t aad_size = make_aad(p, header, inner, aad), sealed;

    const uint8_t behind = data[size];
    if (p->tls13)
        data[size] = type;
    int r =
        mbedtls_cipher_auth_encrypt_ext(&p->cipher, nonce, sizeof nonce, aad, aad_size, data, inner,
                                        to + before, inner + TAG_SIZE, &sealed, TAG_SIZE);
    data[size] = behind;
    if (r != 0)
        return false;
    p->sequence++;
    wire->size += RECORD_HEADER_SIZE + body;
    return true;
}

/* ---- changing keys ---- */

static psa_algorithm_t hash_of(const struct protection *p)
{
    return p->secret_size == 48 ? PSA_ALG_SHA_384 : PSA_ALG_SHA_256;
}

/* From one traffic secret the next generation, and what follows from that. */
struct generation {
    uint8_t secret[PROTECTION_SECRET_MAX], key[32], iv[PROTECTION_IV_SIZE];
};

static bool expand(const struct protection *p, const uint8_t *secret, const char *label,
                   uint8_t *to, size_t size)
{
    return mbedtls_ssl_tls13_hkdf_expand_label(hash_of(p), secret, p->secret_size,
                                               (const uint8_t *)label, strlen(label), NULL, 0, to,
                                               size) == 0;
}

static bool next_generation(const struct protection *p, struct generation *g, size_t key_size)
{
    return expand(p, p->secret, "traffic upd", g->secret, p->secret_size) &&
           expand(p, g->secret, "key", g->key, key_size) &&
           expand(p, g->secret, "iv", g->iv, PROTECTION_IV_SIZE);
}

/* The key comes last, and only with it the sequence: a number is never used twice under one key. */
static bool replace(struct protection *p, const struct generation *g, int bits)
{
    p->sequence = PROTECTION_SPENT;
    if (mbedtls_cipher_setkey(&p->cipher, g->key, bits, mbedtls_cipher_get_operation(&p->cipher)) !=
        0)
        return false;
    memcpy(p->secret, g->secret, p->secret_size);
    memcpy(p->iv, g->iv, PROTECTION_IV_SIZE);
    p->sequence = 0;
    return true;
}

bool protection_update(struct protection *p)
{
    struct generation g;
    const int bits = mbedtls_cipher_get_key_bitlen(&p->cipher);
    const bool done = next_generation(p, &g, (size_t)bits / 8) && replace(p, &g, bits);
    if (!done)
        p->sequence = PROTECTION_SPENT;
    mbedtls_platform_zeroize(&g, sizeof g);
    return done;
}
