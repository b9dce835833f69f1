/* private.c - private keys: made, read and written */
#include "tls/facts.h"
#include "tls/key.h"
#include "tls/keys/inner.h"
#include "tls/memory.h"
#include "tls/text.h"

#include <mbedtls/ecp.h>
#include <mbedtls/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RSA_EXPONENT = 65537 };

static const struct kind {
    const char *name;
    mbedtls_ecp_group_id curve;
    unsigned bits;
} kinds[KEYS_KINDS] = {
    [KEYS_EC_P256] = {"ec-p256", MBEDTLS_ECP_DP_SECP256R1, 0},
    [KEYS_EC_P384] = {"ec-p384", MBEDTLS_ECP_DP_SECP384R1, 0},
    [KEYS_RSA_2048] = {"rsa-2048", MBEDTLS_ECP_DP_NONE, 2048},
    [KEYS_RSA_3072] = {"rsa-3072", MBEDTLS_ECP_DP_NONE, 3072},
    [KEYS_RSA_4096] = {"rsa-4096", MBEDTLS_ECP_DP_NONE, 4096},
};

const char *keys_kind_name(enum keys_kind kind)
{
    return kinds[kind].name;
}

bool keys_kind_by_name(const char *name, enum keys_kind *kind)
{
    for (int i = 0; i < KEYS_KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0) {
            *kind = (enum keys_kind)i;
            return true;
        }
    return false;
}

const char *keys_kind_names(void)
{
    static char list[KEYS_KINDS * (KEY_KIND_SIZE + 2)];
    list[0] = '\0';
    for (int i = 0; i < KEYS_KINDS; i++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", kinds[i].name);
    }
    return list;
}

enum keys_kind keys_kind_like(enum tls_key_type type, unsigned bits)
{
    if (type == TLS_KEY_EC)
        return bits > 256 ? KEYS_EC_P384 : KEYS_EC_P256;
    enum keys_kind kind = KEYS_RSA_2048;
    while (kind < KEYS_RSA_4096 && kinds[kind].bits < bits)
        kind++;
    return kind;
}

int keys_out_of_memory(struct err *e)
{
    return err_set(e, "out of memory");
}

static struct keys_private *new_private(struct err *e)
{
    struct keys_private *k = memory_calloc(1, sizeof *k);
    if (k == NULL)
        keys_out_of_memory(e);
    else
        mbedtls_pk_init(&k->pk);
    return k;
}

void keys_private_free(struct keys_private *k)
{
    if (k == NULL)
        return;
    mbedtls_pk_free(&k->pk); /* wipes */
    free(k);
}

static int generate(mbedtls_pk_context *pk, const struct kind *kind)
{
    const bool rsa = kind->curve == MBEDTLS_ECP_DP_NONE;
    int r =
        mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(rsa ? MBEDTLS_PK_RSA : MBEDTLS_PK_ECKEY));
    if (r != 0)
        return r;
    if (rsa)
        return mbedtls_rsa_gen_key(mbedtls_pk_rsa(*pk), mbedtls_psa_get_random,
                                   MBEDTLS_PSA_RANDOM_STATE, kind->bits, RSA_EXPONENT);
    return mbedtls_ecp_gen_key(kind->curve, mbedtls_pk_ec(*pk), mbedtls_psa_get_random,
                               MBEDTLS_PSA_RANDOM_STATE);
}

struct keys_private *keys_private_make(enum keys_kind kind, struct err *e)
{
    struct keys_private *k = new_private(e);
    if (k == NULL)
        return NULL;
    int r = generate(&k->pk, &kinds[kind]);
    if (r == 0)
        return k;
    err_set(e, "no %s key can be made (%s)", kinds[kind].name, text_error(r));
    keys_private_free(k);
    return NULL;
}

struct keys_private *keys_private_read(struct tls_slice file, const char *path, struct err *e)
{
    struct keys_private *k = new_private(e);
    if (k != NULL && key_read(&k->pk, file, path, e) == 0 && key_check(&k->pk, path, e) == 0 &&
        key_check_whole(&k->pk, path, e) == 0)
        return k;
    keys_private_free(k);
    return NULL;
}

char *keys_written(int r, const unsigned char *pem, const char *what, struct err *e)
{
    char *text = r == 0 ? memory_text((const char *)pem) : NULL;
    if (r != 0)
        err_set(e, "%s cannot be written (%s)", what, text_error(r));
    else if (text == NULL)
        keys_out_of_memory(e);
    return text;
}

char *keys_private_pem(const struct keys_private *k, struct err *e)
{
    unsigned char pem[KEYS_PEM_MAX];
    int r = mbedtls_pk_write_key_pem(&k->pk, pem, sizeof pem);
    char *text = keys_written(r, pem, "the private key", e);
    mbedtls_platform_zeroize(pem, sizeof pem);
    return text;
}

void keys_private_describe(const struct keys_private *k, char text[16])
{
    key_kind(&k->pk, text);
}

bool keys_digest(const mbedtls_pk_context *pk, char text[TLS_DIGEST_TEXT])
{
    unsigned char der[KEYS_PUBLIC_MAX];
    /* It is written at the end of the room that there is. */
    const int size = mbedtls_pk_write_pubkey_der(pk, der, sizeof der);
    return size > 0 && facts_digest(der + sizeof der - size, (size_t)size, text);
}

bool keys_private_digest(const struct keys_private *k, char text[TLS_DIGEST_TEXT])
{
    return keys_digest(&k->pk, text);
}

bool keys_same_pair(const mbedtls_pk_context *public_half, const struct keys_private *k)
{
    return mbedtls_pk_check_pair(public_half, &k->pk, mbedtls_psa_get_random,
                                 MBEDTLS_PSA_RANDOM_STATE) == 0;
}

void keys_free_text(char *text)
{
    if (text != NULL)
        memory_wipe_free(text, strlen(text));
}
