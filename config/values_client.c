/* values_client.c - what tells one client's certificate from another's. */
#include "config/values.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

/* Nothing that a certificate could not have: neither blanks nor anything but ASCII. */
static bool is_graphic(const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s != '\0'; s++)
        if (*s <= ' ' || *s > '~')
            return false;
    return true;
}

int value_client_subject(const char *text, struct flaw *f)
{
    static const char cure[] = "write it as client-certificate= in the log shows it: "
                               "\"C=DE, O=Example, CN=alice\"";
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || !isalnum((unsigned char)text[0]))
        return flaw_set(f, cure, "is not the subject of a certificate");
    for (const unsigned char *s = (const unsigned char *)text; *s != '\0'; s++)
        if (*s < ' ' || *s > '~')
            return flaw_set(f,
                            "write other bytes as the log shows them: \\\\C3\\\\BC for an u umlaut",
                            "holds a byte that is not printable ASCII");
    return 0;
}

/* A dot at the end is for resolvers; certificates have none. */
static bool is_dns_name(const char *text)
{
    struct flaw ignored;
    return value_hostname(text, &ignored) == 0 && text[strlen(text) - 1] != '.';
}

static int check_dns(const char *text, struct flaw *f)
{
    uint8_t address[16];
    const bool wildcard = strncmp(text, "*.", 2) == 0;
    const char *name = wildcard ? text + 2 : text;
    if (inet_pton(AF_INET, text, address) == 1)
        return flaw_set(f, "write a DNS name, an e-mail address or a URI",
                        "is an address, which tells nothing about a client");
    if (!is_dns_name(name))
        return flaw_set(f,
                        "write a DNS name (also as \"*.example.org\", for one label), an e-mail "
                        "address or a URI",
                        "is not a name that a client's certificate can have");
    if (wildcard && strchr(name, '.') == NULL)
        return flaw_set(f, "name at least two labels, as in \"*.example.org\"",
                        "would cover a whole top-level domain");
    return 0;
}

static int check_email(const char *text, struct flaw *f)
{
    const char *at = strrchr(text, '@');
    if (at == text || strchr(text, '@') != at || !is_dns_name(at + 1))
        return flaw_set(f, "write one address, as in alice@example.org",
                        "is not an e-mail address");
    return 0;
}

/* RFC 3986 3.1: a letter, then letters, digits, plus, dash, dot. */
static int check_uri(const char *text, struct flaw *f)
{
    uint8_t address[16];
    const size_t scheme = strcspn(text, ":");
    bool good = isalpha((unsigned char)text[0]) && text[scheme + 1] != '\0';
    for (size_t i = 0; i < scheme; i++)
        good = good && (isalnum((unsigned char)text[i]) || strchr("+-.", text[i]) != NULL);
    if (good && inet_pton(AF_INET6, text, address) != 1)
        return 0;
    return flaw_set(f, "write a URI, as in spiffe://example.org/alice", "is not a URI");
}

int value_client_name(const char *text, enum client_name_kind *kind, struct flaw *f)
{
    *kind = strchr(text, ':') != NULL   ? CLIENT_NAME_URI
            : strchr(text, '@') != NULL ? CLIENT_NAME_EMAIL
                                        : CLIENT_NAME_DNS;
    if (!is_graphic(text))
        return flaw_set(f, "write it in ASCII, without blanks",
                        "holds a byte that is not printable ASCII");
    switch (*kind) {
    case CLIENT_NAME_DNS:
        return check_dns(text, f);
    case CLIENT_NAME_EMAIL:
        return check_email(text, f);
    case CLIENT_NAME_URI:
        return check_uri(text, f);
    }
    return -1;
}
