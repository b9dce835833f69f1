#include "proxy/signer/keys.h"
#include "proxy/ipc/ipc.h"

#include <stdlib.h>
#include <string.h>

static void forget(struct signer_set *set)
{
    tls_keyring_free(set->ring);
    *set = (struct signer_set){0};
}

/* ---- a generation's ---- */

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_id(const char *hex, uint8_t id[TLS_KEY_ID_SIZE])
{
    if (strcspn(hex, " ") != 2 * (size_t)TLS_KEY_ID_SIZE)
        return false;
    for (size_t i = 0; i < TLS_KEY_ID_SIZE; i++) {
        const int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        id[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static int fill(struct tls_keyring *ring, const struct bundle *b, struct err *e)
{
    for (size_t i = 0; i < bundle_count(b); i++) {
        const struct bundle_entry *entry = bundle_at(b, i);
        uint8_t id[TLS_KEY_ID_SIZE];
        const bool calls = strncmp(entry->path, IPC_KEY_CALLS, strlen(IPC_KEY_CALLS)) == 0;
        if (!read_id(entry->path + (calls ? strlen(IPC_KEY_CALLS) : 0), id))
            return err_set(e, "a key has no id");
        if (tls_keyring_add(ring, id, calls ? TLS_KEY_CALLS : TLS_KEY_SERVES,
                            (struct tls_slice){entry->data, entry->size}, e) != 0)
            return -1;
    }
    return 0;
}

/* One that was asked for again takes the place of the first. */
static struct signer_set *place_for(struct signer_keys *keys, uint32_t generation)
{
    struct signer_set *free_set = NULL;
    for (size_t i = 0; i < SIGNER_SETS; i++) {
        if (keys->sets[i].generation == generation)
            forget(&keys->sets[i]);
        if (keys->sets[i].generation == 0)
            free_set = &keys->sets[i];
    }
    return free_set;
}

int signer_keys_add(struct signer_keys *keys, uint32_t generation, const struct bundle *b,
                    struct err *e)
{
    struct signer_set *set = place_for(keys, generation);
    if (set == NULL || generation == 0)
        return err_set(e, "there are too many generations");
    struct tls_keyring *ring = tls_keyring_new();
    if (ring == NULL)
        return err_set(e, "out of memory");
    if (fill(ring, b, e) != 0) {
        tls_keyring_free(ring);
        return -1;
    }
    *set = (struct signer_set){generation, ring};
    return 0;
}

/* ---- all ---- */

void signer_keys_commit(struct signer_keys *keys, uint32_t generation)
{
    for (size_t i = 0; i < SIGNER_SETS; i++)
        if (keys->sets[i].generation != generation)
            forget(&keys->sets[i]);
    keys->current = generation;
}

void signer_keys_abort(struct signer_keys *keys, uint32_t generation)
{
    for (size_t i = 0; i < SIGNER_SETS; i++)
        if (keys->sets[i].generation == generation && generation != keys->current)
            forget(&keys->sets[i]);
}

enum tls_signed signer_keys_sign(const struct signer_keys *keys, const struct tls_sign_request *r,
                                 struct tls_signature *out)
{
    enum tls_signed outcome = TLS_SIGNED_BY_NOBODY;
    /* What a key is for may have changed: the next set may allow what this one never does. */
    for (size_t i = 0; i < SIGNER_SETS && outcome != TLS_SIGNED; i++) {
        const enum tls_signed here = keys->sets[i].ring != NULL
                                         ? tls_keyring_sign(keys->sets[i].ring, r, out)
                                         : TLS_SIGNED_BY_NOBODY;
        if (here != TLS_SIGNED_BY_NOBODY)
            outcome = here;
    }
    return outcome;
}

void signer_keys_free(struct signer_keys *keys)
{
    for (size_t i = 0; i < SIGNER_SETS; i++)
        forget(&keys->sets[i]);
}
