/* proxy_header_parse.c - Section numbers are proxy-protocol.txt's. */
#include "proxy/wire/proxy_header_parse.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum { V1_MAX = 107, V2_HEAD = 16 };

static const uint8_t v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* ---- version 1 ---- */

/* The next field of a line, up to a single space. False: there is none, or it is empty. */
static bool next_field(const char **line, const char *end, char *out, size_t room)
{
    const char *space = memchr(*line, ' ', (size_t)(end - *line));
    const char *stop = space != NULL ? space : end;
    const size_t size = (size_t)(stop - *line);
    if (size == 0 || size >= room)
        return false;
    memcpy(out, *line, size);
    out[size] = '\0';
    *line = space != NULL ? space + 1 : end;
    return memchr(out, '\0', size) == NULL;
}

/* 2.1: decimal, no leading zeroes, 0 to 65535. */
static bool read_port(const char *text, in_port_t *port)
{
    unsigned value = 0;
    const size_t size = strlen(text);
    if (size > 5 || (size > 1 && text[0] == '0'))
        return false;
    for (const char *s = text; *s != '\0'; s++) {
        if (*s < '0' || *s > '9')
            return false;
        value = value * 10 + (unsigned)(*s - '0');
    }
    *port = htons((uint16_t)value);
    return value <= 65535;
}

static bool set_address(int family, const char *host, const char *port,
                        struct sockaddr_storage *out)
{
    struct sockaddr_in *in = (void *)out;
    struct sockaddr_in6 *in6 = (void *)out;
    *out = (struct sockaddr_storage){.ss_family = (sa_family_t)family};
    void *bytes = family == AF_INET ? (void *)&in->sin_addr : (void *)&in6->sin6_addr;
    in_port_t *to = family == AF_INET ? &in->sin_port : &in6->sin6_port;
    return inet_pton(family, host, bytes) == 1 && read_port(port, to);
}

static enum proxy_header_result parse_v1_line(const char *line, const char *end,
                                              struct proxy_header_received *out)
{
    char kind[8], source[INET6_ADDRSTRLEN], target[INET6_ADDRSTRLEN], sport[8], tport[8];
    line += strlen("PROXY ");
    if (!next_field(&line, end, kind, sizeof kind))
        return PROXY_HEADER_BAD;
    out->own = strcmp(kind, "UNKNOWN") == 0;
    if (out->own)
        return PROXY_HEADER_OK;
    const int family = strcmp(kind, "TCP4") == 0 ? AF_INET : AF_INET6;
    if ((family == AF_INET6 && strcmp(kind, "TCP6") != 0) ||
        !next_field(&line, end, source, sizeof source) ||
        !next_field(&line, end, target, sizeof target) ||
        !next_field(&line, end, sport, sizeof sport) ||
        !next_field(&line, end, tport, sizeof tport) || line != end)
        return PROXY_HEADER_BAD;
    out->known = true;
    return set_address(family, source, sport, &out->client) &&
                   set_address(family, target, tport, &out->local)
               ? PROXY_HEADER_OK
               : PROXY_HEADER_BAD;
}

static enum proxy_header_result parse_v1(const uint8_t *data, size_t size,
                                         struct proxy_header_received *out)
{
    const size_t looked = size < V1_MAX ? size : V1_MAX;
    const uint8_t *lf = memchr(data, '\n', looked);
    if (lf == NULL)
        return looked == V1_MAX ? PROXY_HEADER_BAD : PROXY_HEADER_MORE;
    const char *line = (const char *)data, *end = (const char *)lf - 1;
    if (end < line + strlen("PROXY ") || *end != '\r')
        return PROXY_HEADER_BAD;
    out->size = (size_t)(lf + 1 - data);
    return parse_v1_line(line, end, out);
}

/* ---- version 2 ---- */

static void copy_inet(const uint8_t *body, struct proxy_header_received *out)
{
    struct sockaddr_in *client = (void *)&out->client, *local = (void *)&out->local;
    client->sin_family = local->sin_family = AF_INET;
    memcpy(&client->sin_addr, body, 4);
    memcpy(&local->sin_addr, body + 4, 4);
    memcpy(&client->sin_port, body + 8, 2);
    memcpy(&local->sin_port, body + 10, 2);
}

static void copy_inet6(const uint8_t *body, struct proxy_header_received *out)
{
    struct sockaddr_in6 *client = (void *)&out->client, *local = (void *)&out->local;
    client->sin6_family = local->sin6_family = AF_INET6;
    memcpy(&client->sin6_addr, body, 16);
    memcpy(&local->sin6_addr, body + 16, 16);
    memcpy(&client->sin6_port, body + 32, 2);
    memcpy(&local->sin6_port, body + 34, 2);
}

/* 2.2: family and transport; TLVs behind the addresses are passed over. */
static enum proxy_header_result parse_v2_body(uint8_t kind, const uint8_t *body, size_t size,
                                              struct proxy_header_received *out)
{
    if (kind == 0x11 && size >= 12)
        copy_inet(body, out);
    else if (kind == 0x21 && size >= 36)
        copy_inet6(body, out);
    else /* too short for what it says is bad; UNSPEC, datagrams and unix sockets tell us nothing */
        return kind == 0x11 || kind == 0x21 ? PROXY_HEADER_BAD : PROXY_HEADER_OK;
    out->known = true;
    return PROXY_HEADER_OK;
}

static enum proxy_header_result parse_v2(const uint8_t *data, size_t size,
                                         struct proxy_header_received *out)
{
    if (size < V2_HEAD)
        return PROXY_HEADER_MORE;
    const size_t body = (size_t)data[14] << 8 | data[15];
    const uint8_t command = data[12];
    if ((command != 0x20 && command != 0x21) || V2_HEAD + body > PROXY_HEADER_MAX)
        return PROXY_HEADER_BAD;
    if (size < V2_HEAD + body)
        return PROXY_HEADER_MORE;
    out->size = V2_HEAD + body;
    out->own = command == 0x20;
    return out->own ? PROXY_HEADER_OK : parse_v2_body(data[13], data + V2_HEAD, body, out);
}

/* ---- both ---- */

static bool begins_like(const uint8_t *data, size_t size, const void *with, size_t with_size)
{
    return memcmp(data, with, size < with_size ? size : with_size) == 0;
}

enum proxy_header_result proxy_header_parse(const uint8_t *data, size_t size,
                                            struct proxy_header_received *out)
{
    *out = (struct proxy_header_received){0};
    if (size == 0)
        return PROXY_HEADER_MORE;
    if (begins_like(data, size, v2_signature, sizeof v2_signature))
        return parse_v2(data, size, out);
    if (begins_like(data, size, "PROXY ", 6))
        return size < 6 ? PROXY_HEADER_MORE : parse_v1(data, size, out);
    return PROXY_HEADER_BAD;
}
