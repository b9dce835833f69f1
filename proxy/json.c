/* json.c - RFC 8259 text. */
#include "proxy/json.h"

#include <inttypes.h>
#include <string.h>

/* A comma goes between two values: that is, unless something was just opened. */
static void json_separate(struct buf *b)
{
    if (b->size == 0)
        return;
    uint8_t last = b->data[b->size - 1];
    if (last != '{' && last != '[' && last != ':' && last != '\n')
        buf_put(b, ",", 1);
}

/* Length of the well-formed UTF-8 sequence at `s`, or 0 (RFC 3629, 4). */
static size_t utf8_length(const unsigned char *s)
{
    size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (s[0] >= 0x80 && (s[0] < 0xc2 || s[0] > 0xf4))
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] > 0x9f;
    bool too_large = s[0] == 0xf4 && s[1] > 0x8f;
    return overlong || surrogate || too_large ? 0 : n;
}

static void json_quoted(struct buf *b, const char *text)
{
    buf_put(b, "\"", 1);
    for (const unsigned char *s = (const unsigned char *)text; *s != '\0';) {
        size_t n = utf8_length(s);
        if (n == 0) {
            buf_puts(b, "\\ufffd");
            s++;
            continue;
        }
        if (*s == '"' || *s == '\\')
            buf_printf(b, "\\%c", *s);
        else if (*s < 0x20 || *s == 0x7f)
            buf_printf(b, "\\u%04x", *s);
        else
            buf_put(b, s, n);
        s += n;
    }
    buf_put(b, "\"", 1);
}

static void json_key(struct buf *b, const char *key)
{
    json_separate(b);
    if (key != NULL) {
        json_quoted(b, key);
        buf_put(b, ":", 1);
    }
}

void json_object(struct buf *b, const char *key)
{
    json_key(b, key);
    buf_put(b, "{", 1);
}

void json_object_end(struct buf *b)
{
    buf_put(b, "}", 1);
}

void json_array(struct buf *b, const char *key)
{
    json_key(b, key);
    buf_put(b, "[", 1);
}

void json_array_end(struct buf *b)
{
    buf_put(b, "]", 1);
}

void json_string(struct buf *b, const char *key, const char *value)
{
    json_key(b, key);
    if (value == NULL)
        buf_puts(b, "null");
    else
        json_quoted(b, value);
}

void json_number(struct buf *b, const char *key, int64_t value)
{
    json_key(b, key);
    buf_printf(b, "%" PRId64, value);
}

void json_bool(struct buf *b, const char *key, bool value)
{
    json_key(b, key);
    buf_puts(b, value ? "true" : "false");
}
