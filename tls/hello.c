#include "tls/hello.h"

#include "tls/memory.h"
#include "tls/number_set.h"
#include "tls/vector.h"

#include <stdlib.h>
#include <string.h>

enum {
    EXTENSION_SERVER_NAME = 0,
    EXTENSION_SUPPORTED_GROUPS = 10,
    EXTENSION_ALPN = 16,
    EXTENSION_EARLY_DATA = 42,
    EXTENSION_SUPPORTED_VERSIONS = 43,
    EXTENSION_KEY_SHARE = 51,
    EXTENSION_RENEGOTIATION_INFO = 0xff01,
};
enum { VERSION_TLS13 = 0x0304, FALLBACK_SCSV = 0x5600 };
enum { NAME_TYPE_HOST = 0, NAME_SIZE_MAX = 255 };

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The size of the message that begins with these four bytes, header included. */
static size_t message_size(const uint8_t *p)
{
    return HELLO_HEADER_SIZE + ((size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
}

/* Grow by what has come, not by what is claimed. */
static bool append(struct hello_stream *s, struct tls_slice *from, size_t count)
{
    size_t needed = s->size + count;
    if (needed > s->capacity) {
        size_t capacity = needed > 2 * s->capacity ? needed : 2 * s->capacity;
        uint8_t *data = memory_grow(s->data, capacity);
        if (data == NULL)
            return false;
        s->data = data;
        s->capacity = capacity;
    }
    memcpy(s->data + s->size, from->data, count);
    s->size += count;
    from->data += count;
    from->size -= count;
    return true;
}

static bool take_whole(struct tls_slice *payload, struct tls_slice *message)
{
    if (payload->size < HELLO_HEADER_SIZE || payload->size < message_size(payload->data))
        return false;
    *message = (struct tls_slice){payload->data, message_size(payload->data)};
    payload->data += message->size;
    payload->size -= message->size;
    return true;
}

static enum hello_result collect(struct hello_stream *s, struct tls_slice *payload, size_t target)
{
    if (s->size < target && !append(s, payload, min(target - s->size, payload->size)))
        return HELLO_NO_MEMORY;
    return s->size < target ? HELLO_MORE : HELLO_MESSAGE;
}

enum hello_result hello_next(struct hello_stream *s, struct tls_slice *payload,
                             struct tls_slice *message)
{
    bool complete = s->size >= HELLO_HEADER_SIZE && s->size == message_size(s->data);
    if (complete)
        s->size = 0; /* handed out last time */
    if (payload->size == 0)
        return HELLO_MORE;
    if (s->size == 0 && take_whole(payload, message))
        return message->size > HELLO_MESSAGE_MAX ? HELLO_TOO_LONG : HELLO_MESSAGE;

    enum hello_result r = collect(s, payload, HELLO_HEADER_SIZE);
    if (r != HELLO_MESSAGE)
        return r;
    size_t size = message_size(s->data);
    if (size > HELLO_MESSAGE_MAX)
        return HELLO_TOO_LONG;
    r = collect(s, payload, size);
    if (r == HELLO_MESSAGE)
        *message = (struct tls_slice){s->data, s->size};
    return r;
}

int hello_pending_type(const struct hello_stream *s)
{
    bool complete = s->size >= HELLO_HEADER_SIZE && s->size == message_size(s->data);
    return s->size == 0 || complete ? -1 : s->data[0];
}

void hello_free(struct hello_stream *s)
{
    free(s->data);
    *s = (struct hello_stream){0};
}

/* ---- the ClientHello ---- */

static enum hello_fault read_server_name(struct tls_slice data, struct hello *h)
{
    struct tls_slice list, name;
    if (!vector_take(&data, 2, &list) || data.size > 0 || list.size == 0)
        return HELLO_MALFORMED;
    while (list.size > 0) {
        size_t type;
        if (!vector_number(&list, 1, &type) || !vector_take(&list, 2, &name) || name.size == 0)
            return HELLO_MALFORMED;
        if (type != NAME_TYPE_HOST)
            continue;
        if (h->name.data != NULL)
            return HELLO_ILLEGAL;
        if (name.size > NAME_SIZE_MAX)
            return HELLO_LONG_NAME;
        h->name = name;
    }
    return HELLO_OK;
}

/* The numbers of two bytes that the list holds; an odd byte at its end is mbedTLS's to refuse. */
static bool lists(struct tls_slice list, size_t wanted)
{
    size_t number;
    while (vector_number(&list, 2, &number))
        if (number == wanted)
            return true;
    return false;
}

static bool offers_tls13(struct tls_slice supported_versions)
{
    struct tls_slice list;
    return vector_take(&supported_versions, 1, &list) && lists(list, VERSION_TLS13);
}

/* Of a first handshake it is one byte: the length of nothing. */
static bool names_another(struct tls_slice renegotiation_info)
{
    return renegotiation_info.size != 1 || renegotiation_info.data[0] != 0;
}

static enum hello_fault keep_extension(size_t type, struct tls_slice data, struct hello *h)
{
    if (type == EXTENSION_SERVER_NAME)
        return read_server_name(data, h);
    if (type == EXTENSION_ALPN)
        h->alpn = data;
    if (type == EXTENSION_SUPPORTED_GROUPS)
        h->groups = data;
    if (type == EXTENSION_KEY_SHARE)
        h->shares = data;
    if (type == EXTENSION_SUPPORTED_VERSIONS)
        h->tls13 = offers_tls13(data);
    if (type == EXTENSION_RENEGOTIATION_INFO)
        h->renegotiates = names_another(data);
    h->early_data = h->early_data || type == EXTENSION_EARLY_DATA;
    return HELLO_OK;
}

static enum hello_fault read_extensions(struct tls_slice list, struct hello *h)
{
    struct number_set seen = {0};
    while (list.size > 0) {
        size_t type;
        struct tls_slice data;
        if (!vector_number(&list, 2, &type) || !vector_take(&list, 2, &data))
            return HELLO_MALFORMED;
        if (!number_set_add(&seen, type))
            return HELLO_ILLEGAL;
        const enum hello_fault fault = keep_extension(type, data, h);
        if (fault != HELLO_OK)
            return fault;
    }
    return HELLO_OK;
}

enum hello_fault hello_read(struct tls_slice message, struct hello *h)
{
    struct tls_slice in = message, part;
    *h = (struct hello){0};
    if (!vector_bytes(&in, HELLO_HEADER_SIZE, &part) || !vector_bytes(&in, 2 + 32, &part) ||
        !vector_take(&in, 1, &part) || part.size > 32 || !vector_take(&in, 2, &h->ciphers) ||
        h->ciphers.size < 2 || h->ciphers.size % 2 != 0 || !vector_take(&in, 1, &part) ||
        part.size == 0)
        return HELLO_MALFORMED;
    h->fallback = lists(h->ciphers, FALLBACK_SCSV);
    if (in.size == 0)
        return HELLO_OK; /* before TLS 1.3, extensions may be left out altogether */
    if (!vector_take(&in, 2, &part) || in.size > 0)
        return HELLO_MALFORMED;
    return read_extensions(part, h);
}

/* ---- the ServerHello ---- */

/* RFC 8446 4.2.1: a server that chooses TLS 1.3 says so in supported_versions. */
static enum hello_fault read_server_extensions(struct tls_slice list, struct server_hello *h)
{
    while (list.size > 0) {
        size_t type, version;
        struct tls_slice data;
        if (!vector_number(&list, 2, &type) || !vector_take(&list, 2, &data))
            return HELLO_MALFORMED;
        if (type == EXTENSION_RENEGOTIATION_INFO)
            h->renegotiates = names_another(data);
        if (type == EXTENSION_SUPPORTED_VERSIONS)
            h->tls13 = vector_number(&data, 2, &version) && version == VERSION_TLS13;
    }
    return HELLO_OK;
}

enum hello_fault hello_read_server(struct tls_slice message, struct server_hello *h)
{
    struct tls_slice in = message, part;
    *h = (struct server_hello){0};
    if (!vector_bytes(&in, HELLO_HEADER_SIZE, &part) || !vector_bytes(&in, 2 + 32, &part) ||
        !vector_take(&in, 1, &part) || part.size > 32 || !vector_bytes(&in, 2 + 1, &part))
        return HELLO_MALFORMED;
    if (in.size == 0)
        return HELLO_OK;
    if (!vector_take(&in, 2, &part) || in.size > 0)
        return HELLO_MALFORMED;
    return read_server_extensions(part, h);
}
