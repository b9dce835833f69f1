#include "tls/text.h"

#include "config/letters.h"
#include "config/utf8.h"
#include "tls/memory.h"

#include <stdio.h>
#include <string.h>

enum {
    NAME_SIZE = 2048,
    COMMON_NAME_MAX = 4 * 64, /* so many characters of UTF-8 (RFC 5280, appendix A) */
};

uint8_t *text_copy(struct tls_slice file, size_t *size)
{
    uint8_t *text = memory_calloc(1, file.size + 1);
    if (text == NULL)
        return NULL;
    if (file.size > 0)
        memcpy(text, file.data, file.size);
    *size = file.size + 1;
    return text;
}

const char *text_error(int error)
{
    const char *words = mbedtls_high_level_strerr(error);
    if (words == NULL)
        words = mbedtls_low_level_strerr(error);
    return words != NULL ? words : "unknown error";
}

/* ---- names ---- */

bool text_name(const mbedtls_x509_name *name, char *text, size_t size)
{
    text[0] = '\0'; /* mbedTLS before 3.6.8 writes nothing for an empty name */
    const bool fits = mbedtls_x509_dn_gets(text, size, name) >= 0;
    if (!fits)
        snprintf(text, size, "(a name too long to show)");
    return fits;
}

void text_name_shown(const mbedtls_x509_name *name, char *text, size_t size)
{
    text_name(name, text, size);
    if (text[0] == '\0')
        snprintf(text, size, "(no name)");
}

char *text_name_copy(const mbedtls_x509_name *name)
{
    char text[NAME_SIZE];
    text_name(name, text, sizeof text);
    return memory_text(text);
}

static bool is_control(const uint8_t *p, size_t size)
{
    return size == 1 ? *p < 0x20 || *p == 0x7f : size == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

void text_serial(const mbedtls_x509_buf *serial, char *text, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t at = 0, used = 0;
    while (at + 1 < serial->len && serial->p[at] == 0)
        at++;
    for (; at < serial->len && used + 2 < size; at++) {
        text[used++] = digits[serial->p[at] >> 4];
        text[used++] = digits[serial->p[at] & 15];
    }
    text[used] = '\0';
}

bool text_same_letters(struct tls_slice a, struct tls_slice b)
{
    return a.size == b.size && letters_same(a.data, b.data, a.size);
}

static bool is_plain(const mbedtls_x509_buf *b)
{
    for (size_t at = 0, n; at < b->len; at += n) {
        n = utf8_length(b->p + at, b->len - at);
        if (n == 0 || is_control(b->p + at, n))
            return false;
    }
    return true;
}

static bool is_ascii(const mbedtls_x509_buf *b)
{
    for (size_t i = 0; i < b->len; i++)
        if (b->p[i] >= 0x80)
            return false;
    return true;
}

bool text_is_utf8(const mbedtls_x509_buf *b)
{
    switch (b->tag) {
    case MBEDTLS_ASN1_UTF8_STRING:
        return is_plain(b);
    case MBEDTLS_ASN1_PRINTABLE_STRING:
    case MBEDTLS_ASN1_IA5_STRING:
    case MBEDTLS_ASN1_T61_STRING:
        return is_plain(b) && is_ascii(b);
    default:
        return false;
    }
}

/* The last is the most specific: directories write CN=Users before CN=alice. */
char *text_common_name(const mbedtls_x509_name *name)
{
    const mbedtls_x509_name *last = NULL;
    for (; name != NULL; name = name->next)
        if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &name->oid) == 0)
            last = name;
    if (last == NULL || last->val.len == 0 || last->val.len > COMMON_NAME_MAX ||
        !text_is_utf8(&last->val))
        return NULL;
    char *text = memory_calloc(1, last->val.len + 1);
    if (text != NULL)
        memcpy(text, last->val.p, last->val.len);
    return text;
}
