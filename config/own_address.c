#include "config/own_address.h"
#include "config/values.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

/* 0, or an errno. */
static int try_bind(const struct sockaddr_storage *address)
{
    struct sockaddr_storage any_port = *address;
    sockaddr_set_port(&any_port, 0);
    const int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    const int rc = bind(fd, (const struct sockaddr *)&any_port, sizeof any_port) == 0 ? 0 : errno;
    close(fd);
    return rc;
}

/* Of the reserved block (RFC 1112), and of the one whose packets are thrown away (RFC 6666). */
static struct sockaddr_storage nobodys(sa_family_t family)
{
    enum { RESERVED = 0xf0000001 };
    struct sockaddr_storage address = {.ss_family = family};
    if (family == AF_INET)
        ((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl((uint32_t)RESERVED);
    else
        ((struct sockaddr_in6 *)&address)->sin6_addr =
            (struct in6_addr){.s6_addr = {0x01, [15] = 1}};
    return address;
}

/* Where no port is left, the address was found to be good before. */
static bool can_bind(const struct sockaddr_storage *address)
{
    const int rc = try_bind(address);
    return rc == 0 || rc == EADDRINUSE;
}

bool own_address(const struct sockaddr_storage *address)
{
    const struct sockaddr_storage nobody = nobodys(address->ss_family);
    return can_bind(address) && !can_bind(&nobody);
}

bool foreign_address(const struct sockaddr_storage *address)
{
    return try_bind(address) == EADDRNOTAVAIL;
}

bool own_ports_are_taken(sa_family_t family)
{
    const struct sockaddr_storage any = {.ss_family = family};
    return try_bind(&any) == EADDRINUSE;
}
