/* conn_context.c - mbedTLS's context for a handshake, and its record buffers
 *
 * The two buffers are 33 KiB, and between two calls they mostly hold nothing: a record comes whole
 * and is used up, and what mbedTLS writes is out at once. So a handshake that waits for the client
 * goes without, and one pair serves all. */
#include "tls/conn.h"

#include "tls/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- the buffers ---- */

static bool lend_buffers(struct tls_conn *c)
{
    mbedtls_ssl_context *ssl = c->hs->ssl;
    if (ssl->in_buf != NULL)
        return true;
    if (!engine_lend(c->engine, &ssl->in_buf, &ssl->out_buf))
        return false;
    mbedtls_ssl_reset_in_pointers(ssl);
    mbedtls_ssl_reset_out_pointers(ssl);
    mbedtls_ssl_update_out_pointers(ssl, ssl->transform_out);
    memcpy(ssl->in_ctr, c->hs->in_counter, sizeof c->hs->in_counter);
    return true;
}

static void drop_buffers(struct tls_engine *e, mbedtls_ssl_context *ssl)
{
    engine_take_back(e, ssl->in_buf, ssl->out_buf);
    ssl->in_buf = ssl->out_buf = NULL;
}

/* A message that lies there in part, or one that waits for its signature. */
static bool buffers_are_needed(const mbedtls_ssl_context *ssl)
{
    return mbedtls_ssl_get_in_hsfraglen(ssl) != 0 || ssl->keep_current_message != 0 ||
           ssl->in_left != 0 || ssl->out_left != 0;
}

void conn_return_buffers(struct tls_conn *c)
{
    mbedtls_ssl_context *ssl = c->hs != NULL ? c->hs->ssl : NULL;
    if (ssl == NULL || ssl->in_buf == NULL)
        return;
    if (c->status != TLS_FAILED && (conn_is_signing(c) || buffers_are_needed(ssl)))
        return;
    memcpy(c->hs->in_counter, ssl->in_ctr, sizeof c->hs->in_counter);
    drop_buffers(c->engine, ssl);
}

/* ---- the context ---- */

static void free_ssl(struct tls_engine *e, mbedtls_ssl_context *ssl)
{
    if (ssl == NULL)
        return;
    drop_buffers(e, ssl);
    mbedtls_ssl_free(ssl); /* wipes */
    memory_wipe_free(ssl, sizeof *ssl);
}

/* mbedTLS takes some KiB, which nobody gets for a silent connection. */
static bool set_up(struct tls_conn *c)
{
    mbedtls_ssl_context *ssl = c->hs->ssl = memory_calloc(1, sizeof *ssl);
    if (ssl == NULL)
        return false;
    mbedtls_ssl_init(ssl);
    mbedtls_ssl_set_user_data_p(ssl, c);
    mbedtls_ssl_set_bio(ssl, c, conn_put_record, conn_get_feed, NULL);
    const mbedtls_ssl_config *conf =
        c->upstream != NULL ? &c->upstream->policy->conf : &c->server->conf;
    if (engine_lend(c->engine, &ssl->in_buf, &ssl->out_buf) && mbedtls_ssl_setup(ssl, conf) == 0 &&
        (c->upstream == NULL || conn_upstream_prepare(c, ssl)))
        return true;
    free_ssl(c->engine, ssl);
    c->hs->ssl = NULL;
    return false;
}

bool conn_wake(struct tls_conn *c)
{
    return c->hs->ssl != NULL ? lend_buffers(c) : set_up(c);
}

static void free_signing(struct conn_signing *s)
{
    if (s == NULL)
        return;
    free((void *)(uintptr_t)s->wire.data);
    free((void *)(uintptr_t)s->unread.data);
    free(s);
}

void conn_handshake_free(struct tls_conn *c)
{
    if (c->hs == NULL)
        return;
    free_ssl(c->engine, c->hs->ssl);
    hello_free(&c->hs->hello);
    free_signing(c->hs->signing);
    free((void *)(uintptr_t)c->hs->held.data);
    memory_wipe_free(c->hs, sizeof *c->hs);
    c->hs = NULL;
}
