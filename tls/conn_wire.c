/* conn_wire.c - mbedTLS's transport: the record that it is fed with, and the engine's buffer */
#include "tls/conn.h"

#include <string.h>

/* TLS 1.3 with its 16-byte tags: an alert and the byte that tells its type. */
enum { TLS13_ALERT_RECORD_SIZE = RECORD_HEADER_SIZE + 2 + 1 + 16 };

static void note_alert(struct conn_handshake *hs, size_t size)
{
    const mbedtls_ssl_context *ssl = hs->ssl;
    bool hidden = ssl->transform_out != NULL;
    bool alert = hidden && conn_is_tls13(ssl) ? size == TLS13_ALERT_RECORD_SIZE
                                              : ssl->out_msgtype == MBEDTLS_SSL_MSG_ALERT;
    if (alert)
        hs->alert_put = ssl->alert_type;
}

bool conn_put_wire(struct tls_conn *c, const uint8_t *data, size_t size)
{
    struct engine_buffer *wire = &c->engine->wire;
    if (!engine_reserve(wire, size))
        return false;
    memcpy(wire->data + wire->size, data, size);
    wire->size += size;
    return true;
}

static bool put_in_pieces(struct tls_conn *c, const uint8_t *record, size_t size, size_t max)
{
    for (size_t n, at = RECORD_HEADER_SIZE; at < size; at += n) {
        n = size - at < max ? size - at : max;
        const uint8_t header[RECORD_HEADER_SIZE] = {record[0], record[1], record[2],
                                                    (uint8_t)(n >> 8), (uint8_t)n};
        if (!conn_put_wire(c, header, sizeof header) || !conn_put_wire(c, record + at, n))
            return false;
    }
    return true;
}

/* mbedTLS puts a handshake message into one record, also where the client takes only shorter ones
 * (RFC 6066 4). That is agreed on in TLS 1.2 alone, whose one protected message is the Finished. */
int conn_put_record(void *arg, const unsigned char *data, size_t size)
{
    struct tls_conn *c = arg;
    const mbedtls_ssl_context *ssl = c->hs->ssl;
    const size_t max = mbedtls_ssl_get_output_max_frag_len(ssl);
    const bool is_long = ssl->transform_out == NULL && size > RECORD_HEADER_SIZE + max;
    if (!(is_long ? put_in_pieces(c, data, size, max) : conn_put_wire(c, data, size)))
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
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
