/* values_upstream.c - by what an upstream's certificate is known. */
#include "config/values.h"

#include <arpa/inet.h>
#include <string.h>

int value_server_name(const char *text, struct flaw *f)
{
    uint8_t address[16];
    struct flaw ignored;
    if (inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1)
        return 0;
    if (value_hostname(text, &ignored) == 0)
        return 0;
    return flaw_set(f, "write what its certificate names: imap.example.org, 192.0.2.1, 2001:db8::1",
                    "is neither a host name nor an address");
}

/* ---- pins ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_hex(const char *s, uint8_t *pin)
{
    for (size_t i = 0; i < CONFIG_PIN_SIZE; i++) {
        const int high = hex_digit(s[0]), low = high < 0 ? -1 : hex_digit(s[1]);
        if (low < 0)
            return false;
        pin[i] = (uint8_t)(high << 4 | low);
        s += 2;
        s += *s == ':' && i + 1 < CONFIG_PIN_SIZE;
    }
    return *s == '\0';
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* 43 digits of six bits, the last two of which are 0, and one "=". */
static bool read_base64(const char *s, uint8_t *pin)
{
    enum { DIGITS = 43, MASK = 3 };
    unsigned bits = 0, have = 0;
    size_t size = 0;
    if (strlen(s) != DIGITS + 1 || s[DIGITS] != '=')
        return false;
    for (size_t i = 0; i < DIGITS; i++) {
        const int digit = base64_digit(s[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (unsigned)digit;
        have += 6;
        if (have < 8)
            continue;
        have -= 8;
        pin[size++] = (uint8_t)(bits >> have);
    }
    return (bits & MASK) == 0;
}

int value_pin(const char *text, uint8_t *pin, struct flaw *f)
{
    static const char *const prefixes[] = {"", "sha256/", "sha256//"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        const size_t size = strlen(prefixes[i]);
        /* Digits may begin with a slash, too: all the rest has to be digits. */
        if (strncmp(text, prefixes[i], size) == 0 && read_base64(text + size, pin))
            return 0;
    }
    if (read_hex(text, pin))
        return 0;
    return flaw_set(f,
                    "write the SHA-256 of its public key in hex or base64: openssl x509 -in "
                    "SERVER.crt -pubkey -noout | openssl pkey -pubin -outform DER | openssl dgst "
                    "-sha256",
                    "is no SHA-256 of a public key");
}
