/* keyring.c - the private keys of a signer, by the number of their public half. */
#include "tls/accel/accel.h"
#include "tls/key.h"
#include "tls/memory.h"
#include "tls/sign.h"

#include <stdlib.h>
#include <string.h>

struct kept {
    uint8_t id[TLS_KEY_ID_SIZE];
    unsigned uses; /* enum tls_key_use */
    mbedtls_pk_context key;
};

/* In the order of their ids. */
struct tls_keyring {
    struct kept **keys;
    size_t count, room;
};

struct tls_keyring *tls_keyring_new(void)
{
    return memory_calloc(1, sizeof(struct tls_keyring));
}

static void kept_free(struct kept *k)
{
    if (k == NULL)
        return;
    mbedtls_pk_free(&k->key); /* wipes */
    free(k);
}

void tls_keyring_free(struct tls_keyring *ring)
{
    if (ring == NULL)
        return;
    for (size_t i = 0; i < ring->count; i++)
        kept_free(ring->keys[i]);
    free(ring->keys);
    free(ring);
}

/* Where it is, or would be. */
static size_t place_of(const struct tls_keyring *ring, const uint8_t id[TLS_KEY_ID_SIZE],
                       bool *there)
{
    size_t low = 0, high = ring->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (memcmp(ring->keys[middle]->id, id, TLS_KEY_ID_SIZE) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *there = low < ring->count && memcmp(ring->keys[low]->id, id, TLS_KEY_ID_SIZE) == 0;
    return low;
}

static bool make_room(struct tls_keyring *ring)
{
    enum { FIRST = 16 };
    if (ring->count < ring->room)
        return true;
    const size_t room = ring->room == 0 ? FIRST : 2 * ring->room;
    struct kept **more = memory_grow(ring->keys, room * sizeof(struct kept *));
    if (more == NULL)
        return false;
    ring->keys = more;
    ring->room = room;
    return true;
}

static struct kept *load(const uint8_t id[TLS_KEY_ID_SIZE], struct tls_slice der, struct err *e)
{
    struct kept *k = memory_calloc(1, sizeof *k);
    if (k == NULL) {
        err_set(e, "out of memory");
        return NULL;
    }
    memcpy(k->id, id, sizeof k->id);
    mbedtls_pk_init(&k->key);
    if (key_read(&k->key, der, "a private key", e) == 0) {
        accel_adopt(&k->key);
        return k;
    }
    kept_free(k);
    return NULL;
}

int tls_keyring_add(struct tls_keyring *ring, const uint8_t id[TLS_KEY_ID_SIZE], unsigned uses,
                    struct tls_slice der, struct err *e)
{
    bool there;
    const size_t at = place_of(ring, id, &there);
    if (there) {
        ring->keys[at]->uses |= uses;
        return 0;
    }
    if (!make_room(ring))
        return err_set(e, "out of memory");
    struct kept *k = load(id, der, e);
    if (k == NULL)
        return -1;
    k->uses = uses;
    memmove(ring->keys + at + 1, ring->keys + at, (ring->count - at) * sizeof(struct kept *));
    ring->keys[at] = k;
    ring->count++;
    return 0;
}

enum tls_signed tls_keyring_sign(const struct tls_keyring *ring, const struct tls_sign_request *r,
                                 struct tls_signature *out)
{
    bool there;
    const size_t at = place_of(ring, r->key, &there);
    if (!there)
        return TLS_SIGNED_BY_NOBODY;
    const enum tls_key_use use = r->form == TLS_SIGN_CLIENT_13 ? TLS_KEY_CALLS : TLS_KEY_SERVES;
    if ((ring->keys[at]->uses & use) == 0)
        return TLS_SIGNED_NEVER;
    return sign_make(&ring->keys[at]->key, r, out) == 0 ? TLS_SIGNED : TLS_SIGNED_NEVER;
}
