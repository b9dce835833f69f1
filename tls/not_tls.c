#include "tls/not_tls.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define PLAINTEXT "client spoke plaintext on a TLS port"

/* The first words of a protocol that is not TLS. */
static const struct opening {
    const char
        *word; /* up to a blank or the end of a line; one that ends with '-' or '/': so far */
    const char *words;
} openings[] = {
    {"EHLO", PLAINTEXT ": SMTP"},
    {"HELO", PLAINTEXT ": SMTP"},
    {"LHLO", PLAINTEXT ": LMTP"},
    {"USER", PLAINTEXT ": POP3"},
    {"CAPA", PLAINTEXT ": POP3"},
    {"APOP", PLAINTEXT ": POP3"},
    {"STLS", PLAINTEXT ": POP3"},
    {"MODE", PLAINTEXT ": NNTP"},
    {"AUTHINFO", PLAINTEXT ": NNTP"},
    {"CAPABILITIES", PLAINTEXT ": NNTP"},
    {"CAPABILITY", PLAINTEXT ": ManageSieve"},
    {"AUTHENTICATE", PLAINTEXT ": ManageSieve"},
    {"GET", PLAINTEXT ": HTTP"},
    {"HEAD", PLAINTEXT ": HTTP"},
    {"POST", PLAINTEXT ": HTTP"},
    {"PUT", PLAINTEXT ": HTTP"},
    {"DELETE", PLAINTEXT ": HTTP"},
    {"OPTIONS", PLAINTEXT ": HTTP"},
    {"CONNECT", PLAINTEXT ": HTTP"},
    {"PRI", PLAINTEXT ": HTTP"},
    {"SSH-", PLAINTEXT ": SSH"},
    {"PROXY", "client sent a PROXY header where none is expected; see accept-proxy-from"},
};

/* Behind a tag; the names of others would be openings of their own. */
static const char *const imap_commands[] = {"CAPABILITY", "LOGIN", "AUTHENTICATE", "STARTTLS",
                                            "NOOP",       "ID",    "LOGOUT"};

static bool ends_a_word(struct tls_slice s, size_t at)
{
    return at == s.size || strchr(" \t\r\n", s.data[at]) != NULL;
}

static bool begins_with(struct tls_slice s, const char *word)
{
    const size_t size = strlen(word);
    return s.size >= size && strncasecmp((const char *)s.data, word, size) == 0 &&
           (word[size - 1] == '-' || ends_a_word(s, size));
}

static bool is_imap(struct tls_slice s)
{
    size_t tag = 0;
    while (!ends_a_word(s, tag))
        tag++;
    if (tag == s.size || s.data[tag] != ' ')
        return false;
    const struct tls_slice command = {s.data + tag + 1, s.size - tag - 1};
    for (size_t i = 0; i < sizeof imap_commands / sizeof *imap_commands; i++)
        if (begins_with(command, imap_commands[i]))
            return true;
    return false;
}

static bool is_text(uint8_t byte)
{
    return (byte >= ' ' && byte < 0x7f) || byte == '\r' || byte == '\n' || byte == '\t';
}

static const char *text_words(struct tls_slice s)
{
    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++)
        if (begins_with(s, openings[i].word))
            return openings[i].words;
    return is_imap(s) ? PLAINTEXT ": IMAP" : PLAINTEXT;
}

/* RFC 4511 5.1: a SEQUENCE, however long its length is, that begins with a short INTEGER. */
static bool is_ldap(struct tls_slice s)
{
    if (s.size < 2 || s.data[0] != 0x30)
        return false;
    const size_t id = 2 + (s.data[1] >= 0x80 ? s.data[1] & 0x7fU : 0);
    return id + 1 < s.size && s.data[id] == 2 && s.data[id + 1] >= 1 && s.data[id + 1] <= 4;
}

/* A record of two bytes of length, then CLIENT-HELLO. */
static bool is_sslv2(struct tls_slice s)
{
    return s.size >= 3 && s.data[0] >= 0x80 && s.data[2] == 1;
}

static bool is_proxy_v2(struct tls_slice s)
{
    static const uint8_t signature[] = "\r\n\r\n\0\r\nQUIT\n";
    return s.size >= 12 && memcmp(s.data, signature, 12) == 0;
}

const char *not_tls(struct tls_slice first)
{
    if (first.data[0] >= 20 && first.data[0] <= 23)
        return NULL;
    if (is_proxy_v2(first))
        return text_words((struct tls_slice){(const uint8_t *)"PROXY", 5});
    if (is_ldap(first))
        return PLAINTEXT ": LDAP";
    if (is_sslv2(first))
        return "client sent an SSL 2.0 ClientHello; it needs a setting for TLS";
    if (first.data[0] >= 0x80)
        return "client spoke SSLv2 or something that is not TLS";
    return is_text(first.data[0]) ? text_words(first) : "client spoke something that is not TLS";
}
