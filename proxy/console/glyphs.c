#include "proxy/console/glyphs.h"
#include "config/utf8.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <wchar.h>

struct glyph {
    size_t bytes;   /* taken */
    size_t columns; /* shown in */
    bool shown;     /* as it is; else as "?" */
};

/* wcwidth() knows widths only where the locale is one of UTF-8, whatever its language. */
bool glyphs_begin(void)
{
    setlocale(LC_CTYPE, "");
    const bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    setlocale(LC_CTYPE, "C.UTF-8");
    return utf8;
}

static wchar_t decode(const uint8_t *p, size_t n)
{
    uint32_t c = n == 1 ? p[0] : p[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3f);
    return (wchar_t)c;
}

/* Marks of direction, and other invisible ones, make a text look like another one. */
static bool is_trick(wchar_t c)
{
    return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0xad || c == 0x61c;
}

static struct glyph glyph_of(const char *text, size_t size, bool utf8)
{
    const size_t n = utf8_length((const uint8_t *)text, size);
    const wchar_t c = n > 0 ? decode((const uint8_t *)text, n) : 0;
    const int columns = n > 0 && (utf8 || n == 1) && !is_trick(c) ? wcwidth(c) : -1;
    const bool shown = columns > 0 || (columns == 0 && c != 0);
    return (struct glyph){n > 0 ? n : 1, shown ? (size_t)columns : 1, shown};
}

size_t glyphs_width(const char *text, size_t size, bool utf8)
{
    size_t width = 0;
    for (size_t at = 0; at < size;) {
        const struct glyph g = glyph_of(text + at, size - at, utf8);
        width += g.columns;
        at += g.bytes;
    }
    return width;
}

/* As many glyphs as fit; returns the columns. */
static size_t put_glyphs(struct buf *out, const char *text, size_t size, size_t columns, bool utf8)
{
    size_t width = 0;
    for (size_t at = 0; at < size;) {
        const struct glyph g = glyph_of(text + at, size - at, utf8);
        if (width + g.columns > columns)
            break;
        buf_put(out, g.shown ? text + at : "?", g.shown ? g.bytes : 1);
        width += g.columns;
        at += g.bytes;
    }
    return width;
}

size_t glyphs_put(struct buf *out, const char *text, size_t size, size_t columns, bool utf8)
{
    const char *ellipsis = utf8 ? "\xe2\x80\xa6" : "...";
    const size_t cut = utf8 ? 1 : 3;
    if (glyphs_width(text, size, utf8) <= columns || columns < cut)
        return put_glyphs(out, text, size, columns, utf8);
    const size_t width = put_glyphs(out, text, size, columns - cut, utf8);
    buf_puts(out, ellipsis);
    return width + cut;
}
