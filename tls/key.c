#include "tls/key.h"

#include "tls/form.h"
#include "tls/memory.h"
#include "tls/pem.h"
#include "tls/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* TLS 1.3's signatures do not fit less (lint calls 2047 weak); mbedTLS's numbers hold no more. */
enum { RSA_BITS_MIN = 1024, RSA_BITS_MAX = 8 * MBEDTLS_MPI_MAX_SIZE };

#define CONVERT "openssl pkey -in FILE -out FILE.new"

enum { SEQUENCE = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE };

/* ---- PKCS#8 (RFC 5208, RFC 5958) ---- */

struct key_info {
    struct tls_slice head; /* algorithm and key, as elements */
    struct tls_slice oid, parameters;
    bool plain; /* version 0 and nothing behind the key: as mbedTLS wants it */
};

static bool skip(unsigned char **p, const unsigned char *end, int tag)
{
    size_t size;
    if (mbedtls_asn1_get_tag(p, end, &size, tag) != 0)
        return false;
    *p += size;
    return true;
}

static bool read_algorithm(struct tls_slice head, struct key_info *info)
{
    unsigned char *p = (unsigned char *)head.data;
    const unsigned char *end = p + head.size;
    size_t size;
    if (mbedtls_asn1_get_tag(&p, end, &size, SEQUENCE) != 0)
        return false;
    end = p + size;
    if (mbedtls_asn1_get_tag(&p, end, &size, MBEDTLS_ASN1_OID) != 0)
        return false;
    info->oid = (struct tls_slice){p, size};
    info->parameters = (struct tls_slice){p + size, (size_t)(end - p) - size};
    return true;
}

static bool read_info(struct tls_slice der, struct key_info *info)
{
    unsigned char *p = (unsigned char *)der.data;
    const unsigned char *end = p + der.size;
    size_t size;
    int version;
    if (mbedtls_asn1_get_tag(&p, end, &size, SEQUENCE) != 0)
        return false;
    end = p + size;
    if (mbedtls_asn1_get_int(&p, end, &version) != 0)
        return false;
    info->head.data = p;
    if (!skip(&p, end, SEQUENCE) || !skip(&p, end, MBEDTLS_ASN1_OCTET_STRING))
        return false;
    info->head.size = (size_t)(p - info->head.data);
    info->plain = version == 0 && p == end;
    return read_algorithm(info->head, info);
}

static int parse(mbedtls_pk_context *key, struct tls_slice der)
{
    return mbedtls_pk_parse_key(key, der.data, der.size, NULL, 0, mbedtls_psa_get_random,
                                MBEDTLS_PSA_RANDOM_STATE);
}

/* Without attributes, which Windows writes, or the public half. */
static int parse_stripped(mbedtls_pk_context *key, const struct key_info *info)
{
    static const uint8_t version[] = {MBEDTLS_ASN1_INTEGER, 1, 0};
    const size_t inner = sizeof version + info->head.size, size = inner + 4;
    if (inner > 0xffff)
        return MBEDTLS_ERR_PK_KEY_INVALID_FORMAT;
    uint8_t *der = memory_calloc(1, size);
    if (der == NULL)
        return MBEDTLS_ERR_PK_ALLOC_FAILED;
    der[0] = SEQUENCE;
    der[1] = 0x82; /* two bytes of length */
    der[2] = (uint8_t)(inner >> 8);
    der[3] = (uint8_t)inner;
    memcpy(der + 4, version, sizeof version);
    memcpy(der + 4 + sizeof version, info->head.data, info->head.size);
    int r = parse(key, (struct tls_slice){der, size});
    memory_wipe_free(der, size);
    return r;
}

static int parse_any(mbedtls_pk_context *key, struct tls_slice der)
{
    struct key_info info;
    if (read_info(der, &info) && !info.plain)
        return parse_stripped(key, &info);
    return parse(key, der);
}

/* ---- why it is of no use ---- */

#define OID(bytes) bytes, sizeof(bytes) - 1

static const struct {
    const char *oid;
    size_t size;
    const char *name;
} kinds[] = {
    {OID("\x2b\x65\x70"), "an Ed25519 key"},
    {OID("\x2b\x65\x71"), "an Ed448 key"},
    {OID("\x2b\x65\x6e"), "an X25519 key, which cannot sign"},
    {OID("\x2b\x65\x6f"), "an X448 key, which cannot sign"},
    {OID("\x2a\x86\x48\xce\x38\x04\x01"), "a DSA key"},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x03\x01"), "a Diffie-Hellman key, which cannot sign"},
    {OID("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"), "an RSA key that is restricted to RSA-PSS"},
    {OID("\x60\x86\x48\x01\x65\x03\x04\x03\x11"), "an ML-DSA-44 key"},
    {OID("\x60\x86\x48\x01\x65\x03\x04\x03\x12"), "an ML-DSA-65 key"},
    {OID("\x60\x86\x48\x01\x65\x03\x04\x03\x13"), "an ML-DSA-87 key"},
};

static const char *name_of(struct tls_slice oid)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (oid.size == kinds[i].size && memcmp(oid.data, kinds[i].oid, oid.size) == 0)
            return kinds[i].name;
    return NULL;
}

static int refuse(struct err *e, const char *cure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(struct err *e, const char *cure, const char *format, ...)
{
    char why[400];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    err_set(e, "%s", why);
    return err_cure(e, "%s", cure);
}

static int refuse_kind(const char *path, const char *name, struct err *e)
{
    err_set(e, "%s: the private key is %s; RSA and EC with P-256, P-384 or P-521 can be served",
            path, name);
    return err_cure(e,
                    "make such a key and have a certificate issued for it: tlsfront key new NAME");
}

/* Where the curve of an EC key stands: of PKCS#8 behind the algorithm, of SEC1 (RFC 5915) behind
 * [0]. Empty: it is none, or does not say. */
static struct tls_slice curve_of(struct tls_slice der, const struct key_info *info)
{
    static const struct tls_slice none = {NULL, 0};
    unsigned char *p = (unsigned char *)der.data;
    const unsigned char *end = p + der.size;
    size_t size;
    int version;
    if (info->oid.data != NULL)
        return info->oid.size == sizeof MBEDTLS_OID_EC_ALG_UNRESTRICTED - 1 &&
                       memcmp(info->oid.data, MBEDTLS_OID_EC_ALG_UNRESTRICTED, info->oid.size) == 0
                   ? info->parameters
                   : none;
    if (mbedtls_asn1_get_tag(&p, end, &size, SEQUENCE) != 0 ||
        mbedtls_asn1_get_int(&p, end, &version) != 0 || !skip(&p, end, MBEDTLS_ASN1_OCTET_STRING) ||
        mbedtls_asn1_get_tag(&p, end, &size,
                             MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED) != 0)
        return none;
    return (struct tls_slice){p, size};
}

/* Written out instead of named (RFC 3279 2.3.5). */
static bool is_explicit(struct tls_slice curve)
{
    return curve.size > 0 && curve.data[0] == SEQUENCE;
}

static bool is_served(struct tls_slice curve)
{
    static const mbedtls_ecp_group_id groups[] = {
        MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_SECP521R1};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        const char *oid;
        size_t size;
        if (mbedtls_oid_get_oid_by_ec_grp(groups[i], &oid, &size) == 0 && curve.size == size + 2 &&
            memcmp(curve.data + 2, oid, size) == 0)
            return true;
    }
    return false;
}

/* What PKCS#1 begins with. */
struct rsa_head {
    int version; /* 1: of more than two primes */
    size_t bits; /* 0: that is no RSA key */
};

static struct rsa_head rsa_head(struct tls_slice der, const struct key_info *info)
{
    static const struct rsa_head none = {0, 0};
    struct rsa_head h;
    unsigned char *p = (unsigned char *)der.data;
    const unsigned char *end = p + der.size;
    size_t size;
    if (info->oid.data != NULL) {
        p = (unsigned char *)info->head.data;
        end = p + info->head.size;
        if (!skip(&p, end, SEQUENCE) ||
            mbedtls_asn1_get_tag(&p, end, &size, MBEDTLS_ASN1_OCTET_STRING) != 0)
            return none;
    }
    if (mbedtls_asn1_get_tag(&p, end, &size, SEQUENCE) != 0 ||
        mbedtls_asn1_get_int(&p, end, &h.version) != 0 ||
        mbedtls_asn1_get_tag(&p, end, &size, MBEDTLS_ASN1_INTEGER) != 0)
        return none;
    h.bits = 8 * (size - (size > 0 && *p == 0));
    return h;
}

static int refuse_rsa(const char *path, size_t bits, struct err *e)
{
    return refuse(e,
                  "make one of 2048 to 4096 bits, and have a certificate issued for it: tlsfront "
                  "key new NAME",
                  "%s: an RSA key of %zu bits is too %s to serve", path, bits,
                  bits < RSA_BITS_MIN ? "small" : "large");
}

static bool is_whole(struct tls_slice der)
{
    unsigned char *p = (unsigned char *)der.data;
    const unsigned char *end = p + der.size;
    return skip(&p, end, SEQUENCE) && p == end;
}

static int refuse_public(const char *path, struct err *e)
{
    return refuse(e, "name the file of the private key that it was made with",
                  "%s holds a public key, and no private one", path);
}

static int explain(int error, struct tls_slice der, const char *label, const char *path,
                   struct err *e)
{
    struct key_info info = {.oid = {NULL, 0}};
    if (!read_info(der, &info))
        info.oid.data = NULL;
    const struct tls_slice curve = curve_of(der, &info);
    const struct rsa_head rsa = rsa_head(der, &info);
    if (error == MBEDTLS_ERR_PK_ALLOC_FAILED)
        return err_set(e, "%s: out of memory", path);
    if (strcmp(label, "OPENSSH PRIVATE KEY") == 0)
        return refuse(e, "convert a copy of it: ssh-keygen -p -m PKCS8 -f COPY",
                      "%s: the private key is in OpenSSH's own form", path);
    if (form_of(der) == FORM_PUBLIC_KEY)
        return refuse_public(path, e);
    if (!is_whole(der))
        return refuse(e, "give the file as it was made, or a backup of it",
                      "%s: the private key is damaged (%s)", path, text_error(error));
    if (strcmp(label, "DSA PRIVATE KEY") == 0)
        return refuse_kind(path, "a DSA key", e);
    if (is_explicit(curve))
        return refuse(e, "convert it: openssl ec -in FILE -param_enc named_curve -out FILE.new",
                      "%s: the private key spells its curve out instead of naming it", path);
    if (curve.size > 0 && !is_served(curve))
        return refuse_kind(path, "on another curve", e);
    if (rsa.bits > RSA_BITS_MAX)
        return refuse_rsa(path, rsa.bits, e);
    if (rsa.bits > 0 && rsa.version == 1)
        return refuse_kind(path, "an RSA key of more than two primes", e);
    return refuse(e, "convert it, which also tells whether it is broken: " CONVERT,
                  "%s: the private key is in a form that cannot be read (%s)", path,
                  text_error(error));
}

/* ---- a file ---- */

struct reading {
    const char *path;
    uint8_t *der; /* of the first one */
    size_t size;
    char label[PEM_LABEL_SIZE];
    bool encrypted; /* there is such a one */
    bool older;     /* in the form of before PKCS#8 */
    bool public;    /* there is the other half of one */
};

static int on_block(void *arg, const struct pem_block *b, struct err *e)
{
    struct reading *r = arg;
    r->public = r->public || b->kind == PEM_PUBLIC_KEY;
    if (b->kind != PEM_PRIVATE_KEY || r->der != NULL)
        return 0;
    if (b->encrypted) {
        r->encrypted = true;
        r->older = strcmp(b->label, "ENCRYPTED PRIVATE KEY") != 0;
        return 0;
    }
    memcpy(r->label, b->label, sizeof r->label);
    r->der = pem_decode(b, r->path, &r->size, e);
    return r->der != NULL ? 0 : -1;
}

static int parse_or_explain(mbedtls_pk_context *key, struct tls_slice der, const char *label,
                            const char *path, struct err *e)
{
    struct key_info info;
    if (read_info(der, &info) && name_of(info.oid) != NULL) /* mbedTLS reads some of them */
        return refuse_kind(path, name_of(info.oid), e);
    int r = parse_any(key, der);
    return r == 0 ? 0 : explain(r, der, label, path, e);
}

/* What holds no key, or holds it in a way that is opened elsewhere. */
static int refuse_look(enum form what, const char *path, struct err *e)
{
    if (what == FORM_CERTIFICATE || what == FORM_SIGNED_DATA)
        return refuse(e, "name the file that holds it", "%s is a certificate, no private key",
                      path);
    if (what == FORM_PUBLIC_KEY)
        return refuse_public(path, e);
    if (what == FORM_ENCRYPTED_KEY || what == FORM_PKCS12 || what == FORM_KEY_STORE ||
        what == FORM_PUTTY || what == FORM_PVK || what == FORM_BLOB || what == FORM_JWK)
        return form_refuse(what, path, e);
    return 0;
}

int key_read(mbedtls_pk_context *key, struct tls_slice file, const char *path, struct err *e)
{
    struct reading r = {.path = path};
    int result = refuse_look(form_of(file), path, e);
    if (result != 0)
        return result;
    result = -1;
    if (pem_is_der(file))
        return parse_or_explain(key, file, "", path, e);
    if (pem_walk(file, path, on_block, &r, e) < 0)
        ; /* it has said why */
    else if (r.der != NULL)
        result = parse_or_explain(key, (struct tls_slice){r.der, r.size}, r.label, path, e);
    else if (r.encrypted)
        refuse(e,
               r.older ? "take it off: " CONVERT "; or encrypt the key as PKCS#8 (openssl pkcs8 "
                         "-topk8 -v2 aes-256-cbc) and say passphrase-file"
                       : "name a file that holds it (passphrase-file), or take it off: " CONVERT,
               "%s: the private key is encrypted, and nobody is there to type its passphrase",
               path);
    else if (r.public)
        refuse_public(path, e);
    else
        refuse(e, "name the file that holds it",
               "%s holds no private key (no \"-----BEGIN PRIVATE KEY-----\")", path);
    memory_wipe_free(r.der, r.size);
    return result;
}

int key_check(const mbedtls_pk_context *key, const char *path, struct err *e)
{
    if (mbedtls_pk_can_do(key, MBEDTLS_PK_RSA)) {
        size_t bits = mbedtls_pk_get_bitlen(key);
        if (bits >= RSA_BITS_MIN)
            return 0;
        return refuse_rsa(path, bits, e);
    }
    mbedtls_ecp_group_id group = mbedtls_pk_ec(*key)->grp.id;
    if (group == MBEDTLS_ECP_DP_SECP256R1 || group == MBEDTLS_ECP_DP_SECP384R1 ||
        group == MBEDTLS_ECP_DP_SECP521R1)
        return 0;
    return refuse_kind(path, "on another curve", e);
}

int key_check_whole(const mbedtls_pk_context *key, const char *path, struct err *e)
{
    if (mbedtls_pk_check_pair(key, key, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE) == 0)
        return 0;
    return refuse(e, "take it from a backup, or make a new one (tlsfront key new)",
                  "%s: the private key is damaged (its numbers do not fit one another)", path);
}

void key_kind(const mbedtls_pk_context *key, char text[KEY_KIND_SIZE])
{
    unsigned bits = (unsigned)mbedtls_pk_get_bitlen(key) % 100000;
    snprintf(text, KEY_KIND_SIZE, "%s%u", mbedtls_pk_can_do(key, MBEDTLS_PK_RSA) ? "rsa-" : "ec-p",
             bits);
}
