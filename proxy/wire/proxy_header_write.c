/* proxy_header_write.c - Section numbers are proxy-protocol.txt's. */
#include "proxy/wire/proxy_header_write.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum tlv { /* 2.2.1 to 2.2.6 */
           TLV_ALPN = 0x01,
           TLV_AUTHORITY = 0x02,
           TLV_UNIQUE_ID = 0x05,
           TLV_SSL = 0x20,
           TLV_SSL_VERSION = 0x21,
           TLV_SSL_CN = 0x22,
           TLV_SSL_CIPHER = 0x23,
};

enum { SSL_CLIENT_SSL = 0x01, SSL_CLIENT_CERT_CONN = 0x02, SSL_CLIENT_CERT_SESS = 0x04 };

/* The address bytes and port of an internet address; false for any other. */
static bool inet_parts(const struct sockaddr *sa, const void **bytes, size_t *size, uint16_t *port)
{
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)sa;
        *bytes = &in->sin_addr;
        *size = sizeof in->sin_addr;
        *port = in->sin_port;
        return true;
    }
    if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)sa;
        *bytes = &in6->sin6_addr;
        *size = sizeof in6->sin6_addr;
        *port = in6->sin6_port;
        return true;
    }
    return false;
}

struct ends {
    int family;
    const void *client, *local;
    size_t size;                      /* of each address */
    uint16_t client_port, local_port; /* network order */
};

static bool both_ends(const struct proxy_header *h, struct ends *ends)
{
    size_t local_size;
    ends->family = h->client->sa_family;
    return h->client->sa_family == h->local->sa_family &&
           inet_parts(h->client, &ends->client, &ends->size, &ends->client_port) &&
           inet_parts(h->local, &ends->local, &local_size, &ends->local_port);
}

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n"; /* 2.2 */

void proxy_header_local(struct buf *out)
{
    static const uint8_t local[4] = {0x20}; /* version 2, command LOCAL, and nothing about it */
    buf_put(out, signature, sizeof signature);
    buf_put(out, local, sizeof local);
}

void proxy_header_v1(const struct proxy_header *h, struct buf *out)
{
    struct ends ends;
    if (!both_ends(h, &ends)) {
        buf_puts(out, "PROXY UNKNOWN\r\n");
        return;
    }
    char client[INET6_ADDRSTRLEN], local[INET6_ADDRSTRLEN];
    inet_ntop(ends.family, ends.client, client, sizeof client);
    inet_ntop(ends.family, ends.local, local, sizeof local);
    buf_printf(out, "PROXY TCP%c %s %s %u %u\r\n", ends.family == AF_INET ? '4' : '6', client,
               local, ntohs(ends.client_port), ntohs(ends.local_port));
}

static void put_u16(struct buf *out, size_t value)
{
    const uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    buf_put(out, bytes, sizeof bytes);
}

enum { TLV_HEAD = 3 }; /* type and length */

static void put_tlv(struct buf *out, enum tlv type, const char *text)
{
    if (text == NULL)
        return;
    const uint8_t t = (uint8_t)type;
    buf_put(out, &t, 1);
    put_u16(out, strlen(text));
    buf_puts(out, text);
}

/* The longest that may follow the first 16 bytes: 2.2 has room for the addresses of Unix sockets
 * there, and Exim for no more. */
enum { BODY_MAX = 216 };

enum { SSL_HEAD = 5 };

/* What is told beside the addresses. */
struct told {
    const char *id;
    struct tls_info tls;
};

/* NULL: there is none, or no room for it. */
static const char *fit(const char *text, size_t *room)
{
    if (text == NULL || *text == '\0' || TLV_HEAD + strlen(text) > *room)
        return NULL;
    *room -= TLV_HEAD + strlen(text);
    return text;
}

/* Servers act on TLS, on who the client is and on the name that it asked for; the rest is for their
 * logs. */
static struct told choose(const struct proxy_header *h, size_t room)
{
    struct told t = {.tls = h->tls != NULL ? *h->tls : (struct tls_info){0}};
    if (h->tls != NULL)
        room -= TLV_HEAD + SSL_HEAD;
    t.tls.version = fit(t.tls.version, &room);
    t.tls.client_cn = fit(t.tls.client_cn, &room);
    t.tls.sni = fit(t.tls.sni, &room);
    t.id = fit(h->id, &room);
    t.tls.alpn = fit(t.tls.alpn, &room);
    t.tls.cipher = fit(t.tls.cipher, &room);
    return t;
}

/* 2.2.6: client flags, verify (0: presented and verified), then sub-TLVs. */
static void put_tls(struct buf *out, const struct tls_info *tls)
{
    struct buf sub;
    buf_init(&sub, BODY_MAX);
    put_tlv(&sub, TLV_SSL_VERSION, tls->version);
    put_tlv(&sub, TLV_SSL_CN, tls->client_cn);
    put_tlv(&sub, TLV_SSL_CIPHER, tls->cipher);

    const bool certificate = tls->client_subject != NULL;
    const uint8_t type = TLV_SSL;
    const uint8_t head[SSL_HEAD] = {
        (uint8_t)(SSL_CLIENT_SSL | (certificate ? SSL_CLIENT_CERT_CONN | SSL_CLIENT_CERT_SESS : 0)),
        0, 0, 0, certificate ? 0 : 1};
    buf_put(out, &type, 1);
    put_u16(out, sizeof head + sub.size);
    buf_put(out, head, sizeof head);
    buf_put(out, sub.data, sub.size);
    out->failed |= sub.failed;
    buf_free(&sub);
}

void proxy_header_v2(const struct proxy_header *h, struct buf *out)
{
    struct ends ends;
    if (!both_ends(h, &ends)) { /* servers refuse PROXY without addresses, and take LOCAL */
        proxy_header_local(out);
        return;
    }
    struct buf body;
    buf_init(&body, BODY_MAX);
    buf_put(&body, ends.client, ends.size);
    buf_put(&body, ends.local, ends.size);
    buf_put(&body, &ends.client_port, 2);
    buf_put(&body, &ends.local_port, 2);

    const struct told told = choose(h, BODY_MAX - body.size);
    put_tlv(&body, TLV_UNIQUE_ID, told.id);
    put_tlv(&body, TLV_ALPN, told.tls.alpn);
    put_tlv(&body, TLV_AUTHORITY, told.tls.sni);
    if (h->tls != NULL)
        put_tls(&body, &told.tls);

    /* 2.2: version 2, command PROXY; family and STREAM. */
    const uint8_t kind[2] = {0x21, ends.family == AF_INET ? 0x11 : 0x21};
    buf_put(out, signature, sizeof signature);
    buf_put(out, kind, sizeof kind);
    put_u16(out, body.size);
    buf_put(out, body.data, body.size);
    out->failed |= body.failed;
    buf_free(&body);
}
