#include "tls/resumption.h"

#include "tls/memory.h"

#include <string.h>

void resumption_free_session(mbedtls_ssl_session *session)
{
    if (session == NULL)
        return;
    mbedtls_ssl_session_free(session); /* wipes */
    memory_wipe_free(session, sizeof *session);
}

static void clear(struct resumption_entry *e)
{
    resumption_free_session(e->session);
    *e = (struct resumption_entry){0};
}

static bool is_of(const struct resumption_entry *e, const uint8_t *key)
{
    return e->order != 0 && memcmp(e->key, key, RESUMPTION_KEY_SIZE) == 0;
}

static void drop_expired(struct resumption *r)
{
    const mbedtls_ms_time_t now = mbedtls_ms_time();
    for (size_t i = 0; i < RESUMPTION_MAX; i++)
        if (r->entries[i].order != 0 && r->entries[i].until <= now)
            clear(&r->entries[i]);
}

mbedtls_ssl_session *resumption_take(struct resumption *r, const uint8_t *key,
                                     mbedtls_ms_time_t *proven)
{
    struct resumption_entry *youngest = NULL;
    if (r == NULL)
        return NULL;
    drop_expired(r);
    for (struct resumption_entry *e = r->entries; e < r->entries + RESUMPTION_MAX; e++)
        if (is_of(e, key) && (youngest == NULL || e->order > youngest->order))
            youngest = e;
    if (youngest == NULL)
        return NULL;
    mbedtls_ssl_session *session = youngest->session;
    *proven = youngest->proven;
    *youngest = (struct resumption_entry){0};
    return session;
}

/* The oldest of the key where it has as many as it may, else the first that is empty or older than
 * all. */
static struct resumption_entry *place_for(struct resumption *r, const uint8_t *key)
{
    struct resumption_entry *oldest = r->entries, *of_key = NULL;
    unsigned count = 0;
    for (struct resumption_entry *e = r->entries; e < r->entries + RESUMPTION_MAX; e++) {
        if (e->order < oldest->order)
            oldest = e;
        if (!is_of(e, key))
            continue;
        count++;
        if (of_key == NULL || e->order < of_key->order)
            of_key = e;
    }
    return count < RESUMPTION_PER_KEY ? oldest : of_key;
}

void resumption_put(struct resumption *r, const uint8_t *key, mbedtls_ssl_session *session,
                    uint32_t lifetime, mbedtls_ms_time_t proven)
{
    const mbedtls_ms_time_t now = mbedtls_ms_time();
    const mbedtls_ms_time_t end = proven + (mbedtls_ms_time_t)RESUMPTION_LIFETIME * 1000;
    if (r == NULL || end <= now) {
        resumption_free_session(session);
        return;
    }
    drop_expired(r);
    struct resumption_entry *e = place_for(r, key);
    clear(e);
    if (lifetime == 0 || lifetime > RESUMPTION_LIFETIME)
        lifetime = RESUMPTION_LIFETIME;
    memcpy(e->key, key, RESUMPTION_KEY_SIZE);
    e->order = ++r->order;
    e->until = now + (mbedtls_ms_time_t)lifetime * 1000;
    if (e->until > end)
        e->until = end;
    e->proven = proven;
    e->session = session;
}

void resumption_forget(struct resumption *r, const uint8_t *key)
{
    for (size_t i = 0; r != NULL && i < RESUMPTION_MAX; i++)
        if (is_of(&r->entries[i], key))
            clear(&r->entries[i]);
}

void resumption_free(struct resumption *r)
{
    for (size_t i = 0; r != NULL && i < RESUMPTION_MAX; i++)
        clear(&r->entries[i]);
    memory_wipe_free(r, r != NULL ? sizeof *r : 0);
}
