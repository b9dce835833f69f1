/* conn_wire.c - mbedTLS's transport: the record that it is fed with, and the engine's buffer */
#include "tls/conn.h"

#include <string.h>

/* TLS 1.3 with its 16-byte tags: an alert and the byte that tells its type. */
enum { TLS13_ALERT_RECORD_SIZE = RECORD_HEADER_SIZE + 2 + 1 + 16 };

static void note_alert(struct conn_handshake *hs, size_t size)
{
    const mbedtls_ssl_context *ssl = hs->ssl;
    if (ssl == NULL)
        return;
    bool hidden = ssl->transform_out != NULL;
    bool alert = hidden && conn_is_tls13(ssl) ? size == TLS13_ALERT_RECORD_SIZE
                                              : ssl->out_msgtype == MBEDTLS_SSL_MSG_ALERT;
    if (alert)
        hs->alert_put = ssl->alert_type;
}

int conn_put_wire(void *arg, const unsigned char *data, size_t size)
{
    struct tls_conn *c = arg;
    struct engine_buffer *wire = &c->engine->wire;
    if (!engine_reserve(wire, size))
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    memcpy(wire->data + wire->size, data, size);
    wire->size += size;
    note_alert(c->hs, size);
    return (int)size;
}

static size_t take(struct tls_slice *from, uint8_t *to, size_t size)
{
    size_t n = size < from->size ? size : from->size;
    if (n == 0)
        return 0; /* where there is nothing, `data` may be NULL */
    memcpy(to, from->data, n);
    from->data += n;
    from->size -= n;
    return n;
}

int conn_get_feed(void *arg, unsigned char *to, size_t size)
{
    struct conn_handshake *hs = ((struct tls_conn *)arg)->hs;
    const uint8_t *header = hs->feed.header + RECORD_HEADER_SIZE - hs->feed_header_left;
    struct tls_slice rest = {header, hs->feed_header_left};
    size_t n = take(&rest, to, size);
    hs->feed_header_left = rest.size;
    n += take(&hs->feed.body, to + n, size - n);
    return n > 0 ? (int)n : MBEDTLS_ERR_SSL_WANT_READ;
}
