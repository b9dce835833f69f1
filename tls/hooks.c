#include "tls/hooks.h"

#include "tls/conn.h"
#include "tls/facts.h"
#include "tls/memory.h"
#include "tls/sign.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* The identity that a chain of mbedTLS's is a part of. */
#define container_of(member, type, name)                                                           \
    ((const type *)((const char *)(member)-offsetof(type, name)))

/* How much of a client's early data is passed over before we lose patience; what others hand out
 * with their tickets is 16 KiB at most (RFC 8446 4.2.10). */
enum { EARLY_DATA_SKIPPED = 64 << 10 };

/* ---- certificates ---- */

/* mbedTLS wants to see a key of that kind; of one that is elsewhere the public half will do. */
static int offer(mbedtls_ssl_context *ssl, struct tls_identity *id)
{
    return mbedtls_ssl_set_hs_own_cert(ssl, &id->chain,
                                       identity_signs(id) ? &id->key : &id->chain.pk);
}

/* mbedTLS takes the first that the client can use, so ECDSA, which is cheaper for us, goes
 * first. */
static int offer_matching(mbedtls_ssl_context *ssl, const struct identity_set *s, const char *name,
                          enum names_match wanted)
{
    static const enum tls_key_type order[] = {TLS_KEY_EC, TLS_KEY_RSA};
    for (size_t k = 0; k < sizeof order / sizeof *order; k++)
        for (size_t i = 0; i < s->count; i++) {
            struct tls_identity *id = s->items[i];
            if (id->facts.key_type != order[k] || identity_match(id, name) != wanted)
                continue;
            int r = offer(ssl, id);
            if (r != 0)
                return r;
        }
    return 0;
}

/* The default, with its twin of another key type where there is one. */
static int offer_default(mbedtls_ssl_context *ssl, const struct identity_set *s)
{
    struct tls_identity *first = s->items[0], *twin = NULL;
    for (size_t i = 1; i < s->count && twin == NULL; i++)
        if (s->items[i]->facts.key_type != first->facts.key_type &&
            identity_same_names(s->items[i], first))
            twin = s->items[i];
    bool twin_first = twin != NULL && twin->facts.key_type == TLS_KEY_EC;
    int r = twin_first ? offer(ssl, twin) : 0;
    if (r == 0)
        r = offer(ssl, first);
    if (r == 0 && twin != NULL && !twin_first)
        r = offer(ssl, twin);
    return r;
}

static int choose_certificate(mbedtls_ssl_context *ssl)
{
    const struct tls_conn *c = mbedtls_ssl_get_user_data_p(ssl);
    /* mbedTLS leaves this at 0 unless a ticket was accepted, which would make it refuse the very
     * first record of early data instead of skipping it. */
    ssl->session_negotiate->max_early_data_size = EARLY_DATA_SKIPPED;
    if (c->challenge != NULL)
        return offer(ssl, c->challenge);
    if (ssl->handshake->sni_key_cert != NULL)
        return 0; /* the second ClientHello; conn.c saw to it that the name is the same */
    const struct identity_set *set = server_identities(c->server, c->server_name);
    int r = 0;
    if (c->sni != NULL) {
        r = offer_matching(ssl, set, c->sni, NAMES_EXACT);
        if (r == 0)
            r = offer_matching(ssl, set, c->sni, NAMES_WILDCARD);
    }
    if (r == 0 && ssl->handshake->sni_key_cert == NULL)
        r = offer_default(ssl, set);
    return r;
}

/* ---- signatures made elsewhere ---- */

static int begin_signing(mbedtls_ssl_context *ssl, mbedtls_x509_crt *cert, mbedtls_md_type_t hash,
                         const unsigned char *digest, size_t size)
{
    struct tls_conn *c = mbedtls_ssl_get_user_data_p(ssl);
    const struct tls_identity *id = container_of(cert, struct tls_identity, chain);
    (void)digest;
    (void)size;
    if (identity_signs(id))
        return MBEDTLS_ERR_SSL_HW_ACCEL_FALLTHROUGH;
    struct conn_signing *signing = c->hs->signing = memory_calloc(1, sizeof *signing);
    if (signing == NULL)
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    return sign_request(ssl, id, hash, &signing->request) == 0 ? MBEDTLS_ERR_SSL_ASYNC_IN_PROGRESS
                                                               : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int end_signing(mbedtls_ssl_context *ssl, unsigned char *out, size_t *size, size_t room)
{
    const struct tls_conn *c = mbedtls_ssl_get_user_data_p(ssl);
    const struct tls_signature *signature = c->hs->signing->signature;
    if (signature == NULL)
        return MBEDTLS_ERR_SSL_ASYNC_IN_PROGRESS;
    if (signature->size > room)
        return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
    memcpy(out, signature->bytes, signature->size);
    *size = signature->size;
    return 0;
}

/* ---- the client's certificates ---- */

static const struct tls_slice for_clients = {(const uint8_t *)MBEDTLS_OID_CLIENT_AUTH,
                                             MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH)};

static int note_client_certificate(void *arg, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    const struct tls_server *s = arg;
    *flags |= verdict_more(&s->driving->hs->verdict, &s->client_ca, crt, depth, &for_clients);
    if (depth > 0 && server_has_revoked(s, crt))
        *flags |= MBEDTLS_X509_BADCERT_REVOKED;
    verdict_note(&s->driving->hs->verdict, &s->client_ca, crt, depth, *flags);
    return 0;
}

/* ---- the server's certificates ---- */

static bool is_pinned(const struct tls_dialer *k, const mbedtls_x509_crt *crt)
{
    uint8_t digest[TLS_PIN_SIZE];
    if (crt->pk_raw.p == NULL || mbedtls_sha256(crt->pk_raw.p, crt->pk_raw.len, digest, 0) != 0)
        return false;
    for (size_t i = 0; i < k->pin_count; i++)
        if (memcmp(k->pins[i], digest, sizeof digest) == 0)
            return true;
    return false;
}

/* Its own certificate's key alone counts; whatever else is found wrong does not. */
static int judge_pins(const struct tls_dialer *k, const mbedtls_x509_crt *crt, int depth,
                      uint32_t *flags)
{
    struct conn_upstream *u = k->driving->upstream;
    *flags = 0;
    if (depth > 0)
        return 0;
    u->known = is_pinned(k, crt);
    u->unpinned = !u->known;
    return u->known ? 0 : MBEDTLS_ERR_X509_FATAL_ERROR;
}

enum { TAG_MASK = 0x1f }; /* of an entry's tag: its kind */

/* RFC 9525 6.2: an address only by its bytes, in an entry for addresses. */
static bool has_address(const mbedtls_x509_crt *crt, const char *name)
{
    uint8_t address[16];
    const size_t size = inet_pton(AF_INET, name, address) == 1 ? 4 : 16;
    if (size == 16 && inet_pton(AF_INET6, name, address) != 1)
        return false;
    for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s != NULL; s = s->next)
        if ((s->buf.tag & TAG_MASK) == MBEDTLS_X509_SAN_IP_ADDRESS && s->buf.len == size &&
            memcmp(s->buf.p, address, size) == 0)
            return true;
    return false;
}

static bool is_dns_name(const mbedtls_x509_buf *entry, const char *name)
{
    char *said =
        (entry->tag & TAG_MASK) == MBEDTLS_X509_SAN_DNS_NAME ? facts_alt_name(entry) : NULL;
    const bool is = said != NULL && names_match(said, name) != NAMES_DIFFER;
    free(said);
    return is;
}

/* mbedTLS has looked for it, too, but takes a URI that reads so, a wildcard for all that ends with
 * one label, and the subject where there is no subjectAltName. None of these count (RFC 9525). */
static bool has_dns_name(const mbedtls_x509_crt *crt, const char *name)
{
    for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s != NULL; s = s->next)
        if (is_dns_name(&s->buf, name))
            return true;
    return false;
}

static bool is_named(const mbedtls_x509_crt *crt, const char *name)
{
    if (name == NULL)
        return false;
    return names_is_address(name) ? has_address(crt, name) : has_dns_name(crt, name);
}

static const struct tls_slice for_servers = {(const uint8_t *)MBEDTLS_OID_SERVER_AUTH,
                                             MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)};

static int judge_server(void *arg, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
    const struct tls_dialer *k = arg;
    struct conn_upstream *u = k->driving->upstream;
    if (k->pin_count > 0)
        return judge_pins(k, crt, depth, flags);
    if (depth == 0 && !is_named(crt, u->name))
        *flags |= MBEDTLS_X509_BADCERT_CN_MISMATCH;
    *flags |= verdict_more(&k->driving->hs->verdict, &k->ca, crt, depth, &for_servers);
    u->known = depth == 0 && *flags == 0;
    verdict_note(&k->driving->hs->verdict, &k->ca, crt, depth, *flags);
    return 0;
}

void hooks_install_dialer(struct tls_dialer *k)
{
    mbedtls_ssl_conf_verify(&k->conf, judge_server, k);
    mbedtls_ssl_conf_async_private_cb(&k->conf, begin_signing, NULL, end_signing, NULL, NULL);
}

/* ---- tickets ---- */

/* A session may come back only under the same name (RFC 6066 3), and where a full handshake would
 * have shown the client what it has seen: a certificate for that name, or else one for the names of
 * what is the default there. */
static int bound_to(const struct tls_conn *c, uint8_t bound[TICKETS_BOUND_SIZE])
{
    const struct tls_server *s = c->server;
    const bool known = c->hs->name_known;
    const uint8_t *whom = known ? s->context : server_identities(s, c->server_name)->default_names;
    uint8_t text[TLS_SHA256_SIZE + 1 + 255];
    size_t size = TLS_SHA256_SIZE;
    memcpy(text, whom, size);
    text[size++] = known ? 'n' : 'd';
    for (size_t i = 0; i < c->name_size; i++) {
        uint8_t b = (uint8_t)c->name[i];
        text[size++] = b >= 'A' && b <= 'Z' ? (uint8_t)(b + 'a' - 'A') : b;
    }
    return mbedtls_sha256(text, size, bound, 0);
}

static int write_ticket(void *arg, const mbedtls_ssl_session *session, unsigned char *start,
                        const unsigned char *end, size_t *size, uint32_t *lifetime)
{
    const struct tls_server *s = arg;
    uint8_t bound[TICKETS_BOUND_SIZE];
    *lifetime = TLS_TICKET_LIFETIME;
    int r = bound_to(s->driving, bound);
    if (r != 0)
        return r;
    return tickets_seal(&s->driving->engine->tickets, bound, session,
                        conn_group(s->driving->hs->ssl), start, (size_t)(end - start), size);
}

/* What it was agreed with has to be allowed here, and now. A suite that the client does not offer
 * any more would end the handshake. */
static bool allowed(const struct tls_conn *c, const mbedtls_ssl_session *session, uint16_t group)
{
    const struct suites *here = &c->server->suites;
    const uint32_t bit = 1U << suites_cipher_number(session->ciphersuite);
    return suites_have_cipher(here, session->ciphersuite) && suites_have_group(here, group) &&
           (c->hs->offered & bit) != 0;
}

static int read_ticket(void *arg, mbedtls_ssl_session *session, unsigned char *data, size_t size)
{
    const struct tls_server *s = arg;
    const struct tls_conn *c = s->driving;
    uint8_t bound[TICKETS_BOUND_SIZE];
    uint16_t group;
    int r = bound_to(c, bound);
    if (r == 0)
        r = tickets_open(&c->engine->tickets, bound, conn_is_tls13(c->hs->ssl),
                         (struct tls_slice){data, size}, session, &group);
    if (r != 0 || allowed(c, session, group))
        return r;
    mbedtls_ssl_session_free(session);
    return MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
}

void hooks_install(struct tls_server *s)
{
    mbedtls_ssl_conf_cert_cb(&s->conf, choose_certificate);
    mbedtls_ssl_conf_async_private_cb(&s->conf, begin_signing, NULL, end_signing, NULL, NULL);
    mbedtls_ssl_conf_verify(&s->conf, note_client_certificate, s);
    /* A resumed TLS 1.3 session shows no client certificate at all, and a TLS 1.2 ticket would
     * carry one around that may be revoked by now: no tickets for clients with certificates. Nor
     * for challenges: a resumed session shows no certificate. */
    if (s->client_auth == CLIENT_AUTH_NONE && !s->challenges)
        mbedtls_ssl_conf_session_tickets_cb(&s->conf, write_ticket, read_ticket, s);
}
