/* endpoint.c - the values that are addresses: host:port, unix:/path, networks. */
#include "config/values.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define SERVICE "srv:"

static const char no_scope[] = "use an address that needs no scope, not a link-local one";

size_t value_unix_path_max(void)
{
    return sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
}

/* ---- parts ---- */

static void set_inet(struct endpoint *out, int family, const void *address, uint16_t port)
{
    out->kind = ENDPOINT_INET;
    out->port = port;
    if (family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)&out->addr;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, address, sizeof in->sin_addr);
        out->addr_len = sizeof *in;
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out->addr;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        memcpy(&in6->sin6_addr, address, sizeof in6->sin6_addr);
        out->addr_len = sizeof *in6;
    }
}

/* What no TCP connection begins or ends at, or only one on a link that is named, too. */
static int refuse_unusable(const struct endpoint *ep, struct flaw *f)
{
    static const char one[] = "use the address of one machine";
    const struct in6_addr *in6 = &((const struct sockaddr_in6 *)&ep->addr)->sin6_addr;
    const uint32_t in = ntohl(((const struct sockaddr_in *)&ep->addr)->sin_addr.s_addr);
    const bool v4 = ep->addr.ss_family == AF_INET;
    if (v4 && in == INADDR_BROADCAST)
        return flaw_set(f, one, "is the address of everybody on a link");
    if (v4 ? IN_MULTICAST(in) : IN6_IS_ADDR_MULTICAST(in6))
        return flaw_set(f, one, "is the address of a group (multicast)");
    if (!v4 && IN6_IS_ADDR_LINKLOCAL(in6))
        return flaw_set(f, no_scope, "is a link-local address, which needs a scope");
    return 0;
}

/* "127.0.0.1:110", "[::1]:995"; with port 0, as for a source, without brackets and port. */
static const char *inet_text(struct arena *a, const struct endpoint *ep)
{
    char host[INET6_ADDRSTRLEN] = "";
    if (ep->addr.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&ep->addr;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
    } else {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&ep->addr;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host);
    }
    if (ep->port == 0)
        return arena_copy(a, host);
    return arena_format(a, ep->addr.ss_family == AF_INET ? "%s:%u" : "[%s]:%u", host,
                        (unsigned)ep->port);
}

static bool parse_port(const char *text, uint16_t *port)
{
    unsigned value = 0;
    if (text[0] == '\0' || strlen(text) > 5)
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (unsigned)(*text - '0');
    }
    *port = (uint16_t)value;
    return value >= 1 && value <= 65535;
}

struct host_port {
    char host[256];
    bool bracketed;
    uint16_t port;
};

/* Split at the last colon, with IPv6 in brackets. */
static int split(const char *text, struct host_port *hp, struct flaw *f)
{
    static const char v6[] = "write an IPv6 address in brackets, as in \"[::1]:110\"";
    const char *colon = strrchr(text, ':');
    const char *close = strrchr(text, ']');

    hp->bracketed = text[0] == '[';
    if (hp->bracketed && close == NULL)
        return flaw_set(f, v6, "has no closing bracket");
    if (colon == NULL || (hp->bracketed && colon < close))
        return flaw_set(f, "write host:port, as in \"127.0.0.1:110\"", "has no port");
    if (!hp->bracketed && memchr(text, ':', (size_t)(colon - text)) != NULL)
        return flaw_set(f, v6, "is not an address with a port");
    if (hp->bracketed && colon != close + 1)
        return flaw_set(f, v6, "has something between the bracket and the port");

    const char *start = text + (hp->bracketed ? 1 : 0);
    size_t length = (size_t)((hp->bracketed ? close : colon) - start);
    if (length >= sizeof hp->host)
        return flaw_set(f, "write a shorter one", "has a host that is too long");
    memcpy(hp->host, start, length);
    hp->host[length] = '\0';
    if (!parse_port(colon + 1, &hp->port))
        return flaw_set(f, "write a port from 1 to 65535", "has no usable port");
    return 0;
}

/* 1: numeric and stored. 0: not numeric. -1: flawed. */
static int parse_numeric(const struct host_port *hp, struct endpoint *out, struct flaw *f)
{
    struct in_addr in;
    struct in6_addr in6;

    if (!hp->bracketed && inet_pton(AF_INET, hp->host, &in) == 1) {
        set_inet(out, AF_INET, &in, hp->port);
        return refuse_unusable(out, f) == 0 ? 1 : -1;
    }
    if (!hp->bracketed)
        return 0;
    if (strchr(hp->host, '%') != NULL)
        return flaw_set(f, no_scope, "has a scope id, which is not supported");
    if (inet_pton(AF_INET6, hp->host, &in6) != 1)
        return flaw_set(f, "write an IPv6 address in brackets, as in \"[::1]:110\"",
                        "has no IPv6 address in its brackets");
    if (IN6_IS_ADDR_V4MAPPED(&in6))
        return flaw_set(f, "write the IPv4 address itself, as in \"192.0.2.1:110\"",
                        "is an IPv4 address written as IPv6");
    set_inet(out, AF_INET6, &in6, hp->port);
    return refuse_unusable(out, f) == 0 ? 1 : -1;
}

static int parse_unix(struct arena *a, const char *text, struct endpoint *out, struct flaw *f)
{
    const char *path = text + strlen("unix:");
    if (path[0] != '/')
        return flaw_set(f, "write the whole path, as in \"unix:/run/server.sock\"",
                        "is not an absolute path");
    if (value_names_directory(path))
        return flaw_set(f, "name the socket in it, as in \"unix:/run/server.sock\"",
                        "names a directory");
    if (strlen(path) > value_unix_path_max())
        return flaw_set(f, "a Unix socket's path has at most 107 bytes: choose a shorter one",
                        "is too long for a Unix socket");
    char *plain = arena_copy(a, text);
    if (plain == NULL)
        return 0;
    struct sockaddr_un *un = (struct sockaddr_un *)&out->addr;
    out->path = value_plain_path(plain + strlen("unix:"));
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, out->path, strlen(out->path) + 1);
    out->addr_len = sizeof *un;
    out->kind = ENDPOINT_UNIX;
    out->text = plain;
    return 0;
}

static bool is_unix(const char *text)
{
    return strncmp(text, "unix:", 5) == 0;
}

/* ---- endpoints ---- */

const char *value_all_addresses(const char *text)
{
    if (text[0] == ':')
        return text[1] == ':' ? NULL : text + 1;
    return strncmp(text, "*:", 2) == 0 ? text + 2 : NULL;
}

int value_listen(struct arena *a, const char *text, struct endpoint *out, struct flaw *f)
{
    static const uint8_t loopback[4] = {127, 0, 0, 1};
    struct host_port hp = {0};

    *out = (struct endpoint){.at = out->at};
    if (is_unix(text))
        return parse_unix(a, text, out, f);
    if (split(text, &hp, f) != 0)
        return -1;
    int numeric = parse_numeric(&hp, out, f);
    if (numeric < 0)
        return -1;
    if (numeric == 0 && strcmp(hp.host, "localhost") != 0)
        return flaw_set(f,
                        "give an address, as in \"192.0.2.1:995\", or \":995\" for all addresses",
                        "names a host where an address is needed");
    if (numeric == 0)
        set_inet(out, AF_INET, loopback, hp.port);
    out->text = inet_text(a, out);
    return 0;
}

/* RFC 2782: _service._proto.name */
static bool names_service(const char *host)
{
    const char *proto = strchr(host, '.');
    const char *name = proto != NULL ? strchr(proto + 1, '.') : NULL;
    return host[0] == '_' && proto != NULL && proto[1] == '_' && name != NULL && name[1] != '\0';
}

static int parse_service(struct arena *a, const char *text, struct endpoint *out, struct flaw *f)
{
    const char *host = text + strlen(SERVICE);
    if (!names_service(host) || value_hostname(host, f) != 0)
        return flaw_set(f, "write srv:_SERVICE._tcp.DOMAIN, as in \"srv:_imap._tcp.example.org\"",
                        "is not the name of a service");
    out->kind = ENDPOINT_NAME;
    out->text = arena_copy(a, text);
    out->host = out->text == NULL ? NULL : out->text + strlen(SERVICE);
    return 0;
}

int value_upstream(struct arena *a, const char *text, struct endpoint *out, struct flaw *f)
{
    struct host_port hp = {0};

    *out = (struct endpoint){.at = out->at};
    if (is_unix(text))
        return parse_unix(a, text, out, f);
    if (strncmp(text, SERVICE, strlen(SERVICE)) == 0)
        return parse_service(a, text, out, f);
    if (split(text, &hp, f) != 0)
        return -1;
    int numeric = parse_numeric(&hp, out, f);
    if (numeric < 0)
        return -1;
    if (numeric == 0) {
        if (strspn(hp.host, "0123456789.") == strlen(hp.host) || value_hostname(hp.host, f) != 0)
            return flaw_set(f, "write host:port, as in \"127.0.0.1:110\"",
                            "has neither an address nor a host name before its port");
        out->kind = ENDPOINT_NAME;
        out->host = arena_copy(a, hp.host);
        out->port = hp.port;
        out->text = arena_format(a, "%s:%u", hp.host, (unsigned)hp.port);
        return 0;
    }
    out->text = inet_text(a, out);
    if (endpoint_is_wildcard(out))
        return flaw_set(f, "name the address of the server, such as 127.0.0.1",
                        "is not an address that can be connected to");
    return 0;
}

int value_address(struct arena *a, const char *text, struct endpoint *out, struct flaw *f)
{
    static const char cure[] =
        "write an address without a port, as in 192.0.2.1 or \"2001:db8::1\"";
    struct in_addr in;
    struct in6_addr in6;

    *out = (struct endpoint){.at = out->at};
    if (inet_pton(AF_INET, text, &in) == 1)
        set_inet(out, AF_INET, &in, 0);
    else if (inet_pton(AF_INET6, text, &in6) == 1 && !IN6_IS_ADDR_V4MAPPED(&in6))
        set_inet(out, AF_INET6, &in6, 0);
    else
        return flaw_set(f, cure, "is not an address");
    if (endpoint_is_wildcard(out))
        return flaw_set(f, cure, "is not an address of one interface");
    if (refuse_unusable(out, f) != 0)
        return -1;
    out->text = inet_text(a, out);
    return 0;
}

/* ---- questions ---- */

bool endpoint_is_service(const struct endpoint *ep)
{
    return ep->kind == ENDPOINT_NAME && ep->port == 0;
}

bool endpoint_is_wildcard(const struct endpoint *ep)
{
    if (ep->kind != ENDPOINT_INET)
        return false;
    if (ep->addr.ss_family == AF_INET)
        return ((const struct sockaddr_in *)&ep->addr)->sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)&ep->addr)->sin6_addr);
}

/* It stands at the same place in both families. */
uint16_t sockaddr_port(const struct sockaddr_storage *at)
{
    return ntohs(((const struct sockaddr_in *)at)->sin_port);
}

void sockaddr_set_port(struct sockaddr_storage *at, uint16_t port)
{
    ((struct sockaddr_in *)at)->sin_port = htons(port);
}

bool sockaddr_is_loopback(const struct sockaddr_storage *at)
{
    if (at->ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)at)->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)at)->sin6_addr);
}

bool endpoint_is_loopback(const struct endpoint *ep)
{
    return ep->kind == ENDPOINT_INET && sockaddr_is_loopback(&ep->addr);
}

bool endpoint_same(const struct endpoint *x, const struct endpoint *y)
{
    /* The texts are canonical. */
    return x->port == y->port && x->kind == y->kind && strcmp(x->text, y->text) == 0;
}

/* ---- networks ---- */

/* True when there was one. */
static bool clear_host_bits(struct cidr *c)
{
    const unsigned total = c->family == AF_INET ? 32 : 128;
    bool was_set = false;
    for (unsigned bit = c->bits; bit < total; bit++) {
        const uint8_t mask = (uint8_t)(0x80u >> bit % 8);
        was_set = was_set || (c->bytes[bit / 8] & mask) != 0;
        c->bytes[bit / 8] &= (uint8_t)~mask;
    }
    return was_set;
}

/* Clients from ::ffff:0:0/96 are IPv4 clients. */
static void unmap(struct cidr *c)
{
    enum { MAPPED_BITS = 96 };
    struct in6_addr in6;
    memcpy(&in6, c->bytes, sizeof in6);
    if (c->family != AF_INET6 || c->bits < MAPPED_BITS || !IN6_IS_ADDR_V4MAPPED(&in6))
        return;
    *c = (struct cidr){.family = AF_INET, .bits = c->bits - MAPPED_BITS};
    memcpy(c->bytes, &in6.s6_addr[MAPPED_BITS / 8], 4);
}

static int tell_network(struct cidr *c, struct flaw *f)
{
    char address[INET6_ADDRSTRLEN] = "";
    inet_ntop(c->family, c->bytes, address, sizeof address);
    snprintf(f->cause, sizeof f->cause, "has bits set behind its prefix; the network is %s/%u",
             address, c->bits);
    f->cure = "write the network's first address, or a longer prefix";
    return -1;
}

int value_cidr(const char *text, struct cidr *c, struct flaw *f)
{
    static const char cure[] = "write a network, as in \"192.0.2.0/24\" or \"2001:db8::/32\"";
    char address[INET6_ADDRSTRLEN];
    size_t length = strcspn(text, "/");
    const char *bits = text[length] == '/' ? text + length + 1 : NULL;

    *c = (struct cidr){0};
    if (length >= sizeof address)
        return flaw_set(f, cure, "is not a network");
    memcpy(address, text, length);
    address[length] = '\0';
    c->family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
    if (inet_pton(c->family, address, c->bytes) != 1)
        return flaw_set(f, cure, "is not a network");

    unsigned most = c->family == AF_INET ? 32 : 128;
    c->bits = most;
    if (bits != NULL && value_number(bits, most, &c->bits, f) != 0)
        return flaw_set(f, cure, "has no usable prefix length");
    unmap(c);
    return clear_host_bits(c) ? tell_network(c, f) : 0;
}

bool cidr_covers(const struct cidr *network, const struct cidr *part)
{
    struct cidr front = *part;
    front.bits = network->bits;
    clear_host_bits(&front);
    return network->family == part->family && network->bits <= part->bits &&
           memcmp(network->bytes, front.bytes, sizeof front.bytes) == 0;
}
