/* address.c - see address.h. */
#include "proxy/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void address_text(const struct sockaddr *sa, char out[ADDRESS_TEXT_MAX])
{
    char ip[INET6_ADDRSTRLEN] = "";
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)sa;
        inet_ntop(AF_INET, &in->sin_addr, ip, sizeof ip);
        snprintf(out, ADDRESS_TEXT_MAX, "%s:%u", ip, ntohs(in->sin_port));
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)sa;
        const bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
        inet_ntop(mapped ? AF_INET : AF_INET6, &in6->sin6_addr.s6_addr[mapped ? 12 : 0], ip,
                  sizeof ip);
        snprintf(out, ADDRESS_TEXT_MAX, "%s%s%s:%u", mapped ? "" : "[", ip, mapped ? "" : "]",
                 ntohs(in6->sin6_port));
    } else {
        snprintf(out, ADDRESS_TEXT_MAX, "unix");
    }
}

void address_local(const uv_handle_t *handle, struct sockaddr_storage *out)
{
    uv_os_fd_t fd;
    socklen_t size = sizeof *out;
    if (uv_fileno(handle, &fd) != 0 || getsockname(fd, (struct sockaddr *)out, &size) != 0)
        out->ss_family = AF_UNSPEC;
}
