/* ticket_keys.c - how the keys of session tickets come to be: by chance, or from a shared secret */
#include "config/plural.h"
#include "tls/mbed.h"
#include "tls/tls.h"

#include <string.h>

static int random_bytes(void *to, size_t size)
{
    return mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, to, size);
}

int tls_ticket_keys_rotate(struct tls_ticket_keys *k, struct err *e)
{
    struct tls_ticket_key fresh;
    if (random_bytes(fresh.name, sizeof fresh.name) != 0 ||
        random_bytes(fresh.secret, sizeof fresh.secret) != 0)
        return err_set(e, "the system gives no random numbers for a ticket key");
    size_t keep = k->count < TLS_TICKET_KEYS ? k->count : TLS_TICKET_KEYS - 1;
    memmove(&k->key[1], &k->key[0], keep * sizeof k->key[0]);
    k->key[0] = fresh;
    k->count = (uint32_t)keep + 1;
    mbedtls_platform_zeroize(&fresh, sizeof fresh);
    return 0;
}

/* ---- shared ---- */

static const mbedtls_md_info_t *sha256(void)
{
    return mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
}

int tls_ticket_secret_load(struct tls_slice file, uint8_t secret[TLS_TICKET_SECRET_SIZE],
                           struct err *e)
{
    static const uint8_t salt[] = "tlsfront ticket-key";
    if (file.size < TLS_TICKET_SECRET_SIZE)
        return err_set(e, "it has %zu byte%s, but at least %d are needed", file.size,
                       plural(file.size), TLS_TICKET_SECRET_SIZE);
    if (mbedtls_hkdf_extract(sha256(), salt, sizeof salt, file.data, file.size, secret) != 0)
        return err_set(e, "out of memory");
    return 0;
}

/* The key of the period with that number since the epoch. */
static int derive(struct tls_ticket_key *key, const uint8_t *secret, int64_t period)
{
    uint8_t info[sizeof "key" - 1 + 8] = "key", out[sizeof key->name + sizeof key->secret];
    for (size_t i = 0; i < 8; i++)
        info[sizeof info - 1 - i] = (uint8_t)((uint64_t)period >> (8 * i));
    if (mbedtls_hkdf_expand(sha256(), secret, TLS_TICKET_SECRET_SIZE, info, sizeof info, out,
                            sizeof out) != 0)
        return -1;
    memcpy(key->name, out, sizeof key->name);
    memcpy(key->secret, out + sizeof key->name, sizeof key->secret);
    mbedtls_platform_zeroize(out, sizeof out);
    return 0;
}

int tls_ticket_keys_derive(struct tls_ticket_keys *k, const uint8_t secret[TLS_TICKET_SECRET_SIZE],
                           time_t now, struct err *e)
{
    /* The first seals. A machine whose clock is ahead seals with the next one already. */
    static const int offsets[TLS_TICKET_KEYS] = {0, 1, -1, -2};
    struct tls_ticket_keys fresh = {.count = TLS_TICKET_KEYS};
    int r = 0;
    for (size_t i = 0; i < TLS_TICKET_KEYS && r == 0; i++)
        r = derive(&fresh.key[i], secret, (int64_t)now / TLS_TICKET_PERIOD + offsets[i]);
    if (r == 0)
        *k = fresh;
    mbedtls_platform_zeroize(&fresh, sizeof fresh);
    return r == 0 ? 0 : err_set(e, "out of memory");
}
