#include "proxy/observer/host.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

enum { NAME_SIZE = 256 };

static bool is_port(const char *text)
{
    return *text == '\0' || (*text == ':' && strspn(text + 1, "0123456789") == strlen(text + 1));
}

/* "[2001:db8::1]:9770" */
static bool is_ipv6(const char *host)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr in6;
    const char *end = strchr(host, ']');
    if (host[0] != '[' || end == NULL || (size_t)(end - host) > sizeof address)
        return false;
    memcpy(address, host + 1, (size_t)(end - host) - 1);
    address[end - host - 1] = '\0';
    return inet_pton(AF_INET6, address, &in6) == 1 && is_port(end + 1);
}

static bool is_name_of_ours(const char *name, const struct snapshot *s)
{
    struct in_addr in;
    if (inet_pton(AF_INET, name, &in) == 1 || strcasecmp(name, "localhost") == 0)
        return true;
    for (size_t i = 0; i < s->counts[SNAPSHOT_NAMES]; i++)
        if (strcasecmp(name, snapshot_text_of(s, snapshot_names(s)[i])) == 0)
            return true;
    return false;
}

bool host_is_ours(const char *host, const struct snapshot *s)
{
    char name[NAME_SIZE];
    const size_t size = strcspn(host, ":");
    if (is_ipv6(host))
        return true;
    if (size == 0 || size >= sizeof name || !is_port(host + size))
        return false;
    memcpy(name, host, size);
    name[size] = '\0';
    if (name[size - 1] == '.') /* the root's */
        name[size - 1] = '\0';
    return is_name_of_ours(name, s);
}
