/* ticket_keys.c - how the keys of session tickets come to be: by chance, or from a shared secret */
#include "config/plural.h"
#include "tls/mbed.h"
#include "tls/tls.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Beyond that lies a mistake. */
enum { TICKET_FILE_MAX = 1 << 20 };

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
    size_t keep = k->count < TLS_TICKET_KEYS_KEPT ? k->count : TLS_TICKET_KEYS_KEPT - 1;
    memmove(&k->key[1], &k->key[0], keep * sizeof k->key[0]);
    k->key[0] = fresh;
    k->count = (uint32_t)keep + 1;
    mbedtls_platform_zeroize(&k->key[k->count], (TLS_TICKET_KEYS - k->count) * sizeof k->key[0]);
    mbedtls_platform_zeroize(&fresh, sizeof fresh);
    return 0;
}

/* ---- shared ---- */

static const mbedtls_md_info_t *sha256(void)
{
    return mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
}

int tls_ticket_file_make(uint8_t file[TLS_TICKET_FILE_SIZE], struct err *e)
{
    return random_bytes(file, TLS_TICKET_FILE_SIZE) == 0
               ? 0
               : err_set(e, "the system gives no random numbers for a ticket key");
}

int tls_ticket_secret_load(struct tls_slice file, struct tls_ticket_secret *secret, struct err *e)
{
    static const uint8_t salt[] = "tlsfront ticket-key";
    if (file.size < TLS_TICKET_SECRET_SIZE)
        return err_set(e, "it has %zu byte%s, but at least %d are needed", file.size,
                       plural(file.size), TLS_TICKET_SECRET_SIZE);
    if (file.size > TICKET_FILE_MAX)
        return err_set(e, "it is larger than 1 MiB");
    if (mbedtls_hkdf_extract(sha256(), salt, sizeof salt, file.data, file.size, secret->bytes) != 0)
        return err_set(e, "out of memory");
    return 0;
}

static int expand(const struct tls_ticket_secret *secret, const void *info, size_t info_size,
                  uint8_t *out, size_t size)
{
    return mbedtls_hkdf_expand(sha256(), secret->bytes, sizeof secret->bytes, info, info_size, out,
                               size);
}

void tls_ticket_fingerprint(const struct tls_ticket_secret *secret,
                            char out[TLS_TICKET_FINGERPRINT_SIZE])
{
    static const char info[] = "fingerprint";
    uint8_t bytes[(TLS_TICKET_FINGERPRINT_SIZE - 1) / 2];
    out[0] = '\0';
    if (expand(secret, info, sizeof info - 1, bytes, sizeof bytes) != 0)
        return;
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* The key of the period with that number since the epoch. */
static int derive(struct tls_ticket_key *key, const struct tls_ticket_secret *secret,
                  int64_t period)
{
    uint8_t info[sizeof "key" - 1 + 8] = "key", out[sizeof key->name + sizeof key->secret];
    for (size_t i = 0; i < 8; i++)
        info[sizeof info - 1 - i] = (uint8_t)((uint64_t)period >> (8 * i));
    if (expand(secret, info, sizeof info, out, sizeof out) != 0)
        return -1;
    memcpy(key->name, out, sizeof key->name);
    memcpy(key->secret, out + sizeof key->name, sizeof key->secret);
    mbedtls_platform_zeroize(out, sizeof out);
    return 0;
}

int tls_ticket_keys_derive(struct tls_ticket_keys *k, const struct tls_ticket_secrets *secrets,
                           time_t now, struct err *e)
{
    /* The first seals. A machine whose clock is ahead seals with the next one already. */
    static const int offsets[] = {0, 1, -1, -2};
    enum { EACH = sizeof offsets / sizeof *offsets };
    static_assert(EACH * TLS_TICKET_SECRETS <= TLS_TICKET_KEYS, "there is room for all");
    struct tls_ticket_keys fresh = {.count = EACH * secrets->count};
    int r = 0;
    for (size_t i = 0; i < fresh.count && r == 0; i++)
        r = derive(&fresh.key[i], &secrets->item[i / EACH],
                   (int64_t)now / TLS_TICKET_PERIOD + offsets[i % EACH]);
    if (r == 0)
        *k = fresh;
    mbedtls_platform_zeroize(&fresh, sizeof fresh);
    return r == 0 ? 0 : err_set(e, "out of memory");
}
