/* json.c - RFC 8259 text. */
#include "proxy/base/json.h"
#include "config/utf8.h"

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

static void json_quoted(struct buf *b, const char *text)
{
    buf_put(b, "\"", 1);
    for (const unsigned char *s = (const unsigned char *)text; *s != '\0';) {
        size_t n = utf8_length(s, SIZE_MAX);
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
