/* sign.c - see sign.h. Whoever asks for a signature may have been taken over, so what is signed is
 * put together here, from the few parts that differ from one handshake to the next. */
#include "tls/sign.h"

#include "tls/identity.h"

#include <string.h>

enum { RANDOMS = 64, NAMED_CURVE = 3, PARAMETERS_HEAD = 4 };

/* ---- schemes (RFC 8446 4.2.3); TLS 1.2's pairs of hash and algorithm have the same numbers ----
 */

static const struct scheme {
    uint16_t number;
    mbedtls_md_type_t hash;
    mbedtls_pk_type_t kind;     /* of signature */
    mbedtls_ecp_group_id curve; /* in TLS 1.3 */
    bool tls12, tls13;
} schemes[] = {
    {0x0401, MBEDTLS_MD_SHA256, MBEDTLS_PK_RSA, MBEDTLS_ECP_DP_NONE, true, false},
    {0x0501, MBEDTLS_MD_SHA384, MBEDTLS_PK_RSA, MBEDTLS_ECP_DP_NONE, true, false},
    {0x0601, MBEDTLS_MD_SHA512, MBEDTLS_PK_RSA, MBEDTLS_ECP_DP_NONE, true, false},
    {0x0804, MBEDTLS_MD_SHA256, MBEDTLS_PK_RSASSA_PSS, MBEDTLS_ECP_DP_NONE, false, true},
    {0x0805, MBEDTLS_MD_SHA384, MBEDTLS_PK_RSASSA_PSS, MBEDTLS_ECP_DP_NONE, false, true},
    {0x0806, MBEDTLS_MD_SHA512, MBEDTLS_PK_RSASSA_PSS, MBEDTLS_ECP_DP_NONE, false, true},
    {0x0403, MBEDTLS_MD_SHA256, MBEDTLS_PK_ECDSA, MBEDTLS_ECP_DP_SECP256R1, true, true},
    {0x0503, MBEDTLS_MD_SHA384, MBEDTLS_PK_ECDSA, MBEDTLS_ECP_DP_SECP384R1, true, true},
    {0x0603, MBEDTLS_MD_SHA512, MBEDTLS_PK_ECDSA, MBEDTLS_ECP_DP_SECP521R1, true, true},
};
enum { SCHEMES = sizeof schemes / sizeof *schemes };

static const struct scheme *scheme_for(bool tls13, bool rsa, mbedtls_md_type_t hash)
{
    for (size_t i = 0; i < SCHEMES; i++)
        if (schemes[i].hash == hash && (schemes[i].kind != MBEDTLS_PK_ECDSA) == rsa &&
            (tls13 ? schemes[i].tls13 : schemes[i].tls12))
            return &schemes[i];
    return NULL;
}

static bool is_tls13(const struct tls_sign_request *r)
{
    return r->form != TLS_SIGN_SERVER_12;
}

static const struct scheme *scheme_of(const struct tls_sign_request *r)
{
    for (size_t i = 0; i < SCHEMES; i++)
        if (schemes[i].number == r->scheme && (is_tls13(r) ? schemes[i].tls13 : schemes[i].tls12))
            return &schemes[i];
    return NULL;
}

/* ---- asking ---- */

static int put(struct tls_sign_request *out, const uint8_t *data, size_t size)
{
    if (size > sizeof out->content - out->size)
        return -1;
    memcpy(out->content + out->size, data, size);
    out->size = (uint8_t)(out->size + size);
    return 0;
}

static uint8_t form_in(const mbedtls_ssl_context *ssl)
{
    if (ssl->tls_version != MBEDTLS_SSL_VERSION_TLS1_3)
        return TLS_SIGN_SERVER_12;
    return ssl->conf->endpoint == MBEDTLS_SSL_IS_CLIENT ? TLS_SIGN_CLIENT_13 : TLS_SIGN_SERVER_13;
}

/* Our Certificate is the last message in it. */
static int put_transcript(const mbedtls_ssl_context *ssl, struct tls_sign_request *out)
{
    uint8_t hash[MBEDTLS_MD_MAX_SIZE];
    size_t size;
    if (mbedtls_ssl_get_handshake_transcript(
            (mbedtls_ssl_context *)(uintptr_t)ssl,
            (mbedtls_md_type_t)ssl->handshake->ciphersuite_info->mac, hash, sizeof hash,
            &size) != 0)
        return -1;
    return put(out, hash, size);
}

/* The message so far: its head, the parameters, and the two bytes that name hash and algorithm. */
static int put_parameters(const mbedtls_ssl_context *ssl, struct tls_sign_request *out)
{
    enum { HEAD = 4, SCHEME = 2 };
    if (ssl->out_msglen < HEAD + SCHEME ||
        put(out, ssl->handshake->randbytes, sizeof ssl->handshake->randbytes) != 0)
        return -1;
    return put(out, ssl->out_msg + HEAD, ssl->out_msglen - HEAD - SCHEME);
}

int sign_request(const mbedtls_ssl_context *ssl, const struct tls_identity *id,
                 mbedtls_md_type_t hash, struct tls_sign_request *out)
{
    const bool tls13 = ssl->tls_version == MBEDTLS_SSL_VERSION_TLS1_3;
    const struct scheme *s = scheme_for(tls13, id->facts.key_type == TLS_KEY_RSA, hash);
    if (s == NULL || (!tls13 && ssl->conf->endpoint == MBEDTLS_SSL_IS_CLIENT))
        return -1;
    *out = (struct tls_sign_request){.scheme = s->number, .form = form_in(ssl)};
    memcpy(out->key, id->key_id, sizeof out->key);
    return tls13 ? put_transcript(ssl, out) : put_parameters(ssl, out);
}

/* ---- what is signed ---- */

/* RFC 8446 4.4.3. */
static int tls13_text(const struct tls_sign_request *r, uint8_t *text, size_t *size)
{
    enum { BLANKS = 64, CONTEXT_SIZE = 34 }; /* with its NUL */
    static const char server[CONTEXT_SIZE] = "TLS 1.3, server CertificateVerify",
                      client[CONTEXT_SIZE] = "TLS 1.3, client CertificateVerify";
    if (r->form > TLS_SIGN_CLIENT_13 || (r->size != 32 && r->size != 48))
        return -1;
    memset(text, ' ', BLANKS);
    memcpy(text + BLANKS, r->form == TLS_SIGN_CLIENT_13 ? client : server, CONTEXT_SIZE);
    memcpy(text + BLANKS + CONTEXT_SIZE, r->content, r->size);
    *size = BLANKS + CONTEXT_SIZE + r->size;
    return 0;
}

/* The length of a point of that curve (RFC 8422 5.4, RFC 7748); 0: we have no such curve. */
static size_t point_size(uint16_t curve)
{
    switch (curve) {
    case 23:
        return 65;
    case 24:
        return 97;
    case 25:
        return 133;
    case 29:
        return 32;
    default:
        return 0;
    }
}

/* RFC 8422 5.4: both randoms, and the parameters. */
static int tls12_text(const struct tls_sign_request *r, uint8_t *text, size_t *size)
{
    const uint8_t *p = r->content + RANDOMS;
    if (r->size <= RANDOMS + PARAMETERS_HEAD || p[0] != NAMED_CURVE)
        return -1;
    const size_t point = point_size((uint16_t)(p[1] << 8 | p[2]));
    if (point == 0 || p[3] != point || r->size != RANDOMS + PARAMETERS_HEAD + point)
        return -1;
    memcpy(text, r->content, r->size);
    *size = r->size;
    return 0;
}

static bool key_fits(const mbedtls_pk_context *key, const struct scheme *s, bool tls13)
{
    if (s->kind != MBEDTLS_PK_ECDSA)
        return mbedtls_pk_can_do(key, MBEDTLS_PK_RSA);
    return mbedtls_pk_can_do(key, MBEDTLS_PK_ECDSA) &&
           (!tls13 || mbedtls_pk_ec(*key)->grp.id == s->curve);
}

int sign_make(mbedtls_pk_context *key, const struct tls_sign_request *r, struct tls_signature *out)
{
    uint8_t text[sizeof r->content + 128], hash[MBEDTLS_MD_MAX_SIZE];
    size_t size;
    const struct scheme *s = scheme_of(r);
    if (s == NULL || r->size > sizeof r->content || !key_fits(key, s, is_tls13(r)))
        return -1;
    if ((is_tls13(r) ? tls13_text(r, text, &size) : tls12_text(r, text, &size)) != 0)
        return -1;
    const mbedtls_md_info_t *md = mbedtls_md_info_from_type(s->hash);
    if (mbedtls_md(md, text, size, hash) != 0 ||
        mbedtls_pk_sign_ext(s->kind, key, s->hash, hash, mbedtls_md_get_size(md), out->bytes,
                            sizeof out->bytes, &size, mbedtls_psa_get_random,
                            MBEDTLS_PSA_RANDOM_STATE) != 0)
        return -1;
    out->size = (uint32_t)size;
    return 0;
}
