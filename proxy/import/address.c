/* address.c - hosts and ports. */
#include "proxy/import/address.h"
#include "proxy/import/pool.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

const char *address_join(struct arena *a, const char *host, unsigned port)
{
    return pool_format(a, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
}

/* pop3s and its kin, where there is no /etc/services. */
static unsigned well_known(const char *name)
{
    for (int i = 0; i < PROTOCOLS; i++) {
        const struct protocol_facts *f = protocol_facts((enum protocol)i);
        const size_t size = strlen(f->name);
        if (strncmp(name, f->name, size) != 0)
            continue;
        if (name[size] == '\0')
            return f->plain_port;
        if (strcmp(name + size, "s") == 0)
            return f->implicit_port;
    }
    return 0;
}

unsigned address_port(const char *text)
{
    if (*text != '\0' && strspn(text, "0123456789") == strlen(text)) {
        const unsigned long port = strtoul(text, NULL, 10);
        return port <= 65535 ? (unsigned)port : 0;
    }
    const struct servent *service = getservbyname(text, "tcp");
    return service != NULL ? ntohs((uint16_t)service->s_port) : well_known(text);
}

void address_split(struct arena *a, const char *text, const char **host, const char **port)
{
    const char *colon = strrchr(text, ':'), *close = strrchr(text, ']');
    *host = NULL;
    *port = text;
    if (colon == NULL || (close != NULL && close > colon))
        return;
    const bool brackets = text[0] == '[' && close == colon - 1;
    const char *begin = text + (brackets ? 1 : 0), *end = brackets ? close : colon;
    *host = pool_text(a, begin, (size_t)(end - begin));
    *port = pool_text(a, colon + 1, strlen(colon + 1));
}

const char *address_simple(struct arena *a, const char *text, const char *otherwise)
{
    const char *host, *port;
    if (text[0] == '/')
        return pool_format(a, "unix:%s", text);
    address_split(a, text, &host, &port);
    const unsigned number = address_port(port);
    if (number == 0)
        return NULL;
    if (host == NULL || *host == '\0' || strcmp(host, "*") == 0)
        host = otherwise;
    return address_join(a, host, number);
}

static unsigned port_of(const char *address)
{
    const char *colon = address == NULL ? NULL : strrchr(address, ':');
    return colon == NULL || strncmp(address, "unix:", 5) == 0 ? 0 : address_port(colon + 1);
}

/* Of mail that is submitted, and its usual places behind a front. */
static bool is_submission(unsigned port)
{
    return port == 587 || port == 2525 || port == 10025 || port == 10465 || port == 10587;
}

static bool told(unsigned port, bool implicit, enum protocol *p)
{
    for (int i = 0; port != 0 && i < PROTOCOLS; i++) {
        const struct protocol_facts *f = protocol_facts((enum protocol)i);
        *p = (enum protocol)i;
        if (port == (implicit ? f->implicit_port : f->plain_port))
            return true;
    }
    *p = PROTOCOL_SMTP;
    return is_submission(port);
}

struct guess address_guess(const char *listen, const char *upstream)
{
    const unsigned outside = port_of(listen), inside = port_of(upstream);
    enum protocol p;
    if (told(outside, true, &p) || told(outside, false, &p))
        return (struct guess){p, outside};
    if (told(inside, false, &p) || told(inside, true, &p))
        return (struct guess){p, inside};
    return (struct guess){PROTOCOL_TCP, 0};
}
