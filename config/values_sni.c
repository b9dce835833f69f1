/* values_sni.c - the names that clients ask for. */
#include "config/idn.h"
#include "config/values.h"

#include <ctype.h>
#include <string.h>

static bool is_ascii(const char *text)
{
    while (*text != '\0' && isascii((unsigned char)*text))
        text++;
    return *text == '\0';
}

/* TLS knows them by their A-labels only (RFC 6066, 3). `star` is "*." or "". */
static int refuse_unicode(struct arena *a, const char *star, const char *host, struct flaw *f)
{
    char name[IDN_NAME_MAX + 1];
    const char *cure = "write it as DNS knows it, with xn--: `idn2 NAME` tells";
    if (idn_to_ascii(host, name))
        cure = arena_format(a, "write it as clients do: \"%s%s\"", star, name);
    return flaw_set(f, cure, "is not in ASCII, as names in TLS are");
}

/* RFC 6066, 3: an address is no name, and a client that has only that asks for none. */
static bool is_address(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *last = dot != NULL ? dot + 1 : host;
    return strchr(host, ':') != NULL ||
           (*last != '\0' && strspn(last, "0123456789") == strlen(last));
}

static int refuse_wildcard(const char *host, struct flaw *f)
{
    if (*host == '\0')
        return flaw_set(f, "write it into the route itself: what stands there is for all others",
                        "is every name");
    if (strchr(host, '*') != NULL)
        return flaw_set(f, "write it as in \"*.example.org\", which is for exactly one label",
                        "has a * elsewhere than for its first label");
    return flaw_set(f, "write two labels behind it, as in \"*.example.org\"",
                    "covers a whole top-level domain, for which there are no certificates");
}

static int read_host(struct arena *a, const char *star, const char *host, const char **name,
                     struct flaw *f)
{
    char *copy = arena_format(a, "%s%s", star, host);
    if (copy == NULL)
        return 0;
    for (char *c = copy; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    if (value_hostname(copy + strlen(star), f) != 0)
        return -1;
    *name = copy;
    return 0;
}

/* Who writes "mail.example." means the same, and clients leave the dot out. */
static const char *without_last_dot(struct arena *a, const char *text)
{
    const size_t size = strlen(text);
    const bool ends_so = size > 1 && text[size - 1] == '.';
    return arena_format(a, "%.*s", (int)(ends_so ? size - 1 : size), text);
}

int value_sni_name(struct arena *a, const char *text, const char **name, struct flaw *f)
{
    const char *whole = without_last_dot(a, text);
    if (whole == NULL)
        return 0;
    const bool wildcard = whole[0] == '*' && (whole[1] == '.' || whole[1] == '\0');
    const char *star = wildcard ? "*." : "";
    const char *host = wildcard ? whole + 1 + (whole[1] == '.') : whole;
    if (!is_ascii(host))
        return refuse_unicode(a, star, host, f);
    if (strchr(host, '*') != NULL || (wildcard && strchr(host, '.') == NULL))
        return refuse_wildcard(host, f);
    if (is_address(host))
        return flaw_set(f, "write a DNS name; to serve an address, write a route for it",
                        "is an address, for which no client asks by name");
    return read_host(a, star, host, name, f);
}
