#include "tls/tickets.h"

#include "tls/memory.h"

#include <stdlib.h>
#include <string.h>

enum { OVERHEAD = TLS_TICKET_NAME_SIZE + TICKETS_NONCE_SIZE + TICKETS_TAG_SIZE };

/* A ticket from a little in the future comes from a host whose clock is a little ahead. */
static const int64_t clock_slack_ms = (int64_t)60 * 1000;

static int derive(const struct tls_ticket_key *key, const char *label, uint8_t out[32])
{
    return mbedtls_hkdf(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), key->name, sizeof key->name,
                        key->secret, sizeof key->secret, (const uint8_t *)label, strlen(label), out,
                        32);
}

static int set_slot(struct tickets_slot *s, const struct tls_ticket_key *key)
{
    memcpy(s->name, key->name, sizeof s->name);
    if (derive(key, "tlsfront ticket TLS 1.2", s->tls12) != 0 ||
        derive(key, "tlsfront ticket TLS 1.3", s->tls13) != 0)
        return -1;
    return 0;
}

int tickets_set(struct tickets *t, const struct tls_ticket_keys *keys)
{
    struct tls_ticket_keys own = {0};
    struct tickets fresh = {0};
    if (keys == NULL || keys->count == 0) {
        if (tls_ticket_keys_rotate(&own, NULL) < 0)
            return -1;
        keys = &own;
    }
    fresh.count = keys->count < TLS_TICKET_KEYS ? keys->count : TLS_TICKET_KEYS;
    int r = 0;
    for (size_t i = 0; i < fresh.count && r == 0; i++)
        r = set_slot(&fresh.slot[i], &keys->key[i]);
    if (r == 0)
        *t = fresh;
    mbedtls_platform_zeroize(&fresh, sizeof fresh);
    mbedtls_platform_zeroize(&own, sizeof own);
    return r;
}

static const struct tickets_slot *slot_named(const struct tickets *t, const uint8_t *name)
{
    for (size_t i = 0; i < t->count; i++)
        if (memcmp(t->slot[i].name, name, TLS_TICKET_NAME_SIZE) == 0)
            return &t->slot[i];
    return NULL;
}

/* Set up for the key of a version; the caller frees `gcm` in every case. */
static int set_key(mbedtls_gcm_context *gcm, const struct tickets_slot *slot, bool tls13)
{
    mbedtls_gcm_init(gcm);
    return mbedtls_gcm_setkey(gcm, MBEDTLS_CIPHER_ID_AES, tls13 ? slot->tls13 : slot->tls12, 256);
}

static int seal(const struct tickets_slot *slot, const uint8_t *bound, bool tls13, uint8_t *out,
                size_t clear_size)
{
    uint8_t *nonce = out + TLS_TICKET_NAME_SIZE, *body = nonce + TICKETS_NONCE_SIZE;
    mbedtls_gcm_context gcm;
    int r = set_key(&gcm, slot, tls13);
    if (r == 0)
        r = mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, nonce, TICKETS_NONCE_SIZE);
    if (r == 0)
        r = mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, clear_size, nonce,
                                      TICKETS_NONCE_SIZE, bound, TICKETS_BOUND_SIZE, body, body,
                                      TICKETS_TAG_SIZE, body + clear_size);
    mbedtls_gcm_free(&gcm);
    return r;
}

int tickets_seal(const struct tickets *t, const uint8_t *bound, const mbedtls_ssl_session *session,
                 uint16_t group, uint8_t *out, size_t room, size_t *size)
{
    *size = 0;
    if (room < OVERHEAD + TICKETS_GROUP_SIZE)
        return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
    uint8_t *body = out + TLS_TICKET_NAME_SIZE + TICKETS_NONCE_SIZE;
    size_t clear_size;
    int r = mbedtls_ssl_session_save(session, body + TICKETS_GROUP_SIZE,
                                     room - OVERHEAD - TICKETS_GROUP_SIZE, &clear_size);
    if (r != 0)
        return r;
    body[0] = (uint8_t)(group >> 8);
    body[1] = (uint8_t)group;
    clear_size += TICKETS_GROUP_SIZE;
    memcpy(out, t->slot[0].name, TLS_TICKET_NAME_SIZE);
    r = seal(&t->slot[0], bound, session->tls_version == MBEDTLS_SSL_VERSION_TLS1_3, out,
             clear_size);
    if (r != 0)
        mbedtls_platform_zeroize(body, clear_size); /* never send a session in the clear */
    else
        *size = clear_size + OVERHEAD;
    return r;
}

/* Milliseconds since the session was made. */
static int64_t age_of(const mbedtls_ssl_session *s)
{
    if (s->tls_version == MBEDTLS_SSL_VERSION_TLS1_3)
        return mbedtls_ms_time() - s->ticket_creation_time;
    return ((int64_t)time(NULL) - (int64_t)s->start) * 1000;
}

static bool acceptable(const mbedtls_ssl_session *s, bool tls13)
{
    int64_t age = age_of(s);
    return s->tls_version == (tls13 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2) &&
           s->endpoint == MBEDTLS_SSL_IS_SERVER && age >= -clock_slack_ms &&
           age <= (int64_t)TLS_TICKET_LIFETIME * 1000;
}

static int load(const uint8_t *clear, size_t size, bool tls13, mbedtls_ssl_session *session,
                uint16_t *group)
{
    *group = (uint16_t)(clear[0] << 8 | clear[1]);
    int r =
        mbedtls_ssl_session_load(session, clear + TICKETS_GROUP_SIZE, size - TICKETS_GROUP_SIZE);
    if (r == 0 && !acceptable(session, tls13)) {
        mbedtls_ssl_session_free(session);
        r = MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
    }
    return r;
}

int tickets_open(const struct tickets *t, const uint8_t *bound, bool tls13, struct tls_slice ticket,
                 mbedtls_ssl_session *session, uint16_t *group)
{
    if (ticket.size <= OVERHEAD + TICKETS_GROUP_SIZE)
        return MBEDTLS_ERR_SSL_INVALID_MAC;
    const struct tickets_slot *slot = slot_named(t, ticket.data);
    if (slot == NULL)
        return MBEDTLS_ERR_SSL_INVALID_MAC;
    const uint8_t *nonce = ticket.data + TLS_TICKET_NAME_SIZE, *body = nonce + TICKETS_NONCE_SIZE;
    size_t size = ticket.size - OVERHEAD;
    uint8_t *clear = memory_calloc(1, size);
    if (clear == NULL)
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    mbedtls_gcm_context gcm;
    int r = set_key(&gcm, slot, tls13);
    if (r == 0)
        r = mbedtls_gcm_auth_decrypt(&gcm, size, nonce, TICKETS_NONCE_SIZE, bound,
                                     TICKETS_BOUND_SIZE, body + size, TICKETS_TAG_SIZE, body,
                                     clear);
    mbedtls_gcm_free(&gcm);
    r = r == 0 ? load(clear, size, tls13, session, group) : MBEDTLS_ERR_SSL_INVALID_MAC;
    memory_wipe_free(clear, size);
    return r;
}
