#include "proxy/base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void address_host(const struct sockaddr *sa, char out[ADDRESS_TEXT_MAX], uint16_t *port_r)
{
    out[0] = '\0';
    *port_r = 0;
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)sa;
        inet_ntop(AF_INET, &in->sin_addr, out, ADDRESS_TEXT_MAX);
        *port_r = ntohs(in->sin_port);
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)sa;
        const bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
        inet_ntop(mapped ? AF_INET : AF_INET6, &in6->sin6_addr.s6_addr[mapped ? 12 : 0], out,
                  ADDRESS_TEXT_MAX);
        *port_r = ntohs(in6->sin6_port);
    }
}

void address_text(const struct sockaddr *sa, char out[ADDRESS_TEXT_MAX])
{
    char host[ADDRESS_TEXT_MAX];
    uint16_t port;
    address_host(sa, host, &port);
    if (host[0] == '\0')
        snprintf(out, ADDRESS_TEXT_MAX, "unix");
    else if (strchr(host, ':') != NULL)
        snprintf(out, ADDRESS_TEXT_MAX, "[%.50s]:%u", host, port);
    else
        snprintf(out, ADDRESS_TEXT_MAX, "%.50s:%u", host, port);
}

static bool in_network(int family, const uint8_t *bytes, const struct cidr *network)
{
    const unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (family != network->family || memcmp(bytes, network->bytes, whole) != 0)
        return false;
    const uint8_t mask = (uint8_t)(0xff00 >> rest);
    return rest == 0 || (bytes[whole] & mask) == (network->bytes[whole] & mask);
}

/* Its family, where mapped is IPv4, and the bytes. */
static int plain(const struct sockaddr *sa, const uint8_t **bytes_r)
{
    const struct sockaddr_in *in = (const void *)sa;
    const struct sockaddr_in6 *in6 = (const void *)sa;
    const bool mapped = sa->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
    *bytes_r = sa->sa_family == AF_INET6 ? &in6->sin6_addr.s6_addr[mapped ? 12 : 0]
                                         : (const uint8_t *)&in->sin_addr;
    return mapped ? AF_INET : sa->sa_family;
}

bool address_in(const struct sockaddr *sa, const struct cidr *networks, size_t count)
{
    const uint8_t *bytes = NULL;
    const int family = plain(sa, &bytes);
    for (size_t i = 0; i < count && (family == AF_INET || family == AF_INET6); i++)
        if (in_network(family, bytes, &networks[i]))
            return true;
    return false;
}

size_t address_client(const struct sockaddr *sa, uint8_t bytes[ADDRESS_CLIENT_MAX])
{
    const uint8_t *from = NULL;
    const int family = plain(sa, &from);
    if (family != AF_INET && family != AF_INET6)
        return 0;
    const size_t size = family == AF_INET ? ADDRESS_CLIENT_V4 : ADDRESS_CLIENT_MAX;
    memcpy(bytes, from, size);
    return size;
}

void address_local(const uv_handle_t *handle, struct sockaddr_storage *out)
{
    uv_os_fd_t fd;
    socklen_t size = sizeof *out;
    if (uv_fileno(handle, &fd) != 0 || getsockname(fd, (struct sockaddr *)out, &size) != 0)
        out->ss_family = AF_UNSPEC;
}
